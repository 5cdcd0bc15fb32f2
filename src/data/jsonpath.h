/*
 * JSONPath as Kubernetes has it (k8s.io/client-go/util/jsonpath): printer columns of definitions, selectable fields, `kubectl get -o
 * jsonpath`.
 *
 *   template    text {expression} text {range expression} ... {end}
 *   expression  .a  .a\.b  ['a']  .*  [*]  [n]  [from:to:step]  [a,b]  ..  [?(@.a=="b")]  "text"  1  1.5  true   after an optional $ or @
 *
 *   text -> jsonpath_compile -> struct jsonpath (immutable, in its arena) -> jsonpath_find | jsonpath_print on documents
 *
 * Members are visited in document order, where client-go's order is random. A range without its end is an error here.
 */
#ifndef MB_DATA_JSONPATH_H
#define MB_DATA_JSONPATH_H

#include "data/json.h"

struct jsonpath;

/* What an expression found, in order; JSON null is a value. */
struct jsonpath_values {
    const yyjson_val **items;
    size_t count, capacity;
};

/* Views into `text`, which must live as long as the arena. NULL and `error` (ERROR_SYNTAX, ERROR_MEMORY). */
const struct jsonpath *jsonpath_compile(struct arena *arena, struct str text, struct error *error);
/* The same for a bare expression, as printer columns have it: ".spec.replicas". */
const struct jsonpath *jsonpath_compile_expression(struct arena *arena, struct str text, struct error *error);

/*
 * What the first expression finds in `root`. A missing key finds nothing; an index outside of its list, a list operation on something else
 * and the like are ERROR_INVALID; more than LIMIT_JSONPATH_VALUES are ERROR_LIMIT. Values lie in the document or in `arena`.
 */
bool jsonpath_find(const struct jsonpath *path, struct arena *arena, const yyjson_val *root, struct jsonpath_values *out,
                   struct error *error);
/* The whole template. A missing key is an error unless `allows_missing`. What was appended before an error stays. */
bool jsonpath_print(const struct jsonpath *path, struct arena *arena, const yyjson_val *root, bool allows_missing, struct strbuf *out,
                    struct error *error);
/* As the template prints one value: text bare, numbers as Go's %v, lists and maps as JSON with sorted keys and <, >, & escaped. */
void jsonpath_print_value(struct strbuf *out, const yyjson_val *value);

#endif
