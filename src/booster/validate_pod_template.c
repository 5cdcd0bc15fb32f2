#include <string.h>

#include "base/limits.h"
#include "booster/checks.h"
#include "booster/names.h"
#include "booster/uri.h"
#include "data/key_set.h"

#define CACHE_VOLUME "model-cache"

/* What the generator or the ModelServing controller sets in generated containers (reference 1, 5.6, 7). */
static const struct {
    const char *name;
    bool is_disaggregated_only;
} generated_env[] = {
    {"POD_NAME", false},        {"NAMESPACE", false},         {"VLLM_USE_V1", false}, {"REDIS_HOST", false},
    {"REDIS_PORT", false},      {"REDIS_PASSWORD", false},    {"GROUP_SIZE", false},  {"ENTRY_ADDRESS", false},
    {"WORKER_INDEX", false},    {"HF_HUB_OFFLINE", true},     {"HCCL_IF_IP", true},   {"GLOO_SOCKET_IFNAME", true},
    {"TP_SOCKET_IFNAME", true}, {"HCCL_SOCKET_IFNAME", true},
};

/* Fields of a generated container that podTemplate must leave alone, and where the wish belongs. */
static const struct {
    const char *key, *remedy;
} owned_fields[] = {
    {"image", "write the worker's image"},
    {"command", "write arguments into the worker's config"},
    {"args", "write arguments into the worker's config"},
    {"ports", "write port into the worker's config"},
    {"lifecycle", "change terminationGracePeriodSeconds, which the drain keeps to"},
};

struct overlay {
    const struct backend *backend;
    struct findings *findings;
    struct arena *arena;
    bool has_downloader;
};

static void owned(struct overlay *overlay, struct str path, const yyjson_val *value, const char *remedy) {
    findings_add(overlay->findings, RULE_POD_TEMPLATE_OWNED, path, value, "generated, and not changed here; %s", remedy);
}

static void check_own_label(struct overlay *overlay, struct str path, yyjson_val *key, yyjson_val *value) {
    struct str name = json_text(key);
    if (str_starts_with(name, STR(LABEL_SERVING_PREFIX)) || str_starts_with(name, STR(GROUP_WORKLOAD "/")))
        owned(overlay, path, key, "labels under " LABEL_SERVING_PREFIX " and " GROUP_WORKLOAD "/ are the controllers'; use another prefix");
    else
        check_label(overlay->findings, RULE_POD_TEMPLATE_LABEL, path, key, value);
}

static void check_metadata(struct overlay *overlay, const yyjson_val *template, struct str path) {
    yyjson_val *labels = check_object(overlay->findings, template, path, "labels");
    yyjson_val *annotations = check_object(overlay->findings, template, path, "annotations");
    struct str labels_path = model_path(overlay->arena, path, "labels"), annotations_path = model_path(overlay->arena, path, "annotations");
    size_t index, max;
    yyjson_val *key, *value;
    yyjson_obj_foreach(labels, index, max, key, value) {
        check_own_label(overlay, model_key_path(overlay->arena, labels_path, json_text(key)), key, value);
    }
    yyjson_obj_foreach(annotations, index, max, key, value) {
        check_annotation(overlay->findings, model_key_path(overlay->arena, annotations_path, json_text(key)), value);
    }
    if (yyjson_obj_size(annotations) > 0)
        findings_add(overlay->findings, RULE_POD_TEMPLATE_ANNOTATIONS, annotations_path, annotations,
                     "pod annotations crash the ModelServing controller of Kthena 0.1; keep them only with a newer one");
}

/* Is this a container that the generator makes, in the list of this name? */
static bool is_generated(const struct overlay *overlay, struct str name, bool is_init) {
    if (!is_init) return str_is(name, "engine") || str_is(name, "runtime");
    if (str_is(name, "model-downloader")) return overlay->has_downloader;
    for (size_t i = 0; i < overlay->backend->lora_adapter_count; i++)
        if (str_equal(name, arena_printf(overlay->arena, "lora-downloader-%zu", i))) return true;
    return false;
}

/* A list of named objects; what is there in place of a list would take the generated items away. */
static yyjson_val *named_list(struct overlay *overlay, const yyjson_val *parent, struct str path, const char *key) {
    yyjson_val *value = json_get(parent, key);
    if (yyjson_is_null(value)) {
        owned(overlay, model_path(overlay->arena, path, key), value, "null would take generated items away: remove it");
        return NULL;
    }
    return check_list(overlay->findings, parent, path, key);
}

/* Calls `check` for each item that is an object with a name that is new in the list. */
static void check_named(struct overlay *overlay, const yyjson_val *parent, struct str path, const char *list_key,
                        void (*check)(struct overlay *, yyjson_val *item, struct str path, struct str name)) {
    yyjson_val *list = named_list(overlay, parent, path, list_key);
    struct str list_path = model_path(overlay->arena, path, list_key);
    struct key_set names = {0};
    if (!list || !key_set_start(&names, overlay->arena, yyjson_arr_size(list))) return;
    size_t index, max;
    yyjson_val *item;
    yyjson_arr_foreach(list, index, max, item) {
        struct str at = model_index_path(overlay->arena, list_path, index), name = json_text(json_get(item, "name"));
        bool is_new = true;
        if (name.len) key_set_add(&names, name, index, &is_new);
        if (!yyjson_is_obj(item))
            model_wrong_type(overlay->findings, at, item, "an object with a name");
        else if (name.len == 0)
            findings_add(overlay->findings, RULE_POD_TEMPLATE_CONTAINER, at, item,
                         "no name; write one: items are laid over generated ones by name");
        else if (!is_new)
            findings_add(overlay->findings, RULE_POD_TEMPLATE_CONTAINER, at, item, "%s is in the list already; write it once", QUOTE(name));
        else
            check(overlay, item, at, name);
    }
}

static void check_variable(struct overlay *overlay, yyjson_val *item, struct str path, struct str name) {
    for (size_t i = 0; i < sizeof generated_env / sizeof *generated_env; i++) {
        if (!str_is(name, generated_env[i].name)) continue;
        if (generated_env[i].is_disaggregated_only && overlay->backend->type != BACKEND_VLLM_DISAGGREGATED) continue;
        owned(overlay, path, item, "write it into the backend's env, where the user's entry wins");
    }
}

static void check_mounts(struct overlay *overlay, const yyjson_val *container, struct str path) {
    yyjson_val *mounts = named_list(overlay, container, path, "volumeMounts");
    struct str list_path = model_path(overlay->arena, path, "volumeMounts");
    struct str cache_path = cache_mount_path(overlay->arena, overlay->backend->cache_uri);
    size_t index, max;
    yyjson_val *mount;
    if (!mounts) return;
    yyjson_arr_foreach(mounts, index, max, mount) {
        struct str at = model_index_path(overlay->arena, list_path, index);
        struct str mount_path = json_text(json_get(mount, "mountPath"));
        if (!yyjson_is_obj(mount))
            model_wrong_type(overlay->findings, at, mount, "an object with name and mountPath");
        else if (json_is_text(json_get(mount, "name"), CACHE_VOLUME) ||
                 str_equal(uri_absolute_path(overlay->arena, mount_path), cache_path))
            owned(overlay, at, mount, "the cache is mounted as cacheURI says");
    }
}

static void check_generated_container(struct overlay *overlay, const yyjson_val *container, struct str path) {
    for (size_t i = 0; i < sizeof owned_fields / sizeof *owned_fields; i++) {
        yyjson_val *value = json_get(container, owned_fields[i].key);
        if (value) owned(overlay, model_path(overlay->arena, path, owned_fields[i].key), value, owned_fields[i].remedy);
    }
    check_named(overlay, container, path, "env", check_variable);
    check_mounts(overlay, container, path);
}

static void check_container(struct overlay *overlay, yyjson_val *container, struct str path, struct str name, bool is_init) {
    if (is_generated(overlay, name, is_init)) {
        check_generated_container(overlay, container, path);
    } else if (is_generated(overlay, name, !is_init)) {
        findings_add(overlay->findings, RULE_POD_TEMPLATE_CONTAINER, path, container, "%s is a generated container of %s; move it there",
                     QUOTE(name), is_init ? "containers" : "initContainers");
    } else if (!name_is_lower_alnum_dash(name) || name.len > LIMIT_NAME_BYTES) {
        findings_add(overlay->findings, RULE_POD_TEMPLATE_CONTAINER, path, container,
                     "%s is no container's name; use at most %d lower-case letters, digits and inner dashes", QUOTE(name),
                     LIMIT_NAME_BYTES);
    } else if (json_text(json_get(container, "image")).len == 0) {
        findings_add(overlay->findings, RULE_POD_TEMPLATE_CONTAINER, path, container,
                     "%s is not generated for this backend, and has no image; write its image, or the name of a generated container",
                     QUOTE(name));
    }
}

static void check_main_container(struct overlay *overlay, yyjson_val *item, struct str path, struct str name) {
    check_container(overlay, item, path, name, false);
}

static void check_init_container(struct overlay *overlay, yyjson_val *item, struct str path, struct str name) {
    check_container(overlay, item, path, name, true);
}

/* Is the volume of this name that of a claim which a downloader copies from? */
static bool is_source_volume(const struct overlay *overlay, struct str name) {
    const struct backend *backend = overlay->backend;
    struct str ignored;
    if (str_is(name, "model-source")) return overlay->has_downloader && str_is(uri_scheme(backend->model_uri), "pvc");
    for (size_t i = 0; i < backend->lora_adapter_count; i++) {
        struct str uri = backend->lora_adapters[i].artifact_url;
        if (str_equal(name, arena_printf(overlay->arena, "lora-source-%zu", i)))
            return str_is(uri_scheme(uri), "pvc") && !source_in_cache(overlay->arena, uri, backend->cache_uri, &ignored);
    }
    return false;
}

static void check_volume(struct overlay *overlay, yyjson_val *item, struct str path, struct str name) {
    if (str_is(name, CACHE_VOLUME)) owned(overlay, path, item, "the cache is what cacheURI says");
    if (is_source_volume(overlay, name)) owned(overlay, path, item, "it is the claim that is copied from; name yours otherwise");
}

static bool is_directive(yyjson_val *key) {
    return str_starts_with(json_text(key), STR("$"));
}

/* The document's own depth, which is bounded, bounds the recursion here and below. */
static bool has_directive(yyjson_val *value) {
    size_t index, max;
    yyjson_val *key, *member;
    if (yyjson_is_arr(value)) {
        yyjson_arr_foreach(value, index, max, member) {
            if (has_directive(member)) return true;
        }
    } else if (yyjson_is_obj(value)) {
        yyjson_obj_foreach(value, index, max, key, member) {
            if (is_directive(key) || has_directive(member)) return true;
        }
    }
    return false;
}

/* Patch directives such as $patch would reach what is generated. */
static void check_directives(struct overlay *overlay, yyjson_val *value, struct str path) {
    size_t index, max;
    yyjson_val *key, *member;
    if (!has_directive(value) || overlay->findings->is_cut) return;
    if (yyjson_is_arr(value)) {
        yyjson_arr_foreach(value, index, max, member) check_directives(overlay, member, model_index_path(overlay->arena, path, index));
        return;
    }
    yyjson_obj_foreach(value, index, max, key, member) {
        struct str at = model_key_path(overlay->arena, path, json_text(key));
        if (is_directive(key))
            findings_add(overlay->findings, RULE_POD_TEMPLATE_DIRECTIVE, at, key,
                         "%s is a patch directive, and none is taken here; remove it", QUOTE(json_text(key)));
        else
            check_directives(overlay, member, at);
    }
}

void check_pod_template(const struct backend *backend, struct findings *findings) {
    struct str path = model_path(findings->arena, backend->path, "podTemplate"), path_in_cache;
    struct str spec_path = model_path(findings->arena, path, "spec");
    struct overlay overlay = {.backend = backend, .findings = findings, .arena = findings->arena};
    if (!backend->pod_template) return;
    overlay.has_downloader = !source_in_cache(findings->arena, backend->model_uri, backend->cache_uri, &path_in_cache);
    check_directives(&overlay, backend->pod_template, path);
    check_metadata(&overlay, backend->pod_template, path);
    yyjson_val *spec = check_object(findings, backend->pod_template, path, "spec");
    yyjson_val *scheduler = json_get(spec, "schedulerName");
    if (scheduler) owned(&overlay, model_path(findings->arena, spec_path, "schedulerName"), scheduler, "write the backend's schedulerName");
    check_named(&overlay, spec, spec_path, "containers", check_main_container);
    check_named(&overlay, spec, spec_path, "initContainers", check_init_container);
    check_named(&overlay, spec, spec_path, "volumes", check_volume);
}
