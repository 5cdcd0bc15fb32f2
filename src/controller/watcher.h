/*
 * Follows one kind (in one namespace, or all) over the network: performs what kube/listwatch decides and hands on its events, a slice at a
 * time, so that neither a page of 500 nor a burst holds up the loop.
 */
#ifndef MB_CONTROLLER_WATCHER_H
#define MB_CONTROLLER_WATCHER_H

#include "io/http_client.h"
#include "kube/listwatch.h"

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
    void *context;
    bool is_troubled;
};

/* False when memory is out. Nothing is sent before watcher_start. */
bool watcher_init(struct watcher *watcher, struct loop *loop, struct http_client *http, const struct listwatch_settings *settings,
                  uint64_t seed, watcher_event_fn *on_event, void *context);
void watcher_start(struct watcher *watcher);
void watcher_release(struct watcher *watcher);

#endif
