/*
 * What a running program answers to those who watch over it, over plain HTTP:
 *
 *   /healthz  is it alive?          200 "ok", or 500 and each check with what it found; ?verbose: each check in any case
 *   /readyz   does it do its work?  /readyz/NAME: that check alone
 *   /metrics  openmetrics.h
 *
 * The words are those of kube-apiserver's endpoints. Asks nobody: it answers while the cluster is out of reach. Nothing that it tells is
 * secret, and nothing can be changed through it.
 */
#ifndef MB_OBSERVE_ENDPOINTS_H
#define MB_OBSERVE_ENDPOINTS_H

#include "base/arena.h"
#include "base/error.h"
#include "io/loop.h"
#include "observe/metrics.h"

/* One check. True: fine; `out` may say more, and must when it is not; in the arena. */
typedef bool health_check_fn(void *owner, struct arena *arena, struct str *out);

struct health_check {
    const char *name; /* "loop"; NULL ends a table */
    health_check_fn *check;
};

struct endpoints_settings {
    struct str listen;                         /* "127.0.0.1:8080", ":8080"; see server.h */
    const struct health_check *health, *ready; /* outlive the endpoints, as `metrics` does */
    struct metrics *metrics;
    void (*collect)(void *owner); /* called before the metrics are printed: what is counted only then */
    void *owner;
};

struct endpoints;

/* Listens when it returns. NULL and `error` when it cannot. */
struct endpoints *endpoints_new(struct loop *loop, const struct endpoints_settings *settings, struct error *error);
void endpoints_free(struct endpoints *endpoints);
/* "127.0.0.1:34567" */
struct str endpoints_address(const struct endpoints *endpoints);

#endif
