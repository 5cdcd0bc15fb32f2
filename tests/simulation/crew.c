#include "crew.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "world.h"

enum { JOBS_MAX = 64, SEED_SECONDS_MAX = 60, FAILURES_TOLD = 20 };

/* Shared by all. */
struct board {
    _Atomic uint64_t next; /* the seed to be taken next */
    _Atomic uint64_t passed, failed, steps, virtual_ms, slowest_settle_ms;
    _Atomic bool is_over;          /* nobody is to begin another */
    _Atomic uint64_t at[JOBS_MAX]; /* the seed that each is at, plus one; 0: none */
};

static double now_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void tell_failure(const struct crew_options *options, struct board *board, uint64_t seed, const char *oracle, const char *message) {
    if (atomic_fetch_add(&board->failed, 1) < FAILURES_TOLD)
        printf("FAILED seed %llu: %s: %s\n  again: build/main/tests/simulation/simulate --seed %llu --trace\n", (unsigned long long)seed,
               oracle, message, (unsigned long long)seed);
    if (options->is_quiet) atomic_store(&board->is_over, true);
    fflush(stdout);
}

static void run_again(const struct world_options *options, struct world_result *result) {
    struct world_result again;
    world_run(options, &again);
    if (again.hash == result->hash && again.steps == result->steps) return;
    result->is_fine = false;
    snprintf(result->oracle, sizeof result->oracle, "replay");
    snprintf(result->message, sizeof result->message, "trace %016llx of %llu steps, and %016llx of %llu the second time",
             (unsigned long long)result->hash, (unsigned long long)result->steps, (unsigned long long)again.hash,
             (unsigned long long)again.steps);
}

static void work(const struct crew_options *options, struct board *board, unsigned job, double end_s) {
    while (!atomic_load(&board->is_over) && (!options->seconds || now_s() < end_s)) {
        uint64_t seed = atomic_fetch_add(&board->next, 1);
        if (seed > options->last) return;
        atomic_store(&board->at[job], seed + 1);
        struct world_options one = {.seed = seed, .complaints = options->is_quiet || atomic_load(&board->failed) ? NULL : stdout};
        struct world_result result;
        alarm(SEED_SECONDS_MAX);
        world_run(&one, &result);
        if (options->is_twice && result.is_fine) run_again(&one, &result);
        alarm(0);
        atomic_store(&board->at[job], 0);
        atomic_fetch_add(&board->steps, result.steps);
        atomic_fetch_add(&board->virtual_ms, (uint64_t)result.virtual_ms);
        uint64_t slowest = atomic_load(&board->slowest_settle_ms), settled = (uint64_t)result.settled_ms;
        while (result.is_fine && settled > slowest && !atomic_compare_exchange_weak(&board->slowest_settle_ms, &slowest, settled)) continue;
        if (result.is_fine)
            atomic_fetch_add(&board->passed, 1);
        else
            tell_failure(options, board, seed, result.oracle, result.message);
    }
}

static pid_t hire(const struct crew_options *options, struct board *board, unsigned job, double end_s) {
    fflush(stdout);
    pid_t pid = fork();
    if (pid != 0) return pid;
    work(options, board, job, end_s);
    exit(0);
}

/* True: another is to take the place of the one that died. */
static bool bury(const struct crew_options *options, struct board *board, unsigned job, int status) {
    uint64_t at = atomic_exchange(&board->at[job], 0);
    if (!at) return false;
    char how[64];
    snprintf(how, sizeof how, "ended by %s %d", WIFSIGNALED(status) ? "signal" : "status",
             WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    bool is_endless = WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM;
    tell_failure(options, board, at - 1, "crash", is_endless ? "does not come to an end" : how);
    return true;
}

static void tell_progress(const struct crew_options *options, const struct board *board, double began_s, double *last_s) {
    if (options->is_quiet || now_s() - *last_s < 10) return;
    *last_s = now_s();
    printf("... %llu of %llu seeds in %.0f s\n", (unsigned long long)(atomic_load(&board->passed) + atomic_load(&board->failed)),
           (unsigned long long)(options->last - options->first + 1), now_s() - began_s);
    fflush(stdout);
}

static int sum_up(const struct crew_options *options, struct board *board, double began_s) {
    uint64_t passed = atomic_load(&board->passed), failed = atomic_load(&board->failed), wanted = options->last - options->first + 1;
    if (!options->is_quiet)
        printf("%llu steps and %.1f days of virtual time in %.1f s; the slowest calm took %.1f s\n",
               (unsigned long long)atomic_load(&board->steps), (double)atomic_load(&board->virtual_ms) / 86400e3, now_s() - began_s,
               (double)atomic_load(&board->slowest_settle_ms) / 1000);
    uint64_t skipped = wanted - passed - failed;
    if (skipped && !options->is_quiet) printf("skipped: %llu seeds for lack of time\n", (unsigned long long)skipped);
    printf("%llu passed, %llu failed", (unsigned long long)passed, (unsigned long long)failed);
    if (skipped) printf(", %llu skipped", (unsigned long long)skipped);
    printf("\n");
    return failed || !passed ? 1 : 0;
}

int crew_run(const struct crew_options *options) {
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned jobs = options->jobs ? options->jobs : processors > 0 ? (unsigned)processors : 1;
    if (jobs > JOBS_MAX) jobs = JOBS_MAX;
    struct board *board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (board == MAP_FAILED) return 1;
    double began_s = now_s(), last_s = began_s, end_s = began_s + options->seconds;
    atomic_store(&board->next, options->first);
    pid_t pids[JOBS_MAX];
    unsigned working = 0;
    for (unsigned job = 0; job < jobs; job++, working++) pids[job] = hire(options, board, job, end_s);
    while (working) {
        int status;
        pid_t gone = waitpid(-1, &status, WNOHANG);
        if (gone <= 0) {
            nanosleep(&(struct timespec){.tv_nsec = 5 * 1000 * 1000}, NULL);
            tell_progress(options, board, began_s, &last_s);
            continue;
        }
        unsigned job = 0;
        while (job < jobs && pids[job] != gone) job++;
        working--;
        if (job == jobs || !bury(options, board, job, status) || atomic_load(&board->is_over)) continue;
        pids[job] = hire(options, board, job, end_s);
        working++;
    }
    return sum_up(options, board, began_s);
}
