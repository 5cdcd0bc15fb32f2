#include "scenario.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/hash.h"
#include "failing_alloc.h"

enum { HANGS_AFTER_S = 300, REPORTED_MAX = 5 };

const char *__asan_default_options(void);
int __lsan_do_recoverable_leak_check(void) __attribute__((weak));

const char *__asan_default_options(void) {
    return "detect_leaks=1:handle_abort=2:allocator_may_return_null=1:detect_stack_use_after_return=1";
}

/* Of the scenario that runs, and of its present run. */
static struct {
    const char *name;
    size_t nth;
    enum failing_mode mode;
    bool is_armed; /* failing_arm was called in this run */
    bool has_recovered;
    uint64_t result;
    size_t failures;
} now;

static void tell(const char *what) {
    if (now.failures++ < REPORTED_MAX)
        printf("FAILED %s, allocation %zu%s: %s\n", now.name, now.nth, now.mode == FAIL_ONCE ? "" : " and all after it", what);
    fflush(stdout);
}

void torture_on(void) {
    if (now.has_recovered) return;
    if (now.is_armed)
        failing_resume();
    else
        failing_arm(now.nth, now.mode, FAIL_OWN);
    now.is_armed = true;
}

void torture_off(void) {
    failing_pause();
}

void torture_recover(void) {
    now.has_recovered |= failing_has_failed();
}

void torture_result(struct str text) {
    now.result = now.result * 31 + hash_xxh3(text);
}

void torture_expect(bool holds, const char *what) {
    if (!holds) tell(what);
}

bool torture_is_untouched(const void *object, size_t size_bytes) {
    const unsigned char *bytes = object;
    for (size_t i = 0; i < size_bytes; i++) {
        if (bytes[i] != UNTOUCHED_BYTE) return false;
    }
    return true;
}

/* What a run keeps would be a leak if it were not reachable; only the sanitizer can tell. */
static bool has_leaked(void) {
    return failing_balance() != 0 && __lsan_do_recoverable_leak_check && __lsan_do_recoverable_leak_check() != 0;
}

/* True when an allocation failed. */
static bool run_once(const struct scenario *scenario, size_t nth, enum failing_mode mode, bool *out_ok) {
    now.nth = nth;
    now.mode = mode;
    now.is_armed = now.has_recovered = false;
    now.result = 0;
    alarm(HANGS_AFTER_S);
    failing_watch();
    *out_ok = scenario->run();
    return failing_disarm();
}

static void run(const struct scenario *scenario, enum failing_mode mode, size_t *runs) {
    bool ok;
    /* Twice: the first may fill what libraries keep. */
    for (int i = 0; i < 2; i++) {
        run_once(scenario, 0, mode, &ok);
        torture_expect(ok, "fails without a failure");
    }
    uint64_t wanted = now.result;
    for (size_t nth = 1; !now.failures; nth++) {
        bool has_failed = run_once(scenario, nth, mode, &ok);
        ++*runs;
        if (!has_failed && !ok) tell("no allocation failed, and yet it reports a failure");
        if (ok && now.result != wanted) tell(has_failed ? "it says that all is well, with another result" : "no two runs are alike");
        if (has_leaked()) tell("leaks");
        if (!has_failed) return;
    }
    /* Once more, to show where. */
    failing_trace(true);
    run_once(scenario, now.nth, mode, &ok);
    failing_trace(false);
}

int torture_main(const struct scenario *scenarios, size_t count, int argument_count, char **arguments) {
    size_t passed = 0, failed = 0;
    for (size_t i = 0; i < count; i++) {
        bool is_named = argument_count < 2;
        for (int k = 1; k < argument_count; k++) is_named |= strcmp(arguments[k], scenarios[i].name) == 0;
        if (!is_named) continue;
        size_t runs = 0;
        now.name = scenarios[i].name;
        now.failures = 0;
        run(&scenarios[i], FAIL_ONCE, &runs);
        if (!now.failures) run(&scenarios[i], FAIL_FROM_THERE_ON, &runs);
        printf("%-6s %s: %zu runs\n", now.failures ? "failed" : "ok", now.name, runs);
        *(now.failures ? &failed : &passed) += 1;
    }
    printf("%zu passed, %zu failed\n", passed, failed);
    return failed ? 1 : 0;
}
