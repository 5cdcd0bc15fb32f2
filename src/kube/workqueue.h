/*
 * Which objects are to be looked at, each a text key ("namespace/name"). The semantics are those of client-go's queue.go:
 *
 *   queued      wants to be processed; at most once, first in, first out
 *   processing  handed out by workqueue_get, until workqueue_done
 *   delayed     queued once its time has come
 *
 *   - A key is never handed out while it is processing: two workers never have the same object.
 *   - An add while it is processing is not lost: the key is queued again with workqueue_done.
 *   - Any number of adds before the next get are one.
 *
 * The queue owns its keys. A key takes memory only while it is queued, processing, delayed or has failures on record. Everything is O(1),
 * with delays O(log delayed). Times come in from outside, in ms of one clock. Functions that return bool return false only when memory is
 * out, and have then changed nothing.
 */
#ifndef MB_KUBE_WORKQUEUE_H
#define MB_KUBE_WORKQUEUE_H

#include "kube/backoff.h"

struct workqueue_item;

struct workqueue {
    struct backoff_limits limits;
    struct workqueue_item *items;        /* by key */
    struct workqueue_item *first, *last; /* queued and not processing, in order */
    size_t queued_count, processing_count;
    struct workqueue_item **delayed; /* a heap by due time */
    size_t delayed_count, delayed_capacity;
    int64_t now_ms; /* as told last */
    uint64_t adds;  /* keys that came to want processing */
};

void workqueue_init(struct workqueue *queue, struct backoff_limits limits);
void workqueue_release(struct workqueue *queue);

/* To be processed now (or right after the present processing). */
bool workqueue_add(struct workqueue *queue, struct str key);
/* To be processed at due_ms, or before when it is already due earlier. An add in between does not take this back. */
bool workqueue_add_at(struct workqueue *queue, struct str key, int64_t due_ms);
/*
 * To be processed again after a failure: counts it (once in each back-off, however often events bring it forward) and delays by the
 * back-off, unless the server said when (min_delay_ms, a Retry-After; 0: it did
 * not): then the key is held for that long plus up to half of it, whatever is added meanwhile.
 */
bool workqueue_add_failed(struct workqueue *queue, struct str key, int64_t now_ms, int64_t min_delay_ms, struct number_random *random);
/* What made keys fail is over (the server is back): those that wait after failures are due now, but for those held; all counts start
 * anew. */
void workqueue_hurry(struct workqueue *queue, int64_t now_ms);
/* It went well: the next failure is the first. */
void workqueue_forget(struct workqueue *queue, struct str key);
/* Failures in a row on record. */
unsigned workqueue_failures(const struct workqueue *queue, struct str key);

/* Queues what is due at now_ms, which is the time of adds from here on. */
void workqueue_tick(struct workqueue *queue, int64_t now_ms);
/* When workqueue_tick has something to do; INT64_MAX: never. */
int64_t workqueue_next_due_ms(const struct workqueue *queue);
/* The next key, now processing; the view lives until its workqueue_done. False when nothing is queued. */
bool workqueue_get(struct workqueue *queue, struct str *out_key);
/* Nobody took keys until now: those in line wait from here on. */
void workqueue_open(struct workqueue *queue, int64_t now_ms);
/* How long a key that workqueue_get gave had wanted processing by the time of the last tick. */
int64_t workqueue_waited_ms(const struct workqueue *queue, struct str key);
/* The end of the processing of a key that workqueue_get gave. */
void workqueue_done(struct workqueue *queue, struct str key);

/* Keys that workqueue_get could give now. */
size_t workqueue_length(const struct workqueue *queue);

#endif
