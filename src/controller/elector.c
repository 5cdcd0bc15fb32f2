#include "controller/elector.h"

enum { ACTION_ARENA_BYTES = 64 * 1024, HOLDER_BYTES = 1024 };

static void turn(void *owner);

static void on_timer(void *owner) {
    loop_deferred_call(((struct elector *)owner)->turn);
}

bool elector_init(struct elector *elector, struct loop *loop, struct client *client, struct events *events, const struct log *log,
                  const struct lease_settings *settings, uint64_t seed) {
    elector->loop = loop;
    elector->client = client;
    elector->events = events;
    elector->log = log;
    elector->told_holder = strbuf_with_max(HOLDER_BYTES);
    lease_init(&elector->lease, settings, seed);
    elector->timer = loop_timer_new(loop, on_timer, elector);
    elector->turn = loop_deferred_new(loop, turn, elector);
    return elector->timer && elector->turn;
}

void elector_release(struct elector *elector) {
    if (!elector->loop) return;
    loop_timer_free(elector->timer);
    loop_deferred_free(elector->turn);
    lease_release(&elector->lease);
    strbuf_release(&elector->told_holder);
}

static int64_t budget_ms(void *context) {
    const struct elector *elector = context;
    return lease_write_budget_ms(&elector->lease, loop_now_ms(elector->loop));
}

void elector_start(struct elector *elector) {
    elector->client->budget_ms = budget_ms;
    elector->client->budget_context = elector;
    log_write(elector->log, LOG_INFO, "standing by until the lease is free",
              LOG_FIELDS({"lease", elector->lease.settings.name}, {"namespace", elector->lease.settings.namespace},
                         {"identity", elector->lease.settings.identity}));
    loop_deferred_call(elector->turn);
}

void elector_give_up(struct elector *elector) {
    lease_give_up(&elector->lease);
    loop_deferred_call(elector->turn);
}

/* ---- what is told ---- */

/* As client-go's leaderelection does, so that `kubectl describe lease` shows who took it when. */
static void tell_leading(struct elector *elector) {
    struct arena arena;
    const struct lease_settings *settings = &elector->lease.settings;
    arena_init(&arena, ACTION_ARENA_BYTES);
    const struct event_about about = {STR("coordination.k8s.io/v1"), STR("Lease"), settings->namespace, settings->name, STR_EMPTY};
    events_tell(elector->events, &about, EVENT_LEADER, arena_printf(&arena, "%.*s became leader", STR_ARG(settings->identity)));
    log_write(elector->log, LOG_INFO, "leading", LOG_FIELDS({"lease", settings->name}, {"identity", settings->identity}));
    arena_release(&arena);
}

static void tell_holder(struct elector *elector) {
    struct str holder = strbuf_view(&elector->lease.holder);
    bool is_other = holder.len && !str_equal(holder, elector->lease.settings.identity);
    if (elector->lease.state != LEASE_STANDBY || !is_other || str_equal(holder, strbuf_view(&elector->told_holder))) return;
    strbuf_set(&elector->told_holder, holder);
    log_write(elector->log, LOG_INFO, "another leads",
              LOG_FIELDS({"lease", elector->lease.settings.name}, {"holder", holder},
                         {"remedy", str_is(holder, ELECTION_STANDALONE) ? STR("start standalone with --no-controller for this one to work")
                                                                        : STR_EMPTY}));
}

static void tell_change(struct elector *elector) {
    tell_holder(elector);
    if (elector->told == elector->lease.state) return;
    elector->told = elector->lease.state;
    if (elector->told == LEASE_LEADING) {
        strbuf_clear(&elector->told_holder);
        tell_leading(elector);
    } else if (elector->told == LEASE_STANDBY) {
        log_write(elector->log, LOG_WARN, "the lease is lost, standing by",
                  LOG_FIELDS({"lease", elector->lease.settings.name}, {"message", strbuf_view(&elector->lease.message)}));
    }
    elector->on_change(elector->context);
}

static void complain(struct elector *elector) {
    enum kube_answer_kind trouble = elector->lease.trouble;
    bool is_race = trouble == KUBE_CONFLICT || trouble == KUBE_ALREADY_EXISTS || trouble == KUBE_NOT_FOUND;
    if (trouble == elector->complained || is_race) return;
    elector->complained = trouble;
    if (trouble == KUBE_OK) return;
    log_write(elector->log, LOG_WARN, "the lease cannot be had at the moment, retrying",
              LOG_FIELDS({"lease", elector->lease.settings.name}, {"namespace", elector->lease.settings.namespace},
                         {"answer", str_of(kube_answer_kind_name(trouble))}, {"message", strbuf_view(&elector->lease.message)},
                         {"remedy", trouble == KUBE_FORBIDDEN
                                        ? STR("compare its rights with deploy/rbac.yaml, or run one alone with --leader-elect=false")
                                        : STR_EMPTY}));
}

/* ---- requests ---- */

static void on_answer(void *context, const struct kube_answer *answer, struct strbuf *body) {
    struct elector *elector = context;
    lease_answer(&elector->lease, answer, strbuf_view(body), loop_now_ms(elector->loop));
    complain(elector);
    loop_deferred_call(elector->turn);
}

static void perform(struct elector *elector, const struct lease_action *action) {
    static const struct {
        const char *method;
        enum client_content content;
    } wire[] = {
        [LEASE_GET] = {"GET", CONTENT_NONE}, [LEASE_CREATE] = {"POST", CONTENT_JSON}, [LEASE_PATCH] = {"PATCH", CONTENT_MERGE_PATCH}};
    const struct client_request request = {
        .method = wire[action->kind].method,
        .path = action->path,
        .content = wire[action->kind].content,
        .body = action->body,
        .deadline_ms = (int)action->timeout_ms,
        .needs_no_budget = true,
    };
    bool is_sent = action->path.len && client_send(elector->client, &request, on_answer, elector);
    if (is_sent) return;
    const struct kube_answer none = {.kind = KUBE_NOT_SENT, .message = STR("out of memory")};
    lease_answer(&elector->lease, &none, STR_EMPTY, loop_now_ms(elector->loop));
}

static void turn(void *owner) {
    struct elector *elector = owner;
    struct lease_action action;
    struct arena arena;
    arena_init(&arena, ACTION_ARENA_BYTES);
    lease_next_action(&elector->lease, loop_now_ms(elector->loop), loop_wall_ms(elector->loop), &arena, &action);
    if (action.kind != LEASE_WAIT) {
        perform(elector, &action);
        loop_deferred_call(elector->turn); /* the deadline for it */
    } else if (action.until_ms < INT64_MAX) {
        loop_timer_set(elector->timer, action.until_ms);
    }
    arena_release(&arena);
    tell_change(elector);
}
