/*
 * Kubernetes Events: what happened to a ModelBooster that a person should know, beside the conditions, which say how it is. Which of
 * them are written, and how often: kube/event_correlator.h. One request at a time, in order, while none for models is under way, or
 * 5 s later all the same; a line of bounded length waits. An Event that cannot be written changes nothing, and nothing waits for one.
 */
#ifndef MB_CONTROLLER_EVENTS_H
#define MB_CONTROLLER_EVENTS_H

#include "controller/client.h"
#include "controller/log.h"
#include "io/loop.h"
#include "kube/event_correlator.h"

/*
 * Every reason: id, word, is it a Warning? What each means: docs/events.md, in this order. Those from a condition have its reason and its
 * message.
 */
#define EVENT_REASONS(X)                                                                                                                   \
    X(EVENT_CREATED, "Created", false)                                                                                                     \
    X(EVENT_UPDATED, "Updated", false)                                                                                                     \
    X(EVENT_REPAIRED, "Repaired", false)                                                                                                   \
    X(EVENT_REMOVED, "Removed", false)                                                                                                     \
    X(EVENT_AVAILABLE, "ModelAvailable", false)                                                                                            \
    X(EVENT_SUSPENDED, "Suspended", false)                                                                                                 \
    X(EVENT_PAUSED, "Paused", false)                                                                                                       \
    X(EVENT_LEFT_OVER, "BackendLeftOver", false)                                                                                           \
    X(EVENT_NOT_INITIALIZED, "NotInitialized", false)                                                                                      \
    X(EVENT_NOT_AVAILABLE, "BackendsNotAvailable", true)                                                                                   \
    X(EVENT_OUTDATED, "Outdated", false)                                                                                                   \
    X(EVENT_UP_TO_DATE, "UpToDate", false)                                                                                                 \
    X(EVENT_RECOVERED, "Recovered", false)                                                                                                 \
    X(EVENT_INVALID_SPEC, "InvalidSpec", true)                                                                                             \
    X(EVENT_UNSUPPORTED_BACKEND, "UnsupportedBackend", true)                                                                               \
    X(EVENT_NAME_CONFLICT, "NameConflict", true)                                                                                           \
    X(EVENT_FORBIDDEN, "Forbidden", true)                                                                                                  \
    X(EVENT_REJECTED, "Rejected", true)                                                                                                    \
    X(EVENT_KIND_MISSING, "KindMissing", true)                                                                                             \
    X(EVENT_OTHER_CONTROLLER, "OtherController", true)                                                                                     \
    X(EVENT_NEEDS_RECREATE, "NeedsRecreate", true)                                                                                         \
    X(EVENT_UNREACHABLE, "Unreachable", true)                                                                                              \
    X(EVENT_FIELD_NOT_KEPT, "FieldNotKept", true)                                                                                          \
    X(EVENT_FIELDS_DROPPED, "FieldsDropped", true)                                                                                         \
    X(EVENT_LEADER, "LeaderElection", false)

enum event_reason {
#define EVENT_REASON_ENUM(id, word, is_warning) id,
    EVENT_REASONS(EVENT_REASON_ENUM)
#undef EVENT_REASON_ENUM
        EVENT_REASON_COUNT
};

struct event_kind {
    const char *word;
    bool is_warning;
};
const struct event_kind *event_kind_of(enum event_reason reason);
/* The reason of a condition as an Event's. False where there is none of this word. */
bool event_reason_of(struct str word, enum event_reason *out);

struct events;

/* Borrows all three. NULL when memory is out. */
struct events *events_new(struct loop *loop, struct client *client, const struct log *log);
/* After client_release. NULL is allowed. */
void events_free(struct events *events);
/* Nothing is told from here on. */
void events_stop(struct events *events);
/* Texts are copied. `events` may be NULL: then nobody is told. */
void events_tell(struct events *events, const struct event_about *about, enum event_reason reason, struct str message);

#endif
