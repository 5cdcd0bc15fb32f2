/*
 * What the files of the HTTP client share; nobody else includes this.
 *
 *   http_client.c     handles: queued -> running -> finished -> gone, all moved on the loop by one deferred call
 *   http_pool.c       a curl multi handle, its sockets and timer
 *   http_transfer.c   one curl easy handle: its options and callbacks
 *   http_outcome.c    what a curl result means, in words
 *   http_trust.c      the authorities that are trusted, which may change while transfers go on
 *   http_memory.c     curl's memory, which is wiped before it is freed
 *   http_local.c      in place of pool and transfer where a handler in the same process answers
 *
 * curl's callbacks never call curl: they note, and the client's deferred call acts. A user's callback may free the client, so whatever runs
 * one stands between http_enter and http_leave.
 */
#ifndef MB_IO_HTTP_INNER_H
#define MB_IO_HTTP_INNER_H

#include <curl/curl.h>
#include <sys/queue.h>

#include "base/blob.h"
#include "io/http_client.h"

enum {
    HTTP_WARNINGS_BYTES = 16 * 1024,
    /* Of an answer that refuses a stream: a Status object. */
    HTTP_REFUSAL_BYTES = 1024 * 1024,
    HTTP_RETRY_AFTER_MAX_S = 3600,
};

enum { HTTP_LANE_REQUESTS, HTTP_LANE_STREAMS, HTTP_LANE_COUNT };

enum http_state {
    HTTP_QUEUED,    /* in client->queued */
    HTTP_RUNNING,   /* in client->running, its easy handle is in a pool */
    HTTP_CANCELLED, /* in client->cancelled: still in a pool, no callbacks any more */
    HTTP_FINISHED,  /* in client->finished, its answer is complete */
    HTTP_DELIVERED, /* its last callback is running; in no list */
};

struct http_list {
    struct http_handle *first, *last;
    size_t count;
};

struct http_pool {
    struct http_client *client;
    struct http_pool *next_retired;
    CURLM *multi;
    int lane;
    struct loop_timer *timer;
    struct pool_socket *sockets;
    size_t active;       /* easy handles in it */
    int64_t heard_at_ms; /* when the server last sent anything, or the pool was made */
};

/* What an http_answer is made of when it is told. Hundreds of watches wait for theirs: an error, long and rare, has memory of its own. */
struct http_result {
    enum http_outcome outcome;
    int status;
    int64_t retry_after_ms;
    struct str warnings, content_type;
    struct strbuf body;
    struct error *error; /* NULL: none, or memory is out */
};

struct http_handle {
    struct http_client *client;
    struct http_handle *prev, *next;
    struct http_list *list;
    enum http_state state;
    bool is_stream;
    http_answer_callback *callback;
    struct http_stream_events events;
    void *owner;
    int64_t deadline_ms; /* INT64_MAX: none */
    size_t max_body_bytes;
    bool accept_gzip;

    /* the request */
    char *method, *path, *content_type, *accept, *traceparent; /* the last NULL: none */
    struct str body;                                           /* owned */
    size_t body_at;                                            /* how much of it curl has */

    /* the transfer */
    CURL *easy;
    struct curl_slist *headers;
    struct blob *trust; /* as the client's when it began */
    struct http_pool *pool;
    bool is_in_headers;  /* behind a status line: what looks like another is a header */
    bool is_header_done; /* of the final answer */
    bool is_open_told;
    bool is_body_too_large;
    bool is_out_of_memory;
    struct strbuf warnings, received;
    struct http_result answer;

    /* the same without curl */
    struct http_local *local; /* NULL once either side is over */
    bool is_sent_locally;
    char *answered_type; /* what answer.content_type looks at */
};

struct http_client {
    struct loop *loop;
    struct loop_deferred *work;
    struct loop_timer *deadlines;
    int64_t next_deadline_ms;
    struct http_list queued, running, cancelled, finished;
    struct http_pool *pools[HTTP_LANE_COUNT]; /* what new transfers join; NULL until needed */
    struct http_pool *retired;                /* serve what they have, then go */
    unsigned depth;                           /* of http_enter */
    bool is_freed;                            /* goes with the last http_leave */
    bool is_http1;                            /* the server answered in HTTP/1.x: a connection serves one transfer at a time */

    CURL *spare[16]; /* easy handles for the next requests */
    size_t spare_count;

    char *base;        /* scheme://host:port/prefix as curl gets it */
    char *peer;        /* host:port, for messages */
    char *host_header; /* "Host: ..." where the name in `base` is another one than the server's */
    struct curl_slist *connect_to;
    struct blob *trust; /* authorities in PEM, shared by those who began while it was the newest; NULL: the system's */
    char *proxy_url, *user_agent;
    bool is_insecure, is_tls;
    http_credentials_callback *credentials;
    void *credentials_owner;

    exchange_handler *local_handler;
    void *local_owner;
    TAILQ_HEAD(, http_local) locals; /* with something to tell */
};

void http_enter(struct http_client *client);
/* May free the client: nothing of it may be used after the outermost one. */
void http_leave(struct http_client *client);
/* The transfer is over with `result`: fills the answer, takes it out of its pool and lists it as finished. */
void http_finish(struct http_handle *handle, CURLcode result);

/* NULL when memory is out. */
struct http_pool *http_pool_new(struct http_client *client, int lane);
void http_pool_free(struct http_pool *pool);
bool http_pool_add(struct http_pool *pool, struct http_handle *handle);
void http_pool_remove(struct http_pool *pool, struct http_handle *handle);

/* NULL when it is no certificate in PEM, or memory is out. */
struct blob *http_trust_new(struct str pem);
/* Puts newer ones in place of *held; empty: they are as they were. */
void http_trust_renew(struct blob **held, struct str pem);

/* In place of curl_global_init. */
CURLcode http_memory_start(void);

/* An easy handle with all options of the request; CURLE_OK, or what went wrong. */
CURLcode http_transfer_begin(struct http_handle *handle);
/* A Warning header's value has come. */
void http_take_warning(struct http_handle *handle, struct str value);
/* Gives the easy handle back to the client. */
void http_transfer_end(struct http_handle *handle);

/* Fills handle->answer from the transfer and its result. */
void http_outcome_fill(struct http_handle *handle, CURLcode result);
/* Hands the request to the local handler; false when memory is out. */
bool http_local_start(struct http_handle *handle);
/* The handle is over: what the handler still has of it is gone, which it is told by http_local_work. */
void http_local_detach(struct http_handle *handle);
void http_local_work(struct http_client *client, int64_t until_ms);
/* The client goes: tells all handlers, now. */
void http_local_end_all(struct http_client *client);

/* Did the connection break in a way that makes its siblings suspect? */
bool http_outcome_is_broken_connection(CURLcode result);

#endif
