#include "trace.h"

#include <stdarg.h>
#include <string.h>

#include "base/hash.h"

void trace_init(struct trace *trace, FILE *out) {
    trace->hash = trace->count = 0;
    trace->out = out;
}

void trace_line(struct trace *trace, int64_t at_ms, const char *format, ...) {
    char *line = trace->lines[trace->count++ % TRACE_LINES];
    int lead = snprintf(line, TRACE_LINE_BYTES, "%10.3f  ", (double)at_ms / 1000);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line + lead, TRACE_LINE_BYTES - (size_t)lead, format, arguments);
    va_end(arguments);
    trace->hash = trace->hash * 0x9E3779B97F4A7C15u + hash_xxh3(str_of(line));
    if (trace->out) fprintf(trace->out, "%s\n", line);
}

void trace_print(const struct trace *trace, FILE *out) {
    uint64_t first = trace->count > TRACE_LINES ? trace->count - TRACE_LINES : 0;
    if (first) fprintf(out, "  ... %llu lines before ...\n", (unsigned long long)first);
    for (uint64_t i = first; i < trace->count; i++) fprintf(out, "%s\n", trace->lines[i % TRACE_LINES]);
}
