#include "schema/field_set.h"

#include <string.h>

const struct field_node *field_set_find(const struct field_set *set, const struct field_element *element) {
    size_t low = 0, high = set->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = field_element_compare(&set->nodes[middle].element, element);
        if (order == 0) return &set->nodes[middle];
        if (order < 0) low = middle + 1;
        else high = middle;
    }
    return NULL;
}

static struct field_node *make_room(struct arena *arena, struct field_set *set) {
    if (set->count == set->capacity) {
        uint32_t capacity = set->capacity ? set->capacity * 2 : 4;
        struct field_node *nodes = arena_array(arena, capacity, sizeof *nodes);
        if (!nodes) return NULL;
        if (set->count) memcpy(nodes, set->nodes, set->count * sizeof *nodes);
        set->nodes = nodes;
        set->capacity = capacity;
    }
    return &set->nodes[set->count++];
}

void field_set_reserve(struct arena *arena, struct field_set *set, size_t count) {
    if (set->capacity || !count || count > UINT32_MAX) return;
    set->nodes = arena_array(arena, count, sizeof *set->nodes);
    set->capacity = set->nodes ? (uint32_t)count : 0;
}

void field_set_append(struct arena *arena, struct field_set *set, const struct field_node *node) {
    if (!node->is_member && node->children.count == 0) return;
    struct field_node *room = make_room(arena, set);
    if (room) *room = *node;
}

static struct field_node *descend(struct arena *arena, struct field_set *set, const struct field_element *element) {
    size_t at = set->count;
    while (at > 0 && field_element_compare(&set->nodes[at - 1].element, element) > 0) at--;
    if (at > 0 && field_element_compare(&set->nodes[at - 1].element, element) == 0) return &set->nodes[at - 1];
    if (!make_room(arena, set)) return NULL;
    memmove(&set->nodes[at + 1], &set->nodes[at], (set->count - 1 - at) * sizeof *set->nodes);
    set->nodes[at] = (struct field_node){.element = *element};
    return &set->nodes[at];
}

void field_set_add_name(struct arena *arena, struct field_set *set, const char *name, const char *inner_name) {
    struct field_element element = {.kind = ELEMENT_FIELD, .name = str_of(name)};
    struct field_node *node = descend(arena, set, &element);
    if (node && inner_name)
        field_set_add_name(arena, &node->children, inner_name, NULL);
    else if (node)
        node->is_member = true;
}

/* What becomes of nodes that only one has, and of those that both have, says each combination. */
struct field_set field_set_union(struct arena *arena, const struct field_set *a, const struct field_set *b) {
    if (!a->count) return *b;
    if (!b->count) return *a;
    struct field_set out = {0};
    size_t i = 0, j = 0;
    while (i < a->count || j < b->count) {
        int order = i == a->count ? 1 : j == b->count ? -1 : field_element_compare(&a->nodes[i].element, &b->nodes[j].element);
        struct field_node node = order <= 0 ? a->nodes[i] : b->nodes[j];
        if (order == 0) {
            node.is_member = node.is_member || b->nodes[j].is_member;
            node.children = field_set_union(arena, &a->nodes[i].children, &b->nodes[j].children);
        }
        field_set_append(arena, &out, &node);
        i += order <= 0;
        j += order >= 0;
    }
    return out;
}

struct field_set field_set_intersection(struct arena *arena, const struct field_set *a, const struct field_set *b) {
    struct field_set out = {0};
    for (size_t i = 0, j = 0; i < a->count && j < b->count;) {
        int order = field_element_compare(&a->nodes[i].element, &b->nodes[j].element);
        if (order == 0) {
            struct field_node node = {.element = a->nodes[i].element, .is_member = a->nodes[i].is_member && b->nodes[j].is_member};
            node.children = field_set_intersection(arena, &a->nodes[i].children, &b->nodes[j].children);
            field_set_append(arena, &out, &node);
        }
        i += order <= 0;
        j += order >= 0;
    }
    return out;
}

bool field_set_intersects(const struct field_set *a, const struct field_set *b) {
    for (size_t i = 0, j = 0; i < a->count && j < b->count;) {
        int order = field_element_compare(&a->nodes[i].element, &b->nodes[j].element);
        if (order == 0 && a->nodes[i].is_member && b->nodes[j].is_member) return true;
        if (order == 0 && field_set_intersects(&a->nodes[i].children, &b->nodes[j].children)) return true;
        i += order <= 0;
        j += order >= 0;
    }
    return false;
}

static struct field_set subtract(struct arena *arena, const struct field_set *a, const struct field_set *b, bool takes_below) {
    if (!a->count || !b->count) return *a;
    struct field_set out = {0};
    size_t j = 0;
    for (size_t i = 0; i < a->count; i++) {
        int order = -1;
        while (j < b->count && (order = field_element_compare(&a->nodes[i].element, &b->nodes[j].element)) > 0) j++;
        struct field_node node = a->nodes[i];
        if (j < b->count && order == 0) {
            if (takes_below && b->nodes[j].is_member) continue;
            node.is_member = node.is_member && !b->nodes[j].is_member;
            node.children = subtract(arena, &node.children, &b->nodes[j].children, takes_below);
        }
        field_set_append(arena, &out, &node);
    }
    return out;
}

struct field_set field_set_difference(struct arena *arena, const struct field_set *a, const struct field_set *b) {
    return subtract(arena, a, b, false);
}

struct field_set field_set_difference_below(struct arena *arena, const struct field_set *a, const struct field_set *b) {
    return subtract(arena, a, b, true);
}

struct walk {
    struct arena *arena;
    void (*visit)(struct str path, void *context);
    void *context;
};

static void each(const struct walk *walk, const struct field_set *set, struct str prefix) {
    for (int below = 0; below < 2; below++) {
        for (size_t i = 0; i < set->count; i++) {
            const struct field_node *node = &set->nodes[i];
            if (below ? node->children.count == 0 : !node->is_member) continue;
            struct strbuf out = strbuf_with_max(LIMIT_BODY_BYTES);
            strbuf_append(&out, prefix);
            field_element_write(&out, walk->arena, &node->element);
            struct str path = strbuf_take(&out, walk->arena);
            if (below)
                each(walk, &node->children, path);
            else
                walk->visit(path, walk->context);
        }
    }
}

void field_set_each(struct arena *arena, const struct field_set *set, void (*visit)(struct str path, void *context), void *context) {
    struct walk walk = {arena, visit, context};
    each(&walk, set, STR_EMPTY);
}
