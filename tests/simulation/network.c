#include "network_inner.h"

#include <stdlib.h>
#include <string.h>

enum { LATE_MAX_MS = 45 * 1000, REFUSED_MS = 3 };

unsigned network_draw(struct network *network, unsigned below) {
    return (unsigned)number_random_below(&network->random, below);
}

bool network_happens(struct network *network, unsigned permille) {
    return permille && network_draw(network, 1000) < permille;
}

/* Mostly short, sometimes as long as the weather allows. */
int64_t network_leg_ms(struct network *network) {
    int64_t most_ms = network->weather.delay_ms;
    if (most_ms <= 1) return 1;
    return 1 + (int64_t)number_random_below(&network->random, (uint64_t)(network_draw(network, 4) ? most_ms / 10 + 1 : most_ms));
}

void network_init(struct network *network, struct agenda *agenda, struct model_server *server, uint64_t seed) {
    *network = (struct network){.agenda = agenda, .server = server, .random = {seed}};
}

void network_release(struct network *network) {
    while (network->calls) call_free(network->calls);
}

/* ---- handles ---- */

static void handle_unlist(struct http_handle *handle) {
    struct http_client *client = handle->client;
    if (handle->previous)
        handle->previous->next = handle->next;
    else
        client->handles = handle->next;
    if (handle->next) handle->next->previous = handle->previous;
    client->in_flight--;
    agenda_take_out(client->network->agenda, &handle->timeout);
}

static void handle_free(struct http_handle *handle) {
    handle_unlist(handle);
    struct call *call = handle->call;
    free(handle);
    if (!call) return;
    call->handle = NULL;
    /* Watches end with their watcher; what was to be performed will be. */
    if (call->stage != CALL_TRAVELS) call_free(call);
}

void handle_finish(struct http_handle *handle, enum http_outcome outcome, int status, int64_t retry_after_ms, struct strbuf *body) {
    struct http_answer answer = {.outcome = outcome,
                                 .status = outcome == HTTP_ANSWERED ? status : 0,
                                 .retry_after_ms = retry_after_ms,
                                 .warnings = STR_EMPTY,
                                 .content_type = STR("application/json"),
                                 .body = strbuf_with_max(LIMIT_BODY_BYTES)};
    if (outcome == HTTP_ANSWERED && body) {
        answer.body = *body;
        *body = strbuf_with_max(0);
    }
    if (outcome != HTTP_ANSWERED)
        error_set(&answer.error, ERROR_IO, "%s", outcome == HTTP_NOT_SENT ? "cannot connect" : "the connection broke");
    http_answer_callback *last = handle->is_stream ? handle->events.on_end : handle->answered;
    void *owner = handle->owner;
    handle_free(handle);
    last(owner, &answer);
    strbuf_release(&answer.body);
}

static void time_is_over(void *owner) {
    struct http_handle *handle = owner;
    const struct loop *loop = handle->client->loop;
    if (loop->paused_until_ms > loop->agenda->now_ms)
        agenda_put(loop->agenda, &handle->timeout, loop->paused_until_ms);
    else
        handle_finish(handle, HTTP_UNKNOWN, 0, 0, NULL);
}

/* ---- calls ---- */

void call_free(struct call *call) {
    if (call->previous)
        call->previous->next = call->next;
    else
        call->network->calls = call->next;
    if (call->next) call->next->previous = call->previous;
    if (call->handle) call->handle->call = NULL;
    agenda_take_out(call->network->agenda, &call->entry);
    watch_release(call);
    if (call->has_answer) strbuf_release(&call->answer.body);
    free(call->target);
    free(call->body);
    free(call);
}

struct model_answer network_perform(struct network *network, const struct model_request *request, const char *fate) {
    struct model_server *server = network->server;
    server->now_ms = network->agenda->now_ms;
    size_t before = server->change_count;
    struct model_answer answer = model_server_perform(server, request);
    if (network->ears.performed) network->ears.performed(network->ears.context, request, &answer, fate);
    if (server->change_count > before) network_spread(network);
    return answer;
}

static const struct {
    int status;
    const char *reason, *message;
    bool may_be_performed;
} errors[] = {
    {500, "InternalError", "Internal error occurred: etcdserver: leader changed", true},
    {503, "ServiceUnavailable", "the server is currently unable to handle the request", false},
    {504, "Timeout", "Timeout: request did not complete within requested timeout - context deadline exceeded", true},
};

/* The server's troubles: true and the answer where one of them meets this request. */
static bool meets_trouble(struct network *network, const struct model_request *request, struct model_answer *out) {
    const struct weather *weather = &network->weather;
    const char *reason, *message;
    int status;
    int64_t retry_after_ms = 0;
    if (network_happens(network, weather->throttled)) {
        status = 429, reason = "TooManyRequests", message = "Too many requests, please try again later.";
        if (network_draw(network, 2)) retry_after_ms = 1000 * (1 + network_draw(network, 5));
    } else if (network_happens(network, weather->unauthorized)) {
        status = 401, reason = "Unauthorized", message = "Unauthorized";
    } else if (network_happens(network, weather->server_error)) {
        unsigned which = network_draw(network, sizeof errors / sizeof *errors);
        status = errors[which].status, reason = errors[which].reason, message = errors[which].message;
        bool is_performed = errors[which].may_be_performed && network_draw(network, 2);
        if (is_performed) {
            struct model_answer hidden = network_perform(network, request, "done, but answered with an error");
            strbuf_release(&hidden.body);
        }
    } else {
        return false;
    }
    *out = (struct model_answer){.status = status, .retry_after_ms = retry_after_ms, .body = strbuf_with_max(4096)};
    strbuf_printf(&out->body,
                  "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\",\"message\":\"%s\",\"reason\":\"%s\","
                  "\"code\":%d}",
                  message, reason, status);
    if (network->ears.performed) network->ears.performed(network->ears.context, request, out, "trouble");
    return true;
}

static void tell_list(struct call *call) {
    const struct network *network = call->network;
    if (call->answer.list_version && network->ears.told)
        network->ears.told(network->ears.context, call->request.instance, call->answer.list_kind, call->answer.list_version);
}

static void call_returns(struct call *call) {
    struct http_handle *handle = call->handle;
    struct model_answer answer = call->answer;
    enum http_outcome outcome = call->outcome;
    if (outcome == HTTP_ANSWERED) tell_list(call);
    const struct network_ears *ears = &call->network->ears;
    if (outcome == HTTP_ANSWERED && ears->answered) ears->answered(ears->context, &call->request, &answer);
    call->has_answer = false;
    call_free(call);
    handle->call = NULL;
    handle_finish(handle, outcome, answer.status, answer.retry_after_ms, &answer.body);
    strbuf_release(&answer.body);
}

static void call_arrives(struct call *call) {
    struct network *network = call->network;
    if (model_server_is_watch(&call->request)) {
        if (call->handle)
            watch_arrive(call);
        else
            call_free(call);
        return;
    }
    call->has_answer = true;
    call->request.is_ghost = !call->handle || call->handle->deadline_ms <= network->agenda->now_ms;
    if (!meets_trouble(network, &call->request, &call->answer))
        call->answer = network_perform(network, &call->request, !call->handle ? "nobody waits" : call->is_answer_lost ? "answer lost" : "");
    if (!call->handle) {
        call_free(call);
        return;
    }
    call->stage = CALL_RETURNS;
    call->outcome = call->is_answer_lost ? HTTP_UNKNOWN : HTTP_ANSWERED;
    int64_t back_ms = network->agenda->now_ms + network_leg_ms(network);
    agenda_put(network->agenda, &call->entry, virtual_loop_awake_ms(call->loop, back_ms));
}

static void call_proceeds(void *owner) {
    struct call *call = owner;
    const struct network *network = call->network;
    bool is_paused = call->stage != CALL_TRAVELS && call->loop->paused_until_ms > network->agenda->now_ms;
    if (is_paused) {
        agenda_put(call->network->agenda, &call->entry, call->loop->paused_until_ms);
        return;
    }
    switch (call->stage) {
    case CALL_TRAVELS: call_arrives(call); break;
    case CALL_RETURNS: call_returns(call); break;
    case CALL_STREAMS: watch_proceed(call); break;
    }
}

static struct call *call_new(struct http_handle *handle, const struct http_request *request) {
    struct network *network = handle->client->network;
    struct call *call = calloc(1, sizeof *call);
    if (!call) abort();
    *call = (struct call){.network = network, .handle = handle, .loop = handle->client->loop, .next = network->calls};
    if (call->next) call->next->previous = call;
    network->calls = call;
    call->target = strndup(request->path.ptr, request->path.len);
    call->body = request->body.len ? strndup(request->body.ptr, request->body.len) : strdup("");
    if (!call->target || !call->body) abort();
    call->request = (struct model_request){.method = request->method,
                                           .target = str_of(call->target),
                                           .content_type = request->content_type,
                                           .body = str_of(call->body),
                                           .instance = handle->client->instance,
                                           .sent_ms = network->agenda->now_ms};
    call->entry = (struct agenda_entry){.happens = call_proceeds, .owner = call};
    handle->call = call;
    return call;
}

/* Sets out; what may go wrong before anything was performed is decided here. */
static void call_sets_out(struct call *call) {
    struct network *network = call->network;
    const struct weather *weather = &network->weather;
    const struct http_client *client = call->handle->client;
    int64_t now_ms = network->agenda->now_ms;
    if (network->is_down || client->is_cut_off || network_happens(network, weather->not_sent)) {
        call->stage = CALL_RETURNS;
        call->outcome = HTTP_NOT_SENT;
        call->answer = (struct model_answer){.body = strbuf_with_max(0)};
        agenda_put(network->agenda, &call->entry, now_ms + 1 + network_draw(network, REFUSED_MS));
        return;
    }
    if (network_happens(network, weather->lost_request)) {
        call->stage = CALL_RETURNS;
        call->outcome = HTTP_UNKNOWN;
        call->answer = (struct model_answer){.body = strbuf_with_max(0)};
        agenda_put(network->agenda, &call->entry, now_ms + network_leg_ms(network) * 2);
        return;
    }
    call->is_answer_lost = network_happens(network, weather->lost_answer);
    bool is_late = network_happens(network, weather->late_request);
    agenda_put(network->agenda, &call->entry, now_ms + (is_late ? (int64_t)network_draw(network, LATE_MAX_MS) : network_leg_ms(network)));
}

bool network_is_still(const struct network *network) {
    for (const struct call *call = network->calls; call; call = call->next) {
        if (call->stage != CALL_STREAMS && strcmp(call->request.method, "GET") != 0 && str_contains(call->request.target, STR(API_VERSION)))
            return false;
    }
    return true;
}

/* ---- io/http_client.h ---- */

struct http_client *network_client_new(struct network *network, struct loop *loop, int instance) {
    struct http_client *client = calloc(1, sizeof *client);
    if (!client) abort();
    *client = (struct http_client){.network = network, .loop = loop, .instance = instance};
    return client;
}

struct http_client *http_client_new(struct loop *loop, const struct http_client_settings *settings, struct error *error) {
    (void)loop, (void)settings, (void)error;
    abort();
}

void http_client_free(struct http_client *client) {
    if (!client) return;
    while (client->handles) handle_free(client->handles);
    free(client);
}

static struct http_handle *start(struct http_client *client, const struct http_request *request, void *owner) {
    struct network *network = client->network;
    struct http_handle *handle = calloc(1, sizeof *handle);
    if (!handle) abort();
    *handle = (struct http_handle){.client = client,
                                   .next = client->handles,
                                   .owner = owner,
                                   .deadline_ms = INT64_MAX,
                                   .timeout = {.happens = time_is_over, .owner = handle}};
    if (handle->next) handle->next->previous = handle;
    client->handles = handle;
    client->in_flight++;
    if (network->ears.sends) network->ears.sends(network->ears.context, client->instance, request->method, request->path, request->body);
    call_sets_out(call_new(handle, request));
    if (request->timeout_ms) handle->deadline_ms = network->agenda->now_ms + request->timeout_ms;
    if (request->timeout_ms) agenda_put(network->agenda, &handle->timeout, handle->deadline_ms);
    return handle;
}

struct http_handle *http_send(struct http_client *client, const struct http_request *request, http_answer_callback *callback, void *owner) {
    struct http_handle *handle = start(client, request, owner);
    handle->answered = callback;
    return handle;
}

struct http_handle *http_open(struct http_client *client, const struct http_request *request, const struct http_stream_events *events,
                              void *owner) {
    struct http_handle *handle = start(client, request, owner);
    handle->is_stream = true;
    handle->events = *events;
    return handle;
}

void http_cancel(struct http_handle *handle) {
    handle_free(handle);
}

size_t http_in_flight(const struct http_client *client) {
    return client->in_flight;
}

struct strbuf http_take_body(struct http_answer *answer) {
    struct strbuf body = answer->body;
    answer->body = strbuf_with_max(0);
    return body;
}
