/* Watches and pages of the embedded API server at their ends: compaction, readers that stall or leave, time, size. */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "apiserver/objects.h"
#include "apiserver/server.h"
#include "apiserver_fixture.h"

#define MAPS "/api/v1/namespaces/default/configmaps"
#define MAP  "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"%s%d\"},\"data\":{\"k\":\"%.*s\"}}"

static void make(const char *prefix, int first, int count, int bytes) {
    struct str value = arena_printf(rig_arena(rig), "%0*d", bytes, 7);
    for (int i = first; i < first + count; i++) rig_expect(rig, 201, "POST", MAPS, arena_printf(rig_arena(rig), MAP, prefix, i, STR_ARG(value)).ptr);
}

static void compact(void) {
    struct apiserver *server = rig_server(rig);
    storage_compact(server->storage, objects_revision(server->objects));
    rig_settle(rig);
}

static int64_t code_of(const yyjson_val *event) {
    int64_t code = 0;
    json_int64(json_path(event, "object", "code", NULL), &code);
    return code;
}

static void what_is_compacted_is_expired(void **state) {
    (void)state;
    make("a", 0, 5, 1);
    struct rig_answer page = rig_expect(rig, 200, "GET", MAPS "?limit=2", NULL);
    struct str revision = rig_text(&page, "metadata/resourceVersion"), token = rig_text(&page, "metadata/continue");
    rig_expect(rig, 200, "DELETE", MAPS "/a3", NULL);
    make("b", 0, 1, 1);
    compact();
    struct rig_answer next = rig_expect(rig, 410, "GET", arena_printf(rig_arena(rig), MAPS "?limit=2&continue=%.*s", STR_ARG(token)).ptr, NULL);
    assert_text(rig_text(&next, "reason"), "Expired");
    struct rig_answer rest = rig_expect(
        rig, 200, "GET", arena_printf(rig_arena(rig), MAPS "?continue=%.*s", STR_ARG(rig_text(&next, "metadata/continue"))).ptr, NULL);
    assert_int_equal(yyjson_arr_size(json_get(rest.json, "items")), 3); /* as it is now: a2, a4, b0 */
    rig_expect(rig, 410, "GET", arena_printf(rig_arena(rig), MAPS "?resourceVersionMatch=Exact&resourceVersion=%.*s", STR_ARG(revision)).ptr, NULL);
    rig_expect(rig, 200, "GET", arena_printf(rig_arena(rig), MAPS "?resourceVersionMatch=NotOlderThan&resourceVersion=%.*s", STR_ARG(revision)).ptr, NULL);
    struct rig_stream *watch = rig_watch(rig, arena_printf(rig_arena(rig), MAPS "?watch=1&resourceVersion=%.*s", STR_ARG(revision)).ptr);
    const yyjson_val *event = rig_next_event(rig, watch);
    assert_text(json_text(json_get(event, "type")), "ERROR");
    assert_int_equal(code_of(event), 410);
    rig_settle(rig);
    assert_true(rig_is_over(watch));
}

static bool sees_a_row(void *context, const struct storage_row *row) {
    (void)row;
    *(bool *)context = true;
    return false;
}

static bool log_is_ahead(void) {
    struct apiserver *server = rig_server(rig);
    struct error error;
    bool is_ahead = false;
    assert_true(storage_each_change_after(server->storage, objects_revision(server->objects), sees_a_row, &is_ahead, &error));
    return is_ahead;
}

/* Writes one, and ends with it in the log and not in the index yet; false: the loop was quicker. */
static bool get_ahead(int number) {
    struct storage *storage = rig_server(rig)->storage;
    struct str patch = arena_printf(rig_arena(rig), "{\"data\":{\"k\":\"%d\"}}", number);
    int64_t before = objects_revision(rig_server(rig)->objects);
    struct rig_stream *written = rig_begin(rig, "PATCH", MAPS "/a0", "application/merge-patch+json", patch.ptr);
    while (!storage_is_busy(storage) && !rig_is_over(written)) loop_run_once(rig_loop(rig), 0);
    while (storage_is_busy(storage) && !log_is_ahead()) sched_yield();
    return objects_revision(rig_server(rig)->objects) == before;
}

static void a_page_has_nothing_twice_while_others_write(void **state) {
    (void)state;
    int shown = 0;
    make("a", 0, 3, 1);
    for (int i = 0; i < 50 && !shown; i++) {
        struct rig_answer page = rig_expect(rig, 200, "GET", MAPS "?limit=3", NULL);
        make("b", i, 1, 1);
        if (get_ahead(i)) {
            struct str revision = rig_text(&page, "metadata/resourceVersion");
            struct rig_answer exact =
                rig_expect(rig, 200, "GET", arena_printf(rig_arena(rig), MAPS "?resourceVersionMatch=Exact&resourceVersion=%.*s", STR_ARG(revision)).ptr, NULL);
            assert_int_equal(yyjson_arr_size(json_get(exact.json, "items")), 3 + i);
            shown++;
        }
        rig_settle(rig);
    }
    assert_true(shown);
}

static void a_reader_left_behind_is_told_so(void **state) {
    (void)state;
    struct rig_stream *slow = rig_watch(rig, MAPS "?watch=1&resourceVersion=1"), *quick = rig_watch(rig, MAPS "?watch=1&resourceVersion=1");
    rig_settle(rig);
    rig_stall(slow, true);
    make("a", 0, 6, 400000);
    compact();
    make("b", 0, 1, 1);
    rig_stall(slow, false);
    int seen = 0;
    const yyjson_val *event;
    while (!json_is_text(json_get(event = rig_next_event(rig, slow), "type"), "ERROR"))
        assert_text(json_text(json_path(event, "object", "metadata", "name", NULL)), arena_printf(rig_arena(rig), "a%d", seen++).ptr);
    assert_int_equal(code_of(event), 410);
    assert_true(seen > 0 && seen < 6);
    for (int i = 0; i < 6; i++) {
        const yyjson_val *made = rig_next_event(rig, quick);
        assert_text(json_text(json_path(made, "object", "metadata", "name", NULL)), arena_printf(rig_arena(rig), "a%d", i).ptr);
    }
}

static void readers_may_leave_at_any_time(void **state) {
    (void)state;
    make("a", 0, 100, 20000);
    const char *const targets[] = {MAPS "?watch=1", MAPS "?watch=1&resourceVersion=1", MAPS "?watch=1&labelSelector=a%3Db", MAPS, MAPS "?labelSelector=a!%3Db",
                                   MAPS "?limit=10"};
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        for (int turns = 0; turns < 8; turns++) {
            struct rig_stream *leaving = rig_watch(rig, targets[i]);
            rig_stall(leaving, turns % 2);
            for (int turn = 0; turn < turns; turn++) loop_run_once(rig_loop(rig), 0);
            rig_close(leaving);
        }
    }
    make("b", 0, 3, 1);
    for (int turns = 0; turns < 6; turns++) { /* and while a write is under way */
        struct rig_stream *writer = rig_begin(rig, "PATCH", MAPS "/b0", "application/merge-patch+json", "{\"data\":{\"k\":\"n\"}}");
        struct rig_stream *waiting = rig_begin(rig, "DELETE", MAPS "?labelSelector=none%3Dsuch", NULL, NULL);
        struct rig_stream *behind = rig_begin(rig, "DELETE", MAPS "/b0?dryRun=All", NULL, NULL);
        for (int turn = 0; turn < turns; turn++) loop_run_once(rig_loop(rig), 0);
        rig_close(behind), rig_close(writer), rig_close(waiting);
    }
    rig_settle(rig);
    rig_expect(rig, 200, "GET", MAPS "/b0", NULL);
}

static void watches_end_in_time_with_a_bookmark(void **state) {
    (void)state;
    make("a", 0, 1, 1);
    struct rig_stream *watch = rig_watch(rig, MAPS "?watch=1&resourceVersion=1&timeoutSeconds=1&allowWatchBookmarks=true");
    assert_text(rig_next(rig, watch), "ADDED a0");
    const yyjson_val *last = rig_next_event(rig, watch);
    assert_text(json_text(json_get(last, "type")), "BOOKMARK");
    assert_text(json_text(json_path(last, "object", "metadata", "resourceVersion", NULL)),
                arena_printf(rig_arena(rig), "%lld", (long long)objects_revision(rig_server(rig)->objects)).ptr);
    rig_settle(rig);
    assert_true(rig_is_over(watch));
}

#define DEFINITIONS "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
#define BLOBS       "/apis/example.com/v1/namespaces/default/blobs"

static void large_objects_are_watched_and_do_not_grow_for_ever(void **state) {
    (void)state;
    rig_expect(rig, 201, "POST", DEFINITIONS,
               "{\"apiVersion\":\"apiextensions.k8s.io/v1\",\"kind\":\"CustomResourceDefinition\",\"metadata\":{\"name\":\"blobs.example.com\"},\"spec\":{\"group\":"
               "\"example.com\",\"scope\":\"Namespaced\",\"names\":{\"plural\":\"blobs\",\"singular\":\"blob\",\"kind\":\"Blob\",\"listKind\":\"BlobList\"},\"versions\":["
               "{\"name\":\"v1\",\"served\":true,\"storage\":true,\"schema\":{\"openAPIV3Schema\":{\"type\":\"object\",\"x-kubernetes-preserve-unknown-fields\":true}}}]}}");
    struct str big = arena_printf(rig_arena(rig), "%0*d", 3000000, 7);
    struct rig_stream *watch = rig_watch(rig, BLOBS "?watch=1");
    struct str body = arena_printf(rig_arena(rig), "{\"apiVersion\":\"example.com/v1\",\"kind\":\"Blob\",\"metadata\":{\"name\":\"a\"},\"k0\":\"%.*s\"}", STR_ARG(big));
    rig_expect(rig, 201, "POST", BLOBS, body.ptr);
    assert_text(rig_next(rig, watch), "ADDED a");
    int status = 200, grown = 1;
    for (; status == 200 && grown < 10; grown++) {
        struct str patch = arena_printf(rig_arena(rig), "{\"k%d\":\"%.*s\"}", grown, STR_ARG(big));
        struct rig_answer patched = rig_send(rig, "PATCH", BLOBS "/a", "application/merge-patch+json", NULL, patch.ptr);
        status = patched.status;
        if (status != 200 && status != 413) fail_msg("after %d: %.*s", grown, STR_ARG(str_first(patched.body, 300)));
        if (status == 200) assert_text(rig_next(rig, watch), "MODIFIED a");
    }
    assert_int_equal(status, 413);
    rig_expect(rig, 200, "DELETE", BLOBS "/a", NULL);
    assert_text(rig_next(rig, watch), "DELETED a");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(what_is_compacted_is_expired),        TEST(a_reader_left_behind_is_told_so), TEST(readers_may_leave_at_any_time),
        TEST(watches_end_in_time_with_a_bookmark), TEST(large_objects_are_watched_and_do_not_grow_for_ever),
        TEST(a_page_has_nothing_twice_while_others_write),
    };
    return cmocka_run_group_tests_name("apiserver_watch", tests, NULL, NULL);
}
