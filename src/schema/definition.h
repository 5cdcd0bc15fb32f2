/*
 * A CustomResourceDefinition (apiextensions.k8s.io/v1): defaulted, validated as kube-apiserver 1.34 does (structural schemas, names,
 * versions, list types, defaults, CEL rules that compile and fit their cost), and read into what a server needs.
 */
#ifndef MB_SCHEMA_DEFINITION_H
#define MB_SCHEMA_DEFINITION_H

#include "schema/schema.h"

struct definition_column {
    struct str name, type, format, description, json_path;
    int64_t priority;
};

struct definition_version {
    struct str name;
    bool is_served, is_storage, is_deprecated;
    struct str deprecation_warning; /* empty: the default words */
    const struct schema *schema;
    const struct definition_column *columns; /* additionalPrinterColumns */
    size_t column_count;
    const struct str *selectable_fields; /* JSON paths */
    size_t selectable_field_count;
    bool has_status, has_scale;
    struct str scale_spec_replicas_path, scale_status_replicas_path, scale_label_selector_path; /* ".spec.replicas" */
};

struct definition {
    struct str name, group, plural, singular, kind, list_kind;
    const struct str *short_names;
    size_t short_name_count;
    const struct str *categories;
    size_t category_count;
    bool is_namespaced;
    const struct definition_version *versions; /* in the order of the spec */
    size_t version_count;
};

/* Fills in what the API defaults: singular, listKind, conversion, ... of a v1 CustomResourceDefinition, in place. */
bool definition_default(struct arena *arena, yyjson_mut_doc *doc, yyjson_mut_val *object);
/* `old` NULL: a create. Metadata is not looked at, but for the name, which must be <plural>.<group>. */
void definition_validate(struct arena *arena, const yyjson_mut_val *object, const yyjson_mut_val *old, struct field_errors *out);
/* Reads an accepted definition; views into `object`, which must live as long as the arena. */
bool definition_read(struct arena *arena, const yyjson_val *object, struct definition *out, struct error *error);

#endif
