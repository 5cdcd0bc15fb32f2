/* Units of the generator, each in tables; what whole children look like is in tests/golden. */
#include "booster/generate/parts.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "invariants.h"
#include "shell_words.h"

#define HEAD "apiVersion: workload.serving.volcano.sh/v1alpha1\nkind: ModelBooster\nmetadata: {name: m}\n"
/* One backend b with this in it, and this in its one worker. */
#define ONE(backend, worker)                                                                                                               \
    HEAD "spec:\n  backends:\n  - {name: b, type: vLLM, modelURI: 'hf://o/n', replicas: 1, " backend " workers: [{image: i, " worker "}]}" \
         "\n"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static yyjson_val *entry_spec(const struct rendered *rendered) {
    const struct child *serving = rendered_child(rendered, CHILD_SERVING, NULL);
    yyjson_val *role = yyjson_arr_get_first(json_path(serving->object, "spec", "template", "roles", NULL));
    return json_path(role, "entryTemplate", "spec", NULL);
}

static yyjson_val *named(yyjson_val *list, const char *name) {
    size_t index, max;
    yyjson_val *item;
    yyjson_arr_foreach(list, index, max, item) {
        if (json_is_text(json_get(item, "name"), name)) return item;
    }
    return NULL;
}

static yyjson_val *engine_of(const struct rendered *rendered) {
    return named(json_get(entry_spec(rendered), "containers"), "engine");
}

static void assert_json(struct rendered *rendered, const yyjson_val *found, const char *expected, const char *name) {
    struct error error = {0};
    struct strbuf text = strbuf_with_max(LIMIT_BODY_BYTES);
    yyjson_val *value = json_parse(&rendered->arena, str_of(expected), &error);
    if (!value) fail_msg("%s: %s: %s", name, expected, error.message);
    json_write(&text, found);
    if (!json_equal(found, value)) fail_msg("%s: found %.*s, expected %s", name, STR_ARG(strbuf_view(&text)), expected);
    strbuf_release(&text);
}

/* Reference 5.7, with what SPEC section 3 changes. */
static const struct {
    const char *name, *config, *arguments;
} config_cases[] = {
    {"a number", "{a: 128}", "[\"--a\",\"128\"]"},
    {"a larger number", "{a: 131072}", "[\"--a\",\"131072\"]"},
    {"999999", "{a: 999999}", "[\"--a\",\"999999\"]"},
    {"a million is no 1e+06", "{a: 1000000}", "[\"--a\",\"1000000\"]"},
    {"nor is 1048576", "{a: 1048576}", "[\"--a\",\"1048576\"]"},
    {"an integer as a double", "{a: 1e6}", "[\"--a\",\"1000000\"]"},
    {"the largest int64", "{a: 9223372036854775807}", "[\"--a\",\"9223372036854775807\"]"},
    {"the smallest int64", "{a: -9223372036854775808}", "[\"--a\",\"-9223372036854775808\"]"},
    {"beyond a double's integers", "{a: 9007199254740993}", "[\"--a\",\"9007199254740993\"]"},
    {"just below 1e21", "{a: 1e20}", "[\"--a\",\"100000000000000000000\"]"},
    {"1e21", "{a: 1e21}", "[\"--a\",\"1e+21\"]"},
    {"a fraction", "{a: 0.9}", "[\"--a\",\"0.9\"]"},
    {"a small one", "{a: 1e-7}", "[\"--a\",\"1e-07\"]"},
    {"one of many digits", "{a: 0.1234567890123456789}", "[\"--a\",\"0.12345678901234568\"]"},
    {"zero", "{a: -0.0}", "[\"--a\",\"0\"]"},
    {"text", "{a: some text}", "[\"--a\",\"some text\"]"},
    {"text that looks like a number", "{a: '1e6'}", "[\"--a\",\"1e6\"]"},
    {"text with blanks is not trimmed", "{a: ' '}", "[\"--a\",\" \"]"},
    {"empty text is a flag", "{a: ''}", "[\"--a\"]"},
    {"true is a flag", "{a: true}", "[\"--a\"]"},
    {"false is its negation", "{a: false}", "[\"--no-a\"]"},
    {"null is nothing", "{a: null}", "[]"},
    {"an object", "{a: {x: 1}}", "[\"--a\",\"{\\\"x\\\":1}\"]"},
    {"an object's keys are in order", "{a: {z: 1.0, b: [true, null]}}", "[\"--a\",\"{\\\"b\\\":[true,null],\\\"z\\\":1}\"]"},
    {"a list", "{a: [a, b]}", "[\"--a\",\"[\\\"a\\\",\\\"b\\\"]\"]"},
    {"an empty list", "{a: []}", "[\"--a\",\"[]\"]"},
    {"underscores", "{a_b_c: 1, d_: x}", "[\"--a-b-c\",\"1\",\"--d-\",\"x\"]"},
    {"negated with underscores", "{a_b: false}", "[\"--no-a-b\"]"},
    {"keys in bytewise order", "{b: 1, a: 2, B: 3, a-b: 4, a.b: 5}",
     "[\"--B\",\"3\",\"--a\",\"2\",\"--a-b\",\"4\",\"--a.b\",\"5\",\"--b\",\"1\"]"},
    {"no config", "null", "[]"},
    {"an empty config", "{}", "[]"},
    {"text is not looked into", "{a: '${x} $(NAME) $$ {{y}}'}", "[\"--a\",\"${x} $(NAME) $$ {{y}}\"]"},
};

static void test_config_becomes_arguments(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(config_cases); i++) {
        struct rendered rendered;
        char text[2048], expected[4096];
        /* Defaults stand behind: without them here, to look at the rest. */
        snprintf(text, sizeof text, ONE("", "config: %s"), config_cases[i].config);
        snprintf(expected, sizeof expected,
                 "[\"python3\",\"-m\",\"vllm.entrypoints.openai.api_server\",\"--model\",\"/model-cache/"
                 "56e95d8112c6168145103874c504e2f4\"%s%.*s,"
                 "\"--served-model-name\",\"m\",\"--kv-events-config\","
                 "\"{\\\"enable_kv_cache_events\\\":true,\\\"publisher\\\":\\\"zmq\\\",\\\"topic\\\":\\\"kv-events\\\",\\\"endpoint\\\":"
                 "\\\"tcp://*:5557\\\"}\"]",
                 strlen(config_cases[i].arguments) > 2 ? "," : "", (int)strlen(config_cases[i].arguments) - 2,
                 config_cases[i].arguments + 1);
        rendered_make(&rendered, str_of(text));
        assert_json(&rendered, json_get(engine_of(&rendered), "command"), expected, config_cases[i].name);
        rendered_release(&rendered);
    }
}

/* What config says itself takes the place of a default, in either spelling. */
static void test_config_wins_over_defaults(void **state) {
    (void)state;
    static const struct {
        const char *name, *worker, *expected;
    } cases[] = {
        {"served-model-name", "config: {served_model_name: x}", "\"--served-model-name\",\"x\""},
        {"kv-events-config", "config: {kv_events_config: none}", "\"--kv-events-config\",\"none\""},
        {"distributed-executor-backend", "pods: 2, config: {distributed_executor_backend: mp}", "--distributed-executor-backend mp "},
        {"enable-lora", "config: {enable_lora: true}", "\"--enable-lora\",\"--served-model-name\""},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rendered rendered;
        char text[1024];
        struct strbuf command = strbuf_with_max(LIMIT_BODY_BYTES);
        snprintf(text, sizeof text, ONE("loraAdapters: [{name: l, artifactURL: 'hf://o/l'}],", "%s"), cases[i].worker);
        rendered_make(&rendered, str_of(text));
        json_write(&command, json_get(engine_of(&rendered), "command"));
        size_t at = str_find(strbuf_view(&command), str_of(cases[i].name));
        if (at == SIZE_MAX || str_contains(str_from(strbuf_view(&command), at + 1), str_of(cases[i].name)))
            fail_msg("--%s is not there once: %.*s", cases[i].name, STR_ARG(strbuf_view(&command)));
        if (!str_contains(strbuf_view(&command), str_of(cases[i].expected)))
            fail_msg("%s is not in %.*s", cases[i].expected, STR_ARG(strbuf_view(&command)));
        strbuf_release(&command);
        rendered_release(&rendered);
    }
}

/* As data of JSON strings: each goes through a shell and comes back as it was. */
static const char *const shell_texts[] = {
    "plain",
    "two words",
    "it's",
    "'",
    "''",
    "'\\\\''",
    "a'b'c",
    "\\\"quoted\\\"",
    "`id`",
    "$(NAME)",
    "$HOME ${HOME} $$ $1",
    "a;b",
    "a && b || c",
    "a|b>c<d&",
    "*",
    "?",
    "[a-z]",
    "~",
    "~root",
    "#comment",
    "a#b",
    "!!",
    "{a,b}",
    "A=b",
    "\\\\",
    "a\\\\",
    "\\\\n",
    "line\\nbreak",
    "tab\\there",
    "\\r\\n",
    "{\\\"json\\\":[1,\\\"it's\\\"]}",
    "\u00e9\u4e2d\U0001f600",
    " lead",
    "trail ",
    "--flag=va'lue",
    "-",
    "--",
    "(sub)",
    "a\\u0001b",
    "%s%n",
    "@",
    "a:b,c./d_e-f+g=h%i",
};

static void test_shell_line_reads_back_as_the_same_words(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(shell_texts); i++) {
        struct rendered single, multi;
        struct shell_words words = {0};
        char text[2048];
        static const char worker[] = "pods: %d, config: {\"some-text\": \"%s\", distributed-executor-backend: ray}";
        char filled[1024];
        snprintf(filled, sizeof filled, worker, 1, shell_texts[i]);
        snprintf(text, sizeof text, ONE("loraAdapters: [{name: l, artifactURL: 'hf://o/l'}],", "%s"), filled);
        rendered_make(&single, str_of(text));
        snprintf(filled, sizeof filled, worker, 2, shell_texts[i]);
        snprintf(text, sizeof text, ONE("loraAdapters: [{name: l, artifactURL: 'hf://o/l'}],", "%s"), filled);
        rendered_make(&multi, str_of(text));
        yyjson_val *expected = json_get(engine_of(&single), "command"), *command = json_get(engine_of(&multi), "command");
        struct str line = json_text(yyjson_arr_get(command, 2));
        assert_true(json_is_text(yyjson_arr_get(command, 0), "bash") && json_is_text(yyjson_arr_get(command, 1), "-c"));
        if (!shell_words_of_leader(&multi.arena, line, &words)) fail_msg("a shell would act on %.*s", STR_ARG(line));
        assert_int_equal(words.count, yyjson_arr_size(expected));
        for (size_t w = 0; w < words.count; w++) {
            if (!str_equal(words.items[w], json_text(yyjson_arr_get(expected, w))))
                fail_msg("%s: word %zu is %.*s", shell_texts[i], w, STR_ARG(words.items[w]));
        }
        rendered_release(&single);
        rendered_release(&multi);
    }
}

static void test_accelerators_become_num_gpus(void **state) {
    (void)state;
    static const struct {
        const char *name, *resources, *expected;
    } cases[] = {
        {"none", "{limits: {cpu: 4}}", "leader --ray_cluster_size=3 --ray_init_timeout=1800 "},
        {"one that Ray counts by itself", "{limits: {amd.com/gpu: 8}}", "leader --ray_cluster_size=3 --ray_init_timeout=1800 "},
        {"limits", "{limits: {nvidia.com/gpu: 8}}", "--num-gpus=8 "},
        {"requests", "{requests: {nvidia.com/gpu: 8}, limits: {nvidia.com/gpu: 8}}", "--num-gpus=8 "},
        {"both kinds", "{limits: {nvidia.com/gpu: '1', huawei.com/ascend-1980: '2'}}", "--num-gpus=3 "},
        {"one kind requested", "{requests: {nvidia.com/gpu: 1}, limits: {nvidia.com/gpu: 1, huawei.com/ascend-1980: 2}}", "--num-gpus=3 "},
        {"as a quantity", "{limits: {nvidia.com/gpu: 1k}}", "--num-gpus=1000 "},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rendered rendered;
        char text[1024];
        snprintf(text, sizeof text, ONE("", "pods: 3, resources: %s"), cases[i].resources);
        rendered_make(&rendered, str_of(text));
        struct str line = json_text(yyjson_arr_get(json_get(engine_of(&rendered), "command"), 2));
        if (!str_contains(line, str_of(cases[i].expected))) fail_msg("%s: %.*s", cases[i].name, STR_ARG(line));
        assert_true(str_contains(line, STR(" leader --ray_cluster_size=3 ")));
        rendered_release(&rendered);
    }
}

static void test_folders_are_named_by_md5(void **state) {
    (void)state;
    static const char *const vectors[][2] = {
        {"models/llama-2-7b", "8590cc9fef9361779a5bd7862eb82b6d"},
        {"", "d41d8cd98f00b204e9800998ecf8427e"},
        {"model_@#$", "1f8d57abec22d679835ba0c38f634b06"},
        {"s3://aios_models/deepseek-ai/DeepSeek-V3-W8A8/vllm-ascend", "13a7c4d58031cdc502ca1bb4a592f2b9"},
        {"s3://aios_models/deepseek-ai/DeepSeek-V3-W8A8/vllm-ascend-lora", "11e9a15be1e19ff056520bf67eaeb688"},
        {"s3://aios_models/deepseek-ai/DeepSeek-R1-Distill-Qwen-7B", "568a486051fd302c338d84946c4f3d48"},
    };
    struct arena arena;
    arena_init(&arena, 1 << 16);
    for (size_t i = 0; i < COUNT(vectors); i++) assert_true(str_is(hash_md5_hex(&arena, str_of(vectors[i][0])), vectors[i][1]));
    arena_release(&arena);
}

/* Where cache and model end up: mounts of the downloader (or of the engine where there is none), volumes, and the engine's --model. */
static const struct {
    const char *name, *model, *cache, *mounts, *volumes, *path, *source;
} storage_cases[] = {
    {"none", "hf://o/n", "", "[{\"mountPath\":\"/model-cache\",\"name\":\"model-cache\"}]", "[{\"name\":\"model-cache\",\"emptyDir\":{}}]",
     "/model-cache/56e95d8112c6168145103874c504e2f4", "hf://o/n"},
    {"hostpath", "hf://o/n", "hostpath:///a/b/", "[{\"mountPath\":\"/a/b\",\"name\":\"model-cache\"}]",
     "[{\"name\":\"model-cache\",\"hostPath\":{\"path\":\"/a/b\",\"type\":\"DirectoryOrCreate\"}}]",
     "/a/b/56e95d8112c6168145103874c504e2f4", "hf://o/n"},
    {"relative hostpath", "hf://o/n", "hostpath://a/b", "[{\"mountPath\":\"/a/b\",\"name\":\"model-cache\"}]",
     "[{\"name\":\"model-cache\",\"hostPath\":{\"path\":\"/a/b\",\"type\":\"DirectoryOrCreate\"}}]",
     "/a/b/56e95d8112c6168145103874c504e2f4", "hf://o/n"},
    {"claim", "hf://o/n", "pvc://c", "[{\"mountPath\":\"/c\",\"name\":\"model-cache\"}]",
     "[{\"name\":\"model-cache\",\"persistentVolumeClaim\":{\"claimName\":\"c\"}}]", "/c/56e95d8112c6168145103874c504e2f4", "hf://o/n"},
    {"folder of a claim", "hf://o/n", "pvc://c/s/t/", "[{\"mountPath\":\"/c\",\"name\":\"model-cache\",\"subPath\":\"s/t\"}]",
     "[{\"name\":\"model-cache\",\"persistentVolumeClaim\":{\"claimName\":\"c\"}}]", "/c/56e95d8112c6168145103874c504e2f4", "hf://o/n"},
    {"in place", "pvc://c/m", "pvc://c", "[{\"mountPath\":\"/c\",\"name\":\"model-cache\"}]",
     "[{\"name\":\"model-cache\",\"persistentVolumeClaim\":{\"claimName\":\"c\"}}]", "/c/m", NULL},
    {"in place, under the folder", "pvc://c/s/m", "pvc://c/s", "[{\"mountPath\":\"/c\",\"name\":\"model-cache\",\"subPath\":\"s\"}]",
     "[{\"name\":\"model-cache\",\"persistentVolumeClaim\":{\"claimName\":\"c\"}}]", "/c/m", NULL},
    {"another claim", "pvc://d/m", "pvc://c",
     "[{\"mountPath\":\"/c\",\"name\":\"model-cache\"},{\"mountPath\":\"/d\",\"name\":\"model-source\",\"readOnly\":true}]",
     "[{\"name\":\"model-cache\",\"persistentVolumeClaim\":{\"claimName\":\"c\"}},{\"name\":\"model-source\",\"persistentVolumeClaim\":{"
     "\"claimName\":\"d\"}}]",
     NULL, "pvc://d/m"},
    {"another folder of the claim", "pvc://c/other", "pvc://c/s",
     "[{\"mountPath\":\"/c\",\"name\":\"model-cache\",\"subPath\":\"s\"},{\"mountPath\":\"/"
     "model-source\",\"name\":\"model-source\",\"readOnly\":true}]",
     "[{\"name\":\"model-cache\",\"persistentVolumeClaim\":{\"claimName\":\"c\"}},{\"name\":\"model-source\",\"persistentVolumeClaim\":{"
     "\"claimName\":\"c\"}}]",
     NULL, "pvc:///model-source/other"},
    {"a folder that only begins alike", "pvc://c/sub", "pvc://c/s",
     "[{\"mountPath\":\"/c\",\"name\":\"model-cache\",\"subPath\":\"s\"},{\"mountPath\":\"/"
     "model-source\",\"name\":\"model-source\",\"readOnly\":true}]",
     "[{\"name\":\"model-cache\",\"persistentVolumeClaim\":{\"claimName\":\"c\"}},{\"name\":\"model-source\",\"persistentVolumeClaim\":{"
     "\"claimName\":\"c\"}}]",
     NULL, "pvc:///model-source/sub"},
    {"a claim named like our volume", "pvc://model-source/m", "pvc://model-source/s",
     "[{\"mountPath\":\"/model-source\",\"name\":\"model-cache\",\"subPath\":\"s\"},{\"mountPath\":\"/"
     "model-source-claim\",\"name\":\"model-source\",\"readOnly\":true}]",
     "[{\"name\":\"model-cache\",\"persistentVolumeClaim\":{\"claimName\":\"model-source\"}},{\"name\":\"model-source\","
     "\"persistentVolumeClaim\":{\"claimName\":\"model-source\"}}]",
     NULL, "pvc:///model-source-claim/m"},
    {"a claim in an emptyDir", "pvc://d/m", "",
     "[{\"mountPath\":\"/model-cache\",\"name\":\"model-cache\"},{\"mountPath\":\"/d\",\"name\":\"model-source\",\"readOnly\":true}]",
     "[{\"name\":\"model-cache\",\"emptyDir\":{}},{\"name\":\"model-source\",\"persistentVolumeClaim\":{\"claimName\":\"d\"}}]", NULL,
     "pvc://d/m"},
};

static void test_storage(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(storage_cases); i++) {
        struct rendered rendered;
        char text[1024], uri[128] = "";
        const char *name = storage_cases[i].name;
        if (storage_cases[i].cache[0]) snprintf(uri, sizeof uri, "cacheURI: '%s',", storage_cases[i].cache);
        snprintf(text, sizeof text,
                 HEAD "spec: {backends: [{name: b, type: vLLM, modelURI: '%s', %s replicas: 1, workers: [{image: i}]}]}\n",
                 storage_cases[i].model, uri);
        rendered_make(&rendered, str_of(text));
        yyjson_val *spec = entry_spec(&rendered), *downloader = named(json_get(spec, "initContainers"), "model-downloader");
        yyjson_val *owner = downloader ? downloader : engine_of(&rendered);
        struct str path = json_text(yyjson_arr_get(json_get(engine_of(&rendered), "command"), 4));
        assert_json(&rendered, json_get(owner, "volumeMounts"), storage_cases[i].mounts, name);
        assert_json(&rendered, json_get(spec, "volumes"), storage_cases[i].volumes, name);
        assert_int_equal(downloader != NULL, storage_cases[i].source != NULL);
        if (downloader) {
            yyjson_val *args = json_get(downloader, "args");
            assert_true(json_is_text(yyjson_arr_get(args, 1), storage_cases[i].source));
            assert_true(str_equal(json_text(yyjson_arr_get(args, 3)), path));
            struct str folder = str_from(path, path.len - 32);
            assert_true(str_equal(folder, hash_md5_hex(&rendered.arena, str_of(storage_cases[i].model))));
        }
        if (storage_cases[i].path) assert_true(str_is(path, storage_cases[i].path));
        rendered_release(&rendered);
    }
}

/* Every name that the generator sets, read off a rendering of both types: the user's wins, and podTemplate may not touch it. */
static void each_generated_variable(void (*check)(struct rendered *, const char *type, const char *workers, struct str name)) {
    static const char *const types[][2] = {
        {"vLLM", "[{image: i, pods: 2}]"},
        {"vLLMDisaggregated", "[{type: prefill, image: i}, {type: decode, image: i}]"},
    };
    for (size_t t = 0; t < COUNT(types); t++) {
        struct rendered rendered;
        char text[1024];
        snprintf(text, sizeof text, HEAD "spec: {backends: [{name: b, type: %s, modelURI: 'hf://o/n', replicas: 1, workers: %s}]}\n",
                 types[t][0], types[t][1]);
        rendered_make(&rendered, str_of(text));
        const struct child *serving = rendered_child(&rendered, CHILD_SERVING, NULL);
        size_t role_index, max, index, count;
        yyjson_val *role, *entry;
        yyjson_arr_foreach(json_path(serving->object, "spec", "template", "roles", NULL), role_index, max, role) {
            yyjson_val *containers = json_path(role, "entryTemplate", "spec", "containers", NULL);
            yyjson_val *env = json_get(named(containers, "engine"), "env");
            assert_true(yyjson_arr_size(env) >= 6);
            assert_true(json_equal(env, json_get(named(containers, "runtime"), "env")));
            yyjson_val *workers = json_path(role, "workerTemplate", "spec", "containers", NULL);
            if (workers) assert_true(json_equal(env, json_get(named(workers, "engine"), "env")));
            yyjson_arr_foreach(env, index, count, entry) check(&rendered, types[t][0], types[t][1], json_text(json_get(entry, "name")));
        }
        rendered_release(&rendered);
    }
}

static void check_user_wins(struct rendered *unused, const char *type, const char *workers, struct str name) {
    (void)unused;
    static const char *const templates[] = {"entryTemplate", "workerTemplate"};
    struct rendered rendered;
    char text[1024];
    snprintf(text, sizeof text,
             HEAD
             "spec: {backends: [{name: b, type: %s, modelURI: 'hf://o/n', replicas: 1, env: [{name: %.*s, value: mine}], workers: %s}]}\n",
             type, STR_ARG(name), workers);
    rendered_make(&rendered, str_of(text));
    assert_invariants(&rendered, false);
    size_t index, max, at, count;
    yyjson_val *role, *container;
    yyjson_arr_foreach(json_path(rendered.children.items[0].object, "spec", "template", "roles", NULL), index, max, role) {
        for (size_t t = 0; t < 2; t++) {
            yyjson_arr_foreach(json_path(role, templates[t], "spec", "containers", NULL), at, count, container)
                assert_json(&rendered, yyjson_arr_get_first(json_get(container, "env")),
                            arena_printf(&rendered.arena, "{\"name\":\"%.*s\",\"value\":\"mine\"}", STR_ARG(name)).ptr, "env");
        }
    }
    rendered_release(&rendered);
}

static void check_pod_template_is_refused(struct rendered *unused, const char *type, const char *workers, struct str name) {
    (void)unused;
    struct rendered rendered;
    char text[1024];
    snprintf(text, sizeof text,
             HEAD "spec: {backends: [{name: b, type: %s, modelURI: 'hf://o/n', replicas: 1, workers: %s,\n"
                  "  podTemplate: {spec: {containers: [{name: engine, env: [{name: %.*s, value: x}]}]}}}]}\n",
             type, workers, STR_ARG(name));
    rendered_read(&rendered, str_of(text));
    if (rendered.findings.error_count == 0) fail_msg("podTemplate may set %.*s, which is generated", STR_ARG(name));
    assert_int_equal(rendered.findings.items[0].rule, RULE_POD_TEMPLATE_OWNED);
    rendered_release(&rendered);
}

static void test_env_of_the_user_wins(void **state) {
    (void)state;
    each_generated_variable(check_user_wins);
}

static void test_generated_env_is_owned(void **state) {
    (void)state;
    each_generated_variable(check_pod_template_is_refused);
}

static void test_drain_keeps_to_the_grace_period(void **state) {
    (void)state;
    static const struct {
        const char *template, *wait;
    } cases[] = {
        {"{}", "290"},
        {"{spec: {terminationGracePeriodSeconds: 600}}", "590"},
        {"{spec: {terminationGracePeriodSeconds: 5}}", "0"},
        {"{spec: {terminationGracePeriodSeconds: null}}", "20"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rendered rendered;
        char text[1024];
        snprintf(text, sizeof text, ONE("podTemplate: %s,", "config: {port: 8001}"), cases[i].template);
        rendered_make(&rendered, str_of(text));
        yyjson_val *command = json_path(engine_of(&rendered), "lifecycle", "preStop", "exec", "command", NULL);
        assert_int_equal(yyjson_arr_size(command), 5);
        assert_true(json_is_text(yyjson_arr_get(command, 3), "8001"));
        if (!json_is_text(yyjson_arr_get(command, 4), cases[i].wait))
            fail_msg("%s: waits %.*s", cases[i].template, STR_ARG(json_text(yyjson_arr_get(command, 4))));
        rendered_release(&rendered);
    }
}

/* Base, patch, result of the overlay; each is also idempotent, and an empty patch changes nothing. */
static const struct {
    const char *name, *base, *patch, *expected;
} overlay_cases[] = {
    {"a new key", "{\"a\":1}", "{\"b\":2}", "{\"a\":1,\"b\":2}"},
    {"a changed one", "{\"a\":1}", "{\"a\":2}", "{\"a\":2}"},
    {"null takes away", "{\"a\":1,\"b\":2}", "{\"a\":null}", "{\"b\":2}"},
    {"null for what is not there", "{\"b\":2}", "{\"a\":null}", "{\"b\":2}"},
    {"maps merge at depth", "{\"a\":{\"b\":{\"c\":1,\"d\":2}}}", "{\"a\":{\"b\":{\"d\":null,\"e\":3}}}",
     "{\"a\":{\"b\":{\"c\":1,\"e\":3}}}"},
    {"null in what is new", "{}", "{\"a\":{\"b\":null,\"c\":1}}", "{\"a\":{\"c\":1}}"},
    {"a map for a scalar", "{\"a\":1}", "{\"a\":{\"b\":2}}", "{\"a\":{\"b\":2}}"},
    {"an empty map stays", "{}", "{\"a\":{}}", "{\"a\":{}}"},
    {"other lists are replaced", "{\"tolerations\":[1,2]}", "{\"tolerations\":[3]}", "{\"tolerations\":[3]}"},
    {"an empty one takes away", "{\"tolerations\":[1,2]}", "{\"tolerations\":[]}", "{}"},
    {"containers by name", "{\"containers\":[{\"name\":\"a\",\"image\":\"i\"}]}",
     "{\"containers\":[{\"name\":\"b\",\"image\":\"j\"},{\"name\":\"a\",\"tty\":true}]}",
     "{\"containers\":[{\"name\":\"a\",\"image\":\"i\",\"tty\":true},{\"name\":\"b\",\"image\":\"j\"}]}"},
    {"a container of another pod", "{\"containers\":[{\"name\":\"a\",\"image\":\"i\"}]}",
     "{\"containers\":[{\"name\":\"runtime\",\"tty\":true}]}", "{\"containers\":[{\"name\":\"a\",\"image\":\"i\"}]}"},
    {"a list that is not there", "{}", "{\"initContainers\":[{\"name\":\"a\",\"image\":\"i\"},{\"name\":\"b\"}]}",
     "{\"initContainers\":[{\"name\":\"a\",\"image\":\"i\"}]}"},
    {"nothing is left of it", "{}", "{\"initContainers\":[{\"name\":\"b\"}]}", "{}"},
    {"volumes by name", "{\"volumes\":[{\"name\":\"a\",\"emptyDir\":{}}]}",
     "{\"volumes\":[{\"name\":\"a\",\"emptyDir\":{\"medium\":\"Memory\"}}]}",
     "{\"volumes\":[{\"name\":\"a\",\"emptyDir\":{\"medium\":\"Memory\"}}]}"},
    {"mounts by path", "{\"volumeMounts\":[{\"mountPath\":\"/a\",\"name\":\"x\"}]}",
     "{\"volumeMounts\":[{\"mountPath\":\"/a\",\"readOnly\":true},{\"mountPath\":\"/b\",\"name\":\"x\"}]}",
     "{\"volumeMounts\":[{\"mountPath\":\"/a\",\"name\":\"x\",\"readOnly\":true},{\"mountPath\":\"/b\",\"name\":\"x\"}]}"},
    {"variables by name, whole", "{\"env\":[{\"name\":\"a\",\"value\":\"1\"},{\"name\":\"b\",\"value\":\"2\"}]}",
     "{\"env\":[{\"name\":\"b\",\"valueFrom\":{\"x\":1}}]}",
     "{\"env\":[{\"name\":\"a\",\"value\":\"1\"},{\"name\":\"b\",\"valueFrom\":{\"x\":1}}]}"},
    {"ports by number", "{\"ports\":[{\"containerPort\":80},{\"containerPort\":81}]}",
     "{\"ports\":[{\"containerPort\":81.0,\"name\":\"x\"}]}", "{\"ports\":[{\"containerPort\":80},{\"containerPort\":81,\"name\":\"x\"}]}"},
    {"pull secrets by name", "{\"imagePullSecrets\":[{\"name\":\"a\"}]}", "{\"imagePullSecrets\":[{\"name\":\"b\"},{\"name\":\"a\"}]}",
     "{\"imagePullSecrets\":[{\"name\":\"a\"},{\"name\":\"b\"}]}"},
    {"aliases by address", "{\"hostAliases\":[{\"ip\":\"1\",\"hostnames\":[\"a\"]}]}",
     "{\"hostAliases\":[{\"ip\":\"1\",\"hostnames\":[\"b\"]}]}", "{\"hostAliases\":[{\"ip\":\"1\",\"hostnames\":[\"b\"]}]}"},
    {"another handler", "{\"startupProbe\":{\"failureThreshold\":9,\"httpGet\":{\"path\":\"/\"}}}",
     "{\"startupProbe\":{\"exec\":{\"command\":[\"a\"]}}}", "{\"startupProbe\":{\"failureThreshold\":9,\"exec\":{\"command\":[\"a\"]}}}"},
    {"the same handler", "{\"startupProbe\":{\"httpGet\":{\"path\":\"/\",\"port\":80}}}",
     "{\"startupProbe\":{\"httpGet\":{\"path\":\"/x\"}}}", "{\"startupProbe\":{\"httpGet\":{\"path\":\"/x\",\"port\":80}}}"},
    {"no handler", "{\"startupProbe\":{\"httpGet\":{\"path\":\"/\"}}}", "{\"startupProbe\":{\"periodSeconds\":3}}",
     "{\"startupProbe\":{\"httpGet\":{\"path\":\"/\"},\"periodSeconds\":3}}"},
    {"a list taken away", "{\"imagePullSecrets\":[{\"name\":\"a\"}],\"b\":1}", "{\"imagePullSecrets\":null}", "{\"b\":1}"},
    {"the same name twice in the patch", "{}", "{\"env\":[{\"name\":\"a\",\"value\":\"1\"},{\"name\":\"a\",\"value\":\"2\"}]}",
     "{\"env\":[{\"name\":\"a\",\"value\":\"2\"}]}"},
};

static yyjson_val *overlaid(struct arena *arena, const yyjson_val *base, const yyjson_val *patch) {
    struct build build = {.arena = arena, .doc = json_builder(arena)};
    yyjson_mut_val *copy = yyjson_val_mut_copy(build.doc, (yyjson_val *)(uintptr_t)base);
    overlay_apply(&build, copy, patch);
    return normal_freeze(arena, copy);
}

static void test_overlay_laws(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(overlay_cases); i++) {
        struct rendered rendered = {0};
        struct arena *arena = &rendered.arena;
        arena_init(arena, 1 << 20);
        yyjson_val *base = json_parse(arena, str_of(overlay_cases[i].base), NULL),
                   *patch = json_parse(arena, str_of(overlay_cases[i].patch), NULL);
        assert_true(base && patch);
        yyjson_val *once = overlaid(arena, base, patch);
        assert_json(&rendered, once, overlay_cases[i].expected, overlay_cases[i].name);
        assert_json(&rendered, overlaid(arena, once, patch), overlay_cases[i].expected, "applied twice");
        assert_json(&rendered, overlaid(arena, base, json_parse(arena, STR("{}"), NULL)), overlay_cases[i].base, "empty patch");
        arena_release(arena);
    }
}

enum {
    SERVING = 1 << CHILD_SERVING,
    SERVER = 1 << CHILD_SERVER,
    POLICY = 1 << CHILD_POLICY,
    BINDING = 1 << CHILD_BINDING,
    ROUTE = 1 << CHILD_ROUTE
};

/* Which children an edit gives another revision, and whether it is one of the pods (input). From and to are put in place of `x`. */
static const struct {
    const char *name, *manifest, *from, *to;
    unsigned changed;
    bool is_input_changed;
} edits[] = {
    {"weight", ONE("x", ""), "routeWeight: 1,", "routeWeight: 2,", ROUTE, false},
    {"match", HEAD "spec: {x backends: [{name: b, type: vLLM, modelURI: 'hf://o/n', replicas: 1, workers: [{image: i}]}]}\n", "",
     "modelMatch: {uri: {prefix: /v1}},", ROUTE, false},
    {"the route's model name",
     HEAD "spec: {x backends: [{name: b, type: vLLM, modelURI: 'hf://o/n', replicas: 1, workers: [{image: i}]}]}\n", "", "name: other,",
     ROUTE, false},
    {"owner", HEAD "spec: {x backends: [{name: b, type: vLLM, modelURI: 'hf://o/n', replicas: 1, workers: [{image: i}]}]}\n", "owner: a,",
     "owner: b,", 0, false},
    {"bounds of a range", HEAD "spec: {backends: [{name: b, type: vLLM, modelURI: 'hf://o/n', x workers: [{image: i}]}]}\n",
     "minReplicas: 1, maxReplicas: 3,", "minReplicas: 2, maxReplicas: 5,", 0, false},
    {"a fixed number", HEAD "spec: {backends: [{name: b, type: vLLM, modelURI: 'hf://o/n', x workers: [{image: i}]}]}\n", "replicas: 1,",
     "replicas: 2,", SERVING, false},
    {"a policy",
     HEAD "spec: {backends: [{name: b, type: vLLM, modelURI: 'hf://o/n', minReplicas: 1, maxReplicas: 3, workers: [{image: i}], x}]}\n",
     "autoscalingPolicy: {metrics: [{metricName: a, targetValue: 1}]}", "autoscalingPolicy: {metrics: [{metricName: a, targetValue: 2}]}",
     POLICY, false},
    {"bounds under a policy",
     HEAD
     "spec: {backends: [{name: b, type: vLLM, modelURI: 'hf://o/n', x workers: [{image: i}], autoscalingPolicy: {metrics: [{metricName: a, "
     "targetValue: 1}]}}]}\n",
     "minReplicas: 1, maxReplicas: 3,", "minReplicas: 1, maxReplicas: 4,", BINDING, false},
    {"image", HEAD "spec: {backends: [{name: b, type: vLLM, modelURI: 'hf://o/n', replicas: 1, workers: [{x}]}]}\n", "image: i", "image: j",
     SERVING, true},
    {"an argument", ONE("", "x"), "config: {a: 1}", "config: {a: 2}", SERVING, true},
    {"the same argument, spelled otherwise", ONE("", "x"), "config: {a: 1}", "config: {a: 1.0}", 0, false},
    {"environment", ONE("x", ""), "env: [{name: A, value: a}],", "env: [{name: A, value: b}],", SERVING, true},
    {"the runtime's port", ONE("x", ""), "", "env: [{name: RUNTIME_PORT, value: '8200'}],", SERVING, true},
    {"model", HEAD "spec: {backends: [{name: b, type: vLLM, x, replicas: 1, workers: [{image: i}]}]}\n", "modelURI: 'hf://o/n'",
     "modelURI: 'hf://o/o'", SERVING, true},
    {"port", ONE("", "x"), "", "config: {port: 9000}", SERVING | SERVER, true},
    {"served name", ONE("", "x"), "", "config: {served-model-name: s}", SERVING | SERVER, true},
    {"an adapter", ONE("x", ""), "", "loraAdapters: [{name: l, artifactURL: 'hf://o/l'}],", SERVING | ROUTE, true},
    {"copies of a role", ONE("", "x"), "replicas: 1", "replicas: 2", SERVING, true},
    {"a gang", ONE("x", ""), "", "gangPolicy: {enabled: true},", SERVING, true},
    {"podTemplate", ONE("x", ""), "", "podTemplate: {labels: {a: b}},", SERVING, true},
    {"resources in another order", ONE("", "x"), "resources: {limits: {cpu: 1, memory: 1Gi}}", "resources: {limits: {memory: 1Gi, cpu: 1}}",
     0, false},
    {"a null", ONE("", "x"), "resources: {limits: {cpu: 1}, requests: null}", "resources: {limits: {cpu: 1}}", 0, true},
    {"the default of a field", ONE("", "x"), "", "type: server, replicas: 1, pods: 1", 0, false},
    {"the other spelling", HEAD "spec: {x}\n",
     "backends: [{name: b, type: vLLM, modelURI: 'hf://o/n', replicas: 2, workers: [{image: i}]}]",
     "backend: {name: b, type: vLLM, modelURI: 'hf://o/n', minReplicas: 2, maxReplicas: 2, workers: [{image: i}]}", 0, false},
};

static void render_edit(struct rendered *out, const char *manifest, const char *replacement) {
    char text[4096];
    const char *mark = NULL;
    for (const char *at = manifest; (at = strchr(at, 'x')); at++) {
        bool is_word = !strchr("abcdefghijklmnopqrstuvwxyz", at[1]) && strchr(" {\n", at[-1]);
        if (is_word) mark = at;
    }
    assert_non_null(mark);
    snprintf(text, sizeof text, "%.*s%s%s", (int)(mark - manifest), manifest, replacement, mark + 1);
    rendered_make(out, str_of(text));
}

static void test_an_edit_changes_only_what_it_is_about(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(edits); i++) {
        struct rendered before, after;
        unsigned changed = 0;
        render_edit(&before, edits[i].manifest, edits[i].from);
        render_edit(&after, edits[i].manifest, edits[i].to);
        assert_int_equal(before.children.count, after.children.count);
        for (size_t c = 0; c < before.children.count; c++) {
            const struct child *old = &before.children.items[c], *new = &after.children.items[c];
            bool is_changed = old->revision != new->revision;
            if (is_changed) changed |= 1u << old->kind;
            /* Equal revisions: equal but for what is not ours to say. */
            if (!is_changed && !old->is_replicas_range) assert_true(json_equal(old->object, new->object));
        }
        bool is_input_changed = before.children.items[0].input_hash != after.children.items[0].input_hash;
        /* A null is told from nothing in the input, which costs no more than an upgrade at an edit. */
        bool ignores_null = strcmp(edits[i].name, "a null") == 0;
        if (ignores_null) changed &= ~(unsigned)SERVING;
        if (changed != edits[i].changed || is_input_changed != edits[i].is_input_changed)
            fail_msg("%s: changed %x, expected %x; input changed: %d", edits[i].name, changed, edits[i].changed, is_input_changed);
        rendered_release(&before);
        rendered_release(&after);
    }
}

static void test_both_spellings_are_byte_identical(void **state) {
    (void)state;
    static const char list[] = HEAD "spec: {backends: [{name: b, type: vLLM, modelURI: 'hf://o/n', minReplicas: 1, maxReplicas: 1, "
                                    "workers: [{image: i, config: {a: {y1: 1, x: 2}}}]}]}\n";
    static const char single[] = HEAD
        "spec: {backend: {workers: [{config: {a: {x: 2.0, y1: 1}}, image: i}], replicas: 1, type: vLLM, modelURI: 'hf://o/n', name: b}}\n";
    struct rendered one, other;
    rendered_make(&one, str_of(list));
    rendered_make(&other, str_of(single));
    for (size_t i = 0; i < one.children.count; i++) {
        struct strbuf a = strbuf_with_max(LIMIT_BODY_BYTES), b = strbuf_with_max(LIMIT_BODY_BYTES);
        json_write(&a, one.children.items[i].object);
        json_write(&b, other.children.items[i].object);
        assert_true(str_equal(strbuf_view(&a), strbuf_view(&b)));
        strbuf_release(&a);
        strbuf_release(&b);
    }
    rendered_release(&one);
    rendered_release(&other);
}

static void test_a_live_gang_is_carried_over(void **state) {
    (void)state;
    static const struct {
        const char *name, *wish, *live, *expected;
        bool wishes_other;
    } cases[] = {
        {"none, none", "", NULL, NULL, false},
        {"wish", "gangPolicy: {enabled: true},", NULL, "{\"minRoleReplicas\":{\"leader\":1}}", false},
        {"the same", "gangPolicy: {enabled: true},", "{\"minRoleReplicas\":{\"leader\":1}}", "{\"minRoleReplicas\":{\"leader\":1}}", false},
        {"another", "gangPolicy: {enabled: true},", "{\"minRoleReplicas\":{\"leader\":3}}", "{\"minRoleReplicas\":{\"leader\":3}}", true},
        {"not written any more", "", "{\"minRoleReplicas\":{\"leader\":3}}", "{\"minRoleReplicas\":{\"leader\":3}}", false},
        {"no longer", "gangPolicy: {enabled: false},", "{\"minRoleReplicas\":{\"leader\":3}}", "{\"minRoleReplicas\":{\"leader\":3}}",
         true},
        {"an empty one stays", "", "{}", "{}", false},
        {"for the topology", "networkTopology: {mode: hard},", "{}", "{}", false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rendered rendered;
        char text[1024];
        snprintf(text, sizeof text, ONE("%s", ""), cases[i].wish);
        rendered_read(&rendered, str_of(text));
        struct live_serving live = {.exists = true, .replicas = 1};
        if (cases[i].live) live.gang_policy = json_parse(&rendered.arena, str_of(cases[i].live), NULL);
        rendered_generate(&rendered, &live);
        const struct child *serving = &rendered.children.items[0];
        yyjson_val *gang = json_path(serving->object, "spec", "template", "gangPolicy", NULL);
        assert_int_equal(gang != NULL, cases[i].expected != NULL);
        if (gang) assert_json(&rendered, gang, cases[i].expected, cases[i].name);
        if (serving->wishes_other_gang != cases[i].wishes_other)
            fail_msg("%s: wishes another: %d", cases[i].name, serving->wishes_other_gang);
        rendered_release(&rendered);
    }
}

/* As Kubernetes prints them, wherever they stand; what only looks like one stays. */
static void test_quantities_are_spelled_as_kubernetes_does(void **state) {
    (void)state;
    struct rendered rendered;
    rendered_make(&rendered,
                  STR(ONE("podTemplate: {labels: {limits: '1000m'}, spec: {overhead: {cpu: '0.50'}, nodeSelector: {cpu: '1000m'}, "
                          "volumes: [{name: v, emptyDir: {sizeLimit: 1024Mi}}]}},",
                          "resources: {limits: {cpu: 1000m, memory: 1024Mi, nvidia.com/gpu: 2}, requests: {cpu: '0.5'}}")));
    yyjson_val *spec = entry_spec(&rendered);
    assert_json(&rendered, json_get(engine_of(&rendered), "resources"),
                "{\"limits\":{\"cpu\":\"1\",\"memory\":\"1Gi\",\"nvidia.com/gpu\":\"2\"},\"requests\":{\"cpu\":\"500m\"}}", "resources");
    assert_json(&rendered, json_get(spec, "overhead"), "{\"cpu\":\"500m\"}", "overhead");
    assert_json(&rendered, json_get(spec, "nodeSelector"), "{\"cpu\":\"1000m\"}", "nodeSelector");
    assert_json(&rendered, json_get(named(json_get(spec, "volumes"), "v"), "emptyDir"), "{\"sizeLimit\":\"1Gi\"}", "emptyDir");
    rendered_release(&rendered);
}

/* `replicas` of a range is an autoscaler's: not in the revision, and neither is what suspend notes. */
static void test_replicas_of_a_range(void **state) {
    (void)state;
    static const struct {
        const char *name;
        bool is_suspended;
        struct live_serving live;
        int64_t replicas;
        const char *before;
    } cases[] = {
        {"new", false, {0}, 2, NULL},
        {"within", false, {.exists = true, .replicas = 4}, 4, NULL},
        {"below", false, {.exists = true, .replicas = 0}, 2, NULL},
        {"above", false, {.exists = true, .replicas = 900}, 5, NULL},
        {"suspended", true, {.exists = true, .replicas = 4}, 0, "4"},
        {"suspended before", true, {.exists = true, .replicas = 0, .has_replicas_before = true, .replicas_before = 3}, 0, "3"},
        {"suspended when new", true, {0}, 0, "2"},
        {"resumed", false, {.exists = true, .replicas = 0, .has_replicas_before = true, .replicas_before = 3}, 3, NULL},
        {"resumed above", false, {.exists = true, .replicas = 0, .has_replicas_before = true, .replicas_before = 99}, 5, NULL},
    };
    uint64_t revision = 0;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rendered rendered;
        char text[1024];
        snprintf(text, sizeof text,
                 HEAD "spec: {suspend: %s, backends: [{name: b, type: vLLM, modelURI: 'hf://o/n', minReplicas: 2, maxReplicas: 5, workers: "
                      "[{image: i}]}]}\n",
                 cases[i].is_suspended ? "true" : "false");
        rendered_read(&rendered, str_of(text));
        rendered_generate(&rendered, &cases[i].live);
        const struct child *serving = &rendered.children.items[0];
        struct str before = json_text(json_path(serving->object, "metadata", "annotations", ANNOTATION_REPLICAS_BEFORE_SUSPEND, NULL));
        int64_t written = -1;
        json_int64(json_path(serving->object, "spec", "replicas", NULL), &written);
        if (serving->replicas != cases[i].replicas || written != cases[i].replicas || !serving->is_replicas_range)
            fail_msg("%s: %lld replicas", cases[i].name, (long long)serving->replicas);
        assert_true(str_is(before, cases[i].before ? cases[i].before : ""));
        if (revision && serving->revision != revision) fail_msg("%s: another revision", cases[i].name);
        revision = serving->revision;
        rendered_release(&rendered);
    }
}

/* With too little memory at any point there is no result, and no harm. */
static void test_memory_may_run_out_anywhere(void **state) {
    (void)state;
    struct rendered rendered;
    bool is_done = false;
    rendered_read(&rendered, str_of(ONE("env: [{name: A, value: b}], loraAdapters: [{name: l, artifactURL: 'pvc://c/l'}],"
                                        "podTemplate: {spec: {containers: [{name: c, image: i}], nodeSelector: {a: null}}},"
                                        "gangPolicy: {enabled: true}, networkTopology: {mode: hard},",
                                        "pods: 2, config: {b: [1], a: 1}")));
    for (size_t limit = 64; !is_done; limit += 64 + limit / 50) {
        struct arena arena;
        struct children children = {0};
        arena_init(&arena, limit);
        is_done = generate_children(&arena, &rendered.booster, &rendered.settings, NULL, &children);
        assert_int_equal(is_done, !arena.exhausted);
        assert_int_equal(is_done ? 3 : 0, children.count);
        arena_release(&arena);
        assert_true(limit < 1 << 22);
    }
    rendered_release(&rendered);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_config_becomes_arguments),
        cmocka_unit_test(test_config_wins_over_defaults),
        cmocka_unit_test(test_shell_line_reads_back_as_the_same_words),
        cmocka_unit_test(test_accelerators_become_num_gpus),
        cmocka_unit_test(test_folders_are_named_by_md5),
        cmocka_unit_test(test_storage),
        cmocka_unit_test(test_env_of_the_user_wins),
        cmocka_unit_test(test_generated_env_is_owned),
        cmocka_unit_test(test_drain_keeps_to_the_grace_period),
        cmocka_unit_test(test_overlay_laws),
        cmocka_unit_test(test_an_edit_changes_only_what_it_is_about),
        cmocka_unit_test(test_both_spellings_are_byte_identical),
        cmocka_unit_test(test_a_live_gang_is_carried_over),
        cmocka_unit_test(test_quantities_are_spelled_as_kubernetes_does),
        cmocka_unit_test(test_replicas_of_a_range),
        cmocka_unit_test(test_memory_may_run_out_anywhere),
    };
    return cmocka_run_group_tests_name("generate", tests, NULL, NULL);
}
