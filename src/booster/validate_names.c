#include "base/limits.h"
#include "base/number.h"
#include "booster/checks.h"
#include "booster/names.h"
#include "data/key_set.h"

enum { SPEC_NAME_BYTES = 64 };

#define NAME_REMEDY "use lower-case letters, digits and dashes, no dash first or last"

static void check_spec_name(const struct booster *booster, struct findings *findings) {
    yyjson_val *value = model_field(booster->spec, "name");
    struct str name = booster->spec_name;
    if (name.len > SPEC_NAME_BYTES)
        findings_add(findings, RULE_NAME_LENGTH, STR("spec.name"), value, "%zu characters, more than %d; shorten it", name.len,
                     SPEC_NAME_BYTES);
    if (yyjson_is_str(value) && !name_is_lower_alnum_dash(name))
        findings_add(findings, RULE_NAME, STR("spec.name"), value, "%s is no name for a model; " NAME_REMEDY ", or leave it out",
                     QUOTE(name));
}

/* Children are named after it, and Services and pods after those. */
static bool check_metadata_name(const struct booster *booster, struct findings *findings) {
    yyjson_val *metadata = json_get(booster->object, "metadata");
    struct str name = booster->name;
    if (!check_text_present(findings, metadata ? metadata : booster->object, STR("metadata"), "name", "a name such as qwen")) return false;
    if (name_is_lower_alnum_dash(name) && name.ptr[0] >= 'a' && name.ptr[0] <= 'z') return true;
    findings_add(findings, RULE_CHILD_NAME, STR("metadata.name"), json_get(metadata, "name"),
                 "%s cannot begin the names of Services (DNS-1035); use lower-case letters, digits and inner dashes, first a letter",
                 QUOTE(name));
    return false;
}

/* <name>-<group>-<role>-<replica>-<pod> with the largest indexes that the counts allow. */
static struct str longest_pod_name(const struct backend *backend, struct arena *arena, struct str name) {
    const struct role *roles;
    size_t count = backend_roles(backend->type, &roles);
    struct str longest = STR_EMPTY;
    for (size_t i = 0; i < count; i++) {
        const struct worker *worker = backend_worker(backend, roles[i].worker);
        if (!worker) continue;
        int64_t group = backend->max_replicas > 0 ? backend->max_replicas - 1 : 0;
        int64_t replica = worker->replicas > 0 ? worker->replicas - 1 : 0;
        struct str pod = arena_printf(arena, "%.*s-%lld-%s-%lld-%lld", STR_ARG(name), (long long)group, roles[i].name, (long long)replica,
                                      (long long)(worker->pods - 1));
        if (pod.len > longest.len) longest = pod;
    }
    return longest;
}

static void check_child_names(const struct booster *booster, const struct backend *backend, struct findings *findings) {
    struct str child = child_name(findings->arena, booster->name, backend->name);
    struct str path = model_path(findings->arena, backend->path, "name");
    yyjson_val *value = json_get(backend->value, "name");
    struct str pod = longest_pod_name(backend, findings->arena, child);
    if (child.len > LIMIT_NAME_BYTES) {
        findings_add(findings, RULE_CHILD_NAME, path, value,
                     "children are named %s, %zu characters of at most %d; shorten metadata.name or this by %zu", QUOTE(child), child.len,
                     LIMIT_NAME_BYTES, (pod.len ? pod.len : child.len) - LIMIT_NAME_BYTES);
    } else if (pod.len > LIMIT_NAME_BYTES) {
        findings_add(findings, RULE_POD_NAME, path, value,
                     "pods are named up to %s, %zu characters of at most %d; shorten metadata.name or this by %zu", QUOTE(pod), pod.len,
                     LIMIT_NAME_BYTES, pod.len - LIMIT_NAME_BYTES);
    }
}

static void check_backend_name(const struct booster *booster, const struct backend *backend, bool model_is_named,
                               struct findings *findings) {
    if (!check_text_present(findings, backend->value, backend->path, "name", "a name such as gpu")) return;
    if (!name_is_lower_alnum_dash(backend->name))
        findings_add(findings, RULE_NAME, model_path(findings->arena, backend->path, "name"), json_get(backend->value, "name"),
                     "%s is no name for a backend; " NAME_REMEDY, QUOTE(backend->name));
    else if (model_is_named)
        check_child_names(booster, backend, findings);
}

static void check_unique_backends(const struct booster *booster, struct findings *findings) {
    struct key_set names = {0};
    if (!key_set_start(&names, findings->arena, booster->backend_count)) return;
    for (size_t i = 0; i < booster->backend_count; i++) {
        const struct backend *backend = &booster->backends[i];
        if (backend->name.len == 0) continue;
        bool is_new;
        struct key_slot *slot = key_set_add(&names, backend->name, i, &is_new);
        if (!is_new)
            findings_add(findings, RULE_DUPLICATE_BACKEND, model_path(findings->arena, backend->path, "name"),
                         json_get(backend->value, "name"), "%s is the name of %.*s already; give each backend its own",
                         QUOTE(backend->name), STR_ARG(booster->backends[slot->item].path));
    }
}

void check_names(const struct booster *booster, struct findings *findings) {
    bool model_is_named = check_metadata_name(booster, findings);
    check_spec_name(booster, findings);
    for (size_t i = 0; i < booster->backend_count; i++) {
        const struct backend *backend = &booster->backends[i];
        check_backend_name(booster, backend, model_is_named, findings);
        if (backend->runtime_class_name.len && !name_is_dns_subdomain(backend->runtime_class_name))
            findings_add(findings, RULE_NAME, model_path(findings->arena, backend->path, "runtimeClassName"),
                         json_get(backend->value, "runtimeClassName"), "%s is no name of a RuntimeClass; " NAME_REMEDY,
                         QUOTE(backend->runtime_class_name));
    }
    check_unique_backends(booster, findings);
}
