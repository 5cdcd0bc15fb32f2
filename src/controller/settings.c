#include "controller/settings.h"

struct str settings_image(const char *flag, const yyjson_val *config_map, const char *key, const char *fallback) {
    if (flag) return str_of(flag);
    struct str configured = str_trim(json_text(json_path(config_map, "data", key, NULL)));
    return configured.len ? configured : str_of(fallback);
}

/* The schema of one of our kinds: components.schemas.* whose x-kubernetes-group-version-kind names it. */
static yyjson_val *schema_of(const yyjson_val *openapi, const char *kind) {
    size_t index, max, g, groups;
    yyjson_val *name, *schema, *id;
    yyjson_obj_foreach(json_path(openapi, "components", "schemas", NULL), index, max, name, schema) {
        yyjson_arr_foreach(json_get(schema, "x-kubernetes-group-version-kind"), g, groups, id) {
            if (json_is_text(json_get(id, "kind"), kind) && json_is_text(json_get(id, "group"), GROUP_WORKLOAD)) return schema;
        }
    }
    return NULL;
}

/* Descends "spec.backends[].replicas"; NULL where the schema does not know it. Below preserve-unknown-fields everything is known. */
static bool knows(const yyjson_val *schema, struct str path) {
    while (schema && path.len) {
        if (json_bool_or(json_get(schema, "x-kubernetes-preserve-unknown-fields"), false)) return true;
        size_t dot = str_find(path, STR("."));
        struct str step = str_first(path, dot == SIZE_MAX ? path.len : dot);
        path = dot == SIZE_MAX ? STR_EMPTY : str_from(path, dot + 1);
        bool is_list = str_ends_with(step, STR("[]"));
        schema = json_get_str(json_get(schema, "properties"), is_list ? str_first(step, step.len - 2) : step);
        if (is_list && schema) schema = json_get(schema, "items");
    }
    return schema != NULL;
}

/* What this project added to the ModelBooster (SPEC section 2): older definitions drop it. */
static const char *const added_fields[] = {
    "spec.paused",
    "spec.suspend",
    "spec.backends[].replicas",
    "spec.backends[].schedulerName",
    "spec.backends[].runtimeClassName",
    "spec.backends[].gangPolicy",
    "spec.backends[].networkTopology",
    "spec.backends[].topologySpread",
    "spec.backends[].podTemplate",
    "spec.backends[].workers[].tolerations",
    "spec.backends[].workers[].nodeSelector",
};

static struct str dropped_fields(struct arena *arena, const yyjson_val *booster) {
    struct str dropped = STR_EMPTY;
    bool has_backends = knows(booster, STR("spec.backends"));
    for (size_t i = 0; i < sizeof added_fields / sizeof *added_fields; i++) {
        struct str path = str_of(added_fields[i]);
        bool is_of_backends = str_starts_with(path, STR("spec.backends"));
        if (knows(booster, path) || (is_of_backends && !has_backends)) continue;
        dropped = arena_printf(arena, "%.*s%s%.*s", STR_ARG(dropped), dropped.len ? ", " : "", STR_ARG(path));
    }
    return dropped;
}

struct definition_facts settings_definition_facts(struct arena *arena, const yyjson_val *openapi) {
    struct definition_facts facts = {TOPOLOGY_KTHENA_0_1, {true, true}, STR_EMPTY};
    const yyjson_val *serving = schema_of(openapi, "ModelServing"), *booster = schema_of(openapi, KIND_BOOSTER);
    bool knows_flat = knows(serving, STR("spec.template.networkTopology.highestTierAllowed"));
    bool knows_groups = knows(serving, STR("spec.template.networkTopology.groupPolicy"));
    if (serving && knows_groups && !knows_flat) facts.topology_shape = TOPOLOGY_KTHENA_MAIN;
    if (!booster) return facts;
    facts.status_shape.has_available_replicas = knows(booster, STR("status.backendStatuses[].availableReplicas"));
    facts.status_shape.has_backend_message = knows(booster, STR("status.backendStatuses[].message"));
    facts.dropped = dropped_fields(arena, booster);
    return facts;
}
