/*
 * Schemas of the built-in kinds, embedded in the program: structure, list and merge keys, the first sentence of each description. Made from
 * Kubernetes' own OpenAPI v3 documents by scripts/builtin-schemas.py and checked in as JSON (src/schema/builtin/).
 *
 *   components    as OpenAPI has them: name -> schema, references by "$ref"
 *   source        the same for one kind, made structural: references resolved, no descriptions, no "required" and no zero defaults (the API
 *                 server's types have neither), a list type wherever a patch strategy implies one, and
 *                 x-kubernetes-preserve-unknown-fields where anything goes. "x-always-there" marks the root and each field that Go's
 *                 types cannot leave out (structs, required values and lists): its owner is who changes it, not who creates it. A schema
 *                 that holds itself (JSONSchemaProps) is resolved a few levels deep; anything goes below.
 */
#ifndef MB_SCHEMA_BUILTIN_H
#define MB_SCHEMA_BUILTIN_H

#include "schema/schema.h"

/* The schema of e.g. ("", "v1", "ConfigMap"), compiled into `arena`; NULL: no such kind, or the arena is exhausted. Takes a millisecond or
 * two: keep the result. */
const struct schema *builtin_schema(struct arena *arena, struct str group, struct str version, struct str kind);
/* What builtin_schema compiles. */
const yyjson_val *builtin_source(struct arena *arena, struct str group, struct str version, struct str kind);
/* An object in "components.schemas" form for OpenAPI documents: name -> schema, of everything that the kind refers to, itself first. */
const yyjson_val *builtin_components(struct arena *arena, struct str group, struct str version, struct str kind);

/*
 * Fills in, in place, what kube-apiserver's versioned defaulting sets on an object of a built-in kind, and what its answers always show of
 * such an object (structs that are never left out: "status": {}, "resources": {}). Not what its registries do when they store one (a
 * Namespace's finalizer, a Service's IP, a Pod's phase, a Secret's stringData), nor a CustomResourceDefinition's defaults
 * (definition_default). An object with fields of wrong types is left as it is there. False when the arena is exhausted.
 */
bool builtin_default(struct str group, struct str kind, struct arena *arena, yyjson_mut_doc *doc, yyjson_mut_val *object);

#endif
