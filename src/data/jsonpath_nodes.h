/* A compiled path: inside of jsonpath_parse.c and jsonpath.c only. */
#ifndef MB_DATA_JSONPATH_NODES_H
#define MB_DATA_JSONPATH_NODES_H

#include "data/jsonpath.h"

enum jsonpath_node_type {
    JSONPATH_LITERAL, /* text, integer, real, boolean */
    JSONPATH_FIELD,
    JSONPATH_WILDCARD,
    JSONPATH_RECURSIVE,
    JSONPATH_SLICE,
    JSONPATH_UNION,
    JSONPATH_FILTER,
};

enum jsonpath_operator {
    JSONPATH_EXISTS,
    JSONPATH_EQUAL,
    JSONPATH_NOT_EQUAL,
    JSONPATH_LESS,
    JSONPATH_LESS_EQUAL,
    JSONPATH_GREATER,
    JSONPATH_GREATER_EQUAL
};

/* One of [from:to:step]. */
struct jsonpath_bound {
    bool is_known;
    bool is_derived; /* `to` of a plain index: from + 1 */
    int64_t value;
};

struct jsonpath_list;

struct jsonpath_node {
    struct jsonpath_node *next;
    enum jsonpath_node_type type;
    struct str name;                 /* FIELD */
    yyjson_val literal;              /* LITERAL */
    struct jsonpath_bound bounds[3]; /* SLICE */
    struct jsonpath_list *lists;     /* UNION: the alternatives; FILTER: left, right */
    enum jsonpath_operator operator; /* FILTER */
};

/* An expression: each node takes what the one before it found. */
struct jsonpath_list {
    struct jsonpath_node *first, *last;
    struct jsonpath_list *next;
};

/* A part of the template: an expression that is printed, or a range whose inner parts run once for each value found. */
struct jsonpath_part {
    struct jsonpath_part *next;
    struct jsonpath_list list;
    bool is_range;
    struct jsonpath_part *inner;
};

struct jsonpath {
    struct jsonpath_part *parts;
};

#endif
