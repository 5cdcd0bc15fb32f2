#include "network_inner.h"

#include <stdlib.h>
#include <string.h>

enum { BOOKMARK_EVERY_MS = 60 * 1000, SILENCE_MAX_MS = 20 * 1000 /* then a client notices that its peer is dead */ };

static void bookmark_due(void *owner);

void watch_release(struct call *call) {
    agenda_take_out(call->network->agenda, &call->bookmark);
    strbuf_release(&call->pending);
}

static int64_t now_of(const struct call *call) {
    return call->network->agenda->now_ms;
}

static void end(struct call *call, enum http_outcome outcome) {
    struct http_handle *handle = call->handle;
    call_free(call);
    handle_finish(handle, outcome, 200, 0, NULL);
}

/* ---- opening ---- */

static void refuse(struct call *call, struct model_answer answer) {
    call->has_answer = true;
    call->answer = answer;
    call->outcome = HTTP_ANSWERED;
    call->stage = CALL_RETURNS;
    agenda_put(call->network->agenda, &call->entry, virtual_loop_awake_ms(call->loop, now_of(call) + network_leg_ms(call->network)));
}

static struct model_answer status_of(int status, const char *reason, const char *message, const char *details) {
    struct model_answer answer = {.status = status, .body = strbuf_with_max(LIMIT_BODY_BYTES)};
    strbuf_printf(&answer.body,
                  "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\",\"message\":\"%s\",\"reason\":\"%s\",%"
                  "s\"code\":%d}",
                  message, reason, details, status);
    return answer;
}

static bool meets_trouble(struct call *call, struct model_answer *out) {
    struct network *network = call->network;
    const struct weather *weather = &network->weather;
    if (network_happens(network, weather->too_large_version)) {
        *out = status_of(504, "Timeout", "Too large resource version: 1, current: 0",
                         "\"details\":{\"causes\":[{\"reason\":\"ResourceVersionTooLarge\",\"message\":\"Too large resource "
                         "version\"}],\"retryAfterSeconds\":1},");
    } else if (network_happens(network, weather->expired_watch)) {
        *out = status_of(410, "Expired", "too old resource version: 1 (2)", "");
    } else if (network_happens(network, weather->throttled)) {
        *out = status_of(429, "TooManyRequests", "Too many requests, please try again later.", "");
    } else if (network_happens(network, weather->server_error)) {
        *out = status_of(503, "ServiceUnavailable", "the server is currently unable to handle the request", "");
    } else {
        return false;
    }
    return true;
}

static void queue_error(struct call *call, struct model_answer *answer) {
    strbuf_append(&call->pending, STR("{\"type\":\"ERROR\",\"object\":"));
    struct str status = strbuf_view(&answer->body);
    strbuf_append(&call->pending, str_trim(status));
    strbuf_append(&call->pending, STR("}\n"));
    strbuf_release(&answer->body);
    call->watch = (struct model_watch){.position = SIZE_MAX}; /* nothing follows */
    call->ends_well = true;
    call->ends_ms = now_of(call);
}

static void accept(struct call *call) {
    struct network *network = call->network;
    int64_t seconds = call->watch.timeout_s ? call->watch.timeout_s : 1800;
    call->stage = CALL_STREAMS;
    call->bookmark = (struct agenda_entry){.happens = bookmark_due, .owner = call};
    call->ends_ms = now_of(call) + seconds * 1000;
    call->ends_well = true;
    agenda_put(network->agenda, &call->entry, virtual_loop_awake_ms(call->loop, now_of(call) + network_leg_ms(network)));
}

void watch_arrive(struct call *call) {
    struct network *network = call->network;
    struct model_answer answer;
    call->pending = strbuf_with_max(LIMIT_BODY_BYTES);
    bool is_refused = meets_trouble(call, &answer);
    if (!is_refused) is_refused = !model_server_watch(network->server, &call->request, &call->watch, &answer);
    if (network->ears.performed) {
        struct model_answer fine = {.status = 200};
        network->ears.performed(network->ears.context, &call->request, is_refused ? &answer : &fine, "watch");
    }
    if (!is_refused) {
        accept(call);
        if (call->watch.wants_bookmarks) agenda_put(network->agenda, &call->bookmark, now_of(call) + BOOKMARK_EVERY_MS);
    } else if (answer.status == 410 && network_draw(network, 2)) {
        /* kube-apiserver tells of an expired version within the watch, too. */
        accept(call);
        queue_error(call, &answer);
    } else {
        refuse(call, answer);
    }
}

/* ---- events ---- */

static void queue_change(struct call *call, const struct model_change *change) {
    static const char *const types[] = {[MODEL_ADDED] = "ADDED", [MODEL_MODIFIED] = "MODIFIED", [MODEL_DELETED] = "DELETED"};
    strbuf_printf(&call->pending, "{\"type\":\"%s\",\"object\":", types[change->change]);
    strbuf_append(&call->pending, model_text_view(change->text));
    strbuf_append(&call->pending, STR("}\n"));
    call->pending_version = change->version;
}

static void bookmark_due(void *owner) {
    struct call *call = owner;
    const struct model_server *server = call->network->server;
    struct model_watch ahead = call->watch;
    bool is_idle = !call->pending.len && !model_watch_next(server, &ahead);
    agenda_put(call->network->agenda, &call->bookmark, now_of(call) + BOOKMARK_EVERY_MS);
    if (!is_idle || call->is_broken) return;
    const struct model_kind *kind = &model_kinds[call->watch.kind];
    call->watch.position = server->change_count;
    call->pending_version = server->version;
    strbuf_printf(&call->pending,
                  "{\"type\":\"BOOKMARK\",\"object\":{\"kind\":\"%s\",\"apiVersion\":\"%s%s%s\",\"metadata\":{\"resourceVersion\":\"%lld\","
                  "\"creationTimestamp\":null}}}\n",
                  kind->kind, kind->group, kind->group[0] ? "/" : "", kind->version, (long long)server->version);
    agenda_put(call->network->agenda, &call->entry, virtual_loop_awake_ms(call->loop, now_of(call) + 1));
}

static void queue_next(struct call *call) {
    struct network *network = call->network;
    const struct model_change *change;
    unsigned most = 1 + network_draw(network, 4);
    while (most-- && (change = model_watch_next(network->server, &call->watch)) != NULL) {
        queue_change(call, change);
        if (network_happens(network, network->weather.duplicate)) queue_change(call, change);
    }
    call->is_cut = call->pending.len && network_happens(network, network->weather.cut_watch);
}

/* How much of what is pending comes now. */
static size_t piece_of(struct call *call) {
    struct network *network = call->network;
    size_t left = call->pending.len - call->delivered;
    bool is_partial = left > 1 && (call->is_cut || network_happens(network, network->weather.piece));
    return is_partial ? 1 + network_draw(network, (unsigned)left - 1) : left;
}

static void tell(struct call *call) {
    const struct network *network = call->network;
    if (call->pending_version <= call->told_version) return;
    call->told_version = call->pending_version;
    if (network->ears.told) network->ears.told(network->ears.context, call->request.instance, call->watch.kind, call->told_version);
}

/* When something is to come next; never later than the end. */
static void enter_next(struct call *call) {
    struct network *network = call->network;
    struct model_watch ahead = call->watch;
    int64_t next_ms = call->ends_ms;
    bool is_more = call->delivered < call->pending.len || (!call->is_broken && model_watch_next(network->server, &ahead));
    if (is_more) {
        int64_t lag_ms = network->weather.lag_ms;
        int64_t soon_ms = now_of(call) + 1 + (lag_ms ? (int64_t)network_draw(network, (unsigned)lag_ms) : 0);
        if (soon_ms < next_ms || call->delivered < call->pending.len) next_ms = soon_ms;
    }
    agenda_put(network->agenda, &call->entry, virtual_loop_awake_ms(call->loop, next_ms));
}

/* Who watches cancels from the loop alone, never from within these callbacks. */
static bool deliver(struct call *call) {
    struct http_handle *handle = call->handle;
    struct str bytes = {call->pending.ptr + call->delivered, piece_of(call)};
    call->delivered += bytes.len;
    bool is_whole = call->delivered == call->pending.len;
    if (is_whole) tell(call);
    struct strbuf block = call->pending;
    if (is_whole) {
        call->pending = strbuf_with_max(LIMIT_BODY_BYTES);
        call->delivered = 0;
    }
    bool is_over = call->is_cut;
    handle->events.on_data(handle->owner, bytes);
    if (is_whole) strbuf_release(&block);
    if (is_over) end(call, HTTP_UNKNOWN);
    return !is_over;
}

void watch_proceed(void *owner) {
    struct call *call = owner;
    struct http_handle *handle = call->handle;
    if (!handle->is_opened) {
        handle->is_opened = true;
        if (handle->events.on_open) handle->events.on_open(handle->owner, 200);
    }
    if (call->is_broken && call->ends_ms <= now_of(call)) {
        end(call, HTTP_UNKNOWN);
        return;
    }
    if (!call->pending.len && !call->is_broken) queue_next(call);
    if (call->pending.len && !call->is_broken) {
        if (deliver(call)) enter_next(call);
    } else if (call->ends_ms <= now_of(call)) {
        end(call, call->ends_well ? HTTP_ANSWERED : HTTP_UNKNOWN);
    } else {
        enter_next(call);
    }
}

void network_spread(struct network *network) {
    for (struct call *call = network->calls; call; call = call->next) {
        bool is_idle = call->stage == CALL_STREAMS && !call->pending.len && call->entry.at_ms == call->ends_ms && !call->is_broken;
        if (is_idle) enter_next(call);
    }
}

bool network_is_watching(const struct network *network, int instance, int kind) {
    for (const struct call *call = network->calls; call; call = call->next) {
        bool is_it = call->stage == CALL_STREAMS && call->request.instance == instance && call->watch.kind == kind;
        if (is_it && !call->is_broken && call->watch.position != SIZE_MAX && call->handle->is_opened) return true;
    }
    return false;
}

void network_break(struct network *network, int instance, bool is_silent) {
    for (struct call *call = network->calls; call; call = call->next) {
        if (call->stage != CALL_STREAMS || (instance >= 0 && call->request.instance != instance) || call->is_broken) continue;
        call->is_broken = true;
        call->ends_ms = now_of(call) + (is_silent ? 1 + (int64_t)network_draw(network, SILENCE_MAX_MS) : 0);
        agenda_put(network->agenda, &call->entry, virtual_loop_awake_ms(call->loop, call->ends_ms));
    }
}
