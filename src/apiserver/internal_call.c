#include "apiserver/internal_call.h"

#include <assert.h>
#include <utlist.h>

#include "apiserver/server.h"
#include "kube/resource.h"

enum { CALL_ARENA_BYTES = 64 * 1024 * 1024 };

struct call {
    struct exchange exchange; /* first: a pointer to it is one to the call */
    struct call *prev, *next; /* of the server's list */
    struct arena arena;
    struct loop_deferred *deferred; /* sends, then answers: never inside of the caller's own call */
    struct apiserver *server;
    internal_done *done;
    void *owner;
    int status; /* 0: not answered yet */
    struct blob *body;
    struct exchange_header content_type;
};

static void answered(struct exchange *exchange, int status, struct str content_type, const struct exchange_header *headers,
                     size_t header_count, struct blob *body) {
    struct call *call = (struct call *)exchange;
    (void)content_type, (void)headers, (void)header_count;
    call->status = status;
    call->body = blob_keep(body);
    loop_deferred_call(call->deferred);
}

static void begun(struct exchange *exchange, int status, struct str content_type, const struct exchange_header *headers,
                  size_t header_count) {
    (void)exchange, (void)status, (void)content_type, (void)headers, (void)header_count;
    assert(!"nobody streams to the server itself");
}

static bool written(struct exchange *exchange, struct blob *bytes) {
    (void)exchange, (void)bytes;
    return false;
}

static void ended(struct exchange *exchange) {
    (void)exchange;
}

static size_t pending(const struct exchange *exchange) {
    (void)exchange;
    return 0;
}

static const struct exchange_ops ops = {.answer = answered, .begin = begun, .write = written, .end = ended, .pending = pending};

static void release(struct call *call) {
    blob_drop(call->body);
    loop_deferred_free(call->deferred);
    struct arena arena = call->arena;
    arena_release(&arena);
}

void internal_calls_free(struct apiserver *server) {
    struct call *call, *next;
    DL_FOREACH_SAFE(server->calls, call, next) release(call);
    server->calls = NULL;
}

static void go_on(void *owner) {
    struct call *call = owner;
    if (!call->status) {
        apiserver_handle(call->server, &call->exchange);
        return;
    }
    DL_DELETE(call->server->calls, call);
    if (call->done) call->done(call->owner, call->status, blob_view(call->body));
    release(call);
}

bool internal_call(struct apiserver *server, const struct internal_request *request, internal_done *done, void *owner) {
    struct arena arena;
    arena_init(&arena, CALL_ARENA_BYTES);
    struct call *call = arena_alloc(&arena, sizeof *call);
    struct loop_deferred *deferred = call ? loop_deferred_new(server->loop, go_on, call) : NULL;
    if (!deferred) {
        arena_release(&arena);
        return false;
    }
    *call = (struct call){.server = server, .deferred = deferred, .done = done, .owner = owner};
    call->content_type =
        (struct exchange_header){STR("Content-Type"), str_of(request->content_type ? request->content_type : "application/json")};
    call->exchange = (struct exchange){.ops = &ops,
                                       .method = str_of(request->method),
                                       .path = arena_copy(&arena, request->path),
                                       .query = arena_copy(&arena, request->query),
                                       .body = arena_copy(&arena, request->body),
                                       .headers = &call->content_type,
                                       .header_count = 1,
                                       .peer = STR("internal"),
                                       .is_local = true};
    call->arena = arena;
    DL_APPEND(server->calls, call);
    loop_deferred_call(deferred);
    return true;
}

struct str internal_object_path(struct arena *arena, const struct kind *kind, struct str namespace, struct str name) {
    struct kube_resource resource = {
        .group = kind->group, .version = kind->storage_version->version, .plural = kind->plural, .kind = kind->kind};
    return kube_object_path(arena, &resource, kind->is_namespaced ? namespace : STR_EMPTY, name, STR_EMPTY, NULL);
}
