/*
 * A server on 127.0.0.1 and its peers, all on one loop and one thread: for tests of server.c.
 *
 *   WAIT_FOR(condition)     runs the loop and the peers' sockets until it holds
 *   peer_open, peer_send, peer->in     a raw client, with or without TLS, that sends what it is told to and keeps what it gets
 *   handler                 answers by path, see `handle`; exchanges that stay open are in `held`
 */
#ifndef MB_TESTS_SERVER_RIG_H
#define MB_TESTS_SERVER_RIG_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/certificates.h"
#include "io/server.h"

enum { PATIENCE_MS = 60000, PEERS_MAX = 1100, BIG_BYTES = 1000000 };

/* peers */

struct peer {
    int fd;
    SSL *ssl;
    struct strbuf in;
    bool is_closed;   /* the server has closed, in order or not */
    bool is_paused;   /* reads nothing */
    bool is_counting; /* keeps nothing */
    size_t count;
    struct strbuf out;
};

static struct loop *loop;
static struct peer *peers[PEERS_MAX];
static size_t peer_count;

static void peer_pump(struct peer *peer) {
    char room[65536];
    while (peer->out.len) {
        ssize_t sent = peer->ssl ? SSL_write(peer->ssl, peer->out.ptr, (int)peer->out.len)
                                 : send(peer->fd, peer->out.ptr, peer->out.len, MSG_NOSIGNAL);
        if (sent <= 0) break;
        memmove(peer->out.ptr, peer->out.ptr + sent, peer->out.len - (size_t)sent);
        peer->out.len -= (size_t)sent;
    }
    while (!peer->is_paused && !peer->is_closed) {
        ssize_t count = peer->ssl ? SSL_read(peer->ssl, room, sizeof room) : recv(peer->fd, room, sizeof room, 0);
        if (count > 0) {
            peer->count += (size_t)count;
            if (!peer->is_counting) strbuf_append(&peer->in, (struct str){room, (size_t)count});
            continue;
        }
        if (peer->ssl) {
            int why = SSL_get_error(peer->ssl, (int)count);
            if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) return;
        } else if (count < 0 && errno == EAGAIN) {
            return;
        }
        peer->is_closed = true;
    }
}

/* Those whose sockets have something: trying all of a thousand costs more than the server does. */
static void peers_pump(void) {
    static struct pollfd polled[PEERS_MAX];
    for (size_t i = 0; i < peer_count; i++) {
        struct peer *peer = peers[i];
        short wanted = (short)((peer->out.len ? POLLOUT : 0) | (peer->is_paused || peer->is_closed ? 0 : POLLIN));
        polled[i] = (struct pollfd){.fd = wanted ? peer->fd : -1, .events = wanted};
    }
    if (poll(polled, peer_count, 0) <= 0) return;
    for (size_t i = 0; i < peer_count; i++)
        if (polled[i].revents) peer_pump(peers[i]);
}

#define WAIT_FOR(condition)                                                                                                                \
    do {                                                                                                                                   \
        int64_t end_ms_ = loop_now_ms(loop) + PATIENCE_MS;                                                                                 \
        for (;;) {                                                                                                                         \
            peers_pump();                                                                                                                  \
            if (condition) break;                                                                                                          \
            if (loop_now_ms(loop) > end_ms_) fail_msg("not in %d ms: %s", PATIENCE_MS, #condition);                                        \
            loop_run_once(loop, 2);                                                                                                        \
        }                                                                                                                                  \
    } while (0)

static struct peer *peer_open(unsigned port, SSL_CTX *tls) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct peer *peer = calloc(1, sizeof *peer);
    peer->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    peer->in = strbuf_with_max(64 * 1024 * 1024);
    peer->out = strbuf_with_max(64 * 1024 * 1024);
    if (connect(peer->fd, (struct sockaddr *)&address, sizeof address) != 0) fail_msg("connect: %s", strerror(errno));
    fcntl(peer->fd, F_SETFL, O_NONBLOCK);
    if (tls) {
        peer->ssl = SSL_new(tls);
        SSL_set_fd(peer->ssl, peer->fd);
        SSL_set_connect_state(peer->ssl);
    }
    assert_true(peer_count < PEERS_MAX);
    peers[peer_count++] = peer;
    return peer;
}

static void peer_send(struct peer *peer, const char *text) {
    strbuf_append(&peer->out, str_of(text));
    peer_pump(peer);
}

static void peer_free(struct peer *peer) {
    for (size_t i = 0; i < peer_count; i++)
        if (peers[i] == peer) peers[i] = peers[--peer_count];
    SSL_free(peer->ssl);
    close(peer->fd);
    strbuf_release(&peer->in);
    strbuf_release(&peer->out);
    free(peer);
}

static bool peer_has(const struct peer *peer, const char *text) {
    return str_contains(strbuf_view(&peer->in), str_of(text));
}

static size_t peer_occurrences(const struct peer *peer, const char *text) {
    size_t count = 0;
    struct str rest = strbuf_view(&peer->in);
    for (size_t at; (at = str_find(rest, str_of(text))) != SIZE_MAX; rest = str_from(rest, at + 1)) count++;
    return count;
}

/* the server's side */

static struct exchange *held[PEERS_MAX];
static size_t held_count, gone_count, request_count;

static void release_held(struct exchange *exchange) {
    for (size_t i = 0; i < held_count; i++)
        if (held[i] == exchange) held[i] = held[--held_count];
}

static void is_gone(struct exchange *exchange) {
    assert_ptr_equal(exchange->context, &gone_count);
    gone_count++;
    release_held(exchange);
}

static void hold(struct exchange *exchange) {
    exchange->context = &gone_count;
    exchange->on_gone = is_gone;
    held[held_count++] = exchange;
}

static void answer_text(struct exchange *exchange, int status, const char *text, size_t length) {
    const struct exchange_header headers[] = {{STR("Audit-Id"), STR("x\r\nInjected: y")}, {STR("Warning"), STR("299 - \"w\"")}};
    struct blob *blob = blob_new((struct str){text, length});
    exchange_answer(exchange, status, STR("text/plain"), headers, 2, blob);
    blob_drop(blob);
}

static bool write_text(struct exchange *exchange, const char *text) {
    struct blob *blob = blob_new(str_of(text));
    bool is_taken = exchange_write(exchange, blob);
    blob_drop(blob);
    return is_taken;
}

static void do_echo(struct exchange *exchange) {
    char text[512];
    int length = snprintf(text, sizeof text, "<%.*s %.*s ? %.*s # %.*s # %zu>", STR_ARG(exchange->method), STR_ARG(exchange->path),
                          STR_ARG(exchange->query), STR_ARG(str_first(exchange->body, 100)), exchange->body.len);
    answer_text(exchange, 200, text, (size_t)length);
}

static void do_who(struct exchange *exchange) {
    char text[512];
    int length = snprintf(text, sizeof text, "name=%.*s", STR_ARG(exchange->certificate_name));
    for (size_t i = 0; i < exchange->certificate_group_count; i++)
        length += snprintf(text + length, sizeof text - (size_t)length, " group=%.*s", STR_ARG(exchange->certificate_groups[i]));
    assert_false(exchange->is_local);
    assert_true(str_starts_with(exchange->peer, STR("127.0.0.1:")));
    answer_text(exchange, 200, text, (size_t)length);
}

/* Compresses well, but not to nothing. */
static void do_big(struct exchange *exchange) {
    char *text = malloc(BIG_BYTES);
    for (size_t i = 0; i < BIG_BYTES; i++) text[i] = (char)('a' + (i * i >> 7) % 26);
    answer_text(exchange, 200, text, BIG_BYTES);
    free(text);
}

static void do_hold(struct exchange *exchange) {
    hold(exchange);
}

static void do_stream(struct exchange *exchange) {
    hold(exchange);
    exchange_begin(exchange, 200, STR("application/json"), NULL, 0);
}

static void do_short_stream(struct exchange *exchange) {
    exchange_begin(exchange, 200, STR("application/json"), NULL, 0);
    write_text(exchange, "one");
    write_text(exchange, "");
    write_text(exchange, "three");
    exchange_end(exchange);
}

static void do_nothing(struct exchange *exchange) {
    exchange_answer(exchange, 204, STR_EMPTY, NULL, 0, NULL);
}

static void handle(void *owner, struct exchange *exchange) {
    static const struct {
        const char *path;
        void (*handle)(struct exchange *exchange);
    } paths[] = {{"/who", do_who},        {"/big", do_big}, {"/hold", do_hold}, {"/stream", do_stream}, {"/short", do_short_stream},
                 {"/nothing", do_nothing}};
    assert_ptr_equal(owner, &request_count);
    request_count++;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        if (!str_is(exchange->path, paths[i].path)) continue;
        paths[i].handle(exchange);
        return;
    }
    do_echo(exchange);
}

/* servers */

static struct certificate_pair authority, server_pair, stranger;

static struct certificate_pair make_certificate(enum certificate_use use, const char *name, const char *group, int64_t lifetime_ms,
                                                const struct certificate_pair *issuer) {
    const struct str address = STR("127.0.0.1"), organization = str_of(group);
    const int64_t now_ms = loop_wall_ms(loop);
    struct certificate_pair pair;
    struct error error = {0};
    const struct certificate_order order = {.use = use,
                                            .name = str_of(name),
                                            .groups = &organization,
                                            .group_count = group ? 1 : 0,
                                            .alternative_names = &address,
                                            .alternative_name_count = use == CERTIFICATE_SERVER,
                                            .from_ms = now_ms - 60000,
                                            .until_ms = now_ms + lifetime_ms};
    if (!certificate_make(&order, issuer, &pair, &error)) fail_msg("%s", error.message);
    return pair;
}

static struct server *serve(bool is_tls, struct server_limits limits) {
    struct error error = {0};
    struct server_settings settings = {.listen = STR("127.0.0.1:0"), .handler = handle, .owner = &request_count, .limits = limits};
    if (is_tls) {
        settings.certificate = strbuf_view(&server_pair.certificate);
        settings.key = strbuf_view(&server_pair.key);
        settings.client_ca = strbuf_view(&authority.certificate);
    }
    struct server *server = server_new(loop, &settings, &error);
    if (!server) fail_msg("%s", error.message);
    request_count = held_count = gone_count = 0;
    return server;
}

static void end_serving(struct server *server) {
    server_free(server);
    while (peer_count) peer_free(peers[0]);
    assert_int_equal(held_count, 0);
}

static SSL_CTX *client_tls(const struct certificate_pair *pair) {
    SSL_CTX *tls = SSL_CTX_new(TLS_client_method());
    BIO *bio = BIO_new_mem_buf(authority.certificate.ptr, (int)authority.certificate.len);
    X509 *trusted = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    X509_STORE_add_cert(SSL_CTX_get_cert_store(tls), trusted);
    X509_free(trusted);
    BIO_free(bio);
    SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    if (!pair) return tls;
    bio = BIO_new_mem_buf(pair->certificate.ptr, (int)pair->certificate.len);
    X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    BIO_free(bio);
    bio = BIO_new_mem_buf(pair->key.ptr, (int)pair->key.len);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    BIO_free(bio);
    SSL_CTX_use_certificate(tls, certificate);
    SSL_CTX_use_PrivateKey(tls, key);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return tls;
}

static int set_up(void **state) {
    (void)state;
    loop = loop_new(NULL);
    authority = make_certificate(CERTIFICATE_AUTHORITY, "ca", NULL, 3600000, NULL);
    stranger = make_certificate(CERTIFICATE_AUTHORITY, "stranger", NULL, 3600000, NULL);
    server_pair = make_certificate(CERTIFICATE_SERVER, "server", NULL, 3600000, &authority);
    return loop == NULL;
}

static int tear_down(void **state) {
    (void)state;
    certificate_pair_release(&authority);
    certificate_pair_release(&stranger);
    certificate_pair_release(&server_pair);
    loop_free(loop);
    return 0;
}

#endif
