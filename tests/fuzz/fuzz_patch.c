/*
 * Patches: the first line is the target, the rest the patch. A merge patch is idempotent, a target never changes, no result is too deep.
 * Merging the difference of two documents into one gives the other; an added member, removed again, has never been there.
 */
#include "data/patch.h"
#include "harness.h"

static void expect_readable(struct arena *arena, yyjson_val *value) {
    struct strbuf text = strbuf_with_max(1 << 26);
    json_write(&text, value);
    if (!text.failed)
        fuzz_expect(json_parse(arena, strbuf_view(&text), NULL) != NULL || arena->exhausted, "unreadable result %s", text.ptr);
    strbuf_release(&text);
}

/* RFC 7386 backwards: what makes `b` of `a`, where neither holds a null. */
static yyjson_mut_val *difference(yyjson_mut_doc *doc, yyjson_val *a, yyjson_val *b) {
    if (!yyjson_is_obj(a) || !yyjson_is_obj(b)) return yyjson_val_mut_copy(doc, b);
    yyjson_mut_val *patch = yyjson_mut_obj(doc);
    size_t index, max;
    yyjson_val *key, *value;
    yyjson_obj_foreach(a, index, max, key, value) {
        if (!json_get_str(b, json_text(key))) yyjson_mut_obj_add(patch, yyjson_val_mut_copy(doc, key), yyjson_mut_null(doc));
    }
    yyjson_obj_foreach(b, index, max, key, value) {
        yyjson_val *before = json_get_str(a, json_text(key));
        if (!before || !json_equal(before, value))
            yyjson_mut_obj_add(patch, yyjson_val_mut_copy(doc, key),
                               before ? difference(doc, before, value) : yyjson_val_mut_copy(doc, value));
    }
    return patch;
}

static void expect_difference(struct arena *arena, yyjson_val *a, yyjson_val *b) {
    yyjson_mut_doc *doc = json_builder(arena);
    yyjson_val *patch = doc ? json_freeze(arena, difference(doc, a, b)) : NULL;
    yyjson_val *merged = patch ? json_freeze(arena, patch_merge(arena, json_builder(arena), a, patch)) : NULL;
    if (merged)
        fuzz_expect(json_equal(merged, b), "the difference of two, merged into one, is not the other: %s",
                    fuzz_json_text(arena, merged).ptr);
}

static yyjson_val *operate(struct arena *arena, yyjson_val *target, const char *operation, struct str key, struct str value) {
    struct strbuf pointer = strbuf_with_max(FUZZ_TEXT_BYTES), text = strbuf_with_max(FUZZ_TEXT_BYTES);
    strbuf_append_char(&pointer, '/');
    for (size_t i = 0; i < key.len; i++)
        strbuf_append(&pointer, key.ptr[i] == '~' ? STR("~0") : key.ptr[i] == '/' ? STR("~1") : (struct str){key.ptr + i, 1});
    strbuf_printf(&text, "[{\"op\":\"%s\",\"path\":", operation);
    json_write_text(&text, strbuf_view(&pointer));
    strbuf_printf(&text, ",\"value\":%.*s}]", STR_ARG(value));
    struct error error = {0};
    yyjson_val *operations = json_parse(arena, strbuf_view(&text), NULL);
    yyjson_val *result = operations ? json_freeze(arena, patch_json(arena, json_builder(arena), target, operations, &error)) : NULL;
    fuzz_expect(result || arena->exhausted || !operations || error.kind == ERROR_LIMIT, "%s: %s", text.ptr, error.message);
    strbuf_release(&pointer);
    strbuf_release(&text);
    return result;
}

/* Each member of `patch` that `target` lacks is added and removed, each that it has replaced and put back. */
static void expect_inverses(struct arena *arena, yyjson_val *target, yyjson_val *patch) {
    size_t index, max;
    yyjson_val *key, *value;
    yyjson_obj_foreach(patch, index, max, key, value) {
        struct str name = json_text(key);
        yyjson_val *before = json_get_str(target, name);
        yyjson_val *changed = operate(arena, target, before ? "replace" : "add", name, fuzz_json_text(arena, value));
        yyjson_val *back =
            changed ? operate(arena, changed, before ? "replace" : "remove", name, before ? fuzz_json_text(arena, before) : STR("0"))
                    : NULL;
        if (back) fuzz_expect(json_equal(back, target), "there and back it is another: %s", fuzz_json_text(arena, back).ptr);
        if (index > 8) return;
    }
}

FUZZ_TARGET(patch) {
    size_t end = str_find(input, STR("\n"));
    yyjson_val *target = json_parse(arena, str_first(input, end), NULL);
    yyjson_val *patch = end == SIZE_MAX ? NULL : json_parse(arena, str_from(input, end + 1), NULL);
    if (!target || !patch) return;
    struct str before = fuzz_json_text(arena, target);
    bool are_plain = fuzz_is_plain(target) && fuzz_is_plain(patch);
    yyjson_val *merged = json_freeze(arena, patch_merge(arena, json_builder(arena), target, patch));
    fuzz_expect(merged || arena->exhausted, "no result of a merge");
    if (merged && json_equal(merged, merged) && fuzz_is_plain(patch)) {
        yyjson_val *twice = json_freeze(arena, patch_merge(arena, json_builder(arena), merged, patch));
        fuzz_expect(arena->exhausted || json_equal(merged, twice), "a merge patch is not idempotent");
        expect_readable(arena, merged);
    }
    struct error error = {0};
    yyjson_mut_val *patched = patch_json(arena, json_builder(arena), target, patch, &error);
    if (!patched) fuzz_expect_error(&error);
    yyjson_val *frozen = json_freeze(arena, patched);
    if (frozen) expect_readable(arena, frozen);
    if (are_plain && !str_contains(input, STR("null"))) expect_difference(arena, target, patch);
    if (are_plain && yyjson_is_obj(target)) expect_inverses(arena, target, patch);
    fuzz_expect(arena->exhausted || str_equal(before, fuzz_json_text(arena, target)), "the target has changed");
}
