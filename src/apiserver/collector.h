/*
 * What Kubernetes' garbage collector, namespace controller and definition finalizer do, level-triggered: of each object that may need
 * something, what the next requests are (collector_plan.c); once they are answered it is looked at again, until nothing is left to do.
 *
 *   a write -> uids to look at -> plan -> requests (as an ordinary client, in process) -> looked at again
 */
#ifndef MB_APISERVER_COLLECTOR_H
#define MB_APISERVER_COLLECTOR_H

#include "apiserver/internal_call.h"

struct collector;

struct collector *collector_new(struct apiserver *server);
void collector_free(struct collector *collector);
/* Queues what was left undone, by the process before or for want of an owner's kind. */
void collector_start(struct collector *collector);
void collector_on_write(struct collector *collector, const struct write *write);

/* collector_plan.c: requests for this object, in the arena; *out_count 0: nothing to do now. */
enum { COLLECTOR_MAX_REQUESTS = 64 };
size_t collector_plan(struct apiserver *server, struct arena *arena, struct object *object,
                      struct internal_request out[COLLECTOR_MAX_REQUESTS]);
/* The kind whose objects a collection holds (the first of those that share it); NULL: none is served. */
const struct kind *collector_kind_of(struct apiserver *server, const struct collection *collection);

#endif
