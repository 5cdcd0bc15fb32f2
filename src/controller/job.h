/*
 * One reconcile run under way: its arena, its machine, and the request it waits for. Lives from the moment the queue hands out its key
 * until the machine says done.
 */
#ifndef MB_CONTROLLER_JOB_H
#define MB_CONTROLLER_JOB_H

#include "controller/reconciler.h"
#include "controller/tale.h"
#include "observe/span.h"

struct job {
    struct reconciler *reconciler;
    struct job *next, *previous; /* among reconciler->jobs */
    struct arena arena;
    struct str namespace, name; /* in the arena */
    struct str key;             /* "namespace/name" */
    struct str uid;
    struct reconcile run;
    struct reconcile_memory memory; /* a copy: the entry may go while the job waits */
    struct request request;         /* the outstanding one */
    struct str asked_uid;           /* of the child it is about, as known when it was sent; empty: none */
    bool has_slot;                  /* of --max-rollouts */
    struct tale tale;               /* what people are to be told at the end */

    /* telemetry.c's */
    int64_t begun_ms, written_ms; /* monotonic; of the last child written, 0: none */
    struct span span, request_span;
    struct str path; /* of the outstanding request */
    char traceparent[TRACEPARENT_BYTES];
};

/* Starts the run for a key; it may end at once. False when there is nothing to do or memory is out (then the key is retried). */
bool job_start(struct reconciler *reconciler, struct str key);

void job_free(struct job *job);

/* reconciler.c: the run has ended; frees the job. */
void reconciler_job_done(struct job *job, const struct done *done);

#endif
