#include "apiserver/body_cache.h"

#include <stdlib.h>
#include <utlist.h>

#include "base/hash_table.h"

/* Enough for the working set of a busy controller; small beside the 95 MB that 10,000 large objects may take in all. */
enum { CACHE_BYTES = 16 * 1024 * 1024 };

struct entry {
    UT_hash_handle by_revision;
    struct entry *prev, *next; /* least lately used first */
    int64_t revision;
    struct blob *body;
};

struct body_cache {
    struct entry *entries, *oldest;
    size_t size_bytes;
};

struct body_cache *body_cache_new(void) {
    return calloc(1, sizeof(struct body_cache));
}

static size_t weight(const struct entry *entry) {
    return sizeof *entry + sizeof *entry->body + entry->body->len;
}

static void drop(struct body_cache *cache, struct entry *entry) {
    HASH_DELETE(by_revision, cache->entries, entry);
    DL_DELETE(cache->oldest, entry);
    cache->size_bytes -= weight(entry);
    blob_drop(entry->body);
    free(entry);
}

void body_cache_free(struct body_cache *cache) {
    if (!cache) return;
    while (cache->oldest) drop(cache, cache->oldest);
    free(cache);
}

static struct entry *find(struct body_cache *cache, int64_t revision) {
    struct entry *entry;
    HASH_FIND(by_revision, cache->entries, &revision, sizeof revision, entry);
    return entry;
}

struct blob *body_cache_get(struct body_cache *cache, int64_t revision) {
    struct entry *entry = find(cache, revision);
    if (!entry) return NULL;
    DL_DELETE(cache->oldest, entry);
    DL_APPEND(cache->oldest, entry);
    return entry->body;
}

void body_cache_put(struct body_cache *cache, int64_t revision, struct blob *body) {
    if (find(cache, revision)) return;
    struct entry *entry = calloc(1, sizeof *entry);
    if (!entry) return;
    entry->revision = revision;
    entry->body = blob_keep(body);
    HASH_ADD(by_revision, cache->entries, revision, sizeof entry->revision, entry);
    if (!entry->by_revision.tbl) {
        blob_drop(entry->body);
        free(entry);
        return;
    }
    DL_APPEND(cache->oldest, entry);
    cache->size_bytes += weight(entry);
    while (cache->size_bytes > CACHE_BYTES && cache->oldest != entry) drop(cache, cache->oldest);
}
