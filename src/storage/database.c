#include "storage/database.h"

#include "base/hash.h"

#include <errno.h>
#include <string.h>

enum {
    APPLICATION_ID = 0x4d426f6f, /* "MBoo" */
    /* For a person's sqlite3 shell that looks into the file; nobody else is let in by the lock. */
    BUSY_WAIT_MS = 1000,
};

/* Step i brings a file from format i to format i + 1; the last format is the number of steps. */
static const char *const migrations[] = {
    "create table log(revision integer primary key, previous integer not null, change integer not null, resource text not null,"
    " namespace text not null, name text not null, uid text not null, extra blob not null);"
    "create table body(revision integer primary key, checksum integer not null, body blob not null);"
    "create table state(id integer primary key check(id = 1), compacted integer not null, swept integer not null);"
    "insert into state values(1, 0, 0);",
};
enum { FORMAT = sizeof migrations / sizeof *migrations };

/* secure_delete would write every page that compaction frees once more; the folder is the user's own. */
static const char writer_settings[] = "pragma journal_mode = wal; pragma synchronous = full; pragma wal_autocheckpoint = 0;"
                                      "pragma journal_size_limit = 16777216; pragma secure_delete = off; pragma temp_store = memory;"
                                      "pragma cache_size = -2048;";
static const char reader_settings[] = "pragma query_only = on; pragma temp_store = memory; pragma cache_size = -1024;";

/* What is to be done about a primary result code. */
static const struct {
    int code;
    enum error_kind kind;
    const char *found, *remedy;
} explanations[] = {
    {SQLITE_FULL, ERROR_IO, "the disk is full", "free some space on it"},
    {SQLITE_READONLY, ERROR_IO, "cannot be written to", "give this user the right to, or choose a folder on another disk"},
    {SQLITE_CANTOPEN, ERROR_IO, "cannot be opened for writing", "give this user the right to write in its folder, or choose another"},
    {SQLITE_NOTADB, ERROR_INVALID, "is no store of model-booster, or its beginning is damaged",
     "put back a copy of its folder, or move it away to start with an empty one"},
    {SQLITE_CORRUPT, ERROR_INVALID, "is damaged", "put back a copy of its folder, or move it away to start with an empty one"},
    {SQLITE_BUSY, ERROR_IO, "another program has locked it", "end that program (an sqlite3 shell?)"},
    {SQLITE_LOCKED, ERROR_IO, "another program has locked it", "end that program (an sqlite3 shell?)"},
    {SQLITE_NOMEM, ERROR_MEMORY, "out of memory", "give the process more"},
    {SQLITE_IOERR, ERROR_IO, "the disk failed", "look into the system's log (dmesg)"},
};

static bool explain(const char *path, int code, int system_code, struct error *error) {
    int primary = code & 0xff;
    bool is_about_the_system = (primary == SQLITE_IOERR || primary == SQLITE_CANTOPEN) && system_code;
    if (is_about_the_system && (system_code == ENOSPC || system_code == EDQUOT)) primary = SQLITE_FULL;
    if (is_about_the_system && system_code == EROFS) primary = SQLITE_READONLY;
    const char *detail = is_about_the_system ? strerror(system_code) : sqlite3_errstr(code);
    for (size_t i = 0; i < sizeof explanations / sizeof *explanations; i++)
        if (explanations[i].code == primary)
            return error_set(error, explanations[i].kind, "%s: %s (%s); %s", QUOTE(str_of(path)), explanations[i].found, detail,
                             explanations[i].remedy);
    return error_set(error, ERROR_IO, "%s: %s; look for what else uses the file", QUOTE(str_of(path)), detail);
}

bool database_error(sqlite3 *database, int code, struct error *error) {
    return explain(sqlite3_db_filename(database, "main"), code, sqlite3_system_errno(database), error);
}

bool database_damaged(sqlite3 *database, const char *what, struct error *error) {
    return error_set(error, ERROR_INVALID, "%s: is damaged (%s); put back a copy of its folder, or move it away to start with an empty one",
                     QUOTE(str_of(sqlite3_db_filename(database, "main"))), what);
}

int64_t database_checksum(int64_t revision, struct str body) {
    return (int64_t)(hash_xxh3(body) ^ (uint64_t)revision);
}

bool database_run(sqlite3 *database, const char *sql, struct error *error) {
    int code = sqlite3_exec(database, sql, NULL, NULL, NULL);
    return code == SQLITE_OK || database_error(database, sqlite3_extended_errcode(database), error);
}

bool database_prepare(sqlite3 *database, const char *sql, sqlite3_stmt **out, struct error *error) {
    int code = sqlite3_prepare_v3(database, sql, -1, SQLITE_PREPARE_PERSISTENT, out, NULL);
    return code == SQLITE_OK || database_error(database, sqlite3_extended_errcode(database), error);
}

/* The first row's first columns. False also when there is no row. */
static bool read_numbers(sqlite3 *database, const char *sql, int64_t *out, int count, struct error *error) {
    sqlite3_stmt *statement;
    if (!database_prepare(database, sql, &statement, error)) return false;
    bool ok = sqlite3_step(statement) == SQLITE_ROW;
    for (int i = 0; ok && i < count; i++) out[i] = sqlite3_column_int64(statement, i);
    int code = sqlite3_finalize(statement);
    if (code != SQLITE_OK) return database_error(database, sqlite3_extended_errcode(database), error);
    return ok || database_damaged(database, "a table is empty", error);
}

static bool migrate(sqlite3 *database, int64_t format, struct error *error) {
    if (format == FORMAT) return true;
    bool ok = database_run(database, "begin immediate", error);
    for (int64_t i = format; ok && i < FORMAT; i++) ok = database_run(database, migrations[i], error);
    char *stamp = sqlite3_mprintf("pragma application_id = %d; pragma user_version = %d; commit", APPLICATION_ID, FORMAT);
    ok = ok && (stamp ? database_run(database, stamp, error) : error_set(error, ERROR_MEMORY, "out of memory while making the store"));
    sqlite3_free(stamp);
    if (!ok && !sqlite3_get_autocommit(database)) sqlite3_exec(database, "rollback", NULL, NULL, NULL);
    return ok;
}

/* Looks before anything is written, so that a file of somebody else stays as it is. */
static bool identify(sqlite3 *database, int64_t *out_format, struct error *error) {
    int64_t application, format, tables;
    if (sqlite3_db_readonly(database, "main")) return database_error(database, SQLITE_READONLY, error);
    if (!read_numbers(database, "pragma application_id", &application, 1, error) ||
        !read_numbers(database, "pragma user_version", &format, 1, error) ||
        !read_numbers(database, "select count(*) from sqlite_schema", &tables, 1, error))
        return false;
    bool is_empty = tables == 0 && application == 0 && format == 0;
    const char *path = sqlite3_db_filename(database, "main");
    if (!is_empty && (application != APPLICATION_ID || format < 1))
        return error_set(error, ERROR_INVALID, "%s: is a database of another program; choose another folder, or move it away",
                         QUOTE(str_of(path)));
    if (format > FORMAT)
        return error_set(error, ERROR_UNSUPPORTED, "%s: its format is %lld, made by a newer model-booster; this one knows formats up to %d",
                         QUOTE(str_of(path)), (long long)format, FORMAT);
    *out_format = format;
    return true;
}

static bool read_state(sqlite3 *database, struct database_state *out, struct error *error) {
    int64_t numbers[3];
    if (!read_numbers(database, "select (select coalesce(max(revision), 0) from log), compacted, swept from state", numbers, 3, error))
        return false;
    *out = (struct database_state){.last = numbers[0], .compacted = numbers[1], .swept = numbers[2]};
    if (out->last < out->compacted) out->last = out->compacted;
    if (out->swept > out->compacted || out->swept < 0) return database_damaged(database, "its state contradicts itself", error);
    return true;
}

static bool is_in_wal_mode(sqlite3 *database, struct error *error) {
    sqlite3_stmt *statement;
    if (!database_prepare(database, "pragma journal_mode", &statement, error)) return false;
    bool ok = sqlite3_step(statement) == SQLITE_ROW && !sqlite3_stricmp((const char *)sqlite3_column_text(statement, 0), "wal");
    sqlite3_finalize(statement);
    return ok || error_set(error, ERROR_UNSUPPORTED, "%s: its file system allows no write-ahead log; choose a folder on a local disk",
                           QUOTE(str_of(sqlite3_db_filename(database, "main"))));
}

/*
 * After a crash the write-ahead log may end in a batch that is torn, and so not there. Left where it is, the next batch could complete it:
 * should it begin with the very page that was torn, and a second power cut take the rest of it away, then the old batch would be whole. A
 * log begun anew has other salts, which make all of the old one void.
 */
static bool begin_log_anew(sqlite3 *database, struct error *error) {
    int code = sqlite3_wal_checkpoint_v2(database, "main", SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    return code == SQLITE_OK || database_error(database, sqlite3_extended_errcode(database), error);
}

static bool open_connection(const char *path, const char *vfs, int flags, sqlite3 **out, struct error *error) {
    sqlite3 *database = NULL;
    int code = sqlite3_open_v2(path, &database, flags | SQLITE_OPEN_NOMUTEX, vfs);
    if (code == SQLITE_OK) {
        sqlite3_extended_result_codes(database, 1);
        sqlite3_busy_timeout(database, BUSY_WAIT_MS);
        *out = database;
        return true;
    }
    explain(path, database ? sqlite3_extended_errcode(database) : code, database ? sqlite3_system_errno(database) : 0, error);
    sqlite3_close(database);
    return false;
}

bool database_open_writer(const char *path, const char *vfs, sqlite3 **out, struct database_state *out_state, bool *out_is_new,
                          struct error *error) {
    sqlite3 *database;
    int64_t format;
    if (!open_connection(path, vfs, SQLITE_OPEN_READWRITE, &database, error)) return false;
    if (identify(database, &format, error) && database_run(database, writer_settings, error) && is_in_wal_mode(database, error) &&
        begin_log_anew(database, error) && migrate(database, format, error) && read_state(database, out_state, error)) {
        *out = database;
        *out_is_new = format == 0;
        return true;
    }
    sqlite3_close(database);
    return false;
}

bool database_open_reader(const char *path, const char *vfs, sqlite3 **out, struct error *error) {
    sqlite3 *database;
    if (!open_connection(path, vfs, SQLITE_OPEN_READONLY, &database, error)) return false;
    if (database_run(database, reader_settings, error)) {
        *out = database;
        return true;
    }
    sqlite3_close(database);
    return false;
}
