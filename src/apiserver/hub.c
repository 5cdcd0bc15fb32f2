#include "apiserver/hub.h"

#include <stdlib.h>
#include <utlist.h>

#include "apiserver/read.h"
#include "apiserver/server.h"
#include "apiserver/watch_event.h"

enum {
    WATCH_SOFT_BYTES = 1024 * 1024, /* below the carrier's own maximum */
    SLICE_EVENTS = 64,              /* of one watch in one turn of the loop: under 1 ms */
    SLICE_ROWS = 256,
    BLOCKED_POLL_MS = 10,
    BOOKMARK_MS = 60 * 1000,
    MIN_TIMEOUT_S = 1800, /* kube-apiserver's --min-request-timeout */
};

enum watch_state { WATCH_INITIAL, WATCH_CATCHING_UP, WATCH_LIVE };

struct watch {
    struct watch *prev, *next;
    struct hub *hub;
    struct request *request;
    struct filter filter;
    enum watch_state state;
    struct list_items items; /* INITIAL */
    size_t next_item;
    bool announces_end; /* the bookmark after the initial events */
    int64_t cursor;     /* everything up to this revision has been sent, or does not concern it */
    int64_t deadline_ms, bookmark_ms;
};

struct hub {
    struct apiserver *server;
    struct watch *watches;
    size_t count, lagging;      /* lagging: not LIVE */
    struct loop_deferred *pump; /* slices of the lagging ones */
    struct loop_timer *poll;    /* while some of them wait for their readers */
    struct loop_timer *clock;   /* bookmarks and deadlines */
    bool is_stopping;
};

static void pump(void *owner);
static void tick(void *owner);

struct hub *hub_new(struct apiserver *server) {
    struct hub *hub = calloc(1, sizeof *hub);
    if (!hub) return NULL;
    hub->server = server;
    hub->pump = loop_deferred_new(server->loop, pump, hub);
    hub->poll = loop_timer_new(server->loop, pump, hub);
    hub->clock = loop_timer_new(server->loop, tick, hub);
    if (hub->pump && hub->poll && hub->clock) {
        loop_timer_set(hub->clock, loop_now_ms(server->loop) + 1000);
        return hub;
    }
    hub_free(hub);
    return NULL;
}

size_t hub_count(const struct hub *hub) {
    return hub->count;
}

/* Unlinks; the request goes with it. */
static void drop(struct watch *watch) {
    struct hub *hub = watch->hub;
    DL_DELETE(hub->watches, watch);
    hub->count--;
    if (watch->state != WATCH_LIVE) hub->lagging--;
    request_free(watch->request);
}

static void end(struct watch *watch) {
    struct exchange *exchange = watch->request->exchange;
    watch->request->exchange = NULL;
    drop(watch);
    exchange_end(exchange);
}

static void is_gone(struct exchange *exchange) {
    drop(exchange->context);
}

void hub_free(struct hub *hub) {
    if (!hub) return;
    while (hub->watches) end(hub->watches);
    loop_deferred_free(hub->pump);
    loop_timer_free(hub->poll);
    loop_timer_free(hub->clock);
    free(hub);
}

void hub_stop(struct hub *hub) {
    hub->is_stopping = true;
    while (hub->watches) end(hub->watches);
}

void hub_end_collection(struct hub *hub, const struct collection *collection) {
    struct watch *watch, *next;
    DL_FOREACH_SAFE(hub->watches, watch, next) {
        if (watch->request->collection == collection) end(watch);
    }
}

static void set_state(struct watch *watch, enum watch_state state) {
    if (watch->state != WATCH_LIVE) watch->hub->lagging--;
    watch->state = state;
    if (state == WATCH_LIVE) return;
    watch->hub->lagging++;
    loop_deferred_call(watch->hub->pump);
}

/* False: the watch is over. */
static bool send(struct watch *watch, struct blob *line) {
    if (line && exchange_write(watch->request->exchange, line)) return true;
    end(watch);
    return false;
}

static bool send_new(struct watch *watch, struct blob *line) {
    bool is_alive = send(watch, line);
    blob_drop(line);
    return is_alive;
}

static bool is_blocked(const struct watch *watch) {
    return exchange_pending(watch->request->exchange) > WATCH_SOFT_BYTES;
}

static void end_expired(struct watch *watch) {
    struct request *request = watch->request;
    refuse_expired(&request->arena, &request->refusal, "too old resource version: %lld (%lld)", (long long)watch->cursor,
                   (long long)objects_compacted_revision(watch->hub->server->objects));
    struct blob *line = watch_event_error(&request->refusal);
    if (send_new(watch, line)) end(watch);
}

/* What a write is to this watch, sent if it is anything. False: the watch is over. */
static bool hand_on(struct watch *watch, struct watch_write *write) {
    struct blob *line;
    watch->cursor = write->write->revision;
    if (write->write->collection != watch->request->collection) return true;
    if (!watch_event_make(watch->request, &watch->filter, write, &line)) {
        end(watch);
        return false;
    }
    if (!line) return true;
    watch->bookmark_ms = loop_now_ms(watch->hub->server->loop) + BOOKMARK_MS;
    return send_new(watch, line);
}

void hub_on_write(struct hub *hub, const struct write *write) {
    struct watch_write shared;
    watch_write_init(&shared, hub->server->objects, write);
    struct watch *watch, *next;
    DL_FOREACH_SAFE(hub->watches, watch, next) {
        if (watch->state != WATCH_LIVE) continue;
        if (is_blocked(watch))
            set_state(watch, WATCH_CATCHING_UP);
        else
            hand_on(watch, &shared);
    }
    watch_write_release(&shared);
}

static bool send_initial(struct watch *watch) {
    struct request *request = watch->request;
    struct error error;
    for (size_t sent = 0; sent < SLICE_EVENTS && watch->next_item < watch->items.count && !is_blocked(watch); sent++) {
        struct list_item *item = &watch->items.items[watch->next_item++];
        struct blob *body = objects_body(watch->hub->server->objects, item->revision, &error);
        bool is_selected = body && read_is_selected(&watch->filter, item, body);
        struct blob *line = is_selected ? watch_event_line(request, "ADDED", body, item->revision) : NULL;
        bool is_passed_over = body && !is_selected;
        blob_drop(body);
        if (!is_passed_over && !send_new(watch, line)) return false;
    }
    if (watch->next_item < watch->items.count) return true;
    watch->cursor = watch->items.revision;
    if (watch->announces_end && !send_new(watch, watch_event_bookmark(request, watch->cursor, true))) return false;
    set_state(watch, WATCH_CATCHING_UP);
    return true;
}

struct catch_up {
    struct watch *watch;
    size_t rows;
    bool is_alive, is_unreadable;
};

static bool catch_up_row(void *context, const struct storage_row *row) {
    struct catch_up *catch_up = context;
    struct watch *watch = catch_up->watch;
    struct apiserver *server = watch->hub->server;
    if (row->revision > objects_revision(server->objects)) return false; /* durable, but its turn on the loop is still to come */
    struct write write = {.change = row->change,
                          .collection = objects_collection(server->objects, row->resource),
                          .namespace = row->namespace,
                          .name = row->name,
                          .uid = row->uid,
                          .revision = row->revision,
                          .previous = row->previous};
    struct error error;
    if (write.collection == watch->request->collection) {
        write.body = objects_body(server->objects, row->revision, &error);
        if (!write.body) {
            catch_up->is_unreadable = error.kind != ERROR_NOT_FOUND; /* compacted meanwhile: the next slice says 410 */
            return false;
        }
    }
    struct watch_write shared;
    watch_write_init(&shared, server->objects, &write);
    catch_up->is_alive = hand_on(watch, &shared);
    watch_write_release(&shared);
    blob_drop(write.body);
    return catch_up->is_alive && ++catch_up->rows < SLICE_ROWS && !is_blocked(watch);
}

static void catch_up(struct watch *watch) {
    struct objects *objects = watch->hub->server->objects;
    struct catch_up slice = {.watch = watch, .is_alive = true};
    struct error error;
    if (watch->cursor < objects_compacted_revision(objects)) {
        end_expired(watch);
    } else if (watch->cursor < objects_revision(objects) &&
               !storage_each_change_after(watch->hub->server->storage, watch->cursor, catch_up_row, &slice, &error)) {
        if (slice.is_alive) end(watch);
    } else if (slice.is_unreadable) {
        end(watch);
    } else if (slice.is_alive && watch->cursor >= objects_revision(objects)) {
        set_state(watch, WATCH_LIVE);
    }
}

static void pump(void *owner) {
    struct hub *hub = owner;
    struct watch *watch, *next;
    bool is_any_free = false;
    DL_FOREACH_SAFE(hub->watches, watch, next) {
        if (watch->state == WATCH_LIVE || is_blocked(watch)) continue;
        is_any_free = true;
        if (watch->state == WATCH_INITIAL)
            send_initial(watch);
        else
            catch_up(watch);
    }
    if (!hub->lagging) return;
    if (is_any_free)
        loop_deferred_call(hub->pump);
    else
        loop_timer_set(hub->poll, loop_now_ms(hub->server->loop) + BLOCKED_POLL_MS);
}

static bool send_bookmark(struct watch *watch, int64_t now_ms) {
    watch->bookmark_ms = now_ms + BOOKMARK_MS;
    if (!watch->request->parameters.allows_bookmarks || watch->state != WATCH_LIVE || is_blocked(watch)) return true;
    return send_new(watch, watch_event_bookmark(watch->request, watch->cursor, false));
}

static void tick(void *owner) {
    struct hub *hub = owner;
    int64_t now_ms = loop_now_ms(hub->server->loop);
    struct watch *watch, *next;
    DL_FOREACH_SAFE(hub->watches, watch, next) {
        bool is_over = now_ms >= watch->deadline_ms;
        if ((is_over || now_ms >= watch->bookmark_ms) && !send_bookmark(watch, now_ms)) continue;
        if (is_over) end(watch);
    }
    loop_timer_set(hub->clock, now_ms + 1000);
}

static bool check_watch_options(struct request *request) {
    const struct parameters *parameters = &request->parameters;
    struct str match = parameters->resource_version_match, field = STR("resourceVersionMatch");
    struct field_errors errors = {.arena = &request->arena};
    if (parameters->has_send_initial_events && !str_is(match, "NotOlderThan"))
        field_errors_add(&errors, FIELD_FORBIDDEN, field, NULL, "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan");
    if (match.len && !parameters->has_send_initial_events)
        field_errors_add(&errors, FIELD_FORBIDDEN, field, NULL,
                         "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided");
    if (match.len && !str_is(match, "NotOlderThan"))
        field_errors_add(&errors, FIELD_NOT_SUPPORTED, field, mut_make_text(request->doc, match), "supported values: \"NotOlderThan\"");
    if (match.len && parameters->continue_token.len)
        field_errors_add(&errors, FIELD_FORBIDDEN, field, NULL, "resourceVersionMatch is forbidden when continue is provided");
    if (!errors.count) return true;
    struct refusal_subject subject = {.resource = STR("ListOptions"), .group = STR("meta.k8s.io")};
    return refuse_invalid(&request->arena, &request->refusal, &subject, &errors);
}

/* Where it starts. */
static bool set_start(struct request *request, struct watch *watch) {
    const struct parameters *parameters = &request->parameters;
    int64_t revision = 0, newest = objects_revision(request->server->objects);
    if (parameters->resource_version.len && (!number_parse_int64(parameters->resource_version, &revision) || revision < 0))
        return refuse_bad_request(&request->arena, &request->refusal,
                                  "invalid resource version: strconv.ParseUint: parsing %s: invalid syntax",
                                  QUOTE(parameters->resource_version));
    if (revision > newest) return read_refuse_future(request, revision);
    bool wants_state = parameters->has_send_initial_events ? parameters->send_initial_events : revision == 0;
    watch->announces_end = parameters->send_initial_events && parameters->allows_bookmarks;
    watch->state = WATCH_CATCHING_UP;
    watch->cursor = revision ? revision : newest;
    if (!wants_state) return true;
    watch->state = WATCH_INITIAL;
    return read_candidates_now(request, &watch->filter, &watch->items);
}

void verb_watch(struct request *request) {
    struct apiserver *server = request->server;
    struct watch *watch = arena_alloc(&request->arena, sizeof *watch);
    if (!watch || server->hub->is_stopping) {
        request_fail_memory(request);
        return;
    }
    *watch = (struct watch){.hub = server->hub, .request = request};
    if (!check_watch_options(request) || !read_filter(request, &watch->filter) || !set_start(request, watch)) {
        request_refuse(request);
        return;
    }
    int64_t timeout_s = request->parameters.timeout_seconds;
    if (timeout_s <= 0) timeout_s = MIN_TIMEOUT_S + (int64_t)number_random_below(&server->random, MIN_TIMEOUT_S);
    int64_t now_ms = loop_now_ms(server->loop);
    watch->deadline_ms = now_ms + timeout_s * 1000;
    watch->bookmark_ms = now_ms + BOOKMARK_MS;
    server->watches_opened++;
    request->exchange->context = watch;
    request->exchange->on_gone = is_gone;
    request_begin_stream(request, STR("application/json"));
    DL_APPEND(server->hub->watches, watch);
    server->hub->count++;
    server->hub->lagging++;
    loop_deferred_call(server->hub->pump);
}
