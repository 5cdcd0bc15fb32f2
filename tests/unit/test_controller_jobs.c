/*
 * Runs of the reconcile machine as the controller makes them, on the real queue, store and loop. In place of the network stands this file:
 * what client_send is given is kept until the test answers it.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "controller/job.h"

enum { SENT_MAX = 64, TURNS_MAX = 100 };

struct sent {
    struct client_request request; /* texts in the arena */
    client_answer_fn *answered;
    void *context;
};

static struct rig {
    struct arena arena;
    struct loop *loop;
    struct client client;
    struct store store;
    struct log log;
    struct reconciler reconciler;
    struct sent sent[SENT_MAX];
    size_t sent_count, answered_count;
    int64_t version;
    struct str told; /* how far the watches have told */
} rig;

bool client_send(struct client *client, const struct client_request *request, client_answer_fn *answered, void *context) {
    assert_ptr_equal(client, &rig.client);
    assert_true(rig.sent_count < SENT_MAX);
    struct client_request copy = *request;
    copy.path = arena_copy(&rig.arena, request->path);
    copy.body = arena_copy(&rig.arena, request->body);
    rig.sent[rig.sent_count++] = (struct sent){copy, answered, context};
    return true;
}

static enum kind_state every_kind_is_synced(void *context, enum child_kind kind, struct str namespace) {
    (void)context, (void)kind, (void)namespace;
    return KIND_SYNCED;
}

static struct str told(void *context, enum child_kind kind, struct str namespace) {
    (void)context, (void)kind, (void)namespace;
    return rig.told;
}

static int set_up(void **state) {
    (void)state;
    struct error error;
    rig = (struct rig){.log = {LOG_ERROR, LOG_TEXT}, .version = 100};
    arena_init(&rig.arena, LIMIT_RECONCILE_ARENA_BYTES);
    rig.loop = loop_new(&error);
    store_init(&rig.store);
    rig.reconciler = (struct reconciler){
        .loop = rig.loop,
        .client = &rig.client,
        .store = &rig.store,
        .log = &rig.log,
        .settings = {.machine = {.generate = {.images = {STR("downloader:1"), STR("runtime:1")}}, .status_shape = {true, true}},
                     .max_rollouts = 1,
                     .max_in_flight = 8},
        .kind_state = every_kind_is_synced,
        .told = told,
    };
    assert_true(reconciler_init(&rig.reconciler, 1));
    reconciler_begin_work(&rig.reconciler);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    reconciler_release(&rig.reconciler);
    store_release(&rig.store);
    loop_free(rig.loop);
    arena_release(&rig.arena);
    return 0;
}

static yyjson_val *parse(const char *text) {
    yyjson_val *object = json_parse(&rig.arena, str_of(text), NULL);
    assert_non_null(object);
    return object;
}

static yyjson_val *booster(const char *uid, const char *more_metadata) {
    struct str text = arena_printf(
        &rig.arena,
        "{\"apiVersion\":\"workload.serving.volcano.sh/"
        "v1alpha1\",\"kind\":\"ModelBooster\",\"metadata\":{\"name\":\"m\",\"namespace\":\"ns\","
        "\"uid\":\"%s\",\"generation\":1,\"resourceVersion\":\"%lld\"%s},\"spec\":{\"backends\":[{\"name\":\"a\",\"type\":\"vLLM\","
        "\"modelURI\":\"hf://org/model\",\"minReplicas\":1,\"maxReplicas\":1,\"workers\":[{\"image\":\"vllm:1\"}]}]}}",
        uid, (long long)++rig.version, more_metadata);
    return parse(text.ptr);
}

static void observe_booster(const char *uid, const char *more_metadata) {
    reconciler_observe_booster(&rig.reconciler, booster(uid, more_metadata), 1);
}

/* The loop's turns, until nothing that is due is left. */
static void let_run(void) {
    for (int turn = 0; turn < TURNS_MAX; turn++) loop_run_once(rig.loop, 0);
}

/* The request that waits; there is never more than one of a ModelBooster. */
static struct sent *waiting(const char *method, const char *path) {
    let_run();
    assert_int_equal(rig.sent_count, rig.answered_count + 1);
    struct sent *sent = &rig.sent[rig.sent_count - 1];
    assert_string_equal(sent->request.method, method);
    if (!str_starts_with(sent->request.path, str_of(path))) fail_msg("%s in place of %s", sent->request.path.ptr, path);
    return sent;
}

static void nothing_waits(void) {
    let_run();
    assert_int_equal(rig.sent_count, rig.answered_count);
}

static void answer(struct sent *sent, enum kube_answer_kind kind, struct str text) {
    struct kube_answer answer = {.kind = kind, .message = STR("as told")};
    struct strbuf body = strbuf_with_max(LIMIT_BODY_BYTES);
    strbuf_append(&body, text);
    rig.answered_count++;
    sent->answered(sent->context, &answer, &body);
    strbuf_release(&body);
}

/* What is created is stored as it came. */
static void accept(struct sent *sent) {
    yyjson_mut_doc *doc = json_builder(&rig.arena);
    yyjson_mut_val *object = yyjson_val_mut_copy(doc, json_parse(&rig.arena, sent->request.body, NULL));
    yyjson_mut_val *metadata = yyjson_mut_obj_get(object, "metadata");
    json_add_text(doc, metadata, "uid", arena_printf(&rig.arena, "child-%lld", (long long)++rig.version));
    json_add_text(doc, metadata, "resourceVersion", arena_printf(&rig.arena, "%lld", (long long)rig.version));
    struct strbuf text = strbuf_with_max(LIMIT_BODY_BYTES);
    json_write(&text, json_freeze(&rig.arena, object));
    answer(sent, KUBE_OK, strbuf_view(&text));
    strbuf_release(&text);
}

#define SERVINGS "/apis/workload.serving.volcano.sh/v1alpha1/namespaces/ns/modelservings"
#define SERVERS  "/apis/networking.serving.volcano.sh/v1alpha1/namespaces/ns/modelservers"
#define ROUTES   "/apis/networking.serving.volcano.sh/v1alpha1/namespaces/ns/modelroutes"
#define STATUS   "/apis/workload.serving.volcano.sh/v1alpha1/namespaces/ns/modelboosters/m/status"

static struct sent *expect_children_then_status(void) {
    accept(waiting("POST", SERVINGS "?"));
    accept(waiting("POST", SERVERS "?"));
    accept(waiting("POST", ROUTES "?"));
    return waiting("PATCH", STATUS "?");
}

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

int main(void) {
#define CASE(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(a_new_model_takes_three_creates_and_a_status),
        CASE(children_of_other_namespaces_are_nobodys),
        CASE(a_deletion_ends_the_run),
        CASE(so_does_its_end),
        CASE(another_of_the_name_is_begun_with_at_once),
        CASE(what_is_late_of_a_former_one_is_no_news),
        CASE(a_refused_status_is_logged_once),
        CASE(a_slot_does_not_go_with_its_model),
        CASE(an_answer_brings_no_model_back),
        CASE(an_answer_brings_no_child_back),
        CASE(what_came_meanwhile_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
