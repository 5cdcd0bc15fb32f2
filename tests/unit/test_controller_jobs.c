/*
 * Runs of the reconcile machine as the controller makes them: what is written, for whom, and what late answers change.
 */
#include "job_rig.h"

/* ---- what is written, and for whom ---- */

static void a_new_model_takes_three_creates_and_a_status(void **state) {
    (void)state;
    observe_booster("u-1", "");
    struct sent *status = expect_children_then_status();
    assert_true(str_contains(status->request.body, STR("\"type\":\"Initialized\",\"status\":\"True\"")));
}

/* An ownerReference is of its own namespace; whoever knows a uid can write it into an object elsewhere. */
static void children_of_other_namespaces_are_nobodys(void **state) {
    (void)state;
    static const char *const theirs[] = {"m-a", "m-z"};
    for (size_t i = 0; i < 2; i++) {
        struct str text = arena_printf(
            &rig.arena,
            "{\"metadata\":{\"name\":\"%s\",\"namespace\":\"other\",\"uid\":\"x-%zu\",\"resourceVersion\":\"1\",\"ownerReferences\":[{"
            "\"apiVersion\":\"workload.serving.volcano.sh/v1alpha1\",\"kind\":\"ModelBooster\",\"name\":\"m\",\"uid\":\"u-1\"}]}}",
            theirs[i], i);
        reconciler_observe_child(&rig.reconciler, CHILD_SERVER, parse(text.ptr), 1);
    }
    observe_booster("u-1", "");
    struct sent *status = expect_children_then_status();
    assert_true(str_contains(status->request.body, STR("\"type\":\"Initialized\",\"status\":\"True\"")));
}

static void a_deletion_ends_the_run(void **state) {
    (void)state;
    observe_booster("u-1", "");
    struct sent *create = waiting("POST", SERVINGS);
    observe_booster("u-1", ",\"deletionTimestamp\":\"2026-01-01T00:00:00Z\"");
    accept(create);
    nothing_waits();
}

static void so_does_its_end(void **state) {
    (void)state;
    observe_booster("u-1", "");
    struct sent *create = waiting("POST", SERVINGS);
    reconciler_forget_booster(&rig.reconciler, store_booster(&rig.store, STR("ns"), STR("m")));
    accept(create);
    nothing_waits();
}

static void another_of_the_name_is_begun_with_at_once(void **state) {
    (void)state;
    observe_booster("u-1", "");
    struct sent *create = waiting("POST", SERVINGS);
    observe_booster("u-2", "");
    answer(create, KUBE_SERVER_ERROR, STR_EMPTY);
    create = waiting("POST", SERVINGS);
    assert_true(str_contains(create->request.body, STR("\"uid\":\"u-2\"")));
    assert_false(str_contains(create->request.body, STR("u-1")));
}

/* Its deletion is still on its way when the one that took its place is known already. */
static void what_is_late_of_a_former_one_is_no_news(void **state) {
    (void)state;
    yyjson_val *former = booster("u-1", "");
    observe_booster("u-2", "");
    struct sent *create = waiting("POST", SERVINGS);
    reconciler_observe_booster(&rig.reconciler, former, 1);
    assert_true(str_is(store_booster(&rig.store, STR("ns"), STR("m"))->uid, "u-2"));
    accept(create);
    assert_true(str_contains(waiting("POST", SERVERS)->request.body, STR("\"uid\":\"u-2\"")));
}

/* ---- answers that come after the events ---- */

static void an_answer_brings_no_model_back(void **state) {
    (void)state;
    observe_booster("u-1", "");
    struct sent *status = expect_children_then_status();
    reconciler_forget_booster(&rig.reconciler, store_booster(&rig.store, STR("ns"), STR("m")));
    struct strbuf text = strbuf_with_max(LIMIT_BODY_BYTES);
    json_write(&text, booster("u-1", ""));
    answer(status, KUBE_OK, strbuf_view(&text));
    strbuf_release(&text);
    assert_null(store_booster(&rig.store, STR("ns"), STR("m")));
    nothing_waits();
}

/* Created and deleted by somebody before the answer came: the watch has told both. */
static void an_answer_brings_no_child_back(void **state) {
    (void)state;
    observe_booster("u-1", "");
    struct sent *create = waiting("POST", SERVINGS "?");
    rig.told = STR("100000");
    accept(create);
    assert_null(store_child(&rig.store, CHILD_SERVING, STR("ns"), STR("m-a")));
    create = waiting("POST", SERVINGS "?");
    rig.told = STR("101");
    accept(create);
    assert_non_null(store_child(&rig.store, CHILD_SERVING, STR("ns"), STR("m-a")));
    waiting("POST", SERVERS "?");
}

/* Another controller made it while the answer that there is none was on its way. */
static void what_came_meanwhile_stays(void **state) {
    (void)state;
    observe_booster("u-1", "");
    struct sent *create = waiting("POST", SERVINGS "?");
    answer(create, KUBE_ALREADY_EXISTS, STR_EMPTY);
    struct sent *look = waiting("GET", SERVINGS "/m-a");
    yyjson_mut_doc *doc = json_builder(&rig.arena);
    yyjson_mut_val *object = yyjson_val_mut_copy(doc, json_parse(&rig.arena, create->request.body, NULL));
    json_add_text(doc, yyjson_mut_obj_get(object, "metadata"), "uid", STR("theirs"));
    json_add_text(doc, yyjson_mut_obj_get(object, "metadata"), "resourceVersion", STR("500"));
    reconciler_observe_child(&rig.reconciler, CHILD_SERVING, json_freeze(&rig.arena, object), 1);
    answer(look, KUBE_NOT_FOUND, STR_EMPTY);
    assert_non_null(store_child(&rig.store, CHILD_SERVING, STR("ns"), STR("m-a")));
    waiting("POST", SERVERS "?");
}

/* ---- a server that says when ---- */

/* Whatever happens to the model meanwhile. */
static void a_server_that_says_when_is_not_asked_before(void **state) {
    (void)state;
    observe_booster("u-1", "");
    struct sent *create = waiting("POST", SERVINGS);
    answer_as(create, (struct kube_answer){.kind = KUBE_THROTTLED, .message = STR("later"), .retry_after_ms = 60 * 1000}, STR_EMPTY);
    accept(waiting("POST", SERVERS "?"));
    accept(waiting("POST", ROUTES "?"));
    /* Told at once: for a minute there is no other moment. */
    struct sent *status = waiting("PATCH", STATUS);
    assert_true(str_contains(status->request.body, STR("later")));
    accept(status);
    nothing_waits();
    int64_t wait_ms = workqueue_next_due_ms(&rig.reconciler.queue) - loop_now_ms(rig.loop);
    assert_in_range(wait_ms, 55 * 1000, 90 * 1000);
    observe_booster("u-1", "");
    nothing_waits();
}

static void a_short_wait_is_not_worth_a_word(void **state) {
    (void)state;
    observe_booster("u-1", "");
    answer_as(waiting("POST", SERVINGS), (struct kube_answer){.kind = KUBE_THROTTLED, .message = STR("later"), .retry_after_ms = 1000},
              STR_EMPTY);
    accept(waiting("POST", SERVERS "?"));
    accept(waiting("POST", ROUTES "?"));
    nothing_waits();
}

/* ---- a status that cannot be written ---- */

static void a_refused_status_is_logged_once(void **state) {
    (void)state;
    observe_booster("u-1", "");
    struct sent *status = expect_children_then_status();
    struct booster_entry *entry = store_booster(&rig.store, STR("ns"), STR("m"));
    answer(status, KUBE_FORBIDDEN, STR_EMPTY);
    assert_false(entry->is_status_refused);
    reconciler_enqueue(&rig.reconciler, STR("ns"), STR("m"));
    status = waiting("PATCH", STATUS);
    /* Nine more failures, each after the back-off of the one before. */
    int64_t now_ms = loop_now_ms(rig.reconciler.loop);
    for (int64_t i = 1; i < 10; i++) {
        workqueue_add_failed(&rig.reconciler.queue, STR("ns/m"), now_ms + i * 1000000, 0, &rig.reconciler.random);
    }
    assert_int_equal(workqueue_failures(&rig.reconciler.queue, STR("ns/m")), 10);
    answer(status, KUBE_CONFLICT, STR_EMPTY);
    assert_false(entry->is_status_refused);
    reconciler_enqueue(&rig.reconciler, STR("ns"), STR("m"));
    answer(waiting("PATCH", STATUS), KUBE_FORBIDDEN, STR_EMPTY);
    assert_true(entry->is_status_refused);
    reconciler_enqueue(&rig.reconciler, STR("ns"), STR("m"));
    struct strbuf written = strbuf_with_max(LIMIT_BODY_BYTES);
    status = waiting("PATCH", STATUS);
    json_write(&written, booster("u-1", ""));
    answer(status, KUBE_OK, strbuf_view(&written));
    assert_false(entry->is_status_refused);
    strbuf_release(&written);
}

/* ---- rollouts ---- */

static void a_slot_does_not_go_with_its_model(void **state) {
    (void)state;
    rig.reconciler.settings.upgrade = UPGRADE_ROLLING;
    rig.reconciler.is_holding = true;
    static const char *const ends[] = {"u-2", NULL}; /* another of its name has come, unseen; or it is gone */
    for (size_t i = 0; i < 2; i++) {
        observe_booster("u-1", "");
        struct booster_entry *entry = store_booster(&rig.store, STR("ns"), STR("m"));
        entry->has_rollout_slot = true;
        rig.reconciler.rollouts = 1;
        if (ends[i])
            observe_booster(ends[i], "");
        else
            reconciler_forget_booster(&rig.reconciler, entry);
        assert_int_equal(rig.reconciler.rollouts, 0);
    }
}

/* ---- what is told of it ---- */

static double told_of(enum metric_family_id family, size_t slot) {
    const struct metrics *metrics = &rig.telemetry.metrics;
    bool is_histogram = metrics->families[family].type == METRIC_HISTOGRAM;
    return is_histogram ? metrics_observed(metrics, family, slot) : metrics_value(metrics, family, slot);
}

static void a_run_is_counted_with_its_edit(void **state) {
    (void)state;
    observe_booster("u-1", "");
    struct sent *status = expect_children_then_status();
    assert_true(told_of(FAMILY_QUEUE_TIME, 0) == 1 && told_of(FAMILY_WORK_TIME, 0) == 0);
    assert_true(told_of(FAMILY_TO_CHILDREN, 0) == 0);
    accept_status(status);
    nothing_waits();
    assert_true(told_of(FAMILY_RECONCILES, RESULT_SUCCESS) == 1 && told_of(FAMILY_RECONCILE_ERRORS, 0) == 0);
    assert_true(told_of(FAMILY_RECONCILE_TIME, 0) == 1 && told_of(FAMILY_WORK_TIME, 0) == 1);
    assert_true(told_of(FAMILY_TO_CHILDREN, 0) == 1 && told_of(FAMILY_TO_ACTIVE, 0) == 0);
    for (size_t kind = 0; kind < CHILD_KIND_COUNT; kind++) assert_true(told_of(FAMILY_DRIFT, kind) == 0);
}

static void a_child_that_somebody_removes_is_drift_once_put_back(void **state) {
    (void)state;
    observe_booster("u-1", "");
    accept_status(expect_children_then_status());
    nothing_waits();
    reconciler_forget_child(&rig.reconciler, store_child(&rig.store, CHILD_SERVER, STR("ns"), STR("m-a")));
    accept(waiting("POST", SERVERS "?"));
    assert_true(told_of(FAMILY_DRIFT, CHILD_SERVER) == 1);
    assert_true(told_of(FAMILY_DRIFT, CHILD_SERVING) == 0 && told_of(FAMILY_DRIFT, CHILD_ROUTE) == 0);
}

/* A model of two backends, with a status; its children are created as they are asked for. */
static void model_of_two(void) {
    static const char backend[] = "{\"name\":\"%s\",\"type\":\"vLLM\",\"modelURI\":\"hf://org/model\",\"minReplicas\":1,\"maxReplicas\":1,"
                                  "\"workers\":[{\"image\":\"vllm:1\"}]}";
    char a[256], b[256];
    snprintf(a, sizeof a, backend, "a");
    snprintf(b, sizeof b, backend, "b");
    struct str text = arena_printf(&rig.arena,
                                   "{\"apiVersion\":\"workload.serving.volcano.sh/v1alpha1\",\"kind\":\"ModelBooster\",\"metadata\":{"
                                   "\"name\":\"m\",\"namespace\":\"ns\",\"uid\":\"u-1\",\"generation\":1,\"resourceVersion\":\"%lld\"},"
                                   "\"spec\":{\"backends\":[%s,%s]}}",
                                   (long long)++rig.version, a, b);
    reconciler_observe_booster(&rig.reconciler, parse(text.ptr), 1);
    for (int i = 0; i < 5; i++) accept(waiting("POST", "/apis/"));
    answer(waiting("PATCH", STATUS "?"), KUBE_OK, text);
    nothing_waits();
}

/* As three rewrites by another manager leave it, or as it is when they are long over. */
static void fight_over(const char *name, bool is_going_on) {
    struct child_entry *server = store_child(&rig.store, CHILD_SERVER, STR("ns"), str_of(name));
    for (int i = 0; i < OBSERVED_REWRITES; i++) server->record.rewrites_ms[i] = is_going_on ? loop_wall_ms(rig.loop) : 0;
    server->record.verdict = is_going_on ? VERDICT_DIFFERS : VERDICT_MATCHES;
    reconciler_enqueue(&rig.reconciler, STR("ns"), STR("m"));
    let_run();
    if (rig.sent_count > rig.answered_count) answer(waiting("PATCH", STATUS "?"), KUBE_CONFLICT, STR_EMPTY);
    let_run();
}

static void each_child_that_is_given_up_is_counted_once(void **state) {
    (void)state;
    model_of_two();
    fight_over("m-a", true);
    assert_true(told_of(FAMILY_FIGHTS, CHILD_SERVER) == 1);
    fight_over("m-b", true);
    assert_true(told_of(FAMILY_FIGHTS, CHILD_SERVER) == 2);
    fight_over("m-b", true);
    assert_true(told_of(FAMILY_FIGHTS, CHILD_SERVER) == 2);
    /* The other's still lasts. */
    fight_over("m-b", false);
    fight_over("m-b", true);
    assert_true(told_of(FAMILY_FIGHTS, CHILD_SERVER) == 3);
}

static void a_failed_run_is_an_error_and_a_retry(void **state) {
    (void)state;
    observe_booster("u-1", "");
    answer(waiting("POST", SERVINGS "?"), KUBE_SERVER_ERROR, STR_EMPTY);
    answer(waiting("POST", SERVERS "?"), KUBE_SERVER_ERROR, STR_EMPTY);
    answer(waiting("POST", ROUTES "?"), KUBE_SERVER_ERROR, STR_EMPTY);
    assert_true(told_of(FAMILY_RECONCILES, RESULT_ERROR) == 1 && told_of(FAMILY_RECONCILE_ERRORS, 0) == 1);
    assert_true(told_of(FAMILY_QUEUE_RETRIES, 0) == 1 && told_of(FAMILY_RECONCILES, RESULT_SUCCESS) == 0);
    assert_true(told_of(FAMILY_TO_CHILDREN, 0) == 0);
}

static void what_lasts_too_long_is_said_before_a_longer_back_off(void **state) {
    (void)state;
    rig.reconciler.queue.limits = (struct backoff_limits){10 * 60 * 1000, 10 * 60 * 1000};
    observe_booster("u-1", "");
    answer(waiting("POST", SERVINGS "?"), KUBE_SERVER_ERROR, STR_EMPTY);
    answer(waiting("POST", SERVERS "?"), KUBE_SERVER_ERROR, STR_EMPTY);
    answer(waiting("POST", ROUTES "?"), KUBE_SERVER_ERROR, STR_EMPTY);
    int64_t wait_ms = workqueue_next_due_ms(&rig.reconciler.queue) - loop_now_ms(rig.loop);
    assert_true(wait_ms > 50 * 1000 && wait_ms <= TRANSIENT_PATIENCE_MS);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(a_new_model_takes_three_creates_and_a_status),
        CASE(children_of_other_namespaces_are_nobodys),
        CASE(a_deletion_ends_the_run),
        CASE(so_does_its_end),
        CASE(another_of_the_name_is_begun_with_at_once),
        CASE(what_is_late_of_a_former_one_is_no_news),
        CASE(a_server_that_says_when_is_not_asked_before),
        CASE(a_short_wait_is_not_worth_a_word),
        CASE(a_refused_status_is_logged_once),
        CASE(a_slot_does_not_go_with_its_model),
        CASE(an_answer_brings_no_model_back),
        CASE(an_answer_brings_no_child_back),
        CASE(what_came_meanwhile_stays),
        CASE(a_run_is_counted_with_its_edit),
        CASE(a_child_that_somebody_removes_is_drift_once_put_back),
        CASE(each_child_that_is_given_up_is_counted_once),
        CASE(a_failed_run_is_an_error_and_a_retry),
        CASE(what_lasts_too_long_is_said_before_a_longer_back_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
