/* Documents made from the registry, large and asked for again and again (OpenAPI): kept until a kind comes, goes or changes. */
#ifndef MB_APISERVER_DOCUMENT_CACHE_H
#define MB_APISERVER_DOCUMENT_CACHE_H

#include "base/blob.h"

struct document_cache;

struct document_cache *document_cache_new(void);
void document_cache_free(struct document_cache *cache);
/* Borrowed until the next call; NULL: not there, or made from another registry's epoch. */
struct blob *document_cache_get(struct document_cache *cache, struct str path, uint64_t epoch);
/* Takes a reference. Without effect when memory is out or the cache is full. */
void document_cache_put(struct document_cache *cache, struct str path, uint64_t epoch, struct blob *document);

#endif
