#include "base/limits.h"
#include "booster/checks.h"
#include "booster/names.h"
#include "data/key_set.h"

/* A LoRA adapter by name, over all backends. */
struct adapter {
    struct str path;
    struct str name;
    yyjson_val *value;
    bool is_reachable; /* some backend with it has a weight above 0 */
};

static struct str adapter_path(struct arena *arena, const struct backend *backend, size_t index) {
    return model_index_path(arena, model_path(arena, backend->path, "loraAdapters"), index);
}

static void check_adapter_name(const struct booster *booster, const struct backend *backend, const struct lora_adapter *adapter,
                               struct str path, struct findings *findings) {
    struct str name_path = model_path(findings->arena, path, "name");
    yyjson_val *value = json_get(adapter->value, "name");
    if (!check_text_present(findings, adapter->value, path, "name", "the name that clients ask for")) return;
    if (!name_is_lower_alnum_dash(adapter->name))
        findings_add(findings, RULE_NAME, name_path, value,
                     "%s is no name for an adapter; use lower-case letters, digits and dashes, no dash first or last",
                     QUOTE(adapter->name));
    if (str_equal(adapter->name, booster_model_name(booster)) || str_equal(adapter->name, booster->name))
        findings_add(findings, RULE_ADAPTER_NAME, name_path, value, "%s is the model's own name; give the adapter another",
                     QUOTE(adapter->name));
    else if (str_equal(adapter->name, backend_served_name(booster, backend)))
        findings_add(findings, RULE_ADAPTER_NAME, name_path, value,
                     "%s is what the engine calls the model itself (served-model-name); give the adapter another", QUOTE(adapter->name));
}

static void check_adapters(const struct booster *booster, const struct backend *backend, struct findings *findings) {
    struct key_set names = {0};
    if (!key_set_start(&names, findings->arena, backend->lora_adapter_count)) return;
    for (size_t i = 0; i < backend->lora_adapter_count; i++) {
        const struct lora_adapter *adapter = &backend->lora_adapters[i];
        struct str path = adapter_path(findings->arena, backend, i);
        check_adapter_name(booster, backend, adapter, path, findings);
        if (check_text_present(findings, adapter->value, path, "artifactURL", "where the adapter is, such as hf://owner/name"))
            check_source_uri(findings, model_path(findings->arena, path, "artifactURL"), json_get(adapter->value, "artifactURL"),
                             adapter->artifact_url, backend->cache_uri);
        bool is_new;
        if (adapter->name.len == 0) continue;
        key_set_add(&names, adapter->name, i, &is_new);
        if (!is_new)
            findings_add(findings, RULE_ADAPTER_DUPLICATE, model_path(findings->arena, path, "name"), json_get(adapter->value, "name"),
                         "%s is listed twice for this backend; keep one", QUOTE(adapter->name));
    }
}

/* The distinct adapters of all backends, in order of appearance; NULL when there are none. */
static struct adapter *collect_adapters(const struct booster *booster, struct arena *arena, size_t *out_count) {
    size_t total = 0;
    *out_count = 0;
    for (size_t i = 0; i < booster->backend_count; i++) total += booster->backends[i].lora_adapter_count;
    struct adapter *adapters = total ? arena_array(arena, total, sizeof *adapters) : NULL;
    struct key_set names = {0};
    if (!adapters || !key_set_start(&names, arena, total)) return NULL;
    for (size_t i = 0; i < booster->backend_count; i++) {
        const struct backend *backend = &booster->backends[i];
        for (size_t j = 0; j < backend->lora_adapter_count; j++) {
            const struct lora_adapter *adapter = &backend->lora_adapters[j];
            bool is_new;
            struct key_slot *slot = key_set_add(&names, adapter->name, *out_count, &is_new);
            if (is_new)
                adapters[(*out_count)++] =
                    (struct adapter){.path = adapter_path(arena, backend, j), .name = adapter->name, .value = adapter->value};
            adapters[slot->item].is_reachable |= backend->route_weight > 0;
        }
    }
    return adapters;
}

static void check_adapter_limits(const struct booster *booster, struct findings *findings) {
    size_t count, reachable = 0;
    const struct adapter *adapters = collect_adapters(booster, findings->arena, &count);
    for (size_t i = 0; adapters && i < count; i++) {
        if (adapters[i].is_reachable)
            reachable++;
        else
            findings_add(findings, RULE_ADAPTER_UNREACHABLE, adapters[i].path, adapters[i].value,
                         "every backend with adapter %s has routeWeight 0, so that it is left out of the route; raise one of them",
                         QUOTE(adapters[i].name));
    }
    if (reachable > LIMIT_ROUTE_ADAPTERS)
        findings_add(findings, RULE_ROUTE_ADAPTERS, STR("spec"), booster->spec,
                     "%zu LoRA adapters in all, more than %d; split them over several ModelBoosters", reachable, LIMIT_ROUTE_ADAPTERS);
    if (reachable + 1 > LIMIT_ROUTE_RULES)
        findings_add(findings, RULE_ROUTE_RULES, STR("spec"), booster->spec,
                     "%zu rules, one for the model and one for each adapter, more than %d; split the adapters over several ModelBoosters",
                     reachable + 1, LIMIT_ROUTE_RULES);
}

/* False when no backend gets traffic. */
static bool check_weights(const struct booster *booster, struct findings *findings) {
    for (size_t i = 0; i < booster->backend_count; i++)
        if (booster->backends[i].route_weight > 0) return true;
    if (booster->backend_count == 0) return false;
    const struct backend *first = &booster->backends[0];
    findings_add(findings, RULE_WEIGHTS, model_path(findings->arena, first->path, "routeWeight"), json_get(first->value, "routeWeight"),
                 "every backend has routeWeight 0, and the router cannot choose; give one a weight from 1 to 100");
    return false;
}

static void check_string_match(struct findings *findings, struct str path, const yyjson_val *value) {
    static const char *const ways[] = {"exact", "prefix", "regex"};
    yyjson_val *match = json_loose(value);
    const char *first = NULL;
    size_t count = 0;
    if (!yyjson_is_obj(match)) {
        model_wrong_type(findings, path, value, "an object with exact, prefix or regex");
        return;
    }
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        yyjson_val *text = model_field(match, ways[i]);
        if (!text) continue;
        if (!first) first = ways[i];
        count++;
        if (!yyjson_is_str(text)) model_wrong_type(findings, model_path(findings->arena, path, ways[i]), text, "a text in quotes");
    }
    if (count == 0)
        findings_add(findings, RULE_STRING_MATCH, path, value, "matches everything; write exact, prefix or regex");
    else if (count > 1)
        findings_add(findings, RULE_STRING_MATCH, path, value, "the router looks at %s only; remove the others", first);
}

static void check_model_match(const struct booster *booster, struct findings *findings) {
    struct str path = STR("spec.modelMatch"), headers_path = STR("spec.modelMatch.headers");
    yyjson_val *headers = check_object(findings, booster->model_match, path, "headers");
    yyjson_val *uri = model_field(booster->model_match, "uri");
    yyjson_val *body = check_object(findings, booster->model_match, path, "body");
    yyjson_val *model = model_field(body, "model");
    size_t index, max;
    yyjson_val *key, *value;
    yyjson_obj_foreach(headers, index, max, key, value) {
        check_string_match(findings, model_key_path(findings->arena, headers_path, json_text(key)), value);
    }
    if (uri) check_string_match(findings, STR("spec.modelMatch.uri"), uri);
    if (model && !yyjson_is_str(model))
        model_wrong_type(findings, STR("spec.modelMatch.body.model"), model, "a text in quotes");
    else if (model && !str_equal(json_text(model), booster_model_name(booster)))
        findings_add(findings, RULE_MATCH_MODEL, STR("spec.modelMatch.body.model"), model,
                     "replaced by %s, the name that the route is for; change spec.name if clients ask for another",
                     QUOTE(booster_model_name(booster)));
}

void check_route(const struct booster *booster, struct findings *findings) {
    if (booster->backend_count > LIMIT_ROUTE_TARGETS)
        findings_add(findings, RULE_ROUTE_TARGETS, STR("spec.backends"), model_field(booster->spec, "backends"),
                     "%zu backends, more than the %d targets of a route; split them over several ModelBoosters", booster->backend_count,
                     LIMIT_ROUTE_TARGETS);
    for (size_t i = 0; i < booster->backend_count; i++) check_adapters(booster, &booster->backends[i], findings);
    if (check_weights(booster, findings)) check_adapter_limits(booster, findings);
    check_model_match(booster, findings);
}
