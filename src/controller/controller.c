#include "controller/controller.h"

#include <stdlib.h>

#include "controller/connect.h"
#include "controller/definitions.h"
#include "controller/events.h"
#include "controller/reconciler.h"
#include "controller/watcher.h"
#include "io/entropy.h"

enum {
    STOP_PATIENCE_MS = 10 * 1000,
    FORBIDDEN_PATIENCE_MS = 10 * 1000,
    RESYNC_MS = 10 * 60 * 60 * 1000,
    CONTROLLER_ARENA_BYTES = 4 * 1024 * 1024
};

/* One kind followed in one scope. */
struct follower {
    struct controller *controller;
    struct scope *scope;
    enum child_kind kind;       /* CHILD_KIND_COUNT: ModelBoosters */
    enum listwatch_state state; /* as last seen */
    int64_t forbidden_ms;       /* since when a list that was there is forbidden; 0: it is not, or never was there */
    struct watcher watcher;
};

/* One namespace, or all. */
struct scope {
    struct str namespace;
    struct follower boosters;
    struct follower children[CHILD_KIND_COUNT];
};

struct controller {
    const struct controller_options *options;
    struct log log;
    struct arena arena; /* lives as long as the controller */
    struct loop *loop;
    struct connection *connection;
    controller_stopped_fn *stopped; /* NULL: it has been called */
    void *owner;
    struct store store;
    struct reconciler reconciler;
    struct number_random random;
    struct definitions definitions;
    struct scope *scopes;
    size_t scope_count;
    struct follower config; /* the image ConfigMap */
    struct strbuf downloader_image, runtime_image;
    struct strbuf dropped_fields; /* as last told */
    bool has_config_watch, is_config_known, are_definitions_known;
    bool is_config_listed; /* by the list under way */
    bool are_children_followed;
    struct loop_timer *resync, *stop_limit, *forbidden;
    struct loop_deferred *begin; /* where there are no credentials to wait for */
};

/* ---- the state of kinds ---- */

/* An API server that has just restarted forbids everything until its RBAC caches are filled: what was listed before stands meanwhile. */
static bool is_forbidden_for_a_moment(const struct follower *follower) {
    return follower->forbidden_ms && loop_now_ms(follower->controller->loop) - follower->forbidden_ms < FORBIDDEN_PATIENCE_MS;
}

static enum kind_state kind_state_of(const struct follower *follower) {
    static const enum kind_state states[] = {
        [LISTWATCH_STARTING] = KIND_UNKNOWN,
        [LISTWATCH_SYNCED] = KIND_SYNCED,
        [LISTWATCH_NOT_INSTALLED] = KIND_NOT_INSTALLED,
        [LISTWATCH_FORBIDDEN] = KIND_FORBIDDEN,
    };
    enum listwatch_state state = follower->watcher.machine.state;
    return state == LISTWATCH_FORBIDDEN && is_forbidden_for_a_moment(follower) ? KIND_SYNCED : states[state];
}

static enum kind_state kind_state(void *context, enum child_kind kind, struct str namespace) {
    const struct controller *controller = context;
    for (size_t i = 0; i < controller->scope_count; i++) {
        const struct scope *scope = &controller->scopes[i];
        if (scope->namespace.len && !str_equal(scope->namespace, namespace)) continue;
        return controller->are_children_followed ? kind_state_of(&scope->children[kind]) : KIND_UNKNOWN;
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
            if (controller->scopes[i].children[kind].watcher.machine.state == LISTWATCH_STARTING) return false;
        }
    }
    return controller->are_children_followed;
}

/* Children are judged as they arrive, so ModelBoosters, images and definitions come first. */
static void follow_children_when_ready(struct controller *controller) {
    if (controller->are_children_followed || !controller->is_config_known || !controller->are_definitions_known) return;
    for (size_t i = 0; i < controller->scope_count; i++) {
        if (controller->scopes[i].boosters.watcher.machine.state == LISTWATCH_STARTING) return;
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

static void begin_work_when_ready(struct controller *controller) {
    if (!controller->reconciler.is_holding || !is_every_kind_known(controller)) return;
    log_write(&controller->log, LOG_INFO, "in step with the cluster",
              LOG_FIELDS({"models", arena_printf(&controller->arena, "%u", HASH_COUNT(controller->store.boosters))},
                         {"not_listed", unlisted_kinds(controller)}));
    reconciler_begin_work(&controller->reconciler);
}

/* ---- sweeping ---- */

static bool is_gone(const struct follower *follower, struct str namespace, uint32_t round, struct str version) {
    const struct scope *scope = follower->scope;
    bool is_of_scope = scope->namespace.len == 0 || str_equal(scope->namespace, namespace);
    const struct listwatch *machine = &follower->watcher.machine;
    if (machine->state == LISTWATCH_NOT_INSTALLED) return is_of_scope;
    /* What an answer told us of after the list was made is newer than the list. */
    return is_of_scope && round != (uint32_t)machine->generation && !store_is_newer_version(version, strbuf_view(&machine->version));
}

static void sweep_boosters(struct follower *follower) {
    struct reconciler *reconciler = &follower->controller->reconciler;
    struct booster_entry *entry, *next;
    HASH_ITER(hh, reconciler->store->boosters, entry, next) {
        if (is_gone(follower, entry->namespace, entry->list_round, entry->resource_version)) reconciler_forget_booster(reconciler, entry);
    }
}

static void sweep_children(struct follower *follower) {
    struct reconciler *reconciler = &follower->controller->reconciler;
    struct child_entry *entry, *next;
    HASH_ITER(hh, reconciler->store->children[follower->kind], entry, next) {
        if (is_gone(follower, entry->record.namespace, entry->list_round, entry->record.resource_version)) {
            reconciler_forget_child(reconciler, entry);
        }
    }
}

static void sweep(struct follower *follower) {
    if (follower->kind == CHILD_KIND_COUNT)
        sweep_boosters(follower);
    else
        sweep_children(follower);
}

/* ---- events ---- */

static void upsert(struct follower *follower, const struct listwatch_event *event) {
    struct reconciler *reconciler = &follower->controller->reconciler;
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

static const char *follower_kind(const struct follower *follower) {
    return follower->kind == CHILD_KIND_COUNT ? KIND_BOOSTER : child_kind_name(follower->kind);
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

static void tell_trouble(const struct follower *follower, const char *kind, const struct kube_answer *trouble) {
    struct credentials *credentials = follower->controller->connection->credentials;
    if (trouble->kind == KUBE_UNAUTHORIZED && credentials) credentials_rejected(credentials);
    log_write(&follower->controller->log, trouble->kind == KUBE_EXPIRED ? LOG_DEBUG : LOG_WARN, "watch interrupted, retrying",
              LOG_FIELDS({"kind", str_of(kind)}, {"namespace", follower->scope ? follower->scope->namespace : STR_EMPTY},
                         {"answer", str_of(kube_answer_kind_name(trouble->kind))}, {"message", trouble->message},
                         {"remedy", remedy_of(trouble->kind)}));
}

static void on_state_change(struct follower *follower) {
    struct controller *controller = follower->controller;
    bool was_synced = follower->state == LISTWATCH_SYNCED;
    follower->state = follower->watcher.machine.state;
    follower->forbidden_ms = was_synced && follower->state == LISTWATCH_FORBIDDEN ? loop_now_ms(controller->loop) : 0;
    if (follower->forbidden_ms) loop_timer_set(controller->forbidden, follower->forbidden_ms + FORBIDDEN_PATIENCE_MS);
    if (follower->state == LISTWATCH_NOT_INSTALLED) sweep(follower);
    if (follower->state == LISTWATCH_SYNCED) definitions_read(&controller->definitions);
    follow_children_when_ready(controller);
    begin_work_when_ready(controller);
    reconciler_enqueue_all(&controller->reconciler);
}

static void on_event(void *context, const struct listwatch_event *event) {
    struct follower *follower = context;
    switch (event->kind) {
    case LISTWATCH_UPSERT: upsert(follower, event); break;
    case LISTWATCH_DELETE: forget(follower, event->object); break;
    case LISTWATCH_LIST_END:
        sweep(follower);
        /* A definition that changes ends its watches and makes them list anew. */
        if (event->generation > 1) definitions_read(&follower->controller->definitions);
        break;
    case LISTWATCH_TROUBLE: tell_trouble(follower, follower_kind(follower), event->trouble); break;
    case LISTWATCH_LIST_BEGIN:
    case LISTWATCH_BOOKMARK: break;
    }
    if (follower->watcher.machine.state != follower->state) on_state_change(follower);
}

/* Writes that failed while the server was away need not wait for their back-off. */
static void on_recovered(void *context) {
    reconciler_hurry(&((struct follower *)context)->controller->reconciler);
}

/* ---- images ---- */

static bool replace_text(struct strbuf *text, struct str value) {
    if (str_equal(strbuf_view(text), value)) return false;
    strbuf_clear(text);
    strbuf_append(text, value);
    return true;
}

static void set_images(struct controller *controller, const yyjson_val *config_map) {
    const struct controller_options *options = controller->options;
    struct str downloader = settings_image(options->downloader_image, config_map, CONFIG_KEY_DOWNLOADER, DEFAULT_DOWNLOADER_IMAGE);
    struct str runtime = settings_image(options->runtime_image, config_map, CONFIG_KEY_RUNTIME, DEFAULT_RUNTIME_IMAGE);
    bool is_changed = replace_text(&controller->downloader_image, downloader);
    is_changed |= replace_text(&controller->runtime_image, runtime);
    struct images *images = &controller->reconciler.settings.machine.generate.images;
    *images = (struct images){strbuf_view(&controller->downloader_image), strbuf_view(&controller->runtime_image)};
    if (!is_changed) return;
    log_write(&controller->log, LOG_INFO, "images", LOG_FIELDS({"downloader", downloader}, {"runtime", runtime}));
    reconciler_enqueue_all(&controller->reconciler);
}

static void know_config(struct controller *controller) {
    controller->is_config_known = true;
    follow_children_when_ready(controller);
}

static void on_config_event(void *context, const struct listwatch_event *event) {
    struct follower *follower = context;
    struct controller *controller = follower->controller;
    switch (event->kind) {
    case LISTWATCH_LIST_BEGIN: controller->is_config_listed = false; break;
    case LISTWATCH_UPSERT:
        controller->is_config_listed = true;
        set_images(controller, event->object);
        break;
    case LISTWATCH_LIST_END:
        /* It may have gone while nobody was watching. */
        if (!controller->is_config_listed) set_images(controller, NULL);
        break;
    case LISTWATCH_DELETE: set_images(controller, NULL); break;
    case LISTWATCH_TROUBLE: tell_trouble(follower, "ConfigMap", event->trouble); break;
    case LISTWATCH_BOOKMARK: break;
    }
    if (event->kind == LISTWATCH_LIST_END || follower->watcher.machine.state != LISTWATCH_STARTING) know_config(controller);
}

/* ---- definitions ---- */

static void tell_dropped(struct controller *controller, struct str fields) {
    static const char lead[] = "this cluster's ModelBooster definition drops fields";
    struct str message =
        arena_printf(&controller->arena, "%s that model-booster knows: %.*s; they have no effect here", lead, STR_ARG(fields));
    struct event event = {true,
                          "FieldsDropped",
                          message,
                          "apiextensions.k8s.io/v1",
                          "CustomResourceDefinition",
                          STR_EMPTY,
                          STR(PLURAL_BOOSTER "." GROUP_WORKLOAD),
                          STR_EMPTY};
    event_send(&controller->connection->client, loop_wall_ms(controller->loop), &controller->log, &event);
    log_write(&controller->log, LOG_WARN, lead, LOG_FIELDS({"fields", fields}));
}

static void on_definitions(void *context, const struct definition_facts *facts, bool is_found) {
    struct controller *controller = context;
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
    follow_children_when_ready(controller);
}

/* ---- start and stop ---- */

static void tell_stopped(struct controller *controller, const struct error *error) {
    controller_stopped_fn *stopped = controller->stopped;
    controller->stopped = NULL;
    if (stopped) stopped(controller->owner, error);
}

static void on_idle(void *context) {
    tell_stopped(context, NULL);
}

void controller_stop(struct controller *controller) {
    loop_timer_set(controller->stop_limit, loop_now_ms(controller->loop) + STOP_PATIENCE_MS);
    reconciler_stop(&controller->reconciler);
}

static void on_forbidden(void *owner) {
    reconciler_enqueue_all(&((struct controller *)owner)->reconciler);
}

static void on_resync(void *owner) {
    struct controller *controller = owner;
    reconciler_enqueue_all(&controller->reconciler);
    loop_timer_set(controller->resync, loop_now_ms(controller->loop) + RESYNC_MS);
}

static bool init_follower(struct controller *controller, struct follower *follower, struct scope *scope, enum child_kind kind) {
    bool is_booster = kind == CHILD_KIND_COUNT;
    *follower = (struct follower){.controller = controller, .scope = scope, .kind = kind};
    struct listwatch_settings settings = {
        .resource = {.group = str_of(is_booster ? GROUP_WORKLOAD : child_kind_group(kind)),
                     .version = STR(API_VERSION),
                     .plural = str_of(is_booster ? PLURAL_BOOSTER : child_kind_plural(kind)),
                     .kind = str_of(follower_kind(follower))},
        .namespace = scope->namespace,
    };
    if (!watcher_init(&follower->watcher, controller->loop, controller->connection->client.http, &settings,
                      number_random_next(&controller->random), on_event, follower)) {
        return false;
    }
    follower->watcher.on_recovered = on_recovered;
    return true;
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

static bool init_scopes(struct controller *controller) {
    controller->scopes = arena_array(&controller->arena, controller->options->namespace_count + 1, sizeof *controller->scopes);
    if (!controller->scopes) return false;
    list_namespaces(controller);
    for (size_t i = 0; i < controller->scope_count; i++) {
        struct scope *scope = &controller->scopes[i];
        if (!init_follower(controller, &scope->boosters, scope, CHILD_KIND_COUNT)) return false;
        for (int kind = 0; kind < CHILD_KIND_COUNT; kind++) {
            if (!init_follower(controller, &scope->children[kind], scope, (enum child_kind)kind)) return false;
        }
    }
    return true;
}

static bool init_config(struct controller *controller) {
    struct listwatch_settings settings = {
        .resource = {.group = STR_EMPTY, .version = STR("v1"), .plural = STR("configmaps"), .kind = STR("ConfigMap")},
        .namespace = controller->connection->namespace,
        .field_selector = STR("metadata.name=" CONFIG_MAP_NAME),
    };
    controller->config = (struct follower){.controller = controller};
    return watcher_init(&controller->config.watcher, controller->loop, controller->connection->client.http, &settings,
                        number_random_next(&controller->random), on_config_event, &controller->config);
}

static bool init_reconciler(struct controller *controller) {
    const struct controller_options *options = controller->options;
    controller->reconciler = (struct reconciler){
        .loop = controller->loop,
        .client = &controller->connection->client,
        .store = &controller->store,
        .log = &controller->log,
        .settings = {.machine = {.status_shape = {true, true}},
                     .upgrade = options->upgrade,
                     .max_rollouts = options->max_rollouts,
                     .max_in_flight = options->max_in_flight},
        .kind_state = kind_state,
        .told = told,
        .idle = on_idle,
        .context = controller,
    };
    return reconciler_init(&controller->reconciler, number_random_next(&controller->random));
}

static void begin(void *owner) {
    struct controller *controller = owner;
    set_images(controller, NULL);
    definitions_read(&controller->definitions);
    if (controller->has_config_watch)
        watcher_start(&controller->config.watcher);
    else
        know_config(controller);
    for (size_t i = 0; i < controller->scope_count; i++) watcher_start(&controller->scopes[i].boosters.watcher);
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
    controller->stop_limit = loop_timer_new(controller->loop, on_idle, controller);
    controller->forbidden = loop_timer_new(controller->loop, on_forbidden, controller);
    controller->begin = loop_deferred_new(controller->loop, begin, controller);
    return controller->resync && controller->stop_limit && controller->forbidden && controller->begin;
}

static bool init_parts(struct controller *controller, struct error *error) {
    uint64_t seed;
    if (!entropy_seed(&seed, error)) return false;
    controller->random = (struct number_random){seed};
    controller->has_config_watch = !controller->options->downloader_image || !controller->options->runtime_image;
    controller->downloader_image = controller->runtime_image = strbuf_with_max(LIMIT_ERROR_MESSAGE_BYTES * 4);
    controller->dropped_fields = strbuf_with_max(LIMIT_ERROR_MESSAGE_BYTES * 4);
    store_init(&controller->store);
    bool is_ready =
        init_loop_parts(controller) && init_reconciler(controller) && init_scopes(controller) && init_config(controller) &&
        definitions_init(&controller->definitions, controller->loop, &controller->connection->client, on_definitions, controller);
    return is_ready || error_set(error, ERROR_MEMORY, "out of memory while starting");
}

void controller_free(struct controller *controller) {
    if (!controller) return;
    for (size_t i = 0; controller->scopes && i < controller->scope_count; i++) {
        watcher_release(&controller->scopes[i].boosters.watcher);
        for (int kind = 0; kind < CHILD_KIND_COUNT; kind++) watcher_release(&controller->scopes[i].children[kind].watcher);
    }
    watcher_release(&controller->config.watcher);
    client_release(&controller->connection->client);
    definitions_release(&controller->definitions);
    reconciler_release(&controller->reconciler);
    store_release(&controller->store);
    strbuf_release(&controller->downloader_image);
    strbuf_release(&controller->runtime_image);
    strbuf_release(&controller->dropped_fields);
    loop_timer_free(controller->resync);
    loop_timer_free(controller->stop_limit);
    loop_timer_free(controller->forbidden);
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
    controller->log = (struct log){options->log_level, options->log_format};
    controller->loop = loop;
    controller->connection = connection;
    controller->stopped = stopped;
    controller->owner = owner;
    arena_init(&controller->arena, CONTROLLER_ARENA_BYTES);
    if (!init_parts(controller, error)) {
        controller_free(controller);
        return NULL;
    }
    log_write(&controller->log, LOG_INFO, "starting",
              LOG_FIELDS({"version", STR(MODEL_BOOSTER_VERSION)}, {"server", connection->server}));
    if (connection->credentials)
        credentials_start(connection->credentials, on_credentials, controller);
    else
        loop_deferred_call(controller->begin);
    return controller;
}
