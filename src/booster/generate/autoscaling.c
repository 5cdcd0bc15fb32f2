#include "booster/generate/parts.h"

/* One field of a policy and what it is where the user leaves it out (reference 13.2): a partial one crashes Kthena's autoscaler (D40). */
struct field {
    const char *key;
    const char *text; /* NULL: `number` */
    int64_t number;
};

static const struct field scale_down_fields[] = {
    {"instances", NULL, 0}, {"percent", NULL, 100}, {"period", "1m", 0}, {"selectPolicy", "Or", 0}, {"stabilizationWindow", "5m", 0},
};

static const struct field stable_fields[] = {
    {"instances", NULL, 4}, {"percent", NULL, 100}, {"period", "1m", 0}, {"selectPolicy", "Or", 0}, {"stabilizationWindow", "0s", 0},
};

static const struct field panic_fields[] = {
    {"panicModeHold", "0s", 0},
    {"panicThresholdPercent", NULL, 200},
    {"percent", NULL, 0},
    {"period", "0s", 0},
};

enum { TOLERANCE_DEFAULT_PERCENT = 10 };

static void add_field(const struct build *build, yyjson_mut_val *object, const yyjson_val *given, const struct field *field) {
    yyjson_val *value = model_field(given, field->key);
    if (value)
        json_add_copy(build->doc, object, field->key, value);
    else if (field->text)
        yyjson_mut_obj_add_str(build->doc, object, field->key, field->text);
    else
        json_add_int64(build->doc, object, field->key, field->number);
}

#define ADD_PART(build, parent, key, given, fields) add_part(build, parent, key, given, fields, sizeof(fields) / sizeof *(fields))

static void add_part(const struct build *build, yyjson_mut_val *parent, const char *key, const yyjson_val *given,
                     const struct field *fields, size_t count) {
    yyjson_mut_val *part = yyjson_mut_obj_add_obj(build->doc, parent, key);
    for (size_t i = 0; i < count; i++) add_field(build, part, json_get(given, key), &fields[i]);
}

yyjson_mut_val *policy_spec(const struct build *build, const yyjson_val *given) {
    static const struct field tolerance = {"tolerancePercent", NULL, TOLERANCE_DEFAULT_PERCENT};
    yyjson_val *behavior = json_get(given, "behavior"), *up = json_get(behavior, "scaleUp");
    yyjson_mut_val *spec = yyjson_mut_obj(build->doc);
    yyjson_mut_val *whole = yyjson_mut_obj_add_obj(build->doc, spec, "behavior");
    ADD_PART(build, whole, "scaleDown", behavior, scale_down_fields);
    yyjson_mut_val *scale_up = yyjson_mut_obj_add_obj(build->doc, whole, "scaleUp");
    ADD_PART(build, scale_up, "panicPolicy", up, panic_fields);
    ADD_PART(build, scale_up, "stablePolicy", up, stable_fields);
    json_add_copy(build->doc, spec, "metrics", json_get(given, "metrics"));
    add_field(build, spec, given, &tolerance);
    return spec;
}

static void add_bounds(const struct build *build, const struct backend *backend, yyjson_mut_val *object) {
    json_add_int64(build->doc, object, "maxReplicas", backend->max_replicas);
    json_add_int64(build->doc, object, "minReplicas", backend->min_replicas);
}

/* Metrics are read from the runtime of every entry pod, whatever its role (D39). */
static void add_target(const struct build *build, const struct backend *backend, yyjson_mut_val *object) {
    yyjson_mut_val *target = yyjson_mut_obj_add_obj(build->doc, object, "target");
    yyjson_mut_val *labels = yyjson_mut_obj_add_obj(build->doc, target, "additionalMatchLabels");
    yyjson_mut_obj_add_str(build->doc, labels, LABEL_SERVING_ENTRY, "true");
    yyjson_mut_val *endpoint = yyjson_mut_obj_add_obj(build->doc, target, "metricEndpoint");
    json_add_int64(build->doc, endpoint, "port", backend_runtime_port(backend));
    yyjson_mut_obj_add_str(build->doc, endpoint, "uri", "/metrics");
    yyjson_mut_val *reference = yyjson_mut_obj_add_obj(build->doc, target, "targetRef");
    yyjson_mut_obj_add_str(build->doc, reference, "kind", child_kind_name(CHILD_SERVING));
    json_add_text(build->doc, reference, "name", child_name(build->arena, build->booster->name, backend->name));
}

static void add_policy_reference(const struct build *build, struct str policy_name, yyjson_mut_val *spec) {
    json_add_text(build->doc, yyjson_mut_obj_add_obj(build->doc, spec, "policyRef"), "name", policy_name);
}

yyjson_mut_val *scaling_spec(const struct build *build, const struct backend *backend, struct str policy_name) {
    yyjson_mut_val *spec = yyjson_mut_obj(build->doc);
    add_policy_reference(build, policy_name, spec);
    yyjson_mut_val *scaling = yyjson_mut_obj_add_obj(build->doc, spec, "scalingConfiguration");
    add_bounds(build, backend, scaling);
    add_target(build, backend, scaling);
    return spec;
}

yyjson_mut_val *optimizer_spec(const struct build *build, struct str policy_name) {
    const struct booster *booster = build->booster;
    yyjson_mut_val *spec = yyjson_mut_obj(build->doc);
    yyjson_mut_val *optimizer = yyjson_mut_obj_add_obj(build->doc, spec, "optimizerConfiguration");
    json_add_int64(build->doc, optimizer, "costExpansionRatePercent", booster->cost_expansion_rate_percent);
    yyjson_mut_val *params = yyjson_mut_obj_add_arr(build->doc, optimizer, "params");
    for (size_t i = 0; i < booster->backend_count; i++) {
        const struct backend *backend = &booster->backends[i];
        yyjson_mut_val *param = yyjson_mut_arr_add_obj(build->doc, params);
        json_add_int64(build->doc, param, "cost", backend->scaling_cost);
        add_bounds(build, backend, param);
        add_target(build, backend, param);
    }
    add_policy_reference(build, policy_name, spec);
    return spec;
}
