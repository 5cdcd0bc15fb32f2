#include "booster/model.h"

#include <string.h>

#include "base/limits.h"
#include "base/number.h"
#include "booster/names.h"
#include "data/duration.h"

struct reader {
    struct arena *arena;
    struct findings *findings;
};

/* One object being read and where it is. */
struct place {
    yyjson_val *object;
    struct str path;
};

static const char *const backend_type_names[] = {
#define BACKEND_NAME(id, text) [id] = text,
    BACKEND_TYPES(BACKEND_NAME)
#undef BACKEND_NAME
        [BACKEND_TYPE_UNKNOWN] = "unknown",
};

static const char *const worker_type_names[] = {
#define WORKER_NAME(id, text) [id] = text,
    WORKER_TYPES(WORKER_NAME)
#undef WORKER_NAME
        [WORKER_TYPE_UNKNOWN] = "unknown",
};

const char *backend_type_name(enum backend_type type) {
    return backend_type_names[type];
}

const char *worker_type_name(enum worker_type type) {
    return worker_type_names[type];
}

yyjson_val *model_field(const yyjson_val *object, const char *key) {
    yyjson_val *value = json_get(object, key);
    return yyjson_is_null(value) ? NULL : value;
}

struct str model_path(struct arena *arena, struct str parent, const char *key) {
    if (parent.len == 0) return str_of(key);
    return arena_join(arena, parent, STR("."), str_of(key));
}

struct str model_key_path(struct arena *arena, struct str parent, struct str key) {
    bool is_plain = key.len > 0 && key.len <= 100;
    for (size_t i = 0; i < key.len && is_plain; i++) {
        char c = key.ptr[i];
        is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '$';
    }
    if (is_plain) return arena_join(arena, parent, parent.len ? STR(".") : STR_EMPTY, key);
    return arena_printf(arena, "%.*s[%s]", STR_ARG(parent), QUOTE(key));
}

struct str model_index_path(struct arena *arena, struct str list, size_t index) {
    return arena_printf(arena, "%.*s[%zu]", STR_ARG(list), index);
}

void model_wrong_type(struct findings *findings, struct str path, const yyjson_val *value, const char *expected) {
    yyjson_val *v = json_loose(value);
    if (yyjson_is_str(v))
        findings_add(findings, RULE_TYPE, path, value, "found the text %s; write %s", QUOTE(json_text(value)), expected);
    else if (yyjson_is_num(v))
        findings_add(findings, RULE_TYPE, path, value, "found the number %s; write %s", json_number(v).text, expected);
    else if (yyjson_is_bool(v))
        findings_add(findings, RULE_TYPE, path, value, "found %s; write %s", yyjson_get_bool(v) ? "true" : "false", expected);
    else if (yyjson_is_arr(v))
        findings_add(findings, RULE_TYPE, path, value, "found a list; write %s", expected);
    else if (yyjson_is_obj(v))
        findings_add(findings, RULE_TYPE, path, value, "found an object; write %s", expected);
    else
        findings_add(findings, RULE_TYPE, path, value, "found null; write %s", expected);
}

bool model_read_int64(struct findings *findings, struct str path, const yyjson_val *value, int64_t min, int64_t max, int64_t *out) {
    yyjson_val *v = json_loose(value);
    int64_t number = 0;
    bool is_int64 = json_int64(value, &number);
    double real = yyjson_is_real(v) ? yyjson_get_real(v) : 0;
    bool is_whole = is_int64 || yyjson_is_uint(v) || (yyjson_is_real(v) && (real >= 0x1p63 || real < -0x1p63));
    if (!is_whole) {
        model_wrong_type(findings, path, value, "a whole number");
        return false;
    }
    if (is_int64 && number >= min && number <= max) return *out = number, true;
    findings_add(findings, RULE_RANGE, path, value, "%s is out of range; write a number from %lld to %lld", json_number(value).text,
                 (long long)min, (long long)max);
    return false;
}

static struct str read_text(struct reader *reader, struct place place, const char *key) {
    yyjson_val *value = model_field(place.object, key);
    if (value && !yyjson_is_str(value))
        model_wrong_type(reader->findings, model_path(reader->arena, place.path, key), value, "a text in quotes");
    return json_text(value);
}

static bool read_bool(struct reader *reader, struct place place, const char *key) {
    yyjson_val *value = model_field(place.object, key);
    if (value && !yyjson_is_bool(value))
        model_wrong_type(reader->findings, model_path(reader->arena, place.path, key), value, "true or false");
    return json_bool_or(value, false);
}

static yyjson_val *read_object(struct reader *reader, struct place place, const char *key) {
    yyjson_val *value = model_field(place.object, key);
    if (!value || yyjson_is_obj(value)) return value;
    model_wrong_type(reader->findings, model_path(reader->arena, place.path, key), value, "an object");
    return NULL;
}

static yyjson_val *read_list(struct reader *reader, struct place place, const char *key) {
    yyjson_val *value = model_field(place.object, key);
    if (!value || yyjson_is_arr(value)) return value;
    model_wrong_type(reader->findings, model_path(reader->arena, place.path, key), value, "a list");
    return NULL;
}

/* True when the field is there and in range; else *out keeps its default. */
static bool read_int64(struct reader *reader, struct place place, const char *key, int64_t min, int64_t max, int64_t *out) {
    yyjson_val *value = model_field(place.object, key);
    return value && model_read_int64(reader->findings, model_path(reader->arena, place.path, key), value, min, max, out);
}

static bool read_duration(struct reader *reader, struct place place, const char *key, int64_t *out_ns) {
    yyjson_val *value = model_field(place.object, key);
    return value && model_read_duration(reader->findings, model_path(reader->arena, place.path, key), value, out_ns);
}

bool model_read_duration(struct findings *findings, struct str path, const yyjson_val *value, int64_t *out_ns) {
    if (!yyjson_is_str(json_loose(value))) {
        model_wrong_type(findings, path, value, "a duration in quotes, such as \"30s\"");
        return false;
    }
    if (duration_parse(json_text(value), out_ns, NULL)) return true;
    findings_add(findings, RULE_DURATION, path, value, "%s is no duration; write one like 30s, 5m or 1h30m", QUOTE(json_text(value)));
    return false;
}

/* Index of `text` among `names`, or `count`. */
static size_t index_of(struct str text, const char *const *names, size_t count) {
    size_t i = 0;
    while (i < count && !str_is(text, names[i])) i++;
    return i;
}

static enum backend_type read_backend_type(struct reader *reader, struct place place, struct str text) {
    size_t type = index_of(text, backend_type_names, BACKEND_TYPE_UNKNOWN);
    if (type == BACKEND_TYPE_UNKNOWN && text.len)
        findings_add(reader->findings, RULE_ENUM, model_path(reader->arena, place.path, "type"), json_get(place.object, "type"),
                     "%s is no backend type; write vLLM or vLLMDisaggregated", QUOTE(text));
    return (enum backend_type)type;
}

static enum worker_type read_worker_type(struct reader *reader, struct place place) {
    yyjson_val *value = model_field(place.object, "type");
    struct str text = read_text(reader, place, "type");
    if (!value) return WORKER_SERVER;
    size_t type = index_of(text, worker_type_names, WORKER_TYPE_UNKNOWN);
    if (type == WORKER_TYPE_UNKNOWN && yyjson_is_str(value))
        findings_add(reader->findings, RULE_ENUM, model_path(reader->arena, place.path, "type"), value,
                     "%s is no worker type; write server, or prefill and decode for vLLMDisaggregated", QUOTE(text));
    return (enum worker_type)type;
}

static void read_worker(struct reader *reader, struct place place, struct worker *out) {
    *out = (struct worker){.replicas = 1, .pods = 1, .value = place.object, .path = place.path};
    out->type = read_worker_type(reader, place);
    out->image = read_text(reader, place, "image");
    read_int64(reader, place, "replicas", 0, LIMIT_REPLICAS, &out->replicas);
    read_int64(reader, place, "pods", 0, LIMIT_REPLICAS, &out->pods);
    /* As Kthena's main does: a copy has an entry pod at least. */
    if (out->pods == 0) out->pods = 1;
    out->resources = read_object(reader, place, "resources");
    out->affinity = read_object(reader, place, "affinity");
    out->tolerations = read_list(reader, place, "tolerations");
    out->node_selector = read_object(reader, place, "nodeSelector");
    out->config = read_object(reader, place, "config");
}

static void read_lora_adapter(struct reader *reader, struct place place, struct lora_adapter *out) {
    out->value = place.object;
    out->name = read_text(reader, place, "name");
    out->artifact_url = read_text(reader, place, "artifactURL");
}

/*
 * Walks a list of objects: *out_items gets room for all of them, `read` is called for each. Items that are no objects become
 * findings and are passed over. Returns how many were read.
 */
#define READ_ITEMS(reader, place, key, out_items, read) read_items(reader, place, key, sizeof **(out_items), (void **)(out_items), read)

static size_t read_items(struct reader *reader, struct place place, const char *key, size_t item_bytes, void **out_items,
                         void (*read)(struct reader *, struct place, void *)) {
    yyjson_val *list = read_list(reader, place, key);
    struct str path = model_path(reader->arena, place.path, key);
    char *items = list ? arena_array(reader->arena, yyjson_arr_size(list) + 1, item_bytes) : NULL;
    if (!items) return 0;
    size_t count = 0, index, max;
    yyjson_val *value;
    yyjson_arr_foreach(list, index, max, value) {
        struct str item_path = model_index_path(reader->arena, path, index);
        if (yyjson_is_obj(value))
            read(reader, (struct place){value, item_path}, items + item_bytes * count++);
        else
            model_wrong_type(reader->findings, item_path, value, "an object");
    }
    *out_items = items;
    return count;
}

static void read_worker_item(struct reader *reader, struct place place, void *out) {
    read_worker(reader, place, out);
}

static void read_lora_adapter_item(struct reader *reader, struct place place, void *out) {
    read_lora_adapter(reader, place, out);
}

/* `replicas` stands for both bounds; a bound that is missing follows the other, so that nothing else stumbles over it. */
static void read_replicas(struct reader *reader, struct place place, struct backend *out) {
    int64_t replicas = 1;
    bool has_replicas = read_int64(reader, place, "replicas", 0, LIMIT_REPLICAS, &replicas);
    bool has_min = read_int64(reader, place, "minReplicas", 0, LIMIT_REPLICAS, &out->min_replicas);
    bool has_max = read_int64(reader, place, "maxReplicas", 1, LIMIT_REPLICAS, &out->max_replicas);
    if (!has_min) out->min_replicas = has_replicas || !has_max ? replicas : out->max_replicas;
    if (!has_max) out->max_replicas = has_replicas || !has_min ? replicas : out->min_replicas;
}

static void read_scaling(struct reader *reader, struct place place, bool has_model_policy, struct backend *out) {
    read_replicas(reader, place, out);
    out->has_scaling_cost = read_int64(reader, place, "scalingCost", 0, INT32_MAX, &out->scaling_cost);
    out->scale_to_zero_grace_period_ns = GRACE_PERIOD_DEFAULT_NS;
    out->has_scale_to_zero_grace_period =
        read_duration(reader, place, "scaleToZeroGracePeriod", &out->scale_to_zero_grace_period_ns) || has_model_policy;
    out->autoscaling_policy = read_object(reader, place, "autoscalingPolicy");
}

static void read_gang_policy(struct reader *reader, struct place place, struct backend *out) {
    struct place gang = {read_object(reader, place, "gangPolicy"), model_path(reader->arena, place.path, "gangPolicy")};
    out->gang_enabled = read_bool(reader, gang, "enabled");
    out->gang_min_role_replicas = read_object(reader, gang, "minRoleReplicas");
}

static void read_backend(struct reader *reader, struct place place, bool has_model_policy, struct backend *out) {
    *out = (struct backend){.route_weight = 100, .value = place.object, .path = place.path};
    out->name = read_text(reader, place, "name");
    out->type_text = read_text(reader, place, "type");
    out->type = read_backend_type(reader, place, out->type_text);
    out->model_uri = read_text(reader, place, "modelURI");
    out->cache_uri = read_text(reader, place, "cacheURI");
    out->env_from = read_list(reader, place, "envFrom");
    out->env = read_list(reader, place, "env");
    read_scaling(reader, place, has_model_policy, out);
    read_int64(reader, place, "routeWeight", 0, 100, &out->route_weight);
    out->scheduler_name = read_text(reader, place, "schedulerName");
    out->runtime_class_name = read_text(reader, place, "runtimeClassName");
    read_gang_policy(reader, place, out);
    out->network_topology = read_object(reader, place, "networkTopology");
    out->topology_spread = read_list(reader, place, "topologySpread");
    out->pod_template = read_object(reader, place, "podTemplate");
    out->worker_count = READ_ITEMS(reader, place, "workers", &out->workers, read_worker_item);
    out->lora_adapter_count = READ_ITEMS(reader, place, "loraAdapters", &out->lora_adapters, read_lora_adapter_item);
}

static void read_backend_item(struct reader *reader, struct place place, void *out) {
    read_backend(reader, place, false, out);
}

static void read_backend_item_under_policy(struct reader *reader, struct place place, void *out) {
    read_backend(reader, place, true, out);
}

static void read_backends(struct reader *reader, struct place spec, struct booster *out) {
    bool has_model_policy = out->autoscaling_policy != NULL;
    if (model_field(spec.object, "backends")) {
        out->backend_count =
            READ_ITEMS(reader, spec, "backends", &out->backends, has_model_policy ? read_backend_item_under_policy : read_backend_item);
        return;
    }
    struct place single = {read_object(reader, spec, "backend"), model_path(reader->arena, spec.path, "backend")};
    out->backends = single.object ? arena_array(reader->arena, 1, sizeof *out->backends) : NULL;
    if (!out->backends) return;
    read_backend(reader, single, has_model_policy, out->backends);
    out->backend_count = 1;
}

static void read_spec(struct reader *reader, struct place spec, struct booster *out) {
    out->spec_name = read_text(reader, spec, "name");
    out->owner = read_text(reader, spec, "owner");
    out->paused = read_bool(reader, spec, "paused");
    out->suspend = read_bool(reader, spec, "suspend");
    out->model_match = read_object(reader, spec, "modelMatch");
    out->autoscaling_policy = read_object(reader, spec, "autoscalingPolicy");
    out->cost_expansion_rate_percent = COST_EXPANSION_RATE_DEFAULT_PERCENT;
    out->has_cost_expansion_rate =
        read_int64(reader, spec, "costExpansionRatePercent", 0, 1000, &out->cost_expansion_rate_percent) || out->autoscaling_policy;
    read_backends(reader, spec, out);
}

static void read_metadata(struct reader *reader, struct place metadata, struct booster *out) {
    out->name = read_text(reader, metadata, "name");
    out->namespace = read_text(reader, metadata, "namespace");
    out->uid = read_text(reader, metadata, "uid");
    out->resource_version = read_text(reader, metadata, "resourceVersion");
    json_int64(json_get(metadata.object, "generation"), &out->generation);
    out->is_deleting = model_field(metadata.object, "deletionTimestamp") != NULL;
    yyjson_val *annotations = read_object(reader, metadata, "annotations");
    out->upgrade_now = json_is_text(json_get(annotations, ANNOTATION_UPGRADE), "now");
    out->allow_recreate = json_is_text(json_get(annotations, ANNOTATION_ALLOW_RECREATE), "true");
}

bool booster_read(struct arena *arena, yyjson_val *object, struct booster *out, struct findings *findings) {
    struct reader reader = {arena, findings};
    struct place top = {object, STR_EMPTY};
    *out = (struct booster){.object = object};
    if (!yyjson_is_obj(object)) model_wrong_type(findings, STR_EMPTY, object, "a ModelBooster");
    read_metadata(&reader, (struct place){read_object(&reader, top, "metadata"), STR("metadata")}, out);
    out->spec = read_object(&reader, top, "spec");
    read_spec(&reader, (struct place){out->spec, STR("spec")}, out);
    return !arena->exhausted;
}

size_t backend_roles(enum backend_type type, const struct role **out_roles) {
    static const struct role single[] = {{"leader", WORKER_SERVER}};
    static const struct role disaggregated[] = {{"prefill", WORKER_PREFILL}, {"decode", WORKER_DECODE}};
    *out_roles = type == BACKEND_VLLM ? single : disaggregated;
    if (type == BACKEND_VLLM) return sizeof single / sizeof *single;
    return type == BACKEND_VLLM_DISAGGREGATED ? sizeof disaggregated / sizeof *disaggregated : 0;
}

const struct worker *backend_worker(const struct backend *backend, enum worker_type type) {
    const struct worker *found = NULL;
    for (size_t i = 0; i < backend->worker_count; i++)
        if (backend->workers[i].type == type) found = &backend->workers[i];
    return found;
}

struct str booster_model_name(const struct booster *booster) {
    return booster->spec_name.len ? booster->spec_name : booster->name;
}

bool config_key_is(struct str key, const char *argument) {
    if (key.len != strlen(argument)) return false;
    for (size_t i = 0; i < key.len; i++)
        if ((key.ptr[i] == '_' ? '-' : key.ptr[i]) != argument[i]) return false;
    return true;
}

yyjson_val *worker_config(const struct worker *worker, const char *argument) {
    size_t index, max;
    yyjson_val *key, *value;
    yyjson_obj_foreach(worker ? worker->config : NULL, index, max, key, value) {
        if (config_key_is(json_text(key), argument)) return yyjson_is_null(value) ? NULL : value;
    }
    return NULL;
}

int64_t worker_port(const struct worker *worker) {
    yyjson_val *value = worker_config(worker, "port");
    int64_t port = ENGINE_PORT_DEFAULT;
    if (yyjson_is_str(value))
        number_parse_int64(json_text(value), &port);
    else
        json_int64(value, &port);
    return port;
}

int64_t backend_runtime_port(const struct backend *backend) {
    int64_t port = RUNTIME_PORT_DEFAULT;
    yyjson_val *entry = backend_env(backend, "RUNTIME_PORT");
    number_parse_int64(json_text(json_get(entry, "value")), &port);
    return port;
}

yyjson_val *backend_env(const struct backend *backend, const char *name) {
    size_t index, max;
    yyjson_val *entry;
    yyjson_arr_foreach(backend->env, index, max, entry) {
        if (json_is_text(json_get(entry, "name"), name)) return entry;
    }
    return NULL;
}

struct str backend_served_name(const struct booster *booster, const struct backend *backend) {
    static const enum worker_type order[] = {WORKER_SERVER, WORKER_DECODE, WORKER_PREFILL};
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        struct str name = json_text(worker_config(backend_worker(backend, order[i]), "served-model-name"));
        if (name.len) return name;
    }
    return booster->name;
}

yyjson_val *worker_kv_transfer(struct arena *arena, const struct worker *worker, struct error *error) {
    yyjson_val *value = worker_config(worker, "kv-transfer-config");
    if (!value || yyjson_is_obj(value)) return value;
    if (!yyjson_is_str(value)) {
        error_set(error, ERROR_INVALID, "neither an object nor its JSON");
        return NULL;
    }
    yyjson_val *parsed = json_parse(arena, json_text(value), error);
    if (parsed && !yyjson_is_obj(parsed)) error_set(error, ERROR_INVALID, "the JSON of something else than an object");
    return yyjson_is_obj(parsed) ? parsed : NULL;
}

enum kv_connector kv_connector_of(struct str kv_connector) {
    static const struct {
        const char *name;
        enum kv_connector connector;
    } known[] = {
        {"MooncakeConnectorV1", KV_CONNECTOR_MOONCAKE},
        {"MooncakeConnector", KV_CONNECTOR_MOONCAKE},
        {"LMCacheConnectorV1", KV_CONNECTOR_LMCACHE},
        {"NixlConnector", KV_CONNECTOR_NIXL},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (str_is(kv_connector, known[i].name)) return known[i].connector;
    return KV_CONNECTOR_NONE;
}
