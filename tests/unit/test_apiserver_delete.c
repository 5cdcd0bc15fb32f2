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

#define ROLES       "/apis/rbac.authorization.k8s.io/v1/clusterroles"
#define ROLE(owner) "{\"apiVersion\":\"rbac.authorization.k8s.io/v1\",\"kind\":\"ClusterRole\",\"metadata\":{\"name\":\"r\",\"ownerReferences\":[" owner "]}}"

static void nothing_of_the_cluster_goes_with_a_namespaced_owner(void **state) {
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct str uid = make(MAPS, "owner", "");
        rig_expect(rig, 201, "POST", ROLES, arena_printf(rig_arena(rig), ROLE("%s"), owner("owner", uid, true)).ptr);
        rig_settle(rig);
        rig_expect(rig, 200, "GET", ROLES "/r", NULL);
        rig_expect(rig, 200, "DELETE", MAPS "/owner", i ? FOREGROUND : NULL);
        rig_wait_status(rig, MAPS "/owner", 404);
        rig_settle(rig);
        assert_int_equal(owner_count(ROLES "/r"), 1);
        rig_expect(rig, 200, "DELETE", ROLES "/r", NULL);
    }
}

#define DEFINITIONS "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
#define DEFINITION                                                                                                                         \
    "{\"apiVersion\":\"apiextensions.k8s.io/v1\",\"kind\":\"CustomResourceDefinition\",\"metadata\":{\"name\":\"things.example.com\"},\"spec\":{\"group\":"           \
    "\"example.com\",\"scope\":\"Namespaced\",\"names\":{\"plural\":\"things\",\"singular\":\"thing\",\"kind\":\"Thing\",\"listKind\":\"ThingList\"},\"versions\":["  \
    "{\"name\":\"v1\",\"served\":true,\"storage\":true,\"schema\":{\"openAPIV3Schema\":{\"type\":\"object\"}}}]}}"
#define THINGS "/apis/example.com/v1/namespaces/default/things"

static const char *owner_of_kind(const char *version, const char *kind, struct str uid) {
    return arena_printf(rig_arena(rig), "{\"apiVersion\":\"%s\",\"kind\":\"%s\",\"name\":\"o\",\"uid\":\"%.*s\",\"blockOwnerDeletion\":true}", version, kind,
                        STR_ARG(uid))
        .ptr;
}

static void an_owner_that_cannot_be_judged_deletes_nothing(void **state) {
    (void)state;
    const char *deployment = owner_of_kind("apps/v1", "Deployment", STR("d")), *thing = owner_of_kind("example.com/v1", "Thing", STR("t"));
    struct str uid = make(MAPS, "known", "");
    make(MAPS, "of-deployment", deployment);
    make(MAPS, "of-both", both(deployment, owner("known", uid, false)));
    make(MAPS, "of-thing", thing);
    make(MAPS, "of-old-thing", owner_of_kind("example.com/v0", "Thing", STR("t")));
    make(MAPS, "of-review", owner_of_kind("authentication.k8s.io/v1", "TokenReview", STR("r")));
    rig_expect(rig, 200, "DELETE", MAPS "/known", NULL);
    rig_settle(rig);
    rig_restart(rig);
    rig_settle(rig);
    assert_int_equal(owner_count(MAPS "/of-thing"), 1);
    rig_expect(rig, 201, "POST", DEFINITIONS, DEFINITION);
    rig_wait_status(rig, MAPS "/of-thing", 404);
    rig_settle(rig);
    assert_int_equal(owner_count(MAPS "/of-deployment"), 1);
    assert_int_equal(owner_count(MAPS "/of-both"), 2);
    assert_int_equal(owner_count(MAPS "/of-old-thing"), 1);
    assert_int_equal(owner_count(MAPS "/of-review"), 1);
}

static void an_owner_waits_for_a_dependent_that_cannot_be_judged(void **state) {
    (void)state;
    struct str uid = make(MAPS, "owner", "");
    make(MAPS, "shared", both(owner("owner", uid, true), owner_of_kind("example.com/v1", "Thing", STR("t"))));
    rig_expect(rig, 200, "DELETE", MAPS "/owner", FOREGROUND);
    rig_settle(rig);
    rig_expect(rig, 200, "GET", MAPS "/owner", NULL);
    assert_int_equal(owner_count(MAPS "/shared"), 2);
    rig_expect(rig, 201, "POST", DEFINITIONS, DEFINITION);
    rig_wait_status(rig, MAPS "/owner", 404);
    rig_expect(rig, 404, "GET", MAPS "/shared", NULL);
}

/* Dependents that are written all the while, so that some are looked at again only when there is no such kind any more. */
static void a_definition_takes_its_objects_dependents_along(void **state) {
    (void)state;
    enum { COUNT = 60, TURNS = 10 };
    struct arena *arena = rig_arena(rig);
    const char *targets[COUNT];
    rig_expect(rig, 201, "POST", DEFINITIONS, DEFINITION);
    for (int i = 0; i < COUNT; i++) {
        struct str thing = arena_printf(arena, "{\"apiVersion\":\"example.com/v1\",\"kind\":\"Thing\",\"metadata\":{\"name\":\"t%d\"}}", i);
        struct rig_answer made = rig_expect(rig, 201, "POST", THINGS, thing.ptr);
        const char *name = arena_printf(arena, "m%d", i).ptr;
        make(MAPS, name, owner_of_kind("example.com/v1", "Thing", rig_text(&made, "metadata/uid")));
        targets[i] = arena_printf(arena, MAPS "/%s", name).ptr;
    }
    rig_begin(rig, "DELETE", DEFINITIONS "/things.example.com", NULL, NULL);
    for (int turn = 0; turn < TURNS; turn++) {
        struct str patch = arena_printf(arena, "{\"data\":{\"turn\":\"%d\"}}", turn);
        for (int i = 0; i < COUNT; i++) rig_begin(rig, "PATCH", targets[i], MERGE, patch.ptr);
        loop_run_once(rig_loop(rig), 1);
    }
    for (int i = 0; i < COUNT; i++) rig_wait_status(rig, targets[i], 404);
    rig_expect(rig, 404, "GET", DEFINITIONS "/things.example.com", NULL);
}

#define SPACES "/api/v1/namespaces"
#define SPACE(metadata) "{\"apiVersion\":\"v1\",\"kind\":\"Namespace\",\"metadata\":{\"name\":\"team\"" metadata "}"

/* Until nothing but this is among its spec's finalizers; "": nothing. */
static struct rig_answer wait_for_finalizer(const char *wanted) {
    for (int i = 0; i < 500; i++) {
        struct rig_answer got = rig_expect(rig, 200, "GET", SPACES "/team", NULL);
        size_t count = yyjson_arr_size(json_path(got.json, "spec", "finalizers", NULL));
        if (count == (*wanted ? 1 : 0) && str_is(rig_text(&got, "spec/finalizers/0"), wanted)) return got;
        loop_run_once(rig_loop(rig), 1);
    }
    fail_msg("the finalizers of the namespace never are only \"%s\"", wanted);
    return (struct rig_answer){0};
}

static void a_namespace_keeps_what_it_says_of_itself_to_its_end(void **state) {
    (void)state;
    rig_expect(rig, 201, "POST", SPACES,
               SPACE(",\"labels\":{\"owner\":\"ann\"},\"annotations\":{\"why\":\"tests\"},\"finalizers\":[\"example.com/hold\"]") "}");
    make(SPACES "/team/configmaps", "a", "");
    rig_expect(rig, 200, "DELETE", SPACES "/team", NULL);
    struct rig_answer got = wait_for_finalizer("");
    assert_text(rig_text(&got, "status/phase"), "Terminating");
    assert_text(rig_text(&got, "metadata/labels/owner"), "ann");
    assert_text(rig_text(&got, "metadata/annotations/why"), "tests");
    rig_expect(rig, 404, "GET", SPACES "/team/configmaps/a", NULL);
    struct str revision = rig_text(&got, "metadata/resourceVersion");
    rig_settle(rig);
    got = rig_expect(rig, 200, "GET", SPACES "/team", NULL);
    assert_true(str_equal(rig_text(&got, "metadata/resourceVersion"), revision));
    rig_send(rig, "PATCH", SPACES "/team", MERGE, NULL, "{\"metadata\":{\"finalizers\":null}}");
    rig_wait_status(rig, SPACES "/team", 404);
}

static void a_namespace_waits_for_other_finalizers_of_its_spec(void **state) {
    (void)state;
    rig_expect(rig, 201, "POST", SPACES, SPACE("") "}");
    rig_expect(rig, 200, "PUT", SPACES "/team/finalize", SPACE("") ",\"spec\":{\"finalizers\":[\"example.com/own\",\"kubernetes\"]}}");
    make(SPACES "/team/configmaps", "a", "");
    rig_expect(rig, 200, "DELETE", SPACES "/team", NULL);
    wait_for_finalizer("example.com/own");
    rig_settle(rig);
    struct rig_answer got = wait_for_finalizer("example.com/own");
    assert_text(rig_text(&got, "status/phase"), "Terminating");
    rig_expect(rig, 404, "GET", SPACES "/team/configmaps/a", NULL);
    rig_expect(rig, 200, "PUT", SPACES "/team/finalize", SPACE("") ",\"spec\":{\"finalizers\":[]}}");
    rig_wait_status(rig, SPACES "/team", 404);
}

/* A write that is acknowledged while the plan of what to delete is made already: `turns` of the loop after the owner's end began. */
static void delete_owner_then_free(const char *name, int turns, const char *options) {
    struct arena *arena = rig_arena(rig);
    const char *owner_name = arena_printf(arena, "owner-of-%s", name).ptr;
    make(MAPS, name, owner(owner_name, make(MAPS, owner_name, ""), true));
    rig_begin(rig, "DELETE", arena_printf(arena, MAPS "/%s", owner_name).ptr, NULL, options);
    for (int i = 0; i < turns; i++) loop_run_once(rig_loop(rig), 1);
    struct str target = arena_printf(arena, MAPS "/%s", name);
    bool is_freed = rig_send(rig, "PATCH", target.ptr, MERGE, NULL, "{\"metadata\":{\"ownerReferences\":null}}").status == 200;
    rig_settle(rig);
    struct rig_answer got = rig_do(rig, "GET", target.ptr, NULL);
    if (!is_freed) return; /* garbage collection was first */
    if (got.status != 200) fail_msg("%s was freed of its owner, and deleted", name);
    assert_false(rig_text(&got, "metadata/deletionTimestamp").len);
}

static void what_was_freed_of_its_owner_stays(void **state) {
    (void)state;
    for (int i = 0; i < 16; i++) {
        delete_owner_then_free(arena_printf(rig_arena(rig), "background-%d", i).ptr, i % 8, NULL);
        delete_owner_then_free(arena_printf(rig_arena(rig), "foreground-%d", i).ptr, i % 8, FOREGROUND);
    }
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

/* Meant to keep something, each of them; what is deleted is gone. */
static void options_that_are_none_delete_nothing(void **state) {
    (void)state;
    static const char *const bodies[] = {
        "{\"propagationPolicy\":[\"Orphan\"]}",
        "{\"orphanDependents\":\"true\"}",
        "{\"gracePeriodSeconds\":\"30\"}",
        "{\"gracePeriodSeconds\":1.5}",
        "{\"preconditions\":\"uid\"}",
        "{\"preconditions\":{\"uid\":7}}",
        "{\"preconditions\":{\"resourceVersion\":7}}",
        "{\"dryRun\":\"All\"}",
        "{\"dryRun\":[true]}",
        "{\"kind\":7}",
        "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"a\"}}",
    };
    make(MAPS, "child", owner("a", make(MAPS, "a", ""), false));
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        struct rig_answer one = rig_do(rig, "DELETE", MAPS "/a", bodies[i]), all = rig_do(rig, "DELETE", MAPS, bodies[i]);
        if (one.status != 400 || all.status != 400) fail_msg("%s: %d %d", bodies[i], one.status, all.status);
    }
    rig_settle(rig);
    rig_expect(rig, 200, "GET", MAPS "/a", NULL);
    rig_expect(rig, 200, "GET", MAPS "/child", NULL);
}

static void options_that_are_null_are_none(void **state) {
    (void)state;
    make(MAPS, "a", "");
    rig_expect(rig, 200, "DELETE", MAPS "/a", "{\"gracePeriodSeconds\":null,\"orphanDependents\":null,\"propagationPolicy\":null,\"dryRun\":null,"
               "\"preconditions\":{\"uid\":null,\"resourceVersion\":null}}");
    make(MAPS, "b", "");
    rig_expect(rig, 200, "DELETE", MAPS "/b", "{\"kind\":\"DeleteOptions\",\"apiVersion\":\"v1\",\"preconditions\":null}");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(an_owner_does_not_wait_for_what_another_keeps), TEST(a_dependent_in_the_way_holds_up_its_owner),
        TEST(an_owner_of_another_namespace_owns_nothing),    TEST(orphans_keep_their_other_owners),
        TEST(nothing_of_the_cluster_goes_with_a_namespaced_owner), TEST(an_owner_that_cannot_be_judged_deletes_nothing),
        TEST(an_owner_waits_for_a_dependent_that_cannot_be_judged), TEST(a_definition_takes_its_objects_dependents_along),
        TEST(what_was_freed_of_its_owner_stays), TEST(a_namespace_keeps_what_it_says_of_itself_to_its_end),
        TEST(a_namespace_waits_for_other_finalizers_of_its_spec),
        TEST(a_pod_whose_time_is_over_waits_for_finalizers_alone), TEST(pods_are_given_time),                           TEST(preconditions_hold),
        TEST(options_that_are_none_delete_nothing),          TEST(options_that_are_null_are_none),
    };
    return cmocka_run_group_tests_name("apiserver_delete", tests, NULL, NULL);
}
