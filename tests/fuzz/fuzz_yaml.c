/* YAML from anywhere: reads or is refused with a place; what was read is written and read back as the same value. */
#include <assert.h>

#include "data/yaml_read.h"
#include "data/yaml_write.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

enum { ARENA_BYTES = 64 * 1024 * 1024 };

static void check_round_trip(struct arena *arena, const struct yaml_document *document) {
    struct strbuf text = strbuf_with_max(ARENA_BYTES);
    struct yaml_documents again;
    struct error error = {0};
    yaml_write(&text, document->root);
    assert(!text.failed);
    assert(yaml_read(arena, strbuf_view(&text), &again, &error) || error.kind == ERROR_MEMORY || error.kind == ERROR_LIMIT);
    if (!error.kind) {
        assert(again.count == 1);
        assert(json_equal(document->root, document->root) == json_equal(document->root, again.items[0].root));
    }
    strbuf_release(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
    struct arena arena;
    struct yaml_documents documents;
    struct error error = {0};
    arena_init(&arena, ARENA_BYTES);
    if (yaml_read(&arena, (struct str){(const char *)bytes, count}, &documents, &error))
        for (size_t i = 0; i < documents.count; i++) check_round_trip(&arena, &documents.items[i]);
    else
        assert(error.kind && error.message[0]);
    arena_release(&arena);
    return 0;
}
