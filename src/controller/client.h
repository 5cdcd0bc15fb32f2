/*
 * Requests to the API server, answered in the words of kube/answer.h. The one place where an HTTP answer becomes a Kubernetes one.
 * One request, one answer, always later than the call, never from within it.
 */
#ifndef MB_CONTROLLER_CLIENT_H
#define MB_CONTROLLER_CLIENT_H

#include "io/http_client.h"
#include "kube/answer.h"

#define CLIENT_CONTENTS(X)                                                                                                                 \
    X(CONTENT_NONE, NULL)                                                                                                                  \
    X(CONTENT_JSON, "application/json")                                                                                                    \
    X(CONTENT_JSON_PATCH, "application/json-patch+json")                                                                                   \
    X(CONTENT_MERGE_PATCH, "application/merge-patch+json")

enum client_content {
#define CONTENT_ENUM(id, type) id,
    CLIENT_CONTENTS(CONTENT_ENUM)
#undef CONTENT_ENUM
};

struct client_call;
/* How long a write that is sent now may take; 0: none may be sent. */
typedef int64_t client_budget_fn(void *context);

struct credentials;
struct telemetry;

struct client {
    struct http_client *http;
    struct credentials *credentials; /* told of each 401; NULL: none to tell */
    client_budget_fn *budget_ms;     /* of writes; NULL: as long as they like */
    void *budget_context;
    struct client_call *calls;   /* sent, not answered yet */
    struct telemetry *telemetry; /* told of each answer; NULL: nobody is */
};

struct client_request {
    const char *method;
    struct str path; /* with its query */
    enum client_content content;
    struct str body;
    int deadline_ms;
    bool needs_no_budget;   /* a write that is sent whatever the budget */
    struct str traceparent; /* empty: nobody traces */
};

/* `answer` and `body` live until the callback returns; the callback may take the body (strbuf moved out and emptied). */
typedef void client_answer_fn(void *context, const struct kube_answer *answer, struct strbuf *body);

/* False when memory is out, or there is no budget for a write; the callback is not called then. */
bool client_send(struct client *client, const struct client_request *request, client_answer_fn *answered, void *context);
/* True: a request is not answered yet. */
static inline bool client_is_busy(const struct client *client) {
    return client->calls != NULL;
}
/* Closes the HTTP client: what is still going on is cancelled, without callbacks. */
void client_release(struct client *client);
/* What a finished exchange means; everything in the arena. */
struct kube_answer client_read_answer(struct arena *arena, const struct http_answer *answer);

#endif
