/* Bodies in protobuf: an object that is JSON through and through, the same one each time, or an error with words. */
#include "apiserver/protobuf.h"
#include "harness.h"

FUZZ_TARGET(protobuf) {
    struct error error = {0};
    yyjson_mut_doc *doc = json_builder(arena);
    yyjson_mut_val *built = doc ? protobuf_read(arena, doc, input, &error) : NULL;
    if (!built) {
        if (doc) fuzz_expect_error(&error);
        return;
    }
    const yyjson_val *value = json_freeze(arena, built);
    struct str text = fuzz_json_text(arena, value);
    if (arena->exhausted) return;
    const yyjson_val *again = json_parse(arena, text, &error);
    fuzz_expect(again || error.kind == ERROR_MEMORY, "no JSON comes of it: %s in %s", error.message, QUOTE(text));
    fuzz_expect(!again || fuzz_is_plain(value) == json_equal(value, again), "another value as JSON: %s", QUOTE(text));
    const yyjson_val *second = json_freeze(arena, protobuf_read(arena, doc, input, &error));
    fuzz_expect(str_equal(text, fuzz_json_text(arena, second)) || arena->exhausted, "another object the second time");
}
