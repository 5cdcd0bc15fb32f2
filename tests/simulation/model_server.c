#include "model_inner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct model_kind model_kinds[MODEL_KIND_COUNT] = {
    [CHILD_SERVING] = {GROUP_WORKLOAD, API_VERSION, "modelservings", "modelserving", "ModelServing", true},
    [CHILD_SERVER] = {GROUP_NETWORKING, API_VERSION, "modelservers", "modelserver", "ModelServer", true},
    [CHILD_POLICY] = {GROUP_WORKLOAD, API_VERSION, "autoscalingpolicies", "autoscalingpolicy", "AutoscalingPolicy", true},
    [CHILD_BINDING] = {GROUP_WORKLOAD, API_VERSION, "autoscalingpolicybindings", "autoscalingpolicybinding", "AutoscalingPolicyBinding",
                       true},
    [CHILD_ROUTE] = {GROUP_NETWORKING, API_VERSION, "modelroutes", "modelroute", "ModelRoute", true},
    [MODEL_BOOSTER] = {GROUP_WORKLOAD, API_VERSION, PLURAL_BOOSTER, "modelbooster", KIND_BOOSTER, true},
    [MODEL_CONFIG_MAP] = {"", "v1", "configmaps", "configmap", "ConfigMap", false},
    [MODEL_EVENT] = {"", "v1", "events", "event", "Event", false},
    [MODEL_LEASE] = {"coordination.k8s.io", "v1", "leases", "lease", "Lease", false},
};

void model_server_init(struct model_server *server) {
    *server = (struct model_server){.version = 1000, .has_wide_status = true};
}

static void text_drop(struct model_text *text) {
    if (--text->references == 0) free(text);
}

void model_server_release(struct model_server *server) {
    while (server->objects) {
        struct model_object *object = server->objects;
        server->objects = object->next;
        text_drop(object->text);
        free(object);
    }
    for (size_t i = 0; i < server->change_count; i++) text_drop(server->changes[i].text);
    free(server->changes);
}

struct str model_text_view(const struct model_text *text) {
    return (struct str){text->text, text->len};
}

struct model_object *model_server_find(const struct model_server *server, int kind, struct str namespace, struct str name) {
    for (struct model_object *object = server->objects; object; object = object->next) {
        if (object->kind == kind && str_is(name, object->name) && str_is(namespace, object->namespace)) return object;
    }
    return NULL;
}

struct model_object *model_server_find_uid(const struct model_server *server, struct str uid) {
    for (struct model_object *object = server->objects; object; object = object->next) {
        if (str_is(uid, object->uid)) return object;
    }
    return NULL;
}

/* ---- changes ---- */

static void copy_name(char *out, size_t size, struct str text) {
    if (text.len >= size) abort();
    if (text.len) memcpy(out, text.ptr, text.len);
    out[text.len] = 0;
}

static void note(struct model_server *server, enum model_change_kind change, const struct model_object *object, struct model_text *text) {
    if (server->change_count == server->change_capacity) {
        server->change_capacity = server->change_capacity ? 2 * server->change_capacity : 256;
        server->changes = realloc(server->changes, server->change_capacity * sizeof *server->changes);
        if (!server->changes) abort();
    }
    struct model_change *noted = &server->changes[server->change_count++];
    *noted = (struct model_change){.change = change,
                                   .kind = object->kind,
                                   .version = server->version,
                                   .at_ms = server->now_ms,
                                   .generation = object->generation,
                                   .content_generation = object->content_generation,
                                   .text = text};
    memcpy(noted->namespace, object->namespace, sizeof noted->namespace);
    memcpy(noted->name, object->name, sizeof noted->name);
    memcpy(noted->uid, object->uid, sizeof noted->uid);
    text->references++;
}

static struct model_text *text_of(const yyjson_val *value) {
    struct strbuf buffer = strbuf_with_max(LIMIT_BODY_BYTES);
    json_write(&buffer, value);
    struct model_text *text = malloc(sizeof *text + buffer.len + 1);
    if (!text || buffer.failed) abort();
    *text = (struct model_text){.references = 1, .len = buffer.len};
    memcpy(text->text, buffer.ptr, buffer.len + 1);
    strbuf_release(&buffer);
    return text;
}

static void put_version(struct model_server *server, yyjson_mut_doc *doc, yyjson_mut_val *value) {
    char version[32];
    snprintf(version, sizeof version, "%lld", (long long)++server->version);
    yyjson_mut_obj_put(yyjson_mut_obj_get(value, "metadata"), yyjson_mut_str(doc, "resourceVersion"), yyjson_mut_strcpy(doc, version));
}

struct model_object *model_store(struct model_server *server, int kind, struct model_object *object, struct arena *arena,
                                 yyjson_mut_doc *doc, yyjson_mut_val *value, yyjson_val **out_after) {
    put_version(server, doc, value);
    yyjson_val *after = json_freeze(arena, value);
    const yyjson_val *metadata = json_get(after, "metadata");
    bool is_new = !object;
    if (is_new) {
        object = calloc(1, sizeof *object);
        if (!object) abort();
        object->kind = kind;
        copy_name(object->namespace, sizeof object->namespace, json_text(json_get(metadata, "namespace")));
        copy_name(object->name, sizeof object->name, json_text(json_get(metadata, "name")));
        copy_name(object->uid, sizeof object->uid, json_text(json_get(metadata, "uid")));
        object->next = server->objects;
        server->objects = object;
    } else {
        text_drop(object->text);
    }
    object->text = text_of(after);
    object->version = server->version;
    json_int64(json_get(metadata, "generation"), &object->generation);
    object->is_deleting = json_get(metadata, "deletionTimestamp") != NULL;
    if (is_new) object->content_generation = object->generation;
    note(server, is_new ? MODEL_ADDED : MODEL_MODIFIED, object, object->text);
    *out_after = after;
    return object;
}

void model_drop(struct model_server *server, struct model_object *object) {
    struct arena arena;
    arena_init(&arena, MODEL_ARENA_BYTES);
    yyjson_mut_doc *doc = json_builder(&arena);
    yyjson_mut_val *value = yyjson_val_mut_copy(doc, json_parse(&arena, model_text_view(object->text), NULL));
    put_version(server, doc, value);
    struct model_text *last = text_of(json_freeze(&arena, value));
    note(server, MODEL_DELETED, object, last);
    text_drop(last);
    arena_release(&arena);
    struct model_object **at = &server->objects;
    while (*at != object) at = &(*at)->next;
    *at = object->next;
    text_drop(object->text);
    free(object);
}

/* ---- watches ---- */

static bool is_of(const struct model_watch *watch, const struct model_change *change) {
    return change->kind == watch->kind && (!watch->namespace[0] || strcmp(change->namespace, watch->namespace) == 0) &&
           (!watch->name[0] || strcmp(change->name, watch->name) == 0);
}

const struct model_change *model_watch_next(const struct model_server *server, struct model_watch *watch) {
    while (watch->position < server->change_count) {
        const struct model_change *change = &server->changes[watch->position++];
        if (is_of(watch, change)) return change;
    }
    return NULL;
}

static size_t position_after(const struct model_server *server, int64_t version) {
    size_t low = 0, high = server->change_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (server->changes[middle].version <= version)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool model_server_watch(struct model_server *server, const struct model_request *request, struct model_watch *out,
                        struct model_answer *answer) {
    struct arena arena;
    arena_init(&arena, MODEL_ARENA_BYTES);
    struct model_call call;
    int64_t version = server->version;
    bool is_open = model_call_read(server, request, &arena, &call, answer) && model_is_authorized(&call, answer);
    if (is_open && server->is_missing[call.kind]) {
        *answer = model_no_path();
        is_open = false;
    }
    if (is_open && call.resource_version.len && !number_parse_int64(call.resource_version, &version)) abort();
    if (is_open && version < server->compacted_version) {
        struct str message =
            arena_printf(&arena, "too old resource version: %lld (%lld)", (long long)version, (long long)server->compacted_version);
        *answer = model_refuse(410, "Expired", message, NULL, STR_EMPTY);
        is_open = false;
    }
    if (is_open) {
        *out = (struct model_watch){.kind = call.kind,
                                    .timeout_s = call.timeout_s,
                                    .wants_bookmarks = call.wants_bookmarks,
                                    .position = position_after(server, version)};
        copy_name(out->namespace, sizeof out->namespace, call.namespace);
        struct str by_name = STR("metadata.name=");
        if (str_starts_with(call.field_selector, by_name))
            copy_name(out->name, sizeof out->name, str_from(call.field_selector, by_name.len));
    }
    arena_release(&arena);
    return is_open;
}
