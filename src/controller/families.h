/*
 * The metrics of a controller, one row each. Names and labels that other Kubernetes controllers have too (client-go, controller-runtime)
 * are theirs, so that existing dashboards and alerts read them; docs/observability.md says what each means and when to worry.
 */
#ifndef MB_CONTROLLER_FAMILIES_H
#define MB_CONTROLLER_FAMILIES_H

#include "booster/names.h"
#include "booster/status.h"
#include "observe/metrics.h"

/* X(id, type, is_sparse, name, help, bounds, axes...) */
#define METRIC_FAMILIES(X)                                                                                                                 \
    X(FAMILY_QUEUE_DEPTH, METRIC_GAUGE, false, "workqueue_depth", "ModelBoosters that wait for their turn.", no_bounds, &name,             \
      &controller)                                                                                                                         \
    X(FAMILY_QUEUE_ADDS, METRIC_COUNTER, false, "workqueue_adds",                                                                          \
      "ModelBoosters put in line; several reasons before its turn count once.", no_bounds, &name, &controller)                             \
    X(FAMILY_QUEUE_RETRIES, METRIC_COUNTER, false, "workqueue_retries", "ModelBoosters put in line again after a failure.", no_bounds,     \
      &name, &controller)                                                                                                                  \
    X(FAMILY_QUEUE_TIME, METRIC_HISTOGRAM, false, "workqueue_queue_duration_seconds", "How long a ModelBooster waited for its turn.",      \
      work_bounds, &name, &controller)                                                                                                     \
    X(FAMILY_WORK_TIME, METRIC_HISTOGRAM, false, "workqueue_work_duration_seconds",                                                        \
      "How long a reconcile took, answers of the API server included.", work_bounds, &name, &controller)                                   \
    X(FAMILY_UNFINISHED, METRIC_GAUGE, false, "workqueue_unfinished_work_seconds",                                                         \
      "How long the reconciles under way have been so, in sum.", no_bounds, &name, &controller)                                            \
    X(FAMILY_LONGEST, METRIC_GAUGE, false, "workqueue_longest_running_processor_seconds",                                                  \
      "How long the oldest reconcile under way has been so.", no_bounds, &name, &controller)                                               \
    X(FAMILY_RECONCILES, METRIC_COUNTER, false, "controller_runtime_reconcile", "Reconciles by how they ended.", no_bounds, &controller,   \
      &result)                                                                                                                             \
    X(FAMILY_RECONCILE_ERRORS, METRIC_COUNTER, false, "controller_runtime_reconcile_errors",                                               \
      "Reconciles that will be tried again after a back-off.", no_bounds, &controller)                                                     \
    X(FAMILY_RECONCILE_TIME, METRIC_HISTOGRAM, false, "controller_runtime_reconcile_time_seconds", "How long a reconcile took.",           \
      reconcile_bounds, &controller)                                                                                                       \
    X(FAMILY_RECONCILES_MOST, METRIC_GAUGE, false, "controller_runtime_max_concurrent_reconciles",                                         \
      "Reconciles that may wait for an answer at the same time.", no_bounds, &controller)                                                  \
    X(FAMILY_RECONCILES_ACTIVE, METRIC_GAUGE, false, "controller_runtime_active_workers", "Reconciles under way.", no_bounds, &controller) \
    X(FAMILY_REQUESTS, METRIC_COUNTER, true, "rest_client_requests",                                                                       \
      "Requests to the API server by answer; a watch counts when it is answered.", no_bounds, &code, &method, &host)                       \
    X(FAMILY_REQUEST_TIME, METRIC_HISTOGRAM, true, "rest_client_request_duration_seconds",                                                 \
      "How long the API server took to answer; watches are left out.", request_bounds, &verb, &host)                                       \
    X(FAMILY_LEADER, METRIC_GAUGE, false, "leader_election_master_status", "1: this process does the work; 0: it stands by.", no_bounds,   \
      &lease)                                                                                                                              \
    X(FAMILY_CPU, METRIC_COUNTER, false, "process_cpu_seconds", "Processor time used, in user and system mode.", no_bounds)                \
    X(FAMILY_RESIDENT, METRIC_GAUGE, false, "process_resident_memory_bytes", "Memory held.", no_bounds)                                    \
    X(FAMILY_VIRTUAL, METRIC_GAUGE, false, "process_virtual_memory_bytes", "Address space taken.", no_bounds)                              \
    X(FAMILY_FILES, METRIC_GAUGE, false, "process_open_fds", "Open file descriptors.", no_bounds)                                          \
    X(FAMILY_FILES_MOST, METRIC_GAUGE, false, "process_max_fds", "File descriptors that may be open.", no_bounds)                          \
    X(FAMILY_START, METRIC_GAUGE, false, "process_start_time_seconds", "When the process began, in seconds since 1970.", no_bounds)        \
    X(FAMILY_BUILD, METRIC_INFO, false, "model_booster_build", "What runs: its version, and that of its generator.", no_bounds, &version,  \
      &generator)                                                                                                                          \
    X(FAMILY_MODELS, METRIC_GAUGE, true, "model_booster_models",                                                                           \
      "ModelBoosters by what each of their conditions says; one without conditions counts as Unknown.", no_bounds, &condition, &status,    \
      &reason)                                                                                                                             \
    X(FAMILY_CHILDREN, METRIC_GAUGE, false, "model_booster_children", "Objects that belong to ModelBoosters.", no_bounds, &child)          \
    X(FAMILY_DRIFT, METRIC_COUNTER, false, "model_booster_drift_repaired",                                                                 \
      "Children put right after somebody else had changed or removed them.", no_bounds, &child)                                            \
    X(FAMILY_FIGHTS, METRIC_COUNTER, false, "model_booster_fights",                                                                        \
      "Children given up for a while because another controller rewrites them.", no_bounds, &child)                                        \
    X(FAMILY_TO_CHILDREN, METRIC_HISTOGRAM, false, "model_booster_commit_to_children_seconds",                                             \
      "From the commit of an edit to the answer to the last write of its children.", children_bounds)                                      \
    X(FAMILY_TO_ACTIVE, METRIC_HISTOGRAM, false, "model_booster_commit_to_active_seconds",                                                 \
      "From the commit of an edit to Active=True for it.", active_bounds)                                                                  \
    X(FAMILY_SYNCED, METRIC_GAUGE, false, "model_booster_kind_synced", "1: the kind is listed in every namespace followed.", no_bounds,    \
      &kind)                                                                                                                               \
    X(FAMILY_LISTS, METRIC_COUNTER, false, "model_booster_lists", "Lists begun.", no_bounds, &kind)                                        \
    X(FAMILY_WATCHES, METRIC_COUNTER, false, "model_booster_watches", "Watches opened; some end after 5 to 10 minutes by themselves.",     \
      no_bounds, &kind)                                                                                                                    \
    X(FAMILY_WATCH_TROUBLES, METRIC_COUNTER, false, "model_booster_watch_interruptions",                                                   \
      "Times that lists and watches stopped coming through.", no_bounds, &kind)                                                            \
    X(FAMILY_WATCH_EVENTS, METRIC_COUNTER, false, "model_booster_watch_events", "Objects that lists and watches told of.", no_bounds,      \
      &kind)                                                                                                                               \
    X(FAMILY_LOOP_DELAY, METRIC_HISTOGRAM, false, "model_booster_loop_delay_seconds",                                                      \
      "How late a timer comes that is due each second: what the event loop was busy with.", delay_bounds)                                  \
    X(FAMILY_LOG_LINES, METRIC_COUNTER, false, "model_booster_log_lines", "Log lines written.", no_bounds, &level)                         \
    X(FAMILY_SPANS, METRIC_COUNTER, false, "model_booster_trace_spans", "Spans by what became of them.", no_bounds, &outcome)

enum metric_family_id {
#define FAMILY_ENUM(id, ...) id,
    METRIC_FAMILIES(FAMILY_ENUM)
#undef FAMILY_ENUM
        FAMILY_COUNT
};

/* Constant. */
const struct metric_family *metric_families(void);

/* Where the values of axes come from that only the running program knows: metrics->texts. */
enum { TEXT_HOST, TEXT_LEASE };

/* ---- values of axes, as indices ---- */

#define METHODS(X) X("GET") X("POST") X("PATCH") X("DELETE") X("PUT")
/* What an API server answers; all else is "other", and no answer is "<error>", as client-go has it. */
#define CODES(X)                                                                                                                           \
    X(200)                                                                                                                                 \
    X(201) X(202) X(204) X(400) X(401) X(403) X(404) X(405) X(406) X(409) X(410) X(413) X(415) X(422) X(429) X(500) X(502) X(503) X(504)

enum { RESULT_SUCCESS, RESULT_ERROR, RESULT_REQUEUE, RESULT_REQUEUE_AFTER };
/* After the kinds of children. */
enum { KIND_AXIS_BOOSTER = CHILD_KIND_COUNT, KIND_AXIS_CONFIG, KIND_AXIS_COUNT };
enum { SPANS_EXPORTED, SPANS_DROPPED };

/* "GET" -> 0, ...; an unknown one counts as the first. */
size_t method_index(const char *method);
/* 0: there was no answer. */
size_t code_index(int status);

enum { CONDITION_INITIALIZED, CONDITION_ACTIVE, CONDITION_FAILED, CONDITION_COUNT };
enum { STATUS_TRUE, STATUS_FALSE, STATUS_UNKNOWN };
extern const char *const condition_names[CONDITION_COUNT];
/* Of the words that status.c gives; any other, and none, is "Other". */
size_t reason_index(struct str reason);

#endif
