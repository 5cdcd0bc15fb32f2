#include "harness.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { ARENA_BYTES = 1 << 28 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    struct arena arena;
    arena_init(&arena, ARENA_BYTES);
    fuzz_one(&arena, (struct str){(const char *)bytes, size});
    arena_release(&arena);
    return 0;
}

void fuzz_expect(bool holds, const char *format, ...) {
    if (holds) return;
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    abort();
}

void fuzz_expect_error(const struct error *error) {
    fuzz_expect(error->kind != ERROR_NONE && error->message[0], "a failure without an error");
    fuzz_expect(str_is_utf8(str_of(error->message)), "an error that is not UTF-8");
}
