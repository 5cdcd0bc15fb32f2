#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/number.h"
#include "io/http_inner.h"

/*
 * The transport inside one process: a request becomes an exchange for the client's local handler, without sockets, TLS or copies of what
 * is streamed.
 *
 *   http_client's deferred call -> handler(owner, exchange)   exchange_answer, _begin, _write, _end: noted, listed in client->locals
 *   http_client's deferred call <- client->locals             on_open, on_data, on_end; or on_gone where the handle has ended first
 *
 * An exchange and its handle end separately: `handle` is NULL once the handle is over (cancelled, timed out, too much sent); the exchange
 * stays until its handler has ended it or was told.
 */

enum { HEADERS_MAX = 4 };

struct piece {
    STAILQ_ENTRY(piece) link;
    struct blob *blob;
};

struct http_local {
    struct exchange exchange; /* first: an exchange is its http_local */
    struct http_client *client;
    struct http_handle *handle;
    TAILQ_ENTRY(http_local) link;
    bool is_listed;
    bool is_with_handler;
    bool is_open_due; /* on_open is to be called */
    bool is_ended;
    bool is_too_large;
    STAILQ_HEAD(, piece) pieces; /* of a stream, not yet handed over */
    size_t piece_count, pending_bytes;
    struct exchange_header headers[HEADERS_MAX];
    char *method, *target, *accept, *content_type, *body; /* the handle's, taken over */
    struct strbuf authorization;
};

/* life */

static void list(struct http_local *local) {
    struct http_client *client = local->client;
    if (local->is_listed) return;
    local->is_listed = true;
    TAILQ_INSERT_TAIL(&client->locals, local, link);
    loop_deferred_call(client->work);
}

static void unlist(struct http_local *local) {
    if (local->is_listed) TAILQ_REMOVE(&local->client->locals, local, link);
    local->is_listed = false;
}

static struct blob *take_piece(struct http_local *local) {
    struct piece *piece = STAILQ_FIRST(&local->pieces);
    if (!piece) return NULL;
    struct blob *blob = piece->blob;
    STAILQ_REMOVE_HEAD(&local->pieces, link);
    free(piece);
    local->piece_count--;
    local->pending_bytes -= blob->len;
    return blob;
}

static void local_free(struct http_local *local) {
    struct blob *blob;
    unlist(local);
    while ((blob = take_piece(local)) != NULL) blob_drop(blob);
    if (local->authorization.ptr) explicit_bzero(local->authorization.ptr, local->authorization.len);
    strbuf_release(&local->authorization);
    free(local->method);
    free(local->target);
    free(local->accept);
    free(local->content_type);
    free(local->body);
    free(local);
}

void http_local_detach(struct http_handle *handle) {
    struct http_local *local = handle->local;
    if (!local) return;
    handle->local = NULL;
    local->handle = NULL;
    if (local->is_with_handler)
        list(local);
    else
        local_free(local);
}

/* The handler is done with it. False when the handle has ended before: then it is gone. */
static bool leave_handler(struct http_local *local) {
    local->is_with_handler = false;
    if (local->handle) return true;
    local_free(local);
    return false;
}

/* what the handler says */

static struct http_local *local_of(struct exchange *exchange) {
    return (struct http_local *)exchange;
}

static bool goes_to_stream(const struct http_local *local) {
    int status = local->handle->answer.status;
    return local->handle->is_stream && status >= 200 && status < 300;
}

static void take_head(struct http_local *local, int status, struct str content_type, const struct exchange_header *headers,
                      size_t header_count) {
    struct http_handle *handle = local->handle;
    int64_t seconds;
    handle->answer.status = status;
    handle->is_header_done = true;
    handle->answered_type = strndup(content_type.len ? content_type.ptr : "", content_type.len);
    handle->answer.content_type = str_of(handle->answered_type);
    for (size_t i = 0; i < header_count; i++) {
        if (str_equal_ignoring_case(headers[i].name, STR("Warning"))) http_take_warning(handle, headers[i].value);
        bool is_retry = str_equal_ignoring_case(headers[i].name, STR("Retry-After"));
        if (is_retry && number_parse_int64(headers[i].value, &seconds) && seconds > 0)
            handle->answer.retry_after_ms = (seconds < HTTP_RETRY_AFTER_MAX_S ? seconds : HTTP_RETRY_AFTER_MAX_S) * 1000;
    }
    local->is_open_due = goes_to_stream(local);
}

static void keep(struct http_local *local, struct str bytes) {
    struct http_handle *handle = local->handle;
    if (bytes.len > handle->received.max - handle->received.len)
        handle->is_body_too_large = local->is_too_large = true;
    else
        strbuf_append(&handle->received, bytes);
    if (handle->received.failed) handle->is_out_of_memory = local->is_too_large = true;
}

/* False when memory is out. */
static bool take_bytes(struct http_local *local, struct blob *bytes) {
    if (!bytes || !bytes->len || str_is(local->exchange.method, "HEAD")) return true;
    if (!goes_to_stream(local)) {
        keep(local, blob_view(bytes));
        return true;
    }
    struct piece *piece = malloc(sizeof *piece);
    if (!piece) return false;
    piece->blob = blob_keep(bytes);
    STAILQ_INSERT_TAIL(&local->pieces, piece, link);
    local->piece_count++;
    local->pending_bytes += bytes->len;
    return true;
}

static void answer(struct exchange *exchange, int status, struct str content_type, const struct exchange_header *headers,
                   size_t header_count, struct blob *body) {
    struct http_local *local = local_of(exchange);
    if (!leave_handler(local)) return;
    take_head(local, status, content_type, headers, header_count);
    if (!take_bytes(local, body)) local->handle->is_out_of_memory = local->is_too_large = true;
    local->is_ended = true;
    list(local);
}

static void begin(struct exchange *exchange, int status, struct str content_type, const struct exchange_header *headers,
                  size_t header_count) {
    struct http_local *local = local_of(exchange);
    if (!local->handle) return;
    take_head(local, status, content_type, headers, header_count);
    list(local);
}

static bool write_bytes(struct exchange *exchange, struct blob *bytes) {
    struct http_local *local = local_of(exchange);
    if (!local->handle || local->is_too_large) return false;
    bool is_full =
        local->pending_bytes && (local->pending_bytes >= LIMIT_STREAM_BYTES || bytes->len > LIMIT_STREAM_BYTES - local->pending_bytes);
    if (is_full || local->piece_count >= LIMIT_STREAM_PIECES || !take_bytes(local, bytes)) return false;
    list(local);
    return true;
}

static void end(struct exchange *exchange) {
    struct http_local *local = local_of(exchange);
    if (!leave_handler(local)) return;
    local->is_ended = true;
    list(local);
}

static size_t pending(const struct exchange *exchange) {
    return ((const struct http_local *)exchange)->pending_bytes;
}

static const struct exchange_ops local_ops = {answer, begin, write_bytes, end, pending};

/* the request */

static char *take(char **text) {
    char *taken = *text;
    *text = NULL;
    return taken;
}

static void add_header(struct http_local *local, const char *name, struct str value) {
    if (value.len) local->headers[local->exchange.header_count++] = (struct exchange_header){str_of(name), value};
}

static bool add_headers(struct http_local *local) {
    const struct http_client *client = local->client;
    struct http_credentials credentials = {0};
    if (client->credentials) client->credentials(client->credentials_owner, &credentials);
    if (credentials.bearer_token.len) {
        strbuf_append(&local->authorization, STR("Bearer "));
        strbuf_append(&local->authorization, credentials.bearer_token);
    }
    add_header(local, "Accept", str_of(local->accept));
    add_header(local, "User-Agent", str_of(client->user_agent));
    add_header(local, "Content-Type", str_of(local->content_type));
    add_header(local, "Authorization", strbuf_view(&local->authorization));
    return !local->authorization.failed;
}

bool http_local_start(struct http_handle *handle) {
    struct http_client *client = handle->client;
    struct http_local *local = calloc(1, sizeof *local);
    if (!local) return false;
    *local = (struct http_local){
        .client = client,
        .handle = handle,
        .is_with_handler = true,
        .method = take(&handle->method),
        .target = take(&handle->path),
        .accept = take(&handle->accept),
        .content_type = take(&handle->content_type),
        .body = (char *)(uintptr_t)handle->body.ptr,
        .authorization = strbuf_with_max(1024 * 1024),
    };
    STAILQ_INIT(&local->pieces);
    struct str target = str_of(local->target), body = {local->body, handle->body.len};
    size_t mark = str_find(target, STR("?"));
    handle->body = STR_EMPTY;
    handle->body.ptr = NULL;
    local->exchange = (struct exchange){
        .ops = &local_ops,
        .method = str_of(local->method),
        .path = str_first(target, mark),
        .query = mark == SIZE_MAX ? STR_EMPTY : str_from(target, mark + 1),
        .headers = local->headers,
        .body = body,
        .peer = STR("local"),
        .is_local = true,
    };
    if (!add_headers(local)) {
        local_free(local);
        return false;
    }
    handle->local = local;
    handle->is_sent_locally = true;
    client->local_handler(client->local_owner, &local->exchange);
    return true;
}

/* what the client's owner is told, and the handler of a handle that is over */

static bool is_running(const struct http_handle *handle) {
    return handle->state == HTTP_RUNNING;
}

static void tell_gone(struct http_local *local) {
    struct exchange *exchange = &local->exchange;
    local->is_with_handler = false;
    if (exchange->on_gone) exchange->on_gone(exchange);
    local_free(local);
}

/* The handle outlives each of these callbacks: a cancelled one is freed by the client's next turn. */
static void advance(struct http_local *local, int64_t until_ms) {
    struct http_handle *handle = local->handle;
    struct blob *blob;
    unlist(local);
    if (!handle) {
        tell_gone(local);
        return;
    }
    if (!is_running(handle)) return;
    if (local->is_open_due) {
        local->is_open_due = false;
        if (handle->events.on_open) handle->events.on_open(handle->owner, handle->answer.status);
    }
    while (is_running(handle) && (blob = take_piece(local)) != NULL) {
        handle->events.on_data(handle->owner, blob_view(blob));
        blob_drop(blob);
        if (is_running(handle) && loop_now_ms(local->client->loop) > until_ms) {
            list(local);
            return;
        }
    }
    if (!is_running(handle)) return;
    if (local->is_too_large)
        http_finish(handle, CURLE_WRITE_ERROR);
    else if (local->is_ended)
        http_finish(handle, CURLE_OK);
}

void http_local_work(struct http_client *client, int64_t until_ms) {
    /* One at least, however long the answers before took. */
    while (!client->is_freed && !TAILQ_EMPTY(&client->locals)) {
        advance(TAILQ_FIRST(&client->locals), until_ms);
        if (loop_now_ms(client->loop) > until_ms) break;
    }
    if (!TAILQ_EMPTY(&client->locals)) loop_deferred_call(client->work);
}

void http_local_end_all(struct http_client *client) {
    while (!TAILQ_EMPTY(&client->locals)) advance(TAILQ_FIRST(&client->locals), 0);
}
