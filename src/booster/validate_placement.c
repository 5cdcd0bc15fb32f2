#include "booster/checks.h"
#include "booster/names.h"

static const struct worker *role_worker(const struct backend *backend, struct str role) {
    const struct role *roles;
    size_t count = backend_roles(backend->type, &roles);
    for (size_t i = 0; i < count; i++)
        if (str_is(role, roles[i].name)) return backend_worker(backend, roles[i].worker);
    return NULL;
}

static bool is_role(const struct backend *backend, struct str name) {
    const struct role *roles;
    size_t count = backend_roles(backend->type, &roles);
    for (size_t i = 0; i < count; i++)
        if (str_is(name, roles[i].name)) return true;
    return false;
}

static void check_gang_role(const struct backend *backend, struct str path, yyjson_val *key, yyjson_val *value, struct findings *findings) {
    struct str role = json_text(key), at = model_key_path(findings->arena, path, role);
    const struct worker *worker = role_worker(backend, role);
    int64_t count;
    if (!is_role(backend, role)) {
        findings_add(findings, RULE_GANG_ROLE, at, key, "%s is no role of this backend; write %s", QUOTE(role),
                     backend->type == BACKEND_VLLM ? "leader" : "prefill or decode");
        return;
    }
    if (!model_read_int64(findings, at, value, 0, INT32_MAX, &count) || !worker || count <= worker->replicas) return;
    findings_add(findings, RULE_GANG_ROLE, at, value, "%lld can never start together, the worker has %lld replicas; write at most that",
                 (long long)count, (long long)worker->replicas);
}

static void check_gang(const struct backend *backend, struct findings *findings) {
    struct str path = model_path(findings->arena, model_path(findings->arena, backend->path, "gangPolicy"), "minRoleReplicas");
    const struct role *roles;
    size_t index, max;
    yyjson_val *key, *value;
    if (backend_roles(backend->type, &roles) == 0) return;
    if (!backend->gang_enabled && yyjson_obj_size(backend->gang_min_role_replicas) > 0)
        findings_add(findings, RULE_GANG_DISABLED, path, backend->gang_min_role_replicas,
                     "without effect; write enabled: true beside it, or remove it");
    yyjson_obj_foreach(backend->gang_min_role_replicas, index, max, key, value) check_gang_role(backend, path, key, value, findings);
}

static void check_tier(struct findings *findings, const yyjson_val *tier, struct str path) {
    static const char *const modes[] = {"hard", "soft"};
    enum { TIER_NAME_CHARACTERS = 253 };
    yyjson_val *name = model_field(tier, "highestTierName");
    struct str name_path = model_path(findings->arena, path, "highestTierName");
    int64_t ignored;
    check_int64(findings, tier, path, "highestTierAllowed", 0, INT32_MAX, &ignored);
    check_word(findings, tier, path, "mode", modes, 2, "hard or soft");
    if (name && !yyjson_is_str(name)) model_wrong_type(findings, name_path, name, "a text in quotes");
    if (json_text(name).len > TIER_NAME_CHARACTERS)
        findings_add(findings, RULE_NETWORK_TOPOLOGY, name_path, name, "%zu characters, more than %d; shorten it", json_text(name).len,
                     TIER_NAME_CHARACTERS);
    if (name && model_field(tier, "highestTierAllowed"))
        findings_add(findings, RULE_NETWORK_TOPOLOGY, name_path, name, "highestTierAllowed is there as well; keep one of them");
}

static void check_network_topology(const struct backend *backend, struct findings *findings) {
    yyjson_val *topology = backend->network_topology;
    struct str path = model_path(findings->arena, backend->path, "networkTopology");
    bool is_flat = model_field(topology, "highestTierAllowed") || model_field(topology, "mode") || model_field(topology, "highestTierName");
    bool has_policies = model_field(topology, "groupPolicy") || model_field(topology, "rolePolicy");
    if (is_flat && has_policies)
        findings_add(findings, RULE_NETWORK_TOPOLOGY, path, topology,
                     "both forms at once; write highestTierAllowed and mode, or groupPolicy and rolePolicy");
    check_tier(findings, topology, path);
    check_tier(findings, check_object(findings, topology, path, "groupPolicy"), model_path(findings->arena, path, "groupPolicy"));
    check_tier(findings, check_object(findings, topology, path, "rolePolicy"), model_path(findings->arena, path, "rolePolicy"));
}

static void check_constraint(struct findings *findings, const yyjson_val *constraint, struct str path) {
    static const char *const ways[] = {"DoNotSchedule", "ScheduleAnyway"};
    yyjson_val *key = model_field(constraint, "topologyKey");
    size_t count_before = findings->count;
    int64_t ignored;
    if (!model_field(constraint, "maxSkew"))
        findings_add(findings, RULE_TOPOLOGY_SPREAD, path, constraint, "maxSkew is missing; write 1 or more");
    if (json_text(key).len == 0)
        findings_add(findings, RULE_TOPOLOGY_SPREAD, path, constraint,
                     "topologyKey is missing; write a node label such as kubernetes.io/hostname");
    if (!model_field(constraint, "whenUnsatisfiable"))
        findings_add(findings, RULE_TOPOLOGY_SPREAD, path, constraint,
                     "whenUnsatisfiable is missing; write DoNotSchedule or ScheduleAnyway");
    check_int64(findings, constraint, path, "maxSkew", 1, INT32_MAX, &ignored);
    check_int64(findings, constraint, path, "minDomains", 1, INT32_MAX, &ignored);
    check_word(findings, constraint, path, "whenUnsatisfiable", ways, 2, "DoNotSchedule or ScheduleAnyway");
    check_object(findings, constraint, path, "labelSelector");
    if (findings->count == count_before && !model_field(constraint, "labelSelector"))
        findings_add(
            findings, RULE_TOPOLOGY_SPREAD_EMPTY, path, constraint,
            "labelSelector is missing, so that no pod is counted; write one, such as matchLabels with the label " LABEL_MODEL_NAME);
}

static void check_topology_spread(const struct backend *backend, struct findings *findings) {
    struct str path = model_path(findings->arena, backend->path, "topologySpread");
    size_t index, max;
    yyjson_val *constraint;
    yyjson_arr_foreach(backend->topology_spread, index, max, constraint) {
        struct str at = model_index_path(findings->arena, path, index);
        if (yyjson_is_obj(constraint))
            check_constraint(findings, constraint, at);
        else
            model_wrong_type(findings, at, constraint, "an object with maxSkew, topologyKey and whenUnsatisfiable");
    }
}

void check_placement(const struct backend *backend, struct findings *findings) {
    check_gang(backend, findings);
    check_network_topology(backend, findings);
    check_topology_spread(backend, findings);
}
