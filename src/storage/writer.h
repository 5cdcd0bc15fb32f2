/*
 * The storage thread. It owns the one connection that writes, and does one thing at a time, in this order:
 *
 *   1. a batch that was handed over: one transaction, one sync, then word to the loop
 *   2. a checkpoint, when the write-ahead log has grown enough
 *   3. a slice of compaction, unsynced: losing one to a power cut means doing it again
 *
 * A batch waits for at most one checkpoint or slice.
 */
#ifndef MB_STORAGE_WRITER_H
#define MB_STORAGE_WRITER_H

#include "storage/database.h"
#include "storage/storage.h"

struct writer;

/*
 * Takes the connection over, on success only. `finished` is called from the storage thread after each batch. checkpoint_pages: as in struct
 * storage_settings. NULL and `error` when there is no thread to be had.
 */
struct writer *writer_start(sqlite3 *database, const struct database_state *state, int checkpoint_pages, struct loop_wake *finished,
                            struct error *error);
/* The batch under way is finished first; compaction goes on at the next start. Checkpoints and closes the connection. */
void writer_stop(struct writer *writer);

/* Only when none is under way. */
void writer_submit(struct writer *writer, const struct storage_row *rows, size_t count);
/* True once for each batch, when it is over: error kind ERROR_NONE when it is durable. */
bool writer_take_result(struct writer *writer, struct error *out);
void writer_compact(struct writer *writer, int64_t revision);

#endif
