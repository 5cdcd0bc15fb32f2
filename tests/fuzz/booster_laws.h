/* What must hold of any ModelBoosters at all: the properties of the targets `booster` and `leaves`. */
#ifndef MB_TESTS_FUZZ_BOOSTER_LAWS_H
#define MB_TESTS_FUZZ_BOOSTER_LAWS_H

#include "harness.h"

/*
 * One without errors can be generated from, twice the same; every child is what it itself asks for, is in its normal form, keeps to the
 * limits of names, and is one that our own definitions accept, as they do the ModelBooster. Of many, the first few are looked at. Returns how
 * many of them are without errors.
 */
size_t expect_booster_laws(struct arena *arena, yyjson_val *const *objects, size_t count);

#endif
