#include "storage/storage.h"

#include "storage/folder.h"
#include "storage/reader.h"
#include "storage/writer.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

struct storage {
    struct folder folder;
    struct reader reader;
    struct writer *writer;
    struct loop_wake *finished;
    struct database_state state; /* as the loop sees it: `last` rises with callbacks, `compacted` with storage_compact */
    storage_done *done;          /* NULL: no batch is under way */
    void *context;
    int64_t batch_last;
};

static void batch_finished(void *owner) {
    struct storage *storage = owner;
    struct error result;
    if (!writer_take_result(storage->writer, &result)) return;
    bool is_durable = result.kind == ERROR_NONE;
    if (is_durable) storage->state.last = storage->batch_last;
    storage_done *done = storage->done;
    storage->done = NULL;
    done(storage->context, is_durable ? NULL : &result); /* may close the storage */
}

/* The writer first: it makes the tables, and what the reader needs to share the write-ahead log. */
static bool open_all(struct storage *storage, struct loop *loop, const struct storage_settings *settings, struct error *error) {
    if (!folder_open(&storage->folder, settings->folder, error)) return false;
    const char *path = storage->folder.database;
    sqlite3 *database;
    bool is_new;
    if (!database_open_writer(path, settings->vfs, &database, &storage->state, &is_new, error)) return false;
    if ((is_new && !folder_sync(settings->folder, error)) || !reader_open(&storage->reader, path, settings->vfs, error)) {
        sqlite3_close(database);
        return false;
    }
    storage->finished = loop_wake_new(loop, batch_finished, storage);
    if (storage->finished)
        storage->writer = writer_start(database, &storage->state, settings->checkpoint_pages, storage->finished, error);
    else
        error_set(error, ERROR_IO, "cannot wake the event loop; the limit of open files may be too low");
    if (storage->writer) return true;
    reader_close(&storage->reader);
    sqlite3_close(database);
    return false;
}

bool storage_open(struct loop *loop, const struct storage_settings *settings, struct storage **out, struct error *error) {
    struct storage *storage = calloc(1, sizeof *storage);
    if (!storage) return error_set(error, ERROR_MEMORY, "out of memory while opening the store");
    storage->folder.lock_fd = -1;
    if (open_all(storage, loop, settings, error)) {
        *out = storage;
        return true;
    }
    storage_close(storage);
    return false;
}

void storage_close(struct storage *storage) {
    if (!storage) return;
    reader_close(&storage->reader);
    if (storage->writer) writer_stop(storage->writer);
    loop_wake_free(storage->finished);
    folder_close(&storage->folder);
    free(storage);
}

int64_t storage_last_revision(const struct storage *storage) {
    return storage->state.last;
}

int64_t storage_compacted_revision(const struct storage *storage) {
    return storage->state.compacted;
}

bool storage_each_live(struct storage *storage, storage_each *each, void *context, struct error *error) {
    return reader_each_live(&storage->reader, each, context, error);
}

bool storage_submit(struct storage *storage, const struct storage_row *rows, size_t count, storage_done *done, void *context) {
    if (storage->done) return false;
    int64_t last = storage->state.last;
    for (size_t i = 0; i < count; i++) {
        assert(rows[i].revision > last && rows[i].previous < rows[i].revision);
        last = rows[i].revision;
    }
    storage->done = done;
    storage->context = context;
    storage->batch_last = last;
    writer_submit(storage->writer, rows, count);
    return true;
}

bool storage_is_busy(const struct storage *storage) {
    return storage->done;
}

bool storage_read_body(struct storage *storage, int64_t revision, struct strbuf *out, struct error *error) {
    return reader_body(&storage->reader, revision, out, error);
}

bool storage_each_change_after(struct storage *storage, int64_t revision, storage_each *each, void *context, struct error *error) {
    return reader_each_change_after(&storage->reader, revision, each, context, error);
}

void storage_compact(struct storage *storage, int64_t revision) {
    if (revision > storage->state.last) revision = storage->state.last;
    if (revision <= storage->state.compacted) return;
    storage->state.compacted = revision;
    writer_compact(storage->writer, revision);
}

int64_t storage_size_bytes(const struct storage *storage) {
    char log[FOLDER_PATH_BYTES + sizeof "-wal"];
    snprintf(log, sizeof log, "%s-wal", storage->folder.database);
    const char *const paths[] = {storage->folder.database, log};
    int64_t size = 0;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct stat status;
        if (stat(paths[i], &status) == 0) size += status.st_size;
    }
    return size;
}
