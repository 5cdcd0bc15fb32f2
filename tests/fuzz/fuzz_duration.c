/* Durations: printed text reads back as the same count of nanoseconds. */
#include "data/duration.h"
#include "harness.h"

void fuzz_one(struct arena *arena, struct str input) {
    struct error error = {0};
    int64_t ns, again;
    if (!duration_parse(input, &ns, &error)) {
        fuzz_expect_error(&error);
        return;
    }
    struct str text = duration_format(arena, ns);
    fuzz_expect(duration_parse(text, &again, NULL) && again == ns, "%lld as %s", (long long)ns, text.ptr);
}
