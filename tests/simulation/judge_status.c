#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "booster/generate/generate.h"
#include "booster/validate.h"
#include "controller/settings.h"
#include "judge_inner.h"

static bool is_true(const yyjson_val *object, const char *type) {
    return json_is_text(json_get(judge_condition(object, type), "status"), "True");
}

static int64_t number_of(const yyjson_val *object, const char *key) {
    int64_t number = 0;
    json_int64(json_get(object, key), &number);
    return number;
}

static int64_t generation_of(const yyjson_val *object) {
    return number_of(json_get(object, "metadata"), "generation");
}

/* ---- generations and times ---- */

static void check_generations(struct hearing *hearing) {
    static const char *const types[] = {"Initialized", "Active", "Failed"};
    const yyjson_val *after = hearing->write->after, *before = hearing->write->before;
    int64_t truth = generation_of(after);
    if (number_of(json_get(after, "status"), "observedGeneration") > truth)
        hearing_fail(hearing, "generation", "observedGeneration is ahead of the truth");
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        const yyjson_val *now = judge_condition(after, types[i]), *was = judge_condition(before, types[i]);
        if (!now) hearing_fail(hearing, "generation", "condition %s is missing", types[i]);
        if (number_of(now, "observedGeneration") != truth)
            hearing_fail(hearing, "generation", "condition %s is of another generation", types[i]);
        if (!json_get(now, "reason") || json_text(json_get(now, "reason")).len == 0)
            hearing_fail(hearing, "generation", "condition %s has no reason", types[i]);
        bool is_moved = !json_equal(json_get(was, "status"), json_get(now, "status"));
        bool is_time_moved = !json_equal(json_get(was, "lastTransitionTime"), json_get(now, "lastTransitionTime"));
        if (was && !is_moved && is_time_moved)
            hearing_fail(hearing, "transition", "condition %s has not moved, but its time has", types[i]);
    }
}

/* ---- Active ---- */

struct backend_look {
    struct hearing *hearing;
    int64_t min_replicas;
    bool was_active;
};

/* One that somebody took the owner reference from serves on while it waits to be adopted again. */
static bool is_orphan_of(const yyjson_val *object, struct str uid) {
    bool has_owners = !json_is_empty(json_path(object, "metadata", "ownerReferences", NULL));
    return !has_owners && str_equal(json_text(json_path(object, "metadata", "labels", LABEL_MODEL_UID, NULL)), uid);
}

static bool serves(const struct model_change *change, const yyjson_val *serving, void *context) {
    const struct backend_look *look = context;
    const yyjson_val *status = json_get(serving, "status");
    if (!change || !(judge_is_owned(serving, look->hearing->owner) || is_orphan_of(serving, look->hearing->owner))) return false;
    if (json_path(serving, "metadata", "deletionTimestamp", NULL)) return false;
    bool is_current = number_of(status, "observedGeneration") >= change->generation;
    if (!is_current && !look->was_active) return false;
    /* Scaling up does not end what is active. */
    int64_t least = look->min_replicas > 1 ? look->min_replicas : 1;
    return is_true(serving, "Available") || (look->was_active && number_of(status, "availableReplicas") >= least);
}

static bool is_not_ours(const struct model_change *change, const yyjson_val *value, void *context) {
    const struct hearing *hearing = context;
    return !change || !judge_is_owned(value, hearing->owner);
}

/* Active is never said while a backend is not, by any state that the writer may have seen last. */
static void check_active(struct hearing *hearing) {
    const yyjson_val *after = hearing->write->after;
    const struct model_server *server = &hearing->world->server;
    if (!is_true(after, "Active")) return;
    if (json_bool_or(json_path(after, "spec", "suspend", NULL), false)) hearing_fail(hearing, "active", "it is suspended");
    size_t index, max;
    yyjson_val *backend;
    int64_t since = hearing_floor(hearing, CHILD_SERVING);
    yyjson_arr_foreach(json_path(after, "spec", "backends", NULL), index, max, backend) {
        struct str name = json_text(json_get(backend, "name")),
                   child = arena_printf(&hearing->arena, "%.*s-%.*s", STR_ARG(hearing->name), STR_ARG(name));
        struct backend_look look = {hearing, number_of(backend, "minReplicas"), is_true(hearing->write->before, "Active")};
        if (!history_ever(server, &hearing->arena, CHILD_SERVING, hearing->namespace, child, since, serves, &look))
            hearing_fail(hearing, "active", "backend %.*s does not serve", STR_ARG(name));
    }
    for (const struct model_object *object = server->objects; object; object = object->next) {
        if (object->kind != CHILD_SERVING || !str_is(hearing->namespace, object->namespace)) continue;
        struct str name = str_of(object->name);
        bool is_left_over = !judge_wants(&hearing->arena, after, CHILD_SERVING, name) &&
                            !history_ever(server, &hearing->arena, CHILD_SERVING, hearing->namespace, name, since, is_not_ours, hearing);
        if (is_left_over) hearing_fail(hearing, "active", "ModelServing %s is left over", object->name);
    }
}

/* ---- Initialized ---- */

struct child_look {
    struct hearing *hearing;
    const struct child *child;
};

static bool is_as_rendered(const struct model_change *change, const yyjson_val *live, void *context) {
    const struct child_look *look = context;
    struct arena *arena = &look->hearing->arena;
    if (!change || !judge_is_owned(live, look->hearing->owner)) return false;
    if (look->child->kind != CHILD_SERVING) {
        struct str revision = json_text(json_path(live, "metadata", "labels", LABEL_REVISION, NULL));
        return str_equal(revision, hash_hex(arena, look->child->revision));
    }
    struct str text = json_text(json_path(live, "metadata", "annotations", ANNOTATION_RENDERED, NULL));
    const yyjson_val *rendered = text.len ? json_parse(arena, text, NULL) : NULL;
    return str_equal(json_text(json_get(rendered, "input")), hash_hex(arena, look->child->input_hash));
}

/* That all is applied is said only when it was, for this generation. */
static void check_initialized(struct hearing *hearing) {
    const struct model_write *write = hearing->write;
    struct world *world = hearing->world;
    struct arena *arena = &hearing->arena;
    struct booster booster;
    struct findings findings;
    struct children children;
    struct generate_settings settings = {.images = {STR(DEFAULT_DOWNLOADER_IMAGE), STR(DEFAULT_RUNTIME_IMAGE)}};
    int64_t told = number_of(json_get(write->after, "status"), "observedGeneration");
    bool is_told_before = is_true(write->before, "Initialized") &&
                          number_of(judge_condition(write->before, "Initialized"), "observedGeneration") == generation_of(write->after);
    if (!is_true(write->after, "Initialized") || is_told_before) return;
    if (told != generation_of(write->after))
        hearing_fail(hearing, "generation", "Initialized, and observedGeneration is %lld", (long long)told);
    findings_init(&findings, arena);
    if (!booster_read(arena, json_loose(write->after), &booster, &findings)) abort();
    booster_validate(&booster, &findings);
    if (findings.error_count) {
        hearing_fail(hearing, "initialized", "its spec is invalid");
        return;
    }
    if (!generate_children(arena, &booster, &settings, NULL, &children)) abort();
    int64_t since = history_version_at(&world->server, write->request->sent_ms - PLAN_MAX_MS);
    for (size_t i = 0; i < children.count; i++) {
        struct child_look look = {hearing, &children.items[i]};
        if (!history_ever(&world->server, arena, (int)look.child->kind, hearing->namespace, look.child->name, since, is_as_rendered, &look))
            hearing_fail(hearing, "initialized", "%s %.*s never was as this generation wants it", model_kinds[look.child->kind].kind,
                         STR_ARG(look.child->name));
    }
}

/* observedGeneration moves with Initialized alone. */
static void check_observed(struct hearing *hearing) {
    int64_t before = number_of(json_get(hearing->write->before, "status"), "observedGeneration");
    int64_t after = number_of(json_get(hearing->write->after, "status"), "observedGeneration");
    if (after != before && !is_true(hearing->write->after, "Initialized"))
        hearing_fail(hearing, "generation", "observedGeneration moves before all is applied");
}

void judge_status_write(struct hearing *hearing) {
    check_generations(hearing);
    check_observed(hearing);
    if (hearing->write->request->is_ghost) return;
    check_initialized(hearing);
    /* Of rivals each knows another part of the history, and none what the other has said. */
    if (!hearing->world->are_rivals) check_active(hearing);
}
