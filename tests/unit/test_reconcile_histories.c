/*
 * The reconcile machine against everything that can go wrong, one thing and two things at a time: every request of a small world's life
 * gets every answer there is, or the process dies before or after it. Then the world is left alone, and must come to the same end as
 * an undisturbed one: the same children and status, none created or deleted more often, and nothing left to do.
 *
 * One fault at a time in every world; two at a time in the smallest, and in the middling ones too with MB_HISTORIES=all (minutes).
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reconcile_shell.h"
#include "small_worlds.h"

static void edit(struct fake_server *server, const char *patch) {
    fake_server_edit(server, FAKE_BOOSTER, "m", "kubectl", patch);
}

static void weight(struct fake_server *server) {
    edit(server, "{'spec':{'backends':[" BACKEND("a", ONE ",'routeWeight':30") "," BACKEND("b", ONE) "]}}");
}

static void image(struct fake_server *server) {
    edit(server, "{'spec':{'backends':[{'name':'a','type':'vLLM','modelURI':'hf://org/model'," ONE ",'workers':[{'image':'vllm:2'}]}]}}");
}

static void add_backend(struct fake_server *server) {
    edit(server, "{'spec':{'backends':[" BACKEND("a", ONE) "," BACKEND("b", ONE) "]}}");
}

static void remove_backend(struct fake_server *server) {
    edit(server, "{'spec':{'backends':[" BACKEND("b", ONE) "]}}");
}

static void rename_backend(struct fake_server *server) {
    edit(server, "{'spec':{'backends':[" BACKEND("c", ONE) "]}}");
}

static void rename_scaled_backend(struct fake_server *server) {
    edit(server, "{'spec':{'backends':[" BACKEND("c", RANGE "," POLICY) "]}}");
}

static void policy_to_model(struct fake_server *server) {
    edit(server, "{'spec':{" POLICY ",'backends':[" BACKEND("a", COSTED) "]}}");
}

static void policy_to_backend(struct fake_server *server) {
    edit(server, "{'spec':{'autoscalingPolicy':null,'backends':[" BACKEND("a", RANGE "," POLICY) "]}}");
}

static void remove_policy(struct fake_server *server) {
    edit(server, "{'spec':{'backends':[" BACKEND("a", RANGE) "]}}");
}

static void rename_model(struct fake_server *server) {
    edit(server, "{'spec':{'name':'other'}}");
}

static void rename_all(struct fake_server *server) {
    edit(server, "{'spec':{'name':'other','backends':[" BACKEND("c", ONE) "]}}");
}

static void suspend(struct fake_server *server) {
    edit(server, "{'spec':{'suspend':true}}");
}

static void autoscale(struct fake_server *server) {
    fake_server_edit(server, CHILD_SERVING, "m-a", "autoscaler", "{'spec':{'replicas':3}}");
}

static void resume(struct fake_server *server) {
    edit(server, "{'spec':{'suspend':null}}");
}

static void foreign_server(struct fake_server *server) {
    fake_server_create(server, CHILD_SERVER, "{'metadata':{'name':'m-a'},'spec':{'model':'of others'}}");
}

static void foreign_goes(struct fake_server *server) {
    fake_server_delete(server, CHILD_SERVER, "m-a");
}

static void drift(struct fake_server *server) {
    fake_server_edit(server, CHILD_ROUTE, "m", "kubectl",
                     "{'metadata':{'labels':{'workload.serving.volcano.sh/managed-by':null,'theirs':'stays'}},'spec':{'rules':null}}");
    fake_server_edit(server, CHILD_SERVING, "m-a", "kubectl", "{'spec':{'replicas':7}}");
}

static void lose_child(struct fake_server *server) {
    fake_server_delete(server, CHILD_SERVER, "m-a");
}

static void orphan(struct fake_server *server) {
    static const enum child_kind kinds[] = {CHILD_SERVING, CHILD_SERVER, CHILD_ROUTE};
    for (int i = 0; i < 3; i++)
        fake_server_edit(server, (int)kinds[i], kinds[i] == CHILD_ROUTE ? "m" : "m-a", "kubectl", "{'metadata':{'ownerReferences':null}}");
}

static void create_again(struct fake_server *server) {
    fake_server_delete(server, FAKE_BOOSTER, "m");
    fake_server_create(server, FAKE_BOOSTER, TWO_BACKENDS);
}

static void regroup(struct fake_server *server) {
    edit(server, "{'metadata':{'annotations':{'" ANNOTATION_ALLOW_RECREATE "':'true'}},'spec':{'backends':[" GANG(1) "]}}");
}

struct world {
    const char *name;
    const char *booster;
    void (*before)(struct fake_server *server); /* before the ModelBooster is first seen */
    void (*then)(struct fake_server *server);   /* once it is at rest; brought to rest again */
    void (*change)(struct fake_server *server); /* what is disturbed; NULL: the creation is */
    enum { SMALL, MIDDLING, LARGE } size;       /* how many faults at a time are tried */
};

static const struct world worlds[] = {
    {"one backend is created", ONE_BACKEND, NULL, NULL, NULL, SMALL},
    {"two backends are created", TWO_BACKENDS, NULL, NULL, NULL, LARGE},
    {"a backend with a policy is created", SCALED_BACKEND, NULL, NULL, NULL, LARGE},
    {"a model with a policy is created", SCALED_MODEL, NULL, NULL, NULL, LARGE},
    {"a weight is edited", TWO_BACKENDS, NULL, NULL, weight, SMALL},
    {"an image is edited", ONE_BACKEND, NULL, NULL, image, SMALL},
    {"a backend is added", ONE_BACKEND, NULL, NULL, add_backend, LARGE},
    {"a backend is removed", TWO_BACKENDS, NULL, NULL, remove_backend, LARGE},
    {"a backend is renamed", ONE_BACKEND, NULL, NULL, rename_backend, MIDDLING},
    {"a backend with a policy is renamed", SCALED_BACKEND, NULL, autoscale, rename_scaled_backend, LARGE},
    {"a policy moves to the model", SCALED_BACKEND, NULL, autoscale, policy_to_model, MIDDLING},
    {"a policy moves to the backend", SCALED_MODEL, NULL, autoscale, policy_to_backend, MIDDLING},
    {"a policy is removed", SCALED_BACKEND, NULL, autoscale, remove_policy, MIDDLING},
    {"a model is renamed", ONE_BACKEND, NULL, NULL, rename_model, MIDDLING},
    {"a model and its backend are renamed", ONE_BACKEND, NULL, NULL, rename_all, LARGE},
    {"a model is suspended", SCALED_BACKEND, NULL, autoscale, suspend, MIDDLING},
    {"a model is created suspended", BOOSTER("'suspend':true,'backends':[" BACKEND("a", ONE) "]"), NULL, NULL, NULL, LARGE},
    {"a model resumes", SCALED_BACKEND, autoscale, suspend, resume, MIDDLING},
    {"a foreign object is in the way", ONE_BACKEND, foreign_server, NULL, NULL, LARGE},
    {"a foreign object leaves", ONE_BACKEND, foreign_server, NULL, foreign_goes, SMALL},
    {"children are edited by hand", ONE_BACKEND, NULL, NULL, drift, SMALL},
    {"a child is deleted by hand", ONE_BACKEND, NULL, NULL, lose_child, SMALL},
    {"orphans are adopted", ONE_BACKEND, NULL, NULL, orphan, LARGE},
    {"it is deleted and created again", ONE_BACKEND, NULL, NULL, create_again, LARGE},
    {"a gang is formed anew", BOOSTER("'backends':[" GANG(2) "]"), NULL, NULL, regroup, LARGE},
};
enum { WORLDS = sizeof worlds / sizeof *worlds };

/* How one history ended. */
struct ending {
    struct strbuf dump;
    size_t requests;
    struct fake_tally tallies[FAKE_TALLIES_MAX];
    size_t tally_count;
};

static void release(struct ending *ending) {
    strbuf_release(&ending->dump);
}

static void tell(char *out, size_t size, const struct world *world, const struct shell *shell) {
    int length = snprintf(out, size, "%s; events %d", world->name, shell->delivery);
    for (size_t i = 0; i < shell->fault_count; i++) {
        length += snprintf(out + length, size - (size_t)length, "; request %zu: %s", shell->faults[i].at,
                           shell_fault_name(shell->faults[i].fault));
    }
}

static void end(struct fake_server *server, struct shell *shell, const struct world *world, bool has_generations, struct ending *out) {
    *out = (struct ending){.dump = strbuf_with_max(16 * 1024 * 1024), .requests = shell->request_count, .tally_count = server->tally_count};
    memcpy(out->tallies, server->tallies, sizeof out->tallies);
    fake_server_dump(server, has_generations, &out->dump);
    char what[512];
    tell(what, sizeof what, world, shell);
    if (strcmp(fake_server_condition(server, "m", "Failed", "reason"), "InvalidSpec") == 0)
        fail_msg("%s: the world itself is not valid", what);
    if (shell_run(shell)) fail_msg("%s: not at rest, for one more run does this:\n%s", what, shell_take_trace(shell));
    if (shell->done.wants_retry) fail_msg("%s: not at rest, for it wants another run", what);
    for (size_t i = 0; i < server->tally_count; i++) {
        const struct fake_tally *tally = &server->tallies[i];
        int living = fake_server_find(server, tally->kind, tally->name) != NULL;
        if (tally->creates - tally->deletes != living)
            fail_msg("%s: %s was created %d and deleted %d times", what, tally->name, tally->creates, tally->deletes);
    }
}

static struct shell *prepare(const struct world *world, struct fake_server *server, enum shell_delivery delivery, bool has_change) {
    if (world->before == foreign_server) world->before(server);
    fake_server_create(server, FAKE_BOOSTER, world->booster);
    struct shell *shell = shell_new(server, "m");
    shell->delivery = delivery;
    if (!world->change || !has_change) return shell;
    shell_settle(shell);
    if (world->before && world->before != foreign_server) {
        world->before(server);
        shell_settle(shell);
    }
    if (world->then) {
        world->then(server);
        shell_settle(shell);
    }
    world->change(server);
    return shell;
}

static void live(const struct world *world, enum shell_delivery delivery, const struct shell_planned_fault *faults, size_t fault_count,
                 struct ending *out) {
    struct fake_server *server = fake_server_new();
    struct shell *shell = prepare(world, server, delivery, true);
    shell->request_count = 0;
    shell_take_trace(shell);
    shell->fault_count = fault_count;
    for (size_t i = 0; i < fault_count; i++) shell->faults[i] = faults[i];
    shell_settle(shell);
    end(server, shell, world, true, out);
    if (getenv("MB_TRACE")) printf("%s\n%s", world->name, shell_take_trace(shell));
    shell_free(shell);
    fake_server_free(server);
}

static void compare(const struct world *world, enum shell_delivery delivery, const struct shell_planned_fault *faults, size_t fault_count,
                    const struct ending *want, const struct ending *got) {
    struct shell plan = {.delivery = delivery, .fault_count = fault_count};
    for (size_t i = 0; i < fault_count; i++) plan.faults[i] = faults[i];
    char what[512];
    tell(what, sizeof what, world, &plan);
    if (strcmp(want->dump.ptr, got->dump.ptr) != 0) fail_msg("%s: another end:\n%s\nundisturbed:\n%s", what, got->dump.ptr, want->dump.ptr);
    for (size_t i = 0; i < want->tally_count; i++) {
        const struct fake_tally *a = &want->tallies[i], *b = NULL;
        for (size_t k = 0; k < got->tally_count; k++) {
            if (got->tallies[k].kind == a->kind && strcmp(got->tallies[k].name, a->name) == 0) b = &got->tallies[k];
        }
        bool is_same = b && a->creates == b->creates && a->deletes == b->deletes;
        if (!is_same)
            fail_msg("%s: %s was created %d and deleted %d times, not %d and %d", what, a->name, b ? b->creates : 0, b ? b->deletes : 0,
                     a->creates, a->deletes);
    }
}

/* All histories with one more fault than `faults`; returns how many. */
static size_t disturb(const struct world *world, enum shell_delivery delivery, struct shell_planned_fault *faults, size_t fault_count,
                      int depth, size_t requests, const struct ending *want) {
    size_t histories = 0, first = fault_count ? faults[fault_count - 1].at + 1 : 0;
    for (size_t at = first; depth > 0 && at < requests; at++) {
        for (int fault = FAULT_NONE + 1; fault < FAULT_COUNT; fault++) {
            struct ending got;
            faults[fault_count] = (struct shell_planned_fault){at, (enum shell_fault)fault};
            live(world, delivery, faults, fault_count + 1, &got);
            compare(world, delivery, faults, fault_count + 1, want, &got);
            size_t reached = got.requests;
            release(&got);
            histories += 1 + disturb(world, delivery, faults, fault_count + 1, depth - 1, reached, want);
        }
    }
    return histories;
}

static void every_fault_comes_to_the_same_end(void **state) {
    const struct world *world = *state;
    size_t histories = 0, requests = 0;
    for (int delivery = 0; delivery < DELIVERY_COUNT; delivery++) {
        struct shell_planned_fault faults[SHELL_FAULTS_MAX];
        struct ending undisturbed;
        live(world, (enum shell_delivery)delivery, NULL, 0, &undisturbed);
        requests = undisturbed.requests;
        /* Two faults at a time with one timing of events; the others make no further paths through the machine. */
        bool has_pairs = world->size == SMALL || (world->size == MIDDLING && getenv("MB_HISTORIES"));
        int depth = has_pairs && delivery == EVENTS_BEFORE_ANSWER ? 2 : 1;
        histories += 1 + disturb(world, (enum shell_delivery)delivery, faults, 0, depth, requests, &undisturbed);
        release(&undisturbed);
    }
    print_message("%zu requests, %zu histories\n", requests, histories);
}

/* ---- a change in the midst of things ---- */

struct interruption {
    const struct world *world;
    size_t at;
    bool is_done;
};

static void interrupt(struct shell *shell, size_t index, const struct request *request) {
    (void)request;
    struct interruption *interruption = shell->context;
    if (index != interruption->at || interruption->is_done) return;
    interruption->is_done = true;
    interruption->world->change(shell->server);
}

/* True when the creation had that many requests. */
static bool interrupted(const struct world *world, enum shell_delivery delivery, size_t at, const struct ending *want) {
    struct fake_server *server = fake_server_new();
    struct shell *shell = prepare(world, server, delivery, false);
    struct interruption interruption = {world, at, false};
    struct ending got;
    shell->context = &interruption;
    shell->before_request = interrupt;
    shell_settle(shell);
    end(server, shell, world, false, &got);
    bool is_other = interruption.is_done && strcmp(want->dump.ptr, got.dump.ptr) != 0;
    if (is_other) fail_msg("%s before request %zu: another end:\n%s\nin its turn:\n%s", world->name, at, got.dump.ptr, want->dump.ptr);
    release(&got);
    shell_free(shell);
    fake_server_free(server);
    return interruption.is_done;
}

static void an_edit_in_the_midst_comes_to_the_same_end(void **state) {
    (void)state;
    static void (*const edits[])(struct fake_server *) = {
        weight,        image,        add_backend, remove_backend, rename_backend, rename_scaled_backend, policy_to_model, policy_to_backend,
        remove_policy, rename_model, rename_all,  suspend};
    size_t histories = 0;
    for (size_t w = 0; w < WORLDS; w++) {
        bool is_edit = false;
        for (size_t i = 0; i < sizeof edits / sizeof *edits; i++) is_edit |= worlds[w].change == edits[i];
        if (!is_edit) continue;
        struct world world = worlds[w];
        world.then = NULL;
        struct ending want;
        struct fake_server *server = fake_server_new();
        struct shell *shell = prepare(&world, server, EVENTS_BEFORE_ANSWER, true);
        shell_settle(shell);
        end(server, shell, &world, false, &want);
        shell_free(shell);
        fake_server_free(server);
        for (int delivery = 0; delivery < DELIVERY_COUNT; delivery++) {
            for (size_t at = 0; interrupted(&world, (enum shell_delivery)delivery, at, &want); at++) histories++;
        }
        release(&want);
    }
    print_message("%zu histories\n", histories);
    assert_true(histories > 100);
}

int main(void) {
    struct CMUnitTest tests[WORLDS + 1];
    for (size_t i = 0; i < WORLDS; i++) {
        tests[i] = (struct CMUnitTest){worlds[i].name, every_fault_comes_to_the_same_end, NULL, NULL, (void *)(uintptr_t)&worlds[i]};
    }
    tests[WORLDS] = (struct CMUnitTest)cmocka_unit_test(an_edit_in_the_midst_comes_to_the_same_end);
    return cmocka_run_group_tests_name("histories", tests, NULL, NULL);
}
