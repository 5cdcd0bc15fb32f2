/*
 * Writes on their way to the disk, in order of revision, batched: what gathers while one batch is being synced becomes the next one.
 *
 *   write_queue_add -> queued -> storage_submit (one batch at a time) -> durable: on_row, then `done`, then the key's waiters
 *                                                                     -> failed: on_lost, then the same
 *
 * A failed batch fails every write queued behind it too: their texts carry revisions that would leave a gap in what they were made from.
 */
#ifndef MB_APISERVER_WRITE_QUEUE_H
#define MB_APISERVER_WRITE_QUEUE_H

#include "base/blob.h"
#include "storage/storage.h"

struct write_queue;

struct write_key {
    struct str resource, namespace, name;
};

typedef void write_queue_row(void *owner, const struct storage_row *row, struct blob *body);
typedef void write_queue_done(void *owner, const struct error *error);

struct write_queue *write_queue_new(struct loop *loop, struct storage *storage, write_queue_row *on_row, write_queue_row *on_lost,
                                    void *owner);
/* Writes not yet durable are dropped, unanswered, without a call. */
void write_queue_free(struct write_queue *queue);
int64_t write_queue_next_revision(const struct write_queue *queue);
bool write_queue_is_busy(const struct write_queue *queue, struct write_key key);
bool write_queue_wait(struct write_queue *queue, struct write_key key, loop_callback *ready, void *owner);
/* `row` without revision and body; its texts are copied, a reference of `body` is taken. */
bool write_queue_add(struct write_queue *queue, const struct storage_row *row, struct blob *body, write_queue_done *done, void *owner);
size_t write_queue_length(const struct write_queue *queue);

#endif
