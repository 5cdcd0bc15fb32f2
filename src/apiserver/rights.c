#include "apiserver/rights.h"

#include <stdlib.h>

enum { RIGHTS_ARENA_BYTES = 256 * 1024 * 1024 };

/* A binding with the rules of its role; role NULL: that is not there. */
struct binding {
    struct str namespace; /* empty: of the whole cluster */
    const yyjson_val *subjects, *rules;
};

struct rights {
    struct apiserver *server;
    struct collection *roles, *cluster_roles, *bindings, *cluster_bindings;
    bool is_stale;
    struct arena arena;
    struct binding *list;
    size_t count;
};

struct rights *rights_new(struct apiserver *server) {
    struct rights *rights = calloc(1, sizeof *rights);
    if (!rights) return NULL;
    rights->server = server;
    rights->is_stale = true;
    arena_init(&rights->arena, RIGHTS_ARENA_BYTES);
    rights->roles = objects_collection(server->objects, STR("rbac.authorization.k8s.io/roles"));
    rights->cluster_roles = objects_collection(server->objects, STR("rbac.authorization.k8s.io/clusterroles"));
    rights->bindings = objects_collection(server->objects, STR("rbac.authorization.k8s.io/rolebindings"));
    rights->cluster_bindings = objects_collection(server->objects, STR("rbac.authorization.k8s.io/clusterrolebindings"));
    if (rights->roles && rights->cluster_roles && rights->bindings && rights->cluster_bindings) return rights;
    rights_free(rights);
    return NULL;
}

void rights_free(struct rights *rights) {
    if (!rights) return;
    arena_release(&rights->arena);
    free(rights);
}

void rights_on_write(struct rights *rights, const struct write *write) {
    const struct collection *collection = write->collection;
    if (collection == rights->roles || collection == rights->cluster_roles || collection == rights->bindings ||
        collection == rights->cluster_bindings)
        rights->is_stale = true;
}

static const yyjson_val *read_object(struct rights *rights, const struct object *object) {
    struct error error;
    struct blob *body = objects_body(rights->server->objects, object->revision, &error);
    const yyjson_val *value = body ? json_parse(&rights->arena, blob_view(body), &error) : NULL;
    blob_drop(body);
    return value;
}

static void add_bindings(struct rights *rights, struct collection *from) {
    for (struct object *object = collection_from(from, STR_EMPTY, STR_EMPTY); object; object = collection_next(object)) {
        const yyjson_val *value = read_object(rights, object), *reference = json_get(value, "roleRef");
        bool is_cluster_role = json_is_text(json_get(reference, "kind"), "ClusterRole");
        struct object *role = objects_find(is_cluster_role ? rights->cluster_roles : rights->roles,
                                           is_cluster_role ? STR_EMPTY : object->namespace, json_text(json_get(reference, "name")));
        if (!role) continue;
        rights->list[rights->count++] = (struct binding){.namespace = arena_copy(&rights->arena, object->namespace),
                                                         .subjects = json_get(value, "subjects"),
                                                         .rules = json_get(read_object(rights, role), "rules")};
    }
}

static void refresh(struct rights *rights) {
    if (!rights->is_stale) return;
    arena_release(&rights->arena);
    rights->count = 0;
    rights->list = arena_array(&rights->arena, collection_size(rights->bindings) + collection_size(rights->cluster_bindings) + 1,
                               sizeof *rights->list);
    if (!rights->list) return; /* nobody but system:masters has rights then */
    add_bindings(rights, rights->cluster_bindings);
    add_bindings(rights, rights->bindings);
    rights->is_stale = rights->arena.exhausted;
}

bool user_is_in_group(const struct user *user, const char *group) {
    for (size_t i = 0; i < user->group_count; i++) {
        if (str_is(user->groups[i], group)) return true;
    }
    return false;
}

static bool is_service_account(struct str user, struct str namespace, struct str name) {
    struct str prefix = STR("system:serviceaccount:");
    if (!str_starts_with(user, prefix)) return false;
    struct str rest = str_from(user, prefix.len);
    size_t colon = str_find(rest, STR(":"));
    return colon != SIZE_MAX && str_equal(str_first(rest, colon), namespace) && str_equal(str_from(rest, colon + 1), name);
}

static bool names_user(const struct binding *binding, const struct user *user) {
    size_t index, max;
    yyjson_val *subject;
    yyjson_arr_foreach(json_loose(binding->subjects), index, max, subject) {
        struct str kind = json_text(json_get(subject, "kind")), name = json_text(json_get(subject, "name"));
        struct str namespace = json_text(json_get(subject, "namespace"));
        if (str_is(kind, "User") && str_equal(name, user->name)) return true;
        if (str_is(kind, "ServiceAccount") && is_service_account(user->name, namespace.len ? namespace : binding->namespace, name))
            return true;
        for (size_t i = 0; str_is(kind, "Group") && i < user->group_count; i++) {
            if (str_equal(user->groups[i], name)) return true;
        }
    }
    return false;
}

static bool lists(const yyjson_val *list, struct str wanted) {
    size_t index, max;
    yyjson_val *item;
    yyjson_arr_foreach(json_loose(list), index, max, item) {
        if (json_is_text(item, "*") || str_equal(json_text(item), wanted)) return true;
    }
    return false;
}

static bool lists_resource(const yyjson_val *list, const struct action *action) {
    size_t index, max;
    yyjson_val *item;
    yyjson_arr_foreach(json_loose(list), index, max, item) {
        struct str text = json_text(item);
        if (str_is(text, "*")) return true;
        size_t slash = str_find(text, STR("/"));
        struct str resource = slash == SIZE_MAX ? text : str_first(text, slash),
                   subresource = slash == SIZE_MAX ? STR_EMPTY : str_from(text, slash + 1);
        if (str_equal(subresource, action->subresource) &&
            (str_equal(resource, action->resource) || (subresource.len && str_is(resource, "*"))))
            return true;
    }
    return false;
}

static bool lists_path(const yyjson_val *list, struct str path) {
    size_t index, max;
    yyjson_val *item;
    yyjson_arr_foreach(json_loose(list), index, max, item) {
        struct str text = json_text(item);
        if (str_equal(text, path)) return true;
        if (str_ends_with(text, STR("*")) && str_starts_with(path, str_first(text, text.len - 1))) return true;
    }
    return false;
}

/* Unlike the other lists this one knows no "*" (rbac.ResourceNameMatches). */
static bool lists_name(const yyjson_val *list, struct str name) {
    size_t index, max;
    yyjson_val *item;
    yyjson_arr_foreach(json_loose(list), index, max, item) {
        if (str_equal(json_text(item), name)) return true;
    }
    return false;
}

static bool rule_allows(const yyjson_val *rule, const struct action *action) {
    if (!lists(json_get(rule, "verbs"), action->verb)) return false;
    if (!action->resource.len) return lists_path(json_get(rule, "nonResourceURLs"), action->path);
    yyjson_val *names = json_get(rule, "resourceNames");
    return lists(json_get(rule, "apiGroups"), action->group) && lists_resource(json_get(rule, "resources"), action) &&
           (!yyjson_arr_size(names) || (action->name.len && lists_name(names, action->name)));
}

void rights_each_rule(struct rights *rights, const struct user *user, struct str namespace,
                      bool (*each)(void *context, const yyjson_val *rule), void *context) {
    refresh(rights);
    for (size_t i = 0; i < rights->count; i++) {
        const struct binding *binding = &rights->list[i];
        if ((binding->namespace.len && !str_equal(binding->namespace, namespace)) || !names_user(binding, user)) continue;
        size_t index, max;
        yyjson_val *rule;
        yyjson_arr_foreach(json_loose(binding->rules), index, max, rule) {
            if (!each(context, rule)) return;
        }
    }
}

struct search {
    const struct action *action;
    bool is_allowed;
};

static bool look(void *context, const yyjson_val *rule) {
    struct search *search = context;
    search->is_allowed = rule_allows(rule, search->action);
    return !search->is_allowed;
}

bool rights_allow(struct rights *rights, const struct user *user, const struct action *action) {
    if (user_is_in_group(user, "system:masters")) return true;
    struct search search = {.action = action};
    rights_each_rule(rights, user, action->namespace, look, &search);
    return search.is_allowed;
}
