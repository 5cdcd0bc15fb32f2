/* Base64 (RFC 4648): plain for bytes in JSON; with the URL alphabet and without padding for continue tokens and JSON Web Tokens. */
#ifndef MB_APISERVER_BASE64_H
#define MB_APISERVER_BASE64_H

#include "base/arena.h"

/* In the arena; empty when that is exhausted. */
struct str base64_encode(struct arena *arena, struct str bytes);
struct str base64url_encode(struct arena *arena, struct str bytes);
/* False for text that is none. */
bool base64url_decode(struct arena *arena, struct str text, struct str *out);

#endif
