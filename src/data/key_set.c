#include "data/key_set.h"

#include <string.h>

#include "base/hash.h"

bool key_set_start(struct key_set *set, struct arena *arena, size_t count) {
    size_t capacity = 8;
    while (capacity / 2 < count) capacity *= 2;
    if (capacity > set->room) {
        struct key_slot *slots = arena_array(arena, capacity, sizeof *slots);
        if (!slots) return false;
        *set = (struct key_set){slots, capacity, capacity};
        return true;
    }
    set->capacity = capacity;
    memset(set->slots, 0, capacity * sizeof *set->slots);
    return true;
}

/* Where the key is, or the free slot where it belongs. */
static struct key_slot *probe(const struct key_set *set, struct str key) {
    size_t at = (size_t)hash_xxh3(key) & (set->capacity - 1);
    while (set->slots[at].key.ptr && !str_equal(set->slots[at].key, key)) at = (at + 1) & (set->capacity - 1);
    return &set->slots[at];
}

struct key_slot *key_set_add(struct key_set *set, struct str key, size_t item, bool *out_is_new) {
    if (!key.ptr) key = STR_EMPTY;
    struct key_slot *slot = probe(set, key);
    *out_is_new = !slot->key.ptr;
    if (*out_is_new) *slot = (struct key_slot){key, item};
    return slot;
}

struct key_slot *key_set_find(const struct key_set *set, struct str key) {
    struct key_slot *slot = probe(set, key);
    return slot->key.ptr ? slot : NULL;
}
