/*
 * Schemas for the targets that lay objects over objects, compiled once and kept: the first byte of an input picks one. Built-in kinds,
 * one of our own with every sort of list and map, and none at all.
 */
#ifndef MB_TESTS_FUZZ_KINDS_H
#define MB_TESTS_FUZZ_KINDS_H

#include "schema/schema.h"

enum {
    FUZZ_KIND_CONFIG_MAP,
    FUZZ_KIND_POD,
    FUZZ_KIND_SERVICE,
    FUZZ_KIND_ROLE,
    FUZZ_KINDS_BUILT_IN,
    FUZZ_KIND_OWN = FUZZ_KINDS_BUILT_IN,
    FUZZ_KIND_NONE,
    FUZZ_KINDS
};

/* '0' is the first; any byte picks one of the first `count`. NULL for FUZZ_KIND_NONE. */
const struct schema *fuzz_kind(char picked, size_t count);

#endif
