#include "apiserver/write_queue.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/hash_table.h"

/* One transaction: large enough that its sync is shared by many, small enough that it takes some 20 ms. */
enum { BATCH_ROWS = 512, BATCH_BYTES = 8 * 1024 * 1024 };

struct waiter {
    struct waiter *next;
    loop_callback *ready;
    void *owner;
};

struct queued {
    struct queued *next;
    UT_hash_handle by_key;
    struct waiter *waiters;
    struct storage_row row;
    struct blob *body;
    write_queue_done *done;
    void *owner;
    size_t key_len;
    char text[]; /* resource \0 namespace \0 name, then uid and extra */
};

struct write_queue {
    struct storage *storage;
    write_queue_row *on_row, *on_lost;
    void *owner;
    struct loop_deferred *submit; /* later in this turn: the writes of one turn share a batch */
    struct queued *first, *last, *busy;
    size_t length, at_disk; /* the first `at_disk` are the batch under way */
    int64_t next_revision;
    struct storage_row rows[BATCH_ROWS];
};

static void submit(void *owner);

struct write_queue *write_queue_new(struct loop *loop, struct storage *storage, write_queue_row *on_row, write_queue_row *on_lost,
                                    void *owner) {
    struct write_queue *queue = calloc(1, sizeof *queue);
    if (!queue) return NULL;
    queue->storage = storage;
    queue->on_row = on_row;
    queue->on_lost = on_lost;
    queue->owner = owner;
    queue->next_revision = storage_last_revision(storage) + 1;
    queue->submit = loop_deferred_new(loop, submit, queue);
    if (queue->submit) return queue;
    free(queue);
    return NULL;
}

void write_queue_free(struct write_queue *queue) {
    if (!queue) return;
    loop_deferred_free(queue->submit);
    for (struct queued *write = queue->first, *next; write; write = next) {
        next = write->next;
        HASH_DELETE(by_key, queue->busy, write);
        for (struct waiter *waiter = write->waiters, *after; waiter; waiter = after) {
            after = waiter->next;
            free(waiter);
        }
        blob_drop(write->body);
        free(write);
    }
    free(queue);
}

int64_t write_queue_next_revision(const struct write_queue *queue) {
    return queue->next_revision;
}

size_t write_queue_length(const struct write_queue *queue) {
    return queue->length;
}

static struct queued *find(const struct write_queue *queue, struct write_key key) {
    char small[1024], *text = small; /* every key that a write has had its names checked for */
    size_t len = key.resource.len + key.namespace.len + key.name.len + 2;
    if (len > sizeof small && !(text = malloc(len))) return NULL;
    char *at = text;
    memcpy(at, key.resource.ptr, key.resource.len);
    at += key.resource.len;
    *at++ = 0;
    if (key.namespace.len) memcpy(at, key.namespace.ptr, key.namespace.len);
    at += key.namespace.len;
    *at++ = 0;
    memcpy(at, key.name.ptr, key.name.len);
    struct queued *found;
    HASH_FIND(by_key, queue->busy, text, len, found);
    if (text != small) free(text);
    return found;
}

bool write_queue_is_busy(const struct write_queue *queue, struct write_key key) {
    return queue->busy && find(queue, key);
}

bool write_queue_wait(struct write_queue *queue, struct write_key key, loop_callback *ready, void *owner) {
    struct queued *write = find(queue, key);
    struct waiter *waiter = write ? malloc(sizeof *waiter) : NULL;
    if (!waiter) return false;
    *waiter = (struct waiter){.ready = ready, .owner = owner};
    LL_APPEND(write->waiters, waiter); /* few wait for one key */
    return true;
}

static struct str put(char **at, struct str text) {
    if (text.len) memcpy(*at, text.ptr, text.len);
    struct str copy = {*at, text.len};
    *at += text.len;
    return copy;
}

bool write_queue_add(struct write_queue *queue, const struct storage_row *row, struct blob *body, write_queue_done *done, void *owner) {
    size_t key_len = row->resource.len + row->namespace.len + row->name.len + 2;
    struct queued *write = calloc(1, sizeof *write + key_len + row->uid.len + row->extra.len);
    if (!write) return false;
    char *at = write->text;
    write->row = *row;
    write->row.resource = put(&at, row->resource);
    at++;
    write->row.namespace = put(&at, row->namespace);
    at++;
    write->row.name = put(&at, row->name);
    write->row.uid = put(&at, row->uid);
    write->row.extra = put(&at, row->extra);
    write->row.body = blob_view(body);
    write->body = blob_keep(body);
    write->done = done;
    write->owner = owner;
    write->key_len = key_len;
    HASH_ADD_KEYPTR(by_key, queue->busy, write->text, key_len, write);
    if (!write->by_key.tbl) {
        blob_drop(write->body);
        free(write);
        return false;
    }
    write->row.revision = queue->next_revision++;
    if (queue->last)
        queue->last->next = write;
    else
        queue->first = write;
    queue->last = write;
    queue->length++;
    if (!queue->at_disk) loop_deferred_call(queue->submit);
    return true;
}

/*
 * Wakes who waits, one after the other: the first of them who writes makes the key busy again, and the rest go on waiting for that one, in
 * their order, in place of all looking again in vain.
 */
static void wake(struct write_queue *queue, struct queued *finished) {
    struct write_key key = {finished->row.resource, finished->row.namespace, finished->row.name};
    for (struct waiter *waiter = finished->waiters, *next; waiter; waiter = next) {
        struct queued *again = find(queue, key);
        if (again) {
            LL_CONCAT(waiter, again->waiters);
            again->waiters = waiter;
            return;
        }
        next = waiter->next;
        waiter->ready(waiter->owner);
        free(waiter);
    }
}

/* Takes the first write off. */
static void finish_first(struct write_queue *queue, const struct error *error) {
    struct queued *first = queue->first;
    queue->first = first->next;
    if (!queue->first) queue->last = NULL;
    queue->length--;
    HASH_DELETE(by_key, queue->busy, first);
    if (first->done) first->done(first->owner, error);
    wake(queue, first);
    blob_drop(first->body);
    free(first);
}

static void batch_is_done(void *context, const struct error *error) {
    struct write_queue *queue = context;
    size_t count = queue->at_disk;
    queue->at_disk = 0;
    if (error) count = queue->length;
    for (size_t i = 0; i < count; i++) {
        write_queue_row *tell = error ? queue->on_lost : queue->on_row;
        tell(queue->owner, &queue->first->row, queue->first->body);
        finish_first(queue, error);
    }
    if (queue->length && !queue->at_disk) loop_deferred_call(queue->submit);
}

static void submit(void *owner) {
    struct write_queue *queue = owner;
    if (queue->at_disk || !queue->first) return;
    size_t count = 0, size_bytes = 0;
    for (struct queued *write = queue->first; write && count < BATCH_ROWS && size_bytes < BATCH_BYTES; write = write->next) {
        queue->rows[count++] = write->row;
        size_bytes += write->body->len;
    }
    queue->at_disk = count;
    if (storage_submit(queue->storage, queue->rows, count, batch_is_done, queue)) return;
    struct error error;
    error_set(&error, ERROR_IO, "the store takes no writes");
    batch_is_done(queue, &error);
}
