/* Selectors: written text reads back and is written the same way; matching never fails. */
#include "data/selector.h"
#include "harness.h"

void fuzz_one(struct arena *arena, struct str input) {
    struct error error = {0};
    struct selector selector, again;
    if (!selector_parse(arena, input, &selector, &error)) {
        fuzz_expect_error(&error);
        return;
    }
    struct strbuf text = strbuf_with_max(1 << 24), second = strbuf_with_max(1 << 24);
    selector_write(&text, &selector);
    fuzz_expect(selector_parse(arena, strbuf_view(&text), &again, &error), "%s: %s", text.ptr, error.message);
    selector_write(&second, &again);
    fuzz_expect(str_equal(strbuf_view(&text), strbuf_view(&second)), "%s becomes %s", text.ptr, second.ptr);
    yyjson_val *labels = json_parse(arena, STR("{\"a\":\"b\",\"c\":\"\",\"n\":\"7\"}"), NULL);
    fuzz_expect(selector_matches(&selector, labels) == selector_matches(&again, labels), "%s matches differently", text.ptr);
    fuzz_expect(selector_matches(&selector, NULL) == selector_matches(&again, NULL), "%s matches differently", text.ptr);
    strbuf_release(&text);
    strbuf_release(&second);
}
