/*
 * How much of something may be done: `burst` at once, and one more every `refill_ms` (a token bucket, kept as one number: the time
 * until which what was done is paid for). An allowance that is zero is full.
 */
#ifndef MB_BASE_ALLOWANCE_H
#define MB_BASE_ALLOWANCE_H

#include <stdbool.h>
#include <stdint.h>

struct allowance_rate {
    int64_t burst, refill_ms; /* both > 0, and their product fits */
};

struct allowance {
    int64_t paid_until_ms;
};

/* True, and one less is left, when there is any. `now_ms` > 0, of a clock that does not go back; one that does gives nothing for free. */
bool allowance_take(struct allowance *allowance, struct allowance_rate rate, int64_t now_ms);

#endif
