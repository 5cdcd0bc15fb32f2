#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "cli/command.h"
#include "cli/suggest.h"
#include "io/sandbox.h"

const struct command commands[] = {
    {"render", "print the children of ModelBoosters, without a cluster", command_render},
    {"validate", "check ModelBoosters against every rule", command_validate},
    {"controller", "run the Model Controller against a cluster", command_controller},
    {"standalone", "serve Kubernetes' API on this machine, with the controller beside it", command_standalone},
    {"crds", "print the definitions (CustomResourceDefinitions)", command_crds},
    {"apply", "make objects of a cluster what files say", command_apply},
    {"get", "show objects of any kind", command_get},
    {"watch", "show every change of a kind, as it happens", command_watch},
    {"describe", "say how far a ModelBooster has come, and why no further", command_describe},
    {"wait", "wait for a condition of an object, or for its end", command_wait},
    {"delete", "delete objects", command_delete},
    {"version", "print the version, and those of the libraries in use", command_version},
    {"help", "describe a command", command_help},
    {NULL, NULL, NULL},
};

static const struct {
    const char *flag, *command;
} aliases[] = {{"-h", "help"}, {"--help", "help"}, {"--version", "version"}};

const struct command *command_find(const char *name) {
    for (const struct command *command = commands; command->name; command++)
        if (strcmp(command->name, name) == 0) return command;
    const char *nearest = NULL;
    for (const struct command *command = commands; command->name; command++) nearest = suggest_nearer(name, nearest, command->name);
    fprintf(stderr, "model-booster: no command %s", QUOTE(str_of(name)));
    if (nearest)
        fprintf(stderr, "; did you mean %s?\n", nearest);
    else
        fprintf(stderr, "; model-booster help lists them\n");
    return NULL;
}

/*
 * A standard stream that is closed would lend its number to the next file or socket opened, which then gets our output. It is
 * taken by /dev/null instead, opened the wrong way round, so that using the stream still fails.
 */
static bool hold_standard_streams(void) {
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) != fd) return false;
    return true;
}

int main(int argc, char **argv) {
    if (!hold_standard_streams()) return EXIT_UNABLE;
    sandbox_hide_memory();
    signal(SIGPIPE, SIG_IGN); /* a closed pipe is an error of the write, and reported like any other */

    if (argc < 2) {
        fprintf(stderr, "model-booster: no command given; model-booster help lists them\n");
        return EXIT_UNABLE;
    }
    const char *name = argv[1];
    for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++)
        if (strcmp(name, aliases[i].flag) == 0) name = aliases[i].command;
    const struct command *command = command_find(name);
    return command ? command->run(argc - 1, argv + 1) : EXIT_UNABLE;
}
