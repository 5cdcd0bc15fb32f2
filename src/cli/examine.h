/*
 * `model-booster controller --check`: the configuration in effect, and whether the controller could work with it here: its own
 * addresses, connection, rights, definitions, the image ConfigMap; what is wrong with the remedy. Changes nothing.
 */
#ifndef MB_CLI_EXAMINE_H
#define MB_CLI_EXAMINE_H

#include "cli/config.h"
#include "controller/controller.h"

struct examination {
    const struct controller_options *options;
    const struct flag *flags;
    const struct config *config;
    bool is_json;
};

/* Prints; the exit status: EXIT_CLEAN, EXIT_FINDINGS when something is wrong, EXIT_UNABLE without a server, or where it would not start. */
int examine(const struct examination *examination);

#endif
