#include "schema/builtin.h"
#include "schema/builtin_pod.h"

/*
 * One default: where, and what. A path is keys from the root, "[]" after the key of a list: every element. Only the last key is ever
 * made, so a struct that is always there has a row of its own before those of its fields.
 */
enum default_kind { DEFAULT_TEXT, DEFAULT_NUMBER, DEFAULT_FALSE, DEFAULT_TRUE, DEFAULT_OBJECT, DEFAULT_NULL };
struct default_rule {
    const char *path;
    enum default_kind kind;
    const char *text;
    int64_t number;
    bool is_pointer; /* in Go: only an absent or null field is unset, not a zero one */
};
#define TEXT(path, value)    {path, DEFAULT_TEXT, value, 0, false}
#define NUMBER(path, value)  {path, DEFAULT_NUMBER, NULL, value, false}
#define POINTED_TEXT(path, value)   {path, DEFAULT_TEXT, value, 0, true}
#define POINTED_NUMBER(path, value) {path, DEFAULT_NUMBER, NULL, value, true}
#define POINTED_FALSE(path)  {path, DEFAULT_FALSE, NULL, 0, true}
#define POINTED_TRUE(path)   {path, DEFAULT_TRUE, NULL, 0, true}
#define STRUCT(path)         {path, DEFAULT_OBJECT, NULL, 0, true}
#define SHOWN_NULL(path)     {path, DEFAULT_NULL, NULL, 0, true}

static const struct default_rule namespace_rules[] = {STRUCT("spec"), STRUCT("status"), TEXT("status.phase", "Active")};
static const struct default_rule secret_rules[] = {TEXT("type", "Opaque")};
static const struct default_rule event_rules[] = {
    STRUCT("involvedObject"), STRUCT("source"), SHOWN_NULL("firstTimestamp"), SHOWN_NULL("lastTimestamp"), SHOWN_NULL("eventTime"),
    POINTED_TEXT("reportingComponent", ""), POINTED_TEXT("reportingInstance", ""),
};
static const struct default_rule new_event_rules[] = {
    SHOWN_NULL("eventTime"), STRUCT("regarding"), STRUCT("deprecatedSource"), SHOWN_NULL("deprecatedFirstTimestamp"),
    SHOWN_NULL("deprecatedLastTimestamp"),
};
static const struct default_rule lease_rules[] = {STRUCT("spec")};
static const struct default_rule role_rules[] = {SHOWN_NULL("rules")};
static const struct default_rule binding_rules[] = {STRUCT("roleRef"), TEXT("roleRef.apiGroup", "rbac.authorization.k8s.io")};
static const struct default_rule scale_rules[] = {STRUCT("spec"), STRUCT("status"), NUMBER("status.replicas", 0)};
static const struct default_rule access_rules[] = {STRUCT("metadata"), STRUCT("spec"), STRUCT("status"), POINTED_FALSE("status.allowed")};
static const struct default_rule access_list_rules[] = {
    STRUCT("metadata"), STRUCT("spec"), STRUCT("status"), SHOWN_NULL("status.resourceRules"), SHOWN_NULL("status.nonResourceRules"),
    POINTED_FALSE("status.incomplete"),
};
static const struct default_rule who_rules[] = {STRUCT("metadata"), STRUCT("status"), STRUCT("status.userInfo")};
static const struct default_rule review_rules[] = {STRUCT("metadata"), STRUCT("spec"), STRUCT("status"), STRUCT("status.user")};
static const struct default_rule token_rules[] = {
    STRUCT("metadata"), STRUCT("spec"), SHOWN_NULL("spec.audiences"), POINTED_NUMBER("spec.expirationSeconds", 3600),
    SHOWN_NULL("spec.boundObjectRef"), STRUCT("status"), POINTED_TEXT("status.token", ""), SHOWN_NULL("status.expirationTimestamp"),
};
static const struct default_rule service_rules[] = {
    STRUCT("spec"), TEXT("spec.sessionAffinity", "None"), TEXT("spec.type", "ClusterIP"), TEXT("spec.ports[].protocol", "TCP"),
    STRUCT("status"), STRUCT("status.loadBalancer"),
};

#define HTTP_RULES(at) TEXT(at ".httpGet.path", "/"), TEXT(at ".httpGet.scheme", "HTTP")
#define PROBE_RULES(at)                                                                                                                    \
    NUMBER(at ".timeoutSeconds", 1), NUMBER(at ".periodSeconds", 10), NUMBER(at ".successThreshold", 1),                                   \
        NUMBER(at ".failureThreshold", 3), POINTED_TEXT(at ".grpc.service", ""), HTTP_RULES(at)
#define CONTAINER_RULES(at)                                                                                                                \
    STRUCT(at ".resources"), TEXT(at ".terminationMessagePath", "/dev/termination-log"), TEXT(at ".terminationMessagePolicy", "File"),     \
        TEXT(at ".ports[].protocol", "TCP"), TEXT(at ".env[].valueFrom.fieldRef.apiVersion", "v1"),                                        \
        POINTED_FALSE(at ".env[].valueFrom.fileKeyRef.optional"), PROBE_RULES(at ".livenessProbe"), PROBE_RULES(at ".readinessProbe"),     \
        PROBE_RULES(at ".startupProbe"), HTTP_RULES(at ".lifecycle.postStart"), HTTP_RULES(at ".lifecycle.preStop")
static const struct default_rule pod_rules[] = {
    STRUCT("spec"), STRUCT("status"), TEXT("spec.dnsPolicy", "ClusterFirst"), TEXT("spec.restartPolicy", "Always"),
    STRUCT("spec.securityContext"), POINTED_NUMBER("spec.terminationGracePeriodSeconds", 30),
    TEXT("spec.schedulerName", "default-scheduler"), POINTED_TRUE("spec.enableServiceLinks"),
    CONTAINER_RULES("spec.containers[]"), CONTAINER_RULES("spec.initContainers[]"), CONTAINER_RULES("spec.ephemeralContainers[]"),
    POINTED_TEXT("spec.volumes[].hostPath.type", ""), POINTED_NUMBER("spec.volumes[].secret.defaultMode", 0644),
    POINTED_NUMBER("spec.volumes[].configMap.defaultMode", 0644), POINTED_NUMBER("spec.volumes[].downwardAPI.defaultMode", 0644),
    TEXT("spec.volumes[].downwardAPI.items[].fieldRef.apiVersion", "v1"), POINTED_NUMBER("spec.volumes[].projected.defaultMode", 0644),
    SHOWN_NULL("spec.volumes[].projected.sources"),
    TEXT("spec.volumes[].projected.sources[].downwardAPI.items[].fieldRef.apiVersion", "v1"),
    POINTED_NUMBER("spec.volumes[].projected.sources[].serviceAccountToken.expirationSeconds", 3600),
    TEXT("spec.volumes[].iscsi.iscsiInterface", "default"), TEXT("spec.volumes[].rbd.pool", "rbd"),
    TEXT("spec.volumes[].rbd.user", "admin"), TEXT("spec.volumes[].rbd.keyring", "/etc/ceph/keyring"),
    POINTED_TEXT("spec.volumes[].azureDisk.cachingMode", "ReadWrite"), POINTED_TEXT("spec.volumes[].azureDisk.fsType", "ext4"),
    POINTED_FALSE("spec.volumes[].azureDisk.readOnly"), POINTED_TEXT("spec.volumes[].azureDisk.kind", "Shared"),
    TEXT("spec.volumes[].scaleIO.storageMode", "ThinProvisioned"), TEXT("spec.volumes[].scaleIO.fsType", "xfs"),
    STRUCT("spec.volumes[].ephemeral.volumeClaimTemplate.metadata"), STRUCT("spec.volumes[].ephemeral.volumeClaimTemplate.spec.resources"),
    POINTED_TEXT("spec.volumes[].ephemeral.volumeClaimTemplate.spec.volumeMode", "Filesystem"),
};

/* Absent, null, or of a plain field the zero value of its type. */
static bool is_unset(yyjson_mut_val *value, const struct default_rule *rule) {
    if (!value || yyjson_mut_is_null(value)) return rule->kind != DEFAULT_NULL || !value;
    if (rule->is_pointer) return false;
    return yyjson_mut_equals_str(value, "") || (yyjson_mut_is_num(value) && yyjson_mut_get_num(value) == 0);
}

static yyjson_mut_val *make_value(yyjson_mut_doc *doc, const struct default_rule *rule) {
    switch (rule->kind) {
    case DEFAULT_TEXT: return yyjson_mut_str(doc, rule->text);
    case DEFAULT_NUMBER: return yyjson_mut_sint(doc, rule->number);
    case DEFAULT_FALSE: return yyjson_mut_false(doc);
    case DEFAULT_TRUE: return yyjson_mut_true(doc);
    case DEFAULT_OBJECT: return yyjson_mut_obj(doc);
    case DEFAULT_NULL: return yyjson_mut_null(doc);
    }
    return NULL;
}

/* `at` is where the path begins. Depth: the path's keys. */
static bool apply_rule(yyjson_mut_doc *doc, yyjson_mut_val *at, struct str path, const struct default_rule *rule) {
    if (!yyjson_mut_is_obj(at)) return true;
    size_t end = str_find(path, STR("."));
    struct str key = str_first(path, end);
    bool is_list = str_ends_with(key, STR("[]"));
    if (is_list) key.len -= 2;
    yyjson_mut_val *value = yyjson_mut_obj_getn(at, key.ptr, key.len);
    if (end == SIZE_MAX)
        return !is_unset(value, rule) || yyjson_mut_obj_put(at, yyjson_mut_strn(doc, key.ptr, key.len), make_value(doc, rule));
    struct str rest = str_from(path, end + 1);
    if (!is_list) return apply_rule(doc, value, rest, rule);
    size_t index, max;
    yyjson_mut_val *element;
    yyjson_mut_arr_foreach(value, index, max, element) {
        if (!apply_rule(doc, element, rest, rule)) return false;
    }
    return true;
}

static bool default_namespace(yyjson_mut_doc *doc, yyjson_mut_val *object) {
    yyjson_mut_val *metadata = yyjson_mut_obj_get(object, "metadata"), *name = yyjson_mut_obj_get(metadata, "name");
    if (!yyjson_mut_is_str(name) || yyjson_mut_get_len(name) == 0) return true;
    yyjson_mut_val *labels = yyjson_mut_obj_get(metadata, "labels");
    if (!yyjson_mut_is_obj(labels)) {
        labels = yyjson_mut_obj(doc);
        if (!yyjson_mut_obj_put(metadata, yyjson_mut_str(doc, "labels"), labels)) return false;
    }
    return yyjson_mut_obj_put(labels, yyjson_mut_str(doc, "kubernetes.io/metadata.name"), yyjson_mut_val_mut_copy(doc, name));
}

static bool default_subjects(yyjson_mut_doc *doc, yyjson_mut_val *object) {
    static const struct default_rule rule = TEXT("apiGroup", "rbac.authorization.k8s.io");
    size_t index, max;
    yyjson_mut_val *subject;
    yyjson_mut_arr_foreach(yyjson_mut_obj_get(object, "subjects"), index, max, subject) {
        yyjson_mut_val *kind = yyjson_mut_obj_get(subject, "kind");
        if (!yyjson_mut_equals_str(kind, "User") && !yyjson_mut_equals_str(kind, "Group")) continue;
        if (!apply_rule(doc, subject, str_of(rule.path), &rule)) return false;
    }
    return true;
}

static bool default_affinity(yyjson_mut_doc *doc, yyjson_mut_val *spec) {
    yyjson_mut_val *affinity = yyjson_mut_obj_get(spec, "sessionAffinity"), *config = yyjson_mut_obj_get(spec, "sessionAffinityConfig");
    if (yyjson_mut_equals_str(affinity, "None")) yyjson_mut_obj_remove_key(spec, "sessionAffinityConfig");
    if (!yyjson_mut_equals_str(affinity, "ClientIP")) return true;
    yyjson_mut_val *seconds = yyjson_mut_obj_get(yyjson_mut_obj_get(config, "clientIP"), "timeoutSeconds");
    if (seconds && !yyjson_mut_is_null(seconds)) return true;
    yyjson_mut_val *made = yyjson_mut_obj(doc), *client = yyjson_mut_obj_add_obj(doc, made, "clientIP");
    return client && yyjson_mut_obj_add_int(doc, client, "timeoutSeconds", 10800) &&
           yyjson_mut_obj_put(spec, yyjson_mut_str(doc, "sessionAffinityConfig"), made);
}

/* A port of a pod is the Service's own unless something else is said. */
static bool default_target_ports(yyjson_mut_doc *doc, yyjson_mut_val *ports) {
    static const struct default_rule plain = NUMBER("targetPort", 0);
    size_t index, max;
    yyjson_mut_val *port;
    yyjson_mut_arr_foreach(ports, index, max, port) {
        yyjson_mut_val *number = yyjson_mut_obj_get(port, "port");
        if (!yyjson_mut_is_int(number) || !is_unset(yyjson_mut_obj_get(port, "targetPort"), &plain)) continue;
        if (!yyjson_mut_obj_put(port, yyjson_mut_str(doc, "targetPort"), yyjson_mut_val_mut_copy(doc, number))) return false;
    }
    return true;
}

static bool default_service(yyjson_mut_doc *doc, yyjson_mut_val *object) {
    static const struct default_rule external = TEXT("externalTrafficPolicy", "Cluster"),
                                     internal = POINTED_TEXT("internalTrafficPolicy", "Cluster"),
                                     node_ports = POINTED_TRUE("allocateLoadBalancerNodePorts"),
                                     mode = POINTED_TEXT("ipMode", "VIP");
    yyjson_mut_val *spec = yyjson_mut_obj_get(object, "spec"), *type = yyjson_mut_obj_get(spec, "type");
    bool is_cluster = yyjson_mut_equals_str(type, "ClusterIP"), is_node = yyjson_mut_equals_str(type, "NodePort"),
         is_balanced = yyjson_mut_equals_str(type, "LoadBalancer");
    bool is_external = is_balanced || is_node || (is_cluster && yyjson_mut_arr_size(yyjson_mut_obj_get(spec, "externalIPs")) > 0);
    if (!default_affinity(doc, spec) || !default_target_ports(doc, yyjson_mut_obj_get(spec, "ports"))) return false;
    if (is_external && !apply_rule(doc, spec, str_of(external.path), &external)) return false;
    if ((is_cluster || is_node || is_balanced) && !apply_rule(doc, spec, str_of(internal.path), &internal)) return false;
    if (!is_balanced) return true;
    if (!apply_rule(doc, spec, str_of(node_ports.path), &node_ports)) return false;
    yyjson_mut_val *balancer = yyjson_mut_obj_get(yyjson_mut_obj_get(object, "status"), "loadBalancer"), *ingress;
    size_t index, max;
    yyjson_mut_arr_foreach(yyjson_mut_obj_get(balancer, "ingress"), index, max, ingress) {
        yyjson_mut_val *ip = yyjson_mut_obj_get(ingress, "ip");
        if (yyjson_mut_is_str(ip) && yyjson_mut_get_len(ip) && !apply_rule(doc, ingress, str_of(mode.path), &mode)) return false;
    }
    return true;
}

#define RULES(table) table, sizeof table / sizeof *table
static const struct {
    const char *group, *kind;
    const struct default_rule *rules;
    size_t rule_count;
    bool (*also)(yyjson_mut_doc *doc, yyjson_mut_val *object); /* NULL: the rules are all */
} defaulted[] = {
    {"", "Namespace", RULES(namespace_rules), default_namespace},
    {"", "Secret", RULES(secret_rules), NULL},
    {"", "Event", RULES(event_rules), NULL},
    {"", "Service", RULES(service_rules), default_service},
    {"", "Pod", RULES(pod_rules), builtin_default_pod},
    {"events.k8s.io", "Event", RULES(new_event_rules), NULL},
    {"coordination.k8s.io", "Lease", RULES(lease_rules), NULL},
    {"rbac.authorization.k8s.io", "Role", RULES(role_rules), NULL},
    {"rbac.authorization.k8s.io", "ClusterRole", RULES(role_rules), NULL},
    {"rbac.authorization.k8s.io", "RoleBinding", RULES(binding_rules), default_subjects},
    {"rbac.authorization.k8s.io", "ClusterRoleBinding", RULES(binding_rules), default_subjects},
    {"autoscaling", "Scale", RULES(scale_rules), NULL},
    {"authentication.k8s.io", "TokenRequest", RULES(token_rules), NULL},
    {"authentication.k8s.io", "SelfSubjectReview", RULES(who_rules), NULL},
    {"authentication.k8s.io", "TokenReview", RULES(review_rules), NULL},
    {"authorization.k8s.io", "SubjectAccessReview", RULES(access_rules), NULL},
    {"authorization.k8s.io", "LocalSubjectAccessReview", RULES(access_rules), NULL},
    {"authorization.k8s.io", "SelfSubjectAccessReview", RULES(access_rules), NULL},
    {"authorization.k8s.io", "SelfSubjectRulesReview", RULES(access_list_rules), NULL},
};

bool builtin_default(struct str group, struct str kind, struct arena *arena, yyjson_mut_doc *doc, yyjson_mut_val *object) {
    for (size_t i = 0; i < sizeof defaulted / sizeof *defaulted; i++) {
        if (!str_is(group, defaulted[i].group) || !str_is(kind, defaulted[i].kind)) continue;
        for (size_t rule = 0; rule < defaulted[i].rule_count; rule++) {
            if (!apply_rule(doc, object, str_of(defaulted[i].rules[rule].path), &defaulted[i].rules[rule])) return false;
        }
        return (!defaulted[i].also || defaulted[i].also(doc, object)) && !arena->exhausted;
    }
    return true;
}
