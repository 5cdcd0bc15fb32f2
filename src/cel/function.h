/* The functions and operators that expressions may call: a table of overloads. For cel/ only. */
#ifndef MB_CEL_FUNCTION_H
#define MB_CEL_FUNCTION_H

#include "cel/ast.h"

/* What a running expression has. */
struct run {
    struct arena *arena;
    uint64_t *budget;
    struct error *error;
    struct value *slots; /* of self, oldSelf and the variables of folds */
};

typedef bool function_body(struct run *run, const struct value *arguments, size_t count, struct value *out);

enum { FUNCTION_ARGUMENTS = 4 };

struct function {
    const char *name;
    bool is_method;
    size_t count;
    enum cel_type_kind parameters[FUNCTION_ARGUMENTS]; /* CEL_DYN: any */
    enum cel_type_kind result;
    function_body *body;
    bool is_linear; /* its cost grows with the size of its arguments */
};

extern const struct function functions[];
extern const size_t function_count;
/* Is there a function of this name at all? */
bool function_is_known(struct str name, bool is_method);
/* The overload for these kinds (CEL_DYN matches everything); NULL: none. */
const struct function *function_find(struct str name, bool is_method, const enum cel_type_kind *kinds, size_t count);
/* Takes `cost` from the budget; false and ERROR_LIMIT when it is used up. */
bool run_pay(struct run *run, uint64_t cost);
/* What the sizes of the values cost, at a tenth of a unit a character or element. */
uint64_t run_size_cost(const struct value *values, size_t count);

/* Answers of bodies. */
static inline bool give_bool(struct value *out, bool boolean) {
    *out = (struct value){.kind = CEL_BOOL, .boolean = boolean};
    return true;
}

static inline bool give_int(struct value *out, int64_t integer) {
    *out = (struct value){.kind = CEL_INT, .integer = integer};
    return true;
}

#endif
