/*
 * The controller's client, with this file in place of HTTP: answers are handed on, and a 401 is told to the credentials.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "controller/client.h"
#include "controller/telemetry.h"
#include "io/credentials.h"

static struct {
    http_answer_callback *callback;
    void *owner;
    int rejected, answered;
    enum kube_answer_kind kind;
    int told, status;
    struct str traceparent;
} rig;

int64_t telemetry_now_ms(const struct telemetry *telemetry) {
    return telemetry ? 77 : 0;
}

void telemetry_answered(struct telemetry *telemetry, const char *method, int status, int64_t begun_ms) {
    if (!telemetry) return;
    assert_string_equal(method, "GET");
    assert_int_equal(begun_ms, 77);
    rig.told++;
    rig.status = status;
}

struct http_handle *http_send(struct http_client *client, const struct http_request *request, http_answer_callback *callback, void *owner) {
    (void)client;
    rig.traceparent = request->traceparent;
    rig.callback = callback;
    rig.owner = owner;
    return (struct http_handle *)&rig;
}

void http_client_free(struct http_client *client) {
    (void)client;
}

void credentials_rejected(struct credentials *credentials) {
    assert_ptr_equal(credentials, &rig);
    rig.rejected++;
}

static void take_answer(void *context, const struct kube_answer *answer, struct strbuf *body) {
    assert_ptr_equal(context, &rig);
    assert_int_equal(body->len, 0);
    rig.answered++;
    rig.kind = answer->kind;
}

static void a_401_is_told_to_the_credentials(void **state) {
    (void)state;
    static const struct {
        int status;
        bool has_credentials;
        int rejected;
        enum kube_answer_kind kind;
    } cases[] = {
        {401, true, 1, KUBE_UNAUTHORIZED},
        {401, false, 0, KUBE_UNAUTHORIZED},
        {200, true, 0, KUBE_OK},
        {403, true, 0, KUBE_FORBIDDEN},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct client client = {.credentials = cases[i].has_credentials ? (struct credentials *)&rig : NULL};
        rig.rejected = rig.answered = 0;
        struct client_request request = {.method = "GET", .path = STR("/api"), .deadline_ms = 1000};
        assert_true(client_send(&client, &request, take_answer, &rig));
        assert_int_equal(rig.answered, 0);
        struct http_answer answer = {.outcome = HTTP_ANSWERED, .status = cases[i].status};
        rig.callback(rig.owner, &answer);
        assert_int_equal(rig.answered, 1);
        assert_int_equal(rig.rejected, cases[i].rejected);
        assert_int_equal(rig.kind, cases[i].kind);
        client_release(&client);
    }
}

static void every_answer_is_told_to_the_telemetry(void **state) {
    (void)state;
    static const struct {
        enum http_outcome outcome;
        int status;
    } cases[] = {{HTTP_ANSWERED, 200}, {HTTP_ANSWERED, 503}, {HTTP_UNKNOWN, 0}, {HTTP_NOT_SENT, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct client client = {.telemetry = (struct telemetry *)&rig};
        rig.told = 0;
        struct client_request request = {.method = "GET", .path = STR("/api"), .deadline_ms = 1000, .traceparent = STR("00-1-2-01")};
        assert_true(client_send(&client, &request, take_answer, &rig));
        assert_true(str_is(rig.traceparent, "00-1-2-01"));
        assert_int_equal(rig.told, 0);
        struct http_answer answer = {.outcome = cases[i].outcome, .status = cases[i].status};
        rig.callback(rig.owner, &answer);
        assert_int_equal(rig.told, 1);
        assert_int_equal(rig.status, cases[i].status);
        client_release(&client);
    }
}

static void what_is_not_answered_is_let_go(void **state) {
    (void)state;
    struct client client = {0};
    struct client_request request = {.method = "GET", .path = STR("/api"), .deadline_ms = 1000};
    rig.answered = 0;
    assert_true(client_send(&client, &request, take_answer, &rig));
    assert_true(client_send(&client, &request, take_answer, &rig));
    client_release(&client);
    assert_null(client.calls);
    assert_int_equal(rig.answered, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_401_is_told_to_the_credentials),
        cmocka_unit_test(every_answer_is_told_to_the_telemetry),
        cmocka_unit_test(what_is_not_answered_is_let_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
