#include "standalone/simulation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash_table.h"
#include "base/number.h"
#include "booster/names.h"
#include "controller/watcher.h"
#include "kube/workqueue.h"
#include "standalone/simulation_plan.h"

enum { REQUEST_DEADLINE_MS = 15 * 1000, IN_FLIGHT_MAX = 32, PLAN_ARENA_BYTES = 128 * 1024 * 1024, KEY_BYTES = 512 };

#define SIMULATION_MANAGER "model-booster-simulation"

/* A ModelServing, or pods that lost theirs a moment ago. */
struct played {
    UT_hash_handle hh;
    char *key;  /* "namespace/name" */
    char *text; /* the ModelServing as JSON; NULL: there is none */
    size_t text_len;
    int64_t version; /* its resourceVersion; an event may come after the answer that tells what is newer */
    uint32_t round;  /* of the list that last named it */
    struct played_pod *pods;
};

struct played_pod {
    UT_hash_handle hh; /* by "namespace/name" */
    char *key;
    struct played *owner;
    char *name, *uid;
    uint64_t revision;
    enum pod_phase phase;
    int64_t created_ms;
    bool is_deleting;
    uint32_t round;
    struct played_pod *next, *previous; /* of the same owner */
};

struct simulation {
    struct loop *loop;
    struct client *client;
    struct simulation_settings settings;
    struct number_random random;
    struct watcher servings, pods;
    struct played *played;       /* by key */
    struct played_pod *all_pods; /* by key */
    struct workqueue queue;
    struct loop_deferred *turn;
    struct loop_timer *timer;
    struct play *plays; /* under way */
    int in_flight;
    bool are_pods_known; /* listed once: before that a pod that exists would be made again */
};

/* One request of one ModelServing. */
struct play {
    struct simulation *simulation;
    struct play *next;
    enum simulation_step step;
    char key[KEY_BYTES], pod_key[KEY_BYTES];
};

/* ---- what is known ---- */

static void join_key(char *out, struct str namespace, struct str name) {
    snprintf(out, KEY_BYTES, "%.*s/%.*s", STR_ARG(namespace), STR_ARG(name));
}

static char *copy_text(struct str text) {
    return strndup(text.len ? text.ptr : "", text.len);
}

static struct played *find_played(struct simulation *simulation, const char *key) {
    struct played *played;
    HASH_FIND_STR(simulation->played, key, played);
    return played;
}

static struct played_pod *find_pod(struct simulation *simulation, const char *key) {
    struct played_pod *pod;
    HASH_FIND_STR(simulation->all_pods, key, pod);
    return pod;
}

static struct played *need_played(struct simulation *simulation, const char *key) {
    struct played *played = find_played(simulation, key);
    if (played) return played;
    played = calloc(1, sizeof *played);
    if (!played || !(played->key = copy_text(str_of(key)))) {
        free(played);
        return NULL;
    }
    HASH_ADD_KEYPTR(hh, simulation->played, played->key, strlen(played->key), played);
    if (played->hh.tbl) return played;
    free(played->key);
    free(played);
    return NULL;
}

static void drop_if_empty(struct simulation *simulation, struct played *played) {
    if (played->text || played->pods) return;
    HASH_DEL(simulation->played, played);
    free(played->key);
    free(played);
}

static void look_at(struct simulation *simulation, const char *key) {
    workqueue_add(&simulation->queue, str_of(key));
    loop_deferred_call(simulation->turn);
}

static void observe_serving(struct simulation *simulation, const yyjson_val *object, uint32_t round) {
    char key[KEY_BYTES];
    yyjson_val *metadata = json_get(object, "metadata");
    struct strbuf text = strbuf_with_max(LIMIT_BODY_BYTES);
    join_key(key, json_text(json_get(metadata, "namespace")), json_text(json_get(metadata, "name")));
    struct played *played = need_played(simulation, key);
    json_write(&text, object);
    int64_t version = 0;
    number_parse_int64(json_text(json_get(metadata, "resourceVersion")), &version);
    bool is_older = played && played->text && version < played->version;
    char *copy = played && !is_older && !text.failed ? copy_text(strbuf_view(&text)) : NULL;
    if (played && round) played->round = round;
    if (copy) {
        played->version = version;
        free(played->text);
        played->text = copy;
        played->text_len = text.len;
        look_at(simulation, key);
    } else if (played) {
        drop_if_empty(simulation, played);
    }
    strbuf_release(&text);
}

static void forget_serving(struct simulation *simulation, struct played *played) {
    free(played->text);
    played->text = NULL;
    look_at(simulation, played->key);
    drop_if_empty(simulation, played);
}

static void forget_pod(struct simulation *simulation, struct played_pod *pod) {
    struct played *owner = pod->owner;
    if (pod->previous)
        pod->previous->next = pod->next;
    else
        owner->pods = pod->next;
    if (pod->next) pod->next->previous = pod->previous;
    HASH_DEL(simulation->all_pods, pod);
    free(pod->key);
    free(pod->name);
    free(pod->uid);
    free(pod);
    look_at(simulation, owner->key);
    drop_if_empty(simulation, owner);
}

static struct played_pod *new_pod(struct simulation *simulation, const char *key, const char *owner_key,
                                  const struct simulated_pod *facts) {
    struct played_pod *pod = calloc(1, sizeof *pod);
    struct played *owner = pod ? need_played(simulation, owner_key) : NULL;
    if (owner) {
        pod->key = copy_text(str_of(key));
        pod->name = copy_text(facts->name);
        pod->uid = copy_text(facts->uid);
    }
    bool is_whole = owner && pod->key && pod->name && pod->uid;
    if (is_whole) HASH_ADD_KEYPTR(hh, simulation->all_pods, pod->key, strlen(pod->key), pod);
    if (!is_whole || !pod->hh.tbl) {
        if (pod) free(pod->key), free(pod->name), free(pod->uid);
        free(pod);
        return NULL;
    }
    pod->owner = owner;
    pod->next = owner->pods;
    if (pod->next) pod->next->previous = pod;
    owner->pods = pod;
    return pod;
}

static void observe_pod(struct simulation *simulation, const yyjson_val *object, uint32_t round) {
    struct simulated_pod facts;
    struct str serving, namespace = json_text(json_path(object, "metadata", "namespace", NULL));
    char key[KEY_BYTES], owner_key[KEY_BYTES];
    if (!simulation_read_pod(object, &facts, &serving)) return;
    join_key(key, namespace, facts.name);
    join_key(owner_key, namespace, serving);
    struct played_pod *pod = find_pod(simulation, key);
    if (pod && !str_equal(str_of(pod->uid), facts.uid)) {
        forget_pod(simulation, pod);
        pod = NULL;
    }
    if (!pod) {
        /* creationTimestamp is cut to the second: one that nothing was written of yet was made just now. */
        int64_t wall_ms = loop_wall_ms(simulation->loop);
        pod = new_pod(simulation, key, owner_key, &facts);
        bool is_fresh = facts.phase == PHASE_NONE && wall_ms - facts.created_ms < 1000;
        if (pod) pod->created_ms = is_fresh ? wall_ms : facts.created_ms;
    }
    if (!pod) return;
    pod->revision = facts.revision;
    pod->phase = facts.phase;
    pod->is_deleting = facts.is_deleting;
    if (round) pod->round = round;
    look_at(simulation, owner_key);
}

/* ---- events ---- */

static void on_serving_event(void *context, const struct listwatch_event *event) {
    struct simulation *simulation = context;
    struct played *played, *next;
    char key[KEY_BYTES];
    switch (event->kind) {
    case LISTWATCH_UPSERT: observe_serving(simulation, event->object, (uint32_t)event->generation); break;
    case LISTWATCH_DELETE:
        join_key(key, json_text(json_path(event->object, "metadata", "namespace", NULL)),
                 json_text(json_path(event->object, "metadata", "name", NULL)));
        played = find_played(simulation, key);
        if (played) forget_serving(simulation, played);
        break;
    case LISTWATCH_LIST_END:
        HASH_ITER(hh, simulation->played, played, next) {
            if (played->text && played->round != (uint32_t)event->generation) forget_serving(simulation, played);
        }
        break;
    case LISTWATCH_TROUBLE:
        log_write(&simulation->settings.log, LOG_DEBUG, "simulation: watch interrupted", LOG_FIELDS({"message", event->trouble->message}));
        break;
    case LISTWATCH_LIST_BEGIN:
    case LISTWATCH_BOOKMARK: break;
    }
}

static void on_pod_event(void *context, const struct listwatch_event *event) {
    struct simulation *simulation = context;
    struct played_pod *pod, *next;
    char key[KEY_BYTES];
    switch (event->kind) {
    case LISTWATCH_UPSERT: observe_pod(simulation, event->object, (uint32_t)event->generation); break;
    case LISTWATCH_DELETE:
        join_key(key, json_text(json_path(event->object, "metadata", "namespace", NULL)),
                 json_text(json_path(event->object, "metadata", "name", NULL)));
        pod = find_pod(simulation, key);
        if (pod && str_equal(str_of(pod->uid), json_text(json_path(event->object, "metadata", "uid", NULL)))) forget_pod(simulation, pod);
        break;
    case LISTWATCH_LIST_END:
        HASH_ITER(hh, simulation->all_pods, pod, next) {
            if (pod->round != (uint32_t)event->generation) forget_pod(simulation, pod);
        }
        simulation->are_pods_known = true;
        loop_deferred_call(simulation->turn);
        break;
    case LISTWATCH_TROUBLE:
    case LISTWATCH_LIST_BEGIN:
    case LISTWATCH_BOOKMARK: break;
    }
}

/* ---- requests ---- */

static const struct kube_resource pods_resource = {STR(""), STR("v1"), STR("pods"), STR("Pod")};
static const struct kube_resource servings_resource = {STR(GROUP_WORKLOAD), STR(API_VERSION), STR("modelservings"), STR("ModelServing")};

static void take_in(struct play *play, struct strbuf *body) {
    struct simulation *simulation = play->simulation;
    struct played_pod *pod = find_pod(simulation, play->pod_key);
    struct arena arena;
    if (play->step == SIMULATION_DELETE_POD) {
        if (pod) forget_pod(simulation, pod);
        return;
    }
    arena_init(&arena, LIMIT_BODY_BYTES);
    yyjson_val *object = json_parse(&arena, strbuf_view(body), NULL);
    if (object && play->step == SIMULATION_STATUS && find_played(simulation, play->key)) observe_serving(simulation, object, 0);
    if (object && play->step != SIMULATION_STATUS) observe_pod(simulation, object, 0);
    arena_release(&arena);
}

static void end_play(struct play *play) {
    struct play **at = &play->simulation->plays;
    while (*at != play) at = &(*at)->next;
    *at = play->next;
    play->simulation->in_flight--;
    free(play);
}

static void on_answer(void *context, const struct kube_answer *answer, struct strbuf *body) {
    struct play *play = context;
    struct simulation *simulation = play->simulation;
    struct str key = str_of(play->key);
    bool is_done = answer->kind == KUBE_OK || (answer->kind == KUBE_NOT_FOUND && play->step == SIMULATION_DELETE_POD);
    if (is_done) {
        take_in(play, body);
        workqueue_forget(&simulation->queue, key);
        workqueue_add(&simulation->queue, key);
    } else {
        log_write(&simulation->settings.log, LOG_DEBUG, "simulation: refused", LOG_FIELDS({"serving", key}, {"message", answer->message}));
        workqueue_add_failed(&simulation->queue, key, loop_now_ms(simulation->loop), answer->retry_after_ms, &simulation->random);
    }
    workqueue_done(&simulation->queue, key);
    loop_deferred_call(simulation->turn);
    end_play(play);
}

static struct client_request request_for(struct arena *arena, struct str namespace, const struct simulation_next *next) {
    static const struct kube_write_query query = {.field_manager = STR(SIMULATION_MANAGER)};
    struct client_request request = {.deadline_ms = REQUEST_DEADLINE_MS};
    struct strbuf body = strbuf_with_max(LIMIT_BODY_BYTES);
    const struct kube_resource *resource = next->step == SIMULATION_STATUS ? &servings_resource : &pods_resource;
    if (next->step == SIMULATION_CREATE_POD) {
        request.method = "POST";
        request.path = kube_create_path(arena, resource, namespace, &query);
        request.content = CONTENT_JSON;
        json_write(&body, next->body);
    } else if (next->step == SIMULATION_DELETE_POD) {
        request.method = "DELETE";
        request.path = kube_object_path(arena, resource, namespace, next->name, STR_EMPTY, NULL);
        request.content = CONTENT_JSON;
        /* A pod that is no process has nobody to finish it. */
        strbuf_append(&body, STR("{\"apiVersion\":\"v1\",\"kind\":\"DeleteOptions\",\"gracePeriodSeconds\":0}"));
    } else {
        request.method = "PATCH";
        request.path = kube_object_path(arena, resource, namespace, next->name, STR("status"), &query);
        request.content = CONTENT_MERGE_PATCH;
        json_write(&body, next->body);
    }
    request.body = strbuf_take(&body, arena);
    return request;
}

/* False when memory is out. */
static bool send(struct simulation *simulation, struct arena *arena, const struct played *played, struct str namespace,
                 const struct simulation_next *next) {
    struct play *play = calloc(1, sizeof *play);
    if (!play) return false;
    *play = (struct play){.simulation = simulation, .step = next->step};
    snprintf(play->key, sizeof play->key, "%s", played->key);
    join_key(play->pod_key, namespace, next->name);
    play->next = simulation->plays;
    simulation->plays = play;
    simulation->in_flight++;
    struct client_request request = request_for(arena, namespace, next);
    if (!arena->exhausted && client_send(simulation->client, &request, on_answer, play)) return true;
    end_play(play);
    return false;
}

/* ---- turns ---- */

static struct simulated_pod *list_pods(struct arena *arena, const struct played *played) {
    struct simulated_pod *first = NULL;
    for (const struct played_pod *pod = played->pods; pod; pod = pod->next) {
        struct simulated_pod *copy = arena_alloc(arena, sizeof *copy);
        if (!copy) return NULL;
        *copy = (struct simulated_pod){first,      str_of(pod->name), str_of(pod->uid), pod->revision,
                                       pod->phase, pod->created_ms,   pod->is_deleting};
        first = copy;
    }
    return first;
}

/* True when a request is under way, and its answer ends the processing of the key. */
static bool play(struct simulation *simulation, struct str key) {
    struct arena arena;
    struct simulation_next next;
    arena_init(&arena, PLAN_ARENA_BYTES);
    struct str text = arena_copy(&arena, key);
    struct played *played = text.len ? find_played(simulation, text.ptr) : NULL;
    bool is_sent = false, is_planned = false;
    int64_t now_ms = loop_now_ms(simulation->loop), wall_ms = loop_wall_ms(simulation->loop);
    if (played) {
        yyjson_val *serving = played->text ? json_parse(&arena, (struct str){played->text, played->text_len}, NULL) : NULL;
        struct simulated_pod *pods = list_pods(&arena, played);
        bool is_read = serving || !played->text;
        is_planned = is_read && simulation_plan(&arena, serving, pods, wall_ms, simulation->settings.delay_ms, &next);
    }
    if (is_planned && next.step != SIMULATION_WAIT)
        is_sent = send(simulation, &arena, played, str_first(key, str_find(key, STR("/"))), &next);
    else if (is_planned && next.until_ms < INT64_MAX)
        workqueue_add_at(&simulation->queue, key, now_ms + (next.until_ms > wall_ms ? next.until_ms - wall_ms : 0));
    arena_release(&arena);
    return is_sent;
}

static void on_turn(void *owner) {
    struct simulation *simulation = owner;
    struct str key;
    if (!simulation->are_pods_known) return;
    workqueue_tick(&simulation->queue, loop_now_ms(simulation->loop));
    if (simulation->in_flight < IN_FLIGHT_MAX && workqueue_get(&simulation->queue, &key)) {
        if (!play(simulation, key)) workqueue_done(&simulation->queue, key);
        if (workqueue_length(&simulation->queue)) loop_deferred_call(simulation->turn);
    }
    loop_timer_set(simulation->timer, workqueue_next_due_ms(&simulation->queue));
}

/* ---- life ---- */

static bool follow(struct simulation *simulation, struct watcher *watcher, const struct kube_resource *resource,
                   watcher_event_fn *on_event) {
    struct listwatch_settings settings = {.resource = *resource};
    return watcher_init(watcher, simulation->loop, simulation->client->http, &settings, number_random_next(&simulation->random), on_event,
                        simulation);
}

struct simulation *simulation_new(struct loop *loop, struct client *client, const struct simulation_settings *settings, uint64_t seed,
                                  struct error *error) {
    struct simulation *simulation = calloc(1, sizeof *simulation);
    if (!simulation) {
        client_release(client);
        error_set(error, ERROR_MEMORY, "out of memory while starting the simulation");
        return NULL;
    }
    *simulation = (struct simulation){.loop = loop, .client = client, .settings = *settings, .random = {seed}};
    workqueue_init(&simulation->queue, BACKOFF_OBJECT);
    simulation->turn = loop_deferred_new(loop, on_turn, simulation);
    simulation->timer = loop_timer_new(loop, on_turn, simulation);
    bool is_ready = simulation->turn && simulation->timer &&
                    follow(simulation, &simulation->servings, &servings_resource, on_serving_event) &&
                    follow(simulation, &simulation->pods, &pods_resource, on_pod_event);
    if (!is_ready) {
        simulation_free(simulation);
        error_set(error, ERROR_MEMORY, "out of memory while starting the simulation");
        return NULL;
    }
    watcher_start(&simulation->servings);
    watcher_start(&simulation->pods);
    return simulation;
}

void simulation_free(struct simulation *simulation) {
    struct played *played, *next;
    struct played_pod *pod, *next_pod;
    if (!simulation) return;
    watcher_release(&simulation->servings);
    watcher_release(&simulation->pods);
    client_release(simulation->client);
    while (simulation->plays) end_play(simulation->plays);
    HASH_ITER(hh, simulation->all_pods, pod, next_pod) forget_pod(simulation, pod);
    HASH_ITER(hh, simulation->played, played, next) forget_serving(simulation, played);
    workqueue_release(&simulation->queue);
    loop_deferred_free(simulation->turn);
    loop_timer_free(simulation->timer);
    free(simulation);
}
