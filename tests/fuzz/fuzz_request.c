/*
 * HTTP requests: the first byte cuts the rest into pieces. A request means the same however it is cut, what lies behind it is not taken,
 * its views hold what their names say, and every refusal has a status and words.
 */
#include "harness.h"
#include "io/request_parser.h"

enum { HEAD_BYTES = 2048, BODY_BYTES = 4096 };

/* Feeds `input` in pieces of `piece_bytes`; returns how much was taken. */
static size_t feed(struct request_parser *parser, struct str input, size_t piece_bytes) {
    size_t taken = 0;
    request_parser_init(parser, HEAD_BYTES, BODY_BYTES);
    while (taken < input.len && parser->state < REQUEST_DONE) {
        struct str piece = str_first(str_from(input, taken), piece_bytes);
        size_t count = request_parser_feed(parser, piece);
        fuzz_expect(count <= piece.len, "more taken than was given");
        fuzz_expect(count == piece.len || parser->state >= REQUEST_DONE, "bytes left over in the middle of a request");
        taken += count;
    }
    return taken;
}

static void expect_good(const struct request_parser *parser) {
    fuzz_expect(parser->has_head && parser->method.len, "a request without a method");
    fuzz_expect(parser->path.len && (parser->path.ptr[0] == '/' || str_is(parser->path, "*")), "a path without a slash");
    fuzz_expect(!str_contains(parser->path, STR("?")), "a query in the path");
    fuzz_expect(parser->body.len <= BODY_BYTES && parser->head.len <= HEAD_BYTES, "a limit passed");
    for (size_t i = 0; i < parser->header_count; i++) {
        struct exchange_header header = parser->headers[i];
        fuzz_expect(header.name.len && str_equal(header.value, str_trim(header.value)), "a header with blanks around it");
        fuzz_expect(!str_contains(header.value, STR("\n")) && !str_contains(header.value, STR("\r")), "a header of two lines");
    }
}

static void expect_same(const struct request_parser *one, const struct request_parser *other) {
    fuzz_expect(one->state == other->state && one->failure_status == other->failure_status, "the outcome hangs on the cuts");
    if (one->state == REQUEST_FAILED) {
        fuzz_expect(one->failure_status >= 400 && one->failure && one->failure[0], "a refusal without words");
        return;
    }
    fuzz_expect(str_equal(strbuf_view(&one->head), strbuf_view(&other->head)), "another head");
    fuzz_expect(str_equal(strbuf_view(&one->body), strbuf_view(&other->body)), "another body");
    fuzz_expect(one->header_count == other->header_count && one->is_keep_alive == other->is_keep_alive, "other headers");
}

FUZZ_TARGET(request) {
    struct request_parser whole, cut;
    (void)arena;
    if (!input.len) return;
    size_t piece_bytes = 1 + (unsigned char)input.ptr[0] % 64;
    /* Requests one behind the other, as on a connection. */
    for (struct str rest = str_from(input, 1); rest.len;) {
        size_t taken = feed(&whole, rest, rest.len), taken_cut = feed(&cut, rest, piece_bytes);
        expect_same(&whole, &cut);
        bool is_done = whole.state == REQUEST_DONE;
        if (is_done) expect_good(&whole);
        fuzz_expect(!is_done || taken == taken_cut, "the request's end hangs on the cuts");
        request_parser_reset(&whole);
        request_parser_reset(&cut);
        if (!is_done) return;
        rest = str_from(rest, taken);
    }
}
