/*
 * Numbers about a running program, for a fixed table of families. An increment is an array index; nothing is looked up by name, and no
 * label value comes from outside: a family has one slot for each combination of its axes' values, made at the start.
 *
 *   families (constant) --metrics_init--> values   [workqueue_depth][adds][retries]...[bucket 0.. n, +Inf, sum]...
 *
 *   metrics_add(&metrics, QUEUE_ADDS, 0, 1);
 *   metrics_observe(&metrics, REQUEST_TIME, metrics_slot(&metrics, REQUEST_TIME, (size_t[]){METHOD_GET}), 0.004);
 *
 * openmetrics.h prints them. One thread.
 */
#ifndef MB_OBSERVE_METRICS_H
#define MB_OBSERVE_METRICS_H

#include "base/str.h"

enum { METRICS_AXES = 4, METRICS_TEXTS = 4 };

enum metric_type {
    METRIC_COUNTER, /* only grows; printed with _total */
    METRIC_GAUGE,
    METRIC_INFO,      /* 1, what is told are its labels; printed with _info */
    METRIC_HISTOGRAM, /* printed as _bucket, _sum, _count */
};

/* A label and the values it may have. */
struct metric_axis {
    const char *name;
    const char *const *values; /* NULL: one value, metrics->texts[text], known when the program runs */
    size_t count;
    size_t text;
};

struct metric_family {
    enum metric_type type;
    bool is_sparse;                               /* slots that are 0 are not printed: most combinations never occur */
    const char *name;                             /* without the endings above */
    const char *help;                             /* a line without quotes and backslashes */
    const struct metric_axis *axes[METRICS_AXES]; /* up to the first NULL */
    const double *bounds;                         /* of a histogram, rising; +Inf is added */
    size_t bound_count;
};

struct metrics {
    const struct metric_family *families; /* borrowed */
    size_t family_count;
    size_t *starts; /* of a family's first slot in `values` */
    double *values;
    struct str texts[METRICS_TEXTS]; /* borrowed; set by the owner */
};

/* Everything is 0. False when memory is out. */
bool metrics_init(struct metrics *metrics, const struct metric_family *families, size_t count);
void metrics_release(struct metrics *metrics);

/* Combinations of the axes' values. */
size_t metrics_slot_count(const struct metric_family *family);
/* The slot of one value an axis, in the axes' order; the last axis moves fastest. */
size_t metrics_slot(const struct metrics *metrics, size_t family, const size_t *indices);
/* Values that a slot takes in `values`. */
size_t metrics_slot_width(const struct metric_family *family);

/* A counter or gauge. */
void metrics_add(struct metrics *metrics, size_t family, size_t slot, double amount);
void metrics_set(struct metrics *metrics, size_t family, size_t slot, double value);
double metrics_value(const struct metrics *metrics, size_t family, size_t slot);
/* Every slot of a gauge that is counted anew. */
void metrics_clear(struct metrics *metrics, size_t family);
/* One observation of a histogram. */
void metrics_observe(struct metrics *metrics, size_t family, size_t slot, double value);
/* How many there were. */
double metrics_observed(const struct metrics *metrics, size_t family, size_t slot);

#endif
