/*
 * Power cuts. A workload runs once on a disk that notes what a cut would leave at every sync; then each cut of each moment is made, opened, and
 * held against what had been acknowledged. From some of them it goes on, with cuts during recovery, the next batch and the close.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "storage_workload.h"
#include "torn_vfs.h"

#include <stdio.h>
#include <sys/stat.h>

enum {
    GO_ON_EVERY = 61, /* cuts; prime to what a moment has */
    AGAIN_EVERY = 5,  /* of the cuts during those */
};

static struct rig rig;
static _Atomic int acknowledged;

static int set_up(void **state) {
    (void)state;
    rig_init(&rig);
    atomic_store(&acknowledged, 0);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    rig_release(&rig);
    return 0;
}

/* Half of the batches, a close in peace, the other half. */
static void run(const struct workload *workload, struct torn_vfs *vfs) {
    struct storage *storage = rig_open(&rig, torn_vfs_name(vfs));
    for (size_t i = 0; i < workload->batch_count; i++) {
        size_t start = workload_rows_of(workload, i);
        assert_true(rig_write(&rig, storage, &workload->rows[start], workload->batch_ends[i] - start, NULL));
        atomic_store(&acknowledged, (int)i + 1);
        if (workload->compact_to[i]) storage_compact(storage, workload->compact_to[i]);
        if (i != workload->batch_count / 2) continue;
        storage_close(storage);
        storage = rig_open(&rig, torn_vfs_name(vfs));
    }
    storage_close(storage);
}

static void make_cut(const struct torn_disk *disk, size_t cut, uint64_t seed, const char *folder) {
    rig_remove_folder(folder);
    assert_int_equal(mkdir(folder, 0700), 0);
    assert_true(torn_disk_cut(disk, cut, seed, folder));
}

/* The rows found, of the workload. */
static size_t check_cut(const struct expected *expected, const char *folder, const char *what) {
    struct torn_vfs *vfs = torn_vfs_new(folder, NULL);
    struct storage *storage = rig_open_at(rig.loop, folder, torn_vfs_name(vfs));
    size_t rows = 0;
    const char *wrong = workload_check(expected, storage, &rows);
    if (wrong) fail_msg("%s: %s", what, wrong);
    storage_close(storage);
    torn_vfs_free(vfs);
    return rows;
}

/* One more batch on what a cut left, with cuts of its own. Returns how many. */
static size_t go_on(const struct workload *workload, size_t row_count, int64_t compacted, const char *folder, uint64_t seed, const char *what) {
    static struct workload longer;
    longer = *workload;
    int64_t last = row_count ? longer.rows[row_count - 1].revision : 0;
    for (size_t i = 0; i < row_count; i++)
        if (longer.replaced_by[i] > last) longer.replaced_by[i] = INT64_MAX;
    struct storage_row row = rig_row(last + 1, 0, STORAGE_CREATED, 6000);
    longer.rows[row_count] = row;
    longer.replaced_by[row_count] = INT64_MAX;

    _Atomic int is_acknowledged = 0;
    struct torn_vfs *vfs = torn_vfs_new(folder, &is_acknowledged);
    struct storage *storage = rig_open_at(rig.loop, folder, torn_vfs_name(vfs));
    assert_true(rig_write(&rig, storage, &row, 1, NULL));
    atomic_store(&is_acknowledged, 1);
    storage_close(storage);

    char again[RIG_PATH_BYTES + 16];
    snprintf(again, sizeof again, "%s.again", rig.folder);
    size_t moments, cuts = 0;
    const struct torn_moment *moment = torn_vfs_moments(vfs, &moments);
    for (size_t i = 0; i < moments; i++, moment++) {
        struct expected expected = {&longer, row_count + (size_t)moment->mark, row_count + 1, compacted};
        for (size_t cut = 0; cut < torn_disk_cuts(&moment->disk); cut += cut < 2 ? 1 : AGAIN_EVERY, cuts++) {
            char where[256];
            snprintf(where, sizeof where, "%s, then moment %zu, cut %zu", what, i, cut);
            make_cut(&moment->disk, cut, seed, again);
            check_cut(&expected, again, where);
        }
    }
    rig_remove_folder(again);
    torn_vfs_free(vfs);
    rig_free_rows(&row, 1);
    return cuts;
}

static void nothing_acknowledged_is_lost_at_any_sync(void **state) {
    (void)state;
    static struct workload workload;
    uint64_t seed = rig_seed();
    workload_draw(&workload, seed);
    struct torn_vfs *vfs = torn_vfs_new(rig.folder, &acknowledged);
    run(&workload, vfs);

    char folder[RIG_PATH_BYTES + 16];
    snprintf(folder, sizeof folder, "%s.cut", rig.folder);
    size_t moments, cuts = 0, second_cuts = 0;
    const struct torn_moment *moment = torn_vfs_moments(vfs, &moments);
    for (size_t i = 0; i < moments; i++, moment++) {
        size_t done = (size_t)moment->mark;
        struct expected expected = {&workload, workload_rows_of(&workload, done), workload_rows_of(&workload, done + 1),
                                    workload_compacted(&workload, done)};
        for (size_t cut = 0; cut < torn_disk_cuts(&moment->disk); cut++, cuts++) {
            char what[128];
            snprintf(what, sizeof what, "SEED=%llu, moment %zu, cut %zu", (unsigned long long)seed, i, cut);
            make_cut(&moment->disk, cut, seed + cuts, folder);
            size_t rows = check_cut(&expected, folder, what);
            if (cuts % GO_ON_EVERY) continue;
            make_cut(&moment->disk, cut, seed + cuts, folder);
            second_cuts += go_on(&workload, rows, expected.compacted, folder, seed + cuts, what);
        }
    }
    print_message("%zu moments, %zu cuts, %zu second cuts\n", moments, cuts, second_cuts);
    assert_true(moments > WORKLOAD_BATCHES && cuts > 10 * moments && second_cuts > 5 * moments);
    rig_remove_folder(folder);
    torn_vfs_free(vfs);
    workload_release(&workload);
}

/* Else a torn batch at its end may become whole once the next one overwrites what was torn (found with SEED=104). */
static void nothing_is_appended_to_a_log_that_a_crash_has_left(void **state) {
    (void)state;
    static struct workload workload;
    workload_draw(&workload, rig_seed());
    struct torn_vfs *vfs = torn_vfs_new(rig.folder, &acknowledged);
    run(&workload, vfs);
    char folder[RIG_PATH_BYTES + 16], log[RIG_PATH_BYTES + 32];
    snprintf(folder, sizeof folder, "%s.cut", rig.folder);
    snprintf(log, sizeof log, "%s/store.db-wal", folder);
    size_t moments, with_log = 0;
    const struct torn_moment *moment = torn_vfs_moments(vfs, &moments);
    for (size_t i = 0; i < moments; i++) {
        struct stat status;
        if (!moment[i].mark) continue; /* perhaps without tables yet, which the start then makes */
        make_cut(&moment[i].disk, 1, 0, folder);
        with_log += stat(log, &status) == 0 && status.st_size > 0;
        struct storage *storage = rig_open_at(rig.loop, folder, NULL);
        if (stat(log, &status) == 0) assert_int_equal(status.st_size, 0);
        storage_close(storage);
    }
    assert_true(with_log > WORKLOAD_BATCHES / 2);
    rig_remove_folder(folder);
    torn_vfs_free(vfs);
    workload_release(&workload);
}

/* A disk whose syncs do nothing loses acknowledged rows, and the checks see it: else the test above could not fail. */
static void a_disk_that_lies_is_found_out(void **state) {
    (void)state;
    static struct workload workload;
    workload_draw(&workload, rig_seed());
    struct torn_vfs *vfs = torn_vfs_new(rig.folder, &acknowledged);
    run(&workload, vfs);
    char folder[RIG_PATH_BYTES + 16];
    snprintf(folder, sizeof folder, "%s.cut", rig.folder);
    size_t moments, lost = 0;
    const struct torn_moment *moment = torn_vfs_moments(vfs, &moments);
    for (size_t i = 0; i + 1 < moments; i++) {
        /* What had been there one sync ago, held against what was acknowledged later. */
        size_t done = (size_t)moment[i + 1].mark, rows;
        if (moment[i].mark == moment[i + 1].mark) continue;
        struct expected expected = {&workload, workload_rows_of(&workload, done), workload_rows_of(&workload, done + 1),
                                    workload_compacted(&workload, done)};
        make_cut(&moment[i].disk, 0, 0, folder);
        struct storage *storage = rig_open_at(rig.loop, folder, NULL);
        lost += workload_check(&expected, storage, &rows) != NULL;
        storage_close(storage);
    }
    assert_true(lost > WORKLOAD_BATCHES / 2);
    rig_remove_folder(folder);
    torn_vfs_free(vfs);
    workload_release(&workload);
}

int main(void) {
#define CASE(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(nothing_acknowledged_is_lost_at_any_sync),
        CASE(nothing_is_appended_to_a_log_that_a_crash_has_left),
        CASE(a_disk_that_lies_is_found_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
