#include "base/strbuf.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct strbuf strbuf_with_max(size_t max_bytes) {
    return (struct strbuf){.max = max_bytes};
}

void strbuf_release(struct strbuf *buf) {
    free(buf->ptr);
    *buf = strbuf_with_max(buf->max);
}

void strbuf_clear(struct strbuf *buf) {
    buf->len = 0;
    buf->failed = buf->is_memory_out = false;
    if (buf->ptr) buf->ptr[0] = 0;
}

char *strbuf_reserve(struct strbuf *buf, size_t more) {
    if (buf->failed || more > buf->max - buf->len) {
        buf->failed = true;
        return NULL;
    }
    size_t need = buf->len + more + 1;
    if (need > buf->capacity) {
        size_t capacity = buf->capacity ? buf->capacity : 64;
        while (capacity < need) capacity *= 2;
        char *grown = realloc(buf->ptr, capacity);
        if (!grown) {
            buf->failed = buf->is_memory_out = true;
            return NULL;
        }
        buf->ptr = grown;
        buf->capacity = capacity;
    }
    return buf->ptr + buf->len;
}

void strbuf_added(struct strbuf *buf, size_t count) {
    assert(buf->len + count < buf->capacity);
    buf->len += count;
    buf->ptr[buf->len] = 0;
}

void strbuf_append(struct strbuf *buf, struct str s) {
    char *end = strbuf_reserve(buf, s.len);
    if (!end) return;
    if (s.len) memcpy(end, s.ptr, s.len);
    strbuf_added(buf, s.len);
}

void strbuf_set(struct strbuf *buf, struct str s) {
    strbuf_clear(buf);
    strbuf_append(buf, s);
}

void strbuf_append_escaped(struct strbuf *buf, struct str s) {
    for (size_t i = 0; i < s.len; i++) {
        unsigned char byte = (unsigned char)s.ptr[i];
        bool is_c1 = byte == 0xc2 && i + 1 < s.len && (unsigned char)s.ptr[i + 1] >= 0x80 && (unsigned char)s.ptr[i + 1] < 0xa0;
        if (is_c1)
            strbuf_printf(buf, "\\u%04x", (unsigned char)s.ptr[++i]);
        else if (byte < 0x20 || byte == 0x7f)
            strbuf_printf(buf, "\\x%02x", byte);
        else
            strbuf_append_char(buf, s.ptr[i]);
    }
}

void strbuf_printf(struct strbuf *buf, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    char *end = length < 0 ? NULL : strbuf_reserve(buf, (size_t)length);
    if (!end) {
        buf->failed = true;
        return;
    }
    va_start(arguments, format);
    vsnprintf(end, (size_t)length + 1, format, arguments);
    va_end(arguments);
    strbuf_added(buf, (size_t)length);
}

struct str strbuf_view(const struct strbuf *buf) {
    return (struct str){buf->ptr ? buf->ptr : "", buf->len};
}

struct str strbuf_take(struct strbuf *buf, struct arena *arena) {
    struct str text = buf->failed ? STR_EMPTY : arena_copy(arena, strbuf_view(buf));
    if (buf->failed) arena->exhausted = true;
    strbuf_release(buf);
    return text;
}
