#include "io/server.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/number.h"
#include "io/server_inner.h"

enum {
    BACKLOG = 1024,
    /* New connections of one turn: a handshake is some 0.3 ms of work, but comes with the connection's first bytes. */
    TURN_CONNECTIONS = 64,
    /* The ready connections' turn, before sockets have theirs. */
    TURN_MS = 1,
    /* When file descriptors are out. */
    ACCEPT_PAUSE_MS = 100,
    /* A peer that is gone without a word is noticed by then: as in the client. */
    USER_TIMEOUT_MS = 20000,
    KEEPALIVE_IDLE_S = 15,
    KEEPALIVE_INTERVAL_S = 5,
    KEEPALIVE_COUNT = 3,
};

/* addresses */

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_storage room;
};

/* "127.0.0.1:80", "[::1]:80"; the port in host order. */
static unsigned print_address(const union address *address, char *room, size_t size) {
    char host[INET6_ADDRSTRLEN] = "";
    bool is_v6 = address->any.sa_family == AF_INET6;
    unsigned port = ntohs(is_v6 ? address->v6.sin6_port : address->v4.sin_port);
    inet_ntop(address->any.sa_family, is_v6 ? (const void *)&address->v6.sin6_addr : (const void *)&address->v4.sin_addr, host,
              sizeof host);
    snprintf(room, size, is_v6 ? "[%s]:%u" : "%s:%u", host, port);
    return port;
}

/* Numbers only: a name could mean several addresses, and looking it up would hold up the loop. */
static struct addrinfo *read_address(struct str listen, struct error *error) {
    char text[64];
    struct addrinfo *found = NULL;
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE};
    snprintf(text, sizeof text, "%.*s", STR_ARG(listen));
    char *colon = strrchr(text, ':'), *host = text;
    if (colon && listen.len < sizeof text) {
        *colon = 0;
        if (host[0] == '[' && colon[-1] == ']') {
            colon[-1] = 0;
            host++;
        }
        /* getaddrinfo takes 99999 for 34463. */
        int64_t port;
        bool is_port = number_parse_int64(str_of(colon + 1), &port) && port >= 0 && port <= UINT16_MAX;
        if (host[0] && is_port && getaddrinfo(host, colon + 1, &hints, &found) == 0) return found;
    }
    error_set(error, ERROR_INVALID, "cannot listen on %s: expected an IP address and a port, as in 127.0.0.1:6443 or [::1]:0",
              QUOTE(listen));
    return NULL;
}

static const char *remedy_of(int number) {
    switch (number) {
    case EADDRINUSE: return "; give another port";
    case EACCES: return "; give a port from 1024 on";
    case EADDRNOTAVAIL: return "; give an address that this machine has";
    default: return "";
    }
}

static bool open_socket(struct server *server, struct str listen_on, struct error *error) {
    struct addrinfo *address = read_address(listen_on, error);
    union address bound;
    socklen_t size = sizeof bound;
    int yes = 1;
    if (!address) return false;
    server->fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    bool is_open = server->fd >= 0 && setsockopt(server->fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0 &&
                   bind(server->fd, address->ai_addr, address->ai_addrlen) == 0 && listen(server->fd, BACKLOG) == 0 &&
                   getsockname(server->fd, &bound.any, &size) == 0;
    freeaddrinfo(address);
    if (!is_open) return error_set(error, ERROR_IO, "cannot listen on %s: %s%s", QUOTE(listen_on), strerror(errno), remedy_of(errno));
    server->port = print_address(&bound, server->address, sizeof server->address);
    return true;
}

/* new connections */

static void prepare_socket(int fd) {
    int yes = 1, idle_s = KEEPALIVE_IDLE_S, interval_s = KEEPALIVE_INTERVAL_S, count = KEEPALIVE_COUNT;
    unsigned timeout_ms = USER_TIMEOUT_MS;
    /* Without it a small answer waits for the acknowledgement of the one before: 40 ms. */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof yes);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof interval_s);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof timeout_ms);
}

static bool make_room(struct server *server) {
    struct connection *connection;
    TAILQ_FOREACH(connection, &server->connections, link) {
        if (connection->wait == WAIT_NONE) continue;
        connection_cut(connection);
        return true;
    }
    return false;
}

static void welcome(struct server *server, int fd, const union address *address) {
    char peer[56];
    bool is_full = server->connection_count >= server->limits.connections;
    if (is_full && !(server->limits.is_oldest_cut && make_room(server))) {
        close(fd);
        return;
    }
    prepare_socket(fd);
    print_address(address, peer, sizeof peer);
    connection_new(server, fd, peer);
}

static void accept_ready(void *owner, int fd, bool is_readable, bool is_writable) {
    struct server *server = owner;
    (void)is_readable, (void)is_writable;
    for (int i = 0; i < TURN_CONNECTIONS; i++) {
        union address address;
        socklen_t size = sizeof address;
        int accepted = accept4(fd, &address.any, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (accepted >= 0) {
            welcome(server, accepted, &address);
            continue;
        }
        if (errno == EAGAIN || errno == EWOULDBLOCK) return;
        bool is_out_of_room = errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM;
        if (!is_out_of_room) continue; /* that connection broke before it was ours */
        server->is_accept_paused = true;
        loop_socket_want(server->socket, false, false);
        server_watch_deadline(server, loop_now_ms(server->loop) + ACCEPT_PAUSE_MS);
        return;
    }
}

/* deadlines: one timer for all connections, set for the soonest; a deadline that moves away costs nothing until it fires */

void server_watch_deadline(struct server *server, int64_t deadline_ms) {
    if (deadline_ms >= server->sweep_ms) return;
    server->sweep_ms = deadline_ms;
    loop_timer_set(server->sweep, deadline_ms);
}

static void sweep(void *owner) {
    struct server *server = owner;
    int64_t now_ms = loop_now_ms(server->loop);
    bool is_over = server->is_stopping && server->stop_deadline_ms <= now_ms;
    server->sweep_ms = INT64_MAX;
    for (struct connection *connection = TAILQ_FIRST(&server->connections), *next; connection; connection = next) {
        next = TAILQ_NEXT(connection, link);
        if (is_over) {
            connection_cut(connection);
            continue;
        }
        int64_t deadline_ms = connection->deadline_ms;
        if (deadline_ms > now_ms)
            server_watch_deadline(server, deadline_ms);
        else
            connection_expire(connection, now_ms);
    }
    if (server->is_stopping && !is_over) server_watch_deadline(server, server->stop_deadline_ms);
    if (server->is_accept_paused && server->socket) {
        server->is_accept_paused = false;
        loop_socket_want(server->socket, true, false);
    }
}

/* the deferred call */

static void tell_stopped(struct server *server) {
    loop_callback *stopped = server->stopped;
    if (!server->is_stopping || server->connection_count || !stopped) return;
    server->stopped = NULL;
    stopped(server->stopped_owner); /* may free the server */
}

static void work(void *owner) {
    struct server *server = owner;
    int64_t until_ms = loop_now_ms(server->loop) + TURN_MS;
    struct connection *connection;
    while ((connection = TAILQ_FIRST(&server->ready)) != NULL) {
        if (loop_now_ms(server->loop) > until_ms) {
            loop_deferred_call(server->work);
            return;
        }
        TAILQ_REMOVE(&server->ready, connection, ready_link);
        connection->is_ready = false;
        connection_run(connection, false);
    }
    tell_stopped(server);
}

void server_forget(struct server *server, struct connection *connection) {
    TAILQ_REMOVE(&server->connections, connection, link);
    server->connection_count--;
    if (server->is_stopping && !server->connection_count) loop_deferred_call(server->work);
}

/* the server */

static void use_limits(struct server_limits *limits) {
    const struct server_limits usual = {
        .head_ms = LIMIT_REQUEST_HEAD_MS,
        .body_ms = LIMIT_REQUEST_BODY_MS,
        .idle_ms = LIMIT_CONNECTION_IDLE_MS,
        .stall_ms = LIMIT_ANSWER_STALL_MS,
        .head_bytes = LIMIT_REQUEST_HEAD_BYTES,
        .body_bytes = LIMIT_REQUEST_BODY_BYTES,
        .bodies_bytes = LIMIT_REQUEST_BODIES_BYTES,
        .stream_bytes = LIMIT_STREAM_BYTES,
        .connections = LIMIT_CONNECTIONS,
    };
    if (!limits->head_ms) limits->head_ms = usual.head_ms;
    if (!limits->body_ms) limits->body_ms = usual.body_ms;
    if (!limits->idle_ms) limits->idle_ms = usual.idle_ms;
    if (!limits->stall_ms) limits->stall_ms = usual.stall_ms;
    if (!limits->head_bytes) limits->head_bytes = usual.head_bytes;
    if (!limits->body_bytes) limits->body_bytes = usual.body_bytes;
    if (!limits->bodies_bytes) limits->bodies_bytes = usual.bodies_bytes;
    if (!limits->stream_bytes) limits->stream_bytes = usual.stream_bytes;
    if (!limits->connections) limits->connections = usual.connections;
}

static bool set_up(struct server *server, const struct server_settings *settings, struct error *error) {
    if (settings->certificate.len || settings->key.len) {
        server->tls = tls_context_new(settings, error);
        if (!server->tls) return false;
    } else if (settings->client_ca.len) {
        return error_set(error, ERROR_INVALID, "a client certificate authority needs TLS: give the server a certificate and a key");
    }
    if (!open_socket(server, settings->listen, error)) return false;
    server->last_chunk = blob_new(STR("0\r\n\r\n"));
    server->work = loop_deferred_new(server->loop, work, server);
    server->sweep = loop_timer_new(server->loop, sweep, server);
    server->socket = loop_socket_new(server->loop, server->fd, accept_ready, server);
    if (server->last_chunk && server->work && server->sweep && server->socket && loop_socket_want(server->socket, true, false)) return true;
    return error_set(error, ERROR_MEMORY, "out of memory");
}

struct server *server_new(struct loop *loop, const struct server_settings *settings, struct error *error) {
    struct server *server = calloc(1, sizeof *server);
    if (!server) {
        error_set(error, ERROR_MEMORY, "out of memory");
        return NULL;
    }
    server->loop = loop;
    server->handler = settings->handler;
    server->owner = settings->owner;
    server->limits = settings->limits;
    server->fd = -1;
    server->sweep_ms = INT64_MAX;
    TAILQ_INIT(&server->connections);
    TAILQ_INIT(&server->ready);
    use_limits(&server->limits);
    if (set_up(server, settings, error)) return server;
    server_free(server);
    return NULL;
}

struct str server_address(const struct server *server) {
    return str_of(server->address);
}

unsigned server_port(const struct server *server) {
    return server->port;
}

size_t server_connection_count(const struct server *server) {
    return server->connection_count;
}

static void stop_listening(struct server *server) {
    loop_socket_free(server->socket);
    server->socket = NULL;
    if (server->fd >= 0) close(server->fd);
    server->fd = -1;
}

void server_stop(struct server *server, int64_t grace_ms, loop_callback *stopped, void *owner) {
    assert(!server->is_stopping);
    server->is_stopping = true;
    server->stop_deadline_ms = loop_now_ms(server->loop) + grace_ms;
    server->stopped = stopped;
    server->stopped_owner = owner;
    stop_listening(server);
    for (struct connection *connection = TAILQ_FIRST(&server->connections), *next; connection; connection = next) {
        next = TAILQ_NEXT(connection, link);
        connection_retire(connection);
    }
    server_watch_deadline(server, server->stop_deadline_ms);
    loop_deferred_call(server->work);
}

void server_free(struct server *server) {
    if (!server) return;
    while (!TAILQ_EMPTY(&server->connections)) connection_cut(TAILQ_FIRST(&server->connections));
    stop_listening(server);
    loop_deferred_free(server->work);
    loop_timer_free(server->sweep);
    blob_drop(server->last_chunk);
    SSL_CTX_free(server->tls);
    free(server);
}
