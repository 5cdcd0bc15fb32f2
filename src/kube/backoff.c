#include "kube/backoff.h"

#include <assert.h>

int64_t backoff_delay_ms(struct backoff_limits limits, unsigned failures, struct number_random *random) {
    assert(limits.base_ms > 0 && limits.base_ms <= limits.max_ms);
    int64_t delay_ms = limits.base_ms;
    for (unsigned i = 1; i < failures && delay_ms < limits.max_ms; i++)
        delay_ms = delay_ms > limits.max_ms / 2 ? limits.max_ms : delay_ms * 2;
    int64_t half_ms = delay_ms / 2;
    return half_ms + (int64_t)number_random_below(random, (uint64_t)(delay_ms - half_ms) + 1);
}
