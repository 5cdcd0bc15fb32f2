/*
 * One error value for the whole project: a closed kind, one line for a person, and where it applies a field path
 * (`spec.backends[1].modelURI`). It owns its text and needs no release. Functions that can fail return false (or NULL)
 * and fill it; nothing below cli/ and controller/ prints.
 *
 * Messages are lower case and say what was found, what was expected and what to do. Text that came from outside goes
 * through error_quote, so that control characters and endless strings never reach a terminal.
 */
#ifndef MB_BASE_ERROR_H
#define MB_BASE_ERROR_H

#include "base/limits.h"
#include "base/str.h"

#define ERROR_KINDS(X)                                                                                                                     \
    X(ERROR_NONE, "none")                                                                                                                  \
    X(ERROR_MEMORY, "memory")   /* memory or an arena's limit is out */                                                                    \
    X(ERROR_LIMIT, "limit")     /* one of limits.h was reached */                                                                          \
    X(ERROR_SYNTAX, "syntax")   /* text that does not parse */                                                                             \
    X(ERROR_INVALID, "invalid") /* parsed, but against a rule */                                                                           \
    X(ERROR_NOT_FOUND, "not found")                                                                                                        \
    X(ERROR_UNSUPPORTED, "unsupported") /* valid, but not built here */                                                                    \
    X(ERROR_IO, "i/o")                                                                                                                     \
    X(ERROR_TLS, "tls")                                                                                                                    \
    X(ERROR_TIMEOUT, "timeout")                                                                                                            \
    X(ERROR_PROTOCOL, "protocol") /* the other side broke its own rules */

enum error_kind {
#define ERROR_ENUM(kind, name) kind,
    ERROR_KINDS(ERROR_ENUM)
#undef ERROR_ENUM
};

struct error {
    enum error_kind kind;
    unsigned line, column; /* 1-based place in a text; 0 where there is none */
    char path[LIMIT_ERROR_PATH_BYTES];
    char message[LIMIT_ERROR_MESSAGE_BYTES];
};

const char *error_kind_name(enum error_kind kind);
/* Fills `error` (which may be NULL) and returns false, so that `return error_set(...)` reads well. */
bool error_set(struct error *error, enum error_kind kind, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* As error_set, with the place in a text. */
bool error_set_at(struct error *error, enum error_kind kind, unsigned line, unsigned column, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

struct error_quoted {
    char text[128];
};
/* `s` between double quotes, control characters (C0, DEL, C1) and invalid UTF-8 escaped, cut to about 100 bytes with "...". */
struct error_quoted error_quote(struct str s);
#define QUOTE(s) (error_quote(s).text)

#endif
