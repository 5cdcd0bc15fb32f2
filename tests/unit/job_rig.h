/*
 * Runs of the reconcile machine as the controller makes them, on the real queue, store and loop. In place of the network stands this file:
 * what client_send is given is kept until the test answers it; Events are answered with the loop's next turn.
 */
#ifndef MB_TESTS_JOB_RIG_H
#define MB_TESTS_JOB_RIG_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "controller/events.h"
#include "controller/job.h"
#include "controller/telemetry.h"

enum { SENT_MAX = 64, TURNS_MAX = 100, EVENTS_MAX = 16 };

struct sent {
    struct client_request request; /* texts in the arena */
    client_answer_fn *answered;
    void *context;
};

static struct rig {
    struct arena arena;
    struct loop *loop;
    struct client client, event_client;
    struct events *events;
    struct str told_events[EVENTS_MAX]; /* "Normal Created: created ..." */
    size_t event_count;
    client_answer_fn *event_answered; /* NULL: none waits for its answer */
    struct store store;
    struct log log;
    struct telemetry telemetry;
    struct reconciler reconciler;
    struct sent sent[SENT_MAX];
    size_t sent_count, answered_count;
    int64_t version;
    struct str told; /* how far the watches have told */
} rig;

static void take_event(struct str body, client_answer_fn *answered) {
    const yyjson_val *event = json_parse(&rig.arena, body, NULL);
    assert_null(rig.event_answered);
    assert_true(rig.event_count < EVENTS_MAX);
    rig.told_events[rig.event_count++] =
        arena_printf(&rig.arena, "%.*s %.*s: %.*s", STR_ARG(json_text(json_get(event, "type"))),
                     STR_ARG(json_text(json_get(event, "reason"))), STR_ARG(json_text(json_get(event, "message"))));
    rig.event_answered = answered;
}

bool client_send(struct client *client, const struct client_request *request, client_answer_fn *answered, void *context) {
    if (client == &rig.event_client) return take_event(request->body, answered), true;
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
    rig = (struct rig){.log = {.level = LOG_ERROR, .format = LOG_TEXT}, .version = 100};
    arena_init(&rig.arena, LIMIT_RECONCILE_ARENA_BYTES);
    rig.loop = loop_new(&error);
    store_init(&rig.store);
    assert_true(telemetry_init(&rig.telemetry, rig.loop, &rig.log, &(struct telemetry_settings){.server = STR("https://h:1")}, &error));
    rig.events = events_new(rig.loop, &rig.event_client, &rig.log);
    rig.reconciler = (struct reconciler){
        .loop = rig.loop,
        .client = &rig.client,
        .store = &rig.store,
        .log = &rig.log,
        .telemetry = &rig.telemetry,
        .events = rig.events,
        .settings = {.machine = {.generate = {.images = {STR("downloader:1"), STR("runtime:1")}}, .status_shape = {true, true}},
                     .max_rollouts = 1,
                     .max_in_flight = 8},
        .kind_state = every_kind_is_synced,
        .told = told,
    };
    assert_true(reconciler_init(&rig.reconciler, 1));
    /* No test waits for a retry: one that came while the machine is busy would be a surprise. */
    rig.reconciler.queue.limits = (struct backoff_limits){60 * 1000, 60 * 1000};
    reconciler_begin_work(&rig.reconciler);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    reconciler_release(&rig.reconciler);
    events_free(rig.events);
    store_release(&rig.store);
    telemetry_release(&rig.telemetry);
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

static void answer_event(void) {
    const struct kube_answer answer = {.kind = KUBE_OK};
    client_answer_fn *answered = rig.event_answered;
    struct strbuf body = strbuf_with_max(16);
    rig.event_answered = NULL;
    if (answered) answered(rig.events, &answer, &body);
}

/* The loop's turns, until nothing that is due is left. */
static void let_run(void) {
    for (int turn = 0; turn < TURNS_MAX; turn++) {
        loop_run_once(rig.loop, 0);
        answer_event();
    }
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

static void answer_as(struct sent *sent, struct kube_answer answer, struct str text) {
    struct strbuf body = strbuf_with_max(LIMIT_BODY_BYTES);
    strbuf_append(&body, text);
    rig.answered_count++;
    sent->answered(sent->context, &answer, &body);
    strbuf_release(&body);
}

static void answer(struct sent *sent, enum kube_answer_kind kind, struct str text) {
    answer_as(sent, (struct kube_answer){.kind = kind, .message = STR("as told")}, text);
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

/* The status is stored as it was written. */
static void accept_status(struct sent *sent) {
    yyjson_mut_doc *doc = json_builder(&rig.arena);
    yyjson_mut_val *object = yyjson_val_mut_copy(doc, booster("u-1", ""));
    json_add_copy(doc, object, "status", json_get(json_parse(&rig.arena, sent->request.body, NULL), "status"));
    struct strbuf text = strbuf_with_max(LIMIT_BODY_BYTES);
    json_write(&text, json_freeze(&rig.arena, object));
    answer(sent, KUBE_OK, strbuf_view(&text));
    strbuf_release(&text);
    let_run();
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

#endif
