/*
 * Who the server is and who may enter: an authority of its own, a certificate for the address that it listens on, the administrator's
 * token, and the key of service account tokens. Made on the first start, kept in the data folder; everything lives in the arena.
 */
#ifndef MB_STANDALONE_KEYS_H
#define MB_STANDALONE_KEYS_H

#include "standalone/data_folder.h"

struct keys {
    struct str ca_certificate;               /* PEM */
    struct str certificate, certificate_key; /* the server's, PEM */
    struct str admin_token;
    struct str signing_key;
};

/* `host`: what --listen names beside the loopback addresses. */
bool keys_load(struct arena *arena, const struct data_folder *folder, struct str host, int64_t now_ms, struct keys *out,
               struct error *error);
/* The administrator's kubeconfig. */
struct str keys_kubeconfig(struct arena *arena, const struct keys *keys, struct str server);

#endif
