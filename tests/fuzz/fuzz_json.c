/* JSON from anywhere: reads or is refused; what was read is written and read back as the same value. */
#include <assert.h>

#include "data/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

enum { ARENA_BYTES = 64 * 1024 * 1024 };

static void check_canonical(struct arena *arena, const yyjson_val *value) {
    struct strbuf once = strbuf_with_max(ARENA_BYTES), twice = strbuf_with_max(ARENA_BYTES);
    struct error error = {0};
    json_write_canonical(&once, value);
    yyjson_val *again = json_parse(arena, strbuf_view(&once), &error);
    assert(again);
    json_write_canonical(&twice, again);
    assert(!once.failed && !twice.failed && str_equal(strbuf_view(&once), strbuf_view(&twice)));
    strbuf_release(&once);
    strbuf_release(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
    struct arena arena;
    struct error error = {0};
    arena_init(&arena, ARENA_BYTES);
    yyjson_val *value = json_parse(&arena, (struct str){(const char *)bytes, count}, &error);
    assert(value || error.message[0]);
    if (value) {
        struct strbuf text = strbuf_with_max(ARENA_BYTES);
        json_write(&text, value);
        yyjson_val *again = json_parse(&arena, strbuf_view(&text), &error);
        assert(!text.failed && again);
        /* An object with a repeated key equals nothing, itself included. */
        assert(json_equal(value, value) == json_equal(value, again));
        strbuf_release(&text);
        check_canonical(&arena, value);
    }
    arena_release(&arena);
    return 0;
}
