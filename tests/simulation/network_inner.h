/* What the network's files share: requests (network.c) and watches (network_watch.c). */
#ifndef MB_TESTS_SIMULATION_NETWORK_INNER_H
#define MB_TESTS_SIMULATION_NETWORK_INNER_H

#include "network.h"

struct http_handle {
    struct http_client *client;
    struct http_handle *next, *previous;
    struct call *call; /* NULL: lost on the way */
    bool is_stream, is_opened;
    http_answer_callback *answered;
    struct http_stream_events events;
    void *owner;
    struct agenda_entry timeout;
    int64_t deadline_ms; /* when it gives up, by the true time; INT64_MAX: never */
};

enum call_stage { CALL_TRAVELS, CALL_RETURNS, CALL_STREAMS };

/* A request on its way, the client's side apart: it outlives the handle. */
struct call {
    struct network *network;
    struct call *next, *previous;
    struct http_handle *handle; /* NULL: nobody waits */
    struct loop *loop;          /* of the one who waits */
    struct model_request request;
    char *target, *body;
    struct agenda_entry entry;
    enum call_stage stage;
    bool is_answer_lost;
    struct model_answer answer;
    bool has_answer;
    enum http_outcome outcome; /* of what comes back */

    /* watches */
    struct model_watch watch;
    struct strbuf pending; /* to be delivered */
    size_t delivered;      /* of them */
    int64_t pending_version, told_version;
    int64_t ends_ms;
    bool ends_well, is_broken, is_cut;
    struct agenda_entry bookmark;
};

unsigned network_draw(struct network *network, unsigned below);
bool network_happens(struct network *network, unsigned permille);
int64_t network_leg_ms(struct network *network);
/* Ends the handle: its last callback. */
void handle_finish(struct http_handle *handle, enum http_outcome outcome, int status, int64_t retry_after_ms, struct strbuf *body);
void call_free(struct call *call);

/* The request has arrived. */
void watch_arrive(struct call *call);
void watch_proceed(void *owner);
void watch_release(struct call *call);

#endif
