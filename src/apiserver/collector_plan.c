#include "apiserver/collector.h"
#include "apiserver/server.h"

struct plan {
    struct apiserver *server;
    struct arena *arena;
    struct internal_request *requests;
    size_t count;
};

const struct kind *collector_kind_of(struct apiserver *server, const struct collection *collection) {
    struct str resource = collection_resource(collection);
    size_t slash = str_find(resource, STR("/"));
    return registry_find(server->registry, str_first(resource, slash), str_from(resource, slash + 1));
}

static bool is_full(const struct plan *plan) {
    return plan->count == COLLECTOR_MAX_REQUESTS;
}

static void add(struct plan *plan, const char *method, const struct object *object, struct str subresource, const char *content_type,
                struct str body) {
    const struct kind *kind = collector_kind_of(plan->server, object->collection);
    if (!kind || is_full(plan)) return;
    struct str path = internal_object_path(plan->arena, kind, object->namespace, object->name);
    if (subresource.len) path = arena_join(plan->arena, path, STR("/"), subresource);
    plan->requests[plan->count++] = (struct internal_request){.method = method, .path = path, .content_type = content_type, .body = body};
}

#define DELETE_OPTIONS "{\"kind\":\"DeleteOptions\",\"apiVersion\":\"v1\",\"propagationPolicy\":\"%s\",\"preconditions\":{\"uid\":\"%.*s\""

static void add_delete(struct plan *plan, const struct object *object, const char *policy) {
    add(plan, "DELETE", object, STR_EMPTY, NULL, arena_printf(plan->arena, DELETE_OPTIONS "}}", policy, STR_ARG(object->uid)));
}

/* Because of its owners, which a write that is under way may take off it: only as it was read. */
static void add_delete_of_owned(struct plan *plan, const struct object *object, const char *policy) {
    add(plan, "DELETE", object, STR_EMPTY, NULL,
        arena_printf(plan->arena, DELETE_OPTIONS ",\"resourceVersion\":\"%lld\"}}", policy, STR_ARG(object->uid),
                     (long long)object->revision));
}

static yyjson_val *read_object(struct plan *plan, const struct object *object) {
    struct error error;
    struct blob *body = objects_body(plan->server->objects, object->revision, &error);
    yyjson_val *value = body ? json_parse(plan->arena, blob_view(body), &error) : NULL;
    blob_drop(body);
    return value;
}

static bool has_finalizer(const yyjson_val *value, const char *name) {
    yyjson_val *finalizers = json_path(value, "metadata", "finalizers", NULL), *item;
    size_t index, max;
    yyjson_arr_foreach(finalizers, index, max, item) {
        if (json_is_text(item, name)) return true;
    }
    return false;
}

/* A merge patch that replaces one list in metadata by what `keeps` leaves of it, if the object is still as it was read. */
static void add_list_patch(struct plan *plan, const struct object *object, const yyjson_val *value, const char *list,
                           bool (*keeps)(struct plan *plan, const yyjson_val *item, const void *context), const void *context) {
    struct strbuf body = strbuf_with_max(LIMIT_BODY_BYTES);
    strbuf_printf(&body, "{\"metadata\":{\"resourceVersion\":\"%lld\",\"uid\":\"%.*s\",\"%s\":", (long long)object->revision,
                  STR_ARG(object->uid), list);
    yyjson_val *items = json_path(value, "metadata", list, NULL), *item;
    size_t index, max, kept = 0;
    yyjson_arr_foreach(items, index, max, item) {
        if (!keeps(plan, item, context)) continue;
        strbuf_append_char(&body, kept++ ? ',' : '[');
        json_write(&body, item);
    }
    strbuf_append(&body, kept ? STR("]}}") : STR("null}}"));
    if (!body.failed) add(plan, "PATCH", object, STR_EMPTY, "application/merge-patch+json", arena_copy(plan->arena, strbuf_view(&body)));
    strbuf_release(&body);
}

static bool is_other_text(struct plan *plan, const yyjson_val *item, const void *context) {
    (void)plan;
    return !json_is_text(item, context);
}

static bool is_other_owner(struct plan *plan, const yyjson_val *item, const void *context) {
    (void)plan;
    return !str_equal(json_text(json_get(item, "uid")), *(const struct str *)context);
}

static void orphan(struct plan *plan, struct object *object, const yyjson_val *value) {
    size_t count;
    struct object *const *dependents = objects_dependents(plan->server->objects, object->uid, &count);
    for (size_t i = 0; i < count && !is_full(plan); i++) {
        yyjson_val *dependent = read_object(plan, dependents[i]);
        if (dependent) add_list_patch(plan, dependents[i], dependent, "ownerReferences", is_other_owner, &object->uid);
    }
    if (!count) add_list_patch(plan, object, value, "finalizers", is_other_text, "orphan");
}

/* Of a kind served here, whether its objects live in namespaces. */
static bool find_scope(struct plan *plan, const yyjson_val *reference, bool *out_is_namespaced) {
    struct str version = json_text(json_get(reference, "apiVersion")), group = STR_EMPTY;
    size_t slash = str_find(version, STR("/"));
    if (slash != SIZE_MAX) {
        group = str_first(version, slash);
        version = str_from(version, slash + 1);
    }
    const struct kind *kind = registry_find_kind(plan->server->registry, group, json_text(json_get(reference, "kind")));
    const struct kind_version *found = kind ? kind_find_version(kind, version) : NULL;
    if (!found || !found->is_served || !(kind->verbs & VERB_GET)) return false;
    *out_is_namespaced = kind->is_namespaced;
    return true;
}

/*
 * As in Kubernetes, one owner that nobody can tell of is enough to leave an object alone: of a kind that is not served here, unless it was
 * seen to go, before its definition; or in a namespace, while the object is in none.
 */
static bool can_judge(struct plan *plan, const struct object *object, const yyjson_val *value) {
    yyjson_val *references = json_path(value, "metadata", "ownerReferences", NULL), *reference;
    size_t index, max;
    yyjson_arr_foreach(references, index, max, reference) {
        bool is_namespaced;
        if (!find_scope(plan, reference, &is_namespaced) &&
            !objects_was_seen_to_go(plan->server->objects, json_text(json_get(reference, "uid")), &is_namespaced))
            return false;
        if (is_namespaced && !object->namespace.len) return false;
    }
    return value;
}

static bool blocks(const yyjson_val *dependent, struct str owner) {
    yyjson_val *references = json_path(dependent, "metadata", "ownerReferences", NULL), *reference;
    size_t index, max;
    yyjson_arr_foreach(references, index, max, reference) {
        if (str_equal(json_text(json_get(reference, "uid")), owner)) return json_bool_or(json_get(reference, "blockOwnerDeletion"), false);
    }
    return false;
}

enum owner_state { OWNER_SOLID, OWNER_DANGLING, OWNER_WAITING };

/* Gone, or where it cannot own this; going and waiting for this; or there. */
static enum owner_state owner_state(struct plan *plan, const struct object *object, const yyjson_val *reference) {
    struct object *owner = objects_find_uid(plan->server->objects, json_text(json_get(reference, "uid")));
    if (!owner || (owner->namespace.len && !str_equal(owner->namespace, object->namespace))) return OWNER_DANGLING;
    if (!owner->is_deleting || !json_bool_or(json_get(reference, "blockOwnerDeletion"), false)) return OWNER_SOLID;
    return has_finalizer(read_object(plan, owner), "foregroundDeletion") ? OWNER_WAITING : OWNER_SOLID;
}

static bool is_solid_owner(struct plan *plan, const yyjson_val *item, const void *context) {
    return owner_state(plan, context, item) == OWNER_SOLID;
}

/* An object of which some owners are gone, or wait for it to go. One that stays holds up none of them. */
static void plan_owned(struct plan *plan, struct object *object, const yyjson_val *value) {
    if (!can_judge(plan, object, value)) return;
    size_t counts[3] = {0}, index, max, dependents;
    yyjson_val *references = json_path(value, "metadata", "ownerReferences", NULL), *reference;
    yyjson_arr_foreach(references, index, max, reference) counts[owner_state(plan, object, reference)]++;
    objects_dependents(plan->server->objects, object->uid, &dependents);
    if (counts[OWNER_SOLID]) {
        if (counts[OWNER_DANGLING] || counts[OWNER_WAITING]) add_list_patch(plan, object, value, "ownerReferences", is_solid_owner, object);
    } else if (object->is_deleting) {
        return;
    } else if (counts[OWNER_WAITING]) {
        add_delete_of_owned(plan, object, dependents ? "Foreground" : "Background");
    } else if (counts[OWNER_DANGLING]) {
        add_delete_of_owned(plan, object,
                            has_finalizer(value, "orphan")               ? "Orphan"
                            : has_finalizer(value, "foregroundDeletion") ? "Foreground"
                                                                         : "Background");
    }
}

/* The dependents are deleted as their own owners' states ask for (plan_owned); here only: is anything still in the way? */
static void delete_in_foreground(struct plan *plan, struct object *object, const yyjson_val *value) {
    size_t count;
    bool is_blocked = false;
    struct object *const *dependents = objects_dependents(plan->server->objects, object->uid, &count);
    for (size_t i = 0; i < count && !is_full(plan); i++) {
        yyjson_val *dependent = read_object(plan, dependents[i]);
        bool has_other_owner = dependents[i]->owner_count > 1, is_out_of_reach = object->namespace.len && !dependents[i]->namespace.len;
        is_blocked = is_blocked || (!is_out_of_reach && blocks(dependent, object->uid));
        size_t grandchildren;
        objects_dependents(plan->server->objects, dependents[i]->uid, &grandchildren);
        if (dependents[i]->is_deleting || !can_judge(plan, dependents[i], dependent)) continue;
        if (has_other_owner)
            plan_owned(plan, dependents[i], dependent);
        else
            add_delete_of_owned(plan, dependents[i], grandchildren ? "Foreground" : "Background");
    }
    if (!is_blocked) add_list_patch(plan, object, value, "finalizers", is_other_text, "foregroundDeletion");
}

struct emptying {
    struct plan *plan;
    struct str namespace;
    size_t left;
};

/* `whole`: every object of the collection, else those of the namespace. */
static void empty_collection(struct emptying *emptying, struct collection *collection, bool is_whole) {
    struct object *object = collection_from(collection, is_whole ? STR_EMPTY : emptying->namespace, STR_EMPTY);
    for (; object && !is_full(emptying->plan); object = collection_next(object)) {
        if (!is_whole && !str_equal(object->namespace, emptying->namespace)) break;
        emptying->left++;
        if (!object->is_deleting) add_delete(emptying->plan, object, "Background");
    }
}

static bool empty_each(void *context, struct collection *collection) {
    struct emptying *emptying = context;
    empty_collection(emptying, collection, false);
    return !is_full(emptying->plan);
}

#define NAMESPACE_FINALIZER "kubernetes"

/* The namespace without its own finalizer: all else, other finalizers of its spec among it, stays as it was read. */
static void add_finalize(struct plan *plan, const struct object *object, const yyjson_val *value) {
    struct strbuf body = strbuf_with_max(LIMIT_BODY_BYTES);
    strbuf_append(&body, STR("{\"kind\":\"Namespace\",\"apiVersion\":\"v1\",\"metadata\":"));
    json_write(&body, json_get(value, "metadata"));
    strbuf_append(&body, STR(",\"spec\":{\"finalizers\":["));
    yyjson_val *finalizers = json_path(value, "spec", "finalizers", NULL), *item;
    size_t index, max, kept = 0;
    yyjson_arr_foreach(finalizers, index, max, item) {
        if (json_is_text(item, NAMESPACE_FINALIZER)) continue;
        if (kept++) strbuf_append_char(&body, ',');
        json_write(&body, item);
    }
    strbuf_append(&body, STR("]}}"));
    bool is_there = kept < yyjson_arr_size(finalizers);
    if (is_there && !body.failed) add(plan, "PUT", object, STR("finalize"), NULL, arena_copy(plan->arena, strbuf_view(&body)));
    strbuf_release(&body);
}

static void plan_namespace(struct plan *plan, struct object *object, const yyjson_val *value) {
    struct emptying emptying = {.plan = plan, .namespace = object->name};
    objects_each_collection(plan->server->objects, empty_each, &emptying);
    if (!emptying.left) add_finalize(plan, object, value);
}

#define CLEANUP_FINALIZER "customresourcecleanup.apiextensions.k8s.io"

static void plan_definition(struct plan *plan, struct object *object, const yyjson_val *value) {
    if (!has_finalizer(value, CLEANUP_FINALIZER)) return;
    struct str group = json_text(json_path(value, "spec", "group", NULL));
    struct str plural = json_text(json_path(value, "spec", "names", "plural", NULL));
    struct collection *collection = objects_collection(plan->server->objects, arena_join(plan->arena, group, STR("/"), plural));
    struct emptying emptying = {.plan = plan};
    if (collection) empty_collection(&emptying, collection, true);
    if (!emptying.left) add_list_patch(plan, object, value, "finalizers", is_other_text, CLEANUP_FINALIZER);
}

size_t collector_plan(struct apiserver *server, struct arena *arena, struct object *object,
                      struct internal_request out[COLLECTOR_MAX_REQUESTS]) {
    struct plan plan = {.server = server, .arena = arena, .requests = out};
    yyjson_val *value = read_object(&plan, object);
    if (!value) return 0;
    if (object->is_deleting && has_finalizer(value, "orphan"))
        orphan(&plan, object, value);
    else if (object->is_deleting && has_finalizer(value, "foregroundDeletion"))
        delete_in_foreground(&plan, object, value);
    else if (object->is_deleting && object->collection == server->namespaces)
        plan_namespace(&plan, object, value);
    else if (object->is_deleting && object->collection == server->definitions)
        plan_definition(&plan, object, value);
    else if (object->owner_count)
        plan_owned(&plan, object, value);
    return arena->exhausted ? 0 : plan.count;
}
