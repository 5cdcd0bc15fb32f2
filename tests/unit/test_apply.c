/* Server-side apply (apply_cases.jsonl): what is merged, removed, owned, and in conflict. */
#include "managed_cases.h"

/* As the API server's message lists them: one in its line, several by manager. */
static struct str conflicts_text(struct arena *arena, const struct managed_conflict *conflicts, size_t count) {
    if (count == 1)
        return arena_printf(arena, "Apply failed with 1 conflict: conflict with %.*s: %.*s", STR_ARG(conflicts->manager),
                            STR_ARG(conflicts->field));
    struct str text = arena_printf(arena, "Apply failed with %zu conflicts:", count);
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || !str_equal(conflicts[i - 1].manager, conflicts[i].manager))
            text = arena_printf(arena, "%.*s%sconflicts with %.*s:", STR_ARG(text), i ? "\n" : " ", STR_ARG(conflicts[i].manager));
        text = arena_printf(arena, "%.*s\n- %.*s", STR_ARG(text), STR_ARG(conflicts[i].field));
    }
    return text;
}

static void check_apply(struct managed_case *test) {
    yyjson_mut_val *out = NULL;
    const struct managed_conflict *conflicts = NULL;
    size_t count = 0;
    struct error error = {0};
    yyjson_val *before = json_freeze(test->arena, test->live);
    enum managed_outcome outcome =
        managed_apply(&test->request, test->arena, test->doc, test->live, test->object, &out, &conflicts, &count, &error);
    assert_true(!before || json_equal(before, json_freeze(test->arena, test->live)));
    struct str message = outcome == MANAGED_CONFLICT ? conflicts_text(test->arena, conflicts, count)
                         : outcome == MANAGED_INVALID ? str_of(error.message) : STR_EMPTY;
    struct str wanted = json_text(json_get(test->test, "error"));
    if (!str_equal(message, wanted)) {
        fprintf(stderr, "%.*s\nfound    %.*s\nexpected %.*s\n", STR_ARG(test->name), STR_ARG(message), STR_ARG(wanted));
        managed_case_mismatches++;
    } else if (!wanted.len) {
        managed_case_check(test, out);
    }
}

static void objects_are_applied(void **state) {
    (void)state;
    assert_true(managed_cases_run("tests/unit/apply_cases.jsonl", true, check_apply) >= 45);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(objects_are_applied)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
