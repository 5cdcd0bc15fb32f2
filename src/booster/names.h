/*
 * Every name, label, annotation and kind of the domain, in one place (reference section 1, SPEC sections 1, 3, 5).
 */
#ifndef MB_BOOSTER_NAMES_H
#define MB_BOOSTER_NAMES_H

#include "base/arena.h"

#define GROUP_WORKLOAD       "workload.serving.volcano.sh"
#define GROUP_NETWORKING     "networking.serving.volcano.sh"
#define API_VERSION          "v1alpha1"
#define API_VERSION_WORKLOAD GROUP_WORKLOAD "/" API_VERSION

#define KIND_BOOSTER   "ModelBooster"
#define PLURAL_BOOSTER "modelboosters"

/* Order is the order of application (SPEC section 5): a child is written after all kinds above it. */
#define CHILD_KINDS(X)                                                                                                                     \
    X(CHILD_SERVING, "ModelServing", "modelservings", GROUP_WORKLOAD)                                                                      \
    X(CHILD_SERVER, "ModelServer", "modelservers", GROUP_NETWORKING)                                                                       \
    X(CHILD_POLICY, "AutoscalingPolicy", "autoscalingpolicies", GROUP_WORKLOAD)                                                            \
    X(CHILD_BINDING, "AutoscalingPolicyBinding", "autoscalingpolicybindings", GROUP_WORKLOAD)                                              \
    X(CHILD_ROUTE, "ModelRoute", "modelroutes", GROUP_NETWORKING)

enum child_kind {
#define CHILD_ENUM(id, kind, plural, group) id,
    CHILD_KINDS(CHILD_ENUM)
#undef CHILD_ENUM
        CHILD_KIND_COUNT
};

const char *child_kind_name(enum child_kind kind);        /* "ModelServing" */
const char *child_kind_plural(enum child_kind kind);      /* "modelservings" */
const char *child_kind_group(enum child_kind kind);       /* "workload.serving.volcano.sh" */
const char *child_kind_api_version(enum child_kind kind); /* "workload.serving.volcano.sh/v1alpha1" */
/* CHILD_KIND_COUNT when the text names no child kind; "ModelServing", "modelservings" and "modelserving" all match, in any case. */
enum child_kind child_kind_of(struct str text);

#define LABEL_MODEL_NAME   GROUP_WORKLOAD "/model-name"
#define LABEL_BACKEND_NAME GROUP_WORKLOAD "/backend-name"
#define LABEL_MANAGED_BY   GROUP_WORKLOAD "/managed-by"
#define LABEL_REVISION     GROUP_WORKLOAD "/revision"
#define LABEL_MODEL_UID    GROUP_WORKLOAD "/model-uid"
#define MANAGED_BY         GROUP_WORKLOAD
/* Set on pods by the ModelServing controller. */
#define LABEL_SERVING_PREFIX                                                                                                               \
    "modelserving."                                                                                                                        \
    "volcano.sh/"
#define LABEL_SERVING_ENTRY      LABEL_SERVING_PREFIX "entry"
#define LABEL_SERVING_ROLE       LABEL_SERVING_PREFIX "role"
#define LABEL_SERVING_GROUP_NAME LABEL_SERVING_PREFIX "group-name"
#define LABEL_SERVING_NAME       LABEL_SERVING_PREFIX "name"

/* On the ModelServing, written by us: {"generator","downloader","runtime","input"} as compact JSON; see struct rendered. */
#define ANNOTATION_RENDERED GROUP_WORKLOAD "/rendered"
/* On the ModelServing while suspended: the replicas it had before, in decimal. */
#define ANNOTATION_REPLICAS_BEFORE_SUSPEND GROUP_WORKLOAD "/replicas-before-suspend"
/* On the ModelBooster, written by the user. */
#define ANNOTATION_UPGRADE        GROUP_WORKLOAD "/upgrade"        /* "now" */
#define ANNOTATION_ALLOW_RECREATE GROUP_WORKLOAD "/allow-recreate" /* "true" */

#define FIELD_MANAGER "model-booster"
/* Raised whenever the generator's output for an unchanged ModelBooster changes: kept in ANNOTATION_RENDERED. A build may set another
 * (meson -Dgenerator_version), which is how tests see an upgrade. */
#ifndef GENERATOR_VERSION
#define GENERATOR_VERSION "1"
#endif

/* `model` where `backend` is empty, else `model-backend`. */
struct str child_name(struct arena *arena, struct str model, struct str backend);
/* The definitions' name pattern: [a-z0-9]([-a-z0-9]*[a-z0-9])?, any length but 0. */
bool name_is_lower_alnum_dash(struct str name);
/* RFC 1123 subdomain as Kubernetes checks claims and classes: such names joined by dots, at most 253 bytes. */
bool name_is_dns_subdomain(struct str name);
/* Kubernetes' qualified name, as keys of labels, finalizers, and keys of annotations once lowered are: an optional DNS subdomain and a
 * slash, then 1 to 63 of [A-Za-z0-9_.-], alphanumeric at both ends. */
bool name_is_qualified(struct str name);
/* A label's value: such a name without prefix, or empty. */
bool name_is_label_value(struct str value);

#endif
