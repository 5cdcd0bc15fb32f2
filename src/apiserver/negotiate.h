/* What form of answer an Accept header asks for (apiserver's endpoints/handlers/negotiation). */
#ifndef MB_APISERVER_NEGOTIATE_H
#define MB_APISERVER_NEGOTIATE_H

#include "apiserver/refusal.h"

enum accept_form { ACCEPT_OBJECT, ACCEPT_TABLE, ACCEPT_PARTIAL_METADATA };

struct accept {
    enum accept_form form;
    struct str version;        /* of meta.k8s.io for the last two: "v1", "v1beta1" */
    struct str include_object; /* of Tables: "None", "Metadata", "Object" */
    bool is_yaml, is_pretty;
};

/* What the request says about its answer. */
struct accept_request {
    struct str header, user_agent;
    struct str pretty, include_object; /* query parameters */
    bool is_list;                      /* a list, or a watch of one */
    bool is_watch;
};

/* The best that is served; false and a refusal (406) where none is. Protobuf and CBOR are not. */
bool accept_read(struct arena *arena, const struct accept_request *request, struct accept *out, struct refusal *refusal);

#endif
