/*
 * Who asks: bearer tokens (those of the settings, and service accounts' JSON Web Tokens), client certificates, the process itself. Nobody
 * is anonymous.
 */
#ifndef MB_APISERVER_IDENTITY_H
#define MB_APISERVER_IDENTITY_H

#include "apiserver/server.h"

/* Fills request->user; false and a refusal (401). */
bool identity_of_request(struct request *request);
/* Whose token it is, given for this audience (the API server's is IDENTITY_ISSUER); false: nobody's, or expired. Texts in the arena. */
bool identity_of_token(struct apiserver *server, struct arena *arena, struct str token, struct str audience, struct user *out);
/* A token for a service account, HS256 with the server's key; empty when memory is out. `audiences` NULL: the API server's. */
struct str identity_make_token(struct apiserver *server, struct arena *arena, struct str namespace, struct str name, struct str uid,
                               const yyjson_mut_val *audiences, int64_t issued_s, int64_t expires_s);
#define IDENTITY_ISSUER "https://kubernetes.default.svc.cluster.local"

#endif
