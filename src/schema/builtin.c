#include "schema/builtin.h"

#include "schema/builtin_files.h"

enum {
    PACKAGE_COUNT = 9,
    /* How often a schema may stand inside itself: the JSONSchemaProps of a definition, and one level of those below. */
    LIMIT_SELF_REFERENCES = 2,
    /* References inside references; a Pod's go 12 deep. */
    LIMIT_REFERENCE_DEPTH = 40,
};

/* In the order in which meson.build embeds the files. The prefix of a schema's name says its package. */
static const struct {
    const char *group, *prefix;
} packages[PACKAGE_COUNT] = {
    {"", "io.k8s.api.core.v1."},
    {"events.k8s.io", "io.k8s.api.events.v1."},
    {"coordination.k8s.io", "io.k8s.api.coordination.v1."},
    {"rbac.authorization.k8s.io", "io.k8s.api.rbac.v1."},
    {"apiextensions.k8s.io", "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1."},
    {"autoscaling", "io.k8s.api.autoscaling.v1."},
    {"authentication.k8s.io", "io.k8s.api.authentication.v1."},
    {"authorization.k8s.io", "io.k8s.api.authorization.v1."},
    {NULL, "io.k8s.apimachinery.pkg."},
};
static const struct str meta_prefix = {"io.k8s.apimachinery.pkg.apis.meta.v1.", sizeof "io.k8s.apimachinery.pkg.apis.meta.v1." - 1};

/* The packages that were looked into so far. */
struct pool {
    struct arena *arena;
    yyjson_val *files[PACKAGE_COUNT];
};

static yyjson_val *pool_find(struct pool *pool, struct str name) {
    for (size_t i = 0; i < PACKAGE_COUNT && i < builtin_files_count; i++) {
        if (!str_starts_with(name, str_of(packages[i].prefix))) continue;
        if (!pool->files[i]) pool->files[i] = json_parse(pool->arena, builtin_files[i], NULL);
        return json_get_str(pool->files[i], name);
    }
    return NULL;
}

/* Its name; empty: no such kind. Kinds of the meta group belong to every group; here they are asked for as core's. */
static struct str kind_name(struct pool *pool, struct str group, struct str version, struct str kind) {
    if (!str_is(version, "v1")) return STR_EMPTY;
    for (size_t i = 0; i < PACKAGE_COUNT; i++) {
        if (!packages[i].group || !str_is(group, packages[i].group)) continue;
        struct str name = arena_join(pool->arena, str_of(packages[i].prefix), kind, STR_EMPTY);
        if (pool_find(pool, name)) return name;
    }
    struct str name = arena_join(pool->arena, meta_prefix, kind, STR_EMPTY);
    return group.len == 0 && pool_find(pool, name) ? name : STR_EMPTY;
}

/* The name that a schema refers to, by "$ref" or by an allOf of one (OpenAPI v3 allows no siblings of "$ref"); else empty. */
static struct str reference_of(yyjson_val *schema) {
    yyjson_val *reference = json_get(schema, "$ref");
    if (!reference) reference = json_get(yyjson_arr_get_first(json_get(schema, "allOf")), "$ref");
    struct str text = json_text(reference), prefix = STR("#/components/schemas/");
    return str_starts_with(text, prefix) ? str_from(text, prefix.len) : STR_EMPTY;
}

static bool add_component(struct pool *pool, yyjson_mut_doc *doc, yyjson_mut_val *out, struct str name, int depth);

/* Components that a schema refers to, itself not. */
static bool add_references(struct pool *pool, yyjson_mut_doc *doc, yyjson_mut_val *out, yyjson_val *schema, int depth) {
    struct str name = reference_of(schema);
    if (name.len && !add_component(pool, doc, out, name, depth)) return false;
    yyjson_val *items = json_get(schema, "items"), *additional = json_get(schema, "additionalProperties");
    if (yyjson_is_obj(items) && !add_references(pool, doc, out, items, depth)) return false;
    if (yyjson_is_obj(additional) && !add_references(pool, doc, out, additional, depth)) return false;
    size_t index, max;
    yyjson_val *key, *property;
    yyjson_obj_foreach(json_get(schema, "properties"), index, max, key, property) {
        if (!add_references(pool, doc, out, property, depth)) return false;
    }
    return true;
}

static bool add_component(struct pool *pool, yyjson_mut_doc *doc, yyjson_mut_val *out, struct str name, int depth) {
    if (yyjson_mut_obj_getn(out, name.ptr, name.len) || depth > LIMIT_REFERENCE_DEPTH) return true;
    yyjson_val *schema = pool_find(pool, name);
    if (!schema) return true;
    if (!yyjson_mut_obj_add(out, json_make_text(doc, name), yyjson_val_mut_copy(doc, schema))) return false;
    return add_references(pool, doc, out, schema, depth + 1);
}

const yyjson_val *builtin_components(struct arena *arena, struct str group, struct str version, struct str kind) {
    struct pool pool = {.arena = arena};
    struct str name = kind_name(&pool, group, version, kind);
    yyjson_mut_doc *doc = name.len ? json_builder(arena) : NULL;
    yyjson_mut_val *out = doc ? yyjson_mut_obj(doc) : NULL;
    return out && add_component(&pool, doc, out, name, 0) ? json_freeze(arena, out) : NULL;
}

/* The references on the way down. */
struct chain {
    const struct chain *outer;
    struct str name;
    int depth;
};

static bool is_too_deep(const struct chain *chain, struct str name) {
    int count = 0;
    for (const struct chain *link = chain; link; link = link->outer) count += str_equal(link->name, name);
    return count >= LIMIT_SELF_REFERENCES || (chain && chain->depth >= LIMIT_REFERENCE_DEPTH);
}

/* Zero values are what Go's types default to by themselves. */
static bool is_zero(yyjson_val *value) {
    return json_is_empty(value) || yyjson_equals_str(value, "") || yyjson_is_false(value) ||
           (yyjson_is_num(value) && yyjson_get_num(value) == 0);
}

/* Marks what Go's types always have: the object itself, fields with a zero default, and required lists. Who tells absent from zero needs
 * it. */
static const char always_there[] = "x-always-there";

/* Keywords that structure, compiled as they are; the others are resolved or dropped. */
static bool is_kept(yyjson_val *key, yyjson_val *value) {
    static const char *const kept[] = {"type", "format", "additionalProperties"};
    if (yyjson_equals_str(key, "default")) return !is_zero(value);
    if (str_starts_with(json_text(key), STR("x-kubernetes-")))
        return !yyjson_equals_str(key, "x-kubernetes-group-version-kind") && !yyjson_equals_str(key, "x-kubernetes-unions");
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        if (yyjson_equals_str(key, kept[i])) return !yyjson_is_obj(value);
    }
    return false;
}

static bool put(yyjson_mut_doc *doc, yyjson_mut_val *out, const char *key, yyjson_mut_val *value) {
    return value && yyjson_mut_obj_put(out, yyjson_mut_str(doc, key), value);
}

static bool put_kept(yyjson_mut_doc *doc, yyjson_mut_val *out, yyjson_val *schema) {
    size_t index, max;
    yyjson_val *key, *value;
    yyjson_obj_foreach(schema, index, max, key, value) {
        bool is_always_there = yyjson_equals_str(key, "default") && is_zero(value);
        if (is_always_there && !put(doc, out, always_there, yyjson_mut_true(doc))) return false;
        if (!is_kept(key, value)) continue;
        if (!yyjson_mut_obj_put(out, json_make_text(doc, json_text(key)), yyjson_val_mut_copy(doc, value))) return false;
    }
    return true;
}

/* A list that patches merge is a list map, or a set where it has no merge key, unless it says itself. */
static bool put_list_type(yyjson_mut_doc *doc, yyjson_mut_val *out) {
    yyjson_mut_val *strategy = yyjson_mut_obj_get(out, "x-kubernetes-patch-strategy");
    if (!yyjson_mut_equals_str(yyjson_mut_obj_get(out, "type"), "array") || yyjson_mut_obj_get(out, "x-kubernetes-list-type")) return true;
    if (!yyjson_mut_equals_str(strategy, "merge") && !yyjson_mut_equals_str(strategy, "merge,retainKeys")) return true;
    yyjson_mut_val *merge_key = yyjson_mut_obj_get(out, "x-kubernetes-patch-merge-key");
    if (!merge_key) return put(doc, out, "x-kubernetes-list-type", yyjson_mut_str(doc, "set"));
    yyjson_mut_val *keys = yyjson_mut_arr(doc);
    return keys && yyjson_mut_arr_append(keys, yyjson_mut_val_mut_copy(doc, merge_key)) &&
           put(doc, out, "x-kubernetes-list-map-keys", keys) && put(doc, out, "x-kubernetes-list-type", yyjson_mut_str(doc, "map"));
}

static yyjson_mut_val *anything(yyjson_mut_doc *doc) {
    yyjson_mut_val *out = yyjson_mut_obj(doc);
    return out && put(doc, out, "x-kubernetes-preserve-unknown-fields", yyjson_mut_true(doc)) ? out : NULL;
}

static yyjson_mut_val *resolve(struct pool *pool, yyjson_mut_doc *doc, yyjson_val *schema, const struct chain *chain);

static yyjson_mut_val *resolve_reference(struct pool *pool, yyjson_mut_doc *doc, yyjson_val *schema, struct str name,
                                         const struct chain *chain) {
    struct chain link = {chain, name, chain ? chain->depth + 1 : 1};
    yyjson_val *target = is_too_deep(chain, name) ? NULL : pool_find(pool, name);
    yyjson_mut_val *out = target ? resolve(pool, doc, target, &link) : anything(doc);
    return out && put_kept(doc, out, schema) ? out : NULL;
}

static bool names(yyjson_val *list, yyjson_val *name) {
    size_t index, max;
    yyjson_val *item;
    yyjson_arr_foreach(list, index, max, item) {
        if (yyjson_equals(item, name)) return true;
    }
    return false;
}

static bool resolve_properties(struct pool *pool, yyjson_mut_doc *doc, yyjson_val *schema, const struct chain *chain, yyjson_mut_val *out) {
    yyjson_mut_val *resolved = yyjson_mut_obj(doc);
    size_t index, max;
    yyjson_val *key, *property, *required = json_get(schema, "required");
    yyjson_obj_foreach(json_get(schema, "properties"), index, max, key, property) {
        yyjson_mut_val *field = resolve(pool, doc, property, chain);
        bool is_null_list = names(required, key) && json_is_text(json_get(property, "type"), "array");
        if (is_null_list && !put(doc, field, always_there, yyjson_mut_true(doc))) return false;
        if (!yyjson_mut_obj_add(resolved, json_make_text(doc, json_text(key)), field)) return false;
    }
    return put(doc, out, "properties", resolved);
}

static yyjson_mut_val *resolve(struct pool *pool, yyjson_mut_doc *doc, yyjson_val *schema, const struct chain *chain) {
    struct str name = reference_of(schema);
    if (name.len) return resolve_reference(pool, doc, schema, name, chain);
    yyjson_mut_val *out = yyjson_mut_obj(doc);
    if (json_is_text(json_get(schema, "format"), "int-or-string"))
        return out && put(doc, out, "x-kubernetes-int-or-string", yyjson_mut_true(doc)) ? out : NULL;
    if (!out || !put_kept(doc, out, schema)) return NULL;
    yyjson_val *properties = json_get(schema, "properties"), *additional = json_get(schema, "additionalProperties"),
               *items = json_get(schema, "items"), *type = json_get(schema, "type");
    if (properties && !resolve_properties(pool, doc, schema, chain, out)) return NULL;
    if (yyjson_is_obj(additional) && !put(doc, out, "additionalProperties", resolve(pool, doc, additional, chain))) return NULL;
    if (items && !put(doc, out, "items", resolve(pool, doc, items, chain))) return NULL;
    bool is_open = !type || (json_is_text(type, "object") && !properties && !additional);
    if (is_open && !put(doc, out, "x-kubernetes-preserve-unknown-fields", yyjson_mut_true(doc))) return NULL;
    return put_list_type(doc, out) ? out : NULL;
}

const yyjson_val *builtin_source(struct arena *arena, struct str group, struct str version, struct str kind) {
    struct pool pool = {.arena = arena};
    struct str name = kind_name(&pool, group, version, kind);
    yyjson_mut_doc *doc = name.len ? json_builder(arena) : NULL;
    struct chain link = {NULL, name, 1};
    yyjson_mut_val *root = doc ? resolve(&pool, doc, pool_find(&pool, name), &link) : NULL;
    return root && put(doc, root, always_there, yyjson_mut_true(doc)) ? json_freeze(arena, root) : NULL;
}

const struct schema *builtin_schema(struct arena *arena, struct str group, struct str version, struct str kind) {
    const yyjson_val *source = builtin_source(arena, group, version, kind);
    return source ? schema_compile(arena, source, NULL) : NULL;
}
