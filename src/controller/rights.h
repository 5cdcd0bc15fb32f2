/*
 * What the controller may have to do, as rights: the one table that deploy/rbac.yaml has to be equal to (tests/unit/test_rights.c) and that
 * `model-booster controller --check` asks the API server about. Pure data.
 */
#ifndef MB_CONTROLLER_RIGHTS_H
#define MB_CONTROLLER_RIGHTS_H

#include <stdbool.h>
#include <stddef.h>

enum right_place {
    RIGHT_WHERE_MODELS_ARE, /* in each namespace looked after: of the ClusterRole */
    RIGHT_AT_HOME,          /* in the controller's own: of the Role */
};

/* What may be off: nobody needs the right then. */
enum right_use { RIGHT_ALWAYS, RIGHT_FOR_CONFIG_MAP, RIGHT_FOR_ELECTION };

struct right {
    enum right_place place;
    enum right_use use;
    const char *group, *resource; /* "" is the core group; resource may be "modelboosters/status" */
    const char *name;             /* of the one object it is about, by default; NULL: any */
    const char *verbs;            /* "get list watch" */
    const char *lack;             /* what does not work without it */
};

extern const struct right rights[];
extern const size_t rights_count;

#endif
