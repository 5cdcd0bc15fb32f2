#include "apiserver/collector.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "apiserver/server.h"

#include "base/hash_table.h"

enum {
    JOBS_AT_ONCE = 32, /* beside ordinary requests, not before them */
    RETRY_MS = 250,
    PLAN_ARENA_BYTES = 256 * 1024 * 1024,
};

/* One object to look at. */
struct job {
    UT_hash_handle by_uid;
    struct job *prev, *next; /* of `queued`, while not under way */
    struct collector *collector;
    size_t under_way; /* requests */
    bool looks_again; /* something changed meanwhile */
    bool has_failed;
    size_t uid_len;
    char uid[];
};

struct collector {
    struct apiserver *server;
    struct job *jobs;   /* uthash: queued and under way */
    struct job *queued; /* utlist */
    struct job *failed; /* utlist: to be queued again by the timer */
    size_t running;
    bool has_new_kinds; /* there may be owners now that could not be judged before */
    struct loop_deferred *run;
    struct loop_timer *retry;
};

static void run(void *owner);
static void retry(void *owner);

struct collector *collector_new(struct apiserver *server) {
    struct collector *collector = calloc(1, sizeof *collector);
    if (!collector) return NULL;
    collector->server = server;
    collector->run = loop_deferred_new(server->loop, run, collector);
    collector->retry = loop_timer_new(server->loop, retry, collector);
    if (collector->run && collector->retry) return collector;
    collector_free(collector);
    return NULL;
}

void collector_free(struct collector *collector) {
    if (!collector) return;
    struct job *job, *next;
    HASH_ITER(by_uid, collector->jobs, job, next) {
        HASH_DELETE(by_uid, collector->jobs, job);
        free(job);
    }
    loop_deferred_free(collector->run);
    loop_timer_free(collector->retry);
    free(collector);
}

static void look_at(struct collector *collector, struct str uid) {
    struct job *job;
    HASH_FIND(by_uid, collector->jobs, uid.ptr, uid.len, job);
    if (job) {
        job->looks_again = true;
        return;
    }
    job = calloc(1, sizeof *job + uid.len + 1);
    if (!job) return;
    memcpy(job->uid, uid.ptr, uid.len);
    job->uid_len = uid.len;
    job->collector = collector;
    HASH_ADD_KEYPTR(by_uid, collector->jobs, job->uid, uid.len, job);
    if (!job->by_uid.tbl) {
        free(job);
        return;
    }
    DL_APPEND(collector->queued, job);
    loop_deferred_call(collector->run);
}

static void finish(struct job *job) {
    struct collector *collector = job->collector;
    HASH_DELETE(by_uid, collector->jobs, job);
    free(job);
}

static void one_is_answered(void *owner, int status, struct str body) {
    struct job *job = owner;
    struct collector *collector = job->collector;
    (void)body;
    job->looks_again = true;
    /* Gone or changed meanwhile: look again at once. Anything else (a refused finalizer, a full disk): later. */
    if (status >= 300 && status != 404 && status != 409) job->has_failed = true;
    if (--job->under_way) return;
    collector->running--;
    if (job->has_failed) {
        job->has_failed = false;
        DL_APPEND(collector->failed, job);
        loop_timer_set(collector->retry, loop_now_ms(collector->server->loop) + RETRY_MS);
    } else {
        DL_APPEND(collector->queued, job);
    }
    loop_deferred_call(collector->run);
}

static void start_job(struct collector *collector, struct job *job) {
    struct object *object = objects_find_uid(collector->server->objects, (struct str){job->uid, job->uid_len});
    struct internal_request requests[COLLECTOR_MAX_REQUESTS];
    struct arena arena;
    arena_init(&arena, PLAN_ARENA_BYTES);
    job->looks_again = false;
    size_t count = object ? collector_plan(collector->server, &arena, object, requests) : 0;
    for (size_t i = 0; i < count; i++) job->under_way += internal_call(collector->server, &requests[i], one_is_answered, job);
    arena_release(&arena);
    if (job->under_way)
        collector->running++;
    else
        finish(job);
}

static void run(void *owner) {
    struct collector *collector = owner;
    if (collector->has_new_kinds) collector_start(collector);
    while (collector->queued && collector->running < JOBS_AT_ONCE && !collector->server->is_stopping) {
        struct job *job = collector->queued;
        DL_DELETE(collector->queued, job);
        start_job(collector, job);
    }
}

static void retry(void *owner) {
    struct collector *collector = owner;
    DL_CONCAT(collector->queued, collector->failed);
    collector->failed = NULL;
    run(collector);
}

/* Owners that may wait for a dependent which is gone. */
static void look_at_owners(struct collector *collector, const struct write *write) {
    if (str_find(blob_view(write->body), STR("\"ownerReferences\"")) == SIZE_MAX) return;
    struct arena arena;
    struct error error;
    arena_init(&arena, PLAN_ARENA_BYTES);
    yyjson_val *references = json_path(json_parse(&arena, blob_view(write->body), &error), "metadata", "ownerReferences", NULL), *reference;
    size_t index, max;
    yyjson_arr_foreach(references, index, max, reference) {
        struct str uid = json_text(json_get(reference, "uid"));
        struct object *owner = objects_find_uid(collector->server->objects, uid);
        if (owner && owner->is_deleting) look_at(collector, uid);
    }
    arena_release(&arena);
}

static void look_at_namespace(struct collector *collector, struct str namespace) {
    struct object *object = namespace.len ? objects_find(collector->server->namespaces, STR_EMPTY, namespace) : NULL;
    if (object && object->is_deleting) look_at(collector, object->uid);
}

static void look_at_definition(struct collector *collector, const struct collection *collection) {
    const struct kind *kind = collector_kind_of(collector->server, collection);
    if (kind && kind->is_terminating) look_at(collector, kind->definition_uid);
}

void collector_on_write(struct collector *collector, const struct write *write) {
    if (write->change == STORAGE_DELETED) {
        size_t count;
        struct object *const *dependents = objects_dependents(collector->server->objects, write->uid, &count);
        for (size_t i = 0; i < count; i++) look_at(collector, dependents[i]->uid);
        look_at_owners(collector, write);
    } else {
        struct object *object = objects_find_uid(collector->server->objects, write->uid);
        if (object && (object->owner_count || object->is_deleting)) look_at(collector, write->uid);
    }
    look_at_namespace(collector, write->namespace);
    if (collector->server->definitions != write->collection) {
        look_at_definition(collector, write->collection);
    } else if (write->change != STORAGE_DELETED) {
        collector->has_new_kinds = true;
        loop_deferred_call(collector->run);
    }
}

static bool look_at_leftovers(void *context, struct collection *collection) {
    struct collector *collector = context;
    for (struct object *object = collection_from(collection, STR_EMPTY, STR_EMPTY); object; object = collection_next(object)) {
        bool is_orphan = false;
        for (size_t i = 0; i < object->owner_count; i++)
            is_orphan = is_orphan || !objects_find_uid(collector->server->objects, object->owners[i]);
        if (object->is_deleting || is_orphan) look_at(collector, object->uid);
    }
    return true;
}

void collector_start(struct collector *collector) {
    collector->has_new_kinds = false;
    objects_each_collection(collector->server->objects, look_at_leftovers, collector);
}
