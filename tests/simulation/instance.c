#include "instance.h"

#include <string.h>

#include "io/entropy.h"
#include "world.h"

enum { STOP_POLL_MS = 500, RESTART_MS = 2000, LEASE_MS = 15000, LEASE_RENEW_MS = 10000, LEASE_RETRY_MS = 2000 };

/* What entropy_seed gives next: an argument that the interface has no room for. One thread, set right before each use. */
static uint64_t next_seed;

/* Linked in place of the system's random numbers. */
bool __wrap_entropy_seed(uint64_t *out, struct error *error);
bool __wrap_entropy_seed(uint64_t *out, struct error *error) {
    (void)error;
    *out = next_seed++;
    return true;
}

/* In place of standard error; of whose log it is the options tell. */
void __wrap_log_write(const struct log *log, enum log_level level, const char *message, const struct log_field *fields);
void __wrap_log_write(const struct log *log, enum log_level level, const char *message, const struct log_field *fields) {
    (void)log, (void)level, (void)message, (void)fields;
}

static void starts(void *owner) {
    instance_start(owner);
}

/* One that ends though nobody has asked is started again, as a kubelet does. */
static void is_buried(void *owner) {
    struct instance *instance = owner;
    bool is_asked = instance->is_stopping;
    instance_crash(instance);
    if (!is_asked) instance_start_at(instance, instance->world->agenda.now_ms + RESTART_MS);
}

void instance_init(struct instance *instance, struct world *world, int number, bool is_electing) {
    *instance = (struct instance){
        .world = world,
        .number = number,
        .is_electing = is_electing,
        .election = {.name = "model-booster",
                     .identity = instance->identity,
                     .duration_ms = LEASE_MS,
                     .renew_deadline_ms = LEASE_RENEW_MS,
                     .retry_period_ms = LEASE_RETRY_MS},
        .options = {.max_in_flight = 20, .max_rollouts = 1},
        .start = {.happens = starts, .owner = instance},
        .burial = {.happens = is_buried, .owner = instance},
    };
    virtual_loop_init(&instance->loop, &world->agenda, world->seed * 2 + (uint64_t)number);
}

static void on_stopped(void *owner, const struct error *error) {
    struct instance *instance = owner;
    struct world *world = instance->world;
    if (error) trace_line(&world->trace, world->agenda.now_ms, "instance %d ends: %s", instance->number, error->message);
    /* Not from within: it is freed by the agenda. */
    agenda_put(&world->agenda, &instance->burial, world->agenda.now_ms);
}

void instance_start(struct instance *instance) {
    struct world *world = instance->world;
    struct error error = {0};
    agenda_take_out(&world->agenda, &instance->start);
    if (instance->is_running) {
        if (instance->is_stopping) instance_start_at(instance, world->agenda.now_ms + STOP_POLL_MS);
        return;
    }
    snprintf(instance->identity, sizeof instance->identity, "instance-%d-%u", instance->number, instance->starts);
    instance->options.leader_election = instance->is_electing ? &instance->election : NULL;
    next_seed = world->seed * 1000003 + (uint64_t)instance->number * 101 + instance->starts++;
    trace_line(&world->trace, world->agenda.now_ms, "instance %d starts", instance->number);
    judge_forget(world, instance->number);
    instance->is_running = true;
    instance->is_stopping = false;
    instance->connection = (struct connection){
        .client = {.http = network_client_new(&world->network, &instance->loop, instance->number)},
        .server = STR("https://model.invalid"),
        .namespace = STR("default"),
    };
    instance->controller = controller_new(&instance->loop, &instance->options, &instance->connection, on_stopped, instance, &error);
    if (!instance->controller) judge_fail(world, "start", "the controller does not start: %s", error.message);
}

void instance_start_at(struct instance *instance, int64_t at_ms) {
    agenda_put(&instance->world->agenda, &instance->start, at_ms);
}

void instance_crash(struct instance *instance) {
    struct world *world = instance->world;
    if (!instance->is_running) return;
    agenda_take_out(&world->agenda, &instance->burial);
    trace_line(&world->trace, world->agenda.now_ms, "instance %d %s", instance->number,
               instance->is_stopping ? "has stopped" : "is killed");
    instance->is_running = false;
    controller_free(instance->controller);
    instance->controller = NULL;
    instance->loop.paused_until_ms = 0;
}

void instance_stop(struct instance *instance) {
    struct world *world = instance->world;
    if (!instance->is_running || instance->is_stopping) return;
    trace_line(&world->trace, world->agenda.now_ms, "instance %d is asked to stop", instance->number);
    instance->is_stopping = true;
    controller_stop(instance->controller);
}
