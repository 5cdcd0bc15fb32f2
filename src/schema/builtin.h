/*
 * Schemas of the built-in kinds, embedded in the program: structure, list and merge keys, defaults that clients see; no descriptions. Made
 * from Kubernetes' own OpenAPI v3 documents by scripts/builtin-schemas.py and checked in as JSON (src/schema/builtin/).
 */
#ifndef MB_SCHEMA_BUILTIN_H
#define MB_SCHEMA_BUILTIN_H

#include "schema/schema.h"

/* The schema of e.g. ("", "v1", "ConfigMap"), compiled on first use into `arena`, with $refs resolved; NULL: no such kind. */
const struct schema *builtin_schema(struct arena *arena, struct str group, struct str version, struct str kind);
/* An object in "components.schemas" form for OpenAPI documents: name -> schema, of everything that the kind refers to. */
const yyjson_val *builtin_components(struct arena *arena, struct str group, struct str version, struct str kind);

#endif
