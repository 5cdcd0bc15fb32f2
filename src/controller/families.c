#include "controller/families.h"

#include <string.h>

#define COUNT_OF(array)                      (sizeof(array) / sizeof *(array))
#define TEXT_VALUE(text)                     text,
#define NUMBER_VALUE(number)                 #number,
#define NUMBER(number)                       number,
#define FAILURE_VALUE(id, reason)            reason,
#define CHILD_VALUE(id, kind, plural, group) kind,

static const char *const booster_values[] = {"modelbooster"};
static const char *const result_values[] = {"success", "error", "requeue", "requeue_after"};
static const char *const method_values[] = {METHODS(TEXT_VALUE)};
static const int codes[] = {CODES(NUMBER)};
static const char *const code_values[] = {CODES(NUMBER_VALUE) "other", "<error>"};
static const char *const child_values[] = {CHILD_KINDS(CHILD_VALUE)};
static const char *const kind_values[] = {CHILD_KINDS(CHILD_VALUE) KIND_BOOSTER, "ConfigMap"};
static const char *const status_values[] = {"True", "False", "Unknown"};
static const char *const reason_values[] = {FAILURES(FAILURE_VALUE) "ResourcesApplied",
                                            "ResourcesPending",
                                            "Outdated",
                                            "ModelAvailable",
                                            "Suspended",
                                            "Paused",
                                            "NotInitialized",
                                            "BackendLeftOver",
                                            "BackendsNotAvailable",
                                            "Other"};
static const char *const level_values[] = {"debug", "info", "warn", "error"};
static const char *const outcome_values[] = {"exported", "dropped"};
static const char *const version_values[] = {MODEL_BOOSTER_VERSION};
static const char *const generator_values[] = {GENERATOR_VERSION};
const char *const condition_names[CONDITION_COUNT] = {"Initialized", "Active", "Failed"};

#define AXIS(id, values_) static const struct metric_axis id = {.name = #id, .values = values_, .count = COUNT_OF(values_)}
AXIS(name, booster_values);
AXIS(controller, booster_values);
AXIS(result, result_values);
AXIS(code, code_values);
AXIS(method, method_values);
AXIS(verb, method_values);
AXIS(kind, kind_values);
AXIS(status, status_values);
AXIS(reason, reason_values);
AXIS(level, level_values);
AXIS(outcome, outcome_values);
AXIS(version, version_values);
AXIS(generator, generator_values);
AXIS(condition, condition_names);
static const struct metric_axis child = {.name = "kind", .values = child_values, .count = COUNT_OF(child_values)};
static const struct metric_axis host = {.name = "host", .text = TEXT_HOST};
static const struct metric_axis lease = {.name = "name", .text = TEXT_LEASE};

/* In seconds. Those of requests are client-go's, those of reconciles controller-runtime's. */
static const double no_bounds[] = {0};
static const double work_bounds[] = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300};
static const double request_bounds[] = {0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60};
static const double reconcile_bounds[] = {0.005, 0.01, 0.025, 0.05, 0.1,  0.15, 0.2,  0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6,
                                          0.7,   0.8,  0.9,   1,    1.25, 1.5,  1.75, 2,    2.5, 3,    3.5, 4,    4.5, 5,
                                          6,     7,    8,     9,    10,   15,   20,   25,   30,  40,   50,  60};
static const double children_bounds[] = {0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600};
static const double active_bounds[] = {0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200};
static const double delay_bounds[] = {0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 10, 30};

#define FAMILY_ROW(id, type_, is_sparse_, name_, help_, bounds_, ...)                                                                      \
    [id] = {.type = type_,                                                                                                                 \
            .is_sparse = is_sparse_,                                                                                                       \
            .name = name_,                                                                                                                 \
            .help = help_,                                                                                                                 \
            .axes = {__VA_ARGS__},                                                                                                         \
            .bounds = bounds_,                                                                                                             \
            .bound_count = COUNT_OF(bounds_)},
static const struct metric_family families[FAMILY_COUNT] = {METRIC_FAMILIES(FAMILY_ROW)};

const struct metric_family *metric_families(void) {
    return families;
}

size_t method_index(const char *wanted) {
    for (size_t i = 0; i < COUNT_OF(method_values); i++) {
        if (strcmp(method_values[i], wanted) == 0) return i;
    }
    return 0;
}

size_t code_index(int wanted) {
    size_t at = 0;
    if (wanted == 0) return COUNT_OF(codes) + 1;
    while (at < COUNT_OF(codes) && codes[at] != wanted) at++;
    return at;
}

size_t reason_index(struct str wanted) {
    size_t at = 0;
    while (at + 1 < COUNT_OF(reason_values) && !str_is(wanted, reason_values[at])) at++;
    return at;
}
