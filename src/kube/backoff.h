/*
 * How long to wait after the n-th failure in a row: base, doubled each time, at most max, and of that a random half so that many
 * clients do not come back at once: the delay is evenly in [d/2, d].
 */
#ifndef MB_KUBE_BACKOFF_H
#define MB_KUBE_BACKOFF_H

#include "base/number.h"

struct backoff_limits {
    int64_t base_ms, max_ms; /* 0 < base <= max */
};

/* Retries of one object. */
#define BACKOFF_OBJECT ((struct backoff_limits){5, 5 * 60 * 1000})
/* Lists and watches; client-go's reflector has the same. */
#define BACKOFF_LISTWATCH ((struct backoff_limits){800, 30 * 1000})
/* Where nobody answers: a connection that is refused costs no server anything. */
#define BACKOFF_SCOUT ((struct backoff_limits){250, 1000})

/* The delay after failure number `failures`, counted from 1; failures is any number. */
int64_t backoff_delay_ms(struct backoff_limits limits, unsigned failures, struct number_random *random);

#endif
