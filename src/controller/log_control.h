/*
 * The log of a process: its level, which SIGUSR1 makes more talkative and SIGUSR2 less, and what is held back in storms (log_flow.h),
 * told once a minute. The owner passes its struct log on; copies of it share the level.
 */
#ifndef MB_CONTROLLER_LOG_CONTROL_H
#define MB_CONTROLLER_LOG_CONTROL_H

#include "controller/log.h"
#include "io/loop.h"

struct log_control;

/* Takes over the two signals. NULL and `error` when memory is out or the system refuses. */
struct log_control *log_control_new(struct loop *loop, enum log_level level, enum log_format format, struct error *error);
/* Says what is still held back. NULL is allowed. */
void log_control_free(struct log_control *control);
/* Lives as long as `control`, as do copies of it. */
const struct log *log_control_log(const struct log_control *control);

#endif
