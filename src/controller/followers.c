#include <malloc.h>

#include "controller/controller_inner.h"

enum {
    FORBIDDEN_PATIENCE_MS = 10 * 1000,
    TRIM_AFTER_MS = 2000,
};

struct follower *follower_of(struct scope *scope, size_t kind) {
    return kind == KIND_AXIS_BOOSTER ? &scope->boosters : &scope->children[kind];
}

const char *follower_kind_name(size_t kind) {
    return kind == KIND_AXIS_BOOSTER ? KIND_BOOSTER : child_kind_name((enum child_kind)kind);
}

/* Each of them: the children's and ModelBoosters' of every scope, then the ConfigMap's; NULL: there is no more. */
static struct follower *follower_at(struct controller *controller, size_t index) {
    size_t scope = index / (CHILD_KIND_COUNT + 1), kind = index % (CHILD_KIND_COUNT + 1);
    if (scope < controller->scope_count) return follower_of(&controller->scopes[scope], kind);
    return scope == controller->scope_count && kind == 0 ? &controller->config : NULL;
}

/* ---- the state of kinds ---- */

/*
 * An API server that has just started forbids everything until its RBAC caches are filled, and roles may be applied a moment after the
 * Deployment: meanwhile what was listed before stands, and what was not is not known.
 */
enum listwatch_state follower_state(const struct follower *follower) {
    enum listwatch_state state = follower->watcher.machine.state;
    bool is_patient = follower->patient_until_ms && loop_now_ms(follower->controller->loop) < follower->patient_until_ms;
    return state == LISTWATCH_FORBIDDEN && is_patient ? follower->before : state;
}

static enum kind_state kind_state_of(const struct follower *follower) {
    static const enum kind_state states[] = {
        [LISTWATCH_STARTING] = KIND_UNKNOWN,
        [LISTWATCH_SYNCED] = KIND_SYNCED,
        [LISTWATCH_NOT_INSTALLED] = KIND_NOT_INSTALLED,
        [LISTWATCH_FORBIDDEN] = KIND_FORBIDDEN,
    };
    enum kind_state known = states[follower_state(follower)];
    /* What was listed is of a former life of the server's storage. */
    return known == KIND_SYNCED && follower->watcher.machine.is_another_life ? KIND_UNKNOWN : known;
}

static enum kind_state kind_state(void *context, enum child_kind kind, struct str namespace) {
    const struct controller *controller = context;
    for (size_t i = 0; i < controller->scope_count; i++) {
        const struct scope *scope = &controller->scopes[i];
        if (scope->namespace.len && !str_equal(scope->namespace, namespace)) continue;
        bool are_models_known = !scope->boosters.watcher.machine.is_another_life;
        bool are_others_known = controller->are_children_followed && are_models_known && images_are_known(controller);
        return are_others_known ? kind_state_of(&scope->children[kind]) : KIND_UNKNOWN;
    }
    return KIND_UNKNOWN;
}

static struct str told(void *context, enum child_kind kind, struct str namespace) {
    const struct controller *controller = context;
    for (size_t i = 0; i < controller->scope_count; i++) {
        const struct scope *scope = &controller->scopes[i];
        if (scope->namespace.len == 0 || str_equal(scope->namespace, namespace))
            return strbuf_view(&scope->children[kind].watcher.machine.version);
    }
    return STR_EMPTY;
}

static bool is_every_kind_known(const struct controller *controller) {
    for (size_t i = 0; i < controller->scope_count; i++) {
        for (int kind = 0; kind < CHILD_KIND_COUNT; kind++) {
            if (follower_state(&controller->scopes[i].children[kind]) == LISTWATCH_STARTING) return false;
        }
    }
    return controller->are_children_followed;
}

void followers_go_on(struct controller *controller) {
    if (controller->are_children_followed || !images_are_known(controller) || !controller->are_definitions_known) return;
    for (size_t i = 0; i < controller->scope_count; i++) {
        if (follower_state(&controller->scopes[i].boosters) == LISTWATCH_STARTING) return;
    }
    controller->are_children_followed = true;
    for (size_t i = 0; i < controller->scope_count; i++) {
        for (int kind = 0; kind < CHILD_KIND_COUNT; kind++) watcher_start(&controller->scopes[i].children[kind].watcher);
    }
}

/* The kinds that are not installed, or forbidden: "ModelBooster,ModelRoute"; of several scopes, those of the first that lacks any. */
static struct str unlisted_kinds(struct controller *controller) {
    struct str kinds = STR_EMPTY;
    for (size_t i = 0; i < controller->scope_count && !kinds.len; i++) {
        const struct scope *scope = &controller->scopes[i];
        if (scope->boosters.watcher.machine.state != LISTWATCH_SYNCED) kinds = STR(KIND_BOOSTER);
        for (int kind = 0; kind < CHILD_KIND_COUNT; kind++) {
            if (scope->children[kind].watcher.machine.state == LISTWATCH_SYNCED) continue;
            kinds =
                arena_printf(&controller->arena, "%.*s%s%s", STR_ARG(kinds), kinds.len ? "," : "", child_kind_name((enum child_kind)kind));
        }
    }
    return kinds;
}

static void tell_in_step(struct controller *controller) {
    controller->is_in_step = true;
    log_write(&controller->log, LOG_INFO, "in step with the cluster",
              LOG_FIELDS({"models", arena_printf(&controller->arena, "%u", HASH_COUNT(controller->store.boosters))},
                         {"not_listed", unlisted_kinds(controller)}));
    loop_timer_set(controller->trim, loop_now_ms(controller->loop) + TRIM_AFTER_MS);
}

void followers_begin_work(struct controller *controller) {
    if (!controller->reconciler.is_holding || !is_every_kind_known(controller)) return;
    if (!controller->is_in_step) tell_in_step(controller);
    if (controller_is_leading(controller)) reconciler_begin_work(&controller->reconciler);
}

/* ---- sweeping ---- */

static bool is_of_scope(const struct follower *follower, struct str namespace) {
    return follower->scope->namespace.len == 0 || str_equal(follower->scope->namespace, namespace);
}

static bool is_gone(const struct follower *follower, struct str namespace, uint32_t round, struct str version) {
    const struct listwatch *machine = &follower->watcher.machine;
    if (machine->state == LISTWATCH_NOT_INSTALLED) return is_of_scope(follower, namespace);
    /* What an answer told us of after the list was made is newer than the list. */
    bool is_listed = round == (uint32_t)machine->generation || store_is_newer_version(version, strbuf_view(&machine->version));
    return !is_listed && is_of_scope(follower, namespace);
}

static void sweep_boosters(struct follower *follower) {
    struct reconciler *reconciler = &follower->controller->reconciler;
    struct booster_entry *entry, *next;
    HASH_ITER(hh, reconciler->store->boosters, entry, next) {
        struct str version = entry->is_of_former_life ? STR_EMPTY : entry->resource_version;
        if (is_gone(follower, entry->namespace, entry->list_round, version)) reconciler_forget_booster(reconciler, entry);
    }
}

static void sweep_children(struct follower *follower) {
    struct reconciler *reconciler = &follower->controller->reconciler;
    struct child_entry *entry, *next;
    HASH_ITER(hh, reconciler->store->children[follower->kind], entry, next) {
        struct str version = entry->is_of_former_life ? STR_EMPTY : entry->record.resource_version;
        if (is_gone(follower, entry->record.namespace, entry->list_round, version)) reconciler_forget_child(reconciler, entry);
    }
}

static void sweep(struct follower *follower) {
    if (follower->kind == CHILD_KIND_COUNT)
        sweep_boosters(follower);
    else
        sweep_children(follower);
}

/* ---- another life of the server's storage ---- */

/* What is known was true once: a list replaces it whatever its versions are, and what is not in that has never been. */
static void part_with_records(const struct follower *follower) {
    struct store *store = follower->controller->reconciler.store;
    struct booster_entry *booster, *next_booster;
    struct child_entry *child, *next_child;
    if (!follower->scope) return; /* of the ConfigMap nothing is kept but the images */
    if (follower->kind == CHILD_KIND_COUNT) {
        HASH_ITER(hh, store->boosters, booster, next_booster) booster->is_of_former_life |= is_of_scope(follower, booster->namespace);
        return;
    }
    HASH_ITER(hh, store->children[follower->kind], child, next_child) {
        child->is_of_former_life |= is_of_scope(follower, child->record.namespace);
    }
}

/*
 * One kind's list has noticed it; the others might not: their versions may have been reached anew, and a watch from there be accepted that
 * has missed what came before.
 */
static void tell_the_others(struct follower *first) {
    struct controller *controller = first->controller;
    struct follower *follower;
    controller->life++;
    log_write(&controller->log, LOG_WARN, "the server's storage was set back, as by a restore: what is known is taken in anew",
              LOG_FIELDS({"noticed_by", first->watcher.machine.settings.resource.kind}));
    for (size_t i = 0; (follower = follower_at(controller, i)) != NULL; i++) {
        if (follower == first) continue;
        part_with_records(follower);
        watcher_begin_life(&follower->watcher);
    }
}

static void begin_life(struct follower *follower) {
    struct controller *controller = follower->controller;
    if (follower->life == controller->life) tell_the_others(follower);
    follower->life = controller->life;
    follower->is_life_begun = true;
    part_with_records(follower);
}

/* ---- objects ---- */

/* Known objects are kept up to date as long as they do not grow the store without end; new ones wait until there is room. */
static bool has_room(const struct follower *follower, const yyjson_val *object) {
    struct store *store = follower->controller->reconciler.store;
    struct str namespace = json_text(json_path(object, "metadata", "namespace", NULL));
    struct str name = json_text(json_path(object, "metadata", "name", NULL));
    if (store->bytes < LIMIT_STORE_BYTES) return true;
    if (store->bytes >= LIMIT_STORE_BYTES + LIMIT_STORE_BYTES / 8) return false;
    return follower->kind == CHILD_KIND_COUNT ? store_booster(store, namespace, name) != NULL
                                              : store_child(store, follower->kind, namespace, name) != NULL;
}

/* Something was left out: it is looked for again from the start. */
static void run_short(struct follower *follower) {
    follower->is_short = false;
    watcher_refuse(&follower->watcher, "there is more than this controller keeps; give it fewer namespaces with --namespace");
}

static void upsert(struct follower *follower, const struct listwatch_event *event) {
    struct reconciler *reconciler = &follower->controller->reconciler;
    if (!has_room(follower, event->object)) {
        follower->is_short = true;
        /* A list goes on to its end, which tells what is gone; a watch has none. */
        if (follower->watcher.machine.phase != LISTWATCH_PHASE_PAGE) run_short(follower);
        return;
    }
    uint32_t round = (uint32_t)event->generation;
    if (follower->kind == CHILD_KIND_COUNT)
        reconciler_observe_booster(reconciler, event->object, round);
    else
        reconciler_observe_child(reconciler, follower->kind, event->object, round);
}

static void forget(struct follower *follower, const yyjson_val *object) {
    struct reconciler *reconciler = &follower->controller->reconciler;
    struct str namespace = json_text(json_path(object, "metadata", "namespace", NULL));
    struct str name = json_text(json_path(object, "metadata", "name", NULL));
    struct str uid = json_text(json_path(object, "metadata", "uid", NULL));
    if (follower->kind == CHILD_KIND_COUNT) {
        struct booster_entry *entry = store_booster(reconciler->store, namespace, name);
        if (entry && str_equal(entry->uid, uid)) reconciler_forget_booster(reconciler, entry);
        return;
    }
    struct child_entry *entry = store_child(reconciler->store, follower->kind, namespace, name);
    if (entry && str_equal(entry->record.uid, uid)) reconciler_forget_child(reconciler, entry);
}

/* What a person can do about it; empty where waiting is all. */
static struct str remedy_of(enum kube_answer_kind kind) {
    switch (kind) {
    case KUBE_KIND_MISSING_MAYBE: return STR("install its definition: Kthena's, or kubectl apply -k deploy/crds");
    case KUBE_FORBIDDEN: return STR("compare its rights with deploy/rbac.yaml");
    case KUBE_UNAUTHORIZED: return STR("the server does not know these credentials: check the kubeconfig's user, or the pod's token");
    default: return STR_EMPTY;
    }
}

void follower_tell_trouble(const struct follower *follower, const char *kind, const struct kube_answer *trouble) {
    struct credentials *credentials = follower->controller->connection->credentials;
    if (trouble->kind == KUBE_UNAUTHORIZED && credentials) credentials_rejected(credentials);
    log_write(&follower->controller->log, trouble->kind == KUBE_EXPIRED ? LOG_DEBUG : LOG_WARN, "watch interrupted, retrying",
              LOG_FIELDS({"kind", str_of(kind)}, {"namespace", follower->scope ? follower->scope->namespace : STR_EMPTY},
                         {"answer", str_of(kube_answer_kind_name(trouble->kind))}, {"message", trouble->message},
                         {"remedy", remedy_of(trouble->kind)}));
}

/* ---- forbidden, for a moment or for good ---- */

/* A follower's state is another, or is one no longer for a moment only. */
static void go_on(struct controller *controller) {
    followers_go_on(controller);
    followers_begin_work(controller);
    reconciler_enqueue_all(&controller->reconciler);
}

static void set_patience(struct controller *controller, int64_t until_ms) {
    if (controller->patience_ms && controller->patience_ms <= until_ms) return;
    controller->patience_ms = until_ms;
    loop_timer_set(controller->forbidden, until_ms);
}

static void be_patient(struct follower *follower) {
    follower->patient_until_ms = loop_now_ms(follower->controller->loop) + FORBIDDEN_PATIENCE_MS;
    set_patience(follower->controller, follower->patient_until_ms);
}

static void ask_anew(struct follower *follower) {
    follower->is_asked_anew = true;
    be_patient(follower);
    watcher_hurry(&follower->watcher);
}

/* The last answer may be as old as a back-off: it is asked for once more before it is believed. */
static void on_patience_over(void *owner) {
    struct controller *controller = owner;
    struct follower *follower;
    int64_t now_ms = loop_now_ms(controller->loop);
    controller->patience_ms = 0;
    for (size_t i = 0; (follower = follower_at(controller, i)) != NULL; i++) {
        bool is_over = follower->patient_until_ms && follower->patient_until_ms <= now_ms;
        if (is_over && !follower->is_asked_anew)
            ask_anew(follower);
        else if (is_over)
            follower->patient_until_ms = 0;
        else if (follower->patient_until_ms)
            set_patience(controller, follower->patient_until_ms);
    }
    go_on(controller);
}

static void on_forbidden(void *context) {
    struct follower *follower = context;
    if (!follower->is_asked_anew) return;
    follower->is_asked_anew = false;
    follower->patient_until_ms = 0;
    go_on(follower->controller);
}

/*
 * The server answers one of them again: the others need not wait for their back-off. Rights come together, so what was forbidden for good
 * is not known until it was asked for anew.
 */
static void hurry_the_others(struct follower *first) {
    struct controller *controller = first->controller;
    struct follower *follower;
    for (size_t i = 0; (follower = follower_at(controller, i)) != NULL; i++) {
        if (follower == first) continue;
        watcher_hurry(&follower->watcher);
        if (follower_state(follower) != LISTWATCH_FORBIDDEN) continue;
        follower->before = LISTWATCH_STARTING;
        ask_anew(follower);
    }
}

/* The machine's state may change with an event, or when a watch is accepted again, long before its first one. */
void follower_take_state(struct follower *follower) {
    struct controller *controller = follower->controller;
    if (follower->watcher.machine.state == follower->state) return;
    follower->before = follower->state;
    follower->state = follower->watcher.machine.state;
    follower->patient_until_ms = 0;
    follower->is_asked_anew = false;
    if (follower->state == LISTWATCH_FORBIDDEN) be_patient(follower);
    if (follower->state == LISTWATCH_NOT_INSTALLED && follower->scope) sweep(follower);
    if (follower->state == LISTWATCH_SYNCED && follower->scope) definitions_read(&controller->definitions);
    go_on(controller);
}

/* ---- events ---- */

void follower_begin_list(struct follower *follower, const struct listwatch_event *event) {
    if (event->is_another_life) begin_life(follower);
    /* Before its first object makes work. */
    if (follower->watcher.troubled_ms) hurry_the_others(follower);
}

static void on_event(void *context, const struct listwatch_event *event) {
    struct follower *follower = context;
    switch (event->kind) {
    case LISTWATCH_UPSERT: upsert(follower, event); break;
    case LISTWATCH_DELETE: forget(follower, event->object); break;
    case LISTWATCH_LIST_END:
        sweep(follower);
        if (follower->is_life_begun) reconciler_enqueue_all(&follower->controller->reconciler);
        follower->is_life_begun = false;
        if (follower->is_short) run_short(follower);
        /* A definition that changes ends its watches and makes them list anew. */
        if (event->generation > 1) definitions_read(&follower->controller->definitions);
        break;
    case LISTWATCH_TROUBLE: follower_tell_trouble(follower, follower_kind_name(follower->kind), event->trouble); break;
    case LISTWATCH_LIST_BEGIN: follower_begin_list(follower, event); break;
    case LISTWATCH_BOOKMARK: break;
    }
    follower_take_state(follower);
}

/* Writes that failed while the server was away need not wait for their back-off either. */
static void on_recovered(void *context) {
    struct follower *follower = context;
    hurry_the_others(follower);
    follower_take_state(follower);
    reconciler_hurry(&follower->controller->reconciler);
}

/* ---- start and stop ---- */

/* What lists took and left lies scattered among what is kept of them; by now their watches are open. */
static void on_trim(void *owner) {
    (void)owner;
    malloc_trim(0);
}

bool follower_init(struct follower *follower, const struct listwatch_settings *settings, watcher_event_fn *on_told, size_t telemetry_kind) {
    struct controller *controller = follower->controller;
    struct watcher *watcher = &follower->watcher;
    if (!watcher_init(watcher, controller->loop, controller->connection->client.http, settings, number_random_next(&controller->random),
                      on_told, follower))
        return false;
    watcher->on_recovered = on_recovered;
    watcher->on_forbidden = on_forbidden;
    watcher->telemetry = &controller->telemetry;
    watcher->telemetry_kind = telemetry_kind;
    return true;
}

static bool follow_kind(struct controller *controller, struct follower *follower, struct scope *scope, enum child_kind kind) {
    bool is_booster = kind == CHILD_KIND_COUNT;
    *follower = (struct follower){.controller = controller, .scope = scope, .kind = kind};
    struct listwatch_settings settings = {
        .resource = {.group = str_of(is_booster ? GROUP_WORKLOAD : child_kind_group(kind)),
                     .version = STR(API_VERSION),
                     .plural = str_of(is_booster ? PLURAL_BOOSTER : child_kind_plural(kind)),
                     .kind = str_of(follower_kind_name(follower->kind))},
        .namespace = scope->namespace,
        .is_scout = is_booster && scope == controller->scopes,
    };
    return follower_init(follower, &settings, on_event, kind);
}

/* Each namespace once: two that follow the same would sweep away what only the other has seen. */
static void list_namespaces(struct controller *controller) {
    const struct controller_options *options = controller->options;
    for (size_t i = 0; i < options->namespace_count; i++) {
        struct str namespace = str_of(options->namespaces[i]);
        size_t at = 0;
        while (at < controller->scope_count && !str_equal(controller->scopes[at].namespace, namespace)) at++;
        if (at == controller->scope_count) controller->scopes[controller->scope_count++].namespace = namespace;
    }
    if (controller->scope_count == 0) controller->scopes[controller->scope_count++].namespace = STR_EMPTY;
}

bool followers_init(struct controller *controller) {
    controller->reconciler.kind_state = kind_state;
    controller->reconciler.told = told;
    controller->forbidden = loop_timer_new(controller->loop, on_patience_over, controller);
    controller->trim = loop_timer_new(controller->loop, on_trim, controller);
    if (!controller->forbidden || !controller->trim) return false;
    controller->scopes = arena_array(&controller->arena, controller->options->namespace_count + 1, sizeof *controller->scopes);
    if (!controller->scopes) return false;
    list_namespaces(controller);
    for (size_t i = 0; i < controller->scope_count; i++) {
        struct scope *scope = &controller->scopes[i];
        if (!follow_kind(controller, &scope->boosters, scope, CHILD_KIND_COUNT)) return false;
        for (int kind = 0; kind < CHILD_KIND_COUNT; kind++) {
            if (!follow_kind(controller, &scope->children[kind], scope, (enum child_kind)kind)) return false;
        }
    }
    return true;
}

void followers_release(struct controller *controller) {
    for (size_t i = 0; controller->scopes && i < controller->scope_count; i++) {
        watcher_release(&controller->scopes[i].boosters.watcher);
        for (int kind = 0; kind < CHILD_KIND_COUNT; kind++) watcher_release(&controller->scopes[i].children[kind].watcher);
    }
    loop_timer_free(controller->forbidden);
    loop_timer_free(controller->trim);
}

void followers_start(struct controller *controller) {
    for (size_t i = 0; i < controller->scope_count; i++) watcher_start(&controller->scopes[i].boosters.watcher);
}
