/*
 * The Common Expression Language, as far as Kubernetes' x-kubernetes-validations use it: parsed, type-checked against a declared
 * type of `self`, and evaluated on JSON values with a bound on cost. Pure.
 *
 *   cel_compile(arena, source, &environment, &program, error)      once, when a definition is created; what does not compile is refused
 *   cel_evaluate(program, arena, self, old_self, &budget, &value, error)
 *
 * Built: literals, operators, ternary, `in`, indexing, field selection, has(), size(), all/exists/exists_one/map/filter (one and two
 * variables where Kubernetes has them), type conversions, strings (contains, startsWith, endsWith, matches, and the strings extension),
 * lists (isSorted, sum, min, max, indexOf, lastIndexOf), regex find/findAll, url, ip/cidr, quantity, format, timestamps and durations,
 * optional types (optionalOldSelf); what is not built does not compile, and says so.
 */
#ifndef MB_CEL_CEL_H
#define MB_CEL_CEL_H

#include "data/json.h"

/* A declared type. Immutable; trees may be shared. Names of fields are escaped as Kubernetes does (cel_escape_field). */
enum cel_type_kind {
    CEL_DYN, /* anything: x-kubernetes-preserve-unknown-fields, int-or-string */
    CEL_BOOL,
    CEL_INT,
    CEL_UINT,
    CEL_DOUBLE,
    CEL_STRING,
    CEL_BYTES,
    CEL_TIMESTAMP,
    CEL_DURATION,
    CEL_NULL,
    CEL_LIST,   /* element */
    CEL_MAP,    /* element: of values; keys are strings */
    CEL_OBJECT, /* fields */
    CEL_TYPE_TYPE,
    CEL_QUANTITY,
    CEL_IP,
    CEL_CIDR,
    CEL_URL,
    CEL_OPTIONAL, /* element */
    CEL_ABSTRACT, /* internal to cel/: type parameters */
};

struct cel_field {
    struct str name;     /* as in JSON */
    struct str cel_name; /* escaped; empty: cannot be named in an expression */
    const struct cel_type *type;
};

struct cel_type {
    enum cel_type_kind kind;
    const struct cel_type *element;
    const struct cel_field *fields;
    size_t field_count;
    struct str name; /* of an object type, for messages */
    /* For cost estimates: upper bounds of elements, properties or characters; -1: unknown. */
    int64_t max_elements;
    /* x-kubernetes-list-type map and set: equality and + do not look at the order. */
    bool is_list_set;
    const struct str *list_map_keys;
    size_t list_map_key_count;
    bool is_nullable;
    bool is_int_or_string;
    bool preserves_unknown_fields;
};

struct cel_environment {
    const struct cel_type *self;
    bool has_old_self;         /* `oldSelf` may be named */
    bool is_old_self_optional; /* it is an optional then */
};

struct cel_program;

/* The escaped name of a JSON property ("a-b" -> "a__dash__b", "in" -> "__in__"); empty when it has none. In the arena. */
struct str cel_escape_field(struct arena *arena, struct str name);

/*
 * Parses and checks; everything in the arena (the source, UTF-8, is copied). `result` is the type that the expression must have: CEL_BOOL
 * for a rule, CEL_STRING for a messageExpression. False and an error in cel-go's words ("compilation failed: ERROR: <input>:1:6: ...").
 */
bool cel_compile(struct arena *arena, struct str source, const struct cel_environment *environment, enum cel_type_kind result,
                 const struct cel_program **out, struct error *error);
/* Whether the expression names oldSelf: a transition rule, which is not run on create. */
bool cel_uses_old_self(const struct cel_program *program);
/* The worst cost of one evaluation, by the declared maxima; saturates at UINT64_MAX. Same measure as cel-go's estimate, nearly. */
uint64_t cel_estimate_cost(const struct cel_program *program);

struct cel_result {
    bool is_true;    /* CEL_BOOL */
    struct str text; /* CEL_STRING, in the arena */
};
/*
 * `old_self` NULL: there is none. `*budget` (units of cel-go's runtime cost) goes down by what was used; at its end the evaluation fails
 * with ERROR_LIMIT. False and an error also where the expression has none ("no such key: x", "divide by zero").
 */
bool cel_evaluate(const struct cel_program *program, struct arena *arena, const yyjson_mut_val *self, const yyjson_mut_val *old_self,
                  uint64_t *budget, struct cel_result *out, struct error *error);

#endif
