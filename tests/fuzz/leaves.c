#include "leaves.h"

#include <string.h>

#include "cli/definitions.h"
#include "data/yaml_read.h"

enum { LEAVES_MAX = 512, STEPS_MAX = 12 };

/* A step without a name is to the first item of a list. */
struct leaf {
    struct str steps[STEPS_MAX];
    size_t count;
};

struct leaves {
    struct leaf items[LEAVES_MAX];
    size_t count;
};

static void add(struct leaves *leaves, const yyjson_val *schema, struct leaf leaf);

static void add_below(struct leaves *leaves, const yyjson_val *schema, struct leaf leaf, struct str step) {
    fuzz_expect(leaf.count < STEPS_MAX, "our definition is deeper than %d fields", STEPS_MAX);
    leaf.steps[leaf.count++] = step;
    add(leaves, schema, leaf);
}

/* The recursion follows our own definition. */
static void add(struct leaves *leaves, const yyjson_val *schema, struct leaf leaf) {
    size_t index, max;
    yyjson_val *key, *below;
    fuzz_expect(leaves->count < LEAVES_MAX, "our definition has more than %d fields", LEAVES_MAX);
    leaves->items[leaves->count++] = leaf;
    yyjson_obj_foreach(json_get(schema, "properties"), index, max, key, below) add_below(leaves, below, leaf, json_text(key));
    if (json_get(schema, "items")) add_below(leaves, json_get(schema, "items"), leaf, STR_EMPTY);
    if (yyjson_is_obj(json_get(schema, "additionalProperties")))
        add_below(leaves, json_get(schema, "additionalProperties"), leaf, STR("key"));
    if (json_bool_or(json_get(schema, "x-kubernetes-preserve-unknown-fields"), false)) add_below(leaves, NULL, leaf, STR("name"));
}

static const yyjson_val *spec_schema(void) {
    static struct arena arena = {.limit_bytes = FUZZ_ARENA_BYTES};
    for (size_t i = 0; i < embedded_definitions_count; i++) {
        struct yaml_documents documents;
        struct error error = {0};
        if (!yaml_read(&arena, embedded_definitions[i], &documents, &error)) break;
        const yyjson_val *spec = json_get(documents.items[0].root, "spec");
        if (!json_is_text(json_path(spec, "names", "kind", NULL), "ModelBooster")) continue;
        const yyjson_val *version = yyjson_arr_get_first(json_get(spec, "versions"));
        return json_path(version, "schema", "openAPIV3Schema", "properties", "spec", NULL);
    }
    fuzz_expect(false, "no definition of ModelBoosters");
    return NULL;
}

static const struct leaves *all_leaves(void) {
    static struct leaves leaves;
    if (!leaves.count) add(&leaves, spec_schema(), (struct leaf){{STR("spec")}, 1});
    return &leaves;
}

size_t leaf_count(void) {
    return all_leaves()->count;
}

struct str leaf_path(struct arena *arena, size_t leaf) {
    const struct leaf *at = &all_leaves()->items[leaf];
    struct str path = at->steps[0];
    for (size_t i = 1; i < at->count; i++)
        path = at->steps[i].len ? arena_join(arena, path, STR("."), at->steps[i]) : arena_join(arena, path, STR("[0]"), STR_EMPTY);
    return path;
}

#define MODEL(spec)                                                                                                                        \
    "apiVersion: workload.serving.volcano.sh/v1alpha1\nkind: ModelBooster\nmetadata: {name: m}\nspec: {name: qwen, owner: o, " spec "}\n"
#define POLICY                                                                                                                             \
    "autoscalingPolicy: {tolerancePercent: 10, metrics: [{metricName: q, targetValue: 4}], behavior: {scaleUp: {stablePolicy: "            \
    "{instances: 2, percent: 100, period: 1m, selectPolicy: Or}, panicPolicy: {period: 30s, percent: 100, panicThresholdPercent: 200, "    \
    "panicModeHold: 2m}}, scaleDown: {instances: 1, percent: 50, period: 2m, stabilizationWindow: 5m}}}"
#define SPREAD "topologySpread: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: ScheduleAnyway, labelSelector: {matchLabels: {a: b}}}]"

static const char *const models[LEAF_MODELS] = {
    MODEL("backends: [{name: gpu, type: vLLM, modelURI: 'hf://o/n', cacheURI: 'hostpath:///cache', minReplicas: 1, maxReplicas: 4, " POLICY
          ", env: [{name: A, value: b}], loraAdapters: [{name: sql, artifactURL: 'hf://o/a'}], gangPolicy: {enabled: true}, "
          "podTemplate: {labels: {l: v}, spec: {priorityClassName: p}}, networkTopology: {groupPolicy: {mode: hard}}, "
          "workers: [{type: server, image: i, pods: 2, config: {max-model-len: 16384}, nodeSelector: {zone: a}, "
          "resources: {limits: {cpu: 2, nvidia.com/gpu: '1'}, requests: {cpu: 1}}}]}]"),
    MODEL("modelMatch: {headers: {h: {exact: v}}}, backends: [{name: pd, type: vLLMDisaggregated, modelURI: 'pvc://c/m', replicas: 1, "
          "routeWeight: 20, networkTopology: {mode: hard}, envFrom: [{secretRef: {name: s}}], "
          "workers: [{type: prefill, image: i, replicas: 2}, {type: decode, image: i, config: {tensor-parallel-size: 2}}]}]"),
    MODEL("costExpansionRatePercent: 150, " POLICY
          ", backends: [{name: a, type: vLLM, modelURI: 'ms://o/n', minReplicas: 0, maxReplicas: 2, "
          "scalingCost: 10, scaleToZeroGracePeriod: 5m, " SPREAD ", workers: [{image: i}]}, "
          "{name: b, type: vLLM, modelURI: 's3://b/m', minReplicas: 1, maxReplicas: 2, scalingCost: 1, workers: [{image: i}]}]"),
};

yyjson_mut_val *leaf_model(yyjson_mut_doc *doc, size_t model) {
    static struct arena arena = {.limit_bytes = FUZZ_ARENA_BYTES};
    static yyjson_val *kept[LEAF_MODELS];
    size_t index = model % LEAF_MODELS;
    struct yaml_documents documents;
    if (!kept[index] && yaml_read(&arena, str_of(models[index]), &documents, NULL)) kept[index] = documents.items[0].root;
    fuzz_expect(kept[index] != NULL, "model %zu does not read", index);
    return yyjson_val_mut_copy(doc, kept[index]);
}

/* Both spellings at once are an error: one backend stands where it is looked for. */
static void spell_as(yyjson_mut_doc *doc, yyjson_mut_val *spec, bool is_single) {
    yyjson_mut_val *list = yyjson_mut_obj_get(spec, "backends"), *single = yyjson_mut_obj_get(spec, "backend");
    if (is_single && yyjson_mut_is_arr(list) && yyjson_mut_arr_size(list)) {
        single = yyjson_mut_arr_remove_first(list);
        yyjson_mut_obj_remove_key(spec, "backends");
        yyjson_mut_obj_add_val(doc, spec, "backend", single);
    } else if (!is_single && single) {
        yyjson_mut_obj_remove_key(spec, "backend");
        list = yyjson_mut_arr(doc);
        yyjson_mut_arr_append(list, single);
        yyjson_mut_obj_add_val(doc, spec, "backends", list);
    }
}

static bool set_below(yyjson_mut_doc *doc, yyjson_mut_val *parent, const struct str *steps, size_t count, const yyjson_val *value) {
    yyjson_mut_val *below = steps->len ? yyjson_mut_obj_getn(parent, steps->ptr, steps->len) : yyjson_mut_arr_get_first(parent);
    if (steps->len ? !yyjson_mut_is_obj(parent) : !yyjson_mut_is_arr(parent)) return false;
    bool is_new = !below || count == 1;
    if (count == 1)
        below = yyjson_val_mut_copy(doc, json_loose(value));
    else if (!below)
        below = steps[1].len ? yyjson_mut_obj(doc) : yyjson_mut_arr(doc);
    if (is_new && steps->len) {
        yyjson_mut_obj_put(parent, json_make_text(doc, *steps), below);
    } else if (is_new) {
        yyjson_mut_arr_remove_first(parent);
        yyjson_mut_arr_prepend(parent, below);
    }
    return count == 1 || set_below(doc, below, steps + 1, count - 1, value);
}

bool leaf_set(yyjson_mut_doc *doc, yyjson_mut_val *model, size_t leaf, const yyjson_val *value) {
    const struct leaf *at = &all_leaves()->items[leaf];
    yyjson_mut_val *spec = yyjson_mut_obj_get(model, "spec");
    if (at->count > 1 && str_starts_with(at->steps[1], STR("backend")) && yyjson_mut_is_obj(spec))
        spell_as(doc, spec, str_is(at->steps[1], "backend"));
    return set_below(doc, model, at->steps, at->count, value);
}
