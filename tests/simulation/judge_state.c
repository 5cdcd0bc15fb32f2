#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "booster/generate/generate.h"
#include "booster/validate.h"
#include "controller/settings.h"
#include "judge_inner.h"

/* One ModelBooster, looked at with all of its children. */
struct look {
    struct world *world;
    const struct wish *wish;
    struct arena arena;
    const struct model_object *object;
    yyjson_val *live;   /* the ModelBooster */
    bool is_in_the_way; /* somebody else's object has a child's name */
    bool needs_recreate;
    bool are_backends_available;
    char *out;
    size_t size;
};

/* The first complaint counts. */
static void complain(struct look *look, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void complain(struct look *look, const char *format, ...) {
    if (look->out[0]) return;
    va_list arguments;
    int lead = snprintf(look->out, look->size, "%s/%s: ", look->wish->namespace, look->wish->name);
    va_start(arguments, format);
    vsnprintf(look->out + lead, look->size - (size_t)lead, format, arguments);
    va_end(arguments);
}

static yyjson_val *parse(struct look *look, const struct model_object *object) {
    return json_parse(&look->arena, model_text_view(object->text), NULL);
}

/* ---- by the wish alone ---- */

struct expected {
    int kind;
    struct str name;
    bool is_found;
};

enum { EXPECTED_MAX = 4 * SCRIPT_BACKENDS_MAX + 3 };

static void expect(struct expected *list, size_t *count, int kind, struct str name) {
    list[(*count)++] = (struct expected){kind, name, false};
}

static size_t expect_children(struct look *look, struct expected list[EXPECTED_MAX]) {
    const struct wish *wish = look->wish;
    size_t count = 0;
    struct str model = str_of(wish->name);
    for (size_t i = 0; i < SCRIPT_BACKENDS_MAX; i++) {
        const struct wish_backend *backend = &wish->backends[i];
        if (!backend->is_there) continue;
        struct str name = arena_printf(&look->arena, "%s-%s", wish->name, wish_backend_name(i));
        expect(list, &count, CHILD_SERVING, name);
        expect(list, &count, CHILD_SERVER, name);
        if (!backend->has_policy || wish->has_policy) continue;
        expect(list, &count, CHILD_POLICY, name);
        if (!wish->suspend) expect(list, &count, CHILD_BINDING, name);
    }
    if (wish->has_policy) {
        expect(list, &count, CHILD_POLICY, model);
        if (!wish->suspend) expect(list, &count, CHILD_BINDING, model);
    }
    expect(list, &count, CHILD_ROUTE, model);
    return count;
}

/* An object of somebody else's with this child's name. */
static bool is_taken(struct look *look, int kind, struct str name) {
    const struct model_object *object = model_server_find(&look->world->server, kind, str_of(look->wish->namespace), name);
    return object && !judge_is_owned(parse(look, object), str_of(look->object->uid));
}

/* The route keeps its former targets then. */
static bool is_any_target_taken(struct look *look) {
    for (size_t i = 0; i < SCRIPT_BACKENDS_MAX; i++) {
        struct str name = arena_printf(&look->arena, "%s-%s", look->wish->name, wish_backend_name(i));
        if (look->wish->backends[i].is_there && (is_taken(look, CHILD_SERVING, name) || is_taken(look, CHILD_SERVER, name))) return true;
    }
    return false;
}

/* Traffic leaves a backend first: as long as the route cannot be brought up to date, what it may name stays. */
static bool may_be_left(struct look *look, int kind) {
    if (kind != CHILD_SERVING && kind != CHILD_SERVER) return false;
    return is_taken(look, CHILD_ROUTE, str_of(look->wish->name)) || is_any_target_taken(look);
}

/* What the wish says must be in the child, in words of its own. */
static void check_contents(struct look *look, const struct model_object *object, const yyjson_val *live) {
    const struct wish *wish = look->wish;
    if (object->kind == CHILD_ROUTE && !is_any_target_taken(look) &&
        !json_is_text(json_path(live, "spec", "modelName", NULL), wish_served_name(wish)))
        complain(look, "the route is of another model name");
    for (size_t i = 0; i < SCRIPT_BACKENDS_MAX && object->kind == CHILD_SERVING; i++) {
        const struct wish_backend *backend = &wish->backends[i];
        char needle[64];
        int64_t replicas = -1;
        if (!backend->is_there || strcmp(object->name + strlen(wish->name) + 1, wish_backend_name(i)) != 0) continue;
        /* With every mark of ours taken away it passes for another controller's, and keeps its spec until the next edit. */
        if (!json_path(live, "metadata", "labels", LABEL_REVISION, NULL)) continue;
        snprintf(needle, sizeof needle, "\"vllm:v%u\"", backend->image);
        if (!strstr(object->text->text, needle)) complain(look, "%s is without image %s", object->name, needle);
        snprintf(needle, sizeof needle, "\"%uGi\"", backend->memory);
        if (!strstr(object->text->text, needle)) complain(look, "%s is without memory %s", object->name, needle);
        if ((strstr(object->text->text, "hf://org/adapter") != NULL) != backend->has_adapter)
            complain(look, "%s: its adapters", object->name);
        json_int64(json_path(live, "spec", "replicas", NULL), &replicas);
        bool is_within = wish->suspend ? replicas == 0 : replicas >= backend->min_replicas && replicas <= backend->max_replicas;
        if (!is_within) complain(look, "%s has %lld replicas", object->name, (long long)replicas);
    }
}

/* Exactly these children, each of this owner, none twice, none left. */
static void check_presence(struct look *look) {
    struct expected list[EXPECTED_MAX];
    size_t count = expect_children(look, list);
    struct str uid = str_of(look->object->uid);
    for (struct model_object *object = look->world->server.objects; object; object = object->next) {
        if (object->kind >= CHILD_KIND_COUNT || strcmp(object->namespace, look->wish->namespace) != 0) continue;
        size_t at = 0;
        while (at < count && !(list[at].kind == object->kind && str_is(list[at].name, object->name))) at++;
        const yyjson_val *live = parse(look, object);
        bool is_owned = judge_is_owned(live, uid);
        if (at == count && is_owned && !may_be_left(look, object->kind))
            complain(look, "%s %s is left over", model_kinds[object->kind].kind, object->name);
        if (at == count) continue;
        list[at].is_found = true;
        look->is_in_the_way |= !is_owned;
        if (is_owned && object->is_deleting) complain(look, "%s %s is being deleted", model_kinds[object->kind].kind, object->name);
        if (is_owned) check_contents(look, object, live);
    }
    for (size_t i = 0; i < count; i++) {
        bool is_without_policy = list[i].kind == CHILD_BINDING && is_taken(look, CHILD_POLICY, list[i].name);
        if (!list[i].is_found && !is_without_policy)
            complain(look, "%s %.*s is missing", model_kinds[list[i].kind].kind, STR_ARG(list[i].name));
    }
}

/* ---- by what render makes of the ModelBooster ---- */

/* What a live ModelServing prescribes. */
static void read_live(struct look *look, const struct booster *booster, struct live_serving *live) {
    for (size_t i = 0; i < booster->backend_count; i++) {
        struct str name = child_name(&look->arena, booster->name, booster->backends[i].name);
        struct model_object *object = model_server_find(&look->world->server, CHILD_SERVING, booster->namespace, name);
        if (!object) continue;
        const yyjson_val *value = parse(look, object);
        struct str before = json_text(json_path(value, "metadata", "annotations", ANNOTATION_REPLICAS_BEFORE_SUSPEND, NULL));
        struct str text = json_text(json_path(value, "metadata", "annotations", ANNOTATION_RENDERED, NULL));
        const yyjson_val *rendered = text.len ? json_parse(&look->arena, text, NULL) : NULL;
        live[i].exists = true;
        json_int64(json_path(value, "spec", "replicas", NULL), &live[i].replicas);
        live[i].has_replicas_before = number_parse_int64(before, &live[i].replicas_before);
        live[i].gang_policy = json_path(value, "spec", "template", "gangPolicy", NULL);
        if (look->wish->upgrade_now) continue;
        live[i].images = (struct images){json_text(json_get(rendered, "downloader")), json_text(json_get(rendered, "runtime"))};
    }
}

/* Everything of `wanted` is in `live`, and equal. */
static bool is_within(const yyjson_val *live, const yyjson_val *wanted) {
    size_t index, max;
    yyjson_val *key, *value;
    yyjson_obj_foreach(json_loose(wanted), index, max, key, value) {
        if (!json_equal(json_get_str(live, json_text(key)), value)) return false;
    }
    return true;
}

/* It stays as it is while something of another owner has the name of what it needs. */
static bool waits_for_others(struct look *look, const struct child *child) {
    if (child->kind == CHILD_ROUTE) return is_any_target_taken(look);
    /* Stripped of all that says who made it, a ModelServing counts as another generator's, and is left as it is until the next edit. */
    bool is_outdated = json_is_text(json_get(judge_condition(look->live, "Initialized"), "reason"), "Outdated");
    if (child->kind == CHILD_SERVING) return is_outdated;
    return child->kind == CHILD_BINDING && is_taken(look, CHILD_POLICY, child->name);
}

static void check_child(struct look *look, const struct child *child) {
    const struct model_object *object =
        model_server_find(&look->world->server, (int)child->kind, str_of(look->wish->namespace), child->name);
    if (!object) return; /* complained of already */
    const yyjson_val *live = parse(look, object);
    if (!judge_is_owned(live, str_of(look->object->uid)) || waits_for_others(look, child)) return;
    const char *kind = model_kinds[child->kind].kind;
    const yyjson_val *wanted = json_get(child->object, "metadata"), *metadata = json_get(live, "metadata");
    bool is_lacking = look->world->server.lacking_field && look->world->server.lacking_kind == (int)child->kind;
    if (!is_lacking && !json_equal(json_get(live, "spec"), json_get(child->object, "spec")))
        complain(look, "%s %s: its spec is not as rendered", kind, object->name);
    if (!is_within(json_get(metadata, "labels"), json_get(wanted, "labels"))) complain(look, "%s %s: its labels", kind, object->name);
    if (!is_within(json_get(metadata, "annotations"), json_get(wanted, "annotations")))
        complain(look, "%s %s: its annotations", kind, object->name);
    const yyjson_val *reference = yyjson_arr_get_first(json_get(metadata, "ownerReferences"));
    const yyjson_val *expected = yyjson_arr_get_first(json_get(wanted, "ownerReferences"));
    if (!json_equal(reference, expected)) complain(look, "%s %s: its owner", kind, object->name);
    look->needs_recreate |= child->wishes_other_gang;
}

static void check_rendered(struct look *look) {
    struct booster booster;
    struct findings findings;
    struct children children;
    struct live_serving live[SCRIPT_BACKENDS_MAX] = {{0}};
    struct generate_settings settings = {.images = {STR(DEFAULT_DOWNLOADER_IMAGE), STR(DEFAULT_RUNTIME_IMAGE)}};
    findings_init(&findings, &look->arena);
    if (!booster_read(&look->arena, look->live, &booster, &findings)) abort();
    booster_validate(&booster, &findings);
    if (findings.error_count) {
        complain(look, "the wish is no valid spec: %.*s", STR_ARG(findings.items[0].message));
        return;
    }
    read_live(look, &booster, live);
    if (!generate_children(&look->arena, &booster, &settings, live, &children)) abort();
    for (size_t i = 0; i < children.count; i++) check_child(look, &children.items[i]);
}

/* ---- status ---- */

/* `reason` NULL: any. */
static void check_condition(struct look *look, const char *type, bool is_true, const char *reason) {
    const yyjson_val *found = judge_condition(look->live, type);
    struct str why = json_text(json_get(found, "reason")), message = json_text(json_get(found, "message"));
    int64_t generation = 0;
    json_int64(json_get(found, "observedGeneration"), &generation);
    if (!json_is_text(json_get(found, "status"), is_true ? "True" : "False") || (reason && !str_is(why, reason)))
        complain(look, "condition %s is %.*s (%.*s: %.*s), expected %s %s", type, STR_ARG(json_text(json_get(found, "status"))),
                 STR_ARG(why), STR_ARG(message), is_true ? "True" : "False", reason ? reason : "");
    if (generation != look->object->generation) complain(look, "condition %s is of generation %lld", type, (long long)generation);
}

static bool is_available(const yyjson_val *serving) {
    size_t index, max;
    yyjson_val *item;
    yyjson_arr_foreach(json_path(serving, "status", "conditions", NULL), index, max, item) {
        if (json_is_text(json_get(item, "type"), "Available")) return json_is_text(json_get(item, "status"), "True");
    }
    return false;
}

/* One a backend, in the order of the spec, in the numbers that its ModelServing reports. */
static void check_backends(struct look *look) {
    yyjson_val *list = json_path(look->live, "status", "backendStatuses", NULL);
    size_t index = 0;
    for (size_t i = 0; i < SCRIPT_BACKENDS_MAX; i++) {
        if (!look->wish->backends[i].is_there) continue;
        const yyjson_val *item = yyjson_arr_get(list, index++);
        struct str name = arena_printf(&look->arena, "%s-%s", look->wish->name, wish_backend_name(i));
        const struct model_object *object = model_server_find(&look->world->server, CHILD_SERVING, str_of(look->wish->namespace), name);
        if (!object || !json_is_text(json_get(item, "name"), wish_backend_name(i))) {
            if (object) complain(look, "backendStatuses do not list %s", wish_backend_name(i));
            continue;
        }
        const yyjson_val *serving = parse(look, object);
        int64_t told = -1, truth = 0;
        json_int64(json_get(item, "replicas"), &told);
        json_int64(json_path(serving, "status", "replicas", NULL), &truth);
        if (judge_is_owned(serving, str_of(look->object->uid)) && told != truth)
            complain(look, "backendStatuses tell of %lld replicas of %s, where there are %lld", (long long)told, wish_backend_name(i),
                     (long long)truth);
    }
}

static void look_at_backends(struct look *look) {
    look->are_backends_available = true;
    for (size_t i = 0; i < SCRIPT_BACKENDS_MAX; i++) {
        if (!look->wish->backends[i].is_there) continue;
        struct str name = arena_printf(&look->arena, "%s-%s", look->wish->name, wish_backend_name(i));
        const struct model_object *object = model_server_find(&look->world->server, CHILD_SERVING, str_of(look->wish->namespace), name);
        const yyjson_val *serving = object ? parse(look, object) : NULL;
        bool is_it = serving && judge_is_owned(serving, str_of(look->object->uid)) && is_available(serving);
        if (!is_it) look->are_backends_available = false;
    }
}

static void check_status(struct look *look) {
    const struct wish *wish = look->wish;
    int64_t observed = 0;
    json_int64(json_path(look->live, "status", "observedGeneration", NULL), &observed);
    look_at_backends(look);
    if (wish->is_invalid) {
        check_condition(look, "Initialized", false, "InvalidSpec");
        check_condition(look, "Active", false, NULL);
        check_condition(look, "Failed", true, "InvalidSpec");
        return;
    }
    bool is_initialized = !look->is_in_the_way;
    check_backends(look);
    check_condition(look, "Initialized", is_initialized, NULL);
    check_condition(look, "Active", is_initialized && !wish->suspend && look->are_backends_available, NULL);
    const char *reason = look->is_in_the_way ? "NameConflict" : look->needs_recreate ? "NeedsRecreate" : "NoFailure";
    check_condition(look, "Failed", strcmp(reason, "NoFailure") != 0, reason);
    if (is_initialized && observed != look->object->generation) complain(look, "observedGeneration is %lld", (long long)observed);
    if (observed > look->object->generation) complain(look, "observedGeneration %lld is ahead", (long long)observed);
}

/* What is not fought over is told of as long as a fight is remembered. */
static void check_fights(struct look *look) {
    struct str message = json_text(json_get(judge_condition(look->live, "Failed"), "message"));
    if (str_contains(message, STR("was rewritten"))) complain(look, "a fight is not over: %.*s", STR_ARG(message));
}

/* Paused, it is still reported on. */
static void check_generations(struct look *look) {
    static const char *const types[] = {"Initialized", "Active", "Failed"};
    for (size_t i = 0; i < 3; i++) {
        int64_t generation = 0;
        json_int64(json_get(judge_condition(look->live, types[i]), "observedGeneration"), &generation);
        if (generation != look->object->generation) complain(look, "condition %s is of generation %lld", types[i], (long long)generation);
    }
}

/* ---- all together ---- */

static void check_wish(struct look *look) {
    struct str namespace = str_of(look->wish->namespace);
    look->object = model_server_find(&look->world->server, MODEL_BOOSTER, namespace, str_of(look->wish->name));
    if (!look->object || look->object->is_deleting) {
        if (look->wish->exists || look->object) complain(look, "the ModelBooster is %s", look->object ? "still going" : "gone");
        return;
    }
    look->live = parse(look, look->object);
    if (!look->wish->paused && !look->wish->is_invalid) {
        check_presence(look);
        check_rendered(look);
    }
    check_fights(look);
    if (look->wish->paused)
        check_generations(look);
    else
        check_status(look);
}

/* A child whose owner is gone. */
static void check_orphans(struct look *look) {
    for (struct model_object *object = look->world->server.objects; object; object = object->next) {
        if (object->kind >= CHILD_KIND_COUNT) continue;
        const yyjson_val *reference = yyjson_arr_get_first(json_path(parse(look, object), "metadata", "ownerReferences", NULL));
        if (json_is_text(json_get(reference, "kind"), KIND_BOOSTER) &&
            !model_server_find_uid(&look->world->server, json_text(json_get(reference, "uid"))))
            complain(look, "%s %s is left of a ModelBooster that is gone", model_kinds[object->kind].kind, object->name);
    }
}

void judge_state(struct world *world, char *out, size_t size) {
    out[0] = 0;
    for (size_t i = 0; i < world->script.model_count; i++) {
        struct look look = {.world = world, .wish = &world->script.wishes[i], .out = out, .size = size};
        arena_init(&look.arena, LIMIT_RECONCILE_ARENA_BYTES);
        check_wish(&look);
        check_orphans(&look);
        arena_release(&look.arena);
    }
}
