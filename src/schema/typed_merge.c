#include "schema/typed_inner.h"

struct walk {
    struct arena *arena;
    yyjson_mut_doc *doc;
};

static yyjson_mut_val *copy(const struct walk *walk, const yyjson_mut_val *value) {
    return yyjson_mut_val_mut_copy(walk->doc, json_mut_loose(value));
}

static bool add(const struct walk *walk, yyjson_mut_val *object, struct str key, yyjson_mut_val *value) {
    return yyjson_mut_obj_add(object, yyjson_mut_strncpy(walk->doc, key.len ? key.ptr : "", key.len), value);
}

static yyjson_mut_val *merge(const struct walk *walk, const struct typed *type, yyjson_mut_val *below, yyjson_mut_val *above);

static yyjson_mut_val *merge_maps(const struct walk *walk, const struct typed *type, yyjson_mut_val *below, yyjson_mut_val *above) {
    struct typed_entries left = typed_entries_of(walk->arena, below), right = typed_entries_of(walk->arena, above);
    yyjson_mut_val *out = yyjson_mut_obj(walk->doc);
    for (size_t i = 0, j = 0; i < left.count || j < right.count;) {
        int order = i == left.count ? 1 : j == right.count ? -1 : str_compare(left.items[i].key, right.items[j].key);
        struct typed field;
        struct str key = order <= 0 ? left.items[i].key : right.items[j].key;
        yyjson_mut_val *value;
        if (order != 0)
            value = copy(walk, order < 0 ? left.items[i].value : right.items[j].value);
        else if (typed_field(type, key, &field))
            value = merge(walk, &field, left.items[i].value, right.items[j].value);
        else
            value = copy(walk, right.items[j].value);
        if (!add(walk, out, key, value)) return NULL;
        i += order <= 0;
        j += order >= 0;
    }
    return out;
}

/* An item of one list, and its counterpart of the other. */
struct merge_item {
    yyjson_mut_val *value, *other;
    size_t other_index; /* SIZE_MAX: none */
    bool is_merged;
};
struct merge_list {
    struct merge_item *items; /* in the order of the list */
    size_t count;
};

static struct merge_list list_of(const struct walk *walk, yyjson_mut_val *list) {
    size_t index, max;
    struct merge_list out = {arena_array(walk->arena, yyjson_mut_arr_size(list), sizeof *out.items), yyjson_mut_arr_size(list)};
    yyjson_mut_val *item;
    if (!out.items) out.count = 0;
    if (out.items)
        yyjson_mut_arr_foreach(list, index, max, item) out.items[index] = (struct merge_item){.value = item, .other_index = SIZE_MAX};
    return out;
}

/* Finds for each item the one with the same keys in the other list. What is above has no two alike; of several below, none is it. */
static void pair_up(const struct walk *walk, const struct typed *type, yyjson_mut_val *below, yyjson_mut_val *above,
                    struct merge_list *left, struct merge_list *right) {
    struct typed_items lower = typed_items_of(type, walk->arena, below), upper = typed_items_of(type, walk->arena, above);
    for (size_t i = 0, j = 0; i < lower.count && j < upper.count;) {
        int order = field_element_compare(&lower.items[i].element, &upper.items[j].element);
        size_t index = lower.items[i].index, other = upper.items[j].index;
        if (order == 0) {
            bool is_repeated = right->items[other].other_index != SIZE_MAX;
            left->items[index].other_index = other;
            right->items[other].other_index = index;
            right->items[other].other = is_repeated ? NULL : lower.items[i].value;
        }
        /* Several below may meet the same one above. */
        i += order <= 0;
        j += order > 0;
    }
}

static bool take_right(const struct walk *walk, const struct typed *item, struct merge_item *right, yyjson_mut_val *out) {
    right->is_merged = true;
    return yyjson_mut_arr_append(out, right->other ? merge(walk, item, right->other, right->value) : copy(walk, right->value));
}

static size_t next_shared(const struct merge_list *right, size_t at) {
    while (at < right->count && right->items[at].other_index == SIZE_MAX) at++;
    return at;
}

/*
 * The order of what is below is kept between shared items, that of what is above wins among them: items below come before the shared
 * one that follows them.
 */
static yyjson_mut_val *merge_lists(const struct walk *walk, const struct typed *type, yyjson_mut_val *below, yyjson_mut_val *above) {
    struct merge_list left = list_of(walk, below), right = list_of(walk, above);
    struct typed item = typed_item(type);
    yyjson_mut_val *out = yyjson_mut_arr(walk->doc);
    if (!out || walk->arena->exhausted) return NULL;
    pair_up(walk, type, below, above, &left, &right);
    size_t shared = next_shared(&right, 0);
    for (size_t i = 0, j = 0; i < left.count || j < right.count;) {
        size_t pair = i < left.count ? left.items[i].other_index : SIZE_MAX;
        if (i < left.count && j < right.count) {
            if (pair == j) {
                if (!take_right(walk, &item, &right.items[j], out)) return NULL;
                i++, j++;
                shared = next_shared(&right, shared + 1);
                continue;
            }
            if (pair != SIZE_MAX && shared < right.count && shared != pair) {
                i++;
                continue;
            }
        }
        if (i < left.count && pair == SIZE_MAX) {
            if (!yyjson_mut_arr_append(out, copy(walk, left.items[i].value))) return NULL;
            i++;
            continue;
        }
        if (i < left.count && right.items[pair].is_merged) i++;
        if (j < right.count) {
            if (!take_right(walk, &item, &right.items[j], out)) return NULL;
            if (shared == j) shared = next_shared(&right, shared + 1);
            j++;
        }
    }
    return out;
}

static yyjson_mut_val *merge(const struct walk *walk, const struct typed *type, yyjson_mut_val *below, yyjson_mut_val *above) {
    if (!below || !above) return copy(walk, above ? above : below);
    enum typed_shape shape = typed_shape_of(type, above);
    bool is_map = shape == SHAPE_MAP;
    bool is_atomic = is_map ? typed_map_is_atomic(type) : typed_list_type(type) == SCHEMA_LIST_ATOMIC;
    if (shape == SHAPE_SCALAR || is_atomic) return copy(walk, above);
    yyjson_mut_val *left = (is_map ? yyjson_mut_is_obj(below) : yyjson_mut_is_arr(below)) ? below : NULL;
    yyjson_mut_val *right = (is_map ? yyjson_mut_is_obj(above) : yyjson_mut_is_arr(above)) ? above : NULL;
    if (yyjson_mut_get_len(left) == 0) return copy(walk, above);
    if (yyjson_mut_get_len(right) == 0) return copy(walk, below);
    return is_map ? merge_maps(walk, type, left, right) : merge_lists(walk, type, left, right);
}

yyjson_mut_val *typed_merge(const struct typed *type, struct arena *arena, yyjson_mut_doc *doc, const yyjson_mut_val *below,
                            const yyjson_mut_val *above) {
    struct walk walk = {arena, doc};
    return merge(&walk, type, json_mut_loose(below), json_mut_loose(above));
}

/* Null where nothing is left. */
static yyjson_mut_val *strip(const struct walk *walk, const struct typed *type, yyjson_mut_val *value, const struct field_set *fields);

/* False: out of memory. *out NULL: the place goes. */
static bool strip_place(const struct walk *walk, const struct typed *type, yyjson_mut_val *value, const struct field_node *node,
                        yyjson_mut_val **out) {
    *out = NULL;
    if (node && node->is_member) return true;
    *out = node && node->children.count ? strip(walk, type, value, &node->children) : copy(walk, value);
    return *out != NULL;
}

static yyjson_mut_val *strip_map(const struct walk *walk, const struct typed *type, yyjson_mut_val *map, const struct field_set *fields) {
    yyjson_mut_val *out = yyjson_mut_obj(walk->doc), *key, *value, *left;
    size_t index, max;
    yyjson_mut_obj_foreach(map, index, max, key, value) {
        struct field_element element = {.kind = ELEMENT_FIELD, .name = {yyjson_mut_get_str(key), yyjson_mut_get_len(key)}};
        struct typed field = {.kind = TYPED_UNTYPED};
        typed_field(type, element.name, &field);
        if (!strip_place(walk, &field, value, field_set_find(fields, &element), &left)) return NULL;
        if (left && !add(walk, out, element.name, left)) return NULL;
    }
    return yyjson_mut_obj_size(out) ? out : yyjson_mut_null(walk->doc);
}

static yyjson_mut_val *strip_list(const struct walk *walk, const struct typed *type, yyjson_mut_val *list, const struct field_set *fields) {
    yyjson_mut_val *out = yyjson_mut_arr(walk->doc), *value, *left;
    struct typed item = typed_item(type);
    size_t index, max;
    yyjson_mut_arr_foreach(list, index, max, value) {
        struct field_element element;
        const struct field_node *node = typed_element(type, walk->arena, value, &element) ? NULL : field_set_find(fields, &element);
        if (!strip_place(walk, &item, value, node, &left)) return NULL;
        if (left && !yyjson_mut_arr_append(out, left)) return NULL;
    }
    return yyjson_mut_arr_size(out) ? out : yyjson_mut_null(walk->doc);
}

static yyjson_mut_val *strip(const struct walk *walk, const struct typed *type, yyjson_mut_val *value, const struct field_set *fields) {
    enum typed_shape shape = typed_shape_of(type, value);
    if (shape == SHAPE_SCALAR) return copy(walk, value);
    bool is_map = shape == SHAPE_MAP;
    bool is_atomic = is_map ? typed_map_is_atomic(type) : typed_list_type(type) == SCHEMA_LIST_ATOMIC;
    if (is_atomic || yyjson_mut_get_len(value) == 0 || is_map != yyjson_mut_is_obj(value)) return yyjson_mut_null(walk->doc);
    return is_map ? strip_map(walk, type, value, fields) : strip_list(walk, type, value, fields);
}

yyjson_mut_val *typed_remove(const struct typed *type, struct arena *arena, yyjson_mut_doc *doc, const yyjson_mut_val *object,
                             const struct field_set *fields) {
    struct walk walk = {arena, doc};
    return fields->count ? strip(&walk, type, json_mut_loose(object), fields) : copy(&walk, object);
}
