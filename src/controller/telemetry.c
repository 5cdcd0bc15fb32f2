#include "controller/telemetry.h"

#include <string.h>

#include "base/number.h"
#include "controller/job.h"

/* ---- life ---- */

static void on_turn(void *owner) {
    struct telemetry *telemetry = owner;
    int64_t late_ms = watchdog_turn(&telemetry->watchdog, loop_now_ms(telemetry->loop));
    metrics_observe(&telemetry->metrics, FAMILY_LOOP_DELAY, 0, (double)late_ms / 1000);
    loop_timer_set(telemetry->turn, telemetry->watchdog.due_ms);
}

static void on_trouble(void *owner, struct str message) {
    const struct telemetry *telemetry = owner;
    log_write(telemetry->log, LOG_WARN, "traces are not taken",
              LOG_FIELDS({"message", message}, {"remedy", STR("compare --otlp-endpoint with the collector's address for OTLP over HTTP")}));
}

/* "host:port" of "https://host:port/path", as client-go tells it. */
static struct str host_of(struct str url) {
    size_t scheme = str_find(url, STR("://"));
    struct str rest = scheme == SIZE_MAX ? url : str_from(url, scheme + 3);
    return str_first(rest, str_find(rest, STR("/")));
}

/* OpenTelemetry wants host and port apart. */
static void part_host(struct telemetry *telemetry, struct str host) {
    size_t colon = host.len;
    while (colon > 0 && host.ptr[colon - 1] != ':' && host.ptr[colon - 1] != ']') colon--;
    bool has_port = colon > 0 && host.ptr[colon - 1] == ':' && number_parse_int64(str_from(host, colon), &telemetry->port);
    telemetry->address = has_port ? str_first(host, colon - 1) : host;
}

static bool open_tracer(struct telemetry *telemetry, const struct telemetry_settings *settings, struct error *error) {
    if (!settings->endpoint.len) return true;
    const struct tracer_settings tracer = {.endpoint = settings->endpoint,
                                           .version = MODEL_BOOSTER_VERSION,
                                           .seed = settings->seed,
                                           .trouble = on_trouble,
                                           .owner = telemetry};
    telemetry->tracer = tracer_new(telemetry->loop, &tracer, error);
    return telemetry->tracer != NULL;
}

bool telemetry_init(struct telemetry *telemetry, struct loop *loop, const struct log *log, const struct telemetry_settings *settings,
                    struct error *error) {
    *telemetry = (struct telemetry){.loop = loop, .log = log, .server = settings->server};
    process_open(&telemetry->process);
    telemetry->turn = loop_timer_new(loop, on_turn, telemetry);
    if (!telemetry->turn || !metrics_init(&telemetry->metrics, metric_families(), FAMILY_COUNT))
        return error_set(error, ERROR_MEMORY, "out of memory while starting");
    telemetry->metrics.texts[TEXT_HOST] = host_of(settings->server);
    telemetry->metrics.texts[TEXT_LEASE] = settings->lease;
    part_host(telemetry, telemetry->metrics.texts[TEXT_HOST]);
    metrics_set(&telemetry->metrics, FAMILY_BUILD, 0, 1);
    return open_tracer(telemetry, settings, error);
}

void telemetry_watch_loop(struct telemetry *telemetry) {
    watchdog_start(&telemetry->watchdog, loop_now_ms(telemetry->loop));
    loop_timer_set(telemetry->turn, telemetry->watchdog.due_ms);
}

void telemetry_release(struct telemetry *telemetry) {
    if (!telemetry->loop) return;
    tracer_free(telemetry->tracer);
    loop_timer_free(telemetry->turn);
    metrics_release(&telemetry->metrics);
    process_close(&telemetry->process);
}

int64_t telemetry_now_ms(const struct telemetry *telemetry) {
    return telemetry ? loop_now_ms(telemetry->loop) : 0;
}

static void count(struct telemetry *telemetry, enum metric_family_id family, size_t slot) {
    if (telemetry) metrics_add(&telemetry->metrics, family, slot, 1);
}

static void observe_ms(struct telemetry *telemetry, enum metric_family_id family, size_t slot, int64_t ms) {
    metrics_observe(&telemetry->metrics, family, slot, (double)ms / 1000);
}

/* ---- requests ---- */

void telemetry_answered(struct telemetry *telemetry, const char *method, int status, int64_t begun_ms) {
    if (!telemetry) return;
    size_t index = method_index(method);
    count(telemetry, FAMILY_REQUESTS, metrics_slot(&telemetry->metrics, FAMILY_REQUESTS, (size_t[]){code_index(status), index, 0}));
    if (begun_ms) observe_ms(telemetry, FAMILY_REQUEST_TIME, index, loop_now_ms(telemetry->loop) - begun_ms);
}

/* ---- kinds ---- */

void telemetry_listing(struct telemetry *telemetry, size_t kind) {
    count(telemetry, FAMILY_LISTS, kind);
}

void telemetry_watching(struct telemetry *telemetry, size_t kind) {
    count(telemetry, FAMILY_WATCHES, kind);
}

void telemetry_watch_failed(struct telemetry *telemetry, size_t kind) {
    count(telemetry, FAMILY_WATCH_TROUBLES, kind);
}

void telemetry_told(struct telemetry *telemetry, size_t kind) {
    count(telemetry, FAMILY_WATCH_EVENTS, kind);
}

/* ---- runs ---- */

void telemetry_retried(struct telemetry *telemetry) {
    count(telemetry, FAMILY_QUEUE_RETRIES, 0);
}

void telemetry_run_begun(struct telemetry *telemetry, struct job *job, int64_t waited_ms) {
    if (!telemetry) return;
    job->begun_ms = loop_now_ms(telemetry->loop);
    job->span = tracer_begin(telemetry->tracer, NULL);
    observe_ms(telemetry, FAMILY_QUEUE_TIME, 0, waited_ms);
}

/* Each child once, as long as its fight lasts. */
static void note_fights(struct telemetry *telemetry, const struct job *job) {
    const struct reconcile *run = &job->run;
    for (size_t i = 0; i < run->outcome_count && i < run->desire.children.count; i++) {
        const struct child_outcome *outcome = &run->outcomes[i];
        const struct child *child = &run->desire.children.items[i];
        struct child_entry *entry = store_child(job->reconciler->store, child->kind, job->namespace, child->name);
        if (!entry) continue;
        bool was_given_up = entry->is_given_up;
        entry->is_given_up = outcome->state == CHILD_FAILED && outcome->failure == FAILURE_OTHER_CONTROLLER;
        if (entry->is_given_up && !was_given_up) count(telemetry, FAMILY_FIGHTS, child->kind);
    }
}

static void note_progress(struct telemetry *telemetry, const struct job *job, struct progress *progress, int64_t now_ms) {
    int64_t took_ms;
    int64_t written_ms = job->written_ms ? job->written_ms : now_ms;
    if (progress_end_children(progress, written_ms, &took_ms)) observe_ms(telemetry, FAMILY_TO_CHILDREN, 0, took_ms);
    if (progress_end_active(progress, now_ms, &took_ms)) observe_ms(telemetry, FAMILY_TO_ACTIVE, 0, took_ms);
}

static void end_run_span(struct telemetry *telemetry, const struct job *job, const struct done *done) {
    struct str failure = done->has_status && done->failure != FAILURE_NONE ? str_of(failure_reason(done->failure)) : STR_EMPTY;
    struct str error = failure.len ? failure : done->wants_retry ? STR("to be tried again") : STR_EMPTY;
    tracer_end(telemetry->tracer, &job->span, STR("reconcile ModelBooster"), SPAN_INTERNAL, error,
               SPAN_ATTRIBUTES(SPAN_TEXT("k8s.namespace.name", job->namespace), SPAN_TEXT("model_booster.model.name", job->name),
                               SPAN_TEXT("model_booster.model.uid", job->uid), SPAN_TEXT("error.type", failure)));
}

void telemetry_run_ended(struct telemetry *telemetry, struct job *job, struct booster_entry *entry, const struct done *done) {
    if (!telemetry) return;
    int64_t now_ms = loop_now_ms(telemetry->loop);
    size_t result = done->wants_retry ? RESULT_ERROR : done->again_ms ? RESULT_REQUEUE_AFTER : RESULT_SUCCESS;
    count(telemetry, FAMILY_RECONCILES, result);
    if (done->wants_retry) count(telemetry, FAMILY_RECONCILE_ERRORS, 0);
    observe_ms(telemetry, FAMILY_WORK_TIME, 0, now_ms - job->begun_ms);
    observe_ms(telemetry, FAMILY_RECONCILE_TIME, 0, now_ms - job->begun_ms);
    if (entry) note_progress(telemetry, job, &entry->progress, now_ms);
    if (entry && done->has_status) note_fights(telemetry, job);
    end_run_span(telemetry, job, done);
}

/* Put right what was right before: changed by somebody, or gone without our doing. */
static bool is_repair(const struct job *job, const struct booster_entry *entry) {
    if (strcmp(job->request.why, "repaired") == 0) return true;
    bool is_recreated = job->memory.recreated_count && job->memory.recreated_generation == job->run.booster.generation;
    return job->request.verb == REQUEST_CREATE && entry && progress_is_settled(&entry->progress) && !is_recreated;
}

void telemetry_child_written(struct telemetry *telemetry, struct job *job, const struct booster_entry *entry) {
    if (!telemetry) return;
    job->written_ms = loop_now_ms(telemetry->loop);
    if (is_repair(job, entry)) count(telemetry, FAMILY_DRIFT, job->request.kind);
}

/* ---- a run's requests ---- */

struct str telemetry_request_begun(struct telemetry *telemetry, struct job *job) {
    if (!telemetry) return STR_EMPTY;
    job->request_span = tracer_begin(telemetry->tracer, &job->span);
    return job->request_span.id ? span_traceparent(&job->request_span, job->traceparent) : STR_EMPTY;
}

static struct span_attribute number_or_none(const char *key, int64_t number) {
    return number ? SPAN_NUMBER(key, number) : SPAN_TEXT(key, STR_EMPTY);
}

void telemetry_request_ended(struct telemetry *telemetry, struct job *job, const char *method, struct str path,
                             const struct kube_answer *answer) {
    if (!telemetry || !job->request_span.id) return;
    bool is_booster = job->request.verb == REQUEST_GET_BOOSTER || job->request.verb == REQUEST_PATCH_STATUS;
    const char *kind = is_booster ? KIND_BOOSTER : child_kind_name(job->request.kind);
    struct str name = arena_printf(&job->arena, "%s %s", method, kind);
    struct str url = arena_printf(&job->arena, "%.*s%.*s", STR_ARG(telemetry->server), STR_ARG(path));
    struct str error = answer->kind == KUBE_OK ? STR_EMPTY : str_of(kube_answer_kind_name(answer->kind));
    tracer_end(telemetry->tracer, &job->request_span, name, SPAN_CLIENT, answer->kind == KUBE_OK ? STR_EMPTY : answer->message,
               SPAN_ATTRIBUTES(SPAN_TEXT("http.request.method", str_of(method)), SPAN_TEXT("url.full", url),
                               SPAN_TEXT("server.address", telemetry->address), number_or_none("server.port", telemetry->port),
                               number_or_none("http.response.status_code", answer->http_status), SPAN_TEXT("error.type", error),
                               SPAN_TEXT("k8s.namespace.name", job->namespace), SPAN_TEXT("model_booster.model.name", job->name),
                               SPAN_TEXT("model_booster.object.kind", str_of(kind)),
                               SPAN_TEXT("model_booster.object.name", job->request.name)));
}
