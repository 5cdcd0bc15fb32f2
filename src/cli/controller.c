#include <stdio.h>

#include "cli/command.h"
#include "cli/examine.h"
#include "controller/controller.h"
#include "data/duration.h"

enum { FLAGS_ARENA_BYTES = 1024 * 1024, DEFAULT_IN_FLIGHT = 64, MOST_IN_FLIGHT = 1000, MOST_ROLLOUTS = 1000 };

/* As the flags have them; client-go's names and defaults. */
struct election_flags {
    bool is_on;
    const char *namespace, *name, *duration, *renew_deadline, *retry_period;
};

static int run(const struct examination *settings) {
    struct error error = {0};
    if (controller_run(settings->options, &error)) return EXIT_CLEAN;
    return config_complain("controller", settings->flags, settings->config, &error);
}

static bool read_period(const char *flag, const char *text, int64_t least_ms, int64_t *out_ms) {
    int64_t ns;
    bool is_good = duration_parse(str_of(text), &ns, NULL) && ns / 1000000 >= least_ms && ns / 1000000 <= 3600 * 1000;
    if (is_good)
        *out_ms = ns / 1000000;
    else
        fprintf(stderr, "model-booster controller: --%s %s: want a duration from %lldms to 1h, as in 15s\n", flag, QUOTE(str_of(text)),
                (long long)least_ms);
    return is_good;
}

/* The rules of client-go, with its remedy. */
static bool read_election(const struct election_flags *flags, struct leader_election *out) {
    *out = (struct leader_election){.namespace = flags->namespace, .name = flags->name};
    if (!read_period("leader-elect-lease-duration", flags->duration, 1000, &out->duration_ms) ||
        !read_period("leader-elect-renew-deadline", flags->renew_deadline, 1, &out->renew_deadline_ms) ||
        !read_period("leader-elect-retry-period", flags->retry_period, 1, &out->retry_period_ms))
        return false;
    bool is_whole = out->duration_ms % 1000 == 0;
    bool is_ordered = out->duration_ms > out->renew_deadline_ms && out->renew_deadline_ms > out->retry_period_ms * 6 / 5;
    if (is_whole && is_ordered) return true;
    fprintf(stderr, "model-booster controller: %s\n",
            is_whole ? "want --leader-elect-lease-duration > --leader-elect-renew-deadline > 1.2 times --leader-elect-retry-period"
                     : "want --leader-elect-lease-duration in whole seconds, as a Lease has it");
    return false;
}

int command_controller(int argc, char **argv) {
    struct controller_options options = {.max_in_flight = DEFAULT_IN_FLIGHT, .max_rollouts = 1};
    struct election_flags election = {true, NULL, ELECTION_NAME, "15s", "10s", "2s"};
    struct leader_election elected;
    struct flag_list namespaces = {0};
    struct config config = {0};
    bool is_check = false;
    int output = 0;
    int upgrade = UPGRADE_ON_EDIT, level = LOG_INFO, format = LOG_TEXT;
    /* Words in the order of their enums. */
    const struct flag flags[] = {
        FLAG_ROW_CONFIG(&config),
        {.name = "check",
         .kind = FLAG_SWITCH,
         .out.is_on = &is_check,
         .help = "print the settings in effect, try connection, rights, definitions and images, and leave",
         .is_typed_only = true},
        {.name = "output",
         .letter = 'o',
         .kind = FLAG_CHOICE,
         .argument = "yaml|json",
         .out.choice = &output,
         .help = "of --check; default yaml",
         .is_typed_only = true},
        FLAG_ROW_TEXT_OR("KUBECONFIG", "kubeconfig", "FILE", &options.kubeconfig,
                         "how to reach the cluster; else $KUBECONFIG, the pod's own account, ~/.kube/config"),
        FLAG_ROW_TEXT("context", 0, "NAME", &options.context, "of the kubeconfig; else its current one"),
        {.name = "namespace",
         .letter = 'n',
         .kind = FLAG_LIST,
         .argument = "NAME",
         .out.list = &namespaces,
         .help = "look after this one only; may be repeated; else all",
         .is_namespace = true},
        FLAG_ROW_TEXT("downloader-image", 0, "IMAGE", &options.downloader_image,
                      "stronger than the ConfigMap model-booster-controller-config"),
        FLAG_ROW_TEXT("runtime-image", 0, "IMAGE", &options.runtime_image, "the same for the runtime"),
        FLAG_ROW_NUMBER("max-in-flight", 0, 1, MOST_IN_FLIGHT, &options.max_in_flight,
                        "ModelBoosters with a request under way at once; default 64"),
        FLAG_ROW_CHOICE("upgrade", 0, "on-edit|rolling", &upgrade,
                        "when other images or a newer generator reach running models; default on-edit"),
        FLAG_ROW_NUMBER("max-rollouts", 0, 1, MOST_ROLLOUTS, &options.max_rollouts, "models upgraded at a time when rolling; default 1"),
        FLAG_ROW_SWITCH("allow-exec", 0, &options.allow_exec, "let the kubeconfig run programs that fetch credentials"),
        FLAG_ROW_SWITCH("leader-elect", 0, &election.is_on, "of several controllers with one Lease only one works; default true"),
        FLAG_ROW_TEXT("leader-elect-namespace", 0, "NAME", &election.namespace, "of the Lease; else the pod's own, or the context's"),
        FLAG_ROW_TEXT("leader-elect-name", 0, "NAME", &election.name, "of the Lease; default model-booster"),
        FLAG_ROW_TEXT("leader-elect-lease-duration", 0, "DURATION", &election.duration,
                      "how long others wait after the leader's last renewal; default 15s"),
        FLAG_ROW_TEXT("leader-elect-renew-deadline", 0, "DURATION", &election.renew_deadline,
                      "how long the leader tries to renew before it stops; default 10s"),
        FLAG_ROW_TEXT("leader-elect-retry-period", 0, "DURATION", &election.retry_period, "between two tries; default 2s"),
        FLAG_ROW_TEXT("metrics-bind-address", 0, "ADDRESS:PORT", &options.metrics_address,
                      "serve /healthz, /readyz and /metrics there, as in 127.0.0.1:8080 or :8080; default: nowhere"),
        FLAG_ROW_TEXT_OR("OTEL_EXPORTER_OTLP_ENDPOINT", "otlp-endpoint", "URL", &options.otlp_endpoint,
                         "send traces there by OTLP over HTTP, as in http://127.0.0.1:4318; else $OTEL_EXPORTER_OTLP_ENDPOINT"),
        FLAG_ROW_SWITCH("no-sandbox", 0, &options.is_unconfined, "keep every right of its user after the start; for debuggers"),
        FLAG_ROW_CHOICE("log-level", 0, "debug|info|warn|error", &level, "default info"),
        FLAG_ROW_CHOICE("log-format", 0, "text|json", &format, "default text"),
        FLAG_ROW_END,
    };
    const struct usage usage = {
        "controller [flags]",
        "Runs the Model Controller: creates and keeps the children of every ModelBooster, and reports in its status.\n"
        "SIGTERM lets what is under way finish and leaves. Logs go to standard error, one line per change made; SIGUSR1 makes\n"
        "them more talkative, SIGUSR2 less.\n\n"
        "Exit status: 0 a clean stop, 2 it could not start. With --check: 0 all is well, 1 something is wrong, 2 there is no\n"
        "server to ask, or a setting is wrong.",
        flags,
        "  model-booster controller --kubeconfig ~/.kube/config --log-level debug\n"
        "  model-booster controller --namespace team-a --namespace team-b --log-format json\n"
        "  model-booster controller --config settings.yaml --check\n"};
    struct arena arena;
    arena_init(&arena, FLAGS_ARENA_BYTES);
    int status;
    if (flags_start_with(&arena, &usage, &config, argc, argv, &status)) {
        options.namespaces = namespaces.items;
        options.namespace_count = namespaces.count;
        options.upgrade = (enum upgrade_policy)upgrade;
        options.log = (struct log){.level = (enum log_level)level, .format = (enum log_format)format};
        const struct examination examination = {&options, flags, &config, output == 1};
        bool is_good = !election.is_on || read_election(&election, &elected);
        if (election.is_on) options.leader_election = &elected;
        status = !is_good ? EXIT_UNABLE : is_check ? examine(&examination) : run(&examination);
    }
    arena_release(&arena);
    return status;
}
