/*
 * A ModelBooster as the domain sees it: typed fields for what it understands, views into the document for what it
 * only passes on. Both spellings (spec.backends[] and spec.backend) are read into this one form, defaults of SPEC
 * section 2 applied. Everything points into the document and the arena it was read with.
 *
 *   struct booster --- backends[] --- workers[], lora_adapters[]
 */
#ifndef MB_BOOSTER_MODEL_H
#define MB_BOOSTER_MODEL_H

#include "booster/finding.h"
#include "data/json.h"

#define BACKEND_TYPES(X)                                                                                                                   \
    X(BACKEND_VLLM, "vLLM")                                                                                                                \
    X(BACKEND_VLLM_DISAGGREGATED, "vLLMDisaggregated")                                                                                     \
    X(BACKEND_SGLANG, "SGLang")                                                                                                            \
    X(BACKEND_MINDIE, "MindIE")                                                                                                            \
    X(BACKEND_MINDIE_DISAGGREGATED, "MindIEDisaggregated")

#define WORKER_TYPES(X)                                                                                                                    \
    X(WORKER_SERVER, "server")                                                                                                             \
    X(WORKER_PREFILL, "prefill")                                                                                                           \
    X(WORKER_DECODE, "decode")                                                                                                             \
    X(WORKER_CONTROLLER, "controller")                                                                                                     \
    X(WORKER_COORDINATOR, "coordinator")

enum backend_type {
#define BACKEND_ENUM(id, text) id,
    BACKEND_TYPES(BACKEND_ENUM)
#undef BACKEND_ENUM
        BACKEND_TYPE_UNKNOWN
};

enum worker_type {
#define WORKER_ENUM(id, text) id,
    WORKER_TYPES(WORKER_ENUM)
#undef WORKER_ENUM
        WORKER_TYPE_UNKNOWN
};

/* Defaults of SPEC section 2 and reference 5.8, 8, 13.2. */
#define ENGINE_PORT_DEFAULT                 8000
#define RUNTIME_PORT_DEFAULT                8100
#define COST_EXPANSION_RATE_DEFAULT_PERCENT 200
#define GRACE_PERIOD_DEFAULT_NS             (INT64_C(30) * 1000 * 1000 * 1000)

const char *backend_type_name(enum backend_type type);
const char *worker_type_name(enum worker_type type);

struct lora_adapter {
    struct str name;
    struct str artifact_url;
    yyjson_val *value;
};

struct worker {
    enum worker_type type; /* default server */
    struct str image;
    int64_t replicas;                                               /* default 1 (D24) */
    int64_t pods;                                                   /* default 1 (D25); a 0 is read as 1 */
    yyjson_val *resources, *affinity, *tolerations, *node_selector; /* NULL where absent */
    yyjson_val *config;                                             /* object of engine arguments, or NULL */
    yyjson_val *value;
    struct str path; /* "spec.backends[0].workers[1]" */
};

struct backend {
    struct str name;
    enum backend_type type;
    struct str type_text;
    struct str model_uri, cache_uri;
    yyjson_val *env_from, *env; /* arrays or NULL */
    int64_t min_replicas, max_replicas;
    bool has_scaling_cost, has_scale_to_zero_grace_period; /* the latter always with a model-level policy: default 30 s */
    int64_t scaling_cost;
    int64_t scale_to_zero_grace_period_ns;
    int64_t route_weight; /* 0..100, default 100 */
    struct worker *workers;
    size_t worker_count;
    struct lora_adapter *lora_adapters;
    size_t lora_adapter_count;
    yyjson_val *autoscaling_policy; /* NULL where absent */
    struct str scheduler_name, runtime_class_name;
    bool gang_enabled;
    yyjson_val *gang_min_role_replicas; /* object role -> count, or NULL */
    yyjson_val *network_topology, *topology_spread, *pod_template;
    yyjson_val *value;
    struct str path; /* "spec.backends[0]" or "spec.backend" */
};

struct booster {
    struct str namespace, name, uid, resource_version;
    int64_t generation;
    bool is_deleting;
    bool upgrade_now;    /* annotation ANNOTATION_UPGRADE: now */
    bool allow_recreate; /* annotation ANNOTATION_ALLOW_RECREATE: "true" */
    struct str spec_name, owner;
    bool paused, suspend;
    yyjson_val *model_match;
    yyjson_val *autoscaling_policy;      /* model level; NULL where absent */
    bool has_cost_expansion_rate;        /* always with a model-level policy */
    int64_t cost_expansion_rate_percent; /* default 200 with a model-level policy */
    struct backend *backends;
    size_t backend_count;
    yyjson_val *object, *spec;
};

/*
 * Reads the object. Values of the wrong type become findings (and the field its default), so a struct is filled in every
 * case but exhaustion of the arena: then false. Nothing is checked beyond types and ranges of the fields themselves;
 * rules between fields are validate.h's.
 */
bool booster_read(struct arena *arena, yyjson_val *object, struct booster *out, struct findings *findings);
/* Roles of a backend type as the ModelServing names them, each with the worker that it comes from. */
struct role {
    const char *name;
    enum worker_type worker;
};
/* Types that are not built have none. */
size_t backend_roles(enum backend_type type, const struct role **out_roles);
/* The worker of this type, or NULL; of several the last, as Kthena has it. */
const struct worker *backend_worker(const struct backend *backend, enum worker_type type);
/* ModelRoute's modelName: spec.name, else metadata.name (D31). */
struct str booster_model_name(const struct booster *booster);

/* Does this key of `config` stand for the argument (`_` counts as `-`)? */
bool config_key_is(struct str key, const char *argument);
/* The value of an argument ("served-model-name") in the worker's config; NULL where it is absent, null, or `worker` is NULL. */
yyjson_val *worker_config(const struct worker *worker, const char *argument);
/* `port` of the worker's config, a number or its text; else ENGINE_PORT_DEFAULT. */
int64_t worker_port(const struct worker *worker);
/* The backend's env entry of this name, or NULL. */
yyjson_val *backend_env(const struct backend *backend, const char *name);
/* The value of RUNTIME_PORT in env where it is a number; else RUNTIME_PORT_DEFAULT. */
int64_t backend_runtime_port(const struct backend *backend);
/* served-model-name of the server, else of decode, else of prefill; else metadata.name. */
struct str backend_served_name(const struct booster *booster, const struct backend *backend);

/* What the router is told about a disaggregated backend (SPEC section 3); "mooncake", "lmcache", "nixl". */
enum kv_connector { KV_CONNECTOR_NONE, KV_CONNECTOR_MOONCAKE, KV_CONNECTOR_LMCACHE, KV_CONNECTOR_NIXL };
enum kv_connector kv_connector_of(struct str kv_connector);
/* The worker's kv-transfer-config, written as an object or as its JSON; NULL where there is none or it is neither (and *error says so). */
yyjson_val *worker_kv_transfer(struct arena *arena, const struct worker *worker, struct error *error);

/* For those who read further fields of the document (validate_*.c): */
/* object[key], with null counted as absent. */
yyjson_val *model_field(const yyjson_val *object, const char *key);
/* "parent.key" in the arena. */
struct str model_path(struct arena *arena, struct str parent, const char *key);
/* "parent.key", or parent["key"] where the key has other characters than letters, digits, - and _ (escaped). */
struct str model_key_path(struct arena *arena, struct str parent, struct str key);
/* "list[index]" in the arena. */
struct str model_index_path(struct arena *arena, struct str list, size_t index);
/* Adds RULE_TYPE; `expected` completes "write ...". */
void model_wrong_type(struct findings *findings, struct str path, const yyjson_val *value, const char *expected);
/* True and *out when `value` is a whole number from min to max; else a finding. */
bool model_read_int64(struct findings *findings, struct str path, const yyjson_val *value, int64_t min, int64_t max, int64_t *out);
/* True and *out when `value` is a duration; else a finding. */
bool model_read_duration(struct findings *findings, struct str path, const yyjson_val *value, int64_t *out_ns);

#endif
