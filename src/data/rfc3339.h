/*
 * RFC 3339 times as Kubernetes writes them: "2006-01-02T15:04:05Z" (metav1.Time) and with six decimals (metav1.MicroTime).
 * A time is milliseconds or nanoseconds since 1970-01-01T00:00:00Z, leap seconds not counted. No clock is read here.
 */
#ifndef MB_DATA_RFC3339_H
#define MB_DATA_RFC3339_H

#include "base/arena.h"
#include "base/error.h"

enum rfc3339_decimals {
    RFC3339_SECONDS = 0, /* metav1.Time */
    RFC3339_MILLIS = 3,
    RFC3339_MICROS = 6, /* metav1.MicroTime */
    RFC3339_NANOS = 9,
};

/*
 * As Go reads it: capital T and Z, Z or an offset of hours and minutes, any number of decimals, of which those beyond the unit
 * are cut. ERROR_INVALID otherwise, also for days and times that do not exist and a second 60, and for what Go takes beyond the RFC
 * (a comma before the decimals, an offset of 24 hours).
 */
bool rfc3339_parse_ms(struct str text, int64_t *out_ms, struct error *error);
/* ERROR_LIMIT before 1677-09-21 and after 2262-04-11, where nanoseconds do not fit. */
bool rfc3339_parse_ns(struct str text, int64_t *out_ns, struct error *error);
/* In UTC, finer parts cut off, in the arena; empty outside of the years 0 to 9999 and when the arena is exhausted. */
struct str rfc3339_format_ms(struct arena *arena, int64_t ms, enum rfc3339_decimals decimals);
struct str rfc3339_format_ns(struct arena *arena, int64_t ns, enum rfc3339_decimals decimals);

#endif
