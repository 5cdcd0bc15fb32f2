/*
 * The oracles: what must hold, whatever happens. Judged at the moment of each write (judge_write.c), of the state when nothing is wrong
 * any more (judge_state.c), and of the whole history (judge.c).
 */
#ifndef MB_TESTS_SIMULATION_JUDGE_H
#define MB_TESTS_SIMULATION_JUDGE_H

#include "instance.h"

enum {
    JUDGE_COUNTS_MAX = 64,
    JUDGE_FLOORS = 16,
    JUDGE_CONFIRMS = 4,
    JUDGE_HOLDS = 8,
    JUDGE_REPAIRS = 5,
    MODEL_JUDGE_BYTES = 256 * 1024 * 1024
};

/* What became of one name. */
struct judge_count {
    int kind;
    char namespace[MODEL_NAME_BYTES], name[MODEL_NAME_BYTES];
    unsigned creates, deletes;         /* by the controller */
    int64_t repairs_ms[JUDGE_REPAIRS]; /* when it was last put right, the newest first; 0: not since somebody began anew */
    unsigned foreign;                  /* deletions, and changes that may lead to one, by somebody else */
};

/* An instance has been told all changes of a kind up to a version, since a time. */
struct judge_floor {
    int64_t at_ms, version;
};

/* When an instance last read a ModelBooster once more. */
struct judge_confirm {
    char namespace[MODEL_NAME_BYTES], name[MODEL_NAME_BYTES];
    int64_t version; /* of the server at that moment */
};

/* A request that is not to be sent again before its time: the server has said so. */
struct judge_hold {
    char method[8], path[2 * MODEL_NAME_BYTES];
    uint64_t body; /* its hash */
    int64_t until_ms;
};

struct judge {
    bool has_failed;
    char oracle[64], message[1200];
    struct judge_count counts[JUDGE_COUNTS_MAX];
    size_t count_count;
    struct judge_floor floors[INSTANCES_MAX][MODEL_KIND_COUNT][JUDGE_FLOORS];
    struct judge_confirm confirms[INSTANCES_MAX][JUDGE_CONFIRMS];
    struct judge_hold holds[INSTANCES_MAX][JUDGE_HOLDS];
    size_t floor_at[INSTANCES_MAX][MODEL_KIND_COUNT];
    int64_t last_write_ms; /* of anybody */
    int64_t lease_ms;      /* of the Lease */
    uint64_t writes, requests;
    bool is_quiet; /* whoever writes now is at fault */
    int64_t settled_version;
    bool was_settled;
};

struct world;

void judge_init(struct world *world);
/* The first failure of a history counts. */
void judge_fail(struct world *world, const char *oracle, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Nothing was written for a while, and all is as wished. */
bool judge_is_settled(struct world *world);
/* Why all is not as wished; empty when it is. */
void judge_state(struct world *world, char *out, size_t size);
/* A write of an instance, or of anybody, has taken effect. */
void judge_write(struct world *world, const struct model_write *write);
/* `other` is the same script undisturbed. */
void judge_compare_counts(struct world *world, const struct judge *other);
struct judge_count *judge_count_of(struct judge *judge, int kind, const char *namespace, const char *name);
/* Nobody is bound to remember fights any more: a process is new, a clock has jumped. */
void judge_forget_repairs(struct world *world);
/* It begins anew, and has been told nothing. */
void judge_forget(struct world *world, int instance);
/* All of the kind that `instance` had surely taken in at that time: changes up to this version. */
int64_t judge_floor_of(const struct world *world, int instance, int kind, int64_t at_ms);
/* By the record that the server has. */
bool judge_holds_lease(const struct world *world, const char *identity);
/* NULL: it never has, since it began. */
const struct judge_confirm *judge_confirm_of(const struct world *world, int instance, struct str namespace, struct str name);

#endif
