#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "storage_rig.h"

#include "base/number.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void rig_init(struct rig *rig) {
    /* In memory where there is such a folder: thousands of disks are made and thrown away. */
    const char *base = getenv("TMPDIR"), *fallback = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    snprintf(rig->folder, sizeof rig->folder, "%s/storage-XXXXXX", base ? base : fallback);
    assert_non_null(mkdtemp(rig->folder));
    rig->loop = loop_new(NULL);
    assert_non_null(rig->loop);
}

void rig_remove_folder(const char *folder) {
    DIR *open_folder = opendir(folder);
    if (!open_folder) return;
    for (const struct dirent *entry; (entry = readdir(open_folder));)
        if (entry->d_name[0] != '.') unlinkat(dirfd(open_folder), entry->d_name, 0);
    closedir(open_folder);
    rmdir(folder);
}

void rig_release(struct rig *rig) {
    loop_free(rig->loop);
    rig_remove_folder(rig->folder);
}

const char *rig_file(const struct rig *rig, const char *name) {
    static char path[RIG_PATH_BYTES + 64];
    snprintf(path, sizeof path, "%s/%s", rig->folder, name);
    return path;
}

struct storage *rig_open_at(struct loop *loop, const char *folder, const char *vfs) {
    enum { PAGES = 30 };
    struct storage_settings settings = {.folder = folder, .vfs = vfs, .checkpoint_pages = vfs ? PAGES : 0};
    struct storage *storage;
    struct error error;
    if (!storage_open(loop, &settings, &storage, &error)) fail_msg("%s", error.message);
    return storage;
}

struct storage *rig_open(struct rig *rig, const char *vfs) {
    return rig_open_at(rig->loop, rig->folder, vfs);
}

const char *rig_open_refused(struct rig *rig, const char *vfs) {
    static struct error error;
    struct storage *storage = NULL;
    error = (struct error){0};
    assert_false(storage_open(rig->loop, &(struct storage_settings){.folder = rig->folder, .vfs = vfs}, &storage, &error));
    assert_null(storage);
    assert_int_not_equal(error.kind, ERROR_NONE);
    return error.message;
}

uint64_t rig_seed(void) {
    const char *text = getenv("MB_SEED");
    int64_t seed;
    return text && number_parse_int64(str_of(text), &seed) ? (uint64_t)seed : 1;
}

static char *text_of(const char *what, int64_t revision, size_t bytes) {
    char unit[64];
    int length = snprintf(unit, sizeof unit, "%s-%lld ", what, (long long)revision);
    if (!bytes) bytes = (size_t)length - 1;
    char *text = malloc(bytes + 1);
    assert_non_null(text);
    for (size_t i = 0; i < bytes; i++) text[i] = unit[i % (size_t)length];
    text[bytes] = '\0';
    return text;
}

static struct str made(const char *what, int64_t revision, size_t bytes) {
    return str_of(text_of(what, revision, bytes));
}

struct storage_row rig_row(int64_t revision, int64_t previous, enum storage_change change, size_t body_bytes) {
    return (struct storage_row){
        .revision = revision,
        .previous = previous,
        .change = change,
        .resource = STR("/configmaps"),
        .namespace = STR("default"),
        .name = made("name", revision, 0),
        .uid = made("uid", revision, 0),
        .extra = made("extra", revision, 0),
        .body = body_bytes ? made("body", revision, body_bytes) : STR_EMPTY,
    };
}

void rig_free_rows(struct storage_row *rows, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct str owned[] = {rows[i].name, rows[i].uid, rows[i].extra, rows[i].body};
        for (size_t j = 0; j < sizeof owned / sizeof *owned; j++)
            if (owned[j].len) free((void *)(uintptr_t)owned[j].ptr);
    }
}

bool rig_is_whole(const struct storage_row *row) {
    struct storage_row wanted = rig_row(row->revision, row->previous, row->change, row->body.len);
    bool ok = str_equal(row->resource, wanted.resource) && str_equal(row->namespace, wanted.namespace) && str_equal(row->name, wanted.name) &&
              str_equal(row->uid, wanted.uid) && str_equal(row->extra, wanted.extra) && str_equal(row->body, wanted.body);
    rig_free_rows(&wanted, 1);
    return ok;
}

struct outcome {
    bool is_over, is_durable;
    struct error error;
};

static void note(void *context, const struct error *error) {
    struct outcome *outcome = context;
    outcome->is_over = true;
    outcome->is_durable = !error;
    if (error) outcome->error = *error;
}

bool rig_write(struct rig *rig, struct storage *storage, const struct storage_row *rows, size_t count, struct error *out_error) {
    struct outcome outcome = {0};
    assert_true(storage_submit(storage, rows, count, note, &outcome));
    assert_true(storage_is_busy(storage));
    while (!outcome.is_over) loop_run_once(rig->loop, 1000);
    if (!outcome.is_durable && out_error) *out_error = outcome.error;
    return outcome.is_durable;
}

void rig_write_one(struct rig *rig, struct storage *storage, struct storage_row row) {
    struct error error;
    if (!rig_write(rig, storage, &row, 1, &error)) fail_msg("%s", error.message);
    rig_free_rows(&row, 1);
}

struct with_bodies {
    struct storage *storage;
    storage_each *each;
    void *context;
    struct strbuf body;
    struct error *error;
    bool has_failed;
};

static bool add_body(void *context, const struct storage_row *row) {
    struct with_bodies *walk = context;
    struct storage_row whole = *row;
    assert_int_equal(row->body.len, 0);
    strbuf_clear(&walk->body);
    /* Of the same moment as the row: compaction cannot come between the two reads. */
    walk->has_failed = !storage_read_body(walk->storage, row->revision, &walk->body, walk->error);
    if (walk->has_failed) return false;
    whole.body = strbuf_view(&walk->body);
    return walk->each(walk->context, &whole);
}

bool rig_each_after(struct storage *storage, int64_t revision, storage_each *each, void *context, struct error *error) {
    struct with_bodies walk = {storage, each, context, strbuf_with_max(1 << 20), error, false};
    bool ok = storage_each_change_after(storage, revision, add_body, &walk, error) && !walk.has_failed;
    strbuf_release(&walk.body);
    return ok;
}
