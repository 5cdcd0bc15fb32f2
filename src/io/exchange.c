#include "io/exchange.h"

struct str exchange_header(const struct exchange *exchange, const char *name) {
    for (size_t i = 0; i < exchange->header_count; i++)
        if (str_equal_ignoring_case(exchange->headers[i].name, str_of(name))) return exchange->headers[i].value;
    return STR_EMPTY;
}

void exchange_answer(struct exchange *exchange, int status, struct str content_type, const struct exchange_header *headers,
                     size_t header_count, struct blob *body) {
    exchange->ops->answer(exchange, status, content_type, headers, header_count, body);
}

void exchange_begin(struct exchange *exchange, int status, struct str content_type, const struct exchange_header *headers,
                    size_t header_count) {
    exchange->ops->begin(exchange, status, content_type, headers, header_count);
}

bool exchange_write(struct exchange *exchange, struct blob *bytes) {
    return exchange->ops->write(exchange, bytes);
}

void exchange_end(struct exchange *exchange) {
    exchange->ops->end(exchange);
}

size_t exchange_pending(const struct exchange *exchange) {
    return exchange->ops->pending(exchange);
}
