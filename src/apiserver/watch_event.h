/* Lines of a watch: {"type":"ADDED","object":...}\n, made once for all watches that see the same. */
#ifndef MB_APISERVER_WATCH_EVENT_H
#define MB_APISERVER_WATCH_EVENT_H

#include "apiserver/filter.h"
#include "apiserver/request.h"

enum { WATCH_SHARED_LINES = 8 };

/* One write while it is handed round: what several watches need of it is made once. */
struct watch_write {
    const struct write *write;
    struct objects *objects;
    struct arena arena;
    bool has_parsed;
    const yyjson_val *now, *before; /* parsed, for selectors */
    struct blob *body_before;
    struct {
        const char *type;
        const struct kind_version *version;
        struct blob *line;
    } lines[WATCH_SHARED_LINES];
    size_t line_count;
};

void watch_write_init(struct watch_write *out, struct objects *objects, const struct write *write);
void watch_write_release(struct watch_write *write);

/* *out: the line for this watch, one reference for the caller; NULL: it does not concern it. False when it cannot be made. */
bool watch_event_make(struct request *request, const struct filter *filter, struct watch_write *write, struct blob **out);
/* Each NULL when memory is out. `body` is stored at `revision`. */
struct blob *watch_event_line(struct request *request, const char *type, struct blob *body, int64_t revision);
struct blob *watch_event_bookmark(struct request *request, int64_t revision, bool is_initial_end);
struct blob *watch_event_error(const struct refusal *refusal);

#endif
