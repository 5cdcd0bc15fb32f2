/* The server's state. Inside of apiserver/ only. */
#ifndef MB_APISERVER_SERVER_H
#define MB_APISERVER_SERVER_H

#include <stdio.h>

#include "apiserver/request.h"
#include "base/number.h"

struct call;
struct hub;
struct collector;
struct document_cache;
struct rights;
struct discovery_cache;

struct server_token {
    struct str token;
    struct user user;
};

enum { COMPACTION_MARKS = 16 };

struct apiserver {
    struct loop *loop;
    struct storage *storage;
    struct objects *objects;
    struct registry *registry;
    struct hub *hub;             /* watches */
    struct collector *collector; /* garbage, namespaces and definitions that go */
    struct rights *rights;       /* roles and bindings, compiled */
    struct arena arena;          /* of the settings' copies */
    struct server_token *tokens;
    size_t token_count;
    struct str signing_key, address;
    int64_t history_ms, history_revisions;
    FILE *audit_log; /* NULL: none */
    struct number_random random;
    struct collection *namespaces, *definitions;
    struct call *calls;       /* of the server to itself (internal_call.h) */
    struct request *requests; /* every one under way */
    size_t request_count;
    struct loop_timer *housekeeping;
    struct {
        int64_t at_ms, revision;
    } marks[COMPACTION_MARKS]; /* oldest first: which revision was the newest when */
    size_t mark_count;
    size_t bootstrap_under_way; /* until then requests of others are held */
    bool is_stopping;
    loop_callback *stopped;
    void *stopped_owner;
    int64_t started_ms;
    /* metrics */
    uint64_t answered[6]; /* by hundreds of the status code */
    uint64_t writes, watches_opened;
    struct document_cache *document_cache;
    struct strbuf documents; /* scratch for discovery and the like */
};

/* "a1b2c": five characters that cannot be misread, of apimachinery's alphabet. */
struct str server_random_suffix(struct apiserver *server, struct arena *arena);
/* A random (version 4) UUID. */
struct str server_uuid(struct apiserver *server, struct arena *arena);

/* discovery, health, OpenAPI, metrics: everything that is no resource. */
void server_answer_path(struct request *request);
/* Dispatches the requests that came before the server had what every cluster has. */
void server_release_held(struct apiserver *server);
/* Once more from the start, for a request whose arena is empty. */
void server_dispatch(struct request *request);

#endif
