#include "data/patch.h"

#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "data/key_set.h"

/* JSON merge patch */

/* The members of one object by key; small ones are searched in place. */
struct index {
    yyjson_val *object;
    bool is_hashed;
    struct key_set keys;
};

enum { HASHED_FROM = 16 };

static bool index_members(struct index *members, struct arena *arena, yyjson_val *object) {
    *members = (struct index){.object = object, .is_hashed = yyjson_obj_size(object) >= HASHED_FROM};
    if (!members->is_hashed) return true;
    if (!key_set_start(&members->keys, arena, yyjson_obj_size(object))) return false;
    size_t index, max;
    yyjson_val *key, *value;
    bool is_new;
    yyjson_obj_foreach(object, index, max, key, value) key_set_add(&members->keys, json_text(key), (size_t)(key - object), &is_new);
    return true;
}

static yyjson_val *find_member(struct index *members, yyjson_val *key) {
    if (!members->is_hashed) return json_get_str(members->object, json_text(key));
    struct key_slot *slot = key_set_find(&members->keys, json_text(key));
    return slot ? yyjson_obj_iter_get_val(members->object + slot->item) : NULL;
}

static yyjson_mut_val *merge(struct arena *arena, yyjson_mut_doc *doc, yyjson_val *target, yyjson_val *patch, int depth) {
    if (depth > LIMIT_DOCUMENT_DEPTH) return NULL;
    if (!yyjson_is_obj(patch)) return yyjson_val_mut_copy(doc, patch);
    /* yyjson's loops want an object. */
    yyjson_val no_members = {.tag = YYJSON_TYPE_OBJ};
    if (!yyjson_is_obj(target)) target = &no_members;
    struct index in_target, in_patch;
    yyjson_mut_val *merged = yyjson_mut_obj(doc);
    if (!merged || !index_members(&in_target, arena, target) || !index_members(&in_patch, arena, patch)) return NULL;
    size_t index, max;
    yyjson_val *key, *value;
    /* Members keep their place, changed or not; new ones follow in the patch's order. */
    yyjson_obj_foreach(target, index, max, key, value) {
        yyjson_val *change = find_member(&in_patch, key);
        if (yyjson_is_null(change)) continue;
        yyjson_mut_val *member = change ? merge(arena, doc, value, change, depth + 1) : yyjson_val_mut_copy(doc, value);
        if (!yyjson_mut_obj_add(merged, yyjson_val_mut_copy(doc, key), member)) return NULL;
    }
    yyjson_obj_foreach(patch, index, max, key, value) {
        if (yyjson_is_null(value) || find_member(&in_target, key)) continue;
        if (!yyjson_mut_obj_add(merged, yyjson_val_mut_copy(doc, key), merge(arena, doc, NULL, value, depth + 1))) return NULL;
    }
    return merged;
}

yyjson_mut_val *patch_merge(struct arena *arena, yyjson_mut_doc *doc, const yyjson_val *target, const yyjson_val *patch) {
    return doc ? merge(arena, doc, json_loose(target), json_loose(patch), 0) : NULL;
}

/* JSON Patch */

struct work {
    struct arena *arena;
    yyjson_mut_doc *doc;
    yyjson_mut_val *root;
    struct error *error;
};

/* A pointer that was followed to the last but one step. */
struct spot {
    yyjson_mut_val *parent; /* NULL: the pointer is "", the whole document */
    struct str token;       /* the last step, unescaped */
    size_t index;           /* in a list */
    size_t depth;           /* steps from the root */
};

static bool not_found(struct work *work, struct str pointer) {
    return error_set(work->error, ERROR_NOT_FOUND, "%s is not there", QUOTE(pointer));
}

/* The token between slashes with ~1 and ~0 put back; false for another use of ~. */
static bool unescape(struct work *work, struct str raw, struct str *out) {
    if (!str_contains(raw, STR("~"))) return *out = raw, true;
    char *text = arena_alloc(work->arena, raw.len + 1);
    if (!text) return error_set(work->error, ERROR_MEMORY, "out of memory while patching");
    size_t len = 0;
    for (size_t i = 0; i < raw.len; i++) {
        char c = raw.ptr[i];
        if (c == '~') {
            if (++i == raw.len || (raw.ptr[i] != '0' && raw.ptr[i] != '1')) {
                return error_set(work->error, ERROR_INVALID, "in a pointer, ~ is written ~0 and / is written ~1: %s", QUOTE(raw));
            }
            c = raw.ptr[i] == '0' ? '~' : '/';
        }
        text[len++] = c;
    }
    *out = (struct str){text, len};
    return true;
}

/* 0 to count-1, or up to count (also as "-") for a new item. */
static bool list_index(struct str token, size_t count, bool may_append, size_t *out) {
    if (may_append && str_is(token, "-")) return *out = count, true;
    int64_t index;
    bool is_canonical = token.len > 0 && token.ptr[0] >= '0' && token.ptr[0] <= '9' && (token.len == 1 || token.ptr[0] != '0');
    if (!is_canonical || !number_parse_int64(token, &index)) return false;
    if ((uint64_t)index >= count + may_append) return false;
    return *out = (size_t)index, true;
}

static yyjson_mut_val *child(yyjson_mut_val *parent, struct str token) {
    size_t index;
    if (yyjson_mut_is_obj(parent)) return yyjson_mut_obj_getn(parent, token.ptr, token.len);
    if (yyjson_mut_is_arr(parent) && list_index(token, yyjson_mut_arr_size(parent), false, &index))
        return yyjson_mut_arr_get(parent, index);
    return NULL;
}

/* Follows the pointer; what it ends at need not exist when `is_new`. */
static bool locate(struct work *work, struct str pointer, bool is_new, struct spot *out) {
    *out = (struct spot){0};
    if (pointer.len == 0) return true;
    if (pointer.ptr[0] != '/') return error_set(work->error, ERROR_INVALID, "pointer %s does not start with /", QUOTE(pointer));
    yyjson_mut_val *at = work->root;
    struct str rest = str_from(pointer, 1);
    for (;;) {
        size_t slash = str_find(rest, STR("/"));
        if (!unescape(work, str_first(rest, slash), &out->token)) return false;
        out->depth++;
        out->parent = at;
        if (slash == SIZE_MAX) break;
        at = child(at, out->token);
        if (!at) return not_found(work, pointer);
        rest = str_from(rest, slash + 1);
    }
    if (yyjson_mut_is_arr(at)) return list_index(out->token, yyjson_mut_arr_size(at), is_new, &out->index) || not_found(work, pointer);
    if (!yyjson_mut_is_obj(at)) return not_found(work, pointer);
    return is_new || child(at, out->token) || not_found(work, pointer);
}

static yyjson_mut_val *value_at(struct work *work, const struct spot *spot) {
    return spot->parent ? child(spot->parent, spot->token) : work->root;
}

static void detach(const struct spot *spot) {
    if (yyjson_mut_is_arr(spot->parent))
        yyjson_mut_arr_remove(spot->parent, spot->index);
    else
        yyjson_mut_obj_remove_keyn(spot->parent, spot->token.ptr, spot->token.len);
}

static size_t depth_of(yyjson_mut_val *value) {
    size_t deepest = 0, index, max;
    yyjson_mut_val *key, *item;
    if (yyjson_mut_is_arr(value)) {
        yyjson_mut_arr_foreach(value, index, max, item) {
            size_t depth = depth_of(item);
            if (depth > deepest) deepest = depth;
        }
    } else if (yyjson_mut_is_obj(value)) {
        yyjson_mut_obj_foreach(value, index, max, key, item) {
            size_t depth = depth_of(item);
            if (depth > deepest) deepest = depth;
        }
    } else {
        return 0;
    }
    return deepest + 1;
}

static bool add_at(struct work *work, const struct spot *spot, yyjson_mut_val *value) {
    if (!value) return error_set(work->error, ERROR_MEMORY, "out of memory while patching");
    if (spot->depth + depth_of(value) > LIMIT_DOCUMENT_DEPTH) {
        return error_set(work->error, ERROR_LIMIT, "the result is nested deeper than %d levels", LIMIT_DOCUMENT_DEPTH);
    }
    if (!spot->parent) return work->root = value, true;
    if (yyjson_mut_is_arr(spot->parent)) return yyjson_mut_arr_insert(spot->parent, value, spot->index);
    yyjson_mut_val *key = yyjson_mut_strncpy(work->doc, spot->token.ptr, spot->token.len);
    if (!key) return error_set(work->error, ERROR_MEMORY, "out of memory while patching");
    if (child(spot->parent, spot->token)) return yyjson_mut_obj_replace(spot->parent, key, value);
    return yyjson_mut_obj_add(spot->parent, key, value);
}

static bool do_add(struct work *work, struct str path, yyjson_mut_val *value) {
    struct spot spot;
    return locate(work, path, true, &spot) && add_at(work, &spot, value);
}

static bool do_remove(struct work *work, struct str path) {
    struct spot spot;
    if (!locate(work, path, false, &spot)) return false;
    if (!spot.parent) return error_set(work->error, ERROR_INVALID, "the whole document cannot be removed; replace it");
    detach(&spot);
    return true;
}

static bool do_replace(struct work *work, struct str path, yyjson_mut_val *value) {
    struct spot spot;
    if (!locate(work, path, false, &spot)) return false;
    if (yyjson_mut_is_arr(spot.parent)) detach(&spot);
    return add_at(work, &spot, value);
}

static bool do_test(struct work *work, struct str path, const yyjson_val *expected) {
    struct spot spot;
    if (!locate(work, path, false, &spot)) return false;
    yyjson_val *found = json_freeze(work->arena, value_at(work, &spot));
    if (!found) return error_set(work->error, ERROR_MEMORY, "out of memory while patching");
    return json_equal(found, expected) || error_set(work->error, ERROR_NOT_FOUND, "the value at %s is not the one tested for", QUOTE(path));
}

static bool do_copy(struct work *work, struct str from, struct str path) {
    struct spot source;
    return locate(work, from, false, &source) && do_add(work, path, yyjson_mut_val_mut_copy(work->doc, value_at(work, &source)));
}

static bool do_move(struct work *work, struct str from, struct str path) {
    struct spot source;
    if (!locate(work, from, false, &source)) return false;
    if (str_equal(from, path)) return true;
    bool is_inside = path.len > from.len && str_starts_with(path, from) && path.ptr[from.len] == '/';
    if (is_inside) return error_set(work->error, ERROR_INVALID, "%s cannot be moved into itself", QUOTE(from));
    yyjson_mut_val *value = value_at(work, &source);
    detach(&source);
    return do_add(work, path, value);
}

static bool apply(struct work *work, yyjson_val *operation) {
    struct str name = json_text(json_get(operation, "op")), path = json_text(json_get(operation, "path"));
    yyjson_val *value = json_get(operation, "value"), *from = json_get(operation, "from");
    if (!yyjson_is_str(json_get(operation, "path"))) return error_set(work->error, ERROR_INVALID, "the operation has no path");
    bool is_move = str_is(name, "move"), is_copy = str_is(name, "copy");
    if (is_move || is_copy) {
        if (!yyjson_is_str(from)) return error_set(work->error, ERROR_INVALID, "%s needs a from", QUOTE(name));
        return is_move ? do_move(work, json_text(from), path) : do_copy(work, json_text(from), path);
    }
    if (str_is(name, "remove")) return do_remove(work, path);
    bool is_add = str_is(name, "add"), is_replace = str_is(name, "replace");
    if (!is_add && !is_replace && !str_is(name, "test")) {
        return error_set(work->error, ERROR_INVALID, "%s is not an operation; write add, remove, replace, move, copy or test", QUOTE(name));
    }
    if (!value) return error_set(work->error, ERROR_INVALID, "%s needs a value", QUOTE(name));
    if (is_add) return do_add(work, path, yyjson_val_mut_copy(work->doc, value));
    if (is_replace) return do_replace(work, path, yyjson_val_mut_copy(work->doc, value));
    return do_test(work, path, value);
}

yyjson_mut_val *patch_json(struct arena *arena, yyjson_mut_doc *doc, const yyjson_val *target, const yyjson_val *operations,
                           struct error *error) {
    struct work work = {arena, doc, doc ? yyjson_val_mut_copy(doc, json_loose(target)) : NULL, error};
    if (!yyjson_is_arr(json_loose(operations))) {
        error_set(error, ERROR_INVALID, "a JSON Patch is a list of operations");
        return NULL;
    }
    if (yyjson_arr_size(json_loose(operations)) > LIMIT_PATCH_OPERATIONS) {
        error_set(error, ERROR_LIMIT, "more than %d operations in one patch; send several", LIMIT_PATCH_OPERATIONS);
        return NULL;
    }
    if (!work.root) {
        error_set(error, ERROR_MEMORY, "out of memory while patching");
        return NULL;
    }
    size_t index, max;
    yyjson_val *operation;
    yyjson_arr_foreach(json_loose(operations), index, max, operation) {
        if (apply(&work, operation)) continue;
        if (error) snprintf(error->path, sizeof error->path, "[%zu]", index);
        return NULL;
    }
    return work.root;
}
