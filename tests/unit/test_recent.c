/*
 * Tables of recent keys, and allowances: both bounded, both of the same answer for the same calls.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/allowance.h"
#include "base/number.h"
#include "base/recent.h"

static void a_key_keeps_its_value(void **state) {
    (void)state;
    struct recent recent;
    bool is_new;
    assert_true(recent_init(&recent, 64, sizeof(int64_t)));
    int64_t *value = recent_at(&recent, 7, &is_new);
    assert_true(is_new);
    assert_int_equal(*value, 0);
    *value = 42;
    value = recent_at(&recent, 7, &is_new);
    assert_false(is_new);
    assert_int_equal(*value, 42);
    assert_ptr_equal(recent_find(&recent, 7), value);
    assert_null(recent_find(&recent, 8));
    /* 0 is a key like any other. */
    recent_at(&recent, 0, &is_new);
    assert_true(is_new);
    recent_at(&recent, 0, &is_new);
    assert_false(is_new);
    recent_release(&recent);
}

/* One set: the key that was asked for longest ago goes, and what comes in its place starts anew. */
static void the_oldest_gives_way(void **state) {
    (void)state;
    struct recent recent;
    bool is_new;
    assert_true(recent_init(&recent, 1, sizeof(int64_t)));
    assert_int_equal(recent.capacity, RECENT_WAYS);
    for (uint64_t key = 1; key <= RECENT_WAYS; key++) *(int64_t *)recent_at(&recent, key, NULL) = (int64_t)key;
    assert_non_null(recent_find(&recent, 1));
    int64_t *value = recent_at(&recent, 100, &is_new);
    assert_true(is_new);
    assert_int_equal(*value, 0);
    assert_null(recent_find(&recent, 2));
    for (uint64_t key = 3; key <= RECENT_WAYS; key++) assert_int_equal(*(int64_t *)recent_find(&recent, key), key);
    assert_int_equal(*(int64_t *)recent_find(&recent, 1), 1);
    recent_release(&recent);
}

/* However many keys come, the last of each set are there. */
static void it_never_grows(void **state) {
    (void)state;
    struct recent recent;
    struct number_random random = {3};
    assert_true(recent_init(&recent, 1000, 40));
    size_t capacity = recent.capacity;
    for (int i = 0; i < 100000; i++) {
        uint64_t key = number_random_next(&random);
        *(uint64_t *)recent_at(&recent, key, NULL) = key;
        assert_int_equal(*(uint64_t *)recent_find(&recent, key), key);
    }
    assert_int_equal(recent.capacity, capacity);
    recent_release(&recent);
}

static void an_allowance_is_spent_and_comes_back(void **state) {
    (void)state;
    static const struct allowance_rate rate = {3, 1000};
    static const struct {
        int64_t at_ms;
        bool is_granted;
    } steps[] = {
        {5000, true},   {5000, true},   {5000, true},   {5000, false},   {5999, false},  {6000, true},
        {6000, false},  {8000, true},   {8000, true},   {8000, false}, /* unused time adds up to the burst and no further */
        {100000, true}, {100000, true}, {100000, true}, {100000, false}, {50000, false}, /* a clock that went back gives nothing for free */
    };
    struct allowance allowance = {0};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        if (allowance_take(&allowance, rate, steps[i].at_ms) != steps[i].is_granted) fail_msg("step %zu", i);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_keeps_its_value),
        cmocka_unit_test(the_oldest_gives_way),
        cmocka_unit_test(it_never_grows),
        cmocka_unit_test(an_allowance_is_spent_and_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
