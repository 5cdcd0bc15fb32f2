/*
 * What lists and watches tell, against what answers have told already: a list does not sweep away what came after it was made, and the end of
 * a former object is not that of the one that has its name now.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "controller/controller_inner.h"

static struct controller controller;
static const struct controller_options options = {0};
static struct connection connection;

static int set_up(void **state) {
    (void)state;
    struct error error;
    controller = (struct controller){
        .options = &options, .log = {.level = LOG_ERROR}, .loop = loop_new(&error), .connection = &connection, .random = {1}};
    arena_init(&controller.arena, LIMIT_RECONCILE_ARENA_BYTES);
    store_init(&controller.store);
    controller.reconciler = (struct reconciler){
        .loop = controller.loop, .client = &connection.client, .store = &controller.store, .log = &controller.log, .settings = {.max_in_flight = 1}};
    assert_true(reconciler_init(&controller.reconciler, 1));
    assert_true(followers_init(&controller));
    assert_true(images_init(&controller));
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    followers_release(&controller);
    images_release(&controller);
    reconciler_release(&controller.reconciler);
    store_release(&controller.store);
    arena_release(&controller.arena);
    loop_free(controller.loop);
    return 0;
}

/* As an answer tells of it: by no list. */
static void know(const char *uid, const char *version) {
    const struct observed record = {.kind = CHILD_SERVER,
                                    .namespace = STR("ns"),
                                    .name = STR("m-a"),
                                    .uid = str_of(uid),
                                    .resource_version = str_of(version)};
    assert_true(store_put_child(&controller.store, &record, 0));
}

static bool is_known(void) {
    return store_child(&controller.store, CHILD_SERVER, STR("ns"), STR("m-a")) != NULL;
}

static void tell(enum listwatch_event_kind kind, yyjson_val *object) {
    struct watcher *watcher = &controller.scopes[0].children[CHILD_SERVER].watcher;
    watcher->machine.generation = 1;
    const struct listwatch_event event = {.kind = kind, .generation = 1, .object = object};
    watcher->on_event(watcher->context, &event);
}

static void another_life_begins(void) {
    struct watcher *watcher = &controller.scopes[0].children[CHILD_SERVER].watcher;
    const struct listwatch_event event = {.kind = LISTWATCH_LIST_BEGIN, .generation = 1, .is_another_life = true};
    watcher->on_event(watcher->context, &event);
}

static void a_list_ends_at(const char *version) {
    struct strbuf *told = &controller.scopes[0].children[CHILD_SERVER].watcher.machine.version;
    strbuf_clear(told);
    strbuf_append(told, str_of(version));
    tell(LISTWATCH_LIST_END, NULL);
}

static void a_list_sweeps_what_it_does_not_have(void **state) {
    (void)state;
    know("u-1", "100");
    a_list_ends_at("200");
    assert_false(is_known());
}

#define RESTORED "{\"metadata\":{\"name\":\"m-a\",\"namespace\":\"ns\",\"uid\":\"u-1\",\"resourceVersion\":\"120\"}}"

static void an_older_list_replaces_nothing(void **state) {
    (void)state;
    know("u-1", "201");
    tell(LISTWATCH_UPSERT, json_parse(&controller.arena, STR(RESTORED), NULL));
    assert_true(str_is(store_child(&controller.store, CHILD_SERVER, STR("ns"), STR("m-a"))->record.resource_version, "201"));
}

static void a_list_leaves_what_came_after_it(void **state) {
    (void)state;
    know("u-1", "201");
    a_list_ends_at("200");
    assert_true(is_known());
}

/* One kind notices, and the versions of the others may have been passed by then. */
static void no_kind_is_known_until_it_is_listed_in_the_new_life(void **state) {
    (void)state;
    struct scope *scope = &controller.scopes[0];
    struct follower *all[CHILD_KIND_COUNT + 1];
    controller.are_children_followed = true;
    controller.config.watcher.machine.state = LISTWATCH_SYNCED;
    for (int kind = 0; kind <= CHILD_KIND_COUNT; kind++) {
        all[kind] = kind == CHILD_KIND_COUNT ? &scope->boosters : &scope->children[kind];
        all[kind]->state = all[kind]->watcher.machine.state = LISTWATCH_SYNCED;
        all[kind]->watcher.machine.generation = 1;
    }
    const struct observed record = {
        .kind = CHILD_ROUTE, .namespace = STR("ns"), .name = STR("m"), .uid = STR("u-2"), .resource_version = STR("100")};
    assert_true(store_put_child(&controller.store, &record, 1));
    another_life_begins();
    assert_true(store_child(&controller.store, CHILD_ROUTE, STR("ns"), STR("m"))->is_of_former_life);
    all[CHILD_SERVER]->watcher.machine.is_another_life = true; /* as its list has said */
    for (int kind = 0; kind < CHILD_KIND_COUNT; kind++) {
        assert_true(all[kind]->watcher.machine.is_another_life);
        all[kind]->watcher.machine.is_another_life = false; /* listed, but ModelBoosters are not */
        assert_int_equal(controller.reconciler.kind_state(&controller, (enum child_kind)kind, STR("ns")), KIND_UNKNOWN);
    }
    all[CHILD_KIND_COUNT]->watcher.machine.is_another_life = false;
    all[CHILD_ROUTE]->watcher.machine.is_another_life = true;
    assert_int_equal(controller.reconciler.kind_state(&controller, CHILD_SERVER, STR("ns")), KIND_SYNCED);
    assert_int_equal(controller.reconciler.kind_state(&controller, CHILD_ROUTE, STR("ns")), KIND_UNKNOWN);
    assert_int_equal(controller.life, 1);
}

static void a_restored_server_is_believed(void **state) {
    (void)state;
    know("u-1", "201");
    another_life_begins();
    tell(LISTWATCH_UPSERT, json_parse(&controller.arena, STR(RESTORED), NULL));
    assert_true(str_is(store_child(&controller.store, CHILD_SERVER, STR("ns"), STR("m-a"))->record.resource_version, "120"));
    a_list_ends_at("130");
    assert_true(is_known());
}

static void what_a_restored_server_does_not_have_is_gone(void **state) {
    (void)state;
    know("u-1", "201");
    another_life_begins();
    a_list_ends_at("130");
    assert_false(is_known());
}

#define FORMER "{\"metadata\":{\"name\":\"m-a\",\"namespace\":\"ns\",\"uid\":\"u-1\",\"resourceVersion\":\"150\"}}"

static void an_end_is_that_of_one_object(void **state) {
    (void)state;
    know("u-2", "160");
    tell(LISTWATCH_DELETE, json_parse(&controller.arena, STR(FORMER), NULL));
    assert_true(is_known());
    know("u-1", "140");
    tell(LISTWATCH_DELETE, json_parse(&controller.arena, STR(FORMER), NULL));
    assert_false(is_known());
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(a_list_sweeps_what_it_does_not_have),
        CASE(a_list_leaves_what_came_after_it),
        CASE(an_older_list_replaces_nothing),
        CASE(no_kind_is_known_until_it_is_listed_in_the_new_life),
        CASE(a_restored_server_is_believed),
        CASE(what_a_restored_server_does_not_have_is_gone),
        CASE(an_end_is_that_of_one_object),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
