/*
 * A structural schema (apiextensions.k8s.io/v1 JSONSchemaProps, or one of the built-in kinds), compiled once and then applied to objects:
 *
 *   schema_prune        drops fields that it does not know (and says which, for fieldValidation)
 *   schema_default      fills in defaults
 *   schema_validate     says what is wrong, word for word as kube-apiserver 1.34 does; runs x-kubernetes-validations
 *
 * Objects are yyjson_mut_val trees of the caller's document. Pure. A schema is immutable and lives in its arena.
 */
#ifndef MB_SCHEMA_SCHEMA_H
#define MB_SCHEMA_SCHEMA_H

#include "schema/field_error.h"

struct schema;

/*
 * Compiles the openAPIV3Schema of a definition that definition_validate has accepted (or one of our built-in ones). Views into
 * `source`, which must live as long. apiVersion, kind and metadata of the root (and of embedded resources) are known even where the
 * schema does not name them; metadata's inside is not pruned here: object metadata has its own rules. NULL and `error` when memory is out.
 */
const struct schema *schema_compile(struct arena *arena, const yyjson_val *open_api_v3_schema, struct error *error);

/* What the schema was compiled from, for OpenAPI documents. */
const yyjson_val *schema_source(const struct schema *schema);

/* Walks for other modules (managed fields, OpenAPI, strategic merge). NULL: not known, or anything goes. */
const struct schema *schema_property(const struct schema *schema, struct str name); /* properties, else additionalProperties */
const struct schema *schema_items(const struct schema *schema);
bool schema_is_property(const struct schema *schema, struct str name); /* a named one */
/* x-kubernetes-list-type, x-kubernetes-map-type */
enum schema_list_type { SCHEMA_LIST_ATOMIC, SCHEMA_LIST_SET, SCHEMA_LIST_MAP };
enum schema_list_type schema_list_type(const struct schema *schema);
const struct str *schema_list_map_keys(const struct schema *schema, size_t *out_count);
bool schema_is_map_atomic(const struct schema *schema);
bool schema_preserves_unknown_fields(const struct schema *schema);
bool schema_is_embedded_resource(const struct schema *schema);
/* "object", "array", "string", "integer", "number", "boolean"; empty: any (x-kubernetes-int-or-string, preserve-unknown-fields) */
struct str schema_type(const struct schema *schema);
bool schema_is_int_or_string(const struct schema *schema);
const yyjson_val *schema_default_value(const struct schema *schema); /* NULL: none */

/* Paths of what was dropped ("spec.foo", "spec.list[0].bar"), sorted; LIMIT_UNKNOWN_FIELDS at most. */
struct schema_unknown {
    struct str *paths;
    size_t count, capacity;
};
/* `unknown` may be NULL. False when the arena is exhausted. */
bool schema_prune(const struct schema *schema, struct arena *arena, yyjson_mut_doc *doc, yyjson_mut_val *object,
                  struct schema_unknown *unknown);
bool schema_default(const struct schema *schema, struct arena *arena, yyjson_mut_doc *doc, yyjson_mut_val *object);
/*
 * `old` (NULL on create) is the object before: transition rules (oldSelf) and ratcheting (an error in a part that did not change is
 * tolerated, as CRDValidationRatcheting does). `is_status`: an update through the status subresource.
 */
void schema_validate(const struct schema *schema, struct arena *arena, const yyjson_mut_val *object, const yyjson_mut_val *old,
                     struct field_errors *out);

#endif
