/*
 * Kubernetes' API on one machine: requests in (from io/server or the same process), answers and watches out, everything durable.
 *
 *   apiserver_new -> apiserver_handle(server, exchange) for each request ... -> apiserver_stop -> apiserver_free
 *
 * One thread: everything happens on the loop. A write is answered once it is on the disk; reads and watches see only what is.
 */
#ifndef MB_APISERVER_APISERVER_H
#define MB_APISERVER_APISERVER_H

#include "io/exchange.h"
#include "io/loop.h"

/* Who a bearer token stands for; as in kube-apiserver's --token-auth-file. */
struct apiserver_token {
    struct str token, user, uid;
    const struct str *groups;
    size_t group_count;
};

struct apiserver_settings {
    const char *data_folder;              /* of the store; made when absent */
    const char *storage_vfs;              /* tests only; NULL */
    const struct apiserver_token *tokens; /* copied */
    size_t token_count;
    struct str signing_key;    /* secret for service account tokens, at least 32 bytes; copied */
    uint64_t seed;             /* for uids and generated names */
    int64_t history_ms;        /* how long replaced revisions can be read and watched from; 0: 5 minutes */
    int64_t history_revisions; /* and how many at most; 0: 100,000 */
    const char *audit_log;     /* file for audit.k8s.io/v1 events, a line each (audit.h); NULL: none */
    struct str address;        /* "https://127.0.0.1:1234", for documents that name it; may be empty */
};

struct apiserver;

/* Opens the store and installs what every cluster has (namespaces, cluster roles). NULL and `error` with the remedy. */
struct apiserver *apiserver_new(struct loop *loop, const struct apiserver_settings *settings, struct error *error);
/* An exchange_handler whose owner is the struct apiserver. is_local exchanges without a bearer token act as system:masters. */
void apiserver_handle(void *server, struct exchange *exchange);
/* Ends all watches in good order and refuses new requests (503); answers what is on its way to the disk first: `stopped` is then called
 * once. */
void apiserver_stop(struct apiserver *server, loop_callback *stopped, void *owner);
/* Closes the store. What is still open is dropped. */
void apiserver_free(struct apiserver *server);

#endif
