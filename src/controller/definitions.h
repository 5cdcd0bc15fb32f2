/*
 * Learns from the server's OpenAPI v3 documents what the installed definitions can hold (settings.h). Two reads, no right needed beyond
 * what every account has; what a server does not describe is taken to be as in our own definitions. Whatever does not come is asked for
 * again, ever more seldom, for ever.
 */
#ifndef MB_CONTROLLER_DEFINITIONS_H
#define MB_CONTROLLER_DEFINITIONS_H

#include "base/number.h"
#include "controller/client.h"
#include "controller/settings.h"

enum definitions_answer {
    DEFINITIONS_FOUND,
    DEFINITIONS_NOT_DESCRIBED, /* the server has documents, but none of our kinds; or has none at all, or none for us */
    DEFINITIONS_UNREADABLE,    /* nothing is known: it may describe them otherwise than ours */
};

/* After each reading. `facts` lives until return: of what was found, else our own. `message` says why they are not readable. */
typedef void definitions_told_fn(void *context, enum definitions_answer answer, const struct definition_facts *facts, struct str message);

struct definitions {
    struct loop *loop;
    struct client *client;
    struct loop_timer *timer;
    definitions_told_fn *told;
    void *context;
    struct number_random random;
    bool is_busy, is_wanted_again;
    unsigned tries;       /* in a row that found nothing: documents follow a definition by a second or two */
    int64_t forbidden_ms; /* the first of an unbroken row of refusals; 0: there is none */
};

/* False when memory is out. */
bool definitions_init(struct definitions *definitions, struct loop *loop, struct client *client, uint64_t seed, definitions_told_fn *told,
                      void *context);
void definitions_release(struct definitions *definitions);
/* Reads them (again); `told` is called from the loop. */
void definitions_read(struct definitions *definitions);

#endif
