#include "schema/typed_inner.h"

/* What is mentioned: the place itself, and below it. */
struct mention {
    bool is_member;
    struct field_set below;
};

static void mention(const struct typed *type, struct arena *arena, yyjson_mut_val *value, struct mention *out);

static void mention_map(const struct typed *type, struct arena *arena, yyjson_mut_val *map, struct mention *out) {
    struct typed_entries entries = typed_entries_of(arena, map);
    for (size_t i = 0; i < entries.count; i++) {
        struct typed field;
        yyjson_mut_val *value = entries.items[i].value;
        if (!typed_field(type, entries.items[i].key, &field)) continue;
        struct mention found = {0};
        mention(&field, arena, value, &found);
        bool is_empty = typed_is_null(value) || (yyjson_mut_is_obj(value) && yyjson_mut_obj_size(value) == 0);
        struct field_node node = {
            .element = {.kind = ELEMENT_FIELD, .name = entries.items[i].key},
            .children = found.below,
            .is_member = found.is_member || is_empty || !typed_has_name(type, entries.items[i].key),
        };
        field_set_append(arena, &out->below, &node);
    }
}

static void mention_list(const struct typed *type, struct arena *arena, yyjson_mut_val *list, struct mention *out) {
    struct typed_items items = typed_items_of(type, arena, list);
    struct typed item = typed_item(type);
    for (size_t i = 0, next; i < items.count; i = next) {
        for (next = i + 1; next < items.count && field_element_compare(&items.items[i].element, &items.items[next].element) == 0;) next++;
        struct mention found = {0};
        /* Several with the same keys are one field. */
        if (next == i + 1) mention(&item, arena, items.items[i].value, &found);
        struct field_node node = {.element = items.items[i].element, .children = found.below, .is_member = true};
        field_set_append(arena, &out->below, &node);
    }
}

static void mention(const struct typed *type, struct arena *arena, yyjson_mut_val *value, struct mention *out) {
    enum typed_shape shape = typed_shape_of(type, value);
    bool is_atomic = shape == SHAPE_MAP ? typed_map_is_atomic(type) : typed_list_type(type) == SCHEMA_LIST_ATOMIC;
    if (shape == SHAPE_SCALAR || is_atomic) out->is_member = true;
    else if (shape == SHAPE_MAP) mention_map(type, arena, value, out);
    else mention_list(type, arena, value, out);
}

struct field_set typed_fields(const struct typed *type, struct arena *arena, const yyjson_mut_val *object) {
    struct mention found = {0};
    mention(type, arena, json_mut_loose(object), &found);
    return found.below;
}

/* The type of what an element of a container of this type holds; false: not known. */
static bool type_below(const struct typed *type, const struct field_element *element, struct typed *out) {
    bool is_any = type->kind == TYPED_SCHEMA && schema_type(type->schema).len == 0;
    enum typed_shape shape = typed_shape_of(type, NULL);
    if (element->kind == ELEMENT_FIELD) return shape == SHAPE_MAP && typed_field(type, element->name, out);
    if (shape != SHAPE_LIST && !is_any) return false;
    *out = typed_item(type);
    return true;
}

struct field_set typed_with_names(const struct typed *type, struct arena *arena, const struct field_set *set) {
    struct field_set out = {0};
    for (size_t i = 0; i < set->count; i++) {
        struct field_node node = set->nodes[i];
        struct typed below;
        if (node.children.count && node.element.kind == ELEMENT_FIELD && typed_has_name(type, node.element.name)) node.is_member = true;
        if (node.children.count && type_below(type, &node.element, &below)) node.children = typed_with_names(&below, arena, &node.children);
        field_set_append(arena, &out, &node);
    }
    return out;
}

/* True: the place is atomic now, but something below it was owned singly. */
static bool became_atomic(const struct typed *type, const struct field_node *node) {
    enum typed_shape shape = typed_shape_of(type, NULL);
    bool is_whole = node->is_member && node->children.count == 0;
    if (is_whole || type->kind == TYPED_DEDUCED || type->kind == TYPED_UNTYPED) return false;
    if (shape == SHAPE_LIST) return typed_list_type(type) == SCHEMA_LIST_ATOMIC;
    return shape == SHAPE_MAP && typed_map_is_atomic(type) && node->children.count > 0;
}

struct field_set typed_reconcile(const struct typed *type, struct arena *arena, const struct field_set *set, bool *out_is_changed) {
    struct field_set out = {0};
    bool is_changed = false;
    for (size_t i = 0; i < set->count; i++) {
        struct field_node node = set->nodes[i];
        struct typed below;
        if (type_below(type, &node.element, &below)) {
            if (became_atomic(&below, &node)) {
                node.is_member = true;
                node.children = (struct field_set){0};
                is_changed = true;
            } else if (node.children.count && below.kind != TYPED_DEDUCED) {
                node.children = typed_reconcile(&below, arena, &node.children, &is_changed);
            }
        }
        if (is_changed && out.count == 0 && i > 0) out = (struct field_set){set->nodes, (uint32_t)i, (uint32_t)i};
        if (is_changed) field_set_append(arena, &out, &node);
    }
    *out_is_changed = *out_is_changed || is_changed;
    return is_changed ? out : *set;
}
