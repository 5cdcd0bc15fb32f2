/*
 * Writes drawn from a seed, in batches, and what may be found of them afterwards: every acknowledged one; of the batch under way all or nothing;
 * of compaction no more than was asked for; and nothing else.
 */
#ifndef MB_TESTS_STORAGE_WORKLOAD_H
#define MB_TESTS_STORAGE_WORKLOAD_H

#include "storage_rig.h"

#include "base/number.h"

enum { WORKLOAD_BATCHES = 48, WORKLOAD_ROWS = WORKLOAD_BATCHES * 4 + 1 };

struct workload {
    struct storage_row rows[WORKLOAD_ROWS];
    int64_t replaced_by[WORKLOAD_ROWS]; /* revision; INT64_MAX: none */
    size_t row_count;
    size_t batch_ends[WORKLOAD_BATCHES]; /* rows before the end of each batch */
    int64_t compact_to[WORKLOAD_BATCHES]; /* asked for once the batch is acknowledged; 0: nothing */
    size_t batch_count;
};

/* Borrows nothing; workload_release frees the rows. */
void workload_draw(struct workload *workload, uint64_t seed);
void workload_release(struct workload *workload);
/* Rows before the end of the first `batches` batches. */
size_t workload_rows_of(const struct workload *workload, size_t batches);
/* The highest revision that compaction was asked for when so many batches were acknowledged. */
int64_t workload_compacted(const struct workload *workload, size_t batches);

/* What a storage must hold: the first acknowledged_rows for certain, up to attempted_rows or none of those, compaction up to a revision. */
struct expected {
    const struct workload *workload;
    size_t acknowledged_rows, attempted_rows;
    int64_t compacted;
};
/* NULL, or what is wrong, in static memory. *out_rows: how many rows of the workload it holds. */
const char *workload_check(const struct expected *expected, struct storage *storage, size_t *out_rows);

#endif
