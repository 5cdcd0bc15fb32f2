#include "booster/reconcile.h"

#include <assert.h>

#include "base/hash.h"
#include "booster/patch_body.h"
#include "booster/reconcile_inner.h"
#include "booster/validate.h"

enum { STEPS_MAX = 10000 }; /* requests of one run: children x (look + write) of the largest object, and room */

/* Transient trouble shorter than this is not worth a status write; nor are refusals while a restarted API server fills its RBAC caches. */
#define TRANSIENT_SILENCE_MS 2000
#define FORBIDDEN_SILENCE_MS 3000

const struct observed *observation_find(const struct observation *observation, enum child_kind kind, struct str name) {
    for (size_t i = 0; i < observation->child_count; i++) {
        const struct observed *child = observation->children[i];
        if (child->kind == kind && str_equal(child->name, name)) return child;
    }
    return NULL;
}

bool run_request(struct reconcile *run, size_t index, struct request request) {
    run->pending = request;
    run->pending_index = index;
    return true;
}

bool run_outcome(struct reconcile *run, size_t index, enum child_state state, enum failure failure, struct str message) {
    run->outcomes[index] = (struct child_outcome){.state = state, .failure = failure, .message = message};
    return false;
}

void run_again_at(struct reconcile *run, int64_t wall_ms) {
    if (run->again_ms == 0 || wall_ms < run->again_ms) run->again_ms = wall_ms;
}

/* ---- begin ---- */

static bool list_keys(struct reconcile *run) {
    static const enum child_kind per_backend[] = {CHILD_SERVING, CHILD_SERVER, CHILD_POLICY, CHILD_BINDING};
    static const enum child_kind per_model[] = {CHILD_POLICY, CHILD_BINDING, CHILD_ROUTE};
    _Static_assert(sizeof per_backend / sizeof *per_backend == RECONCILE_CHILDREN_PER_BACKEND, "one key each");
    _Static_assert(sizeof per_model / sizeof *per_model == RECONCILE_MODEL_CHILDREN, "one key each");
    size_t count = run->booster.backend_count * RECONCILE_CHILDREN_PER_BACKEND + RECONCILE_MODEL_CHILDREN;
    run->keys = arena_array(run->arena, count, sizeof *run->keys);
    run->servings = arena_array(run->arena, run->booster.backend_count + 1, sizeof *run->servings);
    if (!run->keys || !run->servings) return false;
    for (size_t i = 0; i < run->booster.backend_count; i++) {
        struct str name = child_name(run->arena, run->booster.name, run->booster.backends[i].name);
        for (size_t k = 0; k < RECONCILE_CHILDREN_PER_BACKEND; k++) run->keys[run->key_count++] = (struct child_key){per_backend[k], name};
    }
    for (size_t k = 0; k < RECONCILE_MODEL_CHILDREN; k++) run->keys[run->key_count++] = (struct child_key){per_model[k], run->booster.name};
    return true;
}

bool reconcile_begin(struct reconcile *run, struct arena *arena, yyjson_val *object, const struct reconcile_settings *settings,
                     struct reconcile_memory *memory) {
    *run = (struct reconcile){.arena = arena, .memory = memory, .settings = *settings, .live_status = json_get(object, "status")};
    /* The images may be set anew while the run waits for an answer. */
    struct images *images = &run->settings.generate.images;
    *images = (struct images){arena_copy(arena, images->downloader), arena_copy(arena, images->runtime)};
    json_int64(json_get(run->live_status, "observedGeneration"), &run->observed_generation);
    findings_init(&run->findings, arena);
    if (!booster_read(arena, object, &run->booster, &run->findings)) return false;
    booster_validate(&run->booster, &run->findings);
    return list_keys(run) && !arena->exhausted;
}

/* ---- the plan ---- */

static uint64_t mix(uint64_t hash, uint64_t value) {
    return (hash ^ value) * 0x9E3779B97F4A7C15u + (hash >> 29);
}

/* Everything of a live ModelServing that desire_children looks at. */
static uint64_t serving_basis(uint64_t hash, const struct observed *serving) {
    if (!serving) return mix(hash, 1);
    hash = mix(hash, hash_xxh3(serving->uid));
    hash = mix(hash, (uint64_t)serving->replicas);
    hash = mix(hash, serving->has_replicas_before ? (uint64_t)serving->replicas_before + 2 : 1);
    hash = mix(hash, hash_xxh3(serving->gang_policy));
    hash = mix(hash, serving->has_rendered ? serving->rendered_input : 3);
    hash = mix(hash, hash_xxh3(serving->rendered_generator));
    hash = mix(hash, hash_xxh3(serving->rendered_images.downloader));
    hash = mix(hash, hash_xxh3(serving->rendered_images.runtime));
    return mix(hash, (uint64_t)(serving->revision == 0) * 2 + serving->is_deleting);
}

static uint64_t find_servings(struct reconcile *run, const struct observation *observation) {
    uint64_t basis = observation->may_upgrade;
    for (size_t i = 0; i < run->booster.backend_count; i++) {
        const struct observed *serving = observation_find(observation, CHILD_SERVING, run->keys[i * RECONCILE_CHILDREN_PER_BACKEND].name);
        enum owner_relation relation = serving ? observed_relation(serving, &run->booster) : OWNER_FOREIGN;
        run->servings[i] = relation == OWNER_OURS || relation == OWNER_ORPHAN ? serving : NULL;
        basis = serving_basis(basis, run->servings[i]);
    }
    return basis;
}

/* (Re)computes what is wanted when the live ModelServings have moved; outcomes and progress stay: the list of children is the same. */
static bool make_plan(struct reconcile *run, const struct observation *observation) {
    uint64_t basis = find_servings(run, observation);
    if (run->has_desire && basis == run->desire_basis) return true;
    struct desire_settings settings = {run->settings.generate, observation->may_upgrade && !run->booster.paused};
    if (!desire_children(run->arena, &run->booster, run->observed_generation, &settings, run->servings, &run->desire)) return false;
    run->desire_basis = basis;
    if (run->has_desire) return true;
    run->has_desire = true;
    run->outcome_count = run->desire.children.count + CHILD_KIND_COUNT;
    run->outcomes = arena_array(run->arena, run->outcome_count, sizeof *run->outcomes);
    run->progress = arena_array(run->arena, run->outcome_count, sizeof *run->progress);
    return run->outcomes && run->progress;
}

/* Leaving goes the other way: bindings before the others, then from the outside in. */
static bool act(struct reconcile *run, const struct observation *observation) {
    static const enum child_kind leaving[] = {CHILD_POLICY, CHILD_ROUTE, CHILD_SERVER, CHILD_SERVING};
    removal_begin(run);
    run->is_former_in_the_way = false;
    if (removal_step(run, observation, CHILD_BINDING)) return true;
    for (size_t i = 0; i < run->desire.children.count; i++) {
        if (child_step(run, observation, i)) return true;
    }
    for (size_t i = 0; i < sizeof leaving / sizeof *leaving; i++) {
        if (removal_step(run, observation, leaving[i])) return true;
    }
    return false;
}

/* ---- status ---- */

/* 0 when memory is out. */
static uint64_t status_hash(const yyjson_val *status) {
    static const char *const fields[] = {"conditions", "backendStatuses", "observedGeneration"};
    struct strbuf text = strbuf_with_max(LIMIT_BODY_BYTES);
    for (size_t i = 0; i < 3; i++) json_write_canonical(&text, json_get(status, fields[i]));
    uint64_t hash = hash_xxh3(strbuf_view(&text));
    bool has_failed = text.failed;
    strbuf_release(&text);
    if (has_failed) return 0;
    return hash ? hash : 1;
}

static bool is_any(const struct reconcile *run, enum child_state state) {
    for (size_t i = 0; i < run->outcome_count; i++) {
        if (run->outcomes[i].state == state) return true;
    }
    return false;
}

static bool has_failure(const struct reconcile *run, enum failure failure) {
    for (size_t i = 0; i < run->outcome_count; i++) {
        if (run->outcomes[i].state == CHILD_FAILED && run->outcomes[i].failure == failure) return true;
    }
    return false;
}

static void remember_trouble(struct reconcile *run, int64_t now_ms) {
    bool is_transient = is_any(run, CHILD_TRANSIENT);
    if (!is_transient)
        run->memory->transient_since_ms = 0;
    else if (run->memory->transient_since_ms == 0)
        run->memory->transient_since_ms = now_ms;
    bool is_forbidden = run->wants_retry && has_failure(run, FAILURE_FORBIDDEN);
    if (!is_forbidden)
        run->memory->forbidden_since_ms = 0;
    else if (run->memory->forbidden_since_ms == 0)
        run->memory->forbidden_since_ms = now_ms;
    if (!run->is_former_in_the_way) run->memory->former_since_ms = 0;
    if (is_transient) run_again_at(run, run->memory->transient_since_ms + TRANSIENT_PATIENCE_MS);
    run->wants_retry |= is_transient;
}

static bool is_too_early_to_tell(const struct reconcile *run, int64_t now_ms) {
    int64_t since_ms = run->memory->transient_since_ms, forbidden_ms = run->memory->forbidden_since_ms;
    /* Where the server asks to be left alone for longer, there is no later moment to tell it. */
    bool is_short = run->retry_after_ms < TRANSIENT_SILENCE_MS;
    bool is_transient = since_ms && now_ms - since_ms < TRANSIENT_SILENCE_MS && run->status.failure == FAILURE_NONE && is_short;
    bool is_forbidden = forbidden_ms && now_ms - forbidden_ms < FORBIDDEN_SILENCE_MS && run->status.failure == FAILURE_FORBIDDEN;
    return is_transient || is_forbidden;
}

static bool status_step(struct reconcile *run, const struct observation *observation) {
    remember_trouble(run, observation->now_ms);
    if (run->is_status_done) return false;
    struct status_input input = {
        .booster = &run->booster,
        .findings = &run->findings,
        .desire = run->has_desire ? &run->desire : NULL,
        .outcomes = run->outcomes,
        .outcome_count = run->outcome_count,
        .servings = run->servings,
        .live = run->live_status,
        .shape = run->settings.status_shape,
        .now_ms = observation->now_ms,
        .transient_since_ms = run->memory->transient_since_ms,
    };
    if (!status_compute(run->arena, &input, &run->status)) {
        run->wants_retry = true;
        return false;
    }
    if (!run->status.is_changed || is_too_early_to_tell(run, observation->now_ms)) return false;
    uint64_t sent = status_hash(run->status.status), kept = status_hash(run->live_status);
    bool is_kept_otherwise = sent && kept && run->memory->status_sent == sent && run->memory->status_kept == kept;
    if (is_kept_otherwise) return false;
    struct str body = body_status(run->arena, run->booster.resource_version, run->status.status);
    struct request request = {.verb = REQUEST_PATCH_STATUS, .name = run->booster.name, .body = body};
    return run_request(run, SIZE_MAX, request);
}

void reconcile_status_kept(struct reconcile *run, const yyjson_val *live_status) {
    run->memory->status_sent = status_hash(run->status.status);
    run->memory->status_kept = status_hash(live_status);
}

/* ---- next ---- */

static bool is_any_kind_unknown(const struct observation *observation) {
    for (int kind = 0; kind < CHILD_KIND_COUNT; kind++) {
        if (observation->kinds[kind] == KIND_UNKNOWN) return true;
    }
    return false;
}

static bool decide(struct reconcile *run, const struct observation *observation) {
    if (run->is_over || run->booster.is_deleting || is_any_kind_unknown(observation)) return false;
    bool is_valid = run->findings.error_count == 0;
    if (!is_valid) find_servings(run, observation);
    if (is_valid && !make_plan(run, observation)) {
        run->wants_retry = true;
        return false;
    }
    if (is_valid && act(run, observation)) return true;
    return status_step(run, observation);
}

/* A clock that was put back leaves times that are still to come: what they are the beginning of begins anew. */
static void set_times_right(struct reconcile_memory *memory, int64_t now_ms) {
    int64_t *const times[] = {&memory->transient_since_ms, &memory->forbidden_since_ms, &memory->former_since_ms};
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        if (*times[i] > now_ms) *times[i] = now_ms;
    }
}

enum step reconcile_next(struct reconcile *run, const struct observation *observation, struct request *out_request, struct done *out_done) {
    assert(!run->has_pending);
    set_times_right(run->memory, observation->now_ms);
    bool is_endless = ++run->steps > STEPS_MAX;
    if (is_endless || run->arena->exhausted) run->is_over = run->wants_retry = true;
    if (decide(run, observation) && !run->arena->exhausted) {
        run->has_pending = true;
        *out_request = run->pending;
        return STEP_REQUEST;
    }
    *out_done = (struct done){
        .wants_retry = run->wants_retry || run->arena->exhausted,
        .retry_after_ms = run->retry_after_ms,
        .again_ms = run->again_ms,
        .has_status = run->status.status != NULL,
        .is_active = run->status.is_active || run->booster.suspend,
        .is_outdated = run->status.is_outdated && !run->booster.paused,
        .failure = run->status.failure,
    };
    return STEP_DONE;
}

/* ---- answers ---- */

static void end_run(struct reconcile *run, bool wants_retry) {
    run->is_over = true;
    run->wants_retry |= wants_retry;
}

static struct str request_text(const struct reconcile *run) {
    static const char *const verbs[] = {
        [REQUEST_CREATE] = "create",
        [REQUEST_DRY_RUN_CREATE] = "create",
        [REQUEST_PATCH] = "patch",
        [REQUEST_DELETE] = "delete",
        [REQUEST_GET] = "get",
        [REQUEST_GET_BOOSTER] = "get",
        [REQUEST_PATCH_STATUS] = "patch status of",
        [REQUEST_DISCOVER] = "look for",
    };
    bool is_booster = run->pending.verb == REQUEST_GET_BOOSTER || run->pending.verb == REQUEST_PATCH_STATUS;
    return arena_printf(run->arena, "%s %s %.*s", verbs[run->pending.verb], is_booster ? KIND_BOOSTER : child_kind_name(run->pending.kind),
                        STR_ARG(run->pending.name));
}

static void settle(struct reconcile *run, enum child_state state, enum failure failure, const char *what, struct str message) {
    struct str request = request_text(run);
    struct str text = arena_printf(run->arena, "%.*s: %s%s%.*s", STR_ARG(request), what, message.len ? ": " : "", STR_ARG(message));
    run->wants_retry = true;
    /* What else of the kind is to be removed goes on, unless it is the ModelBooster that could not be read. */
    if (is_removal(run, run->pending_index) && run->pending.verb != REQUEST_GET_BOOSTER) {
        removal_refused(run, run->pending_index, run->pending.name,
                        (struct child_outcome){.state = state, .failure = failure, .message = text});
        return;
    }
    run->progress[run->pending_index].is_settled = true;
    run_outcome(run, run->pending_index, state, failure, text);
    run->outcomes[run->pending_index].is_missing = run->pending.verb == REQUEST_CREATE;
}

static void look_again(struct reconcile *run) {
    run->progress[run->pending_index].needs_look = true;
    run->progress[run->pending_index].look_name = run->pending.name;
}

/* Answers that mean the same whatever was asked about a child. */
static void settle_refusal(struct reconcile *run, const struct answer *answer) {
    switch (answer->kind) {
    case ANSWER_REJECTED: settle(run, CHILD_FAILED, FAILURE_REJECTED, "the API server refused", answer->message); break;
    case ANSWER_FORBIDDEN: settle(run, CHILD_FAILED, FAILURE_FORBIDDEN, "not permitted", answer->message); break;
    case ANSWER_KIND_MISSING:
        if (!is_removal(run, run->pending_index))
            run->progress[run->pending_index].needs_discovery = true;
        else
            settle(run, CHILD_TRANSIENT, FAILURE_NONE, "the API server does not serve its path at the moment, retrying", answer->message);
        break;
    case ANSWER_NAMESPACE_GONE: end_run(run, false); break;
    case ANSWER_LOST: settle(run, CHILD_TRANSIENT, FAILURE_NONE, "no answer, retrying", answer->message); break;
    default: settle(run, CHILD_TRANSIENT, FAILURE_NONE, "retrying", answer->message); break;
    }
}

static void count_recreation(struct reconcile *run) {
    struct reconcile_memory *memory = run->memory;
    bool is_recreation = run->pending.verb == REQUEST_DELETE && run->pending.kind == CHILD_SERVING && !is_removal(run, run->pending_index);
    if (!is_recreation) return;
    if (memory->recreated_generation != run->booster.generation) memory->recreated_count = 0;
    memory->recreated_generation = run->booster.generation;
    memory->recreated_count++;
}

static void answer_write(struct reconcile *run, const struct answer *answer) {
    switch (answer->kind) {
    case ANSWER_OK: /* the record says the rest */
        run->progress[run->pending_index].write_count++;
        count_recreation(run);
        break;
    case ANSWER_LOST:
    case ANSWER_NOT_FOUND:
    case ANSWER_EXISTS:
    case ANSWER_CONFLICT: look_again(run); break;
    default: settle_refusal(run, answer); break;
    }
}

static void answer_read(struct reconcile *run, const struct answer *answer) {
    bool is_known = answer->kind == ANSWER_OK || answer->kind == ANSWER_NOT_FOUND;
    if (is_known)
        run->progress[run->pending_index].needs_look = false;
    else
        settle_refusal(run, answer);
}

static void answer_dry_run(struct reconcile *run, const struct answer *answer) {
    bool is_accepted = answer->kind == ANSWER_OK || answer->kind == ANSWER_EXISTS;
    if (is_accepted)
        run->progress[run->pending_index].is_dry_run_accepted = true;
    else
        settle_refusal(run, answer);
}

static void answer_discovery(struct reconcile *run, const struct answer *answer) {
    run->progress[run->pending_index].needs_discovery = false;
    if (answer->kind == ANSWER_KIND_MISSING || answer->kind == ANSWER_NOT_FOUND) {
        settle(run, CHILD_FAILED, FAILURE_KIND_MISSING, "its definition is not installed", answer->message);
    } else {
        settle(run, CHILD_TRANSIENT, FAILURE_NONE, "the API server does not serve its path at the moment, retrying", answer->message);
    }
}

static void answer_confirmation(struct reconcile *run, const struct answer *answer) {
    bool is_same = answer->kind == ANSWER_OK && str_equal(answer->booster_uid, run->booster.uid) &&
                   answer->booster_generation == run->booster.generation;
    if (is_same)
        run->is_confirmed = true;
    else if (answer->kind == ANSWER_OK || answer->kind == ANSWER_NOT_FOUND || answer->kind == ANSWER_KIND_MISSING)
        end_run(run, true);
    else
        settle_refusal(run, answer);
}

static void answer_status(struct reconcile *run, const struct answer *answer) {
    run->is_status_done = true;
    if (answer->kind != ANSWER_OK) end_run(run, answer->kind != ANSWER_NAMESPACE_GONE);
}

void reconcile_answer(struct reconcile *run, const struct answer *answer, int64_t now_ms) {
    assert(run->has_pending);
    run->has_pending = false;
    if (answer->retry_after_ms > run->retry_after_ms) run->retry_after_ms = answer->retry_after_ms;
    bool is_first_trouble = answer->kind == ANSWER_RETRY && run->memory->transient_since_ms == 0;
    if (is_first_trouble) run->memory->transient_since_ms = now_ms;
    switch (run->pending.verb) {
    case REQUEST_CREATE:
    case REQUEST_PATCH:
    case REQUEST_DELETE: answer_write(run, answer); break;
    case REQUEST_GET: answer_read(run, answer); break;
    case REQUEST_DRY_RUN_CREATE: answer_dry_run(run, answer); break;
    case REQUEST_DISCOVER: answer_discovery(run, answer); break;
    case REQUEST_GET_BOOSTER: answer_confirmation(run, answer); break;
    case REQUEST_PATCH_STATUS: answer_status(run, answer); break;
    }
}

/* ---- events ---- */

static bool desire_for(struct arena *arena, struct reconcile *run, bool may_upgrade, const struct observed *record) {
    for (size_t i = 0; i < run->booster.backend_count; i++) {
        bool is_this = record->kind == CHILD_SERVING && str_equal(record->name, run->keys[i * RECONCILE_CHILDREN_PER_BACKEND].name);
        run->servings[i] = is_this ? record : NULL;
    }
    struct desire_settings settings = {run->settings.generate, may_upgrade};
    return desire_children(arena, &run->booster, run->observed_generation, &settings, run->servings, &run->desire);
}

bool reconcile_judge(struct arena *arena, yyjson_val *object, const struct reconcile_settings *settings, bool may_upgrade,
                     const yyjson_val *live, const struct observed *older, int64_t now_ms, struct observed *record) {
    struct reconcile run;
    struct reconcile_memory memory = {0};
    observed_inherit(older, record);
    if (!reconcile_begin(&run, arena, object, settings, &memory)) return false;
    if (run.findings.error_count) return true;
    if (!desire_for(arena, &run, may_upgrade && !run.booster.paused, record)) return false;
    for (size_t i = 0; i < run.desire.children.count; i++) {
        const struct child *child = &run.desire.children.items[i];
        bool is_it = child->kind == record->kind && str_equal(child->name, record->name);
        if (is_it && !run.desire.notes[i].is_frozen) observed_judge(arena, child, live, false, record);
    }
    observed_compare_history(older, now_ms, false, record);
    return !arena->exhausted;
}

void reconcile_judge_own(struct arena *arena, const struct child *desired, const yyjson_val *live, const struct observed *older,
                         int64_t now_ms, struct observed *record) {
    observed_inherit(older, record);
    observed_judge(arena, desired, live, true, record);
    observed_compare_history(older, now_ms, true, record);
}
