/*
 * /healthz, /readyz and /metrics over a socket: server and client on one loop.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include "asker.h"
#include "observe/endpoints.h"
#include "observe/openmetrics.h"

static const struct metric_family families[] = {{METRIC_GAUGE, false, "asked", "How often.", {NULL}, NULL, 0}};

static struct rig {
    struct loop *loop;
    struct metrics metrics;
    struct endpoints *endpoints;
    struct asker asker;
    bool is_alive, is_synced;
} rig;

static bool check_loop(void *owner, struct arena *arena, struct str *out) {
    (void)arena;
    assert_ptr_equal(owner, &rig);
    if (!rig.is_alive) *out = STR("late by 40 s");
    return rig.is_alive;
}

static bool check_synced(void *owner, struct arena *arena, struct str *out) {
    (void)owner;
    *out = rig.is_synced ? STR("3 kinds") : arena_printf(arena, "%s is not listed yet", "ModelRoute");
    return rig.is_synced;
}

static const struct health_check health[] = {{"loop", check_loop}, {NULL, NULL}};
static const struct health_check ready[] = {{"loop", check_loop}, {"synced", check_synced}, {NULL, NULL}};

static void collect(void *owner) {
    metrics_add(&((struct rig *)owner)->metrics, 0, 0, 1);
}

static int set_up(void **state) {
    (void)state;
    struct error error;
    rig = (struct rig){.is_alive = true, .is_synced = true, .loop = loop_new(&error)};
    assert_true(metrics_init(&rig.metrics, families, 1));
    const struct endpoints_settings settings = {
        .listen = STR(":0"), .health = health, .ready = ready, .metrics = &rig.metrics, .collect = collect, .owner = &rig};
    rig.endpoints = endpoints_new(rig.loop, &settings, &error);
    assert_non_null(rig.endpoints);
    asker_open(&rig.asker, rig.loop, endpoints_address(rig.endpoints));
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    http_client_free(rig.asker.client);
    endpoints_free(rig.endpoints);
    metrics_release(&rig.metrics);
    loop_free(rig.loop);
    return 0;
}

static void each_path_has_its_answer(void **state) {
    (void)state;
    static const struct {
        bool is_alive, is_synced;
        const char *path;
        int status;
        const char *body;
    } cases[] = {
        {true, true, "/healthz", 200, "ok"},
        {true, true, "/readyz", 200, "ok"},
        {true, true, "/healthz?verbose", 200, "[+]loop ok\nhealthz check passed\n"},
        {true, true, "/readyz?verbose=1", 200, "[+]loop ok\n[+]synced ok: 3 kinds\nreadyz check passed\n"},
        {true, true, "/readyz?verboser", 200, "ok"},
        {true, false, "/healthz", 200, "ok"},
        {true, false, "/readyz", 500, "[+]loop ok\n[-]synced failed: ModelRoute is not listed yet\nreadyz check failed\n"},
        {true, false, "/readyz/loop", 200, "ok"},
        {true, false, "/readyz/synced", 500, "[-]synced failed: ModelRoute is not listed yet\nreadyz check failed\n"},
        {false, true, "/healthz", 500, "[-]loop failed: late by 40 s\nhealthz check failed\n"},
        {false, true, "/readyz", 500, "[-]loop failed: late by 40 s\n[+]synced ok: 3 kinds\nreadyz check failed\n"},
        {false, true, "/readyz/synced", 200, "ok"},
        {true, true, "/readyz/other", 404, "there is no such check; ?verbose lists them\n"},
        {true, true, "/healthzz", 404, "here are /healthz, /readyz and /metrics\n"},
        {true, true, "/", 404, "here are /healthz, /readyz and /metrics\n"},
        {true, true, "/metrics/x", 404, "here are /healthz, /readyz and /metrics\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rig.is_alive = cases[i].is_alive;
        rig.is_synced = cases[i].is_synced;
        asker_ask(&rig.asker, "GET", cases[i].path, NULL);
        if (rig.asker.status != cases[i].status || strcmp(rig.asker.body, cases[i].body) != 0)
            fail_msg("%s: %d %s", cases[i].path, rig.asker.status, rig.asker.body);
    }
}

static void only_reading_is_possible(void **state) {
    (void)state;
    asker_ask(&rig.asker, "POST", "/metrics", NULL);
    assert_int_equal(rig.asker.status, 405);
}

static void metrics_are_counted_when_asked_for_and_come_in_the_form_asked_for(void **state) {
    (void)state;
    asker_ask(&rig.asker, "GET", "/metrics", "application/openmetrics-text");
    assert_int_equal(rig.asker.status, 200);
    assert_string_equal(rig.asker.type, openmetrics_content_type(METRICS_OPENMETRICS).ptr);
    assert_string_equal(rig.asker.body, "# HELP asked How often.\n# TYPE asked gauge\nasked 1\n# EOF\n");
    asker_ask(&rig.asker, "GET", "/metrics", "text/plain");
    assert_string_equal(rig.asker.type, openmetrics_content_type(METRICS_PROMETHEUS).ptr);
    assert_string_equal(rig.asker.body, "# HELP asked How often.\n# TYPE asked gauge\nasked 2\n");
}

static void an_address_that_cannot_be_had_is_an_error(void **state) {
    (void)state;
    static const char *const wrong[] = {"", ":", "localhost", "127.0.0.1", "192.0.2.1:0", ":99999"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct endpoints_settings settings = {.listen = str_of(wrong[i]), .metrics = &rig.metrics, .collect = collect};
        struct error error = {0};
        if (endpoints_new(rig.loop, &settings, &error)) fail_msg("%s", wrong[i]);
        assert_non_null(strstr(error.message, "cannot listen on"));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_path_has_its_answer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(only_reading_is_possible, set_up, tear_down),
        cmocka_unit_test_setup_teardown(metrics_are_counted_when_asked_for_and_come_in_the_form_asked_for, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_address_that_cannot_be_had_is_an_error, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
