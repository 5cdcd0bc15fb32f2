#include "booster/generate/parts.h"

#include <ctype.h>
#include <string.h>

#include "data/quantity.h"

enum {
    KUBERNETES_GRACE_PERIOD_S = 30, /* of pods that do not say */
    GRACE_LEFT_FOR_STOPPING_S = 10,
    PROBE_PERIOD_S = 5,
    PROBE_TIMEOUT_S = 5,
    READINESS_FAILURES = 3,
    LIVENESS_FAILURES = 12,     /* a minute: /health of a busy engine can be slow, and a restart costs a load of the model */
    STARTUP_BUDGET_S = 30 * 60, /* loading a large model from a slow disk (D38) */
};

/* vllm-openai's images have no `python`; all of vLLM's have this. */
#define PYTHON "python3"

/*
 * The script in vLLM's images that starts or joins a Ray cluster (reference 6.3): in /vllm-workspace/examples of vllm-openai, in
 * /vllm-workspace/vllm/examples of vllm-ascend, and under ray_serving since vLLM moved it. Where there is none, bash names the last.
 */
#define RAY_SCRIPT                                                                                                                         \
    "for script in /vllm-workspace/{,vllm/}examples/{ray,online}_serving/multi-node-serving.sh; do [ -f \"$script\" ] && break; done; "

/* Accelerators that become Ray's --num-gpus; of others Ray finds out by itself. */
static const char *const accelerators[] = {"nvidia.com/gpu", "huawei.com/ascend-1980"};

/*
 * Run before the engine is told to stop, by the same interpreter: arguments are its port and how many seconds to wait at most. Ends when no
 * request has run or waited for three looks, since a router may still send one, or when the engine is gone (D37). Not through
 * urllib, which would follow the proxies of the environment.
 */
static const char drain_script[] = "import http.client, re, socket, sys, time\n"
                                   "port, end, idle = int(sys.argv[1]), time.monotonic() + float(sys.argv[2]), 0\n"
                                   "gauge = re.compile(r'^vllm:num_requests_(?:running|waiting)(?:\\{.*\\})? (\\S+)', re.M)\n"
                                   "while idle < 3 and time.monotonic() < end:\n"
                                   "    try:\n"
                                   "        engine = http.client.HTTPConnection('localhost', port, timeout=5)\n"
                                   "        engine.request('GET', '/metrics')\n"
                                   "        answer = engine.getresponse()\n"
                                   "        text = answer.read().decode('utf-8', 'replace')\n"
                                   "        if answer.status != 200: break\n"
                                   "        idle = 0 if any(float(n) > 0 for n in gauge.findall(text)) else idle + 1\n"
                                   "    except (socket.timeout, TimeoutError, ValueError, http.client.HTTPException):\n"
                                   "        idle = 0\n"
                                   "    except OSError:\n"
                                   "        break\n"
                                   "    time.sleep(1)\n";

static void add_http_get(const struct build *build, yyjson_mut_val *probe, int64_t port) {
    yyjson_mut_val *get = yyjson_mut_obj_add_obj(build->doc, probe, "httpGet");
    yyjson_mut_obj_add_str(build->doc, get, "path", "/health");
    json_add_int64(build->doc, get, "port", port);
}

static void add_probe(const struct build *build, yyjson_mut_val *container, const char *key, int64_t port, int failures) {
    yyjson_mut_val *probe = yyjson_mut_obj_add_obj(build->doc, container, key);
    json_add_int64(build->doc, probe, "failureThreshold", failures);
    add_http_get(build, probe, port);
    json_add_int64(build->doc, probe, "periodSeconds", PROBE_PERIOD_S);
    json_add_int64(build->doc, probe, "timeoutSeconds", PROBE_TIMEOUT_S);
}

static void add_port(const struct build *build, yyjson_mut_val *container, int64_t port) {
    yyjson_mut_val *ports = yyjson_mut_obj_add_arr(build->doc, container, "ports");
    json_add_int64(build->doc, yyjson_mut_arr_add_obj(build->doc, ports), "containerPort", port);
}

/* podTemplate may change it; null takes it out. */
static int64_t grace_period_s(const struct backend *backend) {
    yyjson_val *wish = json_path(backend->pod_template, "spec", "terminationGracePeriodSeconds", NULL);
    int64_t seconds = POD_GRACE_PERIOD_S;
    if (yyjson_is_null(wish)) return KUBERNETES_GRACE_PERIOD_S;
    json_int64(wish, &seconds);
    return seconds;
}

static void add_drain(const struct serving *serving, const struct worker *worker, yyjson_mut_val *container) {
    const struct build *build = serving->build;
    static const char *const interpreter[] = {PYTHON, "-c", drain_script};
    int64_t wait_s = grace_period_s(serving->backend) - GRACE_LEFT_FOR_STOPPING_S;
    yyjson_mut_val *lifecycle = yyjson_mut_obj_add_obj(build->doc, container, "lifecycle");
    yyjson_mut_val *exec = yyjson_mut_obj_add_obj(build->doc, yyjson_mut_obj_add_obj(build->doc, lifecycle, "preStop"), "exec");
    yyjson_mut_val *command = yyjson_mut_obj_add_arr(build->doc, exec, "command");
    add_words(build, command, interpreter, sizeof interpreter / sizeof *interpreter);
    add_word(build, command, arena_printf(build->arena, "%lld", (long long)worker_port(worker)));
    add_word(build, command, arena_printf(build->arena, "%lld", (long long)(wait_s > 0 ? wait_s : 0)));
}

/* A pod without a request for a resource requests its limit. */
static int64_t accelerator_count(const struct worker *worker) {
    const __int128 nano = 1000000000;
    __int128 sum = 0;
    for (size_t i = 0; i < sizeof accelerators / sizeof *accelerators; i++) {
        struct quantity amount;
        yyjson_val *value = json_path(worker->resources, "requests", accelerators[i], NULL);
        if (!value) value = json_path(worker->resources, "limits", accelerators[i], NULL);
        if (quantity_read(value, &amount, NULL)) sum += (amount.nanos + nano - 1) / nano;
    }
    return sum < INT64_MAX ? (int64_t)sum : INT64_MAX;
}

/*
 * One line for bash: $(ENTRY_ADDRESS) is filled in by Kubernetes, everything of the user's is quoted (D26). Leader and workers wait for
 * each other as long as an engine may take to start: the others may be downloading still, and a pod that gives up has its role recreated.
 */
static void add_shell_command(const struct serving *serving, const struct worker *worker, enum pod_kind kind, yyjson_mut_val *words,
                              yyjson_mut_val *command) {
    static const char *const shell[] = {"bash", "-c"};
    struct strbuf line = strbuf_with_max(LIMIT_BODY_BYTES);
    int64_t accelerator_number = accelerator_count(worker);
    strbuf_append(&line, STR(RAY_SCRIPT));
    if (kind == POD_ENTRY) {
        strbuf_printf(&line, "bash \"$script\" leader --ray_cluster_size=%lld ", (long long)worker->pods);
        if (accelerator_number > 0) strbuf_printf(&line, "--num-gpus=%lld ", (long long)accelerator_number);
        strbuf_printf(&line, "--ray_init_timeout=%d && exec ", STARTUP_BUDGET_S);
        shell_append_words(&line, words);
    } else {
        strbuf_printf(&line, "exec bash \"$script\" worker --ray_address=$(ENTRY_ADDRESS) --ray_init_timeout=%d", STARTUP_BUDGET_S);
    }
    add_words(serving->build, command, shell, sizeof shell / sizeof *shell);
    add_word(serving->build, command, strbuf_take(&line, serving->build->arena));
}

static void add_command(const struct serving *serving, const struct worker *worker, enum pod_kind kind, yyjson_mut_val *container) {
    static const char *const server[] = {PYTHON, "-m", "vllm.entrypoints.openai.api_server", "--model"};
    const struct build *build = serving->build;
    yyjson_mut_val *command = yyjson_mut_obj_add_arr(build->doc, container, "command");
    bool is_multi_node = worker->pods > 1;
    yyjson_mut_val *words = is_multi_node ? yyjson_mut_arr(build->doc) : command;
    if (kind == POD_ENTRY && serving->storage.count) {
        add_words(build, words, server, sizeof server / sizeof *server);
        add_word(build, words, serving->storage.sources[0].path);
        add_arguments(serving, worker, words);
    }
    if (is_multi_node) add_shell_command(serving, worker, kind, words, command);
}

void add_engine_container(const struct serving *serving, const struct worker *worker, enum pod_kind kind, yyjson_mut_val *containers) {
    const struct build *build = serving->build;
    int64_t port = worker_port(worker);
    yyjson_mut_val *container = yyjson_mut_arr_add_obj(build->doc, containers);
    add_command(serving, worker, kind, container);
    add_env(build, serving->backend, worker, container);
    json_add_text(build->doc, container, "image", worker->image);
    if (kind == POD_ENTRY) {
        add_drain(serving, worker, container);
        add_probe(build, container, "livenessProbe", port, LIVENESS_FAILURES);
    }
    yyjson_mut_obj_add_str(build->doc, container, "name", ENGINE_CONTAINER);
    if (kind == POD_ENTRY) {
        add_port(build, container, port);
        add_probe(build, container, "readinessProbe", port, READINESS_FAILURES);
    }
    add_unless_empty(build, container, "resources", worker->resources);
    if (kind == POD_ENTRY) add_probe(build, container, "startupProbe", port, STARTUP_BUDGET_S / PROBE_PERIOD_S);
    add_cache_mount(serving, yyjson_mut_obj_add_arr(build->doc, container, "volumeMounts"));
}

static struct str lower_case(struct arena *arena, const char *text) {
    struct str copy = arena_copy(arena, str_of(text));
    char *letters = (char *)(uintptr_t)copy.ptr;
    for (size_t i = 0; i < copy.len; i++) letters[i] = (char)tolower((unsigned char)letters[i]);
    return copy;
}

/* The user's value, a reference to it where it comes from elsewhere, or `fallback`: the container has the variable too. */
static struct str env_or(const struct build *build, const struct backend *backend, const char *name, struct str fallback) {
    yyjson_val *entry = backend_env(backend, name);
    if (!entry) return fallback;
    if (!json_is_empty(json_get(entry, "valueFrom"))) return arena_printf(build->arena, "$(%s)", name);
    return json_text(json_get(entry, "value"));
}

static void add_runtime_arguments(const struct serving *serving, const struct worker *worker, int64_t port, yyjson_mut_val *args) {
    const struct build *build = serving->build;
    const struct backend *backend = serving->backend;
    struct str engine_url = arena_printf(build->arena, "http://localhost:%lld", (long long)worker_port(worker));
    const struct {
        const char *flag;
        struct str value;
    } arguments[] = {
        {"--port", arena_printf(build->arena, "%lld", (long long)port)},
        {"--engine", lower_case(build->arena, backend_type_name(backend->type))},
        {"--engine-base-url", env_or(build, backend, "RUNTIME_URL", engine_url)},
        {"--engine-metrics-path", env_or(build, backend, "RUNTIME_METRICS_PATH", STR("/metrics"))},
        {"--pod", STR("$(POD_NAME).$(NAMESPACE)")},
        {"--model", build->booster->name},
    };
    for (size_t i = 0; i < sizeof arguments / sizeof *arguments; i++) {
        add_word(build, args, str_of(arguments[i].flag));
        add_word(build, args, arguments[i].value);
    }
}

void add_runtime_container(const struct serving *serving, const struct worker *worker, yyjson_mut_val *containers) {
    const struct build *build = serving->build;
    int64_t port = backend_runtime_port(serving->backend);
    yyjson_mut_val *container = yyjson_mut_arr_add_obj(build->doc, containers);
    add_runtime_arguments(serving, worker, port, yyjson_mut_obj_add_arr(build->doc, container, "args"));
    add_env(build, serving->backend, worker, container);
    json_add_text(build->doc, container, "image", serving->images.runtime);
    yyjson_mut_obj_add_str(build->doc, container, "name", RUNTIME_CONTAINER);
    add_port(build, container, port);
    yyjson_mut_val *probe = yyjson_mut_obj_add_obj(build->doc, container, "readinessProbe");
    add_http_get(build, probe, port);
    json_add_int64(build->doc, probe, "initialDelaySeconds", 5);
    json_add_int64(build->doc, probe, "periodSeconds", 10);
}
