#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kube/workqueue.h"

static struct workqueue queue;

static int set_up(void **state) {
    (void)state;
    workqueue_init(&queue, BACKOFF_OBJECT);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    workqueue_release(&queue);
    return 0;
}

static void add(const char *key) {
    assert_true(workqueue_add(&queue, str_of(key)));
}

static void expect_get(const char *key) {
    struct str got;
    if (!workqueue_get(&queue, &got)) fail_msg("queue is empty, expected %s", key);
    if (!str_is(got, key)) fail_msg("got %.*s, expected %s", STR_ARG(got), key);
}

static void expect_nothing(void) {
    struct str got;
    assert_false(workqueue_get(&queue, &got));
}

static void keys_come_in_order_and_once(void **state) {
    (void)state;
    add("a"), add("b"), add("a"), add("c");
    assert_int_equal(workqueue_length(&queue), 3);
    expect_get("a"), expect_get("b"), expect_get("c");
    expect_nothing();
}

static void one_key_is_never_out_twice_and_no_add_is_lost(void **state) {
    (void)state;
    add("a");
    expect_get("a");
    add("a"), add("a");
    expect_nothing();
    add("b");
    workqueue_done(&queue, STR("a"));
    expect_get("b");
    expect_get("a");
    workqueue_done(&queue, STR("a"));
    expect_nothing();
}

static void delayed_keys_come_when_due(void **state) {
    (void)state;
    workqueue_add_at(&queue, STR("late"), 300);
    workqueue_add_at(&queue, STR("early"), 100);
    workqueue_add_at(&queue, STR("middle"), 200);
    assert_int_equal(workqueue_next_due_ms(&queue), 100);
    workqueue_tick(&queue, 99);
    expect_nothing();
    workqueue_tick(&queue, 200);
    expect_get("early"), expect_get("middle");
    expect_nothing();
    assert_int_equal(workqueue_next_due_ms(&queue), 300);
    workqueue_add_at(&queue, STR("late"), 400); /* later than planned: changes nothing */
    assert_int_equal(workqueue_next_due_ms(&queue), 300);
    workqueue_add_at(&queue, STR("late"), 250);
    assert_int_equal(workqueue_next_due_ms(&queue), 250);
    workqueue_tick(&queue, 1000);
    expect_get("late");
    assert_int_equal(workqueue_next_due_ms(&queue), INT64_MAX);
}

static void a_key_due_while_processing_waits_for_done(void **state) {
    (void)state;
    add("a");
    expect_get("a");
    workqueue_add_at(&queue, STR("a"), 10);
    workqueue_tick(&queue, 10);
    expect_nothing();
    workqueue_done(&queue, STR("a"));
    expect_get("a");
}

static void failures_delay_more_and_more_until_forgotten(void **state) {
    (void)state;
    struct number_random random = {1};
    static const int64_t most_ms[] = {5, 10, 20, 40};
    int64_t now_ms = 0;
    for (unsigned i = 0; i < 4; i++) {
        add("a");
        expect_get("a");
        workqueue_add_failed(&queue, STR("a"), now_ms, 0, &random);
        workqueue_done(&queue, STR("a"));
        assert_int_equal(workqueue_failures(&queue, STR("a")), i + 1);
        int64_t delay_ms = workqueue_next_due_ms(&queue) - now_ms;
        if (delay_ms > most_ms[i] || delay_ms < most_ms[i] / 2) fail_msg("failure %u is due in %lld ms", i + 1, (long long)delay_ms);
        now_ms += delay_ms;
        workqueue_tick(&queue, now_ms);
        expect_get("a");
        workqueue_done(&queue, STR("a"));
    }
    workqueue_forget(&queue, STR("a"));
    assert_int_equal(workqueue_failures(&queue, STR("a")), 0);
}

/* Events bring a key forward, and it fails again: that is the same trouble, and the back-off does not grow by it. */
static void a_failure_before_its_time_does_not_count(void **state) {
    (void)state;
    struct number_random random = {1};
    int64_t due_ms = 0;
    for (int i = 0; i < 20; i++) {
        add("a");
        expect_get("a");
        workqueue_add_failed(&queue, STR("a"), 0, 0, &random);
        workqueue_done(&queue, STR("a"));
        if (i == 0) due_ms = workqueue_next_due_ms(&queue);
        assert_int_equal(workqueue_next_due_ms(&queue), due_ms);
        assert_int_equal(workqueue_failures(&queue, STR("a")), 1);
    }
}

/* The server is back: what waits after failures need not wait longer, and fails as if for the first time. */
static void the_end_of_an_outage_ends_the_waiting(void **state) {
    (void)state;
    struct number_random random = {1};
    static const char *const keys[] = {"failed", "asked to wait", "in work", "for later"};
    for (size_t i = 0; i < 3; i++) add(keys[i]);
    for (size_t i = 0; i < 3; i++) expect_get(keys[i]);
    for (int64_t i = 0; i < 16; i++) workqueue_add_failed(&queue, STR("failed"), i * 1000000, 0, &random);
    workqueue_add_failed(&queue, STR("asked to wait"), 0, 90000, &random);
    workqueue_add_at(&queue, STR("for later"), 50000);
    workqueue_done(&queue, STR("failed"));
    workqueue_done(&queue, STR("asked to wait"));
    workqueue_tick(&queue, 1);
    expect_nothing();
    workqueue_hurry(&queue, 1);
    workqueue_tick(&queue, 1);
    expect_get("failed");
    expect_nothing();
    assert_int_equal(workqueue_failures(&queue, STR("failed")), 0);
    assert_int_equal(workqueue_next_due_ms(&queue), 50000);
}

/* A server that says when (429, Retry-After) is obeyed, whatever happens meanwhile; what happens is not lost. */
static void a_retry_after_is_not_cut_short(void **state) {
    (void)state;
    struct number_random random = {1};
    workqueue_add_at(&queue, STR("a"), 5);
    add("a");
    expect_get("a");
    add("a");
    assert_true(workqueue_add_failed(&queue, STR("a"), 10, 1000, &random));
    workqueue_done(&queue, STR("a"));
    add("a");
    workqueue_add_at(&queue, STR("a"), 20);
    /* That long, and up to half of it so that not all come back at once. */
    int64_t due_ms = workqueue_next_due_ms(&queue);
    assert_in_range(due_ms, 1010, 1510);
    assert_int_equal(workqueue_failures(&queue, STR("a")), 0);
    workqueue_tick(&queue, due_ms - 1);
    expect_nothing();
    workqueue_tick(&queue, due_ms);
    expect_get("a");
    workqueue_done(&queue, STR("a"));
    expect_nothing();
    /* From then on an add counts again. */
    add("a");
    expect_get("a");
    workqueue_forget(&queue, STR("a"));
    workqueue_done(&queue, STR("a"));
    assert_null(queue.items);
}

static void unused_keys_take_no_memory(void **state) {
    (void)state;
    struct number_random random = {1};
    for (int i = 0; i < 1000; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%d", i);
        add(key);
        workqueue_add_failed(&queue, str_of(key), 0, 0, &random);
    }
    workqueue_tick(&queue, INT64_MAX);
    struct str key;
    while (workqueue_get(&queue, &key)) {
        workqueue_forget(&queue, key);
        workqueue_done(&queue, key);
    }
    assert_null(queue.items);
    assert_null(queue.delayed);
}

static void any_bytes_are_a_key(void **state) {
    (void)state;
    assert_true(workqueue_add(&queue, (struct str){"a\0b", 3}));
    assert_true(workqueue_add(&queue, (struct str){"a\0c", 3}));
    assert_true(workqueue_add(&queue, STR_EMPTY));
    assert_int_equal(workqueue_length(&queue), 3);
}

/* Against a plain model, for 200,000 random steps: what is handed out, that it is out once, and that no add is lost. */
static void agrees_with_a_plain_model(void **state) {
    (void)state;
    enum { KEYS = 12, STEPS = 200000 };
    struct {
        bool wanted, out;
        int64_t due_ms;
    } model[KEYS];
    for (int k = 0; k < KEYS; k++) model[k].wanted = model[k].out = false, model[k].due_ms = INT64_MAX;
    struct number_random random = {2026};
    int64_t now_ms = 0;
    for (int step = 0; step < STEPS; step++) {
        size_t k = number_random_below(&random, KEYS);
        char key[8];
        struct str got;
        snprintf(key, sizeof key, "k%zu", k);
        switch (number_random_below(&random, 5)) {
        case 0:
            add(key);
            model[k].wanted = true;
            break;
        case 1: {
            int64_t due_ms = now_ms + (int64_t)number_random_below(&random, 50);
            workqueue_add_at(&queue, str_of(key), due_ms);
            if (due_ms < model[k].due_ms) model[k].due_ms = due_ms;
            break;
        }
        case 2:
            now_ms += (int64_t)number_random_below(&random, 20);
            workqueue_tick(&queue, now_ms);
            for (int j = 0; j < KEYS; j++)
                if (model[j].due_ms <= now_ms) model[j].wanted = true, model[j].due_ms = INT64_MAX;
            break;
        case 3: {
            size_t ready = 0;
            for (int j = 0; j < KEYS; j++) ready += model[j].wanted && !model[j].out;
            assert_int_equal(workqueue_length(&queue), ready);
            if (!workqueue_get(&queue, &got)) {
                assert_int_equal(ready, 0);
                break;
            }
            long which = strtol(got.ptr + 1, NULL, 10);
            assert_true(model[which].wanted && !model[which].out);
            model[which].wanted = false;
            model[which].out = true;
            break;
        }
        default:
            if (!model[k].out) break;
            workqueue_done(&queue, str_of(key));
            model[k].out = false;
        }
    }
}

static void a_key_knows_how_long_it_waited(void **state) {
    (void)state;
    struct str got;
    workqueue_tick(&queue, 1000);
    workqueue_add(&queue, STR("a"));
    workqueue_tick(&queue, 1200);
    workqueue_add(&queue, STR("a"));
    assert_int_equal(queue.adds, 1);
    assert_true(workqueue_get(&queue, &got));
    assert_int_equal(workqueue_waited_ms(&queue, got), 200);
    /* Wanted again meanwhile: from then on, not from when it was let go. */
    workqueue_tick(&queue, 1300);
    workqueue_add(&queue, STR("a"));
    workqueue_done(&queue, STR("a"));
    workqueue_tick(&queue, 1350);
    assert_true(workqueue_get(&queue, &got));
    assert_int_equal(workqueue_waited_ms(&queue, got), 50);
    workqueue_done(&queue, STR("a"));
    /* Delayed: from when it is due. */
    workqueue_add_at(&queue, STR("a"), 2000);
    assert_int_equal(queue.adds, 2);
    workqueue_tick(&queue, 2007);
    workqueue_tick(&queue, 2010);
    assert_true(workqueue_get(&queue, &got));
    assert_int_equal(workqueue_waited_ms(&queue, got), 3);
    assert_int_equal(queue.adds, 3);
    assert_int_equal(workqueue_waited_ms(&queue, STR("unknown")), 0);
    /* From when somebody began to take them. */
    workqueue_add(&queue, STR("b"));
    workqueue_open(&queue, 9000);
    workqueue_tick(&queue, 9004);
    assert_true(workqueue_get(&queue, &got));
    assert_int_equal(workqueue_waited_ms(&queue, got), 4);
}

int main(void) {
#define CASE(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(keys_come_in_order_and_once),
        CASE(one_key_is_never_out_twice_and_no_add_is_lost),
        CASE(delayed_keys_come_when_due),
        CASE(a_key_due_while_processing_waits_for_done),
        CASE(failures_delay_more_and_more_until_forgotten),
        CASE(a_failure_before_its_time_does_not_count),
        CASE(the_end_of_an_outage_ends_the_waiting),
        CASE(a_retry_after_is_not_cut_short),
        CASE(a_key_knows_how_long_it_waited),
        CASE(unused_keys_take_no_memory),
        CASE(any_bytes_are_a_key),
        CASE(agrees_with_a_plain_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
