#include "storage/reader.h"

#include "storage/database.h"

#include <stdio.h>
#include <stdlib.h>

#define LOG_COLUMNS "revision, previous, change, resource, namespace, name, uid, extra"
enum { REVISION, PREVIOUS, CHANGE, RESOURCE, NAMESPACE, NAME, UID, EXTRA };

bool reader_open(struct reader *reader, const char *path, const char *vfs, struct error *error) {
    *reader = (struct reader){0};
    if (database_open_reader(path, vfs, &reader->database, error) &&
        database_prepare(reader->database, "select checksum, body from body where revision = ?", &reader->body, error))
        return true;
    reader_close(reader);
    return false;
}

void reader_close(struct reader *reader) {
    sqlite3_finalize(reader->body);
    sqlite3_close(reader->database);
    *reader = (struct reader){0};
}

static struct str bytes(sqlite3_stmt *statement, int column) {
    const char *ptr = sqlite3_column_blob(statement, column);
    return ptr ? (struct str){ptr, (size_t)sqlite3_column_bytes(statement, column)} : STR_EMPTY;
}

static bool damaged_row(const struct reader *reader, int64_t revision, struct error *error) {
    char what[64];
    snprintf(what, sizeof what, "the row of revision %lld", (long long)revision);
    return database_damaged(reader->database, what, error);
}

static bool read_row(const struct reader *reader, sqlite3_stmt *statement, struct storage_row *out, struct error *error) {
    int change = sqlite3_column_int(statement, CHANGE);
    *out = (struct storage_row){
        .revision = sqlite3_column_int64(statement, REVISION),
        .previous = sqlite3_column_int64(statement, PREVIOUS),
        .change = (enum storage_change)change,
        .resource = bytes(statement, RESOURCE),
        .namespace = bytes(statement, NAMESPACE),
        .name = bytes(statement, NAME),
        .uid = bytes(statement, UID),
        .extra = bytes(statement, EXTRA),
        .body = STR_EMPTY,
    };
    bool ok =
        out->revision > 0 && out->previous >= 0 && out->previous < out->revision && change >= STORAGE_CREATED && change <= STORAGE_DELETED;
    return ok || damaged_row(reader, out->revision, error);
}

/* live rows */

struct revisions {
    int64_t *items;
    size_t count, capacity;
};

static bool add_revision(struct revisions *revisions, int64_t revision) {
    if (revisions->count == revisions->capacity) {
        size_t capacity = revisions->capacity ? revisions->capacity * 2 : 1024;
        int64_t *items = reallocarray(revisions->items, capacity, sizeof *items);
        if (!items) return false;
        revisions->items = items;
        revisions->capacity = capacity;
    }
    revisions->items[revisions->count++] = revision;
    return true;
}

static int by_number(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static bool find_replaced(struct reader *reader, struct revisions *out, struct error *error) {
    sqlite3_stmt *statement;
    if (!database_prepare(reader->database, "select previous from log where previous <> 0", &statement, error)) return false;
    bool ok = true;
    int code;
    while (ok && (code = sqlite3_step(statement)) == SQLITE_ROW) ok = add_revision(out, sqlite3_column_int64(statement, 0));
    if (!ok)
        error_set(error, ERROR_MEMORY, "out of memory while reading the store");
    else if (code != SQLITE_DONE)
        ok = database_error(reader->database, code, error);
    sqlite3_finalize(statement);
    if (out->count) qsort(out->items, out->count, sizeof *out->items, by_number);
    return ok;
}

static bool each_live(struct reader *reader, storage_each *each, void *context, struct error *error) {
    struct revisions replaced = {0};
    sqlite3_stmt *statement = NULL;
    bool ok = find_replaced(reader, &replaced, error) &&
              database_prepare(reader->database, "select " LOG_COLUMNS " from log order by revision", &statement, error);
    int code = SQLITE_DONE;
    bool wants_more = true;
    for (size_t next = 0; ok && wants_more && (code = sqlite3_step(statement)) == SQLITE_ROW;) {
        int64_t revision = sqlite3_column_int64(statement, REVISION);
        while (next < replaced.count && replaced.items[next] < revision) next++;
        if (next < replaced.count && replaced.items[next] == revision) continue;
        struct storage_row row;
        ok = read_row(reader, statement, &row, error);
        if (ok && row.change != STORAGE_DELETED) wants_more = each(context, &row);
    }
    if (ok && wants_more && code != SQLITE_DONE) ok = database_error(reader->database, code, error);
    sqlite3_finalize(statement);
    free(replaced.items);
    return ok;
}

bool reader_each_live(struct reader *reader, storage_each *each, void *context, struct error *error) {
    /* Both scans of the same moment: a batch between them would show what it replaces as live. */
    if (!database_run(reader->database, "begin", error)) return false;
    bool ok = each_live(reader, each, context, error);
    sqlite3_exec(reader->database, "commit", NULL, NULL, NULL);
    return ok;
}

/* rows in order */

bool reader_each_change_after(struct reader *reader, int64_t revision, storage_each *each, void *context, struct error *error) {
    sqlite3_stmt *statement;
    if (!database_prepare(reader->database, "select " LOG_COLUMNS " from log where revision > ? order by revision", &statement, error))
        return false;
    sqlite3_bind_int64(statement, 1, revision);
    bool ok = true, wants_more = true;
    int code = SQLITE_DONE;
    while (ok && wants_more && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        struct storage_row row;
        ok = read_row(reader, statement, &row, error);
        if (ok) wants_more = each(context, &row);
    }
    if (ok && wants_more && code != SQLITE_DONE) ok = database_error(reader->database, code, error);
    sqlite3_finalize(statement);
    return ok;
}

bool reader_body(struct reader *reader, int64_t revision, struct strbuf *out, struct error *error) {
    sqlite3_bind_int64(reader->body, 1, revision);
    int code = sqlite3_step(reader->body);
    bool ok = false;
    if (code == SQLITE_DONE) {
        error_set(error, ERROR_NOT_FOUND, "revision %lld is not in the store; it was compacted", (long long)revision);
    } else if (code != SQLITE_ROW) {
        database_error(reader->database, code, error);
    } else {
        struct str body = bytes(reader->body, 1);
        if (database_checksum(revision, body) != sqlite3_column_int64(reader->body, 0)) {
            damaged_row(reader, revision, error);
        } else {
            strbuf_append(out, body);
            ok = !out->failed || error_set(error, ERROR_LIMIT, "revision %lld has a body of %zu bytes, more than there is room for",
                                           (long long)revision, body.len);
        }
    }
    sqlite3_reset(reader->body);
    return ok;
}
