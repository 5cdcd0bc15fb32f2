#include "server_rig.h"

#include <zlib.h>

#include "io/http_client.h"

#define HOST "Host: x\r\n"

static struct peer *ask(struct server *server, const char *text) {
    struct peer *peer = peer_open(server_port(server), NULL);
    peer_send(peer, text);
    return peer;
}

/* whole answers */

static void requests_are_answered_on_one_connection(void **state) {
    (void)state;
    struct server *server = serve(false, (struct server_limits){0});
    struct peer *peer = ask(server, "GET /a%20b?c=d HTTP/1.1\r\n" HOST "\r\n");
    WAIT_FOR(peer_has(peer, "<GET /a%20b ? c=d #  # 0>"));
    assert_true(str_starts_with(strbuf_view(&peer->in), STR("HTTP/1.1 200 OK\r\n")));
    assert_true(peer_has(peer, "\r\nContent-Length: 25\r\n") && peer_has(peer, "\r\nContent-Type: text/plain\r\n"));
    assert_true(peer_has(peer, " GMT\r\n") && peer_has(peer, "\r\nWarning: 299 - \"w\"\r\n"));
    assert_true(peer_has(peer, "\r\nAudit-Id: x  Injected: y\r\n"));
    peer_send(peer, "POST /b HTTP/1.1\r\nhost:x\r\nContent-Length: 5\r\n\r\nhello");
    WAIT_FOR(peer_has(peer, "<POST /b ?  # hello # 5>"));
    peer_send(peer, "PATCH /c HTTP/1.1\r\n" HOST
                    "Transfer-Encoding: Chunked\r\n\r\n2;ext=1\r\nhe\r\n0A\r\nllo, world\r\n0\r\nTrailer: x\r\n\r\n");
    WAIT_FOR(peer_has(peer, "<PATCH /c ?  # hello, world # 12>"));
    peer_send(peer, "\r\nGET http://x:1/abs?q HTTP/1.1\r\n" HOST "\r\n");
    WAIT_FOR(peer_has(peer, "<GET /abs ? q #  # 0>"));
    assert_int_equal(server_connection_count(server), 1);
    peer_send(peer, "GET /last HTTP/1.1\r\n" HOST "Connection: foo, CLOSE\r\n\r\n");
    WAIT_FOR(peer->is_closed);
    assert_true(peer_has(peer, "<GET /last ?") && peer_has(peer, "\r\nConnection: close\r\n"));
    assert_int_equal(server_connection_count(server), 0);
    end_serving(server);
}

static void pipelined_requests_are_answered_in_order(void **state) {
    (void)state;
    enum { COUNT = 500 };
    struct server *server = serve(false, (struct server_limits){0});
    struct peer *peer = peer_open(server_port(server), NULL);
    char text[128];
    for (int i = 0; i < COUNT; i++) {
        snprintf(text, sizeof text, "POST /n%d HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\n%02d", i, i % 100);
        strbuf_append(&peer->out, str_of(text));
    }
    strbuf_append(&peer->out, STR("GET /hold HTTP/1.1\r\n" HOST "\r\nGET /end HTTP/1.1\r\n" HOST "\r\n"));
    WAIT_FOR(held_count == 1);
    assert_false(peer_has(peer, "/end"));
    answer_text(held[0], 200, "<held>", 6);
    held_count = 0;
    WAIT_FOR(peer_has(peer, "<GET /end"));
    struct str rest = strbuf_view(&peer->in);
    for (int i = 0; i < COUNT; i++) {
        snprintf(text, sizeof text, "<POST /n%d ?  # %02d # 2>", i, i % 100);
        size_t at = str_find(rest, str_of(text));
        if (at == SIZE_MAX) fail_msg("no answer to %d in its place", i);
        rest = str_from(rest, at);
    }
    assert_true(str_find(rest, STR("<held>")) < str_find(rest, STR("<GET /end")));
    end_serving(server);
}

static void head_and_204_have_no_body(void **state) {
    (void)state;
    struct server *server = serve(false, (struct server_limits){0});
    struct peer *peer = ask(server, "HEAD /x HTTP/1.1\r\n" HOST "\r\nGET /nothing HTTP/1.1\r\n" HOST "\r\n"
                                    "HEAD /short HTTP/1.1\r\n" HOST "\r\nHEAD /big HTTP/1.1\r\n" HOST "Accept-Encoding: gzip\r\n\r\n");
    WAIT_FOR(peer_occurrences(peer, "\r\n\r\n") == 4);
    assert_true(peer_has(peer, "Content-Length: 19\r\n\r\nHTTP/1.1 204 No Content\r\n"));
    assert_true(peer_has(peer, "Transfer-Encoding: chunked\r\n\r\nHTTP/1.1 200 OK\r\n"));
    assert_true(str_ends_with(strbuf_view(&peer->in), STR("Content-Length: 1000000\r\n\r\n")));
    end_serving(server);
}

static void http_1_0_is_answered_without_chunks(void **state) {
    (void)state;
    struct server *server = serve(false, (struct server_limits){0});
    struct peer *peer = ask(server, "GET /x HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n");
    WAIT_FOR(peer_has(peer, "<GET /x"));
    assert_true(peer_has(peer, "\r\nConnection: keep-alive\r\n"));
    peer_send(peer, "GET /short HTTP/1.0\r\n\r\n");
    WAIT_FOR(peer->is_closed);
    assert_true(peer_has(peer, "\r\nConnection: close\r\n\r\nonethree"));
    assert_false(peer_has(peer, "chunked"));
    end_serving(server);
}

static void a_body_is_sent_for_when_the_client_asks_first(void **state) {
    (void)state;
    struct server *server = serve(false, (struct server_limits){0});
    struct peer *peer = ask(server, "PUT /x HTTP/1.1\r\n" HOST "Content-Length: 3\r\nExpect: 100-Continue\r\n\r\n");
    WAIT_FOR(peer_has(peer, "HTTP/1.1 100 Continue\r\n\r\n"));
    peer_send(peer, "abc");
    WAIT_FOR(peer_has(peer, "<PUT /x ?  # abc # 3>"));
    /* not when the body is there already */
    peer_send(peer, "PUT /y HTTP/1.1\r\n" HOST "Content-Length: 3\r\nExpect: 100-continue\r\n\r\nabc");
    WAIT_FOR(peer_has(peer, "<PUT /y ?  # abc # 3>"));
    assert_int_equal(peer_occurrences(peer, "100 Continue"), 1);
    end_serving(server);
}

/* gzip */

static void inflate_to(struct strbuf *out, struct str bytes) {
    z_stream stream = {0};
    assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
    stream.next_in = (Bytef *)(uintptr_t)bytes.ptr;
    stream.avail_in = (uInt)bytes.len;
    stream.next_out = (Bytef *)strbuf_reserve(out, 2 * BIG_BYTES);
    stream.avail_out = 2 * BIG_BYTES;
    assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
    strbuf_added(out, 2 * BIG_BYTES - stream.avail_out);
    inflateEnd(&stream);
}

static struct strbuf dechunked(struct str bytes) {
    struct strbuf out = strbuf_with_max(64 * 1024 * 1024);
    for (;;) {
        size_t size = strtoul(bytes.ptr, NULL, 16);
        bytes = str_from(bytes, str_find(bytes, STR("\r\n")) + 2);
        if (!size) break;
        strbuf_append(&out, str_first(bytes, size));
        bytes = str_from(bytes, size);
        assert_true(str_starts_with(bytes, STR("\r\n")));
        bytes = str_from(bytes, 2);
    }
    assert_true(str_equal(bytes, STR("\r\n")));
    return out;
}

static void long_answers_are_compressed_for_who_takes_it(void **state) {
    (void)state;
    struct server *server = serve(false, (struct server_limits){0});
    struct peer *whole = ask(server, "GET /big HTTP/1.1\r\n" HOST "Accept-Encoding: gzip;q=0, br\r\n\r\n");
    struct peer *packed = ask(server, "GET /big HTTP/1.1\r\n" HOST "Accept-Encoding: deflate , gzip\r\n\r\n");
    struct peer *small = ask(server, "GET /x HTTP/1.1\r\n" HOST "Accept-Encoding: gzip\r\n\r\n");
    WAIT_FOR(whole->in.len > BIG_BYTES && peer_has(packed, "\r\n0\r\n\r\n") && peer_has(small, "<GET /x"));
    assert_false(peer_has(whole, "gzip") || peer_has(small, "Content-Encoding"));
    assert_true(peer_has(packed, "\r\nContent-Encoding: gzip\r\nVary: Accept-Encoding\r\nTransfer-Encoding: chunked\r\n"));
    assert_true(packed->in.len < BIG_BYTES * 9 / 10);
    struct str body = str_from(strbuf_view(&packed->in), str_find(strbuf_view(&packed->in), STR("\r\n\r\n")) + 4);
    struct strbuf compressed = dechunked(body), plain = strbuf_with_max(4 * BIG_BYTES);
    inflate_to(&plain, strbuf_view(&compressed));
    assert_int_equal(plain.len, BIG_BYTES);
    assert_true(str_ends_with(strbuf_view(&whole->in), strbuf_view(&plain)));
    strbuf_release(&compressed);
    strbuf_release(&plain);
    /* and the connection goes on */
    peer_send(packed, "GET /next HTTP/1.1\r\n" HOST "\r\n");
    WAIT_FOR(peer_has(packed, "<GET /next"));
    end_serving(server);
}

/* what is no good request */

static const struct {
    const char *text, *status;
} bad_requests[] = {
    {"GET\r\n\r\n", "400"},
    {"GET  / HTTP/1.1\r\n" HOST "\r\n", "400"},
    {"G(T / HTTP/1.1\r\n" HOST "\r\n", "400"},
    {"GET / HTTP/1.1\n" HOST "\n", "400"},
    {"GET / HTTP/1.1 \r\n" HOST "\r\n", "400"},
    {"GET x HTTP/1.1\r\n" HOST "\r\n", "400"},
    {"GET /a\x01 HTTP/1.1\r\n" HOST "\r\n", "400"},
    {"GET /\xc3\xa9 HTTP/1.1\r\n" HOST "\r\n", "400"},
    {"GET * HTTP/1.1\r\n" HOST "\r\n", "400"},
    {"CONNECT x:1 HTTP/1.1\r\n" HOST "\r\n", "400"},
    {"GET / HTTX/1.1\r\n" HOST "\r\n", "400"},
    {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505"},
    {"GET / HTTP/1.2\r\n" HOST "\r\n", "505"},
    {"GET / HTTP/1.1\r\n\r\n", "400"},
    {"GET / HTTP/1.1\r\n" HOST HOST "\r\n", "400"},
    {"GET / HTTP/1.1\r\n" HOST "nocolon\r\n\r\n", "400"},
    {"GET / HTTP/1.1\r\n" HOST "a : b\r\n\r\n", "400"},
    {"GET / HTTP/1.1\r\n" HOST ": b\r\n\r\n", "400"},
    {"GET / HTTP/1.1\r\n" HOST "a: b\r\n folded\r\n\r\n", "400"},
    {"GET / HTTP/1.1\r\n" HOST "a: b\x01\r\n\r\n", "400"},
    {"GET / HTTP/1.1\r\n" HOST "a: b\rc\r\n\r\n", "400"},
    {"\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n", "400"},
    {"PUT / HTTP/1.1\r\n" HOST "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", "400"},
    {"PUT / HTTP/1.1\r\n" HOST "Content-Length: +5\r\n\r\n", "400"},
    {"PUT / HTTP/1.1\r\n" HOST "Content-Length: 5, 5\r\n\r\n", "400"},
    {"PUT / HTTP/1.1\r\n" HOST "Content-Length:\r\n\r\n", "400"},
    {"PUT / HTTP/1.1\r\n" HOST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", "400"},
    {"PUT / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", "400"},
    {"PUT / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n", "501"},
    {"PUT / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", "501"},
    {"PUT / HTTP/1.1\r\n" HOST "Content-Length: 3145729\r\n\r\n", "413"},
    {"PUT / HTTP/1.1\r\n" HOST "Content-Length: 99999999999999999999999\r\n\r\n", "413"},
    {"PUT / HTTP/1.1\r\n" HOST "Expect: a miracle\r\n\r\n", "417"},
    {"PUT / HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 4000000\r\n\r\n", "413"},
    {"PUT / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nx\r\n", "400"},
    {"PUT / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n-1\r\n", "400"},
    {"PUT / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n\r\n", "400"},
    {"PUT / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n", "400"},
    {"PUT / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1\nab\n", "400"},
    {"PUT / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n", "400"},
    {"PUT / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nffffffffffff\r\n", "413"},
    {"PUT / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\nbad trailer\r\n\r\n", "400"},
};

static void malformed_requests_are_refused(void **state) {
    (void)state;
    struct server *server = serve(false, (struct server_limits){0});
    for (size_t i = 0; i < sizeof bad_requests / sizeof *bad_requests; i++) {
        char begin[32];
        struct peer *peer = ask(server, bad_requests[i].text);
        snprintf(begin, sizeof begin, "HTTP/1.1 %s ", bad_requests[i].status);
        WAIT_FOR(peer->is_closed);
        if (!str_starts_with(strbuf_view(&peer->in), str_of(begin)) || !peer_has(peer, "\r\nConnection: close\r\n"))
            fail_msg("case %zu: %s: %s", i, bad_requests[i].text, peer->in.ptr ? peer->in.ptr : "(nothing)");
        peer_free(peer);
    }
    assert_int_equal(request_count, 0);
    WAIT_FOR(server_connection_count(server) == 0);
    end_serving(server);
}

static char *repeated(const char *begin, const char *piece, size_t count, const char *end) {
    struct strbuf text = strbuf_with_max(64 * 1024 * 1024);
    strbuf_append(&text, str_of(begin));
    for (size_t i = 0; i < count; i++) strbuf_append(&text, str_of(piece));
    strbuf_append(&text, str_of(end));
    return text.ptr;
}

static void oversized_requests_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *begin, *piece;
        size_t count;
        const char *end, *expected;
    } cases[] = {
        {"GET / HTTP/1.1\r\n" HOST "A: ", "0123456789", 7000, "\r\n\r\n", "431"},
        {"GET /", "0123456789", 7000, "", "431"},
        {"GET / HTTP/1.1\r\n" HOST, "a:\r\n", 256, "\r\n", "431"},
        {"GET / HTTP/1.1\r\n" HOST, "a:\r\n", 255, "\r\n", "200"},
        {"GET / HTTP/1.1\r\n" HOST "A: ", "0123456789", 6400, "\r\n\r\n", "200"},
        {"PUT / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n", "100000\r\n", 1, "", "100000"},
        {"PUT / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1;", "0123456789", 500, "", "400"},
        {"PUT / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n", "1;0123456789012345678901234567890\r\nx\r\n", 2500, "", "431"},
        {"PUT / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n", "a: 0123456789\r\n", 5000, "", "431"},
        {"PUT / HTTP/1.1\r\n" HOST "Content-Length: 3000000\r\n\r\n", "0123456789", 300000, "", "200"},
        /* the whole of it is sent before anything is read, and the refusal still arrives */
        {"PUT / HTTP/1.1\r\n" HOST "Content-Length: 5000000\r\n\r\n", "0123456789", 500000, "", "413"},
    };
    struct server *server = serve(false, (struct server_limits){0});
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *text = repeated(cases[i].begin, cases[i].piece, cases[i].count, cases[i].end);
        struct peer *peer = ask(server, text);
        if (str_is(str_of(cases[i].expected), "100000")) { /* 4 MiB in chunks of 1 MiB: the fourth is one too many */
            char *chunk = repeated("", "0123456789abcdef", 65536, "\r\n100000\r\n");
            for (int k = 0; k < 4; k++) peer_send(peer, chunk);
            free(chunk);
            WAIT_FOR(peer_has(peer, "HTTP/1.1 413 "));
        } else {
            char begin[32];
            snprintf(begin, sizeof begin, "HTTP/1.1 %s ", cases[i].expected);
            WAIT_FOR(peer->in.len > 0);
            if (!str_starts_with(strbuf_view(&peer->in), str_of(begin))) fail_msg("case %zu: %s", i, peer->in.ptr);
        }
        free(text);
        peer_free(peer);
    }
    end_serving(server);
}

static void bodies_of_all_connections_have_a_maximum(void **state) {
    (void)state;
    struct server *server = serve(false, (struct server_limits){.bodies_bytes = 1000});
    char *body = repeated("", "0123456789", 80, "");
    struct peer *first = ask(server, "PUT /hold HTTP/1.1\r\n" HOST "Content-Length: 800\r\n\r\n");
    peer_send(first, body);
    WAIT_FOR(held_count == 1);
    struct peer *second = ask(server, "PUT /x HTTP/1.1\r\n" HOST "Content-Length: 800\r\n\r\n");
    peer_send(second, body);
    WAIT_FOR(second->is_closed);
    assert_true(peer_has(second, "HTTP/1.1 503 Service Unavailable\r\n") && peer_has(second, "\r\nRetry-After: 1\r\n"));
    answer_text(held[0], 200, "<held>", 6);
    held_count = 0;
    WAIT_FOR(peer_has(first, "<held>"));
    struct peer *third = ask(server, "PUT /x HTTP/1.1\r\n" HOST "Content-Length: 800\r\n\r\n");
    peer_send(third, body);
    WAIT_FOR(peer_has(third, "# 800>"));
    free(body);
    end_serving(server);
}

/* time */

static void slow_peers_are_cut_off(void **state) {
    (void)state;
    struct server *server = serve(false, (struct server_limits){.head_ms = 60, .body_ms = 90, .idle_ms = 120});
    struct peer *silent = peer_open(server_port(server), NULL);
    struct peer *slow_head = ask(server, "GET / HTTP/1.1\r\nHos");
    struct peer *slow_body = ask(server, "PUT / HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nab");
    struct peer *idle = ask(server, "GET / HTTP/1.1\r\n" HOST "\r\n");
    struct peer *held_peer = ask(server, "GET /hold HTTP/1.1\r\n" HOST "\r\n");
    struct peer *streaming = ask(server, "GET /stream HTTP/1.1\r\n" HOST "\r\n");
    int64_t began_ms = loop_now_ms(loop);
    WAIT_FOR(silent->is_closed && slow_head->is_closed);
    assert_true(loop_now_ms(loop) - began_ms >= 59);
    assert_int_equal(silent->in.len, 0);
    assert_true(peer_has(slow_head, "HTTP/1.1 408 Request Timeout\r\n"));
    WAIT_FOR(slow_body->is_closed);
    assert_true(peer_has(slow_body, "HTTP/1.1 408 Request Timeout\r\n"));
    WAIT_FOR(idle->is_closed);
    assert_true(loop_now_ms(loop) - began_ms >= 119);
    assert_true(peer_has(idle, "HTTP/1.1 200 OK\r\n"));
    /* the handler may take longer than any of these */
    assert_false(held_peer->is_closed || streaming->is_closed);
    assert_int_equal(held_count, 2);
    peer_free(slow_head);
    peer_free(slow_body);
    WAIT_FOR(server_connection_count(server) == 2);
    end_serving(server);
    assert_int_equal(gone_count, 2);
}

static void idle_time_counts_from_the_last_answer(void **state) {
    (void)state;
    struct server *server = serve(false, (struct server_limits){.idle_ms = 150});
    struct peer *peer = ask(server, "GET /1 HTTP/1.1\r\n" HOST "\r\n");
    WAIT_FOR(peer_has(peer, "<GET /1"));
    int64_t until_ms = loop_now_ms(loop) + 100;
    WAIT_FOR(loop_now_ms(loop) >= until_ms);
    peer_send(peer, "GET /2 HTTP/1.1\r\n" HOST "\r\n");
    WAIT_FOR(peer_has(peer, "<GET /2"));
    int64_t answered_ms = loop_now_ms(loop);
    WAIT_FOR(peer->is_closed);
    assert_true(loop_now_ms(loop) - answered_ms >= 140);
    end_serving(server);
}

/* streams */

static void a_stream_goes_out_as_it_is_written(void **state) {
    (void)state;
    struct server *server = serve(false, (struct server_limits){0});
    struct peer *peer = ask(server, "GET /stream HTTP/1.1\r\n" HOST "\r\n");
    WAIT_FOR(peer_has(peer, "Transfer-Encoding: chunked\r\n\r\n"));
    assert_true(write_text(held[0], "{\"a\":1}\n"));
    assert_int_equal(exchange_pending(held[0]), 8);
    WAIT_FOR(peer_has(peer, "8\r\n{\"a\":1}\n\r\n"));
    assert_int_equal(exchange_pending(held[0]), 0);
    assert_true(write_text(held[0], "0123456789abcdef") && write_text(held[0], "") && write_text(held[0], "y"));
    exchange_end(held[0]);
    held_count = 0;
    WAIT_FOR(peer_has(peer, "10\r\n0123456789abcdef\r\n1\r\ny\r\n0\r\n\r\n"));
    assert_int_equal(peer_occurrences(peer, "0\r\n\r\n"), 1);
    peer_send(peer, "GET /next HTTP/1.1\r\n" HOST "\r\n");
    WAIT_FOR(peer_has(peer, "<GET /next"));
    end_serving(server);
    assert_int_equal(gone_count, 0);
}

static void a_peer_that_leaves_is_noticed(void **state) {
    (void)state;
    struct server *server = serve(true, (struct server_limits){0});
    SSL_CTX *tls = client_tls(NULL);
    struct peer *orderly = peer_open(server_port(server), tls), *rude = peer_open(server_port(server), tls);
    peer_send(orderly, "GET /stream HTTP/1.1\r\n" HOST "\r\n");
    peer_send(rude, "GET /stream HTTP/1.1\r\n" HOST "\r\n");
    WAIT_FOR(held_count == 2 && peer_has(orderly, "\r\n\r\n") && peer_has(rude, "\r\n\r\n"));
    SSL_shutdown(orderly->ssl);
    WAIT_FOR(gone_count == 1);
    const struct linger at_once = {1, 0};
    setsockopt(rude->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    peer_free(rude);
    WAIT_FOR(gone_count == 2 && server_connection_count(server) == 0);
    SSL_CTX_free(tls);
    end_serving(server);
}

static void a_half_closed_peer_gets_its_answers(void **state) {
    (void)state;
    struct server *server = serve(false, (struct server_limits){0});
    struct peer *peer = ask(server, "GET /hold HTTP/1.1\r\n" HOST "\r\nGET /second HTTP/1.1\r\n" HOST "\r\n");
    WAIT_FOR(held_count == 1);
    shutdown(peer->fd, SHUT_WR);
    for (int i = 0; i < 20; i++) loop_run_once(loop, 1);
    assert_int_equal(gone_count, 0);
    answer_text(held[0], 200, "<held>", 6);
    held_count = 0;
    WAIT_FOR(peer->is_closed);
    assert_true(peer_has(peer, "<held>") && peer_has(peer, "<GET /second"));
    /* in the middle of a request nobody waits for anything */
    peer = ask(server, "GET /x HTTP/1.1\r\nHo");
    shutdown(peer->fd, SHUT_WR);
    WAIT_FOR(peer->is_closed);
    assert_int_equal(peer->in.len, 0);
    end_serving(server);
}

static void a_peer_that_reads_nothing_is_bounded_and_cut_off(void **state) {
    (void)state;
    struct server *server = serve(false, (struct server_limits){.stall_ms = 300, .stream_bytes = 100000});
    struct peer *slow = ask(server, "GET /stream HTTP/1.1\r\n" HOST "\r\n"), *good = ask(server, "GET /stream HTTP/1.1\r\n" HOST "\r\n");
    WAIT_FOR(held_count == 2);
    struct exchange *to_slow = held[0], *to_good = held[1];
    char *text = repeated("", "0123456789", 1000, "\n");
    size_t refused = 0, sent = 0;
    slow->is_paused = true;
    good->is_counting = true;
    for (int i = 0; i < 3000 && !refused; i++) {
        if (!write_text(to_slow, text)) refused++;
        assert_true(exchange_pending(to_slow) <= 100000);
        assert_true(write_text(to_good, text));
        sent += strlen(text);
        WAIT_FOR(exchange_pending(to_good) == 0);
    }
    assert_int_equal(refused, 1);
    assert_int_equal(gone_count, 0);
    WAIT_FOR(gone_count == 1);
    assert_int_equal(held_count, 1);
    assert_ptr_equal(held[0], to_good);
    WAIT_FOR(good->count >= sent);
    /* one piece over the maximum passes when nothing waits */
    char *huge = repeated("", text, 20, "");
    assert_true(write_text(to_good, huge));
    assert_false(write_text(to_good, huge));
    sent += strlen(huge);
    WAIT_FOR(good->count >= sent);
    free(text);
    free(huge);
    end_serving(server);
}

static void many_small_pieces_have_a_maximum_too(void **state) {
    (void)state;
    struct server *server = serve(false, (struct server_limits){0});
    struct peer *peer = ask(server, "GET /stream HTTP/1.1\r\n" HOST "\r\n");
    WAIT_FOR(held_count == 1);
    size_t count = 0;
    while (write_text(held[0], "x")) count++;
    assert_true(count > 30000 && count <= 32768);
    peer->is_counting = true;
    WAIT_FOR(exchange_pending(held[0]) == 0 && peer->count > 6 * count);
    assert_true(write_text(held[0], "x"));
    end_serving(server);
}

static size_t resident_bytes(void) {
    unsigned long total = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (fscanf(file, "%lu %lu", &total, &resident) != 2) fail_msg("no statm");
    fclose(file);
    return resident * 4096;
}

static void a_thousand_streams_get_each_event(void **state) {
    (void)state;
    enum { COUNT = 1000 };
    struct server *server = serve(true, (struct server_limits){0});
    SSL_CTX *tls = client_tls(NULL);
    size_t before = resident_bytes();
    for (int i = 0; i < COUNT; i++) {
        struct peer *peer = peer_open(server_port(server), tls);
        peer_send(peer, "GET /stream HTTP/1.1\r\n" HOST "\r\n");
        if (i % 100 == 99) WAIT_FOR(held_count == (size_t)i + 1);
    }
    WAIT_FOR(held_count == COUNT);
    printf("%zu KiB for a stream, both ends together\n", (resident_bytes() - before) / COUNT / 1024);
    struct blob *event = blob_new(STR("{\"type\":\"ADDED\"}\n"));
    for (int round = 0; round < 3; round++)
        for (size_t i = 0; i < COUNT; i++) assert_true(exchange_write(held[i], event));
    WAIT_FOR(exchange_pending(held[0]) == 0 && exchange_pending(held[COUNT - 1]) == 0 && event->references == 1);
    size_t complete = 0;
    WAIT_FOR((complete += peer_occurrences(peers[complete], "\"ADDED\"") == 3) == COUNT);
    blob_drop(event);
    assert_int_equal(gone_count, 0);
    end_serving(server);
    assert_int_equal(gone_count, COUNT);
    SSL_CTX_free(tls);
}

/* TLS */

static void expect_identity(struct server *server, const struct certificate_pair *pair, const char *expected) {
    SSL_CTX *tls = client_tls(pair);
    struct peer *peer = peer_open(server_port(server), tls);
    peer_send(peer, "GET /who HTTP/1.1\r\n" HOST "\r\n");
    WAIT_FOR(peer_has(peer, "\r\n\r\nname=") || peer->is_closed);
    if (!str_ends_with(strbuf_view(&peer->in), str_of(expected))) fail_msg("%s: %s", expected, peer->in.ptr ? peer->in.ptr : "(nothing)");
    peer_free(peer);
    SSL_CTX_free(tls);
}

static void a_client_certificate_says_who_it_is(void **state) {
    (void)state;
    struct server *server = serve(true, (struct server_limits){0});
    struct certificate_pair admin = make_certificate(CERTIFICATE_CLIENT, "admin", "system:masters", 3600000, &authority);
    struct certificate_pair forged = make_certificate(CERTIFICATE_CLIENT, "admin", "system:masters", 3600000, &stranger);
    struct certificate_pair expired = make_certificate(CERTIFICATE_CLIENT, "admin", "system:masters", -1000, &authority);
    expect_identity(server, &admin, "\r\n\r\nname=admin group=system:masters");
    expect_identity(server, NULL, "\r\n\r\nname=");
    expect_identity(server, &forged, "\r\n\r\nname=");
    expect_identity(server, &expired, "\r\n\r\nname=");
    expect_identity(server, &server_pair, "\r\n\r\nname="); /* not for clients */
    certificate_pair_release(&admin);
    certificate_pair_release(&forged);
    certificate_pair_release(&expired);
    end_serving(server);
}

static void a_certificate_that_runs_out_counts_no_longer(void **state) {
    (void)state;
    struct server *server = serve(true, (struct server_limits){0});
    struct certificate_pair brief = make_certificate(CERTIFICATE_CLIENT, "brief", NULL, 2000, &authority);
    SSL_CTX *tls = client_tls(&brief);
    struct peer *peer = peer_open(server_port(server), tls);
    peer_send(peer, "GET /who HTTP/1.1\r\n" HOST "\r\n");
    WAIT_FOR(peer_has(peer, "\r\n\r\nname=brief"));
    int64_t until_ms = loop_now_ms(loop) + 2100;
    WAIT_FOR(loop_now_ms(loop) >= until_ms);
    strbuf_clear(&peer->in);
    peer_send(peer, "GET /who HTTP/1.1\r\n" HOST "\r\n");
    WAIT_FOR(peer_has(peer, "\r\n\r\nname="));
    assert_false(peer_has(peer, "brief"));
    certificate_pair_release(&brief);
    SSL_CTX_free(tls);
    end_serving(server);
}

static void protocols_are_chosen(void **state) {
    (void)state;
    struct server *server = serve(true, (struct server_limits){0});
    SSL_CTX *tls = client_tls(NULL);
    const unsigned char both[] = "\x02h2\x08http/1.1";
    const unsigned char *chosen = NULL;
    unsigned length = 0;
    SSL_CTX_set_alpn_protos(tls, both, sizeof both - 1);
    struct peer *peer = peer_open(server_port(server), tls);
    peer_send(peer, "GET /x HTTP/1.1\r\n" HOST "\r\n");
    WAIT_FOR(peer_has(peer, "<GET /x"));
    SSL_get0_alpn_selected(peer->ssl, &chosen, &length);
    assert_true(str_is((struct str){(const char *)chosen, length}, "http/1.1"));
    SSL_CTX_set_alpn_protos(tls, both, 3);
    peer = peer_open(server_port(server), tls);
    peer_send(peer, "GET /x HTTP/1.1\r\n" HOST "\r\n");
    WAIT_FOR(peer->is_closed);
    struct peer *plain = ask(server, "GET / HTTP/1.1\r\n" HOST "\r\n");
    WAIT_FOR(plain->is_closed);
    assert_true(peer_has(plain, "Client sent an HTTP request to an HTTPS server."));
    assert_int_equal(request_count, 1);
    SSL_CTX_free(tls);
    end_serving(server);
}

static void long_bodies_go_both_ways_under_tls(void **state) {
    (void)state;
    struct server *server = serve(true, (struct server_limits){0});
    SSL_CTX *tls = client_tls(NULL);
    struct peer *peer = peer_open(server_port(server), tls);
    char *text =
        repeated("PUT /x HTTP/1.1\r\n" HOST "Content-Length: 3000000\r\n\r\n", "0123456789", 300000, "GET /big HTTP/1.1\r\n" HOST "\r\n");
    peer_send(peer, text);
    WAIT_FOR(peer_has(peer, "# 3000000>") && peer->in.len > BIG_BYTES);
    assert_true(peer_has(peer, "Content-Length: 1000000\r\n"));
    free(text);
    SSL_CTX_free(tls);
    end_serving(server);
}

/* our own client, which offers HTTP/2 first */

struct heard {
    bool is_over;
    size_t body_bytes;
    int status;
    char data[64];
};

static void hear_answer(void *owner, struct http_answer *answer) {
    struct heard *heard = owner;
    heard->is_over = true;
    heard->status = answer->outcome == HTTP_ANSWERED ? answer->status : -1;
    heard->body_bytes = answer->body.len;
}

static void hear_data(void *owner, struct str bytes) {
    struct heard *heard = owner;
    size_t length = strlen(heard->data);
    snprintf(heard->data + length, sizeof heard->data - length, "%.*s", STR_ARG(bytes));
}

static void the_http_client_is_served(void **state) {
    (void)state;
    const struct http_stream_events events = {NULL, hear_data, hear_answer};
    struct server *server = serve(true, (struct server_limits){0});
    struct heard big = {0}, stream = {0};
    char url[64];
    snprintf(url, sizeof url, "https://%.*s", STR_ARG(server_address(server)));
    struct http_client_settings settings = {.base_url = str_of(url), .ca = strbuf_view(&authority.certificate)};
    struct http_client *client = http_client_new(loop, &settings, NULL);
    http_send(client, &(struct http_request){.method = "GET", .path = STR("/big"), .accept_gzip = true}, hear_answer, &big);
    struct http_handle *watch = http_open(client, &(struct http_request){.method = "GET", .path = STR("/stream")}, &events, &stream);
    WAIT_FOR(big.is_over && held_count == 1);
    assert_int_equal(big.status, 200);
    assert_int_equal(big.body_bytes, BIG_BYTES);
    write_text(held[0], "one\n");
    WAIT_FOR(strcmp(stream.data, "one\n") == 0);
    http_cancel(watch);
    WAIT_FOR(gone_count == 1);
    assert_false(stream.is_over);
    http_client_free(client);
    end_serving(server);
}

/* connections, stopping, settings */

static void connections_over_the_maximum_are_refused(void **state) {
    (void)state;
    struct server *server = serve(false, (struct server_limits){.connections = 2});
    struct peer *first = ask(server, "GET /1 HTTP/1.1\r\n" HOST "\r\n"), *second = ask(server, "GET /2 HTTP/1.1\r\n" HOST "\r\n");
    WAIT_FOR(peer_has(first, "<GET /1") && peer_has(second, "<GET /2"));
    struct peer *third = ask(server, "GET /3 HTTP/1.1\r\n" HOST "\r\n");
    WAIT_FOR(third->is_closed);
    assert_int_equal(request_count, 2);
    peer_free(first);
    WAIT_FOR(server_connection_count(server) == 1);
    struct peer *fourth = ask(server, "GET /4 HTTP/1.1\r\n" HOST "\r\n");
    WAIT_FOR(peer_has(fourth, "<GET /4"));
    end_serving(server);
}

static void count_up(void *owner) {
    ++*(size_t *)owner;
}

static void the_oldest_that_waits_for_its_peer_can_make_room(void **state) {
    (void)state;
    struct server *server = serve(false, (struct server_limits){.connections = 3, .is_oldest_cut = true});
    struct peer *held_one = ask(server, "GET /hold HTTP/1.1\r\n" HOST "\r\n");
    WAIT_FOR(held_count == 1);
    struct peer *slow = ask(server, "GET /slow HT"), *idle = ask(server, "GET /idle HTTP/1.1\r\n" HOST "\r\n");
    WAIT_FOR(peer_has(idle, "<GET /idle") && server_connection_count(server) == 3);
    struct peer *fourth = ask(server, "GET /4 HTTP/1.1\r\n" HOST "\r\n");
    WAIT_FOR(slow->is_closed && peer_has(fourth, "<GET /4"));
    struct peer *fifth = ask(server, "GET /5 HTTP/1.1\r\n" HOST "\r\n");
    WAIT_FOR(idle->is_closed && peer_has(fifth, "<GET /5"));
    assert_int_equal(server_connection_count(server), 3);
    answer_text(held[0], 200, "<held>", 6);
    held_count = 0;
    WAIT_FOR(peer_has(held_one, "<held>"));
    end_serving(server);
}

static void stopping_lets_answers_finish(void **state) {
    (void)state;
    struct server *server = serve(false, (struct server_limits){0});
    size_t stopped = 0;
    struct peer *idle = ask(server, "GET /x HTTP/1.1\r\n" HOST "\r\n");
    struct peer *waiting = ask(server, "GET /hold HTTP/1.1\r\n" HOST "\r\n");
    WAIT_FOR(peer_has(idle, "<GET /x") && held_count == 1);
    server_stop(server, PATIENCE_MS, count_up, &stopped);
    WAIT_FOR(idle->is_closed);
    int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)server_port(server)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_not_equal(connect(probe, (struct sockaddr *)&address, sizeof address), 0);
    close(probe);
    assert_false(waiting->is_closed);
    assert_int_equal(stopped, 0);
    answer_text(held[0], 200, "<held>", 6);
    held_count = 0;
    WAIT_FOR(waiting->is_closed && stopped == 1);
    assert_true(peer_has(waiting, "\r\nConnection: close\r\n") && peer_has(waiting, "<held>"));
    assert_int_equal(gone_count, 0);
    end_serving(server);
}

static void stopping_cuts_off_what_does_not_end(void **state) {
    (void)state;
    struct server *server = serve(false, (struct server_limits){0});
    size_t stopped = 0;
    struct peer *peer = ask(server, "GET /stream HTTP/1.1\r\n" HOST "\r\n");
    WAIT_FOR(held_count == 1);
    server_stop(server, 50, count_up, &stopped);
    WAIT_FOR(stopped == 1);
    assert_int_equal(gone_count, 1);
    WAIT_FOR(peer->is_closed);
    assert_false(peer_has(peer, "0\r\n\r\n"));
    end_serving(server);
    /* nothing to wait for */
    server = serve(false, (struct server_limits){0});
    server_stop(server, PATIENCE_MS, count_up, &stopped);
    assert_int_equal(stopped, 1);
    WAIT_FOR(stopped == 2);
    end_serving(server);
}

static void expect_no_server(struct server_settings settings, enum error_kind kind, const char *message) {
    struct error error = {0};
    settings.handler = handle;
    if (server_new(loop, &settings, &error)) fail_msg("a server");
    if (error.kind != kind || !strstr(error.message, message)) fail_msg("%s: %s", message, error.message);
}

static void wrong_settings_are_refused(void **state) {
    (void)state;
    const struct str listen = STR("127.0.0.1:0"), certificate = strbuf_view(&server_pair.certificate), key = strbuf_view(&server_pair.key);
    static const char *const addresses[] = {"",           "127.0.0.1",      "localhost:80",     ":80",
                                            "127.0.0.1:", "127.0.0.1:http", "127.0.0.1:70000x", "[::1:0",       "127.0.0.1:99999", "127.0.0.1:-1"};
    for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++)
        expect_no_server((struct server_settings){.listen = str_of(addresses[i])}, ERROR_INVALID, "expected an IP address and a port");
    expect_no_server((struct server_settings){.listen = STR("192.0.2.1:0")}, ERROR_IO,
                     "cannot listen on \"192.0.2.1:0\": Cannot assign requested address; give an address that this machine has");
    expect_no_server((struct server_settings){.listen = listen, .certificate = certificate}, ERROR_TLS, "the server's key");
    expect_no_server((struct server_settings){.listen = listen, .key = key}, ERROR_TLS, "the server's certificate");
    expect_no_server((struct server_settings){.listen = listen, .certificate = certificate, .key = strbuf_view(&stranger.key)}, ERROR_TLS,
                     "the server's key");
    expect_no_server((struct server_settings){.listen = listen, .certificate = certificate, .key = key, .client_ca = STR("x")}, ERROR_TLS,
                     "the client certificate authority");
    expect_no_server((struct server_settings){.listen = listen, .client_ca = certificate}, ERROR_INVALID, "needs TLS");
    struct server *server = serve(false, (struct server_limits){0});
    char address[64];
    snprintf(address, sizeof address, "127.0.0.1:%u", server_port(server));
    assert_true(str_is(server_address(server), address));
    expect_no_server((struct server_settings){.listen = str_of(address)}, ERROR_IO, "in use");
    end_serving(server);
    struct server_settings v6 = {.listen = STR("[::1]:0"), .handler = handle, .owner = &request_count};
    server = server_new(loop, &v6, NULL);
    if (server) assert_true(str_starts_with(server_address(server), STR("[::1]:")));
    server_free(server);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_answered_on_one_connection),
        cmocka_unit_test(pipelined_requests_are_answered_in_order),
        cmocka_unit_test(head_and_204_have_no_body),
        cmocka_unit_test(http_1_0_is_answered_without_chunks),
        cmocka_unit_test(a_body_is_sent_for_when_the_client_asks_first),
        cmocka_unit_test(long_answers_are_compressed_for_who_takes_it),
        cmocka_unit_test(malformed_requests_are_refused),
        cmocka_unit_test(oversized_requests_are_refused),
        cmocka_unit_test(bodies_of_all_connections_have_a_maximum),
        cmocka_unit_test(slow_peers_are_cut_off),
        cmocka_unit_test(idle_time_counts_from_the_last_answer),
        cmocka_unit_test(a_stream_goes_out_as_it_is_written),
        cmocka_unit_test(a_peer_that_leaves_is_noticed),
        cmocka_unit_test(a_half_closed_peer_gets_its_answers),
        cmocka_unit_test(a_peer_that_reads_nothing_is_bounded_and_cut_off),
        cmocka_unit_test(many_small_pieces_have_a_maximum_too),
        cmocka_unit_test(a_thousand_streams_get_each_event),
        cmocka_unit_test(a_client_certificate_says_who_it_is),
        cmocka_unit_test(a_certificate_that_runs_out_counts_no_longer),
        cmocka_unit_test(protocols_are_chosen),
        cmocka_unit_test(long_bodies_go_both_ways_under_tls),
        cmocka_unit_test(the_http_client_is_served),
        cmocka_unit_test(connections_over_the_maximum_are_refused),
        cmocka_unit_test(the_oldest_that_waits_for_its_peer_can_make_room),
        cmocka_unit_test(stopping_lets_answers_finish),
        cmocka_unit_test(stopping_cuts_off_what_does_not_end),
        cmocka_unit_test(wrong_settings_are_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
