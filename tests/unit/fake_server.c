#include "fake_server.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "data/patch.h"

enum { ARENA_BYTES = 64 * 1024 * 1024 };

struct fake_server *fake_server_new(void) {
    struct fake_server *server = calloc(1, sizeof *server);
    assert_non_null(server);
    return server;
}

static void free_object(struct fake_object *object) {
    arena_release(&object->arena);
    free(object);
}

void fake_server_free(struct fake_server *server) {
    for (size_t i = 0; i < server->object_count; i++) free_object(server->objects[i]);
    for (size_t i = 0; i < server->event_count; i++) free(server->events[i].text);
    free(server);
}

/* ---- the objects ---- */

static struct fake_object *find(const struct fake_server *server, int kind, struct str namespace, struct str name) {
    for (size_t i = 0; i < server->object_count; i++) {
        struct fake_object *object = server->objects[i];
        bool is_it =
            object->kind == kind && str_equal(object->name, name) && (namespace.len == 0 || str_equal(object->namespace, namespace));
        if (is_it) return object;
    }
    return NULL;
}

static yyjson_val *parse(struct arena *arena, struct str text) {
    struct error error = {0};
    yyjson_val *value = json_parse(arena, text, &error);
    if (!value) fail_msg("the fake server got no JSON: %s: %.*s", error.message, STR_ARG(text));
    return value;
}

/* JSON written with ' for " in test sources. */
static yyjson_val *parse_quoted(struct arena *arena, const char *text) {
    struct str copy = arena_copy(arena, str_of(text));
    for (char *at = (char *)(uintptr_t)copy.ptr; *at; at++) *at = *at == '\'' ? '"' : *at;
    return parse(arena, copy);
}

static struct fake_tally *tally(struct fake_server *server, int kind, struct str name) {
    for (size_t i = 0; i < server->tally_count; i++) {
        if (server->tallies[i].kind == kind && str_is(name, server->tallies[i].name)) return &server->tallies[i];
    }
    assert_true(server->tally_count < FAKE_TALLIES_MAX);
    struct fake_tally *fresh = &server->tallies[server->tally_count++];
    fresh->kind = kind;
    snprintf(fresh->name, sizeof fresh->name, "%.*s", STR_ARG(name));
    return fresh;
}

static void add_event(struct fake_server *server, const struct fake_object *object, bool is_deleted) {
    assert_true(server->event_count < FAKE_EVENTS_MAX);
    struct fake_event event = {object->kind, server->version, is_deleted, strndup(object->text.ptr, object->text.len)};
    assert_non_null(event.text);
    server->events[server->event_count++] = event;
}

/* Gives the object its next version and stores it in place of `older` (NULL: new). */
static struct fake_object *store(struct fake_server *server, int kind, struct fake_object *older, yyjson_mut_doc *doc,
                                 yyjson_mut_val *value) {
    struct fake_object *object = calloc(1, sizeof *object);
    assert_non_null(object);
    arena_init(&object->arena, ARENA_BYTES);
    char version[32];
    snprintf(version, sizeof version, "%lld", (long long)++server->version);
    yyjson_mut_val *metadata = yyjson_mut_obj_get(value, "metadata");
    yyjson_mut_obj_put(metadata, yyjson_mut_str(doc, "resourceVersion"), yyjson_mut_strcpy(doc, version));
    const yyjson_val *frozen = json_freeze(&object->arena, value);
    struct strbuf text = strbuf_with_max(LIMIT_BODY_BYTES);
    json_write(&text, frozen);
    object->kind = kind;
    object->version = server->version;
    object->text = arena_copy(&object->arena, strbuf_view(&text));
    object->namespace = arena_copy(&object->arena, json_text(json_path(frozen, "metadata", "namespace", NULL)));
    object->name = arena_copy(&object->arena, json_text(json_path(frozen, "metadata", "name", NULL)));
    object->uid = arena_copy(&object->arena, json_text(json_path(frozen, "metadata", "uid", NULL)));
    strbuf_release(&text);
    assert_true(object->uid.len > 0);
    add_event(server, object, false);
    for (size_t i = 0; older && i < server->object_count; i++) {
        if (server->objects[i] == older) server->objects[i] = object;
    }
    if (older) {
        free_object(older);
        return object;
    }
    assert_true(server->object_count < FAKE_OBJECTS_MAX);
    server->objects[server->object_count++] = object;
    return object;
}

static void drop(struct fake_server *server, struct fake_object *object) {
    server->version++;
    add_event(server, object, true);
    tally(server, object->kind, object->name)->deletes++;
    size_t index = 0;
    while (server->objects[index] != object) index++;
    server->objects[index] = server->objects[--server->object_count];
    free_object(object);
}

/* ---- writes ---- */

static struct answer refuse(enum answer_kind kind, const char *message) {
    return (struct answer){.kind = kind, .message = str_of(message)};
}

static struct answer accept(struct strbuf *body, struct str text) {
    strbuf_append(body, text);
    return (struct answer){.kind = ANSWER_OK};
}

static const char *admit(const struct fake_server *server, int kind, yyjson_mut_doc *doc, yyjson_mut_val *value) {
    return server->admission ? server->admission(server->admission_context, kind, doc, value) : NULL;
}

static void put_text(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *key, const char *text) {
    yyjson_mut_obj_put(object, yyjson_mut_str(doc, key), yyjson_mut_strcpy(doc, text));
}

static void put_int(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *key, int64_t number) {
    yyjson_mut_obj_put(object, yyjson_mut_str(doc, key), yyjson_mut_sint(doc, number));
}

/* One entry a manager, the newest last. */
static void note_manager(struct fake_server *server, yyjson_mut_doc *doc, yyjson_mut_val *value, const char *manager, bool is_status) {
    yyjson_mut_val *metadata = yyjson_mut_obj_get(value, "metadata"), *fields = yyjson_mut_obj_get(metadata, "managedFields");
    if (!fields) {
        fields = yyjson_mut_arr(doc);
        yyjson_mut_obj_add_val(doc, metadata, "managedFields", fields);
    }
    size_t index, max;
    yyjson_mut_val *entry, *known = NULL;
    yyjson_mut_arr_foreach(fields, index, max, entry) {
        if (yyjson_mut_equals_str(yyjson_mut_obj_get(entry, "manager"), manager)) known = entry;
    }
    if (!known) known = yyjson_mut_arr_add_obj(doc, fields);
    char time[32];
    snprintf(time, sizeof time, "2026-01-01T%02d:%02d:%02dZ", (int)(server->version / 3600 % 24), (int)(server->version / 60 % 60),
             (int)(server->version % 60));
    put_text(doc, known, "manager", manager);
    put_text(doc, known, "time", time);
    if (is_status) put_text(doc, known, "subresource", "status");
}

static struct answer create(struct fake_server *server, struct str namespace, int kind, const yyjson_val *given, const char *manager,
                            bool is_dry_run, struct strbuf *body) {
    struct arena arena;
    arena_init(&arena, ARENA_BYTES);
    yyjson_mut_doc *doc = json_builder(&arena);
    yyjson_mut_val *value = yyjson_val_mut_copy(doc, (yyjson_val *)(uintptr_t)given), *metadata = yyjson_mut_obj_get(value, "metadata");
    struct str name = json_text(json_path(given, "metadata", "name", NULL));
    struct answer answer = {0};
    const char *refused = NULL;
    if (name.len && find(server, kind, namespace, name))
        answer = refuse(ANSWER_EXISTS, "already exists");
    else if ((refused = admit(server, kind, doc, value)) != NULL)
        answer = refuse(ANSWER_REJECTED, refused);
    else if (is_dry_run)
        answer = accept(body, STR("{}"));
    else {
        char uid[32];
        snprintf(uid, sizeof uid, "u-%lld", (long long)++server->uids);
        put_text(doc, metadata, "uid", uid);
        put_text(doc, metadata, "creationTimestamp", "2026-01-01T00:00:00Z");
        put_int(doc, metadata, "generation", 1);
        yyjson_mut_obj_put(metadata, yyjson_mut_str(doc, "namespace"), yyjson_mut_strncpy(doc, namespace.ptr, namespace.len));
        note_manager(server, doc, value, manager, false);
        tally(server, kind, name)->creates++;
        answer = accept(body, store(server, kind, NULL, doc, value)->text);
    }
    arena_release(&arena);
    return answer;
}

static bool is_finalized(const yyjson_val *value) {
    bool is_deleted = json_path(value, "metadata", "deletionTimestamp", NULL) != NULL;
    return is_deleted && json_is_empty(json_path(value, "metadata", "finalizers", NULL));
}

static bool is_moved(const yyjson_val *before, const yyjson_val *after) {
    return !json_is_empty(before) && !json_equal(before, after);
}

static const char *immutable(int kind, const yyjson_val *before, const yyjson_val *after) {
    bool is_renamed =
        kind == CHILD_ROUTE && is_moved(json_path(before, "spec", "modelName", NULL), json_path(after, "spec", "modelName", NULL));
    bool is_regrouped = kind == CHILD_SERVING && is_moved(json_path(before, "spec", "template", "gangPolicy", NULL),
                                                          json_path(after, "spec", "template", "gangPolicy", NULL));
    return is_renamed     ? "spec.modelName: Invalid value: modelName is immutable"
           : is_regrouped ? "spec.template.gangPolicy: Invalid value: immutable"
                          : NULL;
}

/* Stores `value` in place of `object`, as every update ends. */
static struct answer update(struct fake_server *server, struct fake_object *object, struct arena *arena, yyjson_mut_doc *doc,
                            yyjson_mut_val *value, const char *manager, bool is_status, struct strbuf *body) {
    const yyjson_val *before = parse(arena, object->text);
    const char *refused = is_status ? NULL : admit(server, object->kind, doc, value);
    yyjson_val *after = json_freeze(arena, value);
    if (!refused) refused = immutable(object->kind, before, after);
    if (refused) return refuse(ANSWER_REJECTED, refused);
    if (is_status && (refused = admit(server, object->kind, doc, value)) != NULL) return refuse(ANSWER_REJECTED, refused);
    after = json_freeze(arena, value);
    if (json_equal(before, after)) return accept(body, object->text);
    int64_t generation = 0;
    json_int64(json_path(before, "metadata", "generation", NULL), &generation);
    if (!json_equal(json_get(before, "spec"), json_get(after, "spec"))) generation++;
    put_int(doc, yyjson_mut_obj_get(value, "metadata"), "generation", generation);
    note_manager(server, doc, value, manager, is_status);
    tally(server, object->kind, object->name)->patches += !is_status;
    struct fake_object *stored = store(server, object->kind, object, doc, value);
    struct answer answer = accept(body, stored->text);
    if (is_finalized(after)) drop(server, stored);
    return answer;
}

static struct answer patch(struct fake_server *server, struct fake_object *object, const yyjson_val *operations, struct strbuf *body) {
    struct arena arena;
    arena_init(&arena, ARENA_BYTES);
    yyjson_mut_doc *doc = json_builder(&arena);
    const yyjson_val *live = parse(&arena, object->text);
    struct error error = {0};
    yyjson_mut_val *value = patch_json(&arena, doc, live, operations, &error);
    struct answer answer;
    if (!value) fail_msg("the JSON Patch does not apply: %s %s", error.path, error.message);
    const char *version = yyjson_mut_get_str(yyjson_mut_obj_get(yyjson_mut_obj_get(value, "metadata"), "resourceVersion"));
    assert_non_null(version);
    bool is_stale = !str_is(json_text(json_path(live, "metadata", "resourceVersion", NULL)), version);
    if (is_stale)
        answer = refuse(ANSWER_CONFLICT, "the object has been modified");
    else
        answer = update(server, object, &arena, doc, value, FIELD_MANAGER, false, body);
    arena_release(&arena);
    return answer;
}

static struct answer merge(struct fake_server *server, struct fake_object *object, const yyjson_val *changes, const char *manager,
                           bool is_status, struct strbuf *body) {
    struct arena arena;
    arena_init(&arena, ARENA_BYTES);
    yyjson_mut_doc *doc = json_builder(&arena);
    const yyjson_val *live = parse(&arena, object->text);
    struct str version = json_text(json_path(changes, "metadata", "resourceVersion", NULL));
    bool is_stale = version.len && !str_equal(version, json_text(json_path(live, "metadata", "resourceVersion", NULL)));
    yyjson_mut_val *value = patch_merge(&arena, doc, live, changes);
    struct answer answer = is_stale ? refuse(ANSWER_CONFLICT, "the object has been modified")
                                    : update(server, object, &arena, doc, value, manager, is_status, body);
    arena_release(&arena);
    return answer;
}

static struct answer delete_object(struct fake_server *server, struct fake_object *object, const yyjson_val *options, struct strbuf *body) {
    struct arena arena;
    arena_init(&arena, ARENA_BYTES);
    const yyjson_val *live = parse(&arena, object->text);
    struct str uid = json_text(json_path(options, "preconditions", "uid", NULL));
    struct str version = json_text(json_path(options, "preconditions", "resourceVersion", NULL));
    /* The controller deletes nothing without both. */
    struct str live_version = json_text(json_path(live, "metadata", "resourceVersion", NULL));
    bool is_other = options && (!str_equal(uid, object->uid) || !str_equal(version, live_version));
    struct answer answer;
    if (is_other)
        answer = refuse(ANSWER_CONFLICT, "the precondition does not hold");
    else if (json_is_empty(json_path(live, "metadata", "finalizers", NULL))) {
        drop(server, object);
        answer = accept(body, STR("{\"kind\":\"Status\",\"status\":\"Success\"}"));
    } else if (json_path(live, "metadata", "deletionTimestamp", NULL)) {
        answer = accept(body, object->text);
    } else {
        yyjson_mut_doc *doc = json_builder(&arena);
        yyjson_mut_val *value = yyjson_val_mut_copy(doc, (yyjson_val *)(uintptr_t)live);
        put_text(doc, yyjson_mut_obj_get(value, "metadata"), "deletionTimestamp", "2026-01-01T00:00:00Z");
        answer = accept(body, store(server, object->kind, object, doc, value)->text);
    }
    arena_release(&arena);
    return answer;
}

static struct answer get_booster(struct arena *arena, const struct fake_object *object, struct strbuf *body) {
    const yyjson_val *live = parse(arena, object->text);
    struct answer answer = accept(body, object->text);
    answer.booster_uid = json_text(json_path(live, "metadata", "uid", NULL));
    json_int64(json_path(live, "metadata", "generation", NULL), &answer.booster_generation);
    return answer;
}

struct answer fake_server_perform(struct fake_server *server, struct str namespace, const struct request *request, struct strbuf *body) {
    bool is_booster = request->verb == REQUEST_GET_BOOSTER || request->verb == REQUEST_PATCH_STATUS;
    int kind = is_booster ? FAKE_BOOSTER : (int)request->kind;
    bool is_create = request->verb == REQUEST_CREATE || request->verb == REQUEST_DRY_RUN_CREATE;
    if (request->verb == REQUEST_DISCOVER) return refuse(server->is_missing[kind] ? ANSWER_KIND_MISSING : ANSWER_OK, "no such kind");
    if (server->is_missing[kind]) return refuse(ANSWER_KIND_MISSING, "404 page not found");
    if (server->forbidden[kind] & (1U << request->verb)) return refuse(ANSWER_FORBIDDEN, "cannot do that");
    if (is_create && server->is_namespace_terminating) return refuse(ANSWER_NAMESPACE_GONE, "namespace is being terminated");
    struct fake_object *object = find(server, kind, namespace, request->name);
    if (!is_create && !object) return refuse(ANSWER_NOT_FOUND, "not found");
    struct arena arena;
    arena_init(&arena, ARENA_BYTES);
    const yyjson_val *given = request->body.len ? parse(&arena, request->body) : NULL;
    struct answer answer = {0};
    switch (request->verb) {
    case REQUEST_CREATE:
    case REQUEST_DRY_RUN_CREATE:
        answer = create(server, namespace, kind, given, FIELD_MANAGER, request->verb == REQUEST_DRY_RUN_CREATE, body);
        break;
    case REQUEST_PATCH: answer = patch(server, object, given, body); break;
    case REQUEST_PATCH_STATUS: answer = merge(server, object, given, FIELD_MANAGER, true, body); break;
    case REQUEST_DELETE: answer = delete_object(server, object, given, body); break;
    case REQUEST_GET: answer = accept(body, object->text); break;
    case REQUEST_GET_BOOSTER: answer = get_booster(&arena, object, body); break;
    case REQUEST_DISCOVER: break;
    }
    /* The uid is the body's from here on: the arena of this call goes. */
    if (answer.booster_uid.len) answer.booster_uid = object->uid;
    arena_release(&arena);
    return answer;
}

/* ---- by hand ---- */

static void expect_ok(struct answer answer, int kind, const char *name) {
    if (answer.kind != ANSWER_OK) fail_msg("by hand on kind %d %s: %.*s", kind, name, STR_ARG(answer.message));
}

void fake_server_create(struct fake_server *server, int kind, const char *text) {
    struct arena arena;
    arena_init(&arena, ARENA_BYTES);
    struct strbuf body = strbuf_with_max(LIMIT_BODY_BYTES);
    fake_admission_fn *admission = server->admission;
    server->admission = NULL;
    expect_ok(create(server, STR("ns"), kind, parse_quoted(&arena, text), "kubectl", false, &body), kind, text);
    server->admission = admission;
    strbuf_release(&body);
    arena_release(&arena);
}

static void merge_by_hand(struct fake_server *server, int kind, const char *name, const char *manager, const char *changes,
                          bool is_status) {
    struct arena arena;
    arena_init(&arena, ARENA_BYTES);
    struct strbuf body = strbuf_with_max(LIMIT_BODY_BYTES);
    struct fake_object *object = find(server, kind, STR_EMPTY, str_of(name));
    if (!object) fail_msg("no object of kind %d named %s", kind, name);
    expect_ok(merge(server, object, parse_quoted(&arena, changes), manager, is_status, &body), kind, name);
    strbuf_release(&body);
    arena_release(&arena);
}

void fake_server_edit(struct fake_server *server, int kind, const char *name, const char *manager, const char *changes) {
    merge_by_hand(server, kind, name, manager, changes, false);
}

void fake_server_set_status(struct fake_server *server, int kind, const char *name, const char *changes) {
    merge_by_hand(server, kind, name, "kthena", changes, true);
}

void fake_server_delete(struct fake_server *server, int kind, const char *name) {
    struct strbuf body = strbuf_with_max(LIMIT_BODY_BYTES);
    struct fake_object *object = find(server, kind, STR_EMPTY, str_of(name));
    assert_non_null(object);
    expect_ok(delete_object(server, object, NULL, &body), kind, name);
    strbuf_release(&body);
}

void fake_server_finalize(struct fake_server *server, int kind, const char *name) {
    merge_by_hand(server, kind, name, "finalizer", "{'metadata':{'finalizers':null}}", false);
}

bool fake_server_serve(struct fake_server *server) {
    int64_t before = server->version;
    for (size_t i = 0; i < server->object_count; i++) {
        struct fake_object *object = server->objects[i];
        if (object->kind != CHILD_SERVING) continue;
        struct arena arena;
        arena_init(&arena, ARENA_BYTES);
        const yyjson_val *live = parse(&arena, object->text);
        int64_t generation = 0, replicas = 1;
        json_int64(json_path(live, "metadata", "generation", NULL), &generation);
        json_int64(json_path(live, "spec", "replicas", NULL), &replicas);
        struct str changes = arena_printf(&arena,
                                          "{'status':{'observedGeneration':%lld,'replicas':%lld,'availableReplicas':%lld,'conditions':"
                                          "[{'type':'Available','status':'True','reason':'AllGroupsReady','message':'ready'}]}}",
                                          (long long)generation, (long long)replicas, (long long)replicas);
        fake_server_set_status(server, CHILD_SERVING, object->name.ptr, changes.ptr);
        arena_release(&arena);
    }
    return server->version != before;
}

static bool is_orphaned(const struct fake_server *server, const struct fake_object *object, struct arena *arena) {
    const yyjson_val *references = json_path(parse(arena, object->text), "metadata", "ownerReferences", NULL);
    bool has_owner = false;
    size_t index, max;
    yyjson_val *reference;
    yyjson_arr_foreach((yyjson_val *)(uintptr_t)references, index, max, reference) {
        for (size_t i = 0; i < server->object_count; i++) {
            has_owner |= str_equal(server->objects[i]->uid, json_text(json_get(reference, "uid")));
        }
    }
    return max > 0 && !has_owner;
}

bool fake_server_collect(struct fake_server *server) {
    int64_t before = server->version;
    for (size_t i = server->object_count; i-- > 0;) {
        struct arena arena;
        arena_init(&arena, ARENA_BYTES);
        struct fake_object *object = server->objects[i];
        if (is_orphaned(server, object, &arena)) fake_server_delete(server, object->kind, object->name.ptr);
        arena_release(&arena);
    }
    return server->version != before;
}

/* ---- what tests ask ---- */

const char *fake_server_find(const struct fake_server *server, int kind, const char *name) {
    const struct fake_object *object = find(server, kind, STR_EMPTY, str_of(name));
    return object ? object->text.ptr : NULL;
}

const char *fake_server_field(const struct fake_server *server, int kind, const char *name, const char *path) {
    static char text[65536];
    const char *object = fake_server_find(server, kind, name);
    text[0] = 0;
    if (!object) return text;
    struct arena arena;
    arena_init(&arena, ARENA_BYTES);
    const yyjson_val *value = parse(&arena, str_of(object));
    for (struct str rest = str_of(path); value && rest.len;) {
        size_t slash = str_find(rest, STR("/"));
        struct str key = slash == SIZE_MAX ? rest : str_first(rest, slash);
        rest = slash == SIZE_MAX ? STR_EMPTY : str_from(rest, slash + 1);
        /* A label's own slash is written ~1, an item of a list as its number. */
        char plain[256];
        snprintf(plain, sizeof plain, "%.*s", STR_ARG(key));
        char *tilde = strstr(plain, "~1");
        if (tilde) {
            *tilde = '/';
            memmove(tilde + 1, tilde + 2, strlen(tilde + 2) + 1);
        }
        int64_t index = 0;
        bool is_item = yyjson_is_arr((yyjson_val *)(uintptr_t)value) && number_parse_int64(str_of(plain), &index);
        value = is_item ? yyjson_arr_get((yyjson_val *)(uintptr_t)value, (size_t)index) : json_get(value, plain);
    }
    struct strbuf out = strbuf_with_max(sizeof text - 1);
    if (json_text(value).len)
        strbuf_append(&out, json_text(value));
    else if (value)
        json_write(&out, value);
    snprintf(text, sizeof text, "%.*s", STR_ARG(strbuf_view(&out)));
    strbuf_release(&out);
    arena_release(&arena);
    return text;
}

const char *fake_server_condition(const struct fake_server *server, const char *booster, const char *type, const char *field) {
    static const char *const types[] = {"Initialized", "Active", "Failed"};
    for (int i = 0; i < 3; i++) {
        char path[64];
        if (strcmp(types[i], type) != 0) continue;
        snprintf(path, sizeof path, "status/conditions/%d/%s", i, field);
        return fake_server_field(server, FAKE_BOOSTER, booster, path);
    }
    fail_msg("no such condition: %s", type);
    return "";
}

const struct fake_tally *fake_server_tally(struct fake_server *server, int kind, const char *name) {
    return tally(server, kind, str_of(name));
}

static void strip(yyjson_mut_val *value, const char *const *fields) {
    size_t index, max;
    yyjson_mut_val *key, *item;
    if (yyjson_mut_is_obj(value)) {
        for (size_t i = 0; fields[i]; i++) yyjson_mut_obj_remove_key(value, fields[i]);
        yyjson_mut_obj_foreach(value, index, max, key, item) strip(item, fields);
    } else if (yyjson_mut_is_arr(value)) {
        yyjson_mut_arr_foreach(value, index, max, item) strip(item, fields);
    }
}

static int compare_objects(const void *a, const void *b) {
    const struct fake_object *x = *(struct fake_object *const *)a, *y = *(struct fake_object *const *)b;
    return x->kind != y->kind ? x->kind - y->kind : str_compare(x->name, y->name);
}

void fake_server_dump(const struct fake_server *server, bool has_generations, struct strbuf *out) {
    static const char *const always[] = {"resourceVersion", "creationTimestamp", "managedFields", "lastTransitionTime", NULL};
    static const char *const generations[] = {"generation", "observedGeneration", NULL};
    struct fake_object *sorted[FAKE_OBJECTS_MAX];
    for (size_t i = 0; i < server->object_count; i++) sorted[i] = server->objects[i];
    qsort(sorted, server->object_count, sizeof *sorted, compare_objects);
    for (size_t i = 0; i < server->object_count; i++) {
        struct arena arena;
        arena_init(&arena, ARENA_BYTES);
        yyjson_mut_doc *doc = json_builder(&arena);
        yyjson_mut_val *value = yyjson_val_mut_copy(doc, parse(&arena, sorted[i]->text));
        bool is_child = sorted[i]->kind != FAKE_BOOSTER;
        strip(value, always);
        if (is_child && !has_generations) strip(value, generations);
        if (is_child) yyjson_mut_obj_remove_key(yyjson_mut_obj_get(value, "metadata"), "uid");
        json_write_canonical(out, json_freeze(&arena, value));
        strbuf_append_char(out, '\n');
        arena_release(&arena);
    }
}
