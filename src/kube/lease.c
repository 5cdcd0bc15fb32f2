#include "kube/lease.h"

#include <assert.h>

#include "data/rfc3339.h"
#include "kube/resource.h"

enum {
    TEXT_BYTES = 1024, /* of a resourceVersion, an identity, a time */
    MESSAGE_BYTES = 4096,
    JITTER_PARTS = 5, /* a fifth of the retry period */
    MOVES_MAX = 3,    /* looks at once after a record has moved; then a pause */
};

static const struct kube_resource leases = {
    .group = {"coordination.k8s.io", 19}, .version = {"v1", 2}, .plural = {"leases", 6}, .kind = {"Lease", 5}};

void lease_init(struct lease *lease, const struct lease_settings *settings, uint64_t seed) {
    assert(settings->duration_ms > settings->renew_deadline_ms && settings->renew_deadline_ms > settings->retry_period_ms);
    *lease = (struct lease){
        .settings = *settings,
        .random = {seed},
        .due_ms = INT64_MIN,
        .version = strbuf_with_max(TEXT_BYTES),
        .holder = strbuf_with_max(TEXT_BYTES),
        .acquired = strbuf_with_max(TEXT_BYTES),
        .message = strbuf_with_max(MESSAGE_BYTES),
    };
}

void lease_release(struct lease *lease) {
    strbuf_release(&lease->version);
    strbuf_release(&lease->holder);
    strbuf_release(&lease->acquired);
    strbuf_release(&lease->message);
}

static bool is_over(const struct lease *lease) {
    return lease->state == LEASE_LOST || lease->state == LEASE_RELEASED;
}

static bool is_ours(const struct lease *lease) {
    return lease->is_known && str_equal(strbuf_view(&lease->holder), lease->settings.identity);
}

static int64_t leading_until_ms(const struct lease *lease) {
    return lease->renewed_ms + lease->settings.renew_deadline_ms;
}

int64_t lease_write_budget_ms(const struct lease *lease, int64_t now_ms) {
    if (lease->state != LEASE_LEADING || lease->wants_release || now_ms >= leading_until_ms(lease)) return 0;
    return lease->renewed_ms + lease->settings.duration_ms - now_ms;
}

void lease_give_up(struct lease *lease) {
    bool may_become_ours = lease->pending == LEASE_CREATE || lease->pending == LEASE_PATCH;
    lease->wants_release = true;
    if (lease->state == LEASE_STANDBY && !may_become_ours) lease->state = LEASE_RELEASED;
}

/* ---- the record ---- */

static int64_t seconds_to_ms(const yyjson_val *value, int64_t fallback_ms) {
    int64_t seconds;
    bool is_sane = json_int64(value, &seconds) && seconds > 0 && seconds <= INT32_MAX;
    return is_sane ? seconds * 1000 : fallback_ms;
}

/* Seen at now_ms; what is as it was keeps the time since when it is so. */
static void take_record(struct lease *lease, struct str body, int64_t now_ms) {
    struct arena arena;
    arena_init(&arena, LIMIT_RECONCILE_ARENA_BYTES);
    const yyjson_val *object = json_parse(&arena, body, NULL), *spec = json_get(object, "spec");
    struct str version = json_text(json_path(object, "metadata", "resourceVersion", NULL));
    bool is_same = version.len && str_equal(version, strbuf_view(&lease->version));
    if (!is_same) lease->observed_ms = now_ms;
    strbuf_set(&lease->version, version);
    strbuf_set(&lease->holder, json_text(json_get(spec, "holderIdentity")));
    strbuf_set(&lease->acquired, json_text(json_get(spec, "acquireTime")));
    lease->record_duration_ms = seconds_to_ms(json_get(spec, "leaseDurationSeconds"), lease->settings.duration_ms);
    lease->transitions = 0;
    json_int64(json_get(spec, "leaseTransitions"), &lease->transitions);
    lease->is_known = lease->version.len && !lease->version.failed && !lease->holder.failed;
    lease->is_absent = false;
    arena_release(&arena);
}

static int64_t free_at_ms(const struct lease *lease) {
    return lease->holder.len && !is_ours(lease) ? lease->observed_ms + lease->record_duration_ms : INT64_MIN;
}

/* ---- bodies ---- */

/* The members of "spec" but for the braces. */
static void append_spec(const struct lease *lease, struct arena *arena, int64_t wall_ms, struct strbuf *out) {
    struct str now = rfc3339_format_ms(arena, wall_ms, RFC3339_MICROS);
    bool is_renewal = is_ours(lease) && lease->acquired.len;
    bool is_change = lease->is_known && !lease->is_absent && !is_ours(lease);
    int64_t transitions = is_change && lease->transitions < INT32_MAX ? lease->transitions + 1 : lease->transitions;
    strbuf_append(out, STR("\"holderIdentity\":"));
    json_write_text(out, lease->wants_release ? STR_EMPTY : lease->settings.identity);
    long long duration_s = lease->wants_release ? 1 : lease->settings.duration_ms / 1000;
    strbuf_printf(out, ",\"leaseDurationSeconds\":%lld,\"acquireTime\":", duration_s);
    json_write_text(out, is_renewal && !lease->wants_release ? strbuf_view(&lease->acquired) : now);
    strbuf_append(out, STR(",\"renewTime\":"));
    json_write_text(out, now);
    strbuf_printf(out, ",\"leaseTransitions\":%lld", (long long)transitions);
}

static struct str body_of(const struct lease *lease, enum lease_action_kind kind, struct arena *arena, int64_t wall_ms) {
    struct strbuf text = strbuf_with_max(4 * TEXT_BYTES);
    if (kind == LEASE_CREATE) {
        strbuf_append(&text, STR("{\"apiVersion\":\"coordination.k8s.io/v1\",\"kind\":\"Lease\",\"metadata\":{\"name\":"));
        json_write_text(&text, lease->settings.name);
    } else {
        strbuf_append(&text, STR("{\"metadata\":{\"resourceVersion\":"));
        json_write_text(&text, strbuf_view(&lease->version));
    }
    strbuf_append(&text, STR("},\"spec\":{"));
    append_spec(lease, arena, wall_ms, &text);
    strbuf_append(&text, STR("}}"));
    return strbuf_take(&text, arena);
}

/* ---- actions ---- */

/* A look first; what was seen may be taken where it is free, ours, or not there. */
static enum lease_action_kind what_to_send(const struct lease *lease, int64_t now_ms) {
    if (!lease->is_known) return LEASE_GET;
    if (lease->is_absent) return LEASE_CREATE;
    if (is_ours(lease)) return LEASE_PATCH;
    return now_ms >= free_at_ms(lease) ? LEASE_PATCH : LEASE_GET;
}

static void send(struct lease *lease, enum lease_action_kind kind, int64_t now_ms, int64_t wall_ms, struct arena *arena,
                 struct lease_action *out) {
    const struct kube_write_query query = {.field_manager = lease->settings.field_manager};
    const struct lease_settings *settings = &lease->settings;
    out->kind = lease->pending = kind;
    lease->is_releasing = lease->wants_release;
    lease->sent_ms = now_ms;
    /* Time for another attempt before the deadline. */
    out->timeout_ms = settings->renew_deadline_ms / 2;
    out->path = kind == LEASE_CREATE
                    ? kube_create_path(arena, &leases, settings->namespace, &query)
                    : kube_object_path(arena, &leases, settings->namespace, settings->name, STR_EMPTY, kind == LEASE_GET ? NULL : &query);
    if (kind != LEASE_GET) out->body = body_of(lease, kind, arena, wall_ms);
}

static void lose(struct lease *lease, enum kube_answer_kind trouble, struct str message) {
    lease->state = lease->settings.stands_by_again && !lease->wants_release ? LEASE_STANDBY : LEASE_LOST;
    lease->trouble = trouble;
    strbuf_set(&lease->message, message);
}

void lease_next_action(struct lease *lease, int64_t now_ms, int64_t wall_ms, struct arena *arena, struct lease_action *out) {
    *out = (struct lease_action){.kind = LEASE_WAIT, .until_ms = INT64_MAX};
    if (lease->state == LEASE_LEADING && now_ms >= leading_until_ms(lease)) {
        struct str why = lease->message.len ? arena_copy(arena, strbuf_view(&lease->message)) : STR("no time to renew it");
        lose(lease, lease->trouble ? lease->trouble : KUBE_TIMEOUT, why);
    }
    if (is_over(lease)) return;
    /* Only what is known to be ours is given up: without the version that lives, the server would refuse it, or take it whoever leads. */
    if (lease->pending == LEASE_WAIT && lease->wants_release) {
        send(lease, is_ours(lease) && lease->version.len ? LEASE_PATCH : LEASE_GET, now_ms, wall_ms, arena, out);
        return;
    }
    if (lease->pending == LEASE_WAIT && now_ms >= lease->due_ms) {
        send(lease, what_to_send(lease, now_ms), now_ms, wall_ms, arena, out);
        return;
    }
    out->until_ms = lease->pending == LEASE_WAIT ? lease->due_ms : INT64_MAX;
    if (lease->state == LEASE_LEADING && leading_until_ms(lease) < out->until_ms) out->until_ms = leading_until_ms(lease);
}

/* ---- answers ---- */

static void look_later(struct lease *lease, int64_t now_ms) {
    int64_t period_ms = lease->settings.retry_period_ms;
    lease->due_ms = now_ms + period_ms + (int64_t)number_random_below(&lease->random, (uint64_t)(period_ms / JITTER_PARTS) + 1);
    int64_t free_ms = lease->is_known && !lease->is_absent ? free_at_ms(lease) : INT64_MIN;
    if (free_ms > now_ms && free_ms < lease->due_ms) lease->due_ms = free_ms;
}

static void held(struct lease *lease, struct str body, int64_t now_ms) {
    int64_t sent_ms = lease->sent_ms;
    bool is_stale = lease->state == LEASE_STANDBY && now_ms - sent_ms >= lease->settings.renew_deadline_ms;
    take_record(lease, body, now_ms);
    lease->trouble = KUBE_OK;
    lease->moves = 0;
    strbuf_clear(&lease->message);
    if (lease->is_releasing) {
        lease->state = LEASE_RELEASED;
        return;
    }
    /* The answer was long under way, or this process stood still: it is to be renewed before anything is built on it. */
    if (is_stale) {
        lease->due_ms = now_ms;
        return;
    }
    lease->renewed_ms = sent_ms;
    lease->state = LEASE_LEADING;
    look_later(lease, now_ms);
}

/* What a look has found. Leading, and another holds it: there is nothing to wait for. */
static void seen(struct lease *lease, struct str body, int64_t now_ms) {
    take_record(lease, body, now_ms);
    lease->trouble = KUBE_OK;
    if (lease->wants_release && lease->state == LEASE_STANDBY && !is_ours(lease)) {
        lease->state = LEASE_RELEASED;
        return;
    }
    if (lease->wants_release && !(is_ours(lease) && lease->version.len)) {
        lose(lease, KUBE_SERVER_ERROR, STR("the answer is no Lease of ours"));
        return;
    }
    if (!lease->is_known) {
        look_later(lease, now_ms);
        return;
    }
    if (lease->state == LEASE_LEADING && !is_ours(lease)) {
        struct arena arena;
        arena_init(&arena, MESSAGE_BYTES);
        struct str holder = strbuf_view(&lease->holder);
        lose(lease, KUBE_CONFLICT, holder.len ? arena_printf(&arena, "%.*s holds it", STR_ARG(holder)) : STR("somebody has given it up"));
        arena_release(&arena);
    }
    if (is_over(lease)) return;
    if (is_ours(lease) || now_ms >= free_at_ms(lease))
        lease->due_ms = now_ms;
    else
        look_later(lease, now_ms);
}

static void failed(struct lease *lease, const struct kube_answer *answer, bool was_write, int64_t now_ms) {
    lease->trouble = answer->kind;
    strbuf_set(&lease->message, answer->message);
    /* Whatever became of a write, the record is not known any more; somebody else's lasts from when it was seen. */
    if (was_write) lease->is_known = false;
    if (lease->is_releasing)
        lease->state = LEASE_LOST;
    else if (lease->wants_release && lease->state == LEASE_STANDBY)
        lease->state = LEASE_RELEASED;
    else
        look_later(lease, now_ms);
}

void lease_answer(struct lease *lease, const struct kube_answer *answer, struct str body, int64_t now_ms) {
    enum lease_action_kind asked = lease->pending;
    lease->pending = LEASE_WAIT;
    if (asked == LEASE_WAIT || is_over(lease)) return;
    bool is_write = asked != LEASE_GET;
    if (answer->kind == KUBE_OK && is_write) {
        held(lease, body, now_ms);
    } else if (answer->kind == KUBE_OK) {
        seen(lease, body, now_ms);
    } else if (answer->kind == KUBE_NOT_FOUND && !is_write) {
        lease->is_known = lease->is_absent = true;
        strbuf_clear(&lease->version);
        strbuf_clear(&lease->holder);
        lease->transitions = 0;
        lease->due_ms = now_ms;
        if (lease->wants_release) lease->state = LEASE_RELEASED;
    } else {
        failed(lease, answer, is_write, now_ms);
        /* Another was faster, or the record moved: what it is now decides, not a pause. */
        bool has_moved = answer->kind == KUBE_CONFLICT || answer->kind == KUBE_ALREADY_EXISTS || answer->kind == KUBE_NOT_FOUND;
        lease->moves = is_write && has_moved ? lease->moves + 1 : 0;
        if (lease->moves && lease->moves <= MOVES_MAX && !is_over(lease)) lease->due_ms = now_ms;
        if (lease->moves > MOVES_MAX) lease->moves = 0;
    }
}
