/* Patches: the first line is the target, the rest the patch. A merge patch is idempotent, a target never changes, no result is too deep. */
#include "data/patch.h"
#include "harness.h"

static void expect_readable(struct arena *arena, yyjson_val *value) {
    struct strbuf text = strbuf_with_max(1 << 26);
    json_write(&text, value);
    if (!text.failed)
        fuzz_expect(json_parse(arena, strbuf_view(&text), NULL) != NULL || arena->exhausted, "unreadable result %s", text.ptr);
    strbuf_release(&text);
}

void fuzz_one(struct arena *arena, struct str input) {
    size_t end = str_find(input, STR("\n"));
    yyjson_val *target = json_parse(arena, str_first(input, end), NULL);
    yyjson_val *patch = end == SIZE_MAX ? NULL : json_parse(arena, str_from(input, end + 1), NULL);
    if (!target || !patch) return;
    struct strbuf before = strbuf_with_max(1 << 24), after = strbuf_with_max(1 << 24);
    json_write(&before, target);
    yyjson_val *merged = json_freeze(arena, patch_merge(arena, json_builder(arena), target, patch));
    fuzz_expect(merged || arena->exhausted, "no result of a merge");
    if (merged && json_equal(merged, merged) && json_equal(patch, patch)) {
        yyjson_val *twice = json_freeze(arena, patch_merge(arena, json_builder(arena), merged, patch));
        fuzz_expect(json_equal(merged, twice), "a merge patch is not idempotent");
        expect_readable(arena, merged);
    }
    struct error error = {0};
    yyjson_mut_val *patched = patch_json(arena, json_builder(arena), target, patch, &error);
    if (!patched) fuzz_expect_error(&error);
    yyjson_val *frozen = json_freeze(arena, patched);
    if (frozen) expect_readable(arena, frozen);
    json_write(&after, target);
    fuzz_expect(str_equal(strbuf_view(&before), strbuf_view(&after)), "the target has changed");
    strbuf_release(&before);
    strbuf_release(&after);
}
