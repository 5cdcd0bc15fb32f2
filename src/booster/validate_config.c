#include "base/limits.h"
#include "base/number.h"
#include "booster/checks.h"
#include "data/key_set.h"

enum { PORT_MAX = 65535 };

static struct str argument_path(struct arena *arena, const struct worker *worker, const char *argument) {
    return model_path(arena, model_path(arena, worker->path, "config"), argument);
}

/* The key as an argument's name: `_` is `-`. */
static struct str normalized(struct arena *arena, struct str key) {
    if (!str_contains(key, STR("_"))) return key;
    struct str copy = arena_copy(arena, key);
    char *text = (char *)(uintptr_t)copy.ptr;
    for (size_t i = 0; i < copy.len; i++)
        if (text[i] == '_') text[i] = '-';
    return copy;
}

static void check_key(struct findings *findings, const struct worker *worker, yyjson_val *key, size_t at, struct key_set *names) {
    struct str text = json_text(key), name = normalized(findings->arena, text);
    struct str path = model_key_path(findings->arena, model_path(findings->arena, worker->path, "config"), text);
    if (name.len == 0 || name.ptr[0] == '-' || has_blank(name)) {
        findings_add(findings, RULE_CONFIG_KEY, path, key,
                     "%s cannot follow \"--\"; write the argument's name alone, such as max-model-len", QUOTE(text));
        return;
    }
    bool is_new;
    key_set_add(names, name, at, &is_new);
    if (!is_new)
        findings_add(findings, RULE_CONFIG_COLLISION, path, key, "the same argument as the key before it with - or _, %s; keep one of them",
                     QUOTE(name));
}

static void check_keys(const struct worker *worker, struct findings *findings) {
    struct key_set names = {0};
    if (!key_set_start(&names, findings->arena, yyjson_obj_size(worker->config))) return;
    size_t index, max;
    yyjson_val *key, *value;
    yyjson_obj_foreach(worker->config, index, max, key, value) check_key(findings, worker, key, index, &names);
}

static void check_address(const struct worker *worker, struct findings *findings) {
    yyjson_val *host = worker_config(worker, "host"), *port = worker_config(worker, "port");
    struct str path = argument_path(findings->arena, worker, "port");
    int64_t number = 0;
    if (host && !json_is_text(host, "0.0.0.0") && !json_is_text(host, "::"))
        findings_add(findings, RULE_CONFIG_HOST, argument_path(findings->arena, worker, "host"), host,
                     "%s would keep probes and router out; write 0.0.0.0 or \"::\", or leave it out", QUOTE(json_text(host)));
    if (!port) return;
    bool is_number = json_int64(port, &number) || number_parse_int64(json_text(port), &number);
    if (!is_number || number < 1 || number > PORT_MAX)
        findings_add(findings, RULE_CONFIG_PORT, path, port, "no port; write a number from 1 to %d", PORT_MAX);
    else if (number != ENGINE_PORT_DEFAULT)
        findings_add(findings, RULE_CONFIG_PORT_UNUSUAL, path, port,
                     "the router of Kthena 0.1 reads metrics at port %d only; leave port out", ENGINE_PORT_DEFAULT);
}

/* Kubernetes counts maxLength in characters. */
static size_t character_count(struct str text) {
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++) count += ((unsigned char)text.ptr[i] & 0xC0) != 0x80;
    return count;
}

static void check_served_name(const struct worker *worker, struct findings *findings) {
    yyjson_val *value = worker_config(worker, "served-model-name");
    struct str path = argument_path(findings->arena, worker, "served-model-name");
    size_t count = character_count(json_text(value));
    if (!value) return;
    if (json_text(value).len == 0)
        findings_add(findings, RULE_SERVED_NAME, path, value,
                     "the router asks for the model by one name; write that name as a text, or leave it out");
    else if (count > LIMIT_SERVED_MODEL_NAME_BYTES)
        findings_add(findings, RULE_SERVED_NAME_LENGTH, path, value, "%zu characters, more than %d; shorten it", count,
                     LIMIT_SERVED_MODEL_NAME_BYTES);
}

static yyjson_val *read_kv_transfer(const struct worker *worker, struct findings *findings) {
    struct error error = {0};
    yyjson_val *transfer = worker_kv_transfer(findings->arena, worker, &error);
    if (error.kind)
        findings_add(findings, RULE_KV_TRANSFER, argument_path(findings->arena, worker, "kv-transfer-config"),
                     worker_config(worker, "kv-transfer-config"), "%s; write kv_connector and the rest as an object", error.message);
    return transfer;
}

static void check_connector_known(const struct worker *worker, struct str name, struct findings *findings) {
    struct str path = argument_path(findings->arena, worker, "kv-transfer-config");
    yyjson_val *value = worker_config(worker, "kv-transfer-config");
    if (!value || kv_connector_of(name) != KV_CONNECTOR_NONE) return;
    if (name.len == 0)
        findings_add(findings, RULE_KV_CONNECTOR_UNKNOWN, path, value,
                     "no kv_connector, so that the router is told of none; name one, such as NixlConnector");
    else
        findings_add(findings, RULE_KV_CONNECTOR_UNKNOWN, path, value,
                     "%s is none that the router knows, so that it is told of none; it knows NixlConnector, MooncakeConnectorV1 and "
                     "LMCacheConnectorV1",
                     QUOTE(name));
}

static void check_connectors_agree(const struct worker *prefill, struct str prefill_name, const struct worker *decode,
                                   struct str decode_name, struct findings *findings) {
    yyjson_val *prefill_value = worker_config(prefill, "kv-transfer-config"), *value = worker_config(decode, "kv-transfer-config");
    enum kv_connector connector = kv_connector_of(prefill_name);
    bool is_same = !prefill_value == !value &&
                   (str_equal(prefill_name, decode_name) || (connector != KV_CONNECTOR_NONE && connector == kv_connector_of(decode_name)));
    if (is_same) return;
    findings_add(findings, RULE_KV_TRANSFER, argument_path(findings->arena, decode, "kv-transfer-config"), value ? value : decode->value,
                 "decode has connector %s, prefill %s; write the same kv_connector for both", decode_name.len ? QUOTE(decode_name) : "none",
                 prefill_name.len ? QUOTE(prefill_name) : "none");
}

static void check_names_and_ports_agree(const struct worker *prefill, const struct worker *decode, struct findings *findings) {
    yyjson_val *prefill_name = worker_config(prefill, "served-model-name"), *name = worker_config(decode, "served-model-name");
    if (json_text(name).len && json_text(prefill_name).len && !str_equal(json_text(name), json_text(prefill_name)))
        findings_add(findings, RULE_SERVED_NAME, argument_path(findings->arena, decode, "served-model-name"), name,
                     "decode serves %s, prefill %s; write the same name for both", QUOTE(json_text(name)), QUOTE(json_text(prefill_name)));
    if (worker_port(prefill) != worker_port(decode))
        findings_add(findings, RULE_CONFIG_PORT, argument_path(findings->arena, decode, "port"), decode->value,
                     "decode listens on port %lld, prefill on %lld; a ModelServer has one: write the same for both",
                     (long long)worker_port(decode), (long long)worker_port(prefill));
}

static void check_roles_agree(const struct backend *backend, struct findings *findings) {
    const struct worker *prefill = backend_worker(backend, WORKER_PREFILL), *decode = backend_worker(backend, WORKER_DECODE);
    if (prefill && decode) check_names_and_ports_agree(prefill, decode, findings);
}

static void check_connectors(const struct backend *backend, struct findings *findings) {
    const struct worker *prefill = backend_worker(backend, WORKER_PREFILL), *decode = backend_worker(backend, WORKER_DECODE);
    struct str prefill_name = STR_EMPTY, decode_name = STR_EMPTY;
    bool is_readable = true;
    for (size_t i = 0; i < backend->worker_count; i++) {
        const struct worker *worker = &backend->workers[i];
        yyjson_val *transfer = read_kv_transfer(worker, findings);
        struct str name = json_text(json_get(transfer, "kv_connector"));
        bool is_role = worker == prefill || worker == decode;
        if (worker == prefill) prefill_name = name;
        if (worker == decode) decode_name = name;
        if (is_role && worker_config(worker, "kv-transfer-config") && !transfer) is_readable = false;
        if (is_role && transfer) check_connector_known(worker, name, findings);
    }
    if (is_readable && prefill && decode) check_connectors_agree(prefill, prefill_name, decode, decode_name, findings);
}

/* loraAdapters become --enable-lora and --lora-modules; of two --lora-modules the engine takes the last. */
static void check_adapters_agree(const struct backend *backend, const struct worker *worker, struct findings *findings) {
    static const char *const arguments[] = {"lora-modules", "enable-lora"};
    if (backend->lora_adapter_count == 0) return;
    for (size_t i = 0; i < sizeof arguments / sizeof *arguments; i++) {
        yyjson_val *value = worker_config(worker, arguments[i]);
        bool agrees = !value || (i == 1 && !yyjson_is_false(value));
        if (!agrees)
            findings_add(findings, RULE_CONFIG_ADAPTERS, argument_path(findings->arena, worker, arguments[i]), value,
                         "at odds with loraAdapters, which says which adapters are loaded; write them all there, and leave this out");
    }
}

void check_config(const struct backend *backend, struct findings *findings) {
    const struct role *roles;
    if (backend_roles(backend->type, &roles) == 0) return;
    for (size_t i = 0; i < backend->worker_count; i++) {
        const struct worker *worker = &backend->workers[i];
        yyjson_val *model = worker_config(worker, "model");
        check_keys(worker, findings);
        check_address(worker, findings);
        check_served_name(worker, findings);
        check_adapters_agree(backend, worker, findings);
        if (model)
            findings_add(findings, RULE_CONFIG_MODEL, argument_path(findings->arena, worker, "model"), model,
                         "takes the place of the downloaded model, so that modelURI is fetched for nothing; leave it out");
    }
    if (backend->type == BACKEND_VLLM_DISAGGREGATED) check_roles_agree(backend, findings);
    check_connectors(backend, findings);
}
