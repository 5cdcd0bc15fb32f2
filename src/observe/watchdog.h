/*
 * Notices when the loop is stuck. A loop that is stuck for good answers nobody, which whoever asks notices by himself. This notices the
 * one that is stuck again and again: a timer that is due each second tells how late it came, and so for how long nothing else had its
 * turn.
 *
 *   is_stuck: in the last WATCHDOG_WINDOW_MS the loop was held up for more than WATCHDOG_STUCK_MS in sum
 */
#ifndef MB_OBSERVE_WATCHDOG_H
#define MB_OBSERVE_WATCHDOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WATCHDOG_PERIOD_MS = 1000, WATCHDOG_WINDOW_MS = 60 * 1000, WATCHDOG_STUCK_MS = 30 * 1000 };
enum { WATCHDOG_TURNS = WATCHDOG_WINDOW_MS / WATCHDOG_PERIOD_MS };

/* A turn that came late. */
struct watchdog_delay {
    int64_t ended_ms, length_ms;
};

struct watchdog {
    int64_t due_ms;                               /* of the timer */
    struct watchdog_delay delays[WATCHDOG_TURNS]; /* the newest ones, in a ring */
    size_t next;
};

/* The clock is monotonic, here and below. */
void watchdog_start(struct watchdog *watchdog, int64_t now_ms);
/* The timer's turn: returns for how long the loop was held up. The next turn is due at watchdog->due_ms. */
int64_t watchdog_turn(struct watchdog *watchdog, int64_t now_ms);
/* For how long in the last minute, the turn that is due by now included. */
int64_t watchdog_delayed_ms(const struct watchdog *watchdog, int64_t now_ms);
bool watchdog_is_stuck(const struct watchdog *watchdog, int64_t now_ms);

#endif
