/*
 * Spans and how they reach a collector; the collector is played, on the same loop.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "data/json.h"
#include "io/server.h"
#include "observe/tracer.h"

enum { PATIENCE_MS = 60000, REQUESTS_MAX = 16 };

static struct rig {
    struct loop *loop;
    struct server *server;
    struct arena arena;
    struct tracer *tracer;
    int statuses[REQUESTS_MAX]; /* what the collector answers, in turn; 0: 200 */
    const char *body;
    yyjson_val *requests[REQUESTS_MAX];
    size_t request_count;
    int troubles, finished;
} rig;

static void collect(void *owner, struct exchange *exchange) {
    (void)owner;
    assert_true(str_is(exchange->method, "POST") && str_is(exchange->path, "/v1/traces"));
    assert_true(str_is(exchange_header(exchange, "Content-Type"), "application/json"));
    assert_true(rig.request_count < REQUESTS_MAX);
    rig.requests[rig.request_count] = json_parse(&rig.arena, exchange->body, NULL);
    assert_non_null(rig.requests[rig.request_count]);
    int status = rig.statuses[rig.request_count++];
    struct blob *body = blob_new(str_of(rig.body));
    exchange_answer(exchange, status ? status : 200, STR("application/json"), NULL, 0, body);
    blob_drop(body);
}

static void on_trouble(void *owner, struct str message) {
    (void)owner;
    assert_true(message.len > 0);
    rig.troubles++;
}

static void open_tracer(unsigned port) {
    struct error error;
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%u/", port); /* people write it either way */
    rig.tracer = tracer_new(
        rig.loop, &(struct tracer_settings){.endpoint = str_of(url), .version = "1.2.3", .seed = 7, .trouble = on_trouble}, &error);
    assert_non_null(rig.tracer);
}

static int set_up(void **state) {
    (void)state;
    struct error error;
    rig = (struct rig){.loop = loop_new(&error), .body = "{}"};
    arena_init(&rig.arena, 256 * 1024 * 1024);
    rig.server = server_new(rig.loop,
                            &(struct server_settings){.listen = STR("127.0.0.1:0"),
                                                      .handler = collect,
                                                      .limits = {.body_bytes = TRACER_QUEUE_BYTES * 2}},
                            &error);
    assert_non_null(rig.server);
    open_tracer(server_port(rig.server));
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    tracer_free(rig.tracer);
    server_free(rig.server);
    loop_free(rig.loop);
    arena_release(&rig.arena);
    return 0;
}

static void on_finished(void *owner) {
    (void)owner;
    rig.finished++;
}

/* Everything that has ended is sent, or given up. */
static void finish(int64_t patience_ms) {
    rig.finished = 0;
    tracer_finish(rig.tracer, patience_ms, on_finished, NULL);
    while (!rig.finished) loop_run_once(rig.loop, PATIENCE_MS);
}

static yyjson_val *spans(size_t request) {
    yyjson_val *resource = yyjson_arr_get_first(json_get(rig.requests[request], "resourceSpans"));
    return json_get(yyjson_arr_get_first(json_get(resource, "scopeSpans")), "spans");
}

static void a_trace_has_a_root_and_children(void **state) {
    (void)state;
    struct span root = tracer_begin(rig.tracer, NULL), child = tracer_begin(rig.tracer, &root);
    assert_true(root.id && !root.parent && child.parent == root.id && child.id != root.id);
    assert_true(child.trace_high == root.trace_high && child.trace_low == root.trace_low);
    tracer_end(rig.tracer, &child, STR("PATCH"), SPAN_CLIENT, STR("422"),
               SPAN_ATTRIBUTES(SPAN_NUMBER("http.response.status_code", 422), SPAN_TEXT("url.path", STR("/a\"b\x01")),
                               SPAN_TEXT("none", STR_EMPTY)));
    tracer_end(rig.tracer, &root, STR("reconcile"), SPAN_INTERNAL, STR_EMPTY, NULL);
    finish(PATIENCE_MS);
    assert_int_equal(rig.request_count, 1);
    yyjson_val *list = spans(0), *first = yyjson_arr_get(list, 0), *second = yyjson_arr_get(list, 1);
    assert_int_equal(yyjson_arr_size(list), 2);
    char id[40];
    snprintf(id, sizeof id, "%016llx%016llx", (unsigned long long)root.trace_high, (unsigned long long)root.trace_low);
    assert_true(json_is_text(json_get(first, "traceId"), id) && json_is_text(json_get(second, "traceId"), id));
    snprintf(id, sizeof id, "%016llx", (unsigned long long)root.id);
    assert_true(json_is_text(json_get(first, "parentSpanId"), id) && json_is_text(json_get(second, "spanId"), id));
    assert_null(json_get(second, "parentSpanId"));
    assert_int_equal(yyjson_get_int(json_get(first, "kind")), SPAN_CLIENT);
    assert_int_equal(yyjson_get_int(json_path(first, "status", "code", NULL)), 2);
    assert_true(json_is_text(json_path(first, "status", "message", NULL), "422"));
    assert_int_equal(yyjson_obj_size(json_get(second, "status")), 0);
    yyjson_val *attributes = json_get(first, "attributes");
    assert_int_equal(yyjson_arr_size(attributes), 2);
    assert_true(json_is_text(json_path(yyjson_arr_get(attributes, 0), "value", "intValue", NULL), "422"));
    assert_true(json_is_text(json_path(yyjson_arr_get(attributes, 1), "value", "stringValue", NULL), "/a\"b\x01"));
    assert_true(str_compare(json_text(json_get(first, "startTimeUnixNano")), json_text(json_get(first, "endTimeUnixNano"))) <= 0);
    assert_int_equal(tracer_counts(rig.tracer).exported, 2);
}

static void the_resource_says_who_speaks(void **state) {
    (void)state;
    struct span span = tracer_begin(rig.tracer, NULL);
    tracer_end(rig.tracer, &span, STR("x"), SPAN_INTERNAL, STR_EMPTY, NULL);
    finish(PATIENCE_MS);
    yyjson_val *attributes = json_path(yyjson_arr_get_first(json_get(rig.requests[0], "resourceSpans")), "resource", "attributes", NULL);
    static const char *const keys[] = {"service.name", "service.version", "service.instance.id"};
    for (size_t i = 0; i < 3; i++) assert_true(json_is_text(json_get(yyjson_arr_get(attributes, i), "key"), keys[i]));
    assert_true(json_is_text(json_path(yyjson_arr_get(attributes, 1), "value", "stringValue", NULL), "1.2.3"));
}

static void a_batch_goes_out_by_itself(void **state) {
    (void)state;
    struct span span = tracer_begin(rig.tracer, NULL);
    tracer_end(rig.tracer, &span, STR("x"), SPAN_INTERNAL, STR_EMPTY, NULL);
    int64_t begun_ms = loop_now_ms(rig.loop);
    while (!tracer_counts(rig.tracer).exported) loop_run_once(rig.loop, PATIENCE_MS);
    assert_true(loop_now_ms(rig.loop) - begun_ms >= TRACER_BATCH_MS);
    assert_int_equal(rig.request_count, 1);
}

static void what_becomes_of_a_batch_depends_on_the_answer(void **state) {
    (void)state;
    static const struct {
        int status;
        const char *body;
        uint64_t exported, dropped;
        size_t requests;
        int troubles;
    } cases[] = {
        {200, "{}", 2, 0, 1, 0},
        {200, "{\"partialSuccess\":{\"rejectedSpans\":\"1\",\"errorMessage\":\"no\"}}", 1, 1, 1, 0},
        {200, "{\"partialSuccess\":{\"rejectedSpans\":9}}", 0, 2, 1, 0},
        {200, "not JSON", 2, 0, 1, 0},
        {400, "{}", 0, 2, 1, 1},
        {404, "{}", 0, 2, 1, 1},
        {503, "{}", 2, 0, 2, 1},
        {429, "{}", 2, 0, 2, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        set_up(NULL);
        rig.statuses[0] = cases[i].status;
        rig.body = cases[i].body;
        for (int k = 0; k < 2; k++) {
            struct span span = tracer_begin(rig.tracer, NULL);
            tracer_end(rig.tracer, &span, STR("x"), SPAN_INTERNAL, STR_EMPTY, NULL);
        }
        finish(PATIENCE_MS);
        struct tracer_counts counts = tracer_counts(rig.tracer);
        if (counts.exported != cases[i].exported || counts.dropped != cases[i].dropped || rig.request_count != cases[i].requests)
            fail_msg("case %zu: %llu exported, %llu dropped, %zu requests", i, (unsigned long long)counts.exported,
                     (unsigned long long)counts.dropped, rig.request_count);
        assert_int_equal(rig.troubles, cases[i].troubles);
        tear_down(NULL);
    }
}

static void end_many_spans(int count) {
    for (int i = 0; i < count; i++) {
        struct span span = tracer_begin(rig.tracer, NULL);
        tracer_end(rig.tracer, &span, STR("reconcile"), SPAN_INTERNAL, STR_EMPTY,
                   SPAN_ATTRIBUTES(SPAN_TEXT("model", STR("a-model-of-some-name"))));
    }
}

/* More than there is room for before the loop has its turn: what was taken arrives whole, and no span is lost without being counted. */
static void what_finds_no_room_spoils_nothing(void **state) {
    (void)state;
    enum { COUNT = 25000 };
    end_many_spans(COUNT);
    finish(PATIENCE_MS);
    struct tracer_counts counts = tracer_counts(rig.tracer);
    assert_true(counts.dropped > 0 && counts.exported > 0);
    assert_int_equal(counts.exported + counts.dropped, COUNT);
    size_t arrived = 0;
    for (size_t i = 0; i < rig.request_count; i++) arrived += yyjson_arr_size(spans(i));
    assert_int_equal(arrived, counts.exported);
}

static void a_collector_that_is_away_costs_spans_and_nothing_else(void **state) {
    (void)state;
    enum { COUNT = 20000 };
    server_free(rig.server);
    rig.server = NULL;
    end_many_spans(COUNT);
    uint64_t dropped = tracer_counts(rig.tracer).dropped;
    assert_true(dropped > 0 && dropped < COUNT);
    finish(100);
    assert_int_equal(tracer_counts(rig.tracer).exported, 0);
    assert_int_equal(rig.troubles, 1);
}

static void without_a_tracer_there_is_nothing_to_do(void **state) {
    (void)state;
    struct span root = tracer_begin(NULL, NULL), child = tracer_begin(rig.tracer, &root);
    assert_true(root.id == 0 && child.parent == 0 && child.id);
    tracer_end(NULL, &child, STR("x"), SPAN_INTERNAL, STR_EMPTY, NULL);
    tracer_end(rig.tracer, &root, STR("x"), SPAN_INTERNAL, STR_EMPTY, NULL);
    assert_int_equal(tracer_counts(NULL).exported, 0);
    tracer_finish(NULL, PATIENCE_MS, on_finished, NULL);
    tracer_finish(rig.tracer, PATIENCE_MS, on_finished, NULL);
    assert_int_equal(rig.finished, 2);
    assert_int_equal(rig.request_count, 0);
}

static void a_traceparent_names_trace_and_span(void **state) {
    (void)state;
    char room[TRACEPARENT_BYTES];
    const struct span span = {.trace_high = 0x0123456789abcdef, .trace_low = 0xf, .id = 0xfedcba9876543210};
    assert_true(str_is(span_traceparent(&span, room), "00-0123456789abcdef000000000000000f-fedcba9876543210-01"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_trace_has_a_root_and_children, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_resource_says_who_speaks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_batch_goes_out_by_itself, set_up, tear_down),
        cmocka_unit_test(what_becomes_of_a_batch_depends_on_the_answer),
        cmocka_unit_test_setup_teardown(what_finds_no_room_spoils_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_collector_that_is_away_costs_spans_and_nothing_else, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_a_tracer_there_is_nothing_to_do, set_up, tear_down),
        cmocka_unit_test(a_traceparent_names_trace_and_span),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
