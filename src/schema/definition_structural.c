#include <stdlib.h>

#include "schema/definition_inner.h"
#include "schema/pattern.h"

/* Structural schemas: apiextensions-apiserver's ValidateStructural. */

enum level { LEVEL_ROOT, LEVEL_ITEM, LEVEL_FIELD };

/* anyOf: [{type: integer}, {type: string}] */
static bool is_int_or_string_pattern(const yyjson_mut_val *any_of) {
    yyjson_mut_val *list = json_mut_loose(any_of);
    return yyjson_mut_arr_size(list) == 2 && str_is(definition_text(yyjson_mut_arr_get(list, 0), "type"), "integer") &&
           str_is(definition_text(yyjson_mut_arr_get(list, 1), "type"), "string");
}

static void check_values(const struct definition_check *check, const yyjson_mut_val *schema, bool skips_any_of, bool skips_first_all_of,
                         struct str path);

/* What may not stand under allOf, anyOf, oneOf and not, and what is said of it. */
static const struct {
    const char *key, *words;
} not_nested[] = {
    {"type", "must be empty to be structural"},
    {"additionalProperties", "must be undefined to be structural"},
    {"default", "must be undefined to be structural"},
    {"title", "must be empty to be structural"},
    {"description", "must be empty to be structural"},
    {"nullable", "must be false to be structural"},
    {"x-kubernetes-preserve-unknown-fields", "must be false to be structural"},
    {"x-kubernetes-embedded-resource", "must be false to be structural"},
    {"x-kubernetes-int-or-string", "must be false to be structural"},
    {"x-kubernetes-list-map-keys", "must be empty to be structural"},
    {"x-kubernetes-list-type", "must be undefined to be structural"},
    {"x-kubernetes-map-type", "must be undefined to be structural"},
    {"x-kubernetes-validations", "must be empty to be structural"},
};

/* `skips_any_of`: of the first allOf of an int-or-string. */
static void check_nested(const struct definition_check *check, const yyjson_mut_val *schema, bool skips_any_of, struct str path) {
    if (!schema) return;
    check_values(check, schema, skips_any_of, false, path);
    check_nested(check, definition_get(schema, "items"), false, definition_child(check->arena, path, "items"));
    size_t index, max;
    yyjson_mut_val *key, *property, *properties = definition_get(schema, "properties");
    yyjson_mut_obj_foreach(properties, index, max, key, property)
        check_nested(check, property, false, definition_property_path(check, path, definition_key(key)));
    for (size_t i = 0; i < sizeof not_nested / sizeof not_nested[0]; i++) {
        yyjson_mut_val *value = definition_get(schema, not_nested[i].key);
        if (!value || yyjson_mut_is_false(value)) continue;
        definition_add(check, FIELD_FORBIDDEN, path, not_nested[i].key, NULL, not_nested[i].words);
    }
    if (definition_get(properties, "metadata"))
        definition_add(check, FIELD_FORBIDDEN, definition_property_path(check, path, STR("metadata")), NULL, NULL,
                       "must not be specified in a nested context");
}

static void check_nested_list(const struct definition_check *check, const yyjson_mut_val *schema, const char *list, bool skips_first,
                              struct str path) {
    yyjson_mut_val *items = definition_get(schema, list), *item;
    size_t index, max;
    yyjson_mut_arr_foreach(items, index, max, item)
        check_nested(check, item, skips_first && index == 0, arena_printf(check->arena, "%.*s.%s[%zu]", STR_ARG(path), list, index));
}

static void check_values(const struct definition_check *check, const yyjson_mut_val *schema, bool skips_any_of, bool skips_first_all_of,
                         struct str path) {
    if (!skips_any_of) check_nested_list(check, schema, "anyOf", false, path);
    check_nested_list(check, schema, "allOf", skips_first_all_of, path);
    check_nested_list(check, schema, "oneOf", false, path);
    check_nested(check, definition_get(schema, "not"), false, definition_child(check->arena, path, "not"));
    struct str pattern = definition_text(schema, "pattern");
    struct error error;
    if (pattern.len && !pattern_compile(check->arena, pattern, &error))
        field_errors_add(check->out, FIELD_INVALID, definition_child(check->arena, path, "pattern"), definition_get(schema, "pattern"),
                         "must be a valid regular expression, but isn't: %s", error.message);
}

static void check_type(const struct definition_check *check, const yyjson_mut_val *schema, enum level level, struct str path) {
    struct str type = definition_text(schema, "type");
    bool is_embedded = definition_flag(schema, "x-kubernetes-embedded-resource");
    const yyjson_mut_val *value = definition_get(schema, "type");
    if (is_embedded && !str_is(type, "object")) {
        definition_add(check, type.len ? FIELD_INVALID : FIELD_REQUIRED, path, "type", value,
                       "must be object if x-kubernetes-embedded-resource is true");
    } else if (!type.len && !definition_flag(schema, "x-kubernetes-int-or-string") &&
               !definition_flag(schema, "x-kubernetes-preserve-unknown-fields")) {
        definition_add(check, FIELD_REQUIRED, path, "type", NULL,
                       level == LEVEL_ROOT   ? "must not be empty at the root"
                       : level == LEVEL_ITEM ? "must not be empty for specified array items"
                                             : "must not be empty for specified object fields");
    }
    if (level == LEVEL_ROOT && type.len && !str_is(type, "object"))
        definition_add(check, FIELD_INVALID, path, "type", value, "must be object at the root");
}

/* metadata may restrict name and generateName, and nothing else, at the root. */
static void check_metadata(const struct definition_check *check, const yyjson_mut_val *metadata, enum level level, struct str path) {
    struct str type = definition_text(metadata, "type");
    if (!str_is(type, "object")) definition_add(check, FIELD_INVALID, path, "type", definition_get(metadata, "type"), "must be object");
    if (level != LEVEL_ROOT) return;
    size_t index, max;
    yyjson_mut_val *key, *value;
    yyjson_mut_obj_foreach(json_mut_loose(metadata), index, max, key, value) {
        struct str name = definition_key(key);
        bool is_good = str_is(name, "type") || str_is(name, "description") || str_is(name, "default");
        if (str_is(name, "properties")) {
            size_t at, count;
            yyjson_mut_val *property, *schema;
            is_good = true;
            yyjson_mut_obj_foreach(value, at, count, property, schema) {
                (void)schema;
                is_good = is_good && (str_is(definition_key(property), "name") || str_is(definition_key(property), "generateName"));
            }
        }
        if (is_good) continue;
        definition_add(check, FIELD_FORBIDDEN, path, NULL, NULL,
                       "must not specify anything other than name and generateName, but metadata is implicitly specified");
        return;
    }
}

static void check_resource_fields(const struct definition_check *check, const yyjson_mut_val *schema, enum level level, struct str path) {
    static const char *const texts[] = {"kind", "apiVersion"};
    const yyjson_mut_val *properties = definition_get(schema, "properties"), *metadata = definition_get(properties, "metadata");
    bool is_resource = level == LEVEL_ROOT || definition_flag(schema, "x-kubernetes-embedded-resource");
    for (size_t i = 0; is_resource && i < 2; i++) {
        const yyjson_mut_val *property = definition_get(properties, texts[i]);
        if (property && !str_is(definition_text(property, "type"), "string"))
            definition_add(check, FIELD_INVALID, definition_property_path(check, path, str_of(texts[i])), "type",
                           definition_get(property, "type"), "must be string");
    }
    if (metadata && is_resource) check_metadata(check, metadata, level, definition_property_path(check, path, STR("metadata")));
}

static void check_extensions(const struct definition_check *check, const yyjson_mut_val *schema, struct str path) {
    bool preserves = definition_flag(schema, "x-kubernetes-preserve-unknown-fields"),
         is_embedded = definition_flag(schema, "x-kubernetes-embedded-resource");
    if (definition_flag(schema, "x-kubernetes-int-or-string")) {
        if (preserves)
            definition_add(check, FIELD_INVALID, path, "x-kubernetes-preserve-unknown-fields",
                           definition_get(schema, "x-kubernetes-preserve-unknown-fields"),
                           "must be false if x-kubernetes-int-or-string is true");
        if (is_embedded)
            definition_add(check, FIELD_INVALID, path, "x-kubernetes-embedded-resource",
                           definition_get(schema, "x-kubernetes-embedded-resource"), "must be false if x-kubernetes-int-or-string is true");
    }
    if (is_embedded && definition_get(schema, "additionalProperties"))
        definition_add(check, FIELD_FORBIDDEN, path, "additionalProperties", NULL,
                       "must not be used if x-kubernetes-embedded-resource is set");
    if (is_embedded && !preserves && !yyjson_mut_obj_size(definition_get(schema, "properties")))
        definition_add(check, FIELD_REQUIRED, path, "properties", NULL,
                       "must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields");
}

static void check_schema(const struct definition_check *check, const yyjson_mut_val *schema, enum level level, struct str path) {
    if (!yyjson_mut_is_obj(json_mut_loose(schema))) return;
    const yyjson_mut_val *items = definition_get(schema, "items"), *additional = definition_get(schema, "additionalProperties");
    if (str_is(definition_text(schema, "type"), "array") && !items)
        definition_add(check, FIELD_REQUIRED, path, "items", NULL, "must be specified");
    check_schema(check, items, LEVEL_ITEM, definition_child(check->arena, path, "items"));
    size_t index, max;
    yyjson_mut_val *key, *property;
    yyjson_mut_obj_foreach(definition_get(schema, "properties"), index, max, key, property)
        check_schema(check, property, LEVEL_FIELD, definition_property_path(check, path, definition_key(key)));
    if (additional && level == LEVEL_ROOT)
        definition_add(check, FIELD_FORBIDDEN, path, "additionalProperties", NULL, "must not be used at the root");
    check_schema(check, additional, LEVEL_FIELD, definition_child(check->arena, path, "additionalProperties"));
    check_extensions(check, schema, path);
    yyjson_mut_val *first_all_of = yyjson_mut_arr_get_first(definition_get(schema, "allOf"));
    bool is_int_or_string = definition_flag(schema, "x-kubernetes-int-or-string");
    check_values(check, schema, is_int_or_string && is_int_or_string_pattern(definition_get(schema, "anyOf")),
                 is_int_or_string && is_int_or_string_pattern(definition_get(first_all_of, "anyOf")), path);
    check_type(check, schema, level, path);
    check_resource_fields(check, schema, level, path);
}

static void check_complete(const struct definition_check *check, const yyjson_mut_val *nested, const yyjson_mut_val *schema,
                           struct str place, struct str path);

/* What allOf, anyOf, oneOf and not speak of must be in the schema itself. `place`: of `schema`; `path`: of what speaks of it. */
static void check_junctors_complete(const struct definition_check *check, const yyjson_mut_val *nested, const yyjson_mut_val *schema,
                                    struct str place, struct str path) {
    static const char *const lists[] = {"allOf", "anyOf", "oneOf"};
    check_complete(check, definition_get(nested, "not"), schema, place, definition_child(check->arena, path, "not"));
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        yyjson_mut_val *item;
        size_t index, max;
        yyjson_mut_arr_foreach(definition_get(nested, lists[i]), index, max, item)
            check_complete(check, item, schema, place, arena_printf(check->arena, "%.*s.%s[%zu]", STR_ARG(path), lists[i], index));
    }
}

static void check_complete(const struct definition_check *check, const yyjson_mut_val *nested, const yyjson_mut_val *schema,
                           struct str place, struct str path) {
    if (!nested) return;
    if (!schema) {
        field_errors_add(check->out, FIELD_REQUIRED, place, NULL, "because it is defined in %.*s", STR_ARG(path));
        return;
    }
    check_junctors_complete(check, nested, schema, place, path);
    check_complete(check, definition_get(nested, "items"), definition_get(schema, "items"), definition_child(check->arena, place, "items"),
                   definition_child(check->arena, path, "items"));
    size_t index, max;
    yyjson_mut_val *key, *property, *known = definition_get(schema, "properties");
    yyjson_mut_obj_foreach(definition_get(nested, "properties"), index, max, key, property) {
        struct str name = definition_key(key);
        check_complete(check, property, yyjson_mut_obj_getn(known, name.ptr, name.len), definition_property_path(check, place, name),
                       definition_property_path(check, path, name));
    }
}

struct shown {
    struct str text;
    struct field_error error;
};

static int compare_shown(const void *left, const void *right) {
    return str_compare(((const struct shown *)left)->text, ((const struct shown *)right)->text);
}

/* By their words, as there. */
static void sort_errors(struct field_errors *errors) {
    struct shown *shown = arena_array(errors->arena, errors->count, sizeof *shown);
    for (size_t i = 0; shown && i < errors->count; i++) {
        const struct field_error *error = &errors->items[i];
        shown[i] = (struct shown){arena_join(errors->arena, error->field, STR(": "), field_error_body(errors->arena, error)), *error};
    }
    if (shown) qsort(shown, errors->count, sizeof *shown, compare_shown);
    for (size_t i = 0; shown && i < errors->count; i++) errors->items[i] = shown[i].error;
}

void definition_check_structural(struct arena *arena, const yyjson_mut_val *schema, struct str path, struct field_errors *out) {
    struct field_errors found = {.arena = arena};
    struct definition_check check = {.arena = arena, .out = &found};
    check_schema(&check, schema, LEVEL_ROOT, path);
    check_junctors_complete(&check, schema, schema, path, path);
    if (found.count > 1) sort_errors(&found);
    for (size_t i = 0; i < found.count; i++)
        field_errors_add_text(out, found.items[i].kind, found.items[i].field, found.items[i].value, found.items[i].detail);
}
