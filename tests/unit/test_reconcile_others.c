/*
 * The reconcile machine among others: owners of the same names, other managers, webhooks, definitions that drop fields or are not there,
 * RBAC.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "small_worlds.h"

/* ---- other managers ---- */

static void a_fight_is_given_up_and_taken_up_again(void **state) {
    (void)state;
    struct shell *shell = world_rest(ONE_BACKEND);
    for (int i = 1; i <= OBSERVED_REWRITES; i++) {
        shell->now_ms += 60 * 1000;
        fake_server_edit(shell->server, CHILD_ROUTE, "m", "rival", "{'spec':{'rules':null}}");
        shell_settle_now(shell);
        if (i < OBSERVED_REWRITES) assert_requests(shell, "patch ModelRoute m\n");
    }
    assert_requests(shell, "status m\n");
    assert_string_equal(world_condition(shell, "Failed", "reason"), "OtherController");
    assert_contains(world_condition(shell, "Failed", "message"), "rival");
    assert_contains(world_condition(shell, "Failed", "message"), "spec.rules");
    assert_string_equal(world_field(shell, CHILD_ROUTE, "m", "spec/rules"), "");
    int64_t first_rewrite_ms = shell_record(shell, CHILD_ROUTE, "m")->rewrites_ms[OBSERVED_REWRITES - 1];
    assert_int_equal(shell->done.again_ms, first_rewrite_ms + REWRITE_WINDOW_MS);
    assert_false(shell->done.wants_retry);
    shell->now_ms = shell->done.again_ms - 1;
    shell_settle_now(shell);
    assert_requests(shell, "");
    shell->now_ms++;
    shell_settle_now(shell);
    assert_requests(shell, "patch ModelRoute m\nstatus m\n");
    assert_string_equal(world_condition(shell, "Failed", "reason"), "NoFailure");
    /* It goes on: once more is enough to give up again. */
    fake_server_edit(shell->server, CHILD_ROUTE, "m", "rival", "{'spec':{'rules':null}}");
    shell_settle_now(shell);
    assert_requests(shell, "status m\n");
    assert_string_equal(world_condition(shell, "Failed", "reason"), "OtherController");
    world_end(shell);
}

static void an_edit_is_tried_once_in_a_fight(void **state) {
    (void)state;
    static const char theirs[] = "{'metadata':{'labels':{'workload.serving.volcano.sh/revision':'theirs'}}}";
    struct shell *shell = world_rest(ONE_BACKEND);
    for (int i = 1; i <= OBSERVED_REWRITES; i++) {
        fake_server_edit(shell->server, CHILD_ROUTE, "m", "rival", theirs);
        shell_settle_now(shell);
    }
    assert_string_equal(world_condition(shell, "Failed", "reason"), "OtherController");
    shell_take_trace(shell);
    world_edit(shell, EDIT(BACKENDS(BACKEND("a", ONE ",'routeWeight':5"))));
    shell_settle_now(shell);
    assert_requests(shell, "patch ModelRoute m\nstatus m\n");
    assert_string_equal(world_condition(shell, "Failed", "reason"), "NoFailure");
    fake_server_edit(shell->server, CHILD_ROUTE, "m", "rival", theirs);
    shell_settle_now(shell);
    assert_requests(shell, "status m\n");
    assert_string_equal(world_condition(shell, "Failed", "reason"), "OtherController");
    world_end(shell);
}

static void a_foreign_child_is_left_alone(void **state) {
    (void)state;
    static const char *const foreign[] = {
        "{'metadata':{'name':'m-a','labels':{'x':'y'}},'spec':{'model':'of others'}}",
        "{'metadata':{'name':'m-a','ownerReferences':[{'apiVersion':'workload.serving.volcano.sh/"
        "v1alpha1','kind':'ModelBooster','name':'n','uid':'u-77','controller':true}]},'spec':{'model':'of others'}}",
        "{'metadata':{'name':'m-a','ownerReferences':[{'apiVersion':'apps/"
        "v1','kind':'Deployment','name':'d','uid':'u-77','controller':true},{'apiVersion':'workload.serving.volcano.sh/"
        "v1alpha1','kind':'ModelBooster','name':'m','uid':'u-1'}]},'spec':{'model':'of others'}}",
    };
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
        struct shell *shell = world_begin(ONE_BACKEND);
        fake_server_create(shell->server, CHILD_SERVER, foreign[i]);
        shell_settle_now(shell);
        assert_string_equal(world_field(shell, CHILD_SERVER, "m-a", "metadata/generation"), "1");
        assert_string_equal(world_field(shell, CHILD_SERVER, "m-a", "spec/model"), "of others");
        assert_string_equal(world_condition(shell, "Failed", "reason"), "NameConflict");
        assert_contains(world_condition(shell, "Failed", "message"), "ModelServer m-a exists already and belongs to another owner");
        assert_false(shell->done.wants_retry);
        /* Also when the backend goes: it was never ours to delete. */
        world_edit(shell, EDIT(BACKENDS(BACKEND("b", ONE))));
        shell_settle_now(shell);
        assert_non_null(fake_server_find(shell->server, CHILD_SERVER, "m-a"));
        assert_null(fake_server_find(shell->server, CHILD_SERVING, "m-a"));
        assert_string_equal(world_condition(shell, "Failed", "reason"), "NoFailure");
        world_end(shell);
    }
}

static void two_models_that_collide(void **state) {
    (void)state;
    struct fake_server *server = fake_server_new();
    fake_server_create(server, FAKE_BOOSTER, BOOSTER_NAMED("m", BACKENDS(BACKEND("a-b", ONE))));
    fake_server_create(server, FAKE_BOOSTER, BOOSTER_NAMED("m-a", BACKENDS(BACKEND("b", ONE))));
    struct shell *first = shell_new(server, "m"), *second = shell_new(server, "m-a");
    shell_settle_now(first);
    shell_settle_now(second);
    shell_settle_now(first);
    assert_string_equal(world_condition(first, "Failed", "reason"), "NoFailure");
    assert_string_equal(fake_server_condition(server, "m-a", "Failed", "reason"), "NameConflict");
    assert_string_equal(world_field(first, CHILD_SERVING, "m-a-b", "metadata/ownerReferences/0/name"), "m");
    world_edit(first, EDIT(BACKENDS(BACKEND("c", ONE))));
    shell_settle_now(first);
    shell_settle_now(second);
    assert_string_equal(fake_server_condition(server, "m-a", "Failed", "reason"), "NoFailure");
    assert_string_equal(world_field(first, CHILD_SERVING, "m-a-b", "metadata/ownerReferences/0/name"), "m-a");
    shell_free(second);
    world_end(first);
}

static void a_former_ones_children_are_waited_for(void **state) {
    (void)state;
    struct shell *shell = world_rest(ONE_BACKEND);
    fake_server_delete(shell->server, FAKE_BOOSTER, "m");
    fake_server_create(shell->server, FAKE_BOOSTER, ONE_BACKEND);
    shell_settle_now(shell);
    assert_requests(shell, "status m\n");
    assert_string_equal(world_condition(shell, "Failed", "status"), "False");
    assert_contains(world_condition(shell, "Initialized", "message"),
                    "ModelServing m-a of the deleted ModelBooster of the same name is still being garbage-collected");
    int64_t since_ms = shell->now_ms;
    assert_int_equal(shell->done.again_ms, since_ms + TRANSIENT_PATIENCE_MS);
    shell->now_ms = since_ms + TRANSIENT_PATIENCE_MS - 1;
    shell_settle_now(shell);
    assert_requests(shell, "");
    shell->now_ms++;
    shell_settle_now(shell);
    assert_requests(shell, "status m\n");
    assert_string_equal(world_condition(shell, "Failed", "reason"), "NameConflict");
    assert_true(fake_server_collect(shell->server));
    shell_settle(shell);
    assert_string_equal(world_condition(shell, "Failed", "reason"), "NoFailure");
    assert_string_equal(world_condition(shell, "Active", "status"), "True");
    /* The clock starts anew for the next time. */
    assert_int_equal(shell->memory.former_since_ms, 0);
    world_end(shell);
}

/* ---- what the server makes of it ---- */

static const char *drop_and_change(void *context, int kind, yyjson_mut_doc *doc, yyjson_mut_val *object) {
    (void)context;
    yyjson_mut_val *spec = yyjson_mut_obj_get(object, "spec");
    if (kind == CHILD_SERVER) yyjson_mut_obj_remove_key(spec, "trafficPolicy");
    if (kind == CHILD_SERVING) {
        yyjson_mut_obj_put(spec, yyjson_mut_str(doc, "schedulerName"), yyjson_mut_str(doc, "theirs"));
        yyjson_mut_obj_put(spec, yyjson_mut_str(doc, "replicas"), yyjson_mut_int(doc, 2));
    }
    if (kind == CHILD_ROUTE) {
        yyjson_mut_obj_put(spec, yyjson_mut_str(doc, "modelName"), yyjson_mut_str(doc, "theirs"));
        yyjson_mut_obj_remove_key(yyjson_mut_obj_get(yyjson_mut_obj_get(object, "metadata"), "labels"), LABEL_REVISION);
    }
    return NULL;
}

static void what_is_not_kept_is_not_fought_for(void **state) {
    (void)state;
    struct shell *shell = world_begin(ONE_BACKEND);
    shell->server->admission = drop_and_change;
    shell_settle(shell);
    assert_requests(shell, "create ModelServing m-a\ncreate ModelServer m-a\ncreate ModelRoute m\nstatus m\nstatus m\n");
    assert_string_equal(world_condition(shell, "Initialized", "status"), "True");
    assert_string_equal(world_condition(shell, "Failed", "reason"), "NoFailure");
    assert_true(str_is(shell_record(shell, CHILD_SERVING, "m-a")->difference, "spec.schedulerName"));
    shell_settle(shell);
    assert_requests(shell, "");
    /* Somebody else's change is another matter. */
    fake_server_edit(shell->server, CHILD_SERVER, "m-a", "kubectl", EDIT("'model':'wrong'"));
    shell_settle(shell);
    assert_requests(shell, "patch ModelServer m-a\n");
    world_end(shell);
}

/* The memory of what is not kept does not outlive the process: one attempt, and none of them destroys anything. */
static void after_a_restart_it_is_tried_once(void **state) {
    (void)state;
    struct shell *shell = world_begin(ONE_BACKEND);
    shell->server->admission = drop_and_change;
    shell_settle(shell);
    shell_take_trace(shell);
    shell_crash(shell);
    shell_settle(shell);
    const char *requests = shell_take_trace(shell);
    assert_contains(requests, "patch ModelServing m-a\npatch ModelServer m-a\n");
    shell_settle(shell);
    assert_requests(shell, "");
    assert_int_equal(fake_server_tally(shell->server, CHILD_SERVING, "m-a")->patches, 0);
    assert_int_equal(fake_server_tally(shell->server, CHILD_SERVING, "m-a")->deletes, 0);
    world_end(shell);
}

static const char *change_gang(void *context, int kind, yyjson_mut_doc *doc, yyjson_mut_val *object) {
    (void)context;
    yyjson_mut_val *gang = yyjson_mut_obj_get(yyjson_mut_obj_get(yyjson_mut_obj_get(object, "spec"), "template"), "gangPolicy");
    if (kind == CHILD_SERVING && gang) yyjson_mut_obj_put(gang, yyjson_mut_str(doc, "theirs"), yyjson_mut_int(doc, 1));
    return NULL;
}

static void a_gang_that_is_not_kept_is_recreated_once(void **state) {
    (void)state;
    struct shell *shell = world_rest(BOOSTER(BACKENDS(GANG(2))));
    shell->server->admission = change_gang;
    world_edit(shell, "{'metadata':{'annotations':{'" ANNOTATION_ALLOW_RECREATE "':'true'}},'spec':{" BACKENDS(GANG(1)) "}}");
    shell_settle(shell);
    assert_int_equal(fake_server_tally(shell->server, CHILD_SERVING, "m-a")->deletes, 1);
    assert_int_equal(fake_server_tally(shell->server, CHILD_SERVING, "m-a")->creates, 2);
    assert_string_equal(world_condition(shell, "Failed", "reason"), "NeedsRecreate");
    world_end(shell);
}

static const char *drop_owners(void *context, int kind, yyjson_mut_doc *doc, yyjson_mut_val *object) {
    (void)context, (void)doc;
    if (kind == CHILD_SERVER) yyjson_mut_obj_remove_key(yyjson_mut_obj_get(object, "metadata"), "ownerReferences");
    return NULL;
}

static void an_owner_that_is_not_kept_is_said_and_left(void **state) {
    (void)state;
    struct shell *shell = world_begin(ONE_BACKEND);
    shell->server->admission = drop_owners;
    shell_settle(shell);
    assert_string_equal(world_condition(shell, "Failed", "reason"), "Rejected");
    assert_contains(world_condition(shell, "Failed", "message"), "ModelServer m-a: the API server accepts it but does not keep it");
    assert_true(shell->verb_counts[REQUEST_PATCH] < 20);
    assert_int_equal(fake_server_tally(shell->server, CHILD_SERVER, "m-a")->creates, 1);
    world_end(shell);
}

static const char *prune_status(void *context, int kind, yyjson_mut_doc *doc, yyjson_mut_val *object) {
    (void)context, (void)doc;
    if (kind != FAKE_BOOSTER) return NULL;
    yyjson_mut_val *status = yyjson_mut_obj_get(object, "status"), *item;
    size_t index, max;
    yyjson_mut_obj_remove_key(status, "observedGeneration");
    yyjson_mut_arr_foreach(yyjson_mut_obj_get(status, "backendStatuses"), index, max, item) {
        yyjson_mut_obj_remove_key(item, "availableReplicas");
        yyjson_mut_obj_remove_key(item, "message");
    }
    yyjson_mut_arr_foreach(yyjson_mut_obj_get(status, "conditions"), index, max, item)
        yyjson_mut_obj_remove_key(item, "observedGeneration");
    return NULL;
}

static void a_pruned_status_is_written_once(void **state) {
    (void)state;
    struct shell *shell = world_begin(ONE_BACKEND);
    shell->server->admission = prune_status;
    shell_settle(shell);
    assert_requests(shell, "create ModelServing m-a\ncreate ModelServer m-a\ncreate ModelRoute m\nstatus m\nstatus m\n");
    shell_settle(shell);
    assert_requests(shell, "");
    shell_crash(shell);
    shell_settle(shell);
    assert_requests(shell, "status m\n");
    shell_settle(shell);
    assert_requests(shell, "");
    fake_server_set_status(shell->server, CHILD_SERVING, "m-a",
                           "{'status':{'conditions':[{'type':'Available','status':'False','reason':'Lost','message':'gone'}]}}");
    shell_settle_now(shell);
    assert_requests(shell, "status m\n");
    assert_contains(world_condition(shell, "Active", "message"), "backend a: Lost: gone");
    world_end(shell);
}

/* ---- definitions, rights, namespaces ---- */

static void a_definition_that_is_missing_is_said_and_found(void **state) {
    (void)state;
    struct shell *shell = world_begin(ONE_BACKEND);
    shell->server->is_missing[CHILD_ROUTE] = true;
    shell->kinds[CHILD_ROUTE] = KIND_NOT_INSTALLED;
    shell_settle_now(shell);
    assert_requests(shell, "create ModelServing m-a\ncreate ModelServer m-a\nstatus m\n");
    assert_string_equal(world_condition(shell, "Failed", "reason"), "KindMissing");
    assert_contains(world_condition(shell, "Failed", "message"), "modelroutes.networking.serving.volcano.sh is not installed");
    assert_false(shell->done.wants_retry);
    shell->server->is_missing[CHILD_ROUTE] = false;
    shell->kinds[CHILD_ROUTE] = KIND_SYNCED;
    shell_settle(shell);
    assert_requests(shell, "create ModelRoute m\nstatus m\nstatus m\n");
    assert_string_equal(world_condition(shell, "Active", "status"), "True");
    world_end(shell);
}

static void a_definition_that_goes_is_confirmed_first(void **state) {
    (void)state;
    struct shell *shell = world_begin(ONE_BACKEND);
    shell->server->is_missing[CHILD_ROUTE] = true;
    shell_settle_now(shell);
    assert_requests(shell, "create ModelServing m-a\ncreate ModelServer m-a\ncreate ModelRoute m -> 404 page not found\n"
                           "discover ModelRoute m -> no such kind\nstatus m\n");
    assert_string_equal(world_condition(shell, "Failed", "reason"), "KindMissing");
    world_end(shell);
    /* A 404 of a path that discovery knows is an API server that warms up. */
    shell = world_begin(ONE_BACKEND);
    shell->faults[0] = (struct shell_planned_fault){2, FAULT_NO_PATH};
    shell->fault_count = 1;
    shell_settle_now(shell);
    assert_true(shell->done.wants_retry);
    assert_string_equal(world_condition(shell, "Failed", "reason"), "");
    shell_settle(shell);
    assert_string_equal(world_condition(shell, "Active", "status"), "True");
    world_end(shell);
}

static void what_may_not_be_listed_is_forbidden(void **state) {
    (void)state;
    struct shell *shell = world_begin(ONE_BACKEND);
    shell->kinds[CHILD_SERVER] = KIND_FORBIDDEN;
    shell_settle_now(shell);
    assert_requests(shell, "create ModelServing m-a\ncreate ModelRoute m\nstatus m\n");
    assert_string_equal(world_condition(shell, "Failed", "reason"), "Forbidden");
    assert_contains(world_condition(shell, "Failed", "message"), "may not list and watch modelservers.networking.serving.volcano.sh");
    world_end(shell);
}

static void what_may_not_be_written_is_forbidden(void **state) {
    (void)state;
    struct shell *shell = world_begin(ONE_BACKEND);
    shell->server->forbidden[CHILD_SERVER] = 1U << REQUEST_CREATE;
    shell_settle_now(shell);
    assert_true(shell->done.wants_retry);
    assert_string_equal(world_condition(shell, "Failed", "reason"), ""); /* not before it has lasted a moment */
    shell_settle(shell);
    assert_string_equal(world_condition(shell, "Failed", "reason"), "Forbidden");
    assert_contains(world_condition(shell, "Failed", "message"), "create ModelServer m-a");
    assert_non_null(fake_server_find(shell->server, CHILD_ROUTE, "m"));
    shell->server->forbidden[CHILD_SERVER] = 0;
    shell_settle(shell);
    assert_string_equal(world_condition(shell, "Active", "status"), "True");
    world_end(shell);
}

static void an_unknown_kind_is_never_empty(void **state) {
    (void)state;
    for (int kind = 0; kind < CHILD_KIND_COUNT; kind++) {
        struct shell *shell = world_begin(ONE_BACKEND);
        shell->kinds[kind] = KIND_UNKNOWN;
        shell_settle_now(shell);
        assert_requests(shell, "");
        assert_false(shell->done.wants_retry);
        shell->kinds[kind] = KIND_SYNCED;
        shell_settle(shell);
        assert_string_equal(world_condition(shell, "Active", "status"), "True");
        world_end(shell);
    }
}

static void a_terminating_namespace_ends_the_work(void **state) {
    (void)state;
    struct shell *shell = world_begin(ONE_BACKEND);
    shell->server->is_namespace_terminating = true;
    shell_settle_now(shell);
    assert_requests(shell, "create ModelServing m-a -> namespace is being terminated\n");
    assert_false(shell->done.wants_retry);
    assert_int_equal(shell->done.again_ms, 0);
    world_end(shell);
}

static void a_clock_that_is_put_back_starts_the_patience_anew(void **state) {
    (void)state;
    struct shell *shell = world_rest(ONE_BACKEND);
    fake_server_delete(shell->server, FAKE_BOOSTER, "m");
    fake_server_create(shell->server, FAKE_BOOSTER, ONE_BACKEND);
    shell_settle_now(shell);
    shell->now_ms -= (int64_t)3600 * 1000;
    shell_run(shell);
    assert_int_equal(shell->done.again_ms, shell->now_ms + TRANSIENT_PATIENCE_MS);
    shell->now_ms += TRANSIENT_PATIENCE_MS;
    shell_settle_now(shell);
    assert_string_equal(world_condition(shell, "Failed", "reason"), "NameConflict");
    world_end(shell);
}

/* ---- trouble that passes, and that lasts ---- */

static void fault_everything(struct shell *shell, size_t index, const struct request *request) {
    bool is_child = request->verb == REQUEST_CREATE;
    shell->fault_count = is_child;
    shell->faults[0] = (struct shell_planned_fault){index, shell->context ? FAULT_TOO_MANY : FAULT_ERROR};
}

static void trouble_is_said_after_two_seconds_and_failed_after_sixty(void **state) {
    (void)state;
    struct shell *shell = world_begin(ONE_BACKEND);
    int64_t since_ms = shell->now_ms;
    shell->before_request = fault_everything;
    shell_settle_now(shell);
    assert_true(shell->done.wants_retry);
    assert_int_equal(shell->verb_counts[REQUEST_CREATE], 3);
    assert_int_equal(shell->verb_counts[REQUEST_PATCH_STATUS], 0);
    shell->now_ms = since_ms + 2000;
    shell_settle_now(shell);
    assert_string_equal(world_condition(shell, "Failed", "reason"), "NoFailure");
    assert_contains(world_condition(shell, "Initialized", "message"), "create ModelServing m-a: retrying");
    shell->now_ms = since_ms + TRANSIENT_PATIENCE_MS;
    shell_settle_now(shell);
    assert_string_equal(world_condition(shell, "Failed", "reason"), "Unreachable");
    shell->before_request = NULL;
    shell->fault_count = 0;
    shell_settle(shell);
    assert_string_equal(world_condition(shell, "Failed", "reason"), "NoFailure");
    assert_int_equal(shell->memory.transient_since_ms, 0);
    world_end(shell);
}

static void the_servers_wish_for_time_is_passed_on(void **state) {
    (void)state;
    struct shell *shell = world_begin(ONE_BACKEND);
    shell->before_request = fault_everything;
    shell->context = shell;
    shell_settle_now(shell);
    assert_true(shell->done.wants_retry);
    assert_int_equal(shell->done.retry_after_ms, 1000);
    world_end(shell);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fight_is_given_up_and_taken_up_again),
        cmocka_unit_test(an_edit_is_tried_once_in_a_fight),
        cmocka_unit_test(a_foreign_child_is_left_alone),
        cmocka_unit_test(two_models_that_collide),
        cmocka_unit_test(a_former_ones_children_are_waited_for),
        cmocka_unit_test(a_clock_that_is_put_back_starts_the_patience_anew),
        cmocka_unit_test(what_is_not_kept_is_not_fought_for),
        cmocka_unit_test(after_a_restart_it_is_tried_once),
        cmocka_unit_test(a_gang_that_is_not_kept_is_recreated_once),
        cmocka_unit_test(an_owner_that_is_not_kept_is_said_and_left),
        cmocka_unit_test(a_pruned_status_is_written_once),
        cmocka_unit_test(a_definition_that_is_missing_is_said_and_found),
        cmocka_unit_test(a_definition_that_goes_is_confirmed_first),
        cmocka_unit_test(what_may_not_be_listed_is_forbidden),
        cmocka_unit_test(what_may_not_be_written_is_forbidden),
        cmocka_unit_test(an_unknown_kind_is_never_empty),
        cmocka_unit_test(a_terminating_namespace_ends_the_work),
        cmocka_unit_test(trouble_is_said_after_two_seconds_and_failed_after_sixty),
        cmocka_unit_test(the_servers_wish_for_time_is_passed_on),
    };
    return cmocka_run_group_tests_name("reconcile among others", tests, NULL, NULL);
}
