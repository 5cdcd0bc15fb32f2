#include "failing_alloc.h"

#include <errno.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* The real ones: AddressSanitizer's where the program has it, else the C library's. */
#ifdef __SANITIZE_ADDRESS__
#define REAL(name) __interceptor_##name
#else
#define REAL(name) __libc_##name
#endif
void *REAL(malloc)(size_t size);
void *REAL(calloc)(size_t count, size_t size);
void *REAL(realloc)(void *old, size_t size);
void *REAL(memalign)(size_t alignment, size_t size);
void REAL(free)(void *block);
void __sanitizer_print_stack_trace(void) __attribute__((weak));

/* The program's own text, as the linker knows it. */
extern const char __executable_start, etext;

/* These run before the sanitizer has set itself up. */
#define UNCHECKED __attribute__((no_sanitize("address", "undefined")))
#define CALLER    __builtin_return_address(0)

static struct {
    atomic_bool is_armed, has_failed, is_watched, does_trace;
    enum failing_mode mode;
    enum failing_scope scope;
    size_t nth;
    atomic_size_t count;
    atomic_long balance;
} failing;

void failing_arm(size_t nth, enum failing_mode mode, enum failing_scope scope) {
    failing.nth = nth;
    failing.mode = mode;
    failing.scope = scope;
    failing.count = 0;
    failing.has_failed = false;
    failing.is_armed = true;
}

void failing_pause(void) {
    failing.is_armed = false;
}

void failing_resume(void) {
    failing.is_armed = true;
}

bool failing_has_failed(void) {
    return failing.has_failed;
}

bool failing_disarm(void) {
    failing.is_armed = false;
    failing.is_watched = false;
    return failing.has_failed;
}

void failing_trace(bool does_trace) {
    failing.does_trace = does_trace;
}

size_t failing_count(void) {
    return failing.count;
}

void failing_watch(void) {
    failing.has_failed = false;
    failing.balance = 0;
    failing.is_watched = true;
}

long failing_balance(void) {
    return failing.balance;
}

/* To be asked once for each allocation. */
UNCHECKED static bool fails(const void *caller) {
    if (!failing.is_armed) return false;
    bool is_own = (const char *)caller >= &__executable_start && (const char *)caller < &etext;
    if (failing.scope == FAIL_OWN && !is_own) return false;
    size_t count = ++failing.count;
    bool does_fail = failing.nth && (count == failing.nth || (failing.mode == FAIL_FROM_THERE_ON && count > failing.nth));
    if (does_fail) {
        if (failing.does_trace && !failing.has_failed && __sanitizer_print_stack_trace) {
            failing.is_armed = false;
            __sanitizer_print_stack_trace();
            failing.is_armed = true;
        }
        failing.has_failed = true;
        errno = ENOMEM;
    }
    return does_fail;
}

UNCHECKED static void *allocated(void *block) {
    if (block && failing.is_watched) failing.balance++;
    return block;
}

UNCHECKED void *malloc(size_t size) {
    return fails(CALLER) ? NULL : allocated(REAL(malloc)(size));
}

UNCHECKED void *calloc(size_t count, size_t size) {
    return fails(CALLER) ? NULL : allocated(REAL(calloc)(count, size));
}

UNCHECKED static void *resized(void *old, size_t size) {
    void *block = REAL(realloc)(old, size);
    if (!old) return allocated(block);
    if (size == 0 && failing.is_watched) failing.balance--;
    return block;
}

UNCHECKED void *realloc(void *old, size_t size) {
    return fails(CALLER) ? NULL : resized(old, size);
}

UNCHECKED void *reallocarray(void *old, size_t count, size_t size) {
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    return fails(CALLER) ? NULL : resized(old, bytes);
}

UNCHECKED static void *aligned(size_t alignment, size_t size) {
    return allocated(REAL(memalign)(alignment, size));
}

UNCHECKED void *memalign(size_t alignment, size_t size) {
    return fails(CALLER) ? NULL : aligned(alignment, size);
}

UNCHECKED void *aligned_alloc(size_t alignment, size_t size) {
    return fails(CALLER) ? NULL : aligned(alignment, size);
}

UNCHECKED int posix_memalign(void **out, size_t alignment, size_t size) {
    void *block = fails(CALLER) ? NULL : aligned(alignment, size);
    if (!block) return ENOMEM;
    *out = block;
    return 0;
}

UNCHECKED static char *copied(const char *text, size_t length) {
    char *copy = allocated(REAL(malloc)(length + 1));
    if (!copy) return NULL;
    memcpy(copy, text, length);
    copy[length] = 0;
    return copy;
}

UNCHECKED char *strdup(const char *text) {
    return fails(CALLER) ? NULL : copied(text, strlen(text));
}

UNCHECKED char *strndup(const char *text, size_t max) {
    return fails(CALLER) ? NULL : copied(text, strnlen(text, max));
}

UNCHECKED void free(void *block) {
    if (block && failing.is_watched) failing.balance--;
    REAL(free)(block);
}
