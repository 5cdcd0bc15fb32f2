/*
 * The players that a cluster has beside the controller: the ModelServing controller, which reports how the pods are; garbage collection;
 * whoever takes finalizers off; and an autoscaler. Each acts on what has changed, some time later.
 */
#ifndef MB_TESTS_SIMULATION_CAST_H
#define MB_TESTS_SIMULATION_CAST_H

#include "agenda.h"
#include "model_server.h"

struct world;

struct serving_task;

struct cast {
    struct number_random random;
    size_t position; /* in the server's changes */
    struct serving_task *tasks;
    struct agenda_entry collection, release;
    int64_t slowest_ms;     /* of anything they do */
    bool holds_servings;    /* the ModelServing controller lets one go only when its pods are gone: by a finalizer */
    const char *broken_for; /* the ModelServing whose pods never come up; NULL: none */
};

void cast_init(struct cast *cast, struct world *world, uint64_t seed);
void cast_release(struct cast *cast, struct world *world);
/* Nobody is about to do anything. */
bool cast_is_idle(const struct cast *cast);
/* Something has changed at the server. */
void cast_notice(struct world *world);

#endif
