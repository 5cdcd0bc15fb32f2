#include <stdlib.h>
#include <string.h>

#include "schema/managers.h"
#include "schema/typed_inner.h"

#define LAST_APPLIED "kubectl.kubernetes.io/last-applied-configuration"

enum {
    /* Conflicts listed in one answer; more would bury the reader. */
    LIMIT_CONFLICTS = 1000,
    /* As apimachinery's TotalAnnotationSizeLimitB: a last-applied annotation that makes them larger is dropped. */
    LIMIT_ANNOTATION_BYTES = 256 * 1024,
};

struct apply {
    const struct managed_request *request;
    struct arena *arena;
    yyjson_mut_doc *doc;
    struct typed type;
    struct managers managers;
};

static yyjson_mut_val *metadata_of(const yyjson_mut_val *object) {
    return yyjson_mut_obj_get(json_mut_loose(object), "metadata");
}

static struct str last_applied_of(const yyjson_mut_val *object) {
    yyjson_mut_val *text = yyjson_mut_obj_get(yyjson_mut_obj_get(metadata_of(object), "annotations"), LAST_APPLIED);
    return yyjson_mut_is_str(text) ? (struct str){yyjson_mut_get_str(text), yyjson_mut_get_len(text)} : STR_EMPTY;
}

/* An object whose fields nobody owns was there before the first apply: they belong to a manager of that name, so that they make
 * conflicts. */
static bool own_what_is_there(struct apply *apply, const yyjson_mut_val *live) {
    struct typed_changes all = typed_compare(&apply->type, apply->arena, NULL, live);
    struct field_set set = field_set_union(apply->arena, &all.added, &all.modified);
    set = managers_reset(apply->request, apply->arena, &set);
    set = managers_strip(apply->arena, &set);
    if (field_set_is_empty(&set)) return !apply->arena->exhausted;
    struct manager like = manager_of(apply->request, STR("before-first-apply"), false);
    struct manager *manager = managers_obtain(&apply->managers, &like);
    if (!manager) return false;
    managers_set(manager, set);
    manager->time = apply->request->now;
    return true;
}

/*
 * Takes out of the merged object what this manager applied last time (`last`), does not apply now, and nobody else owns. What others own,
 * or what was never this manager's, comes back even where a part of it went.
 */
static yyjson_mut_val *prune(struct apply *apply, yyjson_mut_val *merged, const struct field_set *last) {
    struct arena *arena = apply->arena;
    const struct typed *type = &apply->type;
    struct field_set named_last = typed_with_names(type, arena, last), managed = {0};
    yyjson_mut_val *pruned = typed_remove(type, arena, apply->doc, merged, &named_last);
    for (size_t i = 0; i < apply->managers.count; i++) managed = field_set_union(arena, &managed, &apply->managers.items[i].set);
    struct field_set all = typed_fields(type, arena, merged), left = typed_fields(type, arena, pruned);
    all = typed_with_names(type, arena, &all);
    left = typed_with_names(type, arena, &left);
    managed = typed_with_names(type, arena, &managed);
    struct field_set kept = field_set_union(arena, &left, &managed), gone = field_set_difference(arena, &all, &kept);
    pruned = typed_remove(type, arena, apply->doc, merged, &gone);
    left = typed_fields(type, arena, pruned);
    left = typed_with_names(type, arena, &left);
    gone = field_set_difference(arena, &all, &left);
    gone = field_set_intersection(arena, &gone, &named_last);
    return typed_remove(type, arena, apply->doc, merged, &gone);
}

/* What each other manager would lose to this one; its set stays untouched. */
struct contested {
    struct manager *manager;
    struct str identifier;
    struct field_set set;
};
struct contests {
    struct contested *items;
    size_t count;
};

static int compare_contested(const void *left, const void *right) {
    return str_compare(((const struct contested *)left)->identifier, ((const struct contested *)right)->identifier);
}

static struct contests find_contests(struct apply *apply, const struct manager *self, const struct field_set *taken) {
    struct managers *managers = &apply->managers;
    struct contests out = {.items = arena_array(apply->arena, managers->count + 1, sizeof *out.items)};
    for (size_t i = 0; out.items && i < managers->count; i++) {
        struct manager *manager = &managers->items[i];
        if (manager == self || !field_set_intersects(&manager->set, taken)) continue;
        out.items[out.count++] = (struct contested){manager, manager_identifier(apply->arena, manager),
                                                    field_set_intersection(apply->arena, &manager->set, taken)};
    }
    if (out.count) qsort(out.items, out.count, sizeof *out.items, compare_contested);
    return out;
}

/*
 * Fields that kubectl wrote by client-side apply and that still are as it wrote them: kubectl may take those over by server-side apply.
 */
static struct field_set taken_over(const struct apply *apply, const yyjson_mut_val *live) {
    struct field_set none = {0};
    struct str text = last_applied_of(live);
    yyjson_val *parsed = str_is(apply->request->manager, "kubectl") && text.len ? json_parse(apply->arena, text, NULL) : NULL;
    struct str version = json_text(json_get(parsed, "apiVersion"));
    if (!parsed || !str_equal(version, apply->request->api_version)) return none;
    yyjson_mut_val *applied = yyjson_val_mut_copy(apply->doc, parsed);
    struct field_set set = typed_fields(&apply->type, apply->arena, applied);
    struct typed_changes changes = typed_compare(&apply->type, apply->arena, applied, live);
    set = field_set_difference(apply->arena, &set, &changes.modified);
    set = field_set_difference(apply->arena, &set, &changes.added);
    return field_set_difference(apply->arena, &set, &changes.removed);
}

struct conflict_list {
    struct arena *arena;
    struct managed_conflict *items;
    size_t count, capacity;
    struct str manager;
};

static void add_conflict(struct str path, void *context) {
    struct conflict_list *list = context;
    if (list->count == LIMIT_CONFLICTS) return;
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? list->capacity * 2 : 8;
        struct managed_conflict *items = arena_array(list->arena, capacity, sizeof *items);
        if (!items) return;
        if (list->count) memcpy(items, list->items, list->count * sizeof *items);
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->count++] = (struct managed_conflict){list->manager, path};
}

/* As apimachinery prints a manager. */
static struct str manager_words(struct arena *arena, const struct manager *manager) {
    struct str words = field_error_quote(arena, manager->name);
    if (manager->subresource.len)
        words = arena_join(arena, words, STR(" with subresource "), field_error_quote(arena, manager->subresource));
    return manager->is_applied ? words : arena_join(arena, words, STR(" using "), manager->api_version);
}

static struct conflict_list list_conflicts(const struct apply *apply, const struct contests *contests, const struct field_set *allowed) {
    struct conflict_list list = {.arena = apply->arena};
    for (size_t i = 0; i < contests->count; i++) {
        struct field_set set = field_set_difference(apply->arena, &contests->items[i].set, allowed);
        list.manager = manager_words(apply->arena, contests->items[i].manager);
        field_set_each(apply->arena, &set, add_conflict, &list);
    }
    return list;
}

/* Others lose what was taken and what is gone; this manager keeps its own set. */
static void take(struct apply *apply, const struct manager *self, const struct field_set *taken, const struct field_set *gone) {
    struct field_set touched = field_set_union(apply->arena, taken, gone);
    for (size_t i = 0; i < apply->managers.count; i++) {
        struct manager *manager = &apply->managers.items[i];
        if (manager != self && field_set_intersects(&manager->set, &touched))
            managers_set(manager, field_set_difference(apply->arena, &manager->set, &touched));
    }
}

/* Keeps the annotation of client-side apply up to date for those who go back to it. */
static bool refresh_last_applied(const struct apply *apply, yyjson_mut_val *merged, const yyjson_mut_val *applied) {
    if (!str_is(apply->request->manager, "kubectl") || !last_applied_of(merged).len) return true;
    yyjson_mut_val *plain = yyjson_mut_val_mut_copy(apply->doc, json_mut_loose(applied));
    yyjson_mut_obj_remove_key(yyjson_mut_obj_get(metadata_of(plain), "annotations"), LAST_APPLIED);
    struct strbuf out = strbuf_with_max(LIMIT_BODY_BYTES);
    json_write_canonical(&out, json_freeze(apply->arena, plain));
    strbuf_append_char(&out, '\n');
    yyjson_mut_val *annotations = yyjson_mut_obj_get(metadata_of(merged), "annotations"), *key, *value;
    size_t index, max, total = out.len + sizeof LAST_APPLIED - 1;
    yyjson_mut_obj_foreach(annotations, index, max, key, value) {
        if (!yyjson_mut_equals_str(key, LAST_APPLIED)) total += yyjson_mut_get_len(key) + yyjson_mut_get_len(value);
    }
    bool is_good = !out.failed;
    if (total > LIMIT_ANNOTATION_BYTES)
        yyjson_mut_obj_remove_key(annotations, LAST_APPLIED);
    else if (is_good)
        is_good =
            yyjson_mut_obj_put(annotations, yyjson_mut_str(apply->doc, LAST_APPLIED), yyjson_mut_strncpy(apply->doc, out.ptr, out.len));
    strbuf_release(&out);
    return is_good;
}

static bool fits(const struct apply *apply, const yyjson_mut_val *applied, struct error *error) {
    if (!typed_is_null(yyjson_mut_obj_get(metadata_of(applied), "managedFields")))
        return error_set(error, ERROR_INVALID, "metadata.managedFields must be nil");
    struct str problem = typed_check(&apply->type, apply->arena, applied);
    if (!problem.len) return true;
    yyjson_mut_val *name = yyjson_mut_obj_get(metadata_of(applied), "name"), *space = yyjson_mut_obj_get(metadata_of(applied), "namespace"),
                   *kind = yyjson_mut_obj_get(json_mut_loose(applied), "kind");
    const char *kind_text = yyjson_mut_get_str(kind), *name_text = yyjson_mut_get_str(name), *space_text = yyjson_mut_get_str(space);
    return error_set(error, ERROR_INVALID, "failed to create typed patch object (%s/%s; %s%.*s, Kind=%s): %.*s",
                     space_text ? space_text : "", name_text ? name_text : "",
                     str_contains(apply->request->api_version, STR("/")) ? "" : "/", STR_ARG(apply->request->api_version),
                     kind_text ? kind_text : "", STR_ARG(problem));
}

static enum managed_outcome settle(struct apply *apply, const yyjson_mut_val *live, const yyjson_mut_val *applied, yyjson_mut_val *merged,
                                   struct manager *self, yyjson_mut_val **out) {
    bool is_same = typed_values_equal(apply->arena, live, merged);
    managers_set(self, managers_strip(apply->arena, &self->set));
    if (!is_same) self->time = apply->request->now;
    managers_drop_empty(&apply->managers);
    if (!refresh_last_applied(apply, merged, applied) || !managers_write(&apply->managers, apply->doc, merged)) return MANAGED_NO_MEMORY;
    *out = merged;
    return is_same ? MANAGED_UNCHANGED : MANAGED_APPLIED;
}

enum managed_outcome managed_apply(const struct managed_request *request, struct arena *arena, yyjson_mut_doc *doc,
                                   const yyjson_mut_val *live, const yyjson_mut_val *applied, yyjson_mut_val **out,
                                   const struct managed_conflict **out_conflicts, size_t *out_conflict_count, struct error *error) {
    struct apply apply = {request, arena, doc, typed_root(request->schema), {.arena = arena}};
    struct manager like = manager_of(request, request->manager, true);
    if (!fits(&apply, applied, error)) return MANAGED_INVALID;
    yyjson_mut_val *list = yyjson_mut_obj_get(metadata_of(live), "managedFields");
    if (!managers_read(arena, list, &apply.managers)) {
        error_set(error, ERROR_INVALID, "failed to decode managed fields");
        return arena->exhausted ? MANAGED_NO_MEMORY : MANAGED_INVALID;
    }
    if (live && !apply.managers.count && !own_what_is_there(&apply, live)) return MANAGED_NO_MEMORY;
    managers_reconcile(&apply.managers, &apply.type);

    yyjson_mut_val *merged = typed_merge(&apply.type, arena, doc, live, applied);
    struct manager *self = managers_obtain(&apply.managers, &like);
    if (!merged || !self) return MANAGED_NO_MEMORY;
    struct field_set last = self->set, now = typed_fields(&apply.type, arena, applied);
    managers_set(self, managers_reset(request, arena, &now));
    self->api_version = request->api_version;
    if (!field_set_is_empty(&last)) merged = prune(&apply, merged, &last);

    struct typed_changes changes = typed_compare(&apply.type, arena, live, merged);
    struct field_set taken = field_set_union(arena, &changes.modified, &changes.added);
    taken = managers_reset(request, arena, &taken);
    struct field_set gone = managers_reset(request, arena, &changes.removed);
    struct contests contests = find_contests(&apply, self, &taken);
    if (contests.count && !request->is_force) {
        struct field_set allowed = taken_over(&apply, live);
        struct conflict_list conflicts = list_conflicts(&apply, &contests, &allowed);
        *out_conflicts = conflicts.items;
        *out_conflict_count = conflicts.count;
        if (conflicts.count) return MANAGED_CONFLICT;
    }
    take(&apply, self, &taken, &gone);
    return arena->exhausted ? MANAGED_NO_MEMORY : settle(&apply, live, applied, merged, self, out);
}
