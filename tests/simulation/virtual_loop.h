/*
 * io/loop.h over the agenda: one loop an instance of the controller, each with clocks of its own.
 *
 *   monotonic   begins anywhere, runs a little fast or slow, never back
 *   wall        may jump, in either direction
 *   a pause     nothing of this instance runs until it is over, while the clocks go on: a stopped process, a busy node
 *   slowness    each look at the clock may cost a millisecond: what the controller does in slices of time is then cut somewhere
 *
 * Sockets, signals and wakes are for processes; nothing that runs here may ask for them.
 */
#ifndef MB_TESTS_SIMULATION_VIRTUAL_LOOP_H
#define MB_TESTS_SIMULATION_VIRTUAL_LOOP_H

#include "agenda.h"
#include "io/loop.h"

struct loop {
    struct agenda *agenda;
    struct number_random random;
    int64_t wall_offset_ms, monotonic_offset_ms;
    int64_t rate_ppm;        /* of the monotonic clock, beside the true one */
    unsigned slow_permille;  /* of looks at the clock that cost a millisecond */
    int64_t lag_ms;          /* what they have cost */
    int64_t paused_until_ms; /* true time; 0: not paused */
};

void virtual_loop_init(struct loop *loop, struct agenda *agenda, uint64_t seed);
/* The true time at which something of this instance may happen: `at_ms`, or the end of a pause. */
int64_t virtual_loop_awake_ms(const struct loop *loop, int64_t at_ms);
/* The wall clock without slowness: for those who only look on. */
int64_t virtual_loop_wall_ms(const struct loop *loop);

#endif
