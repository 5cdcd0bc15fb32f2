#include "data/key_set.h"
#include "schema/schema_inner.h"

/* Lists of type set and map hold nothing twice (apiextensions' listtype package). */

static yyjson_mut_val *member(const yyjson_mut_val *object, struct str key) {
    return yyjson_mut_obj_getn(json_mut_loose(object), key.ptr, key.len);
}

/* A key that an item leaves out counts with its default, else as absent. */
static bool has_same_keys(const struct schema *schema, const yyjson_mut_val *a, const yyjson_mut_val *b) {
    for (size_t i = 0; i < schema->list_map_key_count; i++) {
        yyjson_mut_val *left = member(a, schema->list_map_keys[i]), *right = member(b, schema->list_map_keys[i]);
        if (!left != !right || (left && !yyjson_mut_equals(left, right))) return false;
    }
    return true;
}

const yyjson_mut_val *schema_correlate(const struct schema *schema, const yyjson_mut_val *list, const yyjson_mut_val *item) {
    if (schema->list_type != SCHEMA_LIST_MAP) return NULL;
    size_t index, max;
    yyjson_mut_val *candidate;
    yyjson_mut_arr_foreach(json_mut_loose(list), index, max, candidate) {
        if (has_same_keys(schema, candidate, item)) return candidate;
    }
    return NULL;
}

/* The keys as an object, sorted by name: {"name":"a","port":1} */
static struct str keys_text(struct arena *arena, const struct schema *schema, const yyjson_mut_val *item) {
    yyjson_mut_doc *doc = json_builder(arena);
    yyjson_mut_val *keys = doc ? yyjson_mut_obj(doc) : NULL;
    for (size_t i = 0; keys && i < schema->list_map_key_count; i++) {
        struct str name = schema->list_map_keys[i];
        yyjson_mut_val *value = member(item, name);
        if (value) yyjson_mut_obj_add(keys, yyjson_mut_strn(doc, name.ptr, name.len), yyjson_mut_val_mut_copy(doc, value));
    }
    yyjson_val *frozen = json_freeze(arena, keys);
    struct strbuf out = strbuf_with_max(LIMIT_BODY_BYTES);
    if (frozen) json_write_canonical(&out, frozen);
    return strbuf_take(&out, arena);
}

/* The first item of a list map that is neither an object nor null is all there is to say. */
static bool has_only_objects(const yyjson_mut_val *list, struct str path, struct field_errors *out) {
    size_t index, max;
    yyjson_mut_val *item;
    yyjson_mut_arr_foreach(json_mut_loose(list), index, max, item) {
        if (yyjson_mut_is_obj(item) || yyjson_mut_is_null(item)) continue;
        field_errors_add(out, FIELD_INVALID, schema_index_path(out->arena, path, index), item,
                         "must be an object for an array of list-type map");
        return false;
    }
    return true;
}

static struct str canonical_text(struct arena *arena, const yyjson_mut_val *value) {
    yyjson_val *frozen = json_freeze(arena, value);
    struct strbuf out = strbuf_with_max(LIMIT_BODY_BYTES);
    if (frozen) json_write_canonical(&out, frozen);
    return strbuf_take(&out, arena);
}

/* What is there three times is told of once. */
static void check_duplicates(const struct schema *schema, const yyjson_mut_val *list, struct str path, struct field_errors *out) {
    size_t index, max, count = yyjson_mut_arr_size(json_mut_loose(list));
    yyjson_mut_val *item;
    bool is_map = schema->list_type == SCHEMA_LIST_MAP, is_new;
    struct key_set seen = {0};
    if (is_map && !has_only_objects(list, path, out)) return;
    if (count < 2 || !key_set_start(&seen, out->arena, count)) return;
    yyjson_mut_arr_foreach(json_mut_loose(list), index, max, item) {
        struct str text = is_map ? keys_text(out->arena, schema, item) : canonical_text(out->arena, item);
        struct key_slot *slot = key_set_add(&seen, text, 1, &is_new);
        if (is_new || slot->item++ > 1) continue;
        struct str place = schema_index_path(out->arena, path, index);
        if (is_map)
            field_errors_add_text(out, FIELD_DUPLICATE, place, field_error_json(out->arena, text), STR_EMPTY);
        else
            field_errors_add(out, FIELD_DUPLICATE, place, item, "%s", "");
    }
}

void schema_validate_lists(const struct schema *schema, const yyjson_mut_val *value, struct str path, struct field_errors *out) {
    size_t index, max;
    yyjson_mut_val *key, *item;
    if (yyjson_mut_is_arr(json_mut_loose(value))) {
        if (schema->list_type != SCHEMA_LIST_ATOMIC) check_duplicates(schema, value, path, out);
        if (!schema->items || !schema->items->has_lists_below) return;
        yyjson_mut_arr_foreach(json_mut_loose(value), index, max, item)
            schema_validate_lists(schema->items, item, schema_index_path(out->arena, path, index), out);
    } else if (yyjson_mut_is_obj(json_mut_loose(value))) {
        yyjson_mut_obj_foreach(json_mut_loose(value), index, max, key, item) {
            const struct schema *known = schema_of_key(schema, json_mut_text(key));
            if (known && known->has_lists_below)
                schema_validate_lists(known, item, schema_key_path(schema, out->arena, path, json_mut_text(key)), out);
        }
    }
}
