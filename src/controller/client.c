#include "controller/client.h"

#include <stdlib.h>

#include "io/credentials.h"

struct client_call {
    struct client *client;
    struct client_call *next, *previous;
    client_answer_fn *answered;
    void *context;
};

static void call_free(struct client_call *call) {
    if (call->previous)
        call->previous->next = call->next;
    else
        call->client->calls = call->next;
    if (call->next) call->next->previous = call->previous;
    free(call);
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
    struct client_call call = *(struct client_call *)owner;
    call_free(owner);
    struct arena arena;
    arena_init(&arena, LIMIT_BODY_BYTES);
    struct kube_answer kube = client_read_answer(&arena, answer);
    if (kube.kind == KUBE_UNAUTHORIZED && call.client->credentials) credentials_rejected(call.client->credentials);
    call.answered(call.context, &kube, &answer->body);
    arena_release(&arena);
}

bool client_send(struct client *client, const struct client_request *request, client_answer_fn *answered, void *context) {
    struct client_call *call = malloc(sizeof *call);
    if (!call) return false;
    *call = (struct client_call){.client = client, .next = client->calls, .answered = answered, .context = context};
    if (call->next) call->next->previous = call;
    client->calls = call;
    struct http_request wire = {
        .method = request->method,
        .path = request->path,
        .body = request->body,
        .content_type = content_types[request->content],
        .accept_gzip = request->content == CONTENT_NONE,
        .timeout_ms = request->deadline_ms,
    };
    if (http_send(client->http, &wire, on_answer, call)) return true;
    call_free(call);
    return false;
}

void client_release(struct client *client) {
    http_client_free(client->http);
    client->http = NULL;
    while (client->calls) call_free(client->calls);
}
