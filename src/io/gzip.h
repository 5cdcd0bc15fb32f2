/*
 * A blob compressed bit by bit, so that a long one does not hold up the loop: level 1, as kube-apiserver compresses.
 */
#ifndef MB_IO_GZIP_H
#define MB_IO_GZIP_H

#include "base/blob.h"

struct gzip;

/* Keeps a reference of its own. NULL when memory is out. */
struct gzip *gzip_new(struct blob *source);
void gzip_free(struct gzip *gzip);
/* Compresses the next 64 KiB, under a millisecond. *out_bytes: what came of it, may be empty, good until the next call. False when
 * zlib refuses. */
bool gzip_next(struct gzip *gzip, struct str *out_bytes, bool *out_is_last);

#endif
