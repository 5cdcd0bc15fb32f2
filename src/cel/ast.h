/*
 * An expression, parsed: a tree of nodes in the arena. Macros are nodes of their own rather than folds. For cel/ only.
 */
#ifndef MB_CEL_AST_H
#define MB_CEL_AST_H

#include "cel/value.h"

enum {
    LIMIT_CEL_SOURCE_BYTES = 16 * 1024, /* longer rules than any that Kubernetes' cost limits would take */
    LIMIT_CEL_DEPTH = 100,              /* nesting; every walk of the tree recurses */
    LIMIT_CEL_ARGUMENTS = 64,
};

enum node_kind {
    NODE_LITERAL,
    NODE_IDENTIFIER, /* text; slot once it is checked */
    NODE_SELECT,     /* children[0].text */
    NODE_HAS,        /* has(children[0].text) */
    NODE_CALL,       /* text(children...); is_method: children[0] is the target */
    NODE_LIST,       /* children */
    NODE_MAP,        /* children: key, value, key, value */
    NODE_FOLD,       /* a macro over children[0] with a variable */
};

enum fold_kind { FOLD_ALL, FOLD_EXISTS, FOLD_EXISTS_ONE, FOLD_MAP, FOLD_FILTER };

struct function;

struct node {
    enum node_kind kind;
    enum fold_kind fold;
    bool is_method;
    struct str text;   /* of an identifier, a field, a function */
    size_t place;      /* byte in the source */
    struct value literal;
    struct node **children; /* of a fold: range, predicate or transformation; FOLD_MAP with a filter: range, filter, transformation */
    size_t child_count;
    struct str variable; /* of a fold */
    /* Of the checker. */
    const struct cel_type *type;
    size_t slot;                     /* of an identifier, and of a fold's variable: where its value is */
    const struct function *function; /* of a call whose overload is known; NULL: found at run time */
};

/* NULL and an error as cel-go words it. */
struct node *cel_parse(struct arena *arena, struct str source, struct error *error);
/* For messages: what stands at a place, whole characters of at least so many bytes. */
struct str cel_quote_at(struct str source, size_t place, size_t bytes);
/* "compilation failed: ERROR: <input>:1:6: MESSAGE\n | source\n | .....^" */
bool cel_error_at(struct error *error, struct str source, size_t place, const char *format, ...) __attribute__((format(printf, 4, 5)));

#endif
