/*
 * What a controller tells of its work: the numbers of families.h, and a span for each reconcile and request. Whoever does something calls a
 * function here; each takes a NULL telemetry, for which there is nothing to do, and none of them fails or waits.
 *
 *   reconciler, job --.
 *   client, watcher ---+--> telemetry --> metrics --> endpoints (health.c) <-- Prometheus, kubelet
 *   loop (watchdog) --'         '-------> tracer ----------------------------> collector
 */
#ifndef MB_CONTROLLER_TELEMETRY_H
#define MB_CONTROLLER_TELEMETRY_H

#include "controller/families.h"
#include "controller/log.h"
#include "io/loop.h"
#include "observe/process.h"
#include "observe/tracer.h"
#include "observe/watchdog.h"

struct job;
struct done;
struct progress;
struct booster_entry;
struct kube_answer;

struct telemetry {
    struct loop *loop;
    const struct log *log;
    struct metrics metrics;
    struct tracer *tracer; /* NULL: nobody collects */
    struct str server;     /* of spans: "https://host:port" ... */
    struct str address;    /* ... its host alone ... */
    int64_t port;          /* ... and port; 0: the scheme's own */
    struct process_files process;
    struct watchdog watchdog;
    struct loop_timer *turn; /* the watchdog's */
};

struct telemetry_settings {
    struct str server;   /* "https://host:port"; outlives the telemetry */
    struct str endpoint; /* of the collector; empty: none */
    struct str lease;    /* its name; outlives the telemetry */
    uint64_t seed;
};

/* False and `error` when memory is out or the endpoint is not usable. */
bool telemetry_init(struct telemetry *telemetry, struct loop *loop, const struct log *log, const struct telemetry_settings *settings,
                    struct error *error);
void telemetry_release(struct telemetry *telemetry);
/* Looks each second whether the loop turns: from here on, since somebody is going to ask. */
void telemetry_watch_loop(struct telemetry *telemetry);

/* The clock of all durations here. */
int64_t telemetry_now_ms(const struct telemetry *telemetry);

/* The API server has answered, with `status` (0: it has not), to what was sent at begun_ms; 0: of a watch, whose duration says nothing. */
void telemetry_answered(struct telemetry *telemetry, const char *method, int status, int64_t begun_ms);

/* A kind, by KIND_AXIS_* or child_kind. */
void telemetry_listing(struct telemetry *telemetry, size_t kind);
void telemetry_watching(struct telemetry *telemetry, size_t kind);
void telemetry_watch_failed(struct telemetry *telemetry, size_t kind);
void telemetry_told(struct telemetry *telemetry, size_t kind);

/* A key was put in line again because its run failed. */
void telemetry_retried(struct telemetry *telemetry);
/* A run has begun, for a key that waited so long. */
void telemetry_run_begun(struct telemetry *telemetry, struct job *job, int64_t waited_ms);
/* A run is over; `entry` is its ModelBooster's, NULL when that is gone. */
void telemetry_run_ended(struct telemetry *telemetry, struct job *job, struct booster_entry *entry, const struct done *done);
/* A child was written, and what the server answered is `entry`'s; before the record is replaced. */
void telemetry_child_written(struct telemetry *telemetry, struct job *job, const struct booster_entry *entry);

/* A run's request goes out, and is answered; `method` and `path` as they are sent. The view lives as long as the job. */
struct str telemetry_request_begun(struct telemetry *telemetry, struct job *job);
void telemetry_request_ended(struct telemetry *telemetry, struct job *job, const char *method, struct str path,
                             const struct kube_answer *answer);

#endif
