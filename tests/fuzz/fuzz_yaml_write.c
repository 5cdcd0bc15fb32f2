/* Any value as YAML, as `-o yaml` prints it: reads back as the same value, and is written the same way from then on. */
#include "data/yaml_read.h"
#include "data/yaml_write.h"
#include "harness.h"

/* What `text` holds as one document; NULL: it holds none, or memory is out. */
static yyjson_val *read_back(struct arena *arena, const struct strbuf *text) {
    struct yaml_documents documents = {0};
    struct error error = {0};
    bool is_read = yaml_read(arena, strbuf_view(text), &documents, &error);
    fuzz_expect(is_read || error.kind == ERROR_LIMIT || error.kind == ERROR_MEMORY, "%s\n%s", error.message, text->ptr);
    fuzz_expect(documents.count <= 1, "several documents in\n%s", text->ptr);
    return documents.count ? documents.items[0].root : NULL;
}

FUZZ_TARGET(yaml_write) {
    struct strbuf texts[3];
    yyjson_val *value = json_parse(arena, input, NULL), *first = value;
    if (!value || !fuzz_is_plain(value)) return;
    for (size_t i = 0; i < 3; i++) texts[i] = strbuf_with_max(FUZZ_TEXT_BYTES);
    for (size_t i = 0; i < 3 && value; i++) {
        yaml_write(&texts[i], value);
        value = texts[i].failed ? NULL : read_back(arena, &texts[i]);
        if (value) fuzz_expect(json_equal(first, value), "another value comes back from:\n%s", texts[i].ptr);
    }
    /* Once read back, -0.0 is 0. go-yaml's order of keys goes in a circle where digits meet letters (a1g, a9, a10): they may move. */
    if (value) fuzz_expect(texts[1].len == texts[2].len, "not written the same way again:\n%s", texts[1].ptr);
    for (size_t i = 0; i < 3; i++) strbuf_release(&texts[i]);
}
