/* The embedded API server, request by request: what clients of Kubernetes rely on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "apiserver_fixture.h"

#define MAPS "/api/v1/namespaces/default/configmaps"
#define MAP(name, data) "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"" name "\"},\"data\":" data "}"

static void stores_and_gives_back(void **state) {
    (void)state;
    struct rig_answer made = rig_expect(rig, 201, "POST", MAPS, MAP("a", "{\"k\":\"v\"}"));
    assert_text(rig_text(&made, "data/k"), "v");
    assert_int_equal(rig_text(&made, "metadata/uid").len, 36);
    assert_true(rig_text(&made, "metadata/creationTimestamp").len);
    struct rig_answer got = rig_expect(rig, 200, "GET", MAPS "/a", NULL);
    assert_text(rig_text(&got, "metadata/uid"), arena_printf(rig_arena(rig), "%.*s", STR_ARG(rig_text(&made, "metadata/uid"))).ptr);
    assert_text(rig_text(&got, "metadata/namespace"), "default");
    struct rig_answer gone = rig_expect(rig, 200, "DELETE", MAPS "/a", NULL);
    assert_text(rig_text(&gone, "status"), "Success");
    assert_text(rig_text(&gone, "details/kind"), "configmaps");
    struct rig_answer missing = rig_expect(rig, 404, "GET", MAPS "/a", NULL);
    assert_text(rig_text(&missing, "message"), "configmaps \"a\" not found");
    assert_text(rig_text(&missing, "reason"), "NotFound");
}

static void repeated_owners_count_once(void **state) {
    (void)state;
#define OWNER(uid) "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"name\":\"p\",\"uid\":\"" uid "\"}"
    struct rig_answer made = rig_expect(rig, 201, "POST", MAPS,
                                        "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"owned\",\"ownerReferences\":[" OWNER("1")
                                        "," OWNER("1") "," OWNER("2") "]}}");
    assert_text(rig_text(&made, "metadata/ownerReferences/0/uid"), "1");
    assert_text(rig_text(&made, "metadata/ownerReferences/1/uid"), "2");
    assert_int_equal(yyjson_arr_size(json_path(made.json, "metadata", "ownerReferences", NULL)), 2);
    assert_true(made.warnings.len > 0);
}

static void keeps_what_it_has_over_a_restart(void **state) {
    (void)state;
    rig_expect(rig, 201, "POST", MAPS, MAP("a", "{\"k\":\"v\"}"));
    rig_restart(rig);
    struct rig_answer got = rig_expect(rig, 200, "GET", MAPS "/a", NULL);
    assert_text(rig_text(&got, "data/k"), "v");
    rig_expect(rig, 409, "POST", MAPS, MAP("a", "{}"));
}

static void refuses_in_kubernetes_words(void **state) {
    (void)state;
    static const struct {
        const char *method, *target, *body;
        int status;
        const char *reason, *message;
    } cases[] = {
        {"POST", MAPS, "{", 400, "BadRequest", NULL},
        {"POST", MAPS, MAP("A", "{}"), 422, "Invalid",
         "ConfigMap \"A\" is invalid: metadata.name: Invalid value: \"A\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
         "'.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
         "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"},
        {"POST", MAPS, "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{}}", 422, "Invalid",
         "ConfigMap \"\" is invalid: metadata.name: Required value: name or generateName is required"},
        {"POST", MAPS, "{\"apiVersion\":\"v2\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"a\"}}", 400, "BadRequest",
         "the API version in the data (v2) does not match the expected API version (v1)"},
        {"POST", "/api/v1/namespaces/nowhere/configmaps", MAP("a", "{}"), 404, "NotFound", "namespaces \"nowhere\" not found"},
        {"POST", MAPS, "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"a\",\"namespace\":\"x\"}}", 400, "BadRequest",
         "the namespace of the provided object does not match the namespace sent on the request"},
        {"POST", MAPS, "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"a\",\"resourceVersion\":\"5\"}}", 400, "BadRequest",
         "resourceVersion should not be set on objects to be created"},
        {"PUT", MAPS "/a", MAP("a", "{}"), 404, "NotFound", "configmaps \"a\" not found"},
        {"DELETE", "/api/v1/namespaces/default", NULL, 403, "Forbidden", "namespaces \"default\" is forbidden: this namespace may not be deleted"},
        {"POST", MAPS "?fieldValidation=Strict", MAP("a", "{},\"x\":1"), 400, "BadRequest",
         "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: strict decoding error: unknown field \"x\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rig_answer answer = rig_expect(rig, cases[i].status, cases[i].method, cases[i].target, cases[i].body);
        assert_text(rig_text(&answer, "reason"), cases[i].reason);
        if (cases[i].message) assert_text(rig_text(&answer, "message"), cases[i].message);
    }
}

static void holds_updates_to_their_revision(void **state) {
    (void)state;
    struct rig_answer made = rig_expect(rig, 201, "POST", MAPS, MAP("a", "{\"k\":\"1\"}"));
    struct str revision = rig_text(&made, "metadata/resourceVersion");
    struct str body = arena_printf(rig_arena(rig), "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"a\",\"resourceVersion\":\"%.*s\"},\"data\":{\"k\":\"2\"}}",
                                   STR_ARG(revision));
    struct rig_answer first = rig_expect(rig, 200, "PUT", MAPS "/a", body.ptr);
    assert_text(rig_text(&first, "data/k"), "2");
    struct rig_answer second = rig_expect(rig, 409, "PUT", MAPS "/a", body.ptr);
    assert_text(rig_text(&second, "message"),
                "Operation cannot be fulfilled on configmaps \"a\": the object has been modified; please apply your changes to the latest version and try again");
    /* Nothing changes: nothing is written. */
    struct rig_answer same = rig_expect(rig, 200, "PUT", MAPS "/a", MAP("a", "{\"k\":\"2\"}"));
    assert_text(rig_text(&same, "metadata/resourceVersion"), arena_copy(rig_arena(rig), rig_text(&first, "metadata/resourceVersion")).ptr);
}

static void patches(void **state) {
    (void)state;
    rig_expect(rig, 201, "POST", MAPS, MAP("a", "{\"k\":\"1\",\"l\":\"2\"}"));
    struct rig_answer merged = rig_send(rig, "PATCH", MAPS "/a", "application/merge-patch+json", NULL, "{\"data\":{\"k\":null,\"m\":\"3\"}}");
    assert_int_equal(merged.status, 200);
    assert_text(rig_text(&merged, "data/k"), "");
    assert_text(rig_text(&merged, "data/m"), "3");
    struct rig_answer json = rig_send(rig, "PATCH", MAPS "/a", "application/json-patch+json", NULL, "[{\"op\":\"replace\",\"path\":\"/data/m\",\"value\":\"4\"}]");
    assert_int_equal(json.status, 200);
    assert_text(rig_text(&json, "data/m"), "4");
    assert_int_equal(rig_send(rig, "PATCH", MAPS "/a", "text/plain", NULL, "{}").status, 415);
}

static void lists_in_pages_that_stay_consistent(void **state) {
    (void)state;
    for (char name = 'a'; name < 'f'; name++) {
        struct str body = arena_printf(rig_arena(rig), "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"%c\",\"labels\":{\"odd\":\"%d\"}}}", name, name % 2);
        rig_expect(rig, 201, "POST", MAPS, body.ptr);
    }
    struct rig_answer page = rig_expect(rig, 200, "GET", MAPS "?limit=2", NULL);
    assert_text(rig_text(&page, "items/1/metadata/name"), "b");
    int64_t remaining = 0;
    json_int64(json_path(page.json, "metadata", "remainingItemCount", NULL), &remaining);
    assert_int_equal(remaining, 3);
    rig_expect(rig, 200, "DELETE", MAPS "/c", NULL);
    struct str token = rig_text(&page, "metadata/continue");
    struct rig_answer next = rig_expect(rig, 200, "GET", arena_printf(rig_arena(rig), MAPS "?limit=2&continue=%.*s", STR_ARG(token)).ptr, NULL);
    assert_text(rig_text(&next, "items/0/metadata/name"), "c"); /* as it was when the first page was made */
    assert_text(rig_text(&next, "items/1/metadata/name"), "d");
    struct rig_answer selected = rig_expect(rig, 200, "GET", MAPS "?labelSelector=odd%3D1", NULL);
    assert_int_equal(yyjson_arr_size(json_get(selected.json, "items")), 2); /* a, e: c is gone */
    struct rig_answer by_name = rig_expect(rig, 200, "GET", MAPS "?fieldSelector=metadata.name%3Dd", NULL);
    assert_int_equal(yyjson_arr_size(json_get(by_name.json, "items")), 1);
    struct rig_answer future = rig_expect(rig, 504, "GET", MAPS "?resourceVersion=100000", NULL);
    assert_text(rig_text(&future, "details/causes/0/reason"), "ResourceVersionTooLarge");
}

static void watches(void **state) {
    (void)state;
    rig_expect(rig, 201, "POST", MAPS, MAP("a", "{}"));
    struct rig_stream *stream = rig_watch(rig, MAPS "?watch=true&resourceVersion=0");
    assert_text(rig_next(rig, stream), "ADDED a");
    struct rig_answer made = rig_expect(rig, 201, "POST", MAPS, MAP("b", "{}"));
    assert_text(rig_next(rig, stream), "ADDED b");
    rig_expect(rig, 200, "PUT", MAPS "/b", MAP("b", "{\"k\":\"v\"}"));
    assert_text(rig_next(rig, stream), "MODIFIED b");
    rig_expect(rig, 200, "DELETE", MAPS "/b", NULL);
    assert_text(rig_next(rig, stream), "DELETED b");
    /* From a revision on, everything after it, also over a restart. */
    rig_restart(rig);
    struct str revision = rig_text(&made, "metadata/resourceVersion");
    struct rig_stream *later = rig_watch(rig, arena_printf(rig_arena(rig), MAPS "?watch=1&resourceVersion=%.*s", STR_ARG(revision)).ptr);
    assert_text(rig_next(rig, later), "MODIFIED b");
    assert_text(rig_next(rig, later), "DELETED b");
    rig_close(later);
}

static void watches_what_a_selector_takes(void **state) {
    (void)state;
    struct rig_stream *stream = rig_watch(rig, MAPS "?watch=true&labelSelector=app%3Dx");
    rig_expect(rig, 201, "POST", MAPS, MAP("other", "{}"));
    rig_expect(rig, 201, "POST", MAPS, "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"a\",\"labels\":{\"app\":\"x\"}}}");
    assert_text(rig_next(rig, stream), "ADDED a");
    rig_expect(rig, 200, "PUT", MAPS "/a", "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"a\",\"labels\":{\"app\":\"y\"}}}");
    assert_text(rig_next(rig, stream), "DELETED a");
    rig_expect(rig, 200, "PUT", MAPS "/a", "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"a\",\"labels\":{\"app\":\"x\"}}}");
    assert_text(rig_next(rig, stream), "ADDED a");
}

static void sends_initial_events_and_says_when_they_end(void **state) {
    (void)state;
    rig_expect(rig, 201, "POST", MAPS, MAP("a", "{}"));
    struct rig_stream *stream = rig_watch(rig, MAPS "?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true");
    assert_text(rig_next(rig, stream), "ADDED a");
    const yyjson_val *bookmark = rig_next_event(rig, stream);
    assert_text(json_text(json_get(bookmark, "type")), "BOOKMARK");
    assert_text(json_text(json_path(bookmark, "object", "metadata", "annotations", "k8s.io/initial-events-end", NULL)), "true");
}

static void slow_readers_catch_up_from_the_log(void **state) {
    (void)state;
    struct rig_stream *stream = rig_watch(rig, MAPS "?watch=true");
    struct str big = arena_printf(rig_arena(rig), "%0*d", 600000, 7);
    rig_stall(stream, true);
    for (int i = 0; i < 6; i++) {
        struct str body = arena_printf(rig_arena(rig), "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"m%d\"},\"data\":{\"k\":\"%.*s\"}}", i, STR_ARG(big));
        rig_expect(rig, 201, "POST", MAPS, body.ptr);
    }
    rig_stall(stream, false);
    for (int i = 0; i < 6; i++) assert_text(rig_next(rig, stream), arena_printf(rig_arena(rig), "ADDED m%d", i).ptr);
}

static void collects_what_its_owner_leaves(void **state) {
    (void)state;
    struct rig_answer owner = rig_expect(rig, 201, "POST", MAPS, MAP("owner", "{}"));
    struct str body = arena_printf(rig_arena(rig),
                                   "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"child\",\"ownerReferences\":[{\"apiVersion\":\"v1\",\"kind\":"
                                   "\"ConfigMap\",\"name\":\"owner\",\"uid\":\"%.*s\",\"blockOwnerDeletion\":true}]}}",
                                   STR_ARG(rig_text(&owner, "metadata/uid")));
    rig_expect(rig, 201, "POST", MAPS, body.ptr);
    rig_expect(rig, 200, "DELETE", MAPS "/owner?propagationPolicy=Foreground", NULL);
    rig_wait_status(rig, MAPS "/child", 404);
    rig_wait_status(rig, MAPS "/owner", 404);
    owner = rig_expect(rig, 201, "POST", MAPS, MAP("owner", "{}"));
    body = arena_printf(rig_arena(rig),
                        "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"child\",\"ownerReferences\":[{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\","
                        "\"name\":\"owner\",\"uid\":\"%.*s\"}]}}",
                        STR_ARG(rig_text(&owner, "metadata/uid")));
    rig_expect(rig, 201, "POST", MAPS, body.ptr);
    rig_expect(rig, 200, "DELETE", MAPS "/owner?propagationPolicy=Orphan", NULL);
    rig_wait_status(rig, MAPS "/owner", 404);
    struct rig_answer orphan = rig_expect(rig, 200, "GET", MAPS "/child", NULL);
    assert_null(json_path(orphan.json, "metadata", "ownerReferences", NULL));
}

static void empties_namespaces_that_go(void **state) {
    (void)state;
    rig_expect(rig, 201, "POST", "/api/v1/namespaces", "{\"apiVersion\":\"v1\",\"kind\":\"Namespace\",\"metadata\":{\"name\":\"n\"}}");
    rig_expect(rig, 201, "POST", "/api/v1/namespaces/n/configmaps", MAP("a", "{}"));
    rig_expect(rig, 201, "POST", "/api/v1/namespaces/n/configmaps",
               "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"held\",\"finalizers\":[\"x.example/y\"]}}");
    struct rig_answer going = rig_expect(rig, 200, "DELETE", "/api/v1/namespaces/n", NULL);
    assert_text(rig_text(&going, "status/phase"), "Terminating");
    rig_wait_status(rig, "/api/v1/namespaces/n/configmaps/a", 404);
    struct rig_answer late = rig_expect(rig, 403, "POST", "/api/v1/namespaces/n/configmaps", MAP("b", "{}"));
    assert_text(rig_text(&late, "details/causes/0/reason"), "NamespaceTerminating");
    rig_expect(rig, 200, "GET", "/api/v1/namespaces/n", NULL);
    assert_int_equal(rig_send(rig, "PATCH", "/api/v1/namespaces/n/configmaps/held", "application/merge-patch+json", NULL, "{\"metadata\":{\"finalizers\":null}}").status, 200);
    rig_wait_status(rig, "/api/v1/namespaces/n", 404);
}

#define EVENTS "/api/v1/namespaces/default/events"
#define EVENT(name, more)                                                                                                                  \
    "{\"apiVersion\":\"v1\",\"kind\":\"Event\",\"metadata\":{\"name\":\"" name "\"},\"involvedObject\":{\"kind\":\"Pod\",\"name\":\"p\",\"namespace\":\"default\"}" more "}"

static void the_source_of_an_event_is_its_component_or_its_reporter(void **state) {
    (void)state;
    rig_expect(rig, 201, "POST", EVENTS, EVENT("old", ",\"source\":{\"component\":\"kubelet\"}"));
    rig_expect(rig, 201, "POST", EVENTS, EVENT("new", ",\"source\":{},\"reportingComponent\":\"kubelet\",\"reportingInstance\":\"n\""));
    rig_expect(rig, 201, "POST", EVENTS, EVENT("other", ",\"source\":{\"component\":\"scheduler\"},\"reportingComponent\":\"kubelet\""));
    static const struct {
        const char *selector;
        size_t count;
    } cases[] = {{"source=kubelet", 2}, {"source!=kubelet", 1}, {"source=scheduler", 1}, {"source=", 0}, {"reportingComponent=kubelet", 2}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rig_answer list = rig_expect(rig, 200, "GET", arena_printf(rig_arena(rig), EVENTS "?fieldSelector=%s", cases[i].selector).ptr, NULL);
        size_t found = yyjson_arr_size(json_get(list.json, "items"));
        if (found != cases[i].count) fail_msg("%s: %zu", cases[i].selector, found);
    }
}

#define DEFINITIONS "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
#define THINGS      "/apis/example.com/v1/namespaces/default/things"
static const char thing_definition[] =
    "{\"apiVersion\":\"apiextensions.k8s.io/v1\",\"kind\":\"CustomResourceDefinition\",\"metadata\":{\"name\":\"things.example.com\"},\"spec\":{\"group\":\"example.com\","
    "\"scope\":\"Namespaced\",\"names\":{\"plural\":\"things\",\"kind\":\"Thing\",\"shortNames\":[\"th\"]},\"versions\":[{\"name\":\"v1\",\"served\":true,\"storage\":true,"
    "\"subresources\":{\"status\":{},\"scale\":{\"specReplicasPath\":\".spec.replicas\",\"statusReplicasPath\":\".status.replicas\"}},\"additionalPrinterColumns\":[{\"name\":"
    "\"Replicas\",\"type\":\"integer\",\"jsonPath\":\".spec.replicas\"}],\"schema\":{\"openAPIV3Schema\":{\"type\":\"object\",\"properties\":{\"spec\":{\"type\":\"object\","
    "\"required\":[\"size\"],\"properties\":{\"size\":{\"type\":\"string\",\"enum\":[\"s\",\"l\"]},\"replicas\":{\"type\":\"integer\",\"default\":1,\"minimum\":0}}},\"status\":{"
    "\"type\":\"object\",\"properties\":{\"replicas\":{\"type\":\"integer\"}}}}}}}]}}";
#define THING(name, spec) "{\"apiVersion\":\"example.com/v1\",\"kind\":\"Thing\",\"metadata\":{\"name\":\"" name "\"},\"spec\":" spec "}"

static void serves_defined_kinds(void **state) {
    (void)state;
    struct rig_answer defined = rig_expect(rig, 201, "POST", DEFINITIONS, thing_definition);
    assert_text(rig_text(&defined, "status/conditions/1/type"), "Established");
    struct rig_answer made = rig_expect(rig, 201, "POST", THINGS, THING("a", "{\"size\":\"s\",\"extra\":1},\"status\":{\"replicas\":9}"));
    int64_t number = 0;
    assert_true(json_int64(json_path(made.json, "spec", "replicas", NULL), &number) && number == 1);
    assert_null(json_path(made.json, "spec", "extra", NULL));
    assert_null(json_get(made.json, "status"));
    assert_text(made.warnings, "299 - \"unknown field \\\"spec.extra\\\"\"\n");
    assert_true(json_int64(json_path(made.json, "metadata", "generation", NULL), &number) && number == 1);
    struct rig_answer wrong = rig_expect(rig, 422, "POST", THINGS, THING("b", "{\"size\":\"x\",\"replicas\":-1}"));
    assert_true(str_contains(rig_text(&wrong, "message"), STR("spec.size: Unsupported value: \"x\": supported values: \"s\", \"l\"")));
    /* status goes its own way */
    struct rig_answer patched = rig_send(rig, "PATCH", THINGS "/a/status", "application/merge-patch+json", NULL, "{\"status\":{\"replicas\":3},\"spec\":{\"replicas\":7}}");
    assert_int_equal(patched.status, 200);
    assert_true(json_int64(json_path(patched.json, "spec", "replicas", NULL), &number) && number == 1);
    assert_true(json_int64(json_path(patched.json, "metadata", "generation", NULL), &number) && number == 1);
    struct rig_answer scaled = rig_send(rig, "PATCH", THINGS "/a/scale", "application/merge-patch+json", NULL, "{\"spec\":{\"replicas\":5}}");
    assert_text(rig_text(&scaled, "kind"), "Scale");
    struct rig_answer got = rig_expect(rig, 200, "GET", THINGS "/a", NULL);
    assert_true(json_int64(json_path(got.json, "spec", "replicas", NULL), &number) && number == 5);
    assert_true(json_int64(json_path(got.json, "metadata", "generation", NULL), &number) && number == 2);
    struct rig_answer table = rig_send(rig, "GET", THINGS, NULL, "Accept: application/json;as=Table;v=v1;g=meta.k8s.io", NULL);
    assert_text(rig_text(&table, "kind"), "Table");
    assert_text(rig_text(&table, "columnDefinitions/1/name"), "Replicas");
    assert_text(rig_text(&table, "rows/0/cells/0"), "a");
    struct rig_answer resources = rig_expect(rig, 200, "GET", "/apis/example.com/v1", NULL);
    assert_text(rig_text(&resources, "resources/0/shortNames/0"), "th");
    rig_expect(rig, 200, "DELETE", DEFINITIONS "/things.example.com", NULL);
    rig_wait_status(rig, DEFINITIONS "/things.example.com", 404);
    rig_expect(rig, 404, "GET", THINGS, NULL);
}

static void keeps_rights(void **state) {
    (void)state;
    const char *ann = "Authorization: Bearer secret";
    struct rig_answer refused = rig_send(rig, "GET", MAPS, NULL, ann, NULL);
    assert_int_equal(refused.status, 403);
    assert_text(rig_text(&refused, "message"),
                "configmaps is forbidden: User \"ann\" cannot list resource \"configmaps\" in API group \"\" in the namespace \"default\"");
    assert_int_equal(rig_send(rig, "GET", MAPS, NULL, "Authorization: Bearer wrong", NULL).status, 401);
    assert_int_equal(rig_send(rig, "GET", "/version", NULL, ann, NULL).status, 200);
    rig_expect(rig, 201, "POST", "/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings",
               "{\"apiVersion\":\"rbac.authorization.k8s.io/v1\",\"kind\":\"RoleBinding\",\"metadata\":{\"name\":\"r\"},\"roleRef\":{\"apiGroup\":"
               "\"rbac.authorization.k8s.io\",\"kind\":\"ClusterRole\",\"name\":\"view\"},\"subjects\":[{\"kind\":\"Group\",\"apiGroup\":"
               "\"rbac.authorization.k8s.io\",\"name\":\"team\"}]}");
    assert_int_equal(rig_send(rig, "GET", MAPS, NULL, ann, NULL).status, 200);
    assert_int_equal(rig_send(rig, "POST", MAPS, "application/json", ann, MAP("x", "{}")).status, 403);
    struct rig_answer review = rig_send(rig, "POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", "application/json", ann,
                                        "{\"apiVersion\":\"authorization.k8s.io/v1\",\"kind\":\"SelfSubjectAccessReview\",\"spec\":{\"resourceAttributes\":{\"verb\":\"list\","
                                        "\"resource\":\"configmaps\",\"namespace\":\"default\"}}}");
    assert_int_equal(review.status, 201);
    assert_true(json_bool_or(json_path(review.json, "status", "allowed", NULL), false));
}

static void a_right_to_one_name_allows_lists_of_it(void **state) {
    (void)state;
    const char *ann = "Authorization: Bearer secret";
    rig_expect(rig, 201, "POST", "/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles",
               "{\"apiVersion\":\"rbac.authorization.k8s.io/v1\",\"kind\":\"Role\",\"metadata\":{\"name\":\"r\"},\"rules\":[{\"apiGroups\":[\"\"],"
               "\"resources\":[\"configmaps\"],\"verbs\":[\"list\",\"watch\"],\"resourceNames\":[\"mine\"]}]}");
    rig_expect(rig, 201, "POST", "/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings",
               "{\"apiVersion\":\"rbac.authorization.k8s.io/v1\",\"kind\":\"RoleBinding\",\"metadata\":{\"name\":\"r\"},\"roleRef\":{\"apiGroup\":"
               "\"rbac.authorization.k8s.io\",\"kind\":\"Role\",\"name\":\"r\"},\"subjects\":[{\"kind\":\"User\",\"apiGroup\":"
               "\"rbac.authorization.k8s.io\",\"name\":\"ann\"}]}");
    assert_int_equal(rig_send(rig, "GET", MAPS "?fieldSelector=metadata.name%3Dmine", NULL, ann, NULL).status, 200);
    assert_int_equal(rig_send(rig, "GET", MAPS "?fieldSelector=metadata.namespace%3Ddefault,metadata.name%3D%3Dmine", NULL, ann, NULL).status, 200);
    assert_int_equal(rig_send(rig, "GET", MAPS, NULL, ann, NULL).status, 403);
    assert_int_equal(rig_send(rig, "GET", MAPS "?fieldSelector=metadata.name!%3Dmine", NULL, ann, NULL).status, 403);
    struct rig_answer other = rig_send(rig, "GET", MAPS "?fieldSelector=metadata.name%3Dother", NULL, ann, NULL);
    assert_int_equal(other.status, 403);
    assert_text(rig_text(&other, "details/name"), "other");
}

static void gives_tokens_to_service_accounts(void **state) {
    (void)state;
    rig_expect(rig, 201, "POST", "/api/v1/namespaces/default/serviceaccounts", "{\"apiVersion\":\"v1\",\"kind\":\"ServiceAccount\",\"metadata\":{\"name\":\"bot\"}}");
    struct rig_answer made = rig_expect(rig, 201, "POST", "/api/v1/namespaces/default/serviceaccounts/bot/token",
                                        "{\"apiVersion\":\"authentication.k8s.io/v1\",\"kind\":\"TokenRequest\",\"spec\":{}}");
    struct str header = arena_printf(rig_arena(rig), "Authorization: Bearer %.*s", STR_ARG(rig_text(&made, "status/token")));
    struct rig_answer who = rig_send(rig, "POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", "application/json", header.ptr,
                                     "{\"apiVersion\":\"authentication.k8s.io/v1\",\"kind\":\"SelfSubjectReview\"}");
    assert_text(rig_text(&who, "status/userInfo/username"), "system:serviceaccount:default:bot");
    rig_expect(rig, 200, "DELETE", "/api/v1/namespaces/default/serviceaccounts/bot", NULL);
    assert_int_equal(rig_send(rig, "GET", "/version", NULL, header.ptr, NULL).status, 401);
}

static void tries_without_doing(void **state) {
    (void)state;
    struct rig_answer dry = rig_expect(rig, 201, "POST", MAPS "?dryRun=All", MAP("a", "{}"));
    assert_text(rig_text(&dry, "metadata/resourceVersion"), "");
    rig_expect(rig, 404, "GET", MAPS "/a", NULL);
    rig_expect(rig, 201, "POST", MAPS, MAP("a", "{}"));
    rig_expect(rig, 200, "DELETE", MAPS "/a?dryRun=All", NULL);
    rig_expect(rig, 200, "GET", MAPS "/a", NULL);
}

static void generates_names(void **state) {
    (void)state;
    const char *body = "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"generateName\":\"job-\"}}";
    struct rig_answer first = rig_expect(rig, 201, "POST", MAPS, body), second = rig_expect(rig, 201, "POST", MAPS, body);
    assert_true(str_starts_with(rig_text(&first, "metadata/name"), STR("job-")));
    assert_false(str_equal(rig_text(&first, "metadata/name"), rig_text(&second, "metadata/name")));
}

static void deletes_collections(void **state) {
    (void)state;
    for (int i = 0; i < 70; i++)
        rig_expect(rig, 201, "POST", MAPS,
                   arena_printf(rig_arena(rig), "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"m%d\",\"labels\":{\"a\":\"%d\"}}}", i, i % 2).ptr);
    struct rig_answer gone = rig_expect(rig, 200, "DELETE", MAPS "?labelSelector=a%3D1", NULL);
    assert_int_equal(yyjson_arr_size(json_get(gone.json, "items")), 35);
    struct rig_answer left = rig_expect(rig, 200, "GET", MAPS, NULL);
    assert_int_equal(yyjson_arr_size(json_get(left.json, "items")), 35);
}

static void shows_events_in_both_forms(void **state) {
    (void)state;
    rig_expect(rig, 201, "POST", "/api/v1/namespaces/default/events",
               "{\"apiVersion\":\"v1\",\"kind\":\"Event\",\"metadata\":{\"name\":\"e\"},\"involvedObject\":{\"kind\":\"Pod\",\"name\":\"p\",\"namespace\":\"default\"},"
               "\"reason\":\"Started\",\"message\":\"it runs\",\"type\":\"Normal\",\"count\":2}");
    struct rig_answer other = rig_expect(rig, 200, "GET", "/apis/events.k8s.io/v1/namespaces/default/events/e", NULL);
    assert_text(rig_text(&other, "note"), "it runs");
    assert_text(rig_text(&other, "regarding/name"), "p");
    struct rig_answer list = rig_expect(rig, 200, "GET", "/api/v1/namespaces/default/events?fieldSelector=involvedObject.name%3Dp", NULL);
    assert_int_equal(yyjson_arr_size(json_get(list.json, "items")), 1);
}

static void answers_long_lists_as_they_are_read(void **state) {
    (void)state;
    struct str big = arena_printf(rig_arena(rig), "%0*d", 500000, 7);
    for (int i = 0; i < 12; i++) {
        struct str body = arena_printf(rig_arena(rig), "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"m%d\"},\"data\":{\"k\":\"%.*s\"}}", i, STR_ARG(big));
        rig_expect(rig, 201, "POST", MAPS, body.ptr);
    }
    struct rig_answer list = rig_expect(rig, 200, "GET", MAPS, NULL);
    assert_int_equal(yyjson_arr_size(json_get(list.json, "items")), 12);
}

/* Long enough that its selection takes several turns; a client that leaves in each of them, or while its collection goes, harms nothing. */
static void selects_in_turns(void **state) {
    (void)state;
    for (int i = 0; i < 300; i++)
        rig_expect(rig, 201, "POST", MAPS,
                   arena_printf(rig_arena(rig), "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"m%03d\",\"labels\":{\"a\":\"%d\"}}}", i, i % 3).ptr);
    struct rig_answer page = rig_expect(rig, 200, "GET", MAPS "?labelSelector=a%3D1&limit=60", NULL);
    assert_int_equal(yyjson_arr_size(json_get(page.json, "items")), 60);
    assert_null(json_path(page.json, "metadata", "remainingItemCount", NULL));
    struct str token = rig_text(&page, "metadata/continue");
    struct rig_answer rest = rig_expect(rig, 200, "GET", arena_printf(rig_arena(rig), MAPS "?labelSelector=a%%3D1&limit=60&continue=%.*s", STR_ARG(token)).ptr, NULL);
    assert_int_equal(yyjson_arr_size(json_get(rest.json, "items")), 40);
    assert_text(rig_text(&rest, "metadata/continue"), "");
    struct rig_stream *watch = rig_watch(rig, MAPS "?watch=1&labelSelector=a%3D2");
    for (int i = 2; i < 300; i += 3) assert_text(rig_next(rig, watch), arena_printf(rig_arena(rig), "ADDED m%03d", i).ptr);
    for (int turns = 0; turns < 4; turns++) {
        struct rig_stream *leaving = rig_watch(rig, MAPS "?labelSelector=a%3D1");
        for (int i = 0; i < turns; i++) loop_run_once(rig_loop(rig), 0);
        rig_close(leaving);
        rig_settle(rig);
    }
}

static void tells_changed_kinds_anew(void **state) {
    (void)state;
    rig_expect(rig, 404, "GET", "/openapi/v3/apis/example.com/v1", NULL);
    rig_expect(rig, 201, "POST", DEFINITIONS, thing_definition);
    struct rig_answer first = rig_expect(rig, 200, "GET", "/openapi/v3/apis/example.com/v1", NULL);
    struct rig_answer second = rig_expect(rig, 200, "GET", "/openapi/v3/apis/example.com/v1", NULL);
    assert_true(str_equal(first.body, second.body));
    assert_int_equal(rig_send(rig, "PATCH", DEFINITIONS "/things.example.com", "application/json-patch+json", NULL,
                              "[{\"op\":\"add\",\"path\":\"/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/fresh\",\"value\":{\"type\":\"string\"}}]")
                         .status,
                     200);
    struct rig_answer third = rig_expect(rig, 200, "GET", "/openapi/v3/apis/example.com/v1", NULL);
    assert_true(str_contains(third.body, STR("\"fresh\"")));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(stores_and_gives_back),
        TEST(repeated_owners_count_once),
        TEST(keeps_what_it_has_over_a_restart),
        TEST(refuses_in_kubernetes_words),
        TEST(holds_updates_to_their_revision),
        TEST(patches),
        TEST(lists_in_pages_that_stay_consistent),
        TEST(watches),
        TEST(watches_what_a_selector_takes),
        TEST(sends_initial_events_and_says_when_they_end),
        TEST(slow_readers_catch_up_from_the_log),
        TEST(collects_what_its_owner_leaves),
        TEST(empties_namespaces_that_go),
        TEST(serves_defined_kinds),
        TEST(the_source_of_an_event_is_its_component_or_its_reporter),
        TEST(keeps_rights),
        TEST(a_right_to_one_name_allows_lists_of_it),
        TEST(gives_tokens_to_service_accounts),
        TEST(tries_without_doing),
        TEST(generates_names),
        TEST(deletes_collections),
        TEST(shows_events_in_both_forms),
        TEST(answers_long_lists_as_they_are_read),
        TEST(tells_changed_kinds_anew),
        TEST(selects_in_turns),
    };
    return cmocka_run_group_tests_name("apiserver", tests, NULL, NULL);
}
