/*
 * Why a request is refused: the meta/v1 Status that Kubernetes' clients read, in apimachinery's words (pkg/api/errors).
 */
#ifndef MB_APISERVER_REFUSAL_H
#define MB_APISERVER_REFUSAL_H

#include "schema/field_error.h"

struct refusal_cause {
    struct str reason, message, field;
};

struct refusal {
    int code;           /* HTTP's; 0: nothing is refused */
    const char *reason; /* "NotFound"; empty: left out */
    struct str message;
    bool has_details;
    struct str name, group, kind, uid;
    const struct refusal_cause *causes;
    size_t cause_count;
    int retry_after_s;
    struct str continue_token; /* metadata.continue, of an expired page; empty: none */
};

/* What is refused, for the messages: a resource ("modelboosters", "workload.serving.volcano.sh") or a kind in the same form. */
struct refusal_subject {
    struct str resource, group, name;
};

/* "modelboosters.workload.serving.volcano.sh", "configmaps" */
struct str refusal_qualified(struct arena *arena, struct str resource, struct str group);

/* Each fills *out and returns false, so that `return refuse_...` reads well. Texts live in the arena or as long as their owners. */
bool refuse_bad_request(struct arena *arena, struct refusal *out, const char *format, ...) __attribute__((format(printf, 3, 4)));
bool refuse_not_found(struct arena *arena, struct refusal *out, const struct refusal_subject *subject);
/* A path that nothing is served under: "the server could not find the requested resource". */
bool refuse_no_resource(struct refusal *out);
bool refuse_exists(struct arena *arena, struct refusal *out, const struct refusal_subject *subject);
bool refuse_conflict(struct arena *arena, struct refusal *out, const struct refusal_subject *subject, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
bool refuse_forbidden(struct arena *arena, struct refusal *out, const struct refusal_subject *subject, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
bool refuse_method(struct arena *arena, struct refusal *out, const struct refusal_subject *subject, const char *action);
/* 422: `kind` and group in the subject's resource and group. */
bool refuse_invalid(struct arena *arena, struct refusal *out, const struct refusal_subject *kind, const struct field_errors *errors);
bool refuse_expired(struct arena *arena, struct refusal *out, const char *format, ...) __attribute__((format(printf, 3, 4)));
bool refuse_internal(struct arena *arena, struct refusal *out, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Any other code and reason, without details. */
bool refuse_plain(struct arena *arena, struct refusal *out, int code, const char *reason, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* The Status as JSON. */
void refusal_write(struct strbuf *out, const struct refusal *refusal);

#endif
