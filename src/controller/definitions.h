/*
 * Learns from the server's OpenAPI v3 documents what the installed definitions can hold (settings.h). Two reads, no right needed beyond what
 * every account has; what cannot be learnt is taken to be as in our own definitions.
 */
#ifndef MB_CONTROLLER_DEFINITIONS_H
#define MB_CONTROLLER_DEFINITIONS_H

#include "controller/client.h"
#include "controller/settings.h"

/* `facts` lives until return. `is_found`: the server has described our kinds. */
typedef void definitions_found_fn(void *context, const struct definition_facts *facts, bool is_found);

struct definitions {
    struct loop *loop;
    struct client *client;
    struct loop_timer *timer;
    definitions_found_fn *found;
    void *context;
    bool is_busy, is_wanted_again;
    int tries; /* documents that did not have our kinds yet: they follow a definition by a second or two */
};

/* False when memory is out. */
bool definitions_init(struct definitions *definitions, struct loop *loop, struct client *client, definitions_found_fn *found,
                      void *context);
void definitions_release(struct definitions *definitions);
/* Reads them (again); `found` is called from the loop. */
void definitions_read(struct definitions *definitions);

#endif
