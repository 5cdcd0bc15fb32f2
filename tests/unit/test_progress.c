/*
 * How long an edit takes, and what conditions say: objects as a watch tells them, and a clock that is moved by hand.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "controller/progress.h"
#include "data/rfc3339.h"

#define WROTE(time) "\"managedFields\":[{\"time\":\"" time "\"},{\"time\":\"2027-01-01T00:00:00Z\",\"subresource\":\"status\"}],"
#define STATUS(observed, active)                                                                                                           \
    "\"status\":{\"observedGeneration\":" observed ",\"conditions\":[{\"type\":\"Initialized\",\"status\":\"True\"," \
    "\"reason\":\"ResourcesApplied\"},{\"type\":\"Active\",\"status\":\"" active "\",\"reason\":\"ModelAvailable\"}]}"

static struct arena arena;
static struct progress progress;
static int64_t wall_ms; /* of 2026-11-26T12:00:00Z */

static int set_up(void **state) {
    (void)state;
    arena_init(&arena, 1024 * 1024);
    progress_reset(&progress);
    assert_true(rfc3339_parse_ms(STR("2026-11-26T12:00:00Z"), &wall_ms, NULL));
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    arena_release(&arena);
    return 0;
}

/* At now_ms, an object of this generation. */
static void tell(int64_t now_ms, int generation, const char *metadata, const char *status) {
    struct str text = arena_printf(&arena, "{\"metadata\":{%s\"generation\":%d}%s%s}", metadata, generation, *status ? "," : "", status);
    yyjson_val *object = json_parse(&arena, text, NULL);
    assert_non_null(object);
    progress_read(&progress, object, now_ms, wall_ms + now_ms);
}

static void an_edit_ends_once_when_the_status_says_so(void **state) {
    (void)state;
    int64_t took_ms = -1;
    tell(1000, 1, "", "");
    assert_false(progress_is_settled(&progress));
    assert_false(progress_end_children(&progress, 1100, &took_ms) || progress_end_active(&progress, 1100, &took_ms));
    tell(1200, 1, "", STATUS("1", "False"));
    assert_false(progress_end_active(&progress, 1200, &took_ms));
    assert_true(progress_end_children(&progress, 1150, &took_ms));
    assert_int_equal(took_ms, 150);
    assert_true(progress_is_settled(&progress));
    tell(5000, 1, "", STATUS("1", "True"));
    assert_true(progress_end_active(&progress, 5000, &took_ms));
    assert_int_equal(took_ms, 4000);
    assert_false(progress_end_children(&progress, 6000, &took_ms) || progress_end_active(&progress, 6000, &took_ms));
}

static void the_next_edit_is_measured_by_itself(void **state) {
    (void)state;
    int64_t took_ms = -1;
    tell(1000, 1, "", STATUS("0", "False"));
    tell(1100, 1, "", STATUS("1", "True"));
    assert_true(progress_end_children(&progress, 1100, &took_ms) && progress_end_active(&progress, 1100, &took_ms));
    tell(9000, 2, "", STATUS("1", "True"));
    assert_false(progress_is_settled(&progress));
    assert_false(progress_end_children(&progress, 9001, &took_ms) || progress_end_active(&progress, 9001, &took_ms));
    /* Told again, and late of a former generation: neither begins anything. */
    tell(9010, 2, "", STATUS("1", "True"));
    tell(9020, 1, "", STATUS("1", "True"));
    tell(9030, 2, "", STATUS("2", "True"));
    assert_true(progress_end_children(&progress, 9025, &took_ms));
    assert_int_equal(took_ms, 25);
    assert_true(progress_end_active(&progress, 9030, &took_ms));
    assert_int_equal(took_ms, 30);
}

static void what_was_done_before_we_came_is_not_measured(void **state) {
    (void)state;
    int64_t took_ms;
    tell(1000, 7, "\"creationTimestamp\":\"2020-01-01T00:00:00Z\",", STATUS("7", "False"));
    assert_true(progress_is_settled(&progress));
    tell(2000, 7, "", STATUS("7", "True"));
    assert_false(progress_end_children(&progress, 2000, &took_ms) || progress_end_active(&progress, 2000, &took_ms));
}

static void what_another_finished_is_not_ours(void **state) {
    (void)state;
    int64_t took_ms = -1;
    tell(1000, 1, "", "");
    tell(2000, 1, "", STATUS("1", "False"));
    progress_begin_work(&progress);
    tell(3000, 1, "", STATUS("1", "True"));
    assert_true(progress_is_settled(&progress));
    assert_false(progress_end_children(&progress, 3000, &took_ms) || progress_end_active(&progress, 3000, &took_ms));
    /* What it left is. */
    tell(4000, 2, "", STATUS("1", "True"));
    progress_begin_work(&progress);
    tell(5000, 2, "", STATUS("2", "True"));
    assert_true(progress_end_children(&progress, 5000, &took_ms));
    assert_int_equal(took_ms, 1000);
}

static void an_edit_that_nobody_watched_began_when_the_object_says(void **state) {
    (void)state;
    static const struct {
        const char *metadata;
        int64_t took_ms;
    } cases[] = {
        {"", 0},
        {"\"creationTimestamp\":\"2026-11-26T11:59:50Z\",", 11000},
        {"\"creationTimestamp\":\"2026-11-26T11:59:59Z\",", 0}, /* within what clocks differ, and seconds hide */
        {"\"creationTimestamp\":\"2026-11-26T13:00:00Z\",", 0}, /* a clock that goes before ours */
        {"\"creationTimestamp\":\"2020-01-01T00:00:00Z\"," WROTE("2026-11-26T11:59:00Z"), 61000},
        {"\"creationTimestamp\":\"2020-01-01T00:00:00Z\"," WROTE("2026-11-26T12:00:00Z"), 0},
        {"\"creationTimestamp\":\"nonsense\",", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t took_ms = -1;
        progress_reset(&progress);
        tell(1000, 1, cases[i].metadata, "");
        tell(1000, 1, cases[i].metadata, STATUS("1", "False"));
        assert_true(progress_end_children(&progress, 1000, &took_ms));
        if (took_ms != cases[i].took_ms) fail_msg("%s: %lld", cases[i].metadata, (long long)took_ms);
    }
}

static void conditions_become_indices(void **state) {
    (void)state;
    assert_int_equal(progress.statuses[CONDITION_FAILED], STATUS_UNKNOWN);
    assert_int_equal(progress.reasons[CONDITION_FAILED], reason_index(STR("Other")));
    tell(1, 1, "", "\"status\":{\"conditions\":[{\"type\":\"Failed\",\"status\":\"True\",\"reason\":\"NameConflict\"},"
                   "{\"type\":\"Active\",\"status\":\"False\",\"reason\":\"WhoKnows\"},{\"type\":\"Ready\",\"status\":\"True\"}]}");
    assert_int_equal(progress.statuses[CONDITION_FAILED], STATUS_TRUE);
    assert_int_equal(progress.reasons[CONDITION_FAILED], reason_index(STR("NameConflict")));
    assert_int_not_equal(reason_index(STR("NameConflict")), reason_index(STR("Other")));
    assert_int_equal(progress.statuses[CONDITION_ACTIVE], STATUS_FALSE);
    assert_int_equal(progress.reasons[CONDITION_ACTIVE], reason_index(STR("Other")));
    assert_int_equal(progress.statuses[CONDITION_INITIALIZED], STATUS_UNKNOWN);
}

int main(void) {
#define CASE(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(an_edit_ends_once_when_the_status_says_so),
        CASE(the_next_edit_is_measured_by_itself),
        CASE(what_was_done_before_we_came_is_not_measured),
        CASE(what_another_finished_is_not_ours),
        CASE(an_edit_that_nobody_watched_began_when_the_object_says),
        CASE(conditions_become_indices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
