#include "base/recent.h"

#include <stdlib.h>
#include <string.h>

struct head {
    uint64_t key;
    uint64_t used; /* the clock when it was asked for last; 0: free */
};

enum { HEAD_BYTES = 16, ALIGNMENT = 16 };
_Static_assert(sizeof(struct head) == HEAD_BYTES, "the value behind it stays aligned");

bool recent_init(struct recent *recent, size_t capacity, size_t value_bytes) {
    size_t sets = capacity / RECENT_WAYS + (capacity % RECENT_WAYS != 0);
    *recent = (struct recent){.capacity = sets * RECENT_WAYS};
    recent->slot_bytes = HEAD_BYTES + (value_bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    recent->slots = calloc(recent->capacity, recent->slot_bytes);
    return recent->slots != NULL;
}

void recent_release(struct recent *recent) {
    free(recent->slots);
    *recent = (struct recent){0};
}

static struct head *head_at(const struct recent *recent, size_t index) {
    return (struct head *)(void *)(recent->slots + index * recent->slot_bytes);
}

static size_t first_of_set(const struct recent *recent, uint64_t key) {
    return (size_t)(key % (recent->capacity / RECENT_WAYS)) * RECENT_WAYS;
}

/* The key's place, or the one of its set to be given up for it. */
static struct head *place_of(const struct recent *recent, uint64_t key) {
    size_t first = first_of_set(recent, key);
    struct head *oldest = head_at(recent, first);
    for (size_t i = 0; i < RECENT_WAYS; i++) {
        struct head *head = head_at(recent, first + i);
        if (head->used && head->key == key) return head;
        if (head->used < oldest->used) oldest = head;
    }
    return oldest;
}

static void *value_of(struct head *head) {
    return (unsigned char *)head + HEAD_BYTES;
}

void *recent_at(struct recent *recent, uint64_t key, bool *out_is_new) {
    struct head *head = place_of(recent, key);
    bool is_new = !head->used || head->key != key;
    if (is_new) memset(head, 0, recent->slot_bytes);
    head->key = key;
    head->used = ++recent->clock;
    if (out_is_new) *out_is_new = is_new;
    return value_of(head);
}

void *recent_find(struct recent *recent, uint64_t key) {
    struct head *head = place_of(recent, key);
    if (!head->used || head->key != key) return NULL;
    head->used = ++recent->clock;
    return value_of(head);
}
