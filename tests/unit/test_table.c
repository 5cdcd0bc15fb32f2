/* Columns as kubectl's tabwriter makes them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/table.h"

static void expect_printed(struct table *table, const char *expected) {
    struct strbuf out = strbuf_with_max(65536);
    table_print(table, &out);
    assert_false(out.failed);
    assert_string_equal(out.ptr, expected);
    strbuf_release(&out);
}

static void cells_are_padded_and_widths_remembered(void **state) {
    (void)state;
    struct table table;
    table_init(&table);
    table_columns(&table, 3);
    table_add(&table, (const struct str[]){STR("NAME"), STR("A"), STR("AGE")});
    table_add(&table, (const struct str[]){STR("one"), STR(""), STR("1s")});
    expect_printed(&table, "NAME   A     AGE\none          1s\n");
    table_add(&table, (const struct str[]){STR("a-long-name"), STR("xyz"), STR("")});
    table_add(&table, (const struct str[]){STR("\xc3\xbc"), STR("y"), STR("2s")});
    expect_printed(&table, "a-long-name   xyz   \n\xc3\xbc             y     2s\n");
    table_columns(&table, 1);
    table_add(&table, (const struct str[]){STR("alone")});
    expect_printed(&table, "alone\n");
    table_release(&table);
}

static void nothing_moves_the_cursor(void **state) {
    (void)state;
    struct table table;
    table_init(&table);
    table_columns(&table, 1);
    table_add(&table, (const struct str[]){STR("\xc2\x9b" "1m\xc3\xa4\xc2\xa0")});
    expect_printed(&table, "\\u009b1m\xc3\xa4\xc2\xa0\n");
    table_columns(&table, 2);
    table_add(&table, (const struct str[]){STR("a\x1b[31m"), STR("first\nsecond")});
    table_add(&table, (const struct str[]){STR("b\tc\x07"), STR("d\x7f")});
    expect_printed(&table, "a^[[31m   first...\nb c\\x07   d\\x7f\n");
    table_release(&table);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(cells_are_padded_and_widths_remembered),
                                       cmocka_unit_test(nothing_moves_the_cursor)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
