#include "storage_workload.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static size_t draw_body_bytes(struct number_random *random) {
    static const size_t sizes[] = {0, 1, 40, 300, 900, 4000, 4100, 9000};
    return sizes[number_random_below(random, sizeof sizes / sizeof *sizes)];
}

/* A row that lives, or SIZE_MAX. */
static size_t draw_live(const struct workload *workload, struct number_random *random) {
    if (!workload->row_count) return SIZE_MAX;
    size_t start = number_random_below(random, workload->row_count);
    for (size_t i = 0; i < workload->row_count; i++) {
        size_t index = (start + i) % workload->row_count;
        if (workload->replaced_by[index] == INT64_MAX && workload->rows[index].change != STORAGE_DELETED) return index;
    }
    return SIZE_MAX;
}

static void add_row(struct workload *workload, int64_t revision, struct number_random *random) {
    size_t replaced = number_random_below(random, 2) ? draw_live(workload, random) : SIZE_MAX;
    enum storage_change change = replaced == SIZE_MAX ? STORAGE_CREATED : number_random_below(random, 3) ? STORAGE_UPDATED : STORAGE_DELETED;
    int64_t previous = replaced == SIZE_MAX ? 0 : workload->rows[replaced].revision;
    if (replaced != SIZE_MAX) workload->replaced_by[replaced] = revision;
    workload->replaced_by[workload->row_count] = INT64_MAX;
    workload->rows[workload->row_count++] = rig_row(revision, previous, change, draw_body_bytes(random));
}

void workload_draw(struct workload *workload, uint64_t seed) {
    struct number_random random = {seed};
    int64_t revision = 0;
    *workload = (struct workload){.batch_count = WORKLOAD_BATCHES};
    for (size_t batch = 0; batch < WORKLOAD_BATCHES; batch++) {
        for (uint64_t i = 0, count = 1 + number_random_below(&random, 4); i < count; i++) {
            revision += 1 + (int64_t)number_random_below(&random, 2);
            add_row(workload, revision, &random);
        }
        workload->batch_ends[batch] = workload->row_count;
        if (batch % 10 == 9) workload->compact_to[batch] = revision - (int64_t)number_random_below(&random, 6);
    }
}

void workload_release(struct workload *workload) {
    rig_free_rows(workload->rows, workload->row_count);
}

size_t workload_rows_of(const struct workload *workload, size_t batches) {
    if (batches > workload->batch_count) batches = workload->batch_count;
    return batches ? workload->batch_ends[batches - 1] : 0;
}

int64_t workload_compacted(const struct workload *workload, size_t batches) {
    int64_t compacted = 0;
    for (size_t i = 0; i < batches && i < workload->batch_count; i++)
        if (workload->compact_to[i] > compacted) compacted = workload->compact_to[i];
    return compacted;
}

/* checks */

struct walk {
    const struct workload *workload;
    size_t row_count; /* of the workload, that must be accounted for */
    size_t next;      /* not yet accounted for */
    int64_t compacted;
    bool is_about_live;
    const char *wrong;
};

static const char *say(const char *format, ...) __attribute__((format(printf, 1, 2)));
static const char *say(const char *format, ...) {
    static char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return text;
}

/* May this row be missing? */
static bool may_lack(const struct walk *walk, size_t index) {
    const struct storage_row *row = &walk->workload->rows[index];
    int64_t last = walk->workload->rows[walk->row_count - 1].revision, replaced_by = walk->workload->replaced_by[index];
    if (walk->is_about_live) return replaced_by <= last || row->change == STORAGE_DELETED;
    return replaced_by <= walk->compacted || (row->change == STORAGE_DELETED && row->revision <= walk->compacted);
}

static bool account(void *context, const struct storage_row *row) {
    struct walk *walk = context;
    const struct storage_row *rows = walk->workload->rows;
    for (; walk->next < walk->row_count && rows[walk->next].revision < row->revision; walk->next++)
        if (!may_lack(walk, walk->next)) {
            walk->wrong = say("revision %lld is missing", (long long)rows[walk->next].revision);
            return false;
        }
    const struct storage_row *wanted = walk->next < walk->row_count ? &rows[walk->next] : NULL;
    if (!wanted || wanted->revision != row->revision)
        walk->wrong = say("revision %lld was never written", (long long)row->revision);
    else if (walk->is_about_live && may_lack(walk, walk->next))
        walk->wrong = say("revision %lld is not live", (long long)row->revision);
    else if (row->previous != wanted->previous || row->change != wanted->change || !str_equal(row->name, wanted->name) ||
             !str_equal(row->uid, wanted->uid) || !str_equal(row->extra, wanted->extra) || !str_equal(row->namespace, wanted->namespace) ||
             !str_equal(row->resource, wanted->resource) || !str_equal(row->body, walk->is_about_live ? STR_EMPTY : wanted->body))
        walk->wrong = say("revision %lld is not what was written", (long long)row->revision);
    walk->next++;
    return !walk->wrong;
}

static const char *check_walk(struct walk walk, struct storage *storage) {
    struct error error;
    bool ok = walk.is_about_live ? storage_each_live(storage, account, &walk, &error) : rig_each_after(storage, 0, account, &walk, &error);
    if (!ok) return say("%s", error.message);
    for (; !walk.wrong && walk.next < walk.row_count; walk.next++)
        if (!may_lack(&walk, walk.next)) return say("revision %lld is missing", (long long)walk.workload->rows[walk.next].revision);
    return walk.wrong;
}

const char *workload_check(const struct expected *expected, struct storage *storage, size_t *out_rows) {
    const struct workload *workload = expected->workload;
    int64_t last = storage_last_revision(storage), compacted = storage_compacted_revision(storage);
    size_t counts[] = {expected->acknowledged_rows, expected->attempted_rows}, row_count = SIZE_MAX;
    for (size_t i = 0; i < 2; i++)
        if (last == (counts[i] ? workload->rows[counts[i] - 1].revision : 0)) row_count = counts[i];
    if (row_count == SIZE_MAX)
        return say("the last revision is %lld, with %zu rows acknowledged and %zu attempted", (long long)last, counts[0], counts[1]);
    if (compacted > expected->compacted) return say("compacted up to %lld, asked for %lld", (long long)compacted, (long long)expected->compacted);
    *out_rows = row_count;
    struct walk walk = {.workload = workload, .row_count = row_count, .compacted = compacted};
    const char *wrong = check_walk(walk, storage);
    walk.is_about_live = true;
    return wrong ? wrong : check_walk(walk, storage);
}
