/*
 * Immutable bytes with a count of references, so that one watch event can lie in a thousand queues. One thread only.
 */
#ifndef MB_BASE_BLOB_H
#define MB_BASE_BLOB_H

#include "base/str.h"

struct blob {
    size_t references;
    size_t len;
    char bytes[]; /* terminated */
};

/* A copy of `bytes` with one reference; NULL when memory is out. */
struct blob *blob_new(struct str bytes);
/* Another reference; returns `blob`. NULL is allowed. */
struct blob *blob_keep(struct blob *blob);
/* Gives a reference back; frees with the last. NULL is allowed. */
void blob_drop(struct blob *blob);
struct str blob_view(const struct blob *blob);

#endif
