#include "controller/events.h"

#include <stdlib.h>

#include "booster/names.h"
#include "data/rfc3339.h"
#include "kube/resource.h"

enum {
    EVENT_DEADLINE_MS = 10 * 1000,
    EVENT_ARENA_BYTES = 64 * 1024,
    WAITING_MAX = 256,
    /* Models come first: an Event waits while any request for them is under way, looked at this often, and this long at most. */
    BUSY_POLL_MS = 25,
    BUSY_MAX_MS = 5000,
};

static const struct event_kind kinds[] = {
#define EVENT_KIND(id, word, is_warning) {word, is_warning},
    EVENT_REASONS(EVENT_KIND)
#undef EVENT_KIND
};

const struct event_kind *event_kind_of(enum event_reason reason) {
    return &kinds[reason];
}

bool event_reason_of(struct str word, enum event_reason *out) {
    for (int reason = 0; reason < EVENT_REASON_COUNT; reason++) {
        if (str_is(word, kinds[reason].word)) return *out = (enum event_reason)reason, true;
    }
    return false;
}

/* One write that waits, or is under way. */
struct telling {
    struct telling *next;
    struct arena arena;
    int64_t told_ms;
    struct event_write write;
    struct str namespace;
    struct str object, change; /* bodies: the whole Event, and what a repeat changes of it */
};

struct events {
    struct loop *loop;
    struct client *client;
    const struct log *log;
    struct event_correlator correlator;
    struct telling *first, *last; /* the first is under way, or waits for `turn` */
    struct loop_timer *turn;
    size_t count;
    bool is_stopped;
    bool is_forbidden; /* which the log has said */
};

static void on_turn(void *owner);

struct events *events_new(struct loop *loop, struct client *client, const struct log *log) {
    struct events *events = calloc(1, sizeof *events);
    if (!events) return NULL;
    *events = (struct events){.loop = loop, .client = client, .log = log};
    events->turn = loop_timer_new(loop, on_turn, events);
    if (events->turn && event_correlator_init(&events->correlator)) return events;
    loop_timer_free(events->turn);
    free(events);
    return NULL;
}

static void telling_free(struct telling *telling) {
    arena_release(&telling->arena);
    free(telling);
}

void events_free(struct events *events) {
    if (!events) return;
    for (struct telling *telling = events->first, *next; telling; telling = next) {
        next = telling->next;
        telling_free(telling);
    }
    event_correlator_release(&events->correlator);
    loop_timer_free(events->turn);
    free(events);
}

void events_stop(struct events *events) {
    events->is_stopped = true;
}

/* ---- requests ---- */

static bool is_repeat(const struct telling *telling) {
    return telling->write.is_repeat;
}

static void on_answer(void *context, const struct kube_answer *answer, struct strbuf *body);

static bool send(struct events *events) {
    static const struct kube_resource resource = {{"", 0}, {"v1", 2}, {"events", 6}, {"Event", 5}};
    static const struct kube_write_query query = {.field_manager = {FIELD_MANAGER, sizeof FIELD_MANAGER - 1}};
    struct telling *telling = events->first;
    struct arena *arena = &telling->arena;
    struct client_request request = {
        .method = is_repeat(telling) ? "PATCH" : "POST",
        .path = is_repeat(telling) ? kube_object_path(arena, &resource, telling->namespace, telling->write.name, STR_EMPTY, &query)
                                   : kube_create_path(arena, &resource, telling->namespace, &query),
        .content = is_repeat(telling) ? CONTENT_MERGE_PATCH : CONTENT_JSON,
        .body = is_repeat(telling) ? telling->change : telling->object,
        .deadline_ms = EVENT_DEADLINE_MS,
    };
    return request.path.len && client_send(events->client, &request, on_answer, events);
}

static void drop_first(struct events *events) {
    struct telling *telling = events->first;
    events->first = telling->next;
    if (!events->first) events->last = NULL;
    events->count--;
    telling_free(telling);
}

/* An Event that was to be made is not there. */
static void forget(struct events *events, const struct telling *telling) {
    if (!is_repeat(telling)) event_correlator_unwritten(&events->correlator, telling->write.key);
}

/* True: the first waits, for models. */
static bool stands_back(struct events *events) {
    int64_t now_ms = loop_now_ms(events->loop);
    if (!client_is_busy(events->client) || now_ms - events->first->told_ms >= BUSY_MAX_MS) return false;
    loop_timer_set(events->turn, now_ms + BUSY_POLL_MS);
    return true;
}

/* Until one is under way, or waits. */
static void go_on(struct events *events) {
    while (events->first) {
        if (!events->is_stopped && (stands_back(events) || send(events))) return;
        forget(events, events->first);
        drop_first(events);
    }
}

static void on_turn(void *owner) {
    go_on(owner);
}

/* Rights that are missing are said aloud, once; what else goes wrong only to who asks. */
static void log_trouble(struct events *events, const struct kube_answer *answer) {
    bool is_news = answer->kind == KUBE_FORBIDDEN && !events->is_forbidden;
    if (answer->kind == KUBE_FORBIDDEN) events->is_forbidden = true;
    log_write(events->log, is_news ? LOG_WARN : LOG_DEBUG, "an Event was not written",
              LOG_FIELDS({"answer", str_of(kube_answer_kind_name(answer->kind))}, {"message", answer->message},
                         {"remedy", answer->kind == KUBE_FORBIDDEN ? STR("compare its rights with deploy/rbac.yaml") : STR_EMPTY}));
}

static void on_answer(void *context, const struct kube_answer *answer, struct strbuf *body) {
    struct events *events = context;
    struct telling *telling = events->first;
    (void)body;
    if (is_repeat(telling) && answer->kind == KUBE_NOT_FOUND) {
        /* It has expired, or was deleted: told anew, under its name. */
        telling->write.is_repeat = false;
        go_on(events);
        return;
    }
    /* One that exists was written by a request whose answer was lost. */
    bool is_there = answer->kind == KUBE_OK || answer->kind == KUBE_ALREADY_EXISTS;
    if (answer->kind == KUBE_OK) events->is_forbidden = false;
    if (!is_there) log_trouble(events, answer);
    if (!is_there) forget(events, telling);
    drop_first(events);
    go_on(events);
}

/* ---- what is sent ---- */

static struct str built(struct arena *arena, struct arena *scratch, const yyjson_mut_val *value) {
    struct strbuf text = strbuf_with_max(EVENT_ARENA_BYTES);
    json_write(&text, json_freeze(scratch, value));
    return strbuf_take(&text, arena);
}

static void add_what_changes(yyjson_mut_doc *doc, yyjson_mut_val *object, struct arena *scratch, const struct event_write *write) {
    json_add_text(doc, object, "message", write->message);
    json_add_text(doc, object, "lastTimestamp", rfc3339_format_ms(scratch, write->last_wall_ms, RFC3339_SECONDS));
    json_add_int64(doc, object, "count", write->count);
}

static yyjson_mut_val *event_change(yyjson_mut_doc *doc, struct arena *scratch, const struct event_write *write) {
    yyjson_mut_val *object = yyjson_mut_obj(doc);
    add_what_changes(doc, object, scratch, write);
    return object;
}

static yyjson_mut_val *event_object(yyjson_mut_doc *doc, struct arena *scratch, const struct event_note *note,
                                    const struct telling *telling) {
    const struct event_write *write = &telling->write;
    yyjson_mut_val *object = yyjson_mut_obj(doc);
    yyjson_mut_obj_add_str(doc, object, "apiVersion", "v1");
    yyjson_mut_obj_add_str(doc, object, "kind", "Event");
    yyjson_mut_val *metadata = yyjson_mut_obj_add_obj(doc, object, "metadata");
    json_add_text(doc, metadata, "name", write->name);
    json_add_text(doc, metadata, "namespace", telling->namespace);
    yyjson_mut_val *about = yyjson_mut_obj_add_obj(doc, object, "involvedObject");
    json_add_text(doc, about, "apiVersion", note->about.api_version);
    json_add_text(doc, about, "kind", note->about.kind);
    if (note->about.namespace.len) json_add_text(doc, about, "namespace", note->about.namespace);
    json_add_text(doc, about, "name", note->about.name);
    if (note->about.uid.len) json_add_text(doc, about, "uid", note->about.uid);
    yyjson_mut_obj_add_str(doc, object, "reason", note->reason);
    yyjson_mut_obj_add_str(doc, object, "type", note->is_warning ? "Warning" : "Normal");
    yyjson_mut_val *source = yyjson_mut_obj_add_obj(doc, object, "source");
    yyjson_mut_obj_add_str(doc, source, "component", FIELD_MANAGER);
    json_add_text(doc, object, "firstTimestamp", rfc3339_format_ms(scratch, write->first_wall_ms, RFC3339_SECONDS));
    add_what_changes(doc, object, scratch, write);
    return object;
}

/* What is to be written, if anything is, with all that is needed later in its own arena. */
static bool compose(struct events *events, struct arena *scratch, const struct event_note *note, struct telling *telling) {
    struct event_time time = {loop_now_ms(events->loop), loop_wall_ms(events->loop)};
    struct arena *arena = &telling->arena;
    telling->told_ms = time.now_ms;
    if (!event_correlator_take(&events->correlator, arena, note, time, &telling->write)) return false;
    yyjson_mut_doc *doc = json_builder(scratch);
    telling->namespace = arena_copy(arena, note->about.namespace.len ? note->about.namespace : STR("default"));
    telling->object = built(arena, scratch, event_object(doc, scratch, note, telling));
    telling->change = built(arena, scratch, event_change(doc, scratch, &telling->write));
    if (telling->object.len && telling->change.len && !arena->exhausted && events->count < WAITING_MAX) return true;
    forget(events, telling);
    return false;
}

/* NULL: nothing is to be written. */
static struct telling *telling_new(struct events *events, const struct event_note *note) {
    struct telling *telling = calloc(1, sizeof *telling);
    if (!telling) return NULL;
    struct arena scratch;
    arena_init(&scratch, EVENT_ARENA_BYTES);
    arena_init(&telling->arena, EVENT_ARENA_BYTES);
    bool is_to_be_told = compose(events, &scratch, note, telling);
    arena_release(&scratch);
    if (is_to_be_told) return telling;
    telling_free(telling);
    return NULL;
}

void events_tell(struct events *events, const struct event_about *about, enum event_reason reason, struct str message) {
    if (!events || events->is_stopped) return;
    const struct event_note note = {*about, kinds[reason].is_warning, kinds[reason].word, message};
    struct telling *telling = telling_new(events, &note);
    if (!telling) return;
    if (events->last)
        events->last->next = telling;
    else
        events->first = telling;
    events->last = telling;
    if (++events->count == 1) go_on(events);
}
