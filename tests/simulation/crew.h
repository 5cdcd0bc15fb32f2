/*
 * Many seeds over several processes: a crash of one, or a failed assertion, is the failure of its seed and of nothing else.
 */
#ifndef MB_TESTS_SIMULATION_CREW_H
#define MB_TESTS_SIMULATION_CREW_H

#include <stdbool.h>
#include <stdint.h>

struct crew_options {
    uint64_t first, last;
    unsigned jobs;  /* 0: one a processor */
    double seconds; /* no seed begins after that; 0: no bound */
    bool is_twice;  /* each seed again: the same history has to come out */
    bool is_quiet;  /* ends with the first failure, and says nothing of what went well */
};

/* Prints what failed and how to run it again, then the count. The exit status. */
int crew_run(const struct crew_options *options);

#endif
