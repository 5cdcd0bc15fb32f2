/* Who owns what after creates, updates and patches (managed_cases.jsonl). */
#include "managed_cases.h"

static void check_update(struct managed_case *test) {
    assert_true(managed_update(&test->request, test->arena, test->doc, test->object, test->live));
    managed_case_check(test, test->object);
}

static void updates_are_tracked(void **state) {
    (void)state;
    assert_true(managed_cases_run("tests/unit/managed_cases.jsonl", true, check_update) >= 40);
}

/* Structs that Go's types always have are nobody's until somebody changes what is in them. */
static void updates_of_built_in_kinds_are_tracked(void **state) {
    (void)state;
    assert_true(managed_cases_run("tests/unit/managed_builtin_cases.jsonl", false, check_update) >= 30);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(updates_are_tracked),
        cmocka_unit_test(updates_of_built_in_kinds_are_tracked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
