/*
 * YAML in: a stream of documents becomes JSON values, as kubectl would make them (rules of scalars: yaml_scalar.h).
 *
 *   - Text that is one JSON document goes through yyjson: numbers exact, no node budget. Else libyaml's events are used.
 *   - Documents that are empty or null are skipped.
 *   - Anchors and aliases are expanded; `<<` takes a map or a list of maps. As in kubectl, the position of `<<` decides: keys
 *     after it override what it brings, and it overrides keys before it. In a list the earlier map wins.
 *   - A key written twice in one map is an error that names both places (kubectl would take the last).
 *   - Keys that are no strings become strings: 1 -> "1", true -> "true", 1.5 -> "1.5"; null, maps and lists as keys are errors.
 *   - Tags: !!str !!int !!float !!bool !!null !!binary !!timestamp (text) and !!merge; others make a scalar text and
 *     change nothing in maps and lists. .inf and .nan have no place in JSON and are errors.
 *   - At most LIMIT_DOCUMENT_DEPTH levels and LIMIT_YAML_NODES values and keys, aliases expanded.
 *   - UTF-8 only, with or without byte order mark; no NUL and none of the control characters that YAML refuses.
 */
#ifndef MB_DATA_YAML_READ_H
#define MB_DATA_YAML_READ_H

#include "data/json.h"

/* 1-based, in characters; 0 is "unknown". */
struct yaml_position {
    unsigned line, column;
};

struct yaml_document {
    yyjson_val *root;
    /* positions[v - root] is the place of value or key v: a frozen tree lies in one block in document order. What came
     * through an alias or a merge has the place of the anchored text. */
    const struct yaml_position *positions;
    size_t value_count;
};

struct yaml_documents {
    struct yaml_document *items;
    size_t count;
};

/*
 * Everything in *out lives in the arena; `text` is not needed afterwards. On failure *out is untouched and the error has
 * line and column: ERROR_SYNTAX, ERROR_INVALID (duplicate key, bad merge, ...), ERROR_LIMIT, ERROR_MEMORY.
 */
bool yaml_read(struct arena *arena, struct str text, struct yaml_documents *out, struct error *error);
/* Where `value` (or key) of this document stands; {0, 0} for NULL and for values of other documents. */
struct yaml_position yaml_position_of(const struct yaml_document *document, const yyjson_val *value);

#endif
