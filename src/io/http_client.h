/*
 * A client for one HTTPS server: requests with an answer, and streams (watches), on libcurl over the loop.
 *
 *   http_send(client, &request, callback, owner)  ->  handle   ... callback(owner, answer), exactly once
 *   http_open(client, &request, &events, owner)   ->  handle   ... on_data*, on_end(answer), exactly once
 *   http_cancel(handle)                                        no callback after that, whatever is on its way
 *
 * A handle dies with its last callback or with http_cancel; do not keep it beyond. All functions may be called from any callback, this
 * module's own included; no callback comes before the call that caused it has returned.
 *
 * Connections: HTTP/2 where the server speaks it, few of them (4 for requests, for streams one for each 90, kept apart, so that neither
 * holds up the other), kept open and reused; HTTP/1.1 otherwise. A dead peer is noticed within 20 s (TCP_USER_TIMEOUT, keepalive). After a
 * connection broke, the next request takes a new one. A request with a body is never repeated by itself.
 *
 * With a local handler there is no network: requests go to it as exchanges, in the same process, streams without a copy. All else
 * holds; the handler is called from the loop, too. A bearer token goes along, other credentials do not.
 *
 * Secrets never get into error texts: those are made from the kind of failure, host and port.
 */
#ifndef MB_IO_HTTP_CLIENT_H
#define MB_IO_HTTP_CLIENT_H

#include "base/strbuf.h"
#include "io/exchange.h"
#include "io/loop.h"

/* What may change while the client lives: asked for at each request. Views live until the callback's owner runs next. */
struct http_credentials {
    struct str bearer_token;       /* empty: none */
    struct str username, password; /* basic authentication; empty username: none */
    struct str certificate, key;   /* PEM; empty: none */
    struct str ca;                 /* PEM, in place of the settings' from here on; empty: as it was */
};
typedef void http_credentials_callback(void *owner, struct http_credentials *out);

struct http_client_settings {
    struct str base_url;        /* https://host:port[/prefix] or http://..., without a query; user:password@ is refused */
    struct str ca;              /* PEM; empty: the system's. No other authority is trusted beside it. */
    bool is_insecure;           /* the server's certificate is not checked */
    struct str tls_server_name; /* the name to check the certificate for, and to send as SNI; empty: that of base_url */
    struct str proxy_url;       /* http://, https://, socks5://; empty: none (the environment is not looked at) */
    struct str user_agent;
    http_credentials_callback *credentials; /* NULL: none */
    void *credentials_owner;
    exchange_handler *local_handler; /* NULL: the network; else base_url and what follows up to user_agent are not looked at */
    void *local_owner;
};

struct http_client;
struct http_handle;

struct http_request {
    const char *method;       /* "GET", "POST", ... */
    struct str path;          /* from the slash on, encoded, with the query; appended to base_url */
    struct str body;          /* copied */
    const char *content_type; /* of the body */
    const char *accept;       /* NULL: application/json */
    bool accept_gzip;         /* long answers may come compressed; max_body_bytes is of the inflated ones */
    int64_t timeout_ms;       /* for the whole of it, connecting and queueing included; 0: none (streams) */
    size_t max_body_bytes;    /* of an answer's body; 0: LIMIT_BODY_BYTES */
    struct str traceparent;   /* W3C Trace Context, for whoever traces at the other side; empty: none. Not within the process. */
};

enum http_outcome {
    HTTP_ANSWERED,  /* complete: status, headers, body */
    HTTP_NOT_SENT,  /* failed before anything of the request left: certainly without effect */
    HTTP_UNKNOWN,   /* broken off, timed out, garbled: may have been performed or not */
    HTTP_TOO_LARGE, /* status and headers are there; the body was longer than max_body_bytes and is left out */
};

struct http_answer {
    enum http_outcome outcome;
    struct error error;     /* when not HTTP_ANSWERED: ERROR_IO, ERROR_TLS, ERROR_TIMEOUT, ERROR_PROTOCOL, ERROR_LIMIT, ERROR_MEMORY */
    int status;             /* 0 when there is none */
    int64_t retry_after_ms; /* from Retry-After, seconds or date; 0: none */
    struct str warnings;    /* the Warning headers' values, one a line; at most 16 KiB of them */
    struct str content_type;
    struct strbuf body; /* freed after the callback unless taken: `struct strbuf mine = http_take_body(answer)` */
};

typedef void http_answer_callback(void *owner, struct http_answer *answer);
struct http_stream_events {
    /* Status 2xx has come; may be NULL. */
    void (*on_open)(void *owner, int status);
    /* Bytes of the body of a 2xx answer, in order, cut anywhere; the view lives until return. */
    void (*on_data)(void *owner, struct str bytes);
    /* The end. HTTP_ANSWERED with a 2xx status: the server ended it in good order, the body is empty here (it went to on_data). Another
     * status: its body is in the answer. HTTP_UNKNOWN: the connection broke. */
    http_answer_callback *on_end;
};

/* Copies the settings. NULL and `error` when they are not usable (bad URL, bad PEM, memory). */
struct http_client *http_client_new(struct loop *loop, const struct http_client_settings *settings, struct error *error);
/* Cancels what is still going on, without callbacks. A local handler is told with on_gone, now, or when the callback that calls this is
 * over. Not from the local handler. */
void http_client_free(struct http_client *client);

/* The request and its body are copied. NULL only when memory is out (then no callback comes). */
struct http_handle *http_send(struct http_client *client, const struct http_request *request, http_answer_callback *callback, void *owner);
struct http_handle *http_open(struct http_client *client, const struct http_request *request, const struct http_stream_events *events,
                              void *owner);
void http_cancel(struct http_handle *handle);
/* Requests and streams that have had no last callback yet. */
size_t http_in_flight(const struct http_client *client);

/* The port of an address, written or its scheme's; false when there is none. */
bool http_url_port(struct str url, uint16_t *out);

/* Moves the body out of the answer; the caller releases it. */
struct strbuf http_take_body(struct http_answer *answer);

#endif
