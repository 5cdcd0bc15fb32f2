/* A value at run time; JSON values are looked at in place, with the type that the schema declares for them. For cel/ only. */
#ifndef MB_CEL_VALUE_H
#define MB_CEL_VALUE_H

#include "cel/cel.h"

struct value;

/* Lists and maps: of JSON, or made by the expression. */
struct value_list {
    const yyjson_mut_val *json; /* array; else items */
    const struct cel_type *element;
    const struct value *items;
    size_t count;
};

struct value_entry {
    const struct value *key, *value;
};

struct value_map {
    const yyjson_mut_val *json;  /* object; else entries */
    const struct cel_type *type; /* CEL_OBJECT, CEL_MAP or CEL_DYN */
    const struct value_entry *entries;
    size_t count;
};

struct value {
    enum cel_type_kind kind; /* never CEL_DYN; CEL_OBJECT counts as CEL_MAP */
    union {
        bool boolean;
        int64_t integer; /* CEL_INT; CEL_TIMESTAMP and CEL_DURATION: nanoseconds */
        uint64_t unsigned_integer;
        double real;
        struct str text; /* CEL_STRING, CEL_BYTES */
        struct value_list list;
        struct value_map map;
        enum cel_type_kind type;     /* CEL_TYPE_TYPE */
        const struct value *content; /* CEL_OPTIONAL; NULL: none */
    };
};

/* What a JSON value is under a declared type; text of format date-time and the like is converted. False and `error` where it cannot be. */
bool value_of_json(const yyjson_mut_val *json, const struct cel_type *type, struct value *out, struct error *error);
bool value_equals(const struct value *a, const struct value *b);
/* <0, 0, >0 in *out; false: they have no order. */
bool value_compare(const struct value *a, const struct value *b, int *out);
size_t value_list_count(const struct value *list);
/* Where a walk over a list or the keys of a map stands: begins as {0}, and makes going on to the next index cost the same however far it
 * is. */
struct value_walk {
    yyjson_mut_val *at; /* NULL: nowhere yet */
    size_t index;
};
/* `walk` may be NULL: a single look, which costs as many steps as the index says. */
bool value_list_get(const struct value *list, struct value_walk *walk, size_t index, struct value *out, struct error *error);
size_t value_map_count(const struct value *map);
/* The member; *out_is_there false: none. False and `error` where it cannot be read. */
bool value_map_get(const struct value *map, const struct value *key, struct value *out, bool *out_is_there, struct error *error);
/* The key at an index. */
struct value value_map_key(const struct value *map, struct value_walk *walk, size_t index);
int64_t value_rune_count(struct str text);
const char *value_kind_name(enum cel_type_kind kind);

#endif
