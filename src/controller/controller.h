/*
 * The Model Controller: joins booster (what to do) and kube (how Kubernetes answers) over io.
 * One event-loop thread does everything; see docs/architecture.md.
 *
 *   controller_run     a process of its own: connects, runs until a signal
 *   controller_new     in somebody's process, on his loop and over his connection:
 *                      controller_new -> ... -> controller_stop -> stopped -> controller_free
 */
#ifndef MB_CONTROLLER_CONTROLLER_H
#define MB_CONTROLLER_CONTROLLER_H

#include "base/error.h"
#include "controller/elector.h"
#include "controller/log.h"
#include "io/loop.h"

enum upgrade_policy {
    UPGRADE_ON_EDIT, /* a newer generator or other images wait for the next edit */
    UPGRADE_ROLLING, /* outdated ModelServings are brought up to date, at most max_rollouts models at a time */
};

struct controller_options {
    const char *kubeconfig;        /* NULL: $KUBECONFIG's value is passed by the caller, else in-cluster */
    const char *context;           /* NULL: the current one */
    const char *const *namespaces; /* empty: all */
    size_t namespace_count;
    const char *downloader_image; /* NULL: ConfigMap, else the default */
    const char *runtime_image;
    int max_in_flight; /* reconciles with a request outstanding, 1..1000 */
    bool allow_exec;   /* exec credential plugins of the kubeconfig may run */
    enum upgrade_policy upgrade;
    int max_rollouts;
    const struct leader_election *leader_election; /* NULL: it works at once, as the only one */
    const char *metrics_address;                   /* "127.0.0.1:8080", ":8080": /healthz, /readyz and /metrics; NULL: none */
    const char *otlp_endpoint;                     /* "http://127.0.0.1:4318": where traces go; NULL: nowhere */
    bool is_unconfined;                            /* controller_run leaves it every right that its user has */
    struct log log;                                /* controller_run makes a flow of its own from its level */
};

struct connection;
struct controller;
/* `error` NULL: a clean stop; else why the connection has no credentials, or who holds the lease now: nothing was begun, or no more is. */
typedef void controller_stopped_fn(void *owner, const struct error *error);

/*
 * Begins at once; the first request goes out from the loop. Options and connection must outlive the controller, which uses the
 * connection's client alone and closes it when freed. `stopped` is called once, from controller_stop or later from the loop. NULL and
 * `error` when it cannot be made: the client is closed then too.
 */
struct controller *controller_new(struct loop *loop, const struct controller_options *options, struct connection *connection,
                                  controller_stopped_fn *stopped, void *owner, struct error *error);
/* Lets what is under way finish, for 10 s at most, then calls `stopped`. */
void controller_stop(struct controller *controller);
/* Stopped or not; not from within `stopped`. NULL is allowed. */
void controller_free(struct controller *controller);

/* Runs until SIGTERM or SIGINT. True on a clean stop; false and `error` when it could not start. */
bool controller_run(const struct controller_options *options, struct error *error);

#endif
