#include "apiserver/request.h"

#include <stdlib.h>
#include <utlist.h>

#include "apiserver/audit.h"
#include "apiserver/convert.h"
#include "apiserver/filter.h"
#include "apiserver/identity.h"
#include "apiserver/rights.h"
#include "apiserver/server.h"
#include "apiserver/view.h"
#include "data/rfc3339.h"

enum { MAX_HEADERS = REQUEST_MAX_WARNINGS + 8, MAX_REQUESTS = 20000 };

struct refusal_subject request_subject(const struct request *request) {
    return (struct refusal_subject){.resource = request->kind->plural, .group = request->kind->group, .name = request->name};
}

struct refusal_subject request_kind_subject(const struct request *request) {
    /* Both groups' events are core's inside. */
    bool is_event = request->kind->builtin && str_is(request->kind->plural, "events");
    return (struct refusal_subject){
        .resource = request->kind->kind, .group = is_event ? STR_EMPTY : request->kind->group, .name = request->name};
}

void request_warn(struct request *request, struct str text) {
    for (size_t i = 0; i < request->warning_count; i++) {
        if (str_equal(request->warnings[i], text)) return;
    }
    if (request->warning_count < REQUEST_MAX_WARNINGS) request->warnings[request->warning_count++] = text;
}

bool request_has_builtin_flag(const struct request *request, enum builtin_flag flag) {
    return request->kind->builtin && (request->kind->builtin->flags & flag);
}

struct str request_api_version(const struct request *request) {
    if (!request->kind->group.len) return request->version->version;
    return arena_join((struct arena *)(uintptr_t)&request->arena, request->kind->group, STR("/"), request->version->version);
}

void request_free(struct request *request) {
    struct apiserver *server = request->server;
    DL_DELETE(server->requests, request);
    server->request_count--;
    kind_drop(request->kind);
    blob_drop(request->written);
    if (request->release) request->release(request->held);
    arena_release(&request->arena);
    free(request);
    if (server->requests || !server->stopped) return;
    loop_callback *stopped = server->stopped;
    server->stopped = NULL;
    stopped(server->stopped_owner);
}

static size_t make_headers(struct request *request, struct exchange_header headers[MAX_HEADERS]) {
    size_t count = 0;
    headers[count++] = (struct exchange_header){STR("Audit-Id"), request->audit_id};
    headers[count++] = (struct exchange_header){STR("Cache-Control"), STR("no-cache, private")};
    for (size_t i = 0; i < request->warning_count; i++) {
        struct strbuf quoted = strbuf_with_max(LIMIT_BODY_BYTES);
        json_write_text(&quoted, request->warnings[i]);
        headers[count++] =
            (struct exchange_header){STR("Warning"), arena_join(&request->arena, STR("299 - "), strbuf_view(&quoted), STR_EMPTY)};
        strbuf_release(&quoted);
    }
    if (request->refusal.code && request->refusal.retry_after_s)
        headers[count++] =
            (struct exchange_header){STR("Retry-After"), arena_printf(&request->arena, "%d", request->refusal.retry_after_s)};
    if (request->etag.len) headers[count++] = (struct exchange_header){STR("ETag"), request->etag};
    if (request->etag.len) headers[count++] = (struct exchange_header){STR("Vary"), STR("Accept")};
    return count;
}

static void count_answer(struct request *request, enum audit_stage stage, int status) {
    if (status >= 100 && status < 600) request->server->answered[status / 100]++;
    audit_write(request, stage, status);
}

void request_answer_blob(struct request *request, int status, struct str content_type, struct blob *body) {
    struct exchange *exchange = request->exchange;
    struct exchange_header headers[MAX_HEADERS];
    if (exchange) {
        count_answer(request, AUDIT_COMPLETE, status);
        exchange->on_gone = NULL;
        exchange_answer(exchange, status, content_type, headers, make_headers(request, headers), body);
    }
    request_free(request);
}

void request_begin_stream(struct request *request, struct str content_type) {
    struct exchange_header headers[MAX_HEADERS];
    count_answer(request, AUDIT_STARTED, 200);
    exchange_begin(request->exchange, 200, content_type, headers, make_headers(request, headers));
}

void request_answer_text(struct request *request, int status, const char *content_type, struct str text) {
    struct blob *body = blob_new(text);
    request_answer_blob(request, body ? status : 500, str_of(content_type), body);
    blob_drop(body);
}

/* Compact JSON, dressed as was asked for. */
static void answer_json(struct request *request, int status, struct str json) {
    struct str type;
    struct blob *body = view_dress(request, json, &type);
    request_answer_blob(request, body ? status : 500, type, body);
    blob_drop(body);
}

void request_refuse(struct request *request) {
    /* A refusal made without memory may be a wrong one; that something is too large for it is not. */
    if (request->arena.exhausted && request->refusal.code != 413) refuse_internal(&request->arena, &request->refusal, "memory is out");
    struct strbuf json = strbuf_with_max(LIMIT_BODY_BYTES);
    refusal_write(&json, &request->refusal);
    answer_json(request, request->refusal.code, strbuf_view(&json));
    strbuf_release(&json);
}

void request_fail_memory(struct request *request) {
    refuse_internal(&request->arena, &request->refusal, "memory is out");
    request_refuse(request);
}

void request_answer_value(struct request *request, int status, const yyjson_mut_val *value) {
    struct strbuf json = strbuf_with_max(LIMIT_BODY_BYTES);
    mut_write(&request->arena, &json, value);
    answer_json(request, json.failed ? 500 : status, strbuf_view(&json));
    strbuf_release(&json);
}

void request_answer_object(struct request *request, int status, struct blob *stored, int64_t revision) {
    if (view_is_compact(request) && view_is_plain(request, revision)) {
        request_answer_blob(request, status, STR("application/json"), stored);
        return;
    }
    struct strbuf json = strbuf_with_max(LIMIT_BODY_BYTES);
    if (view_write_one(request, &request->arena, stored, &json))
        answer_json(request, status, strbuf_view(&json));
    else
        request_fail_memory(request);
    strbuf_release(&json);
}

static void is_gone(struct exchange *exchange) {
    struct request *request = exchange->context;
    request->exchange = NULL;
    exchange->on_gone = NULL;
}

static void dispatch_again(void *owner) {
    struct request *request = owner;
    if (!request->exchange) {
        request_free(request);
        return;
    }
    arena_release(&request->arena);
    kind_drop(request->kind);
    struct request *prev = request->prev, *next = request->next;
    *request = (struct request){.server = request->server,
                                .prev = prev,
                                .next = next,
                                .exchange = request->exchange,
                                .arena = request->arena,
                                .received_ms = request->received_ms};
    server_dispatch(request);
}

void request_wait_for(struct request *request, struct collection *collection, struct str namespace, struct str name) {
    if (!objects_wait(request->server->objects, collection, namespace, name, dispatch_again, request)) request_fail_memory(request);
}

void request_wait(struct request *request) {
    request_wait_for(request, request->collection, request->namespace, request->name);
}

void server_release_held(struct apiserver *server) {
    struct request *request, *next;
    DL_FOREACH_SAFE(server->requests, request, next) {
        if (!request->is_held) continue;
        if (!server->is_stopping || !request->exchange) {
            dispatch_again(request);
            continue;
        }
        /* What every cluster has is not there: any other answer would be wrong. */
        refuse_plain(&request->arena, &request->refusal, 503, "ServiceUnavailable", "the server is shutting down");
        request_refuse(request);
    }
}

/* HTTP's method to the verb; 0: not allowed. */
static unsigned verb_of(const struct request *request) {
    struct str method = request->exchange->method;
    bool has_name = request->route.name.len;
    if (str_is(method, "GET")) return request->parameters.is_watch ? VERB_WATCH : has_name ? VERB_GET : VERB_LIST;
    if (str_is(method, "POST")) return VERB_CREATE;
    if (str_is(method, "PUT")) return VERB_UPDATE;
    if (str_is(method, "PATCH")) return VERB_PATCH;
    if (str_is(method, "DELETE")) return has_name ? VERB_DELETE : VERB_DELETE_COLLECTION;
    return 0;
}

static const char *verb_word(unsigned verb) {
    switch (verb) {
#define VERB_WORD(id, bit, word)                                                                                                           \
    case id: return word;
        KIND_VERBS(VERB_WORD)
#undef VERB_WORD
    default: return "";
    }
}

bool request_may(struct request *request, unsigned verb) {
    const struct route *route = &request->route;
    struct action action = {.verb = str_of(verb_word(verb)), .path = request->exchange->path};
    if (route->is_resource)
        action = (struct action){.verb = action.verb,
                                 .group = route->group,
                                 .resource = route->resource,
                                 .subresource = route->subresource,
                                 .namespace = route->namespace,
                                 .name = request->named};
    else {
        bool is_get = str_is(request->exchange->method, "GET") || str_is(request->exchange->method, "HEAD");
        action.verb = is_get ? STR("get") : str_is(request->exchange->method, "POST") ? STR("post") : STR("put");
    }
    if (rights_allow(request->server->rights, &request->user, &action)) return true;
    struct arena *arena = &request->arena;
    if (!route->is_resource) {
        struct refusal_subject nothing = {0};
        return refuse_forbidden(arena, &request->refusal, &nothing, "User \"%.*s\" cannot %.*s path \"%.*s\"", STR_ARG(request->user.name),
                                STR_ARG(action.verb), STR_ARG(action.path));
    }
    struct str resource = route->subresource.len ? arena_join(arena, route->resource, STR("/"), route->subresource) : route->resource;
    struct str scope =
        route->namespace.len ? arena_printf(arena, "in the namespace \"%.*s\"", STR_ARG(route->namespace)) : STR("at the cluster scope");
    struct refusal_subject subject = {.resource = route->resource, .group = route->group, .name = request->named};
    return refuse_forbidden(arena, &request->refusal, &subject, "User \"%.*s\" cannot %.*s resource \"%.*s\" in API group \"%.*s\" %.*s",
                            STR_ARG(request->user.name), STR_ARG(action.verb), STR_ARG(resource), STR_ARG(route->group), STR_ARG(scope));
}

/* In a version of built-in kinds, a Status; elsewhere the API server's muxer answers in plain text. */
static void answer_unknown_path(struct request *request) {
    const struct route *route = &request->route;
    if (registry_has_builtin_version(request->server->registry, route->group, route->version)) {
        refuse_no_resource(&request->refusal);
        request_refuse(request);
        return;
    }
    request_answer_text(request, 404, "text/plain; charset=utf-8", STR("404 page not found\n"));
}

static const struct kind_subresource *find_subresource(const struct kind_version *version, struct str name) {
    for (size_t i = 0; i < version->subresource_count; i++) {
        if (str_equal(version->subresources[i].name, name)) return &version->subresources[i];
    }
    return NULL;
}

/* Which kind, version and subresource; false: nothing is served there. */
static bool find_target(struct request *request) {
    const struct route *route = &request->route;
    const struct kind *kind = registry_find(request->server->registry, route->group, route->resource);
    if (!kind || route->is_too_long) return false;
    kind_need_schema(kind);
    request->kind = kind_keep(kind);
    request->version = kind_find_version(kind, route->version);
    if (!request->version || !request->version->is_served) return false;
    if (route->subresource.len && !(request->subresource = find_subresource(request->version, route->subresource))) return false;
    bool is_about_namespace = !kind->is_namespaced && str_is(kind->plural, "namespaces") && !kind->group.len;
    request->namespace = kind->is_namespaced ? route->namespace : STR_EMPTY;
    request->name = route->name;
    if (!kind->is_namespaced && !is_about_namespace && route->namespace.len) return false;
    bool spans_namespaces = request->verb == VERB_LIST || request->verb == VERB_WATCH;
    if (kind->is_namespaced && !route->namespace.len && !spans_namespaces) request->verb = 0; /* known, but not to be done there */
    request->collection = objects_collection(request->server->objects, kind->storage_key);
    return request->collection;
}

/* Of a defined kind, which is told of as an object that is not there. */
static bool is_unknown_subresource(struct request *request) {
    const struct route *route = &request->route;
    if (!request->kind || !request->kind->is_defined || !request->version || !request->version->is_served) return false;
    if (!route->subresource.len || request->subresource) return false;
    struct refusal_subject subject = {.resource = route->resource, .group = route->group, .name = route->name};
    return !refuse_not_found(&request->arena, &request->refusal, &subject);
}

static void refuse_verb(struct request *request) {
    struct refusal_subject subject = {.resource = request->route.resource, .group = request->route.group};
    if (request->kind->is_defined && request->verb) {
        refuse_method(&request->arena, &request->refusal, &subject, verb_word(request->verb));
        return;
    }
    refuse_plain(&request->arena, &request->refusal, 405, "MethodNotAllowed",
                 "the server does not allow this method on the requested resource");
    request->refusal.has_details = true;
}

static bool is_allowed_there(const struct request *request) {
    if (request->subresource) return request->subresource->verbs & request->verb;
    if (!(request->kind->verbs & request->verb)) return false;
    bool has_name = request->name.len;
    bool needs_name = request->verb & (VERB_GET | VERB_UPDATE | VERB_PATCH | VERB_DELETE);
    return needs_name ? has_name : request->verb == VERB_WATCH || !has_name;
}

static void run_verb(struct request *request) {
    static const struct {
        unsigned verb;
        void (*run)(struct request *request);
    } verbs[] = {
        {VERB_GET, verb_get},       {VERB_LIST, verb_list},   {VERB_WATCH, verb_watch},   {VERB_CREATE, verb_create},
        {VERB_UPDATE, verb_update}, {VERB_PATCH, verb_patch}, {VERB_DELETE, verb_delete}, {VERB_DELETE_COLLECTION, verb_delete_collection},
    };
    bool is_review = request_has_builtin_flag(request, BUILTIN_IS_VIRTUAL) || (request->verb == VERB_CREATE && request->subresource);
    if (is_review) {
        verb_review(request);
        return;
    }
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        if (verbs[i].verb != request->verb) continue;
        verbs[i].run(request);
        return;
    }
}

static void dispatch_resource(struct request *request) {
    if (!parameters_read(&request->arena, request->exchange->query, &request->parameters, &request->refusal)) {
        request_refuse(request);
        return;
    }
    request->verb = verb_of(request);
    bool is_of_many = request->verb & (VERB_LIST | VERB_WATCH);
    request->named = request->route.name;
    if (is_of_many && !request->named.len) request->named = filter_required_name(&request->arena, request->parameters.field_selector);
    if (!request_may(request, request->verb)) {
        request_refuse(request);
        return;
    }
    if (!find_target(request)) {
        if (is_unknown_subresource(request))
            request_refuse(request);
        else
            answer_unknown_path(request);
        return;
    }
    if (request->version->deprecation_warning.len) request_warn(request, request->version->deprecation_warning);
    if (!request->verb || !is_allowed_there(request)) {
        refuse_verb(request);
        request_refuse(request);
        return;
    }
    struct accept_request wanted = {.header = exchange_header(request->exchange, "Accept"),
                                    .user_agent = exchange_header(request->exchange, "User-Agent"),
                                    .pretty = request->parameters.pretty,
                                    .include_object = request->parameters.include_object,
                                    .is_list = request->verb == VERB_LIST,
                                    .is_watch = request->verb == VERB_WATCH};
    if (!accept_read(&request->arena, &wanted, &request->accept, &request->refusal)) {
        request_refuse(request);
        return;
    }
    run_verb(request);
}

/* Who asks to act as somebody else must not be answered as themselves. False: a refusal is set. */
static bool is_no_impersonation(struct request *request) {
    struct str prefix = STR("Impersonate-");
    for (size_t i = 0; i < request->exchange->header_count; i++) {
        struct str name = request->exchange->headers[i].name;
        if (name.len < prefix.len || !str_equal_ignoring_case(str_first(name, prefix.len), prefix)) continue;
        struct refusal_subject subject = {.resource = STR("users"), .name = exchange_header(request->exchange, "Impersonate-User")};
        return refuse_forbidden(&request->arena, &request->refusal, &subject,
                                "this server lets nobody impersonate another; use credentials of that user");
    }
    return true;
}

void server_dispatch(struct request *request) {
    struct apiserver *server = request->server;
    struct arena *arena = &request->arena;
    request->doc = json_builder(arena);
    if (!request->received_ms) request->received_ms = loop_wall_ms(server->loop);
    request->now = rfc3339_format_ms(arena, loop_wall_ms(server->loop), RFC3339_SECONDS);
    request->audit_id = server_uuid(server, arena);
    if (request->doc) route_read(arena, request->exchange->path, &request->route);
    bool is_known = !arena->exhausted && identity_of_request(request);
    if (arena->exhausted) {
        request_fail_memory(request); /* nobody is taken for somebody else, no path for another */
        return;
    }
    if (!is_known) {
        request_refuse(request);
        return;
    }
    if (!is_no_impersonation(request)) {
        request_refuse(request);
    } else if (request->route.is_resource) {
        dispatch_resource(request);
    } else if (request_may(request, request->verb)) {
        server_answer_path(request);
    } else {
        request_refuse(request);
    }
}

static void refuse_now(struct exchange *exchange, int status, const char *text) {
    struct blob *body = blob_new(str_of(text));
    exchange_answer(exchange, status, STR("text/plain; charset=utf-8"), NULL, 0, body);
    blob_drop(body);
}

void apiserver_handle(void *owner, struct exchange *exchange) {
    struct apiserver *server = owner;
    bool is_internal = exchange->is_local && str_is(exchange->peer, "internal");
    if (server->is_stopping) {
        refuse_now(exchange, 503, "the server is shutting down\n");
        return;
    }
    struct request *request = server->request_count < MAX_REQUESTS ? calloc(1, sizeof *request) : NULL;
    if (!request) {
        refuse_now(exchange, 429, "too many requests, please try again later.\n");
        return;
    }
    request->server = server;
    request->exchange = exchange;
    arena_init(&request->arena, REQUEST_ARENA_BYTES);
    exchange->context = request;
    exchange->on_gone = is_gone;
    DL_APPEND(server->requests, request);
    server->request_count++;
    request->is_held = server->bootstrap_under_way && !is_internal;
    if (!request->is_held) server_dispatch(request);
}
