/*
 * Our own change never restarts a model (SPEC section 5): newer images and generators, children that Kthena's controller made, and what cannot
 * be changed in place.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "small_worlds.h"

#define DOWNLOADER "spec/template/roles/0/entryTemplate/spec/initContainers/0/image"

static void new_images_wait_for_an_edit(void **state) {
    (void)state;
    static const struct {
        const char *name, *edit;
        bool may_upgrade, is_upgraded;
    } cases[] = {
        {"nothing", NULL, false, false},
        {"an edit of the route", EDIT(BACKENDS(BACKEND("a", ONE ",'routeWeight':5"))), false, false},
        {"an edit of the pods",
         EDIT(BACKENDS("{'name':'a','type':'vLLM','modelURI':'hf://org/model'," ONE ",'workers':[{'image':'vllm:2'}]}")), false, true},
        {"upgrade: now", "{'metadata':{'annotations':{'" ANNOTATION_UPGRADE "':'now'}}}", false, true},
        {"upgrade: later", "{'metadata':{'annotations':{'" ANNOTATION_UPGRADE "':'later'}}}", false, false},
        {"a slot of a rolling upgrade", NULL, true, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct shell *shell = world_rest(ONE_BACKEND);
        shell_crash(shell); /* another release, or flags */
        shell->settings.generate.images = (struct images){STR("downloader:2"), STR("runtime:2")};
        shell_settle(shell);
        assert_requests(shell, "status m\n");
        assert_string_equal(world_condition(shell, "Initialized", "reason"), "Outdated");
        assert_string_equal(world_condition(shell, "Active", "status"), "True");
        assert_true(shell->done.is_outdated);
        if (cases[i].edit) world_edit(shell, cases[i].edit);
        shell->may_upgrade = cases[i].may_upgrade;
        shell_settle(shell);
        const char *image = world_field(shell, CHILD_SERVING, "m-a", DOWNLOADER);
        if (strcmp(image, cases[i].is_upgraded ? "downloader:2" : "downloader:1") != 0) fail_msg("%s: %s", cases[i].name, image);
        if (fake_server_tally(shell->server, CHILD_SERVING, "m-a")->patches != cases[i].is_upgraded)
            fail_msg("%s: not one patch", cases[i].name);
        assert_true(shell->done.is_outdated != cases[i].is_upgraded);
        shell->may_upgrade = false;
        shell_take_trace(shell);
        shell_settle(shell);
        assert_requests(shell, "");
        world_end(shell);
    }
}

static void a_new_generator_waits_for_an_edit(void **state) {
    (void)state;
    struct shell *shell = world_rest(SCALED_BACKEND);
    /* As an older release rendered it: its number, and pods that this one would make otherwise. */
    char rendered[1024], patch[2048];
    snprintf(rendered, sizeof rendered, "%s",
             world_field(shell, CHILD_SERVING, "m-a", "metadata/annotations/workload.serving.volcano.sh~1rendered"));
    char *version = strstr(rendered, "\"generator\":\"" GENERATOR_VERSION "\"");
    assert_non_null(version);
    version[strlen("\"generator\":\"")] = '0';
    for (char *at = rendered; *at; at++) *at = *at == '"' ? '\x01' : *at;
    size_t length = 0;
    length += (size_t)snprintf(patch, sizeof patch, "{'metadata':{'annotations':{'" ANNOTATION_RENDERED "':'");
    for (char *at = rendered; *at; at++)
        length += (size_t)snprintf(patch + length, sizeof patch - length, *at == '\x01' ? "\\'" : "%c", *at);
    snprintf(patch + length, sizeof patch - length,
             "'},'labels':{'" LABEL_REVISION "':'00000000000000aa'}},'spec':{'template':{'restartGracePeriodSeconds':7}}}");
    shell_crash(shell);
    fake_server_edit(shell->server, CHILD_SERVING, "m-a", FIELD_MANAGER, patch);
    shell_crash(shell);
    shell_settle(shell);
    assert_string_equal(world_condition(shell, "Initialized", "reason"), "Outdated");
    assert_null(strstr(shell_take_trace(shell), "patch"));
    /* Bounds, suspending and ownership are kept up all the same. */
    world_edit(shell, EDIT(BACKENDS(BACKEND("a", "'minReplicas':2,'maxReplicas':4," POLICY))));
    fake_server_edit(shell->server, CHILD_SERVING, "m-a", "x", "{'metadata':{'ownerReferences':null}}");
    shell_settle(shell);
    assert_string_equal(world_field(shell, CHILD_SERVING, "m-a", "spec/replicas"), "2");
    assert_string_equal(world_field(shell, CHILD_SERVING, "m-a", "metadata/ownerReferences/0/controller"), "true");
    world_edit(shell, EDIT("'suspend':true"));
    shell_settle(shell);
    assert_string_equal(world_field(shell, CHILD_SERVING, "m-a", "spec/replicas"), "0");
    world_edit(shell, EDIT("'suspend':null"));
    shell_settle(shell);
    assert_string_equal(world_field(shell, CHILD_SERVING, "m-a", "spec/replicas"), "2");
    assert_string_equal(world_field(shell, CHILD_SERVING, "m-a", "spec/template/restartGracePeriodSeconds"), "7");
    world_edit(shell, "{'metadata':{'annotations':{'" ANNOTATION_UPGRADE "':'now'}}}");
    shell_settle(shell);
    assert_string_equal(world_field(shell, CHILD_SERVING, "m-a", "spec/template/restartGracePeriodSeconds"), "60");
    assert_string_equal(world_condition(shell, "Initialized", "reason"), "ResourcesApplied");
    world_end(shell);
}

#define KTHENA_META(name)                                                                                                                  \
    "'metadata':{'name':'" name                                                                                                            \
    "','labels':{'workload.serving.volcano.sh/managed-by':'workload.serving.volcano.sh','workload.serving.volcano.sh/model-name':'m',"     \
    "'workload.serving.volcano.sh/revision':'6b5d4c3f'},'ownerReferences':[{'apiVersion':'workload.serving.volcano.sh/"                    \
    "v1alpha1','kind':'ModelBooster','name':'m','uid':'u-1'}]}"

static void kthenas_children_are_taken_over_without_a_restart(void **state) {
    (void)state;
    struct shell *shell = world_begin(ONE_BACKEND);
    fake_server_create(
        shell->server, CHILD_SERVING,
        "{" KTHENA_META(
            "m-a") ",'spec':{'replicas':1,'template':{'gangPolicy':{'minRoleReplicas':{'leader':1}},'roles':[{'name':'leader'}]}}}");
    fake_server_create(shell->server, CHILD_SERVER, "{" KTHENA_META("m-a") ",'spec':{'model':'m'}}");
    fake_server_create(shell->server, CHILD_ROUTE, "{" KTHENA_META("m") ",'spec':{'modelName':'m'}}");
    /* One more owner, before ours. */
    fake_server_edit(shell->server, CHILD_SERVER, "m-a", "x",
                     "{'metadata':{'ownerReferences':[{'apiVersion':'v1','kind':'ConfigMap','name':'c','uid':'u-8'},"
                     "{'apiVersion':'workload.serving.volcano.sh/v1alpha1','kind':'ModelBooster','name':'m','uid':'u-1'}]}}");
    fake_server_set_status(shell->server, FAKE_BOOSTER, "m",
                           "{'status':{'observedGeneration':1,'conditions':[{'type':'Active','status':'True'}]}}");
    shell_settle(shell);
    assert_string_equal(shell_take_trace(shell), "patch ModelServing m-a\npatch ModelServer m-a\npatch ModelRoute m\nstatus m\nstatus m\n");
    assert_string_equal(world_field(shell, CHILD_SERVING, "m-a", "metadata/generation"), "1");
    assert_string_equal(world_field(shell, CHILD_SERVING, "m-a", "metadata/ownerReferences/0/controller"), "true");
    assert_string_equal(world_field(shell, CHILD_SERVING, "m-a", "metadata/ownerReferences/1"), "");
    assert_string_equal(world_field(shell, CHILD_SERVER, "m-a", "metadata/ownerReferences/0/kind"), "ConfigMap");
    assert_string_equal(world_field(shell, CHILD_SERVER, "m-a", "metadata/ownerReferences/1/controller"), "true");
    assert_string_equal(world_condition(shell, "Active", "status"), "True");
    assert_string_equal(world_condition(shell, "Failed", "reason"), "NoFailure");
    assert_string_equal(world_condition(shell, "Initialized", "reason"), "Outdated");
    shell_crash(shell);
    shell_settle(shell);
    assert_requests(shell, "");
    world_edit(shell, EDIT(BACKENDS("{'name':'a','type':'vLLM','modelURI':'hf://org/model'," ONE ",'workers':[{'image':'vllm:2'}]}")));
    shell_settle(shell);
    assert_contains(world_field(shell, CHILD_SERVING, "m-a", "spec/template/roles/0"), "vllm:2");
    assert_string_equal(world_field(shell, CHILD_SERVING, "m-a", "spec/template/gangPolicy/minRoleReplicas/leader"), "1");
    assert_string_equal(world_condition(shell, "Failed", "reason"), "NoFailure");
    world_end(shell);
}

static void a_gang_is_recreated_when_allowed(void **state) {
    (void)state;
    struct shell *shell = world_rest(BOOSTER(BACKENDS(GANG(2))));
    world_edit(shell, EDIT(BACKENDS(GANG(1))));
    shell_settle(shell);
    assert_string_equal(world_field(shell, CHILD_SERVING, "m-a", "spec/template/gangPolicy/minRoleReplicas/leader"), "2");
    assert_string_equal(world_condition(shell, "Failed", "reason"), "NeedsRecreate");
    assert_string_equal(world_condition(shell, "Initialized", "status"), "True");
    assert_string_equal(world_condition(shell, "Active", "status"), "True");
    assert_contains(world_condition(shell, "Failed", "message"), "allow-recreate");
    shell_crash(shell);
    shell_take_trace(shell);
    world_edit(shell, "{'metadata':{'annotations':{'" ANNOTATION_ALLOW_RECREATE "':'true'}}}");
    shell_settle(shell);
    assert_contains(shell_take_trace(shell), "get-booster m\ndelete ModelServing m-a\ncreate ModelServing m-a\n");
    assert_string_equal(world_field(shell, CHILD_SERVING, "m-a", "spec/template/gangPolicy/minRoleReplicas/leader"), "1");
    assert_string_equal(world_condition(shell, "Failed", "reason"), "NoFailure");
    world_end(shell);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_images_wait_for_an_edit),
        cmocka_unit_test(a_new_generator_waits_for_an_edit),
        cmocka_unit_test(kthenas_children_are_taken_over_without_a_restart),
        cmocka_unit_test(a_gang_is_recreated_when_allowed),
    };
    return cmocka_run_group_tests_name("reconcile upgrades", tests, NULL, NULL);
}
