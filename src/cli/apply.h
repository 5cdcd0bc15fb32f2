/* What `apply` does, for the commands that do it beside something else. */
#ifndef MB_CLI_APPLY_H
#define MB_CLI_APPLY_H

#include "cli/cluster.h"

struct apply_options {
    bool is_dry_run, takes_over;
};

/* Applies all objects of the files, with a line on standard output for each, and on standard error for what went wrong. The exit status. */
int apply_files(struct cluster *cluster, const struct flag_list *files, const struct apply_options *options);

#endif
