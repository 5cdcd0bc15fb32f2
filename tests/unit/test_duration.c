#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/number.h"
#include "data/duration.h"

#define MS ((int64_t)1000000)
#define S  (1000 * MS)
#define M  (60 * S)
#define H  (60 * M)

/* Mostly the vectors of Go's time_test.go. */
static void text_is_read_as_go_reads_it(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t ns;
    } cases[] = {
        {"0", 0},
        {"-0", 0},
        {"+0", 0},
        {"0s", 0},
        {"5s", 5 * S},
        {"30s", 30 * S},
        {"1478s", 1478 * S},
        {"-5s", -5 * S},
        {"+5s", 5 * S},
        {"5.0s", 5 * S},
        {"5.6s", 5 * S + 600 * MS},
        {"5.s", 5 * S},
        {".5s", 500 * MS},
        {"1.0s", S},
        {"1.00s", S},
        {"1.004s", S + 4 * MS},
        {"1.0040s", S + 4 * MS},
        {"100.00100s", 100 * S + MS},
        {"10ns", 10},
        {"11us", 11000},
        {"12\xc2\xb5s", 12000},
        {"12\xce\xbcs", 12000},
        {"13ms", 13 * MS},
        {"14s", 14 * S},
        {"15m", 15 * M},
        {"16h", 16 * H},
        {"3h30m", 3 * H + 30 * M},
        {"10.5s4m", 4 * M + 10 * S + 500 * MS},
        {"-2m3.4s", -(2 * M + 3 * S + 400 * MS)},
        {"1h2m3s4ms5us6ns", H + 2 * M + 3 * S + 4 * MS + 5006},
        {"39h9m14.425s", 39 * H + 9 * M + 14 * S + 425 * MS},
        {"52763797000ns", 52763797000},
        {"0.3333333333333333333h", 20 * M},
        {"9007199254740993ns", 9007199254740993},
        {"9223372036854775807ns", INT64_MAX},
        {"9223372036854775.807us", INT64_MAX},
        {"9223372036s854ms775us807ns", INT64_MAX},
        {"-9223372036854775808ns", INT64_MIN},
        {"-9223372036854775.808us", INT64_MIN},
        {"-2562047h47m16.854775808s", INT64_MIN},
        {"0.100000000000000000000h", 6 * M},
        {"0.830103483285477580700h", 49 * M + 48 * S + 372539827},
        {"0.00000001ms", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t ns = 77;
        struct error error = {0};
        if (!duration_parse(str_of(cases[i].text), &ns, &error)) fail_msg("%s: %s", cases[i].text, error.message);
        if (ns != cases[i].ns) fail_msg("%s: %lld", cases[i].text, (long long)ns);
    }
}

static void other_text_is_refused(void **state) {
    (void)state;
    static const struct {
        const char *text;
        enum error_kind kind;
    } cases[] = {
        {"", ERROR_INVALID},
        {"3", ERROR_INVALID},
        {"-", ERROR_INVALID},
        {"+", ERROR_INVALID},
        {"s", ERROR_INVALID},
        {".", ERROR_INVALID},
        {"-.", ERROR_INVALID},
        {".s", ERROR_INVALID},
        {"+.s", ERROR_INVALID},
        {"1d", ERROR_INVALID},
        {"1 s", ERROR_INVALID},
        {" 1s", ERROR_INVALID},
        {"1s ", ERROR_INVALID},
        {"1S", ERROR_INVALID},
        {"1s-1s", ERROR_INVALID},
        {"00", ERROR_INVALID},
        {"1h30", ERROR_INVALID},
        {"\x85\x85", ERROR_INVALID},
        {"9223372036854775808ns", ERROR_LIMIT},
        {"9223372036854775.808us", ERROR_LIMIT},
        {"9223372036854ms775us808ns", ERROR_LIMIT},
        {"-9223372036854775809ns", ERROR_LIMIT},
        {"3000000h", ERROR_LIMIT},
        {"99999999999999999999s", ERROR_LIMIT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t ns = 77;
        struct error error = {0};
        if (duration_parse(str_of(cases[i].text), &ns, &error) || error.kind != cases[i].kind)
            fail_msg("%s: %s", cases[i].text, error.message);
        assert_int_equal(ns, 77);
    }
}

static void text_is_printed_as_go_prints_it(void **state) {
    (void)state;
    static const struct {
        int64_t ns;
        const char *text;
    } cases[] = {
        {0, "0s"},
        {1, "1ns"},
        {1100, "1.1\xc2\xb5s"},
        {2200000, "2.2ms"},
        {3300 * MS, "3.3s"},
        {4 * M + 5 * S, "4m5s"},
        {4 * M + 5 * S + MS, "4m5.001s"},
        {5 * H + 6 * M + 7 * S + MS, "5h6m7.001s"},
        {8 * M + 1, "8m0.000000001s"},
        {INT64_MAX, "2562047h47m16.854775807s"},
        {INT64_MIN, "-2562047h47m16.854775808s"},
        {90 * S, "1m30s"},
        {H, "1h0m0s"},
        {100 * MS, "100ms"},
        {-2000, "-2\xc2\xb5s"},
        {1010 * MS, "1.01s"},
    };
    struct arena arena;
    arena_init(&arena, 1 << 20);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) assert_string_equal(duration_format(&arena, cases[i].ns).ptr, cases[i].text);
    arena_release(&arena);
}

static void printed_text_reads_back(void **state) {
    (void)state;
    struct number_random random = {7};
    for (int i = 0; i < 20000; i++) {
        struct arena arena;
        arena_init(&arena, 1 << 16);
        int64_t ns = (int64_t)(number_random_next(&random) >> number_random_below(&random, 64)), again = 0;
        struct str text = duration_format(&arena, ns);
        if (!duration_parse(text, &again, NULL) || again != ns) fail_msg("%lld: %s", (long long)ns, text.ptr);
        arena_release(&arena);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_read_as_go_reads_it),
        cmocka_unit_test(other_text_is_refused),
        cmocka_unit_test(text_is_printed_as_go_prints_it),
        cmocka_unit_test(printed_text_reads_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
