#include "trouble.h"

#include <string.h>

#include "world.h"

enum {
    LONGEST_MS = 4 * 60 * 1000,
    LASTS_MS = 20 * 1000,
    PAUSE_MAX_MS = 70 * 1000,
    AWAY_MAX_MS = 15 * 1000,
    JUMP_MAX_MS = 3 * 60 * 60 * 1000,
    CALL_AT_LEAST_MS = 50
};

/* Even then lines come in pieces. */
static const struct weather fair_weather = {.delay_ms = 20, .lag_ms = 20, .piece = 60};

static uint64_t draw(struct world *world, uint64_t below) {
    return number_random_below(&world->trouble.random, below);
}

static int64_t some_ms(struct world *world, int64_t most_ms) {
    return 1 + (int64_t)draw(world, (uint64_t)most_ms);
}

static struct instance *some_instance(struct world *world) {
    return &world->instances[draw(world, world->instance_count)];
}

/* ---- the network and the server ---- */

/* A few things go wrong, each often or seldom. */
static void bad_weather(struct world *world) {
    struct weather weather = {.delay_ms = some_ms(world, draw(world, 3) ? 200 : 8000),
                              .lag_ms = some_ms(world, draw(world, 3) ? 300 : 6000)};
    unsigned *const dials[] = {&weather.not_sent,      &weather.lost_request,      &weather.lost_answer,  &weather.late_request,
                               &weather.throttled,     &weather.server_error,      &weather.unauthorized, &weather.cut_watch,
                               &weather.expired_watch, &weather.too_large_version, &weather.duplicate,    &weather.piece};
    for (size_t i = 0; i < sizeof dials / sizeof *dials; i++) {
        if (draw(world, 3) == 0) *dials[i] = (unsigned)draw(world, draw(world, 4) ? 100 : 500);
    }
    world->network.weather = weather;
    world->trouble.weather_ms = world->agenda.now_ms + some_ms(world, LASTS_MS);
}

static void server_away(struct world *world) {
    world->network.is_down = true;
    world->trouble.down_ms = world->agenda.now_ms + some_ms(world, LASTS_MS);
    network_break(&world->network, -1, draw(world, 2));
}

static void partition(struct world *world) {
    struct instance *instance = some_instance(world);
    if (!instance->is_running) return;
    instance->connection.client.http->is_cut_off = true;
    network_break(&world->network, instance->number, draw(world, 2));
    world->trouble.cut_off_ms = world->agenda.now_ms + some_ms(world, LASTS_MS);
}

static void watches_break(struct world *world) {
    network_break(&world->network, -1, draw(world, 2));
}

/* What was changed before is known by its outcome alone from here on. */
static void compaction(struct world *world) {
    world->server.compacted_version = world->server.version;
    if (draw(world, 2)) network_break(&world->network, -1, false);
}

static void small_pages(struct world *world) {
    world->server.page_limit = draw(world, 4);
}

/* ---- instances ---- */

static void crash(struct world *world) {
    struct instance *instance = some_instance(world);
    instance_crash(instance);
    instance_start_at(instance, world->agenda.now_ms + some_ms(world, AWAY_MAX_MS));
}

/* Between the sending of a request and anything that comes of it. */
static void crash_at_request(struct world *world) {
    world->trouble.crash_instance = some_instance(world)->number;
    world->trouble.crash_after = 1 + (unsigned)draw(world, 12);
}

static void crash_now(void *owner) {
    struct world *world = owner;
    struct instance *instance = &world->instances[world->trouble.crash_instance];
    instance_crash(instance);
    instance_start_at(instance, world->agenda.now_ms + some_ms(world, AWAY_MAX_MS));
}

void trouble_hear(struct world *world, int instance) {
    struct trouble *trouble = &world->trouble;
    if (!trouble->crash_after || instance != trouble->crash_instance || --trouble->crash_after) return;
    agenda_put(&world->agenda, &trouble->crash, world->agenda.now_ms);
}

static void graceful_stop(struct world *world) {
    struct instance *instance = some_instance(world);
    instance_stop(instance);
    instance_start_at(instance, world->agenda.now_ms + some_ms(world, 2 * AWAY_MAX_MS));
}

static void pause(struct world *world) {
    struct instance *instance = some_instance(world);
    struct trouble *trouble = &world->trouble;
    int64_t until_ms = world->agenda.now_ms + some_ms(world, draw(world, 3) ? 3000 : PAUSE_MAX_MS);
    if (until_ms < instance->loop.paused_until_ms) return;
    instance->loop.paused_until_ms = until_ms;
    if (until_ms > trouble->paused_ms) trouble->paused_ms = until_ms;
    trace_line(&world->trace, world->agenda.now_ms, "instance %d stands still until %.3f", instance->number,
               (double)instance->loop.paused_until_ms / 1000);
}

static void clock_jump(struct world *world) {
    struct instance *instance = some_instance(world);
    int64_t jump_ms = some_ms(world, draw(world, 2) ? 5000 : JUMP_MAX_MS);
    judge_forget_repairs(world);
    instance->loop.wall_offset_ms += draw(world, 2) ? jump_ms : -jump_ms;
}

static void slow_clock(struct world *world) {
    struct instance *instance = some_instance(world);
    instance->loop.slow_permille = (unsigned)draw(world, 1000);
}

/* ---- refusals ---- */

static const struct trouble_refusal refusals[] = {
    {.refusal = {403, "Forbidden", "is forbidden: User \"sa\" cannot do that with resource \"things\" in API group \"g\"", 0}},
    {.refusal = {403, "Forbidden", "admission webhook \"w.example.com\" denied the request: not today", 0}, .is_admission = true},
    {.refusal = {403, "Forbidden", "exceeded quota: q, requested: count/things=1, used: 1, limited: 1", 0},
     .is_admission = true,
     .method = "POST"},
    {.refusal = {429, "", "admission webhook \"w.example.com\" denied the request: too large a model", 0}, .is_admission = true},
    {.refusal = {500, "InternalError", "Internal error occurred: failed calling webhook", 0}, .is_admission = true},
};

static void refusal(struct world *world) {
    struct trouble *trouble = &world->trouble;
    static const char *const methods[] = {NULL, "POST", "PATCH", "DELETE"};
    if (trouble->refusal_count == TROUBLE_REFUSALS_MAX) return;
    struct trouble_refusal *fresh = &trouble->refusals[trouble->refusal_count++];
    *fresh = refusals[draw(world, sizeof refusals / sizeof *refusals)];
    fresh->kind = (int)draw(world, MODEL_BOOSTER + 2);
    if (fresh->kind > MODEL_BOOSTER) fresh->kind = MODEL_KIND_COUNT;
    if (!fresh->method) fresh->method = methods[draw(world, sizeof methods / sizeof *methods)];
    fresh->ends_ms = world->agenda.now_ms + some_ms(world, LASTS_MS);
    trace_line(&world->trace, world->agenda.now_ms, "%s of %s are refused: %s", fresh->method ? fresh->method : "all requests",
               fresh->kind == MODEL_KIND_COUNT ? "every kind" : model_kinds[fresh->kind].kind, fresh->refusal.message);
}

static struct model_refusal refusal_of(const struct world *world, const struct model_request *request, int kind, bool is_admission) {
    const struct trouble *trouble = &world->trouble;
    for (size_t i = 0; request->instance >= 0 && i < trouble->refusal_count; i++) {
        const struct trouble_refusal *one = &trouble->refusals[i];
        bool concerns = one->is_admission == is_admission && (one->kind == kind || one->kind == MODEL_KIND_COUNT) &&
                        (!one->method || strcmp(one->method, request->method) == 0);
        if (concerns && world->agenda.now_ms < one->ends_ms) return one->refusal;
    }
    return (struct model_refusal){0};
}

static struct model_refusal authorize(void *context, const struct model_request *request, int kind) {
    return refusal_of(context, request, kind, false);
}

static struct model_refusal admit(void *context, const struct model_request *request, int kind, bool is_status) {
    (void)is_status;
    return refusal_of(context, request, kind, true);
}

/* ---- one after another ---- */

static const struct {
    const char *name;
    void (*happens)(struct world *world);
    unsigned weight;
} incidents[] = {
    {"bad weather", bad_weather, 6},
    {"the server is away", server_away, 2},
    {"a partition", partition, 2},
    {"watches break", watches_break, 3},
    {"a compaction", compaction, 3},
    {"small pages", small_pages, 2},
    {"a crash", crash, 3},
    {"a crash at a request", crash_at_request, 3},
    {"a stop", graceful_stop, 1},
    {"a pause", pause, 2},
    {"a clock jumps", clock_jump, 1},
    {"a clock is slow", slow_clock, 1},
    {"a refusal", refusal, 3},
    {"somebody meddles", meddle, 6},
};
enum { INCIDENT_COUNT = sizeof incidents / sizeof *incidents };

/* What a server that is replayed against knows nothing of. */
static uint64_t tame_kinds(void) {
    void (*const tame[])(struct world *world) = {bad_weather, watches_break, crash, crash_at_request, meddle};
    uint64_t kinds = 0;
    for (size_t i = 0; i < INCIDENT_COUNT; i++) {
        for (size_t k = 0; k < sizeof tame / sizeof *tame; k++) kinds |= (uint64_t)(incidents[i].happens == tame[k]) << i;
    }
    return kinds;
}

static void what_is_over(struct world *world, bool is_all) {
    struct trouble *trouble = &world->trouble;
    int64_t now_ms = world->agenda.now_ms;
    if (is_all || now_ms >= trouble->weather_ms) world->network.weather = fair_weather;
    if (is_all || now_ms >= trouble->down_ms) world->network.is_down = false;
    for (size_t i = 0; i < world->instance_count && (is_all || now_ms >= trouble->cut_off_ms); i++) {
        struct instance *instance = &world->instances[i];
        if (instance->is_running) instance->connection.client.http->is_cut_off = false;
    }
    size_t left = 0;
    for (size_t i = 0; i < trouble->refusal_count && !is_all; i++) {
        if (trouble->refusals[i].ends_ms > now_ms) trouble->refusals[left++] = trouble->refusals[i];
    }
    trouble->refusal_count = left;
}

static void proceed(void *owner) {
    struct world *world = owner;
    struct trouble *trouble = &world->trouble;
    what_is_over(world, false);
    unsigned total = 0, chosen;
    for (size_t i = 0; i < INCIDENT_COUNT; i++) total += trouble->kinds >> i & 1 ? incidents[i].weight : 0;
    chosen = (unsigned)draw(world, total);
    for (size_t i = 0; i < INCIDENT_COUNT; i++) {
        unsigned weight = trouble->kinds >> i & 1 ? incidents[i].weight : 0;
        if (chosen < weight) {
            trace_line(&world->trace, world->agenda.now_ms, "trouble: %s", incidents[i].name);
            incidents[i].happens(world);
            break;
        }
        chosen -= weight;
    }
    int64_t next_ms = world->agenda.now_ms + some_ms(world, 2 * trouble->gap_ms);
    if (next_ms < trouble->ends_ms) agenda_put(&world->agenda, &trouble->entry, next_ms);
}

void trouble_init(struct trouble *trouble, struct world *world, uint64_t seed) {
    *trouble = (struct trouble){.random = {seed},
                                .entry = {.happens = proceed, .owner = world},
                                .crash = {.happens = crash_now, .owner = world},
                                .fight = {.happens = meddle_fight, .owner = world},
                                .loss = {.happens = meddle_loss, .owner = world}};
    if (!world->is_disturbed) return;
    for (size_t i = 0; i < INCIDENT_COUNT; i++) trouble->kinds |= (uint64_t)(draw(world, 3) == 0) << i;
    if (world->is_tame) trouble->kinds = tame_kinds();
    if (!trouble->kinds) trouble->kinds = 1;
    trouble->ends_ms = some_ms(world, LONGEST_MS);
    trouble->gap_ms = some_ms(world, draw(world, 2) ? 2000 : 15000);
    world->network.weather = fair_weather;
    world->server.authorize = authorize;
    world->server.admit = admit;
    world->server.refusal_context = world;
    agenda_put(&world->agenda, &trouble->entry, some_ms(world, trouble->gap_ms));
}

void trouble_end(struct world *world) {
    struct trouble *trouble = &world->trouble;
    agenda_take_out(&world->agenda, &trouble->entry);
    agenda_take_out(&world->agenda, &trouble->crash);
    agenda_take_out(&world->agenda, &trouble->fight);
    agenda_take_out(&world->agenda, &trouble->loss);
    trouble->crash_after = 0;
    what_is_over(world, true);
    if (world->are_rivals) {
        /* They would not come to rest: each tells of the status what it alone has seen. */
        instance_crash(&world->instances[1]);
        agenda_take_out(&world->agenda, &world->instances[1].start);
        world->instance_count = 1;
    }
    for (size_t i = 0; i < world->instance_count; i++) {
        struct instance *instance = &world->instances[i];
        instance->loop.paused_until_ms = 0;
        instance->loop.slow_permille = 0;
        if (!instance->is_running || instance->is_stopping) instance_start_at(instance, world->agenda.now_ms + some_ms(world, AWAY_MAX_MS));
    }
}
