#include "storage/writer.h"

#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>

enum {
    /* 4 MiB of log: some 25 batches of 32 objects of 5 KB, and a few milliseconds to copy. */
    CHECKPOINT_PAGES = 1000,
    /* Rows looked at by one slice of compaction: a millisecond or two. */
    SLICE_ROWS = 128,
};

struct writer {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct loop_wake *finished;

    /* Under the mutex. */
    const struct storage_row *rows; /* NULL: none waits */
    size_t count;
    bool has_result;
    struct error result;
    int64_t compact_to;
    bool is_stopping;

    /* Of the storage thread. */
    sqlite3 *database;
    sqlite3_stmt *begin, *commit, *insert_log, *insert_body, *select_slice, *delete_log, *delete_body, *update_state;
    struct database_state state;
    int checkpoint_pages;
    int logged_pages;       /* in the write-ahead log, as of the last commit */
    int due_pages;          /* the next checkpoint is due when it holds so many */
    bool is_sweep_hindered; /* the last slice failed (a full disk); again after the next batch that succeeds */
};

static const struct {
    size_t offset;
    const char *sql;
} statements[] = {
    {offsetof(struct writer, begin), "begin immediate"},
    {offsetof(struct writer, commit), "commit"},
    {offsetof(struct writer, insert_log), "insert into log values(?, ?, ?, ?, ?, ?, ?, ?)"},
    {offsetof(struct writer, insert_body), "insert into body values(?, ?, ?)"},
    {offsetof(struct writer, select_slice),
     "select revision, previous, change from log where revision > ? and revision <= ? order by revision limit ?"},
    {offsetof(struct writer, delete_log), "delete from log where revision = ?"},
    {offsetof(struct writer, delete_body), "delete from body where revision = ?"},
    {offsetof(struct writer, update_state), "update state set compacted = ?, swept = ?"},
};
enum { STATEMENT_COUNT = sizeof statements / sizeof *statements };

static sqlite3_stmt **statement_at(struct writer *writer, size_t index) {
    return (sqlite3_stmt **)(void *)((char *)writer + statements[index].offset);
}

static int note_pages(void *context, sqlite3 *database, const char *name, int pages) {
    (void)database, (void)name;
    struct writer *writer = context;
    writer->logged_pages = pages;
    return SQLITE_OK;
}

/* Runs a bound statement that yields no rows; resets it. */
static bool run(struct writer *writer, sqlite3_stmt *statement, struct error *error) {
    int code = sqlite3_step(statement);
    sqlite3_reset(statement);
    return code == SQLITE_DONE || database_error(writer->database, code, error);
}

static void roll_back(struct writer *writer) {
    if (!sqlite3_get_autocommit(writer->database)) sqlite3_exec(writer->database, "rollback", NULL, NULL, NULL);
}

/* batches */

static void bind_text(sqlite3_stmt *statement, int index, struct str text) {
    sqlite3_bind_text64(statement, index, text.len ? text.ptr : "", text.len, SQLITE_STATIC, SQLITE_UTF8);
}

static void bind_blob(sqlite3_stmt *statement, int index, struct str bytes) {
    sqlite3_bind_blob64(statement, index, bytes.len ? bytes.ptr : "", bytes.len, SQLITE_STATIC);
}

static bool insert(struct writer *writer, const struct storage_row *row, struct error *error) {
    sqlite3_stmt *log = writer->insert_log, *body = writer->insert_body;
    sqlite3_bind_int64(log, 1, row->revision);
    sqlite3_bind_int64(log, 2, row->previous);
    sqlite3_bind_int(log, 3, (int)row->change);
    bind_text(log, 4, row->resource);
    bind_text(log, 5, row->namespace);
    bind_text(log, 6, row->name);
    bind_text(log, 7, row->uid);
    bind_blob(log, 8, row->extra);
    sqlite3_bind_int64(body, 1, row->revision);
    sqlite3_bind_int64(body, 2, database_checksum(row->revision, row->body));
    bind_blob(body, 3, row->body);
    return run(writer, log, error) && run(writer, body, error);
}

static bool write_batch(struct writer *writer, const struct storage_row *rows, size_t count, struct error *error) {
    bool ok = run(writer, writer->begin, error);
    for (size_t i = 0; ok && i < count; i++) ok = insert(writer, &rows[i], error);
    ok = ok && run(writer, writer->commit, error);
    if (!ok) {
        roll_back(writer);
        return false;
    }
    if (count) writer->state.last = rows[count - 1].revision;
    writer->is_sweep_hindered = false;
    return true;
}

/* checkpoints */

static void checkpoint(struct writer *writer) {
    int logged = 0, copied = 0;
    int code = sqlite3_wal_checkpoint_v2(writer->database, "main", SQLITE_CHECKPOINT_PASSIVE, &logged, &copied);
    /* A log that could not be copied whole is not begun anew, and grows; try again when it has. */
    bool is_whole = code == SQLITE_OK && logged == copied;
    writer->due_pages = writer->checkpoint_pages + (is_whole ? 0 : writer->logged_pages);
    writer->logged_pages = 0;
}

/* compaction */

static bool forget(struct writer *writer, int64_t revision, struct error *error) {
    sqlite3_bind_int64(writer->delete_log, 1, revision);
    sqlite3_bind_int64(writer->delete_body, 1, revision);
    return run(writer, writer->delete_log, error) && run(writer, writer->delete_body, error);
}

struct slice {
    struct {
        int64_t revision, previous;
        int change;
    } rows[SLICE_ROWS];
    size_t count;
};

static bool read_slice(struct writer *writer, int64_t compact_to, struct slice *out, struct error *error) {
    sqlite3_stmt *select = writer->select_slice;
    sqlite3_bind_int64(select, 1, writer->state.swept);
    sqlite3_bind_int64(select, 2, compact_to);
    sqlite3_bind_int(select, 3, SLICE_ROWS);
    out->count = 0;
    int code;
    while ((code = sqlite3_step(select)) == SQLITE_ROW && out->count < SLICE_ROWS) {
        out->rows[out->count].revision = sqlite3_column_int64(select, 0);
        out->rows[out->count].previous = sqlite3_column_int64(select, 1);
        out->rows[out->count++].change = sqlite3_column_int(select, 2);
    }
    sqlite3_reset(select);
    return code == SQLITE_DONE || database_error(writer->database, code, error);
}

/* Forgets what the next rows up to compact_to replace, and those that are deletions. */
static bool sweep_in_transaction(struct writer *writer, int64_t compact_to, struct database_state *out, struct error *error) {
    struct slice slice;
    if (!read_slice(writer, compact_to, &slice, error)) return false;
    for (size_t i = 0; i < slice.count; i++) {
        if (slice.rows[i].previous && !forget(writer, slice.rows[i].previous, error)) return false;
        if (slice.rows[i].change == STORAGE_DELETED && !forget(writer, slice.rows[i].revision, error)) return false;
    }
    *out = writer->state;
    out->compacted = compact_to;
    out->swept = slice.count < SLICE_ROWS ? compact_to : slice.rows[slice.count - 1].revision;
    sqlite3_bind_int64(writer->update_state, 1, out->compacted);
    sqlite3_bind_int64(writer->update_state, 2, out->swept);
    return run(writer, writer->update_state, error);
}

static void sweep(struct writer *writer, int64_t compact_to) {
    struct error error;
    struct database_state state;
    /* A slice that a power cut takes away is done again, so it need not wait for the disk; the next batch's sync covers it. */
    bool ok = database_run(writer->database, "pragma synchronous = normal", &error) && run(writer, writer->begin, &error) &&
              sweep_in_transaction(writer, compact_to, &state, &error) && run(writer, writer->commit, &error);
    if (ok)
        writer->state = state;
    else
        roll_back(writer);
    writer->is_sweep_hindered = !ok;
    if (!database_run(writer->database, "pragma synchronous = full", &error)) writer->is_sweep_hindered = true;
}

/* the thread */

static bool is_sweep_due(const struct writer *writer) {
    return writer->state.swept < writer->compact_to && !writer->is_sweep_hindered;
}

static void finish(struct writer *writer, const struct error *result) {
    pthread_mutex_lock(&writer->mutex);
    writer->rows = NULL;
    writer->has_result = true;
    writer->result = *result;
    pthread_mutex_unlock(&writer->mutex);
    loop_wake_call(writer->finished);
}

static void *thread_main(void *context) {
    struct writer *writer = context;
    for (;;) {
        pthread_mutex_lock(&writer->mutex);
        while (!writer->rows && !writer->is_stopping && !is_sweep_due(writer)) pthread_cond_wait(&writer->changed, &writer->mutex);
        const struct storage_row *rows = writer->rows;
        size_t count = writer->count;
        int64_t compact_to = writer->compact_to;
        bool is_stopping = writer->is_stopping;
        pthread_mutex_unlock(&writer->mutex);

        struct error error = {.kind = ERROR_NONE};
        if (rows) {
            write_batch(writer, rows, count, &error);
            finish(writer, &error);
        } else if (is_stopping) {
            return NULL;
        } else {
            sweep(writer, compact_to);
        }
        if (writer->logged_pages >= writer->due_pages) checkpoint(writer);
    }
}

static void release(struct writer *writer) {
    for (size_t i = 0; i < STATEMENT_COUNT; i++) sqlite3_finalize(*statement_at(writer, i));
    pthread_cond_destroy(&writer->changed);
    pthread_mutex_destroy(&writer->mutex);
    free(writer);
}

struct writer *writer_start(sqlite3 *database, const struct database_state *state, int checkpoint_pages, struct loop_wake *finished,
                            struct error *error) {
    struct writer *writer = calloc(1, sizeof *writer);
    if (!writer) {
        error_set(error, ERROR_MEMORY, "out of memory while starting the storage thread");
        return NULL;
    }
    pthread_mutex_init(&writer->mutex, NULL);
    pthread_cond_init(&writer->changed, NULL);
    writer->finished = finished;
    writer->database = database;
    writer->state = *state;
    writer->compact_to = state->compacted;
    writer->checkpoint_pages = checkpoint_pages ? checkpoint_pages : CHECKPOINT_PAGES;
    writer->due_pages = writer->checkpoint_pages;
    bool ok = true;
    for (size_t i = 0; ok && i < STATEMENT_COUNT; i++) ok = database_prepare(database, statements[i].sql, statement_at(writer, i), error);
    sqlite3_wal_hook(database, note_pages, writer);
    if (ok && pthread_create(&writer->thread, NULL, thread_main, writer) == 0) return writer;
    if (ok) error_set(error, ERROR_IO, "cannot start the storage thread; the limit of processes may be too low");
    sqlite3_wal_hook(database, NULL, NULL);
    release(writer);
    return NULL;
}

void writer_stop(struct writer *writer) {
    pthread_mutex_lock(&writer->mutex);
    writer->is_stopping = true;
    pthread_cond_signal(&writer->changed);
    pthread_mutex_unlock(&writer->mutex);
    pthread_join(writer->thread, NULL);
    sqlite3 *database = writer->database;
    release(writer);
    sqlite3_close(database); /* the last connection checkpoints and removes the write-ahead log */
}

void writer_submit(struct writer *writer, const struct storage_row *rows, size_t count) {
    pthread_mutex_lock(&writer->mutex);
    writer->rows = rows;
    writer->count = count;
    pthread_cond_signal(&writer->changed);
    pthread_mutex_unlock(&writer->mutex);
}

bool writer_take_result(struct writer *writer, struct error *out) {
    pthread_mutex_lock(&writer->mutex);
    bool has_result = writer->has_result;
    if (has_result) *out = writer->result;
    writer->has_result = false;
    pthread_mutex_unlock(&writer->mutex);
    return has_result;
}

void writer_compact(struct writer *writer, int64_t revision) {
    pthread_mutex_lock(&writer->mutex);
    if (revision > writer->compact_to) writer->compact_to = revision;
    pthread_cond_signal(&writer->changed);
    pthread_mutex_unlock(&writer->mutex);
}
