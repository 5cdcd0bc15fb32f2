#include "base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef ARENA_BLOCK_PER_ALLOCATION /* so that AddressSanitizer sees where each ends, and each can be made to fail (tests/torture) */
enum { ALIGNMENT = 16, FIRST_BLOCK_BYTES = 0, LARGEST_BLOCK_BYTES = 0 };
#else
enum { ALIGNMENT = 16, FIRST_BLOCK_BYTES = 4096, LARGEST_BLOCK_BYTES = 1024 * 1024 };
#endif

struct arena_block {
    struct arena_block *older;
    size_t used;
    size_t size;
    _Alignas(ALIGNMENT) char bytes[];
};

void arena_init(struct arena *arena, size_t limit_bytes) {
    *arena = (struct arena){.limit_bytes = limit_bytes};
}

void arena_release(struct arena *arena) {
    for (struct arena_block *block = arena->newest; block;) {
        struct arena_block *older = block->older;
        free(block);
        block = older;
    }
    arena_init(arena, arena->limit_bytes);
}

void arena_wipe(struct arena *arena) {
    for (struct arena_block *block = arena->newest; block; block = block->older) explicit_bzero(block->bytes, block->used);
    arena_release(arena);
}

static struct arena_block *block_with_room(struct arena *arena, size_t need) {
    struct arena_block *block = arena->newest;
    if (block && block->size - block->used >= need) return block;
    size_t size = block ? block->size * 2 : FIRST_BLOCK_BYTES;
    if (size > LARGEST_BLOCK_BYTES) size = LARGEST_BLOCK_BYTES;
    if (size < need) size = need;
    block = malloc(sizeof *block + size);
    if (!block) return NULL;
    *block = (struct arena_block){.older = arena->newest, .size = size};
    arena->newest = block;
    return block;
}

void *arena_alloc(struct arena *arena, size_t size_bytes) {
    size_t left = arena->limit_bytes - arena->used_bytes;
    if (arena->exhausted || size_bytes > left || left - size_bytes < ALIGNMENT) {
        arena->exhausted = true;
        return NULL;
    }
    size_t need = (size_bytes + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    struct arena_block *block = block_with_room(arena, need);
    if (!block) {
        arena->exhausted = true;
        return NULL;
    }
    void *memory = block->bytes + block->used;
    block->used += need;
    arena->used_bytes += need;
    return memset(memory, 0, need);
}

void *arena_array(struct arena *arena, size_t count, size_t element_bytes) {
    size_t size;
    if (__builtin_mul_overflow(count, element_bytes, &size)) {
        arena->exhausted = true;
        return NULL;
    }
    return arena_alloc(arena, size);
}

struct str arena_copy(struct arena *arena, struct str s) {
    char *copy = arena_alloc(arena, s.len + 1);
    if (!copy) return STR_EMPTY;
    if (s.len) memcpy(copy, s.ptr, s.len);
    return (struct str){copy, s.len};
}

/* Most texts are short: one pass prints them, and only longer ones need a second. */
struct str arena_printf(struct arena *arena, const char *format, ...) {
    char few[256];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(few, sizeof few, format, arguments);
    va_end(arguments);
    char *text = length < 0 ? NULL : arena_alloc(arena, (size_t)length + 1);
    if (!text) return STR_EMPTY;
    if ((size_t)length < sizeof few) {
        memcpy(text, few, (size_t)length);
        return (struct str){text, (size_t)length};
    }
    va_start(arguments, format);
    vsnprintf(text, (size_t)length + 1, format, arguments);
    va_end(arguments);
    return (struct str){text, (size_t)length};
}

struct str arena_join(struct arena *arena, struct str a, struct str b, struct str c) {
    size_t length;
    if (__builtin_add_overflow(a.len, b.len, &length) || __builtin_add_overflow(length, c.len, &length) || length == SIZE_MAX) {
        arena->exhausted = true;
        return STR_EMPTY;
    }
    char *text = arena_alloc(arena, length + 1);
    if (!text) return STR_EMPTY;
    if (a.len) memcpy(text, a.ptr, a.len);
    if (b.len) memcpy(text + a.len, b.ptr, b.len);
    if (c.len) memcpy(text + a.len + b.len, c.ptr, c.len);
    return (struct str){text, length};
}
