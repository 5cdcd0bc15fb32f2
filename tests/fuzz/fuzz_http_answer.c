/*
 * What comes back from a server, from the socket on: the first byte says how it is asked for, the rest is sent to the real client. There
 * is exactly one end, within its limits, and it can be told to a person: an answer that reads as one of Kubernetes, or an error with
 * words.
 */
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"
#include "io/http_client.h"
#include "kube/answer.h"

enum { BODY_BYTES = 8192, TURNS = 20000, TIMEOUT_MS = 4000, RETRY_AFTER_MAX_MS = 3600 * 1000 };

/* One connection at a time: reads what is asked, sends what it was given, and has no more to say. */
struct teller {
    struct loop *loop;
    int listener, peer, port;
    struct loop_socket *listening, *talking;
    struct str words;
};

struct asked {
    struct arena *arena;
    size_t ends, bytes;
};

static void hang_up(struct teller *teller) {
    /* Without lingering: a connection for each input would use up the ports. */
    const struct linger at_once = {.l_onoff = 1};
    if (teller->peer < 0) return;
    setsockopt(teller->peer, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    loop_socket_free(teller->talking);
    close(teller->peer);
    teller->peer = -1;
}

static void on_request(void *owner, int fd, bool is_readable, bool is_writable) {
    struct teller *teller = owner;
    char room[4096];
    (void)is_writable;
    if (!is_readable) return;
    if (recv(fd, room, sizeof room, MSG_DONTWAIT) <= 0) {
        loop_socket_want(teller->talking, false, false);
        return;
    }
    if (send(fd, teller->words.ptr, teller->words.len, MSG_NOSIGNAL) >= 0) shutdown(fd, SHUT_WR);
    teller->words = STR_EMPTY;
}

static void on_connection(void *owner, int fd, bool is_readable, bool is_writable) {
    struct teller *teller = owner;
    (void)is_readable, (void)is_writable;
    int peer = accept(fd, NULL, NULL);
    if (peer < 0) return;
    hang_up(teller);
    teller->peer = peer;
    teller->talking = loop_socket_new(teller->loop, peer, on_request, teller);
    fuzz_expect(teller->talking && loop_socket_want(teller->talking, true, false), "no memory");
}

static struct teller *teller_start(void) {
    static struct teller teller = {.peer = -1};
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    struct error error = {0};
    if (teller.loop) return &teller;
    teller.loop = loop_new(&error);
    teller.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool is_listening = teller.loop && teller.listener >= 0 && bind(teller.listener, (struct sockaddr *)&address, size) == 0 &&
                        listen(teller.listener, 16) == 0 && getsockname(teller.listener, (struct sockaddr *)&address, &size) == 0;
    teller.port = ntohs(address.sin_port);
    teller.listening = is_listening ? loop_socket_new(teller.loop, teller.listener, on_connection, &teller) : NULL;
    fuzz_expect(teller.listening && loop_socket_want(teller.listening, true, false), "no server to talk to");
    return &teller;
}

static void expect_words(struct str text) {
    fuzz_expect(str_is_utf8(text), "not UTF-8: %s", QUOTE(text));
    for (size_t i = 0; i < text.len; i++)
        fuzz_expect((unsigned char)text.ptr[i] >= 0x20 && text.ptr[i] != 0x7f, "control characters: %s", QUOTE(text));
}

static void on_answer(void *owner, struct http_answer *answer) {
    struct asked *asked = owner;
    fuzz_expect(++asked->ends == 1, "a second end");
    if (answer->outcome != HTTP_ANSWERED) {
        fuzz_expect_error(&answer->error);
        return;
    }
    fuzz_expect(answer->status >= 100 && answer->status <= 999, "status %d", answer->status);
    fuzz_expect(answer->retry_after_ms >= 0 && answer->retry_after_ms <= RETRY_AFTER_MAX_MS, "a pause of %lld ms",
                (long long)answer->retry_after_ms);
    fuzz_expect(answer->body.len <= BODY_BYTES, "%zu bytes", answer->body.len);
    struct kube_answer read = kube_answer_read(asked->arena, answer->status, answer->retry_after_ms, strbuf_view(&answer->body));
    fuzz_expect(read.kind == KUBE_OK || read.message.len, "a failure without words");
    expect_words(read.message);
    for (struct str rest = answer->warnings; rest.len;) expect_words(kube_warning_text(asked->arena, fuzz_line(&rest)));
}

static void on_open(void *owner, int status) {
    const struct asked *asked = owner;
    fuzz_expect(!asked->ends && status >= 200 && status < 300, "opened with %d", status);
}

static void on_data(void *owner, struct str bytes) {
    struct asked *asked = owner;
    fuzz_expect(!asked->ends, "bytes after the end");
    asked->bytes += bytes.len;
}

FUZZ_TARGET(http_answer) {
    static const struct http_stream_events events = {.on_open = on_open, .on_data = on_data, .on_end = on_answer};
    struct asked asked = {.arena = arena};
    struct error error = {0};
    if (input.len < 2) return;
    struct teller *teller = teller_start();
    teller->words = str_from(input, 1);
    const struct http_client_settings settings = {.base_url = arena_printf(arena, "http://127.0.0.1:%d", teller->port),
                                                  .user_agent = STR("fuzz")};
    struct http_client *client = http_client_new(teller->loop, &settings, &error);
    fuzz_expect(client != NULL, "no client: %s", error.message);
    const struct http_request request = {
        .method = "GET", .path = STR("/"), .accept_gzip = input.ptr[0] & 2, .timeout_ms = TIMEOUT_MS, .max_body_bytes = BODY_BYTES};
    struct http_handle *handle =
        input.ptr[0] & 1 ? http_open(client, &request, &events, &asked) : http_send(client, &request, on_answer, &asked);
    for (size_t i = 0; handle && !asked.ends && i < TURNS; i++) loop_run_once(teller->loop, 1);
    fuzz_expect(!handle || asked.ends == 1, "no end");
    http_client_free(client);
    hang_up(teller);
}
