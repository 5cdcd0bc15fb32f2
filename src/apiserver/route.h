/*
 * What a path and a query ask for.
 *
 *   /api/v1/namespaces/NS/configmaps/NAME/status      /apis/GROUP/VERSION/...      else: no resource (discovery, health, ...)
 */
#ifndef MB_APISERVER_ROUTE_H
#define MB_APISERVER_ROUTE_H

#include "apiserver/refusal.h"

struct route {
    bool is_resource;                /* then the rest */
    struct str group, version;       /* group empty: core */
    struct str namespace, resource;  /* namespace empty: none, or all */
    struct str name, subresource;
    bool is_too_long;                /* more segments than any path has */
};

/* Segments are percent-decoded into the arena. */
void route_read(struct arena *arena, struct str path, struct route *out);

/* The parameters of a query, decoded. Unknown ones are let be, as kube-apiserver does. */
struct parameters {
    struct str label_selector, field_selector, resource_version, resource_version_match, continue_token, field_manager, field_validation,
        dry_run, propagation_policy, pretty, include_object;
    int64_t limit, timeout_seconds, grace_period_seconds;
    bool has_timeout_seconds, has_grace_period_seconds;
    bool is_watch, allows_bookmarks, is_force, has_force, has_dry_run;
    bool has_send_initial_events, send_initial_events, has_orphan_dependents, orphan_dependents;
};
/* False and `refusal` (400) where a number or a boolean is none. */
bool parameters_read(struct arena *arena, struct str query, struct parameters *out, struct refusal *refusal);

#endif
