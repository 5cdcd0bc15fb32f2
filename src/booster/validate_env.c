#include "base/number.h"
#include "booster/checks.h"
#include "data/key_set.h"

enum {
    PORT_MAX = 65535,
    KV_EVENTS_PORT = 5557, /* the engine publishes KV cache events there (reference 5.7) */
};

/* Printable ASCII but '=': what Kubernetes takes. */
static bool is_variable_name(struct str name) {
    for (size_t i = 0; i < name.len; i++)
        if (name.ptr[i] < ' ' || name.ptr[i] > '~' || name.ptr[i] == '=') return false;
    return name.len > 0;
}

static size_t member_count(const yyjson_val *object) {
    size_t count = 0, index, max;
    yyjson_val *key, *value, *loose = json_loose(object);
    yyjson_obj_foreach(loose, index, max, key, value) count += !yyjson_is_null(value);
    return count;
}

static void check_value(struct findings *findings, struct str path, yyjson_val *entry) {
    yyjson_val *value = model_field(entry, "value"), *from = check_object(findings, entry, path, "valueFrom");
    if (value && !yyjson_is_str(value))
        model_wrong_type(findings, model_path(findings->arena, path, "value"), value, "it in quotes: values are text");
    if (!from) return;
    if (json_text(value).len) findings_add(findings, RULE_ENV_VALUE, path, entry, "value and valueFrom are both there; keep one");
    if (member_count(from) != 1)
        findings_add(findings, RULE_ENV_VALUE, model_path(findings->arena, path, "valueFrom"), from,
                     "%zu sources; write one, such as secretKeyRef or fieldRef", member_count(from));
}

static void check_variable(struct findings *findings, struct str path, yyjson_val *entry, size_t at, struct key_set *names) {
    struct str name = json_text(json_get(entry, "name"));
    yyjson_val *value = model_field(entry, "name");
    struct str name_path = model_path(findings->arena, path, "name");
    check_value(findings, path, entry);
    if (!check_required_text(findings, entry, path, "name", "the variable's name")) return;
    if (!is_variable_name(name))
        findings_add(findings, RULE_ENV_NAME, name_path, value, "%s is no variable's name; use letters, digits and underscores",
                     QUOTE(name));
    bool is_new;
    struct key_slot *slot = key_set_add(names, name, at, &is_new);
    if (!is_new)
        findings_add(findings, RULE_ENV_DUPLICATE, name_path, value, "%s is set by env[%zu] already; keep one of them", QUOTE(name),
                     slot->item);
}

static void check_variables(const struct backend *backend, struct findings *findings) {
    struct str path = model_path(findings->arena, backend->path, "env");
    struct key_set names = {0};
    if (!backend->env || !key_set_start(&names, findings->arena, yyjson_arr_size(backend->env))) return;
    size_t index, max;
    yyjson_val *entry;
    yyjson_arr_foreach(backend->env, index, max, entry) {
        struct str entry_path = model_index_path(findings->arena, path, index);
        if (yyjson_is_obj(entry))
            check_variable(findings, entry_path, entry, index, &names);
        else
            model_wrong_type(findings, entry_path, entry, "an object with name and value");
    }
}

static void check_env_sources(const struct backend *backend, struct findings *findings) {
    struct str path = model_path(findings->arena, backend->path, "envFrom");
    size_t index, max;
    yyjson_val *entry;
    if (!backend->env_from) return;
    yyjson_arr_foreach(backend->env_from, index, max, entry) {
        struct str entry_path = model_index_path(findings->arena, path, index);
        if (!yyjson_is_obj(entry)) {
            model_wrong_type(findings, entry_path, entry, "an object with secretRef or configMapRef");
            continue;
        }
        bool has_map = check_object(findings, entry, entry_path, "configMapRef"),
             has_secret = check_object(findings, entry, entry_path, "secretRef");
        if (has_map == has_secret)
            findings_add(findings, RULE_ENV_VALUE, entry_path, entry, "%s; write one of configMapRef and secretRef",
                         has_map ? "two sources" : "no source");
    }
}

static void check_runtime_port(const struct backend *backend, struct findings *findings) {
    yyjson_val *entry = backend_env(backend, "RUNTIME_PORT");
    yyjson_val *value = model_field(entry, "value");
    struct str path = model_path(findings->arena, backend->path, "env");
    int64_t port;
    if (!entry) return;
    if (!number_parse_int64(json_text(value), &port))
        findings_add(findings, RULE_RUNTIME_PORT_IGNORED, path, value ? value : entry,
                     "RUNTIME_PORT is not written as a number, so that %d is used; write its value as one, in quotes",
                     RUNTIME_PORT_DEFAULT);
    else if (port < 1 || port > PORT_MAX)
        findings_add(findings, RULE_RUNTIME_PORT, path, value, "RUNTIME_PORT %lld is no port; write one from 1 to %d", (long long)port,
                     PORT_MAX);
}

static void check_worker_ports(const struct backend *backend, const struct worker *worker, struct findings *findings) {
    yyjson_val *value = worker_config(worker, "port");
    struct str path = model_path(findings->arena, model_path(findings->arena, worker->path, "config"), "port");
    int64_t port = worker_port(worker), runtime_port = backend_runtime_port(backend);
    if (port == runtime_port)
        findings_add(
            findings, RULE_PORT_TAKEN, value ? path : model_path(findings->arena, backend->path, "env"), value ? value : backend->env,
            "engine and runtime share a pod and would both take port %lld; change port in config or RUNTIME_PORT in env", (long long)port);
    if (worker_config(worker, "kv-events-config")) return;
    if (port == KV_EVENTS_PORT)
        findings_add(findings, RULE_PORT_TAKEN, path, value, "port %d is where the engine publishes KV events; choose another",
                     KV_EVENTS_PORT);
    if (runtime_port == KV_EVENTS_PORT)
        findings_add(findings, RULE_PORT_TAKEN, model_path(findings->arena, backend->path, "env"), backend->env,
                     "RUNTIME_PORT %d is where the engine publishes KV events; choose another", KV_EVENTS_PORT);
}

void check_env(const struct backend *backend, struct findings *findings) {
    check_variables(backend, findings);
    check_env_sources(backend, findings);
    check_runtime_port(backend, findings);
    const struct role *roles;
    size_t count = backend_roles(backend->type, &roles);
    for (size_t i = 0; i < count; i++) {
        const struct worker *worker = backend_worker(backend, roles[i].worker);
        if (worker) check_worker_ports(backend, worker, findings);
    }
}
