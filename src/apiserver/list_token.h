/* The continue token of a paged list: base64url of {"v":"meta.k8s.io/v1","rv":REVISION,"start":"[NAMESPACE/]NAME\0"}, as in
 * kube-apiserver. */
#ifndef MB_APISERVER_LIST_TOKEN_H
#define MB_APISERVER_LIST_TOKEN_H

#include "apiserver/refusal.h"

struct list_token {
    int64_t revision; /* -1: whatever is newest */
    struct str namespace, name;
};

struct str list_token_write(struct arena *arena, const struct list_token *token);
/* False and a refusal (400). */
bool list_token_read(struct arena *arena, struct str text, struct list_token *out, struct refusal *refusal);

#endif
