/*
 * A live child as a server sends it: the first byte is the kind, then the object, then what is wanted of it. What is kept of it is sound
 * and small.
 */
#include "booster/observed.h"
#include "harness.h"

static void expect_sound(const struct observed *observed) {
    fuzz_expect(observed->name.len && observed->uid.len, "kept without name or uid");
    fuzz_expect(observed->replicas >= -1, "%lld replicas", (long long)observed->replicas);
    fuzz_expect(!observed->has_rendered || observed->rendered_generator.ptr, "a generator that is not there");
    fuzz_expect(observed->verdict != VERDICT_DIFFERS || observed->difference.len, "a difference without a place");
}

FUZZ_TARGET(observed) {
    struct str rest = input, first = fuzz_line(&rest), live_text = fuzz_line(&rest);
    const yyjson_val *live = json_parse(arena, live_text, NULL);
    yyjson_val *desired = json_parse(arena, rest, NULL);
    struct observed observed = {0}, again = {0};
    if (!first.len) return;
    enum child_kind kind = (enum child_kind)((unsigned char)(first.ptr[0] - '0') % CHILD_KIND_COUNT);
    if (!observed_read(arena, kind, live, &observed)) return;
    expect_sound(&observed);
    if (!desired) return;
    const struct child child = {.kind = kind, .name = observed.name, .object = desired, .revision = 1};
    observed_judge(arena, &child, live, false, &observed);
    expect_sound(&observed);
    if (!observed_read(arena, kind, live, &again)) return;
    observed_inherit(&observed, &again);
    observed_judge(arena, &child, live, true, &again);
    observed_compare_history(&observed, 1000, true, &again);
    fuzz_expect(again.verdict == VERDICT_MATCHES || arena->exhausted, "what the server made of our own write does not count as ours");
    fuzz_expect(observed_rewrite_count(&again, 1000) <= OBSERVED_REWRITES, "more rewrites than are kept");
}
