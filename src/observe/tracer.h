/*
 * Sends spans to a collector, OTLP over HTTP with JSON: POST <endpoint>/v1/traces.
 *
 *   tracer_begin -> ... the work ... -> tracer_end -> [texts of finished spans] -> a batch each second, or when it is full -> collector
 *
 * Never holds anything up: a span is a few numbers until it ends and a text after that; one request is under way at a time; what does not
 * fit in TRACER_QUEUE_BYTES meanwhile is dropped and counted. A collector that is away or busy is asked again, later and later. Every
 * function takes a NULL tracer, for which there is nothing to do.
 */
#ifndef MB_OBSERVE_TRACER_H
#define MB_OBSERVE_TRACER_H

#include "base/error.h"
#include "io/loop.h"
#include "observe/span.h"

enum { TRACER_QUEUE_BYTES = 4 * 1024 * 1024, TRACER_BATCH_BYTES = 512 * 1024, TRACER_BATCH_MS = 1000 };

struct tracer;

/* Spans by what became of them. */
struct tracer_counts {
    uint64_t exported; /* the collector took them */
    uint64_t dropped;  /* no room, or the collector would not have them */
};

/* The first failure in a row, for the log. */
typedef void tracer_trouble_fn(void *owner, struct str message);

struct tracer_settings {
    struct str endpoint; /* "http://127.0.0.1:4318" */
    const char *version; /* of the program */
    uint64_t seed;       /* of all ids */
    tracer_trouble_fn *trouble;
    void *owner;
};

/* NULL and `error` when the endpoint is not usable. */
struct tracer *tracer_new(struct loop *loop, const struct tracer_settings *settings, struct error *error);
/* What is under way is broken off. */
void tracer_free(struct tracer *tracer);
struct tracer_counts tracer_counts(const struct tracer *tracer);

/* Begins now. `parent` NULL, or of nobody's tracing: a trace of its own. */
struct span tracer_begin(struct tracer *tracer, const struct span *parent);
/* Ends now. */
void tracer_end(struct tracer *tracer, const struct span *span, struct str name, enum span_kind kind, struct str error,
                const struct span_attribute *attributes);
/* Sends what is there, and calls back once it is gone or patience_ms are over; at once (from within) when there is nothing. */
void tracer_finish(struct tracer *tracer, int64_t patience_ms, loop_callback *finished, void *owner);

#endif
