#include "data/key_set.h"
#include "schema/go_text.h"
#include "schema/strategic_inner.h"

#define DELETE_PREFIX "$deleteFromPrimitiveList"
#define ORDER_PREFIX  "$setElementOrder"

/* An object under work, found and changed by key in time that does not grow with it. A field without value is not there. */
struct fields {
    struct key_set keys;
    struct field {
        struct str name;
        yyjson_mut_val *value;
    } *items; /* in their order, new ones last */
    size_t count;
};

static bool out_of_memory(struct strategic *merge) {
    return error_set(merge->error, ERROR_MEMORY, "memory is out");
}

static struct field *fields_add(struct fields *fields, struct str name) {
    bool is_new;
    struct key_slot *slot = key_set_add(&fields->keys, name, fields->count, &is_new);
    if (is_new) fields->items[fields->count++] = (struct field){name, NULL};
    return &fields->items[slot->item];
}

/* With room for `more` new ones. */
static bool fields_open(struct strategic *merge, yyjson_mut_val *object, size_t more, struct fields *out) {
    size_t index, max, room = yyjson_mut_obj_size(object) + more;
    yyjson_mut_val *key, *value;
    *out = (struct fields){.items = arena_array(merge->arena, room + 1, sizeof *out->items)};
    if (!out->items || !key_set_start(&out->keys, merge->arena, room + 1)) return out_of_memory(merge);
    yyjson_mut_obj_foreach(object, index, max, key, value) fields_add(out, json_mut_text(key))->value = value;
    return true;
}

static bool fields_close(struct strategic *merge, const struct fields *fields, yyjson_mut_val *object) {
    yyjson_mut_obj_clear(object);
    for (size_t i = 0; i < fields->count; i++) {
        const struct field *field = &fields->items[i];
        if (field->value && !yyjson_mut_obj_add(object, yyjson_mut_strn(merge->doc, field->name.ptr, field->name.len), field->value))
            return out_of_memory(merge);
    }
    return true;
}

static yyjson_mut_val *get(const struct fields *fields, struct str name) {
    struct key_slot *slot = key_set_find(&fields->keys, name);
    return slot ? fields->items[slot->item].value : NULL;
}

static bool put(struct strategic *merge, struct fields *fields, struct str name, yyjson_mut_val *value) {
    fields_add(fields, name)->value = value;
    return value || out_of_memory(merge);
}

static void drop(struct fields *fields, struct str name) {
    struct key_slot *slot = key_set_find(&fields->keys, name);
    if (slot) fields->items[slot->item].value = NULL;
}

bool strategic_no_key(struct strategic *merge, yyjson_mut_val *map, struct str merge_key) {
    return error_set(merge->error, ERROR_INVALID, "map: %.*s does not contain declared merge key: %.*s",
                     STR_ARG(go_text(merge->arena, map)), STR_ARG(merge_key));
}

static bool wrong_type(struct strategic *merge, const char *wanted, yyjson_mut_val *found) {
    return error_set(merge->error, ERROR_INVALID, "expected a %s, but received a %s", wanted, go_type_name(found));
}

static struct patch_plan plan_of(const struct schema *schema, struct str key) {
    const struct schema *field = schema_property(schema, key);
    struct patch_plan plan = {.schema = field, .merge_key = STR_EMPTY};
    if (!field) return plan;
    const yyjson_val *source = schema_source(field);
    struct str strategy = json_text(json_get(source, "x-kubernetes-patch-strategy"));
    plan.merges = str_is(strategy, "merge") || str_is(strategy, "merge,retainKeys");
    plan.replaces = str_is(strategy, "replace");
    plan.merge_key = json_text(json_get(source, "x-kubernetes-patch-merge-key"));
    if (schema_items(field)) plan.schema = schema_items(field);
    return plan;
}

/* Nulls of a patch delete; where there is nothing to delete they mean nothing. */
static void drop_nulls(yyjson_mut_val *value) {
    yyjson_mut_obj_iter entries = yyjson_mut_obj_iter_with(value);
    for (yyjson_mut_val *key; (key = yyjson_mut_obj_iter_next(&entries));) {
        yyjson_mut_val *inner = yyjson_mut_obj_iter_get_val(key);
        if (yyjson_mut_is_null(inner))
            yyjson_mut_obj_iter_remove(&entries);
        else
            drop_nulls(inner);
    }
    yyjson_mut_arr_iter items = yyjson_mut_arr_iter_with(value);
    for (yyjson_mut_val *item; (item = yyjson_mut_arr_iter_next(&items));) drop_nulls(item);
}

/* False: the value is itself a directive and means nothing here. */
static bool drop_directives(struct strategic *merge, yyjson_mut_val *value) {
    if (strategic_is_directive(value)) return false;
    yyjson_mut_obj_iter entries = yyjson_mut_obj_iter_with(value);
    for (yyjson_mut_val *key; (key = yyjson_mut_obj_iter_next(&entries));) {
        if (!drop_directives(merge, yyjson_mut_obj_iter_get_val(key))) yyjson_mut_obj_iter_remove(&entries);
    }
    return !yyjson_mut_is_arr(value) || strategic_drop_directives(merge, value, drop_directives);
}

static yyjson_mut_val *follow_directive(struct strategic *merge, yyjson_mut_val *directive, yyjson_mut_val *patch) {
    if (yyjson_mut_equals_str(directive, "delete")) return yyjson_mut_obj(merge->doc);
    if (yyjson_mut_equals_str(directive, "replace")) {
        yyjson_mut_obj_remove_key(patch, "$patch");
        return patch;
    }
    error_set(merge->error, ERROR_INVALID, "unknown patch type: %.*s in map: %.*s", STR_ARG(go_text(merge->arena, directive)),
              STR_ARG(go_text(merge->arena, patch)));
    return NULL;
}

/* "$setElementOrder/x" -> "x"; false: no such form. */
static bool name_after(struct strategic *merge, struct str key, struct str prefix, const char *list, struct str *out) {
    if (key.len > prefix.len && key.ptr[prefix.len] == '/') {
        *out = str_from(key, prefix.len + 1);
        return true;
    }
    return error_set(merge->error, ERROR_SYNTAX, "invalid patch format of %s list", list);
}

static bool may_stay_out(struct str name, yyjson_mut_val *value) {
    return yyjson_mut_is_null(value) || str_starts_with(name, STR(DELETE_PREFIX)) || str_starts_with(name, STR(ORDER_PREFIX));
}

/* $retainKeys names all that stays: what the patch sets must be among it, what the target has besides goes. */
static bool retain_keys(struct strategic *merge, struct fields *target, struct fields *patch) {
    yyjson_mut_val *kept = get(patch, STR("$retainKeys")), *name;
    if (!kept) return true;
    if (!yyjson_mut_is_arr(kept)) return error_set(merge->error, ERROR_SYNTAX, "invalid patch format of retainKeys");
    drop(patch, STR("$retainKeys"));
    struct key_set names = {0};
    size_t index, max;
    bool is_new;
    if (!key_set_start(&names, merge->arena, yyjson_mut_arr_size(kept) + 1)) return out_of_memory(merge);
    yyjson_mut_arr_foreach(kept, index, max, name) {
        if (yyjson_mut_is_str(name)) key_set_add(&names, json_mut_text(name), index, &is_new);
    }
    for (size_t i = 0; i < patch->count; i++) {
        const struct field *field = &patch->items[i];
        if (field->value && !may_stay_out(field->name, field->value) && !key_set_find(&names, field->name))
            return error_set(merge->error, ERROR_SYNTAX, "invalid patch format of retainKeys");
    }
    for (size_t i = 0; i < target->count; i++) {
        if (!key_set_find(&names, target->items[i].name)) target->items[i].value = NULL;
    }
    return true;
}

/* One $setElementOrder: merges its list, which is done with then, and orders it. */
static bool merge_ordered(struct strategic *merge, struct fields *target, struct fields *patch, struct str name, yyjson_mut_val *order,
                          const struct schema *schema) {
    yyjson_mut_val *old = get(target, name), *new = get(patch, name);
    if (!yyjson_mut_is_arr(order)) return wrong_type(merge, "[]interface {}", order);
    if (old && !yyjson_mut_is_arr(old)) return wrong_type(merge, "[]interface {}", old);
    if (new && !yyjson_mut_is_arr(new)) return wrong_type(merge, "[]interface {}", new);
    struct patch_plan plan = plan_of(schema, name);
    if (new && !strategic_check_order(merge, new, order, plan.merge_key)) return false;
    if (!old && !new) return true;
    yyjson_mut_val *before = old ? yyjson_mut_val_mut_copy(merge->doc, old) : NULL, *merged = old;
    if (!old) {
        drop_directives(merge, new);
        merged = new;
    } else if (new) {
        merged = plan.merges ? strategic_merge_list(merge, old, new, &plan, false) : new;
    }
    if (merged) merged = strategic_order(merge, merged, order, before, plan.merge_key);
    drop(patch, name);
    return merged && put(merge, target, name, merged);
}

static bool merge_orders(struct strategic *merge, struct fields *target, struct fields *patch, const struct schema *schema) {
    for (size_t i = 0; i < patch->count; i++) {
        struct field field = patch->items[i];
        struct str name;
        if (!field.value || !str_starts_with(field.name, STR(ORDER_PREFIX))) continue;
        patch->items[i].value = NULL;
        if (!name_after(merge, field.name, STR(ORDER_PREFIX), "setElementOrder", &name)) return false;
        if (!merge_ordered(merge, target, patch, name, field.value, schema)) return false;
    }
    return true;
}

static bool are_alike(yyjson_mut_val *a, yyjson_mut_val *b) {
    return yyjson_mut_get_type(a) == yyjson_mut_get_type(b);
}

/* `new` is no null. */
static bool merge_field(struct strategic *merge, struct fields *target, struct str name, yyjson_mut_val *new, bool is_deletion,
                        const struct schema *schema) {
    yyjson_mut_val *old = get(target, name), *merged = new;
    struct patch_plan plan = plan_of(schema, name);
    if (!old || !are_alike(old, new) || !yyjson_mut_is_ctn(new)) {
        if (is_deletion) return true;
        if (!old || !are_alike(old, new)) drop_nulls(new);
        if (drop_directives(merge, new)) return put(merge, target, name, yyjson_mut_val_mut_copy(merge->doc, new));
        drop(target, name);
        return true;
    }
    if (yyjson_mut_is_obj(new)) {
        if (!plan.replaces) merged = strategic_merge_map(merge, old, new, plan.schema);
    } else if (plan.merges || is_deletion) {
        merged = strategic_merge_list(merge, old, new, &plan, is_deletion);
    }
    /* The patch stays whole: its lists say the order later. */
    if (merged == new) merged = yyjson_mut_val_mut_copy(merge->doc, new);
    return merged && (merged == old || put(merge, target, name, merged));
}

yyjson_mut_val *strategic_merge_map(struct strategic *merge, yyjson_mut_val *target, yyjson_mut_val *patch, const struct schema *schema) {
    yyjson_mut_val *directive = yyjson_mut_obj_get(patch, "$patch");
    if (directive) return follow_directive(merge, directive, patch);
    if (merge->depth > LIMIT_DOCUMENT_DEPTH) {
        error_set(merge->error, ERROR_LIMIT, "the patch is too deep");
        return NULL;
    }
    merge->depth++;
    struct fields old, new;
    if (!fields_open(merge, patch, 0, &new) || !fields_open(merge, target, new.count, &old)) return NULL;
    if (!retain_keys(merge, &old, &new) || !merge_orders(merge, &old, &new, schema)) return NULL;
    for (size_t i = 0; i < new.count; i++) {
        struct str name = new.items[i].name;
        yyjson_mut_val *value = new.items[i].value;
        bool is_deletion = str_starts_with(name, STR(DELETE_PREFIX));
        if (!value) continue;
        if (is_deletion && !name_after(merge, name, STR(DELETE_PREFIX), "primitive", &name)) return NULL;
        if (yyjson_mut_is_null(value))
            drop(&old, name);
        else if (!merge_field(merge, &old, name, value, is_deletion, schema))
            return NULL;
    }
    merge->depth--;
    return fields_close(merge, &old, target) ? target : NULL;
}

yyjson_mut_val *strategic_merge(const struct schema *schema, struct arena *arena, yyjson_mut_doc *doc, const yyjson_mut_val *target,
                                const yyjson_mut_val *patch, struct error *error) {
    struct error ignored;
    struct strategic merge = {arena, doc, error ? error : &ignored, 0};
    yyjson_mut_val *out = yyjson_mut_val_mut_copy(doc, json_mut_loose(target)),
                   *changes = yyjson_mut_val_mut_copy(doc, json_mut_loose(patch));
    if (!out || !changes) {
        error_set(error, ERROR_MEMORY, "memory is out");
        return NULL;
    }
    return strategic_merge_map(&merge, out, changes, schema);
}
