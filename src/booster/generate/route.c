#include "booster/generate/parts.h"

#include <stdlib.h>

static bool has_adapter(const struct backend *backend, struct str name) {
    for (size_t i = 0; i < backend->lora_adapter_count; i++)
        if (str_equal(backend->lora_adapters[i].name, name)) return true;
    return false;
}

/* Backends that serve the adapter (empty: the model itself), in spec order; one at weight 0 stays listed. */
static void add_targets(const struct build *build, yyjson_mut_val *rule, struct str adapter) {
    yyjson_mut_val *targets = yyjson_mut_obj_add_arr(build->doc, rule, "targetModels");
    for (size_t i = 0; i < build->booster->backend_count; i++) {
        const struct backend *backend = &build->booster->backends[i];
        if (adapter.len && !has_adapter(backend, adapter)) continue;
        yyjson_mut_val *target = yyjson_mut_arr_add_obj(build->doc, targets);
        json_add_text(build->doc, target, "modelServerName", child_name(build->arena, build->booster->name, backend->name));
        json_add_int64(build->doc, target, "weight", backend->route_weight);
    }
}

/* The user's modelMatch with this rule's name for the model: the router asks for an exact match. */
static void add_rule(const struct build *build, yyjson_mut_val *rules, struct str name, struct str model, struct str adapter) {
    const yyjson_val *given = build->booster->model_match;
    yyjson_mut_val *rule = yyjson_mut_arr_add_obj(build->doc, rules);
    yyjson_mut_val *match = yyjson_mut_obj_add_obj(build->doc, rule, "modelMatch");
    json_add_text(build->doc, yyjson_mut_obj_add_obj(build->doc, match, "body"), "model", model);
    add_unless_empty(build, match, "headers", json_get(given, "headers"));
    add_unless_empty(build, match, "uri", json_get(given, "uri"));
    json_add_text(build->doc, rule, "name", name);
    add_targets(build, rule, adapter);
}

static int compare_names(const void *a, const void *b) {
    return str_compare(*(const struct str *)a, *(const struct str *)b);
}

/* Distinct names, sorted, of adapters that some backend serves with a weight above 0: the router cannot choose among zeros. */
static struct str *adapter_names(const struct build *build, size_t *out_count) {
    const struct booster *booster = build->booster;
    size_t total = 0, count = 0;
    *out_count = 0;
    for (size_t i = 0; i < booster->backend_count; i++) total += booster->backends[i].lora_adapter_count;
    struct str *names = total ? arena_array(build->arena, total, sizeof *names) : NULL;
    if (!names) return NULL;
    for (size_t i = 0; i < booster->backend_count; i++) {
        const struct backend *backend = &booster->backends[i];
        if (backend->route_weight == 0) continue;
        for (size_t j = 0; j < backend->lora_adapter_count; j++) names[count++] = backend->lora_adapters[j].name;
    }
    qsort(names, count, sizeof *names, compare_names);
    for (size_t i = 0; i < count; i++)
        if (i == 0 || !str_equal(names[i], names[*out_count - 1])) names[(*out_count)++] = names[i];
    return names;
}

yyjson_mut_val *route_spec(const struct build *build) {
    size_t adapter_count;
    const struct str *adapters = adapter_names(build, &adapter_count);
    struct str model_name = booster_model_name(build->booster);
    yyjson_mut_val *spec = yyjson_mut_obj(build->doc);
    if (adapter_count) {
        yyjson_mut_val *list = yyjson_mut_obj_add_arr(build->doc, spec, "loraAdapters");
        for (size_t i = 0; i < adapter_count; i++) add_word(build, list, adapters[i]);
    }
    json_add_text(build->doc, spec, "modelName", model_name);
    yyjson_mut_val *rules = yyjson_mut_obj_add_arr(build->doc, spec, "rules");
    add_rule(build, rules, STR("default"), model_name, STR_EMPTY);
    for (size_t i = 0; i < adapter_count; i++) add_rule(build, rules, adapters[i], adapters[i], adapters[i]);
    return spec;
}
