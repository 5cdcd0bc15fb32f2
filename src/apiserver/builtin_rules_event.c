#include "apiserver/builtin_kinds.h"
#include "apiserver/mut.h"

/* Both forms of Event (pkg/apis/core/validation/events.go). Fields are named as in core, whatever the form, but for those that its words
 * name. */

static const char *const core_to_events[][2] = {
    {"message", "note"},
    {"involvedObject", "regarding"},
    {"reportingComponent", "reportingController"},
    {"source", "deprecatedSource"},
    {"firstTimestamp", "deprecatedFirstTimestamp"},
    {"lastTimestamp", "deprecatedLastTimestamp"},
    {"count", "deprecatedCount"},
};

static yyjson_mut_val *get(const yyjson_mut_val *event, bool is_new_form, const char *core_name) {
    for (size_t i = 0; is_new_form && i < sizeof core_to_events / sizeof core_to_events[0]; i++) {
        if (str_is(str_of(core_name), core_to_events[i][0])) return mut_get(event, core_to_events[i][1]);
    }
    return mut_get(event, core_name);
}

static bool is_empty(const yyjson_mut_val *value) {
    int64_t number;
    return mut_is_empty(value) || (mut_int64(value, &number) && number == 0);
}

static void require(const yyjson_mut_val *value, const char *field, struct field_errors *out) {
    if (is_empty(value)) field_errors_add(out, FIELD_REQUIRED, str_of(field), NULL, "%s", "");
}

static void add_invalid(const char *field, const char *words, struct field_errors *out) {
    field_errors_add_text(out, FIELD_INVALID, str_of(field), STR("\"\""), str_of(words));
}

/* What an event of the new form, told by its eventTime, has to say about itself. */
static void validate_timed(const yyjson_mut_val *event, bool is_new_form, struct field_errors *out) {
    const char *controller = is_new_form ? "reportingController" : "reportingComponent";
    enum { INSTANCE_BYTES = 128, ACTION_BYTES = 128, REASON_BYTES = 128, NOTE_BYTES = 1024 };
    require(get(event, is_new_form, "reportingComponent"), controller, out);
    name_rule_check(NAME_QUALIFIED, json_mut_text(get(event, is_new_form, "reportingComponent")), str_of(controller), out);
    require(mut_get(event, "reportingInstance"), "reportingInstance", out);
    if (mut_text_at(event, "reportingInstance").len > INSTANCE_BYTES)
        add_invalid("reportingInstance", "can have at most 128 characters", out);
    require(mut_get(event, "action"), "action", out);
    if (mut_text_at(event, "action").len > ACTION_BYTES) add_invalid("action", "can have at most 128 characters", out);
    require(mut_get(event, "reason"), "reason", out);
    if (mut_text_at(event, "reason").len > REASON_BYTES) add_invalid("reason", "can have at most 128 characters", out);
    if (json_mut_text(get(event, is_new_form, "message")).len > NOTE_BYTES) add_invalid("message", "can have at most 1024 characters", out);
}

static void validate_home(const yyjson_mut_val *event, bool is_new_form, bool is_timed, struct field_errors *out) {
    struct str namespace = json_mut_text(mut_path(event, "metadata", "namespace", NULL));
    struct str involved = mut_text_at(get(event, is_new_form, "involvedObject"), "namespace");
    bool is_good = involved.len ? is_timed || str_equal(namespace, involved)
                                : str_is(namespace, "default") || (is_timed && str_is(namespace, "kube-system"));
    if (is_good) return;
    field_errors_add_text(out, FIELD_INVALID, STR("involvedObject.namespace"), field_error_quote(out->arena, involved),
                          STR("does not match event.namespace"));
}

static void validate_series(const yyjson_mut_val *event, struct field_errors *out) {
    const yyjson_mut_val *series = mut_get(event, "series");
    int64_t count = 0;
    if (!series) return;
    mut_int64(mut_get(series, "count"), &count);
    if (count < 2) add_invalid("series.count", "should be at least 2", out);
    require(mut_get(series, "lastObservedTime"), "series.lastObservedTime", out);
}

static void validate_new(const yyjson_mut_val *event, struct field_errors *out) {
    static const char *const unset[] = {"firstTimestamp", "lastTimestamp", "count", "source"};
    struct str type = mut_text_at(event, "type");
    validate_series(event, out);
    require(mut_get(event, "eventTime"), "eventTime", out);
    if (!str_is(type, "Normal") && !str_is(type, "Warning"))
        field_errors_add_text(out, FIELD_INVALID, STR("type"), STR("\"\""),
                              arena_join(out->arena, STR("has invalid value: "), type, STR_EMPTY));
    for (size_t i = 0; i < sizeof unset / sizeof unset[0]; i++) {
        if (!is_empty(get(event, true, unset[i]))) add_invalid(unset[i], "needs to be unset", out);
    }
}

static void validate_change(const yyjson_mut_val *event, const yyjson_mut_val *old, struct field_errors *out) {
    static const char *const fixed[] = {
        "involvedObject", "reason", "message",   "source", "firstTimestamp", "lastTimestamp",      "count",
        "reason",         "type",   "eventTime", "action", "related",        "reportingComponent", "reportingInstance"};
    if (!json_mut_equal(mut_get(event, "series"), mut_get(old, "series"))) validate_series(event, out);
    for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++) {
        const yyjson_mut_val *now = get(event, true, fixed[i]), *before = get(old, true, fixed[i]);
        bool is_same = json_mut_equal(now, before) || (is_empty(now) && is_empty(before));
        const char *field = str_is(str_of(fixed[i]), "reportingComponent") ? "reportingController" : fixed[i];
        if (!is_same) field_errors_add(out, FIELD_INVALID, str_of(field), now, "field is immutable");
    }
}

void validate_event(struct arena *arena, const yyjson_mut_val *object, const yyjson_mut_val *old, struct field_errors *out) {
    bool is_new_form = str_is(mut_text_at(object, "apiVersion"), "events.k8s.io/v1"), is_timed = mut_text_at(object, "eventTime").len;
    /* What was accepted once stays so: an update of an old event may be by a client of the other form. */
    bool was_timed = old ? mut_text_at(old, "eventTime").len > 0 : is_timed;
    (void)arena;
    validate_home(object, is_new_form, is_timed, out);
    if (is_timed && was_timed) validate_timed(object, is_new_form, out);
    if (!is_new_form) return;
    if (old)
        validate_change(object, old, out);
    else
        validate_new(object, out);
}
