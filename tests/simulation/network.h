/*
 * Between the instances of the controller and the model server: every request travels, is performed, and its answer travels back; each leg
 * takes its time, and the weather says what goes wrong on the way. io/http_client.h is implemented here.
 *
 *   http_send -> call --travels--> performed by the server --travels--> answered          a call that nobody waits for any more (a crash, a
 *                  |                                          |                           timeout) is performed all the same
 *                 not sent, lost, refused                    lost
 *
 *   http_open -> call -> watch: the server's changes, in order, each later than it happened; cut into pieces anywhere, broken off anywhere
 */
#ifndef MB_TESTS_SIMULATION_NETWORK_H
#define MB_TESTS_SIMULATION_NETWORK_H

#include "io/http_client.h"
#include "model_server.h"
#include "virtual_loop.h"

/* In thousandths, each drawn for every request or piece. All zero: a perfect network that takes a millisecond. */
struct weather {
    unsigned not_sent;     /* nothing of the request arrives, and the client knows */
    unsigned lost_request; /* it never arrives, and the client cannot know */
    unsigned lost_answer;  /* it is performed, and the client cannot know */
    unsigned late_request; /* it arrives long after, when the client may have given up */
    unsigned throttled;    /* 429, half of them with Retry-After */
    unsigned server_error; /* 500, 503, 504 before anything is performed; half of the latter two after */
    unsigned unauthorized; /* 401 */
    unsigned cut_watch;    /* a piece of a watch is its last, and it ends within a line */
    unsigned expired_watch;
    unsigned too_large_version; /* this replica is not as far as the watch's resourceVersion */
    unsigned duplicate;         /* an event comes twice */
    unsigned piece;             /* a line comes in two pieces */
    int64_t delay_ms;           /* at most, of each leg */
    int64_t lag_ms;             /* at most, of each event of a watch */
};

struct network;

/* What those who judge want to know. Each may be NULL. */
struct network_ears {
    void (*sends)(void *context, int instance, const char *method, struct str target, struct str body);
    /* `instance` has been told all changes of the kind up to `version`. */
    void (*told)(void *context, int instance, int kind, int64_t version);
    /* What comes of a request: it was performed and answered so; `fate` says what became of the answer. */
    void (*performed)(void *context, const struct model_request *request, const struct model_answer *answer, const char *fate);
    /* An answer has come to whoever waited for it. */
    void (*answered)(void *context, const struct model_request *request, const struct model_answer *answer);
    void *context;
};

struct call;

struct network {
    struct agenda *agenda;
    struct model_server *server;
    struct number_random random;
    struct weather weather;
    bool is_down; /* connections are refused */
    struct call *calls;
    struct network_ears ears;
};

struct http_client {
    struct network *network;
    struct loop *loop;
    int instance;
    bool is_cut_off; /* this instance alone reaches nobody */
    struct http_handle *handles;
    size_t in_flight;
};

void network_init(struct network *network, struct agenda *agenda, struct model_server *server, uint64_t seed);
void network_release(struct network *network);
struct http_client *network_client_new(struct network *network, struct loop *loop, int instance);
/* Performs a request of somebody who is no instance, now, whatever the weather. The body is the caller's. */
struct model_answer network_perform(struct network *network, const struct model_request *request, const char *fate);
/* The server has changes: those who watch are told in time. To be called after anything was performed. */
void network_spread(struct network *network);
/* A watch of the kind is open, and nothing is wrong with it. */
bool network_is_watching(const struct network *network, int instance, int kind);
/* No write of a model or a child is on its way, nor an answer to one. */
bool network_is_still(const struct network *network);
/* Every watch of `instance` (-1: of all) breaks off: at once, or after a while in which nothing comes. */
void network_break(struct network *network, int instance, bool is_silent);

#endif
