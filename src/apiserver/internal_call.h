/*
 * The server as its own client: garbage collection, namespaces and definitions that go, and collections are deleted by ordinary requests in
 * the same process, with everything that these do (finalizers, preconditions, watches).
 */
#ifndef MB_APISERVER_INTERNAL_CALL_H
#define MB_APISERVER_INTERNAL_CALL_H

#include "apiserver/registry.h"
#include "apiserver/server.h"

struct internal_request {
    const char *method;
    struct str path, query;
    const char *content_type; /* NULL: application/json */
    struct str body;
};

/* The answer; the body lives until return. Never called before internal_call returns. */
typedef void internal_done(void *owner, int status, struct str body);
/* Texts are copied. False when memory is out. */
bool internal_call(struct apiserver *server, const struct internal_request *request, internal_done *done, void *owner);
/* Drops those under way, unanswered: the server ends. */
void internal_calls_free(struct apiserver *server);
/* "/apis/group/version/namespaces/ns/plural/name" in the storage version. */
struct str internal_object_path(struct arena *arena, const struct kind *kind, struct str namespace, struct str name);

#endif
