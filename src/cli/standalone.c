#include "standalone/standalone.h"

#include <signal.h>
#include <stdio.h>

#include "cli/apply.h"
#include "cli/command.h"
#include "cli/config.h"
#include "cli/definitions.h"
#include "cli/output.h"
#include "controller/addresses.h"
#include "controller/log_control.h"

enum {
    FLAGS_ARENA_BYTES = 1024 * 1024,
    TURN_MS = 1000,
    WORDS_BYTES = 16 * 1024,
    MOST_DELAY_MS = 3600 * 1000,
    DEFAULT_DELAY_MS = 2000,
    DEFAULT_REVISIONS = 100000,
    MOST_REVISIONS = 10 * 1000 * 1000
};

static void on_signal(void *owner) {
    standalone_stop(owner);
}

static bool is_over(struct standalone *standalone) {
    struct error error;
    return standalone_is_over(standalone, &error);
}

static void print_words(struct standalone *standalone, const struct standalone_settings *settings, int64_t started_ms, int64_t now_ms) {
    struct strbuf out = strbuf_with_max(WORDS_BYTES);
    struct str kubeconfig = standalone_kubeconfig(standalone);
    strbuf_printf(&out, "Kubernetes' API at %.*s, ready after %lld ms\n", STR_ARG(standalone_server(standalone)),
                  (long long)(now_ms - started_ms));
    strbuf_printf(&out, "  data        %.*s%s\n", STR_ARG(standalone_data(standalone)),
                  settings->is_temporary ? " (removed at the end)" : "");
    strbuf_printf(&out, "  kubeconfig  %.*s\n", STR_ARG(kubeconfig));
    strbuf_printf(&out, "  controller  %s\n", settings->has_controller ? "runs here" : "does not run here (--no-controller)");
    strbuf_printf(&out, "  serving     %s\n",
                  settings->is_serving_simulated ? "simulated: objects change as if pods ran, and none does"
                                                 : "nothing here runs pods; --simulate-serving plays them");
    strbuf_printf(&out, "\nNext, in another terminal:\n  export KUBECONFIG=%.*s\n", STR_ARG(kubeconfig));
    strbuf_append(&out, STR("  model-booster apply -f examples/quickstart.yaml     # or kubectl apply -f ...\n"
                            "  model-booster watch modelboosters\n"
                            "  model-booster describe modelbooster quickstart\n"
                            "\nCtrl-C ends it.\n"));
    output_now(strbuf_view(&out));
    strbuf_release(&out);
}

/* With a client in this process; the loop runs on meanwhile. */
static int apply(struct loop *loop, struct standalone *standalone, const struct flag_list *files, struct error *error) {
    static const struct apply_options options = {0};
    struct cluster cluster = {.command = "standalone", .loop = loop, .namespace = STR("default")};
    if (!files->count) return EXIT_CLEAN;
    if (!standalone_connect(standalone, &cluster.connection.client, error)) return EXIT_UNABLE;
    arena_init(&cluster.arena, LIMIT_INPUT_ARENA_BYTES);
    int status = apply_files(&cluster, files, &options);
    client_release(&cluster.connection.client);
    arena_release(&cluster.arena);
    return status;
}

/* True: it is to be served on. */
static bool get_ready(struct loop *loop, struct standalone *standalone, const struct standalone_settings *settings,
                      const struct flag_list *files, int64_t started_ms, struct error *error) {
    while (!standalone_is_ready(standalone) && !is_over(standalone)) loop_run_once(loop, TURN_MS);
    if (is_over(standalone)) return false;
    int64_t ready_ms = loop_now_ms(loop);
    /* What a file has wrong has been said, and can be put right while the server runs. */
    apply(loop, standalone, files, error);
    if (error->kind) return false;
    standalone_confine(standalone);
    print_words(standalone, settings, started_ms, ready_ms);
    return true;
}

/* An address that nothing is served at must be one all the same: it is wrong in the file, and told when the controller is let in. */
static bool try_metrics(struct loop *loop, const struct standalone_settings *settings, struct error *error) {
    if (settings->has_controller || !settings->metrics_address) return true;
    if (!addresses_try_metrics(loop, settings->metrics_address, error)) return false;
    fprintf(stderr, "model-booster standalone: nothing is served at --metrics-bind-address: --no-controller leaves out what it tells of\n");
    return true;
}

static bool serve(struct standalone_settings *settings, const struct flag_list *files, struct error *out_error) {
    struct error error = {0};
    struct loop *loop = loop_new(&error);
    int64_t started_ms = loop ? loop_now_ms(loop) : 0;
    struct log_control *log = loop ? log_control_new(loop, settings->log.level, settings->log.format, &error) : NULL;
    if (log) settings->log = *log_control_log(log);
    struct standalone *standalone = log && try_metrics(loop, settings, &error) ? standalone_new(loop, settings, &error) : NULL;
    struct loop_signal *term = standalone ? loop_signal_new(loop, SIGTERM, on_signal, standalone) : NULL;
    struct loop_signal *interrupt = standalone ? loop_signal_new(loop, SIGINT, on_signal, standalone) : NULL;
    if (standalone && term && interrupt) {
        if (!get_ready(loop, standalone, settings, files, started_ms, &error) && !is_over(standalone)) standalone_stop(standalone);
        while (!is_over(standalone)) loop_run_once(loop, TURN_MS);
        if (!error.kind) standalone_is_over(standalone, &error);
    } else if (standalone) {
        error_set(&error, ERROR_MEMORY, "out of memory while starting");
    }
    loop_signal_free(term);
    loop_signal_free(interrupt);
    standalone_free(standalone);
    log_control_free(log);
    loop_free(loop);
    *out_error = error;
    return !error.kind;
}

int command_standalone(int argc, char **argv) {
    struct standalone_settings settings = {
        .listen = "127.0.0.1:0", .definitions = embedded_definitions, .definition_count = embedded_definitions_count};
    struct flag_list files = {0};
    struct config config = {0};
    bool is_without_controller = false;
    int delay_ms = DEFAULT_DELAY_MS, revisions = DEFAULT_REVISIONS, level = LOG_INFO, format = LOG_TEXT;
    /* Words in the order of their enums. */
    const struct flag flags[] = {
        FLAG_ROW_CONFIG(&config),
        FLAG_ROW_TEXT("data", 0, "DIR", &settings.data, "where everything is kept; default ~/.local/share/model-booster"),
        FLAG_ROW_SWITCH("temporary", 0, &settings.is_temporary, "keep it in a new folder, removed at the end"),
        FLAG_ROW_TEXT("listen", 0, "ADDRESS:PORT", &settings.listen, "default 127.0.0.1:0, a free port; always TLS and a token"),
        FLAG_ROW_TEXT("kubeconfig-out", 0, "FILE", &settings.kubeconfig_out, "write the administrator's kubeconfig here, too"),
        FLAG_ROW_SWITCH("simulate-serving", 0, &settings.is_serving_simulated, "play the cluster's ModelServing controller: no pod runs"),
        FLAG_ROW_NUMBER("simulate-delay-ms", 0, 0, MOST_DELAY_MS, &delay_ms, "until a played pod is ready; default 2000"),
        FLAG_ROW_SWITCH("no-controller", 0, &is_without_controller, "the API alone"),
        FLAG_ROW_TEXT("metrics-bind-address", 0, "ADDRESS:PORT", &settings.metrics_address,
                      "serve the controller's /healthz, /readyz and /metrics there; default: nowhere"),
        FLAG_ROW_LIST("apply", 0, "FILE|DIR", &files, "apply these once it is ready; may be repeated"),
        FLAG_ROW_TEXT("token-auth-file", 0, "FILE", &settings.token_file, "more users: lines of token,user,uid,\"group1,group2\""),
        FLAG_ROW_TEXT("audit-log", 0, "FILE", &settings.audit_log, "a line of audit.k8s.io/v1 for each request"),
        FLAG_ROW_NUMBER("history-revisions", 0, 1, MOST_REVISIONS, &revisions, "writes a watch may lag behind; default 100000"),
        FLAG_ROW_SWITCH("no-sandbox", 0, &settings.is_unconfined, "keep every right of its user after the start; for debuggers"),
        FLAG_ROW_CHOICE("log-level", 0, "debug|info|warn|error", &level, "default info"),
        FLAG_ROW_CHOICE("log-format", 0, "text|json", &format, "default text"),
        FLAG_ROW_END,
    };
    const struct usage usage = {
        "standalone [flags]",
        "Serves Kubernetes' API on this machine, durable, with the Model Controller in the same process: for a laptop, a CI job\n"
        "or a test. kubectl, helm and every ordinary client work with it. It runs no pods.",
        flags,
        "  model-booster standalone --simulate-serving --apply examples/quickstart.yaml\n"
        "  model-booster standalone --temporary --listen 127.0.0.1:6443 --kubeconfig-out ./kubeconfig\n"};
    struct arena arena;
    arena_init(&arena, FLAGS_ARENA_BYTES);
    int status;
    if (flags_start_with(&arena, &usage, &config, argc, argv, &status)) {
        settings.readable = files.items;
        settings.readable_count = files.count;
        settings.has_controller = !is_without_controller;
        settings.simulated_delay_ms = delay_ms;
        settings.history_revisions = revisions;
        settings.log = (struct log){.level = (enum log_level)level, .format = (enum log_format)format};
        struct error error = {0};
        bool is_clean = settings.data && settings.is_temporary ? error_set(&error, ERROR_INVALID, "give either --data or --temporary")
                                                               : serve(&settings, &files, &error);
        status = is_clean ? EXIT_CLEAN : config_complain("standalone", flags, &config, &error);
    }
    arena_release(&arena);
    return status;
}
