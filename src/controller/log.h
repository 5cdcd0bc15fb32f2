/*
 * Structured lines on standard error: one line per change made, none when nothing changes, never a secret.
 *
 *   text:  2026-11-24T01:02:03.456Z info  child created kind=ModelServing namespace=default name=demo-backend1
 *   json:  {"time":"...","level":"info","msg":"child created","kind":"ModelServing",...}
 *
 * In a storm lines are held back and counted (log_flow.h). Values are escaped; a line is written with one write(2). Secrets never get
 * here: credentials are no field of any line.
 */
#ifndef MB_CONTROLLER_LOG_H
#define MB_CONTROLLER_LOG_H

#include "base/str.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_TEXT, LOG_JSON };

struct log_flow;

struct log {
    enum log_level level; /* least that is written, where there is no flow */
    enum log_format format;
    struct log_flow *flow; /* of the process: the level now, and what is held back in storms; NULL: nothing is */
};

struct log_field {
    const char *key;
    struct str value;
};

/* Writes one line; `fields` ends with a NULL key, fields with an empty value are left out. */
void log_write(const struct log *log, enum log_level level, const char *message, const struct log_field *fields);
/* The same whatever the level is, and however much is written. */
void log_write_always(const struct log *log, enum log_level level, const char *message, const struct log_field *fields);
/* Says how many lines were held back, when some were and a minute (or, `is_last`, the process) is over. */
void log_sum_up(const struct log *log, bool is_last);
#define LOG_FIELDS(...) ((const struct log_field[]){__VA_ARGS__, {NULL, STR_EMPTY}})
/* How many lines of this level were written; 0 where there is no flow. */
uint64_t log_line_count(const struct log *log, enum log_level level);
/* LOG_DEBUG.. from "debug", "info", "warn", "error"; false when it is none. */
bool log_level_of(struct str text, enum log_level *out);
const char *log_level_name(enum log_level level);

#endif
