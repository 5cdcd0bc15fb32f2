/*
 * What controller/ is around the reconcile machine, small enough to stop, break and start again at any request: records of what the
 * watches and answers told, a run at a time, time that only the test moves.
 *
 *   fake_server --events--> shell records --observation--> reconcile_next --request--> fault? --> fake_server --answer--> records, machine
 */
#ifndef MB_TESTS_RECONCILE_SHELL_H
#define MB_TESTS_RECONCILE_SHELL_H

#include "fake_server.h"

/* What may become of one request. `effect`: the server does it. */
#define SHELL_FAULTS(X)                                                                                                                    \
    X(FAULT_NONE, "none", true, ANSWER_OK)                                                                                                 \
    X(FAULT_LOST_DONE, "lost but done", true, ANSWER_LOST)                                                                                 \
    X(FAULT_LOST, "lost and not done", false, ANSWER_LOST)                                                                                 \
    X(FAULT_NOT_FOUND, "404", false, ANSWER_NOT_FOUND)                                                                                     \
    X(FAULT_NO_PATH, "404 of the path", false, ANSWER_KIND_MISSING)                                                                        \
    X(FAULT_EXISTS, "409 exists", false, ANSWER_EXISTS)                                                                                    \
    X(FAULT_CONFLICT, "409 conflict", false, ANSWER_CONFLICT)                                                                              \
    X(FAULT_REJECTED, "422", false, ANSWER_REJECTED)                                                                                       \
    X(FAULT_FORBIDDEN, "403", false, ANSWER_FORBIDDEN)                                                                                     \
    X(FAULT_TOO_MANY, "429", false, ANSWER_RETRY)                                                                                          \
    X(FAULT_ERROR, "500", false, ANSWER_RETRY)                                                                                             \
    X(FAULT_TIMEOUT_DONE, "504 but done", true, ANSWER_RETRY)                                                                              \
    X(FAULT_CRASH_BEFORE, "crash before it took effect", false, ANSWER_LOST)                                                               \
    X(FAULT_CRASH_AFTER, "crash after it took effect", true, ANSWER_LOST)

enum shell_fault {
#define SHELL_FAULT_ENUM(id, name, effect, answer) id,
    SHELL_FAULTS(SHELL_FAULT_ENUM)
#undef SHELL_FAULT_ENUM
        FAULT_COUNT
};

const char *shell_fault_name(enum shell_fault fault);

/* When watch events of the controller's own changes arrive. */
enum shell_delivery { EVENTS_BEFORE_ANSWER, EVENTS_AFTER_ANSWER, EVENTS_AFTER_RUN, DELIVERY_COUNT };

struct shell_record {
    struct arena arena;
    struct observed observed;
    bool is_used;
};

struct shell_planned_fault {
    size_t at; /* index of the request since shell_start */
    enum shell_fault fault;
};

enum { SHELL_FAULTS_MAX = 4, SHELL_RECORDS_MAX = 64 };

struct shell {
    struct fake_server *server;
    const char *booster_name;
    struct reconcile_settings settings;
    enum kind_state kinds[CHILD_KIND_COUNT];
    bool may_upgrade;
    enum shell_delivery delivery;
    struct shell_planned_fault faults[SHELL_FAULTS_MAX];
    size_t fault_count;
    /* called before request `index` is sent, when set: the world moves */
    void (*before_request)(struct shell *shell, size_t index, const struct request *request);
    void *context;

    /* what is lost in a crash */
    struct shell_record records[SHELL_RECORDS_MAX];
    struct arena booster_arena;
    yyjson_val *booster; /* NULL: gone */
    int64_t booster_version;
    struct reconcile_memory memory;
    size_t cursor; /* events seen */

    int64_t now_ms;
    size_t request_count;
    size_t verb_counts[REQUEST_DISCOVER + 1];
    struct strbuf trace; /* "create ModelServing m-a\n" ... */
    struct done done;    /* of the last run */
    bool has_crashed;
};

/* Begins with lists. `booster_name` must outlive the shell. The time is 2026-01-01T00:00:00Z unless `now_ms` was set. */
struct shell *shell_new(struct fake_server *server, const char *booster_name);
void shell_free(struct shell *shell);
/* Memory and records are lost; everything is listed again. */
void shell_crash(struct shell *shell);
/* Takes all events in. True when there were any. */
bool shell_deliver(struct shell *shell);
/* One run of the machine, after all events; true when it made a request. */
bool shell_run(struct shell *shell);
/* Runs, retries, serves ModelServings and collects garbage until nothing moves. Fails when that never happens. */
void shell_settle(struct shell *shell);
/* Runs until there are no events left: no retries, no time passes, the world does not move. */
void shell_settle_now(struct shell *shell);
/* The record of a child, or NULL. */
const struct observed *shell_record(const struct shell *shell, enum child_kind kind, const char *name);
/* The trace since the last call, then emptied; in a static buffer. */
const char *shell_take_trace(struct shell *shell);

#endif
