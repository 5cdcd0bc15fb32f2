/*
 * Events on their way to the server, which is this file: what client_send is given waits until the test answers it.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "booster/status.h"
#include "controller/events.h"

enum { SENT_MAX = 1024 };

static struct rig {
    struct arena arena;
    struct loop *loop;
    struct client client;
    struct log log;
    struct events *events;
    struct client_request sent[SENT_MAX]; /* texts in the arena */
    size_t sent_count, answered_count;
    client_answer_fn *answered;
    void *context;
    bool is_out_of_memory;
} rig;

bool client_send(struct client *client, const struct client_request *request, client_answer_fn *answered, void *context) {
    assert_ptr_equal(client, &rig.client);
    assert_true(rig.sent_count < SENT_MAX);
    if (rig.is_out_of_memory) return false;
    struct client_request copy = *request;
    copy.path = arena_copy(&rig.arena, request->path);
    copy.body = arena_copy(&rig.arena, request->body);
    rig.sent[rig.sent_count++] = copy;
    rig.answered = answered;
    rig.context = context;
    return true;
}

static int set_up(void **state) {
    (void)state;
    struct error error;
    rig = (struct rig){.log = {.level = LOG_ERROR, .format = LOG_TEXT}};
    arena_init(&rig.arena, 64 * 1024 * 1024);
    rig.loop = loop_new(&error);
    rig.events = events_new(rig.loop, &rig.client, &rig.log);
    return !rig.events;
}

static int tear_down(void **state) {
    (void)state;
    events_free(rig.events);
    loop_free(rig.loop);
    arena_release(&rig.arena);
    return 0;
}

static void tell(const char *name, enum event_reason reason, const char *message) {
    const struct event_about about = {STR("workload.serving.volcano.sh/v1alpha1"), STR("ModelBooster"), STR("ns"), str_of(name),
                                      STR("u-1")};
    events_tell(rig.events, &about, reason, str_of(message));
}

/* The request that waits: there is never more than one. */
static const struct client_request *waiting(const char *method) {
    assert_int_equal(rig.sent_count, rig.answered_count + 1);
    const struct client_request *request = &rig.sent[rig.sent_count - 1];
    assert_string_equal(request->method, method);
    return request;
}

static void answer(enum kube_answer_kind kind) {
    const struct kube_answer answer = {.kind = kind, .message = STR("as told")};
    struct strbuf body = strbuf_with_max(16);
    assert_true(rig.answered_count < rig.sent_count);
    rig.answered_count++;
    rig.answered(rig.context, &answer, &body);
}

static yyjson_val *body_of(const struct client_request *request) {
    yyjson_val *body = json_parse(&rig.arena, request->body, NULL);
    assert_non_null(body);
    return body;
}

static int64_t count_of(const struct client_request *request) {
    int64_t count = 0;
    assert_true(json_int64(json_get(body_of(request), "count"), &count));
    return count;
}

/* ---- what is sent ---- */

static void an_event_is_as_clients_expect_it(void **state) {
    (void)state;
    tell("m", EVENT_NAME_CONFLICT, "the name is taken");
    const struct client_request *create = waiting("POST");
    assert_string_equal(create->path.ptr, "/api/v1/namespaces/ns/events?fieldManager=model-booster");
    yyjson_val *event = body_of(create);
    assert_true(json_is_text(json_get(event, "type"), "Warning"));
    assert_true(json_is_text(json_get(event, "reason"), "NameConflict"));
    assert_true(json_is_text(json_get(event, "message"), "the name is taken"));
    assert_true(json_is_text(json_path(event, "involvedObject", "kind", NULL), "ModelBooster"));
    assert_true(json_is_text(json_path(event, "involvedObject", "name", NULL), "m"));
    assert_true(json_is_text(json_path(event, "involvedObject", "namespace", NULL), "ns"));
    assert_true(json_is_text(json_path(event, "involvedObject", "uid", NULL), "u-1"));
    assert_true(json_is_text(json_path(event, "source", "component", NULL), "model-booster"));
    assert_true(json_is_text(json_path(event, "metadata", "namespace", NULL), "ns"));
    assert_true(str_equal(json_text(json_get(event, "firstTimestamp")), json_text(json_get(event, "lastTimestamp"))));
    assert_int_equal(count_of(create), 1);
}

/* Events of what has no namespace lie in `default`, as client-go's do. */
static void what_has_no_namespace_is_told_in_default(void **state) {
    (void)state;
    const struct event_about about = {.api_version = STR("v1"), .kind = STR("Node"), .name = STR("n")};
    events_tell(rig.events, &about, EVENT_FIELDS_DROPPED, STR("spec.x"));
    const struct client_request *create = waiting("POST");
    assert_true(str_starts_with(create->path, STR("/api/v1/namespaces/default/events?")));
    assert_null(json_path(body_of(create), "involvedObject", "namespace", NULL));
}

static void one_that_comes_again_is_counted(void **state) {
    (void)state;
    tell("m", EVENT_REPAIRED, "again");
    struct str name = json_text(json_path(body_of(waiting("POST")), "metadata", "name", NULL));
    for (int64_t count = 2; count <= 5; count++) {
        answer(KUBE_OK);
        tell("m", EVENT_REPAIRED, "again");
        const struct client_request *patch = waiting("PATCH");
        assert_int_equal(patch->content, CONTENT_MERGE_PATCH);
        assert_string_equal(patch->path.ptr,
                            arena_printf(&rig.arena, "/api/v1/namespaces/ns/events/%.*s?fieldManager=model-booster", STR_ARG(name)).ptr);
        assert_int_equal(count_of(patch), count);
        assert_int_equal(yyjson_obj_size(body_of(patch)), 3);
    }
}

/* ---- answers ---- */

static void one_at_a_time_in_order(void **state) {
    (void)state;
    static const char *const names[] = {"a", "b", "c"};
    for (size_t i = 0; i < 3; i++) tell(names[i], EVENT_CREATED, "created");
    for (size_t i = 0; i < 3; i++) {
        assert_true(json_is_text(json_path(body_of(waiting("POST")), "involvedObject", "name", NULL), names[i]));
        answer(KUBE_OK);
    }
    assert_int_equal(rig.sent_count, 3);
}

static void turn_until(int64_t end_ms) {
    while (loop_now_ms(rig.loop) < end_ms && rig.sent_count == 0) loop_run_once(rig.loop, 10);
}

static void models_come_first(void **state) {
    (void)state;
    int call;
    rig.client.calls = (struct client_call *)&call;
    tell("m", EVENT_CREATED, "created");
    turn_until(loop_now_ms(rig.loop) + 100);
    assert_int_equal(rig.sent_count, 0);
    rig.client.calls = NULL;
    turn_until(loop_now_ms(rig.loop) + 5000);
    waiting("POST");
}

static void but_not_for_ever(void **state) {
    (void)state;
    int call;
    int64_t told_ms = loop_now_ms(rig.loop);
    rig.client.calls = (struct client_call *)&call;
    tell("m", EVENT_CREATED, "created");
    turn_until(told_ms + 60 * 1000);
    waiting("POST");
    assert_in_range(loop_now_ms(rig.loop) - told_ms, 5000, 30 * 1000);
}

/* An Event lives an hour: one that is gone when it is to be counted is made anew, with its count. */
static void one_that_has_expired_is_made_anew(void **state) {
    (void)state;
    tell("m", EVENT_REPAIRED, "again");
    answer(KUBE_OK);
    tell("m", EVENT_REPAIRED, "again");
    waiting("PATCH");
    answer(KUBE_NOT_FOUND);
    assert_int_equal(count_of(waiting("POST")), 2);
    answer(KUBE_OK);
    tell("m", EVENT_REPAIRED, "again");
    assert_int_equal(count_of(waiting("PATCH")), 3);
}

/* Whatever the answer to the first: what is next is a new one, unless it is there. */
static void one_that_was_not_made_is_made_next_time(void **state) {
    (void)state;
    static const struct {
        enum kube_answer_kind answer;
        const char *next;
    } cases[] = {
        {KUBE_OK, "PATCH"},          {KUBE_ALREADY_EXISTS, "PATCH"}, {KUBE_LOST, "POST"},         {KUBE_NOT_SENT, "POST"},
        {KUBE_NOT_FOUND, "POST"},    {KUBE_NAMESPACE_GONE, "POST"},  {KUBE_CONFLICT, "POST"},     {KUBE_INVALID, "POST"},
        {KUBE_DENIED, "POST"},       {KUBE_FORBIDDEN, "POST"},       {KUBE_UNAUTHORIZED, "POST"}, {KUBE_THROTTLED, "POST"},
        {KUBE_SERVER_ERROR, "POST"}, {KUBE_TIMEOUT, "POST"},         {KUBE_TOO_LARGE, "POST"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *name = arena_printf(&rig.arena, "m%zu", i).ptr;
        tell(name, EVENT_REPAIRED, "again");
        waiting("POST");
        answer(cases[i].answer);
        tell(name, EVENT_REPAIRED, "again");
        assert_int_equal(count_of(waiting(cases[i].next)), 2);
        answer(KUBE_OK);
    }
}

/* A repeat that fails leaves the Event as it is: the next has the whole number. */
static void a_repeat_that_fails_is_made_up_for(void **state) {
    (void)state;
    tell("m", EVENT_REPAIRED, "again");
    answer(KUBE_OK);
    tell("m", EVENT_REPAIRED, "again");
    waiting("PATCH");
    answer(KUBE_SERVER_ERROR);
    tell("m", EVENT_REPAIRED, "again");
    assert_int_equal(count_of(waiting("PATCH")), 3);
}

static void memory_that_is_out_loses_an_event_and_no_more(void **state) {
    (void)state;
    rig.is_out_of_memory = true;
    tell("m", EVENT_CREATED, "created");
    assert_int_equal(rig.sent_count, 0);
    rig.is_out_of_memory = false;
    tell("m", EVENT_CREATED, "created");
    assert_int_equal(count_of(waiting("POST")), 2);
}

/* ---- bounds ---- */

/* A server that does not answer is not waited for: what is told meanwhile is kept up to a bound. */
static void the_line_is_bounded(void **state) {
    (void)state;
    for (int i = 0; i < 2000; i++) tell(arena_printf(&rig.arena, "m%d", i).ptr, i % 2 ? EVENT_CREATED : EVENT_REJECTED, "once");
    assert_int_equal(rig.sent_count, 1);
    while (rig.answered_count < rig.sent_count) answer(KUBE_OK);
    /* The bursts of both types, and what came back of them meanwhile. */
    assert_in_range(rig.sent_count, 2 * EVENT_TOTAL_BURST, 256);
}

static void nothing_is_told_after_the_stop(void **state) {
    (void)state;
    tell("a", EVENT_CREATED, "created");
    tell("b", EVENT_CREATED, "created");
    events_stop(rig.events);
    tell("c", EVENT_CREATED, "created");
    answer(KUBE_OK);
    assert_int_equal(rig.sent_count, 1);
    events_tell(NULL, &(struct event_about){0}, EVENT_CREATED, STR("nobody listens"));
}

/* ---- reasons ---- */

static void every_failure_is_a_warning(void **state) {
    (void)state;
    for (int failure = FAILURE_NONE + 1; failure < FAILURE_COUNT; failure++) {
        enum event_reason reason;
        const char *word = failure_reason((enum failure)failure);
        if (!event_reason_of(str_of(word), &reason) || !event_kind_of(reason)->is_warning) fail_msg("%s is no Warning", word);
    }
    enum event_reason reason;
    assert_false(event_reason_of(STR("NoFailure"), &reason));
}

/* docs/events.md has the table in the same order. */
static void every_reason_is_documented(void **state) {
    (void)state;
    char path[4096], line[4096];
    snprintf(path, sizeof path, "%s/docs/events.md", getenv("MB_SOURCE_ROOT"));
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    int reason = 0;
    while (fgets(line, sizeof line, file)) {
        if (strncmp(line, "| `", 3) != 0) continue;
        assert_true(reason < EVENT_REASON_COUNT);
        const struct event_kind *kind = event_kind_of((enum event_reason)reason++);
        struct str start = arena_printf(&rig.arena, "| `%s` | %s |", kind->word, kind->is_warning ? "Warning" : "Normal");
        if (!str_starts_with(str_of(line), start)) fail_msg("docs/events.md: expected %s, found %.60s", start.ptr, line);
    }
    fclose(file);
    assert_int_equal(reason, EVENT_REASON_COUNT);
}

int main(void) {
#define CASE(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(an_event_is_as_clients_expect_it),
        CASE(what_has_no_namespace_is_told_in_default),
        CASE(one_that_comes_again_is_counted),
        CASE(one_at_a_time_in_order),
        CASE(models_come_first),
        CASE(but_not_for_ever),
        CASE(one_that_has_expired_is_made_anew),
        CASE(one_that_was_not_made_is_made_next_time),
        CASE(a_repeat_that_fails_is_made_up_for),
        CASE(memory_that_is_out_loses_an_event_and_no_more),
        CASE(the_line_is_bounded),
        CASE(nothing_is_told_after_the_stop),
        CASE(every_failure_is_a_warning),
        CASE(every_reason_is_documented),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
