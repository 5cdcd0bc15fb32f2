#include <stdio.h>
#include <stdlib.h>

#include "cli/command.h"
#include "cli/flags.h"
#include "controller/controller.h"

enum { FLAGS_ARENA_BYTES = 1024 * 1024, DEFAULT_IN_FLIGHT = 64, MOST_IN_FLIGHT = 1000, MOST_ROLLOUTS = 1000 };

static int run(const struct controller_options *options)
{
    struct error error = {0};
    if (controller_run(options, &error))
        return EXIT_CLEAN;
    fprintf(stderr, "model-booster controller: %s%s%s\n", error.path, error.path[0] ? ": " : "", error.message);
    return EXIT_UNABLE;
}

int command_controller(int argc, char **argv)
{
    struct controller_options options = {.max_in_flight = DEFAULT_IN_FLIGHT, .max_rollouts = 1};
    struct flag_list namespaces = {0};
    int upgrade = UPGRADE_ON_EDIT, level = LOG_INFO, format = LOG_TEXT;
    /* Words in the order of their enums. */
    const struct flag flags[] = {
        {.name = "kubeconfig", .kind = FLAG_TEXT, .argument = "FILE", .out.text = &options.kubeconfig,
         .help = "how to reach the cluster; else $KUBECONFIG, else the pod's own account"},
        {.name = "context", .kind = FLAG_TEXT, .argument = "NAME", .out.text = &options.context,
         .help = "of the kubeconfig; else its current one"},
        {.name = "namespace", .letter = 'n', .kind = FLAG_LIST, .argument = "NAME", .out.list = &namespaces,
         .help = "look after this one only; may be repeated; else all"},
        {.name = "downloader-image", .kind = FLAG_TEXT, .argument = "IMAGE", .out.text = &options.downloader_image,
         .help = "stronger than the ConfigMap model-booster-controller-config"},
        {.name = "runtime-image", .kind = FLAG_TEXT, .argument = "IMAGE", .out.text = &options.runtime_image,
         .help = "the same for the runtime"},
        {.name = "max-in-flight", .kind = FLAG_NUMBER, .argument = "N", .minimum = 1, .maximum = MOST_IN_FLIGHT,
         .out.number = &options.max_in_flight, .help = "ModelBoosters with a request under way at once; default 64"},
        {.name = "upgrade", .kind = FLAG_CHOICE, .argument = "on-edit|rolling", .out.choice = &upgrade,
         .help = "when other images or a newer generator reach running models; default on-edit"},
        {.name = "max-rollouts", .kind = FLAG_NUMBER, .argument = "N", .minimum = 1, .maximum = MOST_ROLLOUTS,
         .out.number = &options.max_rollouts, .help = "models upgraded at a time when rolling; default 1"},
        {.name = "allow-exec", .kind = FLAG_SWITCH, .out.is_on = &options.allow_exec,
         .help = "let the kubeconfig run programs that fetch credentials"},
        {.name = "log-level", .kind = FLAG_CHOICE, .argument = "debug|info|warn|error", .out.choice = &level, .help = "default info"},
        {.name = "log-format", .kind = FLAG_CHOICE, .argument = "text|json", .out.choice = &format, .help = "default text"},
        {.name = NULL},
    };
    const struct usage usage = {
        "controller [flags]",
        "Runs the Model Controller: creates and keeps the children of every ModelBooster, and reports in its status.\n"
        "SIGTERM lets what is under way finish and leaves. Logs go to standard error, one line per change made.",
        flags,
        "  model-booster controller --kubeconfig ~/.kube/config --log-level debug\n"
        "  model-booster controller --namespace team-a --namespace team-b --log-format json\n"};
    struct arena arena;
    arena_init(&arena, FLAGS_ARENA_BYTES);
    int status;
    if (flags_start(&arena, &usage, argc, argv, &status)) {
        const char *configured = getenv("KUBECONFIG");
        if (!options.kubeconfig && configured && *configured)
            options.kubeconfig = configured;
        options.namespaces = namespaces.items;
        options.namespace_count = namespaces.count;
        options.upgrade = (enum upgrade_policy)upgrade;
        options.log_level = (enum log_level)level;
        options.log_format = (enum log_format)format;
        status = run(&options);
    }
    arena_release(&arena);
    return status;
}
