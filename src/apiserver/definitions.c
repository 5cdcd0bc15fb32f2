#include "apiserver/definitions.h"

#include "apiserver/bootstrap.h"
#include "apiserver/hub.h"

enum { DEFINITION_ARENA_BYTES = 64 * 1024 * 1024 };

static bool define(struct apiserver *server, struct blob *body, struct error *error) {
    struct arena arena;
    arena_init(&arena, DEFINITION_ARENA_BYTES);
    yyjson_val *object = json_parse(&arena, blob_view(body), error);
    bool is_defined = object && registry_define(server->registry, object, error);
    arena_release(&arena);
    return is_defined;
}

bool definitions_load(struct apiserver *server, struct error *error) {
    for (struct object *object = collection_from(server->definitions, STR_EMPTY, STR_EMPTY); object; object = collection_next(object)) {
        struct blob *body = objects_body(server->objects, object->revision, error);
        bool is_defined = body && define(server, body, error);
        blob_drop(body);
        if (!is_defined) return false;
    }
    return bootstrap_make(server, error);
}

/* Whether an update says something else about the kind; when it cannot be told, it does. */
static bool changes_spec(struct apiserver *server, const struct write *write) {
    struct arena arena;
    struct error error;
    arena_init(&arena, DEFINITION_ARENA_BYTES);
    struct blob *before = write->previous ? objects_body(server->objects, write->previous, &error) : NULL;
    yyjson_val *old = before ? json_get(json_parse(&arena, blob_view(before), &error), "spec") : NULL;
    yyjson_val *new = json_get(json_parse(&arena, blob_view(write->body), &error), "spec");
    bool is_same = old && new &&yyjson_equals(old, new);
    blob_drop(before);
    arena_release(&arena);
    return !is_same;
}

void definitions_on_write(struct apiserver *server, const struct write *write) {
    if (write->collection != server->definitions) return;
    struct error error;
    if (write->change != STORAGE_DELETED) {
        define(server, write->body, &error); /* it was validated: only memory can be out, and then the kind stays as it was */
        /* A watch shows objects as its kind was when it began; begun anew it goes on from its last event. */
        size_t dot = str_find(write->name, STR("."));
        const struct kind *kind =
            dot == SIZE_MAX ? NULL : registry_find(server->registry, str_from(write->name, dot + 1), str_first(write->name, dot));
        struct collection *instances = kind ? objects_collection(server->objects, kind->storage_key) : NULL;
        if (instances && write->change == STORAGE_UPDATED && changes_spec(server, write)) hub_end_collection(server->hub, instances);
        return;
    }
    size_t dot = str_find(write->name, STR("."));
    if (dot == SIZE_MAX) return;
    struct str plural = str_first(write->name, dot), group = str_from(write->name, dot + 1);
    const struct kind *kind = registry_find(server->registry, group, plural);
    if (!kind || kind->builtin) return;
    struct collection *collection = objects_collection(server->objects, kind->storage_key);
    registry_undefine(server->registry, group, plural);
    if (collection) hub_end_collection(server->hub, collection);
}
