/*
 * What the users want: a few ModelBoosters, made, edited, suspended, deleted, made anew, one step after another. Drawn from the seed
 * alone: whatever else happens, the same seed has the same wishes in the same order.
 *
 * A wish is kept beside the object that it becomes, so that what its children should be can be told without the controller's own code.
 */
#ifndef MB_TESTS_SIMULATION_SCRIPT_H
#define MB_TESTS_SIMULATION_SCRIPT_H

#include "agenda.h"
#include "base/strbuf.h"

enum { SCRIPT_MODELS_MAX = 3, SCRIPT_BACKENDS_MAX = 3 };

struct wish_backend {
    bool is_there;
    unsigned image, memory;
    int64_t min_replicas, max_replicas, weight;
    bool has_policy, has_adapter, has_gang;
};

struct wish {
    char namespace[32], name[32];
    bool exists, is_held; /* by a finalizer of the user's: it leaves some time after it was deleted */
    struct wish_backend backends[SCRIPT_BACKENDS_MAX];
    unsigned served_name; /* 0: metadata.name */
    bool has_policy;      /* at model level */
    bool suspend, paused, is_invalid, allow_recreate, upgrade_now;
};

struct script {
    struct number_random random;
    struct wish wishes[SCRIPT_MODELS_MAX];
    size_t model_count;
    unsigned steps_left;
    struct agenda_entry entry;
    bool is_patient; /* the next step waits until all is as wished */
    int64_t not_before_ms, patience_ends_ms;
    bool is_out_of_patience; /* in any step */
    struct wish former;      /* what an edit has just changed */
    bool has_former;
    struct wish *awaited; /* to be made as soon as the one of its name is gone; NULL: none */
};

struct world;

void script_init(struct script *script, struct world *world, uint64_t seed);
bool script_is_over(const struct script *script);
/* spec as JSON */
void wish_spec(const struct wish *wish, struct strbuf *out);
const char *wish_backend_name(size_t index);
/* The name under which clients ask for the model. */
const char *wish_served_name(const struct wish *wish);
size_t wish_backend_count(const struct wish *wish);

#endif
