/*
 * Which Events are written: every short history against the rules as they are said, and the bounds one by one. The test moves the clock.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/strbuf.h"
#include "kube/event_correlator.h"

enum { START_MS = 1000, WALL_MS = 1000000000 };

static struct rig {
    struct event_correlator correlator;
    struct arena arena;
} rig;

static int set_up(void **state) {
    (void)state;
    arena_init(&rig.arena, 64 * 1024 * 1024);
    return !event_correlator_init(&rig.correlator);
}

static int tear_down(void **state) {
    (void)state;
    event_correlator_release(&rig.correlator);
    arena_release(&rig.arena);
    return 0;
}

static struct event_note note_of(const char *name, const char *reason, struct str message) {
    return (struct event_note){{STR("v1"), STR("ModelBooster"), STR("ns"), str_of(name), STR("u-1")}, false, reason, message};
}

/* At `now_ms` of the monotonic clock; the wall clock is as much later than WALL_MS. */
static bool take(const struct event_note *note, int64_t now_ms, struct event_write *out) {
    return event_correlator_take(&rig.correlator, &rig.arena, note, (struct event_time){now_ms, WALL_MS + now_ms}, out);
}

/* ---- every short history ---- */

/* What may happen next: one of two objects says one of two things, soon or after the window; or the last write is found not to be there. */
enum { OBJECTS = 2, MESSAGES = 2, GAPS = 2, NOTES = OBJECTS * MESSAGES * GAPS, LETTERS = NOTES + 1, LENGTH = 5 };

struct happened {
    int object, message;
    int64_t at_ms;
    bool is_lost; /* its write was found not to be there */
};

/* By the rule: so many times in a row without a gap longer than the window; written when one of those before is there still. */
static void check(const struct happened *history, int count, const struct event_write *write) {
    const struct happened *now = &history[count - 1];
    int64_t times = 1, until_ms = now->at_ms, first_ms = now->at_ms;
    bool is_there = false, is_judged = false;
    for (int i = count - 2; i >= 0; i--) {
        if (history[i].object != now->object || history[i].message != now->message) continue;
        if (until_ms - history[i].at_ms > EVENT_WINDOW_MS) break;
        if (!is_judged) is_there = !history[i].is_lost;
        is_judged = true;
        until_ms = first_ms = history[i].at_ms;
        times++;
    }
    assert_int_equal(write->count, times);
    assert_int_equal(write->is_repeat, is_there);
    assert_int_equal(write->first_wall_ms, WALL_MS + first_ms);
    assert_int_equal(write->last_wall_ms, WALL_MS + now->at_ms);
}

static void play(int code) {
    static const char *const names[OBJECTS] = {"one", "two"}, *const messages[MESSAGES] = {"this", "that"};
    struct happened history[LENGTH];
    struct event_write write = {0};
    /* Objects of its own, long after those of the history before. */
    struct str uid = arena_printf(&rig.arena, "u-%d", code);
    int64_t now_ms = START_MS + (int64_t)code * (LENGTH + 1) * EVENT_WINDOW_MS;
    int count = 0;
    for (int step = 0; step < LENGTH; step++, code /= LETTERS) {
        int letter = code % LETTERS;
        if (letter == NOTES) {
            if (count) event_correlator_unwritten(&rig.correlator, write.key);
            if (count) history[count - 1].is_lost = true;
            continue;
        }
        now_ms += letter / (OBJECTS * MESSAGES) ? EVENT_WINDOW_MS + 1 : 1;
        history[count] = (struct happened){letter % OBJECTS, letter / OBJECTS % MESSAGES, now_ms, false};
        struct event_note note = note_of(names[history[count].object], "Reason", str_of(messages[history[count].message]));
        note.about.uid = uid;
        count++;
        assert_true(take(&note, now_ms, &write));
        assert_true(str_is(write.message, messages[history[count - 1].message]));
        check(history, count, &write);
    }
}

static void every_short_history_counts_right(void **state) {
    (void)state;
    int codes = 1;
    for (int i = 0; i < LENGTH; i++) codes *= LETTERS;
    for (int code = 0; code < codes; code++) {
        play(code);
        arena_release(&rig.arena);
    }
}

/* ---- names ---- */

static void a_name_is_of_one_event_alone(void **state) {
    (void)state;
    struct event_note first = note_of("m", "Created", STR("a")), second = note_of("m", "Created", STR("b"));
    struct event_write a, b, again;
    assert_true(take(&first, START_MS, &a) && take(&second, START_MS, &b) && take(&first, START_MS + 5, &again));
    assert_true(str_starts_with(a.name, STR("m.")));
    assert_int_equal(a.name.len, 2 + 16);
    assert_false(str_equal(a.name, b.name));
    assert_true(str_equal(a.name, again.name));
    /* A long name leaves room for what makes it one of its own. */
    char name[254] = {0};
    for (size_t i = 0; i + 1 < sizeof name; i++) name[i] = 'x';
    struct event_note longest = note_of(name, "Created", STR("a"));
    assert_true(take(&longest, START_MS, &a));
    assert_int_equal(a.name.len, 253);
}

/* What is told apart: each part of the object, the type, the reason, the message. */
static void another_thing_is_another_event(void **state) {
    (void)state;
    struct event_note notes[8];
    struct event_write write;
    for (size_t i = 0; i < 8; i++) notes[i] = note_of("m", "Created", STR("a"));
    notes[1].about.name = STR("n");
    notes[2].about.namespace = STR("other");
    notes[3].about.uid = STR("u-2");
    notes[4].about.kind = STR("ModelServing");
    notes[5].is_warning = true;
    notes[6].reason = "Removed";
    notes[7].message = STR("b");
    for (size_t i = 0; i < 8; i++) {
        assert_true(take(&notes[i], START_MS, &write));
        if (write.is_repeat || write.count != 1) fail_msg("note %zu is taken for another", i);
    }
}

static void a_long_message_is_cut_on_a_character(void **state) {
    (void)state;
    struct strbuf text = strbuf_with_max(8192);
    for (int i = 0; i < 2000; i++) strbuf_append(&text, STR("\xc3\xa9"));
    strbuf_append_char(&text, 'x');
    struct event_note note = note_of("m", "Rejected", str_from(strbuf_view(&text), 2));
    struct event_write write;
    for (int i = 0; i < EVENT_SIMILAR_MAX; i++) {
        note.message = str_from(strbuf_view(&text), 2 * (size_t)i);
        assert_true(take(&note, START_MS, &write));
        assert_in_range(write.message.len, EVENT_MESSAGE_MAX_BYTES - 1, EVENT_MESSAGE_MAX_BYTES);
        assert_true(str_is_utf8(write.message));
    }
    assert_true(str_starts_with(write.message, STR(EVENT_COMBINED)));
    strbuf_release(&text);
}

/* ---- bounds ---- */

static struct str numbered(int number) {
    return arena_printf(&rig.arena, "message %d", number);
}

static void many_messages_become_one(void **state) {
    (void)state;
    struct event_write write, first = {0};
    for (int i = 1; i <= 20; i++) {
        struct event_note note = note_of("m", "Rejected", numbered(i));
        assert_true(take(&note, START_MS + i, &write));
        bool is_combined = str_starts_with(write.message, STR(EVENT_COMBINED));
        assert_int_equal(is_combined, i >= EVENT_SIMILAR_MAX);
        if (i == EVENT_SIMILAR_MAX) first = write;
        assert_int_equal(write.is_repeat, i > EVENT_SIMILAR_MAX);
        assert_int_equal(write.count, is_combined ? i - EVENT_SIMILAR_MAX + 1 : 1);
        if (is_combined) assert_true(str_equal(write.name, first.name));
    }
    assert_true(str_is(write.message, EVENT_COMBINED "message 20"));
    /* Another reason of the object, and another object, are told one by one. */
    struct event_note other_reason = note_of("m", "Created", numbered(1)), other_object = note_of("n", "Rejected", numbered(1));
    assert_true(take(&other_reason, START_MS + 30, &write));
    assert_true(str_is(write.message, "message 1"));
    assert_true(take(&other_object, START_MS + 30, &write));
    assert_true(str_is(write.message, "message 1"));
    /* Ten quiet minutes later each is worth its own again. */
    struct event_note later = note_of("m", "Rejected", numbered(21));
    assert_true(take(&later, START_MS + 20 + EVENT_SIMILAR_MS + 1, &write));
    assert_true(str_is(write.message, "message 21"));
}

static void one_object_is_bounded(void **state) {
    (void)state;
    struct event_note note = note_of("m", "Repaired", STR("again"));
    struct event_write write;
    for (int i = 1; i <= EVENT_OBJECT_BURST; i++) assert_true(take(&note, START_MS, &write));
    for (int i = 0; i < 1000; i++) assert_false(take(&note, START_MS + 1, &write));
    assert_false(take(&note, START_MS + EVENT_OBJECT_REFILL_MS - 1, &write));
    assert_true(take(&note, START_MS + EVENT_OBJECT_REFILL_MS, &write));
    /* What was not written counts. */
    assert_int_equal(write.count, EVENT_OBJECT_BURST + 1000 + 2);
    assert_true(write.is_repeat);
    assert_false(take(&note, START_MS + EVENT_OBJECT_REFILL_MS, &write));
    struct event_note other = note_of("n", "Repaired", STR("again"));
    assert_true(take(&other, START_MS + EVENT_OBJECT_REFILL_MS, &write));
}

/* An Event that was over the bound when it came first is made, not changed, when there is room. */
static void what_was_never_written_is_made(void **state) {
    (void)state;
    struct event_write write;
    for (int i = 0; i < EVENT_OBJECT_BURST; i++) {
        struct event_note note = note_of("m", "Repaired", STR("again"));
        assert_true(take(&note, START_MS, &write));
    }
    struct event_note late = note_of("m", "Rejected", STR("late"));
    assert_false(take(&late, START_MS, &write));
    assert_true(take(&late, START_MS + EVENT_OBJECT_REFILL_MS, &write));
    assert_false(write.is_repeat);
    assert_int_equal(write.count, 2);
}

static void all_objects_together_are_bounded_by_type(void **state) {
    (void)state;
    int64_t written[2] = {0};
    for (int type = 0; type < 2; type++) {
        for (int i = 0; i < 2000; i++) {
            struct event_note note = note_of(arena_printf(&rig.arena, "m%d", i).ptr, "Reason", STR("once"));
            struct event_write write;
            note.is_warning = type == 1;
            written[type] += take(&note, START_MS + i / 1000 * 1000, &write);
        }
    }
    /* A second lies between the first thousand and the second. */
    assert_int_equal(written[0], EVENT_TOTAL_BURST + 1000 / EVENT_TOTAL_REFILL_MS);
    assert_int_equal(written[1], EVENT_TOTAL_BURST + 1000 / EVENT_TOTAL_REFILL_MS);
}

/* Memory does not grow with what is told; what falls out begins anew. */
static void tables_do_not_grow(void **state) {
    (void)state;
    size_t capacity = rig.correlator.told.capacity;
    struct event_note old = note_of("old", "Reason", STR("once"));
    struct event_write write;
    assert_true(take(&old, START_MS, &write));
    for (int i = 0; i < 40000; i++) {
        struct event_note note = note_of(arena_printf(&rig.arena, "m%d", i).ptr, "Reason", STR("once"));
        take(&note, START_MS + i * EVENT_TOTAL_REFILL_MS, &write);
    }
    assert_int_equal(rig.correlator.told.capacity, capacity);
    assert_true(take(&old, START_MS + 40001 * EVENT_TOTAL_REFILL_MS, &write));
    assert_false(write.is_repeat);
    assert_int_equal(write.count, 1);
}

static void an_exhausted_arena_is_no_event(void **state) {
    (void)state;
    struct arena small;
    struct event_note note = note_of("m", "Reason", STR("once"));
    struct event_write write;
    arena_init(&small, 1);
    assert_false(event_correlator_take(&rig.correlator, &small, &note, (struct event_time){START_MS, WALL_MS}, &write));
    arena_release(&small);
}

int main(void) {
#define CASE(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(every_short_history_counts_right),
        CASE(a_name_is_of_one_event_alone),
        CASE(another_thing_is_another_event),
        CASE(a_long_message_is_cut_on_a_character),
        CASE(many_messages_become_one),
        CASE(one_object_is_bounded),
        CASE(what_was_never_written_is_made),
        CASE(all_objects_together_are_bounded_by_type),
        CASE(tables_do_not_grow),
        CASE(an_exhausted_arena_is_no_event),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
