/*
 * The bodies of the requests that reconcile makes.
 */
#ifndef MB_BOOSTER_PATCH_BODY_H
#define MB_BOOSTER_PATCH_BODY_H

#include "booster/observed.h"

/* The object as compact JSON. */
struct str body_create(struct arena *arena, const struct child *desired);
/* The same with metadata.generateName in place of the name: a dry run beside a living object of that name. */
struct str body_dry_run(struct arena *arena, const struct child *desired);

enum patch_extent {
    PATCH_WHOLE,    /* spec, labels, annotations, owner */
    PATCH_REPLICAS, /* spec.replicas, the suspend annotation and the owner: a frozen child's other content stays */
};
/*
 * One JSON Patch: replaces metadata.resourceVersion with the observed one (a stale one gives 409), /spec whole, and adds our labels,
 * annotations and ownerReference one by one, so that those of others survive. No `test` operations.
 */
struct str body_patch(struct arena *arena, const struct booster *booster, const struct child *desired, const struct observed *live,
                      enum patch_extent extent);
/* DeleteOptions with uid and resourceVersion preconditions. */
struct str body_delete(struct arena *arena, const struct observed *live);
/* Merge patch on /status, with the resourceVersion it was computed from. */
struct str body_status(struct arena *arena, struct str resource_version, const yyjson_val *status);

#endif
