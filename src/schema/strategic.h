/*
 * Strategic merge patch (application/strategic-merge-patch+json) for built-in kinds: lists merged by x-kubernetes-patch-merge-key
 * where x-kubernetes-patch-strategy says merge, $patch: replace|delete|merge, $retainKeys, $deleteFromPrimitiveList/<field>,
 * $setElementOrder/<field>.
 */
#ifndef MB_SCHEMA_STRATEGIC_H
#define MB_SCHEMA_STRATEGIC_H

#include "schema/schema.h"

/*
 * What `target` becomes, in `doc`; both inputs stay as they are. `schema` is a built-in one: patch strategies are read from its source.
 * NULL and `error` with the API server's words: ERROR_SYNTAX for a malformed directive (it answers 400), ERROR_UNSUPPORTED for lists of
 * lists (422), ERROR_INVALID for all else (500), ERROR_LIMIT, ERROR_MEMORY.
 */
yyjson_mut_val *strategic_merge(const struct schema *schema, struct arena *arena, yyjson_mut_doc *doc, const yyjson_mut_val *target,
                                const yyjson_mut_val *patch, struct error *error);

#endif
