#include <stdlib.h>
#include <string.h>

#include "data/key_set.h"
#include "schema/field_set.h"
#include "schema/go_text.h"
#include "schema/strategic_inner.h"

/* What an item is known by: the value of its merge key, or the item itself; equal text, equal item. NULL ptr: it has none. */
static struct str identity_of(struct strategic *merge, yyjson_mut_val *item, struct str merge_key) {
    yyjson_mut_val *value = merge_key.len ? yyjson_mut_obj_getn(item, merge_key.ptr, merge_key.len) : item;
    if (!value) return (struct str){NULL, 0};
    struct str text = go_text(merge->arena, value);
    return arena_join(merge->arena, yyjson_mut_is_str(value) ? STR("s") : STR("v"), text, STR_EMPTY);
}

/* Where in a list items are found, the first of equal ones. */
struct places {
    struct key_set set;
};

static bool places_start(struct strategic *merge, struct places *places, size_t count) {
    *places = (struct places){0};
    return key_set_start(&places->set, merge->arena, count + 1) || error_set(merge->error, ERROR_MEMORY, "memory is out");
}

static bool places_fill(struct strategic *merge, struct places *places, yyjson_mut_val *list, struct str merge_key) {
    size_t index, max;
    yyjson_mut_val *item;
    bool is_new;
    if (!places_start(merge, places, yyjson_mut_arr_size(list))) return false;
    yyjson_mut_arr_foreach(list, index, max, item) {
        struct str identity = identity_of(merge, item, merge_key);
        if (identity.ptr) key_set_add(&places->set, identity, index, &is_new);
    }
    return true;
}

static size_t place_of(const struct places *places, struct str identity) {
    struct key_slot *slot = identity.ptr ? key_set_find(&places->set, identity) : NULL;
    return slot ? slot->item : SIZE_MAX;
}

static bool items_are_of_one_type(struct strategic *merge, yyjson_mut_val *target, yyjson_mut_val *patch, bool *out_are_maps) {
    const char *type = NULL;
    for (int round = 0; round < 2; round++) {
        size_t index, max;
        yyjson_mut_val *item;
        yyjson_mut_arr_foreach(round ? patch : target, index, max, item) {
            if (!type && yyjson_mut_is_arr(item)) return error_set(merge->error, ERROR_UNSUPPORTED, "lists of lists are not supported");
            if (type && strcmp(type, go_type_name(item)) != 0)
                return error_set(merge->error, ERROR_INVALID, "list element types are not identical: [%.*s %.*s]",
                                 STR_ARG(go_text(merge->arena, target)), STR_ARG(go_text(merge->arena, patch)));
            type = go_type_name(item);
            *out_are_maps = yyjson_mut_is_obj(item);
        }
    }
    return type || error_set(merge->error, ERROR_INVALID, "no elements in any of the given slices");
}

/* The list with only these items, which are its own. */
static yyjson_mut_val *refill(yyjson_mut_val *list, yyjson_mut_val *const *items, size_t count) {
    yyjson_mut_arr_clear(list);
    for (size_t i = 0; i < count; i++) yyjson_mut_arr_append(list, items[i]);
    return list;
}

static yyjson_mut_val **items_room(struct strategic *merge, const yyjson_mut_val *list) {
    yyjson_mut_val **items = arena_array(merge->arena, yyjson_mut_arr_size(json_mut_loose(list)) + 1, sizeof *items);
    if (!items) error_set(merge->error, ERROR_MEMORY, "memory is out");
    return items;
}

/* Without the items that `gone` knows. */
static yyjson_mut_val *drop_known(struct strategic *merge, yyjson_mut_val *list, const struct places *gone, struct str merge_key) {
    size_t index, max, count = 0;
    yyjson_mut_val *item, **items = items_room(merge, list);
    if (!items) return NULL;
    yyjson_mut_arr_foreach(list, index, max, item) {
        if (place_of(gone, identity_of(merge, item, merge_key)) == SIZE_MAX) items[count++] = item;
    }
    return refill(list, items, count);
}

static yyjson_mut_val *without(struct strategic *merge, yyjson_mut_val *list, yyjson_mut_val *gone) {
    struct places places;
    return places_fill(merge, &places, gone, STR_EMPTY) ? drop_known(merge, list, &places, STR_EMPTY) : NULL;
}

bool strategic_drop_directives(struct strategic *merge, yyjson_mut_val *list,
                               bool (*stays)(struct strategic *merge, yyjson_mut_val *item)) {
    size_t index, max, count = 0;
    yyjson_mut_val *item, **items = items_room(merge, list);
    if (!items) return false;
    yyjson_mut_arr_foreach(list, index, max, item) {
        if (stays(merge, item)) items[count++] = item;
    }
    refill(list, items, count);
    return true;
}

static bool append_copy(struct strategic *merge, yyjson_mut_val *list, yyjson_mut_val *item) {
    return yyjson_mut_arr_append(list, yyjson_mut_val_mut_copy(merge->doc, item)) || error_set(merge->error, ERROR_MEMORY, "memory is out");
}

/* Every scalar of both, once. */
static yyjson_mut_val *join_scalars(struct strategic *merge, yyjson_mut_val *target, yyjson_mut_val *patch) {
    yyjson_mut_val *out = yyjson_mut_arr(merge->doc), *item;
    struct places seen;
    size_t index, max;
    bool is_new;
    if (!places_start(merge, &seen, yyjson_mut_arr_size(target) + yyjson_mut_arr_size(patch))) return NULL;
    for (int round = 0; round < 2; round++) {
        yyjson_mut_arr_foreach(round ? patch : target, index, max, item) {
            key_set_add(&seen.set, identity_of(merge, item, STR_EMPTY), index, &is_new);
            if (is_new && !append_copy(merge, out, item)) return NULL;
        }
    }
    return out;
}

/* What an item of a patch says to do; false: nothing sensible. */
static bool follow_item(struct strategic *merge, yyjson_mut_val *item, struct str merge_key, struct places *gone, bool *out_replaces) {
    yyjson_mut_val *directive = yyjson_mut_obj_get(item, "$patch");
    struct str identity = identity_of(merge, item, merge_key);
    bool is_new;
    if (yyjson_mut_equals_str(directive, "replace")) {
        *out_replaces = true;
        return true;
    }
    if (yyjson_mut_equals_str(directive, "delete")) {
        if (!identity.ptr) return strategic_no_key(merge, item, merge_key);
        key_set_add(&gone->set, identity, 0, &is_new);
        return true;
    }
    if (yyjson_mut_equals_str(directive, "merge"))
        return error_set(merge->error, ERROR_INVALID, "merging lists cannot yet be specified in the patch");
    return error_set(merge->error, ERROR_INVALID, "unknown patch type: %.*s in map: %.*s", STR_ARG(go_text(merge->arena, directive)),
                     STR_ARG(go_text(merge->arena, item)));
}

/* Items of a patch that say what to do rather than what to be: {"$patch": "delete", key} and {"$patch": "replace"}. Takes them out. */
static bool follow_items(struct strategic *merge, yyjson_mut_val *target, yyjson_mut_val *patch, struct str merge_key, bool *out_replaces) {
    struct places gone;
    size_t index, max, count = 0;
    yyjson_mut_val *item, **items = items_room(merge, patch);
    if (!items || !places_start(merge, &gone, yyjson_mut_arr_size(patch))) return false;
    yyjson_mut_arr_foreach(patch, index, max, item) {
        if (!strategic_is_directive(item))
            items[count++] = item;
        else if (!follow_item(merge, item, merge_key, &gone, out_replaces))
            return false;
    }
    bool has_directives = count < yyjson_mut_arr_size(patch);
    refill(patch, items, count);
    return !has_directives || drop_known(merge, target, &gone, merge_key);
}

static yyjson_mut_val *join_maps(struct strategic *merge, yyjson_mut_val *target, yyjson_mut_val *patch, const struct patch_plan *plan) {
    size_t index, max, count = yyjson_mut_arr_size(target) + yyjson_mut_arr_size(patch), at = 0;
    yyjson_mut_val *item, **found = arena_array(merge->arena, count + 1, sizeof(yyjson_mut_val *));
    struct places places;
    bool is_new;
    if (!found || !places_start(merge, &places, count)) return NULL;
    yyjson_mut_arr_foreach(target, index, max, item) {
        struct str identity = identity_of(merge, item, plan->merge_key);
        if (identity.ptr) key_set_add(&places.set, identity, at, &is_new);
        found[at++] = item;
    }
    yyjson_mut_arr_foreach(patch, index, max, item) {
        struct str identity = identity_of(merge, item, plan->merge_key);
        if (!identity.ptr) {
            strategic_no_key(merge, item, plan->merge_key);
            return NULL;
        }
        struct key_slot *slot = key_set_add(&places.set, identity, at, &is_new);
        if (is_new)
            found[at++] = item;
        else if (!(found[slot->item] = strategic_merge_map(merge, found[slot->item], item, plan->schema)))
            return NULL;
    }
    yyjson_mut_val *out = yyjson_mut_arr(merge->doc);
    for (size_t i = 0; i < at; i++) {
        if (!append_copy(merge, out, found[i])) return NULL;
    }
    return out;
}

yyjson_mut_val *strategic_merge_list(struct strategic *merge, yyjson_mut_val *target, yyjson_mut_val *patch, const struct patch_plan *plan,
                                     bool is_deletion) {
    bool are_maps = false, replaces = false;
    if (yyjson_mut_arr_size(target) == 0 && yyjson_mut_arr_size(patch) == 0) return target;
    if (!items_are_of_one_type(merge, target, patch, &are_maps)) return NULL;
    if (!are_maps && is_deletion) return without(merge, target, patch);
    if (!are_maps) {
        yyjson_mut_val *joined = join_scalars(merge, target, patch);
        return joined ? strategic_order(merge, joined, patch, target, STR_EMPTY) : NULL;
    }
    if (!plan->merge_key.len) {
        error_set(merge->error, ERROR_INVALID, "cannot merge lists without merge key for struct");
        return NULL;
    }
    if (!follow_items(merge, target, patch, plan->merge_key, &replaces)) return NULL;
    if (replaces) return strategic_order(merge, patch, NULL, patch, plan->merge_key);
    yyjson_mut_val *joined = join_maps(merge, target, patch, plan);
    return joined ? strategic_order(merge, joined, patch, target, plan->merge_key) : NULL;
}

struct ordered {
    yyjson_mut_val *value;
    size_t wanted, had, index; /* places in the order asked for, in the target's, in the list; SIZE_MAX: none */
};

static int compare_wanted(const void *left, const void *right) {
    const struct ordered *a = left, *b = right;
    /* Those asked for first; the others as the target has them. */
    size_t one = a->wanted != SIZE_MAX ? a->wanted : a->had, other = b->wanted != SIZE_MAX ? b->wanted : b->had;
    bool is_asked = a->wanted != SIZE_MAX, is_other_asked = b->wanted != SIZE_MAX;
    if (is_asked != is_other_asked) return is_asked ? -1 : 1;
    if (one != other) return one < other ? -1 : 1;
    return (a->index > b->index) - (a->index < b->index);
}

/* Those of the target alone keep their places among those asked for: each stands before the first that the target has after it. */
static yyjson_mut_val *interleave(struct strategic *merge, const struct ordered *asked, size_t asked_count, const struct ordered *others,
                                  size_t other_count) {
    yyjson_mut_val *out = yyjson_mut_arr(merge->doc);
    for (size_t i = 0, j = 0; i < other_count || j < asked_count;) {
        bool is_before =
            j == asked_count || (i < other_count && others[i].had != SIZE_MAX && asked[j].had != SIZE_MAX && others[i].had < asked[j].had);
        if (!append_copy(merge, out, is_before ? others[i++].value : asked[j++].value)) return NULL;
    }
    return out;
}

yyjson_mut_val *strategic_order(struct strategic *merge, yyjson_mut_val *list, yyjson_mut_val *order, yyjson_mut_val *target,
                                struct str merge_key) {
    size_t index, max, count = yyjson_mut_arr_size(list), asked = 0;
    struct ordered *items = arena_array(merge->arena, count + 1, sizeof *items);
    struct places wanted, had;
    yyjson_mut_val *item;
    if (!items || !places_fill(merge, &wanted, order, merge_key) || !places_fill(merge, &had, target, merge_key)) return NULL;
    yyjson_mut_arr_foreach(order, index, max, item) {
        if (merge_key.len && !identity_of(merge, item, merge_key).ptr && !strategic_no_key(merge, item, merge_key)) return NULL;
    }
    yyjson_mut_arr_foreach(list, index, max, item) {
        struct str identity = identity_of(merge, item, merge_key);
        if (!identity.ptr) {
            strategic_no_key(merge, item, merge_key);
            return NULL;
        }
        items[index] = (struct ordered){item, place_of(&wanted, identity), place_of(&had, identity), index};
        asked += items[index].wanted != SIZE_MAX;
    }
    qsort(items, count, sizeof *items, compare_wanted);
    return interleave(merge, items, asked, items + asked, count - asked);
}

bool strategic_check_order(struct strategic *merge, yyjson_mut_val *patch, yyjson_mut_val *order, struct str merge_key) {
    yyjson_mut_arr_iter items = yyjson_mut_arr_iter_with(patch), places = yyjson_mut_arr_iter_with(order);
    if (yyjson_mut_arr_size(patch) == 0 || yyjson_mut_arr_size(order) == 0) return true;
    yyjson_mut_val *item = yyjson_mut_arr_iter_next(&items), *place = yyjson_mut_arr_iter_next(&places);
    while (item && (place || strategic_is_deletion(item))) {
        if (strategic_is_directive(item)) {
            item = yyjson_mut_arr_iter_next(&items);
            continue;
        }
        struct str identity = identity_of(merge, item, merge_key), asked = identity_of(merge, place, merge_key);
        if (!identity.ptr) return strategic_no_key(merge, item, merge_key);
        if (!asked.ptr) return strategic_no_key(merge, place, merge_key);
        if (str_equal(identity, asked)) item = yyjson_mut_arr_iter_next(&items);
        place = yyjson_mut_arr_iter_next(&places);
    }
    return !item || error_set(merge->error, ERROR_INVALID, "The order in patch list:\n%.*s\n doesn't match $setElementOrder list:\n%.*s\n",
                              STR_ARG(go_text(merge->arena, patch)), STR_ARG(go_text(merge->arena, order)));
}
