#include "io/request_parser.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/number.h"

enum {
    /* The longest registered method is 17 letters. */
    METHOD_BYTES = 32,
    /* Room made at once: the head of a usual request. */
    USUAL_HEAD_BYTES = 1000,
    /* 16^12 is far over any maximum and far under an overflow. */
    CHUNK_SIZE_DIGITS = 12,
};

void request_parser_init(struct request_parser *parser, size_t max_head_bytes, size_t max_body_bytes) {
    *parser = (struct request_parser){.max_head_bytes = max_head_bytes, .max_body_bytes = max_body_bytes};
    parser->head = strbuf_with_max(max_head_bytes);
    parser->line = strbuf_with_max(LIMIT_CHUNK_LINE_BYTES);
    parser->body = strbuf_with_max(max_body_bytes);
}

void request_parser_reset(struct request_parser *parser) {
    strbuf_release(&parser->head);
    strbuf_release(&parser->line);
    strbuf_release(&parser->body);
    free(parser->headers);
    request_parser_init(parser, parser->max_head_bytes, parser->max_body_bytes);
}

bool request_parser_is_fresh(const struct request_parser *parser) {
    return parser->state == REQUEST_HEAD && parser->head.len == 0;
}

static bool fail(struct request_parser *parser, int status, const char *text) {
    parser->state = REQUEST_FAILED;
    parser->failure_status = status;
    parser->failure = text;
    return false;
}

/* characters */

static bool is_token(struct str text) {
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool is_alphanumeric = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!is_alphanumeric && (!c || !strchr("!#$%&'*+-.^_`|~", c))) return false;
    }
    return text.len > 0;
}

/* Visible ASCII without the fragment's mark, which no request has. */
static bool is_target(struct str text) {
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] <= ' ' || text.ptr[i] >= 0x7f || text.ptr[i] == '#') return false;
    return text.len > 0;
}

static bool is_field_value(struct str text) {
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if ((c < ' ' && c != '\t') || c == 0x7f) return false;
    }
    return true;
}

static struct str trim_blanks(struct str text) {
    while (text.len && (text.ptr[0] == ' ' || text.ptr[0] == '\t')) text = str_from(text, 1);
    while (text.len && (text.ptr[text.len - 1] == ' ' || text.ptr[text.len - 1] == '\t')) text.len--;
    return text;
}

/* What stands before the first `mark` goes to `out`, the rest behind it stays; false when there is none. */
static bool cut(struct str *text, char mark, struct str *out) {
    const char *at = text->len ? memchr(text->ptr, mark, text->len) : NULL;
    if (!at) return false;
    size_t length = (size_t)(at - text->ptr);
    *out = str_first(*text, length);
    *text = str_from(*text, length + 1);
    return true;
}

/* the request line */

/* "http://host:port/path?query" -> "/path?query": what a proxy would be sent, and every server has to understand. */
static struct str without_authority(struct str target) {
    static const struct str schemes[] = {{"http://", 7}, {"https://", 8}};
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        if (!str_equal_ignoring_case(str_first(target, schemes[i].len), schemes[i])) continue;
        struct str rest = str_from(target, schemes[i].len);
        size_t slash = str_find(rest, STR("/"));
        return slash == SIZE_MAX ? STR("/") : str_from(rest, slash);
    }
    return target;
}

static bool read_target(struct request_parser *parser, struct str target) {
    if (!is_target(target)) return fail(parser, 400, "the request target is empty or has characters that must be percent-encoded");
    target = without_authority(target);
    bool is_asterisk = str_is(target, "*") && str_is(parser->method, "OPTIONS");
    if (target.ptr[0] != '/' && !is_asterisk) return fail(parser, 400, "the request target does not begin with a slash");
    parser->query = target;
    if (cut(&parser->query, '?', &parser->path)) return true;
    parser->path = target;
    parser->query = STR_EMPTY;
    return true;
}

static bool read_request_line(struct request_parser *parser, struct str line) {
    struct str target;
    if (!cut(&line, ' ', &parser->method) || !cut(&line, ' ', &target) || !is_token(parser->method) || parser->method.len > METHOD_BYTES)
        return fail(parser, 400, "the request line is not METHOD TARGET HTTP/1.1");
    if (str_is(line, "HTTP/1.0"))
        parser->is_http10 = true;
    else if (str_starts_with(line, STR("HTTP/")) && line.len == strlen("HTTP/1.1") && !str_is(line, "HTTP/1.1"))
        return fail(parser, 505, "only HTTP/1.1 and HTTP/1.0 are spoken here");
    else if (!str_is(line, "HTTP/1.1"))
        return fail(parser, 400, "the request line is not METHOD TARGET HTTP/1.1");
    return read_target(parser, target);
}

/* headers */

/* What the headers say about the request's own form. */
struct framing {
    size_t hosts, lengths, encodings;
    uint64_t length;
    bool is_close, is_keep_alive;
};

static bool read_host(struct request_parser *parser, struct framing *framing, struct str value) {
    (void)value;
    return ++framing->hosts == 1 || fail(parser, 400, "there is more than one Host header");
}

static bool read_length(struct request_parser *parser, struct framing *framing, struct str value) {
    int64_t length;
    for (size_t i = 0; i < value.len; i++)
        if (value.ptr[i] < '0' || value.ptr[i] > '9') return fail(parser, 400, "Content-Length is not a number");
    if (++framing->lengths > 1) return fail(parser, 400, "there is more than one Content-Length header");
    if (!value.len) return fail(parser, 400, "Content-Length is not a number");
    /* A number past int64 is too long as well. */
    framing->length = number_parse_int64(value, &length) ? (uint64_t)length : UINT64_MAX;
    return true;
}

static bool read_encoding(struct request_parser *parser, struct framing *framing, struct str value) {
    if (++framing->encodings > 1 || !str_equal_ignoring_case(value, STR("chunked")))
        return fail(parser, 501, "the only Transfer-Encoding understood is chunked");
    return true;
}

static bool read_connection(struct request_parser *parser, struct framing *framing, struct str value) {
    (void)parser;
    for (bool is_more = true; is_more;) {
        struct str word = value;
        is_more = cut(&value, ',', &word);
        word = trim_blanks(word);
        framing->is_close |= str_equal_ignoring_case(word, STR("close"));
        framing->is_keep_alive |= str_equal_ignoring_case(word, STR("keep-alive"));
    }
    return true;
}

static bool read_expect(struct request_parser *parser, struct framing *framing, struct str value) {
    (void)framing;
    if (!str_equal_ignoring_case(value, STR("100-continue"))) return fail(parser, 417, "the only expectation understood is 100-continue");
    parser->expects_continue = !parser->is_http10;
    return true;
}

static const struct {
    struct str name;
    bool (*read)(struct request_parser *parser, struct framing *framing, struct str value);
} framing_headers[] = {
    {{"Host", 4}, read_host},
    {{"Content-Length", 14}, read_length},
    {{"Transfer-Encoding", 17}, read_encoding},
    {{"Connection", 10}, read_connection},
    {{"Expect", 6}, read_expect},
};

static bool read_header(struct request_parser *parser, struct framing *framing, struct str line) {
    struct exchange_header header;
    if (!cut(&line, ':', &header.name)) return fail(parser, 400, "a header line has no colon");
    if (!is_token(header.name)) return fail(parser, 400, "a header's name is empty or has characters that it may not have");
    header.value = trim_blanks(line);
    if (!is_field_value(header.value)) return fail(parser, 400, "a header's value has control characters");
    parser->headers[parser->header_count++] = header;
    for (size_t i = 0; i < sizeof framing_headers / sizeof *framing_headers; i++)
        if (str_equal_ignoring_case(header.name, framing_headers[i].name)) return framing_headers[i].read(parser, framing, header.value);
    return true;
}

static bool use_framing(struct request_parser *parser, const struct framing *framing) {
    if (!framing->hosts && !parser->is_http10) return fail(parser, 400, "the Host header is missing");
    if (framing->encodings && (framing->lengths || parser->is_http10))
        return fail(parser, 400, "Transfer-Encoding stands beside Content-Length or in HTTP/1.0");
    parser->is_keep_alive = !framing->is_close && (!parser->is_http10 || framing->is_keep_alive);
    if (framing->encodings) {
        parser->state = REQUEST_CHUNK_SIZE;
        return true;
    }
    if (framing->length > parser->max_body_bytes) return fail(parser, 413, "the body is longer than this server takes");
    parser->left_bytes = (size_t)framing->length;
    parser->state = parser->left_bytes ? REQUEST_BODY_LENGTH : REQUEST_DONE;
    return true;
}

/* A line of `text` without its CRLF; every line has one. */
static struct str next_line(struct str *text) {
    struct str line = STR_EMPTY;
    cut(text, '\n', &line);
    return str_first(line, line.len - 1);
}

static bool read_head(struct request_parser *parser) {
    struct str rest = strbuf_view(&parser->head);
    struct framing framing = {0};
    /* Of the lines, the first is the request's and the last empty. */
    size_t header_count = parser->line_count - 2;
    if (header_count > LIMIT_REQUEST_HEADERS) return fail(parser, 431, "there are too many headers");
    parser->headers = calloc(header_count ? header_count : 1, sizeof *parser->headers);
    if (!parser->headers) return fail(parser, 503, "out of memory");
    if (!read_request_line(parser, next_line(&rest))) return false;
    while (parser->header_count < header_count)
        if (!read_header(parser, &framing, next_line(&rest))) return false;
    parser->has_head = true;
    return use_framing(parser, &framing);
}

/* a line of the head, of a chunk or of the trailers: without its CRLF */

static bool end_head_line(struct request_parser *parser, struct str line) {
    parser->line_count++;
    if (line.len) return true;
    if (parser->line_count > 1) return read_head(parser);
    /* Some clients send an empty line after a body. One before a request is skipped; a second one is no request. */
    parser->extra_bytes += 2;
    if (parser->extra_bytes > 2) return fail(parser, 400, "there are empty lines in place of a request line");
    parser->line_count = 0;
    strbuf_clear(&parser->head);
    return true;
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

static bool end_chunk_size(struct request_parser *parser, struct str line) {
    struct str digits = line;
    size_t size = 0;
    if (cut(&line, ';', &digits) && !is_field_value(line)) return fail(parser, 400, "a chunk's extension has control characters");
    digits = trim_blanks(digits);
    if (!digits.len || digits.len > CHUNK_SIZE_DIGITS) return fail(parser, 400, "a chunk's size is not a hexadecimal number");
    for (size_t i = 0; i < digits.len; i++) {
        int digit = hex_digit(digits.ptr[i]);
        if (digit < 0) return fail(parser, 400, "a chunk's size is not a hexadecimal number");
        size = size * 16 + (size_t)digit;
    }
    if (size > parser->max_body_bytes - parser->body.len) return fail(parser, 413, "the body is longer than this server takes");
    parser->left_bytes = size;
    parser->state = size ? REQUEST_CHUNK_DATA : REQUEST_TRAILERS;
    return true;
}

static bool end_chunk(struct request_parser *parser, struct str line) {
    if (line.len) return fail(parser, 400, "a chunk is longer than its size says");
    parser->state = REQUEST_CHUNK_SIZE;
    return true;
}

static bool end_trailer(struct request_parser *parser, struct str line) {
    struct str name;
    if (!line.len) {
        parser->state = REQUEST_DONE;
        return true;
    }
    if (!cut(&line, ':', &name) || !is_token(name) || !is_field_value(trim_blanks(line)))
        return fail(parser, 400, "a trailer is not a header line");
    return true;
}

/* `line` ends in LF. */
static bool end_line(struct request_parser *parser, struct str line) {
    if (line.len < 2 || line.ptr[line.len - 2] != '\r') return fail(parser, 400, "a line does not end in CR LF");
    line.len -= 2;
    switch (parser->state) {
    case REQUEST_HEAD: return end_head_line(parser, line);
    case REQUEST_CHUNK_SIZE: return end_chunk_size(parser, line);
    case REQUEST_CHUNK_END: return end_chunk(parser, line);
    default: return end_trailer(parser, line);
    }
}

static size_t feed_head(struct request_parser *parser, struct str bytes) {
    const char *newline = memchr(bytes.ptr, '\n', bytes.len);
    struct str part = newline ? str_first(bytes, (size_t)(newline - bytes.ptr) + 1) : bytes;
    if (part.len > parser->max_head_bytes - parser->head.len) {
        fail(parser, 431, "request line and headers are too long");
        return 0;
    }
    if (!parser->head.ptr) strbuf_reserve(&parser->head, part.len > USUAL_HEAD_BYTES ? part.len : USUAL_HEAD_BYTES);
    strbuf_append(&parser->head, part);
    if (parser->head.failed) {
        fail(parser, 503, "out of memory");
    } else if (newline) {
        end_line(parser, str_from(strbuf_view(&parser->head), parser->line_at));
        parser->line_at = parser->head.len;
    }
    return part.len;
}

/* A line around a chunk, or of the trailers. */
static size_t feed_line(struct request_parser *parser, struct str bytes) {
    const char *newline = memchr(bytes.ptr, '\n', bytes.len);
    struct str part = newline ? str_first(bytes, (size_t)(newline - bytes.ptr) + 1) : bytes;
    strbuf_append(&parser->line, part);
    if (parser->line.failed) {
        fail(parser, 400, "a line of the chunked body is too long");
        return 0;
    }
    if (!newline) return part.len;
    /* A size and its line's end are due; what is longer is an extension or a trailer. */
    parser->extra_bytes += parser->line.len > CHUNK_SIZE_DIGITS + 2 ? parser->line.len : 0;
    if (parser->extra_bytes > parser->max_head_bytes)
        fail(parser, 431, "chunk extensions and trailers are too long");
    else
        end_line(parser, strbuf_view(&parser->line));
    strbuf_clear(&parser->line);
    return part.len;
}

static size_t feed_data(struct request_parser *parser, struct str bytes) {
    struct str data = str_first(bytes, parser->left_bytes);
    strbuf_append(&parser->body, data);
    if (parser->body.failed) {
        fail(parser, 503, "out of memory");
        return 0;
    }
    parser->left_bytes -= data.len;
    if (parser->left_bytes == 0) parser->state = parser->state == REQUEST_BODY_LENGTH ? REQUEST_DONE : REQUEST_CHUNK_END;
    return data.len;
}

size_t request_parser_feed(struct request_parser *parser, struct str bytes) {
    size_t taken = 0;
    while (taken < bytes.len && parser->state < REQUEST_DONE) {
        struct str rest = str_from(bytes, taken);
        switch (parser->state) {
        case REQUEST_HEAD: taken += feed_head(parser, rest); break;
        case REQUEST_BODY_LENGTH:
        case REQUEST_CHUNK_DATA: taken += feed_data(parser, rest); break;
        default: taken += feed_line(parser, rest); break;
        }
    }
    return taken;
}
