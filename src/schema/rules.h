/* x-kubernetes-validations: compiled with a schema, run against objects. For schema/ only. */
#ifndef MB_SCHEMA_RULES_H
#define MB_SCHEMA_RULES_H

#include "cel/cel.h"
#include "schema/schema_inner.h"

/* One rule; `program` NULL: it did not compile, and `error` says why. */
struct schema_rule {
    struct str rule, message, reason, field_path;
    const struct cel_program *program, *message_program; /* the second NULL: no messageExpression */
    bool is_old_self_optional;
    struct error error, message_error; /* of the two programs; kind ERROR_NONE: none */
};

struct schema_rules {
    const struct schema_rule *items;
    size_t count;
};

/* The rules of one schema, whose parts are compiled already; NULL when memory is out. */
const struct schema_rules *schema_rules_compile(struct arena *arena, const struct schema *schema);
/* Every rule of the schema and below, against the object and what it was (NULL: a create). */
void schema_rules_run(const struct schema *schema, struct arena *arena, const yyjson_mut_val *object, const yyjson_mut_val *old,
                      struct field_errors *out);
/* How many values of a schema's items or additional properties there can be in one object. */
uint64_t schema_cardinality(const struct schema *schema);

#endif
