#include "io/loop.h"

#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

struct loop {
    struct event_base *base;
    struct event *alarm; /* ends the waiting of loop_run_once */
};

struct loop_timer {
    struct loop *loop;
    struct event *event;
    int64_t due_ms;
    loop_callback *callback;
    void *owner;
};

struct loop_deferred {
    struct event *event;
    bool is_due;
    loop_callback *callback;
    void *owner;
};

struct loop_socket {
    struct loop *loop;
    struct event *event;
    int fd;
    short wanted;
    loop_socket_callback *callback;
    void *owner;
};

struct loop_signal {
    struct event *event;
    loop_callback *callback;
    void *owner;
};

struct loop_wake {
    struct loop_socket *socket;
    int fd;
    loop_callback *callback;
    void *owner;
};

/* Waiting longer than this is waking once a day for nothing. */
#define LONGEST_WAIT_MS ((int64_t)24 * 3600 * 1000)

static struct timeval interval(int64_t milliseconds) {
    if (milliseconds < 0) milliseconds = 0;
    if (milliseconds > LONGEST_WAIT_MS) milliseconds = LONGEST_WAIT_MS;
    return (struct timeval){.tv_sec = milliseconds / 1000, .tv_usec = milliseconds % 1000 * 1000};
}

static int64_t clock_ms(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t loop_now_ms(const struct loop *loop) {
    (void)loop;
    return clock_ms(CLOCK_MONOTONIC);
}

int64_t loop_wall_ms(const struct loop *loop) {
    (void)loop;
    return clock_ms(CLOCK_REALTIME);
}

static void alarm_rang(evutil_socket_t fd, short events, void *context) {
    (void)fd, (void)events, (void)context;
}

struct loop *loop_new(struct error *error) {
    signal(SIGPIPE, SIG_IGN);
    struct loop *loop = calloc(1, sizeof *loop);
    struct event_config *config = event_config_new();
    if (loop && config) {
        /* A cached time would let timers that are set late in a callback fire early. */
        event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER | EVENT_BASE_FLAG_NO_CACHE_TIME | EVENT_BASE_FLAG_NOLOCK);
        loop->base = event_base_new_with_config(config);
        loop->alarm = loop->base ? evtimer_new(loop->base, alarm_rang, NULL) : NULL;
    }
    if (config) event_config_free(config);
    if (loop && loop->alarm) return loop;
    loop_free(loop);
    error_set(error, ERROR_IO, "cannot make an event loop; the limits of open files or memory may be too low");
    return NULL;
}

void loop_free(struct loop *loop) {
    if (!loop) return;
    if (loop->alarm) event_free(loop->alarm);
    if (loop->base) event_base_free(loop->base);
    free(loop);
}

void loop_run(struct loop *loop) {
    event_base_loop(loop->base, EVLOOP_NO_EXIT_ON_EMPTY);
}

void loop_run_once(struct loop *loop, int64_t max_wait_ms) {
    if (max_wait_ms <= 0) {
        event_base_loop(loop->base, EVLOOP_NONBLOCK);
        return;
    }
    struct timeval wait = interval(max_wait_ms);
    evtimer_add(loop->alarm, &wait);
    event_base_loop(loop->base, EVLOOP_ONCE);
    evtimer_del(loop->alarm);
}

void loop_stop(struct loop *loop) {
    event_base_loopbreak(loop->base);
}

/* timers */

static void timer_arm(struct loop_timer *timer) {
    int64_t now_ms = loop_now_ms(timer->loop);
    struct timeval wait = interval(timer->due_ms > now_ms ? timer->due_ms - now_ms : 0);
    evtimer_add(timer->event, &wait);
}

static void timer_fired(evutil_socket_t fd, short events, void *context) {
    (void)fd, (void)events;
    struct loop_timer *timer = context;
    if (loop_now_ms(timer->loop) < timer->due_ms)
        timer_arm(timer);
    else
        timer->callback(timer->owner);
}

struct loop_timer *loop_timer_new(struct loop *loop, loop_callback *callback, void *owner) {
    struct loop_timer *timer = calloc(1, sizeof *timer);
    if (!timer) return NULL;
    *timer = (struct loop_timer){.loop = loop, .callback = callback, .owner = owner};
    timer->event = evtimer_new(loop->base, timer_fired, timer);
    if (timer->event) return timer;
    free(timer);
    return NULL;
}

void loop_timer_free(struct loop_timer *timer) {
    if (!timer) return;
    event_free(timer->event);
    free(timer);
}

void loop_timer_set(struct loop_timer *timer, int64_t due_ms) {
    timer->due_ms = due_ms;
    if (due_ms == INT64_MAX)
        evtimer_del(timer->event);
    else
        timer_arm(timer);
}

void loop_timer_clear(struct loop_timer *timer) {
    evtimer_del(timer->event);
}

/* deferred calls */

static void deferred_fired(evutil_socket_t fd, short events, void *context) {
    (void)fd, (void)events;
    struct loop_deferred *deferred = context;
    deferred->is_due = false;
    deferred->callback(deferred->owner);
}

struct loop_deferred *loop_deferred_new(struct loop *loop, loop_callback *callback, void *owner) {
    struct loop_deferred *deferred = calloc(1, sizeof *deferred);
    if (!deferred) return NULL;
    *deferred = (struct loop_deferred){.callback = callback, .owner = owner};
    deferred->event = evtimer_new(loop->base, deferred_fired, deferred);
    if (deferred->event) return deferred;
    free(deferred);
    return NULL;
}

void loop_deferred_free(struct loop_deferred *deferred) {
    if (!deferred) return;
    event_free(deferred->event);
    free(deferred);
}

void loop_deferred_call(struct loop_deferred *deferred) {
    if (deferred->is_due) return;
    deferred->is_due = true;
    /* As a timer of no length, not as an active event: libevent would run those before it looks at the sockets again. */
    struct timeval none = {0, 0};
    evtimer_add(deferred->event, &none);
}

bool loop_deferred_is_due(const struct loop_deferred *deferred) {
    return deferred->is_due;
}

/* sockets */

static void socket_fired(evutil_socket_t fd, short events, void *context) {
    struct loop_socket *socket = context;
    socket->callback(socket->owner, (int)fd, events & EV_READ, events & EV_WRITE);
}

struct loop_socket *loop_socket_new(struct loop *loop, int fd, loop_socket_callback *callback, void *owner) {
    struct loop_socket *socket = calloc(1, sizeof *socket);
    if (!socket) return NULL;
    *socket = (struct loop_socket){.loop = loop, .fd = fd, .callback = callback, .owner = owner};
    socket->event = event_new(loop->base, fd, EV_READ | EV_PERSIST, socket_fired, socket);
    if (socket->event) return socket;
    free(socket);
    return NULL;
}

void loop_socket_free(struct loop_socket *socket) {
    if (!socket) return;
    event_free(socket->event);
    free(socket);
}

bool loop_socket_want(struct loop_socket *socket, bool want_read, bool want_write) {
    short wanted = (short)((want_read ? EV_READ : 0) | (want_write ? EV_WRITE : 0));
    if (wanted == socket->wanted) return true;
    if (socket->wanted) event_del(socket->event);
    socket->wanted = 0;
    if (!wanted) return true;
    event_assign(socket->event, socket->loop->base, socket->fd, (short)(wanted | EV_PERSIST), socket_fired, socket);
    if (event_add(socket->event, NULL) != 0) return false;
    socket->wanted = wanted;
    return true;
}

/* signals */

static void signal_fired(evutil_socket_t number, short events, void *context) {
    (void)number, (void)events;
    struct loop_signal *caught = context;
    caught->callback(caught->owner);
}

struct loop_signal *loop_signal_new(struct loop *loop, int number, loop_callback *callback, void *owner) {
    struct loop_signal *caught = calloc(1, sizeof *caught);
    if (!caught) return NULL;
    *caught = (struct loop_signal){.callback = callback, .owner = owner};
    caught->event = evsignal_new(loop->base, number, signal_fired, caught);
    if (caught->event && evsignal_add(caught->event, NULL) == 0) return caught;
    loop_signal_free(caught);
    return NULL;
}

void loop_signal_free(struct loop_signal *caught) {
    if (!caught) return;
    if (caught->event) event_free(caught->event);
    free(caught);
}

/* wakes */

static void wake_fired(void *owner, int fd, bool is_readable, bool is_writable) {
    (void)is_readable, (void)is_writable;
    struct loop_wake *wake = owner;
    eventfd_t calls;
    if (eventfd_read(fd, &calls) == 0) wake->callback(wake->owner);
}

struct loop_wake *loop_wake_new(struct loop *loop, loop_callback *callback, void *owner) {
    struct loop_wake *wake = calloc(1, sizeof *wake);
    if (!wake) return NULL;
    *wake = (struct loop_wake){.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), .callback = callback, .owner = owner};
    wake->socket = wake->fd >= 0 ? loop_socket_new(loop, wake->fd, wake_fired, wake) : NULL;
    if (wake->socket && loop_socket_want(wake->socket, true, false)) return wake;
    loop_wake_free(wake);
    return NULL;
}

void loop_wake_free(struct loop_wake *wake) {
    if (!wake) return;
    loop_socket_free(wake->socket);
    if (wake->fd >= 0) close(wake->fd);
    free(wake);
}

void loop_wake_call(struct loop_wake *wake) {
    eventfd_write(wake->fd, 1);
}
