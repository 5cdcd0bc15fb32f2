#include "schema/managers.h"
#include "schema/typed_inner.h"

static yyjson_mut_val *managed_list(const yyjson_mut_val *object) {
    return yyjson_mut_obj_get(yyjson_mut_obj_get(json_mut_loose(object), "metadata"), "managedFields");
}

/* [] and [{}] : a client that wants to start anew. */
static bool is_reset(yyjson_mut_val *list) {
    if (!yyjson_mut_is_arr(list)) return false;
    yyjson_mut_val *first = yyjson_mut_arr_get_first(list);
    return !first || (yyjson_mut_arr_size(list) == 1 && yyjson_mut_is_obj(first) && yyjson_mut_obj_size(first) == 0);
}

/* What the request sent, where it may and makes sense; else what is stored. Clients that know nothing of it cannot delete it. */
static void start_from(const struct managed_request *request, struct arena *arena, const yyjson_mut_val *object, const yyjson_mut_val *live,
                       struct managers *out) {
    yyjson_mut_val *sent = managed_list(object);
    *out = (struct managers){.arena = arena};
    if (!request->subresource.len) {
        if (is_reset(sent)) return;
        if (managers_read(arena, sent, out) && out->count) {
            out->is_own = true;
            return;
        }
    }
    managers_read(arena, managed_list(live), out);
}

/* Takes from the others what the request changed or removed, and gives its manager what it changed or added. */
static bool give(const struct managed_request *request, struct managers *managers, const struct typed_changes *changes, struct str name) {
    struct arena *arena = managers->arena;
    struct field_set gone = managers_reset(request, arena, &changes->removed),
                     modified = managers_reset(request, arena, &changes->modified), added = managers_reset(request, arena, &changes->added);
    struct field_set taken = field_set_union(arena, &modified, &added), touched = field_set_union(arena, &taken, &gone);
    for (size_t i = 0; i < managers->count; i++) {
        struct manager *manager = &managers->items[i];
        if (field_set_intersects(&manager->set, &touched)) managers_set(manager, field_set_difference(arena, &manager->set, &touched));
    }
    managers_drop_empty(managers);
    struct field_set own = managers_strip(arena, &taken);
    if (field_set_is_empty(&own)) return !arena->exhausted;
    struct manager like = manager_of(request, name, false), *manager = managers_obtain(managers, &like);
    if (!manager) return false;
    managers_set(manager, field_set_union(arena, &own, &manager->set));
    manager->time = request->now;
    return !arena->exhausted;
}

bool managed_update(const struct managed_request *request, struct arena *arena, yyjson_mut_doc *doc, yyjson_mut_val *object,
                    const yyjson_mut_val *live) {
    struct managers managers;
    start_from(request, arena, object, live, &managers);
    /* Where tracking was given up, it starts again with the next apply only. */
    bool is_tracked = managers.count || !live;
    yyjson_mut_obj_remove_key(yyjson_mut_obj_get(object, "metadata"), "managedFields");
    if (is_tracked) {
        struct typed type = typed_root(request->schema);
        managers_reconcile(&managers, &type);
        struct typed_changes changes = typed_compare(&type, arena, live, object);
        if (!give(request, &managers, &changes, request->manager)) return false;
        managers_cap(&managers);
    }
    return managers_write(&managers, doc, object);
}
