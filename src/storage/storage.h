/*
 * The durable log of every write, in SQLite (WAL, synchronous=FULL). A row a write, appended and never changed:
 *
 *   revision | previous | change | resource | namespace | name | uid | extra | body
 *
 *   revision   one sequence for the whole store, given by the caller, rising; what Kubernetes calls resourceVersion
 *   previous   the revision of the row that this one replaces, 0 for a create: so the state at any revision inside the window can be told
 *   change     created, updated, deleted (the body of a deletion is the object's last state)
 *   extra      what the caller's index wants back at start without reading bodies; opaque, small
 *   body       the object's JSON; opaque
 *
 * The live state is the rows that no later row replaces and that are no deletions. Compaction forgets replaced and deletion rows up to a
 * revision; live rows stay for ever.
 *
 * Threads: all functions are called on the loop's thread. One storage thread owns the only connection that writes or checkpoints; the
 * loop's own connection only reads. A batch is one transaction and one fsync (group commit); its rows are on the disk when its callback
 * comes.
 */
#ifndef MB_STORAGE_STORAGE_H
#define MB_STORAGE_STORAGE_H

#include "base/strbuf.h"
#include "io/loop.h"

struct storage;

enum storage_change { STORAGE_CREATED = 1, STORAGE_UPDATED = 2, STORAGE_DELETED = 3 };

struct storage_row {
    int64_t revision, previous;
    enum storage_change change;
    struct str resource;        /* "workload.serving.volcano.sh/modelboosters", "/configmaps" */
    struct str namespace, name; /* namespace empty: none */
    struct str uid;
    struct str extra;
    struct str body;
};

struct storage_settings {
    const char *folder;   /* made (0700) when absent; holds store.db and a lock */
    const char *vfs;      /* SQLite VFS for tests; NULL: the default */
    int checkpoint_pages; /* the write-ahead log is copied into the database when it holds so many; 0: 1000, 4 MiB */
};

/*
 * Opens, creating or migrating, takes the lock, recovers the log, checks it. False and `error` with the file and the remedy: another
 * process has it
 * (its pid named), read-only disk, full disk, torn or foreign file, newer format.
 */
bool storage_open(struct loop *loop, const struct storage_settings *settings, struct storage **out, struct error *error);
/* Waits for the batch under way (its callback is not called any more), checkpoints, closes. */
void storage_close(struct storage *storage);

int64_t storage_last_revision(const struct storage *storage);      /* of the newest durable row; 0: none */
int64_t storage_compacted_revision(const struct storage *storage); /* rows up to here may be gone; 0: none are */

/* Views live until it returns. False ends the walk, which is no error. It may read bodies, and must not close the storage. */
typedef bool storage_each(void *context, const struct storage_row *row);
/* Each live row, in order of revision; `body` is left empty. For the start: looks at every row of the log. */
bool storage_each_live(struct storage *storage, storage_each *each, void *context, struct error *error);

/*
 * `error` NULL: all rows are durable. Else none of them is in the log, and their revisions may be used again: the next batch tries afresh,
 * as a full disk may have room by then. (A crash before the next batch is durable may bring the rows of a failed one back, all of them.)
 */
typedef void storage_done(void *context, const struct error *error);
/*
 * Hands a batch to the storage thread; rows and their texts must stay as they are until `done`. One batch at a time: false while one is
 * under way (storage_is_busy). Revisions rise within and across batches.
 */
bool storage_submit(struct storage *storage, const struct storage_row *rows, size_t count, storage_done *done, void *context);
bool storage_is_busy(const struct storage *storage);

/* The body of one row, appended to `out`; false with ERROR_NOT_FOUND when it was compacted. */
bool storage_read_body(struct storage *storage, int64_t revision, struct strbuf *out, struct error *error);
/*
 * Rows after `revision` that are not compacted, in order; `body` is left empty. A body that `each` reads is there, even while compaction
 * goes on: the whole walk is of one moment.
 */
bool storage_each_change_after(struct storage *storage, int64_t revision, storage_each *each, void *context, struct error *error);
/*
 * Asks the storage thread to compact up to `revision` (at most the last), in slices between batches. storage_compacted_revision moves at
 * once. The state at `revision` itself can still be told: what goes is what rows up to there replace, and deletions.
 */
void storage_compact(struct storage *storage, int64_t revision);
/* Size of the database and its log on disk, for metrics. */
int64_t storage_size_bytes(const struct storage *storage);

#endif
