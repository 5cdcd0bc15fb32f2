/*
 * The reconcile machine where something is in its way: a removal that is refused, kinds that cannot be seen, settings that change while a
 * request is under way, a rollout's turn that comes to a model which may not move.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "small_worlds.h"

#define THREE_BACKENDS BOOSTER(BACKENDS(BACKEND("a", ONE) "," BACKEND("b", ONE) "," BACKEND("c", ONE)))

/* ---- removals ---- */

static void refuse_first_server(struct shell *shell, size_t index, const struct request *request) {
    bool is_it = request->verb == REQUEST_DELETE && request->kind == CHILD_SERVER && str_is(request->name, shell->context);
    if (is_it) shell->faults[shell->fault_count++] = (struct shell_planned_fault){index, FAULT_REJECTED};
}

static void a_refused_removal_holds_up_no_other(void **state) {
    (void)state;
    static const char *const names[] = {"m-a", "m-b"};
    for (size_t i = 0; i < 2; i++) {
        struct shell *shell = world_rest(THREE_BACKENDS);
        shell->before_request = refuse_first_server;
        shell->context = (void *)(uintptr_t)names[i];
        world_edit(shell, EDIT(BACKENDS(BACKEND("c", ONE))));
        shell_settle_now(shell);
        assert_non_null(fake_server_find(shell->server, CHILD_SERVER, names[i]));
        assert_null(fake_server_find(shell->server, CHILD_SERVER, names[1 - i]));
        assert_null(fake_server_find(shell->server, CHILD_SERVING, "m-a"));
        assert_null(fake_server_find(shell->server, CHILD_SERVING, "m-b"));
        assert_true(shell->done.wants_retry);
        assert_string_equal(world_condition(shell, "Failed", "reason"), "Rejected");
        assert_contains(world_condition(shell, "Failed", "message"), names[i]);
        shell->before_request = NULL;
        shell_settle(shell);
        assert_null(fake_server_find(shell->server, CHILD_SERVER, names[i]));
        assert_string_equal(world_condition(shell, "Failed", "reason"), "NoFailure");
        world_end(shell);
    }
}

static void refuse_every_server(struct shell *shell, size_t index, const struct request *request) {
    if (request->verb != REQUEST_DELETE || request->kind != CHILD_SERVER) return;
    enum shell_fault fault = str_is(request->name, "m-a") ? FAULT_FORBIDDEN : FAULT_ERROR;
    shell->faults[shell->fault_count++] = (struct shell_planned_fault){index, fault};
}

static void each_refusal_is_told(void **state) {
    (void)state;
    struct shell *shell = world_rest(THREE_BACKENDS);
    shell->before_request = refuse_every_server;
    world_edit(shell, EDIT(BACKENDS(BACKEND("c", ONE))));
    shell_run(shell);
    assert_int_equal(shell->verb_counts[REQUEST_DELETE], 4);
    shell->now_ms += 10 * 1000;
    shell->fault_count = 0;
    shell_run(shell);
    assert_string_equal(world_condition(shell, "Failed", "reason"), "Forbidden");
    assert_contains(world_condition(shell, "Failed", "message"), "delete ModelServer m-a: not permitted");
    assert_contains(world_condition(shell, "Failed", "message"), "delete ModelServer m-b: retrying");
    world_end(shell);
}

/* A ModelBooster that cannot be read again ends the removals of the run: each would only ask for it again. */
static void nothing_is_removed_without_a_second_look(void **state) {
    (void)state;
    struct shell *shell = world_rest(THREE_BACKENDS);
    shell->server->forbidden[FAKE_BOOSTER] = 1u << REQUEST_GET_BOOSTER;
    world_edit(shell, EDIT(BACKENDS(BACKEND("c", ONE))));
    shell_run(shell);
    assert_int_equal(shell->verb_counts[REQUEST_DELETE], 0);
    assert_true(shell->done.wants_retry);
    shell->server->forbidden[FAKE_BOOSTER] = 0;
    shell_settle(shell);
    assert_null(fake_server_find(shell->server, CHILD_SERVING, "m-b"));
    world_end(shell);
}

/* ---- kinds that cannot be seen ---- */

/* As after a restart of a controller that may not list them. */
static void hide(struct shell *shell, enum child_kind kind) {
    shell->kinds[kind] = KIND_FORBIDDEN;
    for (size_t i = 0; i < SHELL_RECORDS_MAX; i++) {
        struct shell_record *record = &shell->records[i];
        if (!record->is_used || record->observed.kind != kind) continue;
        arena_release(&record->arena);
        record->is_used = false;
    }
}

static void a_policy_stays_while_bindings_cannot_be_seen(void **state) {
    (void)state;
    struct shell *shell = world_rest(SCALED_BACKEND);
    hide(shell, CHILD_BINDING);
    world_edit(shell, EDIT(BACKENDS(BACKEND("a", RANGE))));
    shell_settle_now(shell);
    assert_non_null(fake_server_find(shell->server, CHILD_POLICY, "m-a"));
    shell->kinds[CHILD_BINDING] = KIND_SYNCED;
    shell_crash(shell);
    shell_settle(shell);
    assert_null(fake_server_find(shell->server, CHILD_BINDING, "m-a"));
    assert_null(fake_server_find(shell->server, CHILD_POLICY, "m-a"));
    world_end(shell);
}

static void a_backend_stays_while_routes_cannot_be_seen(void **state) {
    (void)state;
    struct shell *shell = world_rest(TWO_BACKENDS);
    hide(shell, CHILD_ROUTE);
    world_edit(shell, EDIT(BACKENDS(BACKEND("a", ONE))));
    shell_settle_now(shell);
    assert_non_null(fake_server_find(shell->server, CHILD_SERVER, "m-b"));
    assert_non_null(fake_server_find(shell->server, CHILD_SERVING, "m-b"));
    assert_string_equal(world_condition(shell, "Failed", "reason"), "Forbidden");
    shell->kinds[CHILD_ROUTE] = KIND_SYNCED;
    shell_crash(shell);
    shell_settle(shell);
    assert_null(fake_server_find(shell->server, CHILD_SERVER, "m-b"));
    assert_null(fake_server_find(shell->server, CHILD_SERVING, "m-b"));
    world_end(shell);
}

/* ---- names that are taken ---- */

static void the_model_that_took_a_name_is_named(void **state) {
    (void)state;
    struct shell *shell = world_begin(ONE_BACKEND);
    fake_server_create(shell->server, CHILD_SERVER,
                       "{'metadata':{'name':'m-a','ownerReferences':[{'apiVersion':'workload.serving.volcano.sh/"
                       "v1alpha1','kind':'ModelBooster','name':'rival','uid':'u-77','controller':true}]}}");
    shell_settle_now(shell);
    assert_contains(world_condition(shell, "Failed", "message"), "belongs to another owner, ModelBooster rival; it is left alone");
    world_end(shell);
}

/* ---- settings ---- */

static void a_run_keeps_the_images_it_began_with(void **state) {
    (void)state;
    struct shell *shell = world_begin(ONE_BACKEND);
    char *images = strdup("downloader:7runtime:7");
    struct reconcile_settings settings = shell->settings;
    settings.generate.images = (struct images){{images, 12}, {images + 12, 9}};
    struct arena arena;
    struct reconcile run;
    struct reconcile_memory memory = {0};
    arena_init(&arena, LIMIT_RECONCILE_ARENA_BYTES);
    assert_true(reconcile_begin(&run, &arena, shell->booster, &settings, &memory));
    free(images); /* as when the ConfigMap names others */
    struct observation observation = {.now_ms = shell->now_ms};
    memcpy(observation.kinds, shell->kinds, sizeof observation.kinds);
    struct request request;
    struct done done;
    assert_int_equal(reconcile_next(&run, &observation, &request, &done), STEP_REQUEST);
    assert_int_equal(request.kind, CHILD_SERVING);
    assert_true(str_contains(request.body, STR("\"image\":\"runtime:7\"")));
    assert_true(str_contains(request.body, STR("\"image\":\"downloader:7\"")));
    arena_release(&arena);
    world_end(shell);
}

/* ---- rollouts ---- */

static struct shell *outdated_world(void) {
    struct shell *shell = world_rest(ONE_BACKEND);
    shell->settings.generate.images.runtime = STR("runtime:2");
    shell_settle(shell);
    assert_true(shell->done.is_outdated);
    assert_true(shell->done.is_active);
    return shell;
}

static void a_paused_model_neither_waits_for_its_turn_nor_takes_it(void **state) {
    (void)state;
    struct shell *shell = outdated_world();
    world_edit(shell, EDIT("'paused':true"));
    shell_settle(shell);
    assert_false(shell->done.is_outdated);
    shell_take_trace(shell);
    shell->may_upgrade = true;
    shell_crash(shell);
    shell_settle(shell);
    assert_requests(shell, "");
    assert_string_equal(world_condition(shell, "Active", "status"), "True");
    assert_false(shell->done.is_outdated);
    assert_true(shell->done.is_active);
    world_edit(shell, EDIT("'paused':null"));
    shell_settle(shell);
    assert_string_equal(world_condition(shell, "Initialized", "reason"), "ResourcesApplied");
    world_end(shell);
}

static void a_suspended_model_is_not_waited_for(void **state) {
    (void)state;
    struct shell *shell = outdated_world();
    shell->may_upgrade = true;
    world_edit(shell, EDIT("'suspend':true"));
    shell_settle(shell);
    assert_string_equal(world_condition(shell, "Active", "reason"), "Suspended");
    assert_true(shell->done.is_active);
    assert_false(shell->done.is_outdated);
    world_end(shell);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_refused_removal_holds_up_no_other),
        cmocka_unit_test(each_refusal_is_told),
        cmocka_unit_test(nothing_is_removed_without_a_second_look),
        cmocka_unit_test(a_policy_stays_while_bindings_cannot_be_seen),
        cmocka_unit_test(a_backend_stays_while_routes_cannot_be_seen),
        cmocka_unit_test(the_model_that_took_a_name_is_named),
        cmocka_unit_test(a_run_keeps_the_images_it_began_with),
        cmocka_unit_test(a_paused_model_neither_waits_for_its_turn_nor_takes_it),
        cmocka_unit_test(a_suspended_model_is_not_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
