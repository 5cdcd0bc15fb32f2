#include "base/limits.h"
#include "booster/checks.h"
#include "data/duration.h"
#include "data/key_set.h"

/* Reference 13.1 and 13.3. */
#define LONGEST_NS (INT64_C(30) * 60 * 1000 * 1000 * 1000)

struct range {
    const char *key;
    int64_t min, max;
};

static void check_range(struct findings *findings, const yyjson_val *object, struct str path, struct range range) {
    int64_t ignored;
    check_int64(findings, object, path, range.key, range.min, range.max, &ignored);
}

static void check_within(struct findings *findings, enum rule rule, struct str path, const yyjson_val *value, int64_t ns) {
    if (ns >= 0 && ns <= LONGEST_NS) return;
    findings_add(findings, rule, path, value, "%s is out of range; write a duration from 0s to 30m", QUOTE(json_text(value)));
}

static void check_duration(struct findings *findings, const yyjson_val *object, struct str path, const char *key) {
    yyjson_val *value = model_field(object, key);
    struct str at = model_path(findings->arena, path, key);
    int64_t ns;
    if (value && model_read_duration(findings, at, value, &ns)) check_within(findings, RULE_POLICY_DURATION, at, value, ns);
}

static void check_stable_policy(struct findings *findings, const yyjson_val *policy, struct str path) {
    static const char *const words[] = {"Or", "And"};
    check_range(findings, policy, path, (struct range){"instances", 0, INT32_MAX});
    check_range(findings, policy, path, (struct range){"percent", 0, 1000});
    check_duration(findings, policy, path, "period");
    check_word(findings, policy, path, "selectPolicy", words, 2, "Or or And");
    check_duration(findings, policy, path, "stabilizationWindow");
}

static void check_panic_policy(struct findings *findings, const yyjson_val *policy, struct str path) {
    if (!policy) return;
    check_range(findings, policy, path, (struct range){"percent", 0, 1000});
    check_range(findings, policy, path, (struct range){"panicThresholdPercent", 110, 1000});
    check_duration(findings, policy, path, "panicModeHold");
    check_duration(findings, policy, path, "period");
    if (!model_field(policy, "period"))
        findings_add(findings, RULE_PANIC_PERIOD, model_path(findings->arena, path, "period"), policy,
                     "missing; write how long one step of panic scaling takes, such as 30s");
}

static void check_behavior(struct findings *findings, const yyjson_val *policy, struct str path) {
    yyjson_val *behavior = check_object(findings, policy, path, "behavior");
    struct str behavior_path = model_path(findings->arena, path, "behavior");
    yyjson_val *down = check_object(findings, behavior, behavior_path, "scaleDown"),
               *up = check_object(findings, behavior, behavior_path, "scaleUp");
    struct str up_path = model_path(findings->arena, behavior_path, "scaleUp");
    check_stable_policy(findings, down, model_path(findings->arena, behavior_path, "scaleDown"));
    check_stable_policy(findings, check_object(findings, up, up_path, "stablePolicy"),
                        model_path(findings->arena, up_path, "stablePolicy"));
    check_panic_policy(findings, check_object(findings, up, up_path, "panicPolicy"), model_path(findings->arena, up_path, "panicPolicy"));
}

static void check_target_value(struct findings *findings, const yyjson_val *metric, struct str path) {
    yyjson_val *value = model_field(metric, "targetValue");
    struct str at = model_path(findings->arena, path, "targetValue");
    struct quantity target;
    if (!value)
        findings_add(findings, RULE_REQUIRED, at, metric, "missing; write the value to keep per replica, such as 4 or \"500m\"");
    else if (check_quantity(findings, at, value, &target) && !quantity_is_positive(target))
        findings_add(findings, RULE_TARGET_VALUE, at, value, "not above 0; write a value above 0 to keep per replica");
}

static void check_metric(struct findings *findings, const yyjson_val *metric, struct str path, size_t at, struct key_set *names) {
    yyjson_val *name = model_field(metric, "metricName");
    struct str name_path = model_path(findings->arena, path, "metricName");
    check_target_value(findings, metric, path);
    if (!check_required_text(findings, metric, path, "metricName", "the metric's name, such as kthena:num_requests_waiting")) return;
    bool is_new;
    struct key_slot *slot = key_set_add(names, json_text(name), at, &is_new);
    if (!is_new)
        findings_add(findings, RULE_POLICY_METRICS, name_path, name, "%s is the metric of metrics[%zu] already; keep one",
                     QUOTE(json_text(name)), slot->item);
}

static void check_metrics(struct findings *findings, const yyjson_val *policy, struct str path) {
    yyjson_val *metrics = check_list(findings, policy, path, "metrics");
    struct str metrics_path = model_path(findings->arena, path, "metrics");
    size_t index, max;
    yyjson_val *metric;
    struct key_set names = {0};
    if (yyjson_arr_size(metrics) == 0 && (metrics || !model_field(policy, "metrics")))
        findings_add(findings, RULE_POLICY_METRICS, metrics_path, metrics ? metrics : policy,
                     "%s; write at least one metric with its targetValue", metrics ? "empty" : "missing");
    if (!metrics || !key_set_start(&names, findings->arena, yyjson_arr_size(metrics))) return;
    yyjson_arr_foreach(metrics, index, max, metric) {
        struct str metric_path = model_index_path(findings->arena, metrics_path, index);
        if (yyjson_is_obj(metric))
            check_metric(findings, metric, metric_path, index, &names);
        else
            model_wrong_type(findings, metric_path, metric, "an object with metricName and targetValue");
    }
}

static void check_policy(struct findings *findings, const yyjson_val *policy, struct str path) {
    if (!policy) return;
    check_range(findings, policy, path, (struct range){"tolerancePercent", 0, 100});
    check_metrics(findings, policy, path);
    check_behavior(findings, policy, path);
}

/* Reference 13.1.4, without a policy at model level. */
static void check_without_model_policy(const struct backend *backend, struct findings *findings) {
    if (backend->has_scaling_cost && backend->scaling_cost != 0)
        findings_add(findings, RULE_POLICY_SCOPE, model_path(findings->arena, backend->path, "scalingCost"),
                     json_get(backend->value, "scalingCost"),
                     "only a policy at model level weighs costs; remove it or write spec.autoscalingPolicy");
    if (backend->has_scale_to_zero_grace_period)
        findings_add(findings, RULE_POLICY_SCOPE, model_path(findings->arena, backend->path, "scaleToZeroGracePeriod"),
                     json_get(backend->value, "scaleToZeroGracePeriod"),
                     "only a policy at model level scales to zero; remove it or write spec.autoscalingPolicy");
    if (backend->autoscaling_policy && backend->min_replicas < 1)
        findings_add(findings, RULE_POLICY_REPLICAS, model_path(findings->arena, backend->path, "minReplicas"), backend->value,
                     "a backend with its own policy keeps at least 1 replica; write minReplicas: 1 or more");
}

static void check_with_model_policy(const struct backend *backend, struct findings *findings) {
    if (backend->scaling_cost == 0 && (backend->has_scaling_cost || !model_field(backend->value, "scalingCost")))
        findings_add(findings, RULE_SCALING_COST, model_path(findings->arena, backend->path, "scalingCost"), backend->value,
                     "%s; write what a replica costs relative to the other backends, 1 or more",
                     backend->has_scaling_cost ? "0" : "missing");
    if (backend->max_replicas < 1)
        findings_add(findings, RULE_POLICY_REPLICAS, model_path(findings->arena, backend->path, "replicas"), backend->value,
                     "a policy needs room to scale; write minReplicas and a maxReplicas of 1 or more");
}

static void check_levels(const struct booster *booster, struct findings *findings) {
    bool has_backend_policy = false;
    int64_t min_sum = 0;
    for (size_t i = 0; i < booster->backend_count; i++) {
        const struct backend *backend = &booster->backends[i];
        has_backend_policy |= backend->autoscaling_policy != NULL;
        min_sum += backend->min_replicas;
        if (!backend->autoscaling_policy || !booster->autoscaling_policy) continue;
        findings_add(findings, RULE_POLICY_LEVELS, model_path(findings->arena, backend->path, "autoscalingPolicy"),
                     backend->autoscaling_policy,
                     "spec.autoscalingPolicy is there as well; keep the one for all backends or those of single backends");
    }
    if (booster->autoscaling_policy && booster->backend_count && !has_backend_policy && min_sum < 1)
        findings_add(findings, RULE_POLICY_REPLICAS, model_path(findings->arena, booster->backends[0].path, "minReplicas"),
                     booster->backends[0].value,
                     "all minReplicas add up to 0, and nothing is left to measure; write at least 1 for one backend");
    for (size_t i = 0; i < booster->backend_count && !(booster->autoscaling_policy && has_backend_policy); i++) {
        if (booster->autoscaling_policy)
            check_with_model_policy(&booster->backends[i], findings);
        else
            check_without_model_policy(&booster->backends[i], findings);
    }
}

static void check_grace_period(const struct backend *backend, struct findings *findings) {
    yyjson_val *value = model_field(backend->value, "scaleToZeroGracePeriod");
    int64_t ns;
    if (value && duration_parse(json_text(value), &ns, NULL))
        check_within(findings, RULE_GRACE_PERIOD, model_path(findings->arena, backend->path, "scaleToZeroGracePeriod"), value, ns);
}

void check_policies(const struct booster *booster, struct findings *findings) {
    check_policy(findings, booster->autoscaling_policy, STR("spec.autoscalingPolicy"));
    check_levels(booster, findings);
    if (!booster->autoscaling_policy && booster->has_cost_expansion_rate)
        findings_add(findings, RULE_POLICY_SCOPE, STR("spec.costExpansionRatePercent"), json_get(booster->spec, "costExpansionRatePercent"),
                     "only a policy at model level weighs costs; remove it or write spec.autoscalingPolicy");
    for (size_t i = 0; i < booster->backend_count; i++) {
        const struct backend *backend = &booster->backends[i];
        check_policy(findings, backend->autoscaling_policy, model_path(findings->arena, backend->path, "autoscalingPolicy"));
        check_grace_period(backend, findings);
        if (backend->type == BACKEND_VLLM_DISAGGREGATED && (backend->autoscaling_policy || booster->autoscaling_policy))
            findings_add(findings, RULE_POLICY_DISAGGREGATED, model_path(findings->arena, backend->path, "type"),
                         json_get(backend->value, "type"),
                         "the autoscaler of Kthena 0.1 looks for a role leader, which prefill and decode are not; without a newer one, "
                         "remove the policy");
    }
}
