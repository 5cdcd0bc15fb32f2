/*
 * How many small requests the server answers over TLS, and what an idle stream costs it.
 *
 *   bench_server [REQUESTS [CONNECTIONS [STREAMS]]]
 *
 * The clients are another process, each connection with one request under way; the server's own processor time is what counts, since both
 * processes may share a core.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/number.h"
#include "io/certificates.h"
#include "io/server.h"

enum {
    CONNECTIONS_MAX = 4000,
    /* Bounds: at least, and at most. */
    REQUESTS_PER_SECOND = 20000,
    STREAM_KIB = 40,
};

#define REQUEST                                                                                                                            \
    "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: kubectl/v1.35.0 (linux/amd64)\r\nAccept: application/json\r\n"                      \
    "Accept-Encoding: gzip\r\nAuthorization: Bearer 0123456789abcdef0123456789abcdef\r\n\r\n"

static void die(const char *what) {
    perror(what);
    _exit(1);
}

/* the clients' process */

static SSL *connect_to(unsigned port, SSL_CTX *tls) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    SSL *ssl = SSL_new(tls);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0) die("connect");
    SSL_set_fd(ssl, fd);
    if (SSL_connect(ssl) != 1) die("TLS");
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return ssl;
}

static void send_request(SSL *ssl, const char *path) {
    char text[512];
    int length = snprintf(text, sizeof text, REQUEST, path);
    if (SSL_write(ssl, text, length) != length) die("send");
}

/* An answer comes in one record. True when it is there. */
static bool take_answer(SSL *ssl) {
    char room[16384];
    int count = SSL_read(ssl, room, sizeof room);
    if (count > 0) return true;
    if (SSL_get_error(ssl, count) != SSL_ERROR_WANT_READ) die("receive");
    return false;
}

static void open_all(unsigned port, SSL_CTX *tls, SSL **connections, struct pollfd *polled, size_t count, const char *path) {
    for (size_t i = 0; i < count; i++) {
        connections[i] = connect_to(port, tls);
        polled[i] = (struct pollfd){.fd = SSL_get_fd(connections[i]), .events = POLLIN};
        send_request(connections[i], path);
    }
}

static SSL *connections[CONNECTIONS_MAX];
static struct pollfd polled[CONNECTIONS_MAX];

/* A byte to the server when all are connected and when all is answered. */
static void request(unsigned port, SSL_CTX *tls, size_t count, size_t connection_count, int to_server) {
    open_all(port, tls, connections, polled, connection_count, "/small");
    if (write(to_server, "b", 1) != 1) die("pipe");
    for (size_t answered = 0; answered < count;) {
        if (poll(polled, connection_count, -1) < 0) die("poll");
        for (size_t i = 0; i < connection_count; i++) {
            if (!polled[i].revents || !take_answer(connections[i])) continue;
            answered++;
            send_request(connections[i], "/small");
        }
    }
    if (write(to_server, "e", 1) != 1) die("pipe");
}

static void hold_streams(unsigned port, SSL_CTX *tls, size_t count, int to_server) {
    open_all(port, tls, connections, polled, count, "/stream");
    for (size_t i = 0; i < count; i++)
        while (!take_answer(connections[i])) poll(&polled[i], 1, -1);
    if (write(to_server, "e", 1) != 1) die("pipe");
    pause();
}

/* the server's process */

static struct loop *loop;
static struct blob *answer;
static double began_wall_s, began_cpu_s;

static double seconds(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static size_t anonymous_bytes(void) {
    char line[256];
    size_t kib = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, "RssAnon:", 8) == 0) kib = strtoul(line + 8, NULL, 10);
    if (file) fclose(file);
    return kib * 1024;
}

static void handle(void *owner, struct exchange *exchange) {
    (void)owner;
    if (str_is(exchange->path, "/small"))
        exchange_answer(exchange, 200, STR("application/json"), NULL, 0, answer);
    else
        exchange_begin(exchange, 200, STR("application/json"), NULL, 0);
}

static void hear(void *owner, int fd, bool is_readable, bool is_writable) {
    char word;
    (void)owner, (void)is_readable, (void)is_writable;
    if (read(fd, &word, 1) == 1 && word == 'b') {
        began_wall_s = seconds(CLOCK_MONOTONIC);
        began_cpu_s = seconds(CLOCK_PROCESS_CPUTIME_ID);
    } else {
        loop_stop(loop);
    }
}

static SSL_CTX *trusting(const struct certificate_pair *authority) {
    SSL_CTX *tls = SSL_CTX_new(TLS_client_method());
    BIO *bio = BIO_new_mem_buf(authority->certificate.ptr, (int)authority->certificate.len);
    X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    X509_STORE_add_cert(SSL_CTX_get_cert_store(tls), certificate);
    SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
    X509_free(certificate);
    BIO_free(bio);
    return tls;
}

/* Runs the loop until the clients say that they are done. */
static pid_t run_clients(unsigned port, const struct certificate_pair *authority, size_t requests, size_t connection_count) {
    int pipe_fds[2];
    if (pipe(pipe_fds) != 0) die("pipe");
    pid_t child = fork();
    if (child == 0) {
        SSL_CTX *tls = trusting(authority);
        if (requests)
            request(port, tls, requests, connection_count, pipe_fds[1]);
        else
            hold_streams(port, tls, connection_count, pipe_fds[1]);
        _exit(0);
    }
    close(pipe_fds[1]);
    struct loop_socket *socket = loop_socket_new(loop, pipe_fds[0], hear, NULL);
    loop_socket_want(socket, true, false);
    loop_run(loop);
    loop_socket_free(socket);
    close(pipe_fds[0]);
    return child;
}

static struct certificate_pair make(enum certificate_use use, const struct certificate_pair *issuer) {
    const struct str address = STR("127.0.0.1");
    const int64_t now_ms = loop_wall_ms(loop);
    struct certificate_pair pair = {0};
    const struct certificate_order order = {.use = use,
                                            .name = use == CERTIFICATE_SERVER ? STR("server") : STR("authority"),
                                            .alternative_names = &address,
                                            .alternative_name_count = use == CERTIFICATE_SERVER,
                                            .from_ms = now_ms - 60000,
                                            .until_ms = now_ms + 3600000};
    if (!certificate_make(&order, issuer, &pair, NULL)) die("certificate");
    return pair;
}

static size_t number(int argc, char **argv, int index, int64_t usual) {
    int64_t value = usual;
    if (index < argc && (!number_parse_int64(str_of(argv[index]), &value) || value < 1)) die(argv[index]);
    return (size_t)value;
}

int main(int argc, char **argv) {
    size_t requests = number(argc, argv, 1, 100000), connection_count = number(argc, argv, 2, 32), streams = number(argc, argv, 3, 1000);
    struct error error = {0};
    if (connection_count > CONNECTIONS_MAX || streams > CONNECTIONS_MAX) die("at most 4000 connections");
    loop = loop_new(NULL);
    answer = blob_new(STR("{\"kind\":\"Lease\",\"apiVersion\":\"coordination.k8s.io/v1\",\"metadata\":{\"name\":\"small\"},\"spec\":{}}"));
    struct certificate_pair authority = make(CERTIFICATE_AUTHORITY, NULL), pair = make(CERTIFICATE_SERVER, &authority);
    const struct server_settings settings = {
        .listen = STR("127.0.0.1:0"), .certificate = strbuf_view(&pair.certificate), .key = strbuf_view(&pair.key), .handler = handle};
    struct server *server = server_new(loop, &settings, &error);
    if (!server) die(error.message);

    pid_t child = run_clients(server_port(server), &authority, requests, connection_count);
    double wall_s = seconds(CLOCK_MONOTONIC) - began_wall_s, cpu_s = seconds(CLOCK_PROCESS_CPUTIME_ID) - began_cpu_s;
    int status = 0;
    waitpid(child, &status, 0);
    if (status) return 1;
    double rate = (double)requests / cpu_s;
    printf("server: %.0f requests/s over TLS on one core, at least %d; %.0f/s with the clients on this machine, %zu connections\n", rate,
           REQUESTS_PER_SECOND, (double)requests / wall_s, connection_count);

    size_t before = anonymous_bytes();
    child = run_clients(server_port(server), &authority, 0, streams);
    double stream_kib = (double)(anonymous_bytes() - before) / 1024 / (double)streams;
    printf("server: %.1f KiB for an idle TLS stream, at most %d; %zu streams\n", stream_kib, STREAM_KIB, streams);
    kill(child, SIGTERM);
    waitpid(child, NULL, 0);

    server_free(server);
    blob_drop(answer);
    certificate_pair_release(&authority);
    certificate_pair_release(&pair);
    loop_free(loop);
    return rate < REQUESTS_PER_SECOND || stream_kib > STREAM_KIB;
}
