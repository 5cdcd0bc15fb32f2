#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "io/loop.h"

static struct loop *loop;

static int set_up(void **state) {
    (void)state;
    loop = loop_new(NULL);
    return loop ? 0 : 1;
}

static int tear_down(void **state) {
    (void)state;
    loop_free(loop);
    return 0;
}

static void count(void *owner) {
    ++*(int *)owner;
}

static void stop(void *owner) {
    (void)owner;
    loop_stop(loop);
}

static void timers_fire_once_and_never_early(void **state) {
    (void)state;
    int fired = 0;
    struct loop_timer *timer = loop_timer_new(loop, count, &fired), *late = loop_timer_new(loop, stop, NULL);
    int64_t due_ms = loop_now_ms(loop) + 20;
    loop_timer_set(timer, due_ms);
    while (!fired) loop_run_once(loop, 1000);
    assert_true(loop_now_ms(loop) >= due_ms);
    loop_timer_set(late, loop_now_ms(loop) + 20);
    loop_run(loop);
    assert_int_equal(fired, 1);
    loop_timer_free(timer);
    loop_timer_free(late);
}

static void a_passed_time_fires_at_once_and_a_cleared_one_never(void **state) {
    (void)state;
    int first = 0, second = 0, third = 0;
    struct loop_timer *passed = loop_timer_new(loop, count, &first), *cleared = loop_timer_new(loop, count, &second),
                      *never = loop_timer_new(loop, count, &third);
    loop_timer_set(passed, INT64_MIN);
    loop_timer_set(cleared, INT64_MIN);
    loop_timer_clear(cleared);
    loop_timer_set(never, INT64_MIN);
    loop_timer_set(never, INT64_MAX);
    while (!first) loop_run_once(loop, 1000);
    loop_run_once(loop, 0);
    assert_int_equal(second + third, 0);
    loop_timer_free(passed), loop_timer_free(cleared), loop_timer_free(never);
}

struct chain {
    struct loop_deferred *deferred;
    int calls;
    bool was_read;
};

static void again(void *owner) {
    struct chain *chain = owner;
    assert_false(loop_deferred_is_due(chain->deferred));
    if (++chain->calls < 1000 && !chain->was_read) loop_deferred_call(chain->deferred);
}

static void note_read(void *owner, int fd, bool is_readable, bool is_writable) {
    struct chain *chain = owner;
    char byte;
    assert_true(is_readable && !is_writable);
    assert_int_equal(read(fd, &byte, 1), 1);
    chain->was_read = true;
}

static void deferred_calls_leave_sockets_their_turn(void **state) {
    (void)state;
    int ends[2];
    struct chain chain = {0};
    assert_int_equal(pipe(ends), 0);
    struct loop_socket *socket = loop_socket_new(loop, ends[0], note_read, &chain);
    assert_true(loop_socket_want(socket, true, false));
    chain.deferred = loop_deferred_new(loop, again, &chain);
    loop_deferred_call(chain.deferred);
    loop_deferred_call(chain.deferred); /* is due already */
    assert_true(loop_deferred_is_due(chain.deferred));
    assert_int_equal(chain.calls, 0);
    assert_int_equal(write(ends[1], "x", 1), 1);
    while (!chain.was_read || loop_deferred_is_due(chain.deferred)) loop_run_once(loop, 1000);
    assert_true(chain.calls < 10);
    loop_deferred_free(chain.deferred);
    loop_socket_free(socket);
    close(ends[0]), close(ends[1]);
}

struct both {
    bool is_readable, is_writable;
};

static void note_both(void *owner, int fd, bool is_readable, bool is_writable) {
    struct both *both = owner;
    (void)fd;
    both->is_readable |= is_readable;
    both->is_writable |= is_writable;
}

static void sockets_tell_what_was_wanted_only(void **state) {
    (void)state;
    int ends[2];
    struct both got = {0};
    assert_int_equal(pipe(ends), 0);
    struct loop_socket *socket = loop_socket_new(loop, ends[1], note_both, &got);
    loop_run_once(loop, 0);
    assert_false(got.is_readable || got.is_writable);
    assert_true(loop_socket_want(socket, false, true));
    loop_run_once(loop, 1000);
    assert_true(got.is_writable && !got.is_readable);
    got = (struct both){0};
    assert_true(loop_socket_want(socket, false, false));
    loop_run_once(loop, 0);
    assert_false(got.is_writable);
    loop_socket_free(socket);
    close(ends[0]), close(ends[1]);
}

static void free_timer(void *owner) {
    struct loop_timer **timer = owner;
    loop_timer_free(*timer);
    *timer = NULL;
}

static void a_timer_may_be_freed_in_its_callback(void **state) {
    (void)state;
    struct loop_timer *timer;
    timer = loop_timer_new(loop, free_timer, &timer);
    loop_timer_set(timer, INT64_MIN);
    while (timer) loop_run_once(loop, 1000);
}

static void signals_are_callbacks(void **state) {
    (void)state;
    int caught = 0;
    struct loop_signal *term = loop_signal_new(loop, SIGUSR1, count, &caught);
    assert_non_null(term);
    raise(SIGUSR1);
    while (!caught) loop_run_once(loop, 1000);
    loop_signal_free(term);
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    close(ends[0]);
    assert_int_equal(write(ends[1], "x", 1), -1); /* and SIGPIPE none at all */
    close(ends[1]);
}

static void *call_often(void *wake) {
    for (int i = 0; i < 1000; i++) loop_wake_call(wake);
    return NULL;
}

static void another_thread_wakes_the_loop(void **state) {
    (void)state;
    int calls = 0;
    struct loop_wake *wake = loop_wake_new(loop, count, &calls);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, call_often, wake), 0);
    while (!calls) loop_run_once(loop, 1000);
    pthread_join(thread, NULL);
    for (int before = -1; before != calls;) {
        before = calls;
        loop_run_once(loop, 0);
    }
    assert_in_range(calls, 1, 1000);
    int so_far = calls;
    loop_run_once(loop, 0);
    assert_int_equal(calls, so_far);
    loop_wake_free(wake);
}

static void clocks_run(void **state) {
    (void)state;
    assert_true(loop_now_ms(loop) > 0);
    assert_true(loop_wall_ms(loop) > 1700000000000);
}

int main(void) {
#define CASE(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(timers_fire_once_and_never_early),
        CASE(a_passed_time_fires_at_once_and_a_cleared_one_never),
        CASE(deferred_calls_leave_sockets_their_turn),
        CASE(sockets_tell_what_was_wanted_only),
        CASE(a_timer_may_be_freed_in_its_callback),
        CASE(signals_are_callbacks),
        CASE(another_thread_wakes_the_loop),
        CASE(clocks_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
