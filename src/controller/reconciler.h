/*
 * Runs reconcile machines: one per ModelBooster at a time, many ModelBoosters at once, each waiting for at most one answer.
 *
 *   queue -> job {arena, machine} -> request -> answer -> records in the store -> next request ... -> status, back to the queue
 *
 * Owns the jobs and the queue; borrows store, client and loop. Nothing here decides: booster/reconcile.h does.
 */
#ifndef MB_CONTROLLER_RECONCILER_H
#define MB_CONTROLLER_RECONCILER_H

#include "controller/client.h"
#include "controller/controller.h"
#include "controller/store.h"
#include "kube/workqueue.h"

struct events;

struct reconciler_settings {
    struct reconcile_settings machine; /* its texts must outlive the reconciler or be replaced by reconciler_set */
    enum upgrade_policy upgrade;
    int max_rollouts;
    int max_in_flight;
};

/* What is known of a kind in a namespace. */
typedef enum kind_state reconciler_kind_state_fn(void *context, enum child_kind kind, struct str namespace);
/* How far the list and watch of a kind in a namespace have told: the resourceVersion of the last event; empty before the first. */
typedef struct str reconciler_told_fn(void *context, enum child_kind kind, struct str namespace);

struct reconciler {
    struct loop *loop;
    struct client *client;
    struct store *store;
    const struct log *log;
    struct telemetry *telemetry; /* NULL: nobody is told */
    struct events *events;       /* where people are told; NULL: nowhere */
    struct reconciler_settings settings;
    reconciler_kind_state_fn *kind_state;
    reconciler_told_fn *told;
    void (*idle)(void *context); /* called when the last job ends after reconciler_stop */
    void *context;

    struct workqueue queue;
    struct number_random random;
    struct loop_timer *timer; /* for the next delayed key */
    struct job *jobs;         /* under way */
    int in_flight;
    int rollouts; /* models that hold a slot */
    struct loop_deferred *turn;
    bool is_holding; /* until reconciler_begin_work: not every kind is known yet, or another leads */
    bool is_stopping;
};

/* Fields above `queue` are filled by the caller. False when memory is out. */
bool reconciler_init(struct reconciler *reconciler, uint64_t seed);
/* Also the jobs that still wait for an answer; the client must be closed before. */
void reconciler_release(struct reconciler *reconciler);
/* What is in line waits until this is called: a kind whose list is not known yet is unknown, never empty. */
void reconciler_begin_work(struct reconciler *reconciler);
/* Nothing more is begun until it is called again. */
void reconciler_hold(struct reconciler *reconciler);
/* Puts a ModelBooster in line. */
void reconciler_enqueue(struct reconciler *reconciler, struct str namespace, struct str name);
void reconciler_enqueue_all(struct reconciler *reconciler);
/* The server answers again: what waits after failures is tried now. */
void reconciler_hurry(struct reconciler *reconciler);
/* No new requests from here on; `idle` is called once none is outstanding (at once when there is none). */
void reconciler_stop(struct reconciler *reconciler);

/* A child as a list or a watch tells it: brings the store up to date, if it is news, and puts in line whom it concerns. */
void reconciler_observe_child(struct reconciler *reconciler, enum child_kind kind, const yyjson_val *live, uint32_t list_round);
/* The same for a child that was read because its verdict was not known: judged anew even where its version is known already. */
void reconciler_read_child(struct reconciler *reconciler, struct arena *arena, enum child_kind kind, const yyjson_val *live);
/*
 * An answer may come after the watch has told of the object's end. An object that no record is kept of, at a version that the watch has
 * passed, is gone.
 */
bool reconciler_knows_its_end(const struct reconciler *reconciler, const struct observed *record);
void reconciler_forget_child(struct reconciler *reconciler, struct child_entry *entry);
/* `list_round` 0: from an answer, which tells nothing of one that is not known: not yet, or no more. */
void reconciler_observe_booster(struct reconciler *reconciler, const yyjson_val *live, uint32_t list_round);
void reconciler_forget_booster(struct reconciler *reconciler, struct booster_entry *entry);

#endif
