/*
 * The two addresses among the settings: where health and metrics are served, and where spans are sent. Both can be tried before anything
 * is begun; trying one sends nothing. What is wrong is an error whose path is the flag's name, so that who has read the flags can say
 * where its value is from.
 */
#ifndef MB_CONTROLLER_ADDRESSES_H
#define MB_CONTROLLER_ADDRESSES_H

#include "base/error.h"
#include "io/loop.h"

/* Listens, and lets go. NULL is fine: nothing is served. */
bool addresses_try_metrics(struct loop *loop, const char *address, struct error *error);
/* That failed since somebody listens there, such as a controller that runs already. */
bool addresses_is_taken(const struct error *error);
/* NULL or empty is fine: nothing is sent. */
bool addresses_try_collector(struct loop *loop, const char *endpoint, struct error *error);

/* What opening one of them failed with, as the two above tell it; false, so that `return addresses_blame_...` reads well. */
bool addresses_blame_metrics(struct error *error);
bool addresses_blame_collector(const char *endpoint, struct error *error);

#endif
