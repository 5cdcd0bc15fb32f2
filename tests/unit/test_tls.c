/* Whom the HTTP client trusts, and by which TLS. The server's side is tried in tests/e2e/test_tls.py. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "io/http_client.h"
#include "scripted_server.h"

enum { PATIENCE_MS = 20000, DAY_S = 24 * 3600 };

static struct loop *loop;
static struct identity authority, other_authority;

struct outcome {
    bool is_over;
    enum http_outcome outcome;
    int status;
    struct error error;
};

static void on_answer(void *owner, struct http_answer *answer_given) {
    struct outcome *outcome = owner;
    *outcome = (struct outcome){true, answer_given->outcome, answer_given->status, answer_given->error};
}

static struct outcome ask(struct http_client *client) {
    struct outcome outcome = {0};
    const struct http_request request = {.method = "GET", .path = STR("/ok"), .timeout_ms = PATIENCE_MS};
    assert_non_null(http_send(client, &request, on_answer, &outcome));
    while (!outcome.is_over) loop_run_once(loop, 100);
    return outcome;
}

static struct http_client *client_for(const struct server *server, struct http_client_settings settings) {
    char url[64];
    struct error error = {0};
    snprintf(url, sizeof url, "https://127.0.0.1:%d", server->port);
    settings.base_url = str_of(url);
    struct http_client *client = http_client_new(loop, &settings, &error);
    if (!client) fail_msg("%s", error.message);
    return client;
}

static struct outcome ask_once(const struct server *server, const char *ca) {
    struct http_client *client = client_for(server, (struct http_client_settings){.ca = str_of(ca)});
    struct outcome outcome = ask(client);
    http_client_free(client);
    return outcome;
}

static void expect_refusal(const char *name, const struct outcome *outcome, const char *message) {
    if (outcome->outcome != HTTP_NOT_SENT || outcome->error.kind != ERROR_TLS || !strstr(outcome->error.message, message))
        fail_msg("%s: outcome %d, status %d, \"%s\"", name, (int)outcome->outcome, outcome->status, outcome->error.message);
}

static void set_life(struct identity *identity, long from_s, long until_s) {
    X509_gmtime_adj(X509_getm_notBefore(identity->certificate), from_s);
    X509_gmtime_adj(X509_getm_notAfter(identity->certificate), until_s);
    X509_sign(identity->certificate, authority.key, EVP_sha256());
    pem_of(identity);
}

static void certificates_are_refused_for_each_fault(void **state) {
    (void)state;
    static const struct {
        const char *name, *alternative_names;
        bool is_self_signed, is_of_other;
        long from_s, until_s;
        const char *message; /* NULL: accepted */
    } cases[] = {
        {"good", "IP:127.0.0.1", false, false, -DAY_S, DAY_S, NULL},
        {"another host", "IP:127.0.0.2,DNS:localhost", false, false, -DAY_S, DAY_S, "another name"},
        {"no name at all", NULL, false, false, -DAY_S, DAY_S, "another name"},
        {"expired", "IP:127.0.0.1", false, false, -2 * DAY_S, -DAY_S, "expired"},
        {"not yet valid", "IP:127.0.0.1", false, false, DAY_S, 2 * DAY_S, "not yet valid"},
        {"signed by itself", "IP:127.0.0.1", true, false, 0, 0, "self"},
        {"of another authority", "IP:127.0.0.1", false, true, 0, 0, "not trusted"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct identity *issuer = cases[i].is_self_signed ? NULL : cases[i].is_of_other ? &other_authority : &authority;
        struct identity identity = identity_new("server", cases[i].alternative_names, issuer);
        if (cases[i].until_s) set_life(&identity, cases[i].from_s, cases[i].until_s);
        struct server *server = server_start(&identity, NULL);
        struct outcome outcome = ask_once(server, authority.certificate_pem);
        if (cases[i].message)
            expect_refusal(cases[i].name, &outcome, cases[i].message);
        else if (outcome.status != 200)
            fail_msg("%s: %s", cases[i].name, outcome.error.message);
        assert_int_equal(server->requests, cases[i].message ? 0 : 1);
        server_stop(server);
        identity_free(&identity);
    }
}

static void versions_before_1_2_are_refused(void **state) {
    (void)state;
    static const struct {
        int version;
        bool is_good;
    } cases[] = {{TLS1_VERSION, false}, {TLS1_1_VERSION, false}, {TLS1_2_VERSION, true}, {TLS1_3_VERSION, true}};
    struct identity identity = identity_new("server", "IP:127.0.0.1", &authority);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct server *server = server_start(&identity, NULL);
        SSL_CTX_set_security_level(server->tls, 0); /* else OpenSSL itself offers none of the old ones */
        SSL_CTX_set_min_proto_version(server->tls, cases[i].version);
        SSL_CTX_set_max_proto_version(server->tls, cases[i].version);
        for (int is_insecure = 0; is_insecure < 2; is_insecure++) {
            struct http_client *client =
                client_for(server, (struct http_client_settings){.ca = str_of(authority.certificate_pem), .is_insecure = is_insecure});
            struct outcome outcome = ask(client);
            if (cases[i].is_good)
                assert_int_equal(outcome.status, 200);
            else
                expect_refusal("old version", &outcome, "handshake");
            http_client_free(client);
        }
        server_stop(server);
    }
    identity_free(&identity);
}

static void only_the_explicit_flag_turns_checks_off(void **state) {
    (void)state;
    struct identity identity = identity_new("server", "DNS:elsewhere", NULL);
    struct server *server = server_start(&identity, NULL);
    struct http_client *client = client_for(server, (struct http_client_settings){0}); /* the system's authorities */
    struct outcome outcome = ask(client);
    expect_refusal("no authority given", &outcome, "not trusted");
    http_client_free(client);
    client = client_for(server, (struct http_client_settings){.is_insecure = true});
    assert_int_equal(ask(client).status, 200);
    http_client_free(client);
    server_stop(server);
    identity_free(&identity);
}

static void give_credentials(void *owner, struct http_credentials *out) {
    *out = *(struct http_credentials *)owner;
}

static void another_authority_holds_for_what_comes_next(void **state) {
    (void)state;
    struct identity old = identity_new("server", "IP:127.0.0.1", &authority);
    struct identity new = identity_new("server", "IP:127.0.0.1", &other_authority);
    struct server *before = server_start(&old, NULL), *after = server_start(&new, NULL);
    struct http_credentials credentials = {0};
    struct http_client_settings settings = {
        .ca = str_of(authority.certificate_pem), .credentials = give_credentials, .credentials_owner = &credentials};
    struct http_client *to_old = client_for(before, settings), *to_new = client_for(after, settings);
    assert_int_equal(ask(to_old).status, 200);
    struct outcome outcome = ask(to_new);
    expect_refusal("before", &outcome, "not trusted");
    credentials.ca = STR("-----BEGIN CERTIFICATE-----\nhalf a"); /* while it is being written */
    assert_int_equal(ask(to_old).status, 200);
    credentials.ca = str_of(other_authority.certificate_pem);
    assert_int_equal(ask(to_new).status, 200);
    outcome = ask(to_old); /* not even by the connection that there was */
    expect_refusal("after", &outcome, "not trusted");
    http_client_free(to_old);
    http_client_free(to_new);
    server_stop(before);
    server_stop(after);
    identity_free(&old);
    identity_free(&new);
}

static int set_up(void **state) {
    (void)state;
    authority = identity_new("authority", NULL, NULL);
    other_authority = identity_new("other authority", NULL, NULL);
    loop = loop_new(NULL);
    return loop ? 0 : 1;
}

static int tear_down(void **state) {
    (void)state;
    loop_free(loop);
    identity_free(&authority);
    identity_free(&other_authority);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(certificates_are_refused_for_each_fault), cmocka_unit_test(versions_before_1_2_are_refused),
        cmocka_unit_test(only_the_explicit_flag_turns_checks_off), cmocka_unit_test(another_authority_holds_for_what_comes_next)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
