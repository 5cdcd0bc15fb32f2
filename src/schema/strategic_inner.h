/* What strategic.c and strategic_list.c share. For schema/ only. */
#ifndef MB_SCHEMA_STRATEGIC_INNER_H
#define MB_SCHEMA_STRATEGIC_INNER_H

#include "schema/strategic.h"
#include "schema/typed_inner.h"

struct strategic {
    struct arena *arena;
    yyjson_mut_doc *doc;
    struct error *error;
    int depth;
};

/* How a field is patched. */
struct patch_plan {
    const struct schema *schema; /* of the field, or of the list's items; NULL: nothing is known */
    bool merges;                 /* a list: "merge" */
    bool replaces;               /* a map: "replace" */
    struct str merge_key;        /* empty: none */
};

/* Changes `target` in place, or takes the patch's place; both belong to the caller's document. NULL and the error set. */
yyjson_mut_val *strategic_merge_map(struct strategic *merge, yyjson_mut_val *target, yyjson_mut_val *patch, const struct schema *schema);
yyjson_mut_val *strategic_merge_list(struct strategic *merge, yyjson_mut_val *target, yyjson_mut_val *patch, const struct patch_plan *plan,
                                     bool is_deletion);
/* The list in the order of `order` where it says one, else in that of `target`. NULL and the error set. */
yyjson_mut_val *strategic_order(struct strategic *merge, yyjson_mut_val *list, yyjson_mut_val *order, yyjson_mut_val *target,
                                struct str merge_key);
/* True: what the patch sets stands in the order that it asks for. */
bool strategic_check_order(struct strategic *merge, yyjson_mut_val *patch, yyjson_mut_val *order, struct str merge_key);

/* Leaves in the list what stays; false: memory is out. */
bool strategic_drop_directives(struct strategic *merge, yyjson_mut_val *list, bool (*stays)(struct strategic *merge, yyjson_mut_val *item));
bool strategic_no_key(struct strategic *merge, yyjson_mut_val *map, struct str merge_key);
static inline bool strategic_is_directive(yyjson_mut_val *value) {
    return yyjson_mut_is_obj(value) && yyjson_mut_obj_get(value, "$patch");
}
static inline bool strategic_is_deletion(yyjson_mut_val *value) {
    return yyjson_mut_is_obj(value) && yyjson_mut_equals_str(yyjson_mut_obj_get(value, "$patch"), "delete");
}

#endif
