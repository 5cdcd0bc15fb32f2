#include "schema/typed.h"

#include <stdlib.h>
#include <string.h>

#include "schema/field_error.h"
#include "schema/schema_inner.h"
#include "schema/typed_inner.h"

static struct typed of_kind(enum typed_kind kind) {
    return (struct typed){.kind = kind};
}

static struct typed of_schema(const struct schema *schema, const struct typed *above) {
    return (struct typed){.kind = TYPED_SCHEMA,
                          .schema = schema,
                          .is_resource = schema_is_embedded_resource(schema),
                          .is_open = above->is_open || schema_preserves_unknown_fields(schema),
                          .is_go = above->is_go};
}

static bool is_marked(const struct schema *schema) {
    return json_bool_or(json_get(schema_source(schema), "x-always-there"), false);
}

struct typed typed_root(const struct schema *schema) {
    if (!schema) return of_kind(TYPED_DEDUCED);
    struct typed nothing = {0}, root = of_schema(schema, &nothing);
    root.is_resource = true;
    root.is_go = is_marked(schema);
    return root;
}

bool typed_is_always_there(const struct typed *type) {
    if (type->kind == TYPED_META) return true;
    return type->kind == TYPED_SCHEMA && type->is_go && is_marked(type->schema);
}

enum typed_shape typed_shape_of(const struct typed *type, const yyjson_mut_val *value) {
    static const enum typed_shape fixed[] = {
        [TYPED_SCALAR] = SHAPE_SCALAR, [TYPED_META] = SHAPE_MAP,  [TYPED_TEXTS] = SHAPE_MAP,        [TYPED_NAMES] = SHAPE_LIST,
        [TYPED_OWNERS] = SHAPE_LIST,   [TYPED_OWNER] = SHAPE_MAP, [TYPED_ATOMIC_LIST] = SHAPE_LIST,
    };
    if (type->kind > TYPED_UNTYPED) return fixed[type->kind];
    enum schema_type wanted = type->kind == TYPED_SCHEMA ? type->schema->type : TYPE_ANY;
    if (wanted != TYPE_ANY) return wanted == TYPE_OBJECT ? SHAPE_MAP : wanted == TYPE_ARRAY ? SHAPE_LIST : SHAPE_SCALAR;
    yyjson_mut_val *val = json_mut_loose(value);
    return yyjson_mut_is_arr(val) ? SHAPE_LIST : typed_is_null(val) || yyjson_mut_is_obj(val) ? SHAPE_MAP : SHAPE_SCALAR;
}

/* ObjectMeta's fields that are more than a scalar; the other names are below. */
static const struct {
    const char *name;
    enum typed_kind kind;
} meta_fields[] = {
    {"annotations", TYPED_TEXTS},
    {"finalizers", TYPED_NAMES},
    {"labels", TYPED_TEXTS},
    {"managedFields", TYPED_ATOMIC_LIST},
    {"ownerReferences", TYPED_OWNERS},
    {"creationTimestamp", TYPED_SCALAR},
    {"deletionGracePeriodSeconds", TYPED_SCALAR},
    {"deletionTimestamp", TYPED_SCALAR},
    {"generateName", TYPED_SCALAR},
    {"generation", TYPED_SCALAR},
    {"name", TYPED_SCALAR},
    {"namespace", TYPED_SCALAR},
    {"resourceVersion", TYPED_SCALAR},
    {"selfLink", TYPED_SCALAR},
    {"uid", TYPED_SCALAR},
};

static bool find_meta(struct str name, struct typed *out) {
    for (size_t i = 0; i < sizeof meta_fields / sizeof *meta_fields; i++) {
        if (!str_is(name, meta_fields[i].name)) continue;
        *out = of_kind(meta_fields[i].kind);
        return true;
    }
    return false;
}

static bool find_resource_name(const struct typed *type, struct str name, struct typed *out) {
    if (!type->is_resource) return false;
    bool is_meta = str_is(name, "metadata");
    if (!is_meta && !str_is(name, "kind") && !str_is(name, "apiVersion")) return false;
    *out = of_kind(is_meta ? TYPED_META : TYPED_SCALAR);
    return true;
}

static bool has_properties(const struct typed *type) {
    return type->is_resource || type->schema->property_count > 0;
}

static bool find_schema_field(const struct typed *type, struct str name, struct typed *out) {
    if (find_resource_name(type, name, out)) return true;
    const struct schema *field = schema_property(type->schema, name);
    if (field) {
        *out = of_schema(field, type);
        return true;
    }
    yyjson_val *additional = json_get(schema_source(type->schema), "additionalProperties");
    bool is_free = !additional ? type->is_open || !has_properties(type) : yyjson_is_true(additional);
    *out = of_kind(TYPED_DEDUCED);
    return is_free;
}

bool typed_field(const struct typed *type, struct str name, struct typed *out) {
    switch (type->kind) {
    case TYPED_SCHEMA: return find_schema_field(type, name, out);
    case TYPED_META: return find_meta(name, out);
    case TYPED_DEDUCED: return *out = of_kind(TYPED_DEDUCED), true;
    case TYPED_TEXTS:
    case TYPED_OWNER: return *out = of_kind(TYPED_SCALAR), true;
    default: return *out = of_kind(TYPED_UNTYPED), true;
    }
}

bool typed_has_name(const struct typed *type, struct str name) {
    struct typed ignored;
    if (type->kind == TYPED_META) return find_meta(name, &ignored);
    if (type->kind != TYPED_SCHEMA) return false;
    return find_resource_name(type, name, &ignored) || schema_is_property(type->schema, name);
}

struct typed typed_item(const struct typed *type) {
    if (type->kind == TYPED_OWNERS) return of_kind(TYPED_OWNER);
    if (type->kind == TYPED_NAMES) return of_kind(TYPED_SCALAR);
    const struct schema *items = type->kind == TYPED_SCHEMA ? schema_items(type->schema) : NULL;
    return items ? of_schema(items, type) : of_kind(TYPED_UNTYPED);
}

bool typed_map_is_atomic(const struct typed *type) {
    if (type->kind == TYPED_SCHEMA) return schema_is_map_atomic(type->schema);
    return type->kind == TYPED_OWNER || type->kind == TYPED_UNTYPED;
}

enum schema_list_type typed_list_type(const struct typed *type) {
    if (type->kind == TYPED_SCHEMA) return schema_list_type(type->schema);
    return type->kind == TYPED_NAMES ? SCHEMA_LIST_SET : type->kind == TYPED_OWNERS ? SCHEMA_LIST_MAP : SCHEMA_LIST_ATOMIC;
}

static const struct str *map_keys(const struct typed *type, size_t *out_count) {
    static const struct str uid = {"uid", 3};
    if (type->kind == TYPED_SCHEMA) return schema_list_map_keys(type->schema, out_count);
    *out_count = 1;
    return &uid;
}

static int compare_keys(const void *left, const void *right) {
    return str_compare(((const struct field_key *)left)->name, ((const struct field_key *)right)->name);
}

static bool find_key(const struct typed *item_type, struct arena *arena, const yyjson_mut_val *item, struct str name,
                     struct field_value *out) {
    yyjson_mut_val *value = yyjson_mut_obj_getn(json_mut_loose(item), name.ptr, name.len);
    if (value) return *out = field_value_of(arena, value), true;
    if (item_type->kind != TYPED_SCHEMA || !schema_property(item_type->schema, name)) return false;
    const yyjson_val *fallback = schema_default_value(schema_property(item_type->schema, name));
    if (!fallback) return false;
    const yyjson_mut_val scalar = {.tag = fallback->tag, .uni = fallback->uni};
    return *out = field_value_of(arena, &scalar), true;
}

static const char *keys_text(struct arena *arena, const struct str *names, size_t count) {
    struct strbuf out = strbuf_with_max(LIMIT_ERROR_MESSAGE_BYTES);
    strbuf_append(&out, STR("associative list with keys has an element that omits all key fields ["));
    for (size_t i = 0; i < count; i++) {
        if (i) strbuf_append_char(&out, ' ');
        strbuf_append(&out, field_error_quote(arena, names[i]));
    }
    strbuf_append(&out, STR("] (and doesn't have default values for any key fields)"));
    struct str text = strbuf_take(&out, arena);
    return text.ptr;
}

static const char *keyed_element(const struct typed *type, struct arena *arena, const yyjson_mut_val *item, struct field_element *out) {
    if (typed_is_null(item)) return "associative list with keys may not have a null element";
    if (!yyjson_mut_is_obj(json_mut_loose(item))) return "associative list with keys may not have non-map elements";
    size_t name_count, count = 0;
    const struct str *names = map_keys(type, &name_count);
    struct typed item_type = typed_item(type);
    struct field_key *keys = arena_array(arena, name_count ? name_count : 1, sizeof *keys);
    for (size_t i = 0; keys && i < name_count; i++) {
        keys[count].name = names[i];
        count += find_key(&item_type, arena, item, names[i], &keys[count].value);
    }
    if (count == 0) return keys_text(arena, names, name_count);
    if (count > 1) qsort(keys, count, sizeof *keys, compare_keys);
    *out = (struct field_element){.kind = ELEMENT_KEY, .keys = keys, .key_count = count};
    return NULL;
}

const char *typed_element(const struct typed *type, struct arena *arena, const yyjson_mut_val *item, struct field_element *out) {
    if (typed_list_type(type) == SCHEMA_LIST_MAP) return keyed_element(type, arena, item, out);
    if (yyjson_mut_is_obj(json_mut_loose(item))) return "associative list without keys has an element that's a map type";
    if (yyjson_mut_is_arr(json_mut_loose(item))) return "not supported: associative list with lists as elements";
    if (typed_is_null(item)) return "associative list without keys has an element that's an explicit null";
    *out = (struct field_element){.kind = ELEMENT_VALUE, .value = field_value_of(arena, item)};
    return NULL;
}

static int compare_entries(const void *left, const void *right) {
    return str_compare(((const struct typed_entry *)left)->key, ((const struct typed_entry *)right)->key);
}

/* Keys mostly stand in few and nearly in order. */
static void sort_entries(struct typed_entries *entries) {
    enum { FEW = 16 };
    if (entries->count > FEW) {
        qsort(entries->items, entries->count, sizeof *entries->items, compare_entries);
        return;
    }
    for (size_t i = 1; i < entries->count; i++) {
        struct typed_entry entry = entries->items[i];
        size_t at = i;
        for (; at > 0 && str_compare(entries->items[at - 1].key, entry.key) > 0; at--) entries->items[at] = entries->items[at - 1];
        entries->items[at] = entry;
    }
}

struct typed_entries typed_entries_of(struct arena *arena, const yyjson_mut_val *map) {
    size_t index, max, count = yyjson_mut_obj_size(json_mut_loose(map));
    struct typed_entries out = {.items = count ? arena_array(arena, count, sizeof *out.items) : NULL};
    if (!out.items) return out;
    yyjson_mut_val *key, *value;
    bool is_sorted = true;
    yyjson_mut_obj_foreach(json_mut_loose(map), index, max, key, value) {
        out.items[index] = (struct typed_entry){{yyjson_mut_get_str(key), yyjson_mut_get_len(key)}, value};
        is_sorted = is_sorted && (index == 0 || str_compare(out.items[index - 1].key, out.items[index].key) < 0);
    }
    out.count = count;
    if (!is_sorted) sort_entries(&out);
    return out;
}

static int compare_items(const void *left, const void *right) {
    const struct typed_item_place *a = left, *b = right;
    int order = field_element_compare(&a->element, &b->element);
    return order ? order : (a->index > b->index) - (a->index < b->index);
}

struct typed_items typed_items_of(const struct typed *type, struct arena *arena, const yyjson_mut_val *list) {
    size_t index, max, count = yyjson_mut_arr_size(json_mut_loose(list));
    struct typed_items out = {.items = count ? arena_array(arena, count, sizeof *out.items) : NULL};
    if (!out.items) return out;
    yyjson_mut_val *item;
    yyjson_mut_arr_foreach(json_mut_loose(list), index, max, item) {
        struct typed_item_place *place = &out.items[out.count];
        if (typed_element(type, arena, item, &place->element)) continue;
        place->value = item;
        place->index = index;
        out.count++;
    }
    qsort(out.items, out.count, sizeof *out.items, compare_items);
    return out;
}

static bool maps_equal(struct arena *arena, yyjson_mut_val *a, yyjson_mut_val *b) {
    if (yyjson_mut_obj_size(a) != yyjson_mut_obj_size(b)) return false;
    struct typed_entries left = typed_entries_of(arena, a), right = typed_entries_of(arena, b);
    for (size_t i = 0; i < left.count && i < right.count; i++) {
        if (!str_equal(left.items[i].key, right.items[i].key)) return false;
        if (!typed_values_equal(arena, left.items[i].value, right.items[i].value)) return false;
    }
    return true;
}

bool typed_values_equal(struct arena *arena, const yyjson_mut_val *a, const yyjson_mut_val *b) {
    yyjson_mut_val *left = json_mut_loose(a), *right = json_mut_loose(b);
    if (typed_is_null(a) || typed_is_null(b)) return typed_is_null(a) && typed_is_null(b);
    if (yyjson_mut_is_str(left) && yyjson_mut_is_str(right))
        return yyjson_mut_get_len(left) == yyjson_mut_get_len(right) &&
               memcmp(yyjson_mut_get_str(left), yyjson_mut_get_str(right), yyjson_mut_get_len(left)) == 0;
    if (yyjson_mut_is_obj(left) && yyjson_mut_is_obj(right)) return maps_equal(arena, left, right);
    if (yyjson_mut_is_num(left) && yyjson_mut_is_num(right)) {
        struct field_element first = {.kind = ELEMENT_VALUE, .value = field_value_of(arena, a)},
                             second = {.kind = ELEMENT_VALUE, .value = field_value_of(arena, b)};
        return field_element_compare(&first, &second) == 0;
    }
    if (!yyjson_mut_is_arr(left) || !yyjson_mut_is_arr(right)) return yyjson_mut_equals(left, right);
    if (yyjson_mut_arr_size(left) != yyjson_mut_arr_size(right)) return false;
    yyjson_mut_arr_iter at = yyjson_mut_arr_iter_with(left), other = yyjson_mut_arr_iter_with(right);
    for (yyjson_mut_val *item; (item = yyjson_mut_arr_iter_next(&at));) {
        if (!typed_values_equal(arena, item, yyjson_mut_arr_iter_next(&other))) return false;
    }
    return true;
}
