/*
 * A span: a piece of work with a beginning, an end, and what it was part of, as OpenTelemetry has it; and its text in OTLP's JSON
 * (opentelemetry-proto 1.x, ExportTraceServiceRequest). Pure: ids and times come in.
 */
#ifndef MB_OBSERVE_SPAN_H
#define MB_OBSERVE_SPAN_H

#include "base/strbuf.h"

struct span {
    uint64_t trace_high, trace_low; /* 128 bits, the same for all that belongs together */
    uint64_t id;                    /* 0: nobody traces, and everything done with it does nothing */
    uint64_t parent;                /* 0: the first of its trace */
    int64_t begun_ns;               /* since 1970 */
};

/* As OTLP numbers them. */
enum span_kind { SPAN_INTERNAL = 1, SPAN_CLIENT = 3 };

/* What is known of it; a text, or a number where `text.ptr` is NULL. An empty text is left out. */
struct span_attribute {
    const char *key; /* of OpenTelemetry's semantic conventions; NULL ends a list */
    struct str text;
    int64_t number;
};
#define SPAN_TEXT(key_, text_)     ((struct span_attribute){.key = key_, .text = text_})
#define SPAN_NUMBER(key_, number_) ((struct span_attribute){.key = key_, .text = {NULL, 0}, .number = number_})
#define SPAN_ATTRIBUTES(...)       ((const struct span_attribute[]){__VA_ARGS__, {.key = NULL}})

struct span_end {
    struct str name; /* of a small set: it is grouped by */
    enum span_kind kind;
    int64_t ended_ns;
    struct str error; /* empty: it went well */
    const struct span_attribute *attributes;
};

/* The value of a W3C traceparent header: "00-<trace>-<span>-01". */
enum { TRACEPARENT_BYTES = 56 };
struct str span_traceparent(const struct span *span, char room[TRACEPARENT_BYTES]);

/* Appends the object. */
void span_write(struct strbuf *out, const struct span *span, const struct span_end *end);
/* Around a list of such objects: what they belong to. `instance` tells one process from another. */
void span_write_head(struct strbuf *out, const char *service, const char *version, uint64_t instance);
void span_write_tail(struct strbuf *out);

#endif
