#include "io/gzip.h"

#include <stdlib.h>
#define ZLIB_CONST
#include <zlib.h>

enum {
    LEVEL = 1,
    /* zlib's largest window, and 16 for a gzip header. */
    WINDOW_BITS = 15 + 16,
    MEMORY_LEVEL = 8, /* zlib's default */
    SLICE_BYTES = 64 * 1024,
    /* What a slice can become at worst: stored as it is, with what zlib had held back before. */
    ROOM_BYTES = 256 * 1024,
};

struct gzip {
    z_stream stream;
    struct blob *source;
    size_t at;
    char room[ROOM_BYTES];
};

struct gzip *gzip_new(struct blob *source) {
    struct gzip *gzip = malloc(sizeof *gzip);
    if (!gzip) return NULL;
    gzip->stream = (z_stream){0};
    gzip->at = 0;
    if (deflateInit2(&gzip->stream, LEVEL, Z_DEFLATED, WINDOW_BITS, MEMORY_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK) {
        free(gzip);
        return NULL;
    }
    gzip->source = blob_keep(source);
    return gzip;
}

void gzip_free(struct gzip *gzip) {
    if (!gzip) return;
    deflateEnd(&gzip->stream);
    blob_drop(gzip->source);
    free(gzip);
}

bool gzip_next(struct gzip *gzip, struct str *out_bytes, bool *out_is_last) {
    struct str slice = str_first(str_from(blob_view(gzip->source), gzip->at), SLICE_BYTES);
    gzip->at += slice.len;
    bool is_last = gzip->at == gzip->source->len;
    gzip->stream.next_in = (const Bytef *)slice.ptr;
    gzip->stream.avail_in = (uInt)slice.len;
    gzip->stream.next_out = (Bytef *)gzip->room;
    gzip->stream.avail_out = ROOM_BYTES;
    int result = deflate(&gzip->stream, is_last ? Z_FINISH : Z_NO_FLUSH);
    if (result != (is_last ? Z_STREAM_END : Z_OK) || gzip->stream.avail_in) return false;
    *out_bytes = (struct str){gzip->room, ROOM_BYTES - gzip->stream.avail_out};
    *out_is_last = is_last;
    return true;
}
