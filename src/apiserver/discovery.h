/* What is served, told to clients: /api, /apis and below, plain and aggregated (apidiscovery.k8s.io/v2). Each appends one document. */
#ifndef MB_APISERVER_DISCOVERY_H
#define MB_APISERVER_DISCOVERY_H

#include "apiserver/registry.h"

void discovery_write_versions(struct strbuf *out, struct str server_address);                   /* /api: APIVersions */
void discovery_write_groups(struct strbuf *out, const struct registry *registry);               /* /apis: APIGroupList */
/* /apis/GROUP: APIGroup; false: nothing is served in it. */
bool discovery_write_group(struct strbuf *out, const struct registry *registry, struct str group);
/* /api/v1, /apis/GROUP/VERSION: APIResourceList; false: nothing is served there. */
bool discovery_write_resources(struct strbuf *out, const struct registry *registry, struct str group, struct str version);
/* /api (`is_core`) or /apis as an APIGroupDiscoveryList of apidiscovery.k8s.io/`version` ("v2", "v2beta1"). */
void discovery_write_aggregated(struct strbuf *out, const struct registry *registry, bool is_core, const char *version);

/* Versions served in a group, best first; at most `max` of them. How many there are. */
size_t discovery_versions_of(const struct registry *registry, struct str group, struct str *out, size_t max);

#endif
