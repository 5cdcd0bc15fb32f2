#include "schema/field_error.h"

#include <stdarg.h>
#include <stdio.h>

enum {
    /* Errors of one object; kube-apiserver has no bound, but more would bury the reader, and an answer stays small. */
    LIMIT_FIELD_ERRORS = 1000,
};

static const struct {
    const char *reason, *words;
} kinds[] = {
#define FIELD_ERROR_ROW(kind, reason, words) [kind] = {reason, words},
    FIELD_ERROR_KINDS(FIELD_ERROR_ROW)
#undef FIELD_ERROR_ROW
};

const char *field_error_reason(enum field_error_kind kind) {
    return kinds[kind].reason;
}

static void add(struct field_errors *errors, struct field_error error) {
    if (errors->count == LIMIT_FIELD_ERRORS) {
        errors->is_cut = true;
        return;
    }
    if (errors->count == errors->capacity) {
        size_t capacity = errors->capacity ? errors->capacity * 2 : 8;
        struct field_error *items = arena_array(errors->arena, capacity, sizeof *items);
        if (!items) {
            errors->is_cut = true;
            return;
        }
        for (size_t i = 0; i < errors->count; i++) items[i] = errors->items[i];
        errors->items = items;
        errors->capacity = capacity;
    }
    errors->items[errors->count++] = error;
}

struct str field_error_quote(struct arena *arena, struct str text) {
    static const char hex[] = "0123456789abcdef", escapes[] = "abtnvfr"; /* \a is 7, \r is 13 */
    char *out = arena_alloc(arena, text.len * 4 + 3), *at = out;
    if (!out) return STR_EMPTY;
    bool is_utf8 = str_is_utf8(text);
    *at++ = '"';
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c == '"' || c == '\\') {
            *at++ = '\\';
            *at++ = (char)c;
        } else if (c >= 7 && c <= 13) {
            *at++ = '\\';
            *at++ = escapes[c - 7];
        } else if (c < 0x20 || c == 0x7f || (c >= 0x80 && !is_utf8)) {
            *at++ = '\\';
            *at++ = 'x';
            *at++ = hex[c >> 4];
            *at++ = hex[c & 15];
        } else {
            *at++ = (char)c;
        }
    }
    *at++ = '"';
    return (struct str){out, (size_t)(at - out)};
}

struct str field_error_json(struct arena *arena, struct str json) {
    struct strbuf out = strbuf_with_max(LIMIT_BODY_BYTES);
    for (size_t i = 0; i < json.len; i++) {
        char c = json.ptr[i];
        if (c == '<' || c == '>' || c == '&') strbuf_printf(&out, "\\u%04x", (unsigned)c);
        else strbuf_append_char(&out, c);
    }
    return strbuf_take(&out, arena);
}

/* As field.Error prints a value: texts as Go's %q, everything else as JSON. */
static struct str value_text(struct arena *arena, const yyjson_mut_val *value) {
    yyjson_mut_val *val = json_mut_loose(value);
    if (!val) return STR_EMPTY;
    if (yyjson_mut_is_str(val)) return field_error_quote(arena, (struct str){yyjson_mut_get_str(val), yyjson_mut_get_len(val)});
    struct strbuf out = strbuf_with_max(LIMIT_BODY_BYTES);
    /* Map keys are sorted by Go; numbers have their shortest form. */
    yyjson_val *frozen = json_freeze(arena, val);
    if (frozen) json_write_canonical(&out, frozen);
    if (out.is_memory_out) arena->exhausted = true;
    struct str text = out.failed ? STR_EMPTY : field_error_json(arena, strbuf_view(&out));
    strbuf_release(&out);
    return text;
}

void field_errors_add(struct field_errors *errors, enum field_error_kind kind, struct str field, const yyjson_mut_val *value,
                      const char *detail_format, ...) {
    va_list arguments, again;
    va_start(arguments, detail_format);
    va_copy(again, arguments);
    int len = vsnprintf(NULL, 0, detail_format, arguments);
    char *detail = len < 0 ? NULL : arena_alloc(errors->arena, (size_t)len + 1);
    if (detail) vsnprintf(detail, (size_t)len + 1, detail_format, again);
    va_end(again);
    va_end(arguments);
    add(errors, (struct field_error){.kind = kind,
                                     .field = arena_copy(errors->arena, field),
                                     .value = value_text(errors->arena, value),
                                     .detail = detail ? (struct str){detail, (size_t)len} : STR_EMPTY});
}

void field_errors_add_text(struct field_errors *errors, enum field_error_kind kind, struct str field, struct str value, struct str detail) {
    add(errors, (struct field_error){.kind = kind,
                                     .field = arena_copy(errors->arena, field),
                                     .value = arena_copy(errors->arena, value),
                                     .detail = arena_copy(errors->arena, detail)});
}

/* Required, Forbidden, Too long and Internal error never show the value. */
static bool shows_value(const struct field_error *error) {
    return error->value.len && error->kind != FIELD_REQUIRED && error->kind != FIELD_FORBIDDEN && error->kind != FIELD_TOO_LONG &&
           error->kind != FIELD_INTERNAL;
}

struct str field_error_body(struct arena *arena, const struct field_error *error) {
    bool has_value = shows_value(error);
    return arena_printf(arena, "%s%s%.*s%s%.*s", kinds[error->kind].words, has_value ? ": " : "",
                        STR_ARG(has_value ? error->value : STR_EMPTY), error->detail.len ? ": " : "", STR_ARG(error->detail));
}

static struct str whole_text(struct arena *arena, const struct field_error *error) {
    struct str body = field_error_body(arena, error);
    return error->field.len ? arena_join(arena, error->field, STR(": "), body) : arena_join(arena, STR("<nil>: "), body, STR_EMPTY);
}

struct str field_errors_text(struct arena *arena, const struct field_errors *errors) {
    struct str *texts = arena_array(arena, errors->count, sizeof *texts);
    if (!texts) return STR_EMPTY;
    size_t count = 0;
    for (size_t i = 0; i < errors->count; i++) {
        struct str text = whole_text(arena, &errors->items[i]);
        bool is_known = false;
        for (size_t known = 0; known < count; known++) is_known = is_known || str_equal(texts[known], text);
        if (!is_known) texts[count++] = text;
    }
    if (count == 1) return texts[0];
    struct strbuf out = strbuf_with_max(LIMIT_BODY_BYTES);
    strbuf_append_char(&out, '[');
    for (size_t i = 0; i < count; i++) {
        if (i) strbuf_append(&out, STR(", "));
        strbuf_append(&out, texts[i]);
    }
    strbuf_append_char(&out, ']');
    return strbuf_take(&out, arena);
}
