/*
 * Every rule on a ModelBooster, one row each: enum value, stable id, severity, and in one line what it asks for.
 *
 *   001-009  shape of single fields        080-099  autoscaling
 *   010-019  names                         100-109  gang, topology
 *   020-029  backends and their sources    110-119  podTemplate
 *   030-039  environment and ports         120-129  backend types
 *   040-049  workers
 *   050-059  engine arguments (config)
 *   060-079  routing and LoRA adapters
 *
 * An id is never used again for another rule. docs/rules.md lists the same ids with the remedy for each.
 */
#ifndef MB_BOOSTER_RULES_H
#define MB_BOOSTER_RULES_H

#include <stdbool.h>

#define RULES(X)                                                                                                                           \
    X(RULE_TYPE, "MB001", SEVERITY_ERROR, "a field holds a value of its type")                                                             \
    X(RULE_UNKNOWN_FIELD, "MB002", SEVERITY_ERROR, "a field is one that some version of the ModelBooster has")                             \
    X(RULE_RANGE, "MB003", SEVERITY_ERROR, "a number, or the length of a list, is within its range")                                       \
    X(RULE_REQUIRED, "MB004", SEVERITY_ERROR, "a required field is present and not empty")                                                 \
    X(RULE_ENUM, "MB005", SEVERITY_ERROR, "a word is one of the words the field knows")                                                    \
    X(RULE_DURATION, "MB006", SEVERITY_ERROR, "a duration is written like 30s, 5m or 1h30m")                                               \
    X(RULE_QUANTITY, "MB007", SEVERITY_ERROR, "a quantity is written like 2, 500m or 8Gi")                                                 \
    X(RULE_API_VERSION, "MB008", SEVERITY_ERROR, "apiVersion and kind are those of a ModelBooster")                                        \
    X(RULE_NAME, "MB010", SEVERITY_ERROR, "a name has lower-case letters, digits and inner dashes only")                                   \
    X(RULE_NAME_LENGTH, "MB011", SEVERITY_ERROR, "spec.name has at most 64 characters")                                                    \
    X(RULE_CHILD_NAME, "MB012", SEVERITY_ERROR, "<model>-<backend> is a DNS-1035 label of at most 63 characters")                          \
    X(RULE_POD_NAME, "MB013", SEVERITY_ERROR, "the longest pod name has at most 63 characters")                                            \
    X(RULE_DUPLICATE_BACKEND, "MB014", SEVERITY_ERROR, "backend names are unique")                                                         \
    X(RULE_BOOSTER_REPEATED, "MB015", SEVERITY_ERROR, "a ModelBooster is in the input once")                                               \
    X(RULE_CHILD_COLLISION, "MB016", SEVERITY_ERROR, "no two ModelBoosters of a namespace make a child of the same name")                  \
    X(RULE_METADATA, "MB017", SEVERITY_ERROR, "labels, annotations and finalizers of metadata are such as Kubernetes takes")               \
    X(RULE_SPELLING, "MB020", SEVERITY_ERROR, "exactly one of spec.backends and spec.backend is present")                                  \
    X(RULE_REPLICAS_DISAGREE, "MB021", SEVERITY_ERROR, "replicas agrees with minReplicas and maxReplicas")                                 \
    X(RULE_MIN_OVER_MAX, "MB022", SEVERITY_ERROR, "minReplicas is not greater than maxReplicas")                                           \
    X(RULE_REPLICAS_SUM, "MB023", SEVERITY_ERROR, "all maxReplicas add up to at most 1000000")                                             \
    X(RULE_SOURCE_URI, "MB024", SEVERITY_ERROR, "a model or adapter comes from hf://, s3://, obs://, ms:// or pvc://")                     \
    X(RULE_CACHE_URI, "MB025", SEVERITY_ERROR, "a cache is a hostpath:// path or a pvc:// claim that can be mounted")                      \
    X(RULE_RELATIVE_PATH, "MB026", SEVERITY_WARNING, "a hostpath:// cache has an absolute path")                                           \
    X(RULE_ENV_NAME, "MB030", SEVERITY_ERROR, "a variable's name is not empty and has no equals sign")                                     \
    X(RULE_ENV_DUPLICATE, "MB031", SEVERITY_ERROR, "a variable is named once")                                                             \
    X(RULE_ENV_VALUE, "MB032", SEVERITY_ERROR, "a variable has value or valueFrom, not both")                                              \
    X(RULE_RUNTIME_PORT, "MB033", SEVERITY_ERROR, "RUNTIME_PORT is between 1 and 65535")                                                   \
    X(RULE_RUNTIME_PORT_IGNORED, "MB034", SEVERITY_WARNING, "RUNTIME_PORT is a number")                                                    \
    X(RULE_PORT_TAKEN, "MB035", SEVERITY_ERROR, "engine, runtime and KV events use different ports")                                       \
    X(RULE_WORKER_TYPE, "MB040", SEVERITY_ERROR, "workers are of the types that the backend type runs")                                    \
    X(RULE_WORKER_MISSING, "MB041", SEVERITY_ERROR, "every role that the backend type needs has a worker")                                 \
    X(RULE_WORKER_COUNT, "MB042", SEVERITY_ERROR, "a backend that is not disaggregated has one worker")                                    \
    X(RULE_WORKER_REPEATED, "MB043", SEVERITY_WARNING, "a role of a disaggregated backend has one worker")                                 \
    X(RULE_IMAGE, "MB044", SEVERITY_ERROR, "a worker's image is not blank and has no blanks")                                              \
    X(RULE_RESOURCES, "MB045", SEVERITY_ERROR, "requests stay within limits, and no amount is negative")                                   \
    X(RULE_NO_PODS, "MB046", SEVERITY_WARNING, "a worker has at least one replica and one pod")                                            \
    X(RULE_CONFIG_KEY, "MB050", SEVERITY_ERROR, "a key of config can be the name of an argument")                                          \
    X(RULE_CONFIG_COLLISION, "MB051", SEVERITY_ERROR, "no two keys of config are the same argument")                                       \
    X(RULE_CONFIG_HOST, "MB052", SEVERITY_ERROR, "host in config is 0.0.0.0 or ::")                                                        \
    X(RULE_CONFIG_PORT, "MB053", SEVERITY_ERROR, "port in config is between 1 and 65535, the same for both roles")                         \
    X(RULE_CONFIG_PORT_UNUSUAL, "MB054", SEVERITY_WARNING, "port in config is 8000")                                                       \
    X(RULE_CONFIG_MODEL, "MB055", SEVERITY_WARNING, "config leaves the model to modelURI")                                                 \
    X(RULE_SERVED_NAME, "MB056", SEVERITY_ERROR, "served-model-name is a text, the same for both roles")                                   \
    X(RULE_SERVED_NAME_LENGTH, "MB057", SEVERITY_ERROR, "the served model name has at most 256 characters")                                \
    X(RULE_KV_TRANSFER, "MB058", SEVERITY_ERROR, "kv-transfer-config is an object or its JSON, the same connector for both")               \
    X(RULE_KV_CONNECTOR_UNKNOWN, "MB059", SEVERITY_WARNING, "the router knows the KV connector")                                           \
    X(RULE_ROUTE_ADAPTERS, "MB060", SEVERITY_ERROR, "a ModelRoute has at most 10 LoRA adapters")                                           \
    X(RULE_ROUTE_RULES, "MB061", SEVERITY_ERROR, "a ModelRoute has at most 16 rules")                                                      \
    X(RULE_ROUTE_TARGETS, "MB062", SEVERITY_ERROR, "a rule has at most 16 targets")                                                        \
    X(RULE_ADAPTER_NAME, "MB063", SEVERITY_ERROR, "no LoRA adapter is named like the model")                                               \
    X(RULE_ADAPTER_DUPLICATE, "MB064", SEVERITY_ERROR, "LoRA adapters of a backend have different names")                                  \
    X(RULE_ADAPTER_UNREACHABLE, "MB065", SEVERITY_WARNING, "a LoRA adapter is on a backend with a weight above 0")                         \
    X(RULE_WEIGHTS, "MB066", SEVERITY_ERROR, "some backend has a routeWeight above 0")                                                     \
    X(RULE_CONFIG_ADAPTERS, "MB067", SEVERITY_WARNING, "config leaves LoRA adapters to loraAdapters where there are any")                  \
    X(RULE_STRING_MATCH, "MB070", SEVERITY_WARNING, "a match has one of exact, prefix and regex")                                          \
    X(RULE_MATCH_MODEL, "MB071", SEVERITY_WARNING, "modelMatch leaves the model's name to the route")                                      \
    X(RULE_POLICY_LEVELS, "MB080", SEVERITY_ERROR, "policies are at model level or at backend level")                                      \
    X(RULE_POLICY_SCOPE, "MB081", SEVERITY_ERROR, "a field for a policy at model level comes with one")                                    \
    X(RULE_POLICY_REPLICAS, "MB082", SEVERITY_ERROR, "the bounds of replicas leave the policy a replica to measure")                       \
    X(RULE_SCALING_COST, "MB083", SEVERITY_ERROR, "under a policy at model level every backend has a scalingCost")                         \
    X(RULE_POLICY_METRICS, "MB084", SEVERITY_ERROR, "a policy has metrics, each named once")                                               \
    X(RULE_TARGET_VALUE, "MB085", SEVERITY_ERROR, "a metric's targetValue is above 0")                                                     \
    X(RULE_POLICY_DURATION, "MB086", SEVERITY_ERROR, "a policy's durations are between 0 and 30 minutes")                                  \
    X(RULE_PANIC_PERIOD, "MB087", SEVERITY_ERROR, "a panicPolicy has a period")                                                            \
    X(RULE_GRACE_PERIOD, "MB088", SEVERITY_ERROR, "scaleToZeroGracePeriod is between 0 and 30 minutes")                                    \
    X(RULE_POLICY_DISAGGREGATED, "MB089", SEVERITY_WARNING, "a policy is on backends with a role leader")                                  \
    X(RULE_GANG_ROLE, "MB100", SEVERITY_ERROR, "gangPolicy names roles of its backend, at most their replicas")                            \
    X(RULE_GANG_DISABLED, "MB101", SEVERITY_WARNING, "minRoleReplicas comes with enabled: true")                                           \
    X(RULE_NETWORK_TOPOLOGY, "MB102", SEVERITY_ERROR, "networkTopology has one of its two forms")                                          \
    X(RULE_TOPOLOGY_SPREAD, "MB103", SEVERITY_ERROR, "topologySpread is a list of constraints as pods have them")                          \
    X(RULE_TOPOLOGY_SPREAD_EMPTY, "MB104", SEVERITY_WARNING, "a constraint of topologySpread says which pods it counts")                   \
    X(RULE_POD_TEMPLATE_OWNED, "MB110", SEVERITY_ERROR, "podTemplate leaves what is generated alone")                                      \
    X(RULE_POD_TEMPLATE_ANNOTATIONS, "MB111", SEVERITY_WARNING, "podTemplate has no annotations")                                          \
    X(RULE_POD_TEMPLATE_LABEL, "MB112", SEVERITY_ERROR, "a label of podTemplate is one that Kubernetes takes")                             \
    X(RULE_POD_TEMPLATE_CONTAINER, "MB113", SEVERITY_ERROR,                                                                                \
      "a container or volume of podTemplate is named once, and complete where it is new")                                                  \
    X(RULE_POD_TEMPLATE_DIRECTIVE, "MB114", SEVERITY_ERROR, "podTemplate has no $patch or other directives")                               \
    X(RULE_UNSUPPORTED, "MB120", SEVERITY_UNSUPPORTED, "the backend type is vLLM or vLLMDisaggregated")

enum rule {
#define RULE_ENUM_ROW(rule, id, severity, summary) rule,
    RULES(RULE_ENUM_ROW)
#undef RULE_ENUM_ROW
        RULE_COUNT
};

enum severity {
    SEVERITY_ERROR,
    SEVERITY_UNSUPPORTED, /* an error too: valid, but not built here (Failed=UnsupportedBackend) */
    SEVERITY_WARNING,     /* never makes an object invalid */
};

const char *rule_id(enum rule rule);      /* "MB012" */
const char *rule_summary(enum rule rule); /* what holds where the rule is kept */
bool rule_is_warning(enum rule rule);
bool rule_is_unsupported(enum rule rule);

#endif
