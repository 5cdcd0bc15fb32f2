#include "apiserver/document_cache.h"

#include <stdlib.h>
#include <string.h>

/* Two or three a group's version; a client that asks for all of a laptop's groups stays below. */
enum { MAX_DOCUMENTS = 64, MAX_BYTES = 16 * 1024 * 1024 };

struct entry {
    char *path;
    size_t path_len;
    struct blob *document;
};

struct document_cache {
    uint64_t epoch;
    size_t count, size_bytes;
    struct entry entries[MAX_DOCUMENTS];
};

struct document_cache *document_cache_new(void) {
    return calloc(1, sizeof(struct document_cache));
}

static void clear(struct document_cache *cache) {
    for (size_t i = 0; i < cache->count; i++) {
        blob_drop(cache->entries[i].document);
        free(cache->entries[i].path);
    }
    cache->count = cache->size_bytes = 0;
}

void document_cache_free(struct document_cache *cache) {
    if (!cache) return;
    clear(cache);
    free(cache);
}

struct blob *document_cache_get(struct document_cache *cache, struct str path, uint64_t epoch) {
    for (size_t i = 0; cache->epoch == epoch && i < cache->count; i++) {
        struct str known = {cache->entries[i].path, cache->entries[i].path_len};
        if (str_equal(known, path)) return cache->entries[i].document;
    }
    return NULL;
}

void document_cache_put(struct document_cache *cache, struct str path, uint64_t epoch, struct blob *document) {
    if (cache->epoch != epoch) clear(cache);
    cache->epoch = epoch;
    if (cache->count == MAX_DOCUMENTS || document->len > MAX_BYTES - cache->size_bytes || document_cache_get(cache, path, epoch)) return;
    char *copy = malloc(path.len + 1);
    if (!copy) return;
    memcpy(copy, path.ptr, path.len);
    cache->entries[cache->count++] = (struct entry){.path = copy, .path_len = path.len, .document = blob_keep(document)};
    cache->size_bytes += document->len;
}
