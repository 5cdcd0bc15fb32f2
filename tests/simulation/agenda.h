/*
 * Virtual time: what is to happen, and when. Nothing waits; the clock jumps to the next entry.
 *
 * Entries of one millisecond come in an order drawn from the seed: whatever the real world leaves open between deferred calls, timers,
 * answers and people is left open here, too. What must keep an order has one entry for all of it.
 */
#ifndef MB_TESTS_SIMULATION_AGENDA_H
#define MB_TESTS_SIMULATION_AGENDA_H

#include "base/number.h"

typedef void agenda_fn(void *owner);

/* Lives in its owner. */
struct agenda_entry {
    agenda_fn *happens;
    void *owner;
    int64_t at_ms;
    uint64_t tie;
    size_t place; /* in the heap, counted from 1; 0: not listed */
};

struct agenda {
    struct agenda_entry **heap;
    size_t count, capacity;
    int64_t now_ms;
    struct number_random random;
    uint64_t steps;
};

void agenda_init(struct agenda *agenda, uint64_t seed);
void agenda_release(struct agenda *agenda);
/* Enters it, or moves it. A time that has passed is now. */
void agenda_put(struct agenda *agenda, struct agenda_entry *entry, int64_t at_ms);
/* Listed or not. */
void agenda_take_out(struct agenda *agenda, struct agenda_entry *entry);
/* INT64_MAX where there is nothing to come. */
int64_t agenda_next_ms(const struct agenda *agenda);
/* Makes the next entry happen; false when there is none. */
bool agenda_step(struct agenda *agenda);

#endif
