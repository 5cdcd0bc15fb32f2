#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "storage_rig.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

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

/* Revisions seen, as "1 3 4". */
struct seen {
    char text[512];
    size_t limit;
};

static bool see(void *context, const struct storage_row *row) {
    struct seen *seen = context;
    assert_true(rig_is_whole(row));
    size_t length = strlen(seen->text);
    snprintf(seen->text + length, sizeof seen->text - length, "%s%lld", length ? " " : "", (long long)row->revision);
    return !seen->limit || --seen->limit;
}

static const char *live(struct storage *storage) {
    static struct seen seen;
    struct error error;
    seen = (struct seen){0};
    if (!storage_each_live(storage, see, &seen, &error)) fail_msg("%s", error.message);
    return seen.text;
}

static const char *after(struct storage *storage, int64_t revision) {
    static struct seen seen;
    struct error error;
    seen = (struct seen){0};
    if (!rig_each_after(storage, revision, see, &seen, &error)) fail_msg("%s", error.message);
    return seen.text;
}

/* 1 and 2 created, 1 updated by 3, 2 deleted by 4, 5 created. */
static void write_five(struct storage *storage) {
    rig_write_one(&rig, storage, rig_row(1, 0, STORAGE_CREATED, 100));
    rig_write_one(&rig, storage, rig_row(2, 0, STORAGE_CREATED, 5000));
    struct storage_row rows[] = {rig_row(3, 1, STORAGE_UPDATED, 20000), rig_row(4, 2, STORAGE_DELETED, 10), rig_row(5, 0, STORAGE_CREATED, 0)};
    assert_true(rig_write(&rig, storage, rows, 3, NULL));
    rig_free_rows(rows, 3);
}

static void rows_are_there_at_once_and_after_a_new_start(void **state) {
    (void)state;
    for (int round = 0; round < 3; round++) {
        struct storage *storage = rig_open(&rig, NULL);
        if (round == 0) {
            assert_int_equal(storage_last_revision(storage), 0);
            assert_string_equal(live(storage), "");
            write_five(storage);
        }
        assert_int_equal(storage_last_revision(storage), 5);
        assert_int_equal(storage_compacted_revision(storage), 0);
        assert_string_equal(live(storage), "3 5");
        assert_string_equal(after(storage, 0), "1 2 3 4 5");
        assert_string_equal(after(storage, 3), "4 5");
        assert_string_equal(after(storage, 5), "");
        assert_true(storage_size_bytes(storage) > 20000);
        storage_close(storage);
    }
    assert_int_not_equal(access(rig_file(&rig, "store.db-wal"), F_OK), 0);
}

static void a_walk_ends_when_told_to(void **state) {
    (void)state;
    struct storage *storage = rig_open(&rig, NULL);
    write_five(storage);
    struct seen some = {.limit = 1}, two = {.limit = 2};
    struct error error;
    assert_true(storage_each_live(storage, see, &some, NULL));
    assert_string_equal(some.text, "3");
    assert_true(rig_each_after(storage, 1, see, &two, &error));
    assert_string_equal(two.text, "2 3");
    storage_close(storage);
}

static void bodies_are_read_one_by_one(void **state) {
    (void)state;
    struct storage *storage = rig_open(&rig, NULL);
    write_five(storage);
    struct strbuf body = strbuf_with_max(30000), small = strbuf_with_max(100);
    struct error error;
    struct storage_row wanted = rig_row(3, 1, STORAGE_UPDATED, 20000);
    strbuf_append(&body, STR("["));
    assert_true(storage_read_body(storage, 3, &body, &error));
    assert_true(str_equal(str_from(strbuf_view(&body), 1), wanted.body));
    assert_true(storage_read_body(storage, 5, &body, &error)); /* an empty one */
    assert_false(storage_read_body(storage, 3, &small, &error));
    assert_int_equal(error.kind, ERROR_LIMIT);
    assert_false(storage_read_body(storage, 6, &body, &error));
    assert_int_equal(error.kind, ERROR_NOT_FOUND);
    rig_free_rows(&wanted, 1);
    strbuf_release(&body), strbuf_release(&small);
    storage_close(storage);
}

/* Closing lets the storage thread do no more slices, so a new start goes on; writing a batch gives it turns. */
static void wait_until_swept(struct storage *storage, int64_t gone) {
    struct strbuf body = strbuf_with_max(1 << 20);
    struct error error;
    while (storage_read_body(storage, gone, &body, &error)) {
        strbuf_clear(&body);
        loop_run_once(rig.loop, 1);
    }
    assert_int_equal(error.kind, ERROR_NOT_FOUND);
    strbuf_release(&body);
}

static void compaction_keeps_live_rows_and_the_state_at_its_revision(void **state) {
    (void)state;
    struct storage *storage = rig_open(&rig, NULL);
    write_five(storage);
    storage_compact(storage, 3);
    assert_int_equal(storage_compacted_revision(storage), 3);
    wait_until_swept(storage, 1);
    assert_string_equal(after(storage, 0), "2 3 4 5"); /* 2 lived at 3 */
    storage_compact(storage, 2);
    assert_int_equal(storage_compacted_revision(storage), 3);
    storage_compact(storage, 99);
    assert_int_equal(storage_compacted_revision(storage), 5);
    wait_until_swept(storage, 4);
    assert_string_equal(after(storage, 0), "3 5");
    storage_close(storage);
    storage = rig_open(&rig, NULL);
    assert_int_equal(storage_compacted_revision(storage), 5);
    assert_string_equal(live(storage), "3 5");
    storage_close(storage);
}

static void the_last_revision_outlives_its_row(void **state) {
    (void)state;
    struct storage *storage = rig_open(&rig, NULL);
    rig_write_one(&rig, storage, rig_row(7, 0, STORAGE_CREATED, 10));
    rig_write_one(&rig, storage, rig_row(9, 7, STORAGE_DELETED, 10));
    storage_compact(storage, 9);
    wait_until_swept(storage, 9);
    assert_string_equal(after(storage, 0), "");
    storage_close(storage);
    storage = rig_open(&rig, NULL);
    assert_int_equal(storage_last_revision(storage), 9);
    rig_write_one(&rig, storage, rig_row(10, 0, STORAGE_CREATED, 10));
    assert_string_equal(live(storage), "10");
    storage_close(storage);
}

/* 1000 objects, each replaced many times: enough for several slices and checkpoints. */
static void a_long_compaction_goes_on_between_batches_and_after_a_new_start(void **state) {
    (void)state;
    enum { OBJECTS = 100, ROUNDS = 20, LAST = OBJECTS * ROUNDS };
    struct storage *storage = rig_open(&rig, NULL);
    int64_t revision = 0;
    for (int round = 0; round < ROUNDS; round++) {
        struct storage_row rows[OBJECTS];
        for (int i = 0; i < OBJECTS; i++) {
            revision++;
            rows[i] = rig_row(revision, round ? revision - OBJECTS : 0, round ? STORAGE_UPDATED : STORAGE_CREATED, 3000);
        }
        assert_true(rig_write(&rig, storage, rows, OBJECTS, NULL));
        rig_free_rows(rows, OBJECTS);
    }
    storage_compact(storage, LAST);
    storage_close(storage);
    storage = rig_open(&rig, NULL);
    storage_compact(storage, LAST);
    rig_write_one(&rig, storage, rig_row(LAST + 1, 0, STORAGE_CREATED, 3000));
    wait_until_swept(storage, LAST - OBJECTS);
    struct seen first = {.limit = 1};
    struct error error;
    assert_true(rig_each_after(storage, 0, see, &first, &error));
    assert_string_equal(first.text, "1901");
    /* What compaction freed is used again. */
    int64_t before = storage_size_bytes(storage);
    for (int i = 0; i < OBJECTS; i++) rig_write_one(&rig, storage, rig_row(LAST + 2 + i, 0, STORAGE_CREATED, 3000));
    storage_close(storage);
    struct stat status;
    assert_int_equal(stat(rig_file(&rig, "store.db"), &status), 0);
    assert_true(status.st_size < before);
}

static void never(void *context, const struct error *error) {
    (void)context, (void)error;
    fail_msg("called after storage_close");
}

static void closing_finishes_the_batch_under_way_and_is_silent(void **state) {
    (void)state;
    struct storage *storage = rig_open(&rig, NULL);
    struct storage_row row = rig_row(1, 0, STORAGE_CREATED, 5000);
    assert_true(storage_submit(storage, &row, 1, never, NULL));
    assert_false(storage_submit(storage, &row, 1, never, NULL));
    storage_close(storage);
    rig_free_rows(&row, 1);
    loop_run_once(rig.loop, 0);
    storage = rig_open(&rig, NULL);
    assert_string_equal(live(storage), "1");
    storage_close(storage);
}

static void close_it(void *context, const struct error *error) {
    assert_null(error);
    struct storage **storage = context;
    storage_close(*storage);
    *storage = NULL;
}

static void it_may_be_closed_by_a_callback(void **state) {
    (void)state;
    struct storage *storage = rig_open(&rig, NULL);
    struct storage_row row = rig_row(1, 0, STORAGE_CREATED, 5000);
    assert_true(storage_submit(storage, &row, 1, close_it, &storage));
    while (storage) loop_run_once(rig.loop, 1000);
    rig_free_rows(&row, 1);
}

static void only_the_owner_may_look(void **state) {
    (void)state;
    rmdir(rig.folder);
    struct storage *storage = rig_open(&rig, NULL);
    rig_write_one(&rig, storage, rig_row(1, 0, STORAGE_CREATED, 100));
    static const struct {
        const char *name;
        mode_t mode;
    } files[] = {{".", 0700}, {"store.db", 0600}, {"store.db-wal", 0600}, {"store.db-shm", 0600}, {"lock", 0600}};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct stat status;
        assert_int_equal(stat(rig_file(&rig, files[i].name), &status), 0);
        assert_int_equal(status.st_mode & 0777, files[i].mode);
    }
    storage_close(storage);
}

/* refusals */

static void assert_says(const char *message, const char *part) {
    if (!strstr(message, part)) fail_msg("\"%s\" is not in: %s", part, message);
}

static void a_second_process_is_refused_and_told_who(void **state) {
    (void)state;
    int ready[2], leave[2];
    assert_int_equal(pipe(ready), 0);
    assert_int_equal(pipe(leave), 0);
    pid_t child = fork();
    if (child == 0) {
        char byte;
        close(leave[1]);
        struct storage *storage = rig_open(&rig, NULL);
        if (write(ready[1], "x", 1) != 1 || read(leave[0], &byte, 1) != 0) _exit(1);
        storage_close(storage);
        _exit(0);
    }
    close(leave[0]);
    char byte, owner[64];
    assert_int_equal(read(ready[0], &byte, 1), 1);
    snprintf(owner, sizeof owner, "in use by process %d; stop that one", (int)child);
    assert_says(rig_open_refused(&rig, NULL), owner);
    close(leave[1]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    close(ready[0]), close(ready[1]);
    storage_close(rig_open(&rig, NULL));
}

static void the_same_process_is_refused_too(void **state) {
    (void)state;
    struct storage *storage = rig_open(&rig, NULL);
    assert_says(rig_open_refused(&rig, NULL), "in use by process");
    rig_write_one(&rig, storage, rig_row(1, 0, STORAGE_CREATED, 100));
    storage_close(storage);
}

static void run_sql(const char *sql) {
    sqlite3 *database;
    assert_int_equal(sqlite3_open(rig_file(&rig, "store.db"), &database), SQLITE_OK);
    char *message = NULL;
    if (sqlite3_exec(database, sql, NULL, NULL, &message) != SQLITE_OK) fail_msg("%s", message);
    sqlite3_close(database);
}

static void a_database_of_another_program_is_left_alone(void **state) {
    (void)state;
    run_sql("create table theirs(x); insert into theirs values(1)");
    struct stat before, now;
    assert_int_equal(stat(rig_file(&rig, "store.db"), &before), 0);
    assert_says(rig_open_refused(&rig, NULL), "is a database of another program; choose another folder");
    assert_int_equal(stat(rig_file(&rig, "store.db"), &now), 0);
    assert_int_equal(before.st_mtim.tv_nsec, now.st_mtim.tv_nsec);
    run_sql("pragma application_id = 7; drop table theirs");
    assert_says(rig_open_refused(&rig, NULL), "is a database of another program");
}

static void a_newer_format_is_refused(void **state) {
    (void)state;
    storage_close(rig_open(&rig, NULL));
    run_sql("pragma user_version = 2");
    assert_says(rig_open_refused(&rig, NULL), "its format is 2, made by a newer model-booster; this one knows formats up to 1");
    run_sql("pragma user_version = 1");
    storage_close(rig_open(&rig, NULL));
}

static void what_is_no_database_is_refused(void **state) {
    (void)state;
    static const char text[] = "{\"kind\": \"List\", \"and\": \"a text long enough to be more than a header of a hundred bytes, which is what is read\"}";
    int fd = open(rig_file(&rig, "store.db"), O_RDWR | O_CREAT, 0600);
    for (int i = 0; i < 100; i++) assert_int_equal(write(fd, text, sizeof text), sizeof text);
    close(fd);
    assert_says(rig_open_refused(&rig, NULL), "is no store of model-booster, or its beginning is damaged (file is not a database); put back");
}

static void a_torn_file_is_refused(void **state) {
    (void)state;
    struct storage *storage = rig_open(&rig, NULL);
    write_five(storage);
    storage_close(storage);
    assert_int_equal(truncate(rig_file(&rig, "store.db"), 3 * 4096), 0);
    assert_says(rig_open_refused(&rig, NULL), "is damaged");
}

/* Bodies are not read at start; what was changed under them is told when one is read, and the others are still there. */
static void a_changed_body_is_told_from_a_good_one(void **state) {
    (void)state;
    struct storage *storage = rig_open(&rig, NULL);
    write_five(storage);
    storage_close(storage);
    run_sql("update body set body = (select body from body where revision = 1), checksum = (select checksum from body where revision = 1)"
            " where revision = 2");
    storage = rig_open(&rig, NULL);
    struct strbuf body = strbuf_with_max(30000);
    struct error error;
    assert_false(storage_read_body(storage, 2, &body, &error));
    assert_int_equal(error.kind, ERROR_INVALID);
    assert_says(error.message, "is damaged (the row of revision 2); put back a copy");
    assert_true(storage_read_body(storage, 3, &body, &error));
    struct seen seen = {0};
    assert_false(rig_each_after(storage, 0, see, &seen, &error));
    assert_string_equal(seen.text, "1");
    strbuf_release(&body);
    storage_close(storage);
}

static void rows_that_nobody_wrote_are_refused(void **state) {
    (void)state;
    static const char *const harms[] = {
        "update log set change = 4 where revision = 3",
        "update log set previous = 5 where revision = 3",
        "update log set revision = -3 where revision = 3",
    };
    for (size_t i = 0; i < sizeof harms / sizeof *harms; i++) {
        rig_remove_folder(rig.folder);
        struct storage *storage = rig_open(&rig, NULL);
        write_five(storage);
        storage_close(storage);
        run_sql(harms[i]);
        storage = rig_open(&rig, NULL);
        struct error error;
        struct seen seen = {0};
        assert_false(storage_each_live(storage, see, &seen, &error));
        assert_says(error.message, "is damaged (the row of revision");
        storage_close(storage);
    }
    run_sql("update state set swept = 9");
    assert_says(rig_open_refused(&rig, NULL), "is damaged (its state contradicts itself)");
    run_sql("delete from state");
    assert_says(rig_open_refused(&rig, NULL), "is damaged (a table is empty)");
}

/* Root may write anywhere, so somebody else tries. */
static void a_folder_without_rights_is_refused(void **state) {
    (void)state;
    assert_int_equal(chmod(rig.folder, 0555), 0);
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        struct storage *storage;
        struct error error = {0};
        if (geteuid() == 0 && setresuid(65534, 65534, 65534) != 0) _exit(1);
        if (storage_open(rig.loop, &(struct storage_settings){.folder = rig.folder}, &storage, &error)) _exit(2);
        ssize_t length = (ssize_t)strlen(error.message);
        _exit(write(ends[1], error.message, (size_t)length) == length ? 0 : 3);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    char message[2048];
    ssize_t length = read(ends[0], message, sizeof message - 1);
    assert_true(length > 0);
    message[length] = '\0';
    assert_says(message, "/lock\": cannot open it: Permission denied; give this user the right to write there");
    close(ends[0]), close(ends[1]);
    chmod(rig.folder, 0700);
}

static void a_path_that_cannot_be_a_folder_is_refused(void **state) {
    (void)state;
    struct storage *storage;
    struct error error;
    char path[RIG_PATH_BYTES + 64];
    snprintf(path, sizeof path, "%s/absent/deeper", rig.folder);
    assert_false(storage_open(rig.loop, &(struct storage_settings){.folder = path}, &storage, &error));
    assert_says(error.message, "cannot make the folder: No such file or directory; make the folder above it first");
    storage_close(rig_open(&rig, NULL));
    snprintf(path, sizeof path, "%s/lock", rig.folder);
    assert_false(storage_open(rig.loop, &(struct storage_settings){.folder = path}, &storage, &error));
    assert_says(error.message, "is no folder; choose another name");
}

int main(void) {
#define CASE(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(rows_are_there_at_once_and_after_a_new_start),
        CASE(a_walk_ends_when_told_to),
        CASE(bodies_are_read_one_by_one),
        CASE(compaction_keeps_live_rows_and_the_state_at_its_revision),
        CASE(the_last_revision_outlives_its_row),
        CASE(a_long_compaction_goes_on_between_batches_and_after_a_new_start),
        CASE(closing_finishes_the_batch_under_way_and_is_silent),
        CASE(it_may_be_closed_by_a_callback),
        CASE(only_the_owner_may_look),
        CASE(a_second_process_is_refused_and_told_who),
        CASE(the_same_process_is_refused_too),
        CASE(a_database_of_another_program_is_left_alone),
        CASE(a_newer_format_is_refused),
        CASE(what_is_no_database_is_refused),
        CASE(a_torn_file_is_refused),
        CASE(a_changed_body_is_told_from_a_good_one),
        CASE(rows_that_nobody_wrote_are_refused),
        CASE(a_folder_without_rights_is_refused),
        CASE(a_path_that_cannot_be_a_folder_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
