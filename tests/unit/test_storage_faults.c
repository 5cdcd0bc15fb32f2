/* Disks that fill up, fail or refuse: each write and each sync of a small workload in turn. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "storage_workload.h"
#include "torn_vfs.h"

#include <string.h>

enum { BATCHES = 20, LAST_FAULT = 1000 };

static struct rig rig;

static int set_up(void **state) {
    (void)state;
    rig_init(&rig);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    rig_release(&rig);
    return 0;
}

static void assert_says(const char *message, const char *part) {
    if (!strstr(message, part)) fail_msg("\"%s\" is not in: %s", part, message);
}

static const char *const words[] = {
    [TORN_FULL] = "store.db\": the disk is full (database or disk is full); free some space on it",
    [TORN_SYNC] = "store.db\": the disk failed (disk I/O error); look into the system's log (dmesg)",
};

/* False, and the disk mended, when the fault kept it from opening. */
static bool open_on_bad_disk(struct torn_vfs *vfs, enum torn_failure failure, struct storage **out) {
    struct error error;
    struct storage_settings settings = {.folder = rig.folder, .vfs = torn_vfs_name(vfs), .checkpoint_pages = 30};
    if (storage_open(rig.loop, &settings, out, &error)) return true;
    assert_says(error.message, words[failure]);
    torn_vfs_fail(vfs, TORN_NOTHING, 0);
    *out = rig_open(&rig, torn_vfs_name(vfs));
    return false;
}

/* Runs it with a fault from the write or sync of that number on, mended once a batch has failed. False when the fault came too late. */
static bool run(const struct workload *workload, enum torn_failure failure, int after) {
    struct torn_vfs *vfs = torn_vfs_new(rig.folder, NULL);
    struct storage *storage;
    torn_vfs_fail(vfs, failure, after);
    open_on_bad_disk(vfs, failure, &storage);
    for (size_t i = 0; i < BATCHES; i++) {
        size_t start = workload_rows_of(workload, i), count = workload->batch_ends[i] - start;
        struct error error;
        int64_t last = storage_last_revision(storage);
        if (!rig_write(&rig, storage, &workload->rows[start], count, &error)) {
            assert_says(error.message, words[failure]);
            assert_int_equal(storage_last_revision(storage), last);
            assert_false(rig_write(&rig, storage, &workload->rows[start], count, NULL)); /* not mended yet */
            torn_vfs_fail(vfs, TORN_NOTHING, 0);
            assert_true(rig_write(&rig, storage, &workload->rows[start], count, NULL)); /* the same revisions */
        }
        if (workload->compact_to[i]) storage_compact(storage, workload->compact_to[i]);
    }
    bool has_failed = torn_vfs_has_failed(vfs);
    torn_vfs_fail(vfs, TORN_NOTHING, 0);
    struct expected expected = {workload, workload_rows_of(workload, BATCHES), workload_rows_of(workload, BATCHES), INT64_MAX};
    for (int round = 0; round < 2; round++) {
        size_t rows;
        const char *wrong = workload_check(&expected, storage, &rows);
        if (wrong) fail_msg("SEED=%llu, fault %d after %d: %s", (unsigned long long)rig_seed(), (int)failure, after, wrong);
        storage_close(storage);
        if (round == 0) storage = rig_open(&rig, torn_vfs_name(vfs));
    }
    torn_vfs_free(vfs);
    rig_remove_folder(rig.folder);
    return has_failed;
}

static void run_each(enum torn_failure failure, int at_least) {
    static struct workload workload;
    workload_draw(&workload, rig_seed());
    int after = 0;
    while (run(&workload, failure, after)) {
        after++;
        assert_true(after < LAST_FAULT);
    }
    assert_true(after >= at_least);
    workload_release(&workload);
}

static void a_full_disk_at_each_write_fails_a_batch_and_no_more(void **state) {
    (void)state;
    run_each(TORN_FULL, 4 * BATCHES);
}

static void a_failed_sync_fails_a_batch_and_no_more(void **state) {
    (void)state;
    run_each(TORN_SYNC, BATCHES);
}

static void a_disk_that_turns_full_keeps_what_was_written(void **state) {
    (void)state;
    struct torn_vfs *vfs = torn_vfs_new(rig.folder, NULL);
    struct storage *storage = rig_open(&rig, torn_vfs_name(vfs));
    rig_write_one(&rig, storage, rig_row(1, 0, STORAGE_CREATED, 5000));
    torn_vfs_fail(vfs, TORN_FULL, 0);
    struct storage_row row = rig_row(2, 1, STORAGE_UPDATED, 5000);
    struct strbuf body = strbuf_with_max(10000);
    assert_false(rig_write(&rig, storage, &row, 1, NULL));
    assert_true(storage_read_body(storage, 1, &body, NULL));
    assert_false(storage_read_body(storage, 2, &body, NULL));
    storage_close(storage); /* which cannot checkpoint */
    torn_vfs_fail(vfs, TORN_NOTHING, 0);
    storage = rig_open(&rig, torn_vfs_name(vfs));
    assert_int_equal(storage_last_revision(storage), 1);
    assert_true(rig_write(&rig, storage, &row, 1, NULL));
    strbuf_release(&body);
    rig_free_rows(&row, 1);
    storage_close(storage);
    torn_vfs_free(vfs);
}

static void a_read_only_disk_is_refused(void **state) {
    (void)state;
    struct torn_vfs *vfs = torn_vfs_new(rig.folder, NULL);
    torn_vfs_fail(vfs, TORN_READ_ONLY, 0);
    assert_says(rig_open_refused(&rig, torn_vfs_name(vfs)),
                "store.db\": cannot be written to (attempt to write a readonly database); give this user the right to");
    torn_vfs_fail(vfs, TORN_NOTHING, 0);
    storage_close(rig_open(&rig, torn_vfs_name(vfs)));
    torn_vfs_fail(vfs, TORN_READ_ONLY, 0);
    assert_says(rig_open_refused(&rig, torn_vfs_name(vfs)), "cannot be written to");
    torn_vfs_free(vfs);
}

int main(void) {
#define CASE(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(a_full_disk_at_each_write_fails_a_batch_and_no_more),
        CASE(a_failed_sync_fails_a_batch_and_no_more),
        CASE(a_disk_that_turns_full_keeps_what_was_written),
        CASE(a_read_only_disk_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
