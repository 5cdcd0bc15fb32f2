/*
 * Objects seen through their schema as structured-merge-diff sees them: each value is a scalar, a map or a list; maps are granular or
 * atomic, lists atomic, sets, or maps by their keys. What is atomic is one field.
 *
 *   typed_compare    which fields were added, removed, modified
 *   typed_fields     every field that an object mentions
 *   typed_merge      an object with another laid over it
 *   typed_remove     an object without some fields
 *   typed_check      what of an object does not fit
 *
 * A schema's own words for metadata do not count: at the root and in embedded resources it is ObjectMeta.
 */
#ifndef MB_SCHEMA_TYPED_H
#define MB_SCHEMA_TYPED_H

#include "schema/field_set.h"
#include "schema/schema.h"

enum typed_kind {
    TYPED_SCHEMA,
    TYPED_DEDUCED, /* no schema: maps are granular, lists atomic */
    TYPED_UNTYPED, /* no schema: maps and lists are atomic */
    TYPED_SCALAR,
    TYPED_META,   /* ObjectMeta, and what is in it: */
    TYPED_TEXTS,  /* labels, annotations */
    TYPED_NAMES,  /* finalizers */
    TYPED_OWNERS, /* ownerReferences */
    TYPED_OWNER,
    TYPED_ATOMIC_LIST, /* managedFields */
};
struct typed {
    enum typed_kind kind;
    const struct schema *schema;
    bool is_resource; /* has apiVersion, kind and metadata */
    bool is_open;     /* unknown fields are kept here and below */
    bool is_go;       /* a built-in kind: some fields are always there */
};

enum typed_shape { SHAPE_SCALAR, SHAPE_MAP, SHAPE_LIST };

/* `schema` NULL: deduced. */
struct typed typed_root(const struct schema *schema);
/* How a value of the type is taken; NULL or null: as the type would rather have it. */
enum typed_shape typed_shape_of(const struct typed *type, const yyjson_mut_val *value);
/* False: no such field may be. */
bool typed_field(const struct typed *type, struct str name, struct typed *out);
/* True: a field that the type names, not just an element of a map. */
bool typed_has_name(const struct typed *type, struct str name);
struct typed typed_item(const struct typed *type);
bool typed_map_is_atomic(const struct typed *type);
enum schema_list_type typed_list_type(const struct typed *type);
/* True: of a built-in kind, a field that Go's type cannot leave out. */
bool typed_is_always_there(const struct typed *type);
/* Which item of a set or list map this is; NULL, else why it has no place there, in the arena. */
const char *typed_element(const struct typed *type, struct arena *arena, const yyjson_mut_val *item, struct field_element *out);

struct typed_changes {
    struct field_set removed, modified, added;
};
/* NULL: nothing there (a create's live object has apiVersion and kind). */
struct typed_changes typed_compare(const struct typed *type, struct arena *arena, const yyjson_mut_val *before,
                                   const yyjson_mut_val *after);
struct field_set typed_fields(const struct typed *type, struct arena *arena, const yyjson_mut_val *object);
/* Containers take the order of what is laid over where it changes them. Copies into `doc`. */
yyjson_mut_val *typed_merge(const struct typed *type, struct arena *arena, yyjson_mut_doc *doc, const yyjson_mut_val *below,
                            const yyjson_mut_val *above);
yyjson_mut_val *typed_remove(const struct typed *type, struct arena *arena, yyjson_mut_doc *doc, const yyjson_mut_val *object,
                             const struct field_set *fields);
/* The set with each named field that has members below, as EnsureNamedFieldsAreMembers does. */
struct field_set typed_with_names(const struct typed *type, struct arena *arena, const struct field_set *set);
/* The set as the schema has it now: below what became atomic since it was written, the whole. *out_is_changed says so. */
struct field_set typed_reconcile(const struct typed *type, struct arena *arena, const struct field_set *set, bool *out_is_changed);
/* Empty, else what is wrong in structured-merge-diff's words. */
struct str typed_check(const struct typed *type, struct arena *arena, const yyjson_mut_val *object);
bool typed_values_equal(struct arena *arena, const yyjson_mut_val *a, const yyjson_mut_val *b);

#endif
