/* The texts of objects by revision, the most lately used ones. A revision's text never changes, so nothing here is ever stale. */
#ifndef MB_APISERVER_BODY_CACHE_H
#define MB_APISERVER_BODY_CACHE_H

#include "base/blob.h"

struct body_cache;

struct body_cache *body_cache_new(void);
void body_cache_free(struct body_cache *cache);
/* Borrowed until the next call; NULL: not here. */
struct blob *body_cache_get(struct body_cache *cache, int64_t revision);
/* Takes a reference. Without effect when memory is out. */
void body_cache_put(struct body_cache *cache, int64_t revision, struct blob *body);

#endif
