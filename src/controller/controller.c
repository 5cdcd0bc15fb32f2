#include "controller/controller.h"

#include <stdlib.h>

#include "controller/addresses.h"
#include "controller/controller_inner.h"
#include "controller/health.h"
#include "io/entropy.h"
#include "observe/endpoints.h"

enum { TRACES_PATIENCE_MS = 1000, STOP_PATIENCE_MS = 10 * 1000, RESYNC_MS = 10 * 60 * 60 * 1000, CONTROLLER_ARENA_BYTES = 4 * 1024 * 1024 };

/* ---- definitions ---- */

static void tell_dropped(struct controller *controller, struct str fields) {
    static const char lead[] = "this cluster's ModelBooster definition drops fields";
    struct str message =
        arena_printf(&controller->arena, "%s that model-booster knows: %.*s; they have no effect here", lead, STR_ARG(fields));
    const struct event_about about = {.api_version = STR("apiextensions.k8s.io/v1"),
                                      .kind = STR("CustomResourceDefinition"),
                                      .name = STR(PLURAL_BOOSTER "." GROUP_WORKLOAD)};
    events_tell(controller->events, &about, EVENT_FIELDS_DROPPED, message);
    log_write(&controller->log, LOG_WARN, lead, LOG_FIELDS({"fields", fields}));
}

/* Work waits for them, as for a list that fails. */
static void tell_unreadable(struct controller *controller, struct str message) {
    bool is_told = controller->are_definitions_known || controller->are_definitions_in_trouble;
    controller->are_definitions_in_trouble = true;
    if (is_told) return;
    log_write(&controller->log, LOG_WARN, "what the definitions can hold is not known, retrying",
              LOG_FIELDS({"path", STR("/openapi/v3")}, {"message", message}));
}

static void on_definitions(void *context, enum definitions_answer answer, const struct definition_facts *facts, struct str message) {
    struct controller *controller = context;
    bool is_found = answer == DEFINITIONS_FOUND;
    if (answer == DEFINITIONS_UNREADABLE) {
        tell_unreadable(controller, message);
        return;
    }
    struct reconcile_settings *machine = &controller->reconciler.settings.machine;
    bool is_changed = machine->generate.topology_shape != facts->topology_shape ||
                      machine->status_shape.has_available_replicas != facts->status_shape.has_available_replicas ||
                      machine->status_shape.has_backend_message != facts->status_shape.has_backend_message;
    if (is_found || !controller->are_definitions_known) {
        machine->generate.topology_shape = facts->topology_shape;
        machine->status_shape = facts->status_shape;
        if (is_changed && controller->are_definitions_known) reconciler_enqueue_all(&controller->reconciler);
    }
    if (is_found && replace_text(&controller->dropped_fields, facts->dropped) && facts->dropped.len)
        tell_dropped(controller, facts->dropped);
    controller->are_definitions_known = true;
    controller->are_definitions_in_trouble = false;
    followers_go_on(controller);
}

/* ---- start and stop ---- */

static void tell_stopped(struct controller *controller, const struct error *error) {
    controller_stopped_fn *stopped = controller->stopped;
    controller->stopped = NULL;
    if (stopped) stopped(controller->owner, error);
}

static void on_finished(void *owner) {
    tell_stopped(owner, NULL);
}

static void finish(void *owner) {
    tracer_finish(((struct controller *)owner)->telemetry.tracer, TRACES_PATIENCE_MS, on_finished, owner);
}

/* Nothing is under way any more: the lease is given up, so that the next can begin at once. */
static void on_idle(void *context) {
    struct controller *controller = context;
    if (!controller->options->leader_election) {
        finish(controller);
        return;
    }
    elector_give_up(&controller->elector);
}

/* ---- leader election ---- */

bool controller_is_leading(const struct controller *controller) {
    return !controller->options->leader_election || controller->elector.lease.state == LEASE_LEADING;
}

static void on_lease_change(void *context) {
    struct controller *controller = context;
    const struct lease *lease = &controller->elector.lease;
    if (lease->state == LEASE_LEADING) followers_begin_work(controller);
    if (lease->state == LEASE_STANDBY) reconciler_hold(&controller->reconciler);
    if (lease->state == LEASE_RELEASED || (lease->state == LEASE_LOST && controller->reconciler.is_stopping)) {
        finish(controller);
    } else if (lease->state == LEASE_LOST) {
        struct error error = {0};
        error_set(&error, ERROR_TIMEOUT, "the lease %s is lost, so that no more may be written; start it again: %s",
                  QUOTE(lease->settings.name), QUOTE(strbuf_view(&lease->message)));
        tell_stopped(controller, &error);
    }
}

static bool init_elector(struct controller *controller) {
    const struct leader_election *election = controller->options->leader_election;
    if (!election) return true;
    const struct lease_settings settings = {
        .namespace = election->namespace ? str_of(election->namespace) : controller->connection->namespace,
        .name = str_of(election->name),
        .identity = str_of(election->identity),
        .field_manager = STR(FIELD_MANAGER),
        .duration_ms = election->duration_ms,
        .renew_deadline_ms = election->renew_deadline_ms,
        .retry_period_ms = election->retry_period_ms,
        .stands_by_again = election->stands_by_again,
    };
    controller->elector = (struct elector){.on_change = on_lease_change, .context = controller};
    return elector_init(&controller->elector, controller->loop, &controller->connection->client, controller->events, &controller->log,
                        &settings, number_random_next(&controller->random));
}

void controller_stop(struct controller *controller) {
    loop_timer_set(controller->stop_limit, loop_now_ms(controller->loop) + STOP_PATIENCE_MS);
    events_stop(controller->events);
    reconciler_stop(&controller->reconciler);
}

static void on_resync(void *owner) {
    struct controller *controller = owner;
    reconciler_enqueue_all(&controller->reconciler);
    loop_timer_set(controller->resync, loop_now_ms(controller->loop) + RESYNC_MS);
}

static bool init_reconciler(struct controller *controller) {
    const struct controller_options *options = controller->options;
    controller->reconciler = (struct reconciler){
        .loop = controller->loop,
        .client = &controller->connection->client,
        .store = &controller->store,
        .log = &controller->log,
        .telemetry = &controller->telemetry,
        .events = controller->events,
        .settings = {.machine = {.status_shape = {true, true}},
                     .upgrade = options->upgrade,
                     .max_rollouts = options->max_rollouts,
                     .max_in_flight = options->max_in_flight},
        .idle = on_idle,
        .context = controller,
    };
    return reconciler_init(&controller->reconciler, number_random_next(&controller->random));
}

static void begin(void *owner) {
    struct controller *controller = owner;
    if (controller->options->leader_election) elector_start(&controller->elector);
    definitions_read(&controller->definitions);
    images_start(controller);
    followers_start(controller);
    loop_timer_set(controller->resync, loop_now_ms(controller->loop) + RESYNC_MS);
}

static void on_credentials(void *owner, const struct error *error) {
    if (error)
        tell_stopped(owner, error);
    else
        begin(owner);
}

static bool init_loop_parts(struct controller *controller) {
    controller->resync = loop_timer_new(controller->loop, on_resync, controller);
    controller->stop_limit = loop_timer_new(controller->loop, finish, controller);
    controller->begin = loop_deferred_new(controller->loop, begin, controller);
    return controller->resync && controller->stop_limit && controller->begin;
}

static bool init_telemetry(struct controller *controller, struct error *error) {
    const struct controller_options *options = controller->options;
    const struct telemetry_settings settings = {.server = controller->connection->server,
                                                .endpoint = str_of(options->otlp_endpoint),
                                                .lease = str_of(options->leader_election ? options->leader_election->name : NULL),
                                                .seed = number_random_next(&controller->random)};
    if (!telemetry_init(&controller->telemetry, controller->loop, &controller->log, &settings, error))
        return addresses_blame_collector(options->otlp_endpoint, error);
    controller->connection->client.telemetry = &controller->telemetry;
    return true;
}

static bool serve(struct controller *controller, struct error *error) {
    if (!controller->options->metrics_address) return true;
    controller->endpoints = health_serve(controller, str_of(controller->options->metrics_address), error);
    if (!controller->endpoints) return addresses_blame_metrics(error);
    log_write(&controller->log, LOG_INFO, "serving metrics and health", LOG_FIELDS({"address", endpoints_address(controller->endpoints)}));
    return true;
}

static bool init_parts(struct controller *controller, struct error *error) {
    uint64_t seed;
    if (!entropy_seed(&seed, error)) return false;
    controller->random = (struct number_random){seed};
    controller->dropped_fields = strbuf_with_max(LIMIT_ERROR_MESSAGE_BYTES * 4);
    store_init(&controller->store);
    if (!init_telemetry(controller, error)) return false;
    controller->events = events_new(controller->loop, &controller->connection->client, &controller->log);
    bool is_ready = controller->events && init_loop_parts(controller) && init_elector(controller) && init_reconciler(controller) &&
                    followers_init(controller) && images_init(controller) &&
                    definitions_init(&controller->definitions, controller->loop, &controller->connection->client,
                                     number_random_next(&controller->random), on_definitions, controller);
    if (!is_ready) return error_set(error, ERROR_MEMORY, "out of memory while starting");
    return serve(controller, error);
}

void controller_free(struct controller *controller) {
    if (!controller) return;
    endpoints_free(controller->endpoints);
    followers_release(controller);
    images_release(controller);
    client_release(&controller->connection->client);
    events_free(controller->events);
    elector_release(&controller->elector);
    definitions_release(&controller->definitions);
    reconciler_release(&controller->reconciler);
    store_release(&controller->store);
    telemetry_release(&controller->telemetry);
    strbuf_release(&controller->dropped_fields);
    loop_timer_free(controller->resync);
    loop_timer_free(controller->stop_limit);
    loop_deferred_free(controller->begin);
    arena_release(&controller->arena);
    free(controller);
}

struct controller *controller_new(struct loop *loop, const struct controller_options *options, struct connection *connection,
                                  controller_stopped_fn *stopped, void *owner, struct error *error) {
    struct controller *controller = calloc(1, sizeof *controller);
    if (!controller) {
        error_set(error, ERROR_MEMORY, "out of memory while starting");
        return NULL;
    }
    controller->options = options;
    controller->log = options->log;
    controller->loop = loop;
    controller->connection = connection;
    controller->stopped = stopped;
    controller->owner = owner;
    arena_init(&controller->arena, CONTROLLER_ARENA_BYTES);
    if (!init_parts(controller, error)) {
        controller_free(controller);
        return NULL;
    }
    log_write(&controller->log, LOG_INFO, "starting", LOG_FIELDS({"version", STR(MODEL_BOOSTER_VERSION)}, {"server", connection->server}));
    if (connection->credentials)
        credentials_start(connection->credentials, on_credentials, controller);
    else
        loop_deferred_call(controller->begin);
    return controller;
}
