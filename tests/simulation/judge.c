#include "judge.h"

#include <stdarg.h>
#include <string.h>

#include "base/hash.h"
#include "controller/controller_inner.h"
#include "record.h"
#include "world.h"

enum {
    HOLD_GRACE_MS = 5,     /* clocks differ */
    HOLD_SPREAD_MS = 5000, /* half of the longest Retry-After here, and room */
    STILL_MS = 3000,       /* without a write: settled, or stuck */
    TAKEN_IN_MS = 1000,    /* what an instance was told that long ago it has taken in */
    REQUESTS_MAX = 60000   /* of one history: a storm */
};

void judge_fail(struct world *world, const char *oracle, const char *format, ...) {
    struct judge *judge = &world->judge;
    va_list arguments;
    if (judge->has_failed) return;
    judge->has_failed = true;
    snprintf(judge->oracle, sizeof judge->oracle, "%s", oracle);
    va_start(arguments, format);
    vsnprintf(judge->message, sizeof judge->message, format, arguments);
    va_end(arguments);
    trace_line(&world->trace, world->agenda.now_ms, "FAILS: %s: %s", oracle, judge->message);
}

/* ---- hearing ---- */

static void hear_told(void *context, int instance, int kind, int64_t version) {
    struct world *world = context;
    struct judge *judge = &world->judge;
    size_t *at = &judge->floor_at[instance][kind];
    *at = (*at + 1) % JUDGE_FLOORS;
    judge->floors[instance][kind][*at] = (struct judge_floor){world->agenda.now_ms, version};
    trace_line(&world->trace, world->agenda.now_ms, "#%d knows %s up to %lld", instance, model_kinds[kind].plural, (long long)version);
}

int64_t judge_floor_of(const struct world *world, int instance, int kind, int64_t at_ms) {
    const struct judge *judge = &world->judge;
    int64_t version = 0;
    for (size_t i = 0; i < JUDGE_FLOORS; i++) {
        const struct judge_floor *floor = &judge->floors[instance][kind][i];
        bool is_taken_in = floor->version && floor->at_ms + TAKEN_IN_MS <= at_ms;
        if (is_taken_in && floor->version > version) version = floor->version;
    }
    return version;
}

const struct judge_confirm *judge_confirm_of(const struct world *world, int instance, struct str namespace, struct str name) {
    const struct judge_confirm *confirms = world->judge.confirms[instance];
    for (size_t i = 0; i < JUDGE_CONFIRMS; i++) {
        if (confirms[i].version && str_is(name, confirms[i].name) && str_is(namespace, confirms[i].namespace)) return &confirms[i];
    }
    return NULL;
}

/* GET /apis/GROUP/VERSION/namespaces/NAMESPACE/modelboosters/NAME */
static void note_confirm(struct world *world, const struct model_request *request) {
    static const char root[] = "/apis/" API_VERSION_WORKLOAD "/namespaces/";
    struct str rest = request->target, middle = STR("/" PLURAL_BOOSTER "/");
    size_t at = str_find(rest, middle);
    if (request->instance < 0 || strcmp(request->method, "GET") != 0 || !str_starts_with(rest, str_of(root)) || at == SIZE_MAX) return;
    struct str namespace = str_first(str_from(rest, sizeof root - 1), at - (sizeof root - 1)), name = str_from(rest, at + middle.len);
    struct judge_confirm *confirms = world->judge.confirms[request->instance];
    for (size_t i = 0; i < JUDGE_CONFIRMS; i++) {
        bool is_it = str_is(name, confirms[i].name) && str_is(namespace, confirms[i].namespace);
        if (!is_it && confirms[i].version) continue;
        snprintf(confirms[i].namespace, sizeof confirms[i].namespace, "%.*s", STR_ARG(namespace));
        snprintf(confirms[i].name, sizeof confirms[i].name, "%.*s", STR_ARG(name));
        confirms[i].version = world->server.version;
        return;
    }
}

static void hear_performed(void *context, const struct model_request *request, const struct model_answer *answer, const char *fate) {
    struct world *world = context;
    struct judge *judge = &world->judge;
    if (request->instance >= 0 && ++judge->requests == REQUESTS_MAX)
        judge_fail(world, "storm", "%d requests in %lld s", REQUESTS_MAX, (long long)world->agenda.now_ms / 1000);
    if (world->record && strcmp(fate, "trouble") != 0 && strcmp(fate, "watch") != 0) record_request(request, answer, world->record);
    if (answer->status == 200) note_confirm(world, request);
    char who[16] = "  ";
    if (request->instance >= 0) snprintf(who, sizeof who, "#%d", request->instance);
    size_t query = str_find(request->target, STR("?"));
    struct str path = str_first(request->target, query);
    size_t group = str_find(path, STR(API_VERSION));
    if (group != SIZE_MAX) path = str_from(path, group + sizeof API_VERSION);
    bool is_dry = str_contains(request->target, STR("dryRun=All"));
    bool tells = strcmp(request->method, "GET") != 0;
    trace_line(&world->trace, world->agenda.now_ms, "%s %s%s %.*s -> %d%s%s%s%.*s", who, request->method, is_dry ? " (dry run)" : "",
               STR_ARG(path), answer->status, *fate ? ", " : "", fate, tells ? " " : "",
               tells ? (int)(request->body.len < 500 ? request->body.len : 500) : 0, request->body.ptr ? request->body.ptr : "");
}

static struct str path_of(struct str target) {
    return str_first(target, str_find(target, STR("?")));
}

/* Retry-After is obeyed, whatever happens meanwhile. */
static void check_holds(struct world *world, int instance, const char *method, struct str target, struct str body) {
    struct str path = path_of(target);
    for (size_t i = 0; i < JUDGE_HOLDS; i++) {
        const struct judge_hold *hold = &world->judge.holds[instance][i];
        if (hold->until_ms > world->agenda.now_ms + HOLD_GRACE_MS && strcmp(method, hold->method) == 0 && str_is(path, hold->path) &&
            hash_xxh3(body) == hold->body)
            judge_fail(world, "hold", "%s %s again, %lld ms before its time", method, hold->path,
                       (long long)(hold->until_ms - world->agenda.now_ms));
    }
}

static void hear_sends(void *context, int instance, const char *method, struct str target, struct str body) {
    check_holds(context, instance, method, target, body);
    trouble_hear(context, instance);
}

static void hear_answered(void *context, const struct model_request *request, const struct model_answer *answer) {
    struct world *world = context;
    const struct loop *loop = &world->instances[request->instance].loop;
    bool is_of_model = strcmp(request->method, "GET") != 0 && str_contains(request->target, STR(API_VERSION "/namespaces/"));
    /* A slow clock runs ahead of the true one. */
    if (answer->status != 429 || !answer->retry_after_ms || !is_of_model || loop->lag_ms) return;
    struct judge_hold *hold = world->judge.holds[request->instance];
    for (size_t i = 1; i < JUDGE_HOLDS && hold->until_ms > world->agenda.now_ms; i++) hold++;
    snprintf(hold->method, sizeof hold->method, "%s", request->method);
    snprintf(hold->path, sizeof hold->path, "%.*s", STR_ARG(path_of(request->target)));
    hold->body = hash_xxh3(request->body);
    hold->until_ms = world->agenda.now_ms + answer->retry_after_ms;
}

static void hear_write(void *context, const struct model_write *write) {
    judge_write(context, write);
}

void judge_init(struct world *world) {
    world->judge = (struct judge){.settled_version = -1};
    world->network.ears.sends = hear_sends;
    world->network.ears.answered = hear_answered;
    world->network.ears.told = hear_told;
    world->network.ears.performed = hear_performed;
    world->network.ears.context = world;
    world->server.written = hear_write;
    world->server.context = world;
}

void judge_forget_repairs(struct world *world) {
    struct judge *judge = &world->judge;
    for (size_t i = 0; i < judge->count_count; i++) memset(judge->counts[i].repairs_ms, 0, sizeof judge->counts[i].repairs_ms);
}

void judge_forget(struct world *world, int instance) {
    memset(world->judge.floors[instance], 0, sizeof world->judge.floors[instance]);
    memset(world->judge.confirms[instance], 0, sizeof world->judge.confirms[instance]);
    memset(world->judge.holds[instance], 0, sizeof world->judge.holds[instance]);
    judge_forget_repairs(world);
}

/* ---- the whole ---- */

static int64_t newest_of(const struct model_server *server, int kind) {
    for (size_t i = server->change_count; i-- > 0;) {
        if (server->changes[i].kind == kind) return server->changes[i].version;
    }
    return 0;
}

bool judge_holds_lease(const struct world *world, const char *identity) {
    const struct model_object *lease = model_server_find(&world->server, MODEL_LEASE, STR("default"), STR("model-booster"));
    struct arena arena;
    arena_init(&arena, LIMIT_BODY_BYTES);
    const yyjson_val *record = lease ? json_parse(&arena, model_text_view(lease->text), NULL) : NULL;
    bool holds = json_is_text(json_path(record, "spec", "holderIdentity", NULL), identity);
    arena_release(&arena);
    return holds;
}

/* Every instance runs and knows all there is to know. */
static bool is_everybody_told(const struct world *world) {
    bool is_led = !world->is_electing;
    for (size_t i = 0; i < world->instance_count; i++) {
        const struct instance *instance = &world->instances[i];
        if (!instance->is_running || instance->is_stopping || instance->loop.paused_until_ms > world->agenda.now_ms) return false;
        is_led |= judge_holds_lease(world, instance->identity) && world->agenda.now_ms - world->judge.lease_ms < STILL_MS;
        for (int kind = 0; kind <= MODEL_BOOSTER; kind++) {
            int64_t floor = judge_floor_of(world, instance->number, kind, world->agenda.now_ms);
            if (!floor || floor < newest_of(&world->server, kind) || !network_is_watching(&world->network, instance->number, kind))
                return false;
        }
    }
    return is_led;
}

/* A server has said when to come back, and it is not yet time; nor half as much again, by which the controller spreads what comes back. */
static bool is_anything_held(const struct world *world) {
    for (size_t i = 0; i < world->instance_count; i++) {
        const struct judge_hold *holds = world->judge.holds[world->instances[i].number];
        for (size_t k = 0; k < JUDGE_HOLDS; k++) {
            if (holds[k].until_ms && world->agenda.now_ms < holds[k].until_ms + HOLD_SPREAD_MS) return true;
        }
    }
    return false;
}

/*
 * A run has failed, and waits to be tried again: what it wants to write may be nothing that can be seen, such as what the server does not
 * keep.
 */
static bool is_anybody_retrying(const struct world *world) {
    char key[MODEL_NAME_BYTES * 2];
    for (size_t i = 0; i < world->instance_count; i++) {
        for (const struct model_object *object = world->server.objects; object; object = object->next) {
            if (object->kind != MODEL_BOOSTER) continue;
            int length = snprintf(key, sizeof key, "%s/%s", object->namespace, object->name);
            const struct workqueue *queue = &world->instances[i].controller->reconciler.queue;
            if (workqueue_failures(queue, (struct str){key, (size_t)length})) return true;
        }
    }
    return false;
}

bool judge_is_settled(struct world *world) {
    struct judge *judge = &world->judge;
    char why[sizeof judge->message];
    if (world->agenda.now_ms - judge->last_write_ms < STILL_MS || !cast_is_idle(&world->cast) || !is_everybody_told(world) ||
        !network_is_still(&world->network) || is_anything_held(world) || is_anybody_retrying(world))
        return false;
    if (judge->settled_version == world->server.version) return judge->was_settled;
    judge_state(world, why, sizeof why);
    judge->settled_version = world->server.version;
    judge->was_settled = !why[0];
    return judge->was_settled;
}

struct judge_count *judge_count_of(struct judge *judge, int kind, const char *namespace, const char *name) {
    for (size_t i = 0; i < judge->count_count; i++) {
        struct judge_count *count = &judge->counts[i];
        if (count->kind == kind && strcmp(count->name, name) == 0 && strcmp(count->namespace, namespace) == 0) return count;
    }
    if (judge->count_count == JUDGE_COUNTS_MAX) return NULL;
    struct judge_count *count = &judge->counts[judge->count_count++];
    *count = (struct judge_count){.kind = kind};
    snprintf(count->namespace, sizeof count->namespace, "%s", namespace);
    snprintf(count->name, sizeof count->name, "%s", name);
    return count;
}

void judge_compare_counts(struct world *world, const struct judge *other) {
    struct judge *judge = &world->judge;
    for (size_t i = 0; i < judge->count_count; i++) {
        const struct judge_count *mine = &judge->counts[i];
        const struct judge_count *same = judge_count_of((struct judge *)(uintptr_t)other, mine->kind, mine->namespace, mine->name);
        unsigned creates = same ? same->creates : 0, deletes = same ? same->deletes : 0;
        if (mine->creates > creates + mine->foreign || mine->deletes > deletes + mine->foreign)
            judge_fail(world, "counts", "%s %s/%s: %u creates and %u deletes, undisturbed %u and %u; explained: %u",
                       model_kinds[mine->kind].kind, mine->namespace, mine->name, mine->creates, mine->deletes, creates, deletes,
                       mine->foreign);
    }
}
