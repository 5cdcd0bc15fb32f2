/*
 * What goes wrong, and when: bad weather, partitions, clocks that jump, crashes, refusals, people and controllers that meddle. A seed draws
 * which kinds of incident it has, and then one incident after another. Nothing is left of it when the calm begins, but for what may stay
 * for ever: an object of somebody else's that has the name of a child.
 */
#ifndef MB_TESTS_SIMULATION_TROUBLE_H
#define MB_TESTS_SIMULATION_TROUBLE_H

#include "agenda.h"
#include "model_server.h"

struct world;

enum { TROUBLE_REFUSALS_MAX = 8, TROUBLE_ENDINGS_MAX = 64 };

/* Requests that are refused for a while. */
struct trouble_refusal {
    int kind;           /* MODEL_KIND_COUNT: every kind */
    const char *method; /* NULL: every one */
    bool is_admission;  /* else rights, which are looked at first, for reads, too */
    struct model_refusal refusal;
    int64_t ends_ms;
};

struct trouble {
    struct number_random random;
    struct agenda_entry entry, crash, fight, loss;
    int64_t fight_ms;                        /* until when another controller wants a ModelRoute otherwise */
    uint64_t kinds;                          /* a bit for each kind of incident that this seed has */
    int64_t ends_ms;                         /* nothing begins after that */
    int64_t paused_ms;                       /* until when somebody stands still */
    int64_t gap_ms;                          /* between incidents, about */
    int64_t weather_ms, down_ms, cut_off_ms; /* until when it lasts; 0: it does not */
    struct trouble_refusal refusals[TROUBLE_REFUSALS_MAX];
    size_t refusal_count;
    unsigned crash_after; /* so many requests of an instance more; 0: not planned */
    int crash_instance;
};

void trouble_init(struct trouble *trouble, struct world *world, uint64_t seed);
/* An instance sends a request. */
void trouble_hear(struct world *world, int instance);
/* Whatever is wrong still is put right. */
void trouble_end(struct world *world);

/* trouble_meddle.c: what others do to children. */
void meddle(struct world *world);
/* Some child is deleted. */
void meddle_loss(void *world);
/* The other controller looks at its ModelRoute once more. */
void meddle_fight(void *world);

#endif
