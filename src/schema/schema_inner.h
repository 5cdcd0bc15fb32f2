/* A compiled schema's inside. For schema/ only. */
#ifndef MB_SCHEMA_SCHEMA_INNER_H
#define MB_SCHEMA_SCHEMA_INNER_H

#include "schema/schema.h"

enum schema_type { TYPE_ANY, TYPE_OBJECT, TYPE_ARRAY, TYPE_STRING, TYPE_INTEGER, TYPE_NUMBER, TYPE_BOOLEAN };

struct schema_member {
    struct str name;
    const struct schema *schema;
};

struct schema_list {
    const struct schema *const *items;
    size_t count;
};

/* A bound that may be there or not. */
struct schema_bound {
    bool is_set;
    int64_t value;
};
struct schema_limit {
    bool is_set, is_exclusive;
    double value;
};

struct pattern;      /* pattern.h */
struct schema_rules; /* rules.h */

struct schema {
    const yyjson_val *source;
    struct arena *arena; /* its own, for what is compiled late */
    enum schema_type type;
    bool is_nullable, is_int_or_string, preserves_unknown_fields, is_embedded_resource, is_map_atomic, is_root;
    bool forbids_additional; /* additionalProperties: false */
    enum schema_list_type list_type;
    const struct str *list_map_keys;
    size_t list_map_key_count;
    const struct schema_member *properties; /* sorted by name */
    size_t property_count;
    const struct schema *additional; /* additionalProperties' schema */
    const struct schema *items;
    const yyjson_val *default_value;
    /* What schema_validate alone reads. */
    struct str format;
    bool has_format; /* one that is checked */
    const struct pattern *pattern, *format_pattern;
    struct str pattern_text;
    struct schema_bound min_length, max_length, min_items, max_items, min_properties, max_properties;
    struct schema_limit minimum, maximum;
    struct {
        bool is_set;
        double value;
    } multiple_of;
    bool has_unique_items;
    const yyjson_val *enumeration; /* array */
    const yyjson_val *required;    /* array of texts */
    struct schema_list all_of, any_of, one_of;
    const struct schema *not;
    const struct schema_rules *rules; /* NULL: none */
    bool has_rules_below;             /* here or deeper: tells the walk for rules where to go */
    bool has_lists_below; /* sets and maps to check for duplicates, or embedded resources */
};

/* As schema_compile, of a part: no apiVersion, kind and metadata of its own. */
const struct schema *schema_compile_part(struct arena *arena, const yyjson_val *source, struct error *error);

/* Of properties alone. */
const struct schema *schema_find_member(const struct schema *schema, struct str name);
/* The schema of a value under this key: a property's, else of the additional ones; NULL: none. */
const struct schema *schema_of_key(const struct schema *schema, struct str name);

/* Objects of a list of type map, told apart by their keys: the one in `list` with the same keys as `item`; NULL: none. */
const yyjson_mut_val *schema_correlate(const struct schema *schema, const yyjson_mut_val *list, const yyjson_mut_val *item);

/* The value at a path: "spec.a[0].b". In the arena. */
struct str schema_child_path(struct arena *arena, struct str path, struct str key);
struct str schema_index_path(struct arena *arena, struct str path, size_t index);
/* ".x" for a named property, "[x]" for an additional one: as field.Path has it, and kube-openapi has not. */
struct str schema_key_path(const struct schema *schema, struct arena *arena, struct str path, struct str key);

/* Duplicates in sets and maps. */
void schema_validate_lists(const struct schema *schema, const yyjson_mut_val *value, struct str path, struct field_errors *out);
/* Names and kinds of embedded resources. */
void schema_validate_embedded(const struct schema *schema, const yyjson_mut_val *value, struct str path, struct field_errors *out);

#endif
