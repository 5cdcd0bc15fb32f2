#include "base/limits.h"
#include "booster/checks.h"
#include "data/quantity.h"

/* Reference 13.1.5: which workers a backend type takes, as bits of enum worker_type. */
#define BIT(type) (1u << (type))

static const struct {
    unsigned workers;
    bool has_one;
    const char *remedy;
} allowed[BACKEND_TYPE_UNKNOWN] = {
    [BACKEND_VLLM] = {BIT(WORKER_SERVER), true, "server, or make the backend's type vLLMDisaggregated"},
    [BACKEND_SGLANG] = {BIT(WORKER_SERVER), true, "server"},
    [BACKEND_MINDIE] = {BIT(WORKER_SERVER), true, "server"},
    [BACKEND_VLLM_DISAGGREGATED] = {BIT(WORKER_PREFILL) | BIT(WORKER_DECODE), false, "prefill or decode"},
    [BACKEND_MINDIE_DISAGGREGATED] = {BIT(WORKER_PREFILL) | BIT(WORKER_DECODE) | BIT(WORKER_CONTROLLER) | BIT(WORKER_COORDINATOR), false,
                                      "prefill, decode, controller or coordinator"},
};

static void check_worker_type(const struct backend *backend, const struct worker *worker, struct findings *findings) {
    yyjson_val *value = model_field(worker->value, "type");
    if (backend->type == BACKEND_TYPE_UNKNOWN || worker->type == WORKER_TYPE_UNKNOWN) return;
    if (allowed[backend->type].workers & BIT(worker->type)) return;
    findings_add(findings, RULE_WORKER_TYPE, model_path(findings->arena, worker->path, "type"), value ? value : worker->value,
                 "type %s has no worker of type %s%s; write %s", backend_type_name(backend->type), worker_type_name(worker->type),
                 value ? "" : " (the default)", allowed[backend->type].remedy);
}

static void check_worker_count(const struct backend *backend, struct findings *findings) {
    struct str path = model_path(findings->arena, backend->path, "workers");
    yyjson_val *value = model_field(backend->value, "workers");
    size_t count = yyjson_arr_size(value);
    if (!value || (yyjson_is_arr(value) && count == 0)) {
        findings_add(findings, RULE_REQUIRED, path, value ? value : backend->value, "%s; write a list of workers, each with its image",
                     value ? "empty" : "missing");
    } else if (count > LIMIT_WORKERS) {
        findings_add(findings, RULE_RANGE, path, value, "%zu workers; write at most %d", count, LIMIT_WORKERS);
    } else if (backend->type != BACKEND_TYPE_UNKNOWN && allowed[backend->type].has_one && count > 1) {
        findings_add(findings, RULE_WORKER_COUNT, path, value, "%zu workers; type %s has exactly one, of type server", count,
                     backend_type_name(backend->type));
    }
}

/* Of several workers for one role Kthena runs the last. */
static void check_roles(const struct backend *backend, struct findings *findings) {
    if (backend->type != BACKEND_VLLM_DISAGGREGATED || backend->worker_count == 0) return;
    const struct role *roles;
    size_t count = backend_roles(backend->type, &roles);
    for (size_t i = 0; i < count; i++) {
        const struct worker *used = backend_worker(backend, roles[i].worker);
        if (!used)
            findings_add(findings, RULE_WORKER_MISSING, model_path(findings->arena, backend->path, "workers"),
                         json_get(backend->value, "workers"), "no worker of type %s; add one: %s needs prefill and decode", roles[i].name,
                         backend_type_name(backend->type));
        for (size_t w = 0; w < backend->worker_count; w++) {
            const struct worker *worker = &backend->workers[w];
            if (worker->type == roles[i].worker && worker != used)
                findings_add(findings, RULE_WORKER_REPEATED, worker->path, worker->value,
                             "not used: %.*s is of type %s too and comes later; remove one", STR_ARG(used->path), roles[i].name);
        }
    }
}

static void check_image(const struct worker *worker, struct findings *findings) {
    yyjson_val *value = model_field(worker->value, "image");
    struct str path = model_path(findings->arena, worker->path, "image");
    if (value && !yyjson_is_str(value)) return;
    if (str_trim(worker->image).len == 0)
        findings_add(findings, RULE_IMAGE, path, value ? value : worker->value,
                     "%s; write the engine's image, such as vllm/vllm-openai:v0.11.0", value ? "blank" : "missing");
    else if (has_blank(worker->image))
        findings_add(findings, RULE_IMAGE, path, value, "%s has a blank; remove it", QUOTE(worker->image));
}

static void amount_is_wrong(struct findings *findings, enum rule rule, struct str path, const yyjson_val *value, const char *remedy) {
    struct json_number number = json_number(value);
    findings_add(findings, rule, path, value, "%s %s", QUOTE(number.text[0] ? str_of(number.text) : json_text(value)), remedy);
}

bool check_quantity(struct findings *findings, struct str path, const yyjson_val *value, struct quantity *out) {
    yyjson_val *v = json_loose(value);
    if (!yyjson_is_str(v) && !yyjson_is_num(v)) {
        model_wrong_type(findings, path, value, "a quantity such as \"8Gi\"");
        return false;
    }
    if (yyjson_is_real(v))
        amount_is_wrong(findings, RULE_QUANTITY, path, value, "is a fraction; put it in quotes");
    else if (!quantity_read(value, out, NULL))
        amount_is_wrong(findings, RULE_QUANTITY, path, value, "is no quantity; write one like 2, 500m or 8Gi");
    else
        return true;
    return false;
}

/* Of devices and the like (nvidia.com/gpu) there are whole ones. */
static bool is_extended(struct str resource) {
    return str_contains(resource, STR("/")) && !str_contains(resource, STR("kubernetes.io/"));
}

/* What Kubernetes never overcommits: request and limit must be equal. */
static bool is_exact(struct str resource) {
    return is_extended(resource) || str_starts_with(resource, STR("hugepages-"));
}

static bool read_amount(struct findings *findings, struct str path, struct str name, const yyjson_val *value, struct quantity *out) {
    enum { NANO = 1000000000 };
    bool is_whole = !yyjson_is_real(json_loose(value)) && (!quantity_read(value, out, NULL) || out->nanos % NANO == 0);
    if (is_extended(name) && !is_whole) {
        amount_is_wrong(findings, RULE_RESOURCES, path, value, "is no number of devices; write a whole one");
        return false;
    }
    if (!check_quantity(findings, path, value, out)) return false;
    if (out->nanos >= 0) return true;
    amount_is_wrong(findings, RULE_RESOURCES, path, value, "is negative; write 0 or more");
    return false;
}

static void check_request(struct findings *findings, struct str path, yyjson_val *value, struct str name, yyjson_val *limits) {
    struct quantity request, limit;
    yyjson_val *limit_value = json_get_str(limits, name);
    if (!read_amount(findings, path, name, value, &request)) return;
    if (!limit_value && is_exact(name)) {
        findings_add(findings, RULE_RESOURCES, path, value,
                     "requested without a limit, which Kubernetes refuses for this resource; write it under limits");
        return;
    }
    if (!quantity_read(limit_value, &limit, NULL)) return;
    int order = quantity_compare(request, limit);
    if (order > 0)
        findings_add(findings, RULE_RESOURCES, path, value, "the request is above the limit; lower the one or raise the other");
    else if (order < 0 && is_exact(name))
        findings_add(findings, RULE_RESOURCES, path, value,
                     "the request is below the limit, which Kubernetes refuses for this resource; make them equal");
}

static void check_claims(const struct worker *worker, struct findings *findings, struct str resources) {
    struct str path = model_path(findings->arena, resources, "claims");
    yyjson_val *list = check_list(findings, worker->resources, resources, "claims"), *claim;
    size_t index, max;
    yyjson_arr_foreach(list, index, max, claim) {
        struct str at = model_index_path(findings->arena, path, index);
        if (yyjson_is_obj(claim))
            check_required_text(findings, claim, at, "name", "the name of a resource claim of the pods");
        else
            model_wrong_type(findings, at, claim, "an object with a name");
    }
}

static void check_resources(const struct worker *worker, struct findings *findings) {
    struct str path = model_path(findings->arena, worker->path, "resources");
    yyjson_val *limits = check_object(findings, worker->resources, path, "limits");
    yyjson_val *requests = check_object(findings, worker->resources, path, "requests");
    check_claims(worker, findings, path);
    struct str limits_path = model_path(findings->arena, path, "limits"), requests_path = model_path(findings->arena, path, "requests");
    size_t index, max;
    yyjson_val *key, *value;
    struct quantity amount;
    yyjson_obj_foreach(limits, index, max, key, value) {
        read_amount(findings, model_key_path(findings->arena, limits_path, json_text(key)), json_text(key), value, &amount);
    }
    yyjson_obj_foreach(requests, index, max, key, value) {
        check_request(findings, model_key_path(findings->arena, requests_path, json_text(key)), value, json_text(key), limits);
    }
}

static void check_scheduling(const struct worker *worker, struct findings *findings) {
    size_t index, max;
    yyjson_val *key, *value;
    struct str tolerations = model_path(findings->arena, worker->path, "tolerations");
    struct str selector = model_path(findings->arena, worker->path, "nodeSelector");
    yyjson_arr_foreach(worker->tolerations, index, max, value) {
        if (!yyjson_is_obj(value)) model_wrong_type(findings, model_index_path(findings->arena, tolerations, index), value, "an object");
    }
    yyjson_obj_foreach(worker->node_selector, index, max, key, value) {
        if (!yyjson_is_str(value))
            model_wrong_type(findings, model_key_path(findings->arena, selector, json_text(key)), value, "the label's value in quotes");
    }
}

static void check_counts(const struct worker *worker, struct findings *findings) {
    yyjson_val *pods = model_field(worker->value, "pods");
    int64_t pod_count = 1;
    if (worker->replicas == 0)
        findings_add(findings, RULE_NO_PODS, model_path(findings->arena, worker->path, "replicas"), json_get(worker->value, "replicas"),
                     "with 0 replicas this worker runs nowhere; write at least 1");
    if (json_int64(pods, &pod_count) && pod_count == 0)
        findings_add(findings, RULE_NO_PODS, model_path(findings->arena, worker->path, "pods"), pods, "0 is taken as 1; write 1");
}

void check_workers(const struct backend *backend, struct findings *findings) {
    check_worker_count(backend, findings);
    check_roles(backend, findings);
    for (size_t i = 0; i < backend->worker_count; i++) {
        const struct worker *worker = &backend->workers[i];
        check_worker_type(backend, worker, findings);
        check_image(worker, findings);
        check_resources(worker, findings);
        check_scheduling(worker, findings);
        check_counts(worker, findings);
    }
}
