#include "apiserver/builtin_kinds.h"
#include "apiserver/mut.h"
#include "schema/definition.h"

/* Services, Pods (stored only), roles and their bindings, definitions: pkg/apis/core/validation, pkg/apis/rbac/validation,
 * apiextensions. */

static void require_text(const yyjson_mut_val *object, const char *name, struct str path, struct field_errors *out) {
    if (!mut_text_at(object, name).len) field_errors_add(out, FIELD_REQUIRED, path, NULL, "%s", "");
}

/* "supported values: "A", "B"" */
static void check_choice(const yyjson_mut_val *value, struct str path, const char *const *choices, size_t count, struct field_errors *out) {
    for (size_t i = 0; i < count; i++) {
        if (str_is(json_mut_text(value), choices[i])) return;
    }
    struct strbuf words = strbuf_with_max(4096);
    for (size_t i = 0; i < count; i++) strbuf_printf(&words, "%s\"%s\"", i ? ", " : "supported values: ", choices[i]);
    field_errors_add_text(out, FIELD_NOT_SUPPORTED, path, field_error_quote(out->arena, json_mut_text(value)), strbuf_view(&words));
    strbuf_release(&words);
}

void prepare_service(struct arena *arena, yyjson_mut_doc *doc, yyjson_mut_val *object, const yyjson_mut_val *old, struct str now) {
    (void)arena, (void)now;
    if (old) return;
    yyjson_mut_val *status = yyjson_mut_obj(doc);
    mut_set(doc, status, "loadBalancer", yyjson_mut_obj(doc));
    mut_set(doc, object, "status", status);
}

static void validate_port(struct arena *arena, yyjson_mut_val *port, size_t index, bool needs_name, struct field_errors *out) {
    static const char *const protocols[] = {"SCTP", "TCP", "UDP"};
    struct str path = arena_printf(arena, "spec.ports[%zu]", index);
    int64_t number = 0;
    if (needs_name && !mut_text_at(port, "name").len)
        field_errors_add(out, FIELD_REQUIRED, arena_join(arena, path, STR(".name"), STR_EMPTY), NULL, "%s", "");
    else if (mut_text_at(port, "name").len)
        name_rule_check(NAME_DNS1123_LABEL, mut_text_at(port, "name"), arena_join(arena, path, STR(".name"), STR_EMPTY), out);
    if (!mut_int64(mut_get(port, "port"), &number) || number < 1 || number > 65535)
        field_errors_add_text(out, FIELD_INVALID, arena_join(arena, path, STR(".port"), STR_EMPTY),
                              arena_printf(arena, "%lld", (long long)number), STR("must be between 1 and 65535, inclusive"));
    check_choice(mut_get(port, "protocol"), arena_join(arena, path, STR(".protocol"), STR_EMPTY), protocols, 3, out);
}

void validate_service(struct arena *arena, const yyjson_mut_val *object, const yyjson_mut_val *old, struct field_errors *out) {
    static const char *const types[] = {"ClusterIP", "ExternalName", "LoadBalancer", "NodePort"};
    const yyjson_mut_val *spec = mut_get(object, "spec");
    yyjson_mut_val *ports = mut_get(spec, "ports"), *port;
    struct str type = mut_text_at(spec, "type");
    bool is_headless = str_is(mut_text_at(spec, "clusterIP"), "None");
    size_t index, max, count = yyjson_mut_arr_size(ports);
    (void)old;
    if (!count && !is_headless && !str_is(type, "ExternalName")) field_errors_add(out, FIELD_REQUIRED, STR("spec.ports"), NULL, "%s", "");
    yyjson_mut_arr_foreach(ports, index, max, port) validate_port(arena, port, index, count > 1, out);
    check_choice(mut_get(spec, "type"), STR("spec.type"), types, 4, out);
    if (str_is(type, "ExternalName") && !mut_text_at(spec, "externalName").len)
        field_errors_add(out, FIELD_REQUIRED, STR("spec.externalName"), NULL, "%s", "");
}

/* Times that a condition always shows. */
void complete_pod(struct arena *arena, yyjson_mut_doc *doc, yyjson_mut_val *object, const yyjson_mut_val *old, struct str now) {
    (void)arena, (void)old, (void)now;
    static const char *const times[] = {"lastProbeTime", "lastTransitionTime"};
    yyjson_mut_val *conditions = mut_path(object, "status", "conditions", NULL), *condition;
    size_t index, max;
    yyjson_mut_arr_foreach(conditions, index, max, condition) {
        for (size_t i = 0; i < 2; i++) {
            if (!mut_get(condition, times[i])) mut_set(doc, condition, times[i], yyjson_mut_null(doc));
        }
    }
}

/* The DefaultTolerationSeconds and Priority admission plugins. */
static void admit_pod(yyjson_mut_doc *doc, yyjson_mut_val *spec) {
    static const char *const keys[] = {"node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"};
    yyjson_mut_val *tolerations = mut_get(spec, "tolerations"), *toleration;
    if (!mut_get(spec, "priority")) mut_set_int64(doc, spec, "priority", 0);
    if (!mut_get(spec, "preemptionPolicy")) mut_set_text(doc, spec, "preemptionPolicy", STR("PreemptLowerPriority"));
    if (!yyjson_mut_is_arr(tolerations)) mut_set(doc, spec, "tolerations", tolerations = yyjson_mut_arr(doc));
    for (size_t i = 0; i < 2; i++) {
        size_t index, max;
        bool is_there = false;
        yyjson_mut_arr_foreach(tolerations, index, max, toleration) {
            struct str key = mut_text_at(toleration, "key"), effect = mut_text_at(toleration, "effect");
            is_there = is_there || ((str_is(key, keys[i]) || !key.len) && (!effect.len || str_is(effect, "NoExecute")));
        }
        if (is_there) continue;
        toleration = yyjson_mut_arr_add_obj(doc, tolerations);
        mut_set_text(doc, toleration, "key", str_of(keys[i]));
        mut_set_text(doc, toleration, "operator", STR("Exists"));
        mut_set_text(doc, toleration, "effect", STR("NoExecute"));
        mut_set_int64(doc, toleration, "tolerationSeconds", 300);
    }
}

void prepare_pod(struct arena *arena, yyjson_mut_doc *doc, yyjson_mut_val *object, const yyjson_mut_val *old, struct str now) {
    (void)arena, (void)now;
    if (old) return;
    yyjson_mut_val *status = yyjson_mut_obj(doc), *container, *containers = mut_path(object, "spec", "containers", NULL);
    size_t index, max;
    const char *class = "BestEffort";
    yyjson_mut_arr_foreach(containers, index, max, container) {
        const yyjson_mut_val *resources = mut_get(container, "resources");
        if (!mut_is_empty(mut_get(resources, "requests")) || !mut_is_empty(mut_get(resources, "limits"))) class = "Burstable";
    }
    mut_set_text(doc, status, "phase", STR("Pending"));
    mut_set_text(doc, status, "qosClass", str_of(class));
    mut_set(doc, object, "status", status);
    if (yyjson_mut_is_obj(mut_get(object, "spec"))) admit_pod(doc, mut_get(object, "spec"));
}

static void validate_containers(struct arena *arena, const yyjson_mut_val *spec, const char *list, struct field_errors *out) {
    yyjson_mut_val *containers = mut_get(spec, list), *container, *other;
    size_t index, max, before, other_max;
    yyjson_mut_arr_foreach(containers, index, max, container) {
        struct str path = arena_printf(arena, "spec.%s[%zu]", list, index), name = mut_text_at(container, "name");
        struct str name_path = arena_join(arena, path, STR(".name"), STR_EMPTY);
        if (!name.len)
            field_errors_add(out, FIELD_REQUIRED, name_path, NULL, "%s", "");
        else
            name_rule_check(NAME_DNS1123_LABEL, name, name_path, out);
        yyjson_mut_arr_foreach(containers, before, other_max, other) {
            if (before >= index) break;
            if (name.len && str_equal(mut_text_at(other, "name"), name))
                field_errors_add_text(out, FIELD_DUPLICATE, name_path, field_error_quote(arena, name), STR_EMPTY);
        }
        require_text(container, "image", arena_join(arena, path, STR(".image"), STR_EMPTY), out);
    }
}

/* A pod's spec without what may change in it. */
static yyjson_mut_val *fixed_part(struct arena *arena, const yyjson_mut_val *spec) {
    static const char *const lists[] = {"containers", "initContainers"}, *const free[] = {"activeDeadlineSeconds", "tolerations",
                                                                                          "terminationGracePeriodSeconds", "nodeName"};
    yyjson_mut_doc *doc = json_builder(arena);
    yyjson_mut_val *copy = doc ? mut_copy(doc, spec) : NULL, *container;
    for (size_t i = 0; i < 2; i++) {
        yyjson_mut_val *containers = mut_get(copy, lists[i]);
        size_t index, max;
        yyjson_mut_arr_foreach(containers, index, max, container) mut_remove(container, "image");
    }
    for (size_t i = 0; i < sizeof free / sizeof free[0]; i++) mut_remove(copy, free[i]);
    return copy;
}

void validate_pod(struct arena *arena, const yyjson_mut_val *object, const yyjson_mut_val *old, struct field_errors *out) {
    static const char *const policies[] = {"Always", "OnFailure", "Never"};
    const yyjson_mut_val *spec = mut_get(object, "spec");
    if (!yyjson_mut_arr_size(mut_get(spec, "containers"))) field_errors_add(out, FIELD_REQUIRED, STR("spec.containers"), NULL, "%s", "");
    validate_containers(arena, spec, "initContainers", out);
    validate_containers(arena, spec, "containers", out);
    check_choice(mut_get(spec, "restartPolicy"), STR("spec.restartPolicy"), policies, 3, out);
    if (!old) return;
    if (yyjson_mut_arr_size(mut_get(spec, "containers")) != yyjson_mut_arr_size(mut_path(old, "spec", "containers", NULL)))
        field_errors_add(out, FIELD_FORBIDDEN, STR("spec.containers"), NULL, "pod updates may not add or remove containers");
    else if (!json_mut_equal(fixed_part(arena, spec), fixed_part(arena, mut_get(old, "spec"))))
        field_errors_add(out, FIELD_FORBIDDEN, STR("spec"), NULL,
                         "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
                         "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
                         "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)");
}

static void validate_rule(struct arena *arena, yyjson_mut_val *rule, size_t index, bool is_namespaced, struct field_errors *out) {
    struct str path = arena_printf(arena, "rules[%zu]", index);
    yyjson_mut_val *paths = mut_get(rule, "nonResourceURLs");
    if (mut_is_empty(mut_get(rule, "verbs")))
        field_errors_add(out, FIELD_REQUIRED, arena_join(arena, path, STR(".verbs"), STR_EMPTY), NULL,
                         "verbs must contain at least one value");
    if (!mut_is_empty(paths)) {
        struct str field = arena_join(arena, path, STR(".nonResourceURLs"), STR_EMPTY);
        if (is_namespaced) field_errors_add(out, FIELD_INVALID, field, paths, "namespaced rules cannot apply to non-resource URLs");
        if (!mut_is_empty(mut_get(rule, "apiGroups")) || !mut_is_empty(mut_get(rule, "resources")) ||
            !mut_is_empty(mut_get(rule, "resourceNames")))
            field_errors_add(out, FIELD_INVALID, field, paths, "rules cannot apply to both regular resources and non-resource URLs");
        return;
    }
    if (mut_is_empty(mut_get(rule, "apiGroups")))
        field_errors_add(out, FIELD_REQUIRED, arena_join(arena, path, STR(".apiGroups"), STR_EMPTY), NULL,
                         "resource rules must supply at least one api group");
    if (mut_is_empty(mut_get(rule, "resources")))
        field_errors_add(out, FIELD_REQUIRED, arena_join(arena, path, STR(".resources"), STR_EMPTY), NULL,
                         "resource rules must supply at least one resource");
}

void validate_role(struct arena *arena, const yyjson_mut_val *object, const yyjson_mut_val *old, struct field_errors *out) {
    yyjson_mut_val *rules = mut_get(object, "rules"), *rule;
    size_t index, max;
    (void)old;
    yyjson_mut_arr_foreach(rules, index, max, rule) validate_rule(arena, rule, index, str_is(mut_text_at(object, "kind"), "Role"), out);
}

static void validate_subject(struct arena *arena, yyjson_mut_val *subject, size_t index, bool is_namespaced, struct field_errors *out) {
    static const char *const kinds[] = {"ServiceAccount", "User", "Group"}, *const groups[] = {"rbac.authorization.k8s.io"},
                             *const none[] = {""};
    struct str path = arena_printf(arena, "subjects[%zu]", index), kind = mut_text_at(subject, "kind");
    struct str group_path = arena_join(arena, path, STR(".apiGroup"), STR_EMPTY);
    require_text(subject, "name", arena_join(arena, path, STR(".name"), STR_EMPTY), out);
    if (str_is(kind, "ServiceAccount")) {
        if (mut_text_at(subject, "apiGroup").len) check_choice(mut_get(subject, "apiGroup"), group_path, none, 1, out);
        if (!is_namespaced) require_text(subject, "namespace", arena_join(arena, path, STR(".namespace"), STR_EMPTY), out);
    } else if (str_is(kind, "User") || str_is(kind, "Group")) {
        check_choice(mut_get(subject, "apiGroup"), group_path, groups, 1, out);
    } else {
        check_choice(mut_get(subject, "kind"), arena_join(arena, path, STR(".kind"), STR_EMPTY), kinds, 3, out);
    }
}

void validate_role_binding(struct arena *arena, const yyjson_mut_val *object, const yyjson_mut_val *old, struct field_errors *out) {
    static const char *const groups[] = {"rbac.authorization.k8s.io"}, *const both[] = {"Role", "ClusterRole"},
                             *const cluster[] = {"ClusterRole"};
    bool is_namespaced = str_is(mut_text_at(object, "kind"), "RoleBinding");
    yyjson_mut_val *reference = mut_get(object, "roleRef"), *subjects = mut_get(object, "subjects"), *subject;
    size_t index, max;
    check_choice(mut_get(reference, "apiGroup"), STR("roleRef.apiGroup"), groups, 1, out);
    check_choice(mut_get(reference, "kind"), STR("roleRef.kind"), is_namespaced ? both : cluster, is_namespaced ? 2 : 1, out);
    require_text(reference, "name", STR("roleRef.name"), out);
    yyjson_mut_arr_foreach(subjects, index, max, subject) validate_subject(arena, subject, index, is_namespaced, out);
    if (!old || json_mut_equal(reference, mut_get(old, "roleRef"))) return;
    struct str group = field_error_quote(arena, mut_text_at(reference, "apiGroup")),
               kind = field_error_quote(arena, mut_text_at(reference, "kind"));
    struct str name = field_error_quote(arena, mut_text_at(reference, "name"));
    struct str shown = arena_printf(arena, "{\"APIGroup\":%.*s,\"Kind\":%.*s,\"Name\":%.*s}", STR_ARG(group), STR_ARG(kind), STR_ARG(name));
    field_errors_add_text(out, FIELD_INVALID, STR("roleRef"), shown, STR("cannot change roleRef"));
}

void complete_definition(struct arena *arena, yyjson_mut_doc *doc, yyjson_mut_val *object, const yyjson_mut_val *old, struct str now) {
    (void)old, (void)now;
    definition_default(arena, doc, object);
}

/* A condition, its time kept where its status was the same before. */
static void add_condition(yyjson_mut_doc *doc, yyjson_mut_val *conditions, const yyjson_mut_val *old, const char *type, const char *reason,
                          const char *message, struct str now) {
    yyjson_mut_val *list = mut_path(old, "status", "conditions", NULL), *before;
    size_t index, max;
    yyjson_mut_arr_foreach(list, index, max, before) {
        if (!str_is(mut_text_at(before, "type"), type)) continue;
        yyjson_mut_arr_append(conditions, mut_copy(doc, before));
        return;
    }
    yyjson_mut_val *condition = yyjson_mut_obj(doc);
    mut_set_text(doc, condition, "type", str_of(type));
    mut_set_text(doc, condition, "status", STR("True"));
    mut_set_text(doc, condition, "lastTransitionTime", now);
    mut_set_text(doc, condition, "reason", str_of(reason));
    mut_set_text(doc, condition, "message", str_of(message));
    yyjson_mut_arr_append(conditions, condition);
}

static void add_stored_versions(yyjson_mut_doc *doc, yyjson_mut_val *status, const yyjson_mut_val *object, const yyjson_mut_val *old) {
    yyjson_mut_val *stored = mut_copy(doc, mut_path(old, "status", "storedVersions", NULL)), *version;
    yyjson_mut_val *versions = mut_path(object, "spec", "versions", NULL);
    if (!yyjson_mut_is_arr(stored)) stored = yyjson_mut_arr(doc);
    size_t index, max;
    yyjson_mut_arr_foreach(versions, index, max, version) {
        struct str name = mut_text_at(version, "name");
        if (!yyjson_mut_is_true(mut_get(version, "storage"))) continue;
        if (!mut_has_text(stored, name)) yyjson_mut_arr_append(stored, mut_make_text(doc, name));
        break;
    }
    mut_set(doc, status, "storedVersions", stored);
}

/* What the API server's own controllers set a moment later there: here a definition is established by the time its request is answered. */
void prepare_definition(struct arena *arena, yyjson_mut_doc *doc, yyjson_mut_val *object, const yyjson_mut_val *old, struct str now) {
    (void)arena;
    yyjson_mut_val *status = yyjson_mut_obj(doc), *conditions = yyjson_mut_arr(doc);
    add_condition(doc, conditions, old, "NamesAccepted", "NoConflicts", "no conflicts found", now);
    add_condition(doc, conditions, old, "Established", "InitialNamesAccepted", "the initial names have been accepted", now);
    mut_set(doc, status, "conditions", conditions);
    yyjson_mut_val *names = mut_path(object, "spec", "names", NULL);
    if (names) mut_set(doc, status, "acceptedNames", mut_copy(doc, names));
    add_stored_versions(doc, status, object, old);
    mut_set(doc, object, "status", status);
}

void validate_definition(struct arena *arena, const yyjson_mut_val *object, const yyjson_mut_val *old, struct field_errors *out) {
    definition_validate(arena, object, old, out);
}
