#include <assert.h>
#include <string.h>
#include <time.h>

#include "io/server_inner.h"

enum {
    /* A head with all headers that a handler gives: Warning headers are the long ones, and bounded by their maker. */
    HEAD_MAX_BYTES = 256 * 1024,
};

/* The statuses that a Kubernetes API server and this server itself give; another one gets no phrase, which is allowed. */
static const struct {
    int status;
    const char *phrase;
} phrases[] = {
    {100, "Continue"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {413, "Request Entity Too Large"},
    {415, "Unsupported Media Type"},
    {417, "Expectation Failed"},
    {422, "Unprocessable Entity"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
};

static const char *phrase_of(int status) {
    for (size_t i = 0; i < sizeof phrases / sizeof *phrases; i++)
        if (phrases[i].status == status) return phrases[i].phrase;
    return "";
}

/* heads */

static void append_date(struct strbuf *head, struct server *server) {
    int64_t now_s = loop_wall_ms(server->loop) / 1000;
    if (now_s != server->date_s) {
        struct tm utc;
        time_t seconds = (time_t)now_s;
        server->date_s = now_s;
        gmtime_r(&seconds, &utc);
        strftime(server->date, sizeof server->date, "%a, %d %b %Y %H:%M:%S GMT", &utc);
    }
    strbuf_append(head, STR("Date: "));
    strbuf_append(head, str_of(server->date));
    strbuf_append(head, STR("\r\n"));
}

/* A header's value may hold text from a user: a line's end in it would begin another header. */
static void append_header(struct strbuf *head, struct str name, struct str value) {
    strbuf_append(head, name);
    strbuf_append(head, STR(": "));
    size_t at = head->len;
    strbuf_append(head, value);
    for (; at < head->len; at++)
        if ((unsigned char)head->ptr[at] < ' ' || head->ptr[at] == 0x7f) head->ptr[at] = ' ';
    strbuf_append(head, STR("\r\n"));
}

static struct strbuf begin_head(struct connection *connection, int status, struct str content_type, const struct exchange_header *headers,
                                size_t header_count) {
    struct strbuf head = strbuf_with_max(HEAD_MAX_BYTES);
    strbuf_reserve(&head, 500);
    strbuf_printf(&head, "HTTP/1.1 %d %s\r\n", status, phrase_of(status));
    for (size_t i = 0; i < header_count; i++) append_header(&head, headers[i].name, headers[i].value);
    if (content_type.len) append_header(&head, STR("Content-Type"), content_type);
    append_date(&head, connection->server);
    return head;
}

static void end_head(struct connection *connection, struct strbuf *head) {
    if (connection->is_close_after)
        strbuf_append(head, STR("Connection: close\r\n"));
    else if (connection->parser.is_http10)
        strbuf_append(head, STR("Connection: keep-alive\r\n"));
    strbuf_append(head, STR("\r\n"));
    output_add(&connection->output, head->failed ? NULL : blob_new(strbuf_view(head)), false);
    strbuf_release(head);
}

static bool has_no_body(int status) {
    return status < 200 || status == 204 || status == 304;
}

/* gzip */

/* As kube-apiserver reads it: the word "gzip" alone among the commas; with a quality it does not count. */
static bool accepts_gzip(const struct exchange *exchange) {
    struct str rest = exchange_header(exchange, "Accept-Encoding");
    while (rest.len) {
        size_t comma = str_find(rest, STR(","));
        if (str_is(str_trim(str_first(rest, comma)), "gzip")) return true;
        rest = comma == SIZE_MAX ? STR_EMPTY : str_from(rest, comma + 1);
    }
    return false;
}

static bool is_for_gzip(const struct connection *connection, const struct exchange_header *headers, size_t header_count,
                        const struct blob *body) {
    if (!body || body->len <= SERVER_GZIP_BYTES || connection->is_body_left_out || connection->parser.is_http10) return false;
    for (size_t i = 0; i < header_count; i++)
        if (str_equal_ignoring_case(headers[i].name, STR("Content-Encoding"))) return false;
    return str_is(connection->exchange.method, "GET") && accepts_gzip(&connection->exchange);
}

/* operations */

static struct connection *connection_of(struct exchange *exchange) {
    return (struct connection *)exchange;
}

static void answer(struct exchange *exchange, int status, struct str content_type, const struct exchange_header *headers,
                   size_t header_count, struct blob *body) {
    struct connection *connection = connection_of(exchange);
    if (connection->state == CONNECTION_DEAD) return;
    assert(connection->state == CONNECTION_HANDLING);
    connection->is_body_left_out = str_is(exchange->method, "HEAD") || has_no_body(status);
    struct strbuf head = begin_head(connection, status, content_type, headers, header_count);
    struct gzip *gzip = is_for_gzip(connection, headers, header_count, body) ? gzip_new(body) : NULL;
    if (gzip)
        strbuf_append(&head, STR("Content-Encoding: gzip\r\nVary: Accept-Encoding\r\nTransfer-Encoding: chunked\r\n"));
    else if (!has_no_body(status))
        strbuf_printf(&head, "Content-Length: %zu\r\n", body ? body->len : 0);
    end_head(connection, &head);
    if (!gzip && body && !connection->is_body_left_out) output_add(&connection->output, blob_keep(body), false);
    connection->output.gzip = gzip;
    connection->state = CONNECTION_ENDING;
    connection_wake(connection);
}

static void begin(struct exchange *exchange, int status, struct str content_type, const struct exchange_header *headers,
                  size_t header_count) {
    struct connection *connection = connection_of(exchange);
    if (connection->state == CONNECTION_DEAD) return;
    assert(connection->state == CONNECTION_HANDLING);
    connection->is_body_left_out = str_is(exchange->method, "HEAD") || has_no_body(status);
    connection->is_chunked = !connection->parser.is_http10;
    if (!connection->is_chunked && !connection->is_body_left_out) connection->is_close_after = true;
    struct strbuf head = begin_head(connection, status, content_type, headers, header_count);
    if (connection->is_chunked && !has_no_body(status)) strbuf_append(&head, STR("Transfer-Encoding: chunked\r\n"));
    end_head(connection, &head);
    connection->state = CONNECTION_STREAMING;
    connection_wake(connection);
}

static bool write_bytes(struct exchange *exchange, struct blob *bytes) {
    struct connection *connection = connection_of(exchange);
    const struct output *output = &connection->output;
    if (connection->state == CONNECTION_DEAD) return false;
    assert(connection->state == CONNECTION_STREAMING);
    if (connection->is_body_left_out) return true;
    size_t limit = connection->server->limits.stream_bytes;
    /* A single piece over the limit passes an empty queue: an event cannot be cut. */
    if (output->pending_bytes && (output->pending_bytes >= limit || bytes->len > limit - output->pending_bytes)) return false;
    if (output->count >= LIMIT_STREAM_PIECES) return false;
    output_add(&connection->output, blob_keep(bytes), connection->is_chunked);
    connection_wake(connection);
    return true;
}

static void end(struct exchange *exchange) {
    struct connection *connection = connection_of(exchange);
    if (connection->state == CONNECTION_DEAD) return;
    assert(connection->state == CONNECTION_STREAMING);
    if (connection->is_chunked && !connection->is_body_left_out)
        output_add(&connection->output, blob_keep(connection->server->last_chunk), false);
    connection->state = CONNECTION_ENDING;
    connection_wake(connection);
}

static size_t pending(const struct exchange *exchange) {
    return ((const struct connection *)exchange)->output.pending_bytes;
}

const struct exchange_ops server_exchange_ops = {answer, begin, write_bytes, end, pending};

/* what the server says itself */

void answer_refuse(struct connection *connection, int status, const char *text) {
    connection->is_close_after = true;
    struct strbuf head = begin_head(connection, status, STR("text/plain; charset=utf-8"), NULL, 0);
    if (status == 503) strbuf_append(&head, STR("Retry-After: 1\r\n"));
    strbuf_printf(&head, "Content-Length: %zu\r\n", strlen(text) + 1);
    strbuf_append(&head, STR("Connection: close\r\n\r\n"));
    strbuf_append(&head, str_of(text));
    strbuf_append(&head, STR("\n"));
    output_add(&connection->output, head.failed ? NULL : blob_new(strbuf_view(&head)), false);
    strbuf_release(&head);
    connection->state = CONNECTION_ENDING;
}

void answer_continue(struct connection *connection) {
    connection->is_continue_sent = true;
    output_add(&connection->output, blob_new(STR("HTTP/1.1 100 Continue\r\n\r\n")), false);
}
