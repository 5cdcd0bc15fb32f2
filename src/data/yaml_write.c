#include "data/yaml_write.h"

#include <math.h>
#include <stdlib.h>

#include "data/yaml_quote.h"
#include "data/yaml_scalar.h"

/* Where a node is written: what stands before it on the line. */
enum place {
    AT_ROOT,          /* nothing */
    AFTER_DASH,       /* "-" */
    AFTER_KEY,        /* "key:" */
    AFTER_LONE_COLON, /* ":", the key being in a "? key" of its own */
};

static void write_node(struct yaml_text *to, yyjson_val *value, int indent, enum place place, int depth);

static bool is_letter(uint32_t c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c >= 0x80;
}

/* The digits from `at` on as a number; it stops growing far beyond any index in a name. */
static size_t number_at(struct str s, size_t at, uint64_t *value) {
    for (; at < s.len && str_is_digit((unsigned char)s.ptr[at]); at++) {
        if (*value < UINT64_MAX / 100) *value = *value * 10 + (uint64_t)(s.ptr[at] - '0');
    }
    return at;
}

/* Whether the digits that end before `at` have one above zero: then a 0 at `at` is inside a number. */
static bool ends_in_number(struct str s, size_t at) {
    while (at > 0 && str_is_digit((unsigned char)s.ptr[at - 1])) {
        if (s.ptr[--at] != '0') return true;
    }
    return false;
}

/*
 * go-yaml's keyList.Less: letters after all else, numbers by value. UTF-8 compares bytewise as its code points do; all beyond
 * ASCII counts as a letter here.
 */
static int compare_keys(const void *left, const void *right) {
    struct str a = json_text(*(yyjson_val *const *)left), b = json_text(*(yyjson_val *const *)right);
    size_t i = 0;
    while (i < a.len && i < b.len && a.ptr[i] == b.ptr[i]) i++;
    if (i == a.len || i == b.len) return a.len < b.len ? -1 : a.len > b.len;
    unsigned char x = (unsigned char)a.ptr[i], y = (unsigned char)b.ptr[i];
    if (is_letter(x) && is_letter(y)) return x < y ? -1 : 1;
    if (is_letter(x) || is_letter(y)) return is_letter(y) ? -1 : 1;
    uint64_t m = 0, n = 0;
    if ((x == '0' || y == '0') && ends_in_number(a, i)) m = n = 1;
    size_t a_end = number_at(a, i, &m), b_end = number_at(b, i, &n);
    if (m != n) return m < n ? -1 : 1;
    if (a_end != b_end) return a_end < b_end ? -1 : 1;
    return x < y ? -1 : 1;
}

static void write_pair(struct yaml_text *to, yyjson_val *key, int indent, int depth) {
    struct str text = json_text(key);
    if (yaml_quote_is_simple_key(text)) {
        yaml_quote(to, text, YAML_QUOTE_KEY, indent);
        yaml_text_char(to, ':');
        write_node(to, yyjson_obj_iter_get_val(key), indent, AFTER_KEY, depth);
        return;
    }
    yaml_text(to, STR("? "));
    yaml_quote(to, text, YAML_QUOTE_LONE_KEY, indent);
    yaml_text_end_line(to);
    yaml_text_pad(to, indent);
    yaml_text_char(to, ':');
    write_node(to, yyjson_obj_iter_get_val(key), indent, AFTER_LONE_COLON, depth);
}

static void write_map(struct yaml_text *to, yyjson_val *map, int indent, int depth) {
    enum { FEW = 32 };
    yyjson_val *few[FEW];
    size_t count = yyjson_obj_size(map), index, max;
    yyjson_val **keys = count <= FEW ? few : malloc(count * sizeof *keys);
    if (!keys) {
        to->out->failed = true;
        return;
    }
    yyjson_val *key, *value;
    yyjson_obj_foreach(map, index, max, key, value) keys[index] = key;
    qsort(keys, count, sizeof(yyjson_val *), compare_keys);
    for (index = 0; index < count; index++) {
        yaml_text_pad(to, indent);
        write_pair(to, keys[index], indent, depth);
    }
    if (keys != few) free(keys);
}

static void write_list(struct yaml_text *to, yyjson_val *list, int indent, int depth) {
    size_t index, max;
    yyjson_val *item;
    yyjson_arr_foreach(list, index, max, item) {
        yaml_text_pad(to, indent);
        yaml_text_char(to, '-');
        write_node(to, item, indent, AFTER_DASH, depth);
    }
}

static void write_number(struct yaml_text *to, yyjson_val *value) {
    char digits[YAML_SCALAR_FLOAT_BYTES];
    if (!yyjson_is_real(value)) {
        json_write_number(to->out, value);
        to->column++;
    } else if (isfinite(yyjson_get_real(value))) {
        yaml_text(to, yaml_scalar_float_text(yyjson_get_real(value), false, digits));
    } else {
        to->out->failed = true;
    }
}

static void write_scalar(struct yaml_text *to, yyjson_val *value, int indent) {
    if (yyjson_is_str(value))
        yaml_quote(to, json_text(value), YAML_QUOTE_VALUE, indent);
    else if (yyjson_is_num(value))
        write_number(to, value);
    else if (yyjson_is_bool(value))
        yaml_text(to, yyjson_get_bool(value) ? STR("true") : STR("false"));
    else if (yyjson_is_obj(value))
        yaml_text(to, STR("{}"));
    else if (yyjson_is_arr(value))
        yaml_text(to, STR("[]"));
    else
        yaml_text(to, STR("null"));
    yaml_text_end_line(to);
}

static void write_node(struct yaml_text *to, yyjson_val *value, int indent, enum place place, int depth) {
    if (depth > LIMIT_DOCUMENT_DEPTH && yyjson_is_ctn(value)) {
        to->out->failed = true;
        return;
    }
    if (!yyjson_is_ctn(value) || yyjson_get_len(value) == 0) {
        if (place != AT_ROOT) yaml_text_char(to, ' ');
        write_scalar(to, value, place == AT_ROOT ? 0 : indent);
        return;
    }
    bool is_map = yyjson_is_obj(value);
    if (place == AFTER_KEY) yaml_text_end_line(to);
    if (place != AT_ROOT && (is_map || place != AFTER_KEY)) indent += 2;
    if (is_map)
        write_map(to, value, indent, depth + 1);
    else
        write_list(to, value, indent, depth + 1);
}

void yaml_write(struct strbuf *out, const yyjson_val *value) {
    struct yaml_text to = {.out = out};
    write_node(&to, json_loose(value), 0, AT_ROOT, 1);
}
