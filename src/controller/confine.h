/*
 * The sandbox of `model-booster controller`: from its connection and options to the files, ports and calls that it keeps.
 */
#ifndef MB_CONTROLLER_CONFINE_H
#define MB_CONTROLLER_CONFINE_H

#include "controller/connect.h"
#include "controller/controller.h"
#include "io/sandbox.h"

/* Once everything is open and before the first thread; says in the log what is in force. */
void confine_controller(const struct connection *connection, const struct controller_options *options);
/* The line of the log; each is what sandbox_limit_files and sandbox_limit_calls answered. */
void confine_tell(const struct log *log, const char *no_files, const char *no_calls);

#endif
