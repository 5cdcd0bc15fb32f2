/*
 * Selectors, in text and as objects: written text reads back, is written the same way and matches the same; matching never fails, and a
 * selector that is an object matches what its text does.
 */
#include "data/selector.h"
#include "harness.h"

static void expect_written(struct arena *arena, const struct selector *selector) {
    struct selector again;
    struct error error = {0};
    struct strbuf text = strbuf_with_max(FUZZ_TEXT_BYTES), second = strbuf_with_max(FUZZ_TEXT_BYTES);
    selector_write(&text, selector);
    fuzz_expect(selector_parse(arena, strbuf_view(&text), &again, &error), "%s: %s", text.ptr, error.message);
    selector_write(&second, &again);
    fuzz_expect(str_equal(strbuf_view(&text), strbuf_view(&second)), "%s becomes %s", text.ptr, second.ptr);
    yyjson_val *labels = json_parse(arena, STR("{\"a\":\"b\",\"c\":\"\",\"n\":\"7\"}"), NULL);
    fuzz_expect(selector_matches(selector, labels) == selector_matches(&again, labels), "%s matches differently", text.ptr);
    fuzz_expect(selector_matches(selector, NULL) == selector_matches(&again, NULL), "%s matches differently", text.ptr);
    strbuf_release(&text);
    strbuf_release(&second);
}

FUZZ_TARGET(selector) {
    struct error error = {0};
    struct selector selector;
    if (selector_parse(arena, input, &selector, &error))
        expect_written(arena, &selector);
    else
        fuzz_expect_error(&error);
    yyjson_val *object = json_parse(arena, input, NULL);
    if (!object) return;
    if (!selector_read(arena, object, &selector, &error))
        fuzz_expect_error(&error);
    else if (!selector.matches_nothing)
        expect_written(arena, &selector);
}
