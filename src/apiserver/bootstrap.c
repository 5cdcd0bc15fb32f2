#include "apiserver/bootstrap.h"

#include "apiserver/internal_call.h"

#define RBAC_PATH "/apis/rbac.authorization.k8s.io/v1/"
#define ROLE(name, rules)                                                                                                                  \
    {                                                                                                                                      \
        "rbac.authorization.k8s.io/clusterroles", RBAC_PATH "clusterroles", name,                                                          \
            "{\"kind\":\"ClusterRole\",\"apiVersion\":\"rbac.authorization.k8s.io/v1\",\"metadata\":{\"name\":\"" name                     \
            "\",\"labels\":{\"kubernetes.io/bootstrapping\":\"rbac-defaults\"}},\"rules\":" rules "}"                                      \
    }
#define BINDING(name, role, group)                                                                                                         \
    {                                                                                                                                      \
        "rbac.authorization.k8s.io/clusterrolebindings", RBAC_PATH "clusterrolebindings", name,                                            \
            "{\"kind\":\"ClusterRoleBinding\",\"apiVersion\":\"rbac.authorization.k8s.io/v1\",\"metadata\":{\"name\":\"" name              \
            "\",\"labels\":{\"kubernetes.io/bootstrapping\":\"rbac-defaults\"}},\"roleRef\":{\"apiGroup\":\"rbac.authorization.k8s.io\","  \
            "\"kind\":\"ClusterRole\",\"name\":\"" role                                                                                    \
            "\"},\"subjects\":[{\"kind\":\"Group\",\"apiGroup\":\"rbac.authorization.k8s.io\","                                            \
            "\"name\":\"" group "\"}]}"                                                                                                    \
    }
#define NAMESPACE(name)                                                                                                                    \
    { "/namespaces", "/api/v1/namespaces", name, "{\"kind\":\"Namespace\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"" name "\"}}" }

#define READ "\"verbs\":[\"get\",\"list\",\"watch\"]"
#define WRITE "\"verbs\":[\"create\",\"delete\",\"deletecollection\",\"get\",\"list\",\"patch\",\"update\",\"watch\"]"
#define CORE_RULES(verbs, resources) "{\"apiGroups\":[\"\"],\"resources\":[" resources "]," verbs "}"
#define PLAIN_RESOURCES "\"configmaps\",\"events\",\"pods\",\"pods/status\",\"serviceaccounts\",\"services\",\"services/status\""
#define SERVING_RULE(verbs)                                                                                                                \
    "{\"apiGroups\":[\"workload.serving.volcano.sh\",\"networking.serving.volcano.sh\"],\"resources\":[\"*\"]," verbs "}"
#define EVENTS_RULE    "{\"apiGroups\":[\"events.k8s.io\"],\"resources\":[\"events\"]," READ "}"
#define LEASE_RULE     "{\"apiGroups\":[\"coordination.k8s.io\"],\"resources\":[\"leases\"]," WRITE "}"
#define NAMESPACE_RULE CORE_RULES(READ, "\"namespaces\"")
#define DISCOVERY_PATHS                                                                                                                    \
    "\"/api\",\"/api/*\",\"/apis\",\"/apis/*\",\"/healthz\",\"/livez\",\"/openapi\",\"/openapi/*\",\"/readyz\",\"/version\",\"/version/\""

static const struct {
    const char *collection, *path, *name, *body;
} objects_of_all[] = {
    NAMESPACE("default"),
    NAMESPACE("kube-node-lease"),
    NAMESPACE("kube-public"),
    NAMESPACE("kube-system"),
    ROLE("cluster-admin",
         "[{\"apiGroups\":[\"*\"],\"resources\":[\"*\"],\"verbs\":[\"*\"]},{\"nonResourceURLs\":[\"*\"],\"verbs\":[\"*\"]}]"),
    ROLE("admin",
         "[" CORE_RULES(WRITE, PLAIN_RESOURCES ",\"secrets\"") "," NAMESPACE_RULE "," SERVING_RULE(
             WRITE) "," EVENTS_RULE "," LEASE_RULE
                    ",{\"apiGroups\":[\"rbac.authorization.k8s.io\"],\"resources\":[\"roles\",\"rolebindings\"]," WRITE "}"
                    ",{\"apiGroups\":[\"\"],\"resources\":[\"serviceaccounts/token\"],\"verbs\":[\"create\"]}"
                    ",{\"apiGroups\":[\"authorization.k8s.io\"],\"resources\":[\"localsubjectaccessreviews\"],\"verbs\":[\"create\"]}]"),
    ROLE("edit", "[" CORE_RULES(WRITE, PLAIN_RESOURCES ",\"secrets\"") "," NAMESPACE_RULE "," SERVING_RULE(
                     WRITE) "," EVENTS_RULE "," LEASE_RULE
                            ",{\"apiGroups\":[\"\"],\"resources\":[\"serviceaccounts/token\"],\"verbs\":[\"create\"]}]"),
    ROLE("view", "[" CORE_RULES(READ, PLAIN_RESOURCES) "," NAMESPACE_RULE "," SERVING_RULE(READ) "," EVENTS_RULE "]"),
    ROLE("system:basic-user", "[{\"apiGroups\":[\"authorization.k8s.io\"],\"resources\":[\"selfsubjectaccessreviews\","
                              "\"selfsubjectrulesreviews\"],\"verbs\":[\"create\"]},"
                              "{\"apiGroups\":[\"authentication.k8s.io\"],\"resources\":[\"selfsubjectreviews\"],\"verbs\":[\"create\"]}]"),
    ROLE("system:discovery", "[{\"nonResourceURLs\":[" DISCOVERY_PATHS "],\"verbs\":[\"get\"]}]"),
    ROLE("system:public-info-viewer",
         "[{\"nonResourceURLs\":[\"/healthz\",\"/livez\",\"/readyz\",\"/version\",\"/version/\"],\"verbs\":[\"get\"]}]"),
    BINDING("cluster-admin", "cluster-admin", "system:masters"),
    BINDING("system:basic-user", "system:basic-user", "system:authenticated"),
    BINDING("system:discovery", "system:discovery", "system:authenticated"),
    BINDING("system:public-info-viewer", "system:public-info-viewer", "system:authenticated"),
};

static void is_made(void *owner, int status, struct str body) {
    struct apiserver *server = owner;
    (void)status, (void)body;
    if (--server->bootstrap_under_way == 0) server_release_held(server);
}

bool bootstrap_make(struct apiserver *server, struct error *error) {
    for (size_t i = 0; i < sizeof objects_of_all / sizeof objects_of_all[0]; i++) {
        struct collection *collection = objects_collection(server->objects, str_of(objects_of_all[i].collection));
        if (collection && objects_find(collection, STR_EMPTY, str_of(objects_of_all[i].name))) continue;
        struct internal_request request = {
            .method = "POST", .path = str_of(objects_of_all[i].path), .body = str_of(objects_of_all[i].body)};
        if (!collection || !internal_call(server, &request, is_made, server)) return error_set(error, ERROR_MEMORY, "memory is out");
        server->bootstrap_under_way++;
    }
    return true;
}
