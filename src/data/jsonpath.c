#include "data/jsonpath_nodes.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct search {
    struct arena *arena;
    const yyjson_val *root;
    bool allows_missing;
    struct error *error;
};

static bool find_list(const struct search *search, const struct jsonpath_list *list, struct jsonpath_values in,
                      struct jsonpath_values *out);

static bool invalid(const struct search *search, const char *what) {
    return error_set(search->error, ERROR_INVALID, "%s", what);
}

static bool add_value(const struct search *search, struct jsonpath_values *values, const yyjson_val *value) {
    if (values->count == LIMIT_JSONPATH_VALUES) return error_set(search->error, ERROR_LIMIT, "the JSONPath finds too many values");
    if (values->count == values->capacity) {
        size_t capacity = values->capacity ? values->capacity * 2 : 4;
        const yyjson_val **items = arena_array(search->arena, capacity, sizeof *items);
        if (!items) return error_set(search->error, ERROR_MEMORY, "the JSONPath finds too many values");
        for (size_t i = 0; i < values->count; i++) items[i] = values->items[i];
        values->items = items;
        values->capacity = capacity;
    }
    values->items[values->count++] = value;
    return true;
}

static bool find_field(const struct search *search, struct str name, struct jsonpath_values in, struct jsonpath_values *out) {
    for (size_t i = 0; i < in.count; i++) {
        const yyjson_val *value = json_get_str(in.items[i], name);
        if (value && !add_value(search, out, value)) return false;
    }
    if (out->count || !in.count || search->allows_missing) return true;
    return error_set(search->error, ERROR_INVALID, "%.*s is not found", STR_ARG(name));
}

/* Members and items; of a text its bytes, as client-go has it. */
static bool add_children(const struct search *search, const yyjson_val *value, struct jsonpath_values *out) {
    size_t index, max;
    yyjson_val *key, *item;
    if (yyjson_is_obj(json_loose(value))) {
        yyjson_obj_foreach(json_loose(value), index, max, key, item) {
            if (!add_value(search, out, item)) return false;
        }
    } else if (yyjson_is_arr(json_loose(value))) {
        yyjson_arr_foreach(json_loose(value), index, max, item) {
            if (!add_value(search, out, item)) return false;
        }
    }
    struct str text = json_text(value);
    for (size_t i = 0; i < text.len; i++) {
        yyjson_val *byte = arena_alloc(search->arena, sizeof *byte);
        if (!byte) return error_set(search->error, ERROR_MEMORY, "the JSONPath finds too many values");
        yyjson_set_uint(byte, (unsigned char)text.ptr[i]);
        if (!add_value(search, out, byte)) return false;
    }
    return true;
}

static bool find_children(const struct search *search, struct jsonpath_values in, struct jsonpath_values *out) {
    for (size_t i = 0; i < in.count; i++) {
        if (!add_children(search, in.items[i], out)) return false;
    }
    return true;
}

/* Every value that has something in it, itself first; the document's depth is bounded. */
static bool find_descendants(const struct search *search, const yyjson_val *value, struct jsonpath_values *out) {
    size_t index, max;
    yyjson_val *key, *item;
    bool has_children = json_text(value).len > 0 || (yyjson_is_ctn(json_loose(value)) && yyjson_get_len(json_loose(value)) > 0);
    if (!has_children) return true;
    if (!add_value(search, out, value)) return false;
    if (yyjson_is_obj(json_loose(value))) {
        yyjson_obj_foreach(json_loose(value), index, max, key, item) {
            if (!find_descendants(search, item, out)) return false;
        }
    } else if (yyjson_is_arr(json_loose(value))) {
        yyjson_arr_foreach(json_loose(value), index, max, item) {
            if (!find_descendants(search, item, out)) return false;
        }
    }
    return true;
}

/* The bounds as they apply to a list of `len`: 0 <= from < to <= len, or an empty slice (from == to). */
static bool resolve_slice(const struct search *search, const struct jsonpath_bound bounds[3], int64_t len, int64_t *from, int64_t *to) {
    *from = bounds[0].is_known ? bounds[0].value : 0;
    if (*from < 0) *from += len;
    *to = bounds[1].is_known ? bounds[1].value : len;
    if (*to < 0 || (*to == 0 && bounds[1].is_derived)) *to += len;
    if (*from == *to) return true;
    if (*from >= len || *from < 0)
        return error_set(search->error, ERROR_INVALID, "array index out of bounds: index %lld, length %lld", (long long)*from,
                         (long long)len);
    if (*to > len || *to < 0)
        return error_set(search->error, ERROR_INVALID, "array index out of bounds: index %lld, length %lld", (long long)*to - 1,
                         (long long)len);
    if (*from > *to)
        return error_set(search->error, ERROR_INVALID, "starting index %lld is greater than ending index %lld", (long long)*from,
                         (long long)*to);
    return !bounds[2].is_known || bounds[2].value > 0 || invalid(search, "step must be > 0");
}

static bool find_slice(const struct search *search, const struct jsonpath_bound bounds[3], struct jsonpath_values in,
                       struct jsonpath_values *out) {
    for (size_t i = 0; i < in.count; i++) {
        yyjson_val *list = json_loose(in.items[i]), *item;
        if (yyjson_is_null(list)) continue;
        if (!yyjson_is_arr(list)) return invalid(search, "an index or slice of something that is no list");
        int64_t from, to;
        if (!resolve_slice(search, bounds, (int64_t)yyjson_arr_size(list), &from, &to)) return false;
        if (from == to) return true;
        int64_t step = bounds[2].is_known ? bounds[2].value : 1;
        size_t index, max;
        yyjson_arr_foreach(list, index, max, item) {
            int64_t at = (int64_t)index;
            if (at >= from && at < to && (at - from) % step == 0 && !add_value(search, out, item)) return false;
        }
    }
    return true;
}

enum { NOT_COMPARABLE = 2 };

/* -1, 0, 1 of two integers, two reals, two texts or two booleans. */
static int compare(const yyjson_val *left, const yyjson_val *right) {
    yyjson_val *a = json_loose(left), *b = json_loose(right);
    if (yyjson_is_int(a) && yyjson_is_int(b)) {
        __int128 x = yyjson_is_sint(a) ? (__int128)yyjson_get_sint(a) : (__int128)yyjson_get_uint(a);
        __int128 y = yyjson_is_sint(b) ? (__int128)yyjson_get_sint(b) : (__int128)yyjson_get_uint(b);
        return (x > y) - (x < y);
    }
    if (yyjson_is_real(a) && yyjson_is_real(b)) {
        double x = yyjson_get_real(a), y = yyjson_get_real(b);
        return (x > y) - (x < y);
    }
    if (yyjson_is_str(a) && yyjson_is_str(b)) {
        int order = str_compare(json_text(a), json_text(b));
        return (order > 0) - (order < 0);
    }
    return NOT_COMPARABLE;
}

static bool holds(const struct search *search, enum jsonpath_operator operator, const yyjson_val * left, const yyjson_val *right,
                  bool *out) {
    bool are_equalities = operator== JSONPATH_EQUAL || operator== JSONPATH_NOT_EQUAL;
    int order;
    if (are_equalities && yyjson_is_bool(json_loose(left)) && yyjson_is_bool(json_loose(right)))
        order = yyjson_get_bool(json_loose(left)) != yyjson_get_bool(json_loose(right));
    else
        order = compare(left, right);
    if (order == NOT_COMPARABLE) return invalid(search, "incompatible types for comparison");
    switch (operator) {
    case JSONPATH_EQUAL: *out = order == 0; break;
    case JSONPATH_NOT_EQUAL: *out = order != 0; break;
    case JSONPATH_LESS: *out = order < 0; break;
    case JSONPATH_LESS_EQUAL: *out = order <= 0; break;
    case JSONPATH_GREATER: *out = order > 0; break;
    case JSONPATH_GREATER_EQUAL: *out = order >= 0; break;
    case JSONPATH_EXISTS: break;
    }
    return true;
}

static bool passes(const struct search *search, const struct jsonpath_node *node, const yyjson_val *item, bool *out) {
    const yyjson_val *items[] = {item};
    struct jsonpath_values one = {items, 1, 1}, left = {0}, right = {0};
    *out = false;
    if (node->operator== JSONPATH_EXISTS) {
        struct search tolerant = {search->arena, search->root, true, NULL};
        *out = find_list(&tolerant, &node->lists[0], one, &left) && left.count > 0;
        return true;
    }
    if (!find_list(search, &node->lists[0], one, &left)) return false;
    if (!left.count) return true;
    if (left.count > 1) return invalid(search, "can only compare one element at a time");
    if (!find_list(search, &node->lists[1], one, &right)) return false;
    if (!right.count) return true;
    if (right.count > 1) return invalid(search, "can only compare one element at a time");
    return holds(search, node->operator, left.items[0], right.items[0], out);
}

static bool find_filtered(const struct search *search, const struct jsonpath_node *node, struct jsonpath_values in,
                          struct jsonpath_values *out) {
    for (size_t i = 0; i < in.count; i++) {
        yyjson_val *list = json_loose(in.items[i]), *item;
        if (!yyjson_is_arr(list)) return invalid(search, "a filter of something that is no list");
        size_t index, max;
        yyjson_arr_foreach(list, index, max, item) {
            bool is_wanted;
            if (!passes(search, node, item, &is_wanted) || (is_wanted && !add_value(search, out, item))) return false;
        }
    }
    return true;
}

static bool find_node(const struct search *search, const struct jsonpath_node *node, struct jsonpath_values in,
                      struct jsonpath_values *out) {
    switch (node->type) {
    case JSONPATH_FIELD: return find_field(search, node->name, in, out);
    case JSONPATH_WILDCARD: return find_children(search, in, out);
    case JSONPATH_SLICE: return find_slice(search, node->bounds, in, out);
    case JSONPATH_FILTER: return find_filtered(search, node, in, out);
    case JSONPATH_RECURSIVE:
        for (size_t i = 0; i < in.count; i++) {
            if (!find_descendants(search, in.items[i], out)) return false;
        }
        return true;
    case JSONPATH_UNION:
        for (const struct jsonpath_list *list = node->lists; list; list = list->next) {
            struct jsonpath_values found = {0};
            if (!find_list(search, list, in, &found)) return false;
            for (size_t i = 0; i < found.count; i++) {
                if (!add_value(search, out, found.items[i])) return false;
            }
        }
        return true;
    case JSONPATH_LITERAL:
        /* A text stands for itself; a number or boolean takes the place of each value. */
        for (size_t i = 0, count = yyjson_is_str(json_loose(&node->literal)) ? 1 : in.count; i < count; i++) {
            if (!add_value(search, out, &node->literal)) return false;
        }
        return true;
    }
    return true;
}

static bool find_list(const struct search *search, const struct jsonpath_list *list, struct jsonpath_values in,
                      struct jsonpath_values *out) {
    for (const struct jsonpath_node *node = list->first; node; node = node->next) {
        struct jsonpath_values found = {0};
        if (!find_node(search, node, in, &found)) return false;
        in = found;
    }
    *out = in;
    return true;
}

bool jsonpath_find(const struct jsonpath *path, struct arena *arena, const yyjson_val *root, struct jsonpath_values *out,
                   struct error *error) {
    const yyjson_val *items[] = {root};
    struct search search = {arena, root, true, error};
    struct jsonpath_values found = {0};
    if (path->parts && !find_list(&search, &path->parts->list, (struct jsonpath_values){items, 1, 1}, &found)) return false;
    /* An expression without a step finds the root, which must not be named by this frame. */
    if (found.items == items) {
        found = (struct jsonpath_values){0};
        if (!add_value(&search, &found, root)) return false;
    }
    *out = found;
    return true;
}

/* As fmt's %v: the shortest digits that read back, with an exponent below 1e-4 and from 1e6 on. */
static void print_real(struct strbuf *out, double real) {
    char text[40];
    int digits = 0;
    do snprintf(text, sizeof text, "%.*e", digits, real);
    while (strtod(text, NULL) != real && ++digits < 17);
    struct str all = str_of(text);
    long exponent = strtol(text + str_find(all, STR("e")) + 1, NULL, 10);
    if (exponent < -4 || exponent >= 6)
        strbuf_append(out, all);
    else
        strbuf_printf(out, "%.*f", exponent < digits ? digits - (int)exponent : 0, real);
}

/* Go's encoding of JSON, which is safe inside of HTML. */
static void print_container(struct strbuf *out, const yyjson_val *value) {
    struct strbuf plain = strbuf_with_max(out->max);
    json_write_canonical(&plain, value);
    out->failed |= plain.failed;
    size_t done = 0;
    for (size_t i = 0; i < plain.len; i++) {
        char c = plain.ptr[i];
        if (c != '<' && c != '>' && c != '&') continue;
        strbuf_append(out, (struct str){plain.ptr + done, i - done});
        strbuf_printf(out, "\\u%04x", (unsigned)c);
        done = i + 1;
    }
    strbuf_append(out, str_from(strbuf_view(&plain), done));
    strbuf_release(&plain);
}

void jsonpath_print_value(struct strbuf *out, const yyjson_val *value) {
    if (yyjson_is_str(json_loose(value)))
        strbuf_append(out, json_text(value));
    else if (yyjson_is_real(json_loose(value)))
        print_real(out, yyjson_get_real(json_loose(value)));
    else
        print_container(out, value);
}

static bool print_parts(const struct search *search, const struct jsonpath_part *parts, const yyjson_val *value, struct strbuf *out) {
    const yyjson_val *items[] = {value};
    for (const struct jsonpath_part *part = parts; part; part = part->next) {
        struct jsonpath_values found = {0};
        if (!find_list(search, &part->list, (struct jsonpath_values){items, 1, 1}, &found)) return false;
        for (size_t i = 0; i < found.count; i++) {
            if (part->is_range) {
                if (!print_parts(search, part->inner, found.items[i], out)) return false;
                continue;
            }
            if (i) strbuf_append_char(out, ' ');
            jsonpath_print_value(out, found.items[i]);
        }
    }
    return !out->failed || error_set(search->error, ERROR_LIMIT, "the JSONPath prints too much");
}

bool jsonpath_print(const struct jsonpath *path, struct arena *arena, const yyjson_val *root, bool allows_missing, struct strbuf *out,
                    struct error *error) {
    struct search search = {arena, root, allows_missing, error};
    return print_parts(&search, path->parts, root, out);
}
