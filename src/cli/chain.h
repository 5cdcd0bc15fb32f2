/*
 * The causal chain of one backend, from what was written to what is served, as far as the objects tell:
 *
 *   rendered -> accepted -> scheduled -> downloaded -> loaded -> serving -> routed
 *
 * A link that is not done names the object and says in its own words why. Pure: objects in, words out.
 */
#ifndef MB_CLI_CHAIN_H
#define MB_CLI_CHAIN_H

#include "data/json.h"

#define CHAIN_LINKS(X)                                                                                                                     \
    X(LINK_RENDERED, "rendered")     /* the controller has read this generation and finds nothing wrong in it */                           \
    X(LINK_ACCEPTED, "accepted")     /* the API server has taken ModelServing and ModelServer */                                           \
    X(LINK_SCHEDULED, "scheduled")   /* every pod has a node */                                                                            \
    X(LINK_DOWNLOADED, "downloaded") /* every init container has ended well */                                                             \
    X(LINK_LOADED, "loaded")         /* every container is ready: the engine has the model */                                              \
    X(LINK_SERVING, "serving")       /* the ModelServing says Available */                                                                 \
    X(LINK_ROUTED, "routed")         /* the ModelRoute sends requests here */
enum chain_link {
#define LINK_ENUM(id, name) id,
    CHAIN_LINKS(LINK_ENUM)
#undef LINK_ENUM
        LINK_COUNT
};

enum link_state { LINK_UNKNOWN, LINK_DONE, LINK_WAITING, LINK_FAILED };

struct chain_input {
    const yyjson_val *booster;
    struct str serving_name, server_name;
    const yyjson_val *serving, *server, *route; /* NULL: not there, or not to be read */
    yyjson_val *const *pods;                    /* of the ModelServing */
    size_t pod_count;
    struct str serving_trouble, server_trouble, route_trouble, pods_trouble; /* why they could not be read; empty: they could */
};

struct chain {
    struct {
        enum link_state state;
        struct str text; /* may be empty when it is done */
    } links[LINK_COUNT];
};

const char *chain_link_name(enum chain_link link);
const char *link_state_name(enum link_state state);
/* Texts are views of the objects or live in the arena. */
void chain_read(struct arena *arena, const struct chain_input *input, struct chain *out);
/* The first link that is known not to be done, else the first of which nothing is known; LINK_COUNT when all are done. */
enum chain_link chain_first_open(const struct chain *chain);
/* A condition of an object's status; NULL when there is none of this type. */
yyjson_val *chain_condition(const yyjson_val *object, const char *type);

#endif
