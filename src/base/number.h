/*
 * Numbers read from text, checked: the whole text must be the number, nothing wraps.
 * A seeded generator is here too, so that pure code can take randomness as a value.
 */
#ifndef MB_BASE_NUMBER_H
#define MB_BASE_NUMBER_H

#include "base/str.h"

/* Base 10, optional leading '-' or '+', no blanks. False (and *out untouched) when it is not an int64. */
bool number_parse_int64(struct str text, int64_t *out);
/* 1 to 16 lower-case hex digits. */
bool number_parse_hex64(struct str text, uint64_t *out);
/* How many decimal digits a non-negative number has: 0 -> 1, 10 -> 2. */
unsigned number_digits(int64_t value);

/* splitmix64 (Steele, Lea, Flood 2014): reproducible from its seed, not for secrets. */
struct number_random {
    uint64_t state;
};
uint64_t number_random_next(struct number_random *random);
/* Evenly in [0, bound); bound > 0. */
uint64_t number_random_below(struct number_random *random, uint64_t bound);

#endif
