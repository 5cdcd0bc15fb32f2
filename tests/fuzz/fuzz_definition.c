/*
 * Definitions and objects of theirs: the first line is an openAPIV3Schema, or a whole CustomResourceDefinition; the next are an object
 * and what it was before. A definition without errors can be read; defaults and pruning settle at once, what is pruned is unknown no
 * more, and every complaint has a field and words.
 */
#include "harness.h"
#include "schema/definition.h"

struct defining {
    struct arena *arena;
    yyjson_mut_doc *doc;
};

static yyjson_mut_val *definition_of(const struct defining *defining, yyjson_val *written) {
    static const char frame[] =
        "{\"metadata\":{\"name\":\"things.example.com\"},\"spec\":{\"group\":\"example.com\",\"scope\":\"Namespaced\","
        "\"names\":{\"plural\":\"things\",\"kind\":\"Thing\"},\"versions\":[{\"name\":\"v1\",\"served\":true,\"storage\":true,"
        "\"subresources\":{\"status\":{}},\"schema\":{\"openAPIV3Schema\":%.*s}}]}}";
    if (json_get(written, "spec")) return yyjson_val_mut_copy(defining->doc, written);
    struct str text = fuzz_json_text(defining->arena, written);
    struct str whole = arena_printf(defining->arena, frame, STR_ARG(text));
    return yyjson_val_mut_copy(defining->doc, json_parse(defining->arena, whole, NULL));
}

static void expect_complaints(struct arena *arena, const struct field_errors *errors) {
    for (size_t i = 0; i < errors->count && !arena->exhausted; i++) {
        struct str body = field_error_body(arena, &errors->items[i]);
        fuzz_expect(body.len && str_is_utf8(body) && str_is_utf8(errors->items[i].field), "a complaint without words");
    }
    if (errors->count && !arena->exhausted) fuzz_expect(field_errors_text(arena, errors).len, "complaints without words");
}

static struct str text_of(const struct defining *defining, const yyjson_mut_val *value) {
    return fuzz_json_text(defining->arena, json_freeze(defining->arena, value));
}

static struct str complaints(const struct defining *defining, const struct schema *schema, const yyjson_mut_val *object,
                             const yyjson_mut_val *old) {
    struct field_errors errors = {.arena = defining->arena};
    schema_validate(schema, defining->arena, object, old, &errors);
    expect_complaints(defining->arena, &errors);
    return errors.count ? field_errors_text(defining->arena, &errors) : STR_EMPTY;
}

static void expect_object(const struct defining *defining, const struct schema *schema, yyjson_val *written, yyjson_val *old_written) {
    struct arena *arena = defining->arena;
    yyjson_mut_val *object = yyjson_val_mut_copy(defining->doc, written);
    yyjson_mut_val *old = old_written ? yyjson_val_mut_copy(defining->doc, old_written) : NULL;
    struct schema_unknown unknown = {0}, still_unknown = {0};
    if (!schema_prune(schema, arena, defining->doc, object, &unknown)) return;
    struct str pruned = text_of(defining, object);
    if (!schema_prune(schema, arena, defining->doc, object, &still_unknown)) return;
    fuzz_expect(arena->exhausted || (!still_unknown.count && str_equal(pruned, text_of(defining, object))),
                "pruned again it is another: %s", pruned.ptr);
    if (!schema_default(schema, arena, defining->doc, object)) return;
    struct str defaulted = text_of(defining, object);
    if (!schema_default(schema, arena, defining->doc, object)) return;
    fuzz_expect(arena->exhausted || str_equal(defaulted, text_of(defining, object)), "defaulted again it is another: %s", defaulted.ptr);
    struct str first = complaints(defining, schema, object, old), second = complaints(defining, schema, object, old);
    fuzz_expect(arena->exhausted || str_equal(first, second), "%s, and then %s", first.ptr, second.ptr);
    fuzz_expect(arena->exhausted || str_equal(defaulted, text_of(defining, object)), "judging has changed it");
}

FUZZ_TARGET(definition) {
    struct str rest = input, schema_text = fuzz_line(&rest), object_text = fuzz_line(&rest);
    struct defining defining = {arena, json_builder(arena)};
    yyjson_val *written = json_parse(arena, schema_text, NULL), *object = json_parse(arena, object_text, NULL),
               *old = json_parse(arena, rest, NULL);
    if (!defining.doc || !yyjson_is_obj(written) || !fuzz_is_plain(written)) return;
    yyjson_mut_val *definition = definition_of(&defining, written);
    if (!definition || !definition_default(arena, defining.doc, definition)) return;
    struct str defaulted = text_of(&defining, definition);
    if (!definition_default(arena, defining.doc, definition)) return;
    fuzz_expect(arena->exhausted || str_equal(defaulted, text_of(&defining, definition)), "defaulted again it is another definition: %s",
                defaulted.ptr);
    struct field_errors errors = {.arena = arena};
    definition_validate(arena, definition, NULL, &errors);
    expect_complaints(arena, &errors);
    if (errors.count || arena->exhausted) return;
    struct definition read;
    struct error error = {0};
    bool is_read = definition_read(arena, json_freeze(arena, definition), &read, &error);
    fuzz_expect(is_read || arena->exhausted || error.kind == ERROR_MEMORY, "a definition without errors does not read: %s", error.message);
    if (!is_read || !fuzz_is_plain(object) || !yyjson_is_obj(object)) return;
    for (size_t i = 0; i < read.version_count && !arena->exhausted; i++)
        if (read.versions[i].schema)
            expect_object(&defining, read.versions[i].schema, object, fuzz_is_plain(old) && yyjson_is_obj(old) ? old : NULL);
}
