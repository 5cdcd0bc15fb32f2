#include "schema/field_error.h"
#include "schema/go_text.h"
#include "schema/typed_inner.h"

/* Findings in structured-merge-diff's words, each with its path; printed like its ValidationErrors. */
struct finding {
    struct finding *next;
    struct str path, message;
};
struct walk {
    struct arena *arena;
    struct finding *first, **last;
    size_t count;
};

static void find(struct walk *walk, struct str path, struct str message) {
    struct finding *finding = arena_alloc(walk->arena, sizeof *finding);
    if (!finding || walk->count == LIMIT_FINDINGS) return;
    *finding = (struct finding){NULL, path, message};
    *walk->last = finding;
    walk->last = &finding->next;
    walk->count++;
}

static struct str path_below(struct arena *arena, struct str path, const struct field_element *element) {
    struct strbuf out = strbuf_with_max(LIMIT_BODY_BYTES);
    strbuf_append(&out, path);
    field_element_write(&out, arena, element);
    return strbuf_take(&out, arena);
}

static struct str wrong_scalar(const struct typed *type, struct arena *arena, yyjson_mut_val *value) {
    struct str name = type->kind == TYPED_SCHEMA ? schema_type(type->schema) : STR("any");
    bool has_format = type->kind == TYPED_SCHEMA && yyjson_is_str(json_get(schema_source(type->schema), "format"));
    if (str_is(name, "integer") || str_is(name, "number")) {
        if (yyjson_mut_is_num(value)) return STR_EMPTY;
        return arena_printf(arena, "expected numeric (int or float), got %s", go_type_name(value));
    }
    if (str_is(name, "boolean") && !yyjson_mut_is_bool(value))
        return arena_printf(arena, "expected boolean, got &{%.*s}", STR_ARG(go_text(arena, value)));
    if (str_is(name, "string") && !has_format && !yyjson_mut_is_str(value))
        return arena_printf(arena, "expected string, got &value.valueUnstructured{Value:%.*s}", STR_ARG(go_text(arena, value)));
    if (yyjson_mut_is_ctn(value))
        return arena_printf(arena, "expected any scalar, got &{%.*s}", STR_ARG(go_text(arena, value)));
    return STR_EMPTY;
}

static void check(struct walk *walk, const struct typed *type, yyjson_mut_val *value, struct str path);

static void check_map(struct walk *walk, const struct typed *type, yyjson_mut_val *map, struct str path) {
    size_t index, max;
    yyjson_mut_val *key, *value;
    yyjson_mut_obj_foreach(map, index, max, key, value) {
        struct field_element element = {.kind = ELEMENT_FIELD, .name = {yyjson_mut_get_str(key), yyjson_mut_get_len(key)}};
        struct str below = path_below(walk->arena, path, &element);
        struct typed field;
        if (typed_field(type, element.name, &field)) {
            check(walk, &field, value, below);
        } else {
            find(walk, below, STR("field not declared in schema"));
            return;
        }
    }
}

/* The elements met so far are in a sorted copy: a list of any length is checked in one pass. */
static void check_duplicates(struct walk *walk, const struct typed *type, yyjson_mut_val *list, struct str path) {
    struct typed_items items = typed_items_of(type, walk->arena, list);
    for (size_t i = 1; i < items.count; i++) {
        if (field_element_compare(&items.items[i - 1].element, &items.items[i].element) != 0) continue;
        struct str element = path_below(walk->arena, STR_EMPTY, &items.items[i].element);
        find(walk, path, arena_printf(walk->arena, "duplicate entries for key %.*s", STR_ARG(element)));
    }
}

static void check_list(struct walk *walk, const struct typed *type, yyjson_mut_val *list, struct str path) {
    bool is_atomic = typed_list_type(type) == SCHEMA_LIST_ATOMIC;
    struct typed item = typed_item(type);
    size_t index, max;
    yyjson_mut_val *value;
    if (!is_atomic) check_duplicates(walk, type, list, path);
    yyjson_mut_arr_foreach(list, index, max, value) {
        struct field_element element = {.kind = ELEMENT_INDEX, .index = (int64_t)index};
        const char *problem = is_atomic ? NULL : typed_element(type, walk->arena, value, &element);
        if (problem) {
            find(walk, path, arena_printf(walk->arena, "element %zu: %s", index, problem));
            return;
        }
        check(walk, &item, value, path_below(walk->arena, path, &element));
    }
}

static void check(struct walk *walk, const struct typed *type, yyjson_mut_val *value, struct str path) {
    enum typed_shape shape = typed_shape_of(type, value);
    if (typed_is_null(value)) return;
    if (shape == SHAPE_SCALAR) {
        struct str problem = wrong_scalar(type, walk->arena, value);
        if (problem.len) find(walk, path, problem);
    } else if (shape == SHAPE_MAP && yyjson_mut_is_obj(value)) {
        check_map(walk, type, value, path);
    } else if (shape == SHAPE_LIST && yyjson_mut_is_arr(value)) {
        check_list(walk, type, value, path);
    } else {
        find(walk, path, arena_printf(walk->arena, "expected %s, got &{%.*s}", shape == SHAPE_MAP ? "map" : "list",
                                      STR_ARG(go_text(walk->arena, value))));
    }
}

struct str typed_check(const struct typed *type, struct arena *arena, const yyjson_mut_val *object) {
    struct walk walk = {.arena = arena};
    walk.last = &walk.first;
    check(&walk, type, json_mut_loose(object), STR_EMPTY);
    struct strbuf out = strbuf_with_max(LIMIT_BODY_BYTES);
    if (walk.count > 1) strbuf_append(&out, STR("errors:"));
    for (const struct finding *finding = walk.first; finding; finding = finding->next) {
        if (walk.count > 1) strbuf_append(&out, STR("\n  "));
        strbuf_append(&out, finding->path);
        if (finding->path.len) strbuf_append(&out, STR(": "));
        strbuf_append(&out, finding->message);
    }
    return strbuf_take(&out, arena);
}
