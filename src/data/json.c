#include "data/json.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *alc_malloc(void *context, size_t size) {
    return arena_alloc(context, size);
}

static void *alc_realloc(void *context, void *old, size_t old_size, size_t size) {
    if (size <= old_size) return old;
    void *grown = arena_alloc(context, size);
    if (grown && old) memcpy(grown, old, old_size);
    return grown;
}

static void alc_free(void *context, void *memory) {
    (void)context;
    (void)memory;
}

yyjson_alc json_allocator(struct arena *arena) {
    return (yyjson_alc){alc_malloc, alc_realloc, alc_free, arena};
}

/* yyjson has no depth limit of its own; brackets outside strings are counted first. */
static bool depth_is_bounded(struct str text, size_t *out_at) {
    int depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            if (++depth > LIMIT_DOCUMENT_DEPTH) {
                *out_at = i;
                return false;
            }
        } else if (c == '}' || c == ']') {
            depth--;
        }
    }
    return true;
}

static void place_of(struct str text, size_t at, unsigned *line, unsigned *column) {
    *line = *column = 1;
    for (size_t i = 0; i < at && i < text.len; i++) {
        bool is_newline = text.ptr[i] == '\n', starts_character = ((unsigned char)text.ptr[i] & 0xC0) != 0x80;
        *line += is_newline;
        *column = is_newline ? 1 : *column + starts_character;
    }
}

yyjson_val *json_parse(struct arena *arena, struct str text, struct error *error) {
    unsigned line, column;
    size_t at = 0;
    if (!depth_is_bounded(text, &at)) {
        place_of(text, at, &line, &column);
        error_set_at(error, ERROR_LIMIT, line, column, "nested deeper than %d levels; flatten the document", LIMIT_DOCUMENT_DEPTH);
        return NULL;
    }
    yyjson_alc allocator = json_allocator(arena);
    yyjson_read_err problem;
    /* Without YYJSON_READ_INSITU the input is copied and stays untouched, whatever the prototype's missing const says. */
    yyjson_doc *doc = yyjson_read_opts((char *)(uintptr_t)text.ptr, text.len, YYJSON_READ_NOFLAG, &allocator, &problem);
    if (doc) return yyjson_doc_get_root(doc);
    if (problem.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION || arena->exhausted) {
        error_set(error, ERROR_MEMORY, "out of memory while reading %zu bytes of JSON", text.len);
        return NULL;
    }
    place_of(text, problem.pos, &line, &column);
    error_set_at(error, ERROR_SYNTAX, line, column, "not JSON: %s", problem.msg);
    return NULL;
}

yyjson_mut_doc *json_builder(struct arena *arena) {
    yyjson_alc *allocator = arena_alloc(arena, sizeof *allocator);
    if (!allocator) return NULL;
    *allocator = json_allocator(arena);
    return yyjson_mut_doc_new(allocator);
}

yyjson_val *json_freeze(struct arena *arena, const yyjson_mut_val *value) {
    yyjson_alc allocator = json_allocator(arena);
    /* The cast only drops const: yyjson's prototype lacks it. */
    yyjson_doc *doc = value ? yyjson_mut_val_imut_copy(json_mut_loose(value), &allocator) : NULL;
    return yyjson_doc_get_root(doc);
}

struct str json_text(const yyjson_val *value) {
    const char *text = yyjson_get_str(json_loose(value));
    return text ? (struct str){text, yyjson_get_len(json_loose(value))} : STR_EMPTY;
}

struct str json_mut_text(const yyjson_mut_val *value) {
    if (!yyjson_mut_is_str(json_mut_loose(value))) return STR_EMPTY;
    return (struct str){yyjson_mut_get_str(json_mut_loose(value)), yyjson_mut_get_len(json_mut_loose(value))};
}

bool json_is_text(const yyjson_val *value, const char *text) {
    return yyjson_equals_str(json_loose(value), text);
}

yyjson_val *json_get(const yyjson_val *object, const char *key) {
    return yyjson_obj_get(json_loose(object), key);
}

yyjson_val *json_get_str(const yyjson_val *object, struct str key) {
    return yyjson_obj_getn(json_loose(object), key.ptr, key.len);
}

yyjson_val *json_path(const yyjson_val *object, ...) {
    va_list keys;
    va_start(keys, object);
    yyjson_val *value = json_loose(object);
    for (const char *key = va_arg(keys, const char *); key; key = va_arg(keys, const char *)) value = json_get(value, key);
    va_end(keys);
    return value;
}

static bool is_whole(double value) {
    return isfinite(value) && value == trunc(value);
}

bool json_int64(const yyjson_val *value, int64_t *out) {
    yyjson_val *v = json_loose(value);
    if (yyjson_is_sint(v)) return *out = yyjson_get_sint(v), true;
    if (yyjson_is_uint(v)) {
        uint64_t number = yyjson_get_uint(v);
        if (number > INT64_MAX) return false;
        return *out = (int64_t)number, true;
    }
    if (!yyjson_is_real(v)) return false;
    double real = yyjson_get_real(v);
    if (!is_whole(real) || real < -0x1p63 || real >= 0x1p63) return false;
    return *out = (int64_t)real, true;
}

bool json_bool_or(const yyjson_val *value, bool fallback) {
    return yyjson_is_bool(json_loose(value)) ? yyjson_get_bool(json_loose(value)) : fallback;
}

bool json_is_empty(const yyjson_val *value) {
    yyjson_val *v = json_loose(value);
    return !v || yyjson_is_null(v) || (yyjson_is_ctn(v) && yyjson_get_len(v) == 0);
}

yyjson_mut_val *json_make_text(yyjson_mut_doc *doc, struct str text) {
    return yyjson_mut_strn(doc, text.len ? text.ptr : "", text.len);
}

bool json_add_text(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *key, struct str text) {
    return yyjson_mut_obj_add_val(doc, object, key, json_make_text(doc, text));
}

bool json_add_int64(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *key, int64_t value) {
    return yyjson_mut_obj_add_int(doc, object, key, value);
}

bool json_add_copy(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *key, const yyjson_val *value) {
    if (!value || yyjson_is_null(json_loose(value))) return true;
    return yyjson_mut_obj_add_val(doc, object, key, yyjson_val_mut_copy(doc, json_loose(value)));
}

static void write_escaped(struct strbuf *out, unsigned char c) {
    if (c == '"' || c == '\\') {
        strbuf_append_char(out, '\\');
        strbuf_append_char(out, (char)c);
    } else if (c == '\n') {
        strbuf_append(out, STR("\\n"));
    } else if (c == '\t') {
        strbuf_append(out, STR("\\t"));
    } else if (c == '\r') {
        strbuf_append(out, STR("\\r"));
    } else if (c >= 0x80) {
        strbuf_append(out, STR("\xef\xbf\xbd")); /* U+FFFD */
    } else {
        strbuf_printf(out, "\\u%04x", c);
    }
}

static const bool needs_escape[256] = {[0 ... 0x1f] = true, ['"'] = true, ['\\'] = true, [0x80 ... 0xff] = true};

/* The part of the text that is ASCII without need of an escape, to the first character that is not. */
static size_t append_plain(struct strbuf *out, struct str text) {
    char *end = strbuf_reserve(out, text.len);
    size_t len = 0;
    for (; end && len < text.len && !needs_escape[(unsigned char)text.ptr[len]]; len++) end[len] = text.ptr[len];
    if (end) strbuf_added(out, len);
    return len;
}

void json_write_text(struct strbuf *out, struct str text) {
    strbuf_append_char(out, '"');
    while (!out->failed) {
        text = str_from(text, append_plain(out, text));
        if (text.len == 0) break;
        size_t sequence = (unsigned char)text.ptr[0] < 0x80 ? 0 : str_utf8_sequence(text);
        if (sequence)
            strbuf_append(out, str_first(text, sequence));
        else
            write_escaped(out, (unsigned char)text.ptr[0]);
        text = str_from(text, sequence ? sequence : 1);
    }
    strbuf_append_char(out, '"');
}

static struct json_number real_number(double real) {
    struct json_number out = {""};
    if (!isfinite(real)) return out;
    if (is_whole(real) && fabs(real) < 1e21) {
        snprintf(out.text, sizeof out.text, "%.0f", real == 0 ? 0.0 : real);
        return out;
    }
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(out.text, sizeof out.text, "%.*g", digits, real);
        if (strtod(out.text, NULL) == real) break;
    }
    return out;
}

/* Most numbers are such, and of few digits: printf takes longer to read its format. */
static struct json_number whole_number(bool is_negative, uint64_t magnitude) {
    struct json_number out = {""};
    size_t len = is_negative ? 2 : 1;
    for (uint64_t left = magnitude; left >= 10; left /= 10) len++;
    for (size_t i = len; i-- > (is_negative ? 1 : 0); magnitude /= 10) out.text[i] = (char)('0' + magnitude % 10);
    if (is_negative) out.text[0] = '-';
    return out;
}

struct json_number json_number(const yyjson_val *value) {
    yyjson_val *v = json_loose(value);
    struct json_number out = {""};
    int64_t number = yyjson_get_sint(v);
    if (yyjson_is_sint(v))
        out = whole_number(number < 0, number < 0 ? -(uint64_t)number : (uint64_t)number);
    else if (yyjson_is_uint(v))
        out = whole_number(false, yyjson_get_uint(v));
    else if (yyjson_is_real(v))
        out = real_number(yyjson_get_real(v));
    return out;
}

void json_write_number(struct strbuf *out, const yyjson_val *value) {
    struct json_number number = json_number(value);
    if (number.text[0])
        strbuf_append(out, str_of(number.text));
    else
        out->failed = true;
}

static bool write_scalar(struct strbuf *out, yyjson_val *value) {
    if (yyjson_is_str(value))
        json_write_text(out, json_text(value));
    else if (yyjson_is_num(value))
        json_write_number(out, value);
    else if (yyjson_is_bool(value))
        strbuf_append(out, yyjson_get_bool(value) ? STR("true") : STR("false"));
    else if (!yyjson_is_ctn(value))
        strbuf_append(out, STR("null"));
    else
        return false;
    return true;
}

struct layout {
    bool sorted;
    bool indented;
};

static void write_break(struct strbuf *out, struct layout layout, int depth) {
    if (!layout.indented) return;
    strbuf_append_char(out, '\n');
    for (int i = 0; i < depth; i++) strbuf_append(out, STR("  "));
}

static int compare_keys(const void *a, const void *b) {
    return str_compare(json_text(*(yyjson_val *const *)a), json_text(*(yyjson_val *const *)b));
}

static void write_value(struct strbuf *out, yyjson_val *value, struct layout layout, int depth);

static void write_member(struct strbuf *out, yyjson_val *key, bool is_first, struct layout layout, int depth) {
    if (!is_first) strbuf_append_char(out, ',');
    write_break(out, layout, depth + 1);
    json_write_text(out, json_text(key));
    strbuf_append_char(out, ':');
    if (layout.indented) strbuf_append_char(out, ' ');
    write_value(out, yyjson_obj_iter_get_val(key), layout, depth + 1);
}

static bool is_sorted(yyjson_val *object) {
    struct str last = STR_EMPTY;
    size_t index, max;
    yyjson_val *key, *member;
    yyjson_obj_foreach(object, index, max, key, member) {
        if (str_compare(last, json_text(key)) > 0) return false;
        last = json_text(key);
    }
    return true;
}

static void write_in_own_order(struct strbuf *out, yyjson_val *object, struct layout layout, int depth) {
    size_t index, max;
    yyjson_val *key, *member;
    yyjson_obj_foreach(object, index, max, key, member) write_member(out, key, index == 0, layout, depth);
}

static void write_sorted(struct strbuf *out, yyjson_val *object, struct layout layout, int depth) {
    enum { FEW = 32 };
    yyjson_val *few[FEW];
    size_t count = yyjson_obj_size(object);
    yyjson_val **keys = count <= FEW ? few : malloc(count * sizeof *keys);
    if (!keys) {
        out->failed = true;
        return;
    }
    size_t index, max;
    yyjson_val *key, *member;
    yyjson_obj_foreach(object, index, max, key, member) keys[index] = key;
    qsort(keys, count, sizeof(yyjson_val *), compare_keys);
    for (size_t i = 0; i < count; i++) write_member(out, keys[i], i == 0, layout, depth);
    if (keys != few) free(keys);
}

static void write_object(struct strbuf *out, yyjson_val *object, struct layout layout, int depth) {
    strbuf_append_char(out, '{');
    if (layout.sorted && !is_sorted(object))
        write_sorted(out, object, layout, depth);
    else
        write_in_own_order(out, object, layout, depth);
    if (yyjson_obj_size(object)) write_break(out, layout, depth);
    strbuf_append_char(out, '}');
}

static void write_array(struct strbuf *out, yyjson_val *array, struct layout layout, int depth) {
    size_t index, max;
    yyjson_val *item;
    strbuf_append_char(out, '[');
    yyjson_arr_foreach(array, index, max, item) {
        if (index) strbuf_append_char(out, ',');
        write_break(out, layout, depth + 1);
        write_value(out, item, layout, depth + 1);
    }
    if (max) write_break(out, layout, depth);
    strbuf_append_char(out, ']');
}

static void write_value(struct strbuf *out, yyjson_val *value, struct layout layout, int depth) {
    if (depth > 2 * LIMIT_DOCUMENT_DEPTH) {
        out->failed = true;
        return;
    }
    if (write_scalar(out, value)) return;
    if (yyjson_is_obj(value))
        write_object(out, value, layout, depth);
    else
        write_array(out, value, layout, depth);
}

void json_write(struct strbuf *out, const yyjson_val *value) {
    write_value(out, json_loose(value), (struct layout){0}, 0);
}

void json_write_indented(struct strbuf *out, const yyjson_val *value) {
    write_value(out, json_loose(value), (struct layout){.indented = true}, 0);
}

void json_write_canonical(struct strbuf *out, const yyjson_val *value) {
    write_value(out, json_loose(value), (struct layout){.sorted = true}, 0);
}
