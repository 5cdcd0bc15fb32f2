/*
 * The Model Controller as a process: joins booster (what to do) and kube (how Kubernetes answers) over io.
 * One event-loop thread does everything; see docs/architecture.md.
 */
#ifndef MB_CONTROLLER_CONTROLLER_H
#define MB_CONTROLLER_CONTROLLER_H

#include "base/error.h"
#include "controller/log.h"

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
    enum log_level log_level;
    enum log_format log_format;
};

/* Runs until SIGTERM or SIGINT. True on a clean stop; false and `error` when it could not start. */
bool controller_run(const struct controller_options *options, struct error *error);

#endif
