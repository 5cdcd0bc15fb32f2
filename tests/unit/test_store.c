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
    store_child(&store, CHILD_SERVER, STR("ns"), STR("m-2"))->is_given_up = true;
    struct observed moved = child(CHILD_SERVER, "m-2", "m-2", "2", "o2");
    assert_true(store_put_child(&store, &moved, 1));
    assert_int_equal(owned_count(&store, "o1"), 5);
    assert_int_equal(owned_count(&store, "o2"), 5);
    assert_true(store_child(&store, CHILD_SERVER, STR("ns"), STR("m-2"))->is_given_up); /* whoever owns it */
    while (store_owned(&store, STR("o2"))) store_remove_child(&store, store_owned(&store, STR("o2")));
    assert_int_equal(owned_count(&store, "o2"), 0);
    assert_int_equal(owned_count(&store, "o1"), 5);
    assert_int_equal(owned_count(&store, ""), 0);
    store_release(&store);
}

static void versions_only_go_up(void **state) {
    (void)state;
    struct child_entry known = {.record = child(CHILD_SERVING, "m-b", "u1", "10", "o1")};
    struct observed candidate = known.record;
    candidate.resource_version = STR("9");
    assert_true(store_is_older(&candidate, &known));
    assert_false(store_is_news(&candidate, &known));
    candidate.resource_version = STR("10");
    assert_false(store_is_news(&candidate, &known));
    known.record.verdict = VERDICT_UNKNOWN;
    assert_true(store_is_news(&candidate, &known));
    candidate.resource_version = STR("11");
    assert_true(store_is_news(&candidate, &known));
    candidate.resource_version = STR("not-a-number");
    assert_true(store_is_news(&candidate, &known));
    assert_true(store_is_newer_version(STR("12"), STR("11")));
    assert_false(store_is_newer_version(STR("11"), STR("11")));
    assert_false(store_is_newer_version(STR(""), STR("11")));
}

static void versions_of_a_former_life_say_nothing(void **state) {
    (void)state;
    struct child_entry known = {.record = child(CHILD_SERVING, "m-b", "u1", "10", "o1"), .is_of_former_life = true};
    struct observed candidate = known.record;
    assert_true(store_is_news(&candidate, &known)); /* another object may have had that version */
    candidate.resource_version = STR("9");
    assert_false(store_is_older(&candidate, &known));
    assert_true(store_is_news(&candidate, &known));
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

static void a_booster_of_a_former_life_is_replaced_whatever_its_version(void **state) {
    (void)state;
    struct arena arena;
    struct store store;
    bool is_news;
    arena_init(&arena, 1 << 20);
    store_init(&store);
    struct booster_entry *entry = store_put_booster(&store, booster(&arena, "u1", "5", "one"), 1, &is_news);
    entry->is_of_former_life = true;
    entry->memory.transient_since_ms = entry->progress.generation = 7;
    assert_ptr_equal(store_put_booster(&store, booster(&arena, "u1", "4", "restored"), 2, &is_news), entry);
    assert_true(is_news);
    assert_true(str_contains(entry->text, STR("restored")));
    assert_int_equal(entry->memory.transient_since_ms, 0);
    assert_int_equal(entry->progress.generation, 0);
    store_put_booster(&store, booster(&arena, "u1", "3", "stale"), 2, &is_news);
    assert_false(is_news);
    store_release(&store);
    arena_release(&arena);
}

static void it_knows_how_much_it_holds(void **state) {
    (void)state;
    struct store store;
    struct arena arena;
    bool is_news;
    store_init(&store);
    arena_init(&arena, 1 << 20);
    store_put_booster(&store, booster(&arena, "u1", "1", "one"), 1, &is_news);
    size_t one = store.bytes;
    assert_true(one > store_booster(&store, STR("ns"), STR("m"))->text.len);
    store_put_booster(&store, booster(&arena, "u1", "2", "one, and more"), 1, &is_news);
    assert_int_equal(store.bytes - one, strlen(", and more"));
    size_t boosters = store.bytes;
    struct observed record = child(CHILD_SERVING, "m-b", "u2", "5", "u1");
    for (int i = 0; i < 3; i++) assert_true(store_put_child(&store, &record, 1)); /* replaced, not added */
    assert_true(store.bytes > boosters + sizeof record && store.bytes < boosters + 2 * sizeof record);
    store_release(&store);
    assert_int_equal(store.bytes, 0);
    arena_release(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_are_copies),
        cmocka_unit_test(owners_lose_and_gain_children),
        cmocka_unit_test(versions_only_go_up),
        cmocka_unit_test(versions_of_a_former_life_say_nothing),
        cmocka_unit_test(a_booster_of_a_former_life_is_replaced_whatever_its_version),
        cmocka_unit_test(boosters_keep_their_text_without_managed_fields),
        cmocka_unit_test(it_knows_how_much_it_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
