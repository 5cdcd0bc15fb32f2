#include "booster/status.h"

#include "data/rfc3339.h"

const char *failure_reason(enum failure failure) {
    static const char *const reasons[] = {
#define FAILURE_TEXT(id, reason) reason,
        FAILURES(FAILURE_TEXT)
#undef FAILURE_TEXT
    };
    return reasons[failure];
}

struct condition {
    const char *type;
    bool is_true;
    struct str reason;
    struct str message;
};

/* One sentence after another, up to the length of a condition's message. */
struct message {
    struct strbuf text;
};

static void message_add(struct message *message, const char *separator, struct str sentence) {
    if (sentence.len == 0) return;
    if (message->text.len) strbuf_append(&message->text, str_of(separator));
    strbuf_append(&message->text, sentence);
}

static struct str message_take(struct arena *arena, struct message *message, struct str fallback) {
    struct str text = str_cut_utf8(strbuf_view(&message->text), LIMIT_CONDITION_MESSAGE_BYTES);
    if (message->text.is_memory_out) arena->exhausted = true;
    text = text.len ? arena_copy(arena, text) : fallback;
    strbuf_release(&message->text);
    return text;
}

static struct message message_new(void) {
    /* Room for more than a condition holds: what is too long is cut at the end, on a character. */
    return (struct message){strbuf_with_max(64 * LIMIT_CONDITION_MESSAGE_BYTES)};
}

static yyjson_val *live_condition(const yyjson_val *live, const char *type) {
    size_t index, max;
    yyjson_val *condition;
    yyjson_arr_foreach(json_get(live, "conditions"), index, max, condition) {
        if (json_is_text(json_get(condition, "type"), type)) return condition;
    }
    return NULL;
}

static bool was_active(const struct status_input *input) {
    return json_is_text(json_get(live_condition(input->live, "Active"), "status"), "True");
}

static yyjson_val *live_backend(const yyjson_val *live, struct str name) {
    size_t index, max;
    yyjson_val *backend;
    yyjson_arr_foreach(json_get(live, "backendStatuses"), index, max, backend) {
        if (str_equal(json_text(json_get(backend, "name")), name)) return backend;
    }
    return NULL;
}

/* ---- Failed ---- */

static bool is_spec_invalid(const struct status_input *input) {
    return input->findings && input->findings->error_count > 0;
}

static enum failure spec_failure(const struct findings *findings) {
    for (size_t i = 0; i < findings->count; i++) {
        const struct finding *finding = &findings->items[i];
        if (!finding->is_warning && !rule_is_unsupported(finding->rule)) return FAILURE_INVALID_SPEC;
    }
    return FAILURE_UNSUPPORTED_BACKEND;
}

static bool is_transient_too_long(const struct status_input *input) {
    return input->transient_since_ms && input->now_ms - input->transient_since_ms >= TRANSIENT_PATIENCE_MS;
}

static enum failure outcome_failure(const struct status_input *input, const struct child_outcome *outcome) {
    if (outcome->state == CHILD_FAILED) return outcome->failure;
    if (outcome->state == CHILD_TRANSIENT && is_transient_too_long(input)) return FAILURE_UNREACHABLE;
    return outcome->needs_recreate ? FAILURE_NEEDS_RECREATE : FAILURE_NONE;
}

static enum failure first_failure(const struct status_input *input) {
    if (is_spec_invalid(input)) return spec_failure(input->findings);
    enum failure first = FAILURE_COUNT;
    for (size_t i = 0; i < input->outcome_count; i++) {
        enum failure failure = outcome_failure(input, &input->outcomes[i]);
        if (failure != FAILURE_NONE && failure < first) first = failure;
    }
    return first == FAILURE_COUNT ? FAILURE_NONE : first;
}

static struct str findings_message(struct arena *arena, const struct findings *findings) {
    struct message message = message_new();
    for (size_t i = 0; i < findings->count; i++) {
        const struct finding *finding = &findings->items[i];
        if (finding->is_warning) continue;
        message_add(&message, "; ",
                    arena_printf(arena, "%.*s: %.*s [%s]", STR_ARG(finding->path), STR_ARG(finding->message), rule_id(finding->rule)));
    }
    return message_take(arena, &message, STR("the spec is invalid"));
}

static struct str failures_message(struct arena *arena, const struct status_input *input) {
    struct message message = message_new();
    for (int failure = FAILURE_NONE + 1; failure < FAILURE_COUNT; failure++) {
        for (size_t i = 0; i < input->outcome_count; i++) {
            if ((int)outcome_failure(input, &input->outcomes[i]) == failure) message_add(&message, "; ", input->outcomes[i].message);
        }
    }
    return message_take(arena, &message, STR("a resource could not be applied"));
}

static struct condition failed_condition(struct arena *arena, const struct status_input *input, enum failure failure) {
    struct condition condition = {"Failed", failure != FAILURE_NONE, str_of(failure_reason(failure)), STR("no failure")};
    if (is_spec_invalid(input))
        condition.message = findings_message(arena, input->findings);
    else if (condition.is_true)
        condition.message = failures_message(arena, input);
    return condition;
}

/* ---- Initialized ---- */

/* A child that waits for a recreate counts: it exists and was accepted, and Failed says what it lacks. */
static bool is_applied(const struct child_outcome *outcome) {
    return outcome->state == CHILD_APPLIED;
}

static size_t child_count(const struct status_input *input) {
    return input->desire ? input->desire->children.count : 0;
}

static bool is_everything_applied(const struct status_input *input) {
    if (is_spec_invalid(input)) return false;
    for (size_t i = 0; i < child_count(input); i++) {
        if (!is_applied(&input->outcomes[i])) return false;
    }
    return input->desire != NULL;
}

/* What the outcomes from `first` up to `end` have to say; `fallback` when that is nothing. */
static struct str outcomes_message(struct arena *arena, const struct status_input *input, size_t first, size_t end, struct str fallback) {
    struct message message = message_new();
    for (size_t i = first; i < end; i++) {
        if (!is_applied(&input->outcomes[i])) message_add(&message, "; ", input->outcomes[i].message);
    }
    return message_take(arena, &message, fallback);
}

/* With what is still to be removed behind it: that holds up nobody but Active, and only where it is a backend. */
static struct str with_leftovers(struct arena *arena, const struct status_input *input, struct str lead) {
    struct str leftovers = outcomes_message(arena, input, child_count(input), input->outcome_count, STR_EMPTY);
    return leftovers.len ? arena_printf(arena, "%.*s; %.*s", STR_ARG(lead), STR_ARG(leftovers)) : lead;
}

static struct str missing_message(struct arena *arena, const struct status_input *input) {
    return outcomes_message(arena, input, 0, input->outcome_count, STR("not every resource is applied yet"));
}

static struct str outdated_message(struct arena *arena, const struct status_input *input) {
    struct message message = message_new();
    for (size_t i = 0; i < child_count(input); i++) {
        if (input->desire->notes[i].is_outdated) message_add(&message, ", ", input->desire->children.items[i].name);
    }
    struct str names = message_take(arena, &message, STR_EMPTY);
    return arena_printf(
        arena,
        "all resources are applied; outdated: %.*s would be rendered differently by this controller or its images; they are "
        "brought up to date with the next edit, or now by the annotation " ANNOTATION_UPGRADE ": now",
        STR_ARG(names));
}

static bool is_anything_outdated(const struct status_input *input) {
    for (size_t i = 0; i < child_count(input); i++) {
        if (input->desire->notes[i].is_outdated) return true;
    }
    return false;
}

static struct condition initialized_condition(struct arena *arena, const struct status_input *input, enum failure failure) {
    if (is_spec_invalid(input)) {
        return (struct condition){"Initialized", false, str_of(failure_reason(failure)), STR("the spec is invalid; see condition Failed")};
    }
    if (is_everything_applied(input)) {
        if (is_anything_outdated(input))
            return (struct condition){"Initialized", true, STR("Outdated"), with_leftovers(arena, input, outdated_message(arena, input))};
        return (struct condition){"Initialized", true, STR("ResourcesApplied"),
                                  with_leftovers(arena, input, STR("all resources are applied"))};
    }
    struct str reason = input->booster->paused    ? STR("Paused")
                        : failure != FAILURE_NONE ? str_of(failure_reason(failure))
                                                  : STR("ResourcesPending");
    return (struct condition){"Initialized", false, reason, missing_message(arena, input)};
}

/* ---- Active ---- */

static int64_t max_int64(int64_t a, int64_t b) {
    return a > b ? a : b;
}

/* The serving has not yet looked at a change of more than its replicas; at any change, where what it said was of a model that was not
 * active (suspended, say: all of no replicas are available). */
static bool is_word_stale(const struct status_input *input, const struct observed *serving) {
    if (serving->available_generation >= serving->generation) return false;
    if (serving->content_generation) return serving->available_generation < serving->content_generation || !was_active(input);
    /* Just started: what changed since is not known. Trust an Active that was written for this very generation. */
    int64_t active_generation = 0;
    json_int64(json_get(live_condition(input->live, "Active"), "observedGeneration"), &active_generation);
    return !(was_active(input) && active_generation == input->booster->generation);
}

static bool is_scaling_up(const struct status_input *input, const struct backend *backend, const struct observed *serving) {
    if (!was_active(input) || serving->available_replicas >= serving->replicas) return false;
    int64_t before = 0;
    json_int64(json_get(live_backend(input->live, backend->name), "availableReplicas"), &before);
    return serving->available_replicas >= max_int64(max_int64(1, backend->min_replicas), before);
}

/* Empty when this backend serves; otherwise why it does not. */
static struct str backend_trouble(struct arena *arena, const struct status_input *input, size_t index) {
    const struct backend *backend = &input->booster->backends[index];
    const struct observed *serving = input->servings ? input->servings[index] : NULL;
    if (!serving) return arena_printf(arena, "backend %.*s: its ModelServing does not exist yet", STR_ARG(backend->name));
    if (serving->is_deleting) return arena_printf(arena, "backend %.*s: its ModelServing is being deleted", STR_ARG(backend->name));
    if (is_word_stale(input, serving)) {
        return arena_printf(arena, "backend %.*s: its ModelServing has not observed its latest change yet", STR_ARG(backend->name));
    }
    if (serving->available == AVAILABILITY_TRUE) return STR_EMPTY;
    if (serving->available == AVAILABILITY_FALSE && is_scaling_up(input, backend, serving)) return STR_EMPTY;
    if (serving->available == AVAILABILITY_UNKNOWN) {
        return arena_printf(arena, "backend %.*s: its ModelServing has not reported Available yet", STR_ARG(backend->name));
    }
    struct str reason = serving->available_reason.len ? serving->available_reason : STR("NotAvailable");
    struct str message = serving->available_message.len ? serving->available_message : STR("its ModelServing does not say why");
    return arena_printf(arena, "backend %.*s: %.*s: %.*s", STR_ARG(backend->name), STR_ARG(reason), STR_ARG(message));
}

/* An Active model stays so while a retry or a wait is under way, as long as nothing has failed and nothing is missing that requests go
 * through. */
static bool is_only_catching_up(const struct status_input *input) {
    if (!was_active(input) || is_spec_invalid(input) || is_transient_too_long(input)) return false;
    for (size_t i = 0; i < child_count(input); i++) {
        const struct child_outcome *outcome = &input->outcomes[i];
        enum child_kind kind = input->desire->children.items[i].kind;
        if (outcome->state == CHILD_PENDING || outcome->state == CHILD_FAILED) return false;
        if (outcome->is_missing && (kind == CHILD_SERVER || kind == CHILD_ROUTE)) return false;
    }
    return true;
}

/* ModelServings and ModelServers of backends that are no longer wanted. */
static struct str left_over_backends(struct arena *arena, const struct status_input *input) {
    _Static_assert(CHILD_SERVER == CHILD_SERVING + 1, "neighbours");
    size_t first = child_count(input) + CHILD_SERVING;
    return input->outcome_count > first + 1 ? outcomes_message(arena, input, first, first + 2, STR_EMPTY) : STR_EMPTY;
}

static struct condition active_condition(struct arena *arena, const struct status_input *input, bool is_initialized) {
    const struct booster *booster = input->booster;
    struct message message = message_new();
    if (booster->suspend) message_add(&message, "; ", STR("suspended: every backend is scaled to 0 until spec.suspend is removed"));
    if (booster->paused && !is_initialized)
        message_add(&message, "; ", STR("paused: changes are not applied until spec.paused is removed"));
    if (!is_initialized && !is_only_catching_up(input)) message_add(&message, "; ", STR("not initialized; see condition Initialized"));
    bool is_blocked = message.text.len > 0;
    struct str leftovers = left_over_backends(arena, input);
    message_add(&message, "; ", leftovers);
    if (!booster->suspend) {
        for (size_t i = 0; i < booster->backend_count; i++) message_add(&message, "; ", backend_trouble(arena, input, i));
    }
    if (message.text.len == 0) {
        strbuf_release(&message.text);
        return (struct condition){"Active", true, STR("ModelAvailable"), STR("every backend is available")};
    }
    struct str reason = booster->suspend                     ? STR("Suspended")
                        : booster->paused && !is_initialized ? STR("Paused")
                        : is_blocked                         ? STR("NotInitialized")
                        : leftovers.len                      ? STR("BackendLeftOver")
                                                             : STR("BackendsNotAvailable");
    return (struct condition){"Active", false, reason, message_take(arena, &message, STR_EMPTY)};
}

/* ---- the status object ---- */

static struct str transition_time(struct arena *arena, const struct status_input *input, const struct condition *condition) {
    const yyjson_val *before = live_condition(input->live, condition->type);
    struct str time = json_text(json_get(before, "lastTransitionTime"));
    bool is_unmoved = json_is_text(json_get(before, "status"), condition->is_true ? "True" : "False");
    return is_unmoved && time.len ? time : rfc3339_format_ms(arena, input->now_ms, RFC3339_SECONDS);
}

static void add_condition(struct arena *arena, yyjson_mut_doc *doc, yyjson_mut_val *conditions, const struct status_input *input,
                          const struct condition *condition) {
    yyjson_mut_val *item = yyjson_mut_arr_add_obj(doc, conditions);
    yyjson_mut_obj_add_str(doc, item, "type", condition->type);
    yyjson_mut_obj_add_str(doc, item, "status", condition->is_true ? "True" : "False");
    json_add_int64(doc, item, "observedGeneration", input->booster->generation);
    json_add_text(doc, item, "lastTransitionTime", transition_time(arena, input, condition));
    json_add_text(doc, item, "reason", condition->reason);
    json_add_text(doc, item, "message", condition->message);
}

/* Conditions of other types are somebody else's, and stay. */
static void keep_others(yyjson_mut_doc *doc, yyjson_mut_val *conditions, const yyjson_val *live) {
    size_t index, max;
    yyjson_val *condition;
    yyjson_arr_foreach(json_get(live, "conditions"), index, max, condition) {
        yyjson_val *type = json_get(condition, "type");
        bool is_ours = json_is_text(type, "Initialized") || json_is_text(type, "Active") || json_is_text(type, "Failed");
        if (!is_ours) yyjson_mut_arr_append(conditions, yyjson_val_mut_copy(doc, condition));
    }
}

static struct str backend_message(struct arena *arena, const struct status_input *input, size_t index) {
    if (input->booster->suspend) return STR("suspended");
    struct str trouble = backend_trouble(arena, input, index);
    size_t colon = str_find(trouble, STR(": "));
    return colon == SIZE_MAX ? trouble : str_from(trouble, colon + 2);
}

static void add_backends(struct arena *arena, yyjson_mut_doc *doc, yyjson_mut_val *status, const struct status_input *input) {
    if (input->booster->backend_count == 0) return;
    yyjson_mut_val *list = yyjson_mut_obj_add_arr(doc, status, "backendStatuses");
    for (size_t i = 0; i < input->booster->backend_count; i++) {
        const struct observed *serving = input->servings ? input->servings[i] : NULL;
        yyjson_mut_val *item = yyjson_mut_arr_add_obj(doc, list);
        json_add_text(doc, item, "name", input->booster->backends[i].name);
        json_add_int64(doc, item, "replicas", serving ? serving->status_replicas : 0);
        json_add_int64(doc, item, "availableReplicas", serving ? serving->available_replicas : 0);
        struct str message = backend_message(arena, input, i);
        if (message.len) json_add_text(doc, item, "message", str_cut_utf8(message, LIMIT_CONDITION_MESSAGE_BYTES));
    }
}

static bool is_same(const yyjson_val *live, const yyjson_val *status, const char *field) {
    const yyjson_val *a = json_get(live, field), *b = json_get(status, field);
    return (json_is_empty(a) && json_is_empty(b)) || json_equal(a, b);
}

/* As far as the installed definition keeps them. The status is computed and sent whole, so that what is sent does not depend on that. */
static bool are_backends_same(const yyjson_val *live, const yyjson_val *status, struct status_shape shape) {
    yyjson_val *a = json_get(live, "backendStatuses"), *b = json_get(status, "backendStatuses");
    if (json_is_empty(a) || json_is_empty(b)) return json_is_empty(a) && json_is_empty(b);
    if (yyjson_arr_size(a) != yyjson_arr_size(b)) return false;
    size_t index, max;
    yyjson_val *item, *other = yyjson_arr_get_first(a);
    yyjson_arr_foreach(b, index, max, item) {
        bool is_same_backend = is_same(other, item, "name") && is_same(other, item, "replicas") &&
                               (!shape.has_available_replicas || is_same(other, item, "availableReplicas")) &&
                               (!shape.has_backend_message || is_same(other, item, "message"));
        if (!is_same_backend) return false;
        other = unsafe_yyjson_get_next(other);
    }
    return true;
}

bool status_compute(struct arena *arena, const struct status_input *input, struct status_result *out) {
    enum failure failure = first_failure(input);
    struct condition initialized = initialized_condition(arena, input, failure);
    struct condition active = active_condition(arena, input, initialized.is_true);
    struct condition failed = failed_condition(arena, input, failure);
    yyjson_mut_doc *doc = json_builder(arena);
    yyjson_mut_val *status = yyjson_mut_obj(doc);
    yyjson_mut_val *conditions = yyjson_mut_obj_add_arr(doc, status, "conditions");
    add_condition(arena, doc, conditions, input, &initialized);
    add_condition(arena, doc, conditions, input, &active);
    add_condition(arena, doc, conditions, input, &failed);
    keep_others(doc, conditions, input->live);
    add_backends(arena, doc, status, input);
    int64_t generation = 0;
    json_int64(json_get(input->live, "observedGeneration"), &generation);
    if (initialized.is_true) generation = input->booster->generation;
    if (generation) json_add_int64(doc, status, "observedGeneration", generation);
    *out = (struct status_result){.status = json_freeze(arena, status), .is_active = active.is_true, .failure = failure};
    if (!out->status || arena->exhausted) return false;
    out->is_outdated = is_anything_outdated(input);
    out->is_changed = !is_same(input->live, out->status, "conditions") || !are_backends_same(input->live, out->status, input->shape) ||
                      !is_same(input->live, out->status, "observedGeneration");
    return true;
}
