#include "observe/watchdog.h"

void watchdog_start(struct watchdog *watchdog, int64_t now_ms) {
    *watchdog = (struct watchdog){.due_ms = now_ms + WATCHDOG_PERIOD_MS};
}

static int64_t lateness_ms(const struct watchdog *watchdog, int64_t now_ms) {
    return now_ms > watchdog->due_ms ? now_ms - watchdog->due_ms : 0;
}

int64_t watchdog_turn(struct watchdog *watchdog, int64_t now_ms) {
    int64_t late_ms = lateness_ms(watchdog, now_ms);
    watchdog->delays[watchdog->next] = (struct watchdog_delay){now_ms, late_ms};
    watchdog->next = (watchdog->next + 1) % WATCHDOG_TURNS;
    watchdog->due_ms = now_ms + WATCHDOG_PERIOD_MS;
    return late_ms;
}

int64_t watchdog_delayed_ms(const struct watchdog *watchdog, int64_t now_ms) {
    int64_t since_ms = now_ms - WATCHDOG_WINDOW_MS, sum_ms = lateness_ms(watchdog, now_ms);
    for (size_t i = 0; i < WATCHDOG_TURNS; i++) {
        const struct watchdog_delay *delay = &watchdog->delays[i];
        int64_t begun_ms = delay->ended_ms - delay->length_ms;
        if (delay->ended_ms > since_ms) sum_ms += delay->ended_ms - (begun_ms > since_ms ? begun_ms : since_ms);
    }
    return sum_ms;
}

bool watchdog_is_stuck(const struct watchdog *watchdog, int64_t now_ms) {
    return watchdog_delayed_ms(watchdog, now_ms) > WATCHDOG_STUCK_MS;
}
