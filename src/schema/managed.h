/*
 * Who set which field: metadata.managedFields (fieldsV1), updates tracked and server-side apply, as structured-merge-diff v6 and
 * kube-apiserver 1.34 do it. Pure; times and names come in as values.
 */
#ifndef MB_SCHEMA_MANAGED_H
#define MB_SCHEMA_MANAGED_H

#include "schema/schema.h"

struct managed_request {
    const struct schema *schema; /* of the version of this request; NULL: deduced from the values */
    struct str manager;          /* fieldManager, else from the user agent; at most 128 bytes, checked by the caller */
    struct str subresource;      /* "status", "scale" or empty */
    struct str api_version;      /* of the request: "group/version" */
    struct str now;              /* "2026-01-02T03:04:05Z" */
    bool is_force;               /* apply only */
    /* What this request may not own, because the server resets it: the main resource of a kind with a status subresource its "status"; a
     * request to the status subresource its "spec" (and no more, as the API server's strategies have it). */
    bool resets_status;
    bool resets_all_but_status;
};

/*
 * After a create, update or patch: `object` is what is to be stored (defaults and all), `live` what was there (NULL: create).
 * Replaces object's metadata.managedFields: takes what the request itself sent there as the starting point (a client may reset it with
 * [{}] or []), else live's; updates the manager's set; drops empty sets; keeps at most 10 old update entries; sorts. Unchanged objects
 * keep their entries and times. False when the arena is exhausted.
 */
bool managed_update(const struct managed_request *request, struct arena *arena, yyjson_mut_doc *doc, yyjson_mut_val *object,
                    const yyjson_mut_val *live);

struct managed_conflict {
    struct str manager;     /* as the message prints it: `"kubectl-edit" using v1`, ... */
    struct str field;       /* ".spec.replicas" */
};

enum managed_outcome { MANAGED_APPLIED, MANAGED_UNCHANGED, MANAGED_CONFLICT, MANAGED_INVALID, MANAGED_NO_MEMORY };

/*
 * Server-side apply: merges `applied` (the request's body, without managedFields) onto `live` (NULL: nothing there yet), removes what this
 * manager owned alone and applies no more, and gives the merged object with new managedFields in *out. Not defaulted, pruned or validated.
 * MANAGED_UNCHANGED: *out too, equal to `live` but for managedFields. MANAGED_CONFLICT lists the conflicts, by manager; MANAGED_INVALID
 * fills `error` with the API server's words (unknown fields, duplicate list keys, wrong types; managedFields sent). Lists and sets of
 * `applied` must be what the schema says; `live` may be anything. A manager "kubectl" takes over what it once applied client-side, as
 * kubectl expects.
 */
enum managed_outcome managed_apply(const struct managed_request *request, struct arena *arena, yyjson_mut_doc *doc,
                                   const yyjson_mut_val *live, const yyjson_mut_val *applied, yyjson_mut_val **out,
                                   const struct managed_conflict **out_conflicts, size_t *out_conflict_count, struct error *error);

#endif
