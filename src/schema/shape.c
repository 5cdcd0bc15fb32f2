#include <stdlib.h>

#include "schema/schema.h"
#include "schema/schema_inner.h"

/* Pruning and defaulting, as apiextensions-apiserver's pkg/apiserver/schema/{pruning,defaulting} do them. */

enum { LIMIT_UNKNOWN_FIELDS = 100 };

struct pruning {
    struct arena *arena;
    struct schema_unknown *unknown; /* NULL: nobody asks */
};

/* Where a value is, as a chain of what leads there: paths are made only for what is dropped. */
struct place {
    const struct place *above;
    struct str key; /* empty: `index` */
    size_t index;
};

static struct str path_of(struct arena *arena, const struct place *place) {
    if (!place->above) return STR_EMPTY;
    struct str above = path_of(arena, place->above);
    return place->key.len ? schema_child_path(arena, above, place->key) : schema_index_path(arena, above, place->index);
}

static void note_unknown(const struct pruning *pruning, const struct place *place) {
    struct schema_unknown *unknown = pruning->unknown;
    if (!unknown || unknown->count == LIMIT_UNKNOWN_FIELDS) return;
    if (!unknown->paths) {
        unknown->paths = arena_array(pruning->arena, LIMIT_UNKNOWN_FIELDS, sizeof *unknown->paths);
        unknown->capacity = LIMIT_UNKNOWN_FIELDS;
    }
    if (unknown->paths) unknown->paths[unknown->count++] = path_of(pruning->arena, place);
}

/* apiVersion, kind and metadata of the root and of embedded resources have rules of their own. */
static bool is_known_anyway(const struct schema *schema, struct str name) {
    return (schema->is_root || schema->is_embedded_resource) &&
           (str_is(name, "apiVersion") || str_is(name, "kind") || str_is(name, "metadata"));
}

/* `keeps`: a list around it preserves unknown fields, and so do its items. */
static void prune(const struct pruning *pruning, const struct schema *schema, yyjson_mut_val *value, const struct place *place,
                  bool keeps) {
    keeps = keeps || schema->preserves_unknown_fields;
    if (yyjson_mut_is_arr(value)) {
        if (!schema->items) return;
        struct place below = {.above = place};
        size_t max;
        yyjson_mut_val *item;
        yyjson_mut_arr_foreach(value, below.index, max, item) {
            if (yyjson_mut_is_ctn(item)) prune(pruning, schema->items, item, &below, keeps);
        }
        return;
    }
    if (!yyjson_mut_is_obj(value)) return;
    yyjson_mut_obj_iter iterator = yyjson_mut_obj_iter_with(value);
    for (yyjson_mut_val *key; (key = yyjson_mut_obj_iter_next(&iterator));) {
        yyjson_mut_val *member = yyjson_mut_obj_iter_get_val(key);
        struct place below = {.above = place, .key = json_mut_text(key)};
        if (is_known_anyway(schema, below.key)) continue;
        const struct schema *known = schema_of_key(schema, below.key);
        if (known) {
            if (yyjson_mut_is_ctn(member)) prune(pruning, known, member, &below, false);
        } else if (!keeps) {
            note_unknown(pruning, &below);
            yyjson_mut_obj_iter_remove(&iterator);
        }
    }
}

/* ObjectMeta's. */
static bool is_of_metadata(struct str name) {
    static const char *const fields[] = {"name",
                                         "generateName",
                                         "namespace",
                                         "selfLink",
                                         "uid",
                                         "generation",
                                         "resourceVersion",
                                         "creationTimestamp",
                                         "deletionGracePeriodSeconds",
                                         "labels",
                                         "finalizers",
                                         "deletionTimestamp",
                                         "annotations",
                                         "ownerReferences",
                                         "managedFields"};
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        if (str_is(name, fields[i])) return true;
    }
    return false;
}

static void prune_metadata(const struct pruning *pruning, yyjson_mut_val *metadata, const struct place *place) {
    if (!yyjson_mut_is_obj(metadata)) return;
    yyjson_mut_obj_iter iterator = yyjson_mut_obj_iter_with(metadata);
    for (yyjson_mut_val *key; (key = yyjson_mut_obj_iter_next(&iterator));) {
        struct place below = {.above = place, .key = json_mut_text(key)};
        if (is_of_metadata(below.key)) continue;
        note_unknown(pruning, &below);
        yyjson_mut_obj_iter_remove(&iterator);
    }
}

/* Embedded resources have metadata like any. */
static void prune_embedded(const struct pruning *pruning, const struct schema *schema, yyjson_mut_val *value, const struct place *place) {
    size_t max;
    yyjson_mut_val *key, *member;
    struct place below = {.above = place};
    if (!schema->has_lists_below) return;
    yyjson_mut_arr_foreach(value, below.index, max, member) {
        if (schema->items && yyjson_mut_is_ctn(member)) prune_embedded(pruning, schema->items, member, &below);
    }
    size_t index;
    yyjson_mut_obj_foreach(value, index, max, key, member) {
        below.key = json_mut_text(key);
        const struct schema *known = schema_of_key(schema, below.key);
        if (schema->is_embedded_resource && str_is(below.key, "metadata"))
            prune_metadata(pruning, member, &below);
        else if (known && yyjson_mut_is_ctn(member))
            prune_embedded(pruning, known, member, &below);
    }
}

static int compare_paths(const void *left, const void *right) {
    return str_compare(*(const struct str *)left, *(const struct str *)right);
}

bool schema_prune(const struct schema *schema, struct arena *arena, yyjson_mut_doc *doc, yyjson_mut_val *object,
                  struct schema_unknown *unknown) {
    (void)doc;
    struct pruning pruning = {.arena = arena, .unknown = unknown};
    struct place root = {0};
    prune(&pruning, schema, object, &root, false);
    if (unknown && unknown->count > 1) qsort(unknown->paths, unknown->count, sizeof *unknown->paths, compare_paths);
    prune_embedded(&pruning, schema, object, &root);
    return !arena->exhausted;
}

static bool is_null_by_mistake(yyjson_mut_val *value, const struct schema *schema) {
    return yyjson_mut_is_null(value) && !schema->is_nullable;
}

static yyjson_mut_val *default_of(yyjson_mut_doc *doc, const struct schema *schema) {
    return yyjson_val_mut_copy(doc, json_loose(schema->default_value));
}

static bool fill(const struct schema *schema, yyjson_mut_doc *doc, yyjson_mut_val *value);

static bool add_missing(const struct schema *schema, yyjson_mut_doc *doc, yyjson_mut_val *object) {
    for (size_t i = 0; i < schema->property_count; i++) {
        const struct schema_member *member = &schema->properties[i];
        if (!member->schema->default_value) continue;
        yyjson_mut_val *found = yyjson_mut_obj_getn(object, member->name.ptr, member->name.len);
        if (found && !is_null_by_mistake(found, member->schema)) continue;
        yyjson_mut_val *key = yyjson_mut_strn(doc, member->name.ptr, member->name.len), *filled = default_of(doc, member->schema);
        if (!key || !filled) return false;
        if (found ? !yyjson_mut_obj_replace(object, key, filled) : !yyjson_mut_obj_add(object, key, filled)) return false;
    }
    return true;
}

static bool fill_object(const struct schema *schema, yyjson_mut_doc *doc, yyjson_mut_val *object) {
    if (!add_missing(schema, doc, object)) return false;
    yyjson_mut_obj_iter iterator = yyjson_mut_obj_iter_with(object);
    for (yyjson_mut_val *key; (key = yyjson_mut_obj_iter_next(&iterator));) {
        yyjson_mut_val *value = yyjson_mut_obj_iter_get_val(key);
        const struct schema *known = schema_of_key(schema, json_mut_text(key));
        if (!known) continue;
        if (!is_null_by_mistake(value, known)) {
            if (yyjson_mut_is_ctn(value) && !fill(known, doc, value)) return false;
        } else if (known->default_value) {
            yyjson_mut_val *filled = default_of(doc, known);
            if (!filled) return false;
            /* Its key stays where it is; the value takes the content of the default. */
            yyjson_mut_val *next = value->next;
            *value = *filled;
            value->next = next;
        } else {
            yyjson_mut_obj_iter_remove(&iterator);
        }
    }
    return true;
}

static bool fill(const struct schema *schema, yyjson_mut_doc *doc, yyjson_mut_val *value) {
    if (yyjson_mut_is_obj(value)) return fill_object(schema, doc, value);
    if (!yyjson_mut_is_arr(value) || !schema->items) return true;
    size_t index, max;
    yyjson_mut_val *item;
    yyjson_mut_arr_foreach(value, index, max, item) {
        if (is_null_by_mistake(item, schema->items) && schema->items->default_value) {
            yyjson_mut_val *filled = default_of(doc, schema->items);
            if (!filled || !yyjson_mut_arr_replace(value, index, filled)) return false;
        } else if (yyjson_mut_is_ctn(item) && !fill(schema->items, doc, item)) {
            return false;
        }
    }
    return true;
}

bool schema_default(const struct schema *schema, struct arena *arena, yyjson_mut_doc *doc, yyjson_mut_val *object) {
    return fill(schema, doc, object) && !arena->exhausted;
}
