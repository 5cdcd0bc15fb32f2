/*
 * An HTTP/1.1 request as bytes, cut anywhere -> its parts. No socket and no clock in here; server.c feeds it.
 *
 *   HEAD -> BODY_LENGTH -----------------------------> DONE
 *       \-> CHUNK_SIZE -> CHUNK_DATA -> CHUNK_END        ^        a line at a time; CHUNK_DATA in any pieces
 *               ^ '---------------------' |              |
 *               '-> (size 0) TRAILERS -------------------'
 *   any -> FAILED, with a status and words for the answer; nothing is read after that
 *
 * Strict (RFC 9112), because two readers that differ about where a request ends are an attack: lines end in CRLF, nothing stands between a
 * header's name and its colon, no folded lines, one Host, at most one Content-Length and never beside Transfer-Encoding, which can only be
 * "chunked". An empty line before the request line is skipped, an absolute target is cut to its path, chunk extensions and trailers
 * are checked and dropped.
 */
#ifndef MB_IO_REQUEST_PARSER_H
#define MB_IO_REQUEST_PARSER_H

#include "base/strbuf.h"
#include "io/exchange.h"

enum request_state {
    REQUEST_HEAD,
    REQUEST_BODY_LENGTH,
    REQUEST_CHUNK_SIZE,
    REQUEST_CHUNK_DATA,
    REQUEST_CHUNK_END,
    REQUEST_TRAILERS,
    REQUEST_DONE,
    REQUEST_FAILED,
};

struct request_parser {
    enum request_state state;
    size_t max_head_bytes, max_body_bytes;
    struct strbuf head; /* request line, headers, empty line */
    struct strbuf line; /* the present line of a chunked body */
    struct strbuf body;
    bool has_head;
    size_t line_at;     /* where in `head` the present line begins */
    size_t line_count;  /* of the head */
    size_t extra_bytes; /* of trailers and chunk extensions, which together may not exceed max_head_bytes either */
    size_t left_bytes;  /* of the body, or of the present chunk */

    /* Once has_head. Views into `head`, good until reset. */
    struct str method, path, query;
    struct exchange_header *headers;
    size_t header_count;
    bool is_http10;
    bool is_keep_alive;
    bool expects_continue; /* the sender waits for "100 Continue" before it sends the body */

    /* When FAILED. */
    int failure_status;
    const char *failure;
};

void request_parser_init(struct request_parser *parser, size_t max_head_bytes, size_t max_body_bytes);
/* Frees everything; ready for the next request. */
void request_parser_reset(struct request_parser *parser);
/* Takes from `bytes` what belongs to this request and returns how much that was; all of it unless DONE or FAILED. */
size_t request_parser_feed(struct request_parser *parser, struct str bytes);
/* Nothing of a request has come yet. */
bool request_parser_is_fresh(const struct request_parser *parser);

#endif
