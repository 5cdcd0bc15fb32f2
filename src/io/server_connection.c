#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "io/server_inner.h"

enum {
    /* What one connection may read, and how many requests it may have answered, before the others have their turn. */
    TURN_BYTES = 256 * 1024,
    TURN_REQUESTS = 16,
    /* A peer has this long to read a refusal and close: Go's server grants 0.5 s, nginx 5 s. */
    LINGER_MS = 2000,
};

/* the life of a connection */

static void uncount_body(struct connection *connection) {
    connection->server->bodies_bytes -= connection->counted_body_bytes;
    connection->counted_body_bytes = 0;
}

static void destroy(struct connection *connection) {
    struct server *server = connection->server;
    uncount_body(connection);
    if (connection->is_ready) TAILQ_REMOVE(&server->ready, connection, ready_link);
    request_parser_reset(&connection->parser);
    strbuf_release(&connection->ahead);
    output_release(&connection->output);
    arena_release(&connection->identity.arena);
    loop_socket_free(connection->socket);
    SSL_free(connection->ssl);
    close(connection->fd);
    server_forget(server, connection);
    free(connection);
}

/* The end of its use; it is freed by whoever has it on the stack. */
static void die(struct connection *connection) {
    bool is_with_handler = connection_is_with_handler(connection);
    if (connection->state == CONNECTION_DEAD) return;
    connection->state = CONNECTION_DEAD;
    if (is_with_handler && connection->exchange.on_gone) connection->exchange.on_gone(&connection->exchange);
}

static void socket_is_ready(void *owner, int fd, bool is_readable, bool is_writable) {
    struct connection *connection = owner;
    (void)fd, (void)is_writable;
    connection_run(connection, is_readable || connection->wants_write);
}

/* what it waits for */

static enum connection_wait wait_of(const struct connection *connection) {
    if (connection->state == CONNECTION_LINGERING) return WAIT_LINGER;
    if (!output_is_empty(&connection->output)) return WAIT_PEER;
    if (connection->state != CONNECTION_READING) return WAIT_NONE;
    if (connection->parser.has_head) return WAIT_BODY;
    return connection->is_first || !request_parser_is_fresh(&connection->parser) ? WAIT_HEAD : WAIT_IDLE;
}

static void set_deadline(struct connection *connection, enum connection_wait wait) {
    struct server *server = connection->server;
    const int64_t limits[] = {[WAIT_NONE] = 0,
                              [WAIT_HEAD] = server->limits.head_ms,
                              [WAIT_BODY] = server->limits.body_ms,
                              [WAIT_IDLE] = server->limits.idle_ms,
                              [WAIT_PEER] = server->limits.stall_ms,
                              [WAIT_LINGER] = LINGER_MS};
    connection->wait = wait;
    connection->deadline_ms = wait == WAIT_NONE ? INT64_MAX : loop_now_ms(server->loop) + limits[wait];
    server_watch_deadline(server, connection->deadline_ms);
}

/* What comes behind the request at hand is read too, up to a point: only reading shows that the peer has left. */
static bool wants_read(const struct connection *connection) {
    if (connection->is_read_closed || connection->state == CONNECTION_DEAD) return false;
    bool is_taking = connection->state == CONNECTION_READING || connection->state == CONNECTION_LINGERING;
    return is_taking || connection->ahead.len < LIMIT_REQUEST_HEAD_BYTES;
}

static void schedule(struct connection *connection) {
    if (connection->is_ready) return;
    connection->is_ready = true;
    TAILQ_INSERT_TAIL(&connection->server->ready, connection, ready_link);
    loop_deferred_call(connection->server->work);
}

void connection_wake(struct connection *connection) {
    if (!connection->is_running) schedule(connection);
}

/* Every function that may free a connection ends here. */
static void leave(struct connection *connection, bool has_progress) {
    connection->is_running = false;
    bool wants_write = connection->wants_write || !output_is_empty(&connection->output);
    if (connection->state != CONNECTION_DEAD && !loop_socket_want(connection->socket, wants_read(connection), wants_write)) die(connection);
    if (connection->state == CONNECTION_DEAD) {
        destroy(connection);
        return;
    }
    enum connection_wait wait = wait_of(connection);
    if (wait != connection->wait || (wait == WAIT_PEER && has_progress)) set_deadline(connection, wait);
    if (connection->has_unread && wants_read(connection)) schedule(connection);
}

/* a request comes in */

static void dispatch(struct connection *connection) {
    struct server *server = connection->server;
    struct request_parser *parser = &connection->parser;
    struct identity *identity = &connection->identity;
    if (!connection->is_identity_known) identity_read(connection);
    bool is_known = identity_is_good(connection, loop_wall_ms(server->loop));
    connection->is_first = false;
    connection->is_close_after = !parser->is_keep_alive || server->is_stopping;
    connection->exchange = (struct exchange){
        .ops = &server_exchange_ops,
        .method = parser->method,
        .path = parser->path,
        .query = parser->query,
        .headers = parser->headers,
        .header_count = parser->header_count,
        .body = strbuf_view(&parser->body),
        .peer = str_of(connection->peer),
        .certificate_name = is_known ? identity->name : STR_EMPTY,
        .certificate_groups = is_known ? identity->groups : NULL,
        .certificate_group_count = is_known ? identity->group_count : 0,
    };
    connection->state = CONNECTION_HANDLING;
    server->handler(server->owner, &connection->exchange);
}

static void look_at_parser(struct connection *connection) {
    struct server *server = connection->server;
    struct request_parser *parser = &connection->parser;
    server->bodies_bytes += parser->body.len - connection->counted_body_bytes;
    connection->counted_body_bytes = parser->body.len;
    if (parser->state == REQUEST_FAILED)
        answer_refuse(connection, parser->failure_status, parser->failure);
    else if (server->bodies_bytes > server->limits.bodies_bytes)
        answer_refuse(connection, 503, "too many requests with long bodies are under way; try again later");
    else if (parser->state == REQUEST_DONE)
        dispatch(connection);
    else if (parser->has_head && parser->expects_continue && !connection->is_continue_sent && !parser->body.len)
        answer_continue(connection);
}

static void feed(struct connection *connection, struct str bytes) {
    while (bytes.len && connection->state == CONNECTION_READING) {
        bytes = str_from(bytes, request_parser_feed(&connection->parser, bytes));
        look_at_parser(connection);
    }
    bool is_kept =
        connection->state == CONNECTION_HANDLING || connection->state == CONNECTION_STREAMING || connection->state == CONNECTION_ENDING;
    if (!bytes.len || !is_kept) return;
    strbuf_append(&connection->ahead, bytes);
    if (connection->ahead.failed) die(connection);
}

static void feed_what_lay_ahead(struct connection *connection) {
    if (connection->state != CONNECTION_READING || !connection->ahead.len) return;
    struct strbuf bytes = connection->ahead;
    connection->ahead = strbuf_with_max(bytes.max);
    feed(connection, strbuf_view(&bytes));
    strbuf_release(&bytes);
}

static void read_turn(struct connection *connection) {
    char *room = connection->server->in;
    size_t total = 0;
    connection->has_unread = false;
    while (wants_read(connection)) {
        size_t count;
        if (total >= TURN_BYTES) {
            connection->has_unread = true;
            return;
        }
        enum transfer result = transport_read(connection, room, SERVER_BLOCK_BYTES, &count);
        if (result == TRANSFER_BROKEN) die(connection);
        if (result == TRANSFER_EOF) connection->is_read_closed = true;
        if (result != TRANSFER_DONE) return;
        total += count;
        feed(connection, (struct str){room, count});
        /* A short read has emptied the socket: that spares the call that would say so. */
        if (count < SERVER_BLOCK_BYTES && !transport_has_more(connection)) return;
    }
    connection->has_unread = connection->state != CONNECTION_DEAD && !connection->is_read_closed;
}

/* an answer has gone out */

static void begin_next(struct connection *connection) {
    uncount_body(connection);
    request_parser_reset(&connection->parser);
    connection->is_continue_sent = false;
    connection->wait = WAIT_NONE; /* the next wait begins now, even if it is the same as the last */
    connection->state = CONNECTION_READING;
}

static void finish_answer(struct connection *connection) {
    if (!connection->is_close_after) {
        begin_next(connection);
        return;
    }
    /* Closing a socket with bytes unread resets the connection, and the peer may lose the answer. */
    bool is_in_order = connection->parser.state == REQUEST_DONE && !connection->ahead.len;
    transport_shut(connection);
    if (is_in_order || connection->is_read_closed)
        die(connection);
    else
        connection->state = CONNECTION_LINGERING;
}

/* The peer has closed its side: what is under way ends, an answer is still brought. */
static void heed_read_closed(struct connection *connection) {
    if (!connection->is_read_closed || connection->ahead.len) return;
    switch (connection->state) {
    case CONNECTION_READING:
    case CONNECTION_STREAMING:
    case CONNECTION_LINGERING: die(connection); break;
    case CONNECTION_HANDLING:
    case CONNECTION_ENDING:
    case CONNECTION_DEAD: break;
    }
}

/* Bytes that went out. */
static size_t write_turn(struct connection *connection) {
    size_t count = 0;
    if (connection->state == CONNECTION_DEAD) return 0;
    if (output_flush(connection, &count) == TRANSFER_BROKEN) die(connection);
    return count;
}

void connection_run(struct connection *connection, bool is_readable) {
    bool has_progress = false;
    size_t requests = 0;
    connection->is_running = true;
    if (is_readable || connection->has_unread) {
        feed_what_lay_ahead(connection);
        read_turn(connection);
    }
    for (;;) {
        feed_what_lay_ahead(connection);
        if (write_turn(connection)) has_progress = true;
        heed_read_closed(connection);
        if (connection->state != CONNECTION_ENDING || !output_is_empty(&connection->output)) break;
        finish_answer(connection);
        heed_read_closed(connection);
        if (connection->state != CONNECTION_READING || !connection->ahead.len) break;
        if (++requests == TURN_REQUESTS) {
            schedule(connection);
            break;
        }
    }
    leave(connection, has_progress);
}

/* what the server wants */

struct connection *connection_new(struct server *server, int fd, const char *peer) {
    struct connection *connection = calloc(1, sizeof *connection);
    if (!connection) {
        close(fd);
        return NULL;
    }
    connection->server = server;
    connection->fd = fd;
    connection->is_first = true;
    connection->ahead = strbuf_with_max(LIMIT_REQUEST_HEAD_BYTES + SERVER_BLOCK_BYTES);
    snprintf(connection->peer, sizeof connection->peer, "%s", peer);
    request_parser_init(&connection->parser, server->limits.head_bytes, server->limits.body_bytes);
    connection->socket = loop_socket_new(server->loop, fd, socket_is_ready, connection);
    if (server->tls) connection->ssl = tls_session_new(connection);
    TAILQ_INSERT_TAIL(&server->connections, connection, link);
    server->connection_count++;
    if (!connection->socket || (server->tls && !connection->ssl) || !loop_socket_want(connection->socket, true, false)) {
        destroy(connection);
        return NULL;
    }
    set_deadline(connection, WAIT_HEAD);
    return connection;
}

void connection_expire(struct connection *connection, int64_t now_ms) {
    static const char *const late[] = {
        [WAIT_HEAD] = "the request's headers did not come in time", [WAIT_BODY] = "the request's body did not come in time"};
    if (connection->deadline_ms > now_ms) return;
    connection->is_running = true;
    bool is_request = connection->wait == WAIT_BODY || (connection->wait == WAIT_HEAD && !request_parser_is_fresh(&connection->parser));
    if (is_request) {
        answer_refuse(connection, 408, late[connection->wait]);
        connection_run(connection, false);
        return;
    }
    if (connection->wait == WAIT_IDLE) transport_shut(connection);
    die(connection);
    leave(connection, false);
}

void connection_retire(struct connection *connection) {
    connection->is_close_after = true;
    if (connection->is_running) return; /* its handler stops the server */
    connection->is_running = true;
    bool is_idle = connection->state == CONNECTION_READING && request_parser_is_fresh(&connection->parser) && !connection->ahead.len;
    if (is_idle) {
        transport_shut(connection);
        die(connection);
    }
    leave(connection, false);
}

void connection_cut(struct connection *connection) {
    connection->is_running = true;
    die(connection);
    leave(connection, false);
}
