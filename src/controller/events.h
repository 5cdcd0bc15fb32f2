/*
 * Kubernetes Events: what a person should know and no condition says. Sent once and forgotten: an Event that cannot be written changes nothing.
 */
#ifndef MB_CONTROLLER_EVENTS_H
#define MB_CONTROLLER_EVENTS_H

#include "controller/client.h"
#include "controller/log.h"

struct event {
    bool is_warning;
    const char *reason; /* CamelCase */
    struct str message; /* at most 1024 bytes are sent */
    /* what it is about */
    const char *api_version, *kind;
    struct str namespace; /* empty: an object of the whole cluster */
    struct str name, uid;
};

/* `log` hears of an Event that was refused, at level debug; it must outlive the client. */
void event_send(struct client *client, int64_t wall_ms, const struct log *log, const struct event *event);

#endif
