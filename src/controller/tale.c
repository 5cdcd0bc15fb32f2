#include "controller/tale.h"

#include <string.h>

#include "controller/events.h"
#include "controller/job.h"

static void tell(struct job *job, enum event_reason reason, struct str message) {
    const struct event_about about = {STR(API_VERSION_WORKLOAD), STR(KIND_BOOSTER), job->namespace, job->name, job->uid};
    events_tell(job->reconciler->events, &about, reason, message);
}

/* ---- children ---- */

static void tell_repaired(struct job *job) {
    const struct request *request = &job->request;
    struct str field = job->tale.field.len ? job->tale.field : STR("something");
    struct str by = job->tale.manager.len ? arena_join(&job->arena, STR(" by "), job->tale.manager, STR_EMPTY) : STR_EMPTY;
    tell(job, EVENT_REPAIRED,
         arena_printf(&job->arena, "%s %.*s: %.*s was changed%.*s and is put back; edit the ModelBooster instead",
                      child_kind_name(request->kind), STR_ARG(request->name), STR_ARG(field), STR_ARG(by)));
}

static void add_child(struct job *job, struct str *list) {
    *list = arena_printf(&job->arena, "%.*s%s%s %.*s", STR_ARG(*list), list->len ? ", " : "", child_kind_name(job->request.kind),
                         STR_ARG(job->request.name));
}

void tale_ask(struct job *job, const struct observed *record) {
    job->tale.field = record ? arena_copy(&job->arena, record->difference) : STR_EMPTY;
    job->tale.manager = record ? arena_copy(&job->arena, record->other_manager) : STR_EMPTY;
}

void tale_change(struct job *job) {
    if (strcmp(job->request.why, "repaired") == 0)
        tell_repaired(job);
    else if (job->request.verb == REQUEST_CREATE)
        add_child(job, &job->tale.created);
    else
        add_child(job, job->request.verb == REQUEST_DELETE ? &job->tale.removed : &job->tale.updated);
}

void tale_unkept(struct job *job, struct str field) {
    tell(job, EVENT_FIELD_NOT_KEPT,
         arena_printf(&job->arena, "%s %.*s: the API server does not keep %.*s as written; it is left as the server has it",
                      child_kind_name(job->request.kind), STR_ARG(job->request.name), STR_ARG(field)));
}

void tale_end(struct job *job) {
    struct tale *tale = &job->tale;
    if (tale->created.len) tell(job, EVENT_CREATED, arena_join(&job->arena, STR("created "), tale->created, STR_EMPTY));
    if (tale->updated.len) tell(job, EVENT_UPDATED, arena_join(&job->arena, STR("changed "), tale->updated, STR_EMPTY));
    if (tale->removed.len) tell(job, EVENT_REMOVED, arena_join(&job->arena, STR("removed "), tale->removed, STR_EMPTY));
    tale->created = tale->updated = tale->removed = STR_EMPTY;
}

/* ---- conditions ---- */

struct condition {
    struct str status, reason, message;
};

static struct condition condition_of(const yyjson_val *status, const char *type) {
    size_t index, max;
    yyjson_val *item;
    yyjson_arr_foreach(json_get(status, "conditions"), index, max, item) {
        if (json_is_text(json_get(item, "type"), type))
            return (struct condition){json_text(json_get(item, "status")), json_text(json_get(item, "reason")),
                                      json_text(json_get(item, "message"))};
    }
    return (struct condition){STR_EMPTY, STR_EMPTY, STR_EMPTY};
}

static bool is_true(const struct condition *condition) {
    return str_is(condition->status, "True");
}

static void tell_condition(struct job *job, const struct condition *condition) {
    enum event_reason reason;
    if (event_reason_of(condition->reason, &reason)) tell(job, reason, condition->message);
}

static void tell_failed(struct job *job, const struct condition *before, const struct condition *now) {
    bool is_same = str_equal(before->reason, now->reason) && str_equal(before->message, now->message);
    if (is_true(now) && !is_same) tell_condition(job, now);
    if (!is_true(now) && is_true(before)) tell(job, EVENT_RECOVERED, arena_join(&job->arena, before->reason, STR(" is over"), STR_EMPTY));
}

static void tell_initialized(struct job *job, const struct condition *before, const struct condition *now) {
    bool was_outdated = str_is(before->reason, "Outdated"), is_outdated = str_is(now->reason, "Outdated");
    if (is_outdated && !was_outdated) tell_condition(job, now);
    if (was_outdated && !is_outdated && is_true(now))
        tell(job, EVENT_UP_TO_DATE, STR("every ModelServing is as this controller and its images render it"));
}

void tale_status(struct job *job, const yyjson_val *status) {
    tale_end(job);
    struct condition before = condition_of(job->run.live_status, "Failed"), now = condition_of(status, "Failed");
    tell_failed(job, &before, &now);
    before = condition_of(job->run.live_status, "Initialized"), now = condition_of(status, "Initialized");
    tell_initialized(job, &before, &now);
    before = condition_of(job->run.live_status, "Active"), now = condition_of(status, "Active");
    if (is_true(&before) != is_true(&now)) tell_condition(job, &now);
}
