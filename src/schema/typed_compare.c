#include "schema/typed_inner.h"

#include <string.h>

enum {
    /* Levels at which a whole subtree is compared before it is walked: more would walk a deep one too often. */
    LIMIT_QUICK_LEVELS = 8,
};

/* A walk in parallel through what was and what is; both sides' members are met in order, so that the sets grow sorted. */
enum change { REMOVED, MODIFIED, ADDED, CHANGE_COUNT };
struct changes {
    bool is_member[CHANGE_COUNT]; /* the place itself */
    struct field_set below[CHANGE_COUNT];
};
struct walk {
    struct arena *arena;
    yyjson_mut_val *empty, *null; /* what stands for a struct and a list that are always there */
    int depth;
};

static void compare(struct walk *walk, const struct typed *type, yyjson_mut_val *before, yyjson_mut_val *after, struct changes *out);

/* Most of an update is as it was, in the order it was: that is seen without memory. False: look closer. */
static bool is_same(yyjson_mut_val *before, yyjson_mut_val *after) {
    if (before->tag != after->tag) return false; /* type and length */
    if (yyjson_mut_is_str(before)) return memcmp(before->uni.str, after->uni.str, yyjson_mut_get_len(before)) == 0;
    if (!yyjson_mut_is_ctn(before)) return !yyjson_mut_is_num(before) || before->uni.u64 == after->uni.u64;
    if (yyjson_mut_is_obj(before)) {
        yyjson_mut_obj_iter left = yyjson_mut_obj_iter_with(before), right = yyjson_mut_obj_iter_with(after);
        for (yyjson_mut_val *key, *other; (key = yyjson_mut_obj_iter_next(&left)) && (other = yyjson_mut_obj_iter_next(&right));) {
            if (!is_same(key, other) || !is_same(yyjson_mut_obj_iter_get_val(key), yyjson_mut_obj_iter_get_val(other))) return false;
        }
        return true;
    }
    yyjson_mut_arr_iter left = yyjson_mut_arr_iter_with(before), right = yyjson_mut_arr_iter_with(after);
    for (yyjson_mut_val *item, *other; (item = yyjson_mut_arr_iter_next(&left)) && (other = yyjson_mut_arr_iter_next(&right));) {
        if (!is_same(item, other)) return false;
    }
    return true;
}

static void mark_presence(yyjson_mut_val *before, yyjson_mut_val *after, struct changes *out) {
    if (!before)
        out->is_member[ADDED] = true;
    else if (!after)
        out->is_member[REMOVED] = true;
}

static void compare_leaf(struct walk *walk, yyjson_mut_val *before, yyjson_mut_val *after, struct changes *out) {
    mark_presence(before, after, out);
    if (before && after && !typed_values_equal(walk->arena, before, after)) out->is_member[MODIFIED] = true;
}

static void collect(struct walk *walk, const struct field_element *element, const struct changes *found, struct changes *out) {
    for (int change = 0; change < CHANGE_COUNT; change++) {
        struct field_node node = {*element, found->below[change], found->is_member[change]};
        field_set_append(walk->arena, &out->below[change], &node);
    }
}

static bool is_zero(yyjson_mut_val *value) {
    return typed_is_null(value) || yyjson_mut_equals_str(value, "") || yyjson_mut_is_false(value) ||
           (yyjson_mut_is_num(value) && yyjson_mut_get_num(value) == 0);
}

/*
 * In Go's types null and absent are one, and a field that is always there is zero where it is absent: an empty struct, a null list, "",
 * 0, false. False: nothing changed. Where the whole map is new, or gone, it is taken as it stands.
 */
static bool settle_go_field(const struct walk *walk, const struct typed *field, const yyjson_mut_val *map_before,
                            const yyjson_mut_val *map_after, yyjson_mut_val **before, yyjson_mut_val **after) {
    if (!map_before || !map_after) return true;
    if (typed_is_null(*before) && typed_is_null(*after)) return false;
    if ((*before && *after) || !typed_is_always_there(field)) return true;
    enum typed_shape shape = typed_shape_of(field, NULL);
    if (shape == SHAPE_SCALAR) return !is_zero(*before ? *before : *after);
    yyjson_mut_val *zero = shape == SHAPE_MAP ? walk->empty : walk->null;
    if (!*before)
        *before = zero;
    else
        *after = zero;
    return true;
}

static void compare_maps(struct walk *walk, const struct typed *type, yyjson_mut_val *before, yyjson_mut_val *after, struct changes *out) {
    struct typed_entries left = typed_entries_of(walk->arena, before), right = typed_entries_of(walk->arena, after);
    if (!left.count) field_set_reserve(walk->arena, &out->below[ADDED], right.count);
    for (size_t i = 0, j = 0; i < left.count || j < right.count;) {
        int order = i == left.count ? 1 : j == right.count ? -1 : str_compare(left.items[i].key, right.items[j].key);
        struct field_element element = {.kind = ELEMENT_FIELD, .name = order <= 0 ? left.items[i].key : right.items[j].key};
        yyjson_mut_val *was = order <= 0 ? left.items[i].value : NULL, *is = order >= 0 ? right.items[j].value : NULL;
        struct changes found = {0};
        struct typed field;
        i += order <= 0;
        j += order >= 0;
        if (!typed_field(type, element.name, &field)) continue;
        if (type->is_go && !settle_go_field(walk, &field, before, after, &was, &is)) continue;
        compare(walk, &field, was, is, &found);
        collect(walk, &element, &found, out);
    }
}

static size_t run_of(const struct typed_items *items, size_t at) {
    size_t end = at + 1;
    while (end < items->count && field_element_compare(&items->items[at].element, &items->items[end].element) == 0) end++;
    return end - at;
}

static bool runs_equal(struct walk *walk, const struct typed_item_place *left, size_t left_count, const struct typed_item_place *right,
                       size_t right_count) {
    for (size_t i = 0; i < left_count && i < right_count; i++) {
        if (!typed_values_equal(walk->arena, left[i].value, right[i].value)) return false;
    }
    return left_count == right_count;
}

/* Items with the same keys, usually one on each side. Several are one field together, as if atomic. */
static void compare_runs(struct walk *walk, const struct typed *item, const struct typed_item_place *left, size_t left_count,
                         const struct typed_item_place *right, size_t right_count, struct changes *out) {
    if (left_count <= 1 && right_count <= 1) {
        compare(walk, item, left_count ? left->value : NULL, right_count ? right->value : NULL, out);
    } else if (left_count >= 2 && right_count >= 2) {
        out->is_member[MODIFIED] = !runs_equal(walk, left, left_count, right, right_count);
    } else if (left_count >= 2) {
        if (right_count) compare(walk, item, NULL, right->value, out);
        out->is_member[REMOVED] = true;
    } else {
        if (left_count) compare(walk, item, left->value, NULL, out);
        out->is_member[ADDED] = true;
    }
}

static void compare_lists(struct walk *walk, const struct typed *type, yyjson_mut_val *before, yyjson_mut_val *after, struct changes *out) {
    struct typed_items left = typed_items_of(type, walk->arena, before), right = typed_items_of(type, walk->arena, after);
    struct typed item = typed_item(type);
    for (size_t i = 0, j = 0; i < left.count || j < right.count;) {
        int order = i == left.count ? 1 : j == right.count ? -1 : field_element_compare(&left.items[i].element, &right.items[j].element);
        size_t left_count = order <= 0 ? run_of(&left, i) : 0, right_count = order >= 0 ? run_of(&right, j) : 0;
        struct changes found = {0};
        compare_runs(walk, &item, left.items + i, left_count, right.items + j, right_count, &found);
        collect(walk, order <= 0 ? &left.items[i].element : &right.items[j].element, &found, out);
        i += left_count;
        j += right_count;
    }
}

/* True: the place was one leaf. */
static bool compare_as(struct walk *walk, const struct typed *type, enum typed_shape shape, yyjson_mut_val *before, yyjson_mut_val *after,
                       struct changes *out) {
    bool is_map = shape == SHAPE_MAP;
    yyjson_mut_val *left = (is_map ? yyjson_mut_is_obj(before) : yyjson_mut_is_arr(before)) ? before : NULL;
    yyjson_mut_val *right = (is_map ? yyjson_mut_is_obj(after) : yyjson_mut_is_arr(after)) ? after : NULL;
    /* Two empty ones are a leaf: that tells empty from absent. */
    bool is_empty = yyjson_mut_get_len(left) == 0 && yyjson_mut_get_len(right) == 0;
    bool is_atomic = is_map ? typed_map_is_atomic(type) : typed_list_type(type) == SCHEMA_LIST_ATOMIC;
    if (shape == SHAPE_SCALAR || is_empty || is_atomic) {
        compare_leaf(walk, before, after, out);
        return true;
    }
    if (is_map)
        compare_maps(walk, type, left, right, out);
    else
        compare_lists(walk, type, left, right, out);
    return false;
}

static void compare(struct walk *walk, const struct typed *type, yyjson_mut_val *before, yyjson_mut_val *after, struct changes *out) {
    if (before && after && walk->depth < LIMIT_QUICK_LEVELS && is_same(before, after)) return;
    enum typed_shape left = typed_shape_of(type, before), right = typed_shape_of(type, after);
    walk->depth++;
    /* One kind of value may become another: as the old kind something goes, as the new one something comes. */
    if (before && after && left != right) compare_as(walk, type, left, before, after, out);
    if (!compare_as(walk, type, after ? right : left, before, after, out)) mark_presence(before, after, out);
    walk->depth--;
}

struct typed_changes typed_compare(const struct typed *type, struct arena *arena, const yyjson_mut_val *before,
                                   const yyjson_mut_val *after) {
    yyjson_mut_doc *doc = json_builder(arena);
    struct walk walk = {arena, doc ? yyjson_mut_obj(doc) : NULL, doc ? yyjson_mut_null(doc) : NULL, 0};
    struct changes found = {0};
    /* Both roots are there: nobody owns the whole. */
    compare_maps(&walk, type, before ? json_mut_loose(before) : walk.empty, json_mut_loose(after), &found);
    return (struct typed_changes){found.below[REMOVED], found.below[MODIFIED], found.below[ADDED]};
}
