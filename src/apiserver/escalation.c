#include "apiserver/escalation.h"

#include <stdlib.h>

#include "apiserver/rights.h"
#include "apiserver/server.h"
#include "apiserver/write.h"

enum {
    /* Single rights (a verb on a resource of a group with a name) that one write may give: each is looked for in all rules of the user. */
    MAX_GIVEN_RIGHTS = 20000,
    MAX_TOLD = 50, /* lines of the message */
};

struct check {
    struct request *request;
    struct str namespace;
    size_t given;
    struct str missing[MAX_TOLD];
    size_t missing_count;
    bool is_refused;
};

static bool is_role(struct str plural) {
    return str_is(plural, "roles") || str_is(plural, "clusterroles");
}

static bool is_of_rights(const struct request *request) {
    return request->kind->builtin && str_is(request->kind->group, "rbac.authorization.k8s.io");
}

static bool may(struct request *request, const char *verb, struct str resource, struct str namespace, struct str name) {
    struct action action = {
        .verb = str_of(verb), .group = request->kind->group, .resource = resource, .namespace = namespace, .name = name};
    return rights_allow(request->server->rights, &request->user, &action);
}

/* The elements, or one empty text where there are none. */
static size_t texts_of(struct arena *arena, const yyjson_mut_val *rule, const char *key, const struct str **out) {
    static const struct str nothing[1];
    yyjson_mut_val *list = mut_get(rule, key), *item;
    size_t count = yyjson_mut_arr_size(list), index, max;
    struct str *texts = count ? arena_array(arena, count, sizeof *texts) : NULL;
    *out = texts ? texts : nothing;
    if (!texts) return 1;
    yyjson_mut_arr_foreach(list, index, max, item) texts[index] = json_mut_text(item);
    return count;
}

static void note(struct check *check, struct str line) {
    check->is_refused = true;
    if (check->missing_count < MAX_TOLD) check->missing[check->missing_count++] = line;
}

/* The verbs among these that the user may not use so, quoted and with spaces between; empty: none. */
static struct str missing_verbs(struct check *check, const struct str *verbs, size_t verb_count, struct action *action) {
    struct request *request = check->request;
    struct str missing = STR_EMPTY;
    for (size_t i = 0; i < verb_count && check->given < MAX_GIVEN_RIGHTS; i++) {
        check->given++;
        action->verb = verbs[i];
        if (rights_allow(request->server->rights, &request->user, action)) continue;
        missing = arena_join(&request->arena, missing, missing.len ? STR(" ") : STR_EMPTY,
                             arena_printf(&request->arena, "\"%.*s\"", STR_ARG(verbs[i])));
    }
    return missing;
}

static void check_resource(struct check *check, const yyjson_mut_val *rule, struct str group, struct str resource) {
    struct arena *arena = &check->request->arena;
    const struct str *names, *verbs;
    size_t name_count = texts_of(arena, rule, "resourceNames", &names), verb_count = texts_of(arena, rule, "verbs", &verbs);
    size_t slash = str_find(resource, STR("/"));
    struct action action = {.group = group,
                            .resource = slash == SIZE_MAX ? resource : str_first(resource, slash),
                            .subresource = slash == SIZE_MAX ? STR_EMPTY : str_from(resource, slash + 1),
                            .namespace = check->namespace};
    for (size_t i = 0; i < name_count && check->given < MAX_GIVEN_RIGHTS; i++) {
        action.name = names[i];
        struct str missing = missing_verbs(check, verbs, verb_count, &action);
        struct str told = names[i].len ? arena_printf(arena, ", ResourceNames:[\"%.*s\"]", STR_ARG(names[i])) : STR_EMPTY;
        if (missing.len)
            note(check, arena_printf(arena, "{APIGroups:[\"%.*s\"], Resources:[\"%.*s\"]%.*s, Verbs:[%.*s]}", STR_ARG(group),
                                     STR_ARG(resource), STR_ARG(told), STR_ARG(missing)));
    }
}

static void check_paths(struct check *check, const yyjson_mut_val *rule) {
    struct arena *arena = &check->request->arena;
    const struct str *paths, *verbs;
    size_t path_count = texts_of(arena, rule, "nonResourceURLs", &paths), verb_count = texts_of(arena, rule, "verbs", &verbs);
    for (size_t i = 0; i < path_count && check->given < MAX_GIVEN_RIGHTS; i++) {
        struct action action = {.path = paths[i], .namespace = check->namespace};
        struct str missing = missing_verbs(check, verbs, verb_count, &action);
        if (missing.len)
            note(check, arena_printf(arena, "{NonResourceURLs:[\"%.*s\"], Verbs:[%.*s]}", STR_ARG(paths[i]), STR_ARG(missing)));
    }
}

static void check_rule(struct check *check, const yyjson_mut_val *rule) {
    struct arena *arena = &check->request->arena;
    const struct str *groups, *resources;
    if (!mut_is_empty(mut_get(rule, "nonResourceURLs"))) check_paths(check, rule);
    if (mut_is_empty(mut_get(rule, "resources"))) return;
    size_t group_count = texts_of(arena, rule, "apiGroups", &groups), resource_count = texts_of(arena, rule, "resources", &resources);
    for (size_t i = 0; i < group_count; i++) {
        for (size_t k = 0; k < resource_count && check->given < MAX_GIVEN_RIGHTS; k++) check_resource(check, rule, groups[i], resources[k]);
    }
}

static int compare_lines(const void *left, const void *right) {
    return str_compare(*(const struct str *)left, *(const struct str *)right);
}

static bool refuse(struct check *check) {
    struct request *request = check->request;
    struct strbuf text = strbuf_with_max(LIMIT_BODY_BYTES);
    qsort(check->missing, check->missing_count, sizeof *check->missing, compare_lines);
    for (size_t i = 0; i < request->user.group_count; i++)
        strbuf_printf(&text, "%s\"%.*s\"", i ? " " : "", STR_ARG(request->user.groups[i]));
    strbuf_append(&text, STR("]) is attempting to grant RBAC permissions not currently held:"));
    for (size_t i = 0; i < check->missing_count; i++) strbuf_printf(&text, "\n%.*s", STR_ARG(check->missing[i]));
    struct refusal_subject subject = request_subject(request);
    refuse_forbidden(&request->arena, &request->refusal, &subject, "user \"%.*s\" (groups=[%.*s", STR_ARG(request->user.name),
                     (int)text.len, text.len ? text.ptr : "");
    strbuf_release(&text);
    return false;
}

static bool check_rules(struct request *request, const yyjson_mut_val *rules) {
    struct check check = {.request = request, .namespace = request->namespace};
    size_t index, max;
    yyjson_mut_val *rule;
    yyjson_mut_arr_foreach(json_mut_loose(rules), index, max, rule) check_rule(&check, rule);
    if (check.given >= MAX_GIVEN_RIGHTS) {
        struct refusal_subject subject = request_subject(request);
        return refuse_forbidden(&request->arena, &request->refusal, &subject,
                                "the rules are too many to be compared with those of user \"%.*s\"", STR_ARG(request->user.name));
    }
    return !check.is_refused || refuse(&check);
}

static bool check_bound(struct request *request, const yyjson_mut_val *binding) {
    const yyjson_mut_val *reference = mut_get(binding, "roleRef");
    struct str name = mut_text_at(reference, "name");
    bool is_cluster_role = str_is(mut_text_at(reference, "kind"), "ClusterRole");
    struct refusal_subject subject = {
        .resource = is_cluster_role ? STR("clusterroles") : STR("roles"), .group = request->kind->group, .name = name};
    if (may(request, "bind", subject.resource, request->namespace, name)) return true;
    struct str key = is_cluster_role ? STR("rbac.authorization.k8s.io/clusterroles") : STR("rbac.authorization.k8s.io/roles");
    struct collection *roles = objects_collection(request->server->objects, key);
    struct object *role = roles ? objects_find(roles, is_cluster_role ? STR_EMPTY : request->namespace, name) : NULL;
    if (!role) return refuse_not_found(&request->arena, &request->refusal, &subject);
    yyjson_mut_val *value;
    if (!write_load(request, role, &value)) return false;
    return check_rules(request, mut_get(value, "rules"));
}

/* rbac.IsOnlyMutatingGCFields: whoever lets an object go need not hold what it gives. */
static bool keeps_all_but_owners(const yyjson_mut_val *object, const yyjson_mut_val *live) {
    static const char *const members[] = {"rules", "aggregationRule", "roleRef", "subjects"}, *const of_metadata[] = {"labels",
                                                                                                                      "annotations"};
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        if (!json_mut_equal(mut_get(object, members[i]), mut_get(live, members[i]))) return false;
    }
    const yyjson_mut_val *metadata = mut_get(object, "metadata"), *live_metadata = mut_get(live, "metadata");
    for (size_t i = 0; i < sizeof of_metadata / sizeof *of_metadata; i++) {
        if (!json_mut_equal(mut_get(metadata, of_metadata[i]), mut_get(live_metadata, of_metadata[i]))) return false;
    }
    return true;
}

bool escalation_check(struct request *request, const yyjson_mut_val *object, const yyjson_mut_val *live) {
    if (!is_of_rights(request) || user_is_in_group(&request->user, "system:masters")) return true;
    if (live && keeps_all_but_owners(object, live)) return true;
    if (!is_role(request->kind->plural)) return check_bound(request, object);
    if (may(request, "escalate", request->kind->plural, request->namespace, request->route.name)) return true;
    return check_rules(request, mut_get(object, "rules"));
}
