/*
 * Structured lines on standard error: one line per change made, none when nothing changes, never a secret.
 *
 *   text:  2026-11-24T01:02:03.456Z info  child created kind=ModelServing namespace=default name=demo-backend1
 *   json:  {"time":"...","level":"info","msg":"child created","kind":"ModelServing",...}
 *
 * Values are escaped; a line is written with one write(2). Secrets never get here: credentials are no field of any line.
 */
#ifndef MB_CONTROLLER_LOG_H
#define MB_CONTROLLER_LOG_H

#include "base/str.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_TEXT, LOG_JSON };

struct log {
    enum log_level level;
    enum log_format format;
};

struct log_field {
    const char *key;
    struct str value;
};

/* Writes one line; `fields` ends with a NULL key, fields with an empty value are left out. */
void log_write(const struct log *log, enum log_level level, const char *message, const struct log_field *fields);
#define LOG_FIELDS(...) ((const struct log_field[]){__VA_ARGS__, {NULL, STR_EMPTY}})
/* LOG_DEBUG.. from "debug", "info", "warn", "error"; false when it is none. */
bool log_level_of(struct str text, enum log_level *out);

#endif
