/*
 * The endpoints of a controller: what /healthz and /readyz check, and what is counted only when /metrics is asked for.
 *
 *   alive   the loop turns
 *   ready   ... and ModelBoosters can be read, every kind is listed (or known not to be there), and the watches come through
 *
 * A controller that waits for its turn as leader, or for the server to come back for less than a minute, is ready.
 */
#ifndef MB_CONTROLLER_HEALTH_H
#define MB_CONTROLLER_HEALTH_H

#include "base/error.h"

struct controller;
struct endpoints;

enum { HEALTH_WATCH_PATIENCE_MS = 60 * 1000 };

/* Listens at `address`. NULL and `error` when it cannot. */
struct endpoints *health_serve(struct controller *controller, struct str address, struct error *error);

#endif
