#include "schema/name_rules.h"
#include "schema/schema_inner.h"

/* Embedded resources say what they are and are named well (apiextensions' objectmeta package). */

static yyjson_mut_val *get(const yyjson_mut_val *object, const char *key) {
    return yyjson_mut_obj_get(json_mut_loose(object), key);
}

static struct str lowered(struct arena *arena, struct str text) {
    char *copy = arena_alloc(arena, text.len + 1);
    if (!copy) return STR_EMPTY;
    for (size_t i = 0; i < text.len; i++) copy[i] = text.ptr[i] >= 'A' && text.ptr[i] <= 'Z' ? (char)(text.ptr[i] + 32) : text.ptr[i];
    return (struct str){copy, text.len};
}

/* False: there is nothing more to say about it. */
static bool check_text(const yyjson_mut_val *value, struct str path, struct field_errors *out) {
    if (!yyjson_mut_is_str(json_mut_loose(value)))
        field_errors_add(out, FIELD_INVALID, path, value, "must be a string");
    else if (!json_mut_text(value).len)
        field_errors_add(out, FIELD_INVALID, path, value, "must not be empty");
    else
        return true;
    return false;
}

static void check_api_version(const yyjson_mut_val *value, struct str path, struct field_errors *out) {
    if (!check_text(value, path, out)) return;
    struct str text = json_mut_text(value);
    size_t slash = str_find(text, STR("/"));
    if (slash != SIZE_MAX && str_contains(str_from(text, slash + 1), STR("/")))
        field_errors_add(out, FIELD_INVALID, path, value, "unexpected GroupVersion string: %.*s", STR_ARG(text));
}

static void check_kind(const yyjson_mut_val *value, struct str path, struct field_errors *out) {
    struct field_errors complaints = {.arena = out->arena};
    if (!check_text(value, path, out)) return;
    name_rule_check(NAME_DNS1035_LABEL, lowered(out->arena, json_mut_text(value)), path, &complaints);
    struct str words = STR("may have mixed case, but should otherwise match: ");
    for (size_t i = 0; i < complaints.count; i++)
        words = arena_join(out->arena, words, i ? STR(",") : STR_EMPTY, complaints.items[i].detail);
    if (complaints.count) field_errors_add_text(out, FIELD_INVALID, path, field_error_quote(out->arena, json_mut_text(value)), words);
}

static void check_metadata(const yyjson_mut_val *metadata, struct str path, struct field_errors *out) {
    static const struct {
        const char *key;
        enum name_rule rule;
        bool is_prefix;
    } names[] = {{"generateName", NAME_PATH_SEGMENT, true}, {"name", NAME_PATH_SEGMENT, false}, {"namespace", NAME_DNS1123_LABEL, false}};
    struct arena *arena = out->arena;
    size_t index, max;
    yyjson_mut_val *key, *value;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct str text = json_mut_text(get(metadata, names[i].key)), place = schema_child_path(arena, path, str_of(names[i].key));
        if (text.len) (names[i].is_prefix ? name_rule_check_prefix : name_rule_check)(names[i].rule, text, place, out);
    }
    struct str labels = schema_child_path(arena, path, STR("labels")), annotations = schema_child_path(arena, path, STR("annotations"));
    yyjson_mut_obj_foreach(get(metadata, "labels"), index, max, key, value) {
        name_rule_check(NAME_QUALIFIED, json_mut_text(key), labels, out);
        name_rule_check(NAME_LABEL_VALUE, json_mut_text(value), labels, out);
    }
    yyjson_mut_obj_foreach(get(metadata, "annotations"), index, max, key, value) {
        (void)value;
        name_rule_check(NAME_QUALIFIED, lowered(arena, json_mut_text(key)), annotations, out);
    }
    yyjson_mut_arr_foreach(get(metadata, "finalizers"), index, max, value)
        name_rule_check(NAME_QUALIFIED, json_mut_text(value), schema_child_path(arena, path, STR("finalizers")), out);
}

static void check_resource(const yyjson_mut_val *value, struct str path, struct field_errors *out) {
    static const struct {
        const char *key;
        bool is_required;
        void (*check)(const yyjson_mut_val *value, struct str path, struct field_errors *out);
    } members[] = {{"apiVersion", true, check_api_version}, {"kind", true, check_kind}, {"metadata", false, check_metadata}};
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        yyjson_mut_val *member = get(value, members[i].key);
        struct str place = schema_child_path(out->arena, path, str_of(members[i].key));
        if (member)
            members[i].check(member, place, out);
        else if (members[i].is_required)
            field_errors_add_text(out, FIELD_REQUIRED, place, STR_EMPTY, STR_EMPTY);
    }
}

void schema_validate_embedded(const struct schema *schema, const yyjson_mut_val *value, struct str path, struct field_errors *out) {
    size_t index, max;
    yyjson_mut_val *key, *item;
    if (yyjson_mut_is_arr(json_mut_loose(value)) && schema->items && schema->items->has_lists_below) {
        yyjson_mut_arr_foreach(json_mut_loose(value), index, max, item)
            schema_validate_embedded(schema->items, item, schema_index_path(out->arena, path, index), out);
    } else if (yyjson_mut_is_obj(json_mut_loose(value))) {
        if (schema->is_embedded_resource) check_resource(value, path, out);
        yyjson_mut_obj_foreach(json_mut_loose(value), index, max, key, item) {
            const struct schema *known = schema_of_key(schema, json_mut_text(key));
            if (known && known->has_lists_below)
                schema_validate_embedded(known, item, schema_key_path(schema, out->arena, path, json_mut_text(key)), out);
        }
    }
}
