/* Who may do what at the embedded API server, and that nobody gets more than they were given. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "apiserver_fixture.h"

#define ANN      "Authorization: Bearer secret"
#define MAPS     "/api/v1/namespaces/default/configmaps"
#define RBAC     "/apis/rbac.authorization.k8s.io/v1/"
#define ROLES    RBAC "namespaces/default/roles"
#define BINDINGS RBAC "namespaces/default/rolebindings"
#define META(kind, name) "{\"apiVersion\":\"rbac.authorization.k8s.io/v1\",\"kind\":\"" kind "\",\"metadata\":{\"name\":\"" name "\"},"
#define ROLE(name, rules) META("Role", name) "\"rules\":[" rules "]}"
#define CLUSTER_ROLE(name, rules) META("ClusterRole", name) "\"rules\":[" rules "]}"
#define BOUND(role_kind, role)                                                                                                             \
    "\"roleRef\":{\"apiGroup\":\"rbac.authorization.k8s.io\",\"kind\":\"" role_kind "\",\"name\":\"" role "\"},\"subjects\":[{\"kind\":\"User\",\"apiGroup\":"     \
    "\"rbac.authorization.k8s.io\",\"name\":\"ann\"}]}"
#define BINDING(name, role_kind, role) META("RoleBinding", name) BOUND(role_kind, role)
#define RULE(groups, resources, verbs) "{\"apiGroups\":[" groups "],\"resources\":[" resources "],\"verbs\":[" verbs "]}"
#define WRITES_RIGHTS RULE("\"rbac.authorization.k8s.io\"", "\"roles\",\"rolebindings\"", "\"create\",\"update\",\"patch\",\"delete\",\"get\"")
#define READS_MAPS    RULE("\"\"", "\"configmaps\"", "\"get\",\"list\"")

/* Ann may write roles and bindings in default, read configmaps, and this beside. */
static void give_ann(const char *rule) {
    struct str body = arena_printf(rig_arena(rig), ROLE("ann", WRITES_RIGHTS "," READS_MAPS "%s%s"), *rule ? "," : "", rule);
    rig_expect(rig, 201, "POST", ROLES, body.ptr);
    rig_expect(rig, 201, "POST", BINDINGS, BINDING("ann", "Role", "ann"));
}

static struct rig_answer as_ann(int status, const char *method, const char *target, const char *type, const char *body) {
    struct rig_answer answer = rig_send(rig, method, target, type, ANN, body);
    if (answer.status != status) fail_msg("%s %s: %d instead of %d: %.*s", method, target, answer.status, status, STR_ARG(answer.body));
    return answer;
}

#define JSON  "application/json"
#define MERGE "application/merge-patch+json"
#define APPLY "application/apply-patch+yaml"

static void writes_no_role_beyond_own_rights(void **state) {
    (void)state;
    give_ann("");
    struct rig_answer refused = as_ann(403, "POST", ROLES, JSON, ROLE("more", RULE("\"\"", "\"secrets\",\"configmaps\"", "\"get\",\"list\",\"delete\"")));
    assert_text(rig_text(&refused, "message"),
                "roles.rbac.authorization.k8s.io \"more\" is forbidden: user \"ann\" (groups=[\"team\" \"system:authenticated\"]) is attempting to grant RBAC "
                "permissions not currently held:\n{APIGroups:[\"\"], Resources:[\"configmaps\"], Verbs:[\"delete\"]}\n{APIGroups:[\"\"], "
                "Resources:[\"secrets\"], Verbs:[\"get\" \"list\" \"delete\"]}");
    as_ann(403, "POST", ROLES, JSON, ROLE("more", RULE("\"*\"", "\"*\"", "\"*\"")));
    as_ann(403, "POST", ROLES "?dryRun=All", JSON, ROLE("more", RULE("\"\"", "\"*\"", "\"get\"")));
    as_ann(403, "PATCH", ROLES "/more?fieldManager=a", APPLY, ROLE("more", RULE("\"\"", "\"secrets\"", "\"get\"")));
    as_ann(201, "POST", ROLES, JSON, ROLE("same", READS_MAPS));
    as_ann(403, "PATCH", ROLES "/same", MERGE, "{\"rules\":[" RULE("\"\"", "\"secrets\"", "\"get\"") "]}");
    as_ann(403, "PATCH", ROLES "/ann", MERGE, "{\"rules\":[" RULE("\"\"", "\"secrets\"", "\"get\"") "]}");
    as_ann(200, "PATCH", ROLES "/same", MERGE, "{\"rules\":[{\"apiGroups\":[\"\"],\"resources\":[\"configmaps\"],\"resourceNames\":[\"a\"],\"verbs\":[\"get\"]}]}");
    as_ann(200, "DELETE", ROLES "/same", NULL, NULL);
}

/* Of equal keys the last counts, to who decides and to who reads. */
static void a_patch_with_rules_twice_gives_nothing(void **state) {
    (void)state;
    static const char twice[] = "\"rules\":[" READS_MAPS "],\"rules\":[" RULE("\"*\"", "\"*\"", "\"*\"") "]}";
    give_ann("");
    as_ann(201, "POST", ROLES, JSON, ROLE("same", READS_MAPS));
    as_ann(403, "PATCH", ROLES "/same", MERGE, arena_printf(rig_arena(rig), "{%s", twice).ptr);
    as_ann(403, "PATCH", ROLES "/same", "application/strategic-merge-patch+json", arena_printf(rig_arena(rig), "{%s", twice).ptr);
    as_ann(403, "PATCH", ROLES "/same", "application/json-patch+json",
           arena_printf(rig_arena(rig), "[{\"op\":\"replace\",\"path\":\"\",\"value\":" META("Role", "same") "%s}]", twice).ptr);
    struct rig_answer got = rig_expect(rig, 200, "GET", ROLES "/same", NULL);
    assert_text(rig_text(&got, "rules/0/resources/0"), "configmaps");
    assert_false(str_contains(got.body, STR("[\"*\"]")));
}

static void who_may_escalate_writes_any_role(void **state) {
    (void)state;
    give_ann("{\"apiGroups\":[\"rbac.authorization.k8s.io\"],\"resources\":[\"roles\"],\"resourceNames\":[\"free\"],\"verbs\":[\"escalate\"]}");
    rig_expect(rig, 201, "POST", ROLES, ROLE("free", READS_MAPS));
    as_ann(200, "PATCH", ROLES "/free", MERGE, "{\"rules\":[" RULE("\"\"", "\"secrets\"", "\"get\"") "]}");
    as_ann(403, "PATCH", ROLES "/ann", MERGE, "{\"rules\":[" RULE("\"\"", "\"secrets\"", "\"get\"") "]}");
}

static void binds_no_role_beyond_own_rights(void **state) {
    (void)state;
    give_ann("{\"apiGroups\":[\"rbac.authorization.k8s.io\"],\"resources\":[\"clusterroles\"],\"resourceNames\":[\"edit\"],\"verbs\":[\"bind\"]}");
    rig_expect(rig, 201, "POST", RBAC "clusterroles", CLUSTER_ROLE("map-reader", READS_MAPS));
    struct rig_answer refused = as_ann(403, "POST", BINDINGS, JSON, BINDING("all", "ClusterRole", "cluster-admin"));
    assert_true(str_contains(rig_text(&refused, "message"), STR("not currently held:\n{APIGroups:[\"*\"], Resources:[\"*\"], Verbs:[\"*\"]}\n"
                                                                "{NonResourceURLs:[\"*\"], Verbs:[\"*\"]}")));
    as_ann(403, "PATCH", BINDINGS "/all?fieldManager=a", APPLY, BINDING("all", "ClusterRole", "cluster-admin"));
    as_ann(404, "POST", BINDINGS, JSON, BINDING("none", "ClusterRole", "nothing"));
    as_ann(201, "POST", BINDINGS, JSON, BINDING("read", "ClusterRole", "map-reader"));
    as_ann(201, "POST", BINDINGS, JSON, BINDING("edit", "ClusterRole", "edit"));
    /* others' subjects get nothing that she has not */
    rig_expect(rig, 201, "POST", BINDINGS, BINDING("admins", "ClusterRole", "cluster-admin"));
    rig_expect(rig, 200, "DELETE", BINDINGS "/admins", NULL);
    rig_expect(rig, 201, "POST", BINDINGS, META("RoleBinding", "admins") "\"roleRef\":{\"apiGroup\":\"rbac.authorization.k8s.io\",\"kind\":\"ClusterRole\",\"name\":"
               "\"cluster-admin\"},\"subjects\":[]}");
    as_ann(403, "PATCH", BINDINGS "/admins", MERGE, "{" BOUND("ClusterRole", "cluster-admin"));
    /* but they may be let go */
    as_ann(200, "PATCH", BINDINGS "/admins", MERGE, "{\"metadata\":{\"finalizers\":[]}}");
}

static void too_many_rules_are_not_compared(void **state) {
    (void)state;
    give_ann("");
    struct strbuf verbs = strbuf_with_max(1024 * 1024);
    for (int i = 0; i < 200; i++) strbuf_printf(&verbs, "%s\"configmaps\"", i ? "," : "");
    struct str list = arena_copy(rig_arena(rig), strbuf_view(&verbs));
    strbuf_release(&verbs);
    struct str body = arena_printf(rig_arena(rig), ROLE("many", "{\"apiGroups\":[\"\"],\"resources\":[%.*s],\"verbs\":[%.*s]}"), STR_ARG(list), STR_ARG(list));
    struct rig_answer refused = as_ann(403, "POST", ROLES, JSON, body.ptr);
    assert_true(str_contains(rig_text(&refused, "message"), STR("too many")));
}

static void an_update_that_creates_needs_both_rights(void **state) {
    (void)state;
    give_ann(RULE("\"\"", "\"configmaps\"", "\"update\",\"patch\""));
    struct rig_answer refused = as_ann(403, "PATCH", MAPS "/a?fieldManager=a", APPLY, "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\"}");
    assert_text(rig_text(&refused, "message"),
                "configmaps \"a\" is forbidden: User \"ann\" cannot create resource \"configmaps\" in API group \"\" in the namespace \"default\"");
    rig_expect(rig, 404, "GET", MAPS "/a", NULL);
    rig_expect(rig, 201, "POST", MAPS, "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"a\"}}");
    as_ann(200, "PATCH", MAPS "/a?fieldManager=a", APPLY, "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"data\":{\"k\":\"v\"}}");
}

static void a_star_names_no_object(void **state) {
    (void)state;
    give_ann("{\"apiGroups\":[\"\"],\"resources\":[\"secrets\"],\"resourceNames\":[\"*\"],\"verbs\":[\"get\"]}");
    as_ann(403, "GET", "/api/v1/namespaces/default/secrets/a", NULL, NULL);
}

static void nobody_acts_as_another(void **state) {
    (void)state;
    struct rig_answer refused = rig_send(rig, "GET", MAPS, NULL, "Impersonate-User: ann", NULL);
    assert_int_equal(refused.status, 403);
    assert_true(str_starts_with(rig_text(&refused, "message"), STR("users \"ann\" is forbidden: ")));
    refused = rig_send(rig, "GET", MAPS, NULL, "Impersonate-User: a\xff", NULL);
    assert_true(str_starts_with(rig_text(&refused, "message"), STR("users \"a\xef\xbf\xbd\" is forbidden: ")));
    assert_int_equal(rig_send(rig, "GET", MAPS, NULL, "impersonate-group: team", NULL).status, 403);
    assert_int_equal(rig_send(rig, "GET", "/version", NULL, "Impersonate-Extra-a: b", NULL).status, 403);
}

static void names_may_be_odd_where_they_are_allowed(void **state) {
    (void)state;
    rig_expect(rig, 201, "POST", RBAC "clusterroles", CLUSTER_ROLE("a:b c+d", READS_MAPS));
    struct rig_answer got = rig_expect(rig, 200, "GET", RBAC "clusterroles/a%3Ab%20c+d", NULL);
    assert_text(rig_text(&got, "metadata/name"), "a:b c+d");
    rig_expect(rig, 422, "POST", RBAC "clusterroles", CLUSTER_ROLE("a/b", READS_MAPS));
    rig_expect(rig, 404, "GET", RBAC "clusterroles/a%2Fb", NULL);
    rig_expect(rig, 404, "GET", RBAC "clusterroles/%00", NULL);
    rig_expect(rig, 404, "GET", RBAC "clusterroles/%zz%", NULL);
    rig_expect(rig, 200, "DELETE", RBAC "clusterroles/a%3Ab%20c+d", NULL);
    rig_expect(rig, 404, "GET", RBAC "clusterroles/a:b%20c+d", NULL);
}

#define ACCOUNTS "/api/v1/namespaces/default/serviceaccounts"
#define TOKEN_REQUEST(spec) "{\"apiVersion\":\"authentication.k8s.io/v1\",\"kind\":\"TokenRequest\",\"spec\":{" spec "}}"

static void a_token_for_others_opens_nothing_here(void **state) {
    (void)state;
    rig_expect(rig, 201, "POST", ACCOUNTS, "{\"apiVersion\":\"v1\",\"kind\":\"ServiceAccount\",\"metadata\":{\"name\":\"bot\"}}");
    struct rig_answer made = rig_expect(rig, 201, "POST", ACCOUNTS "/bot/token", TOKEN_REQUEST("\"audiences\":[\"vault\"]"));
    struct str token = rig_text(&made, "status/token");
    struct str header = arena_printf(rig_arena(rig), "Authorization: Bearer %.*s", STR_ARG(token));
    assert_int_equal(rig_send(rig, "GET", "/version", NULL, header.ptr, NULL).status, 401);
    const char *review = "{\"apiVersion\":\"authentication.k8s.io/v1\",\"kind\":\"TokenReview\",\"spec\":{\"token\":\"%.*s\"%s}}";
    struct rig_answer here = rig_expect(rig, 201, "POST", "/apis/authentication.k8s.io/v1/tokenreviews",
                                        arena_printf(rig_arena(rig), review, STR_ARG(token), "").ptr);
    assert_false(json_bool_or(json_path(here.json, "status", "authenticated", NULL), false));
    struct rig_answer there = rig_expect(rig, 201, "POST", "/apis/authentication.k8s.io/v1/tokenreviews",
                                         arena_printf(rig_arena(rig), review, STR_ARG(token), ",\"audiences\":[\"x\",\"vault\"]").ptr);
    assert_true(json_bool_or(json_path(there.json, "status", "authenticated", NULL), false));
    assert_text(rig_text(&there, "status/audiences/0"), "vault");
    rig_expect(rig, 400, "POST", ACCOUNTS "/bot/token", TOKEN_REQUEST("\"boundObjectRef\":{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"name\":\"p\"}"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(writes_no_role_beyond_own_rights), TEST(a_patch_with_rules_twice_gives_nothing), TEST(who_may_escalate_writes_any_role), TEST(binds_no_role_beyond_own_rights),
        TEST(too_many_rules_are_not_compared),  TEST(an_update_that_creates_needs_both_rights),
        TEST(a_star_names_no_object),           TEST(nobody_acts_as_another), TEST(names_may_be_odd_where_they_are_allowed),
        TEST(a_token_for_others_opens_nothing_here),
    };
    return cmocka_run_group_tests_name("apiserver_rights", tests, NULL, NULL);
}
