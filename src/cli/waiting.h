/*
 * Waits for one object to become what is wanted: listed, then watched, through restarts of the server, until a deadline.
 */
#ifndef MB_CLI_WAITING_H
#define MB_CLI_WAITING_H

#include "cli/kinds.h"

/* The object as it is now, NULL when there is none; true: that is what was wanted. */
typedef bool waiting_fn(void *context, yyjson_val *object);

enum waiting_end { WAITING_MET, WAITING_TIMEOUT, WAITING_REFUSED };

/* `deadline_ms` of the loop's clock; the object is looked at once at least. `out_refusal` is of WAITING_REFUSED, in the cluster's arena. */
enum waiting_end waiting_for(struct cluster *cluster, const struct kind_entry *kind, struct str namespace, struct str name,
                             int64_t deadline_ms, waiting_fn *is_met, void *context, struct kube_answer *out_refusal);

#endif
