#include "controller/reconciler.h"

#include "controller/job.h"
#include "controller/telemetry.h"

enum { STARTS_PER_TURN = 16 }; /* runs begun before the loop gets its turn again: about 2 ms */

/* ---- the queue ---- */

static void pump_soon(struct reconciler *reconciler) {
    if (!reconciler->is_stopping && !reconciler->is_holding) loop_deferred_call(reconciler->turn);
}

static void on_timer(void *owner) {
    pump_soon(owner);
}

static void retry(struct reconciler *reconciler, struct str key, int64_t min_delay_ms) {
    telemetry_retried(reconciler->telemetry);
    workqueue_add_failed(&reconciler->queue, key, loop_now_ms(reconciler->loop), min_delay_ms, &reconciler->random);
}

static bool may_start(const struct reconciler *reconciler) {
    return !reconciler->is_stopping && !reconciler->is_holding && reconciler->in_flight < reconciler->settings.max_in_flight;
}

static void pump(void *owner) {
    struct reconciler *reconciler = owner;
    workqueue_tick(&reconciler->queue, loop_now_ms(reconciler->loop));
    for (int started = 0; may_start(reconciler); started++) {
        struct str key;
        if (!workqueue_get(&reconciler->queue, &key)) break;
        if (!job_start(reconciler, key)) {
            retry(reconciler, key, 0);
            workqueue_done(&reconciler->queue, key);
        }
        if (started < STARTS_PER_TURN) continue;
        pump_soon(reconciler);
        return;
    }
    if (!reconciler->is_stopping) loop_timer_set(reconciler->timer, workqueue_next_due_ms(&reconciler->queue));
}

bool reconciler_init(struct reconciler *reconciler, uint64_t seed) {
    reconciler->random = (struct number_random){seed};
    reconciler->is_holding = true;
    workqueue_init(&reconciler->queue, BACKOFF_OBJECT);
    reconciler->timer = loop_timer_new(reconciler->loop, on_timer, reconciler);
    reconciler->turn = loop_deferred_new(reconciler->loop, pump, reconciler);
    return reconciler->timer && reconciler->turn;
}

void reconciler_release(struct reconciler *reconciler) {
    while (reconciler->jobs) job_free(reconciler->jobs);
    workqueue_release(&reconciler->queue);
    loop_timer_free(reconciler->timer);
    loop_deferred_free(reconciler->turn);
}

void reconciler_begin_work(struct reconciler *reconciler) {
    struct booster_entry *entry, *next;
    HASH_ITER(hh, reconciler->store->boosters, entry, next) progress_begin_work(&entry->progress);
    workqueue_open(&reconciler->queue, loop_now_ms(reconciler->loop));
    reconciler->is_holding = false;
    pump_soon(reconciler);
}

void reconciler_hold(struct reconciler *reconciler) {
    reconciler->is_holding = true;
}

static void enqueue_key(struct reconciler *reconciler, struct str key) {
    workqueue_tick(&reconciler->queue, loop_now_ms(reconciler->loop));
    workqueue_add(&reconciler->queue, key);
    pump_soon(reconciler);
}

void reconciler_enqueue(struct reconciler *reconciler, struct str namespace, struct str name) {
    struct booster_entry *entry = store_booster(reconciler->store, namespace, name);
    if (entry) enqueue_key(reconciler, str_of(entry->key));
}

void reconciler_enqueue_all(struct reconciler *reconciler) {
    struct booster_entry *entry, *next;
    HASH_ITER(hh, reconciler->store->boosters, entry, next) enqueue_key(reconciler, str_of(entry->key));
}

void reconciler_hurry(struct reconciler *reconciler) {
    workqueue_hurry(&reconciler->queue, loop_now_ms(reconciler->loop));
    pump_soon(reconciler);
}

void reconciler_stop(struct reconciler *reconciler) {
    reconciler->is_stopping = true;
    if (reconciler->in_flight == 0) reconciler->idle(reconciler->context);
}

/* ---- rollouts (--upgrade=rolling) ---- */

static void give_slot(struct reconciler *reconciler, struct booster_entry *entry) {
    bool is_free = reconciler->settings.upgrade == UPGRADE_ROLLING && reconciler->rollouts < reconciler->settings.max_rollouts;
    if (!is_free || !entry->is_outdated || entry->has_rollout_slot) return;
    entry->has_rollout_slot = true;
    entry->must_be_active = entry->is_active;
    reconciler->rollouts++;
    enqueue_key(reconciler, str_of(entry->key));
}

/* The slot that `entry` had is free for another. */
static void pass_slot_on(struct reconciler *reconciler, const struct booster_entry *entry) {
    reconciler->rollouts--;
    struct booster_entry *other, *next;
    HASH_ITER(hh, reconciler->store->boosters, other, next) {
        if (other != entry) give_slot(reconciler, other);
    }
}

static void take_slot(struct reconciler *reconciler, struct booster_entry *entry) {
    if (!entry->has_rollout_slot) return;
    entry->has_rollout_slot = false;
    pass_slot_on(reconciler, entry);
}

static void follow_rollout(struct reconciler *reconciler, struct booster_entry *entry, const struct done *done) {
    if (!done->has_status) return;
    entry->is_outdated = done->is_outdated;
    entry->is_active = done->is_active;
    bool is_brought_up = entry->has_rollout_slot && !done->is_outdated && (done->is_active || !entry->must_be_active);
    if (is_brought_up)
        take_slot(reconciler, entry);
    else
        give_slot(reconciler, entry);
}

/* ---- the end of a run ---- */

/* A time that a run has asked for comes before a longer back-off: what lasts too long is to be said when it does. */
static void schedule_again(struct reconciler *reconciler, struct str key, const struct done *done) {
    if (done->wants_retry)
        retry(reconciler, key, done->retry_after_ms);
    else
        workqueue_forget(&reconciler->queue, key);
    int64_t wait_ms = done->again_ms - loop_wall_ms(reconciler->loop);
    if (done->again_ms == 0 || (done->wants_retry && wait_ms <= 0)) return;
    workqueue_add_at(&reconciler->queue, key, loop_now_ms(reconciler->loop) + (wait_ms > 0 ? wait_ms : 0));
}

void reconciler_job_done(struct job *job, const struct done *done) {
    struct reconciler *reconciler = job->reconciler;
    struct booster_entry *entry = store_booster(reconciler->store, job->namespace, job->name);
    bool is_known = entry && str_equal(entry->uid, job->uid);
    if (is_known) {
        entry->memory = job->memory;
        follow_rollout(reconciler, entry, done);
    }
    tale_end(job);
    telemetry_run_ended(reconciler->telemetry, job, is_known ? entry : NULL, done);
    schedule_again(reconciler, job->key, done);
    workqueue_done(&reconciler->queue, job->key);
    job_free(job);
    if (reconciler->is_stopping && reconciler->in_flight == 0)
        reconciler->idle(reconciler->context);
    else
        pump_soon(reconciler);
}

/* ---- what the watches tell ---- */

/*
 * The owner, and every model whose child would have this name (`<model>` or `<model>-<backend>`): the object may stand in its way, or have
 * made way for it.
 */
static void enqueue_concerned(struct reconciler *reconciler, const struct observed *record) {
    struct str name = record->name;
    if (record->owner_name.len) reconciler_enqueue(reconciler, record->namespace, record->owner_name);
    reconciler_enqueue(reconciler, record->namespace, name);
    for (size_t i = 1; i < name.len; i++) {
        if (name.ptr[i] == '-') reconciler_enqueue(reconciler, record->namespace, str_first(name, i));
    }
}

static struct booster_entry *owner_of(struct reconciler *reconciler, const struct observed *record) {
    struct str owner = record->owner_name.len ? record->owner_name : record->label_model;
    struct booster_entry *entry = owner.len ? store_booster(reconciler->store, record->namespace, owner) : NULL;
    bool is_former = entry && record->owner_uid.len && !str_equal(record->owner_uid, entry->uid);
    return is_former ? NULL : entry;
}

static void judge(struct reconciler *reconciler, struct arena *arena, const yyjson_val *live, const struct observed *older,
                  struct observed *record) {
    struct booster_entry *owner = owner_of(reconciler, record);
    yyjson_val *object = owner ? json_parse(arena, owner->text, NULL) : NULL;
    if (!object) {
        observed_inherit(older, record);
        return;
    }
    reconcile_judge(arena, object, &reconciler->settings.machine, owner->has_rollout_slot, live, older, loop_wall_ms(reconciler->loop),
                    record);
}

static void take_record(struct reconciler *reconciler, struct arena *arena, const yyjson_val *live, struct observed *record,
                        uint32_t list_round) {
    struct child_entry *known = store_child(reconciler->store, record->kind, record->namespace, record->name);
    judge(reconciler, arena, live, known && !known->is_of_former_life ? &known->record : NULL, record);
    if (known) enqueue_concerned(reconciler, &known->record);
    store_put_child(reconciler->store, record, list_round);
    enqueue_concerned(reconciler, record);
}

void reconciler_observe_child(struct reconciler *reconciler, enum child_kind kind, const yyjson_val *live, uint32_t list_round) {
    struct arena arena;
    struct observed record;
    arena_init(&arena, LIMIT_RECONCILE_ARENA_BYTES);
    if (observed_read(&arena, kind, live, &record)) {
        struct child_entry *known = store_child(reconciler->store, kind, record.namespace, record.name);
        if (known && list_round) known->list_round = list_round;
        if (!known || store_is_news(&record, known)) take_record(reconciler, &arena, live, &record, list_round);
    }
    arena_release(&arena);
}

bool reconciler_knows_its_end(const struct reconciler *reconciler, const struct observed *record) {
    struct str told = reconciler->told(reconciler->context, record->kind, record->namespace);
    return !store_child(reconciler->store, record->kind, record->namespace, record->name) &&
           store_is_newer_version(told, record->resource_version);
}

void reconciler_read_child(struct reconciler *reconciler, struct arena *arena, enum child_kind kind, const yyjson_val *live) {
    struct observed record;
    if (!observed_read(arena, kind, live, &record) || reconciler_knows_its_end(reconciler, &record)) return;
    struct child_entry *known = store_child(reconciler->store, kind, record.namespace, record.name);
    if (!known || !store_is_older(&record, known)) take_record(reconciler, arena, live, &record, 0);
}

void reconciler_forget_child(struct reconciler *reconciler, struct child_entry *entry) {
    struct observed record = entry->record;
    struct arena arena;
    arena_init(&arena, LIMIT_FILE_BYTES);
    record.namespace = arena_copy(&arena, record.namespace);
    record.name = arena_copy(&arena, record.name);
    record.owner_name = arena_copy(&arena, record.owner_name);
    store_remove_child(reconciler->store, entry);
    enqueue_concerned(reconciler, &record);
    arena_release(&arena);
}

void reconciler_observe_booster(struct reconciler *reconciler, const yyjson_val *live, uint32_t list_round) {
    bool is_news;
    struct booster_entry *known = store_booster(reconciler->store, json_text(json_path(live, "metadata", "namespace", NULL)),
                                                json_text(json_path(live, "metadata", "name", NULL)));
    bool is_known = known && str_equal(known->uid, json_text(json_path(live, "metadata", "uid", NULL)));
    if (list_round == 0 && !is_known) return;
    bool had_slot = known && known->has_rollout_slot;
    struct booster_entry *entry = store_put_booster(reconciler->store, live, list_round, &is_news);
    /* Another of the name has taken its place. */
    if (had_slot && entry && !entry->has_rollout_slot) pass_slot_on(reconciler, entry);
    if (entry && is_news) progress_read(&entry->progress, live, loop_now_ms(reconciler->loop), loop_wall_ms(reconciler->loop));
    if (entry && is_news) enqueue_key(reconciler, str_of(entry->key));
}

void reconciler_forget_booster(struct reconciler *reconciler, struct booster_entry *entry) {
    take_slot(reconciler, entry);
    workqueue_forget(&reconciler->queue, str_of(entry->key));
    store_remove_booster(reconciler->store, entry);
}
