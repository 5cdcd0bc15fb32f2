/* The embedded API server over a disk that fails, and stopped in the middle of writes: what was not acknowledged is not there, and it goes on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "apiserver_rig.h"
#include "torn_vfs.h"

#define MAPS "/api/v1/namespaces/default/configmaps"
#define MAP(name) "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"" name "\"}}"

static void a_full_disk_is_answered_and_survived(void **state) {
    (void)state;
    char folder[] = "/tmp/mb-faults-XXXXXX";
    assert_non_null(mkdtemp(folder));
    struct torn_vfs *vfs = torn_vfs_new(folder, NULL);
    struct apiserver_settings settings = {.data_folder = folder, .storage_vfs = torn_vfs_name(vfs), .seed = 5};
    struct rig *rig = rig_new(&settings);
    rig_expect(rig, 201, "POST", MAPS, MAP("a"));
    struct rig_stream *watch = rig_watch(rig, MAPS "?watch=1");
    rig_next(rig, watch);
    torn_vfs_fail(vfs, TORN_FULL, 0);
    struct rig_answer failed = rig_expect(rig, 500, "POST", MAPS, MAP("b"));
    assert_true(str_contains(rig_text(&failed, "message"), STR("the disk is full")));
    rig_expect(rig, 500, "DELETE", MAPS "/a", NULL);
    rig_expect(rig, 404, "GET", MAPS "/b", NULL);
    rig_expect(rig, 200, "GET", MAPS "/a", NULL);
    torn_vfs_fail(vfs, TORN_NOTHING, 0);
    rig_expect(rig, 201, "POST", MAPS, MAP("b"));
    assert_true(str_is(rig_next(rig, watch), "ADDED b"));
    rig_restart(rig);
    struct rig_answer list = rig_expect(rig, 200, "GET", MAPS, NULL);
    assert_int_equal(yyjson_arr_size(json_get(list.json, "items")), 2);
    rig_free(rig);
    torn_vfs_free(vfs);
}

static void what_is_at_the_disk_when_it_stops_is_answered(void **state) {
    (void)state;
    struct rig *rig = rig_new(NULL);
    for (int turns = 0; turns < 5; turns++) {
        struct rig_stream *writers[20];
        rig_expect(rig, 200, "GET", MAPS, NULL); /* it is ready */
        for (int i = 0; i < 20; i++) {
            struct str body = arena_printf(rig_arena(rig), "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"m%d-%d\"}}", turns, i);
            writers[i] = rig_begin(rig, "POST", MAPS, "application/json", body.ptr);
        }
        for (int turn = 0; turn < turns; turn++) loop_run_once(rig_loop(rig), 0);
        rig_restart(rig);
        for (int i = 0; i < 20; i++) assert_true(rig_is_over(writers[i]));
        struct rig_answer list = rig_expect(rig, 200, "GET", MAPS, NULL);
        assert_int_equal(yyjson_arr_size(json_get(list.json, "items")), 20 * (turns + 1));
    }
    rig_free(rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_disk_is_answered_and_survived),
        cmocka_unit_test(what_is_at_the_disk_when_it_stops_is_answered),
    };
    return cmocka_run_group_tests_name("apiserver_faults", tests, NULL, NULL);
}
