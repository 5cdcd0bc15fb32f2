/* What is wrong with the schemas of a definition. For schema/ only. */
#ifndef MB_SCHEMA_DEFINITION_INNER_H
#define MB_SCHEMA_DEFINITION_INNER_H

#include "schema/field_error.h"

/* An openAPIV3Schema: structural, its list types, defaults and patterns good. `path`: of the schema in the definition. */
void definition_check_schema(struct arena *arena, const yyjson_mut_val *schema, struct str path, struct field_errors *out);

/* Its x-kubernetes-validations, those of all schemas below too; `may_compile`: the schema itself is good, so that rules can be judged by it. */
void definition_check_rules(struct arena *arena, const yyjson_mut_val *schema, struct str path, bool may_compile, struct field_errors *out);

/* Small helpers that both files need. */
yyjson_mut_val *definition_get(const yyjson_mut_val *object, const char *key);
struct str definition_text(const yyjson_mut_val *object, const char *key);
struct str definition_child(struct arena *arena, struct str path, const char *name);
/* One of a closed list, as field.NotSupported says it. */
void definition_check_choice(struct arena *arena, struct str found, struct str path, const char *const *choices, size_t count, struct field_errors *out);
void definition_require(struct str path, const char *words, struct field_errors *out);

#endif
