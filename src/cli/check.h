/*
 * Reads every ModelBooster of the input into its typed form and applies all rules: unknown fields among them, and what several
 * ModelBoosters do to each other.
 */
#ifndef MB_CLI_CHECK_H
#define MB_CLI_CHECK_H

#include "cli/input.h"

struct check_counts {
    size_t errors, warnings;
};

/* Fills booster and findings of every manifest. False when the arena is exhausted, which has been said. */
bool check_input(struct arena *arena, struct input *input, struct check_counts *out);

#endif
