/*
 * Text that grows, up to a maximum set at the start.
 *
 *   struct strbuf out = strbuf_with_max(LIMIT_BODY_BYTES);
 *   strbuf_append(&out, STR("a"));
 *   if (out.failed) ...                     checked once, at the end
 *   strbuf_release(&out);
 *
 * Always terminated (ptr[len] == 0) once something was appended. When the maximum is reached or memory is out, `failed`
 * stays set and further appends do nothing: text is never cut silently.
 */
#ifndef MB_BASE_STRBUF_H
#define MB_BASE_STRBUF_H

#include "base/arena.h"

struct strbuf {
    char *ptr;
    size_t len;
    size_t capacity;
    size_t max;
    bool failed;
    bool is_memory_out; /* why it failed: not for its maximum */
};

struct strbuf strbuf_with_max(size_t max_bytes);
void strbuf_release(struct strbuf *buf);
/* Empties it and clears `failed`; keeps the memory. */
void strbuf_clear(struct strbuf *buf);
void strbuf_append(struct strbuf *buf, struct str s);
/* `s` in place of what was there; it may not be a view of this buffer. */
void strbuf_set(struct strbuf *buf, struct str s);
/* With what moves a terminal's cursor or colours (C0, DEL and, in UTF-8, C1) as \xNN and \u00NN. */
void strbuf_append_escaped(struct strbuf *buf, struct str s);
void strbuf_printf(struct strbuf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Makes room for `more` bytes and returns where they go, or NULL; strbuf_added says how many were written. */
char *strbuf_reserve(struct strbuf *buf, size_t more);
void strbuf_added(struct strbuf *buf, size_t count);
static inline void strbuf_append_char(struct strbuf *buf, char c) {
    char *end = buf->len + 1 < buf->capacity && !buf->failed && buf->len < buf->max ? buf->ptr + buf->len : strbuf_reserve(buf, 1);
    if (!end) return;
    end[0] = c;
    end[1] = 0;
    buf->len++;
}
/* A view of the content, valid until the next change. */
struct str strbuf_view(const struct strbuf *buf);
/* The text, moved into the arena; releases the buffer. The empty view, and the arena exhausted, where either has failed. */
struct str strbuf_take(struct strbuf *buf, struct arena *arena);

#endif
