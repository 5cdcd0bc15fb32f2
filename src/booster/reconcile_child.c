#include "booster/patch_body.h"
#include "booster/reconcile_inner.h"

enum {
    LOOKS_MAX = 4,  /* reads of one child within a run; more means that somebody else is at it right now */
    WRITES_MAX = 3, /* accepted writes of one child within a run: delete, create, patch */
};

/* A child at hand: what it should be, what lives, and where its outcome goes. */
struct step_context {
    struct reconcile *run;
    const struct observation *observation;
    size_t index;
    const struct child *child;
    const struct observed *live; /* NULL: none */
};

static struct str named(const struct step_context *step) {
    return arena_printf(step->run->arena, "%s %.*s", child_kind_name(step->child->kind), STR_ARG(step->child->name));
}

static bool pending(const struct step_context *step, const char *what) {
    struct str name = named(step);
    return run_outcome(step->run, step->index, CHILD_PENDING, FAILURE_NONE, arena_printf(step->run->arena, "%.*s %s", STR_ARG(name), what));
}

static bool applied(const struct step_context *step) {
    return run_outcome(step->run, step->index, CHILD_APPLIED, FAILURE_NONE, STR_EMPTY);
}

/* Written and accepted, and still not what was written: something at the server makes another thing of it each time. */
static bool not_kept(const struct step_context *step) {
    struct str name = named(step);
    return run_outcome(
        step->run, step->index, CHILD_FAILED, FAILURE_REJECTED,
        arena_printf(step->run->arena,
                     "%.*s: the API server accepts it but does not keep it as written; it is left as it is: look for a webhook",
                     STR_ARG(name)));
}

/* A change is due: asked for, or only noted where the ModelBooster is paused. */
static bool change(const struct step_context *step, enum request_verb verb, struct str body, const char *why) {
    if (step->run->booster.paused) return pending(step, "is not as it should be; paused, so it stays as it is");
    if (step->run->progress[step->index].write_count >= WRITES_MAX) return not_kept(step);
    struct request request = {.verb = verb, .kind = step->child->kind, .name = step->child->name, .body = body, .why = why};
    if (!step->run->desire.notes[step->index].is_frozen) request.desired = step->child;
    return run_request(step->run, step->index, request);
}

static bool look(const struct step_context *step) {
    struct child_progress *progress = &step->run->progress[step->index];
    if (progress->look_count++ >= LOOKS_MAX) {
        progress->is_settled = true;
        struct str name = named(step);
        return run_outcome(step->run, step->index, CHILD_TRANSIENT, FAILURE_NONE,
                           arena_printf(step->run->arena, "%.*s changes faster than it can be written; retrying", STR_ARG(name)));
    }
    struct request request = {.verb = REQUEST_GET, .kind = step->child->kind, .name = step->child->name, .desired = step->child};
    return run_request(step->run, step->index, request);
}

/* Something that cannot be taken back is next: the ModelBooster is read from the server first, and again once a newer one is known. True
 * when that is asked for. */
static bool confirm(struct reconcile *run, const struct observation *observation, size_t index) {
    if (run->is_confirmed && observation->booster_generation <= run->booster.generation) return false;
    return run_request(run, index, (struct request){.verb = REQUEST_GET_BOOSTER, .name = run->booster.name});
}

/* ---- kinds ---- */

static bool is_kind_unusable(const struct step_context *step) {
    enum kind_state state = step->observation->kinds[step->child->kind];
    const char *kind = child_kind_name(step->child->kind), *plural = child_kind_plural(step->child->kind);
    const char *group = child_kind_group(step->child->kind);
    struct arena *arena = step->run->arena;
    if (state == KIND_NOT_INSTALLED) {
        run_outcome(step->run, step->index, CHILD_FAILED, FAILURE_KIND_MISSING,
                    arena_printf(arena, "%s %.*s cannot be created: the definition %s.%s is not installed; install it (model-booster crds)",
                                 kind, STR_ARG(step->child->name), plural, group));
        return true;
    }
    if (state == KIND_FORBIDDEN) {
        run_outcome(step->run, step->index, CHILD_FAILED, FAILURE_FORBIDDEN,
                    arena_printf(arena, "%s %.*s cannot be seen: the controller may not list and watch %s.%s; grant it (deploy/rbac.yaml)",
                                 kind, STR_ARG(step->child->name), plural, group));
        return true;
    }
    return false;
}

/* ---- another's name ---- */

static bool name_conflict(const struct step_context *step, struct str by_whom) {
    struct str name = named(step);
    return run_outcome(
        step->run, step->index, CHILD_FAILED, FAILURE_NAME_CONFLICT,
        arena_printf(step->run->arena,
                     "%.*s exists already and belongs to %.*s; it is left alone: rename the model or the backend, or delete it",
                     STR_ARG(name), STR_ARG(by_whom)));
}

/* Of a foreign object no more is known than which ModelBooster it belongs to, if any. */
static bool taken_by_another(const struct step_context *step) {
    const struct observed *live = step->live;
    bool is_boosters = live->owner_name.len && !live->is_controlled_by_other;
    return name_conflict(step, is_boosters ? arena_printf(step->run->arena, "another owner, ModelBooster %.*s", STR_ARG(live->owner_name))
                                           : STR("another owner"));
}

static bool wait_for_former(const struct step_context *step) {
    struct reconcile_memory *memory = step->run->memory;
    int64_t now_ms = step->observation->now_ms;
    step->run->is_former_in_the_way = true;
    if (memory->former_since_ms == 0) memory->former_since_ms = now_ms;
    if (now_ms - memory->former_since_ms >= TRANSIENT_PATIENCE_MS) {
        return name_conflict(step, STR("a deleted ModelBooster of the same name, and garbage collection has not removed it for 60 s"));
    }
    run_again_at(step->run, memory->former_since_ms + TRANSIENT_PATIENCE_MS);
    return pending(step, "of the deleted ModelBooster of the same name is still being garbage-collected");
}

/* New targets must live before traffic is sent to them; a route that exists keeps its targets until then. */
static bool is_target_missing(const struct step_context *step) {
    const struct desire *desire = &step->run->desire;
    for (size_t i = 0; i < desire->children.count; i++) {
        const struct child *target = &desire->children.items[i];
        bool is_target = target->kind == CHILD_SERVING || target->kind == CHILD_SERVER;
        if (!is_target || step->observation->kinds[target->kind] != KIND_SYNCED) continue;
        const struct observed *live = observation_find(step->observation, target->kind, target->name);
        if (!live || live->is_deleting || observed_relation(live, &step->run->booster) != OWNER_OURS) return true;
    }
    return false;
}

/* ---- replacing what cannot be changed ---- */

static bool delete_to_recreate(const struct step_context *step) {
    if (!step->run->booster.paused && confirm(step->run, step->observation, step->index)) return true;
    return change(step, REQUEST_DELETE, body_delete(step->run->arena, step->live), "deleted to be created anew");
}

/* Of the same revision it is what the server makes of the name that we write: another attempt would end the same. */
static bool is_renamed(const struct step_context *step) {
    struct str model_name = json_text(json_path(step->child->object, "spec", "modelName", NULL));
    return step->child->kind == CHILD_ROUTE && !str_equal(step->live->model_name, model_name) &&
           step->live->revision != step->child->revision;
}

/* ModelRoute's modelName is immutable. The new route must be acceptable before the old one goes. */
static bool replace_route(const struct step_context *step) {
    if (is_target_missing(step)) return pending(step, "keeps its targets until the new ones exist");
    if (!step->run->progress[step->index].is_dry_run_accepted) {
        return change(step, REQUEST_DRY_RUN_CREATE, body_dry_run(step->run->arena, step->child), "tried");
    }
    return delete_to_recreate(step);
}

static void note_gang_wish(const struct step_context *step) {
    struct child_outcome *outcome = &step->run->outcomes[step->index];
    /* A frozen one is as somebody else made it; nothing was wished since. */
    outcome->needs_recreate = step->child->wishes_other_gang && !step->run->desire.notes[step->index].is_frozen;
    if (!outcome->needs_recreate) return;
    struct str name = named(step);
    outcome->message =
        arena_printf(step->run->arena,
                     "%.*s keeps its gangPolicy, which cannot be changed in place; to delete and create it anew (this restarts the model) "
                     "annotate the ModelBooster " ANNOTATION_ALLOW_RECREATE ": \"true\"",
                     STR_ARG(name));
}

/* ---- change in place ---- */

/* What is wanted now was not wanted when it was last written: an edit of the ModelBooster is tried once, whoever rewrites the child. */
static bool is_fought_over(const struct step_context *step) {
    const struct observed *live = step->live;
    int64_t now_ms = step->observation->now_ms;
    if (observed_rewrite_count(live, now_ms) < OBSERVED_REWRITES || live->accepted_revision != step->child->revision) return false;
    int64_t until_ms = live->rewrites_ms[OBSERVED_REWRITES - 1] + REWRITE_WINDOW_MS;
    run_again_at(step->run, until_ms);
    struct str name = named(step), manager = live->other_manager.len ? live->other_manager : STR("another manager");
    run_outcome(
        step->run, step->index, CHILD_FAILED, FAILURE_OTHER_CONTROLLER,
        arena_printf(step->run->arena,
                     "%.*s was rewritten %d times within 10 minutes by %s (%.*s); it is left as it is for now: stop the other manager",
                     STR_ARG(name), OBSERVED_REWRITES, QUOTE(manager), STR_ARG(live->difference.len ? live->difference : STR("metadata"))));
    return true;
}

static bool has_owned(const struct step_context *step, enum child_kind kind) {
    for (size_t i = 0; i < step->observation->child_count; i++) {
        const struct observed *child = step->observation->children[i];
        if (child->kind == kind && observed_relation(child, &step->run->booster) == OWNER_OURS) return true;
    }
    return false;
}

static bool scale_to_zero_must_wait(const struct step_context *step, bool *out_wants_request) {
    *out_wants_request = false;
    bool is_scale_to_zero = step->child->kind == CHILD_SERVING && step->child->replicas == 0 && step->live->replicas > 0;
    if (!is_scale_to_zero || step->run->booster.paused) return false;
    if (step->run->booster.suspend && has_owned(step, CHILD_BINDING)) {
        pending(step, "is scaled to 0 once its AutoscalingPolicyBinding is gone");
        return true;
    }
    *out_wants_request = confirm(step->run, step->observation, step->index);
    return *out_wants_request;
}

struct due {
    bool content, owner, replicas;
};

static bool has_suspend_annotation(const struct child *child) {
    return json_path(child->object, "metadata", "annotations", ANNOTATION_REPLICAS_BEFORE_SUSPEND, NULL) != NULL;
}

static struct due what_is_due(const struct step_context *step, bool is_frozen) {
    const struct observed *live = step->live;
    bool is_serving = step->child->kind == CHILD_SERVING;
    /* A verdict on replicas alone may be older than an edit of them: they are compared anew below. */
    bool is_different = live->verdict_revision == step->child->revision && live->verdict == VERDICT_DIFFERS &&
                        !(is_serving && str_is(live->difference, DIFFERENCE_REPLICAS));
    return (struct due){
        .content = is_frozen ? !live->has_rendered : live->revision != step->child->revision || is_different,
        .owner = !str_equal(live->owner_uid, step->run->booster.uid) || !live->is_controlled_by_owner,
        .replicas = is_serving && ((live->replicas != step->child->replicas && live->unkept_replicas != step->child->replicas) ||
                                   live->has_replicas_before != has_suspend_annotation(step->child)),
    };
}

/* Somebody else has changed it. Of one revision the ModelBooster itself may ask for other replicas: there it takes a rewrite to be seen. */
static bool is_repair(const struct step_context *step, struct due due) {
    const struct observed *live = step->live;
    bool is_of_revision = live->verdict == VERDICT_DIFFERS && live->revision == step->child->revision;
    return is_of_revision && (due.content || due.owner || live->is_rewritten);
}

static bool change_in_place(const struct step_context *step) {
    bool is_frozen = step->run->desire.notes[step->index].is_frozen;
    struct due due = what_is_due(step, is_frozen);
    bool is_unclear =
        !is_frozen && !due.content && (step->live->verdict == VERDICT_UNKNOWN || step->live->verdict_revision != step->child->revision);
    if (is_unclear) return look(step);
    if (!due.content && !due.owner && !due.replicas) return applied(step);
    if (is_fought_over(step)) return false;
    if (step->child->kind == CHILD_ROUTE && is_target_missing(step)) return pending(step, "keeps its targets until the new ones exist");
    bool wants_request;
    if (scale_to_zero_must_wait(step, &wants_request)) return wants_request;
    bool is_whole = !is_frozen && (due.content || due.owner);
    struct str body = body_patch(step->run->arena, &step->run->booster, step->child, step->live, is_whole ? PATCH_WHOLE : PATCH_REPLICAS);
    return change(step, REQUEST_PATCH, body, is_repair(step, due) ? "repaired" : "updated");
}

/* Where a webhook makes another gangPolicy of each, one attempt is enough. */
static bool may_recreate(const struct reconcile *run) {
    bool is_spent =
        run->memory->recreated_generation == run->booster.generation && run->memory->recreated_count >= run->booster.backend_count;
    return run->booster.allow_recreate && !is_spent;
}

static bool change_or_replace(const struct step_context *step) {
    const struct child *child = step->child;
    if (is_renamed(step)) return replace_route(step);
    if (child->wishes_other_gang && may_recreate(step->run)) return delete_to_recreate(step);
    if (change_in_place(step)) return true;
    if (step->run->outcomes[step->index].state == CHILD_APPLIED) note_gang_wish(step);
    return false;
}

/* ---- one desired child ---- */

/* A binding is written only once its policy is there. */
static bool is_policy_there(const struct step_context *step) {
    const struct observed *policy = observation_find(step->observation, CHILD_POLICY, step->child->name);
    return policy && !policy->is_deleting && observed_relation(policy, &step->run->booster) == OWNER_OURS;
}

bool child_step(struct reconcile *run, const struct observation *observation, size_t index) {
    struct child_progress *progress = &run->progress[index];
    const struct child *child = &run->desire.children.items[index];
    struct step_context step = {run, observation, index, child, observation_find(observation, child->kind, child->name)};
    if (progress->is_settled || is_kind_unusable(&step)) return false;
    if (progress->needs_discovery) {
        return run_request(run, index, (struct request){.verb = REQUEST_DISCOVER, .kind = child->kind, .name = child->name});
    }
    if (progress->needs_look) return look(&step);
    if (child->kind == CHILD_BINDING && !is_policy_there(&step)) return pending(&step, "waits for its AutoscalingPolicy");
    if (!step.live) return change(&step, REQUEST_CREATE, body_create(run->arena, child), "created");
    enum owner_relation relation = observed_relation(step.live, &run->booster);
    if (relation == OWNER_FOREIGN) return taken_by_another(&step);
    if (relation == OWNER_FORMER) return wait_for_former(&step);
    if (step.live->is_deleting) return pending(&step, "is being deleted; it is created anew once it is gone");
    return change_or_replace(&step);
}

/* ---- what is to be removed ---- */

size_t removal_index(const struct reconcile *run, enum child_kind kind) {
    return run->desire.children.count + (size_t)kind;
}

bool is_removal(const struct reconcile *run, size_t index) {
    return index >= run->desire.children.count;
}

void removal_begin(struct reconcile *run) {
    for (size_t index = run->desire.children.count; index < run->outcome_count; index++) {
        const struct child_progress *progress = &run->progress[index];
        if (!progress->is_settled && !progress->refusals) run_outcome(run, index, CHILD_APPLIED, FAILURE_NONE, STR_EMPTY);
    }
}

static bool is_refused(const struct child_progress *progress, struct str name) {
    for (const struct removal_refusal *refusal = progress->refusals; refusal; refusal = refusal->next) {
        if (str_equal(refusal->name, name)) return true;
    }
    return false;
}

void removal_refused(struct reconcile *run, size_t index, struct str name, struct child_outcome outcome) {
    struct child_progress *progress = &run->progress[index];
    struct child_outcome *all = &run->outcomes[index];
    if (progress->refusals) {
        outcome.message = arena_printf(run->arena, "%.*s; %.*s", STR_ARG(all->message), STR_ARG(outcome.message));
        if (all->state == CHILD_FAILED)
            outcome = (struct child_outcome){.state = all->state, .failure = all->failure, .message = outcome.message};
    }
    *all = outcome;
    progress->needs_look = false;
    progress->look_count = 0;
    struct removal_refusal *refusal = arena_alloc(run->arena, sizeof *refusal);
    if (!refusal) return;
    *refusal = (struct removal_refusal){name, progress->refusals};
    progress->refusals = refusal;
}

static bool is_desired(const struct reconcile *run, const struct observed *live) {
    for (size_t i = 0; i < run->desire.children.count; i++) {
        const struct child *child = &run->desire.children.items[i];
        if (child->kind == live->kind && str_equal(child->name, live->name)) return true;
    }
    return false;
}

static bool is_route_settled(const struct reconcile *run, const struct observation *observation) {
    if (observation->kinds[CHILD_ROUTE] == KIND_NOT_INSTALLED) return true;
    for (size_t i = 0; i < run->desire.children.count; i++) {
        if (run->desire.children.items[i].kind == CHILD_ROUTE && run->outcomes[i].state != CHILD_APPLIED) return false;
    }
    return true;
}

/* Traffic leaves a backend before it is removed; a binding is gone before its policy goes. */
static bool may_remove(const struct reconcile *run, const struct observation *observation, const struct observed *live) {
    if (live->is_deleting || run->booster.paused) return false;
    if (live->kind == CHILD_SERVER || live->kind == CHILD_SERVING) return is_route_settled(run, observation);
    if (live->kind == CHILD_POLICY) {
        if (observation->kinds[CHILD_BINDING] == KIND_FORBIDDEN) return false;
        const struct observed *binding = observation_find(observation, CHILD_BINDING, live->name);
        return !binding || observed_relation(binding, &run->booster) != OWNER_OURS;
    }
    return true;
}

static void note_leftover(struct reconcile *run, const struct observed *live) {
    struct child_outcome *outcome = &run->outcomes[removal_index(run, live->kind)];
    const char *kind = child_kind_name(live->kind);
    if (outcome->state == CHILD_FAILED || outcome->state == CHILD_TRANSIENT) return;
    bool is_first = outcome->state == CHILD_APPLIED;
    outcome->message = is_first ? arena_printf(run->arena, "no longer wanted, still to be removed: %s %.*s", kind, STR_ARG(live->name))
                                : arena_printf(run->arena, "%.*s, %s %.*s", STR_ARG(outcome->message), kind, STR_ARG(live->name));
    if (is_first) outcome->state = CHILD_PENDING;
}

bool removal_step(struct reconcile *run, const struct observation *observation, enum child_kind kind) {
    size_t index = removal_index(run, kind);
    struct child_progress *progress = &run->progress[index];
    if (progress->is_settled) return false;
    if (progress->needs_look) {
        if (progress->look_count++ < LOOKS_MAX)
            return run_request(run, index, (struct request){.verb = REQUEST_GET, .kind = kind, .name = progress->look_name});
        struct str message = arena_printf(run->arena, "%s %.*s changes faster than it can be removed; retrying", child_kind_name(kind),
                                          STR_ARG(progress->look_name));
        removal_refused(run, index, progress->look_name,
                        (struct child_outcome){.state = CHILD_TRANSIENT, .failure = FAILURE_NONE, .message = message});
    }
    for (size_t i = 0; i < observation->child_count; i++) {
        const struct observed *live = observation->children[i];
        bool is_leaving = live->kind == kind && observed_relation(live, &run->booster) == OWNER_OURS && !is_desired(run, live);
        if (!is_leaving || is_refused(progress, live->name)) continue;
        if (!may_remove(run, observation, live)) {
            note_leftover(run, live);
            continue;
        }
        if (confirm(run, observation, index)) return true;
        struct str name = arena_copy(run->arena, live->name);
        struct request request = {
            .verb = REQUEST_DELETE, .kind = kind, .name = name, .body = body_delete(run->arena, live), .why = "removed"};
        return run_request(run, index, request);
    }
    return false;
}
