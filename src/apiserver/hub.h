/*
 * Watches: every stream of events, fed from what has become durable.
 *
 *   INITIAL      the state at a revision, as ADDED events              (resourceVersion "", "0", sendInitialEvents)
 *   CATCHING_UP  rows of the log after `cursor`, in slices             (then, and whenever the reader was slow)
 *   LIVE         cursor is the newest revision: each write is handed on as it becomes durable
 *
 * A reader with more than WATCH_SOFT_BYTES unread gets nothing more: its watch falls back to CATCHING_UP and costs no memory. When the log
 * has been compacted beyond its cursor it ends with 410. One line of JSON an event, made once and shared by all who see the same.
 */
#ifndef MB_APISERVER_HUB_H
#define MB_APISERVER_HUB_H

#include "apiserver/objects.h"

struct apiserver;
struct hub;

struct hub *hub_new(struct apiserver *server);
void hub_free(struct hub *hub);
/* From objects' on_write, in order of revision. */
void hub_on_write(struct hub *hub, const struct write *write);
/* The collection's kind is gone. */
void hub_end_collection(struct hub *hub, const struct collection *collection);
/* Ends every watch in good order; no new ones after that. */
void hub_stop(struct hub *hub);
size_t hub_count(const struct hub *hub);

#endif
