#include "booster/generate/parts.h"

#define PREFILL   (1u << WORKER_PREFILL)
#define DECODE    (1u << WORKER_DECODE)
#define ALL_ROLES (~0u)

enum variable_source { FROM_TEXT, FROM_FIELD, FROM_CONFIG_MAP, FROM_SECRET };

/* What the engine gets beside the user's own (reference 5.6 and 7). validate_pod_template.c lists the same names. */
static const struct variable {
    const char *name;
    enum variable_source source;
    const char *value;  /* text, field path, or key */
    const char *object; /* of a ConfigMap or Secret, which need not exist */
    unsigned roles;
} variables[] = {
    {"POD_NAME", FROM_FIELD, "metadata.name", NULL, ALL_ROLES},
    {"NAMESPACE", FROM_FIELD, "metadata.namespace", NULL, ALL_ROLES},
    {"VLLM_USE_V1", FROM_TEXT, "1", NULL, ALL_ROLES},
    {"REDIS_HOST", FROM_CONFIG_MAP, "REDIS_HOST", "redis-config", ALL_ROLES},
    {"REDIS_PORT", FROM_CONFIG_MAP, "REDIS_PORT", "redis-config", ALL_ROLES},
    {"REDIS_PASSWORD", FROM_SECRET, "REDIS_PASSWORD", "redis-secret", ALL_ROLES},
    {"HF_HUB_OFFLINE", FROM_TEXT, "1", NULL, PREFILL | DECODE},
    {"HCCL_IF_IP", FROM_FIELD, "status.podIP", NULL, PREFILL},
    {"GLOO_SOCKET_IFNAME", FROM_TEXT, "eth0", NULL, DECODE},
    {"TP_SOCKET_IFNAME", FROM_TEXT, "eth0", NULL, DECODE},
    {"HCCL_SOCKET_IFNAME", FROM_TEXT, "eth0", NULL, DECODE},
};

static void add_key(yyjson_mut_doc *doc, yyjson_mut_val *from, const char *kind, const struct variable *variable) {
    yyjson_mut_val *reference = yyjson_mut_obj_add_obj(doc, from, kind);
    yyjson_mut_obj_add_str(doc, reference, "key", variable->value);
    yyjson_mut_obj_add_str(doc, reference, "name", variable->object);
    yyjson_mut_obj_add_bool(doc, reference, "optional", true);
}

static void add_variable(yyjson_mut_doc *doc, yyjson_mut_val *list, const struct variable *variable) {
    yyjson_mut_val *entry = yyjson_mut_arr_add_obj(doc, list);
    yyjson_mut_obj_add_str(doc, entry, "name", variable->name);
    if (variable->source == FROM_TEXT) {
        yyjson_mut_obj_add_str(doc, entry, "value", variable->value);
        return;
    }
    yyjson_mut_val *from = yyjson_mut_obj_add_obj(doc, entry, "valueFrom");
    if (variable->source == FROM_CONFIG_MAP)
        add_key(doc, from, "configMapKeyRef", variable);
    else if (variable->source == FROM_SECRET)
        add_key(doc, from, "secretKeyRef", variable);
    else
        yyjson_mut_obj_add_str(doc, yyjson_mut_obj_add_obj(doc, from, "fieldRef"), "fieldPath", variable->value);
}

/* The user's entries first, in their order; of the generated ones those that the user has not set (D28). */
void add_env(const struct build *build, const struct backend *backend, const struct worker *worker, yyjson_mut_val *container) {
    yyjson_mut_val *list = yyjson_mut_arr(build->doc);
    size_t index, max;
    yyjson_val *entry;
    yyjson_arr_foreach(backend->env, index, max, entry) yyjson_mut_arr_append(list, yyjson_val_mut_copy(build->doc, entry));
    for (size_t i = 0; worker && i < sizeof variables / sizeof *variables; i++) {
        bool is_due = variables[i].roles & (1u << worker->type);
        if (is_due && !backend_env(backend, variables[i].name)) add_variable(build->doc, list, &variables[i]);
    }
    if (yyjson_mut_arr_size(list)) yyjson_mut_obj_add_val(build->doc, container, "env", list);
    add_unless_empty(build, container, "envFrom", backend->env_from);
}
