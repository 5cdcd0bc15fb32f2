/* From a manifest to children, requests and conditions. */
#include <stdio.h>
#include <stdlib.h>

#include "../unit/small_worlds.h"
#include "booster/compare.h"
#include "booster/validate.h"
#include "data/yaml_read.h"
#include "scenario.h"

static struct arena arena;

static struct str file_text(const char *path) {
    char *text = NULL;
    size_t room = 0;
    FILE *file = fopen(path, "rb");
    if (!file || getdelim(&text, &room, 0, file) < 0) abort();
    fclose(file);
    struct str copy = arena_copy(&arena, str_of(text));
    free(text);
    return copy;
}

static yyjson_val *manifest(const char *path) {
    struct yaml_documents documents = {0};
    arena_init(&arena, 64 << 20);
    if (!yaml_read(&arena, file_text(path), &documents, NULL)) abort();
    return documents.items[0].root;
}

static void give_children(const struct children *children) {
    for (size_t i = 0; i < children->count; i++) {
        struct strbuf text = strbuf_with_max(1 << 24);
        json_write(&text, children->items[i].object);
        torture_result(strbuf_view(&text));
        strbuf_release(&text);
    }
}

static void give_findings(const struct findings *findings) {
    for (size_t i = 0; i < findings->count; i++) {
        torture_result(findings->items[i].path);
        torture_result(findings->items[i].message);
    }
}

/* All that render does with one manifest. */
static bool renders(const char *path) {
    yyjson_val *object = manifest(path);
    struct generate_settings settings = {.images = {STR("downloader"), STR("runtime")}};
    struct booster booster;
    struct findings findings;
    struct children children;
    findings_init(&findings, &arena);
    torture_mark(&children);
    torture_on();
    bool ok = booster_read(&arena, object, &booster, &findings);
    if (ok) {
        booster_validate_manifest(&booster, &findings);
        booster_validate(&booster, &findings);
        struct validated both[] = {{&booster, &findings, STR("a.yaml:1")}, {&booster, &findings, STR("b.yaml:1")}};
        boosters_validate_together(&arena, both, 2);
        findings_sort(&findings);
        ok = !arena.exhausted;
    }
    bool is_generated = ok && generate_children(&arena, &booster, &settings, NULL, &children);
    torture_off();
    torture_expect(is_generated || torture_untouched(&children), "the output is touched");
    if (ok) give_findings(&findings);
    if (is_generated) give_children(&children);
    arena_release(&arena);
    return is_generated;
}

static bool disaggregated_is_rendered(void) {
    return renders("examples/prefill-decode.yaml");
}

static bool lora_is_rendered(void) {
    return renders("examples/lora.yaml");
}

static bool policies_are_rendered(void) {
    return renders("examples/autoscaling-model.yaml");
}

static bool topology_is_rendered(void) {
    return renders("examples/gang-topology.yaml");
}

/* One with something wrong in every corner; what is told is all of it, or that memory is out. */
static bool mistakes_are_found(void) {
    static const char text[] =
        "{\"apiVersion\":\"workload.serving.volcano.sh/v1alpha1\",\"kind\":\"ModelBooster\",\"metadata\":{\"name\":\"M\"},\"spec\":{\"x\":1,\"name\":3,"
        "\"costExpansionRatePercent\":-1,\"backends\":[{\"name\":\"a_b\",\"type\":\"vLLM\",\"modelURI\":\"m\",\"cacheURI\":\"z://\",\"minReplicas\":3,"
        "\"maxReplicas\":1,\"env\":[{\"name\":\"A\"},{\"name\":\"A\",\"value\":1}],\"workers\":[{\"image\":\"\",\"pods\":0,\"config\":{\"a\":{}},"
        "\"resources\":{\"limits\":{\"cpu\":\"q\"}}}]},{\"name\":\"a_b\",\"type\":\"SGLang\",\"scaleToZeroGracePeriod\":\"x\",\"loraAdapters\":[{}]}],"
        "\"modelMatch\":{\"body\":{\"model\":3}}}}";
    struct booster booster;
    struct findings findings;
    arena_init(&arena, 64 << 20);
    yyjson_val *object = json_parse(&arena, str_of(text), NULL);
    findings_init(&findings, &arena);
    torture_on();
    bool ok = booster_read(&arena, object, &booster, &findings);
    if (ok) {
        booster_validate_manifest(&booster, &findings);
        booster_validate(&booster, &findings);
        findings_sort(&findings);
    }
    torture_off();
    ok = ok && !arena.exhausted;
    torture_expect(!ok || findings.error_count > 10, "there are more mistakes than that");
    if (ok) give_findings(&findings);
    arena_release(&arena);
    return ok;
}

/*
 * The machine in a small world: each of its functions may run out of memory at any allocation, and the world comes to the same end, without
 * anything deleted or created that would not have been. The linker puts these in front of the machine's (--wrap).
 */
bool __real_reconcile_begin(struct reconcile *run, struct arena *run_arena, yyjson_val *object, const struct reconcile_settings *settings,
                            struct reconcile_memory *memory);
bool __wrap_reconcile_begin(struct reconcile *run, struct arena *run_arena, yyjson_val *object, const struct reconcile_settings *settings,
                            struct reconcile_memory *memory);
enum step __real_reconcile_next(struct reconcile *run, const struct observation *observation, struct request *out_request, struct done *out_done);
enum step __wrap_reconcile_next(struct reconcile *run, const struct observation *observation, struct request *out_request, struct done *out_done);
void __real_reconcile_answer(struct reconcile *run, const struct answer *answer, int64_t now_ms);
void __wrap_reconcile_answer(struct reconcile *run, const struct answer *answer, int64_t now_ms);

static bool is_in_the_machine; /* the scenario's subject */

static void machine_on(void) {
    if (is_in_the_machine) torture_on();
}

/* Memory is there again for the next call. */
static void machine_off(void) {
    if (!is_in_the_machine) return;
    torture_off();
    torture_recover();
}

bool __wrap_reconcile_begin(struct reconcile *run, struct arena *run_arena, yyjson_val *object, const struct reconcile_settings *settings,
                            struct reconcile_memory *memory) {
    struct reconcile_memory before = *memory;
    machine_on();
    bool ok = __real_reconcile_begin(run, run_arena, object, settings, memory);
    machine_off();
    torture_expect(ok || memcmp(&before, memory, sizeof before) == 0, "what is kept between runs has changed");
    if (ok) return true;
    /* Who calls begins again later, with another arena; here at once. */
    run_arena->exhausted = false;
    return __real_reconcile_begin(run, run_arena, object, settings, memory);
}

enum step __wrap_reconcile_next(struct reconcile *run, const struct observation *observation, struct request *out_request, struct done *out_done) {
    machine_on();
    enum step step = __real_reconcile_next(run, observation, out_request, out_done);
    machine_off();
    torture_expect(!run->arena->exhausted || (step == STEP_DONE && out_done->wants_retry), "memory is out, and the run goes on");
    return step;
}

void __wrap_reconcile_answer(struct reconcile *run, const struct answer *answer, int64_t now_ms) {
    machine_on();
    __real_reconcile_answer(run, answer, now_ms);
    machine_off();
}

/* Deletions and creations are the same in every run; reads and patches may be more after a failure. */
static void give_world(struct shell *shell) {
    struct strbuf text = strbuf_with_max(1 << 24);
    fake_server_dump(shell->server, false, &text);
    for (size_t i = 0; i < shell->server->tally_count; i++)
        strbuf_printf(&text, "%s %d %d\n", shell->server->tallies[i].name, shell->server->tallies[i].creates, shell->server->tallies[i].deletes);
    torture_result(strbuf_view(&text));
    strbuf_release(&text);
}

static bool lives(const char *booster, const char *edit) {
    struct shell *shell = world_begin(booster);
    is_in_the_machine = true;
    shell_settle(shell);
    world_edit(shell, edit);
    shell_settle(shell);
    is_in_the_machine = false;
    give_world(shell);
    world_end(shell);
    return true;
}

static bool a_model_is_scaled_and_shrinks(void) {
    return lives(SCALED_MODEL, EDIT("'autoscalingPolicy':null," BACKENDS(BACKEND("a", ONE))));
}

static bool a_backend_leaves(void) {
    return lives(TWO_BACKENDS, EDIT(BACKENDS(BACKEND("b", ONE))));
}

/* The records of children, and what is judged of them. */
static bool a_live_child_is_judged(void) {
    struct shell *shell = world_begin(SCALED_BACKEND);
    shell_settle(shell);
    const char *text = fake_server_find(shell->server, CHILD_SERVING, "m-a");
    struct observed record;
    struct str path = STR_EMPTY;
    arena_init(&arena, 64 << 20);
    yyjson_val *live = json_parse(&arena, str_of(text), NULL), *empty = json_parse(&arena, STR("{\"spec\":{\"template\":{}}}"), NULL);
    torture_mark(&record);
    torture_on();
    bool is_read = observed_read(&arena, CHILD_SERVING, live, &record);
    bool ok = is_read && reconcile_judge(&arena, shell->booster, &shell->settings, false, live, NULL, shell->now_ms, &record);
    if (ok) compare_child(&arena, CHILD_SERVING, live, empty, &path);
    torture_off();
    torture_expect(is_read || torture_untouched(&record), "the output is touched");
    ok = ok && !arena.exhausted;
    torture_expect(!ok || record.verdict == VERDICT_MATCHES, "another verdict");
    torture_result(path);
    arena_release(&arena);
    world_end(shell);
    return ok;
}

static const struct scenario scenarios[] = {
    {"a disaggregated model is rendered", disaggregated_is_rendered},
    {"adapters are rendered", lora_is_rendered},
    {"policies are rendered", policies_are_rendered},
    {"topology is rendered", topology_is_rendered},
    {"mistakes are found", mistakes_are_found},
    {"a live child is judged", a_live_child_is_judged},
    {"a model is scaled and shrinks", a_model_is_scaled_and_shrinks},
    {"a backend leaves", a_backend_leaves},
};

int main(int argument_count, char **arguments) {
    return torture_main(scenarios, sizeof scenarios / sizeof *scenarios, argument_count, arguments);
}
