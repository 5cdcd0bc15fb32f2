#include "world.h"
#include "record.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum {
    TROUBLE_LATEST_MS = 20 * 60 * 1000,
    SETTLE_BOUND_MS = 20 * 60 * 1000, /* two back-offs at their longest, a fight's window */
    QUIET_MS = 12 * 60 * 1000,        /* longer than any back-off, patience or watch */
    STEP_MS = 1000,
    CLOCK_RATE_PPM = 200, /* how wrong a clock may go */
    STEPS_MAX = 2000000
};

/* Streams of numbers that do not disturb each other. */
enum stream { STREAM_AGENDA, STREAM_NETWORK, STREAM_SCRIPT, STREAM_CAST, STREAM_TROUBLE, STREAM_INSTANCES, STREAM_DEFINITIONS };

static uint64_t seed_of(const struct world *world, enum stream stream) {
    struct number_random random = {world->seed};
    uint64_t seed = 0;
    for (int i = 0; i <= (int)stream; i++) seed = number_random_next(&random);
    return seed;
}

bool world_ask(struct world *world, const char *who, const char *method, const char *content_type, const char *body, const char *format,
               ...) {
    char target[512];
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(target, sizeof target, format, arguments);
    va_end(arguments);
    snprintf(target + len, sizeof target - (size_t)len, "?fieldManager=%s", who);
    struct model_request request = {
        .method = method, .target = str_of(target), .content_type = content_type, .body = str_of(body), .instance = -1};
    struct model_answer answer = network_perform(&world->network, &request, who);
    strbuf_release(&answer.body);
    cast_notice(world);
    return answer.status < 300;
}

/* One alone mostly; with a Lease, alone or two of them; and two that know nothing of each other, as nobody should run them. */
static void choose_instances(struct world *world) {
    static const struct {
        size_t count;
        bool is_electing;
    } ways[] = {{1, false}, {1, false}, {1, false}, {1, false}, {1, false}, {1, true}, {2, true}, {2, true}, {2, true}, {2, false}};
    struct number_random random = {seed_of(world, STREAM_INSTANCES)};
    size_t way = world->is_tame ? 0 : number_random_below(&random, sizeof ways / sizeof *ways);
    world->instance_count = world->is_disturbed ? ways[way].count : 1;
    world->is_electing = world->is_disturbed && ways[way].is_electing;
    /* What a server does not keep only the one knows that has written it: without a Lease the two would never agree. */
    world->are_rivals = world->instance_count > 1 && !world->is_electing;
    if (world->are_rivals) world->server.lacking_field = NULL;
    for (size_t i = 0; i < world->instance_count; i++) {
        struct instance *instance = &world->instances[i];
        instance_init(instance, world, (int)i, world->is_electing);
        if (world->is_disturbed) instance->loop.rate_ppm = (int64_t)number_random_below(&random, 2 * CLOCK_RATE_PPM) - CLOCK_RATE_PPM;
    }
}

/* Now and then a definition is older than the controller. */
static void choose_definitions(struct world *world) {
    static const struct {
        int kind;
        const char *field;
    } lacking[] = {{CHILD_SERVER, "trafficPolicy"}, {CHILD_SERVING, "schedulerName"}, {CHILD_POLICY, "behavior"}};
    struct number_random random = {seed_of(world, STREAM_DEFINITIONS)};
    if (world->is_tame) return;
    uint64_t which = number_random_below(&random, 6 * sizeof lacking / sizeof *lacking);
    if (which < sizeof lacking / sizeof *lacking) {
        world->server.lacking_kind = lacking[which].kind;
        world->server.lacking_field = lacking[which].field;
    }
    world->server.has_wide_status = number_random_below(&random, 6) != 0;
}

static void world_init(struct world *world, const struct world_options *options, bool is_disturbed) {
    *world =
        (struct world){.seed = options->seed, .is_disturbed = is_disturbed, .is_tame = options->record != NULL, .record = options->record};
    agenda_init(&world->agenda, seed_of(world, STREAM_AGENDA));
    trace_init(&world->trace, is_disturbed ? options->trace : NULL);
    model_server_init(&world->server);
    network_init(&world->network, &world->agenda, &world->server, seed_of(world, STREAM_NETWORK));
    choose_definitions(world);
    judge_init(world);
    cast_init(&world->cast, world, seed_of(world, STREAM_CAST));
    script_init(&world->script, world, seed_of(world, STREAM_SCRIPT));
    choose_instances(world);
    trouble_init(&world->trouble, world, seed_of(world, STREAM_TROUBLE));
    for (size_t i = 0; i < world->instance_count; i++) instance_start(&world->instances[i]);
}

static void world_release(struct world *world) {
    for (size_t i = 0; i < world->instance_count; i++) instance_crash(&world->instances[i]);
    cast_release(&world->cast, world);
    network_release(&world->network);
    model_server_release(&world->server);
    agenda_release(&world->agenda);
}

/* Until `until_ms`, or something has failed. */
static void run_until(struct world *world, int64_t until_ms) {
    while (!world->judge.has_failed && agenda_next_ms(&world->agenda) <= until_ms) {
        agenda_step(&world->agenda);
        cast_notice(world);
        if (world->agenda.steps > STEPS_MAX) judge_fail(world, "storm", "%d steps: something turns without end", STEPS_MAX);
    }
    if (!world->judge.has_failed && world->agenda.now_ms < until_ms) world->agenda.now_ms = until_ms;
}

static void run(struct world *world, struct world_result *out) {
    const struct judge *judge = &world->judge;
    while (!judge->has_failed && world->agenda.now_ms < TROUBLE_LATEST_MS &&
           !(script_is_over(&world->script) && world->agenda.now_ms >= world->trouble.ends_ms &&
             world->agenda.now_ms >= world->trouble.paused_ms))
        run_until(world, world->agenda.now_ms + STEP_MS);
    if (!judge->has_failed && !script_is_over(&world->script)) judge_fail(world, "script", "the script does not come to its end");
    trouble_end(world);
    trace_line(&world->trace, world->agenda.now_ms, "calm from here on");
    int64_t calm_ms = world->agenda.now_ms;
    while (!judge->has_failed && world->agenda.now_ms < calm_ms + SETTLE_BOUND_MS && !judge_is_settled(world))
        run_until(world, world->agenda.now_ms + STEP_MS);
    char why[sizeof judge->message];
    judge_state(world, why, sizeof why);
    if (why[0]) judge_fail(world, "consistency", "%d s after all was calm: %s", SETTLE_BOUND_MS / 1000, why);
    out->settled_ms = world->agenda.now_ms - calm_ms;
    world->judge.is_quiet = true;
    trace_line(&world->trace, world->agenda.now_ms, "settled; quiet from here on");
    run_until(world, world->agenda.now_ms + QUIET_MS);
    judge_state(world, why, sizeof why);
    if (why[0]) judge_fail(world, "consistency", "settled, and then not any more: %s", why);
}

static void report(const struct world *world, const struct world_options *options, struct world_result *out) {
    const struct judge *judge = &world->judge;
    out->is_fine = !judge->has_failed;
    snprintf(out->oracle, sizeof out->oracle, "%s", judge->oracle);
    snprintf(out->message, sizeof out->message, "%s", judge->message);
    out->hash = world->trace.hash;
    out->steps += world->agenda.steps;
    out->virtual_ms = world->agenda.now_ms;
    out->writes = judge->writes;
    if (judge->has_failed && options->complaints && !options->trace) trace_print(&world->trace, options->complaints);
}

void world_run(const struct world_options *options, struct world_result *out) {
    struct world *worlds = calloc(2, sizeof *worlds);
    if (!worlds) abort();
    struct world *undisturbed = &worlds[0], *disturbed = &worlds[1];
    *out = (struct world_result){0};
    world_init(undisturbed, options, false);
    run(undisturbed, out);
    report(undisturbed, options, out);
    if (out->is_fine) {
        world_init(disturbed, options, true);
        run(disturbed, out);
        bool is_one = disturbed->instance_count == 1 && !disturbed->are_rivals; /* two may act on what only one of them knows */
        if (!disturbed->judge.has_failed && is_one) judge_compare_counts(disturbed, &undisturbed->judge);
        report(disturbed, options, out);
        world_release(disturbed);
    }
    world_release(undisturbed);
    free(worlds);
}

void world_record(uint64_t seed, FILE *out) {
    const struct world_options options = {.seed = seed, .record = out};
    struct world_result result;
    struct world *world = calloc(1, sizeof *world);
    if (!world) abort();
    world_init(world, &options, true);
    run(world, &result);
    for (size_t i = 0; i < world->server.change_count; i++) record_change(&world->server.changes[i], out);
    world_release(world);
    free(world);
}
