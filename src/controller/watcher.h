/*
 * Follows one kind (in one namespace, or all) over the network: performs what kube/listwatch decides and hands on its events, a slice at a
 * time, so that neither a page of 500 nor a burst holds up the loop.
 */
#ifndef MB_CONTROLLER_WATCHER_H
#define MB_CONTROLLER_WATCHER_H

#include "io/http_client.h"
#include "kube/listwatch.h"

struct telemetry;

/* `event` lives until return. */
typedef void watcher_event_fn(void *context, const struct listwatch_event *event);

struct watcher {
    struct listwatch machine;
    struct loop *loop;
    struct http_client *http;
    struct http_handle *handle; /* the list or the stream under way */
    struct loop_timer *timer;
    struct loop_deferred *turn;
    struct arena scratch; /* of one event or action */
    watcher_event_fn *on_event;
    void (*on_recovered)(void *context); /* the server answers again after trouble; may be NULL */
    void (*on_forbidden)(void *context); /* a list or watch may not be, once more; may be NULL */
    void *context;
    struct telemetry *telemetry; /* NULL: nobody is told */
    size_t telemetry_kind;       /* of KIND_AXIS_* */
    int64_t asked_ms;            /* when the list was sent; 0: by nobody's clock */
    int64_t troubled_ms;         /* since when neither lists nor watches come through; 0: they do */
};

/* False when memory is out. Nothing is sent before watcher_start. */
bool watcher_init(struct watcher *watcher, struct loop *loop, struct http_client *http, const struct listwatch_settings *settings,
                  uint64_t seed, watcher_event_fn *on_event, void *context);
void watcher_start(struct watcher *watcher);
/* The server answers others again: one in trouble tries soon. */
void watcher_hurry(struct watcher *watcher);
/* See listwatch_begin_life. */
void watcher_begin_life(struct watcher *watcher);
/* Within on_event: its object could not be taken. See listwatch_refuse. */
void watcher_refuse(struct watcher *watcher, const char *why);
void watcher_release(struct watcher *watcher);

#endif
