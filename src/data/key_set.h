/*
 * Which keys one map has had, each with where it was met: finds a repeated key in time linear in the map's size.
 * One set serves many maps, one after the other; its memory is the arena's.
 */
#ifndef MB_DATA_KEY_SET_H
#define MB_DATA_KEY_SET_H

#include "base/arena.h"

struct key_slot {
    struct str key; /* ptr is NULL in a free slot */
    size_t item;
};

struct key_set {
    struct key_slot *slots;
    size_t room;     /* slots allocated */
    size_t capacity; /* slots in use by this map, a power of two, at least twice the keys it may get */
};

/* Empties the set and makes room for `count` keys; false when the arena is exhausted. */
bool key_set_start(struct key_set *set, struct arena *arena, size_t count);
/* The slot of `key`: the one it has, else a new one with `item`; *out_is_new says which. At most `count` keys may be added. */
struct key_slot *key_set_add(struct key_set *set, struct str key, size_t item, bool *out_is_new);
/* The slot of `key`, or NULL. */
struct key_slot *key_set_find(const struct key_set *set, struct str key);

#endif
