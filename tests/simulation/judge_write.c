#include <stdarg.h>
#include <string.h>

#include "judge_inner.h"

/* ---- counting ---- */

static bool is_ours(const struct model_write *write) {
    return write->request->instance >= 0;
}

/* More than a finalizer put on or taken off. */
static bool is_meddling(const struct model_write *write) {
    static const char *const parts[] = {"labels", "annotations", "ownerReferences"};
    if (!write->before || !write->after || write->is_delete || !write->object) return true;
    bool is_same = json_equal(json_get(write->before, "spec"), json_get(write->after, "spec"));
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        is_same &= json_equal(json_path(write->before, "metadata", parts[i], NULL), json_path(write->after, "metadata", parts[i], NULL));
    return !is_same;
}

static void count(struct world *world, const struct model_write *write) {
    const yyjson_val *shown = write->before ? write->before : write->after;
    struct str namespace = json_text(json_path(shown, "metadata", "namespace", NULL)),
               name = json_text(json_path(shown, "metadata", "name", NULL));
    if (write->kind >= CHILD_KIND_COUNT || write->is_status) return;
    struct judge_count *tally = judge_count_of(&world->judge, write->kind, namespace.ptr, name.ptr);
    if (!tally) return;
    if (!is_ours(write) && !is_meddling(write)) return;
    if (!is_ours(write) || write->request->is_ghost)
        tally->foreign++;
    else if (!write->before)
        tally->creates++;
    else if (write->is_delete)
        tally->deletes++;
}

/* ---- what a write is about ---- */

void hearing_fail(struct hearing *hearing, const char *oracle, const char *format, ...) {
    char what[900];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    judge_fail(hearing->world, oracle, "%s%s of %s %.*s/%.*s: %s", hearing->write->request->method,
               hearing->write->is_status ? " of the status" : "", model_kinds[hearing->write->kind].kind, STR_ARG(hearing->namespace),
               STR_ARG(hearing->name), what);
}

const yyjson_val *judge_reference(const yyjson_val *object) {
    size_t index, max;
    yyjson_val *reference;
    yyjson_arr_foreach(json_path(object, "metadata", "ownerReferences", NULL), index, max, reference) {
        if (json_is_text(json_get(reference, "kind"), KIND_BOOSTER) &&
            json_is_text(json_get(reference, "apiVersion"), API_VERSION_WORKLOAD))
            return reference;
    }
    return NULL;
}

/* It has that owner, and no other controls it. */
bool judge_is_owned(const yyjson_val *object, struct str uid) {
    size_t index, max;
    yyjson_val *reference;
    bool is_owned = false, is_controlled_by_other = false;
    yyjson_arr_foreach(json_path(object, "metadata", "ownerReferences", NULL), index, max, reference) {
        bool is_it = str_equal(json_text(json_get(reference, "uid")), uid);
        is_owned |= is_it;
        is_controlled_by_other |= !is_it && json_bool_or(json_get(reference, "controller"), false);
    }
    return is_owned && !is_controlled_by_other;
}

const yyjson_val *judge_condition(const yyjson_val *object, const char *type) {
    size_t index, max;
    yyjson_val *item;
    yyjson_arr_foreach(json_path(object, "status", "conditions", NULL), index, max, item) {
        if (json_is_text(json_get(item, "type"), type)) return item;
    }
    return NULL;
}

bool judge_wants(struct arena *arena, const yyjson_val *booster, int kind, struct str name) {
    const yyjson_val *spec = json_get(booster, "spec");
    struct str model = json_text(json_path(booster, "metadata", "name", NULL));
    bool has_policy = json_get(spec, "autoscalingPolicy") != NULL;
    if (kind == CHILD_BINDING && json_bool_or(json_get(spec, "suspend"), false)) return false;
    if (kind == CHILD_ROUTE) return str_equal(name, model);
    bool is_policy = kind == CHILD_POLICY || kind == CHILD_BINDING;
    if (is_policy && has_policy) return str_equal(name, model);
    size_t index, max;
    yyjson_val *backend;
    yyjson_arr_foreach(json_get(spec, "backends"), index, max, backend) {
        struct str own = arena_printf(arena, "%.*s-%.*s", STR_ARG(model), STR_ARG(json_text(json_get(backend, "name"))));
        if (str_equal(own, name)) return !is_policy || json_get(backend, "autoscalingPolicy");
    }
    return false;
}

int64_t hearing_floor(const struct hearing *hearing, int kind) {
    return judge_floor_of(hearing->world, hearing->write->request->instance, kind, hearing->write->request->sent_ms);
}

/* ---- whatever is written ---- */

static void check_kind(struct hearing *hearing) {
    const struct model_write *write = hearing->write;
    bool is_allowed = write->kind < CHILD_KIND_COUNT ? !write->is_status : write->kind == MODEL_BOOSTER && write->is_status;
    if (!is_allowed) hearing_fail(hearing, "ownership", "the controller has nothing to write there");
}

/* Every write but a create says which version it was planned for. */
static void check_preconditions(struct hearing *hearing) {
    const struct model_write *write = hearing->write;
    const yyjson_val *body = write->body;
    bool is_guarded = !write->before;
    if (write->is_delete)
        is_guarded = json_path(body, "preconditions", "uid", NULL) && json_path(body, "preconditions", "resourceVersion", NULL);
    else if (write->is_status)
        is_guarded = json_path(body, "metadata", "resourceVersion", NULL) != NULL;
    size_t index, max;
    yyjson_val *operation;
    if (yyjson_is_arr(json_loose(body))) {
        yyjson_arr_foreach(json_loose(body), index, max, operation) {
            is_guarded |= json_is_text(json_get(operation, "path"), "/metadata/resourceVersion") &&
                          json_is_text(json_get(operation, "op"), "replace");
        }
    }
    if (!is_guarded) hearing_fail(hearing, "precondition", "it says not which version it was planned for");
}

/* With the version that was seen nobody has come between: the writer knew that nothing would change. */
static void check_effect(struct hearing *hearing) {
    const struct model_write *write = hearing->write;
    const struct model_server *server = &hearing->world->server;
    bool is_narrow = write->is_status ? !server->has_wide_status : server->lacking_field && server->lacking_kind == write->kind;
    if (!hearing->world->are_rivals && write->before && !write->is_delete && write->after == write->before && !is_narrow)
        hearing_fail(hearing, "no effect", "it changes nothing");
}

/* Nothing is written for one that is known to be on its way out. */
static void check_alive(struct hearing *hearing) {
    const struct model_change *owner =
        history_of_uid(&hearing->world->server, MODEL_BOOSTER, hearing->owner, hearing_floor(hearing, MODEL_BOOSTER));
    if (owner && (owner->change == MODEL_DELETED || strstr(owner->text->text, "\"deletionTimestamp\"")))
        hearing_fail(hearing, "deletion", "its ModelBooster was known to be deleted since %lld", (long long)owner->version);
}

/* No write of one that leads no more is performed once another may lead; but for those that nobody waits for any more. */
static void check_leader(struct hearing *hearing) {
    const struct world *world = hearing->world;
    if (!world->is_electing || hearing->write->request->is_ghost) return;
    const char *identity = world->instances[hearing->write->request->instance].identity;
    if (!judge_holds_lease(world, identity)) hearing_fail(hearing, "leader", "%s has written, and another holds the Lease", identity);
}

/* Whoever writes when all is settled. */
static void check_quiet(struct hearing *hearing) {
    if (hearing->world->judge.is_quiet) hearing_fail(hearing, "quiet", "all was settled");
}

/* An orphan with our labels is of the ModelBooster of that name. */
static void adopt(struct hearing *hearing) {
    struct str model = json_text(json_path(hearing->shown, "metadata", "labels", LABEL_MODEL_NAME, NULL));
    const struct model_object *booster = model_server_find(&hearing->world->server, MODEL_BOOSTER, hearing->namespace, model);
    hearing->model = model;
    hearing->owner = booster ? str_of(booster->uid) : STR_EMPTY;
}

static void hear(struct hearing *hearing) {
    const struct model_write *write = hearing->write;
    hearing->shown = write->after ? write->after : write->before;
    hearing->namespace = json_text(json_path(hearing->shown, "metadata", "namespace", NULL));
    hearing->name = json_text(json_path(hearing->shown, "metadata", "name", NULL));
    const yyjson_val *reference = judge_reference(hearing->shown);
    hearing->owner =
        json_text(write->kind == MODEL_BOOSTER ? json_path(hearing->shown, "metadata", "uid", NULL) : json_get(reference, "uid"));
    hearing->model = write->kind == MODEL_BOOSTER ? hearing->name : json_text(json_get(reference, "name"));
    if (!reference && write->kind != MODEL_BOOSTER) adopt(hearing);
    check_leader(hearing);
    check_quiet(hearing);
    check_kind(hearing);
    check_preconditions(hearing);
    check_effect(hearing);
    if (!write->request->is_ghost) check_alive(hearing);
    if (write->kind == MODEL_BOOSTER)
        judge_status_write(hearing);
    else
        judge_child_write(hearing);
}

/* Another leads from here on. */
static bool is_succession(const struct model_write *write) {
    return !json_equal(json_path(write->before, "spec", "holderIdentity", NULL), json_path(write->after, "spec", "holderIdentity", NULL));
}

void judge_write(struct world *world, const struct model_write *write) {
    bool is_aside = write->kind == MODEL_EVENT || (write->kind == MODEL_LEASE && !is_succession(write));
    count(world, write);
    if (write->kind == MODEL_LEASE) world->judge.lease_ms = world->agenda.now_ms;
    if (!is_aside) world->judge.last_write_ms = world->agenda.now_ms;
    if (!is_ours(write) || write->kind == MODEL_EVENT || write->kind == MODEL_LEASE) return;
    world->judge.writes++;
    struct hearing hearing = {.world = world, .write = write};
    arena_init(&hearing.arena, MODEL_JUDGE_BYTES);
    hear(&hearing);
    arena_release(&hearing.arena);
}
