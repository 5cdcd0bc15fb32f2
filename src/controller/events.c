#include "controller/events.h"

#include <inttypes.h>

#include "base/hash.h"
#include "booster/names.h"
#include "data/rfc3339.h"
#include "kube/resource.h"

enum { EVENT_DEADLINE_MS = 10 * 1000, EVENT_ARENA_BYTES = 256 * 1024, EVENT_MESSAGE_BYTES = 1024 };

static void on_answer(void *context, const struct kube_answer *answer, struct strbuf *body) {
    (void)body;
    if (answer->kind == KUBE_OK) return;
    log_write(context, LOG_DEBUG, "an Event was not written",
              LOG_FIELDS({"answer", str_of(kube_answer_kind_name(answer->kind))}, {"message", answer->message}));
}

/* Named as client-go names its Events: the object, then something that no other Event has. */
static struct str event_name(struct arena *arena, const struct event *event, int64_t wall_ms) {
    return arena_printf(arena, "%.*s.%016" PRIx64, STR_ARG(event->name), hash_xxh3(event->message) ^ (uint64_t)wall_ms << 20);
}

static yyjson_val *event_object(struct arena *arena, const struct event *event, struct str namespace, int64_t wall_ms) {
    yyjson_mut_doc *doc = json_builder(arena);
    yyjson_mut_val *object = yyjson_mut_obj(doc);
    struct str now = rfc3339_format_ms(arena, wall_ms, RFC3339_SECONDS);
    yyjson_mut_obj_add_str(doc, object, "apiVersion", "v1");
    yyjson_mut_obj_add_str(doc, object, "kind", "Event");
    yyjson_mut_val *metadata = yyjson_mut_obj_add_obj(doc, object, "metadata");
    json_add_text(doc, metadata, "name", event_name(arena, event, wall_ms));
    json_add_text(doc, metadata, "namespace", namespace);
    yyjson_mut_val *about = yyjson_mut_obj_add_obj(doc, object, "involvedObject");
    yyjson_mut_obj_add_str(doc, about, "apiVersion", event->api_version);
    yyjson_mut_obj_add_str(doc, about, "kind", event->kind);
    if (event->namespace.len) json_add_text(doc, about, "namespace", event->namespace);
    json_add_text(doc, about, "name", event->name);
    if (event->uid.len) json_add_text(doc, about, "uid", event->uid);
    yyjson_mut_obj_add_str(doc, object, "reason", event->reason);
    json_add_text(doc, object, "message", str_cut_utf8(event->message, EVENT_MESSAGE_BYTES));
    yyjson_mut_obj_add_str(doc, object, "type", event->is_warning ? "Warning" : "Normal");
    yyjson_mut_val *source = yyjson_mut_obj_add_obj(doc, object, "source");
    yyjson_mut_obj_add_str(doc, source, "component", "model-booster");
    json_add_text(doc, object, "firstTimestamp", now);
    json_add_text(doc, object, "lastTimestamp", now);
    json_add_int64(doc, object, "count", 1);
    return json_freeze(arena, object);
}

void event_send(struct client *client, int64_t wall_ms, const struct log *log, const struct event *event) {
    struct arena arena;
    arena_init(&arena, EVENT_ARENA_BYTES);
    struct strbuf body = strbuf_with_max(EVENT_ARENA_BYTES);
    struct str namespace = event->namespace.len ? event->namespace : STR("default");
    json_write(&body, event_object(&arena, event, namespace, wall_ms));
    const struct kube_resource events = {.version = STR("v1"), .plural = STR("events")};
    const struct kube_write_query query = {.field_manager = STR(FIELD_MANAGER)};
    struct client_request request = {
        .method = "POST",
        .path = kube_create_path(&arena, &events, namespace, &query),
        .content = CONTENT_JSON,
        .body = strbuf_view(&body),
        .deadline_ms = EVENT_DEADLINE_MS,
    };
    /* on_answer only reads it. */
    if (!arena.exhausted) client_send(client, &request, on_answer, (void *)(uintptr_t)log);
    strbuf_release(&body);
    arena_release(&arena);
}
