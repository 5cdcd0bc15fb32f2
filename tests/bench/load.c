/*
 * Load on an API server, the same for each: HTTP/1.1 on kept-alive TLS connections, a bearer token, one thread.
 *
 *   load requests SERVER IN_FLIGHT COUNT FIRST METHOD PATH [BODY]   COUNT requests, IN_FLIGHT at a time; a line of figures
 *   load watch SERVER WATCHERS WRITES PATH WRITE_PATH BODY          how long after a write was sent each watcher has seen it
 *
 * SERVER is 127.0.0.1:PORT. BODY is a file. "@@" in PATH and BODY becomes the number of the request, from FIRST on. The token comes from $LOAD_TOKEN.
 * Prints `requests=.. failed=.. seconds=.. p50_ms=.. p99_ms=.. max_ms=.. bytes=.. own_cpu=..`; own_cpu is this program's share of one core.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/strbuf.h"

enum { BLOCK_BYTES = 64 * 1024, MOST_CONNECTIONS = 4096, MOST_BYTES = 64 * 1024 * 1024, HEAD_BYTES = 16 * 1024, WAIT_MS = 60 * 1000, WRITE_PAUSE_MS = 20 };

struct connection {
    int fd;
    SSL *ssl;
    bool wants_write;
    struct strbuf out; /* the request, sent up to `sent` */
    size_t sent;
    char head[HEAD_BYTES]; /* of the answer; also the line of a chunk's size */
    size_t head_len;
    enum { IN_HEAD, IN_BODY, IN_CHUNK_SIZE, IN_CHUNK, IN_CHUNK_END, IN_TRAILER, IN_NOTHING } state;
    uint64_t left; /* of the body, or the chunk */
    int status;
    int64_t begun_ns;
};

static struct load {
    struct sockaddr_in address;
    const char *server, *token;
    SSL_CTX *tls;
    int epoll;
    struct connection *connections;
    size_t count, next, last, answered, failed;
    const char *method, *path;
    struct strbuf body, scratch;
    int64_t *took_ns; /* one an answer, or one a watcher and write */
    size_t took_count;
    uint64_t bytes;
    int64_t write_ns; /* the present write's, of `watch` */
    size_t seen; /* by how many watchers */
    bool is_watching, is_write_answered;
    char block[BLOCK_BYTES];
} load;

static int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static _Noreturn void give_up(const char *what) {
    fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    exit(2);
}

/* ---- requests ---- */

/* Appends `text` with each "@@" replaced by the number. */
static void append_numbered(struct strbuf *out, struct str text, size_t number) {
    for (;;) {
        size_t at = str_find(text, STR("@@"));
        strbuf_append(out, at == SIZE_MAX ? text : str_first(text, at));
        if (at == SIZE_MAX) return;
        strbuf_printf(out, "%zu", number);
        text = str_from(text, at + 2);
    }
}

static void make_request(struct connection *connection, const char *method, const char *path, struct str body, size_t number) {
    struct strbuf *out = &connection->out;
    strbuf_clear(out);
    strbuf_clear(&load.scratch);
    append_numbered(&load.scratch, body, number);
    strbuf_printf(out, "%s ", method);
    append_numbered(out, str_of(path), number);
    strbuf_printf(out, " HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nUser-Agent: load\r\nAccept: application/json\r\n", load.server, load.token);
    if (body.len) strbuf_printf(out, "Content-Type: application/json\r\nContent-Length: %zu\r\n", load.scratch.len);
    strbuf_append(out, STR("\r\n"));
    strbuf_append(out, strbuf_view(&load.scratch));
    if (out->failed) give_up("a request is too long");
    connection->sent = 0;
    connection->state = IN_HEAD;
    connection->head_len = 0;
    connection->begun_ns = now_ns();
}

/* The next of the numbered requests; false: there is none. */
static bool take_next(struct connection *connection) {
    connection->state = IN_NOTHING;
    if (load.next == load.last) return false;
    make_request(connection, load.method, load.path, strbuf_view(&load.body), load.next++);
    return true;
}

static void answer_is_whole(struct connection *connection) {
    if (connection->status < 200 || connection->status > 299) {
        if (!load.failed++) fprintf(stderr, "load: the first refusal: %d\n", connection->status);
    }
    connection->state = IN_NOTHING;
    if (load.is_watching) {
        load.is_write_answered = true;
        return;
    }
    load.took_ns[load.took_count++] = now_ns() - connection->begun_ns;
    load.answered++;
    take_next(connection);
}

/* ---- answers ---- */

static const char *header(const struct connection *connection, const char *name) {
    const char *found = strcasestr(connection->head, name);
    return found ? found + strlen(name) : NULL;
}

static void head_is_whole(struct connection *connection) {
    connection->head[connection->head_len] = 0;
    connection->status = (int)strtol(connection->head + 9, NULL, 10);
    const char *length = header(connection, "\r\nContent-Length:"), *coding = header(connection, "\r\nTransfer-Encoding:");
    connection->head_len = 0;
    connection->left = length ? strtoull(length, NULL, 10) : 0;
    connection->state = coding ? IN_CHUNK_SIZE : IN_BODY;
}

/* A watcher has seen the next write. */
static void count_lines(const char *bytes, size_t size) {
    for (const char *at = bytes, *end = bytes + size; (at = memchr(at, '\n', (size_t)(end - at))); at++) {
        load.took_ns[load.took_count++] = now_ns() - load.write_ns;
        load.seen++;
    }
}

/* Collects bytes up to the end of a line, or of a head; how many of them were taken. *out_is_whole. */
static size_t take_text(struct connection *connection, const char *bytes, size_t size, const char *end, bool *out_is_whole) {
    size_t end_len = strlen(end);
    for (size_t i = 0; i < size; i++) {
        if (connection->head_len + 1 == HEAD_BYTES) give_up("an answer's head is too long");
        connection->head[connection->head_len++] = bytes[i];
        *out_is_whole = connection->head_len >= end_len && !memcmp(connection->head + connection->head_len - end_len, end, end_len);
        if (*out_is_whole) return i + 1;
    }
    return size;
}

static size_t take_some(struct connection *connection, const char *bytes, size_t size) {
    bool is_whole = false;
    bool is_head = connection->state == IN_HEAD;
    if (connection->state == IN_BODY || connection->state == IN_CHUNK) {
        size_t used = size < connection->left ? size : (size_t)connection->left;
        if (load.is_watching && connection != load.connections) count_lines(bytes, used);
        connection->left -= used;
        if (!connection->left && connection->state == IN_CHUNK) connection->state = IN_CHUNK_END;
        return used;
    }
    size_t used = take_text(connection, bytes, size, is_head ? "\r\n\r\n" : "\r\n", &is_whole);
    if (!is_whole) return used;
    if (is_head) {
        head_is_whole(connection);
        return used;
    }
    connection->head[connection->head_len] = 0;
    connection->head_len = 0;
    if (connection->state == IN_CHUNK_END) {
        connection->state = IN_CHUNK_SIZE;
    } else if (connection->state == IN_TRAILER) {
        connection->state = IN_BODY;
    } else {
        connection->left = strtoull(connection->head, NULL, 16);
        connection->state = connection->left ? IN_CHUNK : IN_TRAILER;
    }
    return used;
}

static void take(struct connection *connection, const char *bytes, size_t size) {
    load.bytes += size;
    while (size || (connection->state == IN_BODY && !connection->left)) {
        if (connection->state == IN_NOTHING) give_up("an answer to no request");
        size_t used = take_some(connection, bytes, size);
        bytes += used;
        size -= used;
        if (connection->state == IN_BODY && !connection->left) answer_is_whole(connection);
    }
}

/* ---- connections ---- */

static void await_writable(struct connection *connection, bool is_awaited) {
    if (connection->wants_write == is_awaited) return;
    connection->wants_write = is_awaited;
    struct epoll_event event = {.events = EPOLLIN | (is_awaited ? (uint32_t)EPOLLOUT : 0), .data.ptr = connection};
    epoll_ctl(load.epoll, EPOLL_CTL_MOD, connection->fd, &event);
}

static void flush(struct connection *connection) {
    while (connection->sent < connection->out.len) {
        int sent = SSL_write(connection->ssl, connection->out.ptr + connection->sent, (int)(connection->out.len - connection->sent));
        if (sent <= 0) break;
        connection->sent += (size_t)sent;
    }
    await_writable(connection, connection->sent < connection->out.len);
}

static void run(struct connection *connection) {
    flush(connection);
    for (;;) {
        int got = SSL_read(connection->ssl, load.block, BLOCK_BYTES);
        if (got <= 0) {
            int why = SSL_get_error(connection->ssl, got);
            if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE) give_up("the server has closed a connection");
            return;
        }
        take(connection, load.block, (size_t)got);
        if (connection->sent < connection->out.len) flush(connection);
    }
}

static void connect_one(struct connection *connection) {
    int one = 1;
    connection->out = strbuf_with_max(MOST_BYTES);
    connection->state = IN_NOTHING;
    connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connection->fd < 0 || connect(connection->fd, (struct sockaddr *)&load.address, sizeof load.address)) give_up("connect");
    setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    connection->ssl = SSL_new(load.tls);
    if (!connection->ssl || !SSL_set_fd(connection->ssl, connection->fd) || SSL_connect(connection->ssl) != 1) give_up("TLS");
    if (fcntl(connection->fd, F_SETFL, O_NONBLOCK)) give_up("fcntl");
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    if (epoll_ctl(load.epoll, EPOLL_CTL_ADD, connection->fd, &event)) give_up("epoll");
}

static void connect_all(size_t count) {
    const char *colon = strchr(load.server, ':');
    load.address = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)strtoul(colon ? colon + 1 : "0", NULL, 10))};
    inet_pton(AF_INET, "127.0.0.1", &load.address.sin_addr);
    load.epoll = epoll_create1(EPOLL_CLOEXEC);
    load.tls = SSL_CTX_new(TLS_client_method());
    load.connections = calloc(count, sizeof *load.connections);
    if (load.epoll < 0 || !load.tls || !load.connections) give_up("start");
    SSL_CTX_set_mode(load.tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    load.count = count;
    for (size_t i = 0; i < count; i++) connect_one(&load.connections[i]);
}

/* One turn; false: nothing came within that time. */
static bool turn(int wait_ms) {
    struct epoll_event events[64];
    int count = epoll_wait(load.epoll, events, 64, wait_ms);
    for (int i = 0; i < count; i++) run(events[i].data.ptr);
    return count > 0;
}

/* ---- figures ---- */

static int compare(const void *a, const void *b) {
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

static double quantile_ms(double share) {
    if (!load.took_count) return 0;
    return (double)load.took_ns[(size_t)(share * (double)(load.took_count - 1))] / 1e6;
}

static double own_seconds(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void print_figures(int64_t begun_ns, double own_before) {
    double seconds = (double)(now_ns() - begun_ns) / 1e9, own = own_seconds() - own_before;
    qsort(load.took_ns, load.took_count, sizeof *load.took_ns, compare);
    printf("requests=%zu failed=%zu seconds=%.4f p50_ms=%.3f p99_ms=%.3f max_ms=%.3f bytes=%" PRIu64 " own_cpu=%.2f\n", load.took_count, load.failed,
           seconds, quantile_ms(0.5), quantile_ms(0.99), quantile_ms(1), load.bytes, own / seconds);
}

static void read_body(const char *path) {
    FILE *file = fopen(path, "re");
    if (!file) give_up(path);
    for (size_t got; (got = fread(load.block, 1, BLOCK_BYTES, file));) strbuf_append(&load.body, (struct str){load.block, got});
    fclose(file);
}

static size_t number_of(const char *text, size_t most) {
    size_t number = strtoull(text, NULL, 10);
    if (number > most) give_up("a number is too large");
    return number;
}

static int run_requests(int argc, char **argv) {
    size_t in_flight = number_of(argv[3], MOST_CONNECTIONS), count = number_of(argv[4], 10 * 1000 * 1000);
    load.next = number_of(argv[5], SIZE_MAX / 2);
    load.last = load.next + count;
    load.method = argv[6];
    load.path = argv[7];
    if (argc > 8) read_body(argv[8]);
    load.took_ns = calloc(count + 1, sizeof *load.took_ns);
    if (!load.took_ns) give_up("memory");
    connect_all(in_flight);
    double own = own_seconds();
    int64_t begun_ns = now_ns();
    for (size_t i = 0; i < load.count && take_next(&load.connections[i]); i++) flush(&load.connections[i]);
    while (load.answered < count) {
        if (!turn(WAIT_MS)) give_up("no answer for a minute");
    }
    print_figures(begun_ns, own);
    return load.failed > 0;
}

/* Connection 0 writes, the others watch. A write is sent when all have seen the one before it. */
static int run_watch(char **argv) {
    size_t watchers = number_of(argv[3], MOST_CONNECTIONS - 1), writes = number_of(argv[4], 100 * 1000);
    read_body(argv[7]);
    load.took_ns = calloc(watchers * writes + 1, sizeof *load.took_ns);
    if (!load.took_ns) give_up("memory");
    load.is_watching = true;
    connect_all(watchers + 1);
    for (size_t i = 1; i < load.count; i++) {
        make_request(&load.connections[i], "GET", argv[5], STR_EMPTY, i);
        flush(&load.connections[i]);
    }
    for (size_t up = 0; up < watchers;) {
        if (!turn(WAIT_MS)) give_up("a watch does not begin within a minute");
        up = 0;
        for (size_t i = 1; i < load.count; i++) up += load.connections[i].state != IN_HEAD;
    }
    double own = own_seconds();
    int64_t begun_ns = now_ns();
    for (size_t write = 0; write < writes; write++) {
        while (turn(WRITE_PAUSE_MS)) continue; /* quiet, so that each write is measured by itself */
        load.seen = 0;
        load.is_write_answered = false;
        make_request(&load.connections[0], "POST", argv[6], strbuf_view(&load.body), write);
        load.write_ns = now_ns();
        flush(&load.connections[0]);
        while (load.seen < watchers || !load.is_write_answered) {
            if (!turn(WAIT_MS)) give_up("a watcher has not seen a write for a minute");
        }
    }
    print_figures(begun_ns, own);
    return load.failed > 0;
}

int main(int argc, char **argv) {
    load.token = getenv("LOAD_TOKEN");
    load.body = strbuf_with_max(MOST_BYTES);
    load.scratch = strbuf_with_max(MOST_BYTES);
    if (argc > 2) load.server = argv[2];
    if (load.token && argc >= 8 && !strcmp(argv[1], "requests")) return run_requests(argc, argv);
    if (load.token && argc == 8 && !strcmp(argv[1], "watch")) return run_watch(argv);
    fprintf(stderr, "load: see the head of tests/bench/load.c for its arguments\n");
    return 2;
}
