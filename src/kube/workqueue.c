#include "kube/workqueue.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash_table.h"

struct workqueue_item {
    UT_hash_handle hh;
    struct workqueue_item *prev, *next; /* in the line, while is_queued and not is_processing */
    int64_t due_ms;
    size_t heap_at; /* its place in the heap, SIZE_MAX when not delayed */
    unsigned failures;
    int64_t failed_until_ms; /* the back-off of the last failure that counted */
    int64_t queued_ms;       /* when it came to want processing last */
    bool is_queued;          /* wants processing: in the line, or once the present processing is done */
    bool is_processing;
    bool is_held; /* delayed by a Retry-After: an add does not bring it forward */
    size_t key_len;
    char key[];
};

void workqueue_init(struct workqueue *queue, struct backoff_limits limits) {
    *queue = (struct workqueue){.limits = limits};
}

void workqueue_release(struct workqueue *queue) {
    struct workqueue_item *item, *next;
    HASH_ITER(hh, queue->items, item, next) {
        HASH_DEL(queue->items, item);
        free(item);
    }
    free(queue->delayed);
    workqueue_init(queue, queue->limits);
}

/* items */

static struct workqueue_item *find(const struct workqueue *queue, struct str key) {
    struct workqueue_item *item = NULL;
    HASH_FIND(hh, queue->items, key.ptr, key.len, item);
    return item;
}

static struct workqueue_item *find_or_add(struct workqueue *queue, struct str key) {
    struct workqueue_item *item = find(queue, key);
    if (item) return item;
    item = calloc(1, sizeof *item + key.len + 1);
    if (!item) return NULL;
    item->heap_at = SIZE_MAX;
    item->key_len = key.len;
    if (key.len) memcpy(item->key, key.ptr, key.len);
    HASH_ADD_KEYPTR(hh, queue->items, item->key, item->key_len, item);
    if (item->hh.tbl) return item;
    free(item);
    return NULL;
}

static void drop_if_unused(struct workqueue *queue, struct workqueue_item *item) {
    if (item->is_queued || item->is_processing || item->heap_at != SIZE_MAX || item->failures) return;
    HASH_DEL(queue->items, item);
    free(item);
}

/* the line */

static void line_append(struct workqueue *queue, struct workqueue_item *item) {
    item->prev = queue->last;
    item->next = NULL;
    if (queue->last)
        queue->last->next = item;
    else
        queue->first = item;
    queue->last = item;
    queue->queued_count++;
}

static struct workqueue_item *line_take(struct workqueue *queue) {
    struct workqueue_item *item = queue->first;
    if (!item) return NULL;
    queue->first = item->next;
    if (queue->first)
        queue->first->prev = NULL;
    else
        queue->last = NULL;
    queue->queued_count--;
    return item;
}

static void enqueue(struct workqueue *queue, struct workqueue_item *item) {
    if (item->is_queued || item->is_held) return;
    item->is_queued = true;
    item->queued_ms = queue->now_ms;
    queue->adds++;
    if (!item->is_processing) line_append(queue, item);
}

/* the heap of delays: the least due_ms first */

static void heap_put(struct workqueue *queue, size_t at, struct workqueue_item *item) {
    queue->delayed[at] = item;
    item->heap_at = at;
}

static void heap_rise(struct workqueue *queue, struct workqueue_item *item) {
    size_t at = item->heap_at;
    while (at && queue->delayed[(at - 1) / 2]->due_ms > item->due_ms) {
        heap_put(queue, at, queue->delayed[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    heap_put(queue, at, item);
}

static void heap_sink(struct workqueue *queue, struct workqueue_item *item) {
    size_t at = item->heap_at;
    for (;;) {
        size_t least = 2 * at + 1;
        if (least >= queue->delayed_count) break;
        if (least + 1 < queue->delayed_count && queue->delayed[least + 1]->due_ms < queue->delayed[least]->due_ms) least++;
        if (queue->delayed[least]->due_ms >= item->due_ms) break;
        heap_put(queue, at, queue->delayed[least]);
        at = least;
    }
    heap_put(queue, at, item);
}

static bool heap_reserve(struct workqueue *queue) {
    if (queue->delayed_count < queue->delayed_capacity) return true;
    size_t capacity = queue->delayed_capacity ? queue->delayed_capacity * 2 : 16;
    struct workqueue_item **grown = reallocarray(queue->delayed, capacity, sizeof(struct workqueue_item *));
    if (!grown) return false;
    queue->delayed = grown;
    queue->delayed_capacity = capacity;
    return true;
}

static struct workqueue_item *heap_take(struct workqueue *queue) {
    struct workqueue_item *item = queue->delayed[0], *moved = queue->delayed[--queue->delayed_count];
    item->heap_at = SIZE_MAX;
    item->is_held = false;
    if (moved != item) {
        moved->heap_at = 0;
        heap_sink(queue, moved);
    }
    if (!queue->delayed_count) {
        free(queue->delayed);
        queue->delayed = NULL;
        queue->delayed_capacity = 0;
    }
    return item;
}

static void delay_until(struct workqueue *queue, struct workqueue_item *item, int64_t due_ms) {
    if (item->heap_at == SIZE_MAX) {
        item->due_ms = due_ms;
        item->heap_at = queue->delayed_count++;
        heap_rise(queue, item);
    } else if (due_ms < item->due_ms && !item->is_held) {
        item->due_ms = due_ms;
        heap_rise(queue, item);
    }
}

/* Not before due_ms, whatever was asked for before or is until then. */
static void hold_until(struct workqueue *queue, struct workqueue_item *item, int64_t due_ms) {
    delay_until(queue, item, due_ms);
    if (due_ms > item->due_ms) {
        item->due_ms = due_ms;
        heap_sink(queue, item);
    }
    item->is_held = true;
    /* Out of the line it is only while it is processed. */
    if (item->is_processing) item->is_queued = false;
}

/* the queue */

bool workqueue_add(struct workqueue *queue, struct str key) {
    struct workqueue_item *item = find_or_add(queue, key);
    if (item) enqueue(queue, item);
    return item != NULL;
}

bool workqueue_add_at(struct workqueue *queue, struct str key, int64_t due_ms) {
    struct workqueue_item *item = heap_reserve(queue) ? find_or_add(queue, key) : NULL;
    if (item) delay_until(queue, item, due_ms);
    return item != NULL;
}

bool workqueue_add_failed(struct workqueue *queue, struct str key, int64_t now_ms, int64_t min_delay_ms, struct number_random *random) {
    struct workqueue_item *item = heap_reserve(queue) ? find_or_add(queue, key) : NULL;
    if (!item) return false;
    if (min_delay_ms > 0) {
        uint64_t spread_ms = number_random_below(random, (uint64_t)min_delay_ms / 2 + 1);
        hold_until(queue, item, now_ms + min_delay_ms + (int64_t)spread_ms);
        return true;
    }
    /* Tried before its time, because of an event: that says nothing new about how long the trouble lasts. */
    if (item->failures == 0 || now_ms >= item->failed_until_ms) {
        if (item->failures < UINT32_MAX) item->failures++;
        item->failed_until_ms = now_ms + backoff_delay_ms(queue->limits, item->failures, random);
    }
    delay_until(queue, item, item->failed_until_ms);
    return true;
}

void workqueue_hurry(struct workqueue *queue, int64_t now_ms) {
    struct workqueue_item *item, *next;
    HASH_ITER(hh, queue->items, item, next) {
        bool is_waiting = item->failures && item->heap_at != SIZE_MAX;
        item->failures = 0;
        if (is_waiting) delay_until(queue, item, now_ms);
        drop_if_unused(queue, item);
    }
}

void workqueue_forget(struct workqueue *queue, struct str key) {
    struct workqueue_item *item = find(queue, key);
    if (!item) return;
    item->failures = 0;
    drop_if_unused(queue, item);
}

unsigned workqueue_failures(const struct workqueue *queue, struct str key) {
    const struct workqueue_item *item = find(queue, key);
    return item ? item->failures : 0;
}

void workqueue_tick(struct workqueue *queue, int64_t now_ms) {
    queue->now_ms = now_ms;
    while (queue->delayed_count && queue->delayed[0]->due_ms <= now_ms) enqueue(queue, heap_take(queue));
}

int64_t workqueue_next_due_ms(const struct workqueue *queue) {
    return queue->delayed_count ? queue->delayed[0]->due_ms : INT64_MAX;
}

bool workqueue_get(struct workqueue *queue, struct str *out_key) {
    struct workqueue_item *item = line_take(queue);
    if (!item) return false;
    assert(item->is_queued && !item->is_processing);
    item->is_queued = false;
    item->is_processing = true;
    queue->processing_count++;
    *out_key = (struct str){item->key, item->key_len};
    return true;
}

void workqueue_open(struct workqueue *queue, int64_t now_ms) {
    workqueue_tick(queue, now_ms);
    for (struct workqueue_item *item = queue->first; item; item = item->next) item->queued_ms = now_ms;
}

int64_t workqueue_waited_ms(const struct workqueue *queue, struct str key) {
    const struct workqueue_item *item = find(queue, key);
    return item ? queue->now_ms - item->queued_ms : 0;
}

void workqueue_done(struct workqueue *queue, struct str key) {
    struct workqueue_item *item = find(queue, key);
    assert(item && item->is_processing);
    item->is_processing = false;
    queue->processing_count--;
    if (item->is_queued)
        line_append(queue, item);
    else
        drop_if_unused(queue, item);
}

size_t workqueue_length(const struct workqueue *queue) {
    return queue->queued_count;
}
