#include "controller/client.h"

#include <stdlib.h>

#include "io/credentials.h"

struct exchange {
    struct client *client;
    struct exchange *next, *previous;
    client_answer_fn *answered;
    void *context;
};

static void exchange_free(struct exchange *exchange) {
    if (exchange->previous)
        exchange->previous->next = exchange->next;
    else
        exchange->client->exchanges = exchange->next;
    if (exchange->next) exchange->next->previous = exchange->previous;
    free(exchange);
}

static const char *const content_types[] = {
#define CONTENT_TYPE(id, type) type,
    CLIENT_CONTENTS(CONTENT_TYPE)
#undef CONTENT_TYPE
};

struct kube_answer client_read_answer(struct arena *arena, const struct http_answer *answer) {
    switch (answer->outcome) {
    case HTTP_ANSWERED: return kube_answer_read(arena, answer->status, answer->retry_after_ms, strbuf_view(&answer->body));
    case HTTP_NOT_SENT: return kube_answer_none(arena, KUBE_NOT_SENT, str_of(answer->error.message));
    case HTTP_TOO_LARGE: return kube_answer_none(arena, KUBE_TOO_LARGE, str_of(answer->error.message));
    case HTTP_UNKNOWN: break;
    }
    return kube_answer_none(arena, KUBE_LOST, str_of(answer->error.message));
}

static void on_answer(void *owner, struct http_answer *answer) {
    struct exchange exchange = *(struct exchange *)owner;
    exchange_free(owner);
    struct arena arena;
    arena_init(&arena, LIMIT_BODY_BYTES);
    struct kube_answer kube = client_read_answer(&arena, answer);
    if (kube.kind == KUBE_UNAUTHORIZED && exchange.client->credentials) credentials_rejected(exchange.client->credentials);
    exchange.answered(exchange.context, &kube, &answer->body);
    arena_release(&arena);
}

bool client_send(struct client *client, const struct client_request *request, client_answer_fn *answered, void *context) {
    struct exchange *exchange = malloc(sizeof *exchange);
    if (!exchange) return false;
    *exchange = (struct exchange){.client = client, .next = client->exchanges, .answered = answered, .context = context};
    if (exchange->next) exchange->next->previous = exchange;
    client->exchanges = exchange;
    struct http_request wire = {
        .method = request->method,
        .path = request->path,
        .body = request->body,
        .content_type = content_types[request->content],
        .accept_gzip = request->content == CONTENT_NONE,
        .timeout_ms = request->deadline_ms,
    };
    if (http_send(client->http, &wire, on_answer, exchange)) return true;
    exchange_free(exchange);
    return false;
}

void client_release(struct client *client) {
    http_client_free(client->http);
    client->http = NULL;
    while (client->exchanges) exchange_free(client->exchanges);
}
