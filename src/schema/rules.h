/* x-kubernetes-validations of a compiled schema: rules in CEL, compiled with it and run against objects. For schema/ only. */
#ifndef MB_SCHEMA_RULES_H
#define MB_SCHEMA_RULES_H

#include "cel/cel.h"
#include "schema/schema_inner.h"

/* A type for CEL, and the fewest bytes that a value of it takes in JSON. */
struct schema_cel_type {
    const struct cel_type *type; /* NULL: not known to CEL */
    int64_t least_bytes;
};

/* `is_resource`: apiVersion, kind and metadata's names are known too. Exhausted arenas give NULL. */
struct schema_cel_type schema_cel_type(struct arena *arena, const struct schema *schema, bool is_resource);

struct schema_rule {
    const yyjson_val *source;
    struct str rule, message, field_path; /* trimmed; the path normalized: "a.b" */
    struct str message_expression;        /* as written */
    enum field_error_kind reason;
    bool is_old_self_optional, uses_old_self;
    /* NULL: it does not compile, and why; of the message: or there is none. */
    const struct cel_program *program, *message_program;
    struct str complaint, message_complaint;
};

struct schema_rules {
    struct schema_rule *items;
    size_t count;
    int64_t least_bytes; /* of a value that they are about */
};

/* Compiles the rules of one schema, those below being done. False when memory is out. */
bool schema_rules_compile(struct arena *arena, struct schema *schema, struct error *error);
/* Runs all rules of the tree within the budget of one object; `old` NULL: a create. */
void schema_rules_run(const struct schema *schema, const yyjson_mut_val *object, const yyjson_mut_val *old, struct field_errors *out);
/* Whether the path (".spec.x", "['a b']") leads to a known field; the path as errors show it. */
bool schema_field_path(const struct schema *schema, struct arena *arena, struct str path, struct str *out);

#endif
