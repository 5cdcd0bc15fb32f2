#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>

#include "controller/store.h"

static struct observed child(enum child_kind kind, const char *name, const char *uid, const char *version, const char *owner_uid) {
    return (struct observed){.kind = kind,
                             .namespace = STR("ns"),
                             .name = str_of(name),
                             .uid = str_of(uid),
                             .resource_version = str_of(version),
                             .owner_uid = str_of(owner_uid),
                             .available_message = STR("pulling"),
                             .verdict = VERDICT_MATCHES};
}

static void records_are_copies(void **state) {
    (void)state;
    struct store store;
    store_init(&store);
    char name[] = "m-b";
    struct observed record = child(CHILD_SERVING, name, "u1", "5", "o1");
    assert_true(store_put_child(&store, &record, 1));
    name[0] = 'x';
    struct child_entry *entry = store_child(&store, CHILD_SERVING, STR("ns"), STR("m-b"));
    assert_non_null(entry);
    assert_true(str_is(entry->record.name, "m-b"));
    assert_true(str_is(entry->record.namespace, "ns"));
    assert_true(str_is(entry->record.available_message, "pulling"));
    assert_null(store_child(&store, CHILD_SERVER, STR("ns"), STR("m-b")));
    assert_null(store_child(&store, CHILD_SERVING, STR("other"), STR("m-b")));
    store_release(&store);
}

static size_t owned_count(struct store *store, const char *uid) {
    size_t count = 0;
    for (struct child_entry *child = store_owned(store, str_of(uid)); child; child = child->next_owned) count++;
    return count;
}

static void owners_lose_and_gain_children(void **state) {
    (void)state;
    struct store store;
    store_init(&store);
    for (int i = 0; i < 10; i++) {
        char name[16];
        snprintf(name, sizeof name, "m-%d", i);
        struct observed record = child(i % 2 ? CHILD_SERVING : CHILD_SERVER, name, name, "1", i < 6 ? "o1" : "o2");
        assert_true(store_put_child(&store, &record, 1));
    }
    assert_int_equal(owned_count(&store, "o1"), 6);
    assert_int_equal(owned_count(&store, "o2"), 4);
    struct observed moved = child(CHILD_SERVER, "m-2", "m-2", "2", "o2");
    assert_true(store_put_child(&store, &moved, 1));
    assert_int_equal(owned_count(&store, "o1"), 5);
    assert_int_equal(owned_count(&store, "o2"), 5);
    while (store_owned(&store, STR("o2"))) store_remove_child(&store, store_owned(&store, STR("o2")));
    assert_int_equal(owned_count(&store, "o2"), 0);
    assert_int_equal(owned_count(&store, "o1"), 5);
    assert_int_equal(owned_count(&store, ""), 0);
    store_release(&store);
}

static void versions_only_go_up(void **state) {
    (void)state;
    struct observed known = child(CHILD_SERVING, "m-b", "u1", "10", "o1"), candidate = known;
    candidate.resource_version = STR("9");
    assert_true(store_is_older(&candidate, &known));
    assert_false(store_is_news(&candidate, &known));
    candidate.resource_version = STR("10");
    assert_false(store_is_news(&candidate, &known));
    known.verdict = VERDICT_UNKNOWN;
    assert_true(store_is_news(&candidate, &known));
    candidate.resource_version = STR("11");
    assert_true(store_is_news(&candidate, &known));
    candidate.resource_version = STR("not-a-number");
    assert_true(store_is_news(&candidate, &known));
    assert_true(store_is_newer_version(STR("12"), STR("11")));
    assert_false(store_is_newer_version(STR("11"), STR("11")));
    assert_false(store_is_newer_version(STR(""), STR("11")));
}

static yyjson_val *booster(struct arena *arena, const char *uid, const char *version, const char *annotation) {
    struct str text =
        arena_printf(arena,
                     "{\"metadata\":{\"namespace\":\"ns\",\"name\":\"m\",\"uid\":\"%s\",\"resourceVersion\":\"%s\",\"generation\":3,"
                     "\"annotations\":{\"a\":\"%s\"},\"managedFields\":[{\"manager\":\"x\"}]},\"spec\":{\"name\":\"m\"}}",
                     uid, version, annotation);
    return json_parse(arena, text, NULL);
}

static void boosters_keep_their_text_without_managed_fields(void **state) {
    (void)state;
    struct arena arena;
    struct store store;
    bool is_news;
    arena_init(&arena, 1 << 20);
    store_init(&store);
    struct booster_entry *entry = store_put_booster(&store, booster(&arena, "u1", "5", "one"), 1, &is_news);
    assert_true(is_news);
    assert_int_equal(entry->generation, 3);
    assert_false(str_contains(entry->text, STR("managedFields")));
    assert_true(str_contains(entry->text, STR("one")));
    entry->memory.transient_since_ms = 7;
    assert_ptr_equal(store_put_booster(&store, booster(&arena, "u1", "4", "stale"), 2, &is_news), entry);
    assert_false(is_news);
    assert_true(str_contains(entry->text, STR("one")));
    assert_int_equal(entry->list_round, 2);
    store_put_booster(&store, booster(&arena, "u1", "6", "two"), 0, &is_news);
    assert_true(is_news);
    assert_int_equal(entry->memory.transient_since_ms, 7);
    assert_int_equal(entry->list_round, 2);
    store_put_booster(&store, booster(&arena, "u2", "7", "three"), 0, &is_news);
    assert_true(str_is(entry->uid, "u2"));
    assert_int_equal(entry->memory.transient_since_ms, 0);
    assert_null(store_put_booster(&store, json_parse(&arena, STR("{}"), NULL), 0, &is_news));
    store_release(&store);
    arena_release(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_are_copies),
        cmocka_unit_test(owners_lose_and_gain_children),
        cmocka_unit_test(versions_only_go_up),
        cmocka_unit_test(boosters_keep_their_text_without_managed_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
