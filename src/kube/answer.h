/*
 * What a Kubernetes API server's answer means: a closed list of kinds, told apart by reason, details.kind and causes of its
 * metav1.Status, not by the code alone. Pure; the text of every kind is in tests/unit/test_answer.c as a real server sends it.
 */
#ifndef MB_KUBE_ANSWER_H
#define MB_KUBE_ANSWER_H

#include "data/json.h"

#define KUBE_ANSWER_KINDS(X)                                                                                                               \
    X(KUBE_OK, "ok")                                                                                                                       \
    X(KUBE_LOST, "lost")                       /* no answer: performed or not, nobody knows; look again */                                 \
    X(KUBE_NOT_SENT, "not sent")               /* no answer, and certainly without effect */                                               \
    X(KUBE_NOT_FOUND, "not found")             /* this object */                                                                           \
    X(KUBE_NAMESPACE_GONE, "namespace gone")   /* gone or terminating: the work there ends silently */                                     \
    X(KUBE_KIND_MISSING_MAYBE, "kind missing") /* the path is unknown; discovery has to confirm it */                                      \
    X(KUBE_ALREADY_EXISTS, "already exists")                                                                                               \
    X(KUBE_CONFLICT, "conflict")         /* resourceVersion, uid or a precondition is another by now */                                    \
    X(KUBE_INVALID, "invalid")           /* refused for its content; the message names the field */                                        \
    X(KUBE_DENIED, "denied")             /* by admission: quota, webhook, policy, Pod Security */                                          \
    X(KUBE_FORBIDDEN, "forbidden")       /* RBAC; verb and resource say what is missing */                                                 \
    X(KUBE_UNAUTHORIZED, "unauthorized") /* credentials are not (any more) good */                                                         \
    X(KUBE_THROTTLED, "throttled")       /* 429: certainly without effect */                                                               \
    X(KUBE_SERVER_ERROR, "server error") /* 5xx and what makes no sense; may have been performed */                                        \
    X(KUBE_EXPIRED, "expired")           /* 410: this resourceVersion or continue token is too old */                                      \
    X(KUBE_TIMEOUT, "timeout")           /* 504 or reason Timeout; may have been performed */                                              \
    X(KUBE_TOO_LARGE, "too large")       /* the body, ours (413) or theirs (over our own limit) */

enum kube_answer_kind {
#define KUBE_ANSWER_ENUM(kind, name) kind,
    KUBE_ANSWER_KINDS(KUBE_ANSWER_ENUM)
#undef KUBE_ANSWER_ENUM
};

struct kube_cause {
    struct str reason, field, message;
};

struct kube_answer {
    enum kube_answer_kind kind;
    int http_status;        /* 0 when there was no answer */
    int64_t retry_after_ms; /* Retry-After or details.retryAfterSeconds; 0: none */
    struct str reason;      /* of the Status, as spelled there: "AlreadyExists"; may be empty */
    struct str message;     /* for a person: one line, without the whole object that some messages quote; never empty unless KUBE_OK */
    struct str details_kind, details_name; /* details.kind is a plural ("modelservings"), by Kubernetes' custom */
    const struct kube_cause *causes;
    size_t cause_count;
    struct str verb, resource; /* KUBE_FORBIDDEN: what is missing ("create", "modelservings"); empty when the message does not say */
    bool is_version_too_large; /* KUBE_TIMEOUT: this replica has not got as far as the resourceVersion asked for */
};

/* Begins what a server says of an apply that does not fit the schema: KUBE_INVALID, though it comes as an internal error. */
#define KUBE_MISFIT "failed to create typed patch object"

const char *kube_answer_kind_name(enum kube_answer_kind kind);

/*
 * Reads an answer. 2xx is KUBE_OK and its body is not looked at. Everything in the result lives in the arena, nothing refers to `body`.
 * `retry_after_ms` is what the header says, 0 for none. A body that is no Status (a proxy's page) is judged by the code and quoted. Where
 * memory is out, it is KUBE_LOST. Texts for a person are UTF-8 without control characters.
 */
struct kube_answer kube_answer_read(struct arena *arena, int http_status, int64_t retry_after_ms, struct str body);
/* The same for a Status that came as the object of a watch's ERROR event. */
struct kube_answer kube_answer_of_status(struct arena *arena, const yyjson_val *status);
/* An answer that did not come: KUBE_LOST, KUBE_NOT_SENT or KUBE_TOO_LARGE, `message` (copied) saying why. */
struct kube_answer kube_answer_none(struct arena *arena, enum kube_answer_kind kind, struct str message);
/* May the same request simply be sent again later? LOST, NOT_SENT, THROTTLED, SERVER_ERROR, TIMEOUT, UNAUTHORIZED. */
bool kube_answer_is_transient(enum kube_answer_kind kind);

/* The text of one value of a Warning header: `299 - "unknown field \"spec.x\""` -> unknown field "spec.x". Empty when it is none. */
struct str kube_warning_text(struct arena *arena, struct str value);

#endif
