/*
 * The embedded API server in a temporary folder, spoken to in the same process: what a request is answered, and what a watch has said so far.
 */
#ifndef MB_TESTS_APISERVER_RIG_H
#define MB_TESTS_APISERVER_RIG_H

#include "apiserver/apiserver.h"
#include "data/json.h"

struct rig;
struct rig_stream;

struct rig_answer {
    int status;
    struct str body, content_type;
    const yyjson_val *json; /* NULL: it is none */
    struct str warnings;    /* one a line */
};

/* `settings` NULL: the defaults, with a token "secret" of a user without rights in group "team". Their data_folder NULL: one of the
 * rig's own; it removes either. */
struct rig *rig_new(const struct apiserver_settings *settings);
void rig_free(struct rig *rig);
/* Stops the server and starts it again on the same data. */
void rig_restart(struct rig *rig);
struct arena *rig_arena(struct rig *rig);
struct apiserver *rig_server(struct rig *rig);
struct loop *rig_loop(struct rig *rig);

/* As the administrator. `target` with its query; body NULL: none. Texts live as long as the rig. */
struct rig_answer rig_do(struct rig *rig, const char *method, const char *target, const char *body);
/* With a Content-Type, and headers "Name: value" separated by newlines; either may be NULL. */
struct rig_answer rig_send(struct rig *rig, const char *method, const char *target, const char *content_type, const char *headers, const char *body);
/* The same, failing the test unless the status is this. */
struct rig_answer rig_expect(struct rig *rig, int status, const char *method, const char *target, const char *body);
/* A text at a path of keys, "" where there is none. */
struct str rig_text(const struct rig_answer *answer, const char *path);

struct rig_stream *rig_watch(struct rig *rig, const char *target);
/* Any request, of which no answer is waited for: as a stream it is over once it is answered. */
struct rig_stream *rig_begin(struct rig *rig, const char *method, const char *target, const char *content_type, const char *body);
/* The next event as "TYPE name resourceVersion"; waits for it. Fails the test when none comes. */
struct str rig_next(struct rig *rig, struct rig_stream *stream);
/* The same as JSON. */
const yyjson_val *rig_next_event(struct rig *rig, struct rig_stream *stream);
bool rig_is_over(const struct rig_stream *stream);
/* From now on nothing is taken from the stream: a reader that has stalled. */
void rig_stall(struct rig_stream *stream, bool is_stalled);
void rig_close(struct rig_stream *stream);
/* Runs the loop until nothing has happened for a while. */
void rig_settle(struct rig *rig);
/* Runs the loop until a GET of this target gives that status. */
void rig_wait_status(struct rig *rig, const char *target, int status);

#endif
