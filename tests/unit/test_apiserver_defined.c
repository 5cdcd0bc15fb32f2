/* Definitions that change while their objects, and watches of these, are there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "apiserver_fixture.h"

#define DEFINITIONS "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
#define V1 "/apis/example.com/v1/namespaces/default/things"
#define V2 "/apis/example.com/v2/namespaces/default/things"
#define MERGE "application/merge-patch+json"
#define VERSION(name, stored, fields)                                                                                                      \
    "{\"name\":\"" name "\",\"served\":true,\"storage\":" stored ",\"schema\":{\"openAPIV3Schema\":{\"type\":\"object\",\"properties\":{\"spec\":{\"type\":\"object\","  \
    "\"default\":{},\"properties\":{" fields "}}}}}}"
#define DEFINITION(versions)                                                                                                               \
    "{\"apiVersion\":\"apiextensions.k8s.io/v1\",\"kind\":\"CustomResourceDefinition\",\"metadata\":{\"name\":\"things.example.com\"},\"spec\":{\"group\":"           \
    "\"example.com\",\"scope\":\"Namespaced\",\"names\":{\"plural\":\"things\",\"singular\":\"thing\",\"kind\":\"Thing\",\"listKind\":\"ThingList\"},\"versions\":["  \
    versions "]}}"
#define OLD "\"old\":{\"type\":\"string\"}"
#define NEW "\"new\":{\"type\":\"string\",\"default\":\"filled\"}"
#define THING(version, name, spec) "{\"apiVersion\":\"example.com/" version "\",\"kind\":\"Thing\",\"metadata\":{\"name\":\"" name "\"},\"spec\":" spec "}"

static void redefine(const char *versions) {
    struct str patch = arena_printf(rig_arena(rig), "{\"spec\":{\"versions\":[%s]}}", versions);
    struct rig_answer patched = rig_send(rig, "PATCH", DEFINITIONS "/things.example.com", MERGE, NULL, patch.ptr);
    if (patched.status != 200) fail_msg("%.*s", STR_ARG(patched.body));
}

static void objects_show_as_they_are_defined_now(void **state) {
    (void)state;
    rig_expect(rig, 201, "POST", DEFINITIONS, DEFINITION(VERSION("v1", "true", OLD)));
    rig_expect(rig, 201, "POST", V1, THING("v1", "a", "{\"old\":\"x\"}"));
    struct rig_answer before = rig_expect(rig, 200, "GET", V1 "/a", NULL);
    redefine(VERSION("v1", "true", NEW));
    struct rig_answer got = rig_expect(rig, 200, "GET", V1 "/a", NULL);
    assert_text(rig_text(&got, "spec/new"), "filled");
    assert_null(json_path(got.json, "spec", "old", NULL));
    assert_true(str_equal(rig_text(&got, "metadata/resourceVersion"), rig_text(&before, "metadata/resourceVersion")));
    struct rig_answer list = rig_expect(rig, 200, "GET", V1, NULL);
    assert_text(rig_text(&list, "items/0/spec/new"), "filled");
    rig_restart(rig);
    got = rig_expect(rig, 200, "GET", V1 "/a", NULL);
    assert_text(rig_text(&got, "spec/new"), "filled");
}

static void watches_end_when_their_kind_changes(void **state) {
    (void)state;
    rig_expect(rig, 201, "POST", DEFINITIONS, DEFINITION(VERSION("v1", "true", OLD)));
    rig_expect(rig, 201, "POST", V1, THING("v1", "a", "{}"));
    struct rig_stream *watch = rig_watch(rig, V1 "?watch=1");
    const yyjson_val *event = rig_next_event(rig, watch);
    struct str seen = json_text(json_path(event, "object", "metadata", "resourceVersion", NULL));
    assert_int_equal(rig_send(rig, "PATCH", DEFINITIONS "/things.example.com", MERGE, NULL, "{\"metadata\":{\"labels\":{\"a\":\"b\"}}}").status, 200);
    rig_settle(rig);
    assert_false(rig_is_over(watch));
    redefine(VERSION("v1", "false", OLD) "," VERSION("v2", "true", OLD "," NEW));
    rig_settle(rig);
    assert_true(rig_is_over(watch));
    rig_expect(rig, 201, "POST", V2, THING("v2", "b", "{\"old\":\"x\"}"));
    struct rig_stream *old = rig_watch(rig, arena_printf(rig_arena(rig), V1 "?watch=1&resourceVersion=%.*s", STR_ARG(seen)).ptr);
    struct rig_stream *new = rig_watch(rig, arena_printf(rig_arena(rig), V2 "?watch=1&resourceVersion=%.*s", STR_ARG(seen)).ptr);
    const yyjson_val *in_old = rig_next_event(rig, old), *in_new = rig_next_event(rig, new);
    assert_text(json_text(json_path(in_old, "object", "apiVersion", NULL)), "example.com/v1");
    assert_null(json_path(in_old, "object", "spec", "new", NULL));
    assert_text(json_text(json_path(in_new, "object", "apiVersion", NULL)), "example.com/v2");
    assert_text(json_text(json_path(in_new, "object", "spec", "new", NULL)), "filled");
}

/* A write that is decided while its definition is on its way to the disk is of the new definition. */
static void writes_wait_for_their_definition(void **state) {
    (void)state;
    rig_expect(rig, 201, "POST", DEFINITIONS, DEFINITION(VERSION("v1", "true", OLD)));
    struct rig_stream *change = rig_begin(rig, "PATCH", DEFINITIONS "/things.example.com", MERGE,
                                          "{\"spec\":{\"versions\":[" VERSION("v1", "false", OLD) "," VERSION("v2", "true", OLD "," NEW) "]}}");
    struct rig_answer made = rig_expect(rig, 201, "POST", V1, THING("v1", "a", "{}"));
    assert_true(rig_is_over(change));
    assert_text(rig_text(&made, "apiVersion"), "example.com/v1");
    struct rig_answer got = rig_expect(rig, 200, "GET", V2 "/a", NULL);
    assert_text(rig_text(&got, "apiVersion"), "example.com/v2");
    assert_text(rig_text(&got, "spec/new"), "filled");
}

static void nothing_is_left_in_a_namespace_that_goes(void **state) {
    (void)state;
    rig_expect(rig, 201, "POST", "/api/v1/namespaces", "{\"apiVersion\":\"v1\",\"kind\":\"Namespace\",\"metadata\":{\"name\":\"n\"}}");
    struct rig_stream *going = rig_begin(rig, "DELETE", "/api/v1/namespaces/n", NULL, NULL);
    struct rig_answer late = rig_do(rig, "POST", "/api/v1/namespaces/n/configmaps", "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"a\"}}");
    assert_true(rig_is_over(going));
    assert_true(late.status == 403 || late.status == 404);
    rig_wait_status(rig, "/api/v1/namespaces/n", 404);
}

static void many_who_write_the_same_all_have_their_turn(void **state) {
    (void)state;
    enum { WRITERS = 100 };
    struct rig_stream *writers[WRITERS];
    rig_expect(rig, 201, "POST", "/api/v1/namespaces/default/configmaps", "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"a\"}}");
    for (int i = 0; i < WRITERS; i++) {
        struct str patch = arena_printf(rig_arena(rig), "{\"data\":{\"k%d\":\"v\"}}", i);
        writers[i] = rig_begin(rig, "PATCH", "/api/v1/namespaces/default/configmaps/a", MERGE, patch.ptr);
    }
    for (int i = 0; i < WRITERS; i += 10) rig_close(writers[i]); /* and some leave before it is theirs */
    for (int i = 0; i < WRITERS; i++) {
        for (int turn = 0; turn < 5000 && !rig_is_over(writers[i]); turn++) loop_run_once(rig_loop(rig), 1);
        assert_true(rig_is_over(writers[i]));
    }
    struct rig_answer got = rig_expect(rig, 200, "GET", "/api/v1/namespaces/default/configmaps/a", NULL);
    for (int i = 0; i < WRITERS; i++) {
        if (i % 10) assert_text(rig_text(&got, arena_printf(rig_arena(rig), "data/k%d", i).ptr), "v");
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(objects_show_as_they_are_defined_now),     TEST(watches_end_when_their_kind_changes),
        TEST(writes_wait_for_their_definition),         TEST(nothing_is_left_in_a_namespace_that_goes),
        TEST(many_who_write_the_same_all_have_their_turn),
    };
    return cmocka_run_group_tests_name("apiserver_defined", tests, NULL, NULL);
}
