#include <stdlib.h>
#include <string.h>

#include "io/server_inner.h"

enum {
    /* What one connection may send before the others have their turn: of bytes, and of slices to compress. */
    TURN_BYTES = 256 * 1024,
    TURN_SLICES = 2,
    FIRST_PIECES = 4,
    /* "ffffffffffffffff\r\n" */
    CHUNK_HEAD_BYTES = 18,
};

/* the queue */

static bool make_room(struct output *output) {
    if (output->first + output->count < output->capacity) return true;
    if (output->first > output->capacity / 2) {
        memmove(output->pieces, output->pieces + output->first, output->count * sizeof *output->pieces);
        output->first = 0;
        return true;
    }
    size_t capacity = output->capacity ? output->capacity * 2 : FIRST_PIECES;
    struct output_piece *grown = reallocarray(output->pieces, capacity, sizeof *grown);
    if (!grown) return false;
    output->pieces = grown;
    output->capacity = capacity;
    return true;
}

void output_add(struct output *output, struct blob *blob, bool is_chunk) {
    if (!blob || output->is_failed || !make_room(output)) {
        output->is_failed = true;
        blob_drop(blob);
        return;
    }
    if (blob->len == 0) { /* as a chunk it would end the stream */
        blob_drop(blob);
        return;
    }
    output->pieces[output->first + output->count++] = (struct output_piece){blob, is_chunk};
    output->pending_bytes += blob->len;
}

void output_release(struct output *output) {
    for (size_t i = 0; i < output->count; i++) blob_drop(output->pieces[output->first + i].blob);
    free(output->pieces);
    gzip_free(output->gzip);
    *output = (struct output){0};
}

/* framing */

/* A piece as it is sent: up to three parts. */
struct framed {
    struct str parts[3];
    char head[CHUNK_HEAD_BYTES];
};

static struct str chunk_head(char room[CHUNK_HEAD_BYTES], size_t size) {
    size_t at = CHUNK_HEAD_BYTES;
    room[--at] = '\n';
    room[--at] = '\r';
    do {
        room[--at] = "0123456789abcdef"[size % 16];
        size /= 16;
    } while (size);
    return (struct str){room + at, CHUNK_HEAD_BYTES - at};
}

static size_t frame(const struct output_piece *piece, struct framed *out) {
    out->parts[0] = piece->is_chunk ? chunk_head(out->head, piece->blob->len) : STR_EMPTY;
    out->parts[1] = blob_view(piece->blob);
    out->parts[2] = piece->is_chunk ? STR("\r\n") : STR_EMPTY;
    return out->parts[0].len + out->parts[1].len + out->parts[2].len;
}

/* Copies the queue's first bytes, framed, so that small pieces share a TLS record and a system call. */
static size_t gather(const struct output *output, char *room, size_t size) {
    size_t used = 0, skip = output->offset;
    for (size_t i = 0; i < output->count && used < size; i++) {
        struct framed framed;
        frame(&output->pieces[output->first + i], &framed);
        for (size_t k = 0; k < 3; k++) {
            struct str part = str_from(framed.parts[k], skip);
            skip -= framed.parts[k].len - part.len;
            part = str_first(part, size - used);
            if (part.len) memcpy(room + used, part.ptr, part.len);
            used += part.len;
        }
    }
    return used;
}

static void consume(struct output *output, size_t sent) {
    output->offset += sent;
    while (output->count) {
        struct output_piece *piece = &output->pieces[output->first];
        struct framed framed;
        size_t length = frame(piece, &framed);
        if (output->offset < length) return;
        output->offset -= length;
        output->pending_bytes -= piece->blob->len;
        blob_drop(piece->blob);
        output->first++;
        output->count--;
    }
    output->first = 0;
    /* A burst's memory is not kept by a stream that is quiet again. */
    if (output->capacity > 16 * FIRST_PIECES) {
        free(output->pieces);
        output->pieces = NULL;
        output->capacity = 0;
    }
}

/* What the compressor has next becomes a chunk; behind the last one comes the stream's end. */
static void draw_from_gzip(struct output *output, struct blob *last_chunk) {
    struct str bytes;
    bool is_last;
    if (!gzip_next(output->gzip, &bytes, &is_last)) {
        output->is_failed = true;
        return;
    }
    output_add(output, blob_new(bytes), true);
    if (!is_last) return;
    gzip_free(output->gzip);
    output->gzip = NULL;
    output_add(output, blob_keep(last_chunk), false);
}

/* writing */

enum transfer output_flush(struct connection *connection, size_t *out_count) {
    struct output *output = &connection->output;
    char *room = connection->server->out;
    size_t slices = 0;
    *out_count = 0;
    while (*out_count < TURN_BYTES) {
        /* A few slices at once fill a record better than one does. */
        while (output->gzip && output->pending_bytes < SERVER_BLOCK_BYTES && slices < TURN_SLICES && !output->is_failed) {
            draw_from_gzip(output, connection->server->last_chunk);
            slices++;
        }
        if (output->is_failed) return TRANSFER_BROKEN;
        if (output->count == 0) return output->gzip ? TRANSFER_AGAIN : TRANSFER_DONE;
        size_t sent, size = gather(output, room, SERVER_BLOCK_BYTES);
        enum transfer result = transport_write(connection, room, size, &sent);
        if (result != TRANSFER_DONE) return result;
        consume(output, sent);
        *out_count += sent;
    }
    return output_is_empty(output) ? TRANSFER_DONE : TRANSFER_AGAIN;
}
