#include "apiserver/builtin_kinds.h"

#include "apiserver/registry.h"

#define NAMESPACED BUILTIN_IS_NAMESPACED
#define RBAC_FLAGS (BUILTIN_CREATES_ON_UPDATE | BUILTIN_UPDATES_UNCONDITIONALLY)
#define RBAC       "rbac.authorization.k8s.io", "v1"
#define REVIEW(group, kind, plural, singular, flags)                                                                                       \
    {                                                                                                                                      \
        group, "v1", kind, plural, singular, "", "", BUILTIN_IS_VIRTUAL | (flags), VERB_CREATE, "", NULL, NAME_PATH_SEGMENT, NULL, NULL,   \
            NULL                                                                                                                           \
    }

/* As in kube-apiserver 1.34: names, scope, verbs, strategies (pkg/registry, apiextensions-apiserver/pkg/registry). */
const struct builtin_kind builtin_kinds[] = {
    {"", "v1", "ConfigMap", "configmaps", "configmap", "cm", "", NAMESPACED | BUILTIN_UPDATES_UNCONDITIONALLY, VERBS_ALL, "", NULL,
     NAME_DNS1123_SUBDOMAIN, NULL, NULL, validate_config_map},
    {"", "v1", "Event", "events", "event", "ev", "", NAMESPACED | BUILTIN_CREATES_ON_UPDATE | BUILTIN_UPDATES_UNCONDITIONALLY, VERBS_ALL,
     "", "/events", NAME_PATH_SEGMENT, NULL, NULL, validate_event},
    {"", "v1", "Namespace", "namespaces", "namespace", "ns", "",
     BUILTIN_UPDATES_UNCONDITIONALLY | BUILTIN_HAS_STATUS | BUILTIN_RETURNS_DELETED, VERBS_ALL & ~(unsigned)VERB_DELETE_COLLECTION,
     "finalize,status", NULL, NAME_DNS1123_LABEL, NULL, prepare_namespace, validate_namespace},
    {"", "v1", "Pod", "pods", "pod", "po", "all",
     NAMESPACED | BUILTIN_UPDATES_UNCONDITIONALLY | BUILTIN_HAS_STATUS | BUILTIN_RETURNS_DELETED | BUILTIN_HAS_GENERATION, VERBS_ALL,
     "status", NULL, NAME_DNS1123_SUBDOMAIN, complete_pod, prepare_pod, validate_pod},
    {"", "v1", "Secret", "secrets", "secret", "", "", NAMESPACED | BUILTIN_UPDATES_UNCONDITIONALLY, VERBS_ALL, "", NULL,
     NAME_DNS1123_SUBDOMAIN, complete_secret, NULL, validate_secret},
    {"", "v1", "Service", "services", "service", "svc", "all",
     NAMESPACED | BUILTIN_CREATES_ON_UPDATE | BUILTIN_UPDATES_UNCONDITIONALLY | BUILTIN_HAS_STATUS | BUILTIN_RETURNS_DELETED, VERBS_ALL,
     "status", NULL, NAME_DNS1035_LABEL, NULL, prepare_service, validate_service},
    {"", "v1", "ServiceAccount", "serviceaccounts", "serviceaccount", "sa", "",
     NAMESPACED | BUILTIN_UPDATES_UNCONDITIONALLY | BUILTIN_RETURNS_DELETED, VERBS_ALL, "token", NULL, NAME_DNS1123_SUBDOMAIN, NULL, NULL,
     NULL},
    {"apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", "customresourcedefinition", "crd,crds",
     "api-extensions", BUILTIN_HAS_GENERATION | BUILTIN_HAS_STATUS, VERBS_ALL, "status", NULL, NAME_DNS1123_SUBDOMAIN, complete_definition,
     prepare_definition, validate_definition},
    REVIEW("authentication.k8s.io", "SelfSubjectReview", "selfsubjectreviews", "selfsubjectreview", 0),
    REVIEW("authentication.k8s.io", "TokenReview", "tokenreviews", "tokenreview", 0),
    REVIEW("authorization.k8s.io", "LocalSubjectAccessReview", "localsubjectaccessreviews", "localsubjectaccessreview", NAMESPACED),
    REVIEW("authorization.k8s.io", "SelfSubjectAccessReview", "selfsubjectaccessreviews", "selfsubjectaccessreview", 0),
    REVIEW("authorization.k8s.io", "SelfSubjectRulesReview", "selfsubjectrulesreviews", "selfsubjectrulesreview", 0),
    REVIEW("authorization.k8s.io", "SubjectAccessReview", "subjectaccessreviews", "subjectaccessreview", 0),
    {"coordination.k8s.io", "v1", "Lease", "leases", "lease", "", "", NAMESPACED | BUILTIN_CREATES_ON_UPDATE, VERBS_ALL, "", NULL,
     NAME_DNS1123_SUBDOMAIN, NULL, NULL, validate_lease},
    {"events.k8s.io", "v1", "Event", "events", "event", "ev", "", NAMESPACED | BUILTIN_CREATES_ON_UPDATE | BUILTIN_UPDATES_UNCONDITIONALLY,
     VERBS_ALL, "", "/events", NAME_PATH_SEGMENT, NULL, NULL, validate_event},
    {RBAC, "ClusterRole", "clusterroles", "clusterrole", "", "", RBAC_FLAGS, VERBS_ALL, "", NULL, NAME_PATH_SEGMENT, NULL, NULL,
     validate_role},
    {RBAC, "ClusterRoleBinding", "clusterrolebindings", "clusterrolebinding", "", "", RBAC_FLAGS, VERBS_ALL, "", NULL, NAME_PATH_SEGMENT,
     NULL, NULL, validate_role_binding},
    {RBAC, "Role", "roles", "role", "", "", NAMESPACED | RBAC_FLAGS, VERBS_ALL, "", NULL, NAME_PATH_SEGMENT, NULL, NULL, validate_role},
    {RBAC, "RoleBinding", "rolebindings", "rolebinding", "", "", NAMESPACED | RBAC_FLAGS, VERBS_ALL, "", NULL, NAME_PATH_SEGMENT, NULL,
     NULL, validate_role_binding},
};
const size_t builtin_kind_count = sizeof builtin_kinds / sizeof builtin_kinds[0];
