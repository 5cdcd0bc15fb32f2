#include "base/blob.h"

#include <stdlib.h>
#include <string.h>

struct blob *blob_new(struct str bytes) {
    if (bytes.len > SIZE_MAX - sizeof(struct blob) - 1) return NULL;
    struct blob *blob = malloc(sizeof *blob + bytes.len + 1);
    if (!blob) return NULL;
    blob->references = 1;
    blob->len = bytes.len;
    if (bytes.len) memcpy(blob->bytes, bytes.ptr, bytes.len);
    blob->bytes[bytes.len] = '\0';
    return blob;
}

struct blob *blob_keep(struct blob *blob) {
    if (blob) blob->references++;
    return blob;
}

void blob_drop(struct blob *blob) {
    if (blob && --blob->references == 0) free(blob);
}

struct str blob_view(const struct blob *blob) {
    return blob ? (struct str){blob->bytes, blob->len} : STR_EMPTY;
}
