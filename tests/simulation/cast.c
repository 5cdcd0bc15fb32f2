#include "cast.h"

#include <stdlib.h>
#include <string.h>

#include "world.h"

enum { SLOWEST_MS = 4000 };

/* One a ModelServing: what its controller does next about it. */
struct serving_task {
    struct world *world;
    struct serving_task *next;
    char namespace[MODEL_NAME_BYTES], name[MODEL_NAME_BYTES];
    struct agenda_entry entry;
};

static int64_t some_time(struct cast *cast) {
    return 1 + (int64_t)number_random_below(&cast->random, (uint64_t)cast->slowest_ms);
}

/* ---- the ModelServing controller ---- */

static int64_t number_at(const yyjson_val *object, const char *parent, const char *key) {
    int64_t value = 0;
    json_int64(json_path(object, parent, key, NULL), &value);
    return value;
}

static void report(struct world *world, const struct model_object *serving, int64_t replicas, int64_t available) {
    bool is_available = available >= replicas;
    struct strbuf body = strbuf_with_max(4096);
    strbuf_printf(
        &body,
        "{\"status\":{\"observedGeneration\":%lld,\"replicas\":%lld,\"availableReplicas\":%lld,\"conditions\":[{\"type\":\"Available\","
        "\"status\":\"%s\",\"reason\":\"%s\",\"message\":\"%lld of %lld\",\"lastTransitionTime\":\"2026-01-01T00:00:00Z\"}]}}",
        (long long)serving->generation, (long long)replicas, (long long)available, is_available ? "True" : "False",
        is_available ? "AllGroupsReady" : "GroupProgressing", (long long)available, (long long)replicas);
    world_ask(world, "serving-controller", "PATCH", "application/merge-patch+json", body.ptr,
              "/apis/" API_VERSION_WORKLOAD "/namespaces/%s/modelservings/%s/status", serving->namespace, serving->name);
    strbuf_release(&body);
}

static void hold(struct world *world, const struct model_object *serving) {
    world_ask(world, "serving-controller", "PATCH", "application/merge-patch+json",
              "{\"metadata\":{\"finalizers\":[\"example.com/pods\"]}}", "/apis/" API_VERSION_WORKLOAD "/namespaces/%s/modelservings/%s",
              serving->namespace, serving->name);
}

static void task_proceeds(void *owner) {
    struct serving_task *task = owner;
    struct world *world = task->world;
    struct model_object *serving = model_server_find(&world->server, CHILD_SERVING, str_of(task->namespace), str_of(task->name));
    if (!serving || serving->is_deleting) return;
    struct arena arena;
    arena_init(&arena, LIMIT_BODY_BYTES);
    const yyjson_val *live = json_parse(&arena, model_text_view(serving->text), NULL);
    int64_t replicas = number_at(live, "spec", "replicas"), available = number_at(live, "status", "availableReplicas");
    bool is_observed = number_at(live, "status", "observedGeneration") == serving->generation;
    bool is_broken = world->cast.broken_for && strcmp(world->cast.broken_for, task->name) == 0;
    int64_t reachable = is_broken ? 0 : replicas;
    bool is_done = is_observed && available == reachable && number_at(live, "status", "replicas") == replicas;
    /* Pods come one by one, and go at once. */
    int64_t next = available > reachable ? reachable : available < reachable && is_observed ? available + 1 : available;
    if (!is_done && world->cast.holds_servings && !json_path(live, "metadata", "finalizers", NULL)) hold(world, serving);
    arena_release(&arena);
    if (is_done) return;
    report(world, serving, replicas, next);
    agenda_put(&world->agenda, &task->entry, world->agenda.now_ms + some_time(&world->cast));
}

static void wake_task(struct world *world, const struct model_change *change) {
    struct cast *cast = &world->cast;
    struct serving_task *task = cast->tasks;
    while (task && (strcmp(task->name, change->name) != 0 || strcmp(task->namespace, change->namespace) != 0)) task = task->next;
    if (!task) {
        task = calloc(1, sizeof *task);
        if (!task) abort();
        *task = (struct serving_task){.world = world, .next = cast->tasks, .entry = {.happens = task_proceeds, .owner = task}};
        memcpy(task->name, change->name, sizeof task->name);
        memcpy(task->namespace, change->namespace, sizeof task->namespace);
        cast->tasks = task;
    }
    if (!task->entry.place) agenda_put(&world->agenda, &task->entry, world->agenda.now_ms + some_time(cast));
}

/* ---- garbage collection ---- */

/* All of its owners are gone. */
static bool is_garbage(const struct model_server *server, const struct model_object *object) {
    if (object->kind == MODEL_BOOSTER || object->is_deleting) return false;
    struct arena arena;
    arena_init(&arena, LIMIT_BODY_BYTES);
    const yyjson_val *live = json_parse(&arena, model_text_view(object->text), NULL);
    size_t index, max;
    yyjson_val *reference;
    bool has_owners = false, has_living = false;
    yyjson_arr_foreach(json_path(live, "metadata", "ownerReferences", NULL), index, max, reference) {
        has_owners = true;
        struct str uid = json_text(json_get(reference, "uid"));
        /* Owners that this model has no kinds for live for ever. */
        has_living |= !str_starts_with(uid, STR("00000000-0000-4000-8000-")) || model_server_find_uid(server, uid) != NULL;
    }
    arena_release(&arena);
    return has_owners && !has_living;
}

static void remove_object(struct world *world, const struct model_object *object, const char *who) {
    const struct model_kind *kind = &model_kinds[object->kind];
    char body[256];
    snprintf(body, sizeof body, "{\"kind\":\"DeleteOptions\",\"apiVersion\":\"v1\",\"preconditions\":{\"uid\":\"%s\"}}", object->uid);
    world_ask(world, who, "DELETE", "application/json", body, "/apis/%s/%s/namespaces/%s/%s/%s", kind->group, kind->version,
              object->namespace, kind->plural, object->name);
}

static void collect(void *owner) {
    struct world *world = owner;
    bool is_found = false;
    for (struct model_object *object = world->server.objects, *next; object; object = next) {
        next = object->next;
        if (!model_kinds[object->kind].has_status || !is_garbage(&world->server, object)) continue;
        /* Some now, some later. */
        if (number_random_below(&world->cast.random, 3)) remove_object(world, object, "garbage-collector");
        is_found = true;
    }
    if (is_found) agenda_put(&world->agenda, &world->cast.collection, world->agenda.now_ms + some_time(&world->cast));
}

/* ---- finalizers ---- */

/* Whoever has put one on takes it off from what was deleted. */
static void let_go(void *owner) {
    struct world *world = owner;
    for (struct model_object *object = world->server.objects, *next; object; object = next) {
        next = object->next;
        if (!object->is_deleting) continue;
        const struct model_kind *kind = &model_kinds[object->kind];
        world_ask(world, "finalizer", "PATCH", "application/merge-patch+json", "{\"metadata\":{\"finalizers\":null}}",
                  "/apis/%s/%s/namespaces/%s/%s/%s", kind->group, kind->version, object->namespace, kind->plural, object->name);
    }
}

/* ---- all together ---- */

void cast_notice(struct world *world) {
    struct cast *cast = &world->cast;
    while (cast->position < world->server.change_count) {
        const struct model_change change = world->server.changes[cast->position++];
        if (change.kind == CHILD_SERVING && change.change != MODEL_DELETED) wake_task(world, &change);
        bool is_owner_gone = change.kind == MODEL_BOOSTER && change.change == MODEL_DELETED;
        /* A child may be made for an owner that has gone while the request was on its way. */
        bool may_be_garbage = change.kind < CHILD_KIND_COUNT && change.change == MODEL_ADDED;
        if ((is_owner_gone || may_be_garbage) && !cast->collection.place)
            agenda_put(&world->agenda, &cast->collection, world->agenda.now_ms + some_time(cast));
        const struct model_object *object = model_server_find(&world->server, change.kind, str_of(change.namespace), str_of(change.name));
        if (object && object->is_deleting && !cast->release.place)
            agenda_put(&world->agenda, &cast->release, world->agenda.now_ms + 2 * some_time(cast));
    }
}

bool cast_is_idle(const struct cast *cast) {
    for (const struct serving_task *task = cast->tasks; task; task = task->next) {
        if (task->entry.place) return false;
    }
    return !cast->collection.place && !cast->release.place;
}

void cast_init(struct cast *cast, struct world *world, uint64_t seed) {
    *cast = (struct cast){
        .random = {seed},
        .slowest_ms = 1 + (int64_t)number_random_below(&(struct number_random){seed + 1}, SLOWEST_MS),
        .holds_servings = seed % 3 == 0,
        .collection = {.happens = collect, .owner = world},
        .release = {.happens = let_go, .owner = world},
    };
}

void cast_release(struct cast *cast, struct world *world) {
    while (cast->tasks) {
        struct serving_task *task = cast->tasks;
        cast->tasks = task->next;
        agenda_take_out(&world->agenda, &task->entry);
        free(task);
    }
}
