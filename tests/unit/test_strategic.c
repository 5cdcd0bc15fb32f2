/* Strategic merge patches (strategic_cases.jsonl: kind, target, patch; becomes or error, as apimachinery's strategicpatch has them). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "schema/builtin.h"
#include "schema/strategic.h"

enum { ARENA_BYTES = 64 * 1024 * 1024, LINE_BYTES = 1 << 16 };

/* All are told, then the test fails. */
static int mismatches;

static void tell(const char *line, const char *found) {
    fprintf(stderr, "%sfound %s\n", line, found);
    mismatches++;
}

static void check(const char *line) {
    struct arena arena;
    struct error error = {0};
    arena_init(&arena, ARENA_BYTES);
    yyjson_val *test = json_parse(&arena, str_of(line), &error);
    if (!test) fail_msg("%s: %s", line, error.message);
    struct str kind = json_text(json_get(test, "kind"));
    struct str group = str_is(kind, "Role") ? STR("rbac.authorization.k8s.io") : STR_EMPTY;
    yyjson_mut_doc *doc = json_builder(&arena);
    yyjson_mut_val *target = yyjson_val_mut_copy(doc, json_get(test, "target")), *patch = yyjson_val_mut_copy(doc, json_get(test, "patch"));
    yyjson_mut_val *out = strategic_merge(builtin_schema(&arena, group, STR("v1"), kind), &arena, doc, target, patch, &error);
    assert_true(json_equal(json_freeze(&arena, target), json_get(test, "target")));
    assert_true(json_equal(json_freeze(&arena, patch), json_get(test, "patch")));
    struct str wanted = json_text(json_get(test, "error"));
    if (!out && !str_is(wanted, error.message)) tell(line, error.message);
    yyjson_val *found = json_freeze(&arena, out);
    if (out && !json_equal(found, json_get(test, "becomes"))) {
        struct strbuf text = strbuf_with_max(1 << 20);
        json_write_canonical(&text, found);
        tell(line, text.ptr);
        strbuf_release(&text);
    }
    arena_release(&arena);
}

static void patches_apply(void **state) {
    (void)state;
    static char line[LINE_BYTES];
    FILE *file = fopen("tests/unit/strategic_cases.jsonl", "r");
    assert_non_null(file);
    int count = 0;
    for (; fgets(line, sizeof line, file); count++) check(line);
    fclose(file);
    assert_true(count >= 60);
    assert_int_equal(mismatches, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(patches_apply)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
