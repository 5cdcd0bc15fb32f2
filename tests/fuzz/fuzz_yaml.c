/*
 * YAML from anywhere, of several documents: reads or is refused with a place; what was read is written and reads back as the same values.
 */
#include "data/yaml_read.h"
#include "data/yaml_write.h"
#include "harness.h"

static bool is_limit(const struct error *error) {
    return error->kind == ERROR_MEMORY || error->kind == ERROR_LIMIT;
}

static void expect_places(const struct yaml_document *document) {
    for (size_t i = 0; document->positions && i < document->value_count; i++) {
        struct yaml_position at = yaml_position_of(document, document->root + i);
        fuzz_expect((at.line != 0) == (at.column != 0), "half a place");
    }
}

/* All documents, as a command prints them. */
static void expect_same(struct arena *arena, const struct yaml_documents *documents) {
    struct strbuf text = strbuf_with_max(FUZZ_TEXT_BYTES);
    struct yaml_documents again = {0};
    struct error error = {0};
    size_t count = 0;
    bool is_plain = true;
    for (size_t i = 0; i < documents->count; i++) {
        if (count++) strbuf_append(&text, STR("---\n"));
        yaml_write(&text, documents->items[i].root);
        is_plain = is_plain && fuzz_is_plain(documents->items[i].root);
    }
    fuzz_expect(!text.failed, "what was read cannot be written");
    bool is_read = yaml_read(arena, strbuf_view(&text), &again, &error);
    fuzz_expect(is_read || is_limit(&error) || !is_plain, "what was written does not read: %s\n%s", error.message, text.ptr);
    fuzz_expect(!is_read || again.count == documents->count, "%zu documents become %zu:\n%s", documents->count, again.count, text.ptr);
    for (size_t i = 0; is_read && i < again.count; i++)
        fuzz_expect(!fuzz_is_plain(documents->items[i].root) || json_equal(documents->items[i].root, again.items[i].root),
                    "another value comes back from:\n%s", text.ptr);
    strbuf_release(&text);
}

FUZZ_TARGET(yaml) {
    struct yaml_documents documents;
    struct error error = {0};
    if (!yaml_read(arena, input, &documents, &error)) {
        fuzz_expect_error(&error);
        return;
    }
    for (size_t i = 0; i < documents.count; i++) expect_places(&documents.items[i]);
    if (documents.count) expect_same(arena, &documents);
}
