/*
 * Runs a unit test program again and again, each time with another allocation failing: linked with the program in front of cmocka, whose runner of
 * groups it replaces. A test may fail then, or pass, or wait for what its own failed call would have brought: it must not crash, spin, or be told by
 * a sanitizer. Each run is a process of its own, forked where the program has started already.
 *
 *   MB_TORTURE_RUNS=200    runs for each test, at most, evenly among its allocations; 0: all
 *
 * Prints each run that ended in another way, with the sanitizer's report behind it, for run.py to read.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdbool.h>
#include <cmocka.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "failing_alloc.h"

enum { WAITS_AT_MOST_S = 5, SPINS_AFTER_S = 60, LARGEST_REPORT_BYTES = 16384 };
/* Tests that wait in vain take long: after so many of one test, the next. */
enum { WAITS_OF_A_TEST = 4 };

typedef int run_group(const char *name, const struct CMUnitTest *tests, size_t count, CMFixtureFunction set_up, CMFixtureFunction tear_down);
run_group _cmocka_run_group_tests;
const char *__asan_default_options(void);

/* cmocka would take a signal for a failed test; the sanitizer must have it. Leaks are the scenarios' subject: a test that fails half-way leaks. */
const char *__asan_default_options(void) {
    return "exitcode=99:detect_leaks=0:handle_segv=2:handle_sigbus=2:handle_sigfpe=2:handle_sigill=2:handle_abort=2:allocator_may_return_null=1";
}

static const struct CMUnitTest *current;
static size_t current_nth;
static enum failing_mode current_mode;
static unsigned current_duration_s; /* of a run without failures */
static size_t *shared_count; /* what a child has counted */

static void armed_test(void **state) {
    failing_arm(current_nth, current_mode, FAIL_OWN);
    current->test_func(state);
    failing_disarm();
    *shared_count = failing_count();
}

/* One run in a process of its own; its status as waitpid gives it, its output in `report`. */
static int run_once(run_group *real, CMFixtureFunction set_up, CMFixtureFunction tear_down, int report) {
    if (ftruncate(report, 0) != 0 || lseek(report, 0, SEEK_SET) != 0) abort();
    fflush(NULL);
    pid_t child = fork();
    if (child < 0) abort();
    if (child == 0) {
        dup2(report, STDOUT_FILENO);
        dup2(report, STDERR_FILENO);
        alarm(WAITS_AT_MOST_S + current_duration_s * 4);
        setrlimit(RLIMIT_CPU, &(struct rlimit){SPINS_AFTER_S, SPINS_AFTER_S});
        struct CMUnitTest test = *current;
        test.test_func = armed_test;
        _exit(real(test.name, &test, 1, set_up, tear_down) == 0 ? 0 : 1);
    }
    int status = 0;
    if (waitpid(child, &status, 0) != child) abort();
    return status;
}

static bool has_waited(int status) {
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM;
}

static bool is_fine(int status) {
    return has_waited(status) || (WIFEXITED(status) && WEXITSTATUS(status) <= 1); /* passed, failed */
}

static void tell(int status, int report) {
    static char text[LARGEST_REPORT_BYTES];
    ssize_t length = pread(report, text, sizeof text, 0);
    printf("\nBROKEN %s, allocation %zu%s: %s\n%.*s\nEND\n", current->name, current_nth, current_mode == FAIL_ONCE ? "" : " and all after it",
           WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "it ended", (int)(length > 0 ? length : 0), text);
}

/* What all of it came to. */
struct tally {
    size_t runs, broken, waited, untried;
};

static void torture(run_group *real, CMFixtureFunction set_up, CMFixtureFunction tear_down, int report, size_t most, struct tally *tally) {
    current_nth = 0;
    current_duration_s = SPINS_AFTER_S;
    *shared_count = 0;
    time_t began = time(NULL);
    if (run_once(real, set_up, tear_down, report) != 0) {
        tally->untried++; /* it goes by what the tests before it have left */
        return;
    }
    current_duration_s = (unsigned)(time(NULL) - began);
    size_t total = *shared_count, step = most && total > most ? total / most : 1, waits = 0;
    for (size_t nth = 1; nth <= total && waits < WAITS_OF_A_TEST; nth += step) {
        current_nth = nth;
        current_mode = nth / step % 2 ? FAIL_ONCE : FAIL_FROM_THERE_ON;
        int status = run_once(real, set_up, tear_down, report);
        tally->runs++;
        waits += has_waited(status);
        if (is_fine(status)) continue;
        tell(status, report);
        tally->broken++;
    }
    tally->waited += waits;
}

int _cmocka_run_group_tests(const char *name, const struct CMUnitTest *tests, size_t count, CMFixtureFunction set_up,
                            CMFixtureFunction tear_down) {
    (void)name;
    run_group *real = (run_group *)(uintptr_t)dlsym(RTLD_NEXT, "_cmocka_run_group_tests");
    shared_count = mmap(NULL, sizeof *shared_count, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int report = memfd_create("report", MFD_CLOEXEC);
    const char *wanted = getenv("MB_TORTURE_RUNS");
    struct tally tally = {0};
    for (size_t i = 0; i < count; i++) {
        current = &tests[i];
        torture(real, set_up, tear_down, report, wanted ? strtoul(wanted, NULL, 10) : 0, &tally);
    }
    printf("RUNS %zu BROKEN %zu WAITED %zu UNTRIED %zu\n", tally.runs, tally.broken, tally.waited, tally.untried);
    return tally.broken ? 1 : 0;
}
