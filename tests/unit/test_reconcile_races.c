/*
 * Between what the reconcile machine knows and what is: answers that are lost, versions that move, verdicts on another desired form.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "small_worlds.h"

/* ---- answers that leave it open ---- */

static void what_is_unclear_is_looked_at(void **state) {
    (void)state;
    static const struct {
        enum shell_fault fault;
        const char *requests;
    } cases[] = {
        {FAULT_LOST_DONE, "patch ModelRoute m -> lost but done\nget ModelRoute m\nstatus m\n"},
        {FAULT_LOST, "patch ModelRoute m -> lost and not done\nget ModelRoute m\npatch ModelRoute m\nstatus m\n"},
        {FAULT_CONFLICT, "patch ModelRoute m -> 409 conflict\nget ModelRoute m\npatch ModelRoute m\nstatus m\n"},
        {FAULT_NOT_FOUND, "patch ModelRoute m -> 404\nget ModelRoute m\npatch ModelRoute m\nstatus m\n"},
        {FAULT_REJECTED, "patch ModelRoute m -> 422\nstatus m\n"},
        {FAULT_ERROR, "patch ModelRoute m -> 500\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct shell *shell = world_rest(ONE_BACKEND);
        shell->delivery = EVENTS_AFTER_RUN;
        world_edit(shell, EDIT(BACKENDS(BACKEND("a", ONE ",'routeWeight':5"))));
        shell->faults[0] = (struct shell_planned_fault){shell->request_count, cases[i].fault};
        shell->fault_count = 1;
        shell_run(shell);
        const char *requests = shell_take_trace(shell);
        if (strcmp(requests, cases[i].requests) != 0) fail_msg("%s:\n%s", shell_fault_name(cases[i].fault), requests);
        world_end(shell);
    }
}

static void a_lost_create_is_looked_at(void **state) {
    (void)state;
    for (int is_done = 0; is_done < 2; is_done++) {
        struct shell *shell = world_begin(ONE_BACKEND);
        shell->delivery = EVENTS_AFTER_RUN;
        shell->faults[0] = (struct shell_planned_fault){0, is_done ? FAULT_LOST_DONE : FAULT_LOST};
        shell->fault_count = 1;
        shell_run(shell);
        assert_requests(
            shell,
            is_done
                ? "create ModelServing m-a -> lost but done\nget ModelServing m-a\ncreate ModelServer m-a\ncreate ModelRoute m\nstatus m\n"
                : "create ModelServing m-a -> lost and not done\nget ModelServing m-a -> not found\ncreate ModelServing m-a\n"
                  "create ModelServer m-a\ncreate ModelRoute m\nstatus m\n");
        world_end(shell);
    }
}

/* ---- versions that move ---- */

struct meddler {
    enum request_verb verb;
    enum child_kind kind;
    void (*meddle)(struct fake_server *server);
    int times;
};

static void meddle(struct shell *shell, size_t index, const struct request *request) {
    (void)index;
    struct meddler *meddler = shell->context;
    if (request->verb != meddler->verb || request->kind != meddler->kind || meddler->times-- <= 0) return;
    meddler->meddle(shell->server);
}

static void label(struct fake_server *server, enum child_kind kind, const char *name) {
    char patch[128];
    snprintf(patch, sizeof patch, "{'metadata':{'labels':{'theirs':'%d'}}}", (int)server->version);
    fake_server_edit(server, (int)kind, name, "x", patch);
}

static void label_route(struct fake_server *server) {
    label(server, CHILD_ROUTE, "m");
}

static void label_server(struct fake_server *server) {
    label(server, CHILD_SERVER, "m-a");
}

static void scale(struct fake_server *server) {
    fake_server_edit(server, CHILD_SERVING, "m-a", "autoscaler", EDIT("'replicas':3"));
}

static void replace_server(struct fake_server *server) {
    fake_server_delete(server, CHILD_SERVER, "m-a");
    fake_server_create(server, CHILD_SERVER, "{'metadata':{'name':'m-a'},'spec':{'model':'of others'}}");
}

static void a_change_in_between_is_not_overwritten(void **state) {
    (void)state;
    /* An autoscaler scales while an edit is on its way: the number is the autoscaler's. */
    struct shell *shell = world_rest(SCALED_BACKEND);
    struct meddler meddler = {REQUEST_PATCH, CHILD_SERVING, scale, 1};
    shell->delivery = EVENTS_AFTER_RUN;
    shell->before_request = meddle;
    shell->context = &meddler;
    world_edit(shell, EDIT(BACKENDS("{'name':'a','type':'vLLM','modelURI':'hf://org/model'," RANGE "," POLICY
                                    ",'workers':[{'image':'vllm:2'}]}")));
    shell_run(shell);
    assert_requests(shell,
                    "patch ModelServing m-a -> the object has been modified\nget ModelServing m-a\npatch ModelServing m-a\nstatus m\n");
    assert_string_equal(world_field(shell, CHILD_SERVING, "m-a", "spec/replicas"), "3");
    world_end(shell);
}

static void a_deletion_is_of_what_was_seen(void **state) {
    (void)state;
    struct shell *shell = world_rest(TWO_BACKENDS);
    struct meddler meddler = {REQUEST_DELETE, CHILD_SERVER, label_server, 1};
    shell->delivery = EVENTS_AFTER_RUN;
    shell->before_request = meddle;
    shell->context = &meddler;
    world_edit(shell, EDIT(BACKENDS(BACKEND("b", ONE))));
    shell_run(shell);
    assert_requests(shell,
                    "patch ModelRoute m\nget-booster m\ndelete ModelServer m-a -> the precondition does not hold\nget ModelServer m-a\n"
                    "delete ModelServer m-a\ndelete ModelServing m-a\nstatus m\n");
    world_end(shell);
}

static void what_took_its_place_is_not_deleted(void **state) {
    (void)state;
    for (int delivery = 0; delivery < DELIVERY_COUNT; delivery++) {
        struct shell *shell = world_rest(TWO_BACKENDS);
        struct meddler meddler = {REQUEST_DELETE, CHILD_SERVER, replace_server, 1};
        shell->delivery = (enum shell_delivery)delivery;
        shell->before_request = meddle;
        shell->context = &meddler;
        world_edit(shell, EDIT(BACKENDS(BACKEND("b", ONE))));
        shell_settle(shell);
        assert_string_equal(world_field(shell, CHILD_SERVER, "m-a", "spec/model"), "of others");
        assert_null(fake_server_find(shell->server, CHILD_SERVING, "m-a"));
        assert_string_equal(world_condition(shell, "Active", "status"), "True");
        world_end(shell);
    }
}

static void what_never_holds_still_is_left_for_later(void **state) {
    (void)state;
    struct shell *shell = world_rest(ONE_BACKEND);
    struct meddler meddler = {REQUEST_PATCH, CHILD_ROUTE, label_route, 100};
    shell->before_request = meddle;
    shell->context = &meddler;
    world_edit(shell, EDIT(BACKENDS(BACKEND("a", ONE ",'routeWeight':5"))));
    shell_run(shell);
    assert_true(shell->done.wants_retry);
    assert_true(shell->verb_counts[REQUEST_PATCH] < 10);
    meddler.times = 0;
    shell_settle(shell);
    assert_string_equal(world_condition(shell, "Active", "status"), "True");
    assert_string_equal(world_field(shell, CHILD_ROUTE, "m", "spec/rules/0/targetModels/0/weight"), "5");
    world_end(shell);
}

static void nor_is_what_is_to_be_removed(void **state) {
    (void)state;
    struct shell *shell = world_rest(TWO_BACKENDS);
    struct meddler meddler = {REQUEST_DELETE, CHILD_SERVER, label_server, 100};
    shell->before_request = meddle;
    shell->context = &meddler;
    world_edit(shell, EDIT(BACKENDS(BACKEND("b", ONE))));
    shell_run(shell);
    assert_true(shell->done.wants_retry);
    assert_true(shell->verb_counts[REQUEST_DELETE] < 10);
    meddler.times = 0;
    shell_settle(shell);
    assert_null(fake_server_find(shell->server, CHILD_SERVER, "m-a"));
    world_end(shell);
}

/* ---- verdicts on another desired form ---- */

static void a_child_seen_before_its_owner_is_read(void **state) {
    (void)state;
    for (int is_edited = 0; is_edited < 2; is_edited++) {
        struct shell *shell = world_rest(ONE_BACKEND);
        shell_crash(shell);
        shell->booster = NULL; /* its list comes later */
        shell->booster_version = 0;
        fake_server_edit(shell->server, CHILD_ROUTE, "m", "kubectl",
                         is_edited ? "{'spec':{'rules':null}}" : "{'metadata':{'labels':{'x':'y'}}}");
        shell_deliver(shell);
        assert_int_equal(shell_record(shell, CHILD_ROUTE, "m")->verdict, VERDICT_UNKNOWN);
        world_edit(shell, "{'metadata':{'labels':{'x':'y'}}}");
        shell_settle(shell);
        assert_requests(shell, is_edited ? "get ModelRoute m\npatch ModelRoute m\n" : "get ModelRoute m\n");
        shell_settle(shell);
        assert_requests(shell, "");
        world_end(shell);
    }
}

/* There and back again before a run: the verdict is on the form in between. */
static void a_verdict_on_another_form_is_none(void **state) {
    (void)state;
    struct shell *shell = world_rest(ONE_BACKEND);
    world_edit(shell, EDIT(BACKENDS(BACKEND("a", ONE ",'routeWeight':5"))));
    fake_server_edit(shell->server, CHILD_ROUTE, "m", "kubectl", "{'spec':{'rules':null}}");
    shell_deliver(shell);
    world_edit(shell, EDIT(BACKENDS(BACKEND("a", ONE))));
    shell_settle(shell);
    assert_requests(shell, "get ModelRoute m\npatch ModelRoute m\nstatus m\n");
    assert_string_equal(world_field(shell, CHILD_ROUTE, "m", "spec/rules/0/targetModels/0/modelServerName"), "m-a");
    world_end(shell);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_unclear_is_looked_at),           cmocka_unit_test(a_lost_create_is_looked_at),
        cmocka_unit_test(a_change_in_between_is_not_overwritten), cmocka_unit_test(a_deletion_is_of_what_was_seen),
        cmocka_unit_test(what_took_its_place_is_not_deleted),     cmocka_unit_test(what_never_holds_still_is_left_for_later),
        cmocka_unit_test(nor_is_what_is_to_be_removed),           cmocka_unit_test(a_child_seen_before_its_owner_is_read),
        cmocka_unit_test(a_verdict_on_another_form_is_none),
    };
    return cmocka_run_group_tests_name("reconcile races", tests, NULL, NULL);
}
