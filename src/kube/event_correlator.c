#include "kube/event_correlator.h"

#include <inttypes.h>

#include "base/hash.h"

/* Several thousand objects with some Events each; what is used of the tables takes memory, at most some 700 KiB. */
enum { TOLD_MAX = 4096, SIMILAR_MAX = 2048, OBJECTS_MAX = 4096 };

/* Kubernetes' limit for names, and what is put behind it. */
enum { NAME_MAX_BYTES = 253, SUFFIX_BYTES = 17 };

struct told {
    int64_t count;
    int64_t seen_ms;       /* monotonic */
    int64_t first_wall_ms; /* with the key, it makes the name */
    bool is_written;
};

struct similar {
    int64_t seen_ms;
    uint32_t count;
    uint64_t messages[EVENT_SIMILAR_MAX];
};

bool event_correlator_init(struct event_correlator *correlator) {
    *correlator = (struct event_correlator){0};
    if (recent_init(&correlator->told, TOLD_MAX, sizeof(struct told)) &&
        recent_init(&correlator->similar, SIMILAR_MAX, sizeof(struct similar)) &&
        recent_init(&correlator->objects, OBJECTS_MAX, sizeof(struct allowance)))
        return true;
    event_correlator_release(correlator);
    return false;
}

void event_correlator_release(struct event_correlator *correlator) {
    recent_release(&correlator->told);
    recent_release(&correlator->similar);
    recent_release(&correlator->objects);
}

static uint64_t object_key(const struct event_about *about) {
    uint64_t key = hash_xxh3(about->api_version);
    const struct str parts[] = {about->kind, about->namespace, about->name, about->uid};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) key = hash_with(key, parts[i]);
    return key;
}

/* Notes the message among those of its object and reason; true when they are too many to be told one by one. */
static bool is_one_of_many(struct event_correlator *correlator, uint64_t key, uint64_t message, int64_t now_ms) {
    struct similar *similar = recent_at(&correlator->similar, key, NULL);
    if (now_ms - similar->seen_ms > EVENT_SIMILAR_MS) *similar = (struct similar){0};
    similar->seen_ms = now_ms;
    for (uint32_t i = 0; i < similar->count; i++) {
        if (similar->messages[i] == message) return similar->count == EVENT_SIMILAR_MAX;
    }
    if (similar->count < EVENT_SIMILAR_MAX) similar->messages[similar->count++] = message;
    return similar->count == EVENT_SIMILAR_MAX;
}

static struct told *count_told(struct event_correlator *correlator, uint64_t key, struct event_time time) {
    struct told *told = recent_at(&correlator->told, key, NULL);
    if (told->count && time.now_ms - told->seen_ms > EVENT_WINDOW_MS) *told = (struct told){0};
    if (!told->count) told->first_wall_ms = time.wall_ms;
    told->count++;
    told->seen_ms = time.now_ms;
    return told;
}

static bool is_affordable(struct event_correlator *correlator, const struct event_note *note, uint64_t object, int64_t now_ms) {
    static const struct allowance_rate of_object = {EVENT_OBJECT_BURST, EVENT_OBJECT_REFILL_MS};
    static const struct allowance_rate of_all = {EVENT_TOTAL_BURST, EVENT_TOTAL_REFILL_MS};
    return allowance_take(recent_at(&correlator->objects, object, NULL), of_object, now_ms) &&
           allowance_take(note->is_warning ? &correlator->warning : &correlator->normal, of_all, now_ms);
}

bool event_correlator_take(struct event_correlator *correlator, struct arena *arena, const struct event_note *note, struct event_time time,
                           struct event_write *out) {
    uint64_t object = object_key(&note->about);
    uint64_t key = hash_with(object + note->is_warning, str_of(note->reason));
    uint64_t message = hash_xxh3(note->message);
    bool is_combined = is_one_of_many(correlator, key, message, time.now_ms);
    if (!is_combined) key = hash_with(key, note->message);
    struct told *told = count_told(correlator, key, time);
    if (!is_affordable(correlator, note, object, time.now_ms)) return false;
    struct str text = is_combined ? arena_join(arena, STR(EVENT_COMBINED), note->message, STR_EMPTY) : note->message;
    *out = (struct event_write){
        .key = key,
        .is_repeat = told->is_written,
        .name = arena_printf(arena, "%.*s.%016" PRIx64, STR_ARG(str_first(note->about.name, NAME_MAX_BYTES - SUFFIX_BYTES)),
                             key ^ (uint64_t)told->first_wall_ms << 20),
        .message = str_cut_utf8(text, EVENT_MESSAGE_MAX_BYTES),
        .count = told->count,
        .first_wall_ms = told->first_wall_ms,
        .last_wall_ms = time.wall_ms,
    };
    told->is_written = true;
    return !arena->exhausted;
}

void event_correlator_unwritten(struct event_correlator *correlator, uint64_t key) {
    struct told *told = recent_find(&correlator->told, key);
    if (told) told->is_written = false;
}
