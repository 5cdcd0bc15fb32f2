/* How long ago something was, in kubectl's words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/age.h"
#include "data/rfc3339.h"

static void every_step(void **state) {
    (void)state;
    static const struct {
        int64_t seconds;
        const char *expected;
    } cases[] = {
        {-2, "<invalid>"},     {-1, "0s"},        {0, "0s"},          {119, "119s"},    {120, "2m"},
        {125, "2m5s"},         {599, "9m59s"},    {600, "10m"},       {10799, "179m"},  {10800, "3h"},
        {11400, "3h10m"},      {28800, "8h"},     {172799, "47h"},    {172800, "2d"},   {180000, "2d2h"},
        {691199, "7d23h"},     {691200, "8d"},    {63071999, "729d"}, {63072000, "2y"}, {63158400, "2y1d"},
        {252287999, "7y364d"}, {252288000, "8y"},
    };
    struct arena arena;
    arena_init(&arena, 65536);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct str then = rfc3339_format_ms(&arena, 1700000000000 - cases[i].seconds * 1000, RFC3339_SECONDS);
        assert_string_equal(age_since(&arena, then, 1700000000000).ptr, cases[i].expected);
    }
    assert_string_equal(age_since(&arena, STR("yesterday"), 0).ptr, "<unknown>");
    arena_release(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_step)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
