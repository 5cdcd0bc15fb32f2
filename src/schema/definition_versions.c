#include "schema/definition_inner.h"
#include "schema/name_rules.h"

/* The versions of a definition: names, columns, subresources, selectable fields (apiextensions' validation.go). */

static bool is_simple_path(struct arena *arena, struct str text, struct str path, struct field_errors *out) {
    if (text.len && text.ptr[0] == '.') return true;
    definition_add_invalid(arena, path, text, text.len ? "must be a simple json path starting with ." : "must not be empty", out);
    return false;
}

static void check_scale_path(struct arena *arena, const yyjson_mut_val *scale, const char *key, const char *const *roots, size_t root_count,
                             const char *words, bool is_required, struct str path, struct field_errors *out) {
    struct str text = definition_text(scale, key), place = arena_printf(arena, "%.*s.scale.%s", STR_ARG(path), key);
    if (!text.len) {
        if (is_required) definition_require(place, "", out);
        return;
    }
    if (!is_simple_path(arena, text, place, out)) return;
    for (size_t i = 0; i < root_count; i++) {
        if (str_starts_with(text, str_of(roots[i]))) return;
    }
    definition_add_invalid(arena, place, text, words, out);
}

static void check_subresources(struct arena *arena, const yyjson_mut_val *subresources, struct str path, struct field_errors *out) {
    static const char *const spec[] = {".spec."}, *const status[] = {".status."}, *const both[] = {".spec.", ".status."};
    const yyjson_mut_val *scale = definition_get(subresources, "scale");
    if (!scale) return;
    check_scale_path(arena, scale, "specReplicasPath", spec, 1, "should be a json path under .spec", true, path, out);
    check_scale_path(arena, scale, "statusReplicasPath", status, 1, "should be a json path under .status", true, path, out);
    check_scale_path(arena, scale, "labelSelectorPath", both, 2, "should be a json path under either .spec or .status", false, path, out);
}

static void check_column(struct arena *arena, const yyjson_mut_val *column, struct str path, struct field_errors *out) {
    static const char *const types[] = {"boolean", "date", "integer", "number", "string"};
    static const char type_words[] = "must be one of boolean,date,integer,number,string";
    static const char *const formats[] = {"byte", "date", "date-time", "double", "float", "int32", "int64", "password"};
    struct str type = definition_text(column, "type"), format = definition_text(column, "format"),
               json_path = definition_text(column, "jsonPath");
    bool is_type = false, is_format = !format.len;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) is_type = is_type || str_is(type, types[i]);
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) is_format = is_format || str_is(format, formats[i]);
    if (!definition_text(column, "name").len) definition_require(definition_child(arena, path, "name"), "", out);
    if (!type.len)
        definition_require(definition_child(arena, path, "type"), type_words, out);
    else if (!is_type)
        definition_add_invalid(arena, definition_child(arena, path, "type"), type, type_words, out);
    if (!is_format)
        definition_add_invalid(arena, definition_child(arena, path, "format"), format,
                               "must be one of byte,date,date-time,double,float,int32,int64,password", out);
    if (!json_path.len)
        definition_require(definition_child(arena, path, "JSONPath"), "", out);
    else
        is_simple_path(arena, json_path, definition_child(arena, path, "JSONPath"), out);
}

static void check_deprecation(struct arena *arena, const yyjson_mut_val *version, struct str path, struct field_errors *out) {
    const yyjson_mut_val *warning = definition_get(version, "deprecationWarning");
    struct str text = definition_text(version, "deprecationWarning"), place = definition_child(arena, path, "deprecationWarning");
    if (!warning) return;
    if (!yyjson_mut_is_true(definition_get(version, "deprecated"))) {
        definition_add_invalid(arena, place, text, "can only be set for deprecated versions", out);
        return;
    }
    if (text.len > 256) definition_add_invalid(arena, place, text, "must be <= 256 characters long", out);
    if (!text.len) definition_add_invalid(arena, place, text, "must not be an empty string", out);
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.ptr[i] >= 0x20 && text.ptr[i] != 0x7f) continue;
        struct str words =
            arena_printf(arena, "must only contain printable UTF-8 characters; non-printable character found at index %zu", i);
        field_errors_add_text(out, FIELD_INVALID, place, field_error_quote(arena, text), words);
        return;
    }
}

/* The field that a path of plain names leads to; NULL, else what is wrong with it. */
static const char *find_field(struct str path, const yyjson_mut_val **schema) {
    while (path.len) {
        if (path.ptr[0] == '[') return "array notation is not allowed";
        if (path.ptr[0] != '.') return "expected [ or . but got: ";
        if (path.len == 1) return "unexpected end of JSON path";
        size_t end = 1;
        while (end < path.len && path.ptr[end] != '.' && path.ptr[end] != '[' && path.ptr[end] != ']') end++;
        yyjson_mut_val *properties = definition_get(*schema, "properties");
        const yyjson_mut_val *additional = definition_get(*schema, "additionalProperties");
        *schema = properties ? yyjson_mut_obj_getn(properties, path.ptr + 1, end - 1) : additional;
        if (!*schema) return "does not refer to a valid field";
        path = str_from(path, end);
    }
    return NULL;
}

static bool is_selectable(const yyjson_mut_val *schema) {
    struct str type = definition_text(schema, "type");
    return str_is(type, "string") || str_is(type, "boolean") || str_is(type, "integer");
}

/* What was not met before among the first `count` fields. */
static bool is_new_field(yyjson_mut_val *fields, size_t count, struct str path) {
    size_t index, max;
    yyjson_mut_val *field;
    yyjson_mut_arr_foreach(fields, index, max, field) {
        if (index >= count) break;
        if (str_equal(definition_text(field, "jsonPath"), path)) return false;
    }
    return true;
}

static void check_selectable_field(struct arena *arena, const yyjson_mut_val *schema, struct str text, struct str place,
                                   struct field_errors *out) {
    const char *complaint = find_field(text, &schema);
    if (complaint) {
        struct str got = str_ends_with(str_of(complaint), STR(": ")) ? text : STR_EMPTY;
        definition_add_invalid(arena, place, text, arena_printf(arena, "is an invalid path: %s%.*s", complaint, STR_ARG(got)).ptr, out);
        return;
    }
    if (str_is(text, ".metadata") || str_starts_with(text, STR(".metadata.")))
        definition_add_invalid(arena, place, text, "must not point to fields in metadata", out);
    if (!is_selectable(schema))
        definition_add_invalid(
            arena, place, text,
            "must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.", out);
}

enum { MOST_SELECTABLE_FIELDS = 8 };

static void check_selectable(struct arena *arena, const yyjson_mut_val *version, struct str path, struct field_errors *out) {
    yyjson_mut_val *fields = definition_get(version, "selectableFields"), *field;
    const yyjson_mut_val *schema = definition_get(definition_get(version, "schema"), "openAPIV3Schema");
    size_t index, max, count = 0;
    yyjson_mut_arr_foreach(fields, index, max, field) {
        struct str place = arena_printf(arena, "%.*s.selectableFields[%zu].jsonPath", STR_ARG(path), index),
                   text = definition_text(field, "jsonPath");
        if (!text.len) {
            definition_require(place, "", out);
            continue;
        }
        size_t before = out->count;
        check_selectable_field(arena, schema, text, place, out);
        bool is_new = is_new_field(fields, index, text);
        count += is_new;
        if (!is_new && out->count == before) field_errors_add_text(out, FIELD_DUPLICATE, place, field_error_quote(arena, text), STR_EMPTY);
    }
    if (count > MOST_SELECTABLE_FIELDS)
        field_errors_add_text(out, FIELD_TOO_MANY, definition_child(arena, path, "selectableFields"), arena_printf(arena, "%zu", count),
                              STR("must have at most 8 items"));
}

/* What versions may say each for itself. Said alike by all of them it counts as the spec's own: apiextensions holds it so, and tells so. */
enum part { PART_SCHEMA, PART_SUBRESOURCES, PART_COLUMNS, PART_SELECTABLE, PART_COUNT };
static const char *const part_keys[PART_COUNT] = {"schema", "subresources", "additionalPrinterColumns", "selectableFields"};

static bool is_shared(yyjson_mut_val *versions, enum part part) {
    yyjson_mut_val *first = yyjson_mut_arr_get_first(versions), *version;
    size_t index, max;
    yyjson_mut_arr_foreach(versions, index, max, version) {
        if (!json_mut_equal(definition_get(first, part_keys[part]), definition_get(version, part_keys[part]))) return false;
    }
    return first;
}

static void check_part(struct arena *arena, const yyjson_mut_val *version, enum part part, struct str path, bool is_of_spec,
                       struct field_errors *out) {
    yyjson_mut_val *value = definition_get(version, part_keys[part]), *column;
    const yyjson_mut_val *schema;
    size_t index, max;
    switch (part) {
    case PART_SCHEMA:
        schema = definition_get(value, "openAPIV3Schema");
        if (schema)
            definition_check_schema(
                arena, schema, definition_child(arena, path, is_of_spec ? "validation.openAPIV3Schema" : "schema.openAPIV3Schema"), out);
        return;
    case PART_SUBRESOURCES: check_subresources(arena, value, definition_child(arena, path, "subresources"), out); return;
    case PART_COLUMNS:
        yyjson_mut_arr_foreach(value, index, max, column)
            check_column(arena, column, arena_printf(arena, "%.*s.additionalPrinterColumns[%zu]", STR_ARG(path), index), out);
        return;
    case PART_SELECTABLE:
    default: check_selectable(arena, version, path, out);
    }
}

void definition_check_shared(struct arena *arena, const yyjson_mut_val *spec, struct field_errors *out) {
    yyjson_mut_val *versions = definition_get(spec, "versions");
    for (enum part part = 0; part < PART_COUNT; part++) {
        if (is_shared(versions, part)) check_part(arena, yyjson_mut_arr_get_first(versions), part, STR("spec"), true, out);
    }
}

static struct str printed(struct arena *arena, const yyjson_mut_val *value) {
    size_t length = 0;
    yyjson_alc allocator = json_allocator(arena);
    char *text = value ? yyjson_mut_val_write_opts(value, 0, &allocator, &length, NULL) : NULL;
    return text ? field_error_json(arena, (struct str){text, length}) : STR("null");
}

/* The list as Go's encoder writes apiextensions' own form of it. */
static struct str versions_text(struct arena *arena, yyjson_mut_val *versions) {
    static const char *const names[PART_COUNT] = {"Schema", "Subresources", "AdditionalPrinterColumns", "SelectableFields"};
    if (!versions) return STR("null");
    struct str text = STR("[");
    yyjson_mut_val *version;
    size_t index, max;
    yyjson_mut_arr_foreach(versions, index, max, version) {
        text = arena_printf(arena, "%.*s%s{\"Name\":%.*s,\"Served\":%s,\"Storage\":%s,\"Deprecated\":%s,\"DeprecationWarning\":%.*s",
                            STR_ARG(text), index ? "," : "", STR_ARG(printed(arena, definition_get(version, "name"))),
                            definition_flag(version, "served") ? "true" : "false", definition_flag(version, "storage") ? "true" : "false",
                            definition_flag(version, "deprecated") ? "true" : "false",
                            STR_ARG(printed(arena, definition_get(version, "deprecationWarning"))));
        for (enum part part = 0; part < PART_COUNT; part++) {
            struct str value = is_shared(versions, part) ? STR("null") : printed(arena, definition_get(version, part_keys[part]));
            text = arena_printf(arena, "%.*s,\"%s\":%.*s", STR_ARG(text), names[part], STR_ARG(value));
        }
        text = arena_join(arena, text, STR("}"), STR_EMPTY);
    }
    return arena_join(arena, text, STR("]"), STR_EMPTY);
}

static void check_version(struct arena *arena, yyjson_mut_val *versions, const yyjson_mut_val *version, size_t index,
                          struct field_errors *out) {
    struct str path = arena_printf(arena, "spec.versions[%zu]", index), name = definition_text(version, "name");
    definition_check_name(arena, NAME_DNS1035_LABEL, name, name, definition_child(arena, path, "name"), "", out);
    check_deprecation(arena, version, path, out);
    for (enum part part = 0; part < PART_COUNT; part++) {
        if (!is_shared(versions, part)) check_part(arena, version, part, path, false, out);
    }
}

void definition_check_versions(struct arena *arena, const yyjson_mut_val *spec, struct field_errors *out) {
    yyjson_mut_val *versions = definition_get(spec, "versions"), *version, *other;
    size_t index, max, before, other_max, storage_count = 0;
    bool is_unique = true;
    yyjson_mut_arr_foreach(versions, index, max, version) {
        if (!definition_get(definition_get(version, "schema"), "openAPIV3Schema"))
            definition_require(arena_printf(arena, "spec.versions[%zu].schema.openAPIV3Schema", index), "", out);
    }
    yyjson_mut_arr_foreach(versions, index, max, version) {
        storage_count += yyjson_mut_is_true(definition_get(version, "storage"));
        yyjson_mut_arr_foreach(versions, before, other_max, other) {
            if (before >= index) break;
            is_unique = is_unique && !str_equal(definition_text(version, "name"), definition_text(other, "name"));
        }
        check_version(arena, versions, version, index, out);
    }
    struct str path = STR("spec.versions"), first = definition_text(yyjson_mut_arr_get_first(versions), "name");
    if (!is_unique)
        field_errors_add_text(out, FIELD_INVALID, path, versions_text(arena, versions), STR("must contain unique version names"));
    if (storage_count != 1)
        field_errors_add_text(out, FIELD_INVALID, path, versions_text(arena, versions),
                              STR("must have exactly one version marked as storage version"));
    if (first.len) definition_check_name(arena, NAME_DNS1035_LABEL, first, first, STR("spec.version"), "", out);
}
