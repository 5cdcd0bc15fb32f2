/* JSON from anywhere: reads or is refused; what was read is written and read back as the same value; canonical text is a fixed point. */
#include "harness.h"

static void expect_canonical(struct arena *arena, const yyjson_val *value) {
    struct strbuf once = strbuf_with_max(FUZZ_TEXT_BYTES), twice = strbuf_with_max(FUZZ_TEXT_BYTES);
    json_write_canonical(&once, value);
    yyjson_val *again = json_parse(arena, strbuf_view(&once), NULL);
    json_write_canonical(&twice, again);
    fuzz_expect(again && !once.failed && !twice.failed, "canonical text does not read");
    fuzz_expect(str_equal(strbuf_view(&once), strbuf_view(&twice)), "canonical text is not stable: %s", once.ptr);
    strbuf_release(&once);
    strbuf_release(&twice);
}

static void expect_indented(struct arena *arena, const yyjson_val *value) {
    struct strbuf text = strbuf_with_max(FUZZ_TEXT_BYTES);
    json_write_indented(&text, value);
    fuzz_expect(text.failed || fuzz_is_plain(value) == json_equal(value, json_parse(arena, strbuf_view(&text), NULL)),
                "indented text is another value");
    strbuf_release(&text);
}

FUZZ_TARGET(json) {
    struct error error = {0};
    yyjson_val *value = json_parse(arena, input, &error);
    if (!value) {
        fuzz_expect_error(&error);
        return;
    }
    yyjson_val *again = json_parse(arena, fuzz_json_text(arena, value), &error);
    fuzz_expect(again || arena->exhausted, "what was written does not read: %s", error.message);
    if (arena->exhausted) return;
    /* An object with a repeated key equals nothing, itself included. */
    fuzz_expect(fuzz_is_plain(value) == json_equal(value, again), "another value comes back");
    fuzz_expect(json_mut_equal(yyjson_val_mut_copy(json_builder(arena), value), yyjson_val_mut_copy(json_builder(arena), value)) ||
                    !fuzz_is_plain(value) || arena->exhausted,
                "a built copy is another value");
    expect_canonical(arena, value);
    expect_indented(arena, value);
}
