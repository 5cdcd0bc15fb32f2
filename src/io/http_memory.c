#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "io/http_inner.h"

/* curl keeps copies of headers, passwords and keys, and frees them as they are: here nothing of them stays behind. */
static void wipe_and_free(void *block) {
    if (block) explicit_bzero(block, malloc_usable_size(block));
    free(block);
}

static void *move_and_wipe(void *block, size_t size) {
    size_t old = block ? malloc_usable_size(block) : 0;
    void *moved = malloc(size);
    if (!moved) return NULL;
    if (block) memcpy(moved, block, old < size ? old : size);
    wipe_and_free(block);
    return moved;
}

CURLcode http_memory_start(void) {
    return curl_global_init_mem(CURL_GLOBAL_DEFAULT, malloc, wipe_and_free, move_and_wipe, strdup, calloc);
}
