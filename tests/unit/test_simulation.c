/* The played ModelServing controller: a small world in memory in which its steps are performed and time passes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "data/patch.h"
#include "data/rfc3339.h"
#include "standalone/simulation_plan.h"

enum { DELAY_MS = 2000, STEPS_MAX = 1000, START_MS = 1700000000 };

struct world {
    struct arena arena;
    yyjson_val *serving;
    struct simulated_pod *pods;
    int64_t now_ms;
    int deleted, created;
};

#define ROLE(name, replicas, workers, annotations)                                                                                         \
    "{\"name\":\"" name "\",\"replicas\":" #replicas ",\"workerReplicas\":" #workers ",\"entryTemplate\":{\"metadata\":{" annotations      \
    "\"labels\":{\"app\":\"x\"}},\"spec\":{\"containers\":[{\"name\":\"runtime\"},{\"name\":\"engine\"}],\"initContainers\":[{\"name\":"   \
    "\"model-downloader\"}]}},\"workerTemplate\":{\"spec\":{\"containers\":[{\"name\":\"engine\"}]}}}"
#define SERVING(replicas, metadata, roles)                                                                                                 \
    "{\"metadata\":{\"name\":\"m-a\",\"namespace\":\"team\",\"uid\":\"u\",\"generation\":3" metadata "},\"spec\":{\"replicas\":" #replicas \
    ",\"template\":{\"roles\":[" roles "]}}}"
#define ANNOTATION(word) "\"annotations\":{\"simulation.model-booster.dev/fail\":\"" word "\"}"

static yyjson_val *parse(struct world *world, const char *text) {
    yyjson_val *value = json_parse(&world->arena, str_of(text), NULL);
    assert_non_null(value);
    return value;
}

static void begin(struct world *world, const char *serving) {
    *world = (struct world){.now_ms = START_MS * (int64_t)1000};
    arena_init(&world->arena, LIMIT_BODY_BYTES);
    world->serving = parse(world, serving);
}

static yyjson_val *merged(struct world *world, const yyjson_val *target, const yyjson_val *patch) {
    yyjson_mut_doc *doc = json_builder(&world->arena);
    return json_freeze(&world->arena, patch_merge(&world->arena, doc, target, patch));
}

static struct simulated_pod *pod_named(struct world *world, struct str name) {
    struct simulated_pod *pod = world->pods;
    while (pod && !str_equal(pod->name, name)) pod = pod->next;
    return pod;
}

static void create(struct world *world, const yyjson_val *body) {
    struct str now = rfc3339_format_ms(&world->arena, world->now_ms, RFC3339_SECONDS), serving;
    struct str facts =
        arena_printf(&world->arena, "{\"metadata\":{\"uid\":\"p%d\",\"creationTimestamp\":\"%.*s\"}}", world->created++, STR_ARG(now));
    yyjson_val *object = merged(world, body, parse(world, facts.ptr));
    struct simulated_pod *pod = arena_alloc(&world->arena, sizeof *pod);
    assert_true(simulation_read_pod(object, pod, &serving));
    assert_true(str_is(serving, "m-a"));
    assert_null(pod_named(world, pod->name));
    pod->next = world->pods;
    world->pods = pod;
}

static void write_pod_status(struct world *world, struct str name, yyjson_val *body) {
    struct simulated_pod *pod = pod_named(world, name), read;
    struct str serving;
    yyjson_val *labelled =
        parse(world, "{\"metadata\":{\"name\":\"x\",\"uid\":\"x\",\"labels\":{\"simulation.model-booster.dev/simulated\":\"true\","
                     "\"modelserving.volcano.sh/name\":\"m-a\"}}}");
    assert_true(simulation_read_pod(merged(world, labelled, body), &read, &serving));
    assert_int_not_equal(pod->phase, read.phase);
    pod->phase = read.phase;
}

static void drop(struct world *world, struct str name) {
    struct simulated_pod **at = &world->pods;
    while (*at && !str_equal((*at)->name, name)) at = &(*at)->next;
    assert_non_null(*at);
    *at = (*at)->next;
    world->deleted++;
}

/* Performs steps until there is nothing to do now; gives when there is. */
static int64_t settle(struct world *world) {
    for (int step = 0; step < STEPS_MAX; step++) {
        struct simulation_next next;
        assert_true(simulation_plan(&world->arena, world->serving, world->pods, world->now_ms, DELAY_MS, &next));
        switch (next.step) {
        case SIMULATION_WAIT: return next.until_ms;
        case SIMULATION_CREATE_POD: create(world, next.body); break;
        case SIMULATION_DELETE_POD: drop(world, next.name); break;
        case SIMULATION_POD_STATUS: write_pod_status(world, next.name, next.body); break;
        case SIMULATION_STATUS: world->serving = merged(world, world->serving, next.body); break;
        }
    }
    fail_msg("it never comes to rest");
    return 0;
}

/* Lets time pass as far as anything is to happen. */
static void live_on(struct world *world) {
    for (int64_t until_ms = settle(world); until_ms < INT64_MAX; until_ms = settle(world)) {
        assert_true(until_ms > world->now_ms);
        world->now_ms = until_ms;
    }
}

static yyjson_val *available(const struct world *world) {
    yyjson_val *list = json_path(world->serving, "status", "conditions", NULL);
    assert_int_equal(yyjson_arr_size(list), 1);
    return yyjson_arr_get_first(list);
}

static void expect(const struct world *world, const char *status, const char *reason, const char *message, int64_t replicas) {
    yyjson_val *condition = available(world);
    int64_t number = -1;
    assert_string_equal(json_text(json_get(condition, "status")).ptr, status);
    assert_string_equal(json_text(json_get(condition, "reason")).ptr, reason);
    assert_string_equal(json_text(json_get(condition, "message")).ptr, message);
    assert_true(json_int64(json_path(world->serving, "status", "availableReplicas", NULL), &number));
    assert_int_equal(number, replicas);
    assert_true(json_int64(json_path(world->serving, "status", "observedGeneration", NULL), &number) && number == 3);
}

static void becomes_available_after_the_delay(void **state) {
    (void)state;
    struct world world;
    begin(&world, SERVING(2, "", ROLE("leader", 1, 1, "")));
    assert_int_equal(settle(&world), world.now_ms + DELAY_MS / 2);
    assert_int_equal(world.created, 4); /* two groups of an entry and a worker */
    expect(&world, "False", "SimulatedProgress",
           "simulation: 0 of 2 replicas available; pod m-a-0-leader-0-0: Downloading: the model is being downloaded", 0);
    struct str since = json_text(json_get(available(&world), "lastTransitionTime"));
    world.now_ms += DELAY_MS / 2;
    settle(&world);
    assert_true(str_equal(json_text(json_get(available(&world), "lastTransitionTime")), since)); /* another message, the same status */
    live_on(&world);
    assert_false(str_equal(json_text(json_get(available(&world), "lastTransitionTime")), since));
    assert_int_equal(world.now_ms, START_MS * (int64_t)1000 + DELAY_MS);
    expect(&world, "True", "SimulatedReady", "simulation: 2 of 2 replicas available", 2);
    arena_release(&world.arena);
}

static void fails_in_the_way_that_was_asked_for(void **state) {
    (void)state;
    static const struct {
        const char *serving, *reason, *message;
    } cases[] = {
        {SERVING(1, "," ANNOTATION("schedule"), ROLE("leader", 1, 0, "")), "Unschedulable",
         "simulation: 0 of 1 replicas available; pod m-a-0-leader-0-0: Unschedulable: 0/1 nodes are available: 1 Insufficient "
         "nvidia.com/gpu"},
        {SERVING(1, "," ANNOTATION("pull"), ROLE("leader", 1, 0, "")), "ImagePullBackOff",
         "simulation: 0 of 1 replicas available; pod m-a-0-leader-0-0: ImagePullBackOff: Back-off pulling image: not found"},
        {SERVING(1, "," ANNOTATION("download"), ROLE("leader", 1, 0, "")), "DownloadFailed",
         "simulation: 0 of 1 replicas available; pod m-a-0-leader-0-0: DownloadFailed: the downloader was refused: 403 Forbidden"},
        {SERVING(1, "", ROLE("leader", 1, 0, ANNOTATION("load") ",")), "LoadFailed",
         "simulation: 0 of 1 replicas available; pod m-a-0-leader-0-0: LoadFailed: the engine could not load the model: CUDA out of "
         "memory"},
        {SERVING(1, "," ANNOTATION("crash"), ROLE("leader", 1, 0, "")), "CrashLoopBackOff",
         "simulation: 0 of 1 replicas available; pod m-a-0-leader-0-0: CrashLoopBackOff: the engine was killed while it served: OOMKilled"},
        {SERVING(2, "," ANNOTATION("pull:1"), ROLE("leader", 1, 0, "")), "ImagePullBackOff",
         "simulation: 1 of 2 replicas available; pod m-a-1-leader-0-0: ImagePullBackOff: Back-off pulling image: not found"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct world world;
        begin(&world, cases[i].serving);
        live_on(&world);
        expect(&world, "False", cases[i].reason, cases[i].message, i == 5 ? 1 : 0);
        arena_release(&world.arena);
    }
}

static void an_unknown_way_is_named(void **state) {
    (void)state;
    struct world world;
    begin(&world, SERVING(1, "," ANNOTATION("pulll"), ROLE("leader", 1, 0, "")));
    live_on(&world);
    expect(
        &world, "True", "SimulatedReady",
        "simulation: 1 of 1 replicas available; annotation simulation.model-booster.dev/fail is \"pulll\": write schedule, pull, download, "
        "load or crash, and :0 for replica 0",
        1);
    arena_release(&world.arena);
}

static void recovers_when_the_annotation_goes(void **state) {
    (void)state;
    struct world world;
    begin(&world, SERVING(1, "," ANNOTATION("pull"), ROLE("leader", 1, 0, "")));
    live_on(&world);
    world.serving = merged(&world, world.serving, parse(&world, "{\"metadata\":{\"annotations\":null}}"));
    world.now_ms += 10 * DELAY_MS;
    live_on(&world);
    expect(&world, "True", "SimulatedReady", "simulation: 1 of 1 replicas available", 1);
    assert_int_equal(world.deleted, 0);
    arena_release(&world.arena);
}

static void scales_and_rolls_one_group_at_a_time(void **state) {
    (void)state;
    struct world world;
    begin(&world, SERVING(3, "", ROLE("leader", 1, 0, "")));
    live_on(&world);
    world.serving = merged(&world, world.serving, parse(&world, "{\"spec\":{\"replicas\":2}}"));
    live_on(&world);
    expect(&world, "True", "SimulatedReady", "simulation: 2 of 2 replicas available", 2);
    assert_int_equal(world.deleted, 1);
    world.serving = merged(&world, world.serving,
                           parse(&world, "{\"spec\":{\"template\":{\"roles\":[" ROLE("leader", 1, 0, ANNOTATION("pull") ",") "]}}}"));
    live_on(&world);
    /* The first that is replaced fails; the other one stays as it is, and serves. */
    assert_int_equal(world.deleted, 2);
    expect(&world, "False", "ImagePullBackOff",
           "simulation: 1 of 2 replicas available; pod m-a-0-leader-0-0: ImagePullBackOff: Back-off pulling image: not found", 1);
    arena_release(&world.arena);
}

/* Who deletes it may want its pods to stay: they go where garbage collection deletes them, and none is made for those. */
static void of_what_is_deleted_nothing_goes_and_nothing_is_made(void **state) {
    (void)state;
    for (int is_gone = 0; is_gone <= 1; is_gone++) {
        struct world world;
        begin(&world, SERVING(2, "", ROLE("leader", 1, 0, "")));
        live_on(&world);
        world.serving =
            is_gone ? NULL
                    : merged(&world, world.serving, parse(&world, "{\"metadata\":{\"deletionTimestamp\":\"2026-01-01T00:00:00Z\"}}"));
        live_on(&world);
        assert_int_equal(world.deleted, 0);
        world.pods->is_deleting = true;
        live_on(&world);
        assert_int_equal(world.deleted, 1);
        assert_int_equal(world.created, 2);
        assert_non_null(world.pods);
        assert_null(world.pods->next);
        arena_release(&world.arena);
    }
}

static void a_million_replicas_need_few_pods(void **state) {
    (void)state;
    struct world world;
    begin(&world, SERVING(1000000, "", ROLE("leader", 1, 0, "")));
    live_on(&world);
    assert_int_equal(world.created, SIMULATION_GROUPS_MAX);
    expect(&world, "True", "SimulatedReady", "simulation: 1000000 of 1000000 replicas available", 1000000);
    arena_release(&world.arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(becomes_available_after_the_delay),
        cmocka_unit_test(fails_in_the_way_that_was_asked_for),
        cmocka_unit_test(an_unknown_way_is_named),
        cmocka_unit_test(recovers_when_the_annotation_goes),
        cmocka_unit_test(scales_and_rolls_one_group_at_a_time),
        cmocka_unit_test(of_what_is_deleted_nothing_goes_and_nothing_is_made),
        cmocka_unit_test(a_million_replicas_need_few_pods),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
