#include "virtual_loop.h"

#include <stdlib.h>

/* 2026-01-01T00:00:00Z: when every history begins. */
#define FIRST_WALL_MS INT64_C(1767225600000)

struct loop_timer {
    struct loop *loop;
    struct agenda_entry entry;
    int64_t due_ms; /* monotonic */
    loop_callback *callback;
    void *owner;
};

struct loop_deferred {
    struct loop *loop;
    struct agenda_entry entry;
    loop_callback *callback;
    void *owner;
};

void virtual_loop_init(struct loop *loop, struct agenda *agenda, uint64_t seed) {
    *loop = (struct loop){.agenda = agenda, .random = {seed}};
    loop->monotonic_offset_ms = (int64_t)number_random_below(&loop->random, 1000 * 1000 * 1000);
}

int64_t virtual_loop_awake_ms(const struct loop *loop, int64_t at_ms) {
    return at_ms > loop->paused_until_ms ? at_ms : loop->paused_until_ms;
}

int64_t virtual_loop_wall_ms(const struct loop *loop) {
    return FIRST_WALL_MS + loop->agenda->now_ms + loop->wall_offset_ms;
}

static int64_t monotonic_ms(const struct loop *loop) {
    int64_t now_ms = loop->agenda->now_ms;
    return loop->monotonic_offset_ms + now_ms + now_ms * loop->rate_ppm / 1000000 + loop->lag_ms;
}

/* Looking costs time, which the interface does not show. */
static void look(const struct loop *loop) {
    struct loop *own = (struct loop *)(uintptr_t)loop;
    if (own->slow_permille && number_random_below(&own->random, 1000) < own->slow_permille) own->lag_ms++;
}

int64_t loop_now_ms(const struct loop *loop) {
    look(loop);
    return monotonic_ms(loop);
}

int64_t loop_wall_ms(const struct loop *loop) {
    return virtual_loop_wall_ms(loop);
}

/* timers */

static void timer_enter(struct loop_timer *timer) {
    const struct loop *loop = timer->loop;
    int64_t wait_ms = timer->due_ms - monotonic_ms(loop);
    if (wait_ms < 0) wait_ms = 0;
    wait_ms = wait_ms * 1000000 / (1000000 + loop->rate_ppm);
    agenda_put(loop->agenda, &timer->entry, virtual_loop_awake_ms(loop, loop->agenda->now_ms + wait_ms));
}

static void timer_rings(void *owner) {
    struct loop_timer *timer = owner;
    const struct loop *loop = timer->loop;
    if (loop->paused_until_ms > loop->agenda->now_ms) {
        timer_enter(timer);
    } else if (monotonic_ms(loop) < timer->due_ms) {
        agenda_put(loop->agenda, &timer->entry, loop->agenda->now_ms + 1);
    } else {
        timer->callback(timer->owner);
    }
}

struct loop_timer *loop_timer_new(struct loop *loop, loop_callback *callback, void *owner) {
    struct loop_timer *timer = calloc(1, sizeof *timer);
    if (!timer) return NULL;
    *timer = (struct loop_timer){.loop = loop, .callback = callback, .owner = owner, .entry = {.happens = timer_rings, .owner = timer}};
    return timer;
}

void loop_timer_free(struct loop_timer *timer) {
    if (!timer) return;
    loop_timer_clear(timer);
    free(timer);
}

void loop_timer_set(struct loop_timer *timer, int64_t due_ms) {
    timer->due_ms = due_ms;
    if (due_ms == INT64_MAX)
        loop_timer_clear(timer);
    else
        timer_enter(timer);
}

void loop_timer_clear(struct loop_timer *timer) {
    agenda_take_out(timer->loop->agenda, &timer->entry);
}

/* deferred calls */

static void deferred_comes(void *owner) {
    struct loop_deferred *deferred = owner;
    const struct loop *loop = deferred->loop;
    if (loop->paused_until_ms > loop->agenda->now_ms)
        agenda_put(loop->agenda, &deferred->entry, loop->paused_until_ms);
    else
        deferred->callback(deferred->owner);
}

struct loop_deferred *loop_deferred_new(struct loop *loop, loop_callback *callback, void *owner) {
    struct loop_deferred *deferred = calloc(1, sizeof *deferred);
    if (!deferred) return NULL;
    *deferred =
        (struct loop_deferred){.loop = loop, .callback = callback, .owner = owner, .entry = {.happens = deferred_comes, .owner = deferred}};
    return deferred;
}

void loop_deferred_free(struct loop_deferred *deferred) {
    if (!deferred) return;
    agenda_take_out(deferred->loop->agenda, &deferred->entry);
    free(deferred);
}

void loop_deferred_call(struct loop_deferred *deferred) {
    struct loop *loop = deferred->loop;
    if (deferred->entry.place) return;
    int64_t soon_ms = loop->agenda->now_ms + (number_random_below(&loop->random, 8) == 0);
    agenda_put(loop->agenda, &deferred->entry, virtual_loop_awake_ms(loop, soon_ms));
}

bool loop_deferred_is_due(const struct loop_deferred *deferred) {
    return deferred->entry.place != 0;
}

/* what only processes have: linked, so that io/loop.c stays out, and never called */

static void unreachable(void) {
    abort();
}

struct loop *loop_new(struct error *error) {
    (void)error;
    unreachable();
    return NULL;
}

void loop_free(struct loop *loop) {
    (void)loop;
    unreachable();
}

void loop_run(struct loop *loop) {
    (void)loop;
    unreachable();
}

void loop_run_once(struct loop *loop, int64_t max_wait_ms) {
    (void)loop, (void)max_wait_ms;
    unreachable();
}

void loop_stop(struct loop *loop) {
    (void)loop;
    unreachable();
}

struct loop_socket *loop_socket_new(struct loop *loop, int fd, loop_socket_callback *callback, void *owner) {
    (void)loop, (void)fd, (void)callback, (void)owner;
    unreachable();
    return NULL;
}

void loop_socket_free(struct loop_socket *socket) {
    if (socket) unreachable();
}

bool loop_socket_want(struct loop_socket *socket, bool want_read, bool want_write) {
    (void)socket, (void)want_read, (void)want_write;
    unreachable();
    return false;
}

struct loop_signal *loop_signal_new(struct loop *loop, int number, loop_callback *callback, void *owner) {
    (void)loop, (void)number, (void)callback, (void)owner;
    unreachable();
    return NULL;
}

void loop_signal_free(struct loop_signal *caught) {
    if (caught) unreachable();
}

struct loop_wake *loop_wake_new(struct loop *loop, loop_callback *callback, void *owner) {
    (void)loop, (void)callback, (void)owner;
    unreachable();
    return NULL;
}

void loop_wake_free(struct loop_wake *wake) {
    if (wake) unreachable();
}

void loop_wake_call(struct loop_wake *wake) {
    (void)wake;
    unreachable();
}
