/* The Scale of objects that a definition gives one: what it takes, what it refuses, and who owns the replicas then. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "apiserver_fixture.h"

#define THINGS "/apis/example.com/v1/namespaces/default/things"
#define SCALE  THINGS "/a/scale"
#define JSON   "application/json"
#define MERGE  "application/merge-patch+json"
#define PATCH  "application/json-patch+json"
#define APPLY  "application/apply-patch+yaml"
#define BODY(metadata, rest) "{\"apiVersion\":\"autoscaling/v1\",\"kind\":\"Scale\",\"metadata\":{" metadata "}," rest "}"
#define NAMED(rest)          BODY("\"name\":\"a\"", rest)

/* Things, whose replicas are below `spec` with no default; one is there, "a", with two of them. */
static int set_up_things(void **state) {
    set_up(state);
    rig_expect(rig, 201, "POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
               "{\"apiVersion\":\"apiextensions.k8s.io/v1\",\"kind\":\"CustomResourceDefinition\",\"metadata\":{\"name\":\"things.example.com\"},\"spec\":{\"group\":"
               "\"example.com\",\"scope\":\"Namespaced\",\"names\":{\"plural\":\"things\",\"kind\":\"Thing\"},\"versions\":[{\"name\":\"v1\",\"served\":true,\"storage\":"
               "true,\"subresources\":{\"status\":{},\"scale\":{\"specReplicasPath\":\".spec.replicas\",\"statusReplicasPath\":\".status.replicas\"}},\"schema\":{"
               "\"openAPIV3Schema\":{\"type\":\"object\",\"properties\":{\"spec\":{\"type\":\"object\",\"properties\":{\"replicas\":{\"type\":\"integer\"},\"size\":{"
               "\"type\":\"string\"}}},\"status\":{\"type\":\"object\",\"properties\":{\"replicas\":{\"type\":\"integer\"}}}}}}}]}}");
    rig_expect(rig, 201, "POST", THINGS "?fieldManager=maker", "{\"apiVersion\":\"example.com/v1\",\"kind\":\"Thing\",\"metadata\":{\"name\":\"a\"},\"spec\":{\"replicas\":2}}");
    return 0;
}

static struct rig_answer scale(int status, const char *query, const char *type, const char *body) {
    const char *method = str_is(str_of(type), JSON) ? "PUT" : "PATCH";
    struct rig_answer answer = rig_send(rig, method, arena_printf(rig_arena(rig), SCALE "?%s", query).ptr, type, NULL, body);
    if (answer.status != status) fail_msg("%s %s %s: %d instead of %d: %.*s", method, query, body, answer.status, status, STR_ARG(answer.body));
    return answer;
}

/* Those of the object itself; -1: it has none. */
static int64_t replicas(void) {
    struct rig_answer got = rig_expect(rig, 200, "GET", THINGS "/a", NULL);
    int64_t number = -1;
    json_int64(json_path(got.json, "spec", "replicas", NULL), &number);
    return number;
}

static void what_is_no_scale_scales_nothing(void **state) {
    (void)state;
    static const struct {
        int status;
        const char *type, *body;
    } cases[] = {
        {422, MERGE, "{\"spec\":{\"replicas\":\"3\"}}"},
        {422, MERGE, "{\"spec\":{\"replicas\":1.5}}"},
        {422, MERGE, "{\"spec\":{\"replicas\":2147483648}}"},
        {422, MERGE, "{\"spec\":{\"replicas\":1e30}}"},
        {422, MERGE, "{\"spec\":{\"replicas\":-1}}"},
        {422, MERGE, "{\"spec\":\"x\"}"},
        {422, MERGE, "{\"kind\":\"Thing\"}"},
        {422, MERGE, "{\"metadata\":{\"labels\":[]}}"},
        {400, MERGE, "{\"metadata\":{\"name\":\"b\"}}"},
        {409, MERGE, "{\"metadata\":{\"uid\":\"other\"}}"},
        {409, MERGE, "{\"metadata\":{\"resourceVersion\":\"1\"}}"},
        {400, MERGE, "[]"},
        {400, PATCH, "{}"},
        {422, PATCH, "[{\"op\":\"test\",\"path\":\"/spec/replicas\",\"value\":9}]"},
        {422, PATCH, "[{\"op\":\"replace\",\"path\":\"\",\"value\":\"x\"}]"},
        {400, JSON, "{\"apiVersion\":\"example.com/v1\",\"kind\":\"Thing\",\"metadata\":{\"name\":\"a\"},\"spec\":{\"replicas\":3}}"},
        {400, JSON, "{\"apiVersion\":\"autoscaling/v1\",\"kind\":7,\"metadata\":{\"name\":\"a\"},\"spec\":{\"replicas\":3}}"},
        {400, JSON, NAMED("\"spec\":\"x\"")},
        {400, JSON, NAMED("\"spec\":{\"replicas\":\"3\"}")},
        {400, JSON, NAMED("\"spec\":{\"replicas\":-2147483649}")},
        {400, JSON, NAMED("\"spec\":{\"replicas\":3},\"status\":{\"replicas\":\"x\"}")},
        {400, JSON, BODY("", "\"spec\":{\"replicas\":3}")},
        {400, JSON, BODY("\"name\":\"b\"", "\"spec\":{\"replicas\":3}")},
        {400, JSON, BODY("\"name\":\"a\",\"namespace\":\"other\"", "\"spec\":{\"replicas\":3}")},
        {409, JSON, BODY("\"name\":\"a\",\"uid\":\"other\"", "\"spec\":{\"replicas\":3}")},
        {409, JSON, BODY("\"name\":\"a\",\"resourceVersion\":\"1\"", "\"spec\":{\"replicas\":3}")},
        {422, JSON, NAMED("\"spec\":{\"replicas\":-1}")},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) scale(cases[i].status, "", cases[i].type, cases[i].body);
    assert_int_equal(replicas(), 2);
}

static void a_scale_scales(void **state) {
    (void)state;
    struct rig_answer scaled = scale(200, "", JSON, NAMED("\"spec\":{\"replicas\":3},\"status\":null"));
    assert_text(rig_text(&scaled, "kind"), "Scale");
    assert_int_equal(replicas(), 3);
    scale(200, "", MERGE, "{\"spec\":{\"replicas\":4}}");
    assert_int_equal(replicas(), 4);
    scale(200, "", PATCH, "[{\"op\":\"replace\",\"path\":\"/spec/replicas\",\"value\":5}]");
    assert_int_equal(replicas(), 5);
    scale(200, "", JSON, "{\"metadata\":{\"name\":\"a\"},\"spec\":{\"replicas\":6}}"); /* which type it is goes without saying */
    assert_int_equal(replicas(), 6);
    scale(200, "", JSON, NAMED("\"spec\":{}"));
    assert_int_equal(replicas(), 0);
}

/* What was never said is not made 0 by a patch that says nothing of it. */
static void a_patch_of_something_else_sets_no_replicas(void **state) {
    (void)state;
    rig_send(rig, "PATCH", THINGS "/a", MERGE, NULL, "{\"spec\":{\"replicas\":null}}");
    struct rig_answer refused = scale(400, "", MERGE, "{\"metadata\":{\"labels\":{\"a\":\"b\"}}}");
    assert_text(rig_text(&refused, "message"), "the spec replicas field \".spec.replicas\" cannot be empty");
    assert_int_equal(replicas(), -1);
}

static void strictness_is_that_of_other_bodies(void **state) {
    (void)state;
    scale(400, "fieldValidation=Strict", JSON, NAMED("\"spec\":{\"replicas\":3,\"more\":1}"));
    scale(400, "fieldValidation=Strict", JSON, NAMED("\"spec\":{\"replicas\":3,\"replicas\":4}"));
    scale(422, "fieldValidation=Strict", MERGE, "{\"spec\":{\"replicas\":3,\"replicas\":4}}");
    assert_int_equal(replicas(), 2);
    struct rig_answer warned = scale(200, "", MERGE, "{\"spec\":{\"replicas\":3,\"replicas\":4,\"more\":1}}");
    assert_text(warned.warnings, "299 - \"duplicate field \\\"spec.replicas\\\"\"\n299 - \"unknown field \\\"spec.more\\\"\"\n");
    assert_int_equal(replicas(), 4);
}

#define YAML(count) "apiVersion: autoscaling/v1\nkind: Scale\nmetadata: {name: a}\nspec: {replicas: " count "}\n"

static void applied_replicas_have_an_owner(void **state) {
    (void)state;
    struct rig_answer refused = scale(422, "", APPLY, YAML("3"));
    assert_true(str_contains(rig_text(&refused, "message"), STR("fieldManager: Required value: is required for apply patch")));
    refused = scale(409, "fieldManager=one", APPLY, YAML("3"));
    assert_text(rig_text(&refused, "message"), "Apply failed with 1 conflict: conflict with \"maker\" using example.com/v1: .spec.replicas");
    struct rig_answer applied = scale(200, "fieldManager=one&force=true", APPLY, YAML("3"));
    assert_text(rig_text(&applied, "kind"), "Scale");
    scale(409, "fieldManager=two", APPLY, YAML("4"));
    scale(200, "fieldManager=one", APPLY, YAML("5"));
    assert_int_equal(replicas(), 5);
    struct rig_answer got = rig_expect(rig, 200, "GET", THINGS "/a", NULL);
    assert_text(rig_text(&got, "metadata/managedFields/0/manager"), "one");
    assert_text(rig_text(&got, "metadata/managedFields/0/operation"), "Apply");
    assert_text(rig_text(&got, "metadata/managedFields/0/subresource"), "scale");
    yyjson_val *made = yyjson_arr_get(json_path(got.json, "metadata", "managedFields", NULL), 1);
    assert_true(json_is_text(json_get(made, "manager"), "maker"));
    assert_null(json_path(made, "fieldsV1", "f:spec", "f:replicas", NULL));
}

static void what_cannot_be_applied_is_refused(void **state) {
    (void)state;
    static const struct {
        int status;
        const char *body;
    } cases[] = {
        {400, "apiVersion: example.com/v1\nkind: Thing\nspec: {replicas: 3}\n"},
        {400, "kind: Scale\nspec: {replicas: 3}\n"},
        {400, "apiVersion: autoscaling/v2\nkind: Scale\nspec: {replicas: 3}\n"},
        {400, YAML("\"3\"")},
        {400, YAML("2147483648")},
        {422, YAML("-1")},
        {400, "apiVersion: autoscaling/v1\nkind: Scale\nspec: {}\n"},
        {400, "apiVersion: autoscaling/v1\nkind: Scale\nmetadata: {name: b}\nspec: {replicas: 3}\n"},
        {409, "apiVersion: autoscaling/v1\nkind: Scale\nmetadata: {uid: other}\nspec: {replicas: 3}\n"},
        {400, "apiVersion: autoscaling/v1\nkind: Scale\nmetadata: {managedFields: [{manager: m}]}\nspec: {replicas: 3}\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) scale(cases[i].status, "fieldManager=m&force=true", APPLY, cases[i].body);
    assert_int_equal(replicas(), 2);
    struct rig_answer missing = rig_send(rig, "PATCH", THINGS "/b/scale?fieldManager=m", APPLY, NULL, "{\"apiVersion\":\"autoscaling/v1\",\"kind\":\"Scale\",\"spec\":{\"replicas\":3}}");
    assert_int_equal(missing.status, 404);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_things, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(what_is_no_scale_scales_nothing), TEST(a_scale_scales),
        TEST(a_patch_of_something_else_sets_no_replicas), TEST(strictness_is_that_of_other_bodies),
        TEST(applied_replicas_have_an_owner), TEST(what_cannot_be_applied_is_refused),
    };
    return cmocka_run_group_tests_name("apiserver_scale", tests, NULL, NULL);
}
