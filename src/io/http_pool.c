#include <stdlib.h>

#include "io/http_inner.h"

enum {
    /* HTTP/2 carries up to 1000 transfers on a connection; the server may allow fewer: kube-apiserver 100. */
    POOL_CONNECTIONS = 4,
    POOL_STREAMS = 1000,
    POOL_STREAMS_EXPECTED = 90,
    /* Over HTTP/1.1 each transfer needs one. */
    POOL_CONNECTIONS_HTTP1 = 8,
    /* Watches never give theirs back: those of 1,000 namespaces over HTTP/2, and of 170 over HTTP/1.1. */
    POOL_WATCHES = 64,
    POOL_WATCHES_HTTP1 = 1024,
};

struct pool_socket {
    struct http_pool *pool;
    struct pool_socket *next;
    curl_socket_t fd;
    struct loop_socket *watch;
};

/* Transfers that curl is done with leave the multi handle, and are told about from the loop. */
static void collect(struct http_pool *pool) {
    int left;
    for (CURLMsg *message = curl_multi_info_read(pool->multi, &left); message; message = curl_multi_info_read(pool->multi, &left)) {
        if (message->msg != CURLMSG_DONE) continue;
        CURLcode result = message->data.result;
        char *private = NULL;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
        struct http_handle *handle = (struct http_handle *)(void *)private;
        if (handle->state == HTTP_RUNNING) http_finish(handle, result);
    }
}

/* The one way into curl's machinery. Freed pools cannot be met here: they go only from the deferred call. */
static void act(struct http_pool *pool, curl_socket_t fd, int what) {
    struct http_client *client = pool->client;
    int running;
    http_enter(client);
    curl_multi_socket_action(pool->multi, fd, what, &running);
    collect(pool);
    http_leave(client);
}

static void socket_ready(void *owner, int fd, bool is_readable, bool is_writable) {
    struct pool_socket *socket = owner;
    act(socket->pool, fd, (is_readable ? CURL_CSELECT_IN : 0) | (is_writable ? CURL_CSELECT_OUT : 0));
}

static void timer_fired(void *owner) {
    act(owner, CURL_SOCKET_TIMEOUT, 0);
}

/* curl's timer callback */
static int set_timer(CURLM *multi, long timeout_ms, void *context) {
    (void)multi;
    struct http_pool *pool = context;
    if (timeout_ms < 0)
        loop_timer_clear(pool->timer);
    else
        loop_timer_set(pool->timer, loop_now_ms(pool->client->loop) + timeout_ms);
    return 0;
}

static struct pool_socket **find_socket(struct http_pool *pool, curl_socket_t fd) {
    struct pool_socket **link = &pool->sockets;
    while (*link && (*link)->fd != fd) link = &(*link)->next;
    return link;
}

static struct pool_socket *add_socket(struct http_pool *pool, curl_socket_t fd) {
    struct pool_socket *socket = calloc(1, sizeof *socket);
    if (!socket) return NULL;
    *socket = (struct pool_socket){.pool = pool, .next = pool->sockets, .fd = fd};
    socket->watch = loop_socket_new(pool->client->loop, fd, socket_ready, socket);
    if (!socket->watch) {
        free(socket);
        return NULL;
    }
    return pool->sockets = socket;
}

/* curl's socket callback: what to wait for on `fd`. */
static int set_socket(CURL *easy, curl_socket_t fd, int what, void *context, void *per_socket) {
    (void)easy, (void)per_socket;
    struct http_pool *pool = context;
    struct pool_socket **link = find_socket(pool, fd), *socket = *link;
    if (what == CURL_POLL_REMOVE) {
        if (!socket) return 0;
        *link = socket->next;
        loop_socket_free(socket->watch);
        free(socket);
        return 0;
    }
    if (!socket) socket = add_socket(pool, fd);
    if (!socket) return -1;
    return loop_socket_want(socket->watch, what & CURL_POLL_IN, what & CURL_POLL_OUT) ? 0 : -1;
}

/* curl opens a connection for each transfer that finds the others full at that moment; it is told how many are enough. */
static long most_connections(const struct http_client *client, int lane, size_t active) {
    bool is_single = client->is_http1 || !client->is_tls;
    if (is_single) return lane == HTTP_LANE_STREAMS ? POOL_WATCHES_HTTP1 : POOL_CONNECTIONS_HTTP1;
    long wanted = lane == HTTP_LANE_STREAMS ? (long)(active / POOL_STREAMS_EXPECTED) + 1 : POOL_CONNECTIONS;
    return wanted < POOL_WATCHES ? wanted : POOL_WATCHES;
}

/* As many are kept when idle: one that is closed between two requests costs a handshake. */
static void set_most_connections(struct http_pool *pool, size_t active) {
    long most = most_connections(pool->client, pool->lane, active);
    curl_multi_setopt(pool->multi, CURLMOPT_MAX_HOST_CONNECTIONS, most);
    curl_multi_setopt(pool->multi, CURLMOPT_MAXCONNECTS, most);
}

struct http_pool *http_pool_new(struct http_client *client, int lane) {
    struct http_pool *pool = calloc(1, sizeof *pool);
    if (!pool) return NULL;
    *pool = (struct http_pool){.client = client, .heard_at_ms = loop_now_ms(client->loop)};
    pool->multi = curl_multi_init();
    pool->timer = loop_timer_new(client->loop, timer_fired, pool);
    if (!pool->multi || !pool->timer) {
        http_pool_free(pool);
        return NULL;
    }
    pool->lane = lane;
    curl_multi_setopt(pool->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_MULTIPLEX);
    curl_multi_setopt(pool->multi, CURLMOPT_MAX_CONCURRENT_STREAMS, (long)POOL_STREAMS);
    set_most_connections(pool, 0);
    curl_multi_setopt(pool->multi, CURLMOPT_SOCKETFUNCTION, set_socket);
    curl_multi_setopt(pool->multi, CURLMOPT_SOCKETDATA, pool);
    curl_multi_setopt(pool->multi, CURLMOPT_TIMERFUNCTION, set_timer);
    curl_multi_setopt(pool->multi, CURLMOPT_TIMERDATA, pool);
    return pool;
}

void http_pool_free(struct http_pool *pool) {
    if (!pool) return;
    if (pool->multi) curl_multi_cleanup(pool->multi); /* closes the connections, and so calls set_socket for each */
    while (pool->sockets) set_socket(NULL, pool->sockets->fd, CURL_POLL_REMOVE, pool, NULL);
    loop_timer_free(pool->timer);
    free(pool);
}

bool http_pool_add(struct http_pool *pool, struct http_handle *handle) {
    set_most_connections(pool, pool->active + 1);
    if (curl_multi_add_handle(pool->multi, handle->easy) != CURLM_OK) return false;
    handle->pool = pool;
    pool->active++;
    return true;
}

void http_pool_remove(struct http_pool *pool, struct http_handle *handle) {
    curl_multi_remove_handle(pool->multi, handle->easy);
    handle->pool = NULL;
    pool->active--;
}
