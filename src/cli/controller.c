#include <stdio.h>
#include <stdlib.h>

#include "cli/command.h"
#include "cli/flags.h"
#include "controller/controller.h"

enum { FLAGS_ARENA_BYTES = 1024 * 1024, DEFAULT_IN_FLIGHT = 64, MOST_IN_FLIGHT = 1000, MOST_ROLLOUTS = 1000 };

static int run(const struct controller_options *options) {
    struct error error = {0};
    if (controller_run(options, &error)) return EXIT_CLEAN;
    fprintf(stderr, "model-booster controller: %s%s%s\n", error.path, error.path[0] ? ": " : "", error.message);
    return EXIT_UNABLE;
}

int command_controller(int argc, char **argv) {
    struct controller_options options = {.max_in_flight = DEFAULT_IN_FLIGHT, .max_rollouts = 1};
    struct flag_list namespaces = {0};
    int upgrade = UPGRADE_ON_EDIT, level = LOG_INFO, format = LOG_TEXT;
    /* Words in the order of their enums. */
    const struct flag flags[] = {
        FLAG_ROW_TEXT("kubeconfig", 0, "FILE", &options.kubeconfig,
                      "how to reach the cluster; else $KUBECONFIG, the pod's own account, ~/.kube/config"),
        FLAG_ROW_TEXT("context", 0, "NAME", &options.context, "of the kubeconfig; else its current one"),
        FLAG_ROW_LIST("namespace", 'n', "NAME", &namespaces, "look after this one only; may be repeated; else all"),
        FLAG_ROW_TEXT("downloader-image", 0, "IMAGE", &options.downloader_image,
                      "stronger than the ConfigMap model-booster-controller-config"),
        FLAG_ROW_TEXT("runtime-image", 0, "IMAGE", &options.runtime_image, "the same for the runtime"),
        FLAG_ROW_NUMBER("max-in-flight", 0, 1, MOST_IN_FLIGHT, &options.max_in_flight,
                        "ModelBoosters with a request under way at once; default 64"),
        FLAG_ROW_CHOICE("upgrade", 0, "on-edit|rolling", &upgrade,
                        "when other images or a newer generator reach running models; default on-edit"),
        FLAG_ROW_NUMBER("max-rollouts", 0, 1, MOST_ROLLOUTS, &options.max_rollouts, "models upgraded at a time when rolling; default 1"),
        FLAG_ROW_SWITCH("allow-exec", 0, &options.allow_exec, "let the kubeconfig run programs that fetch credentials"),
        FLAG_ROW_CHOICE("log-level", 0, "debug|info|warn|error", &level, "default info"),
        FLAG_ROW_CHOICE("log-format", 0, "text|json", &format, "default text"),
        FLAG_ROW_END,
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
        if (!options.kubeconfig && configured && *configured) options.kubeconfig = configured;
        options.namespaces = namespaces.items;
        options.namespace_count = namespaces.count;
        options.upgrade = (enum upgrade_policy)upgrade;
        options.log_level = (enum log_level)level;
        options.log_format = (enum log_format)format;
        status = flags_are_namespaces("controller", namespaces.items, namespaces.count) ? run(&options) : EXIT_UNABLE;
    }
    arena_release(&arena);
    return status;
}
