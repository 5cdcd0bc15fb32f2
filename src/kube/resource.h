/*
 * Kinds and where they live under an API server's URL: paths and queries, percent-encoded.
 *
 *   /apis/<group>/<version>[/namespaces/<namespace>]/<plural>[/<name>[/<subresource>]][?query]      group "": /api/<version>/...
 *
 * Everything is built in an arena; a path is the empty view when that is exhausted.
 */
#ifndef MB_KUBE_RESOURCE_H
#define MB_KUBE_RESOURCE_H

#include "base/arena.h"

/* Usually constants in a table; the views are borrowed. */
struct kube_resource {
    struct str group, version, plural, kind; /* group is "" for the core group */
};

/* What a list or a watch asks for. Zero and empty leave a parameter out. */
struct kube_list_query {
    int64_t limit;
    struct str continue_token;
    struct str resource_version;
    struct str resource_version_match; /* "Exact", "NotOlderThan" */
    struct str label_selector, field_selector;
    bool is_watch;
    bool allow_bookmarks;
    int64_t timeout_s;
};

/* What a write says about itself. */
struct kube_write_query {
    struct str field_manager;
    struct str field_validation; /* "Strict", "Warn", "Ignore"; not for deletes */
    bool is_dry_run;
};

/* `namespace` empty: all namespaces (lists, watches), or a kind without namespaces. */
struct str kube_list_path(struct arena *arena, const struct kube_resource *resource, struct str namespace,
                          const struct kube_list_query *query);
/* For POST: the collection. `query` may be NULL. */
struct str kube_create_path(struct arena *arena, const struct kube_resource *resource, struct str namespace,
                            const struct kube_write_query *query);
/* For GET, PATCH, PUT, DELETE. `subresource` ("status") may be empty, `query` NULL. */
struct str kube_object_path(struct arena *arena, const struct kube_resource *resource, struct str namespace, struct str name,
                            struct str subresource, const struct kube_write_query *query);
/* Of the APIResourceList that says which kinds of this group and version there are. */
struct str kube_discovery_path(struct arena *arena, const struct kube_resource *resource);
/* The text with everything but RFC 3986's unreserved characters as %XX. */
struct str kube_percent_encode(struct arena *arena, struct str text);
/* "workload.serving.volcano.sh/v1alpha1", "v1" */
struct str kube_api_version(struct arena *arena, const struct kube_resource *resource);

#endif
