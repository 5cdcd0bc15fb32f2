/*
 * Leader election: one machine with every answer in every state, then two against one Lease under drawn histories of lost answers,
 * pauses and crashes: never do both lead, and never may one write when the other could.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kube/lease.h"

enum { ARENA_BYTES = 1 << 20, SECOND = 1000, WALL_MS = 1700000000 };

/* A Lease at a server. */
struct record {
    bool exists;
    char holder[32], acquired[64];
    int64_t version, duration_s, transitions;
};

static struct lease_settings settings_of(const char *identity) {
    return (struct lease_settings){.namespace = STR("system"),
                                   .name = STR("model-booster"),
                                   .identity = str_of(identity),
                                   .field_manager = STR("test"),
                                   .duration_ms = 15 * SECOND,
                                   .renew_deadline_ms = 10 * SECOND,
                                   .retry_period_ms = 2 * SECOND};
}

static struct str body_of(struct arena *arena, const struct record *record) {
    return arena_printf(arena,
                        "{\"metadata\":{\"resourceVersion\":\"%lld\"},\"spec\":{\"holderIdentity\":\"%s\",\"leaseDurationSeconds\":%lld,"
                        "\"acquireTime\":\"%s\",\"leaseTransitions\":%lld}}",
                        (long long)record->version, record->holder, (long long)record->duration_s, record->acquired,
                        (long long)record->transitions);
}

static void copy_text(char *to, size_t size, const yyjson_val *from) {
    snprintf(to, size, "%.*s", STR_ARG(json_text(from)));
}

/* What the server makes of a request. */
static enum kube_answer_kind serve(struct arena *arena, struct record *record, const struct lease_action *action) {
    const yyjson_val *body = action->body.len ? json_parse(arena, action->body, NULL) : NULL, *spec = json_get(body, "spec");
    if (action->kind == LEASE_GET) return record->exists ? KUBE_OK : KUBE_NOT_FOUND;
    if (action->kind == LEASE_CREATE && record->exists) return KUBE_ALREADY_EXISTS;
    if (action->kind == LEASE_PATCH && !record->exists) return KUBE_NOT_FOUND;
    struct str version = json_text(json_path(body, "metadata", "resourceVersion", NULL));
    struct str live = arena_printf(arena, "%lld", (long long)record->version);
    if (action->kind == LEASE_PATCH && !str_equal(version, live)) return KUBE_CONFLICT;
    record->exists = true;
    record->version++;
    copy_text(record->holder, sizeof record->holder, json_get(spec, "holderIdentity"));
    copy_text(record->acquired, sizeof record->acquired, json_get(spec, "acquireTime"));
    assert_true(json_int64(json_get(spec, "leaseDurationSeconds"), &record->duration_s));
    assert_true(json_int64(json_get(spec, "leaseTransitions"), &record->transitions));
    return KUBE_OK;
}

/* ---- one machine ---- */

static struct rig {
    struct arena arena;
    struct lease lease;
    struct record record;
    struct lease_action action;
    int64_t now_ms;
} rig;

static int set_up(void **state) {
    (void)state;
    struct lease_settings settings = settings_of("me");
    rig = (struct rig){.now_ms = 1000 * SECOND};
    arena_init(&rig.arena, ARENA_BYTES);
    lease_init(&rig.lease, &settings, 1);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    lease_release(&rig.lease);
    arena_release(&rig.arena);
    return 0;
}

static enum lease_action_kind next(void) {
    lease_next_action(&rig.lease, rig.now_ms, WALL_MS, &rig.arena, &rig.action);
    return rig.action.kind;
}

static void answer(enum kube_answer_kind kind) {
    struct kube_answer given = kind == KUBE_OK ? (struct kube_answer){.kind = KUBE_OK} : kube_answer_none(&rig.arena, kind, STR("because"));
    lease_answer(&rig.lease, &given, kind == KUBE_OK ? body_of(&rig.arena, &rig.record) : STR_EMPTY, rig.now_ms);
}

/* The next request, served in good order. */
static void step(enum lease_action_kind expected) {
    assert_int_equal(next(), expected);
    answer(serve(&rig.arena, &rig.record, &rig.action));
}

static void lead(void) {
    step(LEASE_GET);
    step(LEASE_CREATE);
    assert_int_equal(rig.lease.state, LEASE_LEADING);
}

static void hold_by(const char *holder) {
    snprintf(rig.record.holder, sizeof rig.record.holder, "%s", holder);
    rig.record.version++;
}

static void hold_by_other(void) {
    rig.record = (struct record){.exists = true, .version = 7, .duration_s = 15, .transitions = 3};
    hold_by("other");
}

static void wait_until_due(void) {
    assert_int_equal(next(), LEASE_WAIT);
    assert_true(rig.action.until_ms > rig.now_ms && rig.action.until_ms < INT64_MAX);
    rig.now_ms = rig.action.until_ms;
}

static void an_absent_lease_is_created(void **state) {
    (void)state;
    assert_int_equal(next(), LEASE_GET);
    assert_true(str_is(rig.action.path, "/apis/coordination.k8s.io/v1/namespaces/system/leases/model-booster"));
    assert_int_equal(next(), LEASE_WAIT);
    answer(KUBE_NOT_FOUND);
    assert_int_equal(next(), LEASE_CREATE);
    assert_true(str_is(rig.action.path, "/apis/coordination.k8s.io/v1/namespaces/system/leases?fieldManager=test"));
    assert_true(str_is(rig.action.body,
                       "{\"apiVersion\":\"coordination.k8s.io/v1\",\"kind\":\"Lease\",\"metadata\":{\"name\":\"model-booster\"},"
                       "\"spec\":{\"holderIdentity\":\"me\",\"leaseDurationSeconds\":15,\"acquireTime\":"
                       "\"1970-01-20T16:13:20.000000Z\",\"renewTime\":\"1970-01-20T16:13:20.000000Z\",\"leaseTransitions\":0}}"));
    answer(serve(&rig.arena, &rig.record, &rig.action));
    assert_int_equal(rig.lease.state, LEASE_LEADING);
    assert_int_equal(lease_write_budget_ms(&rig.lease, rig.now_ms), 15 * SECOND);
}

static void a_leader_renews_each_period(void **state) {
    (void)state;
    lead();
    for (int i = 0; i < 50; i++) {
        int64_t before_ms = rig.now_ms;
        wait_until_due();
        assert_in_range(rig.now_ms - before_ms, 2 * SECOND, 2 * SECOND + 400);
        step(LEASE_PATCH);
        assert_int_equal(lease_write_budget_ms(&rig.lease, rig.now_ms), 15 * SECOND);
    }
    assert_int_equal(rig.record.transitions, 0);
    assert_string_equal(rig.record.acquired, "1970-01-20T16:13:20.000000Z");
}

static void another_is_waited_for_while_it_renews(void **state) {
    (void)state;
    hold_by_other();
    step(LEASE_GET);
    for (int i = 0; i < 100; i++) {
        rig.record.version++;
        wait_until_due();
        step(LEASE_GET);
        assert_int_equal(rig.lease.state, LEASE_STANDBY);
    }
}

/* Taken when the record has stayed as it is for its duration, to the millisecond, and not before. */
static void what_is_not_renewed_is_taken(void **state) {
    (void)state;
    hold_by_other();
    step(LEASE_GET);
    int64_t seen_ms = rig.now_ms;
    while (rig.now_ms < seen_ms + 15 * SECOND) {
        wait_until_due();
        if (rig.now_ms < seen_ms + 15 * SECOND) step(LEASE_GET);
    }
    assert_int_equal(rig.now_ms, seen_ms + 15 * SECOND);
    step(LEASE_PATCH);
    assert_int_equal(rig.lease.state, LEASE_LEADING);
    assert_int_equal(rig.record.transitions, 4);
    assert_string_equal(rig.record.holder, "me");
}

static void a_refused_take_over_is_tried_again_at_once(void **state) {
    (void)state;
    hold_by_other();
    step(LEASE_GET);
    rig.now_ms += 15 * SECOND;
    assert_int_equal(next(), LEASE_PATCH);
    answer(KUBE_SERVER_ERROR);
    wait_until_due();
    step(LEASE_GET);
    step(LEASE_PATCH);
    assert_int_equal(rig.lease.state, LEASE_LEADING);
}

static void what_is_given_up_is_taken_at_once(void **state) {
    (void)state;
    hold_by_other();
    rig.record.holder[0] = 0;
    step(LEASE_GET);
    step(LEASE_PATCH);
    assert_int_equal(rig.lease.state, LEASE_LEADING);
}

static void the_records_own_duration_counts(void **state) {
    (void)state;
    hold_by_other();
    rig.record.duration_s = 1;
    step(LEASE_GET);
    wait_until_due();
    step(LEASE_PATCH);
    assert_int_equal(rig.lease.state, LEASE_LEADING);
}

static void another_that_is_faster_wins(void **state) {
    (void)state;
    hold_by_other();
    rig.record.holder[0] = 0;
    step(LEASE_GET);
    assert_int_equal(next(), LEASE_PATCH);
    hold_by("third");
    answer(serve(&rig.arena, &rig.record, &rig.action));
    assert_int_equal(rig.lease.state, LEASE_STANDBY);
    step(LEASE_GET);
    assert_int_equal(next(), LEASE_WAIT);
}

/* Every answer but OK to a renewal: the budget runs on, and the Lease is lost at the deadline, not before. */
static void a_leader_that_cannot_renew_stops_in_time(void **state) {
    (void)state;
    static const enum kube_answer_kind kinds[] = {
#define KIND(kind, name) kind,
        KUBE_ANSWER_KINDS(KIND)
#undef KIND
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (kinds[i] == KUBE_OK) continue;
        lead();
        int64_t renewed_ms = rig.now_ms;
        while (rig.lease.state == LEASE_LEADING) {
            enum lease_action_kind kind = next();
            int64_t left_ms = renewed_ms + 10 * SECOND - rig.now_ms;
            assert_int_equal(lease_write_budget_ms(&rig.lease, rig.now_ms), left_ms > 0 ? left_ms + 5 * SECOND : 0);
            if (kind == LEASE_WAIT && rig.lease.state == LEASE_LEADING)
                rig.now_ms = rig.action.until_ms;
            else if (kind != LEASE_WAIT)
                rig.now_ms++, answer(kinds[i]);
        }
        assert_int_equal(rig.now_ms, renewed_ms + 10 * SECOND);
        assert_int_equal(next(), LEASE_WAIT);
        assert_int_equal(rig.action.until_ms, INT64_MAX);
        assert_true(rig.lease.message.len);
        tear_down(NULL);
        set_up(NULL);
    }
}

static void a_leader_that_is_not_answered_stops_in_time(void **state) {
    (void)state;
    lead();
    int64_t renewed_ms = rig.now_ms;
    wait_until_due();
    assert_int_equal(next(), LEASE_PATCH);
    assert_int_equal(rig.action.timeout_ms, 5 * SECOND);
    wait_until_due();
    assert_int_equal(rig.now_ms, renewed_ms + 10 * SECOND);
    assert_int_equal(next(), LEASE_WAIT);
    assert_int_equal(rig.lease.state, LEASE_LOST);
    answer(KUBE_OK);
    assert_int_equal(rig.lease.state, LEASE_LOST);
}

static void a_leader_that_slept_may_not_write(void **state) {
    (void)state;
    lead();
    rig.now_ms += 10 * SECOND;
    assert_int_equal(rig.lease.state, LEASE_LEADING);
    assert_int_equal(lease_write_budget_ms(&rig.lease, rig.now_ms), 0);
    assert_int_equal(next(), LEASE_WAIT);
    assert_int_equal(rig.lease.state, LEASE_LOST);
}

/* An acquisition that was answered after a pause is renewed before it counts. */
static void an_old_answer_is_nothing_to_build_on(void **state) {
    (void)state;
    step(LEASE_GET);
    assert_int_equal(next(), LEASE_CREATE);
    assert_int_equal(serve(&rig.arena, &rig.record, &rig.action), KUBE_OK);
    rig.now_ms += 10 * SECOND;
    answer(KUBE_OK);
    assert_int_equal(rig.lease.state, LEASE_STANDBY);
    step(LEASE_PATCH);
    assert_int_equal(rig.lease.state, LEASE_LEADING);
}

static void a_lost_acquisition_is_looked_for(void **state) {
    (void)state;
    step(LEASE_GET);
    assert_int_equal(next(), LEASE_CREATE);
    assert_int_equal(serve(&rig.arena, &rig.record, &rig.action), KUBE_OK);
    answer(KUBE_LOST);
    assert_int_equal(rig.lease.state, LEASE_STANDBY);
    wait_until_due();
    step(LEASE_GET);
    step(LEASE_PATCH);
    assert_int_equal(rig.lease.state, LEASE_LEADING);
    assert_int_equal(rig.record.transitions, 0);
}

static void a_leader_that_finds_another_stops_at_once(void **state) {
    (void)state;
    lead();
    hold_by("other");
    wait_until_due();
    step(LEASE_PATCH);
    assert_int_equal(rig.lease.state, LEASE_LEADING);
    step(LEASE_GET);
    assert_int_equal(rig.lease.state, LEASE_LOST);
    assert_string_equal(rig.lease.message.ptr, "other holds it");
}

/* Served in good order while time passes. */
static void live_until_leading(void) {
    while (rig.lease.state != LEASE_LEADING) {
        if (next() == LEASE_WAIT)
            rig.now_ms = rig.action.until_ms;
        else
            answer(serve(&rig.arena, &rig.record, &rig.action));
    }
}

/* Of one that stands by again: what would be the end is a pause. */
static void who_stands_by_again_leads_after_another(void **state) {
    (void)state;
    rig.lease.settings.stands_by_again = true;
    lead();
    hold_by("other");
    wait_until_due();
    step(LEASE_PATCH);
    step(LEASE_GET);
    assert_int_equal(rig.lease.state, LEASE_STANDBY);
    assert_true(str_is(strbuf_view(&rig.lease.message), "other holds it"));
    assert_int_equal(lease_write_budget_ms(&rig.lease, rig.now_ms), 0);
    int64_t seen_ms = rig.now_ms;
    live_until_leading();
    assert_int_equal(rig.now_ms - seen_ms, 15 * SECOND);
}

static void who_stands_by_again_leads_after_a_time_without_renewals(void **state) {
    (void)state;
    rig.lease.settings.stands_by_again = true;
    lead();
    int64_t sent_ms = rig.now_ms;
    while (rig.lease.state == LEASE_LEADING) {
        if (next() != LEASE_WAIT)
            answer(KUBE_SERVER_ERROR);
        else if (rig.lease.state == LEASE_LEADING)
            rig.now_ms = rig.action.until_ms;
    }
    assert_int_equal(rig.lease.state, LEASE_STANDBY);
    assert_int_equal(rig.now_ms - sent_ms, 10 * SECOND);
    assert_int_equal(lease_write_budget_ms(&rig.lease, rig.now_ms), 0);
    live_until_leading();
    assert_true(lease_write_budget_ms(&rig.lease, rig.now_ms) > 0);
}

static void who_stands_by_again_and_gives_up_is_at_its_end(void **state) {
    (void)state;
    rig.lease.settings.stands_by_again = true;
    lead();
    lease_give_up(&rig.lease);
    assert_int_equal(next(), LEASE_PATCH);
    answer(KUBE_SERVER_ERROR);
    assert_int_equal(rig.lease.state, LEASE_LOST);
}

static void a_deleted_lease_is_made_anew(void **state) {
    (void)state;
    lead();
    rig.record.exists = false;
    wait_until_due();
    step(LEASE_PATCH);
    step(LEASE_GET);
    step(LEASE_CREATE);
    assert_int_equal(rig.lease.state, LEASE_LEADING);
}

static void giving_up_lets_others_in_at_once(void **state) {
    (void)state;
    lead();
    lease_give_up(&rig.lease);
    assert_int_equal(rig.lease.state, LEASE_LEADING);
    step(LEASE_PATCH);
    assert_int_equal(rig.lease.state, LEASE_RELEASED);
    assert_int_equal(lease_write_budget_ms(&rig.lease, rig.now_ms), 0);
    assert_string_equal(rig.record.holder, "");
    assert_int_equal(rig.record.duration_s, 1);
    assert_int_equal(rig.record.transitions, 0);
    assert_int_equal(next(), LEASE_WAIT);
}

static void a_standby_gives_up_without_a_word(void **state) {
    (void)state;
    hold_by_other();
    step(LEASE_GET);
    lease_give_up(&rig.lease);
    assert_int_equal(rig.lease.state, LEASE_RELEASED);
    assert_int_equal(next(), LEASE_WAIT);
}

static void what_comes_while_giving_up_is_given_up_too(void **state) {
    (void)state;
    step(LEASE_GET);
    assert_int_equal(next(), LEASE_CREATE);
    lease_give_up(&rig.lease);
    assert_int_equal(rig.lease.state, LEASE_STANDBY);
    answer(serve(&rig.arena, &rig.record, &rig.action));
    step(LEASE_PATCH);
    assert_int_equal(rig.lease.state, LEASE_RELEASED);
    assert_string_equal(rig.record.holder, "");
}

static void a_release_that_fails_is_not_repeated(void **state) {
    (void)state;
    lead();
    lease_give_up(&rig.lease);
    assert_int_equal(next(), LEASE_PATCH);
    answer(KUBE_LOST);
    assert_int_equal(rig.lease.state, LEASE_LOST);
    assert_int_equal(next(), LEASE_WAIT);
}

static void a_record_that_makes_no_sense_is_looked_at_again(void **state) {
    (void)state;
    static const char *const bodies[] = {"", "[]", "{\"metadata\":{\"resourceVersion\":\"1\"},\"spec\":7}",
                                         "{\"spec\":{\"holderIdentity\":\"x\",\"leaseDurationSeconds\":-1,\"leaseTransitions\":\"a\"}}"};
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        assert_int_equal(next(), LEASE_GET);
        lease_answer(&rig.lease, &(struct kube_answer){.kind = KUBE_OK}, str_of(bodies[i]), rig.now_ms);
        assert_int_equal(rig.lease.state, LEASE_STANDBY);
        /* Without its version it is not to be written. */
        enum lease_action_kind kind = next();
        if (kind == LEASE_PATCH)
            assert_true(
                str_is(json_text(json_path(json_parse(&rig.arena, rig.action.body, NULL), "metadata", "resourceVersion", NULL)), "1"));
        tear_down(NULL);
        set_up(NULL);
    }
}

/* A renewal whose answer was lost, and a stop right after: the record is looked at, so that the release names the version that lives. */
static void a_release_after_a_lost_renewal_goes_through(void **state) {
    (void)state;
    lead();
    wait_until_due();
    assert_int_equal(next(), LEASE_PATCH);
    assert_int_equal(serve(&rig.arena, &rig.record, &rig.action), KUBE_OK);
    answer(KUBE_LOST);
    lease_give_up(&rig.lease);
    for (int i = 0; i < 4 && next() != LEASE_WAIT; i++) answer(serve(&rig.arena, &rig.record, &rig.action));
    assert_string_equal(rig.record.holder, "");
    assert_int_equal(rig.lease.state, LEASE_RELEASED);
}

/* No write without the version it was decided on: a server whose answer made no sense, then a stop. */
static void no_write_goes_out_without_a_version(void **state) {
    (void)state;
    lead();
    wait_until_due();
    assert_int_equal(next(), LEASE_PATCH);
    lease_answer(&rig.lease, &(struct kube_answer){.kind = KUBE_OK}, STR("{}"), rig.now_ms);
    lease_give_up(&rig.lease);
    if (next() == LEASE_PATCH) {
        const yyjson_val *body = json_parse(&rig.arena, rig.action.body, NULL);
        assert_true(json_text(json_path(body, "metadata", "resourceVersion", NULL)).len > 0);
    }
}

/* ---- two machines and one Lease ---- */

struct instance {
    struct lease lease;
    struct lease_action action; /* under way */
    struct kube_answer answer;
    struct str body;
    int64_t answered_at_ms; /* when it reaches this instance */
    int64_t asleep_until_ms;
    int64_t clock_ms; /* ahead of the others */
    bool has_answer;
    char identity[16];
};

static struct world {
    struct arena arena;
    struct record record;
    struct instance instances[2];
    struct number_random random;
    int64_t now_ms, leading_ms[2];
    int64_t writes_end_ms[2]; /* of what was sent so far, by its budget */
} world;

static uint64_t draw(uint64_t bound) {
    return number_random_below(&world.random, bound);
}

static void start(struct instance *instance, int life) {
    snprintf(instance->identity, sizeof instance->identity, "%d-%d", (int)(instance - world.instances), life);
    struct lease_settings settings = settings_of(instance->identity);
    settings.stands_by_again = life % 2;
    lease_init(&instance->lease, &settings, draw(1 << 30));
    instance->has_answer = false;
    instance->clock_ms = (int64_t)draw(1000000);
}

/* A request reaches the server or not, its answer comes back or not, after a while. */
static void perform(struct instance *instance) {
    uint64_t fate = draw(20);
    enum kube_answer_kind kind = fate == 0   ? KUBE_SERVER_ERROR
                                 : fate == 1 ? KUBE_LOST
                                             : serve(&world.arena, &world.record, &instance->action);
    if (fate == 2) kind = KUBE_LOST;
    instance->answer = kind == KUBE_OK ? (struct kube_answer){.kind = KUBE_OK} : kube_answer_none(&world.arena, kind, STR("fate"));
    instance->body = kind == KUBE_OK ? body_of(&world.arena, &world.record) : STR_EMPTY;
    instance->answered_at_ms = world.now_ms + 1 + (int64_t)draw(fate < 4 ? 5000 : 100);
    instance->has_answer = true;
}

static void run(struct instance *instance) {
    if (world.now_ms < instance->asleep_until_ms) return;
    int64_t now_ms = world.now_ms + instance->clock_ms;
    if (instance->has_answer && world.now_ms >= instance->answered_at_ms) {
        instance->has_answer = false;
        lease_answer(&instance->lease, &instance->answer, instance->body, now_ms);
    }
    lease_next_action(&instance->lease, now_ms, WALL_MS + now_ms, &world.arena, &instance->action);
    if (instance->action.kind != LEASE_WAIT) perform(instance);
}

static bool may_write(const struct instance *instance) {
    return lease_write_budget_ms(&instance->lease, world.now_ms + instance->clock_ms) > 0;
}

static void two_never_write_at_once(void **state) {
    (void)state;
    int64_t led_ms = 0, takeovers = 0;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        world = (struct world){.random = {seed}};
        arena_init(&world.arena, 1 << 26);
        for (int i = 0; i < 2; i++) start(&world.instances[i], 0);
        int last = -1;
        bool gave_up[2] = {false};
        for (int life = 1; world.now_ms < 120 * SECOND; world.now_ms += 10) {
            struct instance *one = &world.instances[draw(2)];
            if (draw(2000) == 0) one->asleep_until_ms = world.now_ms + (int64_t)draw(20 * SECOND);
            if (draw(6000) == 0) lease_release(&one->lease), start(one, life++);
            if (draw(6000) == 0) lease_give_up(&one->lease), gave_up[one - world.instances] = true;
            for (int i = 0; i < 2; i++) run(&world.instances[i]);
            for (int i = 0; i < 2; i++) {
                struct instance *it = &world.instances[i];
                bool is_over = it->lease.state == LEASE_LOST || it->lease.state == LEASE_RELEASED;
                if (is_over && !it->has_answer) lease_release(&it->lease), start(it, life++);
            }
            bool first = may_write(&world.instances[0]), second = may_write(&world.instances[1]);
            if (first && second) fail_msg("seed %llu: both may write at %lld ms", (unsigned long long)seed, (long long)world.now_ms);
            for (int i = 0; i < 2; i++) {
                const struct instance *it = &world.instances[i];
                int64_t budget = lease_write_budget_ms(&it->lease, world.now_ms + it->clock_ms);
                if (budget > 0 && world.writes_end_ms[1 - i] > world.now_ms && !gave_up[1 - i])
                    fail_msg("seed %llu: a write may end at %lld, and another leads at %lld", (unsigned long long)seed,
                             (long long)world.writes_end_ms[1 - i], (long long)world.now_ms);
                if (budget > 0) gave_up[i] = false;
                if (budget > 0 && world.now_ms + budget > world.writes_end_ms[i]) world.writes_end_ms[i] = world.now_ms + budget;
            }
            int leader = first ? 0 : second ? 1 : -1;
            led_ms += leader >= 0 ? 10 : 0;
            if (leader >= 0 && last >= 0 && leader != last) takeovers++;
            if (leader >= 0) last = leader;
        }
        for (int i = 0; i < 2; i++) lease_release(&world.instances[i].lease);
        arena_release(&world.arena);
    }
    /* Not only safe: somebody leads most of the time, and they take turns. */
    assert_true(led_ms > 300LL * 120 * SECOND / 2);
    assert_true(takeovers > 300);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(an_absent_lease_is_created),
        TEST(a_leader_renews_each_period),
        TEST(another_is_waited_for_while_it_renews),
        TEST(what_is_not_renewed_is_taken),
        TEST(a_refused_take_over_is_tried_again_at_once),
        TEST(what_is_given_up_is_taken_at_once),
        TEST(the_records_own_duration_counts),
        TEST(another_that_is_faster_wins),
        TEST(a_leader_that_cannot_renew_stops_in_time),
        TEST(a_leader_that_is_not_answered_stops_in_time),
        TEST(a_leader_that_slept_may_not_write),
        TEST(an_old_answer_is_nothing_to_build_on),
        TEST(a_lost_acquisition_is_looked_for),
        TEST(a_leader_that_finds_another_stops_at_once),
        TEST(who_stands_by_again_leads_after_another),
        TEST(who_stands_by_again_leads_after_a_time_without_renewals),
        TEST(who_stands_by_again_and_gives_up_is_at_its_end),
        TEST(a_deleted_lease_is_made_anew),
        TEST(giving_up_lets_others_in_at_once),
        TEST(a_standby_gives_up_without_a_word),
        TEST(what_comes_while_giving_up_is_given_up_too),
        TEST(a_release_that_fails_is_not_repeated),
        TEST(a_release_after_a_lost_renewal_goes_through),
        TEST(no_write_goes_out_without_a_version),
        TEST(a_record_that_makes_no_sense_is_looked_at_again),
        cmocka_unit_test(two_never_write_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
