/*
 * How the controller begins, in virtual time, against the simulation's server: with rights that come late, one by one or not at all, and
 * without the documents that tell of its definitions. Nothing is written on a guess, and nothing is told that is over in a moment.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "../simulation/network.h"
#include "controller/connect.h"
#include "controller/controller.h"
#include "controller/settings.h"
#include "io/entropy.h"

/* What entropy_seed gives next: the controller's back-offs are the same in every run. */
static uint64_t next_seed;

/* Linked in place of the system's random numbers. */
bool __wrap_entropy_seed(uint64_t *out, struct error *error);
bool __wrap_entropy_seed(uint64_t *out, struct error *error) {
    (void)error;
    *out = next_seed++;
    return true;
}

static struct rig {
    struct agenda agenda;
    struct model_server server;
    struct network network;
    struct loop loop;
    struct controller_options options;
    struct connection connection;
    struct controller *controller;
    int64_t forbidden_until_ms[MODEL_KIND_COUNT]; /* 0: allowed */
    bool was_told_forbidden;                      /* by some status */
    unsigned indices, documents;                  /* asked for */
} rig;

static struct model_refusal authorize(void *context, const struct model_request *request, int kind) {
    (void)context;
    bool is_refused = request->instance >= 0 && rig.agenda.now_ms < rig.forbidden_until_ms[kind];
    return is_refused ? (struct model_refusal){403, "Forbidden", "is forbidden: User \"sa\" cannot list resource \"things\"", 0}
                      : (struct model_refusal){0};
}

static void note_status(void *context, const struct model_write *write) {
    (void)context;
    struct strbuf text = strbuf_with_max(LIMIT_BODY_BYTES);
    if (write->is_status) json_write(&text, write->after);
    if (str_contains(strbuf_view(&text), STR("\"Forbidden\""))) rig.was_told_forbidden = true;
    strbuf_release(&text);
}

static void note_request(void *context, const struct model_request *request, const struct model_answer *answer, const char *fate) {
    (void)context, (void)answer, (void)fate;
    rig.indices += str_is(request->target, "/openapi/v3");
    rig.documents += str_starts_with(request->target, STR("/openapi/v3/"));
}

static void make(const char *path, const char *text) {
    const struct model_request request = {
        .method = "POST", .target = str_of(path), .content_type = "application/json", .body = str_of(text), .instance = -1};
    struct model_answer answer = network_perform(&rig.network, &request, "");
    assert_int_equal(answer.status, 201);
    strbuf_release(&answer.body);
}

static int set_up(void **state) {
    (void)state;
    next_seed = 1;
    rig = (struct rig){.options = {.max_in_flight = 4, .max_rollouts = 1, .log = {.level = LOG_ERROR}}};
    agenda_init(&rig.agenda, 1);
    model_server_init(&rig.server);
    network_init(&rig.network, &rig.agenda, &rig.server, 1);
    virtual_loop_init(&rig.loop, &rig.agenda, 1);
    rig.server.authorize = authorize;
    rig.server.written = note_status;
    rig.network.ears.performed = note_request;
    make("/apis/" API_VERSION_WORKLOAD "/namespaces/default/" PLURAL_BOOSTER,
         "{\"apiVersion\":\"" API_VERSION_WORKLOAD "\",\"kind\":\"" KIND_BOOSTER "\",\"metadata\":{\"name\":\"m\"},\"spec\":{\"backends\":["
         "{\"name\":\"a\",\"type\":\"vLLM\",\"modelURI\":\"hf://org/model\",\"minReplicas\":1,\"maxReplicas\":1,\"workers\":["
         "{\"type\":\"server\",\"image\":\"vllm:1\"}]}]}}");
    make("/api/v1/namespaces/system/configmaps",
         "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"" CONFIG_MAP_NAME "\"},\"data\":{"
         "\"" CONFIG_KEY_DOWNLOADER "\":\"downloader:configured\",\"" CONFIG_KEY_RUNTIME "\":\"runtime:configured\"}}");
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    controller_free(rig.controller);
    network_release(&rig.network);
    model_server_release(&rig.server);
    agenda_release(&rig.agenda);
    return 0;
}

static void run_until(int64_t until_ms) {
    while (agenda_next_ms(&rig.agenda) <= until_ms) agenda_step(&rig.agenda);
    rig.agenda.now_ms = until_ms;
}

static void begin(void) {
    struct error error = {0};
    rig.connection = (struct connection){.client = {.http = network_client_new(&rig.network, &rig.loop, 0)},
                                         .server = STR("https://model.invalid"),
                                         .namespace = STR("system")};
    rig.controller = controller_new(&rig.loop, &rig.options, &rig.connection, NULL, NULL, &error);
    if (!rig.controller) fail_msg("%s", error.message);
}

static bool has(int kind, const char *name, const char *text) {
    struct model_object *object = model_server_find(&rig.server, kind, STR("default"), str_of(name));
    return object && str_contains(model_text_view(object->text), str_of(text));
}

static void forbid_all(int64_t until_ms) {
    for (int kind = 0; kind < MODEL_KIND_COUNT; kind++) rig.forbidden_until_ms[kind] = until_ms;
}

static void a_healthy_start_waits_for_nothing(void **state) {
    (void)state;
    begin();
    run_until(500);
    assert_true(has(CHILD_ROUTE, "m", "\"m-a\""));
    assert_true(has(CHILD_SERVING, "m-a", "downloader:configured"));
}

static void images_that_may_be_read_soon_are_waited_for(void **state) {
    (void)state;
    rig.forbidden_until_ms[MODEL_CONFIG_MAP] = 9000;
    begin();
    run_until(9000);
    assert_false(has(CHILD_SERVING, "m-a", ""));
    run_until(20000);
    assert_true(has(CHILD_SERVING, "m-a", "downloader:configured"));
}

static void images_that_may_never_be_read_are_the_built_in(void **state) {
    (void)state;
    rig.forbidden_until_ms[MODEL_CONFIG_MAP] = INT64_MAX;
    begin();
    run_until(9000);
    assert_false(has(CHILD_SERVING, "m-a", ""));
    run_until(12000);
    assert_true(has(CHILD_SERVING, "m-a", DEFAULT_DOWNLOADER_IMAGE));
}

static void kinds_that_become_readable_one_by_one(void **state) {
    (void)state;
    forbid_all(6000);
    for (int kind = 0; kind <= CHILD_KIND_COUNT; kind++) rig.forbidden_until_ms[kind] = 2000 + kind * 500;
    begin();
    run_until(30000);
    assert_true(has(CHILD_SERVING, "m-a", "downloader:configured"));
    assert_true(has(CHILD_ROUTE, "m", "\"m-a\""));
    assert_false(rig.was_told_forbidden);
}

static void expect_all_once_rights_come(void) {
    forbid_all(90000);
    begin();
    run_until(90000);
    assert_false(has(CHILD_SERVING, "m-a", ""));
    run_until(150000);
    assert_true(has(CHILD_SERVING, "m-a", "downloader:configured"));
    assert_true(has(CHILD_ROUTE, "m", "\"m-a\""));
    assert_false(rig.was_told_forbidden);
}

/* Long after all was taken to be forbidden for good: whichever comes first, in the order of their back-offs, brings the others. */
static void rights_that_come_late_come_together(void **state) {
    enum { ORDERS = 16 };
    for (uint64_t seed = 1; seed <= ORDERS; seed++) {
        next_seed = seed;
        expect_all_once_rights_come();
        tear_down(state);
        set_up(state);
    }
}

static void a_kind_that_is_forbidden_for_good_is_told_and_the_others_are_served(void **state) {
    (void)state;
    rig.forbidden_until_ms[CHILD_ROUTE] = INT64_MAX;
    begin();
    run_until(9000);
    assert_false(rig.was_told_forbidden);
    run_until(12000);
    assert_true(rig.was_told_forbidden);
    assert_true(has(CHILD_SERVING, "m-a", "downloader:configured"));
    assert_false(has(CHILD_ROUTE, "m", ""));
}

static void documents_that_fail_are_waited_for(void **state) {
    (void)state;
    rig.server.document_status = 503;
    begin();
    run_until(10 * 60 * 1000);
    assert_false(has(CHILD_SERVING, "m-a", ""));
    assert_in_range(rig.indices, 10, 25); /* ever more seldom, but for ever */
    rig.server.document_status = 0;
    run_until(11 * 60 * 1000);
    assert_true(has(CHILD_SERVING, "m-a", "downloader:configured"));
    unsigned once = rig.indices;
    run_until(30 * 60 * 1000);
    assert_int_equal(rig.indices, once);
}

static void a_server_without_documents_is_taken_as_it_is(void **state) {
    (void)state;
    rig.server.document_status = 404;
    begin();
    run_until(500);
    assert_true(has(CHILD_SERVING, "m-a", "downloader:configured"));
}

static void documents_that_may_not_be_read_are_done_without(void **state) {
    (void)state;
    rig.server.document_status = 403;
    begin();
    run_until(9000);
    assert_false(has(CHILD_SERVING, "m-a", ""));
    run_until(40000);
    assert_true(has(CHILD_SERVING, "m-a", "downloader:configured"));
}

/* The documents of a definition that was installed a moment ago, or was refused for long. */
static void documents_that_do_not_tell_of_us_yet_are_asked_for_again(void **state) {
    (void)state;
    rig.server.is_undescribed = true;
    begin();
    run_until(500);
    assert_true(has(CHILD_SERVING, "m-a", "downloader:configured"));
    run_until(10 * 60 * 1000);
    assert_int_equal(rig.documents, 0);
    rig.server.is_undescribed = false;
    run_until(11 * 60 * 1000);
    assert_int_equal(rig.documents, 1);
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(a_healthy_start_waits_for_nothing),
        CASE(images_that_may_be_read_soon_are_waited_for),
        CASE(images_that_may_never_be_read_are_the_built_in),
        CASE(kinds_that_become_readable_one_by_one),
        CASE(rights_that_come_late_come_together),
        CASE(a_kind_that_is_forbidden_for_good_is_told_and_the_others_are_served),
        CASE(documents_that_fail_are_waited_for),
        CASE(a_server_without_documents_is_taken_as_it_is),
        CASE(documents_that_may_not_be_read_are_done_without),
        CASE(documents_that_do_not_tell_of_us_yet_are_asked_for_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
