/* Base64 with the URL alphabet and without padding (RFC 4648 section 5): continue tokens and JSON Web Tokens. */
#ifndef MB_APISERVER_BASE64URL_H
#define MB_APISERVER_BASE64URL_H

#include "base/arena.h"

struct str base64url_encode(struct arena *arena, struct str bytes);
/* False for text that is none. */
bool base64url_decode(struct arena *arena, struct str text, struct str *out);

#endif
