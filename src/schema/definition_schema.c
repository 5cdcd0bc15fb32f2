#include "schema/definition_inner.h"
#include "schema/schema_inner.h"

/* Schemas of definitions beyond their structure: defaults, list types, keywords (ValidateCustomResourceDefinitionOpenAPISchema). */

void definition_add(const struct definition_check *check, enum field_error_kind kind, struct str path, const char *key,
                    const yyjson_mut_val *value, const char *words) {
    field_errors_add(check->out, kind, key ? definition_child(check->arena, path, key) : path, value, "%s", words);
}

struct str definition_property_path(const struct definition_check *check, struct str path, struct str name) {
    return arena_printf(check->arena, "%.*s.properties[%.*s]", STR_ARG(path), STR_ARG(name));
}

static void check_map_keys(const struct definition_check *check, const yyjson_mut_val *schema, struct str path) {
    const yyjson_mut_val *items = definition_get(schema, "items"), *properties = definition_get(items, "properties");
    yyjson_mut_val *keys = definition_get(schema, "x-kubernetes-list-map-keys"), *key;
    size_t index, max;
    if (!yyjson_mut_arr_size(keys))
        definition_add(check, FIELD_REQUIRED, path, "x-kubernetes-list-map-keys", NULL,
                       "must not be empty if x-kubernetes-list-type is map");
    if (!items) {
        definition_add(check, FIELD_REQUIRED, path, "items", NULL, "must have a schema if x-kubernetes-list-type is map");
        return;
    }
    if (!str_is(definition_text(items, "type"), "object"))
        definition_add(check, FIELD_INVALID, definition_child(check->arena, path, "items"), "type", definition_get(items, "type"),
                       "must be object if parent array's x-kubernetes-list-type is map");
    if (!str_is(definition_text(items, "type"), "object")) return;
    yyjson_mut_arr_foreach(keys, index, max, key) {
        struct str name = definition_key(key);
        const yyjson_mut_val *property = yyjson_mut_obj_getn(json_mut_loose(properties), name.ptr, name.len);
        struct str type = definition_text(property, "type"),
                   place = definition_property_path(check, definition_child(check->arena, path, "items"), name);
        yyjson_mut_val *required = definition_get(items, "required"), *item;
        size_t at, count;
        bool is_required = false;
        yyjson_mut_arr_foreach(required, at, count, item) is_required = is_required || str_equal(definition_key(item), name);
        if (!property) {
            definition_add(check, FIELD_INVALID, path, "x-kubernetes-list-map-keys", keys, "entries must all be names of item properties");
        } else if (str_is(type, "array") || str_is(type, "object")) {
            definition_add(check, FIELD_INVALID, place, "type", definition_get(items, "type"),
                           "must be a scalar type if parent array's x-kubernetes-list-type is map");
        }
        if (property && !is_required && !definition_get(property, "default"))
            definition_add(check, FIELD_REQUIRED, place, "default", NULL,
                           "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property");
        if (property && definition_flag(property, "nullable"))
            definition_add(check, FIELD_FORBIDDEN, place, "nullable", NULL,
                           "this property is in x-kubernetes-list-map-keys, so it cannot be nullable");
    }
}

static struct str map_type_text(struct arena *arena, const yyjson_mut_val *schema) {
    struct str type = definition_text(schema, "x-kubernetes-map-type");
    return type.len ? field_error_quote(arena, type) : STR("null");
}

static void check_list_type(const struct definition_check *check, const yyjson_mut_val *schema, struct str path) {
    static const char *const list_types[] = {"atomic", "set", "map"}, *const map_types[] = {"atomic", "granular"};
    const yyjson_mut_val *list_type = definition_get(schema, "x-kubernetes-list-type"),
                         *map_type = definition_get(schema, "x-kubernetes-map-type");
    struct str type = definition_text(schema, "type"), list = definition_text(schema, "x-kubernetes-list-type");
    const yyjson_mut_val *items = definition_get(schema, "items");
    const yyjson_mut_val *preserves = definition_get(schema, "x-kubernetes-preserve-unknown-fields");
    if (preserves && !definition_flag(schema, "x-kubernetes-preserve-unknown-fields"))
        definition_add(check, FIELD_INVALID, path, "x-kubernetes-preserve-unknown-fields", preserves, "must be true or undefined");
    if (map_type && !str_is(type, "object"))
        definition_add(check, type.len ? FIELD_INVALID : FIELD_REQUIRED, path, "type", definition_get(schema, "type"),
                       "must be object if x-kubernetes-map-type is specified");
    if (map_type)
        definition_check_choice(check->arena, definition_text(schema, "x-kubernetes-map-type"),
                                definition_child(check->arena, path, "x-kubernetes-map-type"), map_types, 2, check->out);
    if (list_type && !str_is(type, "array"))
        definition_add(check, type.len ? FIELD_INVALID : FIELD_REQUIRED, path, "type", definition_get(schema, "type"),
                       "must be array if x-kubernetes-list-type is specified");
    else if (str_is(list, "set") && str_is(definition_text(items, "type"), "array") && definition_get(items, "x-kubernetes-list-type") &&
             !str_is(definition_text(items, "x-kubernetes-list-type"), "atomic"))
        definition_add(check, FIELD_INVALID, definition_child(check->arena, path, "items"), "x-kubernetes-list-type",
                       definition_get(items, "x-kubernetes-list-type"), "must be atomic as item of a list with x-kubernetes-list-type=set");
    else if (str_is(list, "set") && str_is(definition_text(items, "type"), "object") &&
             !str_is(definition_text(items, "x-kubernetes-map-type"), "atomic"))
        field_errors_add_text(check->out, FIELD_INVALID, definition_child(check->arena, path, "items.x-kubernetes-map-type"),
                              map_type_text(check->arena, items), STR("must be atomic as item of a list with x-kubernetes-list-type=set"));
    if (list_type)
        definition_check_choice(check->arena, list, definition_child(check->arena, path, "x-kubernetes-list-type"), list_types, 3,
                                check->out);
    if (yyjson_mut_arr_size(definition_get(schema, "x-kubernetes-list-map-keys")) && !str_is(list, "map"))
        definition_add(check, list_type ? FIELD_INVALID : FIELD_REQUIRED, path, "x-kubernetes-list-type", list_type,
                       "must be map if x-kubernetes-list-map-keys is non-empty");
    if ((str_is(list, "map") || str_is(list, "set")) && definition_flag(items, "nullable"))
        field_errors_add(check->out, FIELD_FORBIDDEN, definition_child(check->arena, path, "items.nullable"), NULL,
                         "cannot be nullable when x-kubernetes-list-type is %.*s", STR_ARG(list));
    if (str_is(list, "map")) check_map_keys(check, schema, path);
}

static const char *const unsupported[] = {"id", "additionalItems", "patternProperties", "definitions", "dependencies", "$ref"};

/* Where defaults may not be, and why. */
static void check_keywords(const struct definition_check *check, const yyjson_mut_val *schema, const char *no_default, struct str path) {
    static const char *const types[] = {"array", "boolean", "integer", "number", "object", "string"};
    struct str type = definition_text(schema, "type");
    if (type.len) definition_check_choice(check->arena, type, definition_child(check->arena, path, "type"), types, 6, check->out);
    if (no_default && definition_get(schema, "default"))
        field_errors_add(check->out, FIELD_FORBIDDEN, definition_child(check->arena, path, "default"), NULL, "must not be set %s",
                         no_default);
    for (size_t i = 0; i < sizeof unsupported / sizeof unsupported[0]; i++) {
        if (definition_get(schema, unsupported[i]))
            field_errors_add(check->out, FIELD_FORBIDDEN, definition_child(check->arena, path, unsupported[i]), NULL, "%s is not supported",
                             unsupported[i]);
    }
    if (yyjson_mut_is_arr(definition_get(schema, "items")))
        definition_add(check, FIELD_FORBIDDEN, path, "items", NULL, "items must be a schema object and not an array");
    if (str_is(type, "null"))
        definition_add(check, FIELD_FORBIDDEN, path, "type", NULL, "type cannot be set to null, use nullable as an alternative");
    if (definition_flag(schema, "uniqueItems"))
        definition_add(check, FIELD_FORBIDDEN, path, "uniqueItems", NULL,
                       "uniqueItems cannot be set to true since the runtime complexity becomes quadratic");
    const yyjson_mut_val *additional = definition_get(schema, "additionalProperties");
    if (additional && !definition_flag(schema, "additionalProperties") && yyjson_mut_obj_size(definition_get(schema, "properties")))
        definition_add(check, FIELD_FORBIDDEN, path, "additionalProperties", NULL,
                       "additionalProperties and properties are mutual exclusive");
}

/* A default must be as pruning leaves it, and valid without what is below being filled in. */
static void check_default(const struct definition_check *check, const yyjson_mut_val *schema, struct str path) {
    const yyjson_mut_val *value = definition_get(schema, "default");
    struct error error;
    if (!value) return;
    yyjson_val *source = json_freeze(check->arena, schema);
    const struct schema *compiled = source ? schema_compile_part(check->arena, source, &error) : NULL;
    yyjson_mut_doc *doc = json_builder(check->arena);
    yyjson_mut_val *copy = doc ? yyjson_mut_val_mut_copy(doc, json_mut_loose(value)) : NULL;
    struct schema_unknown unknown = {0};
    struct str place = definition_child(check->arena, path, "default");
    if (!compiled || !copy) return;
    struct field_errors errors = {.arena = check->arena};
    schema_prune(compiled, check->arena, doc, copy, &unknown);
    if (unknown.count) {
        field_errors_add(check->out, FIELD_INVALID, place, value, "must not have unknown fields");
        return;
    }
    schema_validate(compiled, check->arena, copy, NULL, &errors);
    for (size_t i = 0; i < errors.count; i++) {
        const struct field_error *found = &errors.items[i];
        bool is_here = !found->field.len || str_is(found->field, "<nil>");
        field_errors_add_text(check->out, found->kind, is_here ? place : arena_join(check->arena, place, STR("."), found->field),
                              found->value, found->detail);
    }
}

static const char *no_default_below(struct str name, bool is_root, const char *no_default) {
    if (!is_root) return no_default;
    if (str_is(name, "metadata")) return "in top-level metadata";
    if (str_is(name, "kind")) return "in top-level kind";
    return str_is(name, "apiVersion") ? "in top-level apiVersion" : no_default;
}

/* Of the whole tree, but not below metadata and the like, which have their own rules. */
static void check_defaults(const struct definition_check *check, const yyjson_mut_val *schema, bool is_root, struct str path) {
    size_t index, max;
    yyjson_mut_val *key, *property;
    if (!schema) return;
    check_default(check, schema, path);
    check_defaults(check, definition_get(schema, "items"), false, definition_child(check->arena, path, "items"));
    yyjson_mut_obj_foreach(definition_get(schema, "properties"), index, max, key, property) {
        if (!no_default_below(definition_key(key), is_root, NULL))
            check_defaults(check, property, false, definition_property_path(check, path, definition_key(key)));
    }
}

static void check_schema(const struct definition_check *check, const yyjson_mut_val *schema, bool is_root, const char *no_default,
                         struct str path) {
    if (!yyjson_mut_is_obj(json_mut_loose(schema))) return;
    size_t index, max;
    yyjson_mut_val *key, *property;
    check_keywords(check, schema, no_default, path);
    check_schema(check, definition_get(schema, "additionalProperties"), false, no_default,
                 definition_child(check->arena, path, "additionalProperties"));
    yyjson_mut_obj_foreach(definition_get(schema, "properties"), index, max, key, property)
        check_schema(check, property, false, no_default_below(definition_key(key), is_root, no_default),
                     definition_property_path(check, path, definition_key(key)));
    check_schema(check, definition_get(schema, "items"), false, no_default, definition_child(check->arena, path, "items"));
    check_list_type(check, schema, path);
}

/* Somewhere in the tree: structure is then not judged. */
static bool has_unsupported(const yyjson_mut_val *schema) {
    size_t index, max;
    yyjson_mut_val *key, *property, *items = definition_get(schema, "items");
    if (!yyjson_mut_is_obj(json_mut_loose(schema))) return false;
    for (size_t i = 0; i < sizeof unsupported / sizeof unsupported[0]; i++) {
        if (definition_get(schema, unsupported[i])) return true;
    }
    if (yyjson_mut_is_arr(items) || has_unsupported(items) || has_unsupported(definition_get(schema, "additionalProperties"))) return true;
    yyjson_mut_obj_foreach(definition_get(schema, "properties"), index, max, key, property) {
        if (has_unsupported(property)) return true;
    }
    return false;
}

void definition_check_schema(struct arena *arena, const yyjson_mut_val *schema, struct str path, struct field_errors *out) {
    struct definition_check check = {.arena = arena, .out = out};
    size_t before = out->count;
    if (definition_flag(schema, "nullable"))
        definition_add(&check, FIELD_FORBIDDEN, path, "nullable", NULL, "nullable cannot be true at the root");
    if (!has_unsupported(schema)) definition_check_structural(arena, schema, path, out);
    if (out->count == before) check_defaults(&check, schema, true, path);
    check_schema(&check, schema, true, NULL, path);
    /* Rules of a schema that is wrong would only confuse. */
    definition_check_rules(arena, schema, path, out->count == before, out);
}
