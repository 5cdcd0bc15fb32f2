/*
 * What the files of the server share; nobody else includes this.
 *
 *   server.c             the listening socket, the list of connections, deadlines, stopping
 *   server_connection.c  one connection: what to do next, from accept to close
 *   server_answer.c      the exchange's operations: heads of answers, bytes into the queue
 *   server_output.c      the queue: framing, compressing, writing
 *   server_tls.c         certificates, reading and writing with TLS or without
 *
 *          READING ----> HANDLING ----> STREAMING          HANDLING, STREAMING: the exchange is the handler's
 *           ^   \            \             /
 *           |    \            '-> ENDING <-'               ENDING: all is queued; keep-alive goes back, else closed
 *           '-----\--------------'   \
 *                  '-> refused -------+-> LINGERING        LINGERING: our side is shut; what still comes is thrown away, for a while, so
 *                                     '-> DEAD             that the peer gets to read the answer in place of a reset
 *
 * Only connection_run and the server's own callbacks, all called from the loop, read, write, call the handler or on_gone, or free a
 * connection. Whatever else wants something of a connection changes it and calls connection_wake.
 */
#ifndef MB_IO_SERVER_INNER_H
#define MB_IO_SERVER_INNER_H

#include <openssl/ssl.h>
#include <sys/queue.h>

#include "base/arena.h"
#include "base/limits.h"
#include "io/gzip.h"
#include "io/request_parser.h"
#include "io/server.h"

enum {
    /* A TLS record's worth: what is read or written at once. */
    SERVER_BLOCK_BYTES = 16 * 1024,
};

enum connection_state {
    CONNECTION_READING,
    CONNECTION_HANDLING,
    CONNECTION_STREAMING,
    CONNECTION_ENDING,
    CONNECTION_LINGERING,
    CONNECTION_DEAD,
};

/* What a connection waits for, each with a limit of its own. */
enum connection_wait {
    WAIT_NONE, /* for the handler: as long as it likes */
    WAIT_HEAD,
    WAIT_BODY,
    WAIT_IDLE,   /* for the next request */
    WAIT_PEER,   /* for it to take what was sent; begins anew with each byte that goes */
    WAIT_LINGER, /* for it to close */
};

/* Bytes to be sent: pieces [first, first + count), of the first of which `offset` framed bytes have gone. */
struct output_piece {
    struct blob *blob;
    bool is_chunk; /* framed as a chunk when it is sent */
};
struct output {
    struct output_piece *pieces;
    size_t first, count, capacity;
    size_t offset;
    size_t pending_bytes; /* of the pieces, without frames and what has gone */
    struct gzip *gzip;    /* more comes out of here once the pieces have gone; NULL: nothing */
    bool is_failed;       /* memory is out: the connection has to be closed */
};

/* Who the client's certificate says it is; empty when there is none that is good. */
struct identity {
    struct arena arena;
    struct str name;
    struct str *groups;
    size_t group_count;
    int64_t until_ms; /* wall clock; the certificate is good until then */
};

enum transfer {
    TRANSFER_DONE,  /* *out_count bytes */
    TRANSFER_AGAIN, /* when the socket is ready */
    TRANSFER_EOF,   /* the peer has closed its sending side */
    TRANSFER_BROKEN,
};

struct connection {
    struct exchange exchange; /* first: an exchange is its connection */
    struct server *server;
    TAILQ_ENTRY(connection) link, ready_link;
    enum connection_state state;
    enum connection_wait wait;
    int64_t deadline_ms; /* of that wait */
    bool is_ready;       /* in the server's ready list */
    bool is_running;     /* one of the functions that may free it is on the stack */
    bool is_first;       /* no request has come yet */
    bool is_read_closed; /* the peer will send nothing more */
    bool is_close_after; /* after the present answer */
    bool is_continue_sent;
    bool is_body_left_out; /* HEAD, 204, 304 */
    bool is_chunked;       /* the stream; otherwise it ends with the connection */
    bool is_identity_known;
    bool is_certificate_bad;
    bool has_unread;  /* reading stopped before the transport was empty */
    bool wants_write; /* TLS has to write before it can read on */
    int fd;
    SSL *ssl; /* NULL: plain */
    struct loop_socket *socket;
    struct request_parser parser;
    size_t counted_body_bytes; /* in server->bodies_bytes */
    struct strbuf ahead;       /* what came behind the present request */
    struct output output;
    struct identity identity;
    char peer[56];
};

TAILQ_HEAD(connection_list, connection);

struct server {
    struct loop *loop;
    exchange_handler *handler;
    void *owner;
    struct server_limits limits;
    SSL_CTX *tls; /* NULL: plain */
    int fd;       /* -1 once stopped */
    struct loop_socket *socket;
    struct loop_deferred *work;
    struct loop_timer *sweep;
    int64_t sweep_ms; /* when it fires; INT64_MAX: not */
    struct connection_list connections, ready;
    size_t connection_count;
    size_t bodies_bytes;
    bool is_accept_paused; /* out of file descriptors */
    bool is_stopping;
    int64_t stop_deadline_ms;
    loop_callback *stopped;
    void *stopped_owner;
    char address[56];
    unsigned port;
    struct blob *last_chunk; /* "0\r\n\r\n" */
    char date[40];           /* as in the Date header, of date_s */
    int64_t date_s;
    char in[SERVER_BLOCK_BYTES], out[SERVER_BLOCK_BYTES];
};

/* server.c */
/* Sees to it that connection_expire is called at deadline_ms. */
void server_watch_deadline(struct server *server, int64_t deadline_ms);
/* A connection has gone. */
void server_forget(struct server *server, struct connection *connection);

/* server_connection.c */
/* Owns fd from here on; NULL (fd is closed) when memory is out. */
struct connection *connection_new(struct server *server, int fd, const char *peer);
/* Does what can be done now. May free the connection. */
void connection_run(struct connection *connection, bool is_readable);
/* connection_run, soon. */
void connection_wake(struct connection *connection);
/* Its deadline has passed. May free it. */
void connection_expire(struct connection *connection, int64_t now_ms);
/* The server stops: closes when idle, else after the present answer. May free it. */
void connection_retire(struct connection *connection);
/* Closes at once and frees; on_gone if the handler has the exchange. */
void connection_cut(struct connection *connection);
static inline bool connection_is_with_handler(const struct connection *connection) {
    return connection->state == CONNECTION_HANDLING || connection->state == CONNECTION_STREAMING;
}

/* server_answer.c */
extern const struct exchange_ops server_exchange_ops;
/* The answer to what is no good request; the connection closes after it. */
void answer_refuse(struct connection *connection, int status, const char *text);
void answer_continue(struct connection *connection);

/* server_output.c */
void output_add(struct output *output, struct blob *blob, bool is_chunk); /* takes over the reference; NULL: memory is out */
static inline bool output_is_empty(const struct output *output) {
    return output->count == 0 && !output->gzip;
}
void output_release(struct output *output);
/* Writes what the socket takes, and not so much that others starve. *out_count: bytes that went. DONE: all has gone; AGAIN: call again when
 * the socket is writable. */
enum transfer output_flush(struct connection *connection, size_t *out_count);

/* server_tls.c */
SSL_CTX *tls_context_new(const struct server_settings *settings, struct error *error);
/* NULL when memory is out. */
SSL *tls_session_new(struct connection *connection);
enum transfer transport_read(struct connection *connection, char *room, size_t size, size_t *out_count);
enum transfer transport_write(struct connection *connection, const char *bytes, size_t size, size_t *out_count);
/* Bytes have been taken from the socket that transport_read has not given yet; they may be less than it needs to give any. */
bool transport_has_more(const struct connection *connection);
/* Tells the peer that nothing more comes. */
void transport_shut(struct connection *connection);
/* Reads the certificate once the handshake is over. */
void identity_read(struct connection *connection);
bool identity_is_good(const struct connection *connection, int64_t wall_ms);

#endif
