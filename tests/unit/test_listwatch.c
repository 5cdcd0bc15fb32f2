#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kube/listwatch.h"

/* One machine, its clock, and the answers it gets. Events come out as one line of text, so that a case reads as a story. */
static struct listwatch machine;
static struct arena arena;
static int64_t now_ms;

static const struct kube_resource kind = {{"g", 1}, {"v1", 2}, {"things", 6}, {"Thing", 5}};

static int set_up_with(struct listwatch_settings settings) {
    settings.resource = kind;
    listwatch_init(&machine, &settings, 42);
    arena_init(&arena, 64 << 20);
    now_ms = 1000000;
    return 0;
}

static int set_up(void **state) {
    (void)state;
    return set_up_with((struct listwatch_settings){0});
}

static int tear_down(void **state) {
    (void)state;
    listwatch_release(&machine);
    arena_release(&arena);
    return 0;
}

static void describe(struct strbuf *out, const struct listwatch_event *event) {
    static const char *const names[] = {"begin", "+", "-", "end", "bookmark", "trouble"};
    if (out->len) strbuf_append_char(out, ' ');
    strbuf_append(out, str_of(names[event->kind]));
    struct str name = json_text(json_path(event->object, "metadata", "name", NULL));
    strbuf_append(out, name);
    if (event->kind == LISTWATCH_LIST_BEGIN || event->kind == LISTWATCH_LIST_END)
        strbuf_printf(out, "%llu", (unsigned long long)event->generation);
    if (event->is_another_life) strbuf_append(out, STR("(another life)"));
    if (event->kind == LISTWATCH_TROUBLE) strbuf_printf(out, "(%s)", kube_answer_kind_name(event->trouble->kind));
}

/* All events there are now, as text. */
static void expect_events(const char *want) {
    struct strbuf got = strbuf_with_max(1 << 20);
    struct listwatch_event event;
    while (listwatch_next_event(&machine, now_ms, &arena, &event)) describe(&got, &event);
    if (!str_is(strbuf_view(&got), want)) fail_msg("got events: %s\nexpected: %s", strbuf_view(&got).ptr, want);
    strbuf_release(&got);
}

static struct listwatch_action action(void) {
    struct listwatch_action next;
    listwatch_next_action(&machine, now_ms, &arena, &next);
    return next;
}

static void expect_request(enum listwatch_action_kind what, const char *path) {
    struct listwatch_action next = action();
    if (next.kind != what) fail_msg("got action %d until +%lld, expected %s", (int)next.kind, (long long)(next.until_ms - now_ms), path);
    if (!str_is(next.path, path)) fail_msg("got %.*s, expected %s", STR_ARG(next.path), path);
}

static void expect_list(const char *query) {
    char path[512];
    snprintf(path, sizeof path, "/apis/g/v1/things?limit=%s", query);
    expect_request(LISTWATCH_LIST, path);
}

static void expect_watch_from(const char *version) {
    struct listwatch_action next = action();
    char start[128];
    snprintf(start, sizeof start, "/apis/g/v1/things?resourceVersion=%s&watch=true&allowWatchBookmarks=true&timeoutSeconds=", version);
    if (next.kind != LISTWATCH_WATCH || !str_starts_with(next.path, str_of(start)))
        fail_msg("got action %d %.*s, expected a watch from %s", (int)next.kind, STR_ARG(next.path), version);
    long timeout_s = strtol(next.path.ptr + strlen(start), NULL, 10);
    if (timeout_s < 300 || timeout_s > 600) fail_msg("timeoutSeconds is %ld", timeout_s);
}

/* Waits, at least and at most so long from now, and then moves the clock there. */
static void expect_wait(int64_t least_ms, int64_t most_ms) {
    struct listwatch_action next = action();
    if (next.kind != LISTWATCH_WAIT) fail_msg("got action %d, expected a wait", (int)next.kind);
    int64_t wait_ms = next.until_ms - now_ms;
    if (wait_ms < least_ms || wait_ms > most_ms)
        fail_msg("waits %lld ms, expected %lld to %lld", (long long)wait_ms, (long long)least_ms, (long long)most_ms);
    now_ms = next.until_ms;
}

static void list_text(const char *text) {
    struct strbuf body = strbuf_with_max(LIMIT_BODY_BYTES);
    struct kube_answer ok = {.kind = KUBE_OK, .http_status = 200};
    strbuf_append(&body, str_of(text));
    listwatch_list_answer(&machine, &ok, &body, now_ms);
    strbuf_release(&body);
}

#define ITEM(name) "{\"metadata\":{\"name\":\"" name "\",\"resourceVersion\":\"1\"}}"
#define PAGE(items, version, token)                                                                                                        \
    "{\"kind\":\"ThingList\",\"items\":[" items "],\"metadata\":{\"resourceVersion\":\"" version "\",\"continue\":\"" token "\"}}"
/* As kube-apiserver has it: its version before its items. */
#define PAGE_OF(version, items)                                                                                                            \
    "{\"kind\":\"ThingList\",\"metadata\":{\"resourceVersion\":\"" version "\"},\"items\":[" items "]}"
#define EVENT(type, name, version)                                                                                                         \
    "{\"type\":\"" type "\",\"object\":{\"metadata\":{\"name\":\"" name "\",\"resourceVersion\":\"" version "\"}}}\n"
#define ERROR_EVENT(code, reason, message)                                                                                                 \
    "{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"code\":" code ",\"reason\":\"" reason "\",\"message\":\"" message "\"}}\n"

static struct kube_answer failure(enum kube_answer_kind answer_kind) {
    return (struct kube_answer){.kind = answer_kind, .message = STR("message")};
}

static void list_fails(enum kube_answer_kind answer_kind) {
    struct kube_answer answer = failure(answer_kind);
    listwatch_list_answer(&machine, &answer, NULL, now_ms);
}

static void watch_ends(enum kube_answer_kind answer_kind) {
    struct kube_answer answer = failure(answer_kind);
    listwatch_watch_end(&machine, &answer, now_ms);
}

static void watch_bytes(const char *text) {
    listwatch_watch_bytes(&machine, str_of(text), now_ms);
}

static void sync_with(const char *page) {
    expect_list("500");
    list_text(page);
    struct listwatch_event event;
    while (listwatch_next_event(&machine, now_ms, &arena, &event)) {}
    assert_int_equal(machine.state, LISTWATCH_SYNCED);
}

static void watching(void) {
    sync_with(PAGE(ITEM("a"), "10", ""));
    expect_watch_from("10");
    listwatch_watch_opened(&machine, now_ms);
}

/* lists */

static void a_list_then_a_watch(void **state) {
    (void)state;
    assert_int_equal(machine.state, LISTWATCH_STARTING);
    expect_events("");
    expect_list("500");
    expect_wait(INT64_MAX - now_ms, INT64_MAX); /* given once */
    now_ms = 1000000;
    list_text(PAGE(ITEM("a") "," ITEM("b"), "10", ""));
    expect_events("begin1 +a +b end1");
    assert_int_equal(machine.state, LISTWATCH_SYNCED);
    expect_watch_from("10");
    watch_bytes(EVENT("ADDED", "c", "11") EVENT("MODIFIED", "a", "12") EVENT("DELETED", "b", "13") EVENT("BOOKMARK", "", "14"));
    expect_events("+c +a -b bookmark");
    assert_true(str_is(strbuf_view(&machine.version), "14"));
}

static void an_empty_list_is_a_list(void **state) {
    (void)state;
    sync_with(PAGE("", "10", ""));
    assert_int_equal(machine.generation, 1);
}

static void items_may_be_null_and_fields_in_any_order(void **state) {
    (void)state;
    expect_list("500");
    list_text(" {\n \"metadata\" : {\"resourceVersion\":\"7\"} , \"items\" : null, \"x\": [1,{\"items\":[{}]}], \"y\": \"\\\"]}\", \"z\": "
              "-1.5 }\n");
    expect_events("begin1 end1");
    expect_watch_from("7");
}

static void strings_with_brackets_do_not_confuse_the_cursor(void **state) {
    (void)state;
    expect_list("500");
    list_text(PAGE("{\"metadata\":{\"name\":\"}],\\\"{\\\\\"},\"s\":[[{\"t\":\"]\"}]]}," ITEM("b"), "7", ""));
    expect_events("begin1 +}],\"{\\ +b end1");
}

static void pages_follow_each_other(void **state) {
    (void)state;
    expect_list("500");
    list_text(PAGE(ITEM("a"), "10", "t/1"));
    expect_events("begin1 +a");
    assert_int_equal(machine.state, LISTWATCH_STARTING);
    expect_list("500&continue=t%2F1");
    list_text(PAGE(ITEM("b"), "10", "t/2"));
    expect_events("+b");
    expect_list("500&continue=t%2F2");
    list_text(PAGE(ITEM("c"), "10", ""));
    expect_events("+c end1");
    expect_watch_from("10");
}

static void a_page_is_handed_out_in_slices(void **state) {
    (void)state;
    struct listwatch_event event;
    expect_list("500");
    list_text(PAGE(ITEM("a") "," ITEM("b"), "10", ""));
    assert_true(listwatch_next_event(&machine, now_ms, &arena, &event));
    assert_int_equal(event.kind, LISTWATCH_LIST_BEGIN);
    struct listwatch_action next = action();
    assert_int_equal(next.kind, LISTWATCH_WAIT);
    assert_true(next.until_ms <= now_ms); /* there is more */
    assert_true(listwatch_next_event(&machine, now_ms, &arena, &event));
    assert_int_equal(event.kind, LISTWATCH_UPSERT);
    expect_events("+b end1");
}

static void a_failing_page_is_asked_for_again(void **state) {
    (void)state;
    expect_list("500");
    list_text(PAGE(ITEM("a"), "10", "t"));
    expect_events("begin1 +a");
    expect_list("500&continue=t");
    list_fails(KUBE_SERVER_ERROR);
    expect_events("trouble(server error)");
    expect_wait(400, 800);
    expect_list("500&continue=t");
    list_text(PAGE(ITEM("b"), "10", ""));
    expect_events("+b end1");
}

static void an_expired_page_begins_the_list_anew(void **state) {
    (void)state;
    expect_list("500");
    list_text(PAGE(ITEM("a"), "10", "t"));
    expect_events("begin1 +a");
    expect_list("500&continue=t");
    list_fails(KUBE_EXPIRED);
    expect_events("");
    expect_wait(400, 800);
    expect_list("1000");
    list_text(PAGE(ITEM("b"), "20", ""));
    expect_events("begin2 +b end2");
    expect_watch_from("20");
}

static void a_list_without_end_is_given_up(void **state) {
    (void)state;
    expect_list("500");
    for (int page = 1; page < LIMIT_LIST_PAGES; page++) {
        list_text(PAGE("", "7", "t"));
        expect_events(page == 1 ? "begin1" : "");
        expect_list("500&continue=t");
    }
    list_text(PAGE("", "7", "t"));
    expect_events("trouble(server error)");
    assert_int_equal(machine.state, LISTWATCH_STARTING);
    expect_wait(400, 2000);
    expect_list("500"); /* from the start, and all pages are allowed again */
    list_text(PAGE("", "8", "t"));
    expect_events("begin2");
    expect_list("500&continue=t");
    list_text(PAGE("", "8", ""));
    expect_events("end2");
}

static void what_the_owner_cannot_take_is_listed_anew(void **state) {
    (void)state;
    expect_list("500");
    list_text(PAGE(ITEM("a"), "7", ""));
    expect_events("begin1 +a end1");
    expect_watch_from("7");
    listwatch_watch_opened(&machine, now_ms);
    listwatch_watch_bytes(&machine, STR(EVENT("ADDED", "b", "8") EVENT("ADDED", "c", "9")), now_ms);
    struct listwatch_event event;
    assert_true(listwatch_next_event(&machine, now_ms, &arena, &event));
    listwatch_refuse(&machine, "full", now_ms);
    expect_events("trouble(too large)"); /* and nothing of c, which the list will tell */
    assert_int_equal(action().kind, LISTWATCH_CLOSE);
    expect_wait(1, 10000);
    expect_list("500");
    assert_int_equal(machine.state, LISTWATCH_SYNCED);
}

static void a_refused_continue_token_begins_the_list_anew(void **state) {
    (void)state;
    expect_list("500");
    list_text(PAGE(ITEM("a"), "10", "t"));
    expect_events("begin1 +a");
    expect_list("500&continue=t");
    list_fails(KUBE_INVALID);
    expect_events("trouble(invalid)");
    expect_wait(400, 800);
    expect_list("500");
}

static void too_large_a_page_is_halved(void **state) {
    (void)state;
    expect_list("500");
    list_fails(KUBE_TOO_LARGE);
    expect_list("250");
    list_text(PAGE(ITEM("a"), "10", "t"));
    expect_events("begin1 +a");
    expect_list("250&continue=t");
    list_fails(KUBE_TOO_LARGE);
    expect_list("125&continue=t");
    for (int limit = 125; limit > 1; limit /= 2) {
        list_fails(KUBE_TOO_LARGE);
        if (action().kind != LISTWATCH_LIST) fail_msg("not asked again with %d", limit / 2);
    }
    list_fails(KUBE_TOO_LARGE); /* one object alone */
    expect_events("trouble(too large)");
    expect_wait(400, 800);
}

static void failures_back_off_and_obey_retry_after(void **state) {
    (void)state;
    static const int64_t most_ms[] = {800, 1600, 3200, 6400, 12800, 25600, 30000, 30000};
    for (size_t i = 0; i < sizeof most_ms / sizeof *most_ms; i++) {
        expect_list("500");
        list_fails(i % 2 ? KUBE_LOST : KUBE_NOT_SENT);
        expect_events(i % 2 ? "trouble(lost)" : "trouble(not sent)");
        expect_wait(most_ms[i] / 2, most_ms[i]);
    }
    struct kube_answer throttled = {.kind = KUBE_THROTTLED, .retry_after_ms = 120000, .message = STR("later")};
    expect_list("500");
    listwatch_list_answer(&machine, &throttled, NULL, now_ms);
    expect_wait(120000, 180000);
    sync_with(PAGE("", "1", "")); /* and success resets it */
    assert_int_equal(machine.failures, 0);
}

static void trouble_is_told_once(void **state) {
    (void)state;
    for (int i = 0; i < 3; i++) {
        expect_list("500");
        list_fails(KUBE_UNAUTHORIZED);
        expect_events(i ? "" : "trouble(unauthorized)");
        expect_wait(1, 3200);
    }
    assert_int_equal(machine.state, LISTWATCH_STARTING);
}

static void a_kind_that_is_not_installed_is_polled_for(void **state) {
    (void)state;
    expect_list("500");
    list_fails(KUBE_KIND_MISSING_MAYBE);
    expect_events("trouble(kind missing)");
    assert_int_equal(machine.state, LISTWATCH_NOT_INSTALLED);
    for (int i = 0; i < 5; i++) {
        expect_wait(10000, 10000);
        expect_list("500");
        list_fails(KUBE_KIND_MISSING_MAYBE);
        expect_events("");
    }
    expect_wait(10000, 10000);
    now_ms -= 10000;
    listwatch_hurry(&machine, now_ms); /* the definition may be there */
    expect_wait(0, 250);
    sync_with(PAGE(ITEM("a"), "10", ""));
}

static void forbidden_is_a_state_and_asked_again(void **state) {
    (void)state;
    expect_list("500");
    list_fails(KUBE_FORBIDDEN);
    expect_events("trouble(forbidden)");
    assert_int_equal(machine.state, LISTWATCH_FORBIDDEN);
    expect_wait(400, 800);
    sync_with(PAGE("", "10", ""));
}

static void what_is_no_list_is_refused(void **state) {
    (void)state;
    static const char *const texts[] = {
        "",
        "[]",
        "{",
        "{}",
        "null",
        "{\"items\":[",
        "{\"items\":[{]}",
        "{\"items\":[1],\"metadata\":{}}",
        "{\"items\":[{\"a\":}],\"metadata\":{}}",
        "{\"metadata\":{}}",
        "{\"items\":[],\"metadata\":{\"resourceVersion\":\"\"}}",
        "{\"items\":[],\"metadata\":{\"resourceVersion\":1}}",
        "{\"items\":[{\"a\":\"\\",
        "{\"items\"",
        "{\"a\":\"",
        "{\"items\":[],\"metadata\":}",
        "{\"items\":[],\"metadata\":{\"resourceVersion\":\"1\"",
        "<html>",
        /* taken for empty lists, these would say that all is gone */
        "{\"items\":\"none\",\"metadata\":{\"resourceVersion\":\"1\"}}",
        "{\"items\":{},\"metadata\":{\"resourceVersion\":\"1\"}}",
        "{\"kind\":\"Thing\",\"metadata\":{\"resourceVersion\":\"1\"}}",
        "{\"it\\u0065ms\":[{}],\"items\":null,\"metadata\":{\"resourceVersion\":\"1\"}}",
        "{\"items\":[],\"metadata\":{\"resourceVersion\":\"1\"}}{",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct listwatch_event event;
        int64_t begun_ms = now_ms;
        if (action().kind != LISTWATCH_LIST) fail_msg("before %s: no list", texts[i]);
        list_text(texts[i]);
        while (listwatch_next_event(&machine, now_ms, &arena, &event))
            if (event.kind == LISTWATCH_LIST_END) fail_msg("%s: accepted", texts[i]);
        assert_int_equal(machine.state, LISTWATCH_STARTING);
        struct listwatch_action next = action();
        assert_int_equal(next.kind, LISTWATCH_WAIT);
        assert_true(next.until_ms > begun_ms && next.until_ms <= begun_ms + 30000);
        now_ms = next.until_ms;
    }
    sync_with(PAGE("", "10", ""));
}

/* watches */

static void lines_may_be_cut_anywhere(void **state) {
    (void)state;
    const char *stream = EVENT("ADDED", "\xC3\xA4", "11") "\n" EVENT("ADDED", "b\\\"{", "12");
    watching();
    struct strbuf got = strbuf_with_max(1 << 20);
    for (const char *at = stream; *at; at++) {
        struct listwatch_event event;
        listwatch_watch_bytes(&machine, (struct str){at, 1}, now_ms);
        while (listwatch_next_event(&machine, now_ms, &arena, &event)) describe(&got, &event);
    }
    assert_true(str_is(strbuf_view(&got), "+\xC3\xA4 +b\"{"));
    strbuf_release(&got);
}

static void a_disconnect_resumes_without_a_list(void **state) {
    (void)state;
    watching();
    watch_bytes(EVENT("ADDED", "b", "11") "{\"type\":\"ADD"); /* the half line is lost with the connection, and comes again */
    now_ms += 20000;
    watch_ends(KUBE_LOST);
    expect_events("+b trouble(lost)");
    assert_int_equal(machine.state, LISTWATCH_SYNCED);
    expect_wait(400, 800);
    expect_watch_from("11");
    watch_bytes(EVENT("ADDED", "c", "12"));
    expect_events("+c");
    assert_int_equal(machine.generation, 1);
}

static void events_before_the_end_are_not_lost(void **state) {
    (void)state;
    watching();
    watch_bytes(EVENT("ADDED", "b", "11") EVENT("ADDED", "c", "12"));
    watch_ends(KUBE_OK);
    expect_events("+b +c");
    expect_watch_from("12"); /* in good order: at once */
}

static void a_bookmark_moves_the_version(void **state) {
    (void)state;
    watching();
    watch_bytes(EVENT("BOOKMARK", "", "900"));
    expect_events("bookmark");
    now_ms += 300000;
    watch_ends(KUBE_OK);
    expect_events("");
    expect_watch_from("900");
}

static void a_watch_that_ends_at_once_backs_off(void **state) {
    (void)state;
    watching();
    for (int i = 0; i < 4; i++) {
        watch_ends(KUBE_OK);
        expect_events("");
        expect_wait(400LL << i, 800LL << i);
        expect_watch_from("10");
        listwatch_watch_opened(&machine, now_ms);
    }
}

static void expired_versions_list_again(void **state) {
    (void)state;
    static const struct {
        const char *name;
        bool in_stream;
    } cases[] = {{"HTTP 410", false}, {"ERROR event", true}};
    watching();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        now_ms += 60000;
        if (cases[i].in_stream) {
            watch_bytes(EVENT("ADDED", "x", "11") ERROR_EVENT("410", "Expired", "too old resource version") EVENT("ADDED", "never", "99"));
            expect_events("+x");
            assert_int_equal(action().kind, LISTWATCH_CLOSE);
        } else {
            watch_ends(KUBE_EXPIRED);
            expect_events("");
        }
        expect_list("500"); /* at once */
        list_text(PAGE(ITEM("a"), "20", ""));
        expect_events(i ? "begin3 +a end3" : "begin2 +a end2");
        expect_watch_from("20");
    }
    /* but not in a tight circle */
    watch_ends(KUBE_EXPIRED);
    expect_events("");
    expect_wait(4999, 10000);
    expect_list("500");
}

static void errors_in_the_stream_are_as_errors_of_the_request(void **state) {
    (void)state;
    watching();
    watch_bytes(ERROR_EVENT("429", "TooManyRequests", "slow down"));
    expect_events("trouble(throttled)");
    assert_int_equal(action().kind, LISTWATCH_CLOSE);
    expect_wait(400, 800);
    expect_watch_from("10");
    watch_bytes(ERROR_EVENT("500", "InternalError", "etcd event received with PrevKv=nil"));
    expect_events("trouble(server error)");
    assert_int_equal(action().kind, LISTWATCH_CLOSE);
}

static void too_large_a_version_is_waited_for_then_listed(void **state) {
    (void)state;
    struct kube_answer refusal = {
        .kind = KUBE_TIMEOUT, .is_version_too_large = true, .retry_after_ms = 1000, .message = STR("Too large resource version")};
    watching();
    now_ms += 60000;
    for (int i = 0; i < 2; i++) {
        listwatch_watch_end(&machine, &refusal, now_ms);
        expect_events(i ? "" : "trouble(timeout)");
        expect_wait(1000, 3200);
        expect_watch_from("10");
    }
    listwatch_watch_end(&machine, &refusal, now_ms);
    expect_events("");
    expect_list("500"); /* the storage was set back: that version will never come */
    list_text(PAGE("", "5", ""));
    expect_events("begin2(another life) end2");
    expect_watch_from("5");
}

/* What a server says of a version that it has not come to, until it is listed anew. */
static void version_is_refused(void) {
    struct kube_answer refusal = {
        .kind = KUBE_TIMEOUT, .is_version_too_large = true, .retry_after_ms = 1000, .message = STR("Too large resource version")};
    struct listwatch_event event;
    for (int i = 0; i < 3; i++) {
        listwatch_watch_end(&machine, &refusal, now_ms);
        while (listwatch_next_event(&machine, now_ms, &arena, &event)) {}
        if (i == 2) return;
        expect_wait(1000, 3200);
        expect_watch_from("10");
    }
}

static void a_list_older_than_what_was_seen_is_of_another_life(void **state) {
    (void)state;
    static const struct {
        const char *name, *page, *events;
        bool is_refused; /* else the version has expired */
    } cases[] = {
        {"an older list", PAGE_OF("9", ITEM("a")), "begin2(another life) +a end2", false},
        {"an older list, after refusals", PAGE_OF("9", ITEM("a")), "begin2(another life) +a end2", true},
        {"refusals, then a list that does not say before its items", PAGE(ITEM("a"), "11", ""), "begin2(another life) +a end2", true},
        {"one replica was behind", PAGE_OF("10", ITEM("a")), "begin2 +a end2", true},
        {"the same version", PAGE_OF("10", ITEM("a")), "begin2 +a end2", false},
        {"a newer list", PAGE_OF("11", ITEM("a")), "begin2 +a end2", false},
        {"versions without order", PAGE_OF("x", ITEM("a")), "begin2 +a end2", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tear_down(state);
        set_up(state);
        watching();
        now_ms += 60000;
        if (cases[i].is_refused)
            version_is_refused();
        else
            watch_ends(KUBE_EXPIRED);
        expect_events("");
        expect_list("500");
        list_text(cases[i].page);
        expect_events(cases[i].events);
        watch_ends(KUBE_OK);
        assert_int_equal(action().kind, LISTWATCH_WATCH);
    }
}

/* Until it was listed whole; then there is one life only. */
static void another_life_is_told_until_it_is_listed(void **state) {
    (void)state;
    watching();
    now_ms += 60000;
    watch_ends(KUBE_EXPIRED);
    expect_events("");
    expect_list("500");
    list_text("{\"metadata\":{\"resourceVersion\":\"5\"},\"items\":[" ITEM("a") "}");
    expect_events("begin2(another life) +a trouble(server error)");
    assert_int_equal(machine.version.len, 0);
    expect_wait(400, 800);
    expect_list("500");
    list_text(PAGE_OF("6", ITEM("a")));
    expect_events("begin3(another life) +a end3");
    expect_watch_from("6");
    now_ms += 60000;
    watch_ends(KUBE_EXPIRED);
    expect_events("");
    expect_list("500");
    list_text(PAGE_OF("7", ITEM("a")));
    expect_events("begin4 +a end4");
}

/* Whatever is under way is void; and versions of the new life may have passed those of the former. */
static void another_life_that_others_have_noticed(void **state) {
    (void)state;
    listwatch_begin_life(&machine, now_ms); /* nothing was listed: nothing to do */
    watching();
    now_ms += 60000;
    listwatch_begin_life(&machine, now_ms);
    watch_bytes(EVENT("ADDED", "b", "11"));
    expect_events("");
    assert_int_equal(action().kind, LISTWATCH_CLOSE);
    expect_list("500");
    listwatch_begin_life(&machine, now_ms);
    assert_int_equal(action().kind, LISTWATCH_CLOSE);
    list_text(PAGE_OF("50", ITEM("void")));
    expect_events("");
    expect_wait(4999, 10000);
    expect_list("500");
    list_text("{\"metadata\":{\"resourceVersion\":\"50\",\"continue\":\"t\"},\"items\":[" ITEM("a") "]}");
    expect_events("begin2(another life) +a");
    now_ms += 60000;
    listwatch_begin_life(&machine, now_ms);
    expect_list("500");
    list_text(PAGE_OF("51", ITEM("a")));
    expect_events("begin3(another life) +a end3");
    expect_watch_from("51");
    struct kube_answer later = {.kind = KUBE_THROTTLED, .retry_after_ms = 20000, .message = STR("later")};
    listwatch_watch_end(&machine, &later, now_ms);
    expect_events("trouble(throttled)");
    listwatch_begin_life(&machine, now_ms);
    expect_wait(20000, 30000); /* as the server has said */
    expect_list("500");
}

static void gateway_timeouts_resume(void **state) {
    (void)state;
    watching();
    watch_ends(KUBE_TIMEOUT);
    expect_events("trouble(timeout)");
    expect_wait(400, 800);
    expect_watch_from("10");
}

static void a_silent_watch_is_dead_after_its_time(void **state) {
    (void)state;
    watching();
    expect_wait(310000, 610000);
    assert_int_equal(action().kind, LISTWATCH_CLOSE);
    expect_events("trouble(lost)");
    expect_wait(400, 800);
    expect_watch_from("10");
}

static void an_unanswered_watch_is_dead_after_half_a_minute(void **state) {
    (void)state;
    sync_with(PAGE("", "10", ""));
    expect_watch_from("10");
    expect_wait(30000, 30000);
    assert_int_equal(action().kind, LISTWATCH_CLOSE);
    watch_bytes(EVENT("ADDED", "late", "11")); /* after CLOSE nothing is taken */
    expect_events("trouble(lost)");
}

static void a_definition_removed_under_the_watch(void **state) {
    (void)state;
    watching();
    watch_bytes(EVENT("DELETED", "a", "11"));
    watch_ends(KUBE_OK);
    expect_events("-a");
    expect_watch_from("11");
    watch_ends(KUBE_KIND_MISSING_MAYBE);
    expect_events("trouble(kind missing)");
    assert_int_equal(machine.state, LISTWATCH_NOT_INSTALLED);
    expect_wait(10000, 10000);
    expect_list("500");
}

static void a_watch_that_is_forbidden_is_tried_again(void **state) {
    (void)state;
    sync_with(PAGE("", "10", ""));
    expect_watch_from("10");
    watch_ends(KUBE_FORBIDDEN);
    expect_events("trouble(forbidden)");
    assert_int_equal(machine.state, LISTWATCH_FORBIDDEN);
    expect_wait(400, 800);
    expect_watch_from("10");
    listwatch_watch_opened(&machine, now_ms);
    assert_int_equal(machine.state, LISTWATCH_SYNCED);
}

static void what_is_no_event_lists_again(void **state) {
    (void)state;
    static const char *const lines[] = {
        "{}\n",
        "x\n",
        "{\"type\":\"ADDED\"}\n",
        "{\"type\":\"ADDED\",\"object\":{\"metadata\":{}}}\n",
        "{\"type\":\"NEW\",\"object\":{\"metadata\":{\"resourceVersion\":\"1\"}}}\n",
        "null\n",
    };
    watching();
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct listwatch_event event;
        now_ms += 60000;
        watch_bytes(lines[i]);
        watch_bytes(EVENT("ADDED", "never", "99"));
        expect_events("");
        assert_int_equal(action().kind, LISTWATCH_CLOSE);
        expect_list("500");
        list_text(PAGE("", "10", ""));
        while (listwatch_next_event(&machine, now_ms, &arena, &event)) {}
        expect_watch_from("10");
    }
}

static void a_line_without_end_is_bounded(void **state) {
    (void)state;
    enum { CHUNK = 1 << 20 };
    char *chunk = malloc(CHUNK);
    memset(chunk, 'x', CHUNK);
    watching();
    now_ms += 60000;
    for (int i = 0; i < 9; i++) {
        listwatch_watch_bytes(&machine, (struct str){chunk, CHUNK}, now_ms);
        expect_events("");
    }
    free(chunk);
    assert_int_equal(action().kind, LISTWATCH_CLOSE);
    assert_null(machine.lines.ptr);
    expect_list("500");
}

static void a_burst_beyond_the_buffer_resumes(void **state) {
    (void)state;
    struct strbuf burst = strbuf_with_max(64 << 20);
    watching();
    for (int i = 0; burst.len < 1 << 20; i++)
        strbuf_printf(&burst, "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"n\",\"resourceVersion\":\"%d\"}}}\n", 100 + i);
    while (machine.phase == LISTWATCH_PHASE_WATCHING) listwatch_watch_bytes(&machine, strbuf_view(&burst), now_ms);
    struct listwatch_event event;
    struct arena small;
    size_t upserts = 0;
    arena_init(&small, 1 << 20);
    while (listwatch_next_event(&machine, now_ms, &small, &event)) {
        upserts += event.kind == LISTWATCH_UPSERT;
        arena_release(&small);
    }
    arena_release(&small);
    assert_true(upserts > 10000);
    assert_int_equal(action().kind, LISTWATCH_CLOSE);
    assert_null(machine.lines.ptr);
    char last[32];
    snprintf(last, sizeof last, "%.*s", STR_ARG(strbuf_view(&machine.version)));
    expect_wait(400, 800);
    expect_watch_from(last);
    strbuf_release(&burst);
}

/* An answer or bytes that come when nothing was asked change nothing. */
static void stray_inputs_are_ignored(void **state) {
    (void)state;
    list_fails(KUBE_LOST);
    watch_bytes("x\n");
    watch_ends(KUBE_LOST);
    expect_events("");
    expect_list("500");
    watch_ends(KUBE_LOST);
    list_text(PAGE("", "10", ""));
    list_fails(KUBE_LOST);
    expect_events("begin1 end1");
    list_fails(KUBE_LOST);
    expect_watch_from("10");
}

static void one_object_in_one_namespace(void **state) {
    (void)state;
    struct listwatch_settings settings = {
        .namespace = STR("ns"), .field_selector = STR("metadata.name=x"), .page_limit = 5, .poll_ms = 100};
    listwatch_release(&machine);
    arena_release(&arena);
    set_up_with(settings);
    expect_request(LISTWATCH_LIST, "/apis/g/v1/namespaces/ns/things?limit=5&fieldSelector=metadata.name%3Dx");
    list_fails(KUBE_KIND_MISSING_MAYBE);
    expect_events("trouble(kind missing)");
    expect_wait(100, 100);
}

/*
 * Every sequence of five answers out of all kinds: whatever comes, the machine never asks for two things at once, always has a next step
 * within the longest wait, never says LIST_END for a list that was not complete, and finds back to a synced watch once answers are good.
 */
static void every_sequence_of_answers_comes_to_a_good_end(void **state) {
    (void)state;
    static const enum kube_answer_kind answers[] = {KUBE_OK,      KUBE_LOST,    KUBE_KIND_MISSING_MAYBE, KUBE_FORBIDDEN,
                                                    KUBE_EXPIRED, KUBE_TIMEOUT, KUBE_TOO_LARGE,          KUBE_INVALID};
    enum { COUNT = sizeof answers / sizeof *answers, LENGTH = 5 };
    unsigned total = 1;
    for (int i = 0; i < LENGTH; i++) total *= COUNT;
    for (unsigned sequence = 0; sequence < total; sequence++) {
        tear_down(state);
        set_up(state);
        unsigned rest = sequence, given = 0, steps = 0;
        bool is_open = false, is_synced_watch = false;
        while (!is_synced_watch) {
            struct listwatch_event event;
            if (++steps > 100) fail_msg("sequence %u does not end", sequence);
            while (listwatch_next_event(&machine, now_ms, &arena, &event))
                if (event.kind == LISTWATCH_LIST_END) assert_int_equal(event.generation, machine.generation);
            struct listwatch_action next = action();
            enum kube_answer_kind answer = given++ < LENGTH ? answers[rest % COUNT] : KUBE_OK;
            switch (next.kind) {
            case LISTWATCH_WAIT:
                given--;
                assert_true(next.until_ms > now_ms && next.until_ms <= now_ms + 620000);
                now_ms = next.until_ms;
                break;
            case LISTWATCH_CLOSE:
                given--;
                assert_true(is_open);
                is_open = false;
                break;
            case LISTWATCH_LIST:
                assert_false(is_open);
                rest /= COUNT;
                if (answer == KUBE_OK)
                    list_text(PAGE(ITEM("a"), "10", ""));
                else
                    list_fails(answer);
                break;
            case LISTWATCH_WATCH:
                assert_false(is_open);
                rest /= COUNT;
                if (answer != KUBE_OK) {
                    watch_ends(answer);
                } else {
                    is_open = true;
                    listwatch_watch_opened(&machine, now_ms);
                    watch_bytes(EVENT("BOOKMARK", "", "11"));
                    is_synced_watch = given > LENGTH && machine.state == LISTWATCH_SYNCED;
                    if (!is_synced_watch) watch_ends(KUBE_OK), is_open = false;
                }
                break;
            }
        }
    }
}

int main(void) {
#define CASE(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(a_list_then_a_watch),
        CASE(an_empty_list_is_a_list),
        CASE(items_may_be_null_and_fields_in_any_order),
        CASE(strings_with_brackets_do_not_confuse_the_cursor),
        CASE(pages_follow_each_other),
        CASE(a_page_is_handed_out_in_slices),
        CASE(a_failing_page_is_asked_for_again),
        CASE(an_expired_page_begins_the_list_anew),
        CASE(a_refused_continue_token_begins_the_list_anew),
        CASE(a_list_without_end_is_given_up),
        CASE(what_the_owner_cannot_take_is_listed_anew),
        CASE(too_large_a_page_is_halved),
        CASE(failures_back_off_and_obey_retry_after),
        CASE(trouble_is_told_once),
        CASE(a_kind_that_is_not_installed_is_polled_for),
        CASE(forbidden_is_a_state_and_asked_again),
        CASE(what_is_no_list_is_refused),
        CASE(lines_may_be_cut_anywhere),
        CASE(a_disconnect_resumes_without_a_list),
        CASE(events_before_the_end_are_not_lost),
        CASE(a_bookmark_moves_the_version),
        CASE(a_watch_that_ends_at_once_backs_off),
        CASE(expired_versions_list_again),
        CASE(errors_in_the_stream_are_as_errors_of_the_request),
        CASE(too_large_a_version_is_waited_for_then_listed),
        CASE(a_list_older_than_what_was_seen_is_of_another_life),
        CASE(another_life_is_told_until_it_is_listed),
        CASE(another_life_that_others_have_noticed),
        CASE(gateway_timeouts_resume),
        CASE(a_silent_watch_is_dead_after_its_time),
        CASE(an_unanswered_watch_is_dead_after_half_a_minute),
        CASE(a_definition_removed_under_the_watch),
        CASE(a_watch_that_is_forbidden_is_tried_again),
        CASE(what_is_no_event_lists_again),
        CASE(a_line_without_end_is_bounded),
        CASE(a_burst_beyond_the_buffer_resumes),
        CASE(stray_inputs_are_ignored),
        CASE(one_object_in_one_namespace),
        CASE(every_sequence_of_answers_comes_to_a_good_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
