/*
 * What a run tells people by Events: in whose words, and when.
 */
#include "job_rig.h"

/* The Events since the last call are these, and no others; the list ends with NULL. */
static void expect_events(const char *const *expected) {
    size_t count = 0;
    for (; expected[count]; count++) {
        if (count >= rig.event_count) fail_msg("not told: %s", expected[count]);
        if (!str_starts_with(rig.told_events[count], str_of(expected[count])))
            fail_msg("%s in place of %s", rig.told_events[count].ptr, expected[count]);
    }
    if (rig.event_count > count) fail_msg("also told: %s", rig.told_events[count].ptr);
    rig.event_count = 0;
}
#define EXPECT_EVENTS(...) expect_events((const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL})

static void what_a_run_creates_is_one_event(void **state) {
    (void)state;
    observe_booster("u-1", "");
    struct sent *status = expect_children_then_status();
    EXPECT_EVENTS();
    accept_status(status);
    EXPECT_EVENTS("Normal Created: created ModelServing m-a, ModelServer m-a, ModelRoute m");
}

/* The object that `create` made, at a new version, with its model name changed by `manager` (NULL: as it was). */
static yyjson_val *route(const struct sent *create, const char *manager) {
    yyjson_mut_doc *doc = json_builder(&rig.arena);
    yyjson_mut_val *object = yyjson_val_mut_copy(doc, json_parse(&rig.arena, create->request.body, NULL));
    yyjson_mut_val *metadata = yyjson_mut_obj_get(object, "metadata");
    json_add_text(doc, metadata, "uid", store_child(&rig.store, CHILD_ROUTE, STR("ns"), STR("m"))->record.uid);
    json_add_text(doc, metadata, "resourceVersion", arena_printf(&rig.arena, "%lld", (long long)++rig.version));
    if (!manager) return json_freeze(&rig.arena, object);
    struct str fields =
        arena_printf(&rig.arena, "[{\"manager\":\"%s\",\"operation\":\"Update\",\"time\":\"2026-01-02T00:00:00Z\"}]", manager);
    json_add_copy(doc, metadata, "managedFields", parse(fields.ptr));
    yyjson_mut_obj_remove_key(yyjson_mut_obj_get(object, "spec"), "modelName");
    json_add_text(doc, yyjson_mut_obj_get(object, "spec"), "modelName", STR("theirs"));
    return json_freeze(&rig.arena, object);
}

static void answer_with(struct sent *sent, const yyjson_val *object) {
    struct strbuf text = strbuf_with_max(LIMIT_BODY_BYTES);
    json_write(&text, object);
    answer(sent, KUBE_OK, strbuf_view(&text));
    strbuf_release(&text);
    let_run();
}

/* A model at rest whose route somebody changes; returns the request that created it. */
static struct sent *route_edited_by(const char *manager) {
    observe_booster("u-1", "");
    accept(waiting("POST", SERVINGS "?"));
    accept(waiting("POST", SERVERS "?"));
    struct sent *create = waiting("POST", ROUTES "?");
    accept(create);
    accept_status(waiting("PATCH", STATUS "?"));
    rig.event_count = 0;
    reconciler_observe_child(&rig.reconciler, CHILD_ROUTE, route(create, manager), 1);
    return create;
}

static void a_repair_names_the_field_and_the_manager(void **state) {
    (void)state;
    struct sent *create = route_edited_by("kubectl-edit");
    answer_with(waiting("PATCH", ROUTES "/m?"), route(create, NULL));
    EXPECT_EVENTS(
        "Normal Repaired: ModelRoute m: spec.modelName was changed by kubectl-edit and is put back; edit the ModelBooster instead");
    nothing_waits();
}

/* The watch is faster than the answer: what was different is told all the same. */
static void so_does_one_that_the_watch_tells_of_first(void **state) {
    (void)state;
    struct sent *create = route_edited_by("kubectl-edit");
    struct sent *patch = waiting("PATCH", ROUTES "/m?");
    yyjson_val *repaired = route(create, NULL);
    reconciler_observe_child(&rig.reconciler, CHILD_ROUTE, repaired, 1);
    answer_with(patch, repaired);
    EXPECT_EVENTS(
        "Normal Repaired: ModelRoute m: spec.modelName was changed by kubectl-edit and is put back; edit the ModelBooster instead");
}

/* A failure is told in the condition's words, as is its end; what the conditions say without change is not told again. */
static void a_failure_is_told_and_so_is_its_end(void **state) {
    (void)state;
    observe_booster("u-1", "");
    answer(waiting("POST", SERVINGS "?"), KUBE_INVALID, STR_EMPTY);
    accept(waiting("POST", SERVERS "?"));
    accept(waiting("POST", ROUTES "?"));
    accept_status(waiting("PATCH", STATUS "?"));
    EXPECT_EVENTS("Normal Created: created ModelServer m-a, ModelRoute m",
                  "Warning Rejected: create ModelServing m-a: the API server refused: as told");
    reconciler_hurry(&rig.reconciler);
    answer(waiting("POST", SERVINGS "?"), KUBE_INVALID, STR_EMPTY);
    nothing_waits();
    EXPECT_EVENTS();
    reconciler_hurry(&rig.reconciler);
    accept(waiting("POST", SERVINGS "?"));
    accept_status(waiting("PATCH", STATUS "?"));
    EXPECT_EVENTS("Normal Created: created ModelServing m-a", "Normal Recovered: Rejected is over");
}

/*
 * Each step: what the conditions say, and what of it is told. Conditions as Initialized, Active, Failed: reason when true, -reason when
 * not.
 */
static void conditions_are_told_as_they_change(void **state) {
    (void)state;
    static const struct {
        const char *before[3], *now[3], *told;
    } cases[] = {
        {{"-", "-", "-"}, {"-ResourcesPending", "-NotInitialized", "-NoFailure"}, NULL},
        {{"-ResourcesPending", "-NotInitialized", "-"}, {"ResourcesApplied", "-BackendsNotAvailable", "-NoFailure"}, NULL},
        {{"ResourcesApplied", "-BackendsNotAvailable", "-"}, {"ResourcesApplied", "ModelAvailable", "-"}, "Normal ModelAvailable: words 1"},
        {{"ResourcesApplied", "ModelAvailable", "-"},
         {"ResourcesApplied", "-BackendsNotAvailable", "-"},
         "Warning BackendsNotAvailable: words 1"},
        {{"ResourcesApplied", "ModelAvailable", "-"}, {"ResourcesApplied", "-Suspended", "-"}, "Normal Suspended: words 1"},
        {{"ResourcesApplied", "ModelAvailable", "-"}, {"-Paused", "-Paused", "-"}, "Normal Paused: words 1"},
        {{"ResourcesApplied", "ModelAvailable", "-"}, {"-ResourcesPending", "-NotInitialized", "-"}, "Normal NotInitialized: words 1"},
        {{"ResourcesApplied", "ModelAvailable", "-"}, {"ResourcesApplied", "-BackendLeftOver", "-"}, "Normal BackendLeftOver: words 1"},
        {{"ResourcesApplied", "ModelAvailable", "-"}, {"Outdated", "ModelAvailable", "-"}, "Normal Outdated: words 0"},
        {{"Outdated", "ModelAvailable", "-"}, {"Outdated", "ModelAvailable", "-"}, NULL},
        {{"Outdated", "ModelAvailable", "-"}, {"ResourcesApplied", "ModelAvailable", "-"}, "Normal UpToDate: every ModelServing"},
        {{"Outdated", "-", "-"}, {"-ResourcesPending", "-", "-"}, NULL},
        {{"-", "-", "-NoFailure"}, {"-", "-", "InvalidSpec"}, "Warning InvalidSpec: words 2"},
        {{"-", "-", "InvalidSpec"}, {"-", "-", "NameConflict"}, "Warning NameConflict: words 2"},
        {{"-", "-", "NameConflict"}, {"-", "-", "NameConflict"}, NULL},
        {{"-", "-", "NameConflict"}, {"-", "-", "-NoFailure"}, "Normal Recovered: NameConflict is over"},
        {{"-", "-", "-"}, {"-", "-", "SomethingUnheardOf"}, NULL},
    };
    static const char *const types[] = {"Initialized", "Active", "Failed"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct str text[2] = {STR_EMPTY, STR_EMPTY};
        for (int side = 0; side < 2; side++) {
            for (int type = 0; type < 3; type++) {
                const char *word = side ? cases[i].now[type] : cases[i].before[type];
                text[side] = arena_printf(
                    &rig.arena, "%.*s%s{\"type\":\"%s\",\"status\":\"%s\",\"reason\":\"%s\",\"message\":\"words %d\"}", STR_ARG(text[side]),
                    type ? "," : "", types[type], *word == '-' ? "False" : "True", word + (*word == '-'), type);
            }
            text[side] = arena_printf(&rig.arena, "{\"conditions\":[%.*s]}", STR_ARG(text[side]));
        }
        struct job job = {.reconciler = &rig.reconciler, .namespace = STR("ns"), .uid = STR("u-1")};
        job.name = arena_printf(&rig.arena, "m%zu", i);
        job.run.live_status = parse(text[0].ptr);
        arena_init(&job.arena, LIMIT_RECONCILE_ARENA_BYTES);
        tale_status(&job, parse(text[1].ptr));
        arena_release(&job.arena);
        let_run();
        expect_events((const char *const[]){cases[i].told, NULL});
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(what_a_run_creates_is_one_event),           CASE(a_repair_names_the_field_and_the_manager),
        CASE(so_does_one_that_the_watch_tells_of_first), CASE(a_failure_is_told_and_so_is_its_end),
        CASE(conditions_are_told_as_they_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
