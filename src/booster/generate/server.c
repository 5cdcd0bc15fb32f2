#include "booster/generate/parts.h"

enum { RETRY_ATTEMPTS = 5 };

static void add_role_labels(const struct build *build, yyjson_mut_val *group, const char *key, const char *role) {
    yyjson_mut_obj_add_str(build->doc, yyjson_mut_obj_add_obj(build->doc, group, key), LABEL_SERVING_ROLE, role);
}

/* Only entry pods serve the API, and only this backend's: else weights would mean nothing (D3). */
static void add_selector(const struct build *build, const struct backend *backend, yyjson_mut_val *spec) {
    yyjson_mut_val *selector = yyjson_mut_obj_add_obj(build->doc, spec, "workloadSelector");
    yyjson_mut_val *labels = yyjson_mut_obj_add_obj(build->doc, selector, "matchLabels");
    yyjson_mut_obj_add_str(build->doc, labels, LABEL_SERVING_ENTRY, "true");
    json_add_text(build->doc, labels, LABEL_BACKEND_NAME, backend->name);
    json_add_text(build->doc, labels, LABEL_MODEL_UID, build->booster->uid);
    if (backend->type != BACKEND_VLLM_DISAGGREGATED) return;
    yyjson_mut_val *group = yyjson_mut_obj_add_obj(build->doc, selector, "pdGroup");
    add_role_labels(build, group, "decodeLabels", worker_type_name(WORKER_DECODE));
    yyjson_mut_obj_add_str(build->doc, group, "groupKey", LABEL_SERVING_GROUP_NAME);
    add_role_labels(build, group, "prefillLabels", worker_type_name(WORKER_PREFILL));
}

/* Both roles name the same connector (validate_config.c). */
static void add_kv_connector(const struct build *build, const struct backend *backend, yyjson_mut_val *spec) {
    static const char *const names[] = {
        [KV_CONNECTOR_MOONCAKE] = "mooncake", [KV_CONNECTOR_LMCACHE] = "lmcache", [KV_CONNECTOR_NIXL] = "nixl"};
    if (backend->type != BACKEND_VLLM_DISAGGREGATED) return;
    yyjson_val *transfer = worker_kv_transfer(build->arena, backend_worker(backend, WORKER_DECODE), NULL);
    enum kv_connector connector = kv_connector_of(json_text(json_get(transfer, "kv_connector")));
    if (connector == KV_CONNECTOR_NONE) return;
    yyjson_mut_obj_add_str(build->doc, yyjson_mut_obj_add_obj(build->doc, spec, "kvConnector"), "type", names[connector]);
}

static int64_t served_port(const struct backend *backend) {
    const struct worker *worker = backend_worker(backend, backend->type == BACKEND_VLLM ? WORKER_SERVER : WORKER_DECODE);
    return worker_port(worker);
}

yyjson_mut_val *server_spec(const struct build *build, const struct backend *backend) {
    yyjson_mut_val *spec = yyjson_mut_obj(build->doc);
    yyjson_mut_obj_add_str(build->doc, spec, "inferenceEngine", "vLLM");
    add_kv_connector(build, backend, spec);
    json_add_text(build->doc, spec, "model", backend_served_name(build->booster, backend));
    yyjson_mut_val *traffic = yyjson_mut_obj_add_obj(build->doc, spec, "trafficPolicy");
    yyjson_mut_val *retry = yyjson_mut_obj_add_obj(build->doc, traffic, "retry");
    json_add_int64(build->doc, retry, "attempts", RETRY_ATTEMPTS);
    yyjson_mut_obj_add_str(build->doc, retry, "retryInterval", "100ms");
    json_add_int64(build->doc, yyjson_mut_obj_add_obj(build->doc, spec, "workloadPort"), "port", served_port(backend));
    add_selector(build, backend, spec);
    return spec;
}
