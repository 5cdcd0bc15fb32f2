#include "controller/health.h"

#include "controller/controller_inner.h"
#include "controller/job.h"
#include "observe/endpoints.h"

/* ---- followers ---- */

static bool is_known(const struct controller *controller, size_t kind) {
    for (size_t i = 0; i < controller->scope_count; i++) {
        if (follower_of(&controller->scopes[i], kind)->watcher.machine.state == LISTWATCH_STARTING) return false;
    }
    return true;
}

static bool is_synced(const struct controller *controller, size_t kind) {
    for (size_t i = 0; i < controller->scope_count; i++) {
        if (follower_of(&controller->scopes[i], kind)->watcher.machine.state != LISTWATCH_SYNCED) return false;
    }
    return true;
}

/* ---- checks ---- */

static bool check_ping(void *owner, struct arena *arena, struct str *out) {
    (void)owner, (void)arena, (void)out;
    return true;
}

static bool check_loop(void *owner, struct arena *arena, struct str *out) {
    const struct controller *controller = owner;
    int64_t now_ms = loop_now_ms(controller->loop);
    if (!watchdog_is_stuck(&controller->telemetry.watchdog, now_ms)) return true;
    *out = arena_printf(arena, "held up for %lld ms of the last minute",
                        (long long)watchdog_delayed_ms(&controller->telemetry.watchdog, now_ms));
    return false;
}

static bool check_running(void *owner, struct arena *arena, struct str *out) {
    const struct controller *controller = owner;
    (void)arena;
    if (controller->reconciler.is_stopping) *out = STR("it is being stopped");
    return !controller->reconciler.is_stopping;
}

/* Without ModelBoosters there is nothing to do, and nobody would know. */
static bool check_models(void *owner, struct arena *arena, struct str *out) {
    const struct controller *controller = owner;
    for (size_t i = 0; i < controller->scope_count; i++) {
        enum listwatch_state state = controller->scopes[i].boosters.watcher.machine.state;
        if (state == LISTWATCH_NOT_INSTALLED) *out = STR("the definition of ModelBooster is not installed: kubectl apply -k deploy/crds");
        if (state == LISTWATCH_FORBIDDEN) *out = STR("ModelBoosters may not be listed: compare the rights with deploy/rbac.yaml");
        if (state == LISTWATCH_STARTING) *out = STR("ModelBoosters are not listed yet");
        if (state != LISTWATCH_SYNCED) return false;
    }
    *out = arena_printf(arena, "%u ModelBoosters", HASH_COUNT(controller->store.boosters));
    return true;
}

static bool check_synced(void *owner, struct arena *arena, struct str *out) {
    const struct controller *controller = owner;
    const char *missing = NULL;
    for (size_t kind = 0; kind <= KIND_AXIS_BOOSTER; kind++) {
        if (!is_known(controller, kind)) {
            *out = controller->are_definitions_in_trouble ? STR("/openapi/v3 is not readable: what the definitions can hold is not known")
                                                          : arena_printf(arena, "%s is not listed yet", follower_kind_name(kind));
            return false;
        }
        if (!is_synced(controller, kind)) missing = follower_kind_name(kind);
    }
    if (missing) *out = arena_printf(arena, "without %s, which is not installed or may not be listed", missing);
    return true;
}

static bool check_watches(void *owner, struct arena *arena, struct str *out) {
    const struct controller *controller = owner;
    int64_t now_ms = loop_now_ms(controller->loop);
    for (size_t i = 0; i < controller->scope_count; i++) {
        for (size_t kind = 0; kind <= KIND_AXIS_BOOSTER; kind++) {
            const struct watcher *watcher = &follower_of(&controller->scopes[i], kind)->watcher;
            bool is_followed = watcher->machine.state == LISTWATCH_SYNCED && watcher->troubled_ms;
            if (!is_followed || now_ms - watcher->troubled_ms < HEALTH_WATCH_PATIENCE_MS) continue;
            *out = arena_printf(arena, "nothing was heard of %s for %lld s: %.*s", follower_kind_name(kind),
                                (long long)(now_ms - watcher->troubled_ms) / 1000, STR_ARG(watcher->machine.answer.message));
            return false;
        }
    }
    return true;
}

/* Who stands by is ready to take over, unless the lease is out of reach for good. */
static bool check_leader(void *owner, struct arena *arena, struct str *out) {
    const struct controller *controller = owner;
    const struct lease *lease = &controller->elector.lease;
    if (controller_is_leading(controller)) {
        *out = controller->options->leader_election ? STR("it leads") : STR("it is the only one");
        return true;
    }
    switch (lease->trouble) {
    case KUBE_FORBIDDEN:
    case KUBE_KIND_MISSING_MAYBE:
    case KUBE_NAMESPACE_GONE:
    case KUBE_INVALID:
    case KUBE_DENIED:
        *out = arena_printf(arena, "the lease %.*s is out of reach: %.*s", STR_ARG(lease->settings.name),
                            STR_ARG(strbuf_view(&lease->message)));
        return false;
    default: break;
    }
    struct str holder = strbuf_view(&lease->holder);
    *out = holder.len ? arena_printf(arena, "it stands by, %.*s leads", STR_ARG(holder)) : STR("it stands by");
    return true;
}

static const struct health_check health[] = {{"ping", check_ping}, {"loop", check_loop}, {NULL, NULL}};
static const struct health_check ready[] = {
    {"loop", check_loop},
    {"running", check_running},
    {"leader", check_leader},
    {"models", check_models},
    {"synced", check_synced},
    {"watches", check_watches},
    {NULL, NULL},
};

/* ---- what is counted when asked for ---- */

static void collect_queue(struct controller *controller, struct metrics *metrics) {
    const struct reconciler *reconciler = &controller->reconciler;
    int64_t now_ms = loop_now_ms(controller->loop), sum_ms = 0, longest_ms = 0;
    for (const struct job *job = reconciler->jobs; job; job = job->next) {
        int64_t took_ms = now_ms - job->begun_ms;
        sum_ms += took_ms;
        if (took_ms > longest_ms) longest_ms = took_ms;
    }
    /* Before work begins nobody waits for a turn. */
    metrics_set(metrics, FAMILY_QUEUE_DEPTH, 0, reconciler->is_holding ? 0 : (double)workqueue_length(&reconciler->queue));
    metrics_set(metrics, FAMILY_QUEUE_ADDS, 0, (double)reconciler->queue.adds);
    metrics_set(metrics, FAMILY_UNFINISHED, 0, (double)sum_ms / 1000);
    metrics_set(metrics, FAMILY_LONGEST, 0, (double)longest_ms / 1000);
    metrics_set(metrics, FAMILY_RECONCILES_MOST, 0, (double)reconciler->settings.max_in_flight);
    metrics_set(metrics, FAMILY_RECONCILES_ACTIVE, 0, (double)reconciler->queue.processing_count);
    metrics_set(metrics, FAMILY_LEADER, 0, controller_is_leading(controller));
}

static void collect_models(struct controller *controller, struct metrics *metrics) {
    struct booster_entry *entry, *next;
    metrics_clear(metrics, FAMILY_MODELS);
    if (!controller_is_leading(controller)) return; /* the leader tells of them: else they would count twice */
    HASH_ITER(hh, controller->store.boosters, entry, next) {
        for (size_t i = 0; i < CONDITION_COUNT; i++) {
            size_t place[] = {i, entry->progress.statuses[i], entry->progress.reasons[i]};
            metrics_add(metrics, FAMILY_MODELS, metrics_slot(metrics, FAMILY_MODELS, place), 1);
        }
    }
}

static void collect_children(struct controller *controller, struct metrics *metrics) {
    struct child_entry *entry, *next;
    metrics_clear(metrics, FAMILY_CHILDREN);
    if (!controller_is_leading(controller)) return;
    for (size_t kind = 0; kind < CHILD_KIND_COUNT; kind++) {
        HASH_ITER(hh, controller->store.children[kind], entry, next) {
            if (entry->record.owner_uid.len) metrics_add(metrics, FAMILY_CHILDREN, kind, 1);
        }
    }
}

static void collect_kinds(struct controller *controller, struct metrics *metrics) {
    for (size_t kind = 0; kind <= KIND_AXIS_BOOSTER; kind++) metrics_set(metrics, FAMILY_SYNCED, kind, is_synced(controller, kind));
    /* Images by flag alone need none. */
    bool is_config_known = !controller->has_config_watch || controller->config.watcher.machine.state == LISTWATCH_SYNCED;
    metrics_set(metrics, FAMILY_SYNCED, KIND_AXIS_CONFIG, is_config_known);
}

static void collect_process(const struct controller *controller, struct metrics *metrics) {
    struct process_numbers numbers = process_read(&controller->telemetry.process);
    struct tracer_counts spans = tracer_counts(controller->telemetry.tracer);
    metrics_set(metrics, FAMILY_CPU, 0, numbers.cpu_seconds);
    metrics_set(metrics, FAMILY_RESIDENT, 0, numbers.resident_bytes);
    metrics_set(metrics, FAMILY_VIRTUAL, 0, numbers.virtual_bytes);
    metrics_set(metrics, FAMILY_FILES, 0, numbers.open_files);
    metrics_set(metrics, FAMILY_FILES_MOST, 0, numbers.most_files);
    metrics_set(metrics, FAMILY_START, 0, numbers.start_seconds);
    metrics_set(metrics, FAMILY_SPANS, SPANS_EXPORTED, (double)spans.exported);
    metrics_set(metrics, FAMILY_SPANS, SPANS_DROPPED, (double)spans.dropped);
    for (int level = LOG_DEBUG; level <= LOG_ERROR; level++)
        metrics_set(metrics, FAMILY_LOG_LINES, (size_t)level, (double)log_line_count(&controller->log, (enum log_level)level));
}

static void collect(void *owner) {
    struct controller *controller = owner;
    struct metrics *metrics = &controller->telemetry.metrics;
    collect_queue(controller, metrics);
    collect_models(controller, metrics);
    collect_children(controller, metrics);
    collect_kinds(controller, metrics);
    collect_process(controller, metrics);
}

struct endpoints *health_serve(struct controller *controller, struct str address, struct error *error) {
    const struct endpoints_settings settings = {.listen = address,
                                                .health = health,
                                                .ready = ready,
                                                .metrics = &controller->telemetry.metrics,
                                                .collect = collect,
                                                .owner = controller};
    telemetry_watch_loop(&controller->telemetry);
    return endpoints_new(controller->loop, &settings, error);
}
