/*
 * metadata.managedFields read and written: who owns what, an entry a manager, operation, subresource and (for updates) version.
 * For managed.c and managed_apply.c.
 */
#ifndef MB_SCHEMA_MANAGERS_H
#define MB_SCHEMA_MANAGERS_H

#include "schema/field_set.h"
#include "schema/managed.h"
#include "schema/typed.h"

struct manager {
    struct str name, api_version, subresource;
    struct str time; /* empty: none */
    bool is_applied;
    struct field_set set;
    const yyjson_mut_val *fields_v1; /* what `set` was read from; NULL: it changed since */
};
struct managers {
    struct arena *arena;
    struct manager *items;
    size_t count, capacity;
    bool is_own; /* read from the object that they are written to: what is unchanged is moved, not copied */
};

/* False: an entry is malformed; *out is empty then. `list` may be NULL. */
bool managers_read(struct arena *arena, const yyjson_mut_val *list, struct managers *out);
/* NULL: none like it. */
struct manager *managers_find(const struct managers *managers, const struct manager *like);
/* The one like it, made (with an empty set) where there is none; NULL: out of memory. */
struct manager *managers_obtain(struct managers *managers, const struct manager *like);
void managers_set(struct manager *manager, struct field_set set);
/* Without those that own nothing. */
void managers_drop_empty(struct managers *managers);
/* At most ten updates stay; the oldest become one entry "ancient-changes" a version. */
void managers_cap(struct managers *managers);
/* Sorts, and replaces metadata.managedFields of `object`, or removes it where nobody owns anything. */
bool managers_write(struct managers *managers, yyjson_mut_doc *doc, yyjson_mut_val *object);
/* The manager of a request. */
struct manager manager_of(const struct managed_request *request, struct str name, bool is_applied);
/* A text that tells managers apart and orders them as apimachinery's identifiers do. */
struct str manager_identifier(struct arena *arena, const struct manager *manager);

/* Leaves out of a set what nobody owns: names, versions, kinds, what the server sets. */
struct field_set managers_strip(struct arena *arena, const struct field_set *set);
/* Leaves out what the request may not own. */
struct field_set managers_reset(const struct managed_request *request, struct arena *arena, const struct field_set *set);
/* Makes of sets that were written for an older schema such of the present one. */
void managers_reconcile(struct managers *managers, const struct typed *type);

#endif
