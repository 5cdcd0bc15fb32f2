#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>

#include "booster/model.h"
#include "booster/names.h"
#include "booster/uri.h"
#include "data/yaml_read.h"

enum { ARENA_BYTES = 1 << 20 };

struct reading {
    struct arena arena;
    struct booster booster;
    struct findings findings;
};

static void read_booster(struct reading *reading, const char *text) {
    struct yaml_documents documents = {0};
    struct error error = {0};
    arena_init(&reading->arena, ARENA_BYTES);
    if (!yaml_read(&reading->arena, str_of(text), &documents, &error)) fail_msg("%s: %s", text, error.message);
    findings_init(&reading->findings, &reading->arena);
    assert_true(booster_read(&reading->arena, documents.items[0].root, &reading->booster, &reading->findings));
}

static void assert_text(struct str found, const char *expected) {
    if (!str_is(found, expected)) fail_msg("%.*s, expected %s", STR_ARG(found), expected);
}

static const char full[] = "apiVersion: workload.serving.volcano.sh/v1alpha1\n"
                           "kind: ModelBooster\n"
                           "metadata:\n"
                           "  name: m\n"
                           "  namespace: ns\n"
                           "  uid: u\n"
                           "  resourceVersion: '12'\n"
                           "  generation: 3\n"
                           "  deletionTimestamp: '2026-01-01T00:00:00Z'\n"
                           "  annotations: {workload.serving.volcano.sh/upgrade: now, workload.serving.volcano.sh/allow-recreate: 'true'}\n"
                           "spec:\n"
                           "  name: served\n"
                           "  owner: me\n"
                           "  paused: true\n"
                           "  suspend: true\n"
                           "  costExpansionRatePercent: 150\n"
                           "  modelMatch: {uri: {exact: /x}}\n"
                           "  autoscalingPolicy: {metrics: []}\n"
                           "  backends:\n"
                           "  - name: b\n"
                           "    type: vLLMDisaggregated\n"
                           "    modelURI: hf://o/n\n"
                           "    cacheURI: pvc://c\n"
                           "    env: [{name: RUNTIME_PORT, value: '8200'}]\n"
                           "    envFrom: [{secretRef: {name: s}}]\n"
                           "    minReplicas: 2\n"
                           "    maxReplicas: 5\n"
                           "    scalingCost: 7\n"
                           "    routeWeight: 0\n"
                           "    scaleToZeroGracePeriod: 1m30s\n"
                           "    schedulerName: volcano\n"
                           "    runtimeClassName: nvidia\n"
                           "    gangPolicy: {enabled: true, minRoleReplicas: {decode: 1}}\n"
                           "    networkTopology: {mode: hard}\n"
                           "    topologySpread: [{maxSkew: 1}]\n"
                           "    podTemplate: {labels: {a: b}}\n"
                           "    loraAdapters: [{name: l, artifactURL: s3://l}]\n"
                           "    workers:\n"
                           "    - {type: prefill, image: i, replicas: 2, pods: 3, resources: {}, affinity: {}, tolerations: [], "
                           "nodeSelector: {}, config: {served_model_name: p}}\n"
                           "    - {type: decode, image: j, config: {port: 9000}}\n";

static void every_field_is_read(void **state) {
    (void)state;
    struct reading reading;
    read_booster(&reading, full);
    const struct booster *booster = &reading.booster;
    assert_int_equal(reading.findings.count, 0);
    assert_text(booster->name, "m");
    assert_text(booster->namespace, "ns");
    assert_text(booster->uid, "u");
    assert_text(booster->resource_version, "12");
    assert_int_equal(booster->generation, 3);
    assert_true(booster->is_deleting && booster->upgrade_now && booster->allow_recreate);
    assert_text(booster->spec_name, "served");
    assert_text(booster_model_name(booster), "served");
    assert_text(booster->owner, "me");
    assert_true(booster->paused && booster->suspend);
    assert_true(booster->has_cost_expansion_rate);
    assert_int_equal(booster->cost_expansion_rate_percent, 150);
    assert_non_null(booster->model_match);
    assert_non_null(booster->autoscaling_policy);
    assert_int_equal(booster->backend_count, 1);
    const struct backend *backend = &booster->backends[0];
    assert_text(backend->path, "spec.backends[0]");
    assert_text(backend->name, "b");
    assert_int_equal(backend->type, BACKEND_VLLM_DISAGGREGATED);
    assert_text(backend->model_uri, "hf://o/n");
    assert_text(backend->cache_uri, "pvc://c");
    assert_int_equal(yyjson_arr_size(backend->env), 1);
    assert_int_equal(yyjson_arr_size(backend->env_from), 1);
    assert_int_equal(backend->min_replicas, 2);
    assert_int_equal(backend->max_replicas, 5);
    assert_true(backend->has_scaling_cost && backend->has_scale_to_zero_grace_period);
    assert_int_equal(backend->scaling_cost, 7);
    assert_int_equal(backend->scale_to_zero_grace_period_ns, INT64_C(90000000000));
    assert_int_equal(backend->route_weight, 0);
    assert_text(backend->scheduler_name, "volcano");
    assert_text(backend->runtime_class_name, "nvidia");
    assert_true(backend->gang_enabled);
    assert_int_equal(yyjson_obj_size(backend->gang_min_role_replicas), 1);
    assert_non_null(backend->network_topology);
    assert_non_null(backend->topology_spread);
    assert_non_null(backend->pod_template);
    assert_int_equal(backend->lora_adapter_count, 1);
    assert_text(backend->lora_adapters[0].name, "l");
    assert_text(backend->lora_adapters[0].artifact_url, "s3://l");
    assert_int_equal(backend->worker_count, 2);
    const struct worker *prefill = backend_worker(backend, WORKER_PREFILL), *decode = backend_worker(backend, WORKER_DECODE);
    assert_text(prefill->path, "spec.backends[0].workers[0]");
    assert_text(prefill->image, "i");
    assert_int_equal(prefill->replicas, 2);
    assert_int_equal(prefill->pods, 3);
    assert_true(prefill->resources && prefill->affinity && prefill->tolerations && prefill->node_selector && prefill->config);
    assert_null(backend_worker(backend, WORKER_SERVER));
    assert_int_equal(backend_runtime_port(backend), 8200);
    assert_int_equal(worker_port(prefill), 8000);
    assert_int_equal(worker_port(decode), 9000);
    assert_text(backend_served_name(booster, backend), "p");
    arena_release(&reading.arena);
}

static void what_is_left_out_gets_its_default(void **state) {
    (void)state;
    struct reading reading;
    read_booster(&reading, "{metadata: {name: m}, spec: {backend: {type: vLLM, replicas: 3, workers: [{}, {pods: 0}]}}}");
    const struct booster *booster = &reading.booster;
    const struct backend *backend = &booster->backends[0];
    assert_int_equal(reading.findings.count, 0);
    assert_text(booster_model_name(booster), "m");
    assert_false(booster->paused || booster->suspend || booster->is_deleting || booster->upgrade_now || booster->allow_recreate);
    assert_false(booster->has_cost_expansion_rate);
    assert_int_equal(booster->backend_count, 1);
    assert_text(backend->path, "spec.backend");
    assert_int_equal(backend->min_replicas, 3);
    assert_int_equal(backend->max_replicas, 3);
    assert_int_equal(backend->route_weight, 100);
    assert_false(backend->has_scaling_cost || backend->has_scale_to_zero_grace_period || backend->gang_enabled);
    assert_int_equal(backend->workers[0].type, WORKER_SERVER);
    assert_int_equal(backend->workers[0].replicas, 1);
    assert_int_equal(backend->workers[0].pods, 1);
    assert_int_equal(backend->workers[1].pods, 1);
    assert_ptr_equal(backend_worker(backend, WORKER_SERVER), &backend->workers[1]);
    assert_int_equal(worker_port(NULL), 8000);
    assert_int_equal(backend_runtime_port(backend), 8100);
    assert_text(backend_served_name(booster, backend), "m");
    arena_release(&reading.arena);
}

static void a_policy_for_the_model_brings_defaults(void **state) {
    (void)state;
    struct reading reading;
    read_booster(&reading, "{spec: {autoscalingPolicy: {}, backends: [{}, {scaleToZeroGracePeriod: 5s}]}}");
    const struct booster *booster = &reading.booster;
    assert_true(booster->has_cost_expansion_rate);
    assert_int_equal(booster->cost_expansion_rate_percent, 200);
    assert_true(booster->backends[0].has_scale_to_zero_grace_period);
    assert_int_equal(booster->backends[0].scale_to_zero_grace_period_ns, INT64_C(30000000000));
    assert_int_equal(booster->backends[1].scale_to_zero_grace_period_ns, INT64_C(5000000000));
    arena_release(&reading.arena);
}

struct bounds {
    const char *name, *fields;
    int64_t min, max;
};

static const struct bounds bounds[] = {
    {"replicas alone", "replicas: 0", 0, 0},
    {"both bounds", "minReplicas: 1, maxReplicas: 4", 1, 4},
    {"only min", "minReplicas: 3", 3, 3},
    {"only max", "maxReplicas: 3", 3, 3},
    {"none", "name: x", 1, 1},
    {"null counts as absent", "replicas: 2, minReplicas: null, maxReplicas: null", 2, 2},
    {"out of range", "minReplicas: -1, maxReplicas: 4000000000", 1, 1},
};

static void bounds_of_replicas(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
        struct reading reading;
        char text[200];
        snprintf(text, sizeof text, "{spec: {backend: {%s}}}", bounds[i].fields);
        read_booster(&reading, text);
        const struct backend *backend = &reading.booster.backends[0];
        if (backend->min_replicas != bounds[i].min || backend->max_replicas != bounds[i].max)
            fail_msg("%s: %lld..%lld", bounds[i].name, (long long)backend->min_replicas, (long long)backend->max_replicas);
        arena_release(&reading.arena);
    }
}

/* Whatever is of the wrong type is a finding, and the struct is as if it were absent. */
static void wrong_types_leave_defaults(void **state) {
    (void)state;
    static const char *const manifests[] = {
        "[]",
        "5",
        "{metadata: [], spec: 5}",
        "{spec: {backends: {}}}",
        "{spec: {backend: []}}",
        "{spec: {backends: [1, [], x]}}",
        "{spec: {backend: {workers: 5, loraAdapters: x, env: {}, envFrom: 1, gangPolicy: [], podTemplate: x}}}",
    };
    for (size_t i = 0; i < sizeof manifests / sizeof *manifests; i++) {
        struct reading reading;
        read_booster(&reading, manifests[i]);
        assert_true(reading.findings.error_count > 0);
        for (size_t f = 0; f < reading.findings.count; f++) assert_int_equal(reading.findings.items[f].rule, RULE_TYPE);
        for (size_t b = 0; b < reading.booster.backend_count; b++) {
            assert_int_equal(reading.booster.backends[b].worker_count, 0);
            assert_null(reading.booster.backends[b].env);
        }
        arena_release(&reading.arena);
    }
}

static void an_exhausted_arena_is_said(void **state) {
    (void)state;
    struct arena text_arena;
    arena_init(&text_arena, ARENA_BYTES);
    struct yaml_documents documents = {0};
    assert_true(yaml_read(&text_arena, str_of(full), &documents, NULL));
    for (size_t limit = 0; limit < 3000; limit += 16) {
        struct arena arena;
        struct booster booster;
        struct findings findings;
        arena_init(&arena, limit);
        findings_init(&findings, &arena);
        bool is_read = booster_read(&arena, documents.items[0].root, &booster, &findings);
        assert_int_equal(is_read, !arena.exhausted);
        arena_release(&arena);
    }
    arena_release(&text_arena);
}

struct cache_case {
    const char *cache, *mount, *source, *in_place; /* in_place: NULL when it must be fetched */
};

static const struct cache_case caches[] = {
    {"", "/model-cache", "pvc://c/m", NULL},
    {"hostpath:///a/b", "/a/b", "hf://o/n", NULL},
    {"hostpath:///a//b/./", "/a/b", "pvc:///a/b/m", "/a/b/m"},
    {"hostpath://a/b", "/a/b", "pvc:///a/bc", NULL},
    {"pvc://c", "/c", "pvc://c/m/x", "/c/m/x"},
    {"pvc://c", "/c", "pvc:///c/m", "/c/m"},
    {"pvc://c", "/c", "pvc://c", "/c"},
    {"pvc://c", "/c", "pvc://cc/m", NULL},
    {"pvc://c/sub", "/c", "pvc://c/sub/m", "/c/m"},
    {"pvc://c/sub", "/c", "pvc://c/other", NULL},
    {"pvc://c/sub/", "/c", "pvc://c/sub", "/c"},
};

static void caches_and_sources_in_place(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof caches / sizeof *caches; i++) {
        struct arena arena;
        struct str path = STR("unset");
        arena_init(&arena, ARENA_BYTES);
        assert_text(cache_mount_path(&arena, str_of(caches[i].cache)), caches[i].mount);
        assert_int_equal(source_in_cache(&arena, str_of(caches[i].source), str_of(caches[i].cache), &path), caches[i].in_place != NULL);
        assert_text(path, caches[i].in_place ? caches[i].in_place : "unset");
        arena_release(&arena);
    }
}

struct connector_case {
    const char *config, *connector;
    bool is_error;
};

static const struct connector_case connectors[] = {
    {"{}", NULL, false},
    {"{kv-transfer-config: null}", NULL, false},
    {"{kv-transfer-config: {kv_connector: NixlConnector}}", "NixlConnector", false},
    {"{kv_transfer_config: '{\"kv_connector\": \"X\"}'}", "X", false},
    {"{kv-transfer-config: 'x'}", NULL, true},
    {"{kv-transfer-config: '5'}", NULL, true},
    {"{kv-transfer-config: true}", NULL, true},
};

static void connectors_are_read_from_objects_and_text(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof connectors / sizeof *connectors; i++) {
        struct reading reading;
        struct error error = {0};
        char text[300];
        snprintf(text, sizeof text, "{spec: {backend: {workers: [{config: %s}]}}}", connectors[i].config);
        read_booster(&reading, text);
        yyjson_val *transfer = worker_kv_transfer(&reading.arena, &reading.booster.backends[0].workers[0], &error);
        assert_int_equal(error.kind != ERROR_NONE, connectors[i].is_error);
        assert_text(json_text(json_get(transfer, "kv_connector")), connectors[i].connector ? connectors[i].connector : "");
        arena_release(&reading.arena);
    }
}

static void kinds_are_known_by_either_name(void **state) {
    (void)state;
    for (int kind = 0; kind < CHILD_KIND_COUNT; kind++)
        assert_int_equal(child_kind_of(str_of(child_kind_name((enum child_kind)kind))), kind);
    assert_int_equal(child_kind_of(STR("modelroutes")), CHILD_ROUTE);
    assert_int_equal(child_kind_of(STR("ModelServing")), CHILD_SERVING);
    assert_int_equal(child_kind_of(STR("pods")), CHILD_KIND_COUNT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_is_read),
        cmocka_unit_test(what_is_left_out_gets_its_default),
        cmocka_unit_test(a_policy_for_the_model_brings_defaults),
        cmocka_unit_test(bounds_of_replicas),
        cmocka_unit_test(wrong_types_leave_defaults),
        cmocka_unit_test(an_exhausted_arena_is_said),
        cmocka_unit_test(caches_and_sources_in_place),
        cmocka_unit_test(connectors_are_read_from_objects_and_text),
        cmocka_unit_test(kinds_are_known_by_either_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
