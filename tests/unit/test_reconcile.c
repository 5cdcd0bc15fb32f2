/*
 * What the reconcile machine does, request by request: order, scaling, upgrades, and the care taken before anything goes that cannot be
 * brought back. test_reconcile_upgrade.c, _others.c, _races.c and _histories.c have the rest.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "small_worlds.h"

/* ---- writing no more than is needed ---- */

static void a_new_one_takes_three_creates_and_two_statuses(void **state) {
    (void)state;
    struct fake_server *server = fake_server_new();
    fake_server_create(server, FAKE_BOOSTER, ONE_BACKEND);
    struct shell *shell = shell_new(server, "m");
    shell_settle_now(shell);
    assert_requests(shell, "create ModelServing m-a\ncreate ModelServer m-a\ncreate ModelRoute m\nstatus m\n");
    assert_string_equal(world_condition(shell, "Initialized", "status"), "True");
    assert_string_equal(world_condition(shell, "Active", "status"), "False");
    shell_settle(shell);
    assert_requests(shell, "status m\n");
    assert_string_equal(world_condition(shell, "Active", "status"), "True");
    assert_string_equal(fake_server_field(server, FAKE_BOOSTER, "m", "status/observedGeneration"), "1");
    world_end(shell);
}

static void a_restart_asks_for_nothing(void **state) {
    (void)state;
    static const char *const boosters[] = {ONE_BACKEND,
                                           TWO_BACKENDS,
                                           SCALED_BACKEND,
                                           SCALED_MODEL,
                                           BOOSTER("'suspend':true," BACKENDS(BACKEND("a", RANGE "," POLICY))),
                                           BOOSTER(BACKENDS(GANG(2)))};
    for (size_t i = 0; i < sizeof boosters / sizeof *boosters; i++) {
        struct shell *shell = world_rest(boosters[i]);
        shell_crash(shell);
        shell_settle(shell);
        assert_requests(shell, "");
        world_end(shell);
    }
}

static void an_edit_touches_what_it_is_about(void **state) {
    (void)state;
    static const struct {
        const char *name, *before, *edit, *requests;
    } edits[] = {
        {"weight", TWO_BACKENDS, EDIT(BACKENDS(BACKEND("a", ONE ",'routeWeight':5") "," BACKEND("b", ONE))),
         "patch ModelRoute m\nstatus m\n"},
        {"image", TWO_BACKENDS,
         EDIT(BACKENDS("{'name':'a','type':'vLLM','modelURI':'hf://org/model'," ONE ",'workers':[{'image':'vllm:2'}]}," BACKEND("b", ONE))),
         "patch ModelServing m-a\nstatus m\nstatus m\n"},
        {"bounds", SCALED_BACKEND, EDIT(BACKENDS(BACKEND("a", "'minReplicas':1,'maxReplicas':8," POLICY))),
         "patch AutoscalingPolicyBinding m-a\nstatus m\n"},
        {"order of backends", TWO_BACKENDS, EDIT(BACKENDS(BACKEND("b", ONE) "," BACKEND("a", ONE))), "patch ModelRoute m\nstatus m\n"},
        {"a label of the ModelBooster", TWO_BACKENDS, "{'metadata':{'labels':{'team':'x'}}}", ""},
        {"who owns it", TWO_BACKENDS, EDIT("'owner':'team'"), "status m\n"},
    };
    for (size_t i = 0; i < sizeof edits / sizeof *edits; i++) {
        struct shell *shell = world_rest(edits[i].before);
        world_edit(shell, edits[i].edit);
        shell_settle(shell);
        const char *requests = shell_take_trace(shell);
        if (strcmp(requests, edits[i].requests) != 0) fail_msg("%s:\n%s", edits[i].name, requests);
        assert_string_equal(world_condition(shell, "Active", "status"), "True");
        world_end(shell);
    }
}

static void labels_and_finalizers_of_others_survive(void **state) {
    (void)state;
    struct shell *shell = world_rest(ONE_BACKEND);
    fake_server_edit(shell->server, CHILD_ROUTE, "m", "x",
                     "{'metadata':{'labels':{'theirs':'1'},'annotations':{'theirs':'2'},'finalizers':['their/finalizer']}}");
    world_edit(shell, EDIT(BACKENDS(BACKEND("a", ONE ",'routeWeight':5"))));
    shell_settle(shell);
    assert_requests(shell, "patch ModelRoute m\nstatus m\n");
    assert_string_equal(world_field(shell, CHILD_ROUTE, "m", "metadata/labels/theirs"), "1");
    assert_string_equal(world_field(shell, CHILD_ROUTE, "m", "metadata/annotations/theirs"), "2");
    assert_string_equal(world_field(shell, CHILD_ROUTE, "m", "metadata/finalizers/0"), "their/finalizer");
    world_end(shell);
}

/* ---- replicas ---- */

static void the_number_in_a_range_is_an_autoscalers(void **state) {
    (void)state;
    struct shell *shell = world_rest(SCALED_BACKEND);
    assert_string_equal(world_field(shell, CHILD_SERVING, "m-a", "spec/replicas"), "1");
    fake_server_edit(shell->server, CHILD_SERVING, "m-a", "autoscaler", EDIT("'replicas':3"));
    shell_settle_now(shell);
    assert_requests(shell, "");
    shell_settle(shell);
    assert_requests(shell, "status m\n");
    world_edit(shell, EDIT(BACKENDS(BACKEND("a", "'minReplicas':2,'maxReplicas':6," POLICY))));
    shell_settle(shell);
    assert_string_equal(world_field(shell, CHILD_SERVING, "m-a", "spec/replicas"), "3");
    world_edit(shell, EDIT(BACKENDS(BACKEND("a", "'minReplicas':4,'maxReplicas':6," POLICY))));
    shell_settle(shell);
    assert_string_equal(world_field(shell, CHILD_SERVING, "m-a", "spec/replicas"), "4");
    fake_server_edit(shell->server, CHILD_SERVING, "m-a", "autoscaler", EDIT("'replicas':60"));
    shell_settle(shell);
    assert_string_equal(world_field(shell, CHILD_SERVING, "m-a", "spec/replicas"), "6");
    world_end(shell);
}

static void a_fixed_number_is_kept(void **state) {
    (void)state;
    struct shell *shell = world_rest(ONE_BACKEND);
    fake_server_edit(shell->server, CHILD_SERVING, "m-a", "kubectl", EDIT("'replicas':3"));
    shell_settle_now(shell);
    assert_requests(shell, "patch ModelServing m-a\n");
    assert_string_equal(world_field(shell, CHILD_SERVING, "m-a", "spec/replicas"), "1");
    world_end(shell);
}

static void suspending_and_resuming(void **state) {
    (void)state;
    struct shell *shell = world_rest(SCALED_BACKEND);
    fake_server_edit(shell->server, CHILD_SERVING, "m-a", "autoscaler", EDIT("'replicas':3"));
    fake_server_edit(shell->server, CHILD_BINDING, "m-a", "x", "{'metadata':{'finalizers':['their/finalizer']}}");
    shell_settle(shell);
    shell_take_trace(shell);
    world_edit(shell, EDIT("'suspend':true"));
    shell_settle(shell);
    /* The binding lingers: an autoscaler might still look at it. */
    assert_requests(shell, "get-booster m\ndelete AutoscalingPolicyBinding m-a\nstatus m\n");
    assert_string_equal(world_field(shell, CHILD_SERVING, "m-a", "spec/replicas"), "3");
    assert_contains(world_condition(shell, "Initialized", "message"), "is scaled to 0 once its AutoscalingPolicyBinding is gone");
    fake_server_finalize(shell->server, CHILD_BINDING, "m-a");
    shell_settle(shell);
    assert_requests(shell, "get-booster m\npatch ModelServing m-a\nstatus m\nstatus m\n");
    assert_string_equal(world_field(shell, CHILD_SERVING, "m-a", "spec/replicas"), "0");
    assert_string_equal(world_condition(shell, "Active", "reason"), "Suspended");
    assert_string_equal(world_condition(shell, "Initialized", "status"), "True");
    shell_crash(shell);
    world_edit(shell, EDIT("'suspend':null"));
    shell_settle(shell);
    assert_requests(shell, "patch ModelServing m-a\ncreate AutoscalingPolicyBinding m-a\nstatus m\nstatus m\n");
    assert_string_equal(world_field(shell, CHILD_SERVING, "m-a", "spec/replicas"), "3");
    assert_string_equal(
        world_field(shell, CHILD_SERVING, "m-a", "metadata/annotations/workload.serving.volcano.sh~1replicas-before-suspend"), "");
    assert_string_equal(world_condition(shell, "Active", "status"), "True");
    world_end(shell);
}

static void paused_changes_nothing(void **state) {
    (void)state;
    struct shell *shell = world_rest(TWO_BACKENDS);
    world_edit(shell, EDIT("'paused':true,'name':'other'," BACKENDS(BACKEND("b", ONE ",'routeWeight':5") "," BACKEND("c", ONE))));
    shell_settle(shell);
    assert_requests(shell, "status m\n");
    assert_string_equal(world_condition(shell, "Active", "reason"), "Paused");
    assert_string_equal(world_condition(shell, "Initialized", "reason"), "Paused");
    assert_contains(world_condition(shell, "Initialized", "message"), "ModelServing m-c");
    assert_contains(world_condition(shell, "Initialized", "message"), "still to be removed: ModelServing m-a");
    world_edit(shell, EDIT("'paused':null"));
    shell_settle(shell);
    assert_string_equal(world_condition(shell, "Active", "status"), "True");
    assert_null(fake_server_find(shell->server, CHILD_SERVING, "m-a"));
    world_end(shell);
}

static void paused_removes_nothing(void **state) {
    (void)state;
    struct shell *shell = world_rest(SCALED_BACKEND);
    world_edit(shell, EDIT("'paused':true," BACKENDS(BACKEND("a", RANGE))));
    shell_settle(shell);
    assert_requests(shell, "status m\n");
    assert_contains(world_condition(shell, "Initialized", "message"), "still to be removed: AutoscalingPolicyBinding m-a");
    world_edit(shell, EDIT("'suspend':true"));
    shell_settle(shell);
    assert_string_equal(world_field(shell, CHILD_SERVING, "m-a", "spec/replicas"), "1");
    assert_int_equal(shell->verb_counts[REQUEST_PATCH] + shell->verb_counts[REQUEST_DELETE], 0);
    world_end(shell);
}

/* ---- order ---- */

static void siblings_of_a_refused_child_go_on(void **state) {
    (void)state;
    struct fake_server *server = fake_server_new();
    int kind = CHILD_SERVER;
    server->admission = world_refuse_kind;
    server->admission_context = &kind;
    fake_server_create(server, FAKE_BOOSTER, TWO_BACKENDS);
    struct shell *shell = shell_new(server, "m");
    shell_settle_now(shell);
    assert_non_null(fake_server_find(server, CHILD_SERVING, "m-b"));
    assert_non_null(fake_server_find(server, CHILD_ROUTE, "m"));
    assert_string_equal(world_condition(shell, "Failed", "reason"), "Rejected");
    assert_contains(world_condition(shell, "Failed", "message"), "spec.x: Invalid value: it is refused");
    assert_true(shell->done.wants_retry);
    server->admission = NULL;
    shell_settle(shell);
    assert_string_equal(world_condition(shell, "Failed", "reason"), "NoFailure");
    assert_string_equal(world_condition(shell, "Active", "status"), "True");
    world_end(shell);
}

static void a_binding_waits_for_its_policy(void **state) {
    (void)state;
    struct fake_server *server = fake_server_new();
    int kind = CHILD_POLICY;
    server->admission = world_refuse_kind;
    server->admission_context = &kind;
    fake_server_create(server, FAKE_BOOSTER, SCALED_BACKEND);
    struct shell *shell = shell_new(server, "m");
    shell_settle(shell);
    assert_null(fake_server_find(server, CHILD_BINDING, "m-a"));
    assert_contains(world_condition(shell, "Initialized", "message"), "AutoscalingPolicyBinding m-a waits for its AutoscalingPolicy");
    server->admission = NULL;
    shell_settle(shell);
    assert_non_null(fake_server_find(server, CHILD_BINDING, "m-a"));
    world_end(shell);
}

static void a_policy_stays_until_its_binding_is_gone(void **state) {
    (void)state;
    struct shell *shell = world_rest(SCALED_BACKEND);
    fake_server_edit(shell->server, CHILD_BINDING, "m-a", "x", "{'metadata':{'finalizers':['their/finalizer']}}");
    world_edit(shell, EDIT(BACKENDS(BACKEND("a", RANGE))));
    shell_settle(shell);
    assert_requests(shell, "get-booster m\ndelete AutoscalingPolicyBinding m-a\nstatus m\n");
    assert_string_equal(world_condition(shell, "Active", "status"), "True");
    assert_contains(world_condition(shell, "Initialized", "message"), "still to be removed: AutoscalingPolicy m-a");
    fake_server_finalize(shell->server, CHILD_BINDING, "m-a");
    shell_settle(shell);
    assert_requests(shell, "get-booster m\ndelete AutoscalingPolicy m-a\nstatus m\n");
    world_end(shell);
}

/* An autoscaler would undo the fixed number that is written while its binding is still there. */
static void a_binding_goes_before_the_number_is_fixed(void **state) {
    (void)state;
    struct shell *shell = world_rest(SCALED_BACKEND);
    world_edit(shell, EDIT(BACKENDS(BACKEND("a", "'minReplicas':2,'maxReplicas':2"))));
    shell_settle(shell);
    assert_requests(shell, "get-booster m\ndelete AutoscalingPolicyBinding m-a\npatch ModelServing m-a\ndelete AutoscalingPolicy m-a\n"
                           "status m\nstatus m\n");
    world_end(shell);
}

static void traffic_leaves_a_backend_before_it_goes(void **state) {
    (void)state;
    struct shell *shell = world_rest(TWO_BACKENDS);
    int kind = CHILD_ROUTE;
    shell->server->admission = world_refuse_kind;
    shell->server->admission_context = &kind;
    world_edit(shell, EDIT(BACKENDS(BACKEND("b", ONE))));
    shell_settle(shell);
    assert_non_null(fake_server_find(shell->server, CHILD_SERVER, "m-a"));
    assert_non_null(fake_server_find(shell->server, CHILD_SERVING, "m-a"));
    shell->server->admission = NULL;
    shell_take_trace(shell);
    shell_settle(shell);
    assert_requests(shell, "patch ModelRoute m\nget-booster m\ndelete ModelServer m-a\ndelete ModelServing m-a\nstatus m\n");
    world_end(shell);
}

static void traffic_stays_until_the_new_backend_is_there(void **state) {
    (void)state;
    struct shell *shell = world_rest(ONE_BACKEND);
    int kind = CHILD_SERVER;
    shell->server->admission = world_refuse_kind;
    shell->server->admission_context = &kind;
    world_edit(shell, EDIT("'name':'other'," BACKENDS(BACKEND("c", ONE))));
    shell_settle(shell);
    assert_string_equal(world_field(shell, CHILD_ROUTE, "m", "spec/modelName"), "m");
    assert_string_equal(world_field(shell, CHILD_ROUTE, "m", "spec/rules/0/targetModels/0/modelServerName"), "m-a");
    assert_non_null(fake_server_find(shell->server, CHILD_SERVER, "m-a"));
    shell->server->admission = NULL;
    shell_settle(shell);
    assert_string_equal(world_field(shell, CHILD_ROUTE, "m", "spec/modelName"), "other");
    assert_null(fake_server_find(shell->server, CHILD_SERVER, "m-a"));
    assert_string_equal(world_condition(shell, "Active", "status"), "True");
    world_end(shell);
}

static void traffic_stays_on_what_it_has(void **state) {
    (void)state;
    struct shell *shell = world_rest(ONE_BACKEND);
    int kind = CHILD_SERVER;
    shell->server->admission = world_refuse_kind;
    shell->server->admission_context = &kind;
    world_edit(shell, EDIT(BACKENDS(BACKEND("a", ONE) "," BACKEND("b", ONE))));
    shell_settle(shell);
    assert_string_equal(world_field(shell, CHILD_ROUTE, "m", "spec/rules/0/targetModels/1"), "");
    assert_contains(world_condition(shell, "Initialized", "message"), "ModelRoute m keeps its targets until the new ones exist");
    shell->server->admission = NULL;
    shell_settle(shell);
    assert_string_equal(world_field(shell, CHILD_ROUTE, "m", "spec/rules/0/targetModels/1/modelServerName"), "m-b");
    world_end(shell);
}

static void one_kind_that_stays_keeps_no_other(void **state) {
    (void)state;
    struct shell *shell = world_rest(SCALED_BACKEND);
    shell->server->forbidden[CHILD_POLICY] = 1U << REQUEST_DELETE;
    world_edit(shell, EDIT(BACKENDS(BACKEND("c", ONE))));
    shell_settle(shell);
    assert_null(fake_server_find(shell->server, CHILD_SERVING, "m-a"));
    assert_null(fake_server_find(shell->server, CHILD_SERVER, "m-a"));
    assert_non_null(fake_server_find(shell->server, CHILD_POLICY, "m-a"));
    assert_string_equal(world_condition(shell, "Failed", "reason"), "Forbidden");
    assert_contains(world_condition(shell, "Failed", "message"), "delete AutoscalingPolicy m-a");
    shell->server->forbidden[CHILD_POLICY] = 0;
    shell_settle(shell);
    assert_string_equal(world_condition(shell, "Failed", "reason"), "NoFailure");
    world_end(shell);
}

/* ---- before anything goes ---- */

/* The context is a patch, applied before the first request of that verb. */
static void edit_before(struct shell *shell, const struct request *request, enum request_verb verb) {
    const char *patch = shell->context;
    if (request->verb != verb || !patch) return;
    shell->context = NULL;
    world_edit(shell, patch);
}

static void edit_before_the_reading(struct shell *shell, size_t index, const struct request *request) {
    (void)index;
    edit_before(shell, request, REQUEST_GET_BOOSTER);
}

static void edit_before_the_delete(struct shell *shell, size_t index, const struct request *request) {
    (void)index;
    edit_before(shell, request, REQUEST_DELETE);
}

static void nothing_goes_that_is_wanted_again(void **state) {
    (void)state;
    static const struct {
        const char *name, *before, *edit, *again;
    } plans[] = {
        {"a backend", TWO_BACKENDS, EDIT(BACKENDS(BACKEND("b", ONE))), EDIT(BACKENDS(BACKEND("a", ONE) "," BACKEND("b", ONE)))},
        {"a route", ONE_BACKEND, EDIT("'name':'other'"), EDIT("'name':null")},
        {"a binding", SCALED_BACKEND, EDIT(BACKENDS(BACKEND("a", RANGE))), EDIT(BACKENDS(BACKEND("a", RANGE "," POLICY)))},
        {"a gang", BOOSTER(BACKENDS(GANG(2))),
         "{'metadata':{'annotations':{'" ANNOTATION_ALLOW_RECREATE "':'true'}},'spec':{" BACKENDS(GANG(1)) "}}", EDIT(BACKENDS(GANG(2)))},
        {"the replicas", ONE_BACKEND, EDIT("'suspend':true"), EDIT("'suspend':null")},
    };
    for (size_t i = 0; i < sizeof plans / sizeof *plans; i++) {
        struct shell *shell = world_rest(plans[i].before);
        world_edit(shell, plans[i].edit);
        shell->before_request = edit_before_the_reading;
        shell->context = (void *)(uintptr_t)plans[i].again;
        shell_settle(shell);
        const char *requests = shell_take_trace(shell);
        if (!strstr(requests, "get-booster")) fail_msg("%s: the ModelBooster was not read first:\n%s", plans[i].name, requests);
        if (strstr(requests, "delete")) fail_msg("%s: deleted:\n%s", plans[i].name, requests);
        assert_int_equal(fake_server_tally(shell->server, CHILD_SERVING, "m-a")->patches, 0);
        assert_string_equal(world_condition(shell, "Active", "status"), "True");
        world_end(shell);
    }
}

/* One confirmation is not for the whole run: an edit that comes to be known in between ends the removals. */
static void an_edit_ends_the_removals(void **state) {
    (void)state;
    struct shell *shell = world_rest(TWO_BACKENDS);
    world_edit(shell, EDIT(BACKENDS(BACKEND("c", ONE))));
    shell_settle(shell);
    world_edit(shell, EDIT(BACKENDS(BACKEND("a", ONE) "," BACKEND("b", ONE) "," BACKEND("c", ONE))));
    shell_settle(shell);
    shell_take_trace(shell);
    shell->delivery = EVENTS_BEFORE_ANSWER;
    world_edit(shell, EDIT(BACKENDS(BACKEND("c", ONE))));
    shell->before_request = edit_before_the_delete;
    shell->context = (void *)(uintptr_t)EDIT(BACKENDS(BACKEND("a", ONE) "," BACKEND("b", ONE) "," BACKEND("c", ONE)));
    shell_settle(shell);
    const char *first = strstr(shell_take_trace(shell), "delete ");
    assert_non_null(first);
    assert_null(strstr(first + 1, "delete "));
    assert_string_equal(world_condition(shell, "Active", "status"), "True");
    world_end(shell);
}

static void replace_first(struct shell *shell, size_t index, const struct request *request) {
    (void)index;
    if (request->verb != REQUEST_GET_BOOSTER || shell->context) return;
    shell->context = shell;
    fake_server_delete(shell->server, FAKE_BOOSTER, "m");
    fake_server_create(shell->server, FAKE_BOOSTER, TWO_BACKENDS);
    world_edit(shell, EDIT("'owner':'team'")); /* of the same generation as the one before */
}

static void nothing_goes_for_one_of_the_same_name(void **state) {
    (void)state;
    struct shell *shell = world_rest(TWO_BACKENDS);
    world_edit(shell, EDIT(BACKENDS(BACKEND("b", ONE))));
    shell->before_request = replace_first;
    shell_run(shell);
    assert_requests(shell, "patch ModelRoute m\nget-booster m\n");
    shell_settle(shell);
    assert_string_equal(world_condition(shell, "Active", "status"), "True");
    assert_null(strstr(shell_take_trace(shell), "delete"));
    world_end(shell);
}

static void a_deleted_one_gets_no_writes(void **state) {
    (void)state;
    struct shell *shell = world_rest(TWO_BACKENDS);
    world_edit(shell, "{'metadata':{'finalizers':['foregroundDeletion']}}");
    fake_server_delete(shell->server, FAKE_BOOSTER, "m");
    world_edit(shell, EDIT(BACKENDS(BACKEND("c", ONE))));
    fake_server_delete(shell->server, CHILD_SERVING, "m-a");
    shell_settle_now(shell);
    assert_requests(shell, "");
    fake_server_finalize(shell->server, FAKE_BOOSTER, "m");
    shell_settle(shell);
    assert_requests(shell, "");
    assert_int_equal(shell->server->object_count, 0);
    world_end(shell);
}

static void a_refused_name_keeps_the_old_route(void **state) {
    (void)state;
    struct shell *shell = world_rest(ONE_BACKEND);
    int kind = CHILD_ROUTE;
    shell->server->admission = world_refuse_kind;
    shell->server->admission_context = &kind;
    world_edit(shell, EDIT("'name':'other'"));
    shell_settle(shell);
    assert_string_equal(world_field(shell, CHILD_ROUTE, "m", "spec/modelName"), "m");
    assert_string_equal(world_condition(shell, "Failed", "reason"), "Rejected");
    assert_int_equal(fake_server_tally(shell->server, CHILD_ROUTE, "m")->deletes, 0);
    world_end(shell);
}

static void an_invalid_edit_removes_nothing(void **state) {
    (void)state;
    struct shell *shell = world_rest(TWO_BACKENDS);
    world_edit(shell, EDIT(BACKENDS(BACKEND("b", "'minReplicas':3,'maxReplicas':1"))));
    shell_settle(shell);
    assert_requests(shell, "status m\n");
    assert_string_equal(world_condition(shell, "Failed", "reason"), "InvalidSpec");
    world_edit(shell, EDIT(BACKENDS(BACKEND("a", ONE) "," BACKEND("b", ONE))));
    shell_settle(shell);
    assert_requests(shell, "status m\n");
    assert_string_equal(world_condition(shell, "Failed", "reason"), "NoFailure");
    world_end(shell);
}

static void a_child_that_lingers_is_waited_for(void **state) {
    (void)state;
    struct shell *shell = world_rest(ONE_BACKEND);
    fake_server_edit(shell->server, CHILD_SERVER, "m-a", "x", "{'metadata':{'finalizers':['their/finalizer']}}");
    fake_server_delete(shell->server, CHILD_SERVER, "m-a");
    shell_settle(shell);
    assert_requests(shell, "status m\n");
    assert_contains(world_condition(shell, "Initialized", "message"), "ModelServer m-a is being deleted");
    fake_server_finalize(shell->server, CHILD_SERVER, "m-a");
    shell_settle(shell);
    assert_requests(shell, "create ModelServer m-a\nstatus m\n");
    world_end(shell);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_one_takes_three_creates_and_two_statuses),
        cmocka_unit_test(a_restart_asks_for_nothing),
        cmocka_unit_test(an_edit_touches_what_it_is_about),
        cmocka_unit_test(labels_and_finalizers_of_others_survive),
        cmocka_unit_test(the_number_in_a_range_is_an_autoscalers),
        cmocka_unit_test(a_fixed_number_is_kept),
        cmocka_unit_test(suspending_and_resuming),
        cmocka_unit_test(paused_changes_nothing),
        cmocka_unit_test(paused_removes_nothing),
        cmocka_unit_test(siblings_of_a_refused_child_go_on),
        cmocka_unit_test(a_binding_waits_for_its_policy),
        cmocka_unit_test(a_policy_stays_until_its_binding_is_gone),
        cmocka_unit_test(a_binding_goes_before_the_number_is_fixed),
        cmocka_unit_test(traffic_leaves_a_backend_before_it_goes),
        cmocka_unit_test(traffic_stays_until_the_new_backend_is_there),
        cmocka_unit_test(traffic_stays_on_what_it_has),
        cmocka_unit_test(one_kind_that_stays_keeps_no_other),
        cmocka_unit_test(nothing_goes_that_is_wanted_again),
        cmocka_unit_test(an_edit_ends_the_removals),
        cmocka_unit_test(nothing_goes_for_one_of_the_same_name),
        cmocka_unit_test(a_deleted_one_gets_no_writes),
        cmocka_unit_test(a_refused_name_keeps_the_old_route),
        cmocka_unit_test(an_invalid_edit_removes_nothing),
        cmocka_unit_test(a_child_that_lingers_is_waited_for),
    };
    return cmocka_run_group_tests_name("reconcile", tests, NULL, NULL);
}
