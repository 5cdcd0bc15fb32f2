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

void definitions_on_write(struct apiserver *server, const struct write *write) {
    if (write->collection != server->definitions) return;
    struct error error;
    if (write->change != STORAGE_DELETED) {
        define(server, write->body, &error); /* it was validated: only memory can be out, and then the kind stays as it was */
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
