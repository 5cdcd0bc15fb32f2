#include "controller/watcher.h"

#include "controller/client.h"
#include "controller/telemetry.h"

enum { SLICE_MS = 2 };

static void on_turn(void *owner);

static void on_timer(void *owner) {
    struct watcher *watcher = owner;
    loop_deferred_call(watcher->turn);
}

bool watcher_init(struct watcher *watcher, struct loop *loop, struct http_client *http, const struct listwatch_settings *settings,
                  uint64_t seed, watcher_event_fn *on_event, void *context) {
    *watcher = (struct watcher){.loop = loop, .http = http, .on_event = on_event, .context = context};
    listwatch_init(&watcher->machine, settings, seed);
    arena_init(&watcher->scratch, LIMIT_BODY_BYTES);
    watcher->timer = loop_timer_new(loop, on_timer, watcher);
    watcher->turn = loop_deferred_new(loop, on_turn, watcher);
    return watcher->timer && watcher->turn;
}

void watcher_start(struct watcher *watcher) {
    loop_deferred_call(watcher->turn);
}

void watcher_hurry(struct watcher *watcher) {
    if (!watcher->troubled_ms) return;
    listwatch_hurry(&watcher->machine, loop_now_ms(watcher->loop));
    loop_deferred_call(watcher->turn);
}

void watcher_begin_life(struct watcher *watcher) {
    listwatch_begin_life(&watcher->machine, loop_now_ms(watcher->loop));
    loop_deferred_call(watcher->turn);
}

void watcher_refuse(struct watcher *watcher, const char *why) {
    listwatch_refuse(&watcher->machine, why, loop_now_ms(watcher->loop));
    loop_deferred_call(watcher->turn);
}

void watcher_release(struct watcher *watcher) {
    if (watcher->handle) http_cancel(watcher->handle);
    loop_timer_free(watcher->timer);
    loop_deferred_free(watcher->turn);
    listwatch_release(&watcher->machine);
    arena_release(&watcher->scratch);
}

/* ---- answers ---- */

/* Trouble that goes on is no event. */
static void hear_refusal(const struct watcher *watcher, const struct kube_answer *answer) {
    if (answer->kind == KUBE_FORBIDDEN && watcher->on_forbidden) watcher->on_forbidden(watcher->context);
}

static void on_list(void *owner, struct http_answer *answer) {
    struct watcher *watcher = owner;
    watcher->handle = NULL;
    arena_release(&watcher->scratch);
    struct kube_answer kube = client_read_answer(&watcher->scratch, answer);
    telemetry_answered(watcher->telemetry, "GET", kube.http_status, watcher->asked_ms);
    listwatch_list_answer(&watcher->machine, &kube, &answer->body, loop_now_ms(watcher->loop));
    hear_refusal(watcher, &kube);
    loop_deferred_call(watcher->turn);
}

static void recover(struct watcher *watcher) {
    if (!watcher->troubled_ms) return;
    watcher->troubled_ms = 0;
    if (watcher->on_recovered) watcher->on_recovered(watcher->context);
}

static void on_open(void *owner, int status) {
    struct watcher *watcher = owner;
    telemetry_answered(watcher->telemetry, "GET", status, 0);
    listwatch_watch_opened(&watcher->machine, loop_now_ms(watcher->loop));
    recover(watcher);
    loop_deferred_call(watcher->turn);
}

static void on_bytes(void *owner, struct str bytes) {
    struct watcher *watcher = owner;
    listwatch_watch_bytes(&watcher->machine, bytes, loop_now_ms(watcher->loop));
    loop_deferred_call(watcher->turn);
}

static void on_watch_end(void *owner, struct http_answer *answer) {
    struct watcher *watcher = owner;
    watcher->handle = NULL;
    arena_release(&watcher->scratch);
    struct kube_answer kube = client_read_answer(&watcher->scratch, answer);
    /* One that was opened has been answered then. */
    if (!watcher->machine.is_opened) telemetry_answered(watcher->telemetry, "GET", kube.http_status, 0);
    listwatch_watch_end(&watcher->machine, &kube, loop_now_ms(watcher->loop));
    hear_refusal(watcher, &kube);
    loop_deferred_call(watcher->turn);
}

/* ---- actions ---- */

static void out_of_memory(struct watcher *watcher, enum listwatch_action_kind kind) {
    struct kube_answer none = kube_answer_none(&watcher->scratch, KUBE_NOT_SENT, STR("out of memory"));
    struct strbuf empty = strbuf_with_max(0);
    if (kind == LISTWATCH_LIST)
        listwatch_list_answer(&watcher->machine, &none, &empty, loop_now_ms(watcher->loop));
    else
        listwatch_watch_end(&watcher->machine, &none, loop_now_ms(watcher->loop));
    loop_deferred_call(watcher->turn);
}

static void perform(struct watcher *watcher, const struct listwatch_action *action) {
    static const struct http_stream_events stream = {.on_open = on_open, .on_data = on_bytes, .on_end = on_watch_end};
    bool is_list = action->kind == LISTWATCH_LIST;
    watcher->asked_ms = telemetry_now_ms(watcher->telemetry);
    (is_list ? telemetry_listing : telemetry_watching)(watcher->telemetry, watcher->telemetry_kind);
    struct http_request request = {
        .method = "GET",
        .path = action->path,
        .accept_gzip = is_list,
        .timeout_ms = is_list ? action->timeout_ms : 0,
        .max_body_bytes = is_list ? LIMIT_LIST_PAGE_BYTES : 0,
    };
    watcher->handle = is_list ? http_send(watcher->http, &request, on_list, watcher) : http_open(watcher->http, &request, &stream, watcher);
    if (!watcher->handle) out_of_memory(watcher, action->kind);
}

static void act(struct watcher *watcher) {
    struct listwatch_action action;
    arena_release(&watcher->scratch);
    listwatch_next_action(&watcher->machine, loop_now_ms(watcher->loop), &watcher->scratch, &action);
    if (action.kind == LISTWATCH_CLOSE) {
        if (watcher->handle) http_cancel(watcher->handle);
        watcher->handle = NULL;
        loop_deferred_call(watcher->turn);
    } else if (action.kind == LISTWATCH_WAIT) {
        loop_timer_set(watcher->timer, action.until_ms);
    } else {
        perform(watcher, &action);
        /* A watch that falls silent is noticed by the clock. */
        loop_deferred_call(watcher->turn);
    }
}

static void note(struct watcher *watcher, const struct listwatch_event *event, int64_t now_ms) {
    bool is_trouble = event->kind == LISTWATCH_TROUBLE;
    if (is_trouble && !watcher->troubled_ms) watcher->troubled_ms = now_ms;
    if (is_trouble) telemetry_watch_failed(watcher->telemetry, watcher->telemetry_kind);
    if (event->kind == LISTWATCH_UPSERT || event->kind == LISTWATCH_DELETE) telemetry_told(watcher->telemetry, watcher->telemetry_kind);
}

static void on_turn(void *owner) {
    struct watcher *watcher = owner;
    int64_t end_ms = loop_now_ms(watcher->loop) + SLICE_MS;
    struct listwatch_event event;
    for (;;) {
        arena_release(&watcher->scratch);
        int64_t now_ms = loop_now_ms(watcher->loop);
        if (!listwatch_next_event(&watcher->machine, now_ms, &watcher->scratch, &event)) break;
        watcher->on_event(watcher->context, &event);
        note(watcher, &event, now_ms);
        if (event.kind == LISTWATCH_LIST_END) recover(watcher);
        if (now_ms >= end_ms) {
            loop_deferred_call(watcher->turn);
            return;
        }
    }
    act(watcher);
}
