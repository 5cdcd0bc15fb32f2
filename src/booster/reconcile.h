/*
 * The step machine: (what the user wrote, what lives) -> the next request, or done.
 *
 *          begin
 *            |            observation (records, kinds, time)
 *            v                     |
 *   .---> reconcile_next <---------'
 *   |        |       \
 *   |     request    done(outcome, when to look again)
 *   |        |
 *   '-- reconcile_answer (ok, lost, conflict, ...)
 *
 * Pure, at most one request outstanding, every answer an input; level-triggered: each call decides anew from the observation, which
 * the shell brings up to date with every answer and event. Nothing is remembered between runs but struct reconcile_memory. A crash at
 * any point, then a new run, comes to the same end.
 *
 * Order (SPEC section 5): bindings that leave; then each desired child in application order; then what else leaves, traffic
 * first; then the status. A child that fails does not hold up its siblings.
 */
#ifndef MB_BOOSTER_RECONCILE_H
#define MB_BOOSTER_RECONCILE_H

#include "booster/status.h"

enum kind_state {
    KIND_UNKNOWN, /* not listed yet: unknown, never empty */
    KIND_SYNCED,
    KIND_NOT_INSTALLED, /* no such definition */
    KIND_FORBIDDEN,     /* may not be listed */
};

/* The world as the shell knows it. Pointers live until the next call into the machine. */
struct observation {
    int64_t now_ms; /* wall clock */
    enum kind_state kinds[CHILD_KIND_COUNT];
    const struct observed *const *children; /* of each key of reconcile_keys that lives, and all that this ModelBooster owns */
    size_t child_count;
    int64_t booster_generation; /* the newest that is known */
    bool may_upgrade;           /* this model has a slot of --max-rollouts */
};

struct child_key {
    enum child_kind kind;
    struct str name;
};

enum request_verb {
    REQUEST_CREATE,         /* POST body */
    REQUEST_DRY_RUN_CREATE, /* POST body with dryRun=All: would it be accepted? */
    REQUEST_PATCH,          /* JSON Patch body */
    REQUEST_DELETE,         /* DELETE body (DeleteOptions with preconditions) */
    REQUEST_GET,            /* read this child once */
    REQUEST_GET_BOOSTER,    /* read the ModelBooster once more before something destructive */
    REQUEST_PATCH_STATUS,   /* merge patch body on the ModelBooster's /status */
    REQUEST_DISCOVER,       /* is this kind's definition installed? */
};

struct request {
    enum request_verb verb;
    enum child_kind kind; /* of child requests and DISCOVER */
    struct str name;
    struct str body; /* JSON; in the run's arena */
    const struct child
        *desired;    /* what CREATE and PATCH write: to judge the answer by; NULL for a patch that keeps a frozen child's spec */
    const char *why; /* for the log: "created", "repaired", ... */
};

enum answer_kind {
    ANSWER_OK,
    ANSWER_LOST, /* no answer: may or may not have happened */
    ANSWER_NOT_FOUND,
    ANSWER_EXISTS,        /* 409 AlreadyExists */
    ANSWER_CONFLICT,      /* 409: resourceVersion or uid is another by now */
    ANSWER_REJECTED,      /* 422, 400, quota, a webhook's no: `message` says what and where */
    ANSWER_FORBIDDEN,     /* RBAC: `message` names verb and resource */
    ANSWER_RETRY,         /* 429, 5xx, timeouts that certainly changed nothing or may be repeated */
    ANSWER_KIND_MISSING,  /* 404 of the path, not of the object: to be confirmed by DISCOVER; as answer to DISCOVER: confirmed */
    ANSWER_NAMESPACE_GONE /* the namespace terminates or is gone: the work ends silently */
};

struct answer {
    enum answer_kind kind;
    struct str message;
    int64_t retry_after_ms;
    /* OK to GET_BOOSTER */
    struct str booster_uid;
    int64_t booster_generation;
};

/* Kept by the shell for each ModelBooster between runs. Zeroed at first; may be lost at any time (a restart). */
struct reconcile_memory {
    int64_t transient_since_ms;
    int64_t forbidden_since_ms;   /* first of an unbroken row of refusals by RBAC */
    int64_t former_since_ms;      /* since when a child of a former ModelBooster is in the way */
    uint64_t status_sent;         /* hash of the last status written ... */
    uint64_t status_kept;         /* ... and of what the server made of it */
    int64_t recreated_generation; /* for this generation of the ModelBooster ... */
    uint32_t recreated_count;     /* ... so many ModelServings were deleted to be created anew: at most one a backend */
};

struct reconcile_settings {
    struct generate_settings generate;
    struct status_shape status_shape;
};

enum { RECONCILE_CHILDREN_PER_BACKEND = 4, RECONCILE_MODEL_CHILDREN = 3 };

struct removal_refusal {
    struct str name;
    const struct removal_refusal *next;
};

/* How far one desired child has come in this run. */
struct child_progress {
    uint8_t look_count;   /* times it was read because an answer left it unclear */
    bool needs_look;      /* the record may be out of date: read before anything else */
    bool needs_discovery; /* the server does not know its path: is the definition gone? */
    bool is_settled;      /* a request failed: the outcome stands for this run */
    bool is_dry_run_accepted;
    uint8_t write_count; /* accepted writes: a child that is not as desired after WRITES_MAX of them never will be */
    /* of removals */
    struct str look_name;                   /* what needs_look is about */
    const struct removal_refusal *refusals; /* what could not be removed in this run */
};

struct reconcile {
    struct arena *arena;
    struct reconcile_memory *memory;
    struct reconcile_settings settings;
    struct booster booster;
    struct findings findings;
    const yyjson_val *live_status;
    int64_t observed_generation;
    struct child_key *keys; /* every name a child of this ModelBooster may have */
    size_t key_count;

    /* the present plan */
    bool has_desire;
    uint64_t desire_basis; /* of the records the desire was made from; when it moves, the desire is made anew */
    struct desire desire;
    const struct observed **servings; /* one a backend, ours only; valid within one reconcile_next */
    struct child_outcome *outcomes;   /* one a desired child, then one a kind for what is to be removed of it */
    struct child_progress *progress;  /* likewise */
    size_t outcome_count;

    /* the outstanding request */
    bool has_pending;
    struct request pending;
    size_t pending_index; /* of its outcome */

    bool is_confirmed; /* the ModelBooster was read again and is the one planned for */
    bool is_status_done;
    bool is_former_in_the_way;
    bool is_over; /* nothing more in this run */
    bool wants_retry;
    int64_t retry_after_ms, again_ms;
    unsigned steps;
    struct status_result status;
};

struct done {
    bool wants_retry;       /* failed: again after back-off */
    int64_t retry_after_ms; /* at least that long, 0: none */
    int64_t again_ms;       /* look again at this wall time even if nothing happens; 0: no need */
    bool has_status;        /* the fields below are of this run */
    bool is_active;         /* or suspended: there is nothing to wait for */
    bool is_outdated;       /* and could be brought up to date: it is not paused */
    enum failure failure;
};

enum step { STEP_REQUEST, STEP_DONE };

/*
 * Starts a run for `object` (a ModelBooster as the server has it). Everything is allocated in `arena` and lives as long. False when it is
 * exhausted.
 */
bool reconcile_begin(struct reconcile *run, struct arena *arena, yyjson_val *object, const struct reconcile_settings *settings,
                     struct reconcile_memory *memory);
/* The next request (performed by the shell, then reconcile_answer) or the end of the run. */
enum step reconcile_next(struct reconcile *run, const struct observation *observation, struct request *out_request, struct done *out_done);
/*
 * The answer to the outstanding request. Before this call the shell has brought its records up to date with the answer's body (a created
 * or patched object, a read one, a child that is gone).
 */
void reconcile_answer(struct reconcile *run, const struct answer *answer, int64_t now_ms);
/* After an OK to PATCH_STATUS: what the server kept. */
void reconcile_status_kept(struct reconcile *run, const yyjson_val *live_status);

/*
 * For an event on a child: fills in verdict and history of `record` (just read from `live`) against what `object` asks for. `older` is the
 * record it replaces, or NULL. False when the arena is exhausted; a record whose ModelBooster is invalid or that is not desired
 * keeps VERDICT_UNKNOWN.
 */
bool reconcile_judge(struct arena *arena, yyjson_val *object, const struct reconcile_settings *settings, bool may_upgrade,
                     const yyjson_val *live, const struct observed *older, int64_t now_ms, struct observed *record);
/* The same for the answer to our own create or patch of `desired` (request.desired): what the server made of it is accepted. */
void reconcile_judge_own(struct arena *arena, const struct child *desired, const yyjson_val *live, const struct observed *older,
                         int64_t now_ms, struct observed *record);

#endif
