#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "io/http_client.h"
#include "scripted_server.h"

enum { PATIENCE_MS = 20000 }; /* for what must happen; never waited out when all is well */

static struct loop *loop;
static struct identity authority, other_authority, server_identity, client_identity;
static struct server *plain, *secure;

/* What came of one request. */
struct outcome {
    bool is_over, is_open;
    enum http_outcome outcome;
    int status;
    int64_t retry_after_ms;
    struct error error;
    char body[70000], warnings[256], content_type[64];
    struct http_client *client_to_free; /* in the callback */
};

static void copy(char *room, size_t size, struct str text) {
    snprintf(room, size, "%.*s", STR_ARG(text));
}

static void on_answer(void *owner, struct http_answer *answer_given) {
    struct outcome *outcome = owner;
    if (outcome->is_over) fail_msg("a second answer");
    outcome->is_over = true;
    outcome->outcome = answer_given->outcome;
    outcome->status = answer_given->status;
    outcome->retry_after_ms = answer_given->retry_after_ms;
    outcome->error = answer_given->error;
    copy(outcome->warnings, sizeof outcome->warnings, answer_given->warnings);
    copy(outcome->content_type, sizeof outcome->content_type, answer_given->content_type);
    if (answer_given->body.len) copy(outcome->body, sizeof outcome->body, strbuf_view(&answer_given->body));
    if (outcome->client_to_free) http_client_free(outcome->client_to_free);
}

static void on_open(void *owner, int status) {
    struct outcome *outcome = owner;
    outcome->is_open = true;
    outcome->status = status;
}

static void on_data(void *owner, struct str bytes) {
    struct outcome *outcome = owner;
    size_t length = strlen(outcome->body);
    snprintf(outcome->body + length, sizeof outcome->body - length, "%.*s", STR_ARG(bytes));
}

static const struct http_stream_events stream_events = {on_open, on_data, on_answer};

static void run_until(const bool *is_over) {
    int64_t end_ms = loop_now_ms(loop) + PATIENCE_MS;
    while (!*is_over && loop_now_ms(loop) < end_ms) loop_run_once(loop, 100);
    if (!*is_over) fail_msg("nothing came in %d ms", PATIENCE_MS);
}

static struct http_client *client_for(struct server *server, struct http_client_settings settings) {
    char url[64];
    struct error error = {0};
    if (!settings.base_url.len) {
        snprintf(url, sizeof url, "%s://127.0.0.1:%d", server->tls ? "https" : "http", server->port);
        settings.base_url = str_of(url);
    }
    if (server && server->tls && !settings.ca.len) settings.ca = str_of(authority.certificate_pem);
    struct http_client *client = http_client_new(loop, &settings, &error);
    if (!client) fail_msg("%s", error.message);
    return client;
}

static struct outcome send_and_wait(struct http_client *client, struct http_request request) {
    struct outcome outcome = {0};
    if (!request.method) request.method = "GET";
    if (!request.timeout_ms) request.timeout_ms = PATIENCE_MS;
    assert_non_null(http_send(client, &request, on_answer, &outcome));
    assert_false(outcome.is_over);
    run_until(&outcome.is_over);
    return outcome;
}

/* One GET with a client of its own. */
static struct outcome get(struct server *server, const char *path, struct http_client_settings settings) {
    struct http_client *client = client_for(server, settings);
    struct outcome outcome = send_and_wait(client, (struct http_request){.path = str_of(path)});
    http_client_free(client);
    return outcome;
}

static void expect_answer(const struct outcome *outcome, int status, const char *body) {
    if (outcome->outcome != HTTP_ANSWERED || outcome->status != status || strcmp(outcome->body, body) != 0)
        fail_msg("outcome %d, status %d, error \"%s\", body \"%s\"", (int)outcome->outcome, outcome->status, outcome->error.message,
                 outcome->body);
}

static void expect_failure(const struct outcome *outcome, enum http_outcome kind, enum error_kind error, const char *message) {
    if (outcome->outcome != kind || outcome->error.kind != error || !strstr(outcome->error.message, message))
        fail_msg("outcome %d, status %d, error %s \"%s\", expected \"%s\"", (int)outcome->outcome, outcome->status,
                 error_kind_name(outcome->error.kind), outcome->error.message, message);
    assert_string_equal(outcome->body, "");
}

/* requests */

static void an_answer_has_status_headers_and_body(void **state) {
    (void)state;
    struct outcome outcome = get(plain, "/ok", (struct http_client_settings){0});
    expect_answer(&outcome, 200, "hello");
    assert_string_equal(outcome.warnings, "299 - \"one\"\n299 - \"two\"");
    assert_string_equal(outcome.content_type, "application/json");
    outcome = get(plain, "/early", (struct http_client_settings){0});
    expect_answer(&outcome, 200, "hello");
    assert_string_equal(outcome.warnings, "299 - \"one\"\n299 - \"two\"");
    outcome = get(plain, "/throttled", (struct http_client_settings){0});
    expect_answer(&outcome, 429, "later");
    assert_int_equal(outcome.retry_after_ms, 3000);
}

static void a_request_carries_what_it_was_given(void **state) {
    (void)state;
    struct http_client *client = client_for(plain, (struct http_client_settings){.user_agent = STR("tests/1")});
    struct outcome outcome = send_and_wait(
        client, (struct http_request){
                    .method = "PATCH", .path = STR("/echo?a=b%20c"), .body = STR("[1]"), .content_type = "application/json-patch+json"});
    assert_true(str_starts_with(str_of(outcome.body), STR("PATCH /echo?a=b%20c HTTP/1.1\r\n")));
    assert_non_null(strstr(outcome.body, "\r\nContent-Type: application/json-patch+json\r\n"));
    assert_non_null(strstr(outcome.body, "\r\nAccept: application/json\r\n"));
    assert_non_null(strstr(outcome.body, "\r\nUser-Agent: tests/1\r\n"));
    assert_non_null(strstr(outcome.body, "\r\n\r\n[1]"));
    assert_null(strstr(outcome.body, "Expect"));
    assert_null(strstr(outcome.body, "Authorization"));
    assert_null(strstr(outcome.body, "traceparent"));
    outcome = send_and_wait(client, (struct http_request){.method = "GET", .path = STR("/echo"), .traceparent = STR("00-1-2-01")});
    assert_non_null(strstr(outcome.body, "\r\ntraceparent: 00-1-2-01\r\n"));
    outcome = send_and_wait(client, (struct http_request){.method = "DELETE", .path = STR("/echo")});
    assert_true(str_starts_with(str_of(outcome.body), STR("DELETE /echo HTTP/1.1\r\n")));
    outcome = send_and_wait(client, (struct http_request){.method = "POST", .path = STR("/echo")});
    assert_non_null(strstr(outcome.body, "\r\nContent-Length: 0\r\n"));
    http_client_free(client);
}

static void long_bodies_are_sent_at_once(void **state) {
    (void)state;
    enum { SIZE = 50000 };
    char *body = calloc(1, SIZE + 1);
    memset(body, 'x', SIZE);
    int before = plain->bytes_of_bodies;
    struct http_client *client = client_for(plain, (struct http_client_settings){0});
    struct outcome outcome = send_and_wait(client, (struct http_request){.method = "PUT", .path = STR("/ok"), .body = {body, SIZE}});
    expect_answer(&outcome, 200, "hello");
    assert_int_equal(plain->bytes_of_bodies - before, SIZE);
    http_client_free(client);
    free(body);
}

static void connections_are_kept_and_few(void **state) {
    (void)state;
    enum { COUNT = 100 };
    struct outcome *outcomes = calloc(COUNT, sizeof *outcomes);
    int before = plain->connections;
    struct http_client *client = client_for(plain, (struct http_client_settings){0});
    for (int i = 0; i < COUNT; i++)
        assert_non_null(http_send(client, &(struct http_request){.method = "GET", .path = STR("/ok"), .timeout_ms = PATIENCE_MS}, on_answer,
                                  &outcomes[i]));
    assert_int_equal(http_in_flight(client), COUNT);
    for (int i = 0; i < COUNT; i++) {
        run_until(&outcomes[i].is_over);
        expect_answer(&outcomes[i], 200, "hello");
    }
    assert_int_equal(http_in_flight(client), 0);
    int used = plain->connections - before;
    if (used > 8) fail_msg("%d connections", used);
    http_client_free(client);
    free(outcomes);
}

/* Over TLS the client learns only by the first answer that a connection carries one request at a time, and that it may have more of them. */
static void connections_are_kept_once_there_may_be_more(void **state) {
    (void)state;
    enum { COUNT = 40, ROUNDS = 3 };
    struct http_client *client = client_for(secure, (struct http_client_settings){0});
    int before = secure->connections;
    for (int round = 0; round < ROUNDS; round++) {
        struct outcome *outcomes = calloc(COUNT, sizeof *outcomes);
        for (int i = 0; i < COUNT; i++)
            assert_non_null(http_send(client, &(struct http_request){.method = "GET", .path = STR("/ok"), .timeout_ms = PATIENCE_MS},
                                      on_answer, &outcomes[i]));
        for (int i = 0; i < COUNT; i++) run_until(&outcomes[i].is_over);
        free(outcomes);
    }
    int used = secure->connections - before;
    if (used > 8) fail_msg("%d connections", used);
    http_client_free(client);
}

static void gzip_is_inflated_within_the_bound(void **state) {
    (void)state;
    struct http_client *client = client_for(plain, (struct http_client_settings){0});
    struct outcome outcome = send_and_wait(client, (struct http_request){.path = STR("/gzip"), .accept_gzip = true});
    assert_int_equal(strlen(outcome.body), 1000);
    outcome = send_and_wait(client, (struct http_request){.path = STR("/gzip"), .accept_gzip = true, .max_body_bytes = 500});
    expect_failure(&outcome, HTTP_TOO_LARGE, ERROR_LIMIT, "longer than 500 bytes");
    outcome = send_and_wait(client, (struct http_request){.path = STR("/gzip")});
    expect_answer(&outcome, 200, "hello"); /* not asked for, not sent */
    http_client_free(client);
}

static void an_endless_body_is_cut_off(void **state) {
    (void)state;
    struct http_client *client = client_for(plain, (struct http_client_settings){0});
    struct outcome outcome = send_and_wait(client, (struct http_request){.path = STR("/endless"), .max_body_bytes = 1000000});
    expect_failure(&outcome, HTTP_TOO_LARGE, ERROR_LIMIT, "longer than 1000000 bytes");
    assert_int_equal(outcome.status, 200);
    http_client_free(client);
}

/* failures */

static void a_refused_connection_is_certainly_not_sent(void **state) {
    (void)state;
    char url[64], message[64];
    int port = unused_port();
    snprintf(url, sizeof url, "http://127.0.0.1:%d", port);
    snprintf(message, sizeof message, "127.0.0.1:%d: cannot connect (Connection refused)", port);
    struct outcome outcome = get(plain, "/ok", (struct http_client_settings){.base_url = str_of(url)});
    expect_failure(&outcome, HTTP_NOT_SENT, ERROR_IO, message);
}

static void an_unknown_host_is_certainly_not_sent(void **state) {
    (void)state;
    struct outcome outcome = get(plain, "/ok", (struct http_client_settings){.base_url = STR("http://no-such-host.invalid:80")});
    assert_int_equal(outcome.outcome, HTTP_NOT_SENT);
}

static void broken_answers_leave_the_outcome_unknown(void **state) {
    (void)state;
    static const struct {
        const char *path;
        enum error_kind kind;
        const char *message;
    } cases[] = {
        {"/cut", ERROR_IO, "too early"},
        {"/vanish", ERROR_IO, "without an answer"},
        {"/nonsense", ERROR_PROTOCOL, "does not speak HTTP"},
        {"/no-status", ERROR_PROTOCOL, "does not speak HTTP"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct outcome outcome = get(plain, cases[i].path, (struct http_client_settings){0});
        expect_failure(&outcome, HTTP_UNKNOWN, cases[i].kind, cases[i].message);
    }
}

static void only_the_first_line_is_the_status(void **state) {
    (void)state;
    struct outcome outcome = get(plain, "/two-statuses", (struct http_client_settings){0});
    expect_answer(&outcome, 404, "{}");
}

static void a_write_is_never_repeated_by_itself(void **state) {
    (void)state;
    struct http_client *client = client_for(plain, (struct http_client_settings){0});
    struct outcome outcome = send_and_wait(client, (struct http_request){.path = STR("/ok")}); /* now there is a kept connection */
    int requests = plain->requests, connections = plain->connections;
    outcome = send_and_wait(client, (struct http_request){.method = "POST", .path = STR("/vanish"), .body = STR("{}")});
    assert_int_equal(outcome.outcome, HTTP_UNKNOWN);
    assert_int_equal(plain->requests - requests, 1);
    outcome = send_and_wait(client, (struct http_request){.path = STR("/ok")});
    expect_answer(&outcome, 200, "hello");
    assert_true(plain->connections > connections); /* a fresh one */
    http_client_free(client);
}

static void a_slow_answer_ends_with_the_timeout(void **state) {
    (void)state;
    struct http_client *client = client_for(plain, (struct http_client_settings){0});
    int64_t begun_ms = loop_now_ms(loop);
    struct outcome outcome =
        send_and_wait(client, (struct http_request){.method = "POST", .path = STR("/slow"), .body = STR("{}"), .timeout_ms = 100});
    expect_failure(&outcome, HTTP_UNKNOWN, ERROR_TIMEOUT, "no answer in time");
    assert_true(loop_now_ms(loop) - begun_ms >= 100);
    http_client_free(client);
}

/* Eight connections are busy for ever: a ninth request never leaves, and its deadline holds nevertheless. */
static void a_queued_request_that_times_out_is_not_sent(void **state) {
    (void)state;
    enum { COUNT = 9 };
    struct outcome *outcomes = calloc(COUNT, sizeof *outcomes);
    struct http_client *client = client_for(plain, (struct http_client_settings){0});
    for (int i = 0; i < COUNT; i++)
        http_send(client, &(struct http_request){.method = "GET", .path = STR("/slow"), .timeout_ms = 300}, on_answer, &outcomes[i]);
    int not_sent = 0;
    for (int i = 0; i < COUNT; i++) {
        run_until(&outcomes[i].is_over);
        assert_int_equal(outcomes[i].error.kind, ERROR_TIMEOUT);
        not_sent += outcomes[i].outcome == HTTP_NOT_SENT;
    }
    assert_int_equal(not_sent, 1);
    http_client_free(client);
    free(outcomes);
}

/* TLS */

static void certificates_are_checked(void **state) {
    (void)state;
    struct outcome outcome = get(secure, "/ok", (struct http_client_settings){0});
    expect_answer(&outcome, 200, "hello");
    outcome = get(secure, "/ok", (struct http_client_settings){.ca = str_of(other_authority.certificate_pem)});
    expect_failure(&outcome, HTTP_NOT_SENT, ERROR_TLS, "not trusted");
    outcome = get(secure, "/ok", (struct http_client_settings){.ca = str_of(other_authority.certificate_pem), .is_insecure = true});
    expect_answer(&outcome, 200, "hello");
    char url[64];
    snprintf(url, sizeof url, "https://localhost:%d", secure->port);
    outcome = get(secure, "/ok", (struct http_client_settings){.base_url = str_of(url)});
    expect_failure(&outcome, HTTP_NOT_SENT, ERROR_TLS, "another name");
}

static void the_name_to_check_may_be_given(void **state) {
    (void)state;
    struct outcome outcome = get(secure, "/echo", (struct http_client_settings){.tls_server_name = STR("api.example.com")});
    assert_int_equal(outcome.status, 200);
    char host[64];
    snprintf(host, sizeof host, "\r\nHost: 127.0.0.1:%d\r\n", secure->port);
    assert_non_null(strstr(outcome.body, host)); /* the server sees its own name */
    outcome = get(secure, "/ok", (struct http_client_settings){.tls_server_name = STR("wrong.example.com")});
    expect_failure(&outcome, HTTP_NOT_SENT, ERROR_TLS, "another name");
}

static void plain_text_is_no_tls(void **state) {
    (void)state;
    char url[64];
    snprintf(url, sizeof url, "https://127.0.0.1:%d", plain->port);
    struct outcome outcome = get(plain, "/ok", (struct http_client_settings){.base_url = str_of(url)});
    expect_failure(&outcome, HTTP_NOT_SENT, ERROR_TLS, "handshake");
}

/* credentials */

static void give_credentials(void *owner, struct http_credentials *out) {
    *out = *(struct http_credentials *)owner;
}

static void a_token_is_asked_for_each_time(void **state) {
    (void)state;
    struct http_credentials credentials = {.bearer_token = STR("first")};
    struct http_client *client =
        client_for(secure, (struct http_client_settings){.credentials = give_credentials, .credentials_owner = &credentials});
    struct outcome outcome = send_and_wait(client, (struct http_request){.path = STR("/echo")});
    assert_non_null(strstr(outcome.body, "\r\nAuthorization: Bearer first\r\n"));
    credentials.bearer_token = STR("second");
    outcome = send_and_wait(client, (struct http_request){.path = STR("/echo")});
    assert_non_null(strstr(outcome.body, "\r\nAuthorization: Bearer second\r\n"));
    credentials.bearer_token = STR("x\r\nEvil: yes");
    int before = secure->requests;
    outcome = send_and_wait(client, (struct http_request){.path = STR("/echo")});
    expect_failure(&outcome, HTTP_NOT_SENT, ERROR_INVALID, "control character");
    assert_null(strstr(outcome.error.message, "Evil"));
    assert_int_equal(secure->requests, before);
    credentials = (struct http_credentials){.username = STR("u:v"), .password = STR("p")};
    credentials.username = STR("u");
    outcome = send_and_wait(client, (struct http_request){.path = STR("/echo")});
    assert_non_null(strstr(outcome.body, "\r\nAuthorization: Basic dTpw\r\n"));
    http_client_free(client);
}

static void a_client_certificate_is_shown(void **state) {
    (void)state;
    struct server *strict = server_start(&server_identity, &authority);
    struct http_credentials credentials = {.certificate = str_of(client_identity.certificate_pem), .key = str_of(client_identity.key_pem)};
    struct http_client_settings settings = {.credentials = give_credentials, .credentials_owner = &credentials};
    struct outcome outcome = get(strict, "/subject", settings);
    expect_answer(&outcome, 200, "client");
    outcome = get(strict, "/subject", (struct http_client_settings){0});
    assert_int_not_equal(outcome.outcome, HTTP_ANSWERED);
    credentials.key = str_of(server_identity.key_pem);
    outcome = get(strict, "/subject", settings);
    expect_failure(&outcome, HTTP_NOT_SENT, ERROR_TLS, "client certificate");
    server_stop(strict);
}

/* settings */

static void the_proxy_is_the_given_one_only(void **state) {
    (void)state;
    char proxy[64];
    setenv("http_proxy", "http://127.0.0.1:1", 1); /* not looked at */
    struct outcome outcome = get(plain, "/ok", (struct http_client_settings){0});
    expect_answer(&outcome, 200, "hello");
    unsetenv("http_proxy");
    snprintf(proxy, sizeof proxy, "http://127.0.0.1:%d", plain->port);
    outcome =
        get(plain, "/echo", (struct http_client_settings){.base_url = STR("http://cluster.invalid:8080"), .proxy_url = str_of(proxy)});
    assert_true(str_starts_with(str_of(outcome.body), STR("GET http://cluster.invalid:8080/echo HTTP/1.1\r\n")));
}

static void a_prefix_in_the_address_is_kept(void **state) {
    (void)state;
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d/k8s/clusters/c/", plain->port);
    struct outcome outcome = get(plain, "/echo", (struct http_client_settings){.base_url = str_of(url)});
    assert_true(str_starts_with(str_of(outcome.body), STR("GET /k8s/clusters/c/echo HTTP/1.1\r\n")));
}

static void unusable_settings_are_refused(void **state) {
    (void)state;
    const struct {
        const char *name;
        struct http_client_settings settings;
        const char *message;
    } cases[] = {
        {"no URL", {.base_url = STR("://")}, "https://host:port"},
        {"another scheme", {.base_url = STR("ftp://h")}, "https://host:port"},
        {"a password", {.base_url = STR("https://u:secret@h")}, "no user name"},
        {"a query", {.base_url = STR("https://h?x=1")}, "no user name, password or query"},
        {"a CA that is none", {.base_url = STR("https://h"), .ca = STR("nonsense")}, "no PEM certificate"},
        {"a name that is none", {.base_url = STR("https://h"), .tls_server_name = STR("a:b")}, "no host name"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error error = {0};
        if (http_client_new(loop, &cases[i].settings, &error)) fail_msg("%s: accepted", cases[i].name);
        if (!strstr(error.message, cases[i].message) || strstr(error.message, "secret")) fail_msg("%s: %s", cases[i].name, error.message);
    }
}

/* streams */

static struct outcome *open_stream(struct http_client *client, const char *path, struct http_handle **out_handle) {
    struct outcome *outcome = calloc(1, sizeof *outcome);
    *out_handle = http_open(client, &(struct http_request){.method = "GET", .path = str_of(path)}, &stream_events, outcome);
    assert_non_null(*out_handle);
    return outcome;
}

static void a_stream_comes_piece_by_piece(void **state) {
    (void)state;
    struct http_handle *handle;
    struct http_client *client = client_for(secure, (struct http_client_settings){0});
    struct outcome *outcome = open_stream(client, "/stream", &handle);
    run_until(&outcome->is_over);
    assert_true(outcome->is_open);
    expect_answer(outcome, 200, "one\ntwo\n");
    free(outcome);
    http_client_free(client);
}

static void a_stream_that_breaks_says_so(void **state) {
    (void)state;
    struct http_handle *handle;
    struct http_client *client = client_for(plain, (struct http_client_settings){0});
    struct outcome *outcome = open_stream(client, "/stream-cut", &handle);
    run_until(&outcome->is_over);
    assert_int_equal(outcome->outcome, HTTP_UNKNOWN);
    assert_string_equal(outcome->body, "one\ntw");
    free(outcome);
    http_client_free(client);
}

static void a_refused_stream_has_its_body_in_the_answer(void **state) {
    (void)state;
    struct http_handle *handle;
    struct http_client *client = client_for(plain, (struct http_client_settings){0});
    struct outcome *outcome = open_stream(client, "/gone", &handle);
    run_until(&outcome->is_over);
    assert_false(outcome->is_open);
    expect_answer(outcome, 410, "too old");
    free(outcome);
    http_client_free(client);
}

/* Far more watches than connections of the other lane, over HTTP/1.1: none waits for another. */
static void streams_do_not_hold_up_requests_or_each_other(void **state) {
    (void)state;
    enum { COUNT = 20 };
    struct outcome *outcomes[COUNT];
    struct http_handle *handles[COUNT];
    struct server *server = server_start(&server_identity, NULL);
    struct http_client *client = client_for(server, (struct http_client_settings){0});
    struct outcome answer_first = send_and_wait(client, (struct http_request){.path = STR("/ok")}); /* teaches it that this is HTTP/1.1 */
    expect_answer(&answer_first, 200, "hello");
    for (int i = 0; i < COUNT; i++) outcomes[i] = open_stream(client, "/stream-open", &handles[i]);
    for (int i = 0; i < COUNT; i++) run_until(&outcomes[i]->is_open);
    struct outcome outcome = send_and_wait(client, (struct http_request){.path = STR("/ok")});
    expect_answer(&outcome, 200, "hello");
    http_client_free(client);
    for (int i = 0; i < COUNT; i++) free(outcomes[i]);
    server_stop(server);
}

static void is_cancelled(struct server *server, int before) {
    int64_t end_ms = loop_now_ms(loop) + PATIENCE_MS;
    while (server->closed_by_peer == before && loop_now_ms(loop) < end_ms) loop_run_once(loop, 10);
    assert_int_equal(server->closed_by_peer, before + 1);
}

static void cancelling_ends_a_transfer_without_callbacks(void **state) {
    (void)state;
    struct http_handle *handle;
    struct http_client *client = client_for(plain, (struct http_client_settings){0});
    int before = plain->closed_by_peer;
    struct outcome *outcome = open_stream(client, "/stream-open", &handle);
    run_until(&outcome->is_open);
    http_cancel(handle);
    is_cancelled(plain, before);
    assert_false(outcome->is_over);
    handle = http_send(client, &(struct http_request){.method = "GET", .path = STR("/ok")}, on_answer, outcome);
    http_cancel(handle); /* still queued */
    loop_run_once(loop, 0);
    assert_false(outcome->is_over);
    assert_int_equal(http_in_flight(client), 0);
    free(outcome);
    http_client_free(client);
}

struct canceller {
    struct http_handle *handle;
    int pieces;
};

static void cancel_on_data(void *owner, struct str bytes) {
    struct canceller *canceller = owner;
    (void)bytes;
    canceller->pieces++;
    http_cancel(canceller->handle);
}

static void fail_on_end(void *owner, struct http_answer *ignored) {
    (void)owner, (void)ignored;
    fail_msg("a callback after cancelling");
}

static void a_stream_may_be_cancelled_in_its_own_callback(void **state) {
    (void)state;
    struct canceller canceller = {0};
    struct http_stream_events events = {NULL, cancel_on_data, fail_on_end};
    struct http_client *client = client_for(plain, (struct http_client_settings){0});
    int before = plain->closed_by_peer;
    canceller.handle = http_open(client, &(struct http_request){.method = "GET", .path = STR("/stream-open")}, &events, &canceller);
    is_cancelled(plain, before);
    assert_int_equal(canceller.pieces, 1);
    http_client_free(client);
}

static struct http_client *client_to_free;
static void free_on_data(void *owner, struct str bytes) {
    (void)bytes;
    *(bool *)owner = true;
    http_client_free(client_to_free);
}

static void a_client_may_be_freed_in_any_callback(void **state) {
    (void)state;
    struct outcome *outcome = calloc(1, sizeof *outcome);
    outcome->client_to_free = client_for(plain, (struct http_client_settings){0});
    http_send(outcome->client_to_free, &(struct http_request){.method = "GET", .path = STR("/ok")}, on_answer, outcome);
    run_until(&outcome->is_over);
    bool is_freed = false;
    struct http_stream_events events = {NULL, free_on_data, fail_on_end};
    client_to_free = client_for(plain, (struct http_client_settings){0});
    http_open(client_to_free, &(struct http_request){.method = "GET", .path = STR("/stream")}, &events, &is_freed);
    http_open(client_to_free, &(struct http_request){.method = "GET", .path = STR("/stream-open")},
              &(struct http_stream_events){NULL, on_data, fail_on_end}, outcome);
    run_until(&is_freed);
    client_to_free = client_for(plain, (struct http_client_settings){0});
    http_send(client_to_free, &(struct http_request){.method = "GET", .path = STR("/slow")}, fail_on_end, NULL);
    for (int i = 0; i < 5; i++) loop_run_once(loop, 0);
    http_client_free(client_to_free);
    free(outcome);
}

static int set_up(void **state) {
    (void)state;
    authority = identity_new("authority", NULL, NULL);
    other_authority = identity_new("other authority", NULL, NULL);
    server_identity = identity_new("server", "IP:127.0.0.1,DNS:api.example.com", &authority);
    client_identity = identity_new("client", NULL, &authority);
    loop = loop_new(NULL);
    plain = server_start(NULL, NULL);
    secure = server_start(&server_identity, NULL);
    return loop ? 0 : 1;
}

static int tear_down(void **state) {
    (void)state;
    server_stop(plain);
    server_stop(secure);
    loop_free(loop);
    identity_free(&authority), identity_free(&other_authority), identity_free(&server_identity), identity_free(&client_identity);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_has_status_headers_and_body),
        cmocka_unit_test(a_request_carries_what_it_was_given),
        cmocka_unit_test(long_bodies_are_sent_at_once),
        cmocka_unit_test(connections_are_kept_and_few),
        cmocka_unit_test(connections_are_kept_once_there_may_be_more),
        cmocka_unit_test(gzip_is_inflated_within_the_bound),
        cmocka_unit_test(an_endless_body_is_cut_off),
        cmocka_unit_test(a_refused_connection_is_certainly_not_sent),
        cmocka_unit_test(an_unknown_host_is_certainly_not_sent),
        cmocka_unit_test(broken_answers_leave_the_outcome_unknown),
        cmocka_unit_test(only_the_first_line_is_the_status),
        cmocka_unit_test(a_write_is_never_repeated_by_itself),
        cmocka_unit_test(a_slow_answer_ends_with_the_timeout),
        cmocka_unit_test(a_queued_request_that_times_out_is_not_sent),
        cmocka_unit_test(certificates_are_checked),
        cmocka_unit_test(the_name_to_check_may_be_given),
        cmocka_unit_test(plain_text_is_no_tls),
        cmocka_unit_test(a_token_is_asked_for_each_time),
        cmocka_unit_test(a_client_certificate_is_shown),
        cmocka_unit_test(the_proxy_is_the_given_one_only),
        cmocka_unit_test(a_prefix_in_the_address_is_kept),
        cmocka_unit_test(unusable_settings_are_refused),
        cmocka_unit_test(a_stream_comes_piece_by_piece),
        cmocka_unit_test(a_stream_that_breaks_says_so),
        cmocka_unit_test(a_refused_stream_has_its_body_in_the_answer),
        cmocka_unit_test(streams_do_not_hold_up_requests_or_each_other),
        cmocka_unit_test(cancelling_ends_a_transfer_without_callbacks),
        cmocka_unit_test(a_stream_may_be_cancelled_in_its_own_callback),
        cmocka_unit_test(a_client_may_be_freed_in_any_callback),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
