#include "controller/client.h"

#include <stdlib.h>
#include <string.h>

#include "controller/telemetry.h"
#include "io/credentials.h"

struct client_call {
    struct client *client;
    struct client_call *next, *previous;
    client_answer_fn *answered;
    void *context;
    const char *method; /* a literal of the sender's */
    int64_t begun_ms;
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
    telemetry_answered(call.client->telemetry, call.method, kube.http_status, call.begun_ms);
    if (kube.kind == KUBE_UNAUTHORIZED && call.client->credentials) credentials_rejected(call.client->credentials);
    call.answered(call.context, &kube, &answer->body);
    arena_release(&arena);
}

/* The deadline of a write ends before another controller may write; 0: it has passed. */
static int64_t deadline_of(const struct client *client, const struct client_request *request) {
    if (!client->budget_ms || request->needs_no_budget || strcmp(request->method, "GET") == 0) return request->deadline_ms;
    int64_t budget_ms = client->budget_ms(client->budget_context);
    return budget_ms < request->deadline_ms ? budget_ms : request->deadline_ms;
}

bool client_send(struct client *client, const struct client_request *request, client_answer_fn *answered, void *context) {
    int64_t deadline_ms = deadline_of(client, request);
    struct client_call *call = deadline_ms > 0 ? malloc(sizeof *call) : NULL;
    if (!call) return false;
    *call = (struct client_call){.client = client, .next = client->calls, .answered = answered, .context = context};
    call->method = request->method;
    call->begun_ms = telemetry_now_ms(client->telemetry);
    if (call->next) call->next->previous = call;
    client->calls = call;
    struct http_request wire = {
        .method = request->method,
        .path = request->path,
        .body = request->body,
        .content_type = content_types[request->content],
        .accept_gzip = request->content == CONTENT_NONE,
        .timeout_ms = deadline_ms,
        .traceparent = request->traceparent,
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
