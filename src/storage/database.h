/*
 * The SQLite file: how it is opened, what lies in it, and what its errors say to a person.
 *
 *   log     revision | previous | change | resource | namespace | name | uid | extra     small rows, quick to scan at start
 *   body    revision | checksum | body                                                   large ones, looked up one by one
 *   state   compacted | swept                                                            one row
 *
 * Both tables grow at their ends only, so a write costs the same however many rows there are. There is no index of live rows to be kept up:
 * they are found at start by one scan for the revisions that later rows replace (reader.h).
 *
 *   compacted   rows up to here may be gone; promised with the first slice of a compaction
 *   swept       how far the rows that compaction forgets are gone; compacted, when it is over
 *
 * application_id tells our files from others', user_version is the format.
 */
#ifndef MB_STORAGE_DATABASE_H
#define MB_STORAGE_DATABASE_H

#include "base/error.h"

#include <sqlite3.h>

struct database_state {
    int64_t last; /* of the newest row; compacted, where that is newer: a deletion that was forgotten */
    int64_t compacted, swept;
};

/* The one connection that writes and checkpoints. Makes the tables in an empty file; *out_is_new says so. */
bool database_open_writer(const char *path, const char *vfs, sqlite3 **out, struct database_state *out_state, bool *out_is_new,
                          struct error *error);
/* One that only reads; with a small cache. */
bool database_open_reader(const char *path, const char *vfs, sqlite3 **out, struct error *error);
/* SQL without results. */
bool database_run(sqlite3 *database, const char *sql, struct error *error);
/* A statement that is kept. */
bool database_prepare(sqlite3 *database, const char *sql, sqlite3_stmt **out, struct error *error);
/* Fills `error` with the file, what went wrong and what to do; returns false. */
bool database_error(sqlite3 *database, int code, struct error *error);
/* The database is not as we would have written it; `what` says where. Returns false. */
bool database_damaged(sqlite3 *database, const char *what, struct error *error);
/* Of a body, as it lies beside it: tells bytes that have changed or that lie under a wrong revision. */
int64_t database_checksum(int64_t revision, struct str body);

#endif
