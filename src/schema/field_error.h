/*
 * What is wrong with an object, as Kubernetes' API servers say it: field, kind, value and detail, and the words of
 * apimachinery's field.Error, which clients and people parse:
 *
 *   spec.replicas: Invalid value: "x": must be of type integer: "string"
 */
#ifndef MB_SCHEMA_FIELD_ERROR_H
#define MB_SCHEMA_FIELD_ERROR_H

#include "data/json.h"

/* kind, cause reason (Status.details.causes[].reason), words */
#define FIELD_ERROR_KINDS(X)                                                                                                               \
    X(FIELD_NOT_FOUND, "FieldValueNotFound", "Not found")                                                                                  \
    X(FIELD_REQUIRED, "FieldValueRequired", "Required value")                                                                              \
    X(FIELD_DUPLICATE, "FieldValueDuplicate", "Duplicate value")                                                                           \
    X(FIELD_INVALID, "FieldValueInvalid", "Invalid value")                                                                                 \
    X(FIELD_NOT_SUPPORTED, "FieldValueNotSupported", "Unsupported value")                                                                  \
    X(FIELD_FORBIDDEN, "FieldValueForbidden", "Forbidden")                                                                                 \
    X(FIELD_TOO_LONG, "FieldValueTooLong", "Too long")                                                                                     \
    X(FIELD_TOO_MANY, "FieldValueTooMany", "Too many")                                                                                     \
    X(FIELD_INTERNAL, "InternalError", "Internal error")                                                                                   \
    X(FIELD_TYPE_INVALID, "FieldValueTypeInvalid", "Invalid value")

enum field_error_kind {
#define FIELD_ERROR_ENUM(kind, reason, words) kind,
    FIELD_ERROR_KINDS(FIELD_ERROR_ENUM)
#undef FIELD_ERROR_ENUM
};

struct field_error {
    enum field_error_kind kind;
    struct str field;
    struct str value;  /* as it stands in the message, quoted already ("\"x\"", "3", "null", "{\"a\":1}"); empty: left out */
    struct str detail; /* may be empty */
};

/* A growing list, everything in the arena. Bounded: LIMIT_FIELD_ERRORS, then `is_cut`. */
struct field_errors {
    struct arena *arena;
    struct field_error *items;
    size_t count, capacity;
    bool is_cut;
};

/* `value` (NULL: left out) is printed as Go's field.Error would; `field` and `detail` are copied. Never fails: it cuts. */
void field_errors_add(struct field_errors *errors, enum field_error_kind kind, struct str field, const yyjson_mut_val *value,
                      const char *detail_format, ...) __attribute__((format(printf, 5, 6)));
/* The same with the value's words given. */
void field_errors_add_text(struct field_errors *errors, enum field_error_kind kind, struct str field, struct str value, struct str detail);
/* The text as Go's %q prints it, quotes included; in the arena. */
struct str field_error_quote(struct arena *arena, struct str text);
/* JSON as Go's encoder writes it: <, > and & escaped; in the arena. */
struct str field_error_json(struct arena *arena, struct str json);
const char *field_error_reason(enum field_error_kind kind);
/* "Invalid value: \"x\": must be ..." : what a cause's message says. */
struct str field_error_body(struct arena *arena, const struct field_error *error);
/* All of them as apimachinery's aggregate prints them: one as "field: body", several as "[a, b]", the same text once. */
struct str field_errors_text(struct arena *arena, const struct field_errors *errors);

#endif
