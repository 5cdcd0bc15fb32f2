#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <time.h>

#include "base/number.h"
#include "data/rfc3339.h"

static void text_is_read(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"1970-01-01T00:00:00.001Z", 1},
        {"1969-12-31T23:59:59.999Z", -1},
        {"2006-01-02T15:04:05Z", 1136214245000},
        {"2006-01-02T15:04:05+07:00", 1136189045000},
        {"2006-01-02T15:04:05-07:30", 1136241245000},
        {"2000-02-29T00:00:00Z", 951782400000},
        {"2024-02-29T23:59:59.123456789Z", 1709251199123},
        {"2024-12-31T23:59:59.9999999999999Z", 1735689599999},
        {"0000-01-01T00:00:00Z", -62167219200000},
        {"9999-12-31T23:59:59.999Z", 253402300799999},
        {"1985-04-12T23:20:50.52Z", 482196050520},
        {"1996-12-19T16:39:57-08:00", 851042397000},
        {"1937-01-01T12:00:27.87+00:20", -1041337172130},
        {"1970-01-01T00:00:00-00:00", 0},
        {"1900-03-01T00:00:00Z", -2203891200000},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t ms = 77;
        struct error error = {0};
        if (!rfc3339_parse_ms(str_of(cases[i].text), &ms, &error)) fail_msg("%s: %s", cases[i].text, error.message);
        if (ms != cases[i].ms) fail_msg("%s: %lld", cases[i].text, (long long)ms);
    }
    int64_t ns;
    assert_true(rfc3339_parse_ns(STR("2006-01-02T15:04:05.000000001Z"), &ns, NULL));
    assert_int_equal(ns, 1136214245000000001);
    assert_true(rfc3339_parse_ns(STR("2262-04-11T23:47:16.854775807Z"), &ns, NULL));
    assert_int_equal(ns, INT64_MAX);
    assert_true(rfc3339_parse_ns(STR("1677-09-21T00:12:43.145224192Z"), &ns, NULL));
    assert_int_equal(ns, INT64_MIN);
}

static void other_text_is_refused(void **state) {
    (void)state;
    static const char *const cases[] = {
        "",
        "2006-01-02",
        "2006-01-02T15:04:05",
        "2006-01-02 15:04:05Z",
        "2006-01-02t15:04:05Z",
        "2006-01-02T15:04:05z",
        "2006-1-2T15:04:05Z",
        "06-01-02T15:04:05Z",
        "2006-01-02T15:04Z",
        "2006-01-02T15:04:05.Z",
        "2006-01-02T15:04:05,5Z",
        "2006-01-02T15:04:05+0700",
        "2006-01-02T15:04:05+07",
        "2006-01-02T15:04:05+24:00",
        "2006-01-02T15:04:05+07:60",
        "2006-13-02T15:04:05Z",
        "2006-00-02T15:04:05Z",
        "2006-01-00T15:04:05Z",
        "2006-01-32T15:04:05Z",
        "2006-04-31T15:04:05Z",
        "2023-02-29T15:04:05Z",
        "1900-02-29T15:04:05Z",
        "2006-01-02T24:00:00Z",
        "2006-01-02T15:60:05Z",
        "2006-01-02T15:04:60Z",
        "2006-01-02T15:04:05Z ",
        " 2006-01-02T15:04:05Z",
        "+2006-01-02T15:04:05Z",
        "2006-01-02T15:04:05ZZ",
        "10000-01-01T00:00:00Z",
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t ms = 77;
        struct error error = {0};
        if (rfc3339_parse_ms(str_of(cases[i]), &ms, &error) || error.kind != ERROR_INVALID) fail_msg("%s", cases[i]);
        assert_int_equal(ms, 77);
    }
    struct error error = {0};
    int64_t ns;
    assert_false(rfc3339_parse_ns(STR("2262-04-11T23:47:16.854775808Z"), &ns, &error));
    assert_int_equal(error.kind, ERROR_LIMIT);
    assert_false(rfc3339_parse_ns(STR("1677-09-21T00:12:43.145224191Z"), &ns, &error));
}

static void times_are_printed(void **state) {
    (void)state;
    static const struct {
        int64_t ms;
        enum rfc3339_decimals decimals;
        const char *text;
    } cases[] = {
        {1136214245999, RFC3339_SECONDS, "2006-01-02T15:04:05Z"},
        {1136214245099, RFC3339_MILLIS, "2006-01-02T15:04:05.099Z"},
        {1136214245099, RFC3339_MICROS, "2006-01-02T15:04:05.099000Z"},
        {0, RFC3339_NANOS, "1970-01-01T00:00:00.000000000Z"},
        {-1, RFC3339_MILLIS, "1969-12-31T23:59:59.999Z"},
        {-1, RFC3339_SECONDS, "1969-12-31T23:59:59Z"},
        {253402300799999, RFC3339_SECONDS, "9999-12-31T23:59:59Z"},
        {253402300800000, RFC3339_SECONDS, ""},
        {-62167219200000, RFC3339_SECONDS, "0000-01-01T00:00:00Z"},
        {-62167219200001, RFC3339_SECONDS, ""},
        {INT64_MAX, RFC3339_MILLIS, ""},
        {INT64_MIN, RFC3339_MILLIS, ""},
    };
    struct arena arena;
    arena_init(&arena, 1 << 20);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_string_equal(rfc3339_format_ms(&arena, cases[i].ms, cases[i].decimals).ptr, cases[i].text);
    }
    assert_string_equal(rfc3339_format_ns(&arena, 1136214245123456789, RFC3339_MICROS).ptr, "2006-01-02T15:04:05.123456Z");
    assert_string_equal(rfc3339_format_ns(&arena, INT64_MIN, RFC3339_NANOS).ptr, "1677-09-21T00:12:43.145224192Z");
    arena_release(&arena);
}

/* Each day of 0000 to 9999 would take long; every 13th hits all days of a month and all kinds of years. The C library agrees. */
static void days_agree_with_the_c_library(void **state) {
    (void)state;
    struct arena arena;
    for (int64_t day = -719528; day <= 2932896; day += 13) {
        arena_init(&arena, 1 << 16);
        time_t seconds = (time_t)day * 86400 + 3661;
        struct tm parts;
        assert_non_null(gmtime_r(&seconds, &parts));
        struct str expected = arena_printf(&arena, "%04d-%02d-%02dT01:01:01Z", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday);
        struct str found = rfc3339_format_ms(&arena, (int64_t)seconds * 1000, RFC3339_SECONDS);
        int64_t ms = 0;
        if (!str_equal(expected, found) || !rfc3339_parse_ms(found, &ms, NULL) || ms != (int64_t)seconds * 1000)
            fail_msg("%s", expected.ptr);
        arena_release(&arena);
    }
}

static void nanoseconds_read_back(void **state) {
    (void)state;
    struct number_random random = {3};
    for (int i = 0; i < 20000; i++) {
        struct arena arena;
        arena_init(&arena, 1 << 16);
        int64_t ns = (int64_t)number_random_next(&random), again = 0;
        assert_true(rfc3339_parse_ns(rfc3339_format_ns(&arena, ns, RFC3339_NANOS), &again, NULL));
        assert_int_equal(ns, again);
        arena_release(&arena);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_read),          cmocka_unit_test(other_text_is_refused),
        cmocka_unit_test(times_are_printed),     cmocka_unit_test(days_agree_with_the_c_library),
        cmocka_unit_test(nanoseconds_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
