#include "model_inner.h"

#include <stdio.h>
#include <string.h>

#include "data/patch.h"
#include "data/rfc3339.h"

static void put_text(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *key, struct str text) {
    yyjson_mut_obj_put(object, yyjson_mut_str(doc, key), yyjson_mut_strncpy(doc, text.ptr, text.len));
}

static struct str now(const struct model_call *call) {
    return rfc3339_format_ms(call->arena, call->server->wall_ms, RFC3339_SECONDS);
}

/* Reads the body; false and `out` when it is no JSON. */
static bool read_body(const struct model_call *call, yyjson_val **out_body, struct model_answer *out) {
    *out_body = call->request->body.len ? json_parse(call->arena, call->request->body, NULL) : NULL;
    if (*out_body || !call->request->body.len) return true;
    *out = model_refuse(400, "BadRequest", STR("the body of the request is no JSON"), NULL, STR_EMPTY);
    return false;
}

/* Quotas, webhooks. */
static bool is_admitted(const struct model_call *call, struct model_answer *out) {
    const struct model_server *server = call->server;
    return !server->admit ||
           model_is_let(call, server->admit(server->refusal_context, call->request, call->kind, call->subresource.len > 0), out);
}

static void tell(const struct model_call *call, const struct model_write *write) {
    if (call->server->written) call->server->written(call->server->context, write);
}

/* The object as it is stored now is the answer. */
static struct model_answer accept_write(const struct model_call *call, struct model_object *object, yyjson_val *after,
                                        struct model_write *write) {
    struct model_answer answer = model_accept(200, model_text_view(object->text));
    write->object = object;
    write->after = after;
    tell(call, write);
    return answer;
}

/* One entry a manager and subresource, the one that wrote last at the end. What it owns is not kept. */
static void note_manager(const struct model_call *call, yyjson_mut_doc *doc, yyjson_mut_val *metadata) {
    struct str manager = call->field_manager.len ? call->field_manager : STR("unknown");
    const struct model_kind *kind = &model_kinds[call->kind];
    yyjson_mut_val *fields = yyjson_mut_obj_get(metadata, "managedFields");
    if (!yyjson_mut_is_arr(fields)) {
        fields = yyjson_mut_arr(doc);
        yyjson_mut_obj_put(metadata, yyjson_mut_str(doc, "managedFields"), fields);
    }
    for (size_t i = 0; i < yyjson_mut_arr_size(fields); i++) {
        yyjson_mut_val *entry = yyjson_mut_arr_get(fields, i);
        bool is_of_status = yyjson_mut_obj_get(entry, "subresource") != NULL;
        bool is_same =
            str_equal(json_mut_text(yyjson_mut_obj_get(entry, "manager")), manager) && is_of_status == (call->subresource.len > 0);
        if (is_same) yyjson_mut_arr_remove(fields, i--);
    }
    yyjson_mut_val *entry = yyjson_mut_arr_add_obj(doc, fields);
    char version[128];
    snprintf(version, sizeof version, "%s%s%s", kind->group, kind->group[0] ? "/" : "", kind->version);
    yyjson_mut_obj_add_strcpy(doc, entry, "apiVersion", version);
    yyjson_mut_obj_add_str(doc, entry, "fieldsType", "FieldsV1");
    yyjson_mut_obj_add_obj(doc, entry, "fieldsV1");
    put_text(doc, entry, "manager", manager);
    yyjson_mut_obj_add_str(doc, entry, "operation", "Update");
    if (call->subresource.len) put_text(doc, entry, "subresource", call->subresource);
    put_text(doc, entry, "time", now(call));
}

/* A definition without a field drops it. */
static void prune(const struct model_call *call, yyjson_mut_val *value) {
    const struct model_server *server = call->server;
    if (server->lacking_field && server->lacking_kind == call->kind)
        yyjson_mut_obj_remove_key(yyjson_mut_obj_get(value, "spec"), server->lacking_field);
    if (call->kind != MODEL_BOOSTER || call->server->has_wide_status) return;
    yyjson_mut_val *backends = yyjson_mut_obj_get(yyjson_mut_obj_get(value, "status"), "backendStatuses"), *backend;
    size_t index, max;
    yyjson_mut_arr_foreach(backends, index, max, backend) {
        yyjson_mut_obj_remove_key(backend, "availableReplicas");
        yyjson_mut_obj_remove_key(backend, "message");
    }
}

/* ---- create ---- */

static struct model_answer already_exists(const struct model_call *call) {
    const struct model_kind *kind = &model_kinds[call->kind];
    struct str message = arena_printf(call->arena, "%s%s%s \"%.*s\" already exists", kind->plural, kind->group[0] ? "." : "", kind->group,
                                      STR_ARG(call->name));
    return model_refuse(409, "AlreadyExists", message, call, STR_EMPTY);
}

struct model_answer model_create(struct model_call *call) {
    struct model_server *server = call->server;
    struct model_answer answer;
    yyjson_val *body, *after;
    if (!read_body(call, &body, &answer)) return answer;
    yyjson_mut_doc *doc = json_builder(call->arena);
    yyjson_mut_val *value = yyjson_val_mut_copy(doc, body), *metadata = yyjson_mut_obj_get(value, "metadata");
    if (!metadata) return model_refuse(400, "BadRequest", STR("the object has no metadata"), NULL, STR_EMPTY);
    struct str prefix = json_text(json_path(body, "metadata", "generateName", NULL));
    call->name = json_text(json_path(body, "metadata", "name", NULL));
    if (!call->name.len && prefix.len) {
        call->name = arena_printf(call->arena, "%.*s%05lld", STR_ARG(prefix), (long long)(server->uids % 100000));
        put_text(doc, metadata, "name", call->name);
    }
    if (!is_admitted(call, &answer)) return answer;
    if (model_server_find(server, call->kind, call->namespace, call->name)) return already_exists(call);
    prune(call, value);
    put_text(doc, metadata, "namespace", call->namespace);
    put_text(doc, metadata, "creationTimestamp", now(call));
    if (model_kinds[call->kind].has_status) {
        yyjson_mut_obj_remove_key(value, "status");
        yyjson_mut_obj_put(metadata, yyjson_mut_str(doc, "generation"), yyjson_mut_sint(doc, 1));
    }
    note_manager(call, doc, metadata);
    put_text(doc, metadata, "uid", arena_printf(call->arena, "00000000-0000-4000-8000-%012llx", (long long)server->uids + 1));
    if (call->is_dry_run) {
        struct strbuf text = strbuf_with_max(LIMIT_BODY_BYTES);
        json_write(&text, json_freeze(call->arena, value));
        answer = model_accept(201, strbuf_view(&text));
        strbuf_release(&text);
        return answer;
    }
    server->uids++;
    const struct model_object *object = model_store(server, call->kind, NULL, call->arena, doc, value, &after);
    answer = model_accept(201, model_text_view(object->text));
    tell(call, &(struct model_write){.request = call->request, .kind = call->kind, .object = object, .body = body, .after = after});
    return answer;
}

/* ---- patch and update ---- */

static struct model_answer conflict(const struct model_call *call, const char *what) {
    const struct model_kind *kind = &model_kinds[call->kind];
    struct str message = arena_printf(call->arena, "Operation cannot be fulfilled on %s%s%s \"%.*s\": %s", kind->plural,
                                      kind->group[0] ? "." : "", kind->group, STR_ARG(call->name), what);
    return model_refuse(409, "Conflict", message, call, STR_EMPTY);
}

static const struct {
    int kind;
    const char *path[3];
    const char *field, *message;
} immutable[] = {
    {CHILD_ROUTE, {"spec", "modelName", NULL}, "spec", "Invalid value: modelName is immutable"},
    {CHILD_SERVING, {"spec", "template", "gangPolicy"}, "spec.template", "Invalid value: gangPolicy is immutable once set"},
};

static yyjson_val *at(yyjson_val *value, const char *const path[3]) {
    for (int i = 0; i < 3 && path[i]; i++) value = json_get(value, path[i]);
    return value;
}

/* What is on its way out is held by nobody more. */
static bool has_new_finalizer(const yyjson_val *before, const yyjson_val *after) {
    size_t index, max, known, known_max;
    yyjson_val *finalizer, *other;
    if (!json_path(before, "metadata", "deletionTimestamp", NULL)) return false;
    yyjson_arr_foreach(json_path(after, "metadata", "finalizers", NULL), index, max, finalizer) {
        bool is_new = true;
        yyjson_arr_foreach(json_path(before, "metadata", "finalizers", NULL), known, known_max, other) is_new &=
            !json_equal(finalizer, other);
        if (is_new) return true;
    }
    return false;
}

/* False and `out` where something moves that must not. */
static bool may_become(const struct model_call *call, yyjson_val *before, yyjson_val *after, struct model_answer *out) {
    if (has_new_finalizer(before, after)) {
        *out = model_refuse(422, "Invalid",
                            STR("metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted"), call,
                            STR("metadata.finalizers"));
        return false;
    }
    for (size_t i = 0; i < sizeof immutable / sizeof *immutable; i++) {
        if (immutable[i].kind != call->kind) continue;
        const yyjson_val *old = at(before, immutable[i].path), *new = at(after, immutable[i].path);
        if (!old || json_equal(old, new)) continue;
        struct str message = arena_printf(call->arena, "%s \"%.*s\" is invalid: %s: %s", model_kinds[call->kind].kind, STR_ARG(call->name),
                                          immutable[i].field, immutable[i].message);
        *out = model_refuse(422, "Invalid", message, call, str_of(immutable[i].field));
        return false;
    }
    return true;
}

/* What the request makes of the object; NULL and `out` when it cannot be made. */
static yyjson_mut_val *apply(const struct model_call *call, yyjson_mut_doc *doc, const yyjson_val *before, const yyjson_val *body,
                             struct model_answer *out) {
    const char *type = call->request->content_type ? call->request->content_type : "";
    if (strcmp(call->request->method, "PUT") == 0) return yyjson_val_mut_copy(doc, json_loose(body));
    if (strcmp(type, "application/merge-patch+json") == 0) return patch_merge(call->arena, doc, before, body);
    if (strcmp(type, "application/json-patch+json") != 0) {
        *out = model_refuse(415, "UnsupportedMediaType", STR("the body of the request was in an unknown format"), NULL, STR_EMPTY);
        return NULL;
    }
    struct error error = {0};
    yyjson_mut_val *value = patch_json(call->arena, doc, before, body, &error);
    if (!value)
        *out = model_refuse(422, "Invalid", str_of("the server rejected our request due to an error in our request"), NULL, STR_EMPTY);
    return value;
}

/* What a request cannot change comes from the object as it is. */
static yyjson_mut_val *restore(const struct model_call *call, yyjson_mut_doc *doc, yyjson_val *before, yyjson_mut_val *value) {
    static const char *const kept[] = {
        "uid", "name", "namespace", "creationTimestamp", "generation", "deletionTimestamp", "deletionGracePeriodSeconds"};
    yyjson_mut_val *status = yyjson_mut_obj_get(value, "status");
    if (call->subresource.len) {
        yyjson_mut_val *whole = yyjson_val_mut_copy(doc, before);
        yyjson_mut_obj_remove_key(whole, "status");
        if (status) yyjson_mut_obj_add_val(doc, whole, "status", yyjson_mut_val_mut_copy(doc, status));
        return whole;
    }
    if (model_kinds[call->kind].has_status) {
        yyjson_mut_obj_remove_key(value, "status");
        if (json_get(before, "status")) yyjson_mut_obj_add_val(doc, value, "status", yyjson_val_mut_copy(doc, json_get(before, "status")));
    }
    yyjson_mut_val *metadata = yyjson_mut_obj_get(value, "metadata");
    yyjson_val *live = json_get(before, "metadata");
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        yyjson_mut_obj_remove_key(metadata, kept[i]);
        if (json_get(live, kept[i])) yyjson_mut_obj_add_val(doc, metadata, kept[i], yyjson_val_mut_copy(doc, json_get(live, kept[i])));
    }
    yyjson_mut_obj_put(metadata, yyjson_mut_str(doc, "resourceVersion"), yyjson_val_mut_copy(doc, json_get(live, "resourceVersion")));
    if (json_get(live, "managedFields"))
        yyjson_mut_obj_put(metadata, yyjson_mut_str(doc, "managedFields"), yyjson_val_mut_copy(doc, json_get(live, "managedFields")));
    return value;
}

/* Everything outside of metadata and status, without a ModelServing's replicas. */
static bool is_same_content(struct arena *arena, const yyjson_val *a, const yyjson_val *b) {
    const yyjson_val *both[2] = {a, b}, *slim[2];
    for (int i = 0; i < 2; i++) {
        yyjson_mut_doc *doc = json_builder(arena);
        yyjson_mut_val *spec = yyjson_val_mut_copy(doc, json_get(both[i], "spec"));
        yyjson_mut_obj_remove_key(spec, "replicas");
        slim[i] = json_freeze(arena, spec);
    }
    return json_equal(slim[0], slim[1]);
}

/* The last finalizer is off: what was deleted goes, and its end is all that is told. */
static struct model_answer go(struct model_call *call, struct model_object *object, const yyjson_mut_val *value,
                              struct model_write *write) {
    struct strbuf text = strbuf_with_max(LIMIT_BODY_BYTES);
    write->after = json_freeze(call->arena, value);
    json_write(&text, write->after);
    struct model_answer answer = model_accept(200, strbuf_view(&text));
    strbuf_release(&text);
    model_drop(call->server, object);
    tell(call, write);
    return answer;
}

static struct model_answer commit(struct model_call *call, struct model_object *object, yyjson_mut_doc *doc, yyjson_val *before,
                                  yyjson_mut_val *value, struct model_write *write) {
    yyjson_val *after = json_freeze(call->arena, value);
    bool is_same_spec = json_equal(json_get(before, "spec"), json_get(after, "spec"));
    write->before_content_generation = object->content_generation;
    if (json_equal(before, after)) {
        write->object = object;
        write->after = before;
        struct model_answer answer = model_accept(200, model_text_view(object->text));
        tell(call, write);
        return answer;
    }
    yyjson_mut_val *metadata = yyjson_mut_obj_get(value, "metadata");
    if (model_kinds[call->kind].has_status && !is_same_spec)
        yyjson_mut_obj_put(metadata, yyjson_mut_str(doc, "generation"), yyjson_mut_sint(doc, object->generation + 1));
    note_manager(call, doc, metadata);
    if (object->is_deleting && json_is_empty(json_path(after, "metadata", "finalizers", NULL))) return go(call, object, value, write);
    bool is_same = is_same_content(call->arena, before, after);
    model_store(call->server, call->kind, object, call->arena, doc, value, &after);
    if (!is_same) object->content_generation = object->generation;
    struct model_change *noted = &call->server->changes[call->server->change_count - 1];
    noted->content_generation = object->content_generation;
    return accept_write(call, object, after, write);
}

/* The object that a request is about, NULL with the answer where there is none. */
static struct model_object *find(const struct model_call *call, yyjson_val **out_body, yyjson_val **out_before, struct model_answer *out) {
    if (!read_body(call, out_body, out)) return NULL;
    struct model_object *object = model_server_find(call->server, call->kind, call->namespace, call->name);
    if (object)
        *out_before = json_parse(call->arena, model_text_view(object->text), NULL);
    else
        *out = model_not_found(call);
    return object;
}

struct model_answer model_change(struct model_call *call) {
    struct model_answer answer;
    yyjson_val *body, *before;
    struct model_object *object = find(call, &body, &before, &answer);
    if (!object) return answer;
    yyjson_mut_doc *doc = json_builder(call->arena);
    yyjson_mut_val *value = apply(call, doc, before, body, &answer);
    if (!value) return answer;
    struct str version = json_mut_text(yyjson_mut_obj_get(yyjson_mut_obj_get(value, "metadata"), "resourceVersion"));
    if (version.len && !str_equal(version, json_text(json_path(before, "metadata", "resourceVersion", NULL))))
        return conflict(call, "the object has been modified; please apply your changes to the latest version and try again");
    if (!is_admitted(call, &answer)) return answer;
    value = restore(call, doc, before, value);
    prune(call, value);
    if (!may_become(call, before, json_freeze(call->arena, value), &answer)) return answer;
    struct model_write write = {
        .request = call->request, .kind = call->kind, .body = body, .before = before, .is_status = call->subresource.len > 0};
    return commit(call, object, doc, before, value, &write);
}

/* ---- delete ---- */

static bool holds(const struct model_call *call, const yyjson_val *body, const struct model_object *object, const yyjson_val *before,
                  struct model_answer *out) {
    struct str uid = json_text(json_path(body, "preconditions", "uid", NULL));
    struct str version = json_text(json_path(body, "preconditions", "resourceVersion", NULL));
    struct str live = json_text(json_path(before, "metadata", "resourceVersion", NULL));
    bool is_other = uid.len && !str_is(uid, object->uid), is_stale = version.len && !str_equal(version, live);
    if (!is_other && !is_stale) return true;
    struct str text =
        is_other
            ? arena_printf(call->arena, "Precondition failed: UID in precondition: %.*s, UID in object meta: %s", STR_ARG(uid), object->uid)
            : arena_printf(call->arena, "Precondition failed: ResourceVersion in precondition: %.*s, ResourceVersion in object meta: %.*s",
                           STR_ARG(version), STR_ARG(live));
    *out = conflict(call, text.ptr);
    return false;
}

static struct model_answer mark_deleted(struct model_call *call, struct model_object *object, yyjson_val *before,
                                        struct model_write *write) {
    yyjson_val *after = before;
    if (!object->is_deleting) {
        yyjson_mut_doc *doc = json_builder(call->arena);
        yyjson_mut_val *value = yyjson_val_mut_copy(doc, before), *metadata = yyjson_mut_obj_get(value, "metadata");
        put_text(doc, metadata, "deletionTimestamp", now(call));
        yyjson_mut_obj_put(metadata, yyjson_mut_str(doc, "deletionGracePeriodSeconds"), yyjson_mut_sint(doc, 0));
        if (model_kinds[call->kind].has_status)
            yyjson_mut_obj_put(metadata, yyjson_mut_str(doc, "generation"), yyjson_mut_sint(doc, object->generation + 1));
        model_store(call->server, call->kind, object, call->arena, doc, value, &after);
    }
    return accept_write(call, object, after, write);
}

struct model_answer model_delete(struct model_call *call) {
    struct model_answer answer;
    yyjson_val *body, *before;
    struct model_object *object = find(call, &body, &before, &answer);
    if (!object) return answer;
    if (!holds(call, body, object, before, &answer) || !is_admitted(call, &answer)) return answer;
    struct model_write write = {.request = call->request, .kind = call->kind, .body = body, .before = before, .is_delete = true};
    if (!json_is_empty(json_path(before, "metadata", "finalizers", NULL))) return mark_deleted(call, object, before, &write);
    answer =
        model_accept(200, STR("{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Success\",\"details\":{\"name\":"));
    const struct model_kind *kind = &model_kinds[call->kind];
    json_write_text(&answer.body, call->name);
    strbuf_printf(&answer.body, ",\"group\":\"%s\",\"kind\":\"%s\",\"uid\":\"%s\"}}\n", kind->group, kind->plural, object->uid);
    model_drop(call->server, object);
    tell(call, &write);
    return answer;
}
