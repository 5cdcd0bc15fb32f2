#include <string.h>

#include "judge_inner.h"

enum { FIGHT_MS = 9 * 60 * 1000 };

/* ---- whose it is ---- */

static bool is_true(const yyjson_val *object, const char *key) {
    return json_bool_or(json_get(object, key), false);
}

/* Somebody else's object, or one that another controls, is not to be touched; nor does a child change hands between ModelBoosters. */
static void check_owner(struct hearing *hearing) {
    const struct model_write *write = hearing->write;
    const yyjson_val *before = judge_reference(write->before), *now = judge_reference(hearing->shown);
    size_t index, max;
    yyjson_val *reference;
    if (write->after && (!now || !(is_true(now, "controller") && is_true(now, "blockOwnerDeletion"))))
        hearing_fail(hearing, "ownership", "afterwards no ModelBooster controls it");
    if (!history_of_uid(&hearing->world->server, MODEL_BOOSTER, hearing->owner, INT64_MAX))
        hearing_fail(hearing, "ownership", "its owner never was");
    if (!write->before) return;
    yyjson_arr_foreach(json_path(write->before, "metadata", "ownerReferences", NULL), index, max, reference) {
        if (reference != before && is_true(reference, "controller")) hearing_fail(hearing, "ownership", "another controls it");
    }
    const yyjson_val *labels = json_path(write->before, "metadata", "labels", NULL);
    bool is_orphan = json_is_empty(json_path(write->before, "metadata", "ownerReferences", NULL)) &&
                     json_is_text(json_get(labels, LABEL_MANAGED_BY), MANAGED_BY) &&
                     str_equal(json_text(json_get(labels, LABEL_MODEL_NAME)), hearing->model);
    if (!before && !is_orphan) hearing_fail(hearing, "ownership", "it was somebody else's");
    if (before && !str_equal(json_text(json_get(before, "uid")), hearing->owner))
        hearing_fail(hearing, "ownership", "it was of another ModelBooster, %.*s", STR_ARG(json_text(json_get(before, "uid"))));
}

/* Labels and annotations of others, finalizers. */
static void check_survivors(struct hearing *hearing) {
    const struct model_write *write = hearing->write;
    static const char *const maps[] = {"labels", "annotations"};
    if (!write->before || write->is_delete) return;
    for (size_t i = 0; i < 2; i++) {
        size_t index, max;
        yyjson_val *key, *value;
        yyjson_obj_foreach(json_path(write->before, "metadata", maps[i], NULL), index, max, key, value) {
            struct str text = json_text(key);
            bool is_ours = str_starts_with(text, STR(GROUP_WORKLOAD "/"));
            const yyjson_val *after = json_get_str(json_path(write->after, "metadata", maps[i], NULL), text);
            if (!is_ours && !json_equal(after, value)) hearing_fail(hearing, "survival", "%s %.*s is gone", maps[i], STR_ARG(text));
        }
    }
    if (!json_equal(json_path(write->before, "metadata", "finalizers", NULL), json_path(write->after, "metadata", "finalizers", NULL)) &&
        json_path(write->before, "metadata", "finalizers", NULL))
        hearing_fail(hearing, "survival", "its finalizers are others");
}

/* One child of a kind for each backend. */
static void check_twins(struct hearing *hearing) {
    if (hearing->write->before) return;
    const yyjson_val *backend = json_path(hearing->shown, "metadata", "labels", LABEL_BACKEND_NAME, NULL);
    for (const struct model_object *object = hearing->world->server.objects; object; object = object->next) {
        if (object->kind != hearing->write->kind || str_is(hearing->name, object->name) || !strstr(object->text->text, hearing->owner.ptr))
            continue;
        const yyjson_val *other = json_parse(&hearing->arena, model_text_view(object->text), NULL);
        bool is_same = json_equal(json_path(other, "metadata", "labels", LABEL_BACKEND_NAME, NULL), backend) &&
                       str_equal(json_text(json_get(judge_reference(other), "uid")), hearing->owner);
        if (is_same) hearing_fail(hearing, "twins", "%s is there for the same backend", object->name);
    }
}

/* ---- what the ModelBooster says ---- */

struct wanted {
    struct hearing *hearing;
    bool is_confirmed_only;
};

static bool is_it(const struct hearing *hearing, const struct model_change *booster) {
    return booster && str_is(hearing->owner, booster->uid);
}

static bool is_unpaused(const struct model_change *change, const yyjson_val *booster, void *context) {
    return is_it(context, change) && !json_bool_or(json_path(booster, "spec", "paused", NULL), false);
}

static void check_paused(struct hearing *hearing) {
    const struct model_server *server = &hearing->world->server;
    int64_t since = history_version_at(server, hearing->write->request->sent_ms - PLAN_MAX_MS);
    if (!history_ever(server, &hearing->arena, MODEL_BOOSTER, hearing->namespace, hearing->model, since, is_unpaused, hearing))
        hearing_fail(hearing, "paused", "its ModelBooster has been paused all the time");
}

/* Wanted at that moment, but for one that has to be replaced. */
static bool is_removal_right(const struct model_change *change, const yyjson_val *booster, void *context) {
    struct hearing *hearing = context;
    if (!is_it(hearing, change) || json_bool_or(json_path(booster, "spec", "paused", NULL), false)) return false;
    if (!judge_wants(&hearing->arena, booster, hearing->write->kind, hearing->name)) return true;
    struct str served = json_text(json_path(booster, "spec", "name", NULL));
    bool is_renamed =
        hearing->write->kind == CHILD_ROUTE &&
        !str_equal(json_text(json_path(hearing->write->before, "spec", "modelName", NULL)), served.len ? served : hearing->model);
    bool may_recreate = hearing->write->kind == CHILD_SERVING &&
                        json_is_text(json_path(booster, "metadata", "annotations", ANNOTATION_ALLOW_RECREATE, NULL), "true");
    return is_renamed || may_recreate;
}

static bool is_at_zero(const struct model_change *change, const yyjson_val *booster, void *context) {
    return is_it(context, change) && json_bool_or(json_path(booster, "spec", "suspend", NULL), false);
}

/* What cannot be taken back is done only after the ModelBooster was read once more, and is as it was read then. */
static void check_confirmed(struct hearing *hearing, history_test *test, const char *what) {
    const struct judge_confirm *confirm =
        judge_confirm_of(hearing->world, hearing->write->request->instance, hearing->namespace, hearing->model);
    if (!confirm || !confirm->version) {
        hearing_fail(hearing, "confirmation", "its ModelBooster was not read before");
        return;
    }
    if (!history_ever(&hearing->world->server, &hearing->arena, MODEL_BOOSTER, hearing->namespace, hearing->model, confirm->version, test,
                      hearing))
        hearing_fail(hearing, "justification", "%s", what);
}

static int64_t replicas_of(const yyjson_val *serving) {
    int64_t replicas = -1;
    json_int64(json_path(serving, "spec", "replicas", NULL), &replicas);
    return replicas;
}

static bool is_absent_or_not_owned(const struct model_change *change, const yyjson_val *value, void *context) {
    const struct hearing *hearing = context;
    return !change || !judge_is_owned(value, hearing->owner);
}

/* No binding scales up again what is suspended. */
static void check_scale_to_zero(struct hearing *hearing) {
    const struct model_write *write = hearing->write;
    bool is_scale_to_zero =
        write->kind == CHILD_SERVING && write->before && write->after && replicas_of(write->before) > 0 && replicas_of(write->after) == 0;
    if (!is_scale_to_zero) return;
    check_confirmed(hearing, is_at_zero, "scaled to 0, though nothing suspends it");
    struct str names[] = {hearing->name, hearing->model};
    for (size_t i = 0; i < 2; i++) {
        if (!history_ever(&hearing->world->server, &hearing->arena, CHILD_BINDING, hearing->namespace, names[i],
                          hearing_floor(hearing, CHILD_BINDING), is_absent_or_not_owned, hearing))
            hearing_fail(hearing, "order", "scaled to 0 beside its AutoscalingPolicyBinding");
    }
}

/* ---- order ---- */

static bool is_owned(const struct model_change *change, const yyjson_val *value, void *context) {
    return !is_absent_or_not_owned(change, value, context);
}

/* Of a kind that may not be listed nothing is known, and the others are served all the same. */
static bool was_owned(struct hearing *hearing, int kind, struct str name) {
    if (!network_is_watching(&hearing->world->network, hearing->write->request->instance, kind)) return true;
    return history_ever(&hearing->world->server, &hearing->arena, kind, hearing->namespace, name, hearing_floor(hearing, kind), is_owned,
                        hearing);
}

static bool names_target(const yyjson_val *route, struct str name) {
    size_t index, max, inner, inner_max;
    yyjson_val *rule, *target;
    yyjson_arr_foreach(json_path(route, "spec", "rules", NULL), index, max, rule) {
        yyjson_arr_foreach(json_get(rule, "targetModels"), inner, inner_max, target) {
            if (str_equal(json_text(json_get(target, "modelServerName")), name)) return true;
        }
    }
    return false;
}

/* A route that is changed never sends traffic where nothing is. */
static void check_targets(struct hearing *hearing) {
    if (hearing->write->kind != CHILD_ROUTE || !hearing->write->before || hearing->write->is_delete) return;
    for (const struct model_change *change = hearing->world->server.changes, *end = change + hearing->world->server.change_count;
         change < end; change++) {
        if (change->kind != CHILD_SERVER || !str_is(hearing->namespace, change->namespace)) continue;
        struct str name = str_of(change->name);
        if (!names_target(hearing->write->after, name)) continue;
        if (!was_owned(hearing, CHILD_SERVER, name))
            hearing_fail(hearing, "order", "it names ModelServer %s, which is not there", change->name);
        if (!was_owned(hearing, CHILD_SERVING, name))
            hearing_fail(hearing, "order", "it names %s, and there is no such ModelServing", change->name);
    }
}

static bool is_route_elsewhere(const struct model_change *change, const yyjson_val *route, void *context) {
    const struct hearing *hearing = context;
    return !change || !judge_is_owned(route, hearing->owner) || !names_target(route, hearing->name);
}

static void check_removal(struct hearing *hearing) {
    const struct model_write *write = hearing->write;
    if (!write->is_delete) return;
    check_confirmed(hearing, is_removal_right, "it is wanted");
    const yyjson_val *booster = NULL;
    const struct model_object *owner = model_server_find_uid(&hearing->world->server, hearing->owner);
    if (owner) booster = json_parse(&hearing->arena, model_text_view(owner->text), NULL);
    bool is_backend = write->kind == CHILD_SERVER || write->kind == CHILD_SERVING;
    bool is_replaced = booster && judge_wants(&hearing->arena, booster, write->kind, hearing->name);
    if (is_backend && !is_replaced &&
        !history_ever(&hearing->world->server, &hearing->arena, CHILD_ROUTE, hearing->namespace, hearing->model,
                      hearing_floor(hearing, CHILD_ROUTE), is_route_elsewhere, hearing))
        hearing_fail(hearing, "order", "the ModelRoute still sends traffic there");
    if (write->kind == CHILD_POLICY && !history_ever(&hearing->world->server, &hearing->arena, CHILD_BINDING, hearing->namespace,
                                                     hearing->name, hearing_floor(hearing, CHILD_BINDING), is_absent_or_not_owned, hearing))
        hearing_fail(hearing, "order", "its AutoscalingPolicyBinding is still there");
}

static void check_binding(struct hearing *hearing) {
    if (hearing->write->kind == CHILD_BINDING && !hearing->write->before && !was_owned(hearing, CHILD_POLICY, hearing->name))
        hearing_fail(hearing, "order", "its AutoscalingPolicy is not there");
}

static struct str revision_of(const yyjson_val *child) {
    return json_text(json_path(child, "metadata", "labels", LABEL_REVISION, NULL));
}

/* What somebody else rewrites again and again is not fought over: a few times in ten minutes, and no more. */
static void check_fight(struct hearing *hearing) {
    struct world *world = hearing->world;
    const struct model_write *write = hearing->write;
    bool is_repair = write->before && write->after && !json_equal(json_get(write->before, "spec"), json_get(write->after, "spec")) &&
                     str_equal(revision_of(write->before), revision_of(write->after)) && write->kind != CHILD_SERVING;
    struct judge_count *count = judge_count_of(&world->judge, write->kind, hearing->namespace.ptr, hearing->name.ptr);
    if (count && !write->before) memset(count->repairs_ms, 0, sizeof count->repairs_ms);
    if (!is_repair || !count || world->instance_count > 1 || world->are_rivals) return;
    int64_t oldest_ms = count->repairs_ms[JUDGE_REPAIRS - 1];
    memmove(count->repairs_ms + 1, count->repairs_ms, (JUDGE_REPAIRS - 1) * sizeof(int64_t));
    count->repairs_ms[0] = world->agenda.now_ms;
    if (oldest_ms && world->agenda.now_ms - oldest_ms < FIGHT_MS)
        hearing_fail(hearing, "fight", "repaired for the %dth time in %d minutes", JUDGE_REPAIRS + 1, FIGHT_MS / 60000);
}

void judge_child_write(struct hearing *hearing) {
    check_owner(hearing);
    check_survivors(hearing);
    check_twins(hearing);
    /* A ghost was right when it was sent, which may be long ago. */
    if (hearing->write->request->is_ghost) return;
    check_paused(hearing);
    check_removal(hearing);
    check_scale_to_zero(hearing);
    check_targets(hearing);
    check_binding(hearing);
    check_fight(hearing);
}
