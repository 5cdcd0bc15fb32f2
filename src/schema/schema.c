#include "schema/schema.h"

#include <stdlib.h>

#include "schema/pattern.h"
#include "schema/rules.h"
#include "schema/schema_inner.h"

static const char *const type_names[] = {
    [TYPE_ANY] = "",          [TYPE_OBJECT] = "object",  [TYPE_ARRAY] = "array", [TYPE_STRING] = "string", [TYPE_INTEGER] = "integer",
    [TYPE_NUMBER] = "number", [TYPE_BOOLEAN] = "boolean"};

static struct schema *compile(struct arena *arena, const yyjson_val *source, unsigned depth, struct error *error);

static yyjson_val *get(const yyjson_val *source, const char *key) {
    return json_get(source, key);
}

static bool flag(const yyjson_val *source, const char *key) {
    return json_bool_or(get(source, key), false);
}

static enum schema_type read_type(struct str name) {
    for (size_t i = TYPE_OBJECT; i < sizeof type_names / sizeof type_names[0]; i++) {
        if (str_is(name, type_names[i])) return (enum schema_type)i;
    }
    return TYPE_ANY;
}

static struct schema_bound read_bound(const yyjson_val *source, const char *key) {
    struct schema_bound bound = {0};
    bound.is_set = json_int64(get(source, key), &bound.value);
    return bound;
}

static struct schema_limit read_limit(const yyjson_val *source, const char *key, const char *exclusive) {
    yyjson_val *value = get(source, key);
    return (struct schema_limit){.is_set = yyjson_is_num(value), .is_exclusive = flag(source, exclusive), .value = yyjson_get_num(value)};
}

static int compare_members(const void *left, const void *right) {
    return str_compare(((const struct schema_member *)left)->name, ((const struct schema_member *)right)->name);
}

/* What is below counts for the walks from above. */
static void inherit(struct schema *schema, const struct schema *below) {
    schema->has_rules_below = schema->has_rules_below || below->has_rules_below;
    schema->has_lists_below = schema->has_lists_below || below->has_lists_below;
}

static bool compile_properties(struct arena *arena, struct schema *schema, unsigned depth, struct error *error) {
    yyjson_val *properties = get(schema->source, "properties"), *key, *value;
    size_t index, max, count = yyjson_obj_size(properties);
    if (!count) return true;
    struct schema_member *members = arena_array(arena, count, sizeof *members);
    if (!members) return error_set(error, ERROR_MEMORY, "the schema is too large");
    yyjson_obj_foreach(properties, index, max, key, value) {
        struct schema *member = compile(arena, value, depth + 1, error);
        if (!member) return false;
        members[index] = (struct schema_member){.name = json_text(key), .schema = member};
        inherit(schema, member);
    }
    qsort(members, count, sizeof *members, compare_members);
    schema->properties = members;
    schema->property_count = count;
    return true;
}

static bool compile_one(struct arena *arena, struct schema *schema, const yyjson_val *source, const struct schema **out, unsigned depth,
                        struct error *error) {
    struct schema *below = compile(arena, source, depth + 1, error);
    if (!below) return false;
    inherit(schema, below);
    *out = below;
    return true;
}

static bool compile_list(struct arena *arena, const struct schema *schema, const char *key, struct schema_list *out, unsigned depth,
                         struct error *error) {
    yyjson_val *list = get(schema->source, key), *value;
    size_t index, max, count = yyjson_arr_size(list);
    if (!count) return true;
    const struct schema **items = arena_array(arena, count, sizeof(struct schema *));
    if (!items) return error_set(error, ERROR_MEMORY, "the schema is too large");
    yyjson_arr_foreach(list, index, max, value) {
        items[index] = compile(arena, value, depth + 1, error);
        if (!items[index]) return false;
    }
    *out = (struct schema_list){.items = items, .count = count};
    return true;
}

static bool compile_below(struct arena *arena, struct schema *schema, unsigned depth, struct error *error) {
    yyjson_val *additional = get(schema->source, "additionalProperties"), *items = get(schema->source, "items"),
               *not = get(schema->source, "not");
    if (!compile_properties(arena, schema, depth, error)) return false;
    schema->forbids_additional = yyjson_is_false(additional);
    if (yyjson_is_obj(additional) && !compile_one(arena, schema, additional, &schema->additional, depth, error)) return false;
    if (yyjson_is_true(additional)) schema->preserves_unknown_fields = true;
    if (yyjson_is_obj(items) && !compile_one(arena, schema, items, &schema->items, depth, error)) return false;
    if (yyjson_is_obj(not ) && !(schema->not = compile(arena, not, depth + 1, error))) return false;
    return compile_list(arena, schema, "allOf", &schema->all_of, depth, error) &&
           compile_list(arena, schema, "anyOf", &schema->any_of, depth, error) &&
           compile_list(arena, schema, "oneOf", &schema->one_of, depth, error);
}

static bool compile_list_type(struct arena *arena, struct schema *schema, struct error *error) {
    struct str list_type = json_text(get(schema->source, "x-kubernetes-list-type"));
    schema->list_type = str_is(list_type, "set") ? SCHEMA_LIST_SET : str_is(list_type, "map") ? SCHEMA_LIST_MAP : SCHEMA_LIST_ATOMIC;
    yyjson_val *keys = get(schema->source, "x-kubernetes-list-map-keys"), *key;
    size_t index, max, count = yyjson_arr_size(keys);
    if (!count) return true;
    struct str *names = arena_array(arena, count, sizeof *names);
    if (!names) return error_set(error, ERROR_MEMORY, "the schema is too large");
    yyjson_arr_foreach(keys, index, max, key) names[index] = json_text(key);
    schema->list_map_keys = names;
    schema->list_map_key_count = count;
    return true;
}

static void compile_values(struct arena *arena, struct schema *schema) {
    const yyjson_val *source = schema->source;
    struct error error;
    schema->format = json_text(get(source, "format"));
    if (schema->format.len) schema->format_pattern = pattern_of_format(arena, schema->format, &schema->has_format);
    schema->pattern_text = json_text(get(source, "pattern"));
    /* One that does not compile was refused with the definition; in a stored one it matches nothing. */
    if (schema->pattern_text.len) schema->pattern = pattern_compile(arena, schema->pattern_text, &error);
    schema->min_length = read_bound(source, "minLength");
    schema->max_length = read_bound(source, "maxLength");
    schema->min_items = read_bound(source, "minItems");
    schema->max_items = read_bound(source, "maxItems");
    schema->min_properties = read_bound(source, "minProperties");
    schema->max_properties = read_bound(source, "maxProperties");
    schema->minimum = read_limit(source, "minimum", "exclusiveMinimum");
    schema->maximum = read_limit(source, "maximum", "exclusiveMaximum");
    schema->multiple_of.is_set = yyjson_is_num(get(source, "multipleOf"));
    schema->multiple_of.value = yyjson_get_num(get(source, "multipleOf"));
    schema->has_unique_items = flag(source, "uniqueItems");
    schema->enumeration = get(source, "enum");
    schema->required = get(source, "required");
}

static struct schema *compile(struct arena *arena, const yyjson_val *source, unsigned depth, struct error *error) {
    struct schema *schema = arena_alloc(arena, sizeof *schema);
    if (!schema || depth > LIMIT_DOCUMENT_DEPTH) {
        error_set(error, schema ? ERROR_LIMIT : ERROR_MEMORY, "the schema is too %s", schema ? "deep" : "large");
        return NULL;
    }
    schema->source = source;
    schema->arena = arena;
    schema->is_root = depth == 0;
    schema->is_nullable = flag(source, "nullable");
    schema->is_int_or_string = flag(source, "x-kubernetes-int-or-string");
    schema->preserves_unknown_fields = flag(source, "x-kubernetes-preserve-unknown-fields");
    schema->is_embedded_resource = flag(source, "x-kubernetes-embedded-resource");
    schema->is_map_atomic = json_is_text(get(source, "x-kubernetes-map-type"), "atomic");
    schema->type = schema->is_int_or_string ? TYPE_ANY : read_type(json_text(get(source, "type")));
    schema->default_value = get(source, "default");
    compile_values(arena, schema);
    if (!compile_list_type(arena, schema, error) || !compile_below(arena, schema, depth, error)) return NULL;
    schema->has_lists_below = schema->has_lists_below || schema->list_type != SCHEMA_LIST_ATOMIC || schema->is_embedded_resource;
    return schema_rules_compile(arena, schema, error) ? schema : NULL;
}

const struct schema *schema_compile(struct arena *arena, const yyjson_val *open_api_v3_schema, struct error *error) {
    return compile(arena, open_api_v3_schema, 0, error);
}

const struct schema *schema_compile_part(struct arena *arena, const yyjson_val *source, struct error *error) {
    return compile(arena, source, 1, error);
}

const yyjson_val *schema_source(const struct schema *schema) {
    return schema->source;
}

const struct schema *schema_find_member(const struct schema *schema, struct str name) {
    size_t low = 0, high = schema->property_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = str_compare(schema->properties[middle].name, name);
        if (order == 0) return schema->properties[middle].schema;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const struct schema *schema_of_key(const struct schema *schema, struct str name) {
    const struct schema *member = schema_find_member(schema, name);
    return member ? member : schema->additional;
}

const struct schema *schema_property(const struct schema *schema, struct str name) {
    return schema ? schema_of_key(schema, name) : NULL;
}

bool schema_is_property(const struct schema *schema, struct str name) {
    return schema && schema_find_member(schema, name);
}

const struct schema *schema_items(const struct schema *schema) {
    return schema ? schema->items : NULL;
}

enum schema_list_type schema_list_type(const struct schema *schema) {
    return schema->list_type;
}

const struct str *schema_list_map_keys(const struct schema *schema, size_t *out_count) {
    *out_count = schema->list_map_key_count;
    return schema->list_map_keys;
}

bool schema_is_map_atomic(const struct schema *schema) {
    return schema->is_map_atomic;
}

bool schema_preserves_unknown_fields(const struct schema *schema) {
    return schema->preserves_unknown_fields;
}

bool schema_is_embedded_resource(const struct schema *schema) {
    return schema->is_embedded_resource;
}

struct str schema_type(const struct schema *schema) {
    return str_of(type_names[schema->type]);
}

bool schema_is_int_or_string(const struct schema *schema) {
    return schema->is_int_or_string;
}

const yyjson_val *schema_default_value(const struct schema *schema) {
    return schema->default_value;
}

struct str schema_child_path(struct arena *arena, struct str path, struct str key) {
    return path.len ? arena_join(arena, path, STR("."), key) : arena_copy(arena, key);
}

struct str schema_index_path(struct arena *arena, struct str path, size_t index) {
    return arena_printf(arena, "%.*s[%zu]", STR_ARG(path), index);
}

struct str schema_key_path(const struct schema *schema, struct arena *arena, struct str path, struct str key) {
    return schema_find_member(schema, key) ? schema_child_path(arena, path, key)
                                           : arena_printf(arena, "%.*s[%.*s]", STR_ARG(path), STR_ARG(key));
}
