/* What the walks of typed.h share. For schema/ only. */
#ifndef MB_SCHEMA_TYPED_INNER_H
#define MB_SCHEMA_TYPED_INNER_H

#include "schema/typed.h"

/* The entries of a map in the order of their keys, so that two are compared in one pass. */
struct typed_entry {
    struct str key;
    yyjson_mut_val *value;
};
struct typed_entries {
    struct typed_entry *items;
    size_t count;
};
struct typed_entries typed_entries_of(struct arena *arena, const yyjson_mut_val *map);

/* The items of a set or list map, each with its element; those that have none are left out. */
struct typed_item_place {
    struct field_element element;
    yyjson_mut_val *value;
    size_t index; /* in the list */
};
struct typed_items {
    struct typed_item_place *items;
    size_t count;
};
/* Ordered by element, equal ones as they stand in the list. */
struct typed_items typed_items_of(const struct typed *type, struct arena *arena, const yyjson_mut_val *list);

static inline bool typed_is_null(const yyjson_mut_val *value) {
    return !value || yyjson_mut_is_null(json_mut_loose(value));
}

#endif
