#include "standalone/standalone.h"

#include <stdlib.h>
#include <string.h>

#include "apiserver/apiserver.h"
#include "apiserver/audit.h"
#include "base/number.h"
#include "controller/connect.h"
#include "controller/confine.h"
#include "controller/controller.h"
#include "io/entropy.h"
#include "io/files.h"
#include "io/server.h"
#include "standalone/installer.h"
#include "standalone/keys.h"
#include "standalone/simulation.h"
#include "standalone/tokens.h"

enum { STANDALONE_ARENA_BYTES = 16 * 1024 * 1024, CONNECTIONS_GRACE_MS = 2000, DEFAULT_IN_FLIGHT = 64, KUBECONFIG_BYTES = 1024 * 1024 };

#define KUBECONFIG_MARK "# written by model-booster standalone"

struct standalone {
    struct loop *loop;
    const struct standalone_settings *settings;
    struct arena arena;
    struct data_folder folder;
    struct keys keys;
    struct str address, kubeconfig;
    struct apiserver *apiserver;
    struct server *server;
    struct client installing; /* the installer's */
    struct installer *installer;
    struct connection connection; /* the controller's */
    struct controller_options options;
    struct controller *controller;
    struct client simulating; /* the simulation's */
    struct simulation *simulation;
    struct error failure;
    const char *no_files; /* why its files are not limited; NULL: they are */
    bool has_folder, is_ready, is_stopping, is_over;
};

/* ---- stopping: controller, then the API, then connections ---- */

static void on_server_stopped(void *owner) {
    ((struct standalone *)owner)->is_over = true;
    loop_stop(((struct standalone *)owner)->loop);
}

static void on_apiserver_stopped(void *owner) {
    struct standalone *standalone = owner;
    server_stop(standalone->server, CONNECTIONS_GRACE_MS, on_server_stopped, standalone);
}

static void on_controller_stopped(void *owner, const struct error *error) {
    struct standalone *standalone = owner;
    if (error) standalone->failure = *error;
    standalone->is_stopping = true;
    apiserver_stop(standalone->apiserver, on_apiserver_stopped, standalone);
}

void standalone_stop(struct standalone *standalone) {
    if (standalone->is_stopping) return;
    standalone->is_stopping = true;
    log_write(&standalone->settings->log, LOG_INFO, "stopping", NULL);
    if (standalone->controller)
        controller_stop(standalone->controller);
    else
        on_controller_stopped(standalone, NULL);
}

bool standalone_is_over(const struct standalone *standalone, struct error *error) {
    if (standalone->is_over) *error = standalone->failure;
    return standalone->is_over;
}

bool standalone_is_ready(const struct standalone *standalone) {
    return standalone->is_ready;
}

static void give_up(struct standalone *standalone, const struct error *error) {
    standalone->failure = *error;
    standalone_stop(standalone);
}

/* ---- starting: the API, definitions, then who works with them ---- */

bool standalone_connect(struct standalone *standalone, struct client *out, struct error *error) {
    const struct http_client_settings settings = {.local_handler = apiserver_handle, .local_owner = standalone->apiserver};
    *out = (struct client){.http = http_client_new(standalone->loop, &settings, error)};
    return out->http != NULL;
}

/* Controllers beside this process stand by. Each renewal is a write to the disk, so there are fewer than elsewhere; and whatever becomes of
 * the Lease, the API is served on. */
static const struct leader_election election = {.name = ELECTION_NAME,
                                                .identity = ELECTION_STANDALONE,
                                                .duration_ms = 60 * 1000,
                                                .renew_deadline_ms = 40 * 1000,
                                                .retry_period_ms = 10 * 1000,
                                                .stands_by_again = true};

static bool start_controller(struct standalone *standalone, struct error *error) {
    if (!standalone->settings->has_controller) return true;
    standalone->options = (struct controller_options){.max_in_flight = DEFAULT_IN_FLIGHT,
                                                      .max_rollouts = 1,
                                                      .leader_election = &election,
                                                      .metrics_address = standalone->settings->metrics_address,
                                                      .log = standalone->settings->log};
    standalone->connection = (struct connection){.server = standalone->address, .namespace = STR("default")};
    if (!standalone_connect(standalone, &standalone->connection.client, error)) return false;
    standalone->controller =
        controller_new(standalone->loop, &standalone->options, &standalone->connection, on_controller_stopped, standalone, error);
    return standalone->controller != NULL;
}

static bool start_simulation(struct standalone *standalone, struct error *error) {
    const struct simulation_settings settings = {standalone->settings->simulated_delay_ms, standalone->settings->log};
    uint64_t seed;
    if (!standalone->settings->is_serving_simulated) return true;
    if (!entropy_seed(&seed, error) || !standalone_connect(standalone, &standalone->simulating, error)) return false;
    standalone->simulation = simulation_new(standalone->loop, &standalone->simulating, &settings, seed, error);
    return standalone->simulation != NULL;
}

static void on_installed(void *owner, const struct error *failure) {
    struct standalone *standalone = owner;
    struct error error = {0};
    if (standalone->is_stopping) return;
    if (failure)
        give_up(standalone, failure);
    else if (!start_controller(standalone, &error) || !start_simulation(standalone, &error))
        give_up(standalone, &error);
    else
        standalone->is_ready = true;
}

/* The host of "host:port", without the brackets of IPv6. */
static struct str host_of(const char *listen) {
    const char *colon = strrchr(listen, ':');
    struct str host = colon ? (struct str){listen, (size_t)(colon - listen)} : str_of(listen);
    if (host.len > 1 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']') return (struct str){host.ptr + 1, host.len - 2};
    return host;
}

static bool open_apiserver(struct standalone *standalone, struct error *error) {
    static const struct str masters[] = {STR("system:masters")};
    const struct standalone_settings *settings = standalone->settings;
    struct arena *arena = &standalone->arena;
    struct apiserver_token *tokens = arena_array(arena, TOKENS_MAX, sizeof *tokens);
    struct apiserver_settings wanted = {.data_folder = data_folder_path(arena, &standalone->folder, "store").ptr,
                                        .tokens = tokens,
                                        .token_count = 1,
                                        .signing_key = standalone->keys.signing_key,
                                        .audit_log = settings->audit_log,
                                        .history_revisions = settings->history_revisions,
                                        .address = standalone->address};
    if (!tokens) return error_set(error, ERROR_MEMORY, "out of memory while starting");
    tokens[0] = (struct apiserver_token){standalone->keys.admin_token, STR("admin"), STR("admin"), masters, 1};
    if (settings->token_file && !tokens_read(arena, settings->token_file, tokens, &wanted.token_count, error)) return false;
    if (!entropy_seed(&wanted.seed, error)) return false;
    standalone->apiserver = apiserver_new(standalone->loop, &wanted, error);
    return standalone->apiserver != NULL;
}

/* Requests that come before the API is there wait: they are read from the loop, which does not run yet. */
static void handle(void *owner, struct exchange *exchange) {
    apiserver_handle(((struct standalone *)owner)->apiserver, exchange);
}

/* With a free port, the one of the last time: so that what clients were given goes on working. */
static struct str last_listen(struct standalone *standalone) {
    struct str listen = str_of(standalone->settings->listen), port;
    int64_t number;
    if (!str_ends_with(listen, STR(":0")) || !data_folder_read(&standalone->arena, &standalone->folder, "port", &port, NULL)) return listen;
    if (!number_parse_int64(str_trim(port), &number) || number < 1 || number > UINT16_MAX) return listen;
    return arena_printf(&standalone->arena, "%.*s:%lld", STR_ARG(str_first(listen, listen.len - 2)), (long long)number);
}

static bool listen_on(struct standalone *standalone, struct str listen, struct error *error) {
    const struct server_settings settings = {.listen = listen,
                                             .certificate = standalone->keys.certificate,
                                             .key = standalone->keys.certificate_key,
                                             .client_ca = standalone->keys.ca_certificate,
                                             .handler = handle,
                                             .owner = standalone};
    standalone->server = server_new(standalone->loop, &settings, error);
    return standalone->server != NULL;
}

static bool open_server(struct standalone *standalone, struct error *error) {
    struct str wanted = str_of(standalone->settings->listen), last = last_listen(standalone);
    bool is_again = !str_equal(last, wanted) && listen_on(standalone, last, NULL);
    if (!is_again && !listen_on(standalone, wanted, error)) {
        bool is_of_the_flag = error->kind == ERROR_INVALID || error->kind == ERROR_IO;
        if (is_of_the_flag) snprintf(error->path, sizeof error->path, "listen");
        return false;
    }
    struct str port = arena_printf(&standalone->arena, "%u\n", server_port(standalone->server));
    if (!data_folder_write(&standalone->arena, &standalone->folder, "port", port, error)) return false;
    struct str host = host_of(standalone->settings->listen);
    /* Whoever listens everywhere is reached on this machine by the loopback address. */
    struct str shown = str_is(host, "0.0.0.0") ? STR("127.0.0.1") : str_is(host, "::") ? STR("::1") : host;
    bool is_v6 = str_contains(shown, STR(":"));
    standalone->address = arena_printf(&standalone->arena, "https://%s%.*s%s:%u", is_v6 ? "[" : "", STR_ARG(shown), is_v6 ? "]" : "",
                                       server_port(standalone->server));
    return true;
}

/* A kubeconfig that somebody else has written is not overwritten. */
static bool write_kubeconfig(struct standalone *standalone, struct error *error) {
    struct arena *arena = &standalone->arena;
    const char *out = standalone->settings->kubeconfig_out;
    struct str text = keys_kubeconfig(arena, &standalone->keys, standalone->address), there;
    standalone->kubeconfig = data_folder_path(arena, &standalone->folder, "kubeconfig");
    if (!data_folder_write(arena, &standalone->folder, "kubeconfig", text, error)) return false;
    if (!out) return true;
    standalone->kubeconfig = arena_copy(arena, str_of(out));
    bool is_there = files_read(arena, out, KUBECONFIG_BYTES, &there, error);
    if (is_there && there.len && !str_starts_with(there, STR(KUBECONFIG_MARK)))
        return error_set(error, ERROR_INVALID,
                         "--kubeconfig-out %s was written by somebody else and would be overwritten; give another file, or remove it",
                         QUOTE(str_of(out)));
    if (!is_there && error->kind != ERROR_NOT_FOUND) return false;
    *error = (struct error){0};
    return files_write(out, text, true, error);
}

/* ---- the sandbox ---- */

/* A file is allowed where it is there: a confined process makes none outside its folder. */
static bool make_audit_log(const char *path, struct error *error) {
    FILE *log;
    if (!audit_open(path, &log, error)) return false;
    audit_close(log);
    return true;
}

static bool allow_all(struct standalone *standalone, struct sandbox_policy *policy) {
    const struct standalone_settings *settings = standalone->settings;
    struct str port = settings->metrics_address ? str_of(settings->metrics_address) : STR_EMPTY;
    int64_t number = 0;
    while (str_contains(port, STR(":"))) port = str_from(port, str_find(port, STR(":")) + 1);
    bool ok = sandbox_allow_system(policy) && sandbox_allow_path(policy, standalone->folder.path.ptr, SANDBOX_WRITE) &&
              sandbox_allow_path(policy, settings->token_file, SANDBOX_READ) &&
              sandbox_allow_path(policy, settings->audit_log, SANDBOX_WRITE);
    if (settings->is_temporary)
        ok = ok && sandbox_allow_path(policy, data_folder_path(&standalone->arena, &standalone->folder, "..").ptr, SANDBOX_EMPTY);
    if (number_parse_int64(port, &number) && number >= 0 && number <= UINT16_MAX) ok = ok && sandbox_allow_listen(policy, (uint16_t)number);
    for (size_t i = 0; i < settings->readable_count; i++) ok = ok && sandbox_allow_path(policy, settings->readable[i], SANDBOX_READ);
    return ok;
}

/* Before the API's first thread, so that it holds for all. */
static bool limit_files(struct standalone *standalone, struct error *error) {
    const struct standalone_settings *settings = standalone->settings;
    struct sandbox_policy policy = {0};
    standalone->no_files = "--no-sandbox";
    if (settings->is_unconfined) return true;
    if (settings->audit_log && !make_audit_log(settings->audit_log, error)) return false;
    standalone->no_files = allow_all(standalone, &policy) ? sandbox_limit_files(&policy) : "too many files to name";
    return true;
}

void standalone_confine(const struct standalone *standalone) {
    static const struct sandbox_policy serving = {0};
    const char *no_calls = standalone->settings->is_unconfined ? "--no-sandbox" : sandbox_limit_calls(&serving);
    confine_tell(&standalone->settings->log, standalone->no_files, no_calls);
}

static bool start(struct standalone *standalone, struct error *error) {
    const struct standalone_settings *settings = standalone->settings;
    struct arena *arena = &standalone->arena;
    if (!data_folder_open(arena, settings->data, settings->is_temporary, &standalone->folder, error)) return false;
    standalone->has_folder = true;
    if (standalone->folder.is_open_to_readers)
        log_write(&settings->log, LOG_WARN, "others may look into the data folder",
                  LOG_FIELDS({"folder", standalone->folder.path}, {"remedy", STR("chmod 700 it, or give a folder of its own")}));
    if (!keys_load(arena, &standalone->folder, host_of(settings->listen), loop_wall_ms(standalone->loop), &standalone->keys, error) ||
        !open_server(standalone, error) || !write_kubeconfig(standalone, error) || !limit_files(standalone, error) ||
        !open_apiserver(standalone, error) || !standalone_connect(standalone, &standalone->installing, error)) {
        return false;
    }
    standalone->installer = installer_new(standalone->loop, &standalone->installing, settings->definitions, settings->definition_count,
                                          on_installed, standalone);
    return standalone->installer || error_set(error, ERROR_MEMORY, "out of memory while starting");
}

struct standalone *standalone_new(struct loop *loop, const struct standalone_settings *settings, struct error *error) {
    struct standalone *standalone = calloc(1, sizeof *standalone);
    if (!standalone) {
        error_set(error, ERROR_MEMORY, "out of memory while starting");
        return NULL;
    }
    *error = (struct error){0};
    standalone->loop = loop;
    standalone->settings = settings;
    arena_init(&standalone->arena, STANDALONE_ARENA_BYTES);
    if (start(standalone, error)) return standalone;
    standalone_free(standalone);
    return NULL;
}

void standalone_free(struct standalone *standalone) {
    if (!standalone) return;
    simulation_free(standalone->simulation);
    controller_free(standalone->controller);
    client_release(&standalone->installing);
    installer_free(standalone->installer);
    server_free(standalone->server);
    if (standalone->apiserver) apiserver_free(standalone->apiserver);
    if (standalone->has_folder) data_folder_close(&standalone->folder);
    arena_release(&standalone->arena);
    free(standalone);
}

struct str standalone_server(const struct standalone *standalone) {
    return standalone->address;
}

struct str standalone_data(const struct standalone *standalone) {
    return standalone->folder.path;
}

struct str standalone_kubeconfig(const struct standalone *standalone) {
    return standalone->kubeconfig;
}
