/*
 * Leader election by a Lease (coordination.k8s.io/v1), with the meaning that client-go's leaderelection gives it. A state machine without
 * I/O and clock; the shell performs its requests and feeds it answers and the time.
 *
 *              record unchanged for its duration, or given up          stop: release
 *   STANDBY ----------------- create, patch ------------------> LEADING ------------> RELEASED
 *      ^  |                                                        |
 *      '--' looks each retry period                                '--> LOST   not renewed in time, or another holds it
 *
 * Where it stands by again, STANDBY takes the place of LOST for as long as it is not to be given up.
 *
 * The shell's part: after every answer and every timer, lease_next_action, and do what it says; then look at `state`.
 *
 * Clocks of others are never compared: what counts is when a record was first seen here as it is. So a standby takes a Lease only after it
 * has watched it stay the same for the record's own duration, and at the moment when that is over, not at its next look.
 *
 * A leader counts from the moment a renewal was sent, not answered: nobody can take the Lease before that moment + duration_ms. It stops
 * at that moment + renew_deadline_ms. lease_write_budget_ms says how long a write may take that is sent now, so that it is over before
 * another can lead. What is left: a write that its connection has lost, and the server performs later all the same. It names the
 * resourceVersion it was decided on, and is refused where the next leader has written since.
 */
#ifndef MB_KUBE_LEASE_H
#define MB_KUBE_LEASE_H

#include "base/number.h"
#include "base/strbuf.h"
#include "kube/answer.h"

/* Views and texts must outlive the machine. */
struct lease_settings {
    struct str namespace, name;
    struct str identity; /* of this process, as nobody else has it */
    struct str field_manager;
    int64_t duration_ms;       /* how long others wait after the last renewal; whole seconds, as the record has them */
    int64_t renew_deadline_ms; /* how long the leader tries to renew; less than the duration */
    int64_t
        retry_period_ms;  /* between two looks, and up to a fifth more (client-go: 120 % more), for a take-over soon; below the deadline */
    bool stands_by_again; /* a Lease that is lost is no end: it is waited for anew */
};

enum lease_state { LEASE_STANDBY, LEASE_LEADING, LEASE_LOST, LEASE_RELEASED };

enum lease_action_kind {
    LEASE_WAIT,   /* until `until_ms` or an answer */
    LEASE_GET,    /* GET path */
    LEASE_CREATE, /* POST path */
    LEASE_PATCH,  /* PATCH path, a merge patch */
};

struct lease_action {
    enum lease_action_kind kind;
    struct str path, body; /* in the arena of the call */
    int64_t timeout_ms;
    int64_t until_ms; /* INT64_MAX: only after an answer */
};

struct lease {
    struct lease_settings settings;
    struct number_random random;
    enum lease_state state;
    enum lease_action_kind pending;   /* what was sent and has no answer yet; LEASE_WAIT: nothing */
    int64_t due_ms;                   /* of the next request */
    int64_t sent_ms;                  /* of the pending one */
    int64_t renewed_ms;               /* LEADING: when the last renewal that went through was sent */
    bool wants_release, is_releasing; /* the pending request gives it up */

    /* the record as last seen */
    bool is_known;                 /* no write of unknown outcome since */
    bool is_absent;                /* known not to be there */
    struct strbuf version, holder; /* its resourceVersion; holderIdentity, empty: given up */
    struct strbuf acquired;        /* acquireTime, to be kept by renewals */
    int64_t transitions, record_duration_ms;
    int64_t observed_ms; /* since when it is seen to be as it is */
    unsigned moves;      /* writes in a row that found another record than was seen */

    /* why it is LOST, or what hinders; the message of the last failure, for the log */
    enum kube_answer_kind trouble; /* KUBE_OK: none */
    struct strbuf message;
};

/* The first action is due at once. */
void lease_init(struct lease *lease, const struct lease_settings *settings, uint64_t seed);
void lease_release(struct lease *lease);

/* `wall_ms` is for what is written down, `now_ms` (monotonic) for every decision. With a request pending it is LEASE_WAIT. */
void lease_next_action(struct lease *lease, int64_t now_ms, int64_t wall_ms, struct arena *arena, struct lease_action *out);
/* `body` of KUBE_OK: the Lease. */
void lease_answer(struct lease *lease, const struct kube_answer *answer, struct str body, int64_t now_ms);

/* How long a write that is sent now may take; 0: none may be sent, as also after lease_give_up. */
int64_t lease_write_budget_ms(const struct lease *lease, int64_t now_ms);
/* Gives the Lease up, where it is held, as soon as nothing is pending; then the state is RELEASED (LOST where it cannot be written). */
void lease_give_up(struct lease *lease);

#endif
