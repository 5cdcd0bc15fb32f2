/* What the judges of a single write share: of whom it is (judge_write.c), of a child (judge_child.c), of the status (judge_status.c). */
#ifndef MB_TESTS_SIMULATION_JUDGE_INNER_H
#define MB_TESTS_SIMULATION_JUDGE_INNER_H

#include "history.h"
#include "world.h"

/* A run's plan may be that old: it waits for answers, and its process may stand still. */
enum { PLAN_MAX_MS = 10 * 60 * 1000 };

/* A write of an instance that took effect. */
struct hearing {
    struct world *world;
    const struct model_write *write;
    struct arena arena;
    const yyjson_val *shown; /* the object after it, or before where it is gone */
    struct str namespace, name;
    struct str owner; /* uid of the ModelBooster that it is done for */
    struct str model; /* its name */
};

void hearing_fail(struct hearing *hearing, const char *oracle, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* The reference to a ModelBooster; NULL where there is none. */
const yyjson_val *judge_reference(const yyjson_val *object);
/* It has that owner, and no other controls it. */
bool judge_is_owned(const yyjson_val *object, struct str uid);
/* What the ModelBooster's spec asks for, read without the controller's code. */
bool judge_wants(struct arena *arena, const yyjson_val *booster, int kind, struct str name);
const yyjson_val *judge_condition(const yyjson_val *object, const char *type);
/* What of the kind the writer had surely seen when it sent this. */
int64_t hearing_floor(const struct hearing *hearing, int kind);

void judge_child_write(struct hearing *hearing);
void judge_status_write(struct hearing *hearing);

#endif
