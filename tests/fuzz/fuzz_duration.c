/*
 * Durations: printed text reads back as the same count of nanoseconds, and what is read is, to the nanosecond, what exact arithmetic on
 * the digits gives.
 */
#include <string.h>

#include "data/duration.h"
#include "harness.h"

/* Without the sign; -1: this plain reading leaves it alone (more decimals than it counts). */
static __int128 exact_ns(struct str text) {
    static const struct {
        const char *unit;
        int64_t ns;
    } units[] = {{"ns", 1},       {"us", 1000},      {"\xc2\xb5s", 1000},         {"\xce\xbcs", 1000},
                 {"ms", 1000000}, {"s", 1000000000}, {"m", INT64_C(60000000000)}, {"h", INT64_C(3600000000000)}};
    __int128 total = 0;
    while (text.len) {
        __int128 whole = 0, fraction = 0, scale = 1;
        size_t at = 0, decimals = 0;
        for (; at < text.len && str_is_digit(text.ptr[at]); at++) whole = whole * 10 + (text.ptr[at] - '0');
        if (at < text.len && text.ptr[at] == '.')
            for (at++; at < text.len && str_is_digit(text.ptr[at]); at++, decimals++) {
                fraction = fraction * 10 + (text.ptr[at] - '0');
                scale *= 10;
            }
        if (decimals > 12) return -1;
        size_t start = at;
        while (at < text.len && !str_is_digit(text.ptr[at]) && text.ptr[at] != '.') at++;
        struct str unit = str_from(str_first(text, at), start);
        for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
            if (str_is(unit, units[i].unit)) total += whole * units[i].ns + fraction * units[i].ns / scale;
        text = str_from(text, at);
    }
    return total;
}

FUZZ_TARGET(duration) {
    struct error error = {0};
    int64_t ns, again;
    if (!duration_parse(input, &ns, &error)) {
        fuzz_expect_error(&error);
        return;
    }
    struct str text = duration_format(arena, ns);
    fuzz_expect(duration_parse(text, &again, NULL) && again == ns, "%lld as %s", (long long)ns, text.ptr);
    bool has_sign = input.ptr[0] == '-' || input.ptr[0] == '+';
    /* Digits by the hundred are zeros in front. */
    __int128 exact = input.len > 30 ? -1 : exact_ns(has_sign ? str_from(input, 1) : input);
    if (exact >= 0) fuzz_expect((input.ptr[0] == '-' ? -exact : exact) == ns, "%s is %lld ns", QUOTE(input), (long long)ns);
}
