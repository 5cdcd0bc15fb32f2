#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdbool.h>

#include "kube/listwatch.h"

/* One machine that has followed its kind for a while when the server goes away. */
static struct listwatch machine;
static struct arena arena;
static int64_t now_ms;

static void hand_out(void) {
    struct listwatch_event event;
    while (listwatch_next_event(&machine, now_ms, &arena, &event)) continue;
}

/* Moves the clock to the next request, which is taken, and returns how long that was. */
static int64_t until_request(enum listwatch_action_kind what) {
    int64_t begun_ms = now_ms;
    struct listwatch_action action;
    hand_out();
    listwatch_next_action(&machine, now_ms, &arena, &action);
    if (action.kind == LISTWATCH_WAIT) {
        now_ms = action.until_ms;
        listwatch_next_action(&machine, now_ms, &arena, &action);
    }
    assert_int_equal(action.kind, what);
    return now_ms - begun_ms;
}

static void watch_ends(enum kube_answer_kind kind, int64_t retry_after_ms) {
    struct kube_answer answer = {.kind = kind, .retry_after_ms = retry_after_ms};
    listwatch_watch_end(&machine, &answer, now_ms);
    hand_out();
}

static void expect_between(int64_t value, int64_t least, int64_t most) {
    if (value < least || value > most) fail_msg("%lld, expected %lld to %lld", (long long)value, (long long)least, (long long)most);
}

static void begin(bool is_scout) {
    static const char page[] = "{\"items\":[],\"metadata\":{\"resourceVersion\":\"10\"}}";
    struct listwatch_settings settings = {
        .resource = {{"g", 1}, {"v1", 2}, {"things", 6}, {"Thing", 5}},
        .is_scout = is_scout,
    };
    struct kube_answer ok = {.kind = KUBE_OK};
    struct strbuf body = strbuf_with_max(LIMIT_BODY_BYTES);
    now_ms = 1000000;
    arena_init(&arena, LIMIT_BODY_BYTES);
    listwatch_init(&machine, &settings, 42);
    until_request(LISTWATCH_LIST);
    strbuf_append(&body, str_of(page));
    listwatch_list_answer(&machine, &ok, &body, now_ms);
    until_request(LISTWATCH_WATCH);
    listwatch_watch_opened(&machine, now_ms);
    now_ms += 60000;
}

static int tear_down(void **state) {
    (void)state;
    listwatch_release(&machine);
    arena_release(&arena);
    return 0;
}

/* The open watch breaks, then nobody answers, so many times. */
static void lose_server(int attempts) {
    watch_ends(KUBE_LOST, 0);
    for (int i = 0; i < attempts; i++) {
        until_request(LISTWATCH_WATCH);
        watch_ends(KUBE_NOT_SENT, 0);
    }
}

static void a_scout_looks_for_the_server_once_a_second(void **state) {
    (void)state;
    begin(true);
    for (int outage = 0; outage < 3; outage++) {
        lose_server(200);
        expect_between(until_request(LISTWATCH_WATCH), 500, 1000);
        listwatch_watch_opened(&machine, now_ms);
        now_ms += 60000;
    }
}

static void a_scout_gives_up_asking_so_often(void **state) {
    (void)state;
    begin(true);
    lose_server(400);
    expect_between(until_request(LISTWATCH_WATCH), 15000, 30000);
}

static void a_scout_heeds_a_server_that_says_not_now(void **state) {
    (void)state;
    begin(true);
    lose_server(20);
    until_request(LISTWATCH_WATCH);
    watch_ends(KUBE_THROTTLED, 5000);
    expect_between(until_request(LISTWATCH_WATCH), 5000, 7500);
    for (int i = 0; i < 5; i++) {
        watch_ends(KUBE_SERVER_ERROR, 0);
        until_request(LISTWATCH_WATCH);
    }
    watch_ends(KUBE_SERVER_ERROR, 0);
    expect_between(until_request(LISTWATCH_WATCH), 12800, 30000);
}

static void a_scout_asks_soon_where_a_right_is_missing_that_was_there(void **state) {
    (void)state;
    begin(true);
    lose_server(20);
    for (int i = 0; i < 5; i++) {
        until_request(LISTWATCH_WATCH);
        watch_ends(KUBE_FORBIDDEN, 0);
    }
    expect_between(until_request(LISTWATCH_WATCH), 500, 1000);
}

static void others_wait_longer_and_are_hurried(void **state) {
    (void)state;
    begin(false);
    lose_server(20);
    expect_between(until_request(LISTWATCH_WATCH), 15000, 30000);
    watch_ends(KUBE_NOT_SENT, 0);
    listwatch_hurry(&machine, now_ms);
    expect_between(until_request(LISTWATCH_WATCH), 0, 250);
}

static void hurry_does_not_override_the_server(void **state) {
    (void)state;
    begin(false);
    watch_ends(KUBE_THROTTLED, 20000);
    listwatch_hurry(&machine, now_ms);
    expect_between(until_request(LISTWATCH_WATCH), 20000, 30000);
}

int main(void) {
#define CASE(function) cmocka_unit_test_teardown(function, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(a_scout_looks_for_the_server_once_a_second),
        CASE(a_scout_gives_up_asking_so_often),
        CASE(a_scout_heeds_a_server_that_says_not_now),
        CASE(a_scout_asks_soon_where_a_right_is_missing_that_was_there),
        CASE(others_wait_longer_and_are_hurried),
        CASE(hurry_does_not_override_the_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
