/*
 * An instance of the controller: the production code, with a loop and a client of its own. May stop, crash at any step, and start again;
 * what it had sent is performed all the same.
 */
#ifndef MB_TESTS_SIMULATION_INSTANCE_H
#define MB_TESTS_SIMULATION_INSTANCE_H

#include "controller/connect.h"
#include "controller/controller.h"
#include "controller/elector.h"
#include "network.h"

enum { INSTANCES_MAX = 2 };

struct world;

struct instance {
    struct world *world;
    int number;
    bool is_running, is_stopping;
    unsigned starts;
    bool is_electing; /* with a Lease that all of them share */
    char identity[64];
    struct leader_election election;
    struct loop loop;
    struct controller_options options;
    struct connection connection;
    struct controller *controller;
    struct agenda_entry start, burial;
};

void instance_init(struct instance *instance, struct world *world, int number, bool is_electing);
void instance_start(struct instance *instance);
void instance_start_at(struct instance *instance, int64_t at_ms);
/* As kill -9 does. */
void instance_crash(struct instance *instance);
/* As SIGTERM does; it is gone once it says so. */
void instance_stop(struct instance *instance);

#endif
