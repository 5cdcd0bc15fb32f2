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

#define BACKEND_TYPES(X)                                    \
    X(BACKEND_VLLM, "vLLM")                                 \
    X(BACKEND_VLLM_DISAGGREGATED, "vLLMDisaggregated")      \
    X(BACKEND_SGLANG, "SGLang")                             \
    X(BACKEND_MINDIE, "MindIE")                             \
    X(BACKEND_MINDIE_DISAGGREGATED, "MindIEDisaggregated")

#define WORKER_TYPES(X)                  \
    X(WORKER_SERVER, "server")           \
    X(WORKER_PREFILL, "prefill")         \
    X(WORKER_DECODE, "decode")           \
    X(WORKER_CONTROLLER, "controller")   \
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
    int64_t replicas;      /* default 1 (D24) */
    int64_t pods;          /* default 1 (D25) */
    yyjson_val *resources, *affinity, *tolerations, *node_selector; /* NULL where absent */
    yyjson_val *config;    /* object of engine arguments, or NULL */
    yyjson_val *value;
    struct str path;       /* "spec.backends[0].workers[1]" */
};

struct backend {
    struct str name;
    enum backend_type type;
    struct str type_text;
    struct str model_uri, cache_uri;
    yyjson_val *env_from, *env; /* arrays or NULL */
    int64_t min_replicas, max_replicas;
    bool has_scaling_cost, has_scale_to_zero_grace_period;
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
    yyjson_val *autoscaling_policy; /* model level; NULL where absent */
    bool has_cost_expansion_rate;
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
/* The first worker of this type, or NULL. */
const struct worker *backend_worker(const struct backend *backend, enum worker_type type);
/* ModelRoute's modelName: spec.name, else metadata.name (D31). */
struct str booster_model_name(const struct booster *booster);

#endif
