/*
 * Go's durations ("1h30m", "1.5s", "-2us") as nanoseconds in an int64, read and printed as time.ParseDuration and
 * time.Duration.String do; metav1.Duration is this text. About 292 years either way.
 */
#ifndef MB_DATA_DURATION_H
#define MB_DATA_DURATION_H

#include "base/arena.h"
#include "base/error.h"

/* Units ns us ms s m h (µ and μ for u). "0" needs no unit. ERROR_INVALID where it is none, ERROR_LIMIT where it overflows. */
bool duration_parse(struct str text, int64_t *out_ns, struct error *error);
/* "1h30m0s", "1.5s", "100ms", "0s": in the arena, empty when that is exhausted. */
struct str duration_format(struct arena *arena, int64_t ns);

#endif
