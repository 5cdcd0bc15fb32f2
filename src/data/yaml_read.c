#include "data/yaml_read.h"

#include <math.h>
#include <string.h>

#include "data/yaml_build.h"

struct yaml_position yaml_position_of(const struct yaml_document *document, const yyjson_val *value) {
    uintptr_t first = (uintptr_t)document->root, at = (uintptr_t)value;
    if (!document->root || at < first || (at - first) / sizeof *value >= document->value_count) return (struct yaml_position){0, 0};
    return document->positions[(at - first) / sizeof *value];
}

static struct yaml_position position_at(struct str text, size_t offset) {
    struct yaml_position at = {1, 1};
    for (size_t i = 0; i < offset && i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c == '\n')
            at = (struct yaml_position){at.line + 1, 1};
        else if ((c & 0xC0) != 0x80)
            at.column++;
    }
    return at;
}

/* The bytes that never are YAML, found before libyaml sees them: it would stop at a NUL and guess at other encodings. */
static bool check_bytes(struct str text, struct error *error) {
    const char *nul = text.len ? memchr(text.ptr, 0, text.len) : NULL;
    if (nul) {
        struct yaml_position at = position_at(text, (size_t)(nul - text.ptr));
        return error_set_at(error, ERROR_SYNTAX, at.line, at.column, "a NUL byte; is this a text file?");
    }
    if (str_is_utf8(text)) return true;
    size_t good = 0, bad = text.len;
    while (bad - good > 1) {
        size_t middle = good + (bad - good) / 2;
        if (str_is_utf8(str_cut_utf8(text, middle)))
            good = middle;
        else
            bad = middle;
    }
    struct yaml_position at = position_at(text, str_cut_utf8(text, good).len);
    return error_set_at(error, ERROR_SYNTAX, at.line, at.column, "not UTF-8 from here on; save the file as UTF-8");
}

/*
 * Visits the places of the values of a valid JSON text in document order, which is yyjson's order too.
 * Returns how many there are; fills `out` unless it is NULL.
 */
static size_t json_positions(struct str text, struct yaml_position *out) {
    size_t count = 0;
    struct yaml_position at = {1, 1};
    bool in_string = false, in_word = false;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        bool starts_value = false;
        if (in_string) {
            if (c == '\\')
                at.column++, i++;
            else if (c == '"')
                in_string = false;
        } else if (c == '"' || c == '{' || c == '[') {
            starts_value = true;
            in_string = c == '"';
        } else if (strchr(" \t\r\n,:]}", c)) {
            in_word = false;
        } else if (!in_word) {
            starts_value = in_word = true;
        }
        if (starts_value && out) out[count] = at;
        count += starts_value;
        if (c == '\n')
            at = (struct yaml_position){at.line + 1, 1};
        else if ((c & 0xC0) != 0x80)
            at.column++;
    }
    return count;
}

static bool check_json_keys(struct arena *scratch, struct key_set *keys, const struct yaml_document *document, yyjson_val *object,
                            struct error *error) {
    if (!key_set_start(keys, scratch, yyjson_obj_size(object))) return error_set(error, ERROR_MEMORY, "out of memory while reading JSON");
    size_t index, max;
    yyjson_val *key, *value;
    yyjson_obj_foreach(object, index, max, key, value) {
        bool is_new;
        struct key_slot *slot = key_set_add(keys, json_text(key), (size_t)(key - document->root), &is_new);
        if (!is_new)
            return yaml_duplicate_error(error, json_text(key), document->positions[key - document->root], document->positions[slot->item]);
    }
    return true;
}

static bool read_json(struct arena *arena, struct arena *scratch, struct str text, yyjson_val *root, struct yaml_documents *out,
                      struct error *error) {
    struct yaml_document *document = arena_alloc(arena, sizeof *document);
    size_t count = json_positions(text, NULL);
    struct yaml_position *positions = arena_array(arena, count, sizeof *positions);
    if (!document || !positions) return error_set(error, ERROR_MEMORY, "out of memory while reading %zu bytes of JSON", text.len);
    json_positions(text, positions);
    *document = (struct yaml_document){root, positions, count};
    struct key_set keys = {0};
    for (size_t i = 0; i < count; i++) {
        if (yyjson_is_obj(root + i) && !check_json_keys(scratch, &keys, document, root + i, error)) return false;
    }
    *out = (struct yaml_documents){document, 1};
    return true;
}

static bool looks_like_json(struct str text) {
    struct str trimmed = str_trim(text);
    return trimmed.len > 0 && (trimmed.ptr[0] == '{' || trimmed.ptr[0] == '[');
}

static bool read_within(struct arena *arena, struct arena *scratch, struct str text, struct yaml_documents *out, struct error *error) {
    if (looks_like_json(text)) {
        struct error problem = {0};
        yyjson_val *root = json_parse(arena, text, &problem);
        if (root) return read_json(arena, scratch, text, root, out, error);
        /* YAML's flow form starts the same way, so only its parser's word on the syntax counts. */
        if (problem.kind != ERROR_SYNTAX) {
            if (error) *error = problem;
            return false;
        }
    }
    return yaml_build(arena, scratch, text, out, error);
}

bool yaml_read(struct arena *arena, struct str text, struct yaml_documents *out, struct error *error) {
    if (!check_bytes(text, error)) return false;
    if (str_starts_with(text, STR("\xEF\xBB\xBF"))) text = str_from(text, 3);
    struct arena scratch;
    arena_init(&scratch, arena->limit_bytes);
    bool ok = read_within(arena, &scratch, text, out, error);
    arena_release(&scratch);
    return ok;
}
