/*
 * An HTTP/1.1 server, with TLS or without, on the loop: takes requests from sockets and hands each, complete with its body, to one
 * handler as an exchange (exchange.h).
 *
 *   socket -> [TLS] -> request_parser -> handler(owner, exchange) -> answer or stream -> queue of blobs -> [gzip] -> [TLS] -> socket
 *
 * - A connection serves one request after the other (keep-alive); pipelined ones wait their turn.
 * - Nothing is written from within exchange_*: bytes are queued, by reference, and go out once the caller is back on the loop. So the
 *   handler may answer at once, and no callback comes from within a call.
 * - on_gone comes as soon as the peer has closed a stream's connection, when it took nothing for LIMIT_ANSWER_STALL_MS, when the connection
 *   broke, and when the server is freed. A peer that has only closed its sending side still gets a whole answer.
 * - What is wrong before there is a request (garbage, too long, too slow) is answered here, in plain text, and the connection closed.
 * - Whole answers over SERVER_GZIP_BYTES are compressed for a GET whose sender takes gzip, as kube-apiserver does; a piece at a time.
 * - A client certificate is asked for when there is a client authority, never insisted on. One that does not verify, or has run out since,
 *   counts as none: what that means is the handler's business, as with kube-apiserver.
 */
#ifndef MB_IO_SERVER_H
#define MB_IO_SERVER_H

#include "io/exchange.h"
#include "io/loop.h"

enum { SERVER_GZIP_BYTES = 128 * 1024 };

struct server;

/* 0: that of limits.h. */
struct server_limits {
    int64_t head_ms, body_ms, idle_ms, stall_ms;
    size_t head_bytes, body_bytes, bodies_bytes, stream_bytes;
    size_t connections;
    bool is_oldest_cut; /* at `connections`: the oldest that waits for its peer makes room; else the new one is refused */
};

struct server_settings {
    struct str listen;           /* "127.0.0.1:6443", "[::1]:0"; port 0: a free one */
    struct str certificate, key; /* PEM, with the chain; both empty: plain HTTP */
    struct str client_ca;        /* PEM; empty: no client certificates */
    exchange_handler *handler;
    void *owner;
    struct server_limits limits;
};

/* Listens when it returns; the texts are not needed any more. NULL and `error` when it cannot. */
struct server *server_new(struct loop *loop, const struct server_settings *settings, struct error *error);
/* "127.0.0.1:34567": where it listens. Lives as long as the server. */
struct str server_address(const struct server *server);
unsigned server_port(const struct server *server);
/* Open ones, handshakes included. */
size_t server_connection_count(const struct server *server);
/*
 * No new connections, idle ones are closed, answers under way finish; after grace_ms what is left is cut off (on_gone). A handler with
 * endless streams ends them first. `stopped` is called once, from the loop, when the last connection is gone; the server may be freed
 * in it.
 */
void server_stop(struct server *server, int64_t grace_ms, loop_callback *stopped, void *owner);
/* Cuts off what is left, with on_gone. Not from the handler or on_gone. */
void server_free(struct server *server);

#endif
