/*
 * Kubernetes resource quantities ("500m", "1.5Gi", "2e3"), exact: a count of nanos in 128 bits.
 *
 *   <sign>? <digits with at most one point> <suffix>?
 *   suffix: n u m k M G T P E (powers of 1000), Ki Mi Gi Ti Pi Ei (powers of 1024), or e/E and a signed integer
 *
 * As in apimachinery: finer parts than a nano are rounded away from zero, and amounts with a binary suffix stop at 2^63-1.
 * Other amounts may reach about 1.7e29; larger ones are refused, where apimachinery goes on. It also takes text
 * without any digit for zero; here that is an error.
 */
#ifndef MB_DATA_QUANTITY_H
#define MB_DATA_QUANTITY_H

#include "data/json.h"

/* Which family of suffixes the quantity was written with; its canonical form keeps to it where it can. */
enum quantity_format {
    QUANTITY_DECIMAL,  /* 500m, 2k */
    QUANTITY_BINARY,   /* 2Ki */
    QUANTITY_EXPONENT, /* 2e3 */
};

struct quantity {
    __int128 nanos;
    enum quantity_format format;
};

/* ERROR_INVALID where it is no quantity, ERROR_LIMIT where it is too large or longer than 100 characters. */
bool quantity_parse(struct str text, struct quantity *out, struct error *error);
/* The quantity in a JSON string or number, as Kubernetes takes both; NULL is ERROR_INVALID. */
bool quantity_read(const yyjson_val *value, struct quantity *out, struct error *error);
/* By amount: <0, 0, >0. */
int quantity_compare(struct quantity a, struct quantity b);
bool quantity_is_positive(struct quantity quantity);
/*
 * The form that Kubernetes prints: the largest suffix that leaves a whole number; "0" for zero. A binary quantity below 1024 or with a
 * fraction is printed as a decimal one. In the arena; empty when that is exhausted.
 */
struct str quantity_canonical(struct arena *arena, struct quantity quantity);

#endif
