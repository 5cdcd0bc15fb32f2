#include "booster/generate/parts.h"

enum { RESTART_GRACE_PERIOD_S = 60 };

static int64_t clamp(int64_t value, int64_t min, int64_t max) {
    return value < min ? min : value > max ? max : value;
}

/*
 * SPEC section 5: a range leaves the number to autoscalers, within its bounds. Suspended is 0; the number before is in the annotation, and
 * counts again afterwards.
 */
static int64_t replicas_awake(const struct backend *backend, const struct live_serving *live) {
    int64_t wish = backend->min_replicas;
    if (live->has_replicas_before)
        wish = live->replicas_before;
    else if (live->exists)
        wish = live->replicas;
    return clamp(wish, backend->min_replicas, backend->max_replicas);
}

/* {role: replicas} for all roles, where the user does not say how many are enough. */
static yyjson_mut_val *min_role_replicas(const struct build *build, const struct backend *backend) {
    if (!json_is_empty(backend->gang_min_role_replicas)) return yyjson_val_mut_copy(build->doc, backend->gang_min_role_replicas);
    const struct role *roles;
    size_t count = backend_roles(backend->type, &roles);
    yyjson_mut_val *object = yyjson_mut_obj(build->doc);
    for (size_t i = 0; i < count; i++) {
        const struct worker *worker = backend_worker(backend, roles[i].worker);
        if (worker) json_add_int64(build->doc, object, roles[i].name, worker->replicas);
    }
    return object;
}

/* NULL for none. networkTopology always brings one: Kthena's controller reads it unasked (SPEC section 2). */
static yyjson_mut_val *wished_gang_policy(const struct build *build, const struct backend *backend) {
    if (!backend->gang_enabled && json_is_empty(backend->network_topology)) return NULL;
    yyjson_mut_val *policy = yyjson_mut_obj(build->doc);
    if (backend->gang_enabled) yyjson_mut_obj_add_val(build->doc, policy, "minRoleReplicas", min_role_replicas(build, backend));
    return policy;
}

/*
 * A live gangPolicy cannot be changed, so it stays as it is. Not to write one is no wish to be rid of it: Kthena's own controller gave one
 * to every ModelServing (D22); `enabled: false` is.
 */
static void add_gang_policy(const struct serving *serving, const struct live_serving *live, struct child *child, yyjson_mut_val *template) {
    const struct build *build = serving->build;
    yyjson_mut_val *wish = wished_gang_policy(build, serving->backend);
    if (live->gang_policy) {
        yyjson_val *wanted = normal_freeze(build->arena, wish);
        bool is_same = json_equal(wanted, live->gang_policy) || (json_is_empty(wanted) && json_is_empty(live->gang_policy));
        child->wishes_other_gang = !is_same && model_field(serving->backend->value, "gangPolicy");
        wish = yyjson_val_mut_copy(build->doc, live->gang_policy);
    }
    if (wish) yyjson_mut_obj_add_val(build->doc, template, "gangPolicy", wish);
}

/* The two spellings (SPEC section 2). One tier for the whole group is the nearest that Kthena 0.1 has; it knows no names of tiers. */
static yyjson_mut_val *network_topology(const struct build *build, const struct backend *backend) {
    static const char *const flat_keys[] = {"highestTierAllowed", "mode"};
    yyjson_val *given = backend->network_topology;
    yyjson_val *group = model_field(given, "groupPolicy"), *role = model_field(given, "rolePolicy");
    bool is_flat = !group && !role;
    yyjson_mut_val *topology = yyjson_mut_obj(build->doc);
    if (build->settings->topology_shape == TOPOLOGY_KTHENA_0_1) {
        yyjson_val *tier = is_flat ? given : json_is_empty(group) ? role : group;
        for (size_t i = 0; i < 2; i++) json_add_copy(build->doc, topology, flat_keys[i], json_get(tier, flat_keys[i]));
        return topology;
    }
    add_unless_empty(build, topology, "groupPolicy", is_flat ? given : group);
    add_unless_empty(build, topology, "rolePolicy", role);
    return topology;
}

static void add_role(const struct serving *serving, const struct role *role, yyjson_mut_val *roles) {
    const struct build *build = serving->build;
    const struct worker *worker = backend_worker(serving->backend, role->worker);
    if (!worker) return;
    yyjson_mut_val *object = yyjson_mut_arr_add_obj(build->doc, roles);
    yyjson_mut_obj_add_val(build->doc, object, "entryTemplate", pod_template(serving, worker, POD_ENTRY));
    yyjson_mut_obj_add_str(build->doc, object, "name", role->name);
    json_add_int64(build->doc, object, "replicas", worker->replicas);
    json_add_int64(build->doc, object, "workerReplicas", worker->pods - 1);
    /* Only where there are such pods: it costs a headless Service for each replica. */
    if (worker->pods > 1) yyjson_mut_obj_add_val(build->doc, object, "workerTemplate", pod_template(serving, worker, POD_WORKER));
}

static yyjson_mut_val *group_template(const struct serving *serving, const struct live_serving *live, struct child *child) {
    const struct build *build = serving->build;
    const struct backend *backend = serving->backend;
    yyjson_mut_val *template = yyjson_mut_obj(build->doc);
    add_gang_policy(serving, live, child, template);
    if (!json_is_empty(backend->network_topology))
        yyjson_mut_obj_add_val(build->doc, template, "networkTopology", network_topology(build, backend));
    json_add_int64(build->doc, template, "restartGracePeriodSeconds", RESTART_GRACE_PERIOD_S);
    yyjson_mut_val *roles = yyjson_mut_obj_add_arr(build->doc, template, "roles");
    const struct role *rows;
    size_t count = backend_roles(backend->type, &rows);
    for (size_t i = 0; i < count; i++) add_role(serving, &rows[i], roles);
    return template;
}

yyjson_mut_val *serving_spec(const struct serving *serving, const struct live_serving *live, struct child *child) {
    const struct build *build = serving->build;
    const struct backend *backend = serving->backend;
    child->is_replicas_range = backend->min_replicas < backend->max_replicas;
    child->replicas = build->booster->suspend ? 0 : replicas_awake(backend, live);
    yyjson_mut_val *spec = yyjson_mut_obj(build->doc);
    json_add_int64(build->doc, spec, "replicas", child->replicas);
    /* Kthena 0.1's definition requires it, even empty. */
    json_add_text(build->doc, spec, "schedulerName", backend->scheduler_name);
    yyjson_mut_obj_add_val(build->doc, spec, "template", group_template(serving, live, child));
    return spec;
}

static struct str rendered_text(const struct serving *serving, const struct child *child) {
    struct strbuf text = strbuf_with_max(LIMIT_BODY_BYTES);
    strbuf_append(&text, STR("{\"generator\":\"" GENERATOR_VERSION "\",\"downloader\":"));
    json_write_text(&text, serving->images.downloader);
    strbuf_append(&text, STR(",\"runtime\":"));
    json_write_text(&text, serving->images.runtime);
    strbuf_printf(&text, ",\"input\":\"%016llx\"}", (unsigned long long)child->input_hash);
    return strbuf_take(&text, serving->build->arena);
}

yyjson_mut_val *serving_annotations(const struct serving *serving, const struct live_serving *live, const struct child *child) {
    const struct build *build = serving->build;
    yyjson_mut_val *annotations = yyjson_mut_obj(build->doc);
    json_add_text(build->doc, annotations, ANNOTATION_RENDERED, rendered_text(serving, child));
    if (!build->booster->suspend) return annotations;
    int64_t before = live->has_replicas_before ? live->replicas_before : live->exists ? live->replicas : serving->backend->min_replicas;
    json_add_text(build->doc, annotations, ANNOTATION_REPLICAS_BEFORE_SUSPEND, arena_printf(build->arena, "%lld", (long long)before));
    return annotations;
}
