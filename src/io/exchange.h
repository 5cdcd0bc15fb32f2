/*
 * One request and its answer, as a server's handler sees them, whoever carries them: a socket (server.h) or the same process
 * (http_client's local transport).
 *
 *   carrier -> handler(owner, exchange)            on the loop; the request is complete, its body included
 *   handler -> exchange_answer(exchange, ...)      now or later: one whole answer; or
 *              exchange_begin, exchange_write..., exchange_end                     a stream
 *   carrier -> exchange->on_gone(exchange)         the other side has left (or the server stops) before the end
 *
 * Life: an exchange is the handler's to use until it calls exchange_answer or exchange_end, or until on_gone was called; after any of these
 * it must not be touched again. Views of the request live as long as the exchange. One thread.
 */
#ifndef MB_IO_EXCHANGE_H
#define MB_IO_EXCHANGE_H

#include "base/blob.h"
#include "base/strbuf.h"

struct exchange;

struct exchange_header {
    struct str name, value;
};

/* What a carrier implements. */
struct exchange_ops {
    /* `headers` beside Content-Type and Content-Length; `body` may be NULL (none), the carrier keeps its own reference. */
    void (*answer)(struct exchange *exchange, int status, struct str content_type, const struct exchange_header *headers,
                   size_t header_count, struct blob *body);
    void (*begin)(struct exchange *exchange, int status, struct str content_type, const struct exchange_header *headers,
                  size_t header_count);
    /* False when the queue of this stream is over its maximum: the bytes are not taken, and the handler should end it. */
    bool (*write)(struct exchange *exchange, struct blob *bytes);
    void (*end)(struct exchange *exchange);
    /* Bytes written and not yet taken by the other side. */
    size_t (*pending)(const struct exchange *exchange);
};

struct exchange {
    const struct exchange_ops *ops;
    struct str method;                     /* "GET" */
    struct str path;                       /* as sent, percent-encoded, without the query */
    struct str query;                      /* as sent, without the '?'; empty: none */
    const struct exchange_header *headers; /* of the request, in order */
    size_t header_count;
    struct str body;
    struct str peer; /* "127.0.0.1:5678"; "local" in the same process */
    /* The verified client certificate's subject; empty: none was shown. */
    struct str certificate_name;
    const struct str *certificate_groups; /* its organizations */
    size_t certificate_group_count;
    bool is_local; /* the same process: trusted as the administrator when it names nobody else */

    /* The handler's. */
    void *context;
    void (*on_gone)(struct exchange *exchange); /* NULL: nothing to do */
};

typedef void exchange_handler(void *owner, struct exchange *exchange);

/* The first header of that name, letters folded; empty when there is none. */
struct str exchange_header(const struct exchange *exchange, const char *name);

void exchange_answer(struct exchange *exchange, int status, struct str content_type, const struct exchange_header *headers,
                     size_t header_count, struct blob *body);
void exchange_begin(struct exchange *exchange, int status, struct str content_type, const struct exchange_header *headers,
                    size_t header_count);
bool exchange_write(struct exchange *exchange, struct blob *bytes);
void exchange_end(struct exchange *exchange);
size_t exchange_pending(const struct exchange *exchange);

#endif
