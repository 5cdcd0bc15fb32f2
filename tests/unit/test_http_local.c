#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "io/http_client.h"

enum { PATIENCE_MS = 20000, HELD_MAX = 16 };

static struct loop *loop;
static unsigned depth; /* of calls into the client or the handler: no callback may come within one */

/* the handler */

static struct exchange *held[HELD_MAX];
static size_t held_count, gone_count, request_count;
static const char *token = "secret";

static void is_gone(struct exchange *exchange) {
    assert_int_equal(depth, 0);
    gone_count++;
    for (size_t i = 0; i < held_count; i++)
        if (held[i] == exchange) held[i] = held[--held_count];
}

static bool write_text(struct exchange *exchange, struct str text) {
    struct blob *blob = blob_new(text);
    depth++;
    bool is_taken = exchange_write(exchange, blob);
    depth--;
    blob_drop(blob);
    return is_taken;
}

static void answer_text(struct exchange *exchange, int status, struct str text) {
    const struct exchange_header headers[] = {
        {STR("Warning"), STR("299 - \"one\"")}, {STR("retry-after"), STR("7")}, {STR("warning"), STR("299 - \"two\"")}};
    struct blob *blob = blob_new(text);
    depth++;
    exchange_answer(exchange, status, STR("application/json"), headers, 3, blob);
    depth--;
    blob_drop(blob);
}

static void echo(struct exchange *exchange) {
    char text[512];
    snprintf(text, sizeof text, "%.*s %.*s ? %.*s # %.*s # %.*s # %.*s # %.*s # %s %.*s", STR_ARG(exchange->method),
             STR_ARG(exchange->path), STR_ARG(exchange->query), STR_ARG(exchange->body), STR_ARG(exchange_header(exchange, "accept")),
             STR_ARG(exchange_header(exchange, "content-type")), STR_ARG(exchange_header(exchange, "Authorization")),
             exchange->is_local ? "local" : "", STR_ARG(exchange->peer));
    answer_text(exchange, 200, str_of(text));
}

static void handle(void *owner, struct exchange *exchange) {
    assert_ptr_equal(owner, &request_count);
    assert_int_equal(depth, 0);
    request_count++;
    if (str_is(exchange->path, "/echo")) {
        echo(exchange);
    } else if (str_is(exchange->path, "/refuse")) {
        answer_text(exchange, 410, STR("expired"));
    } else if (str_is(exchange->path, "/list")) {
        exchange_begin(exchange, 200, STR("text/plain"), NULL, 0);
        write_text(exchange, STR("one,"));
        write_text(exchange, STR(""));
        write_text(exchange, STR("two"));
        exchange_end(exchange);
    } else {
        exchange->on_gone = is_gone;
        held[held_count++] = exchange;
        if (str_is(exchange->path, "/watch")) exchange_begin(exchange, 200, STR("application/json"), NULL, 0);
    }
}

/* the client's owner */

struct outcome {
    bool is_over, is_open;
    enum http_outcome outcome;
    int status;
    int64_t retry_after_ms;
    struct error error;
    char body[4096], warnings[128], content_type[64];
    size_t data_bytes;
    struct http_handle *to_cancel; /* on data */
    struct http_client *to_free;
};

static void on_answer(void *owner, struct http_answer *answer) {
    struct outcome *outcome = owner;
    assert_int_equal(depth, 0);
    assert_false(outcome->is_over);
    outcome->is_over = true;
    outcome->outcome = answer->outcome;
    outcome->status = answer->status;
    outcome->error = answer->error;
    outcome->retry_after_ms = answer->retry_after_ms;
    snprintf(outcome->warnings, sizeof outcome->warnings, "%.*s", STR_ARG(answer->warnings));
    snprintf(outcome->content_type, sizeof outcome->content_type, "%.*s", STR_ARG(answer->content_type));
    if (answer->body.len) snprintf(outcome->body, sizeof outcome->body, "%s", answer->body.ptr);
}

static void on_open(void *owner, int status) {
    struct outcome *outcome = owner;
    assert_int_equal(depth, 0);
    assert_int_equal(status, 200);
    outcome->is_open = true;
}

static void on_data(void *owner, struct str bytes) {
    struct outcome *outcome = owner;
    size_t length = strlen(outcome->body);
    assert_int_equal(depth, 0);
    assert_true(outcome->is_open && !outcome->is_over);
    outcome->data_bytes += bytes.len;
    snprintf(outcome->body + length, sizeof outcome->body - length, "%.*s", STR_ARG(bytes));
    http_cancel(outcome->to_cancel);
    outcome->to_cancel = NULL;
    if (outcome->to_free) http_client_free(outcome->to_free);
    outcome->to_free = NULL;
}

static const struct http_stream_events events = {on_open, on_data, on_answer};

static void give_token(void *owner, struct http_credentials *out) {
    (void)owner;
    out->bearer_token = str_of(token);
}

static struct http_client *client_new(void) {
    struct http_client_settings settings = {.local_handler = handle, .local_owner = &request_count, .credentials = give_token};
    struct error error = {0};
    struct http_client *client = http_client_new(loop, &settings, &error);
    if (!client) fail_msg("%s", error.message);
    held_count = gone_count = request_count = 0;
    token = "secret";
    return client;
}

#define WAIT_FOR(condition)                                                                                                                \
    do {                                                                                                                                   \
        int64_t end_ms_ = loop_now_ms(loop) + PATIENCE_MS;                                                                                 \
        while (!(condition)) {                                                                                                             \
            if (loop_now_ms(loop) > end_ms_) fail_msg("not in %d ms: %s", PATIENCE_MS, #condition);                                        \
            loop_run_once(loop, 10);                                                                                                       \
        }                                                                                                                                  \
    } while (0)

static void let_it_rest(void) {
    for (int i = 0; i < 5; i++) loop_run_once(loop, 1);
}

static struct http_handle *send_request(struct http_client *client, struct http_request request, struct outcome *outcome) {
    if (!request.method) request.method = "GET";
    depth++;
    struct http_handle *sent = http_send(client, &request, on_answer, outcome);
    depth--;
    assert_non_null(sent);
    return sent;
}

static struct http_handle *open_stream(struct http_client *client, struct str path, struct outcome *outcome) {
    const struct http_request request = {.method = "GET", .path = path};
    depth++;
    struct http_handle *opened = http_open(client, &request, &events, outcome);
    depth--;
    assert_non_null(opened);
    return opened;
}

/* tests */

static void a_request_reaches_the_handler_whole(void **state) {
    (void)state;
    struct http_client *client = client_new();
    struct outcome outcome = {0}, other = {0};
    send_request(client,
                 (struct http_request){
                     .method = "PATCH", .path = STR("/echo?a=b%20c?d"), .body = STR("[1]"), .content_type = "application/json-patch+json"},
                 &outcome);
    WAIT_FOR(outcome.is_over);
    assert_int_equal(outcome.outcome, HTTP_ANSWERED);
    assert_int_equal(outcome.status, 200);
    assert_string_equal(outcome.body,
                        "PATCH /echo ? a=b%20c?d # [1] # application/json # application/json-patch+json # Bearer secret # local local");
    assert_string_equal(outcome.warnings, "299 - \"one\"\n299 - \"two\"");
    assert_string_equal(outcome.content_type, "application/json");
    assert_int_equal(outcome.retry_after_ms, 7000);
    token = "";
    send_request(client, (struct http_request){.path = STR("/echo"), .accept = "text/plain"}, &other);
    WAIT_FOR(other.is_over);
    assert_string_equal(other.body, "GET /echo ?  #  # text/plain #  #  # local local");
    assert_int_equal(http_in_flight(client), 0);
    http_client_free(client);
    assert_int_equal(gone_count, 0);
}

static void an_answer_may_come_late_or_in_pieces(void **state) {
    (void)state;
    struct http_client *client = client_new();
    struct outcome late = {0}, list = {0}, head = {0};
    send_request(client, (struct http_request){.path = STR("/hold")}, &late);
    send_request(client, (struct http_request){.path = STR("/list")}, &list);
    send_request(client, (struct http_request){.method = "HEAD", .path = STR("/list")}, &head);
    WAIT_FOR(list.is_over && head.is_over);
    assert_string_equal(list.body, "one,two");
    assert_string_equal(list.content_type, "text/plain");
    assert_string_equal(head.body, "");
    assert_int_equal(head.status, 200);
    assert_false(late.is_over);
    answer_text(held[0], 404, STR("none"));
    assert_false(late.is_over);
    WAIT_FOR(late.is_over);
    assert_int_equal(late.status, 404);
    assert_string_equal(late.body, "none");
    http_client_free(client);
    assert_int_equal(gone_count, 0);
}

static void a_stream_arrives_as_it_is_written(void **state) {
    (void)state;
    struct http_client *client = client_new();
    struct outcome outcome = {0};
    open_stream(client, STR("/watch"), &outcome);
    WAIT_FOR(outcome.is_open);
    assert_true(write_text(held[0], STR("a\n")) && write_text(held[0], STR("b\n")));
    assert_int_equal(exchange_pending(held[0]), 4);
    assert_string_equal(outcome.body, "");
    WAIT_FOR(outcome.data_bytes == 4);
    assert_int_equal(exchange_pending(held[0]), 0);
    assert_true(write_text(held[0], STR("c\n")));
    exchange_end(held[0]);
    WAIT_FOR(outcome.is_over);
    assert_int_equal(outcome.outcome, HTTP_ANSWERED);
    assert_string_equal(outcome.body, "a\nb\nc\n");
    assert_int_equal(http_in_flight(client), 0);
    http_client_free(client);
    assert_int_equal(gone_count, 0);
}

static void a_stream_answered_whole_is_a_stream_all_the_same(void **state) {
    (void)state;
    struct http_client *client = client_new();
    struct outcome refused = {0}, whole = {0};
    open_stream(client, STR("/refuse"), &refused);
    open_stream(client, STR("/hold"), &whole);
    WAIT_FOR(refused.is_over && held_count == 1);
    assert_false(refused.is_open);
    assert_int_equal(refused.status, 410);
    assert_int_equal(refused.data_bytes, 0);
    assert_string_equal(refused.body, "expired");
    answer_text(held[0], 200, STR("all"));
    WAIT_FOR(whole.is_over);
    assert_true(whole.is_open);
    assert_int_equal(whole.data_bytes, 3);
    http_client_free(client);
}

static void a_cancelled_request_is_gone_for_the_handler(void **state) {
    (void)state;
    struct http_client *client = client_new();
    struct outcome unsent = {0}, waiting = {0}, stream = {0}, within = {0};
    http_cancel(send_request(client, (struct http_request){.path = STR("/hold")}, &unsent));
    let_it_rest();
    assert_int_equal(request_count, 0);
    struct http_handle *sent = send_request(client, (struct http_request){.path = STR("/hold")}, &waiting);
    struct http_handle *opened = open_stream(client, STR("/watch"), &stream);
    WAIT_FOR(stream.is_open);
    write_text(held[1], STR("too late"));
    depth++;
    http_cancel(sent);
    http_cancel(opened);
    depth--;
    assert_int_equal(gone_count, 0);
    WAIT_FOR(gone_count == 2);
    assert_int_equal(stream.data_bytes, 0);
    /* in its own callback, with more on the way */
    within.to_cancel = open_stream(client, STR("/watch"), &within);
    WAIT_FOR(within.is_open);
    write_text(held[0], STR("first"));
    write_text(held[0], STR("second"));
    WAIT_FOR(gone_count == 3);
    assert_string_equal(within.body, "first");
    assert_false(unsent.is_over || waiting.is_over || stream.is_over || within.is_over);
    http_client_free(client);
}

static void an_answer_to_a_cancelled_request_is_dropped(void **state) {
    (void)state;
    struct http_client *client = client_new();
    struct outcome first = {0}, second = {0};
    struct http_handle *sent = send_request(client, (struct http_request){.path = STR("/hold")}, &first);
    struct http_handle *opened = open_stream(client, STR("/watch"), &second);
    WAIT_FOR(second.is_open);
    http_cancel(sent);
    http_cancel(opened);
    /* before the handler hears of it */
    answer_text(held[0], 200, STR("x"));
    write_text(held[1], STR("x"));
    exchange_end(held[1]);
    let_it_rest();
    assert_int_equal(gone_count, 0);
    assert_false(first.is_over || second.is_over || second.data_bytes);
    http_client_free(client);
}

static void time_and_size_have_limits(void **state) {
    (void)state;
    struct http_client *client = client_new();
    struct outcome slow = {0}, large = {0}, larger = {0};
    send_request(client, (struct http_request){.path = STR("/hold"), .timeout_ms = 20}, &slow);
    WAIT_FOR(slow.is_over && gone_count == 1);
    assert_int_equal(slow.outcome, HTTP_UNKNOWN);
    assert_int_equal(slow.error.kind, ERROR_TIMEOUT);
    assert_string_equal(slow.error.message, "local: no answer in time");
    send_request(client, (struct http_request){.path = STR("/list"), .max_body_bytes = 6}, &large);
    WAIT_FOR(large.is_over);
    assert_int_equal(large.outcome, HTTP_TOO_LARGE);
    assert_int_equal(large.status, 200);
    assert_string_equal(large.body, "");
    /* the handler still writes */
    send_request(client, (struct http_request){.path = STR("/watch"), .max_body_bytes = 6}, &larger);
    WAIT_FOR(held_count == 1);
    assert_true(write_text(held[0], STR("0123456789")));
    assert_false(write_text(held[0], STR("x")));
    WAIT_FOR(larger.is_over && gone_count == 2);
    assert_int_equal(larger.outcome, HTTP_TOO_LARGE);
    http_client_free(client);
}

static void a_stream_that_is_not_taken_is_bounded(void **state) {
    (void)state;
    struct http_client *client = client_new();
    struct outcome outcome = {0};
    open_stream(client, STR("/watch"), &outcome);
    WAIT_FOR(outcome.is_open);
    char *text = calloc(1, 100001);
    memset(text, 'x', 100000);
    size_t written = 0;
    while (write_text(held[0], str_of(text))) written += 100000;
    assert_true(written > LIMIT_STREAM_BYTES - 100000 && written <= LIMIT_STREAM_BYTES);
    WAIT_FOR(outcome.data_bytes == written);
    size_t pieces = 0;
    while (write_text(held[0], STR("y"))) pieces++;
    assert_int_equal(pieces, LIMIT_STREAM_PIECES);
    exchange_end(held[0]);
    WAIT_FOR(outcome.is_over);
    assert_int_equal(outcome.data_bytes, written + pieces);
    free(text);
    http_client_free(client);
}

static void freeing_the_client_ends_everything(void **state) {
    (void)state;
    struct http_client *client = client_new();
    struct outcome first = {0}, second = {0};
    open_stream(client, STR("/watch"), &first);
    send_request(client, (struct http_request){.path = STR("/hold")}, &second);
    WAIT_FOR(held_count == 2);
    http_client_free(client);
    assert_int_equal(gone_count, 2);
    /* from a callback */
    client = client_new();
    first = (struct outcome){.to_free = client};
    open_stream(client, STR("/watch"), &first);
    send_request(client, (struct http_request){.path = STR("/hold")}, &second);
    WAIT_FOR(held_count == 2 && first.is_open);
    write_text(held[0], STR("a"));
    write_text(held[0], STR("b"));
    WAIT_FOR(gone_count == 2);
    assert_string_equal(first.body, "a");
    assert_false(first.is_over || second.is_over);
}

static int set_up(void **state) {
    (void)state;
    loop = loop_new(NULL);
    return loop == NULL;
}

static int tear_down(void **state) {
    (void)state;
    loop_free(loop);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_reaches_the_handler_whole),
        cmocka_unit_test(an_answer_may_come_late_or_in_pieces),
        cmocka_unit_test(a_stream_arrives_as_it_is_written),
        cmocka_unit_test(a_stream_answered_whole_is_a_stream_all_the_same),
        cmocka_unit_test(a_cancelled_request_is_gone_for_the_handler),
        cmocka_unit_test(an_answer_to_a_cancelled_request_is_dropped),
        cmocka_unit_test(time_and_size_have_limits),
        cmocka_unit_test(a_stream_that_is_not_taken_is_bounded),
        cmocka_unit_test(freeing_the_client_ends_everything),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
