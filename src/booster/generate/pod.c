#include "booster/generate/parts.h"

/* The scheduler's part of a pod: the same for entry and worker pods. */
static void add_placement(const struct serving *serving, const struct worker *worker, yyjson_mut_val *spec) {
    const struct build *build = serving->build;
    const struct backend *backend = serving->backend;
    add_unless_empty(build, spec, "affinity", worker->affinity);
    add_unless_empty(build, spec, "nodeSelector", worker->node_selector);
    if (backend->runtime_class_name.len) json_add_text(build->doc, spec, "runtimeClassName", backend->runtime_class_name);
    if (backend->scheduler_name.len) json_add_text(build->doc, spec, "schedulerName", backend->scheduler_name);
    add_unless_empty(build, spec, "tolerations", worker->tolerations);
    add_unless_empty(build, spec, "topologySpreadConstraints", backend->topology_spread);
}

static yyjson_mut_val *pod_spec(const struct serving *serving, const struct worker *worker, enum pod_kind kind) {
    const struct build *build = serving->build;
    yyjson_mut_val *spec = yyjson_mut_obj(build->doc);
    yyjson_mut_val *containers = yyjson_mut_obj_add_arr(build->doc, spec, "containers");
    if (kind == POD_ENTRY) add_runtime_container(serving, worker, containers);
    add_engine_container(serving, worker, kind, containers);
    add_downloaders(serving, spec);
    add_placement(serving, worker, spec);
    json_add_int64(build->doc, spec, "terminationGracePeriodSeconds", POD_GRACE_PERIOD_S);
    add_volumes(serving, spec);
    return spec;
}

/* A worker serves no API: probes that podTemplate means for the engine would kill it. */
static void remove_probes(yyjson_mut_val *spec) {
    static const char *const probes[] = {"startupProbe", "readinessProbe", "livenessProbe"};
    yyjson_mut_val *engine = yyjson_mut_arr_get_first(yyjson_mut_obj_get(spec, "containers"));
    for (size_t i = 0; i < sizeof probes / sizeof *probes; i++) yyjson_mut_obj_remove_key(engine, probes[i]);
}

yyjson_mut_val *pod_template(const struct serving *serving, const struct worker *worker, enum pod_kind kind) {
    const struct build *build = serving->build;
    const struct backend *backend = serving->backend;
    yyjson_mut_val *template = yyjson_mut_obj(build->doc), *metadata = yyjson_mut_obj_add_obj(build->doc, template, "metadata");
    yyjson_mut_val *labels = identity_labels(build, backend->name), *spec = pod_spec(serving, worker, kind);
    yyjson_mut_obj_add_val(build->doc, metadata, "labels", labels);
    yyjson_mut_obj_add_val(build->doc, template, "spec", spec);
    if (backend->pod_template) {
        overlay_apply(build, labels, json_get(backend->pod_template, "labels"));
        overlay_apply(build, spec, json_get(backend->pod_template, "spec"));
        add_unless_empty(build, metadata, "annotations", json_get(backend->pod_template, "annotations"));
        if (kind == POD_WORKER) remove_probes(spec);
    }
    spell_quantities(build, spec);
    return template;
}
