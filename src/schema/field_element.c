#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema/field_error.h"
#include "schema/field_set.h"

static int compare_values(const struct field_value *a, const struct field_value *b) {
    bool a_is_number = a->kind <= FIELD_INTEGER, b_is_number = b->kind <= FIELD_INTEGER;
    if (a_is_number && b_is_number) {
        if (a->kind == FIELD_INTEGER && b->kind == FIELD_INTEGER) return (a->integer > b->integer) - (a->integer < b->integer);
        double left = a->kind == FIELD_REAL ? a->real : (double)a->integer, right = b->kind == FIELD_REAL ? b->real : (double)b->integer;
        return (left > right) - (left < right);
    }
    if (a->kind != b->kind) return a->kind < b->kind ? -1 : 1;
    if (a->kind == FIELD_BOOL) return (int)a->flag - (int)b->flag;
    return a->kind == FIELD_NULL ? 0 : str_compare(a->text, b->text);
}

static int compare_keys(const struct field_element *a, const struct field_element *b) {
    for (size_t i = 0; i < a->key_count && i < b->key_count; i++) {
        int order = str_compare(a->keys[i].name, b->keys[i].name);
        if (order == 0) order = compare_values(&a->keys[i].value, &b->keys[i].value);
        if (order != 0) return order;
    }
    return (a->key_count > b->key_count) - (a->key_count < b->key_count);
}

int field_element_compare(const struct field_element *a, const struct field_element *b) {
    if (a->kind != b->kind) return a->kind < b->kind ? -1 : 1;
    switch (a->kind) {
    case ELEMENT_FIELD: return str_compare(a->name, b->name);
    case ELEMENT_KEY: return compare_keys(a, b);
    case ELEMENT_VALUE: return compare_values(&a->value, &b->value);
    case ELEMENT_INDEX: return (a->index > b->index) - (a->index < b->index);
    }
    return 0;
}

static struct str json_text_of(struct arena *arena, const yyjson_val *value) {
    struct strbuf out = strbuf_with_max(LIMIT_BODY_BYTES);
    json_write_canonical(&out, value);
    return strbuf_take(&out, arena);
}

static struct field_value value_of(struct arena *arena, yyjson_val *value) {
    if (yyjson_is_str(value)) return (struct field_value){.kind = FIELD_TEXT, .text = json_text(value)};
    if (yyjson_is_sint(value) || (yyjson_is_uint(value) && yyjson_get_uint(value) <= INT64_MAX))
        return (struct field_value){.kind = FIELD_INTEGER, .integer = yyjson_get_sint(value)};
    if (yyjson_is_num(value)) return (struct field_value){.kind = FIELD_REAL, .real = yyjson_get_num(value)};
    if (yyjson_is_bool(value)) return (struct field_value){.kind = FIELD_BOOL, .flag = yyjson_get_bool(value)};
    if (!value || yyjson_is_null(value)) return (struct field_value){.kind = FIELD_NULL};
    return (struct field_value){.kind = FIELD_OTHER, .text = json_text_of(arena, value)};
}

struct field_value field_value_of(struct arena *arena, const yyjson_mut_val *value) {
    if (!value) return (struct field_value){.kind = FIELD_NULL};
    /* Scalars of both kinds of trees hold the same words. */
    yyjson_val scalar = {.tag = value->tag, .uni = value->uni};
    return value_of(arena, yyjson_is_ctn(&scalar) ? json_freeze(arena, value) : &scalar);
}

/* What Go's JSON encoders write in place of the character at the start; empty: the character. */
static struct str escape_of(struct str rest, char out[8]) {
    unsigned char c = (unsigned char)rest.ptr[0];
    if (c == '"') return STR("\\\"");
    if (c == '\\') return STR("\\\\");
    if (c == '\n') return STR("\\n");
    if (c == '\r') return STR("\\r");
    if (c == '\t') return STR("\\t");
    if (c < 0x20 || c == '<' || c == '>' || c == '&') return (struct str){out, (size_t)snprintf(out, 8, "\\u%04x", c)};
    if (c == 0xE2 && str_starts_with(rest, STR("\u2028"))) return STR("\\u2028");
    if (c == 0xE2 && str_starts_with(rest, STR("\u2029"))) return STR("\\u2029");
    return STR_EMPTY;
}

/* A text as those write it: HTML's characters and the line separators escaped, so that equal elements have equal keys. */
static void write_text(struct strbuf *out, struct str text) {
    size_t plain = 0; /* where what is written as it is begins */
    char room[8];
    strbuf_append_char(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        struct str escape = escape_of(str_from(text, i), room);
        if (!escape.len) continue;
        strbuf_append(out, str_first(str_from(text, plain), i - plain));
        strbuf_append(out, escape);
        if ((unsigned char)text.ptr[i] == 0xE2) i += 2;
        plain = i + 1;
    }
    strbuf_append(out, str_from(text, plain));
    strbuf_append_char(out, '"');
}

static void write_value(struct strbuf *out, const struct field_value *value) {
    yyjson_val number = {0};
    switch (value->kind) {
    case FIELD_REAL:
        unsafe_yyjson_set_real(&number, value->real);
        json_write_number(out, &number);
        break;
    case FIELD_INTEGER: strbuf_printf(out, "%lld", (long long)value->integer); break;
    case FIELD_TEXT: write_text(out, value->text); break;
    case FIELD_BOOL: strbuf_append(out, value->flag ? STR("true") : STR("false")); break;
    case FIELD_OTHER: strbuf_append(out, value->text); break;
    case FIELD_NULL: strbuf_append(out, STR("null")); break;
    }
}

void field_element_write(struct strbuf *out, struct arena *arena, const struct field_element *element) {
    if (element->kind == ELEMENT_FIELD) {
        strbuf_append_char(out, '.');
        strbuf_append(out, element->name);
        return;
    }
    strbuf_append_char(out, '[');
    size_t count = element->kind == ELEMENT_KEY ? element->key_count : 1;
    for (size_t i = 0; i < count; i++) {
        if (element->kind == ELEMENT_INDEX) {
            strbuf_printf(out, "%lld", (long long)element->index);
            break;
        }
        const struct field_value *value = element->kind == ELEMENT_KEY ? &element->keys[i].value : &element->value;
        if (i) strbuf_append_char(out, ',');
        if (element->kind == ELEMENT_KEY) strbuf_append(out, element->keys[i].name);
        strbuf_append_char(out, '=');
        if (value->kind == FIELD_TEXT)
            strbuf_append(out, field_error_quote(arena, value->text));
        else
            write_value(out, value);
    }
    strbuf_append_char(out, ']');
}

/* The element as a key of fieldsV1, in the arena; `scratch` is empty and stays so. */
static struct str element_key(struct arena *arena, const struct field_element *element, struct strbuf *scratch) {
    if (element->kind == ELEMENT_FIELD) {
        char *text = arena_alloc(arena, element->name.len + 3);
        if (!text) return STR_EMPTY;
        text[0] = 'f', text[1] = ':';
        if (element->name.len) memcpy(text + 2, element->name.ptr, element->name.len);
        return (struct str){text, element->name.len + 2};
    }
    if (element->kind == ELEMENT_INDEX) return arena_printf(arena, "i:%lld", (long long)element->index);
    strbuf_append(scratch, element->kind == ELEMENT_VALUE ? STR("v:") : STR("k:{"));
    if (element->kind == ELEMENT_VALUE) write_value(scratch, &element->value);
    for (size_t i = 0; element->kind == ELEMENT_KEY && i < element->key_count; i++) {
        if (i) strbuf_append_char(scratch, ',');
        write_text(scratch, element->keys[i].name);
        strbuf_append_char(scratch, ':');
        write_value(scratch, &element->keys[i].value);
    }
    if (element->kind == ELEMENT_KEY) strbuf_append_char(scratch, '}');
    if (scratch->failed) arena->exhausted = true;
    struct str key = scratch->failed ? STR_EMPTY : arena_copy(arena, strbuf_view(scratch));
    strbuf_clear(scratch);
    return key;
}

static yyjson_mut_val *write_level(struct arena *arena, yyjson_mut_doc *doc, const struct field_set *set, bool is_member,
                                   struct strbuf *scratch) {
    yyjson_mut_val *out = yyjson_mut_obj(doc);
    if (!out) return NULL;
    /* "." sorts before every element. */
    if (is_member && set->count && !yyjson_mut_obj_add_obj(doc, out, ".")) return NULL;
    for (size_t i = 0; i < set->count; i++) {
        const struct field_node *node = &set->nodes[i];
        struct str key = element_key(arena, &node->element, scratch);
        if (arena->exhausted) return NULL;
        yyjson_mut_val *below = write_level(arena, doc, &node->children, node->is_member, scratch);
        if (!below || !yyjson_mut_obj_add(out, yyjson_mut_strn(doc, key.ptr, key.len), below)) return NULL;
    }
    return out;
}

yyjson_mut_val *field_set_write(struct arena *arena, yyjson_mut_doc *doc, const struct field_set *set) {
    struct strbuf scratch = strbuf_with_max(LIMIT_BODY_BYTES);
    yyjson_mut_val *out = write_level(arena, doc, set, false, &scratch);
    strbuf_release(&scratch);
    return out;
}

static int compare_field_keys(const void *left, const void *right) {
    return str_compare(((const struct field_key *)left)->name, ((const struct field_key *)right)->name);
}

static bool read_keys(struct arena *arena, yyjson_val *object, struct field_element *out) {
    size_t index, max, count = yyjson_obj_size(object);
    struct field_key *keys = arena_array(arena, count ? count : 1, sizeof *keys);
    yyjson_val *key, *value;
    if (!keys || !yyjson_is_obj(object)) return false;
    yyjson_obj_foreach(object, index, max, key, value) keys[index] = (struct field_key){json_text(key), value_of(arena, value)};
    qsort(keys, count, sizeof *keys, compare_field_keys);
    *out = (struct field_element){.kind = ELEMENT_KEY, .keys = keys, .key_count = count};
    return true;
}

enum read_outcome { READ_GOOD, READ_UNKNOWN, READ_BAD };

static enum read_outcome read_element(struct arena *arena, struct str key, struct field_element *out) {
    if (key.len < 2 || key.ptr[1] != ':') return READ_BAD;
    struct str rest = str_from(key, 2);
    if (key.ptr[0] == 'f') {
        *out = (struct field_element){.kind = ELEMENT_FIELD, .name = rest};
        return READ_GOOD;
    }
    if (key.ptr[0] != 'v' && key.ptr[0] != 'k' && key.ptr[0] != 'i') return READ_UNKNOWN;
    yyjson_val *value = json_parse(arena, rest, NULL);
    if (!value) return READ_BAD;
    if (key.ptr[0] == 'k') return read_keys(arena, value, out) ? READ_GOOD : READ_BAD;
    *out = (struct field_element){.kind = ELEMENT_VALUE, .value = value_of(arena, value)};
    if (key.ptr[0] == 'v') return READ_GOOD;
    if (out->value.kind != FIELD_INTEGER) return READ_BAD;
    *out = (struct field_element){.kind = ELEMENT_INDEX, .index = out->value.integer};
    return READ_GOOD;
}

static int compare_nodes(const void *left, const void *right) {
    return field_element_compare(&((const struct field_node *)left)->element, &((const struct field_node *)right)->element);
}

/* Mostly they were written in order; one that was not is sorted, the later of two equal ones counts. */
static void settle_order(struct field_set *set) {
    bool is_sorted = true;
    for (size_t i = 1; i < set->count && is_sorted; i++) is_sorted = compare_nodes(&set->nodes[i - 1], &set->nodes[i]) < 0;
    if (is_sorted) return;
    qsort(set->nodes, set->count, sizeof *set->nodes, compare_nodes);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < set->count; i++) {
        if (kept && compare_nodes(&set->nodes[kept - 1], &set->nodes[i]) == 0) kept--;
        set->nodes[kept++] = set->nodes[i];
    }
    set->count = kept;
}

static bool read_level(struct arena *arena, yyjson_mut_val *object, struct field_set *out, bool *out_is_member, bool *out_is_whole) {
    if (!yyjson_mut_is_obj(object)) return false;
    size_t index, max;
    yyjson_mut_val *key, *value;
    bool is_member = false;
    yyjson_mut_obj_foreach(object, index, max, key, value) {
        struct str text = {yyjson_mut_get_str(key), yyjson_mut_get_len(key)};
        if (str_is(text, ".")) {
            is_member = true;
            continue;
        }
        struct field_node node = {0};
        enum read_outcome outcome = read_element(arena, text, &node.element);
        if (outcome == READ_BAD) return false;
        if (outcome == READ_UNKNOWN) {
            *out_is_whole = false;
            continue;
        }
        if (!read_level(arena, value, &node.children, &node.is_member, out_is_whole)) return false;
        field_set_append(arena, out, &node);
    }
    settle_order(out);
    *out_is_member = is_member || out->count == 0;
    return !arena->exhausted;
}

bool field_set_read(struct arena *arena, const yyjson_mut_val *fields_v1, struct field_set *out, bool *out_is_whole) {
    bool is_member;
    *out = (struct field_set){0};
    *out_is_whole = true;
    return !fields_v1 || read_level(arena, json_mut_loose(fields_v1), out, &is_member, out_is_whole);
}
