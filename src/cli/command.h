/*
 * A subcommand: one file, one row in main.c's table. It gets its own name as argv[0], prints, and returns an exit status.
 */
#ifndef MB_CLI_COMMAND_H
#define MB_CLI_COMMAND_H

enum exit_status {
    EXIT_CLEAN = 0,
    EXIT_FINDINGS = 1, /* what was read breaks rules, a server refuses it or does not have it, a wait was in vain */
    /* Unreadable input, wrong flags, output that could not be written, a server not reached or not started. */
    EXIT_UNABLE = 2,
};

struct command {
    const char *name;
    const char *summary;
    int (*run)(int argc, char **argv);
};

/* In the order of the help; ends with a NULL name. */
extern const struct command commands[];
/* NULL, and a line on standard error naming the nearest one, when there is none of this name. */
const struct command *command_find(const char *name);

int command_render(int argc, char **argv);
int command_validate(int argc, char **argv);
int command_crds(int argc, char **argv);
int command_controller(int argc, char **argv);
int command_apply(int argc, char **argv);
int command_delete(int argc, char **argv);
int command_describe(int argc, char **argv);
int command_wait(int argc, char **argv);
int command_get(int argc, char **argv);
int command_watch(int argc, char **argv);
int command_standalone(int argc, char **argv);
int command_version(int argc, char **argv);
int command_help(int argc, char **argv);

#endif
