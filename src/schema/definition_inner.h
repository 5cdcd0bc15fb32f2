/* What is wrong with the schemas of a definition. For schema/ only. */
#ifndef MB_SCHEMA_DEFINITION_INNER_H
#define MB_SCHEMA_DEFINITION_INNER_H

#include "schema/field_error.h"
#include "schema/name_rules.h"

/* An openAPIV3Schema: structural, its list types, defaults and patterns good. `path`: of the schema in the definition. */
void definition_check_schema(struct arena *arena, const yyjson_mut_val *schema, struct str path, struct field_errors *out);

/* Its x-kubernetes-validations, those of all schemas below too; `may_compile`: the schema itself is good, so that rules can be judged by
 * it. */
void definition_check_rules(struct arena *arena, const yyjson_mut_val *schema, struct str path, bool may_compile, struct field_errors *out);

/* spec.versions, each for itself. */
void definition_check_versions(struct arena *arena, const yyjson_mut_val *spec, struct field_errors *out);

/* What all of them say alike, which is told after the names. */
void definition_check_shared(struct arena *arena, const yyjson_mut_val *spec, struct field_errors *out);

/* Whether it is structural. */
void definition_check_structural(struct arena *arena, const yyjson_mut_val *schema, struct str path, struct field_errors *out);

/* Small helpers that the files need. */
struct definition_check {
    struct arena *arena;
    struct field_errors *out;
};
/* Complains of `key` of the schema at `path`; NULL: of the schema. */
void definition_add(const struct definition_check *check, enum field_error_kind kind, struct str path, const char *key,
                    const yyjson_mut_val *value, const char *words);
struct str definition_property_path(const struct definition_check *check, struct str path, struct str name);
yyjson_mut_val *definition_get(const yyjson_mut_val *object, const char *key);
struct str definition_text(const yyjson_mut_val *object, const char *key);
struct str definition_child(struct arena *arena, struct str path, const char *name);
/* One of a closed list, as field.NotSupported says it. */
void definition_check_choice(struct arena *arena, struct str found, struct str path, const char *const *choices, size_t count,
                             struct field_errors *out);
/* The rule's complaints of `checked` as one error, joined by commas, with `before` in front; told is `shown`. */
void definition_check_name(struct arena *arena, enum name_rule rule, struct str checked, struct str shown, struct str path,
                           const char *before, struct field_errors *out);
void definition_add_invalid(struct arena *arena, struct str path, struct str value, const char *words, struct field_errors *out);
void definition_require(struct str path, const char *words, struct field_errors *out);

static inline bool definition_flag(const yyjson_mut_val *schema, const char *key) {
    return yyjson_mut_is_true(definition_get(schema, key));
}
static inline struct str definition_key(yyjson_mut_val *key) {
    return (struct str){yyjson_mut_get_str(key), yyjson_mut_get_len(key)};
}

#endif
