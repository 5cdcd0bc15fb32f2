/* What is compressed in slices inflates to the same bytes. The first byte says how often the rest is repeated, so that there are slices. */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "harness.h"
#include "io/gzip.h"

enum { REPEATS_PER_STEP = 64 };

static void expect_inflated(struct str packed, struct str wanted) {
    z_stream stream = {.next_in = (Bytef *)(uintptr_t)packed.ptr, .avail_in = (uInt)packed.len};
    Bytef *room = malloc(wanted.len + 1);
    fuzz_expect(room && inflateInit2(&stream, 15 + 16) == Z_OK, "no memory");
    stream.next_out = room;
    stream.avail_out = (uInt)wanted.len + 1;
    fuzz_expect(inflate(&stream, Z_FINISH) == Z_STREAM_END && stream.avail_in == 0, "it does not inflate");
    fuzz_expect(stream.total_out == wanted.len && (!wanted.len || memcmp(room, wanted.ptr, wanted.len) == 0),
                "it inflates to something else");
    inflateEnd(&stream);
    free(room);
}

FUZZ_TARGET(gzip) {
    struct strbuf text = strbuf_with_max(FUZZ_TEXT_BYTES), packed = strbuf_with_max(FUZZ_TEXT_BYTES);
    (void)arena;
    if (!input.len) return;
    size_t repeats = 1 + (size_t)(unsigned char)input.ptr[0] % 4 * REPEATS_PER_STEP;
    for (size_t i = 0; i < repeats; i++) strbuf_append(&text, str_from(input, 1));
    struct blob *blob = blob_new(strbuf_view(&text));
    struct gzip *gzip = blob ? gzip_new(blob) : NULL;
    bool is_last = !gzip, is_good = true;
    struct str bytes;
    while (!is_last && is_good) {
        is_good = gzip_next(gzip, &bytes, &is_last);
        if (is_good) strbuf_append(&packed, bytes);
    }
    fuzz_expect(is_good, "zlib refuses");
    if (gzip) expect_inflated(strbuf_view(&packed), strbuf_view(&text));
    gzip_free(gzip);
    blob_drop(blob);
    strbuf_release(&text);
    strbuf_release(&packed);
}
