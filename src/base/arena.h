/*
 * Memory for one unit of work (a reconcile, a request, a file), freed whole.
 *
 *   struct arena arena;
 *   arena_init(&arena, limit_bytes);
 *   ... arena_alloc(&arena, n) ...        pointers stay valid until release
 *   arena_release(&arena);
 *
 * Blocks double from 4 KiB to 1 MiB; nothing is allocated before the first use. When the limit is reached or
 * memory is out, allocation returns NULL and `exhausted` stays set: a caller may build on and check once at the end
 * where every step tolerates NULL (yyjson's builders do).
 */
#ifndef MB_BASE_ARENA_H
#define MB_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

struct arena_block;

struct arena {
    struct arena_block *newest;
    size_t used_bytes;  /* allocated in all blocks, padding included */
    size_t limit_bytes; /* used_bytes never exceeds it */
    bool exhausted;
};

void arena_init(struct arena *arena, size_t limit_bytes);
/* Frees every block; the arena may be used again. */
void arena_release(struct arena *arena);
/* The same, and nothing of what was in it stays in memory: for secrets. */
void arena_wipe(struct arena *arena);
/* Zeroed memory, 16-byte aligned; NULL when exhausted. */
void *arena_alloc(struct arena *arena, size_t size_bytes);
/* Zeroed room for `count` elements; NULL when exhausted or the product overflows. */
void *arena_array(struct arena *arena, size_t count, size_t element_bytes);
/* A terminated copy; the empty view when exhausted. */
struct str arena_copy(struct arena *arena, struct str s);
/* printf into the arena, terminated; the empty view when exhausted. */
struct str arena_printf(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The three one after the other, terminated; the empty view when exhausted. */
struct str arena_join(struct arena *arena, struct str a, struct str b, struct str c);

#endif
