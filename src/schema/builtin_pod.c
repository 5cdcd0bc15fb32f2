#include "schema/builtin_pod.h"

static bool is_unset_text(yyjson_mut_val *value) {
    return !value || yyjson_mut_is_null(value) || yyjson_mut_equals_str(value, "");
}

/* The tag of an image reference, "latest" where neither tag nor digest is given. A port's colon stands before a slash. */
static struct str image_tag(struct str image) {
    size_t at_digest = str_find(image, STR("@"));
    struct str name = str_first(image, at_digest), tag = STR_EMPTY;
    for (size_t i = name.len; i > 0 && name.ptr[i - 1] != '/'; i--) {
        if (name.ptr[i - 1] == ':') tag = str_from(name, i);
    }
    return tag.len == 0 && at_digest == SIZE_MAX ? STR("latest") : tag;
}

static bool default_pull_policy(yyjson_mut_doc *doc, yyjson_mut_val *container) {
    if (!is_unset_text(yyjson_mut_obj_get(container, "imagePullPolicy"))) return true;
    yyjson_mut_val *image = yyjson_mut_obj_get(container, "image");
    struct str text = yyjson_mut_is_str(image) ? (struct str){yyjson_mut_get_str(image), yyjson_mut_get_len(image)} : STR_EMPTY;
    /* An empty reference does not parse: no tag. */
    bool is_latest = text.len > 0 && str_is(image_tag(text), "latest");
    return yyjson_mut_obj_put(container, yyjson_mut_str(doc, "imagePullPolicy"),
                              yyjson_mut_str(doc, is_latest ? "Always" : "IfNotPresent"));
}

/* What is limited and not requested is requested up to its limit. */
static bool default_requests(yyjson_mut_doc *doc, yyjson_mut_val *container) {
    yyjson_mut_val *resources = yyjson_mut_obj_get(container, "resources"), *limits = yyjson_mut_obj_get(resources, "limits"),
                   *requests = yyjson_mut_obj_get(resources, "requests"), *key, *value;
    if (!yyjson_mut_is_obj(limits) || yyjson_mut_obj_size(limits) == 0) return true;
    if (!yyjson_mut_is_obj(requests)) {
        requests = yyjson_mut_obj(doc);
        if (!yyjson_mut_obj_put(resources, yyjson_mut_str(doc, "requests"), requests)) return false;
    }
    size_t index, max;
    yyjson_mut_obj_foreach(limits, index, max, key, value) {
        if (yyjson_mut_obj_getn(requests, yyjson_mut_get_str(key), yyjson_mut_get_len(key))) continue;
        if (!yyjson_mut_obj_add(requests, yyjson_mut_val_mut_copy(doc, key), yyjson_mut_val_mut_copy(doc, value))) return false;
    }
    return true;
}

static bool default_host_ports(yyjson_mut_doc *doc, yyjson_mut_val *ports) {
    size_t index, max;
    yyjson_mut_val *port;
    yyjson_mut_arr_foreach(ports, index, max, port) {
        yyjson_mut_val *host = yyjson_mut_obj_get(port, "hostPort"), *own = yyjson_mut_obj_get(port, "containerPort");
        if (!own || (host && !yyjson_mut_is_null(host) && yyjson_mut_get_num(host) != 0)) continue;
        if (!yyjson_mut_obj_put(port, yyjson_mut_str(doc, "hostPort"), yyjson_mut_val_mut_copy(doc, own))) return false;
    }
    return true;
}

/* A volume of no kind is an empty directory. */
static bool default_volume(yyjson_mut_doc *doc, yyjson_mut_val *volume) {
    bool has_source = false;
    size_t index, max;
    yyjson_mut_val *key, *value;
    yyjson_mut_obj_foreach(volume, index, max, key, value) {
        has_source = has_source || (!yyjson_mut_equals_str(key, "name") && !yyjson_mut_is_null(value));
    }
    return has_source || yyjson_mut_obj_put(volume, yyjson_mut_str(doc, "emptyDir"), yyjson_mut_obj(doc));
}

static bool default_containers(yyjson_mut_doc *doc, yyjson_mut_val *containers, bool has_requests, bool is_on_host) {
    size_t index, max;
    yyjson_mut_val *container;
    yyjson_mut_arr_foreach(containers, index, max, container) {
        if (!yyjson_mut_is_obj(container)) continue;
        if (!default_pull_policy(doc, container)) return false;
        if (has_requests && !default_requests(doc, container)) return false;
        if (is_on_host && !default_host_ports(doc, yyjson_mut_obj_get(container, "ports"))) return false;
    }
    return true;
}

/* Two names of one field: the old one follows the new one, and stands for it where it is alone. */
static bool default_account(yyjson_mut_doc *doc, yyjson_mut_val *spec) {
    yyjson_mut_val *name = yyjson_mut_obj_get(spec, "serviceAccountName"), *old = yyjson_mut_obj_get(spec, "serviceAccount");
    if (is_unset_text(name) && is_unset_text(old)) return true;
    if (is_unset_text(name)) return yyjson_mut_obj_put(spec, yyjson_mut_str(doc, "serviceAccountName"), yyjson_mut_val_mut_copy(doc, old));
    return yyjson_mut_obj_put(spec, yyjson_mut_str(doc, "serviceAccount"), yyjson_mut_val_mut_copy(doc, name));
}

bool builtin_default_pod(yyjson_mut_doc *doc, yyjson_mut_val *object) {
    static const struct {
        const char *key;
        bool has_requests;
    } lists[] = {{"containers", true}, {"initContainers", true}, {"ephemeralContainers", false}};
    yyjson_mut_val *spec = yyjson_mut_obj_get(object, "spec"), *volume;
    bool is_on_host = yyjson_mut_is_true(yyjson_mut_obj_get(spec, "hostNetwork"));
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        yyjson_mut_val *containers = yyjson_mut_obj_get(spec, lists[i].key);
        if (!default_containers(doc, containers, lists[i].has_requests, is_on_host && lists[i].has_requests)) return false;
    }
    size_t index, max;
    yyjson_mut_arr_foreach(yyjson_mut_obj_get(spec, "volumes"), index, max, volume) {
        if (yyjson_mut_is_obj(volume) && !default_volume(doc, volume)) return false;
    }
    return default_account(doc, spec);
}
