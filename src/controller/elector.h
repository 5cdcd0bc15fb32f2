/*
 * Leader election over the network: performs what kube/lease decides. Of several controllers with the same Lease one works; the others
 * follow everything and write nothing, so that one of them can take over at once. One that runs in a process of its own ends when it
 * loses the Lease, and is started again; one that shares its process stands by again.
 *
 * The client asks it before each write (client.h, budget_ms): none is sent that could still be under way when another may lead.
 */
#ifndef MB_CONTROLLER_ELECTOR_H
#define MB_CONTROLLER_ELECTOR_H

#include "controller/events.h"
#include "kube/lease.h"

#define ELECTION_NAME "model-booster" /* of the Lease, where nobody gives another */
/* The identity of standalone's own controller: of the processes that serve one store there is one at a time, so that after a kill the next
 * finds the Lease its own. */
#define ELECTION_STANDALONE "model-booster-standalone"

struct leader_election {
    const char *namespace; /* of the Lease; NULL: the connection's */
    const char *name;
    const char *identity; /* of this process, as nobody else has it; controller_run makes one where it is NULL */
    int64_t duration_ms, renew_deadline_ms, retry_period_ms;
    bool stands_by_again; /* when it loses the Lease; else the controller stops */
};

struct elector {
    struct loop *loop;
    struct client *client;
    struct events *events;
    const struct log *log;
    struct lease lease;
    struct loop_timer *timer;
    struct loop_deferred *turn;
    enum lease_state told;            /* as the owner knows it */
    enum kube_answer_kind complained; /* in the log; KUBE_OK: nothing to complain of */
    struct strbuf told_holder;        /* in the log: who leads instead */
    void (*on_change)(void *context); /* lease.state is another than before */
    void *context;
};

/* `settings`: its texts must outlive the elector. False when memory is out. Nothing is sent before elector_start. */
bool elector_init(struct elector *elector, struct loop *loop, struct client *client, struct events *events, const struct log *log,
                  const struct lease_settings *settings, uint64_t seed);
/* Takes the client's writes under its control, and looks at the Lease. */
void elector_start(struct elector *elector);
/* Gives the Lease up, so that the next can begin at once; the state is RELEASED or LOST then, now or with `on_change`. */
void elector_give_up(struct elector *elector);
/* After the client is closed. */
void elector_release(struct elector *elector);

#endif
