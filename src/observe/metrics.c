#include "observe/metrics.h"

#include <assert.h>
#include <stdlib.h>

static size_t axis_count(const struct metric_axis *axis) {
    return axis->values ? axis->count : 1;
}

size_t metrics_slot_count(const struct metric_family *family) {
    size_t count = 1;
    for (size_t i = 0; i < METRICS_AXES && family->axes[i]; i++) count *= axis_count(family->axes[i]);
    return count;
}

/* A histogram's: its buckets, +Inf and the sum. */
size_t metrics_slot_width(const struct metric_family *family) {
    return family->type == METRIC_HISTOGRAM ? family->bound_count + 2 : 1;
}

bool metrics_init(struct metrics *metrics, const struct metric_family *families, size_t count) {
    size_t total = 0;
    *metrics = (struct metrics){.families = families, .family_count = count};
    metrics->starts = calloc(count ? count : 1, sizeof *metrics->starts);
    if (!metrics->starts) return false;
    for (size_t i = 0; i < count; i++) {
        metrics->starts[i] = total;
        total += metrics_slot_count(&families[i]) * metrics_slot_width(&families[i]);
    }
    metrics->values = calloc(total ? total : 1, sizeof *metrics->values);
    if (metrics->values) return true;
    metrics_release(metrics);
    return false;
}

void metrics_release(struct metrics *metrics) {
    free(metrics->starts);
    free(metrics->values);
    *metrics = (struct metrics){0};
}

size_t metrics_slot(const struct metrics *metrics, size_t family, const size_t *indices) {
    const struct metric_family *of = &metrics->families[family];
    size_t slot = 0;
    for (size_t i = 0; i < METRICS_AXES && of->axes[i]; i++) {
        assert(indices[i] < axis_count(of->axes[i]));
        slot = slot * axis_count(of->axes[i]) + indices[i];
    }
    return slot;
}

static double *slot_values(const struct metrics *metrics, size_t family, size_t slot) {
    assert(family < metrics->family_count && slot < metrics_slot_count(&metrics->families[family]));
    return &metrics->values[metrics->starts[family] + slot * metrics_slot_width(&metrics->families[family])];
}

void metrics_add(struct metrics *metrics, size_t family, size_t slot, double amount) {
    assert(metrics->families[family].type != METRIC_HISTOGRAM);
    *slot_values(metrics, family, slot) += amount;
}

void metrics_set(struct metrics *metrics, size_t family, size_t slot, double value) {
    assert(metrics->families[family].type != METRIC_HISTOGRAM);
    *slot_values(metrics, family, slot) = value;
}

double metrics_value(const struct metrics *metrics, size_t family, size_t slot) {
    return *slot_values(metrics, family, slot);
}

void metrics_clear(struct metrics *metrics, size_t family) {
    size_t count = metrics_slot_count(&metrics->families[family]);
    for (size_t slot = 0; slot < count; slot++) metrics_set(metrics, family, slot, 0);
}

void metrics_observe(struct metrics *metrics, size_t family, size_t slot, double value) {
    const struct metric_family *of = &metrics->families[family];
    assert(of->type == METRIC_HISTOGRAM);
    double *buckets = slot_values(metrics, family, slot);
    size_t at = 0;
    while (at < of->bound_count && value > of->bounds[at]) at++;
    buckets[at] += 1;
    buckets[of->bound_count + 1] += value;
}

double metrics_observed(const struct metrics *metrics, size_t family, size_t slot) {
    const double *buckets = slot_values(metrics, family, slot);
    double count = 0;
    for (size_t i = 0; i <= metrics->families[family].bound_count; i++) count += buckets[i];
    return count;
}
