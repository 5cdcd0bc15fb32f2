#include "script.h"

#include <stdio.h>
#include <string.h>

#include "world.h"

enum { STEPS_MIN = 3, STEPS_SPREAD = 8, PATIENCE_MS = 30 * 1000, POLL_MS = 700, HASTE_MS = 4000, LOSS_MS = 1500 };

static unsigned draw(struct script *script, unsigned below) {
    return (unsigned)number_random_below(&script->random, below);
}

/* ---- what is wished, as text ---- */

const char *wish_backend_name(size_t index) {
    static const char *const names[SCRIPT_BACKENDS_MAX] = {"gpu", "cpu", "spare"};
    return names[index];
}

const char *wish_served_name(const struct wish *wish) {
    static const char *const names[] = {NULL, "served-one", "served-two"};
    return wish->served_name ? names[wish->served_name] : wish->name;
}

size_t wish_backend_count(const struct wish *wish) {
    size_t count = 0;
    for (size_t i = 0; i < SCRIPT_BACKENDS_MAX; i++) count += wish->backends[i].is_there;
    return count;
}

static const char policy_text[] =
    "{\"metrics\":[{\"metricName\":\"kthena:num_requests_waiting\",\"targetValue\":4}],"
    "\"behavior\":{\"scaleDown\":{\"instances\":1,\"percent\":50,\"period\":\"2m\",\"stabilizationWindow\":\"5m\"}}}";

static void append_backend(const struct wish *wish, size_t index, struct strbuf *out) {
    const struct wish_backend *backend = &wish->backends[index];
    strbuf_printf(out,
                  "{\"name\":\"%s\",\"type\":\"vLLM\",\"modelURI\":\"%s\",\"cacheURI\":\"hostpath:///cache\",\"minReplicas\":%lld,"
                  "\"maxReplicas\":%lld,\"routeWeight\":%lld,",
                  wish_backend_name(index), wish->is_invalid ? "nowhere" : "hf://org/model", (long long)backend->min_replicas,
                  (long long)backend->max_replicas, (long long)backend->weight);
    if (wish->has_policy) strbuf_printf(out, "\"scalingCost\":%zu,", 10 * (index + 1));
    if (backend->has_policy && !wish->has_policy) strbuf_printf(out, "\"autoscalingPolicy\":%s,", policy_text);
    if (backend->has_gang) strbuf_append(out, STR("\"gangPolicy\":{\"enabled\":true,\"minRoleReplicas\":{\"leader\":1}},"));
    if (backend->has_adapter) strbuf_append(out, STR("\"loraAdapters\":[{\"name\":\"adapter\",\"artifactURL\":\"hf://org/adapter\"}],"));
    strbuf_printf(out,
                  "\"workers\":[{\"type\":\"server\",\"image\":\"vllm:v%u\",\"config\":{\"max-model-len\":4096},"
                  "\"resources\":{\"limits\":{\"memory\":\"%uGi\"}}}]}",
                  backend->image, backend->memory);
}

void wish_spec(const struct wish *wish, struct strbuf *out) {
    strbuf_append(out, STR("{\"backends\":["));
    bool is_first = true;
    for (size_t i = 0; i < SCRIPT_BACKENDS_MAX; i++) {
        if (!wish->backends[i].is_there) continue;
        if (!is_first) strbuf_append_char(out, ',');
        append_backend(wish, i, out);
        is_first = false;
    }
    strbuf_append_char(out, ']');
    if (wish->served_name) strbuf_printf(out, ",\"name\":\"%s\"", wish_served_name(wish));
    if (wish->has_policy) strbuf_printf(out, ",\"autoscalingPolicy\":%s", policy_text);
    if (wish->suspend) strbuf_append(out, STR(",\"suspend\":true"));
    if (wish->paused) strbuf_append(out, STR(",\"paused\":true"));
    strbuf_append_char(out, '}');
}

static void append_annotations(const struct wish *wish, struct strbuf *out) {
    strbuf_append(out, STR("{\"example.com/of\":\"user\""));
    if (wish->allow_recreate) strbuf_append(out, STR(",\"" ANNOTATION_ALLOW_RECREATE "\":\"true\""));
    if (wish->upgrade_now) strbuf_append(out, STR(",\"" ANNOTATION_UPGRADE "\":\"now\""));
    strbuf_append_char(out, '}');
}

#define BOOSTERS_PATH "/apis/" API_VERSION_WORKLOAD "/namespaces/%s/" PLURAL_BOOSTER

static void create(struct world *world, struct wish *wish) {
    struct strbuf body = strbuf_with_max(LIMIT_BODY_BYTES);
    strbuf_printf(
        &body, "{\"apiVersion\":\"" API_VERSION_WORKLOAD "\",\"kind\":\"" KIND_BOOSTER "\",\"metadata\":{\"name\":\"%s\",\"annotations\":",
        wish->name);
    append_annotations(wish, &body);
    if (wish->is_held) strbuf_append(&body, STR(",\"finalizers\":[\"example.com/hold\"]"));
    strbuf_append(&body, STR("},\"spec\":"));
    wish_spec(wish, &body);
    strbuf_append_char(&body, '}');
    wish->exists = world_ask(world, "user", "POST", "application/json", body.ptr, BOOSTERS_PATH, wish->namespace);
    strbuf_release(&body);
}

static void update(struct world *world, const struct wish *wish) {
    struct strbuf body = strbuf_with_max(LIMIT_BODY_BYTES);
    strbuf_append(&body, STR("[{\"op\":\"replace\",\"path\":\"/spec\",\"value\":"));
    wish_spec(wish, &body);
    strbuf_append(&body, STR("},{\"op\":\"replace\",\"path\":\"/metadata/annotations\",\"value\":"));
    append_annotations(wish, &body);
    strbuf_append(&body, STR("}]"));
    world_ask(world, "user", "PATCH", "application/json-patch+json", body.ptr, BOOSTERS_PATH "/%s", wish->namespace, wish->name);
    strbuf_release(&body);
}

static void delete(struct world *world, struct wish *wish) {
    world_ask(world, "user", "DELETE", "application/json",
              "{\"kind\":\"DeleteOptions\",\"apiVersion\":\"v1\",\"propagationPolicy\":\"Background\"}", BOOSTERS_PATH "/%s",
              wish->namespace, wish->name);
    wish->exists = false;
    /* What is on its way out gets nothing back. */
    if (wish->is_held && world->is_disturbed) agenda_put(&world->agenda, &world->trouble.loss, world->agenda.now_ms + LOSS_MS);
}

/* ---- steps ---- */

static struct wish_backend *some_backend(struct script *script, struct wish *wish) {
    size_t index = draw(script, SCRIPT_BACKENDS_MAX);
    while (!wish->backends[index].is_there) index = (index + 1) % SCRIPT_BACKENDS_MAX;
    return &wish->backends[index];
}

static void fresh_backend(struct script *script, struct wish_backend *backend) {
    int64_t replicas = 1 + draw(script, 2);
    *backend = (struct wish_backend){.is_there = true,
                                     .image = draw(script, 3),
                                     .memory = 4 + draw(script, 3),
                                     .min_replicas = replicas,
                                     .max_replicas = replicas + draw(script, 2) * 3,
                                     .weight = 10 * (1 + draw(script, 5)),
                                     .has_policy = draw(script, 4) == 0,
                                     .has_adapter = draw(script, 5) == 0,
                                     .has_gang = draw(script, 6) == 0};
}

static void step_image(struct script *script, struct wish *wish) {
    struct wish_backend *backend = some_backend(script, wish);
    backend->image = (backend->image + 1) % 3;
}

static void step_weight(struct script *script, struct wish *wish) {
    some_backend(script, wish)->weight = 10 * (1 + draw(script, 9));
}

static void step_memory(struct script *script, struct wish *wish) {
    some_backend(script, wish)->memory = 4 + draw(script, 9);
}

static void step_replicas(struct script *script, struct wish *wish) {
    struct wish_backend *backend = some_backend(script, wish);
    backend->min_replicas = 1 + draw(script, 3);
    backend->max_replicas = backend->min_replicas + draw(script, 3);
}

static void step_add(struct script *script, struct wish *wish) {
    struct wish_backend *backend = &wish->backends[draw(script, SCRIPT_BACKENDS_MAX)];
    if (!backend->is_there) fresh_backend(script, backend);
}

static void step_remove(struct script *script, struct wish *wish) {
    if (wish_backend_count(wish) > 1) some_backend(script, wish)->is_there = false;
}

static void step_rename(struct script *script, struct wish *wish) {
    wish->served_name = draw(script, 3);
}

static void step_policy(struct script *script, struct wish *wish) {
    if (draw(script, 3) == 0)
        wish->has_policy = !wish->has_policy;
    else
        some_backend(script, wish)->has_policy ^= true;
}

static void step_suspend(struct script *script, struct wish *wish) {
    (void)script;
    wish->suspend = !wish->suspend;
}

static void step_pause(struct script *script, struct wish *wish) {
    (void)script;
    wish->paused = !wish->paused;
}

static void step_break(struct script *script, struct wish *wish) {
    (void)script;
    wish->is_invalid = !wish->is_invalid;
}

static void step_gang(struct script *script, struct wish *wish) {
    some_backend(script, wish)->has_gang ^= true;
    wish->allow_recreate = draw(script, 2);
}

static void step_upgrade(struct script *script, struct wish *wish) {
    (void)script;
    wish->upgrade_now = !wish->upgrade_now;
}

static void step_adapter(struct script *script, struct wish *wish) {
    some_backend(script, wish)->has_adapter ^= true;
}

static void (*const edits[])(struct script *script, struct wish *wish) = {
    step_image,  step_weight,  step_memory, step_replicas, step_add,  step_remove,  step_rename,
    step_policy, step_suspend, step_pause,  step_break,    step_gang, step_upgrade, step_adapter,
};

/* What stands still for good at the end would show less: the last edits take it back. */
static void set_right(struct wish *wish) {
    wish->paused = wish->is_invalid = false;
}

static void make_step(struct script *script, struct world *world) {
    struct wish *wish = &script->wishes[draw(script, (unsigned)script->model_count)];
    unsigned choice = draw(script, 16);
    script->steps_left--;
    if (!wish->exists) {
        script->awaited = wish;
    } else if (choice == 0 && script->steps_left && !world->is_tame) {
        delete(world, wish);
    } else {
        edits[draw(script, sizeof edits / sizeof *edits)](script, wish);
        if (world->is_tame || (script->steps_left < script->model_count && draw(script, 4))) set_right(wish);
        update(world, wish);
    }
}

static bool may_go_on(struct script *script, struct world *world) {
    if (world->agenda.now_ms < script->not_before_ms) return false;
    if (!script->is_patient || judge_is_settled(world)) return true;
    bool is_out = world->agenda.now_ms >= script->patience_ends_ms;
    script->is_out_of_patience |= is_out;
    return is_out;
}

static void proceed(void *owner) {
    struct world *world = owner;
    struct script *script = &world->script;
    int64_t now_ms = world->agenda.now_ms;
    if (script->awaited) {
        create(world, script->awaited);
        if (script->awaited->exists) script->awaited = NULL;
    } else if (may_go_on(script, world)) {
        make_step(script, world);
        /* Drawn in any case: the undisturbed history always waits, and has to draw the same numbers. */
        bool is_hasty = draw(script, 3) == 0;
        int64_t pause_ms = 1 + (int64_t)draw(script, draw(script, 2) ? 50 : HASTE_MS);
        script->is_patient = !is_hasty || !world->is_disturbed;
        script->not_before_ms = now_ms + pause_ms;
        script->patience_ends_ms = now_ms + (world->is_disturbed ? PATIENCE_MS : 20 * PATIENCE_MS);
        if (!script->awaited && script->steps_left) agenda_put(&world->agenda, &script->entry, script->not_before_ms);
    }
    if (!script->entry.place && !script_is_over(script))
        agenda_put(&world->agenda, &script->entry, now_ms + (script->awaited ? 1 : POLL_MS));
}

bool script_is_over(const struct script *script) {
    return script->steps_left == 0 && !script->awaited;
}

void script_init(struct script *script, struct world *world, uint64_t seed) {
    *script = (struct script){.random = {seed}, .entry = {.happens = proceed, .owner = world}};
    script->model_count = draw(script, 3) ? 1 : 1 + draw(script, SCRIPT_MODELS_MAX);
    script->steps_left = STEPS_MIN + draw(script, STEPS_SPREAD) + (unsigned)script->model_count;
    for (size_t i = 0; i < script->model_count; i++) {
        struct wish *wish = &script->wishes[i];
        snprintf(wish->namespace, sizeof wish->namespace, "%s", i == 1 ? "other" : "default");
        /* One name the beginning of the other, with a hyphen: children of theirs could be taken for each other's. */
        snprintf(wish->name, sizeof wish->name, "%s", i == 2 ? "chat-gpu" : "chat");
        wish->is_held = draw(script, 2) == 0;
        fresh_backend(script, &wish->backends[0]);
        if (draw(script, 2)) fresh_backend(script, &wish->backends[1]);
    }
    agenda_put(&world->agenda, &script->entry, 1 + draw(script, 2000));
}
