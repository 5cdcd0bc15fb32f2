/*
 * One history: a model server, the network before it, instances of the controller, users, the players of a cluster, trouble, and judges;
 * all of it drawn from one number.
 *
 *    users  players  trouble        instances (the controller, unchanged)
 *       \      |      /                 |  io/loop.h, io/http_client.h
 *        v     v     v                  v
 *      +---------------+           +---------+
 *      | model server  | <-------> | network |      judges hear every request, every write and every answer
 *      +---------------+           +---------+
 *               all of them over one agenda: virtual time
 *
 *   time   0 ......... trouble ......... calm ......... settled ......... quiet
 *          the script runs; trouble comes  everything has to be       and nobody may
 *          and goes                        as wished within a bound   write any more
 */
#ifndef MB_TESTS_SIMULATION_WORLD_H
#define MB_TESTS_SIMULATION_WORLD_H

#include "cast.h"
#include "instance.h"
#include "judge.h"
#include "script.h"
#include "trace.h"
#include "trouble.h"

struct world {
    uint64_t seed;
    bool is_disturbed;
    bool is_tame; /* nothing that only a real server could judge: no schemas, no rights, nothing left to garbage collection */
    FILE *record; /* NULL: nobody wants it */
    struct agenda agenda;
    struct model_server server;
    struct network network;
    struct instance instances[INSTANCES_MAX];
    size_t instance_count;
    bool is_electing;
    bool are_rivals; /* two without a Lease, until the calm begins */
    struct script script;
    struct cast cast;
    struct trouble trouble;
    struct judge judge;
    struct trace trace;
};

struct world_result {
    bool is_fine;
    char oracle[64], message[1200];
    uint64_t hash, steps;
    int64_t virtual_ms, settled_ms;
    uint64_t writes;
};

struct world_options {
    uint64_t seed;
    FILE *trace;      /* NULL: not printed */
    FILE *record;     /* see world_record */
    FILE *complaints; /* the last lines of a history that is not fine; NULL: not printed */
};

/* The undisturbed history first, to count what the script needs; then the disturbed one. */
void world_run(const struct world_options *options, struct world_result *out);
/* One history, written down for others to replay: a JSON object a request with its answer, then one a change. Nothing is judged. */
void world_record(uint64_t seed, FILE *out);
/* A request of somebody who is no instance, performed now. True where it is accepted. */
bool world_ask(struct world *world, const char *who, const char *method, const char *content_type, const char *body, const char *format,
               ...) __attribute__((format(printf, 6, 7)));

#endif
