/*
 * One run of a credential plugin (client.authentication.k8s.io): a program started without a shell, its standard output read beside the
 * loop, its standard error left to the terminal. Only credentials.c includes this.
 */
#ifndef MB_IO_EXEC_CREDENTIAL_H
#define MB_IO_EXEC_CREDENTIAL_H

#include "base/arena.h"
#include "io/credentials.h"
#include "io/exec_servant.h"

/* Views into the arena that it was read with. */
struct exec_credential {
    struct str token;
    struct str certificate, key;
    int64_t expires_wall_ms; /* INT64_MAX: it does not say */
};

struct exec_run;
/* `output` is what it printed, or `error` says why there is none. The run is freed right after. */
typedef void exec_run_callback(void *owner, struct str output, const struct error *error);

/* NULL and `error` when it cannot be started. `plugin` outlives the run, and so does `servant`, which starts it where it is not NULL. */
struct exec_run *exec_run_start(struct loop *loop, const struct credential_plugin *plugin, struct exec_servant *servant,
                                exec_run_callback *callback, void *owner, struct error *error);
/* For exec_servant_new, with the plugin as its context. */
int exec_plugin_start(void *plugin, int output_fd, pid_t *out_pid);
/* Kills the program; no callback comes. */
void exec_run_cancel(struct exec_run *run);

/* ERROR_SYNTAX or ERROR_INVALID without quoting any of the text, which holds secrets. */
bool exec_credential_read(struct arena *arena, struct str text, struct str api_version, struct exec_credential *out, struct error *error);

#endif
