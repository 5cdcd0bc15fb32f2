/*
 * The loop's own connection: reads what is durable, and nothing else. No read is left open between two callbacks of the loop, so
 * checkpoints always get through. Functions as in storage.h.
 */
#ifndef MB_STORAGE_READER_H
#define MB_STORAGE_READER_H

#include "storage/storage.h"

#include <sqlite3.h>

struct reader {
    sqlite3 *database;
    sqlite3_stmt *body;
};

bool reader_open(struct reader *reader, const char *path, const char *vfs, struct error *error);
void reader_close(struct reader *reader);
bool reader_each_live(struct reader *reader, storage_each *each, void *context, struct error *error);
bool reader_each_change_after(struct reader *reader, int64_t revision, storage_each *each, void *context, struct error *error);
bool reader_body(struct reader *reader, int64_t revision, struct strbuf *out, struct error *error);

#endif
