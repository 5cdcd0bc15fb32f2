/*
 * Sets of fields, as structured-merge-diff has them: a tree of path elements, sorted at each level, where a node may be a member, have
 * children, or both. In JSON (fieldsV1) a leaf is an empty object and a member with children says so by ".":
 *
 *   {"f:metadata":{"f:labels":{".":{},"f:app":{}}},"f:spec":{"f:ports":{"k:{\"port\":80}":{".":{},"f:port":{}}}}}
 *
 * Sets are values: functions that combine two give a new one in the arena, which may share nodes with both; nothing shared is changed.
 * Where the arena is exhausted, nodes are missing and `arena->exhausted` says so.
 */
#ifndef MB_SCHEMA_FIELD_SET_H
#define MB_SCHEMA_FIELD_SET_H

#include "data/json.h"

/* In the order in which values sort; integers and reals by number, among each other. */
enum field_value_kind { FIELD_REAL, FIELD_INTEGER, FIELD_TEXT, FIELD_BOOL, FIELD_OTHER, FIELD_NULL };
struct field_value {
    enum field_value_kind kind;
    union {
        double real;
        int64_t integer;
        struct str text; /* FIELD_OTHER, a container: its JSON */
        bool flag;
    };
};
struct field_key {
    struct str name;
    struct field_value value;
};

/* In the order in which elements sort: .name, [name="a",port=80], [="a"], [3]. */
enum field_element_kind { ELEMENT_FIELD, ELEMENT_KEY, ELEMENT_VALUE, ELEMENT_INDEX };
struct field_element {
    enum field_element_kind kind;
    union {
        struct str name;
        struct {
            const struct field_key *keys; /* sorted by name */
            size_t key_count;
        };
        struct field_value value;
        int64_t index;
    };
};

struct field_node;
struct field_set {
    struct field_node *nodes;
    uint32_t count, capacity;
};
struct field_node {
    struct field_element element;
    struct field_set children;
    bool is_member;
};

int field_element_compare(const struct field_element *a, const struct field_element *b);
struct field_value field_value_of(struct arena *arena, const yyjson_mut_val *value);
/* As a path shows it: `.name`, `[name="a"]`, `[="a"]`, `[3]`. */
void field_element_write(struct strbuf *out, struct arena *arena, const struct field_element *element);

static inline bool field_set_is_empty(const struct field_set *set) {
    return set->count == 0;
}
/* The node of the element; NULL: none. */
const struct field_node *field_set_find(const struct field_set *set, const struct field_element *element);
/* Appends a node that sorts after all that are there, unless it is neither a member nor has children. */
void field_set_append(struct arena *arena, struct field_set *set, const struct field_node *node);
/* Makes room in an empty set for that many nodes. */
void field_set_reserve(struct arena *arena, struct field_set *set, size_t count);
/* Adds one field of the root or, by two names, of one of its fields. */
void field_set_add_name(struct arena *arena, struct field_set *set, const char *name, const char *inner_name);

struct field_set field_set_union(struct arena *arena, const struct field_set *a, const struct field_set *b);
struct field_set field_set_intersection(struct arena *arena, const struct field_set *a, const struct field_set *b);
bool field_set_intersects(const struct field_set *a, const struct field_set *b);
/* Members of `a` that are no members of `b`; children of a member of `b` stay. */
struct field_set field_set_difference(struct arena *arena, const struct field_set *a, const struct field_set *b);
/* The same, but what is below a member of `b` goes with it. */
struct field_set field_set_difference_below(struct arena *arena, const struct field_set *a, const struct field_set *b);

/* Reads fieldsV1; false: not a set. Kinds of elements that nobody knows yet are left out, as the API says;
 * *out_is_whole is false then. */
bool field_set_read(struct arena *arena, const yyjson_mut_val *fields_v1, struct field_set *out, bool *out_is_whole);
/* The set as fieldsV1, in `doc`. */
yyjson_mut_val *field_set_write(struct arena *arena, yyjson_mut_doc *doc, const struct field_set *set);

/* Calls `visit` with the path of each member: those of a level, then those below, as apimachinery lists conflicts. */
void field_set_each(struct arena *arena, const struct field_set *set, void (*visit)(struct str path, void *context), void *context);

#endif
