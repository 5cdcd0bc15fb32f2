/*
 * Metrics: what is counted where, and the two texts that are made of it.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "observe/openmetrics.h"

enum { REQUESTS, DEPTH, ABOUT, TIME, FAMILIES };

static const char *const method_values[] = {"GET", "POST"};
static const char *const code_values[] = {"200", "404", "<error>"};
static const struct metric_axis method = {.name = "method", .values = method_values, .count = 2};
static const struct metric_axis code = {.name = "code", .values = code_values, .count = 3};
static const struct metric_axis host = {.name = "host", .text = 1};
static const double bounds[] = {0.005, 1, 2.5};
static const struct metric_family families[FAMILIES] = {
    [REQUESTS] = {METRIC_COUNTER, true, "requests", "Requests sent.", {&code, &method, &host}, NULL, 0},
    [DEPTH] = {METRIC_GAUGE, false, "depth", "How many wait.", {NULL}, NULL, 0},
    [ABOUT] = {METRIC_INFO, false, "build", "What runs.", {&host}, NULL, 0},
    [TIME] = {METRIC_HISTOGRAM, false, "time_seconds", "How long it took.", {&method}, bounds, 3},
};

static struct metrics metrics;

static int set_up(void **state) {
    (void)state;
    assert_true(metrics_init(&metrics, families, FAMILIES));
    metrics.texts[1] = STR("a\"b\\c\nd");
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    metrics_release(&metrics);
    return 0;
}

static void every_combination_has_a_slot_of_its_own(void **state) {
    (void)state;
    assert_int_equal(metrics_slot_count(&families[REQUESTS]), 6);
    for (size_t i = 0; i < 3; i++) {
        for (size_t k = 0; k < 2; k++) {
            size_t slot = metrics_slot(&metrics, REQUESTS, (size_t[]){i, k, 0});
            metrics_add(&metrics, REQUESTS, slot, (double)(10 * i + k + 1));
        }
    }
    for (size_t i = 0; i < 3; i++) {
        for (size_t k = 0; k < 2; k++) {
            double value = metrics_value(&metrics, REQUESTS, metrics_slot(&metrics, REQUESTS, (size_t[]){i, k, 0}));
            assert_true(value == (double)(10 * i + k + 1));
        }
    }
    assert_true(metrics_value(&metrics, DEPTH, 0) == 0);
}

static void an_observation_falls_into_the_first_bucket_that_holds_it(void **state) {
    (void)state;
    static const struct {
        double value;
        double buckets[4];
    } cases[] = {
        {0, {1, 0, 0, 0}}, {0.005, {1, 0, 0, 0}}, {0.0051, {0, 1, 0, 0}}, {1, {0, 1, 0, 0}}, {2.5, {0, 0, 1, 0}}, {3, {0, 0, 0, 1}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tear_down(NULL);
        set_up(NULL);
        metrics_observe(&metrics, TIME, 1, cases[i].value);
        const double *slot = &metrics.values[metrics.starts[TIME] + metrics_slot_width(&families[TIME])];
        for (size_t k = 0; k < 4; k++) assert_true(slot[k] == cases[i].buckets[k]);
        assert_true(slot[4] == cases[i].value);
        assert_true(metrics_observed(&metrics, TIME, 1) == 1 && metrics_observed(&metrics, TIME, 0) == 0);
    }
}

static void fill(void) {
    metrics_add(&metrics, REQUESTS, metrics_slot(&metrics, REQUESTS, (size_t[]){2, 1, 0}), 2);
    metrics_set(&metrics, DEPTH, 0, 0.25);
    metrics_set(&metrics, ABOUT, 0, 1);
    metrics_observe(&metrics, TIME, 0, 0.001);
    metrics_observe(&metrics, TIME, 0, 1.5);
    metrics_observe(&metrics, TIME, 0, 1764172000.123);
}

#define HOST "host=\"a\\\"b\\\\c\\nd\""
#define TIMES                                                                                                                              \
    "time_seconds_bucket{method=\"GET\",le=\"0.005\"} 1\n"                                                                                 \
    "time_seconds_bucket{method=\"GET\",le=\"1.0\"} 1\n"                                                                                   \
    "time_seconds_bucket{method=\"GET\",le=\"2.5\"} 2\n"                                                                                   \
    "time_seconds_bucket{method=\"GET\",le=\"+Inf\"} 3\n"                                                                                  \
    "time_seconds_sum{method=\"GET\"} 1764172001.624\n"                                                                                    \
    "time_seconds_count{method=\"GET\"} 3\n"                                                                                               \
    "time_seconds_bucket{method=\"POST\",le=\"0.005\"} 0\n"                                                                                \
    "time_seconds_bucket{method=\"POST\",le=\"1.0\"} 0\n"                                                                                  \
    "time_seconds_bucket{method=\"POST\",le=\"2.5\"} 0\n"                                                                                  \
    "time_seconds_bucket{method=\"POST\",le=\"+Inf\"} 0\n"                                                                                 \
    "time_seconds_sum{method=\"POST\"} 0\n"                                                                                                \
    "time_seconds_count{method=\"POST\"} 0\n"

static void the_text_is_as_each_form_wants_it(void **state) {
    (void)state;
    static const struct {
        enum metrics_format format;
        const char *text;
    } cases[] = {
        {METRICS_OPENMETRICS, "# HELP requests Requests sent.\n# TYPE requests counter\n"
                              "requests_total{code=\"<error>\",method=\"POST\"," HOST "} 2\n"
                              "# HELP depth How many wait.\n# TYPE depth gauge\ndepth 0.25\n"
                              "# HELP build What runs.\n# TYPE build info\nbuild_info{" HOST "} 1\n"
                              "# HELP time_seconds How long it took.\n# TYPE time_seconds histogram\n" TIMES "# EOF\n"},
        {METRICS_PROMETHEUS, "# HELP requests_total Requests sent.\n# TYPE requests_total counter\n"
                             "requests_total{code=\"<error>\",method=\"POST\"," HOST "} 2\n"
                             "# HELP depth How many wait.\n# TYPE depth gauge\ndepth 0.25\n"
                             "# HELP build_info What runs.\n# TYPE build_info gauge\nbuild_info{" HOST "} 1\n"
                             "# HELP time_seconds How long it took.\n# TYPE time_seconds histogram\n" TIMES},
    };
    fill();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct strbuf text = strbuf_with_max(64 * 1024);
        openmetrics_write(&text, &metrics, cases[i].format);
        assert_false(text.failed);
        assert_string_equal(text.ptr, cases[i].text);
        strbuf_release(&text);
    }
}

static void a_family_without_samples_is_still_described(void **state) {
    (void)state;
    struct strbuf text = strbuf_with_max(64 * 1024);
    openmetrics_write(&text, &metrics, METRICS_OPENMETRICS);
    assert_non_null(strstr(text.ptr, "# TYPE requests counter\n# HELP depth"));
    strbuf_release(&text);
}

static void the_form_follows_the_accept_header(void **state) {
    (void)state;
    static const struct {
        const char *accept;
        enum metrics_format format;
    } cases[] = {
        {"", METRICS_PROMETHEUS},
        {"*/*", METRICS_PROMETHEUS},
        {"text/plain", METRICS_PROMETHEUS},
        {"application/openmetrics-text", METRICS_OPENMETRICS},
        {"application/openmetrics-text; version=1.0.0", METRICS_OPENMETRICS},
        {"Application/OpenMetrics-Text;Version=1.0.0;charset=utf-8", METRICS_OPENMETRICS},
        {"application/openmetrics-text; version=0.0.1", METRICS_PROMETHEUS},
        {"application/openmetrics-text;q=0", METRICS_PROMETHEUS},
        {"application/openmetrics-text;q=0.2,text/plain;q=0.9", METRICS_PROMETHEUS},
        {"application/openmetrics-text;q=0.9,text/plain;q=0.25", METRICS_OPENMETRICS},
        {"application/openmetrics-text;q=0.501,text/plain;q=0.5", METRICS_OPENMETRICS},
        {"text/plain;q=1.0,application/openmetrics-text;q=0.999", METRICS_PROMETHEUS},
        {"application/openmetrics-text;q=nonsense", METRICS_OPENMETRICS},
        {",;,=;q", METRICS_PROMETHEUS},
        /* Prometheus 2 and 3 */
        {"application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,"
         "*/*;q=0.2",
         METRICS_OPENMETRICS},
        {"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,application/openmetrics-text;"
         "version=1.0.0;escaping=allow-utf-8;q=0.5,text/plain;version=0.0.4;escaping=allow-utf-8;q=0.2,*/*;q=0.1",
         METRICS_OPENMETRICS},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (openmetrics_negotiate(str_of(cases[i].accept)) != cases[i].format) fail_msg("%s", cases[i].accept);
    }
    assert_true(str_starts_with(openmetrics_content_type(METRICS_OPENMETRICS), STR("application/openmetrics-text; version=1.0.0")));
    assert_true(str_starts_with(openmetrics_content_type(METRICS_PROMETHEUS), STR("text/plain; version=0.0.4")));
}

/* Pieces of such headers in any order: an answer comes, and only what names OpenMetrics gets it. */
static void any_header_has_an_answer(void **state) {
    (void)state;
    static const char *const pieces[] = {"application/openmetrics-text", "text/plain", ";", ",", "=", "q",
                                         "version", "1.0.0", "0.5", "\xff", " ", "*/*"};
    struct number_random random = {1};
    for (int i = 0; i < 50000; i++) {
        struct strbuf header = strbuf_with_max(4096);
        for (uint64_t k = number_random_below(&random, 12); k > 0; k--)
            strbuf_append(&header, str_of(pieces[number_random_below(&random, sizeof pieces / sizeof *pieces)]));
        struct str exact = strbuf_view(&header);
        char *copy = malloc(exact.len ? exact.len : 1); /* of just this length, for AddressSanitizer */
        assert_non_null(copy);
        if (exact.len) memcpy(copy, exact.ptr, exact.len);
        enum metrics_format format = openmetrics_negotiate((struct str){copy, exact.len});
        if (format == METRICS_OPENMETRICS) assert_true(str_contains(exact, STR("application/openmetrics-text")));
        free(copy);
        strbuf_release(&header);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_combination_has_a_slot_of_its_own, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_observation_falls_into_the_first_bucket_that_holds_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_text_is_as_each_form_wants_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_family_without_samples_is_still_described, set_up, tear_down),
        cmocka_unit_test(the_form_follows_the_accept_header),
        cmocka_unit_test(any_header_has_an_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
