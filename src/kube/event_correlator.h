/*
 * Which Kubernetes Events are worth a write, and which write. Pure: fed with what there is to tell and the time. The rules are client-go's
 * (tools/record/events_cache.go):
 *
 *   same again   an Event of this object, reason and message within EVENT_WINDOW_MS: its count goes up, no other is made
 *   similar      from the EVENT_SIMILAR_MAX-th different message of one object and reason within EVENT_SIMILAR_MS on, all that follow
 *                are one Event, "(combined from similar events): " and the last message
 *   too many     of one object EVENT_OBJECT_BURST writes at once, and one more in five minutes
 *
 * and one of our own: of all objects together EVENT_TOTAL_BURST at once and ten more a second, Normal and Warning each for itself, so
 * that a crowd of new models does not drown what is wrong. What is not written counts: the next write of the same has the whole number.
 *
 * What was told is kept in tables of fixed size; what falls out of them, as after a restart, begins a new Event.
 */
#ifndef MB_KUBE_EVENT_CORRELATOR_H
#define MB_KUBE_EVENT_CORRELATOR_H

#include "base/allowance.h"
#include "base/arena.h"
#include "base/recent.h"

#define EVENT_COMBINED "(combined from similar events): "

enum {
    EVENT_WINDOW_MS = 60 * 60 * 1000, /* how long an API server keeps an Event, by default */
    EVENT_SIMILAR_MS = 10 * 60 * 1000,
    EVENT_SIMILAR_MAX = 10,
    EVENT_OBJECT_BURST = 25,
    EVENT_OBJECT_REFILL_MS = 5 * 60 * 1000,
    EVENT_TOTAL_BURST = 100,
    EVENT_TOTAL_REFILL_MS = 100,
    EVENT_MESSAGE_MAX_BYTES = 1024, /* the API server's limit */
};

/* An object, as involvedObject names it. */
struct event_about {
    struct str api_version, kind, namespace, name, uid; /* namespace is empty for an object of the whole cluster; uid may be */
};

struct event_note {
    struct event_about about;
    bool is_warning;
    const char *reason; /* CamelCase */
    struct str message;
};

struct event_time {
    int64_t now_ms;  /* monotonic, > 0: for windows and rates */
    int64_t wall_ms; /* for what is written */
};

struct event_write {
    uint64_t key;       /* for event_correlator_unwritten */
    bool is_repeat;     /* the Event `name` is there: its count, lastTimestamp and message change */
    struct str name;    /* of the Event: the object's, and what no other Event has */
    struct str message; /* at most EVENT_MESSAGE_MAX_BYTES */
    int64_t count, first_wall_ms, last_wall_ms;
};

struct event_correlator {
    struct recent told;    /* by object, reason and message (or object and reason, when combined) */
    struct recent similar; /* by object and reason */
    struct recent objects; /* allowances */
    struct allowance normal, warning;
};

/* False when memory is out. */
bool event_correlator_init(struct event_correlator *correlator);
void event_correlator_release(struct event_correlator *correlator);
/* True when *out is to be written; its texts live in the arena or in `note`. False also when the arena is exhausted. */
bool event_correlator_take(struct event_correlator *correlator, struct arena *arena, const struct event_note *note, struct event_time time,
                           struct event_write *out);
/* The Event is not there (any more): the next of its kind is a new one. */
void event_correlator_unwritten(struct event_correlator *correlator, uint64_t key);

#endif
