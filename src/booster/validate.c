#include "booster/validate.h"

#include "base/limits.h"
#include "booster/checks.h"
#include "booster/names.h"

bool check_text_present(struct findings *findings, const yyjson_val *object, struct str path, const char *key, const char *example) {
    yyjson_val *value = model_field(object, key);
    struct str at = model_path(findings->arena, path, key);
    if (value && !yyjson_is_str(value)) return false;
    if (json_text(value).len) return true;
    findings_add(findings, RULE_REQUIRED, at, value ? value : object, "%s; write %s", value ? "empty" : "missing", example);
    return false;
}

bool check_required_text(struct findings *findings, const yyjson_val *object, struct str path, const char *key, const char *example) {
    yyjson_val *value = model_field(object, key);
    if (value && !yyjson_is_str(value)) model_wrong_type(findings, model_path(findings->arena, path, key), value, "a text in quotes");
    return check_text_present(findings, object, path, key, example);
}

yyjson_val *check_object(struct findings *findings, const yyjson_val *object, struct str path, const char *key) {
    yyjson_val *value = model_field(object, key);
    if (!value || yyjson_is_obj(value)) return value;
    model_wrong_type(findings, model_path(findings->arena, path, key), value, "an object");
    return NULL;
}

yyjson_val *check_list(struct findings *findings, const yyjson_val *object, struct str path, const char *key) {
    yyjson_val *value = model_field(object, key);
    if (!value || yyjson_is_arr(value)) return value;
    model_wrong_type(findings, model_path(findings->arena, path, key), value, "a list");
    return NULL;
}

bool check_int64(struct findings *findings, const yyjson_val *object, struct str path, const char *key, int64_t min, int64_t max,
                 int64_t *out) {
    yyjson_val *value = model_field(object, key);
    return value && model_read_int64(findings, model_path(findings->arena, path, key), value, min, max, out);
}

void check_word(struct findings *findings, const yyjson_val *object, struct str path, const char *key, const char *const *words,
                size_t count, const char *remedy) {
    yyjson_val *value = model_field(object, key);
    struct str at = model_path(findings->arena, path, key);
    if (!value) return;
    if (!yyjson_is_str(value)) {
        model_wrong_type(findings, at, value, remedy);
        return;
    }
    for (size_t i = 0; i < count; i++)
        if (json_is_text(value, words[i])) return;
    findings_add(findings, RULE_ENUM, at, value, "%s is not known here; write %s", QUOTE(json_text(value)), remedy);
}

bool has_blank(struct str text) {
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c <= ' ' || c == 0x7F) return true;
    }
    return false;
}

/* Items of a list carry both, or neither: one alone is a mistake. */
static void check_kind(const struct booster *booster, struct findings *findings) {
    yyjson_val *api_version = model_field(booster->object, "apiVersion"), *kind = model_field(booster->object, "kind");
    if (api_version && !json_is_text(api_version, API_VERSION_WORKLOAD))
        findings_add(findings, RULE_API_VERSION, STR("apiVersion"), api_version, "%s is not served; write " API_VERSION_WORKLOAD,
                     QUOTE(json_text(api_version)));
    if (kind && !api_version)
        findings_add(findings, RULE_API_VERSION, STR("apiVersion"), booster->object, "missing; write " API_VERSION_WORKLOAD);
    if (kind && !json_is_text(kind, KIND_BOOSTER))
        findings_add(findings, RULE_API_VERSION, STR("kind"), kind, "%s is another kind; write " KIND_BOOSTER, QUOTE(json_text(kind)));
}

static void check_spelling(const struct booster *booster, struct findings *findings) {
    yyjson_val *list = model_field(booster->spec, "backends"), *single = model_field(booster->spec, "backend");
    if (!model_field(booster->object, "spec")) {
        findings_add(findings, RULE_REQUIRED, STR("spec"), booster->object, "missing; write spec with backends");
    } else if (booster->spec && !list && !single) {
        findings_add(findings, RULE_SPELLING, STR("spec"), booster->spec,
                     "no backends; write spec.backends, a list, or spec.backend, one object");
    } else if (list && single) {
        findings_add(findings, RULE_SPELLING, STR("spec.backend"), single, "spec.backends is there as well; keep one of the two");
    } else if (yyjson_is_arr(list) && yyjson_arr_size(list) == 0) {
        findings_add(findings, RULE_SPELLING, STR("spec.backends"), list, "the list is empty; write at least one backend");
    }
}

static void check_bound(const struct backend *backend, struct findings *findings, const char *key) {
    if (model_field(backend->value, "replicas") || model_field(backend->value, key)) return;
    findings_add(findings, RULE_REQUIRED, model_path(findings->arena, backend->path, key), backend->value,
                 "missing; write minReplicas and maxReplicas, or replicas for both");
}

static void check_replicas(const struct backend *backend, struct findings *findings) {
    static const char *const bounds[] = {"minReplicas", "maxReplicas"};
    const int64_t values[] = {backend->min_replicas, backend->max_replicas};
    yyjson_val *replicas = model_field(backend->value, "replicas");
    int64_t number = 0;
    for (int i = 0; i < 2; i++) {
        check_bound(backend, findings, bounds[i]);
        yyjson_val *bound = model_field(backend->value, bounds[i]);
        if (!json_int64(replicas, &number) || !bound || values[i] == number) continue;
        findings_add(findings, RULE_REPLICAS_DISAGREE, model_path(findings->arena, backend->path, "replicas"), replicas,
                     "replicas is %lld, %s is %lld; keep replicas, or minReplicas and maxReplicas", (long long)number, bounds[i],
                     (long long)values[i]);
    }
    if (!replicas && backend->min_replicas > backend->max_replicas)
        findings_add(findings, RULE_MIN_OVER_MAX, model_path(findings->arena, backend->path, "minReplicas"),
                     json_get(backend->value, "minReplicas"),
                     "minReplicas %lld is greater than maxReplicas %lld; raise the one or lower the other",
                     (long long)backend->min_replicas, (long long)backend->max_replicas);
}

static void check_replicas_sum(const struct booster *booster, struct findings *findings) {
    int64_t sum = 0;
    for (size_t i = 0; i < booster->backend_count; i++) sum += booster->backends[i].max_replicas;
    if (sum > LIMIT_REPLICAS)
        findings_add(findings, RULE_REPLICAS_SUM, STR("spec.backends"), model_field(booster->spec, "backends"),
                     "all maxReplicas add up to %lld, more than %d; lower some", (long long)sum, LIMIT_REPLICAS);
}

static void check_type(const struct backend *backend, struct findings *findings) {
    check_text_present(findings, backend->value, backend->path, "type", "vLLM or vLLMDisaggregated");
    const struct role *roles;
    if (backend->type == BACKEND_TYPE_UNKNOWN || backend_roles(backend->type, &roles) > 0) return;
    findings_add(findings, RULE_UNSUPPORTED, model_path(findings->arena, backend->path, "type"), json_get(backend->value, "type"),
                 "type %s is not supported yet; vLLM and vLLMDisaggregated are", backend_type_name(backend->type));
}

void booster_validate_manifest(const struct booster *booster, struct findings *findings) {
    check_unknown_fields(booster, findings);
    check_object_metadata(booster, findings);
}

void booster_validate(const struct booster *booster, struct findings *findings) {
    check_kind(booster, findings);
    check_spelling(booster, findings);
    check_names(booster, findings);
    check_replicas_sum(booster, findings);
    for (size_t i = 0; i < booster->backend_count; i++) {
        const struct backend *backend = &booster->backends[i];
        check_type(backend, findings);
        check_replicas(backend, findings);
        check_sources(backend, findings);
        check_env(backend, findings);
        check_workers(backend, findings);
        check_config(backend, findings);
        check_placement(backend, findings);
        check_pod_template(backend, findings);
    }
    check_route(booster, findings);
    check_policies(booster, findings);
    findings_sort(findings);
}
