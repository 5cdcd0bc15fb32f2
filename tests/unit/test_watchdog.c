/*
 * When a loop counts as stuck: the clock is moved by hand.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "observe/watchdog.h"

enum { START_MS = 1000000 };

/* Turns on time until the clock says `until_ms`. */
static void run_well(struct watchdog *watchdog, int64_t until_ms) {
    while (watchdog->due_ms <= until_ms) assert_int_equal(watchdog_turn(watchdog, watchdog->due_ms), 0);
}

static void a_loop_that_turns_is_not_stuck(void **state) {
    (void)state;
    struct watchdog watchdog;
    watchdog_start(&watchdog, START_MS);
    run_well(&watchdog, START_MS + 600 * 1000);
    assert_int_equal(watchdog_delayed_ms(&watchdog, watchdog.due_ms), 0);
    assert_false(watchdog_is_stuck(&watchdog, watchdog.due_ms));
}

static void one_long_turn_is_forgotten_after_a_minute(void **state) {
    (void)state;
    struct watchdog watchdog;
    watchdog_start(&watchdog, START_MS);
    int64_t now_ms = watchdog.due_ms + WATCHDOG_STUCK_MS + 1;
    assert_int_equal(watchdog_turn(&watchdog, now_ms), WATCHDOG_STUCK_MS + 1);
    assert_true(watchdog_is_stuck(&watchdog, now_ms));
    run_well(&watchdog, now_ms + WATCHDOG_WINDOW_MS - WATCHDOG_STUCK_MS - 1001);
    assert_true(watchdog_is_stuck(&watchdog, watchdog.due_ms - 1));
    run_well(&watchdog, now_ms + WATCHDOG_WINDOW_MS + 1000);
    assert_int_equal(watchdog_delayed_ms(&watchdog, watchdog.due_ms), 0);
}

static void a_turn_that_has_not_come_counts(void **state) {
    (void)state;
    struct watchdog watchdog;
    watchdog_start(&watchdog, START_MS);
    assert_false(watchdog_is_stuck(&watchdog, watchdog.due_ms + WATCHDOG_STUCK_MS));
    assert_true(watchdog_is_stuck(&watchdog, watchdog.due_ms + WATCHDOG_STUCK_MS + 1));
}

static void many_turns_that_are_late_add_up(void **state) {
    (void)state;
    static const struct {
        int64_t late_ms;
        bool is_stuck;
    } cases[] = {{0, false}, {500, false}, {900, false}, {1500, true}, {5000, true}, {120000, true}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct watchdog watchdog;
        int64_t now_ms = START_MS;
        watchdog_start(&watchdog, now_ms);
        for (int turn = 0; turn < 3 * WATCHDOG_TURNS; turn++) {
            now_ms = watchdog.due_ms + cases[i].late_ms;
            assert_int_equal(watchdog_turn(&watchdog, now_ms), cases[i].late_ms);
        }
        if (watchdog_is_stuck(&watchdog, now_ms) != cases[i].is_stuck) fail_msg("%lld ms late", (long long)cases[i].late_ms);
        assert_true(watchdog_delayed_ms(&watchdog, now_ms) <= WATCHDOG_WINDOW_MS);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_loop_that_turns_is_not_stuck),
        cmocka_unit_test(one_long_turn_is_forgotten_after_a_minute),
        cmocka_unit_test(a_turn_that_has_not_come_counts),
        cmocka_unit_test(many_turns_that_are_late_add_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
