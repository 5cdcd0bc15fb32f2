#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *error_kind_name(enum error_kind kind) {
    static const char *const names[] = {
#define ERROR_NAME(kind, name) name,
        ERROR_KINDS(ERROR_NAME)
#undef ERROR_NAME
    };
    return names[kind];
}

static void fill(struct error *error, enum error_kind kind, const char *format, va_list arguments) {
    error->kind = kind;
    error->line = error->column = 0;
    error->path[0] = 0;
    int length = vsnprintf(error->message, sizeof error->message, format, arguments);
    if (length >= (int)sizeof error->message) {
        struct str cut = str_cut_utf8((struct str){error->message, sizeof error->message - 1}, sizeof error->message - 4);
        memcpy(error->message + cut.len, "...", 4);
    }
}

bool error_set(struct error *error, enum error_kind kind, const char *format, ...) {
    if (!error) return false;
    va_list arguments;
    va_start(arguments, format);
    fill(error, kind, format, arguments);
    va_end(arguments);
    return false;
}

bool error_set_at(struct error *error, enum error_kind kind, unsigned line, unsigned column, const char *format, ...) {
    if (!error) return false;
    va_list arguments;
    va_start(arguments, format);
    fill(error, kind, format, arguments);
    va_end(arguments);
    error->line = line;
    error->column = column;
    return false;
}

struct error_quoted error_quote(struct str s) {
    enum { TEXT_MAX = 100 };
    struct error_quoted out;
    size_t at = 0;
    bool is_text = str_is_utf8(str_cut_utf8(s, TEXT_MAX));
    out.text[at++] = '"';
    size_t i = 0;
    for (; i < s.len && at < TEXT_MAX; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        bool is_c1 = is_text && c == 0xC2 && i + 1 < s.len && (unsigned char)s.ptr[i + 1] < 0xA0;
        if (is_c1) {
            at += (size_t)snprintf(out.text + at, 7, "\\u%04x", (unsigned char)s.ptr[++i]);
        } else if (c == '"' || c == '\\') {
            out.text[at++] = '\\';
            out.text[at++] = (char)c;
        } else if (c == '\n') {
            out.text[at++] = '\\';
            out.text[at++] = 'n';
        } else if (c < 0x20 || c == 0x7F || (c >= 0x80 && !is_text)) {
            at += (size_t)snprintf(out.text + at, 5, "\\x%02x", c);
        } else {
            out.text[at++] = (char)c;
        }
    }
    if (i < s.len) {
        struct str cut = {out.text, at};
        /* Escapes are whole; only a character that is printed as it is may be cut in two. */
        while (is_text && cut.len > 1 && i > 0 && ((unsigned char)s.ptr[i] & 0xC0) == 0x80) cut.len--, i--;
        at = cut.len;
        memcpy(out.text + at, "...", 3);
        at += 3;
    }
    out.text[at++] = '"';
    out.text[at] = 0;
    return out;
}
