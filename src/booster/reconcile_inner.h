/*
 * Between reconcile.c (the run as a whole) and reconcile_child.c (one child, and what is to be removed); nobody else's.
 */
#ifndef MB_BOOSTER_RECONCILE_INNER_H
#define MB_BOOSTER_RECONCILE_INNER_H

#include "booster/reconcile.h"

/* The record of that name, or NULL. */
const struct observed *observation_find(const struct observation *observation, enum child_kind kind, struct str name);
/* Asks for a request about outcome `index`; always true. */
bool run_request(struct reconcile *run, size_t index, struct request request);
/* Sets an outcome; always false, so that a step can end with it. */
bool run_outcome(struct reconcile *run, size_t index, enum child_state state, enum failure failure, struct str message);
/* Asks to be called again at that wall time. */
void run_again_at(struct reconcile *run, int64_t wall_ms);

/* Index of the outcome that stands for removals of this kind. */
size_t removal_index(const struct reconcile *run, enum child_kind kind);
bool is_removal(const struct reconcile *run, size_t index);

/* One step for one desired child: true with a request, or false with its outcome set. */
bool child_step(struct reconcile *run, const struct observation *observation, size_t index);
/* One step towards the removal of owned children of this kind that are not desired: true with a request. */
bool removal_step(struct reconcile *run, const struct observation *observation, enum child_kind kind);
/* One object could not be removed: it is left for the next run, and its kind's outcome says so beside those of others. */
void removal_refused(struct reconcile *run, size_t index, struct str name, struct child_outcome outcome);
/* Starts the removals' outcomes: applied, until something is left over. */
void removal_begin(struct reconcile *run);

#endif
