/*
 * From flags and environment to a client for the cluster: kubeconfig (flag, $KUBECONFIG, ~/.kube/config) or the pod's own account.
 */
#ifndef MB_CONTROLLER_CONNECT_H
#define MB_CONTROLLER_CONNECT_H

#include "base/arena.h"
#include "controller/client.h"
#include "io/credentials.h"

struct connect_options {
    const char *kubeconfig; /* NULL: in a pod its account, else ~/.kube/config; several files are separated by colons */
    const char *context;    /* NULL: the current one */
    bool allow_exec;
};

struct connection {
    struct credentials *credentials;
    struct client client;
    struct str server, namespace; /* namespace: the pod's, or the context's, or "default"; in the arena */
    bool is_insecure;             /* the server's certificate is not checked */
    const char *files[4];         /* that are read again while it lives; in the arena, too */
    size_t file_count;
    uint16_t ports[4]; /* TCP, that it connects to */
    size_t port_count;
};

/* False and `error` with the file or field and the remedy. Texts that it keeps live in the arena, and hold no secret. */
bool connection_open(struct arena *arena, struct loop *loop, const struct connect_options *options, struct connection *out,
                     struct error *error);
/* After client_release. */
void connection_close(struct connection *connection);

#endif
