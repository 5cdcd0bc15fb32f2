/* How objects go from the embedded API server: with their owners, by finalizers, by preconditions, in good time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "apiserver_fixture.h"

#define MAPS "/api/v1/namespaces/default/configmaps"
#define PODS "/api/v1/namespaces/default/pods"
#define MERGE "application/merge-patch+json"

/* A configmap, its uid given back; `owners` the elements of ownerReferences. */
static struct str make(const char *collection, const char *name, const char *owners) {
    struct str body = arena_printf(rig_arena(rig), "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"%s\",\"ownerReferences\":[%s]}}", name, owners);
    struct rig_answer made = rig_expect(rig, 201, "POST", collection, body.ptr);
    return rig_text(&made, "metadata/uid");
}

static const char *owner(const char *name, struct str uid, bool blocks) {
    return arena_printf(rig_arena(rig), "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"name\":\"%s\",\"uid\":\"%.*s\",\"blockOwnerDeletion\":%s}", name, STR_ARG(uid),
                        blocks ? "true" : "false")
        .ptr;
}

static const char *both(const char *a, const char *b) {
    return arena_printf(rig_arena(rig), "%s,%s", a, b).ptr;
}

static size_t owner_count(const char *target) {
    struct rig_answer got = rig_expect(rig, 200, "GET", target, NULL);
    return yyjson_arr_size(json_path(got.json, "metadata", "ownerReferences", NULL));
}

static void wait_for_owners(const char *target, size_t count) {
    for (int i = 0; i < 500 && owner_count(target) != count; i++) loop_run_once(rig_loop(rig), 1);
    assert_int_equal(owner_count(target), count);
}

#define FOREGROUND "{\"kind\":\"DeleteOptions\",\"apiVersion\":\"v1\",\"propagationPolicy\":\"Foreground\"}"

static void an_owner_does_not_wait_for_what_another_keeps(void **state) {
    (void)state;
    struct str first = make(MAPS, "first", ""), second = make(MAPS, "second", "");
    make(MAPS, "shared", both(owner("first", first, true), owner("second", second, true)));
    make(MAPS, "own", owner("first", first, true));
    rig_expect(rig, 200, "DELETE", MAPS "/first", FOREGROUND);
    rig_wait_status(rig, MAPS "/first", 404);
    rig_expect(rig, 404, "GET", MAPS "/own", NULL);
    assert_int_equal(owner_count(MAPS "/shared"), 1);
    rig_expect(rig, 200, "DELETE", MAPS "/second", FOREGROUND);
    rig_wait_status(rig, MAPS "/second", 404);
    rig_expect(rig, 404, "GET", MAPS "/shared", NULL);
}

static void a_dependent_in_the_way_holds_up_its_owner(void **state) {
    (void)state;
    struct str uid = make(MAPS, "owner", "");
    make(MAPS, "held", owner("owner", uid, true));
    rig_send(rig, "PATCH", MAPS "/held", MERGE, NULL, "{\"metadata\":{\"finalizers\":[\"example.com/hold\"]}}");
    struct rig_answer going = rig_expect(rig, 200, "DELETE", MAPS "/owner", FOREGROUND);
    assert_text(rig_text(&going, "metadata/finalizers/0"), "foregroundDeletion");
    rig_settle(rig);
    struct rig_answer held = rig_expect(rig, 200, "GET", MAPS "/held", NULL);
    assert_true(rig_text(&held, "metadata/deletionTimestamp").len);
    rig_expect(rig, 200, "GET", MAPS "/owner", NULL);
    rig_send(rig, "PATCH", MAPS "/held", MERGE, NULL, "{\"metadata\":{\"finalizers\":null}}");
    rig_wait_status(rig, MAPS "/owner", 404);
    rig_expect(rig, 404, "GET", MAPS "/held", NULL);
}

static void an_owner_of_another_namespace_owns_nothing(void **state) {
    (void)state;
    rig_expect(rig, 201, "POST", "/api/v1/namespaces", "{\"apiVersion\":\"v1\",\"kind\":\"Namespace\",\"metadata\":{\"name\":\"other\"}}");
    struct str far = make("/api/v1/namespaces/other/configmaps", "far", ""), near = make(MAPS, "near", "");
    make(MAPS, "mixed", both(owner("far", far, false), owner("near", near, false)));
    wait_for_owners(MAPS "/mixed", 1);
    make(MAPS, "lost", owner("far", far, false));
    rig_wait_status(rig, MAPS "/lost", 404);
    rig_expect(rig, 200, "DELETE", MAPS "/near", NULL);
    rig_wait_status(rig, MAPS "/mixed", 404);
}

static void orphans_keep_their_other_owners(void **state) {
    (void)state;
    struct str first = make(MAPS, "first", ""), second = make(MAPS, "second", "");
    make(MAPS, "shared", both(owner("first", first, true), owner("second", second, true)));
    make(MAPS, "own", owner("first", first, true));
    rig_expect(rig, 200, "DELETE", MAPS "/first?propagationPolicy=Orphan", NULL);
    rig_wait_status(rig, MAPS "/first", 404);
    assert_int_equal(owner_count(MAPS "/own"), 0);
    assert_int_equal(owner_count(MAPS "/shared"), 1);
}

#define POD "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"p\"},\"spec\":{\"nodeName\":\"n\",\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}}"

static int64_t grace_of_pod(void) {
    int64_t grace_s = -1;
    struct rig_answer got = rig_expect(rig, 200, "GET", PODS "/p", NULL);
    json_int64(json_path(got.json, "metadata", "deletionGracePeriodSeconds", NULL), &grace_s);
    return grace_s;
}

static void pods_are_given_time(void **state) {
    (void)state;
    rig_expect(rig, 201, "POST", PODS, POD);
    rig_expect(rig, 200, "DELETE", PODS "/p", NULL);
    assert_int_equal(grace_of_pod(), 30);
    rig_expect(rig, 200, "DELETE", PODS "/p?gracePeriodSeconds=5", NULL);
    assert_int_equal(grace_of_pod(), 5);
    rig_expect(rig, 200, "DELETE", PODS "/p?gracePeriodSeconds=60", NULL);
    assert_int_equal(grace_of_pod(), 5);
    rig_expect(rig, 200, "DELETE", PODS "/p?gracePeriodSeconds=0", NULL);
    rig_expect(rig, 404, "GET", PODS "/p", NULL);
    rig_expect(rig, 201, "POST", PODS, POD);
    rig_expect(rig, 200, "DELETE", PODS "?gracePeriodSeconds=7", NULL);
    assert_int_equal(grace_of_pod(), 7);
    rig_expect(rig, 200, "DELETE", PODS "?gracePeriodSeconds=0", NULL);
    rig_expect(rig, 404, "GET", PODS "/p", NULL);
}

static void a_pod_whose_time_is_over_waits_for_finalizers_alone(void **state) {
    (void)state;
    rig_expect(rig, 201, "POST", PODS, POD);
    rig_send(rig, "PATCH", PODS "/p", MERGE, NULL, "{\"metadata\":{\"finalizers\":[\"example.com/hold\"]}}");
    rig_expect(rig, 200, "DELETE", PODS "/p?gracePeriodSeconds=0", NULL);
    assert_int_equal(grace_of_pod(), 0);
    rig_expect(rig, 200, "DELETE", PODS "/p", NULL);
    assert_int_equal(grace_of_pod(), 0);
    rig_send(rig, "PATCH", PODS "/p", MERGE, NULL, "{\"metadata\":{\"finalizers\":null}}");
    rig_expect(rig, 404, "GET", PODS "/p", NULL);
}

static void preconditions_hold(void **state) {
    (void)state;
    struct str uid = make(MAPS, "a", "");
    rig_expect(rig, 409, "DELETE", MAPS "/a", "{\"kind\":\"DeleteOptions\",\"apiVersion\":\"v1\",\"preconditions\":{\"uid\":\"other\"}}");
    rig_expect(rig, 409, "DELETE", MAPS "/a", "{\"kind\":\"DeleteOptions\",\"apiVersion\":\"v1\",\"preconditions\":{\"resourceVersion\":\"1\"}}");
    assert_int_equal(rig_send(rig, "PATCH", MAPS "/a", MERGE, NULL, "{\"metadata\":{\"uid\":\"other\"}}").status, 422);
    assert_int_equal(rig_send(rig, "PATCH", MAPS "/a", MERGE, NULL, "{\"metadata\":{\"resourceVersion\":\"1\"}}").status, 409);
    rig_expect(rig, 200, "DELETE", MAPS "/a",
               arena_printf(rig_arena(rig), "{\"kind\":\"DeleteOptions\",\"apiVersion\":\"v1\",\"preconditions\":{\"uid\":\"%.*s\"}}", STR_ARG(uid)).ptr);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(an_owner_does_not_wait_for_what_another_keeps), TEST(a_dependent_in_the_way_holds_up_its_owner),
        TEST(an_owner_of_another_namespace_owns_nothing),    TEST(orphans_keep_their_other_owners),
        TEST(a_pod_whose_time_is_over_waits_for_finalizers_alone), TEST(pods_are_given_time),                           TEST(preconditions_hold),
    };
    return cmocka_run_group_tests_name("apiserver_delete", tests, NULL, NULL);
}
