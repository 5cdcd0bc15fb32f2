/*
 * JSONPath: the first line is the template, the rest the document. It ends, says why where it cannot, finds the same twice, and finds
 * only what the document, or the template itself, holds.
 */
#include "data/jsonpath.h"
#include "harness.h"

static bool is_limited(const struct error *error) {
    return error->kind == ERROR_LIMIT || error->kind == ERROR_MEMORY;
}

static void expect_found(struct arena *arena, const struct jsonpath *path, const yyjson_val *root) {
    struct jsonpath_values first = {0}, second = {0};
    struct error error = {0}, again = {0};
    bool is_found = jsonpath_find(path, arena, root, &first, &error);
    if (!is_found) fuzz_expect_error(&error);
    bool is_found_again = jsonpath_find(path, arena, root, &second, &again);
    if (is_limited(&error) || is_limited(&again)) return;
    fuzz_expect(is_found == is_found_again && first.count == second.count, "another answer to the same question");
    for (size_t i = 0; i < first.count; i++)
        fuzz_expect(first.items[i] && (!fuzz_is_plain(first.items[i]) || json_equal(first.items[i], second.items[i])),
                    "another value the second time");
}

static void expect_printed(struct arena *arena, const struct jsonpath *path, const yyjson_val *root) {
    struct strbuf lenient = strbuf_with_max(FUZZ_TEXT_BYTES), strict = strbuf_with_max(FUZZ_TEXT_BYTES);
    struct error error = {0}, strict_error = {0};
    bool is_printed = jsonpath_print(path, arena, root, true, &lenient, &error);
    bool is_strictly_printed = jsonpath_print(path, arena, root, false, &strict, &strict_error);
    if (!is_printed) fuzz_expect_error(&error);
    if (!is_strictly_printed) fuzz_expect_error(&strict_error);
    if (!is_limited(&error) && !is_limited(&strict_error) && is_strictly_printed)
        fuzz_expect(is_printed && str_equal(strbuf_view(&lenient), strbuf_view(&strict)), "%s and %s", lenient.ptr, strict.ptr);
    strbuf_release(&lenient);
    strbuf_release(&strict);
}

static void expect_expression(struct arena *arena, const struct jsonpath *path, const struct error *error, const yyjson_val *root) {
    if (!path)
        fuzz_expect_error(error);
    else if (root)
        expect_found(arena, path, root);
}

FUZZ_TARGET(jsonpath) {
    struct error error = {0}, bare_error = {0};
    struct str rest = input, text = fuzz_line(&rest);
    if (!str_is_utf8(text)) return; /* JSON and command lines of ours never are otherwise */
    const yyjson_val *root = json_parse(arena, rest, NULL);
    struct str before = fuzz_json_text(arena, root);
    const struct jsonpath *path = jsonpath_compile(arena, text, &error);
    const struct jsonpath *bare = jsonpath_compile_expression(arena, text, &bare_error);
    expect_expression(arena, path, &error, root);
    expect_expression(arena, bare, &bare_error, root);
    if (path && root) expect_printed(arena, path, root);
    fuzz_expect(str_equal(before, fuzz_json_text(arena, root)) || arena->exhausted, "the document has changed");
}
