/*
 * What is known of the keys seen last: a table of fixed size from a 64-bit key (a hash) to a value of fixed size.
 *
 * The keys fall into sets of RECENT_WAYS; a new key takes the place of the one of its set that was asked for longest ago. So it never
 * grows, and each call looks at RECENT_WAYS places. Two things that hash to one key are one: what is kept here is a convenience, not a
 * promise.
 */
#ifndef MB_BASE_RECENT_H
#define MB_BASE_RECENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RECENT_WAYS = 8 };

struct recent {
    unsigned char *slots; /* capacity x (a head, a value) */
    size_t capacity, slot_bytes;
    uint64_t clock; /* counts calls */
};

/* Room for `capacity` keys, rounded up to whole sets. False when memory is out. Memory that is not used yet costs nothing. */
bool recent_init(struct recent *recent, size_t capacity, size_t value_bytes);
void recent_release(struct recent *recent);
/*
 * The key's value, 16-byte aligned, all zero when it is new (*out_is_new, which may be NULL). It lives until recent_release, but is
 * another key's after a later call.
 */
void *recent_at(struct recent *recent, uint64_t key, bool *out_is_new);
/* The value of a key that is there, NULL when it is not. */
void *recent_find(struct recent *recent, uint64_t key);

#endif
