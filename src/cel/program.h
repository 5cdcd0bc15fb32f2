/* A compiled expression, and the checker that makes it one. For cel/ only. */
#ifndef MB_CEL_PROGRAM_H
#define MB_CEL_PROGRAM_H

#include "cel/function.h"

enum { SLOT_SELF, SLOT_OLD_SELF, SLOT_FIRST_VARIABLE };

struct cel_program {
    struct str source;
    struct node *root;
    struct cel_environment environment;
    size_t slot_count;
    bool uses_old_self;
    uint64_t cost; /* the worst of one evaluation */
};

/* Types, overloads and slots of the whole tree; false and an error in cel-go's words. */
bool cel_check(struct arena *arena, struct cel_program *program, enum cel_type_kind result, struct error *error);
/* The worst cost of the checked tree. */
uint64_t cel_cost_of(const struct cel_program *program);

#endif
