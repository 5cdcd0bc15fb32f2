/*
 * What a run has to tell people as Events: the children it changed, one Event for all that were created (changed, removed), before the
 * status or at the end of the run; and what became of the conditions.
 */
#ifndef MB_CONTROLLER_TALE_H
#define MB_CONTROLLER_TALE_H

#include "booster/observed.h"

struct job;

/* Zeroed at first; texts in the run's arena. */
struct tale {
    struct str created, updated, removed; /* "ModelServing demo-a, ModelServer demo-a" */
    struct str field, manager; /* of the child asked about: what is different, and who wrote it last beside us; empty: not known */
};

/*
 * A request goes out about a child; `record` is what is known of it, or NULL. By the time of the answer the watch may have told of it
 * already.
 */
void tale_ask(struct job *job, const struct observed *record);
/* The request has changed the child. */
void tale_change(struct job *job);
/* The server does not keep the field of the child that was written. */
void tale_unkept(struct job *job, struct str field);
/* `status` was written; the run still has the one before. */
void tale_status(struct job *job, const yyjson_val *status);
/* The run is over. */
void tale_end(struct job *job);

#endif
