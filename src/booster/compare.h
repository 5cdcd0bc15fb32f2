/*
 * Is this live child what we want? Desired content must be a subset of the live content, by value (SPEC section 5): quantities,
 * durations and int-or-strings by value; absent, null, {} and [] alike, and absent as "", false or 0 where Go's types leave those out;
 * lists of equal length in order; maps as subsets.
 * Looked at: our labels and annotations, and spec, but for ModelServing's spec.replicas, which reconcile compares itself.
 */
#ifndef MB_BOOSTER_COMPARE_H
#define MB_BOOSTER_COMPARE_H

#include "booster/names.h"
#include "data/json.h"

/* True when it is; else false and the path of the first difference in the arena. */
bool compare_child(struct arena *arena, enum child_kind kind, const yyjson_val *desired, const yyjson_val *live, struct str *out_path);
/*
 * A hash of what the live object holds at every place that the desired one names: equal projections differ from
 * the desired form in the same way. 0 only when memory is out.
 */
uint64_t compare_projection(enum child_kind kind, const yyjson_val *desired, const yyjson_val *live);
/* The same of spec alone, without a ModelServing's replicas. */
uint64_t compare_spec_projection(enum child_kind kind, const yyjson_val *desired, const yyjson_val *live);

#endif
