/* Values as Go's fmt prints them with %v: `map[a:1 b:[x y]]`. Messages of Kubernetes that quote objects look so. */
#ifndef MB_SCHEMA_GO_TEXT_H
#define MB_SCHEMA_GO_TEXT_H

#include "data/json.h"

/* In the arena; keys sorted. */
struct str go_text(struct arena *arena, const yyjson_mut_val *value);
/* The type that a decoded JSON value has in Go: "map[string]interface {}", "string", "int64", ... */
const char *go_type_name(const yyjson_mut_val *value);

#endif
