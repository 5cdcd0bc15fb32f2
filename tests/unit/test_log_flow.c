/*
 * Which lines get through, with a clock that the test moves.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "controller/log_flow.h"

enum { START_MS = 1000000 };

static int64_t admitted(struct log_flow *flow, enum log_level level, uint64_t object, uint64_t content, int64_t times, int64_t now_ms) {
    int64_t count = 0, suppressed;
    const struct log_line line = {level, object, content};
    for (int64_t i = 0; i < times; i++) count += log_flow_admit(flow, &line, now_ms, &suppressed);
    return count;
}

static void levels_count_as_they_are_now(void **state) {
    (void)state;
    struct log_flow flow;
    assert_true(log_flow_init(&flow, LOG_INFO));
    for (int least = LOG_DEBUG; least <= LOG_ERROR; least++) {
        flow.level = (enum log_level)least;
        for (int level = LOG_DEBUG; level <= LOG_ERROR; level++)
            assert_int_equal(admitted(&flow, (enum log_level)level, 1, 1, 1, START_MS), level >= least);
    }
    log_flow_release(&flow);
}

static void one_object_does_not_drown_the_others(void **state) {
    (void)state;
    struct log_flow flow;
    int64_t suppressed;
    assert_true(log_flow_init(&flow, LOG_INFO));
    assert_int_equal(admitted(&flow, LOG_INFO, 1, 1, 1000, START_MS), LOG_OBJECT_BURST);
    assert_int_equal(admitted(&flow, LOG_INFO, 2, 1, 5, START_MS), 5);
    /* A minute later as many again; the first says how many it misses. */
    const struct log_line line = {LOG_INFO, 1, 1};
    assert_true(log_flow_admit(&flow, &line, START_MS + 60 * 1000, &suppressed));
    assert_int_equal(suppressed, 1000 - LOG_OBJECT_BURST);
    assert_int_equal(admitted(&flow, LOG_INFO, 1, 1, 1000, START_MS + 60 * 1000), 59);
    log_flow_release(&flow);
}

/* Whatever storm there is, an error that was not told yet is told; told, it is a line like any other. */
static void a_first_error_is_always_told(void **state) {
    (void)state;
    struct log_flow flow;
    assert_true(log_flow_init(&flow, LOG_INFO));
    for (uint64_t object = 1; object <= 100; object++) admitted(&flow, LOG_INFO, object, 1, 1000, START_MS);
    assert_int_equal(admitted(&flow, LOG_INFO, 500, 1, 1, START_MS), 0);
    assert_int_equal(admitted(&flow, LOG_ERROR, 1, 2, 100, START_MS), 1);
    assert_int_equal(admitted(&flow, LOG_WARN, 1, 3, 100, START_MS), 1);
    assert_int_equal(admitted(&flow, LOG_ERROR, 500, 2, 100, START_MS), 1);
    /* Seen all the time it is no news; after ten quiet minutes it is. */
    for (int64_t minute = 1; minute < 20; minute++) admitted(&flow, LOG_WARN, 1, 3, 5000, START_MS + minute * 60 * 1000);
    int64_t last_ms = START_MS + 19 * 60 * 1000;
    assert_int_equal(admitted(&flow, LOG_WARN, 1, 3, 1, last_ms), 0);
    assert_int_equal(admitted(&flow, LOG_WARN, 1, 3, 1, last_ms + LOG_NEWS_MS), 1);
    log_flow_release(&flow);
}

static void all_together_are_bounded(void **state) {
    (void)state;
    struct log_flow flow;
    int64_t count = 0;
    assert_true(log_flow_init(&flow, LOG_INFO));
    for (uint64_t object = 1; object <= 100000; object++) count += admitted(&flow, LOG_INFO, object, 1, 1, START_MS);
    assert_int_equal(count, LOG_TOTAL_BURST);
    /* At level debug, too. */
    flow.level = LOG_DEBUG;
    assert_int_equal(admitted(&flow, LOG_DEBUG, 1, 1, 100000, START_MS + 1000), 200);
    log_flow_release(&flow);
}

static void debug_shows_all_of_one(void **state) {
    (void)state;
    struct log_flow flow;
    assert_true(log_flow_init(&flow, LOG_DEBUG));
    assert_int_equal(admitted(&flow, LOG_DEBUG, 1, 1, 1000, START_MS), 1000);
    log_flow_release(&flow);
}

static void what_is_held_back_is_summed_up(void **state) {
    (void)state;
    struct log_flow flow;
    struct log_sum sum;
    assert_true(log_flow_init(&flow, LOG_INFO));
    assert_false(log_flow_sum(&flow, START_MS, true, &sum));
    admitted(&flow, LOG_INFO, 1, 1, 100, START_MS);
    admitted(&flow, LOG_INFO, 2, 1, 61, START_MS + 1);
    admitted(&flow, LOG_INFO, 3, 1, 60, START_MS + 1);
    assert_false(log_flow_sum(&flow, START_MS + LOG_SUM_MS - 1, false, &sum));
    assert_true(log_flow_sum(&flow, START_MS + LOG_SUM_MS, false, &sum));
    assert_int_equal(sum.suppressed, 41);
    assert_int_equal(sum.objects, 2);
    assert_false(log_flow_sum(&flow, START_MS + 10 * LOG_SUM_MS, true, &sum));
    /* The next minute begins with the next line that is held back; the end of the process does not wait for it. */
    admitted(&flow, LOG_INFO, 1, 1, 1000, START_MS + 2);
    assert_true(log_flow_sum(&flow, START_MS + 3, true, &sum));
    assert_int_equal(sum.objects, 1);
    log_flow_release(&flow);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(levels_count_as_they_are_now), cmocka_unit_test(one_object_does_not_drown_the_others),
        cmocka_unit_test(a_first_error_is_always_told), cmocka_unit_test(all_together_are_bounded),
        cmocka_unit_test(debug_shows_all_of_one),       cmocka_unit_test(what_is_held_back_is_summed_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
