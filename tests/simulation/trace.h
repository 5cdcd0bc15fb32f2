/*
 * What happened, line by line: hashed, so that two runs of a seed can be compared; the last of it kept for the report of a failure;
 * printed as it happens where that is wanted.
 */
#ifndef MB_TESTS_SIMULATION_TRACE_H
#define MB_TESTS_SIMULATION_TRACE_H

#include <stdio.h>

#include "base/strbuf.h"

enum { TRACE_LINES = 120, TRACE_LINE_BYTES = 700 };

struct trace {
    uint64_t hash;
    uint64_t count;
    char lines[TRACE_LINES][TRACE_LINE_BYTES];
    FILE *out; /* NULL: not printed */
};

void trace_init(struct trace *trace, FILE *out);
void trace_line(struct trace *trace, int64_t at_ms, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* The last lines. */
void trace_print(const struct trace *trace, FILE *out);

#endif
