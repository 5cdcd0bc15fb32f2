/* libFuzzer's entry: each input goes to the target, with a fresh arena. Compiled once for each target, with its name as FUZZ_NAME. */
#include "harness.h"

#define JOIN_(a, b) a##b
#define JOIN(a, b)  JOIN_(a, b)

void JOIN(fuzz_, FUZZ_NAME)(struct arena *arena, struct str input);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    struct arena arena;
    arena_init(&arena, FUZZ_ARENA_BYTES);
    JOIN(fuzz_, FUZZ_NAME)(&arena, (struct str){(const char *)bytes, size});
    arena_release(&arena);
    return 0;
}
