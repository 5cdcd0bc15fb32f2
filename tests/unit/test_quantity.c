#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include "base/number.h"
#include "data/quantity.h"

static struct quantity parse(const char *text) {
    struct quantity quantity = {0};
    struct error error = {0};
    if (!quantity_parse(str_of(text), &quantity, &error)) fail_msg("%s: %s", text, error.message);
    return quantity;
}

/* Each pair agrees with apimachinery 0.34's CanonicalizeBytes, but the one marked. */
static void canonical_form_is_kubernetes(void **state) {
    (void)state;
    static const struct {
        const char *text, *canonical;
    } cases[] = {
        {"0", "0"},
        {"-0", "0"},
        {"0Ki", "0"},
        {"0e5", "0"},
        {"000", "0"},
        {"0.000000000", "0"},
        {"1", "1"},
        {"+1", "1"},
        {"-1", "-1"},
        {"007", "7"},
        {"1.", "1"},
        {".5", "500m"},
        {"-.5", "-500m"},
        {"0.5", "500m"},
        {"1500m", "1500m"},
        {"1000m", "1"},
        {"100m", "100m"},
        {"0.1", "100m"},
        {"1.5", "1500m"},
        {"1000", "1k"},
        {"1500", "1500"},
        {"1000k", "1M"},
        {"1000000", "1M"},
        {"1G", "1G"},
        {"1T", "1T"},
        {"1P", "1P"},
        {"1E", "1E"},
        {"1000n", "1u"},
        {"1n", "1n"},
        {"0.1n", "1n"},
        {"1.1n", "2n"},
        {"-0.1n", "-1n"},
        {"1u", "1u"},
        {"2500u", "2500u"},
        {"1024", "1024"},
        {"1Ki", "1Ki"},
        {"1024Mi", "1Gi"},
        {"1025Ki", "1025Ki"},
        {"1.5Gi", "1536Mi"},
        {"0.5Ki", "512"},
        {"0.1Ki", "102400m"},
        {"1.1Ki", "1126400m"},
        {"1Ei", "1Ei"},
        {"8Ei", "9223372036854775807"},
        {"100Ei", "9223372036854775807"},
        {"-100Ei", "-9223372036854775807"},
        {"1023Ki", "1023Ki"},
        {"-1Gi", "-1Gi"},
        {"0.0000000001Ki", "103n"},
        {"1e3", "1e3"},
        {"1E3", "1e3"},
        {"1e+3", "1e3"},
        {"100e1", "1e3"},
        {"10e0", "10"},
        {"5e-1", "500e-3"},
        {"1e-9", "1e-9"},
        {"1e-100", "1e-9"},
        {"1e20", "100e18"},
        {"1.5e3", "1500"},
        {"1.5e4", "15e3"},
        {"123456789e9", "123456789e9"},
        {"1e28", "10e27"},
        {"9223372036854775807", "9223372036854775807"},
        {"9223372036854775808", "9223372036854775808"},
        {"1.000000001", "1000000001n"},
        {"1.0000000001", "1000000001n"},
        {"100000000000000000000000000000e-9", "100e18"},
        {"1000E", "1000E"}, /* apimachinery has no suffix for it and prints 1 */
    };
    struct arena arena;
    arena_init(&arena, 1 << 20);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct quantity quantity = parse(cases[i].text);
        struct str canonical = quantity_canonical(&arena, quantity);
        if (!str_is(canonical, cases[i].canonical)) fail_msg("%s: %s, expected %s", cases[i].text, canonical.ptr, cases[i].canonical);
        struct quantity again = parse(canonical.ptr);
        assert_int_equal(quantity_compare(quantity, again), 0);
        assert_true(str_equal(quantity_canonical(&arena, again), canonical));
    }
    arena_release(&arena);
}

static void other_text_is_refused(void **state) {
    (void)state;
    static const struct {
        const char *text;
        enum error_kind kind;
    } cases[] = {
        {"", ERROR_INVALID},
        {" 1", ERROR_INVALID},
        {"1 ", ERROR_INVALID},
        {"1 Gi", ERROR_INVALID},
        {".", ERROR_INVALID},
        {"+", ERROR_INVALID},
        {"-", ERROR_INVALID},
        {"Ki", ERROR_INVALID},
        {"1K", ERROR_INVALID},
        {"1ki", ERROR_INVALID},
        {"1GB", ERROR_INVALID},
        {"1gi", ERROR_INVALID},
        {"1mi", ERROR_INVALID},
        {"1e", ERROR_INVALID},
        {"1e1.5", ERROR_INVALID},
        {"1e3Ki", ERROR_INVALID},
        {"1.2.3", ERROR_INVALID},
        {"--1", ERROR_INVALID},
        {"1e--3", ERROR_INVALID},
        {"0x10", ERROR_INVALID},
        {"1,5", ERROR_INVALID},
        {"1_000", ERROR_INVALID},
        {"NaN", ERROR_INVALID},
        {"1i", ERROR_INVALID},
        {"1Mii", ERROR_INVALID},
        {"1e30", ERROR_LIMIT},
        {"1e999999", ERROR_LIMIT},
        {"-1e30", ERROR_LIMIT},
        {"1000000000000E", ERROR_LIMIT},
        {"1e9223372036854775808", ERROR_INVALID},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct quantity quantity = {.nanos = 77};
        struct error error = {0};
        if (quantity_parse(str_of(cases[i].text), &quantity, &error) || error.kind != cases[i].kind)
            fail_msg("%s: %s", cases[i].text, error.message);
        assert_true(quantity.nanos == 77);
    }
    char endless[101];
    memset(endless, '0', sizeof endless);
    struct quantity quantity;
    struct error error = {0};
    assert_false(quantity_parse((struct str){endless, sizeof endless}, &quantity, &error));
    assert_int_equal(error.kind, ERROR_LIMIT);
    assert_true(quantity_parse((struct str){endless, sizeof endless - 1}, &quantity, &error));
}

static void amounts_are_compared_exactly(void **state) {
    (void)state;
    static const struct {
        const char *a, *b;
        int order;
    } cases[] = {
        {"1", "1000m", 0},
        {"1Ki", "1024", 0},
        {"1Ki", "1k", 1},
        {"1e3", "1k", 0},
        {"0.1", "100m", 0},
        {"1", "-1", 1},
        {"-2", "-1", -1},
        {"9007199254740993", "9007199254740992", 1},
        {"9007199254740993n", "9007199254740992n", 1},
        {"9223372036854775807", "8Ei", 0},
        {"9223372036854775808", "8Ei", 1},
        {"0", "1n", -1},
        {"1Gi", "1G", 1},
        {"999m", "1", -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct quantity a = parse(cases[i].a), b = parse(cases[i].b);
        if (quantity_compare(a, b) != cases[i].order || quantity_compare(b, a) != -cases[i].order)
            fail_msg("%s %s", cases[i].a, cases[i].b);
    }
    assert_true(quantity_is_positive(parse("1n")));
    assert_false(quantity_is_positive(parse("0")));
    assert_false(quantity_is_positive(parse("-1n")));
}

static void json_numbers_are_quantities(void **state) {
    (void)state;
    static const struct {
        const char *json, *canonical;
    } cases[] = {{"2", "2"},     {"0.5", "500m"}, {"\"2Gi\"", "2Gi"},
                 {"-1", "-1"},   {"1e3", "1k"},   {"18446744073709551615", "18446744073709551615"},
                 {"true", NULL}, {"null", NULL},  {"[]", NULL},
                 {"1e300", NULL}};
    struct arena arena;
    arena_init(&arena, 1 << 20);
    struct quantity quantity;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool ok = quantity_read(json_parse(&arena, str_of(cases[i].json), NULL), &quantity, NULL);
        if (ok != (cases[i].canonical != NULL)) fail_msg("%s", cases[i].json);
        if (ok) assert_string_equal(quantity_canonical(&arena, quantity).ptr, cases[i].canonical);
    }
    assert_false(quantity_read(NULL, &quantity, NULL));
    arena_release(&arena);
}

static void canonical_form_is_stable(void **state) {
    (void)state;
    static const char *const endings[] = {"",   "n",  "u",  "m",  "k",  "M",  "G",  "T",   "P",   "E",
                                          "Ki", "Mi", "Gi", "Ti", "Pi", "Ei", "e3", "E-5", "e+7", "e0"};
    struct number_random random = {20240611};
    for (int i = 0; i < 20000; i++) {
        struct arena arena;
        arena_init(&arena, 1 << 20);
        uint64_t whole = number_random_next(&random) >> number_random_below(&random, 64);
        struct str text = arena_printf(&arena, "%s%llu.%llu%s", number_random_below(&random, 2) ? "-" : "", (unsigned long long)whole,
                                       (unsigned long long)number_random_below(&random, 1000000),
                                       endings[number_random_below(&random, sizeof endings / sizeof *endings)]);
        struct quantity quantity, again;
        if (quantity_parse(text, &quantity, NULL)) {
            struct str canonical = quantity_canonical(&arena, quantity);
            if (!quantity_parse(canonical, &again, NULL) || quantity_compare(quantity, again) != 0)
                fail_msg("%s: %s", text.ptr, canonical.ptr);
            assert_true(str_equal(quantity_canonical(&arena, again), canonical));
        }
        arena_release(&arena);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(canonical_form_is_kubernetes), cmocka_unit_test(other_text_is_refused),
        cmocka_unit_test(amounts_are_compared_exactly), cmocka_unit_test(json_numbers_are_quantities),
        cmocka_unit_test(canonical_form_is_stable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
