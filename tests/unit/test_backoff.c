#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "kube/backoff.h"

static void delays_double_up_to_the_maximum(void **state) {
    (void)state;
    static const struct {
        unsigned failures;
        int64_t least_ms, most_ms;
    } cases[] = {
        {0, 2, 5},
        {1, 2, 5},
        {2, 5, 10},
        {3, 10, 20},
        {10, 1280, 2560},
        {16, 81920, 163840},
        {17, 150000, 300000},
        {18, 150000, 300000},
        {UINT32_MAX, 150000, 300000},
    };
    struct number_random random = {42};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (int round = 0; round < 1000; round++) {
            int64_t delay_ms = backoff_delay_ms(BACKOFF_OBJECT, cases[i].failures, &random);
            if (delay_ms < cases[i].least_ms || delay_ms > cases[i].most_ms)
                fail_msg("failure %u: %lld ms", cases[i].failures, (long long)delay_ms);
        }
    }
}

static void delays_are_spread(void **state) {
    (void)state;
    struct number_random random = {7};
    int64_t least_ms = INT64_MAX, most_ms = 0;
    for (int round = 0; round < 1000; round++) {
        int64_t delay_ms = backoff_delay_ms(BACKOFF_LISTWATCH, 100, &random);
        if (delay_ms < least_ms) least_ms = delay_ms;
        if (delay_ms > most_ms) most_ms = delay_ms;
    }
    assert_true(least_ms < 16000 && most_ms > 29000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delays_double_up_to_the_maximum),
        cmocka_unit_test(delays_are_spread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
