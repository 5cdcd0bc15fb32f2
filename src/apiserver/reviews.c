#include "apiserver/body.h"
#include "apiserver/identity.h"
#include "apiserver/rights.h"
#include "apiserver/server.h"
#include "data/rfc3339.h"

/* Kinds that are answered rather than stored: who am I, may I, whose token is this, a token for this account. */

enum { MIN_TOKEN_S = 600, DEFAULT_TOKEN_S = 3600 };
#define MAX_TOKEN_S ((int64_t)1 << 32)

static struct action action_of(const yyjson_mut_val *spec, struct str namespace) {
    const yyjson_mut_val *resource = mut_get(spec, "resourceAttributes"), *path = mut_get(spec, "nonResourceAttributes");
    struct action action = {.verb = mut_text_at(resource ? resource : path, "verb"), .path = mut_text_at(path, "path")};
    if (!resource) return action;
    action.group = mut_text_at(resource, "group");
    action.resource = mut_text_at(resource, "resource");
    action.subresource = mut_text_at(resource, "subresource");
    action.namespace = namespace.len ? namespace : mut_text_at(resource, "namespace");
    action.name = mut_text_at(resource, "name");
    return action;
}

static struct user user_of(struct request *request, const yyjson_mut_val *spec) {
    struct user user = {.name = mut_text_at(spec, "user"), .uid = mut_text_at(spec, "uid")};
    yyjson_mut_val *groups = mut_get(spec, "groups"), *group;
    size_t index, max;
    struct str *list = arena_array(&request->arena, yyjson_mut_arr_size(groups) + 1, sizeof *list);
    if (!list) return user;
    yyjson_mut_arr_foreach(groups, index, max, group) list[user.group_count++] = json_mut_text(group);
    user.groups = list;
    return user;
}

/* As Go's encoder writes the type, which has no names for JSON. */
static struct str path_text(struct arena *arena, const yyjson_mut_val *path) {
    return arena_printf(arena, "{\"Path\":%.*s,\"Verb\":%.*s}", STR_ARG(field_error_quote(arena, mut_text_at(path, "path"))),
                        STR_ARG(field_error_quote(arena, mut_text_at(path, "verb"))));
}

static bool access_review(struct request *request, yyjson_mut_val *object, bool is_of_self) {
    yyjson_mut_val *spec = mut_get(object, "spec");
    struct field_errors errors = {.arena = &request->arena};
    const yyjson_mut_val *path = mut_get(spec, "nonResourceAttributes");
    if (mut_get(spec, "resourceAttributes") && path)
        field_errors_add_text(&errors, FIELD_INVALID, STR("spec.nonResourceAttributes"), path_text(&request->arena, path),
                              STR("cannot be specified in combination with resourceAttributes"));
    if (!mut_get(spec, "resourceAttributes") && !path)
        field_errors_add_text(&errors, FIELD_INVALID, STR("spec.resourceAttributes"), STR("null"),
                              STR("exactly one of nonResourceAttributes or resourceAttributes must be specified"));
    if (!is_of_self && !mut_text_at(spec, "user").len && mut_is_empty(mut_get(spec, "groups")))
        field_errors_add(&errors, FIELD_INVALID, STR("spec.user"), mut_get(spec, "user"),
                         "at least one of user or group must be specified");
    if (errors.count) {
        struct refusal_subject kind = request_kind_subject(request);
        return refuse_invalid(&request->arena, &request->refusal, &kind, &errors);
    }
    struct action action = action_of(spec, request->namespace);
    struct user user = is_of_self ? request->user : user_of(request, spec);
    yyjson_mut_val *status = mut_need_object(request->doc, object, "status");
    mut_set_bool(request->doc, status, "allowed", rights_allow(request->server->rights, &user, &action));
    return true;
}

static yyjson_mut_val *user_info(struct request *request, const struct user *user) {
    yyjson_mut_doc *doc = request->doc;
    yyjson_mut_val *info = yyjson_mut_obj(doc), *groups = yyjson_mut_arr(doc);
    mut_set_text(doc, info, "username", user->name);
    if (user->uid.len) mut_set_text(doc, info, "uid", user->uid);
    for (size_t i = 0; i < user->group_count; i++) yyjson_mut_arr_append(groups, mut_make_text(doc, user->groups[i]));
    mut_set(doc, info, "groups", groups);
    return info;
}

static bool token_review(struct request *request, yyjson_mut_val *object) {
    struct user user = {0};
    if (!mut_text_at(mut_get(object, "spec"), "token").len)
        return refuse_bad_request(&request->arena, &request->refusal, "token is required for TokenReview in authentication");
    yyjson_mut_doc *doc = request->doc;
    yyjson_mut_val *status = mut_need_object(doc, object, "status"), *audiences;
    yyjson_mut_val *spec = mut_get(object, "spec"), *wanted = mut_get(spec, "audiences"), *audience;
    struct str token = mut_text_at(spec, "token"), own = STR(IDENTITY_ISSUER);
    size_t index, max;
    audiences = yyjson_mut_arr(doc);
    yyjson_mut_arr_foreach(wanted, index, max, audience) {
        if (identity_of_token(request->server, &request->arena, token, json_mut_text(audience), &user))
            yyjson_mut_arr_append(audiences, mut_copy(doc, audience));
    }
    if (mut_is_empty(wanted) && identity_of_token(request->server, &request->arena, token, own, &user))
        yyjson_mut_arr_append(audiences, mut_make_text(doc, own));
    if (!yyjson_mut_arr_size(audiences)) {
        mut_set(doc, status, "user", yyjson_mut_obj(doc));
        mut_set_text(doc, status, "error", STR("invalid bearer token"));
        return true;
    }
    mut_set_bool(doc, status, "authenticated", true);
    mut_set(doc, status, "user", user_info(request, &user));
    mut_set(doc, status, "audiences", audiences);
    return true;
}

struct rules {
    struct request *request;
    yyjson_mut_val *resources, *paths;
};

static bool add_rule(void *context, const yyjson_val *rule) {
    struct rules *rules = context;
    yyjson_mut_val *copy = yyjson_val_mut_copy(rules->request->doc, json_loose(rule));
    return yyjson_mut_arr_append(json_get(rule, "nonResourceURLs") ? rules->paths : rules->resources, copy);
}

static bool rules_review(struct request *request, yyjson_mut_val *object) {
    yyjson_mut_doc *doc = request->doc;
    if (!mut_text_at(mut_get(object, "spec"), "namespace").len)
        return refuse_bad_request(&request->arena, &request->refusal, "no namespace on request");
    yyjson_mut_val *status = mut_need_object(doc, object, "status");
    struct rules rules = {.request = request, .resources = yyjson_mut_arr(doc), .paths = yyjson_mut_arr(doc)};
    mut_set(doc, status, "resourceRules", rules.resources);
    mut_set(doc, status, "nonResourceRules", rules.paths);
    mut_set_bool(doc, status, "incomplete", false);
    rights_each_rule(request->server->rights, &request->user, mut_text_at(mut_get(object, "spec"), "namespace"), add_rule, &rules);
    return true;
}

/* What a token is to be bound to: only what is stored here, and what the account is called. */
static bool check_token_request(struct request *request, const yyjson_mut_val *object) {
    struct arena *arena = &request->arena;
    const yyjson_mut_val *bound = mut_path(object, "spec", "boundObjectRef", NULL);
    struct str name = mut_text_at(mut_get(object, "metadata"), "name"), kind = mut_text_at(bound, "kind"),
               version = mut_text_at(bound, "apiVersion");
    if (name.len && !str_equal(name, request->name)) {
        struct field_errors errors = {.arena = arena};
        struct refusal_subject subject = {.resource = STR("TokenRequest"), .group = STR("authentication.k8s.io"), .name = request->name};
        field_errors_add(&errors, FIELD_INVALID, STR("metadata.name"), mut_get(mut_get(object, "metadata"), "name"),
                         "must match the service account name if specified");
        return refuse_invalid(arena, &request->refusal, &subject, &errors);
    }
    if (!bound || str_is(kind, "Pod") || str_is(kind, "Secret") || str_is(kind, "Node")) return true;
    return refuse_bad_request(arena, &request->refusal, "cannot bind token to object of type %s%.*s, Kind=%.*s",
                              str_contains(version, STR("/")) ? "" : "/", STR_ARG(version), STR_ARG(kind));
}

static bool token_request(struct request *request, yyjson_mut_val *object) {
    yyjson_mut_doc *doc = request->doc;
    struct object *account = objects_find(request->collection, request->namespace, request->name);
    struct refusal_subject subject = request_subject(request);
    if (!account) return refuse_not_found(&request->arena, &request->refusal, &subject);
    if (!check_token_request(request, object)) return false;
    yyjson_mut_val *spec = mut_need_object(doc, object, "spec"), *status = mut_need_object(doc, object, "status");
    int64_t seconds = DEFAULT_TOKEN_S, now_s = loop_wall_ms(request->server->loop) / 1000;
    if (!mut_int64(mut_get(spec, "expirationSeconds"), &seconds)) mut_set_int64(doc, spec, "expirationSeconds", seconds);
    if (seconds < MIN_TOKEN_S || seconds > MAX_TOKEN_S) {
        struct field_errors errors = {.arena = &request->arena};
        field_errors_add(&errors, FIELD_INVALID, STR("spec.expirationSeconds"), mut_get(spec, "expirationSeconds"),
                         seconds < MIN_TOKEN_S ? "may not specify a duration less than 10 minutes"
                                               : "may not specify a duration larger than 2^32 seconds");
        struct refusal_subject kind = {.resource = STR("TokenRequest"), .group = STR("authentication.k8s.io")};
        return refuse_invalid(&request->arena, &request->refusal, &kind, &errors);
    }
    if (!mut_is_empty(mut_get(spec, "boundObjectRef")))
        return refuse_bad_request(&request->arena, &request->refusal,
                                  "this server binds tokens to their service account alone; leave spec.boundObjectRef out");
    if (mut_is_empty(mut_get(spec, "audiences"))) {
        yyjson_mut_val *audiences = yyjson_mut_arr(doc);
        yyjson_mut_arr_append(audiences, mut_make_text(doc, STR(IDENTITY_ISSUER)));
        mut_set(doc, spec, "audiences", audiences);
    }
    struct str token = identity_make_token(request->server, &request->arena, account->namespace, account->name, account->uid,
                                           mut_get(spec, "audiences"), now_s, now_s + seconds);
    if (!token.len) return refuse_internal(&request->arena, &request->refusal, "the token cannot be signed");
    mut_set_text(doc, status, "token", token);
    mut_set_text(doc, status, "expirationTimestamp", rfc3339_format_ms(&request->arena, (now_s + seconds) * 1000, RFC3339_SECONDS));
    yyjson_mut_val *metadata = mut_need_object(doc, object, "metadata");
    mut_set_text(doc, metadata, "name", account->name);
    mut_set_text(doc, metadata, "namespace", account->namespace);
    mut_set_text(doc, metadata, "creationTimestamp", request->now);
    return true;
}

static bool answer(struct request *request, yyjson_mut_val *object) {
    struct str kind = request->kind->kind;
    if (request->subresource) return token_request(request, object);
    mut_need_object(request->doc, object, "metadata");
    if (str_is(kind, "SelfSubjectAccessReview")) return access_review(request, object, true);
    if (str_is(kind, "SubjectAccessReview") || str_is(kind, "LocalSubjectAccessReview")) return access_review(request, object, false);
    if (str_is(kind, "TokenReview")) return token_review(request, object);
    if (str_is(kind, "SelfSubjectRulesReview")) return rules_review(request, object);
    mut_set(request->doc, mut_need_object(request->doc, object, "status"), "userInfo", user_info(request, &request->user));
    return true;
}

void verb_review(struct request *request) {
    yyjson_mut_val *object;
    struct complaints complaints = {0};
    bool is_token = request->subresource;
    struct str group = is_token ? request->subresource->group : request->kind->group;
    struct str kind = is_token ? request->subresource->kind : request->kind->kind;
    if (body_check_options(request, "CreateOptions") && body_read(request, &object, &complaints) &&
        body_check_kind(request, object, group, request->version->version, kind) && answer(request, object))
        request_answer_value(request, 201, object);
    else
        request_refuse(request);
}
