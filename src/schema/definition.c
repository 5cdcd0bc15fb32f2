#include "schema/definition.h"

/* Reading and defaulting of CustomResourceDefinitions; definition_validate.c says what is wrong with them. */

static struct str lowered(struct arena *arena, struct str text) {
    char *copy = arena_alloc(arena, text.len + 1);
    if (!copy) return STR_EMPTY;
    for (size_t i = 0; i < text.len; i++) copy[i] = text.ptr[i] >= 'A' && text.ptr[i] <= 'Z' ? (char)(text.ptr[i] + 32) : text.ptr[i];
    return (struct str){copy, text.len};
}

static struct str text_at(yyjson_mut_val *object, const char *key) {
    yyjson_mut_val *value = yyjson_mut_obj_get(object, key);
    return (struct str){yyjson_mut_is_str(value) ? yyjson_mut_get_str(value) : "", yyjson_mut_get_len(value)};
}

/* False when memory is out. */
static bool set_text(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *key, struct str text) {
    yyjson_mut_val *value = yyjson_mut_strn(doc, text.ptr, text.len);
    return yyjson_mut_obj_get(object, key) ? yyjson_mut_obj_replace(object, yyjson_mut_str(doc, key), value)
                                           : yyjson_mut_obj_add_val(doc, object, key, value);
}

/* Keys whose value says nothing are not kept by the type that reads a schema. */
static void drop_empty(yyjson_mut_val *schema) {
    size_t index, max;
    yyjson_mut_val *key, *property;
    if (!yyjson_mut_is_obj(schema)) return;
    if (yyjson_mut_is_null(yyjson_mut_obj_get(schema, "default"))) yyjson_mut_obj_remove_key(schema, "default");
    if (yyjson_mut_is_arr(yyjson_mut_obj_get(schema, "enum")) && !yyjson_mut_arr_size(yyjson_mut_obj_get(schema, "enum")))
        yyjson_mut_obj_remove_key(schema, "enum");
    drop_empty(yyjson_mut_obj_get(schema, "items"));
    drop_empty(yyjson_mut_obj_get(schema, "additionalProperties"));
    yyjson_mut_obj_foreach(yyjson_mut_obj_get(schema, "properties"), index, max, key, property) drop_empty(property);
}

bool definition_default(struct arena *arena, yyjson_mut_doc *doc, yyjson_mut_val *object) {
    yyjson_mut_val *spec = yyjson_mut_obj_get(object, "spec"), *names = yyjson_mut_obj_get(spec, "names");
    yyjson_mut_val *version;
    size_t index, max;
    yyjson_mut_arr_foreach(yyjson_mut_obj_get(spec, "versions"), index, max, version)
        drop_empty(yyjson_mut_obj_get(yyjson_mut_obj_get(version, "schema"), "openAPIV3Schema"));
    if (!yyjson_mut_is_obj(spec) || !yyjson_mut_is_obj(names)) return true; /* validation says so */
    struct str kind = text_at(names, "kind");
    if (kind.len && !text_at(names, "singular").len && !set_text(doc, names, "singular", lowered(arena, kind))) return false;
    if (kind.len && !text_at(names, "listKind").len && !set_text(doc, names, "listKind", arena_join(arena, kind, STR("List"), STR_EMPTY)))
        return false;
    if (yyjson_mut_obj_get(spec, "conversion")) return true;
    yyjson_mut_val *conversion = yyjson_mut_obj_add_obj(doc, spec, "conversion");
    return conversion && set_text(doc, conversion, "strategy", STR("None"));
}

/* Texts, or of objects those of their member `key`. */
static const struct str *read_texts(struct arena *arena, yyjson_val *list, const char *key, size_t *out_count) {
    size_t index, max;
    yyjson_val *item;
    struct str *texts = arena_array(arena, yyjson_arr_size(list) + 1, sizeof *texts);
    *out_count = texts ? yyjson_arr_size(list) : 0;
    yyjson_arr_foreach(list, index, max, item) {
        if (texts) texts[index] = json_text(key ? json_get(item, key) : item);
    }
    return texts;
}

static const struct definition_column *read_columns(struct arena *arena, yyjson_val *list, size_t *out_count) {
    size_t index, max;
    yyjson_val *item;
    struct definition_column *columns = arena_array(arena, yyjson_arr_size(list) + 1, sizeof *columns);
    *out_count = columns ? yyjson_arr_size(list) : 0;
    yyjson_arr_foreach(list, index, max, item) {
        if (!columns) break;
        struct definition_column *column = &columns[index];
        *column = (struct definition_column){.name = json_text(json_get(item, "name")),
                                             .type = json_text(json_get(item, "type")),
                                             .format = json_text(json_get(item, "format")),
                                             .description = json_text(json_get(item, "description")),
                                             .json_path = json_text(json_get(item, "jsonPath"))};
        json_int64(json_get(item, "priority"), &column->priority);
    }
    return columns;
}

static bool read_version(struct arena *arena, yyjson_val *value, struct definition_version *out, struct error *error) {
    yyjson_val *subresources = json_get(value, "subresources"), *scale = json_get(subresources, "scale");
    *out = (struct definition_version){.name = json_text(json_get(value, "name")),
                                       .is_served = json_bool_or(json_get(value, "served"), false),
                                       .is_storage = json_bool_or(json_get(value, "storage"), false),
                                       .is_deprecated = json_bool_or(json_get(value, "deprecated"), false),
                                       .deprecation_warning = json_text(json_get(value, "deprecationWarning")),
                                       .has_status = yyjson_is_obj(json_get(subresources, "status")),
                                       .has_scale = yyjson_is_obj(scale),
                                       .scale_spec_replicas_path = json_text(json_get(scale, "specReplicasPath")),
                                       .scale_status_replicas_path = json_text(json_get(scale, "statusReplicasPath")),
                                       .scale_label_selector_path = json_text(json_get(scale, "labelSelectorPath"))};
    out->columns = read_columns(arena, json_get(value, "additionalPrinterColumns"), &out->column_count);
    out->selectable_fields = read_texts(arena, json_get(value, "selectableFields"), "jsonPath", &out->selectable_field_count);
    yyjson_val *schema = json_path(value, "schema", "openAPIV3Schema", NULL);
    if (!schema) return error_set(error, ERROR_INVALID, "version %s has no schema", QUOTE(out->name));
    out->schema = schema_compile(arena, schema, error);
    return out->schema;
}

bool definition_read(struct arena *arena, const yyjson_val *object, struct definition *out, struct error *error) {
    yyjson_val *spec = json_get(object, "spec"), *names = json_get(spec, "names"), *versions = json_get(spec, "versions"), *value;
    size_t index, max, count = yyjson_arr_size(versions);
    *out = (struct definition){.name = json_text(json_path(object, "metadata", "name", NULL)),
                               .group = json_text(json_get(spec, "group")),
                               .plural = json_text(json_get(names, "plural")),
                               .singular = json_text(json_get(names, "singular")),
                               .kind = json_text(json_get(names, "kind")),
                               .list_kind = json_text(json_get(names, "listKind")),
                               .is_namespaced = json_is_text(json_get(spec, "scope"), "Namespaced"),
                               .version_count = count};
    out->short_names = read_texts(arena, json_get(names, "shortNames"), NULL, &out->short_name_count);
    out->categories = read_texts(arena, json_get(names, "categories"), NULL, &out->category_count);
    struct definition_version *read = arena_array(arena, count + 1, sizeof *read);
    if (!read) return error_set(error, ERROR_MEMORY, "the definition is too large");
    yyjson_arr_foreach(versions, index, max, value) {
        if (!read_version(arena, value, &read[index], error)) return false;
    }
    out->versions = read;
    return count > 0 || error_set(error, ERROR_INVALID, "the definition has no versions");
}
