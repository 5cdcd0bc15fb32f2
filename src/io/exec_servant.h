/*
 * A process that runs one credential plugin for another, which has given up the right to start programs: forked before that, it can be
 * asked for this plugin with these arguments and for nothing else.
 *
 *      controller (confined)  -- socket: "run", and where its output goes -->  servant  -- starts -->  plugin
 *                             <-- how it ended ----------------------------
 *
 * It ends when the other does. One run at a time.
 */
#ifndef MB_IO_EXEC_SERVANT_H
#define MB_IO_EXEC_SERVANT_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

/* How a run ended: `code` is an errno when it could not be started, else `status` is what wait(2) says. */
struct exec_end {
    int code, status;
};

/* Starts the plugin with its standard output there; 0, or an errno. In the servant. */
typedef int exec_start_fn(void *context, int output_fd, pid_t *out_pid);

struct exec_servant;

/* Forks. NULL and `error` when the system refuses. */
struct exec_servant *exec_servant_new(exec_start_fn *start, void *context, struct error *error);
/* Ends it, and the plugin with it. NULL is allowed. */
void exec_servant_free(struct exec_servant *servant);

/* False when the servant is gone. */
bool exec_servant_run(struct exec_servant *servant, int output_fd);
/* The plugin and its children. */
void exec_servant_kill(struct exec_servant *servant);
/* True when it has ended; a servant that is gone counts as a plugin that was killed. */
bool exec_servant_ended(struct exec_servant *servant, struct exec_end *out);

#endif
