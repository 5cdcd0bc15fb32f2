/* How long ago, as kubectl says it: 45s, 2m5s, 3h20m, 8d. */
#ifndef MB_CLI_AGE_H
#define MB_CLI_AGE_H

#include "base/arena.h"

/* From an RFC 3339 time to `now_ms` of the wall clock; "<unknown>" when it is none. In the arena. */
struct str age_since(struct arena *arena, struct str time, int64_t now_ms);

#endif
