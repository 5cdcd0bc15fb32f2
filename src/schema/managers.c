#include "schema/managers.h"

#include <stdlib.h>
#include <string.h>

#include "schema/typed_inner.h"

enum {
    /* As apimachinery's DefaultMaxUpdateManagers. */
    LIMIT_UPDATE_MANAGERS = 10,
};

static struct str text_at(const yyjson_mut_val *object, const char *key) {
    yyjson_mut_val *value = yyjson_mut_obj_get(json_mut_loose(object), key);
    return yyjson_mut_is_str(value) ? (struct str){yyjson_mut_get_str(value), yyjson_mut_get_len(value)} : STR_EMPTY;
}

static bool read_one(struct arena *arena, const yyjson_mut_val *entry, struct manager *out) {
    struct str operation = text_at(entry, "operation");
    *out = (struct manager){
        .name = text_at(entry, "manager"),
        .api_version = text_at(entry, "apiVersion"),
        .subresource = text_at(entry, "subresource"),
        .time = text_at(entry, "time"),
        .is_applied = str_is(operation, "Apply"),
        .fields_v1 = yyjson_mut_obj_get(json_mut_loose(entry), "fieldsV1"),
    };
    if (!out->is_applied && !str_is(operation, "Update")) return false;
    if (!out->api_version.len || !str_is(text_at(entry, "fieldsType"), "FieldsV1")) return false;
    bool is_whole;
    if (!field_set_read(arena, out->fields_v1, &out->set, &is_whole)) return false;
    if (!is_whole) out->fields_v1 = NULL;
    return true;
}

bool managers_read(struct arena *arena, const yyjson_mut_val *list, struct managers *out) {
    *out = (struct managers){.arena = arena};
    size_t index, max;
    yyjson_mut_val *entry;
    yyjson_mut_arr_foreach(json_mut_loose(list), index, max, entry) {
        struct manager manager;
        struct manager *place = read_one(arena, entry, &manager) ? managers_obtain(out, &manager) : NULL;
        if (!place) {
            *out = (struct managers){.arena = arena};
            return false;
        }
        *place = manager; /* a repeated one counts as it came last */
    }
    return true;
}

static bool is_like(const struct manager *a, const struct manager *b) {
    return a->is_applied == b->is_applied && str_equal(a->name, b->name) && str_equal(a->subresource, b->subresource) &&
           (a->is_applied || str_equal(a->api_version, b->api_version));
}

struct manager *managers_find(const struct managers *managers, const struct manager *like) {
    for (size_t i = 0; i < managers->count; i++) {
        if (is_like(&managers->items[i], like)) return &managers->items[i];
    }
    return NULL;
}

struct manager *managers_obtain(struct managers *managers, const struct manager *like) {
    struct manager *found = managers_find(managers, like);
    if (found) return found;
    if (managers->count == managers->capacity) {
        size_t capacity = managers->capacity ? managers->capacity * 2 : 8;
        struct manager *items = arena_array(managers->arena, capacity, sizeof *items);
        if (!items) return NULL;
        if (managers->count) memcpy(items, managers->items, managers->count * sizeof *items);
        managers->items = items;
        managers->capacity = capacity;
    }
    struct manager *made = &managers->items[managers->count++];
    *made = *like;
    managers_set(made, (struct field_set){0});
    return made;
}

void managers_set(struct manager *manager, struct field_set set) {
    manager->set = set;
    manager->fields_v1 = NULL;
}

void managers_drop_empty(struct managers *managers) {
    size_t kept = 0;
    for (size_t i = 0; i < managers->count; i++) {
        if (!field_set_is_empty(&managers->items[i].set)) managers->items[kept++] = managers->items[i];
    }
    managers->count = kept;
}

struct str manager_identifier(struct arena *arena, const struct manager *manager) {
    struct strbuf out = strbuf_with_max(LIMIT_BODY_BYTES);
    strbuf_append(&out, STR("{"));
    if (manager->name.len) {
        strbuf_append(&out, STR("\"manager\":"));
        json_write_text(&out, manager->name);
        strbuf_append_char(&out, ',');
    }
    strbuf_append(&out, manager->is_applied ? STR("\"operation\":\"Apply\"") : STR("\"operation\":\"Update\",\"apiVersion\":"));
    if (!manager->is_applied) json_write_text(&out, manager->api_version);
    if (manager->subresource.len) strbuf_append(&out, STR(",\"subresource\":"));
    if (manager->subresource.len) json_write_text(&out, manager->subresource);
    strbuf_append_char(&out, '}');
    return strbuf_take(&out, arena);
}

/* Times are in UTC and whole seconds, so that their texts sort as they do; none is the oldest. */
static int compare_for_cap(const void *left, const void *right) {
    const struct manager *a = left, *b = right;
    int order = str_compare(a->time, b->time);
    if (!order) order = str_compare(a->name, b->name);
    if (!order) order = str_compare(a->api_version, b->api_version);
    return order ? order : str_compare(a->subresource, b->subresource);
}

static int compare_for_writing(const void *left, const void *right) {
    const struct manager *a = left, *b = right;
    if (a->is_applied != b->is_applied) return a->is_applied ? -1 : 1;
    return compare_for_cap(a, b);
}

/* The oldest update of the bucket's version that is not the bucket's own; SIZE_MAX: none. `managers` are sorted. */
static size_t oldest_like(const struct managers *managers, struct str version, size_t before) {
    for (size_t i = 0; i < before; i++) {
        if (!managers->items[i].is_applied && str_equal(managers->items[i].api_version, version)) return i;
    }
    return SIZE_MAX;
}

static void merge_into(struct managers *managers, size_t from, size_t into) {
    struct manager *bucket = &managers->items[into], *old = &managers->items[from];
    managers_set(bucket, field_set_union(managers->arena, &old->set, &bucket->set));
    bucket->time = old->time; /* the newer of the two */
    managers_set(old, (struct field_set){0});
}

void managers_cap(struct managers *managers) {
    size_t updates = 0;
    for (size_t i = 0; i < managers->count; i++) updates += !managers->items[i].is_applied;
    if (updates <= LIMIT_UPDATE_MANAGERS) return;
    qsort(managers->items, managers->count, sizeof *managers->items, compare_for_cap);
    for (size_t i = 0; i < managers->count && updates > LIMIT_UPDATE_MANAGERS; i++) {
        struct manager *manager = &managers->items[i];
        size_t first = manager->is_applied ? SIZE_MAX : oldest_like(managers, manager->api_version, i);
        if (first == SIZE_MAX) continue;
        struct manager like = {.name = STR("ancient-changes"), .api_version = manager->api_version};
        struct manager *bucket = managers_find(managers, &like);
        if (!bucket) {
            bucket = &managers->items[first];
            bucket->name = like.name;
            bucket->subresource = STR_EMPTY;
        }
        if (bucket != manager) merge_into(managers, i, (size_t)(bucket - managers->items));
        updates--;
    }
    managers_drop_empty(managers);
}

static bool add_text(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *key, struct str text) {
    return text.len == 0 || yyjson_mut_obj_add_strncpy(doc, object, key, text.ptr, text.len);
}

static bool write_one(const struct managers *managers, yyjson_mut_doc *doc, const struct manager *manager, yyjson_mut_val *list) {
    yyjson_mut_val *entry = yyjson_mut_arr_add_obj(doc, list), *fields = json_mut_loose(manager->fields_v1);
    if (!fields)
        fields = field_set_write(managers->arena, doc, &manager->set);
    else if (!managers->is_own)
        fields = yyjson_mut_val_mut_copy(doc, fields);
    return entry && fields && add_text(doc, entry, "manager", manager->name) &&
           add_text(doc, entry, "operation", manager->is_applied ? STR("Apply") : STR("Update")) &&
           add_text(doc, entry, "apiVersion", manager->api_version) && add_text(doc, entry, "time", manager->time) &&
           add_text(doc, entry, "fieldsType", STR("FieldsV1")) && yyjson_mut_obj_add_val(doc, entry, "fieldsV1", fields) &&
           add_text(doc, entry, "subresource", manager->subresource);
}

bool managers_write(struct managers *managers, yyjson_mut_doc *doc, yyjson_mut_val *object) {
    yyjson_mut_val *metadata = yyjson_mut_obj_get(object, "metadata");
    yyjson_mut_obj_remove_key(metadata, "managedFields");
    if (!managers->count) return !managers->arena->exhausted;
    if (!metadata && !(metadata = yyjson_mut_obj_add_obj(doc, object, "metadata"))) return false;
    qsort(managers->items, managers->count, sizeof *managers->items, compare_for_writing);
    yyjson_mut_val *list = yyjson_mut_obj_add_arr(doc, metadata, "managedFields");
    for (size_t i = 0; list && i < managers->count; i++) {
        if (!write_one(managers, doc, &managers->items[i], list)) return false;
    }
    return list && !managers->arena->exhausted;
}

struct manager manager_of(const struct managed_request *request, struct str name, bool is_applied) {
    return (struct manager){.name = name.len ? name : STR("unknown"),
                            .api_version = request->api_version,
                            .subresource = request->subresource,
                            .is_applied = is_applied};
}

struct field_set managers_strip(struct arena *arena, const struct field_set *set) {
    static const char *const names[] = {"name",        "namespace",  "creationTimestamp", "selfLink",       "uid",
                                        "clusterName", "generation", "managedFields",     "resourceVersion"};
    struct field_set nobody = {0};
    field_set_add_name(arena, &nobody, "apiVersion", NULL);
    field_set_add_name(arena, &nobody, "kind", NULL);
    field_set_add_name(arena, &nobody, "metadata", NULL);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) field_set_add_name(arena, &nobody, "metadata", names[i]);
    return field_set_difference(arena, set, &nobody);
}

struct field_set managers_reset(const struct managed_request *request, struct arena *arena, const struct field_set *set) {
    struct field_set reset = {0};
    if (request->resets_status) field_set_add_name(arena, &reset, "status", NULL);
    if (request->resets_all_but_status) field_set_add_name(arena, &reset, "spec", NULL);
    return field_set_difference_below(arena, set, &reset);
}

void managers_reconcile(struct managers *managers, const struct typed *type) {
    for (size_t i = 0; i < managers->count; i++) {
        bool is_changed = false;
        struct field_set set = typed_reconcile(type, managers->arena, &managers->items[i].set, &is_changed);
        if (is_changed) managers_set(&managers->items[i], set);
    }
}
