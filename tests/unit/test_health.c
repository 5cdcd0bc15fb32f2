/*
 * When a controller is alive and ready: one whose parts are as the test says, asked over a socket.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "asker.h"
#include "controller/controller_inner.h"
#include "controller/health.h"
#include "observe/endpoints.h"

enum { SCOPES = 2 };

static struct rig {
    struct controller_options options;
    struct leader_election election;
    struct controller controller;
    struct scope scopes[SCOPES];
    struct endpoints *endpoints;
    struct asker asker;
} rig;

static struct follower *follower(size_t scope, size_t kind) {
    return kind == KIND_AXIS_BOOSTER ? &rig.scopes[scope].boosters : &rig.scopes[scope].children[kind];
}

static int set_up(void **state) {
    (void)state;
    struct error error;
    rig = (struct rig){.controller = {.loop = loop_new(&error), .scopes = rig.scopes, .scope_count = SCOPES}};
    assert_true(telemetry_init(&rig.controller.telemetry, rig.controller.loop, &rig.controller.log,
                               &(struct telemetry_settings){.server = STR("https://[::1]:6443/prefix"), .lease = STR("l")}, &error));
    rig.controller.options = &rig.options;
    rig.controller.reconciler.settings.max_in_flight = 7;
    for (size_t scope = 0; scope < SCOPES; scope++) {
        for (size_t kind = 0; kind <= KIND_AXIS_BOOSTER; kind++) follower(scope, kind)->watcher.machine.state = LISTWATCH_SYNCED;
    }
    rig.endpoints = health_serve(&rig.controller, STR("127.0.0.1:0"), &error);
    assert_non_null(rig.endpoints);
    asker_open(&rig.asker, rig.controller.loop, endpoints_address(rig.endpoints));
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    http_client_free(rig.asker.client);
    endpoints_free(rig.endpoints);
    telemetry_release(&rig.controller.telemetry);
    store_release(&rig.controller.store);
    loop_free(rig.controller.loop);
    return 0;
}

static void expect(const char *path, int status, const char *part) {
    asker_ask(&rig.asker, "GET", path, NULL);
    if (rig.asker.status != status || !strstr(rig.asker.body, part)) fail_msg("%s: %d %s", path, rig.asker.status, rig.asker.body);
}

static void what_is_well_is_ready(void **state) {
    (void)state;
    expect("/readyz", 200, "ok");
    expect("/readyz?verbose", 200,
           "[+]loop ok\n[+]running ok\n[+]leader ok: it is the only one\n[+]models ok: 0 ModelBoosters\n[+]synced ok\n[+]watches ok\n");
    expect("/healthz?verbose", 200, "[+]ping ok\n[+]loop ok\nhealthz check passed\n");
}

/* In one namespace of two is enough. */
static void each_kind_is_looked_at_in_each_namespace(void **state) {
    (void)state;
    static const struct {
        size_t kind;
        enum listwatch_state kind_state;
        int status;
        const char *part;
    } cases[] = {
        {KIND_AXIS_BOOSTER, LISTWATCH_STARTING, 500,
         "[-]models failed: ModelBoosters are not listed yet\n[-]synced failed: ModelBooster is not listed"},
        {KIND_AXIS_BOOSTER, LISTWATCH_NOT_INSTALLED, 500, "[-]models failed: the definition of ModelBooster is not installed"},
        {KIND_AXIS_BOOSTER, LISTWATCH_FORBIDDEN, 500, "[-]models failed: ModelBoosters may not be listed"},
        {CHILD_ROUTE, LISTWATCH_STARTING, 500, "[-]synced failed: ModelRoute is not listed yet\n"},
        {CHILD_ROUTE, LISTWATCH_NOT_INSTALLED, 200, "[+]synced ok: without ModelRoute, which is not installed or may not be listed\n"},
        {CHILD_ROUTE, LISTWATCH_FORBIDDEN, 200, "[+]synced ok: without ModelRoute"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (size_t scope = 0; scope < SCOPES; scope++) {
            follower(scope, cases[i].kind)->watcher.machine.state = cases[i].kind_state;
            expect("/readyz?verbose", cases[i].status, cases[i].part);
            expect("/healthz", 200, "ok");
            follower(scope, cases[i].kind)->watcher.machine.state = LISTWATCH_SYNCED;
        }
    }
}

static void a_watch_in_trouble_is_given_a_minute(void **state) {
    (void)state;
    struct watcher *watcher = &follower(1, CHILD_SERVER)->watcher;
    int64_t now_ms = loop_now_ms(rig.controller.loop);
    watcher->machine.answer.message = STR("connection refused");
    watcher->troubled_ms = now_ms - HEALTH_WATCH_PATIENCE_MS + 30 * 1000;
    expect("/readyz/watches", 200, "ok");
    watcher->troubled_ms = now_ms - HEALTH_WATCH_PATIENCE_MS;
    expect("/readyz/watches", 500, "[-]watches failed: nothing was heard of ModelServer for 60 s: connection refused\n");
    expect("/healthz", 200, "ok");
    /* Whose definition is gone is not waited for. */
    watcher->machine.state = LISTWATCH_NOT_INSTALLED;
    expect("/readyz/watches", 200, "ok");
}

static void who_stands_by_is_ready_where_the_lease_can_be_had(void **state) {
    (void)state;
    static const struct {
        enum lease_state lease_state;
        enum kube_answer_kind trouble;
        const char *holder;
        int status;
        const char *part;
    } cases[] = {
        {LEASE_LEADING, KUBE_OK, "me", 200, "[+]leader ok: it leads\n"},
        {LEASE_STANDBY, KUBE_OK, "", 200, "[+]leader ok: it stands by\n"},
        {LEASE_STANDBY, KUBE_OK, "another", 200, "[+]leader ok: it stands by, another leads\n"},
        {LEASE_STANDBY, KUBE_LOST, "another", 200, "[+]leader ok: it stands by, another leads\n"},
        {LEASE_STANDBY, KUBE_FORBIDDEN, "", 500, "[-]leader failed: the lease mb is out of reach: as told\n"},
        {LEASE_STANDBY, KUBE_KIND_MISSING_MAYBE, "", 500, "[-]leader failed: the lease mb is out of reach: as told\n"},
    };
    rig.options.leader_election = &rig.election;
    struct lease *lease = &rig.controller.elector.lease;
    lease->settings.name = STR("mb");
    lease->message = lease->holder = strbuf_with_max(100);
    strbuf_append(&lease->message, STR("as told"));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lease->state = cases[i].lease_state;
        lease->trouble = cases[i].trouble;
        strbuf_clear(&lease->holder);
        strbuf_append(&lease->holder, str_of(cases[i].holder));
        expect("/readyz?verbose", cases[i].status, cases[i].part);
        expect("/healthz", 200, "ok");
        bool is_leading = cases[i].lease_state == LEASE_LEADING;
        expect("/metrics", 200, is_leading ? "master_status{name=\"l\"} 1\n" : "master_status{name=\"l\"} 0\n");
    }
    strbuf_release(&lease->message);
    strbuf_release(&lease->holder);
}

static void a_stuck_loop_is_neither_alive_nor_ready(void **state) {
    (void)state;
    struct watchdog *watchdog = &rig.controller.telemetry.watchdog;
    watchdog->delays[5] = (struct watchdog_delay){loop_now_ms(rig.controller.loop), WATCHDOG_STUCK_MS + 1000};
    expect("/healthz", 500, "[-]loop failed: held up for 31000 ms of the last minute\n");
    expect("/readyz/loop", 500, "readyz check failed\n");
}

static void one_that_stops_is_alive_and_not_ready(void **state) {
    (void)state;
    rig.controller.reconciler.is_stopping = true;
    expect("/readyz", 500, "[-]running failed: it is being stopped\n");
    expect("/healthz", 200, "ok");
}

static void what_is_counted_is_there_when_asked_for(void **state) {
    (void)state;
    struct arena arena;
    bool is_news;
    arena_init(&arena, 1024 * 1024);
    static const char text[] = "{\"metadata\":{\"name\":\"m\",\"namespace\":\"n\",\"uid\":\"u\",\"resourceVersion\":\"1\"}}";
    yyjson_val *object = json_parse(&arena, str_of(text), NULL);
    assert_non_null(store_put_booster(&rig.controller.store, object, 1, &is_news));
    follower(0, CHILD_POLICY)->watcher.machine.state = LISTWATCH_FORBIDDEN;
    telemetry_answered(&rig.controller.telemetry, "PATCH", 409, 0);
    telemetry_answered(&rig.controller.telemetry, "GET", 0, 0);
    static const char *const parts[] = {
        "model_booster_models{condition=\"Active\",status=\"Unknown\",reason=\"Other\"} 1\n",
        "controller_runtime_max_concurrent_reconciles{controller=\"modelbooster\"} 7\n",
        "model_booster_kind_synced{kind=\"AutoscalingPolicy\"} 0\n",
        "model_booster_kind_synced{kind=\"ModelRoute\"} 1\n",
        "rest_client_requests_total{code=\"409\",method=\"PATCH\",host=\"[::1]:6443\"} 1\n",
        "rest_client_requests_total{code=\"<error>\",method=\"GET\",host=\"[::1]:6443\"} 1\n",
    };
    asker_ask(&rig.asker, "GET", "/metrics", NULL);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (!strstr(rig.asker.body, parts[i])) fail_msg("%s", parts[i]);
    }
    /* Counted anew each time, not added up; and by the leader alone. */
    expect("/metrics", 200, parts[0]);
    rig.options.leader_election = &rig.election;
    asker_ask(&rig.asker, "GET", "/metrics", NULL);
    assert_null(strstr(rig.asker.body, "model_booster_models{"));
    assert_true(str_is(rig.controller.telemetry.address, "[::1]"));
    assert_int_equal(rig.controller.telemetry.port, 6443);
    arena_release(&arena);
}

int main(void) {
#define CASE(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(what_is_well_is_ready),
        CASE(each_kind_is_looked_at_in_each_namespace),
        CASE(a_watch_in_trouble_is_given_a_minute),
        CASE(who_stands_by_is_ready_where_the_lease_can_be_had),
        CASE(a_stuck_loop_is_neither_alive_nor_ready),
        CASE(one_that_stops_is_alive_and_not_ready),
        CASE(what_is_counted_is_there_when_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
