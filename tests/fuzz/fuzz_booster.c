/*
 * A manifest from anywhere, through the whole domain: read, validated, and where it has no error generated from; twice the same,
 * and every child is what it itself asks for.
 */
#include <assert.h>

#include "booster/compare.h"
#include "booster/generate/generate.h"
#include "booster/validate.h"
#include "data/yaml_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

enum { ARENA_BYTES = 256 * 1024 * 1024 };

static void check_children(struct arena *arena, const struct booster *booster) {
    const struct generate_settings settings = {.images = {STR("downloader:1"), STR("runtime:1")}};
    struct children first, second;
    bool is_done =
        generate_children(arena, booster, &settings, NULL, &first) && generate_children(arena, booster, &settings, NULL, &second);
    assert(is_done || arena->exhausted);
    if (!is_done) return;
    assert(first.count && first.count == second.count);
    for (size_t i = 0; i < first.count; i++) {
        struct str difference;
        assert(json_equal(first.items[i].object, second.items[i].object));
        assert(first.items[i].revision == second.items[i].revision);
        assert(compare_child(arena, first.items[i].kind, first.items[i].object, first.items[i].object, &difference));
    }
}

static void check_manifest(struct arena *arena, yyjson_val *object) {
    struct booster booster;
    struct findings findings;
    findings_init(&findings, arena);
    if (!booster_read(arena, object, &booster, &findings)) return;
    booster_validate_unknown_fields(&booster, &findings);
    booster_validate(&booster, &findings);
    for (size_t i = 0; i < findings.count; i++) assert(findings.items[i].message.len);
    booster.namespace = STR("default");
    booster.uid = STR("uid");
    if (!arena->exhausted && !findings.error_count) check_children(arena, &booster);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
    struct arena arena;
    struct yaml_documents documents;
    struct error error = {0};
    arena_init(&arena, ARENA_BYTES);
    if (yaml_read(&arena, (struct str){(const char *)bytes, count}, &documents, &error))
        for (size_t i = 0; i < documents.count; i++) check_manifest(&arena, documents.items[i].root);
    arena_release(&arena);
    return 0;
}
