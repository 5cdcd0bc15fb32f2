/*
 * Conditions and status of a ModelBooster, computed in one place from what the user wrote and what became of each child
 * (SPEC section 4). Pure: the same input gives the same status, and it is written only when it differs from the live one.
 */
#ifndef MB_BOOSTER_STATUS_H
#define MB_BOOSTER_STATUS_H

#include "booster/desire.h"

/* In order of precedence: the first that applies becomes the reason of Failed. Each is a CamelCase word in the API. */
#define FAILURES(X)                                                                                                                        \
    X(FAILURE_NONE, "NoFailure")                                                                                                           \
    X(FAILURE_INVALID_SPEC, "InvalidSpec")                                                                                                 \
    X(FAILURE_UNSUPPORTED_BACKEND, "UnsupportedBackend")                                                                                   \
    X(FAILURE_NAME_CONFLICT, "NameConflict")                                                                                               \
    X(FAILURE_FORBIDDEN, "Forbidden")                                                                                                      \
    X(FAILURE_REJECTED, "Rejected")                                                                                                        \
    X(FAILURE_KIND_MISSING, "KindMissing")                                                                                                 \
    X(FAILURE_OTHER_CONTROLLER, "OtherController")                                                                                         \
    X(FAILURE_NEEDS_RECREATE, "NeedsRecreate")                                                                                             \
    X(FAILURE_UNREACHABLE, "Unreachable") /* transient answers that have lasted TRANSIENT_PATIENCE_MS */

enum failure {
#define FAILURE_ENUM(id, reason) id,
    FAILURES(FAILURE_ENUM)
#undef FAILURE_ENUM
        FAILURE_COUNT
};

#define TRANSIENT_PATIENCE_MS (60 * 1000)

const char *failure_reason(enum failure failure);

enum child_state {
    CHILD_TODO,      /* not looked at yet */
    CHILD_APPLIED,   /* as desired and accepted */
    CHILD_PENDING,   /* waits for something that an event will tell of; message says what */
    CHILD_TRANSIENT, /* a request failed in a way that may pass; retried */
    CHILD_FAILED,    /* `failure` and message */
};

struct child_outcome {
    enum child_state state;
    enum failure failure;
    struct str message;  /* never empty but for CHILD_APPLIED */
    bool needs_recreate; /* applied as far as the definition allows; the rest wants delete and create */
    bool is_missing;     /* it could not be created */
};

/* Status fields that the installed ModelBooster definition keeps (Kthena 0.1's drops both of these): the others are sent too, but no
 * change. */
struct status_shape {
    bool has_available_replicas; /* backendStatuses[].availableReplicas */
    bool has_backend_message;    /* backendStatuses[].message */
};

struct status_input {
    const struct booster *booster;
    const struct findings *findings;      /* errors among them make the spec invalid */
    const struct desire *desire;          /* NULL when the spec is invalid */
    const struct child_outcome *outcomes; /* one a child of `desire`, then those of what is to be removed */
    size_t outcome_count;
    const struct observed *const *servings; /* one a backend, NULL where none of ours lives */
    const yyjson_val *live;                 /* the status as it is, or NULL */
    struct status_shape shape;
    int64_t now_ms;             /* wall clock */
    int64_t transient_since_ms; /* first of an unbroken row of transient failures; 0: none */
};

struct status_result {
    yyjson_val *status; /* conditions, backendStatuses, observedGeneration */
    bool is_changed;    /* differs from input.live in what is ours */
    bool is_active;
    bool is_outdated; /* some ModelServing is not rendered by the current generator and images */
    enum failure failure;
};

/* False when the arena is exhausted. */
bool status_compute(struct arena *arena, const struct status_input *input, struct status_result *out);

#endif
