#include "schema/definition_inner.h"

#include "schema/pattern.h"
#include "schema/schema_inner.h"

/* Structural schemas: apiextensions-apiserver's ValidateStructural and ValidateCustomResourceDefinitionOpenAPISchema. */

enum level { LEVEL_ROOT, LEVEL_ITEM, LEVEL_FIELD };

struct check {
    struct arena *arena;
    struct field_errors *out;
};

static bool flag(const yyjson_mut_val *schema, const char *key) {
    return yyjson_mut_is_true(definition_get(schema, key));
}

static void add(const struct check *check, enum field_error_kind kind, struct str path, const char *key, const yyjson_mut_val *value, const char *words) {
    field_errors_add(check->out, kind, key ? definition_child(check->arena, path, key) : path, value, "%s", words);
}

static struct str property_path(const struct check *check, struct str path, struct str name) {
    return arena_printf(check->arena, "%.*s.properties[%.*s]", STR_ARG(path), STR_ARG(name));
}

static struct str key_text(yyjson_mut_val *key) {
    return (struct str){yyjson_mut_get_str(key), yyjson_mut_get_len(key)};
}

/* anyOf: [{type: integer}, {type: string}] */
static bool is_int_or_string_pattern(const yyjson_mut_val *any_of) {
    yyjson_mut_val *list = (yyjson_mut_val *)(uintptr_t)any_of;
    return yyjson_mut_arr_size(list) == 2 && str_is(definition_text(yyjson_mut_arr_get(list, 0), "type"), "integer") &&
           str_is(definition_text(yyjson_mut_arr_get(list, 1), "type"), "string");
}

static void check_values(const struct check *check, const yyjson_mut_val *schema, bool skips_any_of, bool skips_first_all_of, struct str path);

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
static void check_nested(const struct check *check, const yyjson_mut_val *schema, bool skips_any_of, struct str path) {
    if (!schema) return;
    check_values(check, schema, skips_any_of, false, path);
    check_nested(check, definition_get(schema, "items"), false, definition_child(check->arena, path, "items"));
    size_t index, max;
    yyjson_mut_val *key, *property, *properties = definition_get(schema, "properties");
    yyjson_mut_obj_foreach(properties, index, max, key, property)
        check_nested(check, property, false, property_path(check, path, key_text(key)));
    for (size_t i = 0; i < sizeof not_nested / sizeof not_nested[0]; i++) {
        yyjson_mut_val *value = definition_get(schema, not_nested[i].key);
        if (!value || yyjson_mut_is_false(value)) continue;
        add(check, FIELD_FORBIDDEN, path, not_nested[i].key, NULL, not_nested[i].words);
    }
    if (definition_get(properties, "metadata"))
        add(check, FIELD_FORBIDDEN, property_path(check, path, STR("metadata")), NULL, NULL, "must not be specified in a nested context");
}

static void check_nested_list(const struct check *check, const yyjson_mut_val *schema, const char *list, bool skips_first, struct str path) {
    yyjson_mut_val *items = definition_get(schema, list), *item;
    size_t index, max;
    yyjson_mut_arr_foreach(items, index, max, item)
        check_nested(check, item, skips_first && index == 0, arena_printf(check->arena, "%.*s.%s[%zu]", STR_ARG(path), list, index));
}

static void check_values(const struct check *check, const yyjson_mut_val *schema, bool skips_any_of, bool skips_first_all_of, struct str path) {
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

static void check_type(const struct check *check, const yyjson_mut_val *schema, enum level level, struct str path) {
    static const char *const types[] = {"array", "boolean", "integer", "number", "object", "string"};
    struct str type = definition_text(schema, "type");
    bool is_embedded = flag(schema, "x-kubernetes-embedded-resource"), is_known = false;
    const yyjson_mut_val *value = definition_get(schema, "type");
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) is_known = is_known || str_is(type, types[i]);
    if (type.len && !is_known) definition_check_choice(check->arena, type, definition_child(check->arena, path, "type"), types, 6, check->out);
    if (is_embedded && !str_is(type, "object")) {
        add(check, type.len ? FIELD_INVALID : FIELD_REQUIRED, path, "type", value, "must be object if x-kubernetes-embedded-resource is true");
    } else if (!type.len && !flag(schema, "x-kubernetes-int-or-string") && !flag(schema, "x-kubernetes-preserve-unknown-fields")) {
        add(check, FIELD_REQUIRED, path, "type", NULL,
            level == LEVEL_ROOT   ? "must not be empty at the root"
            : level == LEVEL_ITEM ? "must not be empty for specified array items"
                                  : "must not be empty for specified object fields");
    }
    if (level == LEVEL_ROOT && type.len && !str_is(type, "object")) add(check, FIELD_INVALID, path, "type", value, "must be object at the root");
}

/* metadata may restrict name and generateName, and nothing else, at the root. */
static void check_metadata(const struct check *check, const yyjson_mut_val *metadata, enum level level, struct str path) {
    struct str type = definition_text(metadata, "type");
    if (!str_is(type, "object")) add(check, FIELD_INVALID, path, "type", definition_get(metadata, "type"), "must be object");
    if (level != LEVEL_ROOT) return;
    size_t index, max;
    yyjson_mut_val *key, *value;
    yyjson_mut_obj_foreach((yyjson_mut_val *)(uintptr_t)metadata, index, max, key, value) {
        struct str name = key_text(key);
        bool is_good = str_is(name, "type") || str_is(name, "description");
        if (str_is(name, "properties")) {
            size_t at, count;
            yyjson_mut_val *property, *schema;
            is_good = true;
            yyjson_mut_obj_foreach(value, at, count, property, schema) {
                (void)schema;
                is_good = is_good && (str_is(key_text(property), "name") || str_is(key_text(property), "generateName"));
            }
        }
        if (is_good) continue;
        add(check, FIELD_FORBIDDEN, path, NULL, NULL, "must not specify anything other than name and generateName, but metadata is implicitly specified");
        return;
    }
}

static void check_resource_fields(const struct check *check, const yyjson_mut_val *schema, enum level level, struct str path) {
    static const char *const texts[] = {"kind", "apiVersion"};
    const yyjson_mut_val *properties = definition_get(schema, "properties"), *metadata = definition_get(properties, "metadata");
    bool is_resource = level == LEVEL_ROOT || flag(schema, "x-kubernetes-embedded-resource");
    for (size_t i = 0; is_resource && i < 2; i++) {
        const yyjson_mut_val *property = definition_get(properties, texts[i]);
        if (property && !str_is(definition_text(property, "type"), "string"))
            add(check, FIELD_INVALID, property_path(check, path, str_of(texts[i])), "type", definition_get(property, "type"), "must be string");
    }
    if (metadata && is_resource) check_metadata(check, metadata, level, property_path(check, path, STR("metadata")));
}

static void check_extensions(const struct check *check, const yyjson_mut_val *schema, struct str path) {
    bool preserves = flag(schema, "x-kubernetes-preserve-unknown-fields"), is_embedded = flag(schema, "x-kubernetes-embedded-resource");
    if (flag(schema, "x-kubernetes-int-or-string")) {
        if (preserves)
            add(check, FIELD_INVALID, path, "x-kubernetes-preserve-unknown-fields", definition_get(schema, "x-kubernetes-preserve-unknown-fields"),
                "must be false if x-kubernetes-int-or-string is true");
        if (is_embedded)
            add(check, FIELD_INVALID, path, "x-kubernetes-embedded-resource", definition_get(schema, "x-kubernetes-embedded-resource"),
                "must be false if x-kubernetes-int-or-string is true");
    }
    if (is_embedded && definition_get(schema, "additionalProperties"))
        add(check, FIELD_FORBIDDEN, path, "additionalProperties", NULL, "must not be used if x-kubernetes-embedded-resource is set");
    if (is_embedded && !preserves && !yyjson_mut_obj_size(definition_get(schema, "properties")))
        add(check, FIELD_REQUIRED, path, "properties", NULL,
            "must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields");
    if (yyjson_mut_is_false(definition_get(schema, "x-kubernetes-preserve-unknown-fields")))
        add(check, FIELD_INVALID, path, "x-kubernetes-preserve-unknown-fields", definition_get(schema, "x-kubernetes-preserve-unknown-fields"),
            "must be true or undefined");
}

static void check_map_keys(const struct check *check, const yyjson_mut_val *schema, struct str path) {
    const yyjson_mut_val *items = definition_get(schema, "items"), *properties = definition_get(items, "properties");
    yyjson_mut_val *keys = definition_get(schema, "x-kubernetes-list-map-keys"), *key;
    size_t index, max;
    if (!yyjson_mut_arr_size(keys)) add(check, FIELD_REQUIRED, path, "x-kubernetes-list-map-keys", NULL, "must not be empty if x-kubernetes-list-type is map");
    if (!items) {
        add(check, FIELD_REQUIRED, path, "items", NULL, "must have a schema if x-kubernetes-list-type is map");
        return;
    }
    if (!str_is(definition_text(items, "type"), "object"))
        add(check, FIELD_INVALID, definition_child(check->arena, path, "items"), "type", definition_get(items, "type"),
            "must be object if parent array's x-kubernetes-list-type is map");
    yyjson_mut_arr_foreach(keys, index, max, key) {
        struct str name = key_text(key);
        const yyjson_mut_val *property = yyjson_mut_obj_getn((yyjson_mut_val *)(uintptr_t)properties, name.ptr, name.len);
        struct str type = definition_text(property, "type"), place = property_path(check, definition_child(check->arena, path, "items"), name);
        yyjson_mut_val *required = definition_get(items, "required"), *item;
        size_t at, count;
        bool is_required = false;
        yyjson_mut_arr_foreach(required, at, count, item) is_required = is_required || str_equal(key_text(item), name);
        if (!property) {
            add(check, FIELD_INVALID, path, "x-kubernetes-list-map-keys", keys, "entries must all be names of item properties");
        } else if (str_is(type, "array") || str_is(type, "object")) {
            add(check, FIELD_INVALID, place, "type", definition_get(items, "type"), "must be a scalar type if parent array's x-kubernetes-list-type is map");
        } else if (!is_required && !definition_get(property, "default")) {
            add(check, FIELD_REQUIRED, place, "default", NULL, "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property");
        }
    }
}

static void check_list_type(const struct check *check, const yyjson_mut_val *schema, struct str path) {
    static const char *const list_types[] = {"atomic", "set", "map"}, *const map_types[] = {"atomic", "granular"};
    const yyjson_mut_val *list_type = definition_get(schema, "x-kubernetes-list-type"), *map_type = definition_get(schema, "x-kubernetes-map-type");
    struct str type = definition_text(schema, "type"), list = definition_text(schema, "x-kubernetes-list-type");
    const yyjson_mut_val *items = definition_get(schema, "items");
    if (map_type && !str_is(type, "object"))
        add(check, type.len ? FIELD_INVALID : FIELD_REQUIRED, path, "type", definition_get(schema, "type"), "must be object if x-kubernetes-map-type is specified");
    if (map_type)
        definition_check_choice(check->arena, definition_text(schema, "x-kubernetes-map-type"), definition_child(check->arena, path, "x-kubernetes-map-type"),
                                map_types, 2, check->out);
    if (list_type && !str_is(type, "array"))
        add(check, type.len ? FIELD_INVALID : FIELD_REQUIRED, path, "type", definition_get(schema, "type"), "must be array if x-kubernetes-list-type is specified");
    else if (str_is(list, "set") && str_is(definition_text(items, "type"), "object") && !str_is(definition_text(items, "x-kubernetes-map-type"), "atomic"))
        add(check, FIELD_INVALID, definition_child(check->arena, path, "items"), "x-kubernetes-map-type", definition_get(items, "x-kubernetes-map-type"),
            "must be atomic as item of a list with x-kubernetes-list-type=set");
    if (list_type)
        definition_check_choice(check->arena, list, definition_child(check->arena, path, "x-kubernetes-list-type"), list_types, 3, check->out);
    if (yyjson_mut_arr_size(definition_get(schema, "x-kubernetes-list-map-keys")) && !str_is(list, "map"))
        add(check, list_type ? FIELD_INVALID : FIELD_REQUIRED, path, "x-kubernetes-list-type", list_type, "must be map if x-kubernetes-list-map-keys is non-empty");
    if (str_is(list, "map")) check_map_keys(check, schema, path);
}

static void check_standard(const struct check *check, const yyjson_mut_val *schema, struct str path) {
    static const char *const forbidden[] = {"definitions", "dependencies", "patternProperties", "additionalItems", "id", "$schema"};
    if (flag(schema, "uniqueItems")) add(check, FIELD_FORBIDDEN, path, "uniqueItems", NULL, "uniqueItems cannot be set to true since the runtime complexity becomes quadratic");
    if (definition_text(schema, "$ref").len) add(check, FIELD_FORBIDDEN, path, "$ref", NULL, "$ref is not supported");
    for (size_t i = 0; i < sizeof forbidden / sizeof forbidden[0]; i++) {
        if (definition_get(schema, forbidden[i]))
            field_errors_add(check->out, FIELD_FORBIDDEN, definition_child(check->arena, path, forbidden[i]), NULL, "%s is not supported", forbidden[i]);
    }
    const yyjson_mut_val *additional = definition_get(schema, "additionalProperties");
    if (yyjson_mut_is_false((yyjson_mut_val *)(uintptr_t)additional))
        add(check, FIELD_FORBIDDEN, path, "additionalProperties", NULL, "additionalProperties cannot be set to false");
    if (additional && yyjson_mut_obj_size(definition_get(schema, "properties")))
        add(check, FIELD_FORBIDDEN, path, "additionalProperties", NULL, "additionalProperties and properties are mutual exclusive");
}

/* A default must be as the schema would leave it, and valid. */
static void check_default(const struct check *check, const yyjson_mut_val *schema, struct str path) {
    const yyjson_mut_val *value = definition_get(schema, "default");
    struct error error;
    if (!value) return;
    yyjson_val *source = json_freeze(check->arena, schema);
    const struct schema *compiled = source ? schema_compile_part(check->arena, source, &error) : NULL;
    yyjson_mut_doc *doc = json_builder(check->arena);
    yyjson_mut_val *copy = doc ? yyjson_mut_val_mut_copy(doc, (yyjson_mut_val *)(uintptr_t)value) : NULL;
    struct schema_unknown unknown = {0};
    struct str place = definition_child(check->arena, path, "default");
    if (!compiled || !copy) return;
    struct field_errors errors = {.arena = check->arena};
    schema_prune(compiled, check->arena, doc, copy, &unknown);
    if (unknown.count)
        field_errors_add(check->out, FIELD_INVALID, place, value, "must not have unknown fields: %.*s", STR_ARG(unknown.paths[0]));
    schema_default(compiled, check->arena, doc, copy);
    schema_validate(compiled, check->arena, copy, NULL, &errors);
    for (size_t i = 0; i < errors.count; i++) {
        const struct field_error *found = &errors.items[i];
        bool is_here = !found->field.len || str_is(found->field, "<nil>");
        field_errors_add_text(check->out, found->kind, is_here ? place : arena_join(check->arena, place, STR("."), found->field), found->value, found->detail);
    }
}

static void check_schema(const struct check *check, const yyjson_mut_val *schema, enum level level, struct str path) {
    if (!yyjson_mut_is_obj((yyjson_mut_val *)(uintptr_t)schema)) return;
    const yyjson_mut_val *items = definition_get(schema, "items"), *additional = definition_get(schema, "additionalProperties");
    check_standard(check, schema, path);
    if (str_is(definition_text(schema, "type"), "array") && !items) add(check, FIELD_REQUIRED, path, "items", NULL, "must be specified");
    check_schema(check, items, LEVEL_ITEM, definition_child(check->arena, path, "items"));
    size_t index, max;
    yyjson_mut_val *key, *property;
    yyjson_mut_obj_foreach(definition_get(schema, "properties"), index, max, key, property)
        check_schema(check, property, LEVEL_FIELD, property_path(check, path, key_text(key)));
    if (additional && level == LEVEL_ROOT) add(check, FIELD_FORBIDDEN, path, "additionalProperties", NULL, "must not be used at the root");
    check_schema(check, additional, LEVEL_FIELD, definition_child(check->arena, path, "additionalProperties"));
    check_extensions(check, schema, path);
    yyjson_mut_val *first_all_of = yyjson_mut_arr_get_first(definition_get(schema, "allOf"));
    bool is_int_or_string = flag(schema, "x-kubernetes-int-or-string");
    check_values(check, schema, is_int_or_string && is_int_or_string_pattern(definition_get(schema, "anyOf")),
                 is_int_or_string && is_int_or_string_pattern(definition_get(first_all_of, "anyOf")), path);
    check_type(check, schema, level, path);
    check_resource_fields(check, schema, level, path);
    check_list_type(check, schema, path);
    check_default(check, schema, path);
}

void definition_check_schema(struct arena *arena, const yyjson_mut_val *schema, struct str path, struct field_errors *out) {
    struct check check = {.arena = arena, .out = out};
    size_t before = out->count;
    check_schema(&check, schema, LEVEL_ROOT, path);
    /* Rules of a schema that is wrong would only confuse. */
    definition_check_rules(arena, schema, path, out->count == before, out);
}
