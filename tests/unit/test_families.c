/*
 * The table of metrics: its rows are what OpenMetrics and its readers allow, and indices are those of the right values.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include "controller/families.h"

/* More series than this, for one controller, would be somebody's bill. */
enum { SERIES_MAX = 2000 };

static void every_row_can_be_read(void **state) {
    (void)state;
    static const char *const endings[] = {"_total", "_count", "_sum", "_bucket", "_info", "_created"};
    const struct metric_family *families = metric_families();
    for (size_t i = 0; i < FAMILY_COUNT; i++) {
        const struct metric_family *family = &families[i];
        if (!family->name || strspn(family->name, "abcdefghijklmnopqrstuvwxyz_") != strlen(family->name)) fail_msg("row %zu: its name", i);
        for (size_t k = 0; k < sizeof endings / sizeof *endings; k++) {
            if (str_ends_with(str_of(family->name), str_of(endings[k]))) fail_msg("%s: %s is added when printed", family->name, endings[k]);
        }
        for (size_t k = 0; k < i; k++) {
            if (strcmp(family->name, families[k].name) == 0) fail_msg("%s: twice", family->name);
        }
        if (!*family->help || strpbrk(family->help, "\\\"\n")) fail_msg("%s: its help", family->name);
        for (size_t k = 1; family->type == METRIC_HISTOGRAM && k < family->bound_count; k++) {
            if (family->bounds[k] <= family->bounds[k - 1]) fail_msg("%s: bounds must rise", family->name);
        }
    }
}

static void labels_differ_and_series_are_few(void **state) {
    (void)state;
    const struct metric_family *families = metric_families();
    for (size_t i = 0; i < FAMILY_COUNT; i++) {
        const struct metric_family *family = &families[i];
        if (metrics_slot_count(family) * metrics_slot_width(family) > SERIES_MAX) fail_msg("%s: too many series", family->name);
        for (size_t k = 0; k < METRICS_AXES && family->axes[k]; k++) {
            const struct metric_axis *axis = family->axes[k];
            for (size_t j = 0; j < k; j++) assert_string_not_equal(axis->name, family->axes[j]->name);
            for (size_t j = 1; axis->values && j < axis->count; j++) {
                for (size_t l = 0; l < j; l++) assert_string_not_equal(axis->values[j], axis->values[l]);
            }
        }
    }
}

static const char *value_of(enum metric_family_id family, size_t axis, size_t index) {
    const struct metric_axis *of = metric_families()[family].axes[axis];
    assert_true(index < of->count);
    return of->values[index];
}

static void an_index_is_that_of_its_value(void **state) {
    (void)state;
    static const struct {
        int status;
        const char *value;
    } codes[] = {{200, "200"}, {201, "201"}, {409, "409"}, {504, "504"}, {418, "other"}, {-1, "other"}, {0, "<error>"}};
    static const char *const methods[] = {"GET", "POST", "PATCH", "DELETE", "PUT"};
    static const char *const results[] = {"success", "error", "requeue", "requeue_after"};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        assert_string_equal(value_of(FAMILY_REQUESTS, 0, code_index(codes[i].status)), codes[i].value);
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        assert_string_equal(value_of(FAMILY_REQUESTS, 1, method_index(methods[i])), methods[i]);
    for (size_t i = 0; i < 4; i++) assert_string_equal(value_of(FAMILY_RECONCILES, 1, i), results[i]);
    for (int kind = 0; kind < CHILD_KIND_COUNT; kind++) {
        assert_string_equal(value_of(FAMILY_CHILDREN, 0, (size_t)kind), child_kind_name((enum child_kind)kind));
        assert_string_equal(value_of(FAMILY_SYNCED, 0, (size_t)kind), child_kind_name((enum child_kind)kind));
    }
    assert_string_equal(value_of(FAMILY_SYNCED, 0, KIND_AXIS_BOOSTER), KIND_BOOSTER);
    assert_string_equal(value_of(FAMILY_SYNCED, 0, KIND_AXIS_CONFIG), "ConfigMap");
    for (int failure = 0; failure < FAILURE_COUNT; failure++) {
        const char *reason = failure_reason((enum failure)failure);
        assert_string_equal(value_of(FAMILY_MODELS, 2, reason_index(str_of(reason))), reason);
    }
    assert_string_equal(value_of(FAMILY_MODELS, 2, reason_index(STR("Anything"))), "Other");
    assert_string_equal(value_of(FAMILY_MODELS, 1, STATUS_UNKNOWN), "Unknown");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_can_be_read),
        cmocka_unit_test(labels_differ_and_series_are_few),
        cmocka_unit_test(an_index_is_that_of_its_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
