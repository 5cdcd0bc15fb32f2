#include "booster_laws.h"

#include "booster/compare.h"
#include "booster/generate/generate.h"
#include "booster/generate/parts.h"
#include "booster/validate.h"
#include "cli/definitions.h"
#include "data/yaml_read.h"
#include "schema/definition.h"

enum { DEFINITIONS_MAX = 8, BOOSTERS_MAX = 8 };

/* deploy/crds, read once and kept. */
static const struct definition *definition_of(struct str kind) {
    static struct arena arena = {.limit_bytes = FUZZ_ARENA_BYTES};
    static struct definition kept[DEFINITIONS_MAX];
    static size_t count;
    for (; count < embedded_definitions_count && count < DEFINITIONS_MAX; count++) {
        struct yaml_documents documents;
        struct error error = {0};
        bool is_read = yaml_read(&arena, embedded_definitions[count], &documents, &error) &&
                       definition_read(&arena, documents.items[0].root, &kept[count], &error);
        fuzz_expect(is_read, "our own definition does not read: %s", error.message);
    }
    for (size_t i = 0; i < count; i++)
        if (str_equal(kept[i].kind, kind)) return &kept[i];
    fuzz_expect(false, "no definition of %.*s", STR_ARG(kind));
    return NULL;
}

static void expect_accepted(struct arena *arena, yyjson_val *object) {
    struct str kind = json_text(json_get(object, "kind"));
    const struct schema *schema = definition_of(kind)->versions[0].schema;
    yyjson_mut_doc *doc = json_builder(arena);
    yyjson_mut_val *copy = doc ? yyjson_val_mut_copy(doc, object) : NULL;
    struct schema_unknown unknown = {0};
    struct field_errors errors = {.arena = arena};
    if (!copy || !schema_prune(schema, arena, doc, copy, &unknown) || !schema_default(schema, arena, doc, copy)) return;
    schema_validate(schema, arena, copy, NULL, &errors);
    if (arena->exhausted) return;
    if (unknown.count) fuzz_expect(false, "our definition of %.*s has no %.*s", STR_ARG(kind), STR_ARG(unknown.paths[0]));
    fuzz_expect(!errors.count, "our definition refuses a %.*s: %.*s", STR_ARG(kind), STR_ARG(field_errors_text(arena, &errors)));
}

static void expect_normal(struct arena *arena, yyjson_val *object) {
    yyjson_mut_doc *doc = json_builder(arena);
    struct str text = fuzz_json_text(arena, object);
    struct str again = doc ? fuzz_json_text(arena, normal_freeze(arena, yyjson_val_mut_copy(doc, object))) : STR_EMPTY;
    fuzz_expect(arena->exhausted || str_equal(text, again), "not in its normal form: %s", text.ptr);
    struct str read = fuzz_json_text(arena, json_parse(arena, text, NULL));
    fuzz_expect(arena->exhausted || str_equal(text, read), "written and read it is another: %s", text.ptr);
}

static void expect_child(struct arena *arena, const struct child *child) {
    struct str difference = STR_EMPTY;
    yyjson_val *object = child->object;
    fuzz_expect(child->name.len && child->name.len <= LIMIT_NAME_BYTES, "a name of %zu bytes", child->name.len);
    fuzz_expect(child->revision != 0, "no revision");
    fuzz_expect(compare_child(arena, child->kind, object, object, &difference) || arena->exhausted, "a child differs from itself in %.*s",
                STR_ARG(difference));
    fuzz_expect(compare_projection(child->kind, object, object) == compare_projection(child->kind, object, object),
                "a projection is another each time");
    expect_normal(arena, object);
    expect_accepted(arena, object);
}

static void expect_children(struct arena *arena, const struct booster *booster) {
    for (int shape = TOPOLOGY_KTHENA_0_1; shape <= TOPOLOGY_KTHENA_MAIN; shape++) {
        const struct generate_settings settings = {.images = {STR("downloader:1"), STR("runtime:1")}, .topology_shape = shape};
        struct children first, second;
        bool is_done =
            generate_children(arena, booster, &settings, NULL, &first) && generate_children(arena, booster, &settings, NULL, &second);
        fuzz_expect(is_done || arena->exhausted, "a valid ModelBooster cannot be generated from");
        if (!is_done) return;
        fuzz_expect(first.count && first.count == second.count, "%zu children, then %zu", first.count, second.count);
        for (size_t i = 0; i < first.count && !arena->exhausted; i++) {
            fuzz_expect(json_equal(first.items[i].object, second.items[i].object), "another child the second time");
            fuzz_expect(first.items[i].revision == second.items[i].revision, "another revision the second time");
            expect_child(arena, &first.items[i]);
        }
    }
}

/* True: without errors. */
static bool read_booster(struct arena *arena, yyjson_val *object, struct booster *out, struct findings *findings) {
    findings_init(findings, arena);
    if (!booster_read(arena, object, out, findings)) return false;
    booster_validate_manifest(out, findings);
    booster_validate(out, findings);
    for (size_t i = 0; i < findings->count; i++)
        fuzz_expect(findings->items[i].message.len && str_is_utf8(findings->items[i].message), "a finding without words");
    return !arena->exhausted && !findings->error_count;
}

size_t expect_booster_laws(struct arena *arena, yyjson_val *const *objects, size_t object_count) {
    struct booster boosters[BOOSTERS_MAX];
    struct findings findings[BOOSTERS_MAX];
    struct validated together[BOOSTERS_MAX] = {0};
    size_t count = 0;
    for (size_t i = 0; i < object_count && count < BOOSTERS_MAX; i++) {
        struct booster *booster = &boosters[count];
        if (!read_booster(arena, objects[i], booster, &findings[count])) continue;
        together[count] = (struct validated){booster, &findings[count], STR("a.yaml:1")};
        count++;
    }
    boosters_validate_together(arena, together, count);
    for (size_t i = 0; i < count && !arena->exhausted; i++) {
        boosters[i].namespace = STR("default");
        boosters[i].uid = STR("uid");
        /* Without a kind it is no object of any definition; of models in files, that is told elsewhere. */
        if (!json_is_empty(json_get(boosters[i].object, "kind"))) expect_accepted(arena, boosters[i].object);
        if (!arena->exhausted) expect_children(arena, &boosters[i]);
    }
    return count;
}
