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

struct credentials;

struct client {
    struct http_client *http;
    struct credentials *credentials; /* told of each 401; NULL: none to tell */
    struct client_call *calls;       /* sent, not answered yet */
};

struct client_request {
    const char *method;
    struct str path; /* with its query */
    enum client_content content;
    struct str body;
    int deadline_ms;
};

/* `answer` and `body` live until the callback returns; the callback may take the body (strbuf moved out and emptied). */
typedef void client_answer_fn(void *context, const struct kube_answer *answer, struct strbuf *body);

/* False when memory is out; the callback is not called then. */
bool client_send(struct client *client, const struct client_request *request, client_answer_fn *answered, void *context);
/* Closes the HTTP client: what is still going on is cancelled, without callbacks. */
void client_release(struct client *client);
/* What a finished exchange means; everything in the arena. */
struct kube_answer client_read_answer(struct arena *arena, const struct http_answer *answer);

#endif
