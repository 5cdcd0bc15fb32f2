#include <string.h>

#include "world.h"

/* ---- whom it concerns ---- */

static uint64_t draw(struct world *world, uint64_t below) {
    return number_random_below(&world->trouble.random, below);
}

/* NULL when there is none. */
static const struct model_object *some_child(struct world *world, int kind) {
    const struct model_object *chosen = NULL;
    uint64_t seen = 0;
    for (const struct model_object *object = world->server.objects; object; object = object->next) {
        bool is_candidate = object->kind < CHILD_KIND_COUNT && (kind == MODEL_KIND_COUNT || object->kind == kind);
        if (is_candidate && draw(world, ++seen) == 0) chosen = object;
    }
    return chosen;
}

#define OBJECT_PATH              "/apis/%s/" API_VERSION "/namespaces/%s/%s/%s"
#define OBJECT_ARGUMENTS(object) model_kinds[(object)->kind].group, (object)->namespace, model_kinds[(object)->kind].plural, (object)->name

static void merge(struct world *world, const char *who, const struct model_object *object, const char *patch) {
    world_ask(world, who, "PATCH", "application/merge-patch+json", patch, OBJECT_PATH, OBJECT_ARGUMENTS(object));
}

static void delete(struct world *world, const struct model_object *object) {
    world_ask(world, "somebody", "DELETE", "application/json", "{}", OBJECT_PATH, OBJECT_ARGUMENTS(object));
}

/* ---- what is done ---- */

static void delete_child(struct world *world) {
    const struct model_object *child = some_child(world, MODEL_KIND_COUNT);
    if (child) delete(world, child);
}

void meddle_loss(void *owner) {
    delete_child(owner);
}

/* It lingers until whoever put the finalizer on takes it off. */
static void delete_slowly(struct world *world) {
    const struct model_object *child = some_child(world, MODEL_KIND_COUNT);
    if (!child) return;
    merge(world, "somebody", child, "{\"metadata\":{\"finalizers\":[\"example.com/slow\"]}}");
    delete(world, child);
}

enum { TAME_EDITS = 9 }; /* the first of them, which any server accepts */

static const struct {
    int kind;
    const char *patch;
} edits[] = {
    {MODEL_KIND_COUNT, "{\"metadata\":{\"labels\":null}}"},
    {MODEL_KIND_COUNT, "{\"metadata\":{\"labels\":{\"" LABEL_REVISION "\":\"0123456789abcdef\"}}}"},
    {MODEL_KIND_COUNT, "{\"metadata\":{\"labels\":{\"" LABEL_MANAGED_BY "\":\"somebody\"}}}"},
    {MODEL_KIND_COUNT, "{\"metadata\":{\"labels\":{\"example.com/team\":\"blue\"},\"annotations\":{\"example.com/note\":\"mine\"}}}"},
    {MODEL_KIND_COUNT, "{\"metadata\":{\"annotations\":null}}"},
    {MODEL_KIND_COUNT, "{\"metadata\":{\"ownerReferences\":null}}"},
    {MODEL_KIND_COUNT, "{\"metadata\":{\"finalizers\":[\"example.com/hold\"]}}"},
    {CHILD_SERVING, "{\"spec\":{\"replicas\":7}}"},
    {CHILD_SERVING, "{\"spec\":{\"replicas\":2}}"},
    {CHILD_SERVING, "{\"spec\":{\"schedulerName\":\"volcano\"}}"},
    {CHILD_SERVING, "{\"spec\":{\"template\":{\"roles\":[]}}}"},
    {CHILD_SERVER, "{\"spec\":{\"model\":\"other\"}}"},
    {CHILD_SERVER, "{\"spec\":{\"trafficPolicy\":null}}"},
    {CHILD_ROUTE, "{\"spec\":{\"rules\":[]}}"},
    {CHILD_POLICY, "{\"spec\":{\"tolerancePercent\":77}}"},
    {CHILD_BINDING, "{\"spec\":{\"policyRef\":{\"name\":\"other\"}}}"},
};

static void edit_child(struct world *world) {
    uint64_t which = draw(world, world->is_tame ? TAME_EDITS : sizeof edits / sizeof *edits);
    const struct model_object *child = some_child(world, edits[which].kind);
    if (child) merge(world, "somebody", child, edits[which].patch);
}

/* It stays ours by name, and is another's to write. */
static void take_control(struct world *world) {
    const struct model_object *child = some_child(world, MODEL_KIND_COUNT);
    if (!child) return;
    struct arena arena;
    arena_init(&arena, LIMIT_BODY_BYTES);
    const yyjson_val *live = json_parse(&arena, model_text_view(child->text), NULL);
    const yyjson_val *owner = yyjson_arr_get_first(json_path(live, "metadata", "ownerReferences", NULL));
    struct str patch = arena_printf(
        &arena,
        "{\"metadata\":{\"ownerReferences\":[{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"name\":\"d\",\"uid\":\"foreign\","
        "\"controller\":true},{\"apiVersion\":\"%.*s\",\"kind\":\"%.*s\",\"name\":\"%.*s\",\"uid\":\"%.*s\"}]}}",
        STR_ARG(json_text(json_get(owner, "apiVersion"))), STR_ARG(json_text(json_get(owner, "kind"))),
        STR_ARG(json_text(json_get(owner, "name"))), STR_ARG(json_text(json_get(owner, "uid"))));
    if (owner) merge(world, "somebody", child, patch.ptr);
    arena_release(&arena);
}

/* Not to be fought over without end. */
void meddle_fight(void *owner) {
    struct world *world = owner;
    const struct model_object *child = some_child(world, CHILD_ROUTE);
    char patch[80];
    snprintf(patch, sizeof patch, "{\"spec\":{\"rules\":[{\"name\":\"mine-%d\"}]}}", (int)draw(world, 1000));
    if (child && !strstr(child->text->text, "\"mine-")) merge(world, "other-controller", child, patch);
    int64_t next_ms = world->agenda.now_ms + 1 + (int64_t)draw(world, 2000);
    if (next_ms < world->trouble.fight_ms) agenda_put(&world->agenda, &world->trouble.fight, next_ms);
}

static void fight(struct world *world) {
    world->trouble.fight_ms = world->agenda.now_ms + 1 + (int64_t)draw(world, 60 * 1000);
    meddle_fight(world);
}

/* Somebody else's, under a name that a child of a ModelBooster has or would have. */
static void stand_in_the_way(struct world *world) {
    const struct wish *wish = &world->script.wishes[draw(world, world->script.model_count)];
    int kind = (int)draw(world, CHILD_KIND_COUNT);
    const char *backend = wish_backend_name(draw(world, SCRIPT_BACKENDS_MAX));
    char name[MODEL_NAME_BYTES], body[512];
    snprintf(name, sizeof name, "%s%s%s", wish->name, kind == CHILD_ROUTE ? "" : "-", kind == CHILD_ROUTE ? "" : backend);
    const char *owners[] = {"", ",\"ownerReferences\":[{\"apiVersion\":\"apps/"
                                "v1\",\"kind\":\"Deployment\",\"name\":\"d\",\"uid\":\"foreign\",\"controller\":true}]"};
    snprintf(body, sizeof body, "{\"apiVersion\":\"%s/%s\",\"kind\":\"%s\",\"metadata\":{\"name\":\"%s\"%s},\"spec\":{\"foreign\":true}}",
             model_kinds[kind].group, API_VERSION, model_kinds[kind].kind, name, owners[draw(world, 2)]);
    world_ask(world, "stranger", "POST", "application/json", body, "/apis/%s/" API_VERSION "/namespaces/%s/%s", model_kinds[kind].group,
              wish->namespace, model_kinds[kind].plural);
}

static bool is_strange(const struct model_object *object) {
    return object->kind < CHILD_KIND_COUNT && (strstr(object->text->text, "\"foreign\":true") || strstr(object->text->text, "\"foreign\""));
}

static void make_way(struct world *world) {
    for (const struct model_object *object = world->server.objects, *next; object; object = next) {
        next = object->next;
        if (is_strange(object)) delete(world, object);
    }
}

/* The pods of a model crash: its controller says so, and then brings them up again. */
static void pods_fail(struct world *world) {
    const struct model_object *serving = some_child(world, CHILD_SERVING);
    if (serving)
        world_ask(world, "serving-controller", "PATCH", "application/merge-patch+json",
                  "{\"status\":{\"availableReplicas\":0,\"conditions\":[{\"type\":\"Available\",\"status\":\"False\",\"reason\":"
                  "\"Crashed\",\"message\":\"OOM\"}]}}",
                  OBJECT_PATH "/status", OBJECT_ARGUMENTS(serving));
}

enum { TAME_DEEDS = 5 };

void meddle(struct world *world) {
    static void (*const deeds[])(struct world *world) = {delete_child, delete_slowly, edit_child, edit_child,       edit_child,
                                                         fight,        take_control,  pods_fail,  stand_in_the_way, make_way};
    deeds[draw(world, world->is_tame ? TAME_DEEDS : sizeof deeds / sizeof *deeds)](world);
}
