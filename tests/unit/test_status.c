#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "booster/status.h"
#include "data/rfc3339.h"

enum { BACKENDS = 2, OUTCOMES = BACKENDS + CHILD_KIND_COUNT };

/* A model with two backends, all well; each case spoils something. */
struct rig {
    struct arena arena;
    struct booster booster;
    struct backend backends[BACKENDS];
    struct findings findings;
    struct child children[BACKENDS];
    struct desire_note notes[BACKENDS];
    struct desire desire;
    struct child_outcome outcomes[OUTCOMES];
    struct observed serving[BACKENDS];
    const struct observed *servings[BACKENDS];
    struct status_input input;
    struct status_result result;
};

static struct rig *rig_new(void) {
    struct rig *rig = calloc(1, sizeof *rig);
    assert_non_null(rig);
    arena_init(&rig->arena, 64 << 20);
    findings_init(&rig->findings, &rig->arena);
    rig->backends[0] = (struct backend){.name = STR("a"), .min_replicas = 1, .max_replicas = 4};
    rig->backends[1] = (struct backend){.name = STR("b"), .min_replicas = 1, .max_replicas = 1};
    rig->booster =
        (struct booster){.name = STR("m"), .uid = STR("u-1"), .generation = 1, .backends = rig->backends, .backend_count = BACKENDS};
    for (int i = 0; i < BACKENDS; i++) {
        rig->children[i] = (struct child){.kind = CHILD_SERVING, .name = i ? STR("m-b") : STR("m-a"), .backend = rig->backends[i].name};
        rig->serving[i] = (struct observed){.generation = 1,
                                            .content_generation = 1,
                                            .replicas = 1,
                                            .available = AVAILABILITY_TRUE,
                                            .available_generation = 1,
                                            .available_replicas = 1,
                                            .status_replicas = 1};
        rig->servings[i] = &rig->serving[i];
    }
    for (int i = 0; i < OUTCOMES; i++) rig->outcomes[i].state = CHILD_APPLIED;
    rig->desire = (struct desire){{rig->children, BACKENDS}, rig->notes};
    rig->input = (struct status_input){.booster = &rig->booster,
                                       .findings = &rig->findings,
                                       .desire = &rig->desire,
                                       .outcomes = rig->outcomes,
                                       .outcome_count = OUTCOMES,
                                       .servings = rig->servings,
                                       .shape = {true, true},
                                       .now_ms = 1000000};
    return rig;
}

static void rig_free(struct rig *rig) {
    arena_release(&rig->arena);
    free(rig);
}

static void compute(struct rig *rig) {
    assert_true(status_compute(&rig->arena, &rig->input, &rig->result));
}

/* Writes the status: from now on it is the live one, an hour later. */
static void write(struct rig *rig) {
    compute(rig);
    rig->input.live = rig->result.status;
    rig->input.now_ms += 3600 * 1000;
}

static struct str field(const struct rig *rig, const char *type, const char *name) {
    size_t index, max;
    yyjson_val *condition;
    yyjson_arr_foreach(json_get(rig->result.status, "conditions"), index, max, condition) {
        if (json_is_text(json_get(condition, "type"), type)) return json_text(json_get(condition, name));
    }
    fail_msg("no condition %s", type);
    return STR_EMPTY;
}

static int64_t number(const struct rig *rig, const char *name) {
    int64_t value = 0;
    json_int64(json_get(rig->result.status, name), &value);
    return value;
}

/* "Initialized=True/ResourcesApplied Active=..." */
static const char *summary(const struct rig *rig) {
    static char text[512];
    static const char *const types[] = {"Initialized", "Active", "Failed"};
    int length = 0;
    for (int i = 0; i < 3; i++) {
        length += snprintf(text + length, sizeof text - (size_t)length, "%s%s=%.*s/%.*s", i ? " " : "", types[i],
                           STR_ARG(field(rig, types[i], "status")), STR_ARG(field(rig, types[i], "reason")));
    }
    return text;
}

static void fail_with(struct rig *rig, int index, enum failure failure, const char *message) {
    rig->outcomes[index] = (struct child_outcome){.state = CHILD_FAILED, .failure = failure, .message = str_of(message)};
}

static void all_well(struct rig *rig) {
    (void)rig;
}

static void invalid(struct rig *rig) {
    findings_add(&rig->findings, RULE_RANGE, STR("spec.a"), NULL, "too large");
    findings_add(&rig->findings, RULE_UNSUPPORTED, STR("spec.b"), NULL, "not built");
    rig->input.desire = NULL;
    rig->input.outcomes = NULL;
    rig->input.outcome_count = 0;
}

static void unsupported(struct rig *rig) {
    findings_add(&rig->findings, RULE_UNSUPPORTED, STR("spec.b"), NULL, "not built");
    rig->input.desire = NULL;
    rig->input.outcome_count = 0;
}

static void warned(struct rig *rig) {
    findings_add(&rig->findings, RULE_WEIGHTS, STR("spec.a"), NULL, "odd");
    rig->findings.items[0].is_warning = true;
    rig->findings.error_count = 0;
}

static void conflict(struct rig *rig) {
    fail_with(rig, 1, FAILURE_NAME_CONFLICT, "ModelServer m-b belongs to another");
}

static void rejected(struct rig *rig) {
    fail_with(rig, 1, FAILURE_REJECTED, "spec.x: invalid");
}

static void forbidden(struct rig *rig) {
    fail_with(rig, 1, FAILURE_FORBIDDEN, "cannot create modelservers");
}

static void kind_missing(struct rig *rig) {
    fail_with(rig, 1, FAILURE_KIND_MISSING, "modelroutes is not installed");
}

static void fought_over(struct rig *rig) {
    fail_with(rig, 0, FAILURE_OTHER_CONTROLLER, "rewritten by x");
}

static void needs_recreate(struct rig *rig) {
    rig->outcomes[0] = (struct child_outcome){
        .state = CHILD_APPLIED, .failure = FAILURE_NONE, .message = STR("m-a keeps its gangPolicy"), .needs_recreate = true};
}

static void several_failures(struct rig *rig) {
    needs_recreate(rig);
    conflict(rig);
    fail_with(rig, 2, FAILURE_REJECTED, "refused too");
}

static void pending(struct rig *rig) {
    rig->outcomes[1] =
        (struct child_outcome){.state = CHILD_PENDING, .failure = FAILURE_NONE, .message = STR("AutoscalingPolicyBinding m-b waits")};
}

static void left_over(struct rig *rig) {
    rig->outcomes[BACKENDS + CHILD_SERVING] =
        (struct child_outcome){.state = CHILD_PENDING, .failure = FAILURE_NONE, .message = STR("still to be removed: m-old")};
}

static void policy_left_over(struct rig *rig) {
    rig->outcomes[BACKENDS + CHILD_POLICY] =
        (struct child_outcome){.state = CHILD_PENDING, .failure = FAILURE_NONE, .message = STR("still to be removed: policy m-old")};
}

static void transient(struct rig *rig) {
    rig->outcomes[1] = (struct child_outcome){.state = CHILD_TRANSIENT, .failure = FAILURE_NONE, .message = STR("patch m-b: retrying")};
    rig->input.transient_since_ms = rig->input.now_ms - TRANSIENT_PATIENCE_MS + 1;
}

static void transient_for_long(struct rig *rig) {
    transient(rig);
    rig->input.transient_since_ms--;
}

static void outdated(struct rig *rig) {
    rig->notes[1].is_outdated = true;
}

static void suspended(struct rig *rig) {
    rig->booster.suspend = true;
    for (int i = 0; i < BACKENDS; i++) rig->serving[i].replicas = rig->serving[i].available_replicas = rig->serving[i].status_replicas = 0;
}

static void paused_in_order(struct rig *rig) {
    rig->booster.paused = true;
}

static void paused_with_changes(struct rig *rig) {
    rig->booster.paused = true;
    pending(rig);
}

static void no_serving(struct rig *rig) {
    rig->servings[1] = NULL;
}

static void deleting(struct rig *rig) {
    rig->serving[1].is_deleting = true;
}

static void silent(struct rig *rig) {
    rig->serving[1].available = AVAILABILITY_UNKNOWN;
}

static void unavailable(struct rig *rig) {
    rig->serving[1].available = AVAILABILITY_FALSE;
    rig->serving[1].available_reason = STR("ImagePullBackOff");
    rig->serving[1].available_message = STR("no such image");
    rig->serving[1].available_replicas = 0;
}

static void unavailable_without_a_word(struct rig *rig) {
    unavailable(rig);
    rig->serving[1].available_reason = rig->serving[1].available_message = STR_EMPTY;
}

static void not_observed(struct rig *rig) {
    rig->serving[1].generation = rig->serving[1].content_generation = 2;
}

#define WELL "Initialized=True/ResourcesApplied Active=True/ModelAvailable Failed=False/NoFailure"

static const struct status_case {
    const char *name;
    void (*spoil)(struct rig *rig);
    const char *summary;
    const char *type, *message; /* part of that condition's message */
    enum failure failure;
} cases[] = {
    {"all well", all_well, WELL, "Active", "every backend is available", FAILURE_NONE},
    {"invalid spec", invalid, "Initialized=False/InvalidSpec Active=False/NotInitialized Failed=True/InvalidSpec", "Failed",
     "spec.a: too large [MB003]; spec.b: not built", FAILURE_INVALID_SPEC},
    {"unsupported backend", unsupported, "Initialized=False/UnsupportedBackend Active=False/NotInitialized Failed=True/UnsupportedBackend",
     "Failed", "spec.b: not built [MB120]", FAILURE_UNSUPPORTED_BACKEND},
    {"a warning is no failure", warned, WELL, "Failed", "no failure", FAILURE_NONE},
    {"a foreign object in the way", conflict, "Initialized=False/NameConflict Active=False/NotInitialized Failed=True/NameConflict",
     "Failed", "ModelServer m-b belongs to another", FAILURE_NAME_CONFLICT},
    {"refused", rejected, "Initialized=False/Rejected Active=False/NotInitialized Failed=True/Rejected", "Failed", "spec.x: invalid",
     FAILURE_REJECTED},
    {"forbidden", forbidden, "Initialized=False/Forbidden Active=False/NotInitialized Failed=True/Forbidden", "Initialized",
     "cannot create modelservers", FAILURE_FORBIDDEN},
    {"a definition is missing", kind_missing, "Initialized=False/KindMissing Active=False/NotInitialized Failed=True/KindMissing",
     "Initialized", "modelroutes is not installed", FAILURE_KIND_MISSING},
    {"fought over", fought_over, "Initialized=False/OtherController Active=False/NotInitialized Failed=True/OtherController", "Failed",
     "rewritten by x", FAILURE_OTHER_CONTROLLER},
    {"a recreate is wanted", needs_recreate, "Initialized=True/ResourcesApplied Active=True/ModelAvailable Failed=True/NeedsRecreate",
     "Failed", "keeps its gangPolicy", FAILURE_NEEDS_RECREATE},
    {"several failures, the first by precedence", several_failures,
     "Initialized=False/NameConflict Active=False/NotInitialized Failed=True/NameConflict", "Failed",
     "ModelServer m-b belongs to another; refused too; m-a keeps its gangPolicy", FAILURE_NAME_CONFLICT},
    {"something is missing", pending, "Initialized=False/ResourcesPending Active=False/NotInitialized Failed=False/NoFailure",
     "Initialized", "AutoscalingPolicyBinding m-b waits", FAILURE_NONE},
    {"a backend is left over", left_over, "Initialized=True/ResourcesApplied Active=False/BackendLeftOver Failed=False/NoFailure", "Active",
     "still to be removed: m-old", FAILURE_NONE},
    {"a policy is left over", policy_left_over, "Initialized=True/ResourcesApplied Active=True/ModelAvailable Failed=False/NoFailure",
     "Initialized", "all resources are applied; still to be removed: policy m-old", FAILURE_NONE},
    {"trouble for less than a minute", transient, "Initialized=False/ResourcesPending Active=False/NotInitialized Failed=False/NoFailure",
     "Initialized", "patch m-b: retrying", FAILURE_NONE},
    {"trouble for a minute", transient_for_long, "Initialized=False/Unreachable Active=False/NotInitialized Failed=True/Unreachable",
     "Failed", "patch m-b: retrying", FAILURE_UNREACHABLE},
    {"outdated", outdated, "Initialized=True/Outdated Active=True/ModelAvailable Failed=False/NoFailure", "Initialized",
     "outdated: m-b would be rendered", FAILURE_NONE},
    {"suspended", suspended, "Initialized=True/ResourcesApplied Active=False/Suspended Failed=False/NoFailure", "Active",
     "until spec.suspend is removed", FAILURE_NONE},
    {"paused, nothing to do", paused_in_order, WELL, "Active", "every backend", FAILURE_NONE},
    {"paused, changes wait", paused_with_changes, "Initialized=False/Paused Active=False/Paused Failed=False/NoFailure", "Active",
     "until spec.paused is removed", FAILURE_NONE},
    {"no serving", no_serving, "Initialized=True/ResourcesApplied Active=False/BackendsNotAvailable Failed=False/NoFailure", "Active",
     "backend b: its ModelServing does not exist yet", FAILURE_NONE},
    {"a serving is being deleted", deleting, "Initialized=True/ResourcesApplied Active=False/BackendsNotAvailable Failed=False/NoFailure",
     "Active", "backend b: its ModelServing is being deleted", FAILURE_NONE},
    {"a serving says nothing yet", silent, "Initialized=True/ResourcesApplied Active=False/BackendsNotAvailable Failed=False/NoFailure",
     "Active", "backend b: its ModelServing has not reported", FAILURE_NONE},
    {"a serving is not available", unavailable,
     "Initialized=True/ResourcesApplied Active=False/BackendsNotAvailable Failed=False/NoFailure", "Active",
     "backend b: ImagePullBackOff: no such image", FAILURE_NONE},
    {"a serving does not say why", unavailable_without_a_word,
     "Initialized=True/ResourcesApplied Active=False/BackendsNotAvailable Failed=False/NoFailure", "Active",
     "backend b: NotAvailable: its ModelServing does not say why", FAILURE_NONE},
    {"a serving has not seen an edit", not_observed,
     "Initialized=True/ResourcesApplied Active=False/BackendsNotAvailable Failed=False/NoFailure", "Active",
     "backend b: its ModelServing has not observed", FAILURE_NONE},
};

static void conditions(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rig *rig = rig_new();
        cases[i].spoil(rig);
        compute(rig);
        if (strcmp(summary(rig), cases[i].summary) != 0) fail_msg("%s: %s", cases[i].name, summary(rig));
        struct str message = field(rig, cases[i].type, "message");
        if (!str_contains(message, str_of(cases[i].message))) fail_msg("%s: %s says: %.*s", cases[i].name, cases[i].type, STR_ARG(message));
        if (rig->result.failure != cases[i].failure) fail_msg("%s: failure %s", cases[i].name, failure_reason(rig->result.failure));
        assert_true(rig->result.is_changed);
        assert_true(rig->result.is_active == str_is(field(rig, "Active", "status"), "True"));
        rig_free(rig);
    }
}

/* Whatever it was, it is over: nothing of it stays (D10), and one write tells. */
static void every_failure_is_cleared(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rig *spoilt = rig_new(), *rig = rig_new();
        cases[i].spoil(spoilt);
        compute(spoilt);
        rig->input.live = spoilt->result.status;
        write(rig);
        if (strcmp(summary(rig), WELL) != 0) fail_msg("after %s: %s", cases[i].name, summary(rig));
        compute(rig);
        if (rig->result.is_changed) fail_msg("after %s: it does not come to rest", cases[i].name);
        rig_free(spoilt);
        rig_free(rig);
    }
}

static void a_status_is_written_once(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rig *rig = rig_new();
        cases[i].spoil(rig);
        write(rig);
        /* Trouble that lasts turns into Failed, which is a change. */
        rig->input.transient_since_ms += rig->input.transient_since_ms ? 3600 * 1000 : 0;
        compute(rig);
        if (rig->result.is_changed) fail_msg("%s: written again", cases[i].name);
        rig_free(rig);
    }
}

/* ---- Active does not flap ---- */

static void weight_edit(struct rig *rig) {
    rig->booster.generation = 2;
}

static void scaled_and_not_yet_observed(struct rig *rig) {
    rig->serving[0].generation = 2;
    rig->serving[0].replicas = 3;
}

static void scaling_up(struct rig *rig) {
    scaled_and_not_yet_observed(rig);
    rig->serving[0].available_generation = 2;
    rig->serving[0].available = AVAILABILITY_FALSE;
    rig->serving[0].status_replicas = 3;
}

static void scaling_up_below_min(struct rig *rig) {
    scaling_up(rig);
    rig->backends[0].min_replicas = 2;
}

static void scaling_up_from_nothing(struct rig *rig) {
    scaling_up(rig);
    rig->backends[0].min_replicas = 0;
    rig->serving[0].available_replicas = 0;
}

static void a_replica_is_lost(struct rig *rig) {
    rig->serving[0].available = AVAILABILITY_FALSE;
    rig->serving[0].available_replicas = 0;
}

static void transient_now(struct rig *rig) {
    rig->outcomes[1] = (struct child_outcome){.state = CHILD_TRANSIENT, .failure = FAILURE_NONE, .message = STR("patch m-b: retrying")};
    rig->input.transient_since_ms = rig->input.now_ms;
}

static void wait_for_server(struct rig *rig) {
    rig->outcomes[1] =
        (struct child_outcome){.state = CHILD_PENDING, .failure = FAILURE_NONE, .message = STR("ModelServer m-b is being deleted")};
}

static void server_cannot_be_made(struct rig *rig) {
    transient_now(rig);
    rig->children[1].kind = CHILD_SERVER;
    rig->outcomes[1].is_missing = true;
}

static void policy_cannot_be_made(struct rig *rig) {
    server_cannot_be_made(rig);
    rig->children[1].kind = CHILD_POLICY;
}

static void restarted_while_scaling(struct rig *rig) {
    scaled_and_not_yet_observed(rig);
    rig->serving[0].content_generation = 0;
}

static void restarted_after_an_edit(struct rig *rig) {
    restarted_while_scaling(rig);
    rig->booster.generation = 2;
}

static const struct flap_case {
    const char *name;
    void (*change)(struct rig *rig);
    bool stays_active;
} flaps[] = {
    {"resync", all_well, true},
    {"a weight is edited", weight_edit, true},
    {"scaled, not observed yet", scaled_and_not_yet_observed, true},
    {"scaling up with enough available", scaling_up, true},
    {"scaling up with fewer than min available", scaling_up_below_min, false},
    {"scaling up with none available", scaling_up_from_nothing, false},
    {"a replica is lost", a_replica_is_lost, false},
    {"a request is retried", transient_now, true},
    {"what is gone cannot be made at the moment", server_cannot_be_made, false},
    {"no request goes through what cannot be made", policy_cannot_be_made, true},
    {"controller restarted while scaling", restarted_while_scaling, true},
    {"controller restarted after an edit", restarted_after_an_edit, false},
    {"a serving has not seen an edit of its pods", not_observed, false},
    {"a backend is left over", left_over, false},
    {"a child is gone", wait_for_server, false},
    {"a child is refused", rejected, false},
    {"the spec is invalid", invalid, false},
};

static void active_does_not_flap(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof flaps / sizeof *flaps; i++) {
        struct rig *rig = rig_new();
        write(rig);
        assert_true(rig->result.is_active);
        flaps[i].change(rig);
        compute(rig);
        if (rig->result.is_active != flaps[i].stays_active)
            fail_msg("%s: Active is %s", flaps[i].name, rig->result.is_active ? "True" : "False");
        bool is_unmoved = str_is(field(rig, "Active", "lastTransitionTime"), "1970-01-01T00:16:40Z");
        if (is_unmoved != flaps[i].stays_active)
            fail_msg("%s: lastTransitionTime %.*s", flaps[i].name, STR_ARG(field(rig, "Active", "lastTransitionTime")));
        rig_free(rig);
    }
}

/* A model that scales from 1 to 3, and loses one that had come up, is not merely scaling. */
static void a_loss_while_scaling_up_is_seen(void **state) {
    (void)state;
    struct rig *rig = rig_new();
    write(rig);
    scaling_up(rig);
    rig->serving[0].available_replicas = 2;
    write(rig);
    assert_true(rig->result.is_active);
    rig->serving[0].available_replicas = 1;
    compute(rig);
    assert_false(rig->result.is_active);
    rig_free(rig);
}

/* "All available" was said of no replicas. */
static void resumed_is_not_active_before_it_is_observed(void **state) {
    (void)state;
    struct rig *rig = rig_new();
    rig->booster.suspend = true;
    for (int i = 0; i < BACKENDS; i++) rig->serving[i].replicas = rig->serving[i].available_replicas = rig->serving[i].status_replicas = 0;
    write(rig);
    assert_false(rig->result.is_active);
    rig->booster.suspend = false;
    for (int i = 0; i < BACKENDS; i++) rig->serving[i].replicas = 1, rig->serving[i].generation = 2;
    compute(rig);
    assert_false(rig->result.is_active);
    assert_true(str_contains(field(rig, "Active", "message"), STR("has not observed its latest change yet")));
    for (int i = 0; i < BACKENDS; i++) rig->serving[i].available_generation = 2;
    compute(rig);
    assert_true(rig->result.is_active);
    rig_free(rig);
}

static void never_active_before_it_is(void **state) {
    (void)state;
    struct rig *rig = rig_new();
    scaling_up(rig);
    compute(rig);
    assert_false(rig->result.is_active);
    transient_now(rig);
    compute(rig);
    assert_false(rig->result.is_active);
    rig_free(rig);
}

/* ---- times and generations ---- */

static void times_move_with_the_status_alone(void **state) {
    (void)state;
    struct rig *rig = rig_new();
    unavailable(rig);
    write(rig);
    assert_true(str_is(field(rig, "Active", "lastTransitionTime"), "1970-01-01T00:16:40Z"));
    rig->serving[1].available_message = STR("still pulling");
    write(rig); /* another message */
    assert_true(rig->result.is_changed);
    assert_true(str_is(field(rig, "Active", "lastTransitionTime"), "1970-01-01T00:16:40Z"));
    rig->serving[1].available = AVAILABILITY_TRUE;
    write(rig);
    assert_true(str_is(field(rig, "Active", "lastTransitionTime"), "1970-01-01T02:16:40Z"));
    assert_true(str_is(field(rig, "Initialized", "lastTransitionTime"), "1970-01-01T00:16:40Z"));
    assert_true(str_is(field(rig, "Failed", "lastTransitionTime"), "1970-01-01T00:16:40Z"));
    rig_free(rig);
}

static void the_observed_generation_is_the_one_applied(void **state) {
    (void)state;
    struct rig *rig = rig_new();
    pending(rig);
    write(rig);
    assert_null(json_get(rig->result.status, "observedGeneration"));
    rig->outcomes[1] = (struct child_outcome){.state = CHILD_APPLIED};
    write(rig);
    assert_int_equal(number(rig, "observedGeneration"), 1);
    rig->booster.generation = 2;
    rejected(rig);
    write(rig);
    assert_int_equal(number(rig, "observedGeneration"), 1);
    size_t index, max;
    yyjson_val *condition;
    yyjson_arr_foreach(json_get(rig->result.status, "conditions"), index, max, condition) {
        int64_t generation = 0;
        assert_true(json_int64(json_get(condition, "observedGeneration"), &generation));
        assert_int_equal(generation, 2);
    }
    assert_int_equal(max, 3);
    rig->outcomes[1] = (struct child_outcome){.state = CHILD_APPLIED};
    write(rig);
    assert_int_equal(number(rig, "observedGeneration"), 2);
    rig_free(rig);
}

/* ---- texts and shapes ---- */

static void messages_are_cut_on_a_character(void **state) {
    (void)state;
    struct rig *rig = rig_new();
    struct strbuf long_text = strbuf_with_max(1 << 20);
    strbuf_append_char(&long_text, 'x');
    for (int i = 0; i < 30000; i++) strbuf_append(&long_text, STR("\xc3\xa9"));
    fail_with(rig, 0, FAILURE_REJECTED, long_text.ptr);
    fail_with(rig, 1, FAILURE_REJECTED, long_text.ptr);
    unavailable(rig);
    rig->serving[1].available_message = str_of(long_text.ptr);
    compute(rig);
    static const char *const types[] = {"Initialized", "Active", "Failed"};
    for (int i = 0; i < 3; i++) {
        struct str message = field(rig, types[i], "message");
        assert_true(message.len <= 32768 && message.len >= 32767);
        assert_true(str_is_utf8(message));
    }
    const yyjson_val *backend = yyjson_arr_get(json_get(rig->result.status, "backendStatuses"), 1);
    assert_true(json_text(json_get(backend, "message")).len <= 32768);
    assert_true(str_is_utf8(json_text(json_get(backend, "message"))));
    strbuf_release(&long_text);
    rig_free(rig);
}

static void backends_in_order_of_the_spec(void **state) {
    (void)state;
    struct rig *rig = rig_new();
    unavailable(rig);
    rig->serving[0].status_replicas = 3;
    rig->serving[0].available_replicas = 2;
    compute(rig);
    struct strbuf text = strbuf_with_max(4096);
    json_write(&text, json_get(rig->result.status, "backendStatuses"));
    assert_string_equal(text.ptr,
                        "[{\"name\":\"a\",\"replicas\":3,\"availableReplicas\":2},"
                        "{\"name\":\"b\",\"replicas\":1,\"availableReplicas\":0,\"message\":\"ImagePullBackOff: no such image\"}]");
    strbuf_release(&text);
    rig_free(rig);
}

/* `status` with only name and replicas of each backend, as Kthena 0.1's definition keeps it. */
static const yyjson_val *prune(struct rig *rig, const yyjson_val *status) {
    yyjson_mut_doc *doc = json_builder(&rig->arena);
    yyjson_mut_val *copy = yyjson_val_mut_copy(doc, (yyjson_val *)(uintptr_t)status), *backend;
    size_t index, max;
    yyjson_mut_arr_foreach(yyjson_mut_obj_get(copy, "backendStatuses"), index, max, backend) {
        yyjson_mut_obj_remove_key(backend, "availableReplicas");
        yyjson_mut_obj_remove_key(backend, "message");
    }
    return json_freeze(&rig->arena, copy);
}

static void what_the_definition_drops_is_no_change(void **state) {
    (void)state;
    struct rig *rig = rig_new();
    unavailable(rig);
    write(rig);
    rig->input.live = prune(rig, rig->result.status);
    compute(rig);
    assert_true(rig->result.is_changed);
    rig->input.shape = (struct status_shape){false, false};
    compute(rig);
    assert_false(rig->result.is_changed);
    rig->serving[1].status_replicas = 2;
    compute(rig);
    assert_true(rig->result.is_changed);
    rig->serving[1].status_replicas = 1;
    rig->booster.backend_count = 1;
    compute(rig);
    assert_true(rig->result.is_changed);
    rig_free(rig);
}

static void conditions_of_others_stay(void **state) {
    (void)state;
    struct rig *rig = rig_new();
    struct error error = {0};
    rig->input.live =
        json_parse(&rig->arena,
                   STR("{\"conditions\":[{\"type\":\"Theirs\",\"status\":\"True\"},{\"type\":\"Active\",\"status\":\"False\"}]}"), &error);
    write(rig);
    assert_true(str_is(field(rig, "Theirs", "status"), "True"));
    assert_int_equal(yyjson_arr_size(json_get(rig->result.status, "conditions")), 4);
    compute(rig);
    assert_false(rig->result.is_changed);
    rig_free(rig);
}

/* Words of the API: CamelCase, never empty (metav1.Condition). */
static void reasons_are_words(void **state) {
    (void)state;
    for (int failure = 0; failure < FAILURE_COUNT; failure++) {
        const char *reason = failure_reason((enum failure)failure);
        assert_true(reason[0] >= 'A' && reason[0] <= 'Z');
        for (const char *at = reason; *at; at++) assert_true((*at >= 'A' && *at <= 'Z') || (*at >= 'a' && *at <= 'z'));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conditions),
        cmocka_unit_test(every_failure_is_cleared),
        cmocka_unit_test(a_status_is_written_once),
        cmocka_unit_test(active_does_not_flap),
        cmocka_unit_test(a_loss_while_scaling_up_is_seen),
        cmocka_unit_test(resumed_is_not_active_before_it_is_observed),
        cmocka_unit_test(never_active_before_it_is),
        cmocka_unit_test(times_move_with_the_status_alone),
        cmocka_unit_test(the_observed_generation_is_the_one_applied),
        cmocka_unit_test(messages_are_cut_on_a_character),
        cmocka_unit_test(backends_in_order_of_the_spec),
        cmocka_unit_test(what_the_definition_drops_is_no_change),
        cmocka_unit_test(conditions_of_others_stay),
        cmocka_unit_test(reasons_are_words),
    };
    return cmocka_run_group_tests_name("status", tests, NULL, NULL);
}
