/*
 * Patches: JSON merge patch (RFC 7386) and JSON Patch (RFC 6902, with the pointers of RFC 6901).
 *
 * Both leave their inputs alone and build the result in `doc`, a builder over the same arena (json_builder); json_freeze makes
 * an immutable tree of it. Patches and targets are at most LIMIT_DOCUMENT_DEPTH deep, and so is the result.
 */
#ifndef MB_DATA_PATCH_H
#define MB_DATA_PATCH_H

#include "data/json.h"

/* What `target` (NULL: absent) becomes under the merge patch; NULL when the arena is exhausted. */
yyjson_mut_val *patch_merge(struct arena *arena, yyjson_mut_doc *doc, const yyjson_val *target, const yyjson_val *patch);
/*
 * What `target` becomes under a list of operations: add, remove, replace, move, copy, test. All or nothing: NULL and an error whose
 * path is the failed operation ("[2]"): ERROR_INVALID for a malformed one, ERROR_NOT_FOUND for a place that is not there or a test
 * that fails, ERROR_LIMIT for too many (LIMIT_PATCH_OPERATIONS) or a result too deep, ERROR_MEMORY.
 */
yyjson_mut_val *patch_json(struct arena *arena, yyjson_mut_doc *doc, const yyjson_val *target, const yyjson_val *operations,
                           struct error *error);

#endif
