#include "controller/job.h"

#include <stdlib.h>
#include <string.h>

#include "controller/telemetry.h"
#include "kube/resource.h"

enum {
    WRITE_DEADLINE_MS = 30 * 1000,
    READ_DEADLINE_MS = 15 * 1000,
    REFUSALS_IN_SILENCE = 10, /* with BACKOFF_OBJECT some 5 s */
};

static void job_advance(struct job *job);

static bool parse_key(struct job *job, struct str key) {
    job->key = arena_copy(&job->arena, key);
    size_t slash = str_find(job->key, STR("/"));
    if (slash == SIZE_MAX) return false;
    job->namespace = str_first(job->key, slash);
    job->name = str_from(job->key, slash + 1);
    return true;
}

static int64_t now_ms(const struct job *job) {
    return loop_wall_ms(job->reconciler->loop);
}

/* ---- what the machine sees ---- */

static bool is_listed(const struct observed *const *list, size_t count, const struct observed *record) {
    for (size_t i = 0; i < count; i++) {
        if (list[i] == record) return true;
    }
    return false;
}

static bool observe(struct job *job, struct observation *out) {
    struct reconciler *reconciler = job->reconciler;
    struct store *store = reconciler->store;
    size_t most = job->run.key_count;
    for (struct child_entry *child = store_owned(store, job->uid); child; child = child->next_owned) most++;
    const struct observed **children = arena_array(&job->arena, most, sizeof(struct observed *));
    if (!children) return false;
    size_t count = 0;
    for (size_t i = 0; i < job->run.key_count; i++) {
        struct child_entry *child = store_child(store, job->run.keys[i].kind, job->namespace, job->run.keys[i].name);
        if (child) children[count++] = &child->record;
    }
    size_t named = count;
    for (struct child_entry *child = store_owned(store, job->uid); child; child = child->next_owned) {
        /* Owners are of the same namespace: elsewhere, such a reference is somebody's mistake or ill will. */
        bool is_here = str_equal(child->record.namespace, job->namespace);
        if (is_here && !is_listed(children, named, &child->record)) children[count++] = &child->record;
    }
    const struct booster_entry *booster = store_booster(store, job->namespace, job->name);
    *out = (struct observation){.now_ms = now_ms(job),
                                .children = children,
                                .child_count = count,
                                .booster_generation = booster ? booster->generation : 0,
                                .may_upgrade = job->has_slot};
    for (int kind = 0; kind < CHILD_KIND_COUNT; kind++) {
        out->kinds[kind] = reconciler->kind_state(reconciler->context, (enum child_kind)kind, job->namespace);
    }
    return true;
}

/* ---- requests ---- */

/* As struct str in constant tables. */
#define OURS                                                                                                                               \
    { FIELD_MANAGER, sizeof FIELD_MANAGER - 1 }
#define STRICT                                                                                                                             \
    { "Strict", sizeof "Strict" - 1 }

static const struct {
    const char *method;
    enum client_content content;
    int deadline_ms;
    struct kube_write_query query;
} wire[] = {
    [REQUEST_CREATE] = {"POST", CONTENT_JSON, WRITE_DEADLINE_MS, {OURS, STRICT, false}},
    [REQUEST_DRY_RUN_CREATE] = {"POST", CONTENT_JSON, WRITE_DEADLINE_MS, {OURS, STRICT, true}},
    [REQUEST_PATCH] = {"PATCH", CONTENT_JSON_PATCH, WRITE_DEADLINE_MS, {OURS, STRICT, false}},
    [REQUEST_DELETE] = {"DELETE", CONTENT_JSON, WRITE_DEADLINE_MS, {{0}}},
    [REQUEST_GET] = {"GET", CONTENT_NONE, READ_DEADLINE_MS, {{0}}},
    [REQUEST_GET_BOOSTER] = {"GET", CONTENT_NONE, READ_DEADLINE_MS, {{0}}},
    [REQUEST_PATCH_STATUS] = {"PATCH", CONTENT_MERGE_PATCH, WRITE_DEADLINE_MS, {.field_manager = OURS}},
    [REQUEST_DISCOVER] = {"GET", CONTENT_NONE, READ_DEADLINE_MS, {{0}}},
};

static struct str request_path(struct job *job, const struct request *request) {
    bool is_booster = request->verb == REQUEST_GET_BOOSTER || request->verb == REQUEST_PATCH_STATUS;
    const struct kube_resource resource = {
        .group = str_of(is_booster ? GROUP_WORKLOAD : child_kind_group(request->kind)),
        .version = STR(API_VERSION),
        .plural = str_of(is_booster ? PLURAL_BOOSTER : child_kind_plural(request->kind)),
    };
    const struct kube_write_query *query = &wire[request->verb].query;
    switch (request->verb) {
    case REQUEST_DISCOVER: return kube_discovery_path(&job->arena, &resource);
    case REQUEST_CREATE:
    case REQUEST_DRY_RUN_CREATE: return kube_create_path(&job->arena, &resource, job->namespace, query);
    default: break;
    }
    struct str subresource = request->verb == REQUEST_PATCH_STATUS ? STR("status") : STR_EMPTY;
    return kube_object_path(&job->arena, &resource, job->namespace, request->name, subresource, query);
}

/* ---- answers ---- */

static enum answer_kind answer_kind_of(enum kube_answer_kind kind) {
    switch (kind) {
    case KUBE_OK: return ANSWER_OK;
    case KUBE_LOST: return ANSWER_LOST;
    case KUBE_NOT_FOUND: return ANSWER_NOT_FOUND;
    case KUBE_NAMESPACE_GONE: return ANSWER_NAMESPACE_GONE;
    case KUBE_KIND_MISSING_MAYBE: return ANSWER_KIND_MISSING;
    case KUBE_ALREADY_EXISTS: return ANSWER_EXISTS;
    case KUBE_CONFLICT: return ANSWER_CONFLICT;
    case KUBE_INVALID:
    case KUBE_DENIED:
    case KUBE_TOO_LARGE: return ANSWER_REJECTED;
    case KUBE_FORBIDDEN: return ANSWER_FORBIDDEN;
    default: return ANSWER_RETRY;
    }
}

static void log_change(const struct job *job, const char *message, struct str difference) {
    const struct request *request = &job->request;
    log_write(job->reconciler->log, LOG_INFO, message,
              LOG_FIELDS({"kind", str_of(child_kind_name(request->kind))}, {"namespace", job->namespace}, {"name", request->name},
                         {"model", job->name}, {"was_different", difference}));
}

/* The server, or a webhook in it, made something else of what we wrote: said once, not fought over. */
static void tell_unkept(struct job *job, struct str field) {
    tale_unkept(job, field);
    log_write(job->reconciler->log, LOG_WARN, "the server does not keep a field",
              LOG_FIELDS({"kind", str_of(child_kind_name(job->request.kind))}, {"namespace", job->namespace}, {"name", job->request.name},
                         {"field", field}));
}

/* The object that a write or a read returned becomes the record. */
static void record_child(struct job *job, const yyjson_val *live) {
    struct reconciler *reconciler = job->reconciler;
    const struct request *request = &job->request;
    bool is_own_write = request->desired && (request->verb == REQUEST_CREATE || request->verb == REQUEST_PATCH);
    struct observed record;
    if (!is_own_write) {
        reconciler_read_child(reconciler, &job->arena, request->kind, live);
        return;
    }
    if (!observed_read(&job->arena, request->kind, live, &record)) return;
    struct child_entry *known = store_child(reconciler->store, request->kind, job->namespace, request->name);
    const struct observed *older = known && !known->is_of_former_life ? &known->record : NULL;
    struct str repaired = strcmp(request->why, "repaired") == 0 ? job->tale.field : STR_EMPTY;
    telemetry_child_written(reconciler->telemetry, job, store_booster(reconciler->store, job->namespace, job->name));
    bool was_known_unkept = older && older->accepted_revision == request->desired->revision;
    reconcile_judge_own(&job->arena, request->desired, live, older, now_ms(job), &record);
    log_change(job, request->why, repaired);
    tale_change(job);
    if (record.difference.len && !was_known_unkept) tell_unkept(job, record.difference);
    if (job->arena.exhausted) return; /* the record stays as it was, and the watch will tell */
    bool is_late = known ? store_is_older(&record, known) : reconciler_knows_its_end(reconciler, &record);
    if (!is_late) store_put_child(reconciler->store, &record, 0);
}

/* The one that was asked about; another may have come since. Whoever waits for its name hears of it here: the watch tells only of what is
 * known. */
static void record_gone(struct job *job) {
    struct child_entry *known = store_child(job->reconciler->store, job->request.kind, job->namespace, job->request.name);
    if (known && str_equal(known->record.uid, job->asked_uid)) reconciler_forget_child(job->reconciler, known);
}

static const char *condition_text(const yyjson_val *status, const char *type, const char *field) {
    size_t index, max;
    yyjson_val *condition;
    yyjson_arr_foreach(json_get(status, "conditions"), index, max, condition) {
        if (json_is_text(json_get(condition, "type"), type)) return json_text(json_get(condition, field)).ptr;
    }
    return "";
}

static void record_status(struct job *job, const yyjson_val *live) {
    const yyjson_val *status = json_get(live, "status");
    struct booster_entry *entry = store_booster(job->reconciler->store, job->namespace, job->name);
    bool is_news;
    tale_status(job, status);
    reconcile_status_kept(&job->run, status);
    /* Gone meanwhile, it does not come back by this answer. */
    if (entry && str_equal(entry->uid, job->uid)) {
        store_put_booster(job->reconciler->store, live, 0, &is_news);
        if (is_news) progress_read(&entry->progress, live, loop_now_ms(job->reconciler->loop), now_ms(job));
        entry->is_status_refused = false;
    }
    bool is_failed = strcmp(condition_text(status, "Failed", "status"), "True") == 0;
    log_write(job->reconciler->log, is_failed ? LOG_WARN : LOG_INFO, "status",
              LOG_FIELDS({"namespace", job->namespace}, {"model", job->name},
                         {"initialized", str_of(condition_text(status, "Initialized", "status"))},
                         {"active", str_of(condition_text(status, "Active", "status"))},
                         {"failed", is_failed ? str_of(condition_text(status, "Failed", "reason")) : STR_EMPTY},
                         {"message", is_failed ? str_of(condition_text(status, "Failed", "message")) : STR_EMPTY}));
}

static bool is_kind_in_discovery(const yyjson_val *list, enum child_kind kind) {
    size_t index, max;
    yyjson_val *resource;
    yyjson_arr_foreach(json_get(list, "resources"), index, max, resource) {
        if (json_is_text(json_get(resource, "name"), child_kind_plural(kind))) return true;
    }
    return false;
}

/* Brings store and answer up to date with the body of an OK. */
static void take_body(struct job *job, struct str body, struct answer *answer) {
    const struct request *request = &job->request;
    yyjson_val *object = json_parse(&job->arena, body, NULL);
    if (!object && request->verb != REQUEST_DELETE) {
        answer->kind = ANSWER_LOST;
        return;
    }
    switch (request->verb) {
    case REQUEST_CREATE:
    case REQUEST_PATCH:
    case REQUEST_GET: record_child(job, object); break;
    case REQUEST_DELETE:
        log_change(job, request->why, STR_EMPTY);
        tale_change(job);
        if (object && !json_is_text(json_get(object, "kind"), "Status"))
            record_child(job, object);
        else
            record_gone(job);
        break;
    case REQUEST_GET_BOOSTER:
        answer->booster_uid = json_text(json_path(object, "metadata", "uid", NULL));
        json_int64(json_path(object, "metadata", "generation", NULL), &answer->booster_generation);
        reconciler_observe_booster(job->reconciler, object, 0);
        break;
    case REQUEST_PATCH_STATUS: record_status(job, object); break;
    case REQUEST_DISCOVER:
        if (!is_kind_in_discovery(object, request->kind)) answer->kind = ANSWER_KIND_MISSING;
        break;
    case REQUEST_DRY_RUN_CREATE: break;
    }
}

/*
 * Trouble with a child is told by a condition; a status that is refused only by the log, once until one is written. Not at once: an API
 * server that has just started forbids everything for a moment.
 */
static enum log_level trouble_level(const struct job *job, enum answer_kind kind) {
    bool is_lasting = workqueue_failures(&job->reconciler->queue, job->key) >= REFUSALS_IN_SILENCE;
    bool is_refused = is_lasting && (kind == ANSWER_FORBIDDEN || kind == ANSWER_REJECTED || kind == ANSWER_KIND_MISSING);
    struct booster_entry *entry = store_booster(job->reconciler->store, job->namespace, job->name);
    if (job->request.verb != REQUEST_PATCH_STATUS || !is_refused || !entry || entry->is_status_refused) return LOG_DEBUG;
    entry->is_status_refused = true;
    return LOG_WARN;
}

static void log_trouble(const struct job *job, enum answer_kind kind, const struct kube_answer *kube) {
    bool is_status = job->request.verb == REQUEST_PATCH_STATUS;
    log_write(job->reconciler->log, trouble_level(job, kind), is_status ? "status not written, retrying" : "request failed",
              LOG_FIELDS({"verb", str_of(wire[job->request.verb].method)}, {"namespace", job->namespace}, {"name", job->request.name},
                         {"answer", str_of(kube_answer_kind_name(kube->kind))}, {"message", kube->message}));
}

static void job_answered(void *context, const struct kube_answer *kube, struct strbuf *body) {
    struct job *job = context;
    job->reconciler->in_flight--;
    telemetry_request_ended(job->reconciler->telemetry, job, wire[job->request.verb].method, job->path, kube);
    struct answer answer = {
        .kind = answer_kind_of(kube->kind), .message = arena_copy(&job->arena, kube->message), .retry_after_ms = kube->retry_after_ms};
    if (answer.kind == ANSWER_OK)
        take_body(job, strbuf_view(body), &answer);
    else
        log_trouble(job, answer.kind, kube);
    if (answer.kind == ANSWER_NOT_FOUND && job->request.verb == REQUEST_GET) record_gone(job);
    reconcile_answer(&job->run, &answer, now_ms(job));
    job_advance(job);
}

/* ---- the run ---- */

/* The ModelBooster is gone, going, or another of its name has come: what was planned for it is not to be written any more. */
static bool is_overtaken(const struct job *job) {
    const struct booster_entry *entry = store_booster(job->reconciler->store, job->namespace, job->name);
    return !entry || entry->is_deleting || !str_equal(entry->uid, job->uid);
}

static void job_advance(struct job *job) {
    struct observation observation;
    struct done done = {.wants_retry = true};
    if (is_overtaken(job)) {
        reconciler_job_done(job, &(struct done){0});
        return;
    }
    bool may_go_on = !job->reconciler->is_stopping && observe(job, &observation);
    if (!may_go_on || reconcile_next(&job->run, &observation, &job->request, &done) == STEP_DONE) {
        reconciler_job_done(job, &done);
        return;
    }
    const struct child_entry *asked = store_child(job->reconciler->store, job->request.kind, job->namespace, job->request.name);
    job->asked_uid = asked ? arena_copy(&job->arena, asked->record.uid) : STR_EMPTY;
    job->path = request_path(job, &job->request);
    tale_ask(job, asked ? &asked->record : NULL);
    struct client_request request = {
        .method = wire[job->request.verb].method,
        .path = job->path,
        .content = wire[job->request.verb].content,
        .body = job->request.body,
        .deadline_ms = wire[job->request.verb].deadline_ms,
        .traceparent = telemetry_request_begun(job->reconciler->telemetry, job),
    };
    if (!client_send(job->reconciler->client, &request, job_answered, job)) {
        reconciler_job_done(job, &(struct done){.wants_retry = true});
        return;
    }
    job->reconciler->in_flight++;
}

void job_free(struct job *job) {
    if (job->previous)
        job->previous->next = job->next;
    else
        job->reconciler->jobs = job->next;
    if (job->next) job->next->previous = job->previous;
    arena_release(&job->arena);
    free(job);
}

bool job_start(struct reconciler *reconciler, struct str key) {
    struct job *job = calloc(1, sizeof *job);
    if (!job) return false;
    job->reconciler = reconciler;
    job->next = reconciler->jobs;
    if (job->next) job->next->previous = job;
    reconciler->jobs = job;
    arena_init(&job->arena, LIMIT_RECONCILE_ARENA_BYTES);
    telemetry_run_begun(reconciler->telemetry, job, workqueue_waited_ms(&reconciler->queue, key));
    struct booster_entry *entry = parse_key(job, key) ? store_booster(reconciler->store, job->namespace, job->name) : NULL;
    struct done done = {0};
    if (entry) {
        job->memory = entry->memory;
        job->uid = arena_copy(&job->arena, entry->uid);
        job->has_slot = entry->has_rollout_slot;
        yyjson_val *object = json_parse(&job->arena, entry->text, NULL);
        done.wants_retry = !object || !reconcile_begin(&job->run, &job->arena, object, &reconciler->settings.machine, &job->memory);
    }
    if (entry && !done.wants_retry)
        job_advance(job);
    else
        reconciler_job_done(job, &done);
    return true;
}
