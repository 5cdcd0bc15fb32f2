/*
 * The stand-in for a cluster's ModelServing controller, scheduler and kubelets: follows ModelServings and the pods that it has made
 * itself, and writes what simulation_plan.h says, one request at a time per ModelServing. Without it, or a cluster, a ModelServing waits
 * for ever.
 */
#ifndef MB_STANDALONE_SIMULATION_H
#define MB_STANDALONE_SIMULATION_H

#include "controller/client.h"
#include "controller/log.h"

struct simulation_settings {
    int64_t delay_ms; /* until a pod is ready */
    struct log log;
};

struct simulation;

/* Begins at once. The client is the simulation's alone from here on, and closed by simulation_free, or when it cannot be made. */
struct simulation *simulation_new(struct loop *loop, struct client *client, const struct simulation_settings *settings, uint64_t seed,
                                  struct error *error);
/* What is under way is dropped: everything can be gone on with by another one. NULL is allowed. */
void simulation_free(struct simulation *simulation);

#endif
