/*
 * The event loop: one thread, everything is a callback on it. Thin over libevent, of which nothing shows here.
 *
 *   timers     one-shot, at a monotonic time in ms; never early
 *   deferred   "call me soon, from the loop": runs after the present callback has returned and after sockets had their turn, so work
 *              cut into slices (nothing may take more than 2 ms at a time) never starves the network. Calling it again while it is due
 *              changes nothing. The order among several deferred calls is not promised.
 *   sockets    readable and writable, level-triggered
 *   signals    as callbacks, not in signal context
 *   wakes      the one thing that another thread may touch: calls made before the callback comes are one callback
 *
 * Each of these is made once and used many times; only the _new functions allocate. Every one of them may be freed in its own callback.
 * All must be freed before the loop.
 */
#ifndef MB_IO_LOOP_H
#define MB_IO_LOOP_H

#include "base/error.h"

struct loop;
struct loop_timer;
struct loop_deferred;
struct loop_socket;
struct loop_signal;
struct loop_wake;

typedef void loop_callback(void *owner);

/* NULL and `error` when the system refuses. SIGPIPE is ignored from here on: writing to a closed socket is an error code. */
struct loop *loop_new(struct error *error);
void loop_free(struct loop *loop); /* NULL is allowed, as in every _free here */
/* Until loop_stop. */
void loop_run(struct loop *loop);
/* Handles what is due, waiting for it at most max_wait_ms (0: not at all). */
void loop_run_once(struct loop *loop, int64_t max_wait_ms);
/* loop_run returns once the present callback has. */
void loop_stop(struct loop *loop);

/* Milliseconds of the monotonic clock: for every due time and duration. */
int64_t loop_now_ms(const struct loop *loop);
/* Milliseconds since 1970: for what is written down. */
int64_t loop_wall_ms(const struct loop *loop);

/* NULL when memory is out. */
struct loop_timer *loop_timer_new(struct loop *loop, loop_callback *callback, void *owner);
void loop_timer_free(struct loop_timer *timer);
/* Fires once at due_ms (monotonic), at once when that has passed; replaces an earlier setting. INT64_MAX: never. */
void loop_timer_set(struct loop_timer *timer, int64_t due_ms);
void loop_timer_clear(struct loop_timer *timer);

/* NULL when memory is out. */
struct loop_deferred *loop_deferred_new(struct loop *loop, loop_callback *callback, void *owner);
void loop_deferred_free(struct loop_deferred *deferred);
void loop_deferred_call(struct loop_deferred *deferred);
bool loop_deferred_is_due(const struct loop_deferred *deferred);

typedef void loop_socket_callback(void *owner, int fd, bool is_readable, bool is_writable);
/* Watches nothing until loop_socket_want; does not own `fd`, and must be freed before it is closed. NULL when memory is out. */
struct loop_socket *loop_socket_new(struct loop *loop, int fd, loop_socket_callback *callback, void *owner);
void loop_socket_free(struct loop_socket *socket);
/* False when the system refuses. */
bool loop_socket_want(struct loop_socket *socket, bool want_read, bool want_write);

/* Takes over the signal from here on; the former handler returns with loop_signal_free. NULL when it cannot. */
struct loop_signal *loop_signal_new(struct loop *loop, int number, loop_callback *callback, void *owner);
void loop_signal_free(struct loop_signal *signal);

/* NULL when the system refuses. */
struct loop_wake *loop_wake_new(struct loop *loop, loop_callback *callback, void *owner);
/* No other thread may call it from here on. */
void loop_wake_free(struct loop_wake *wake);
/* From any thread: the callback comes on the loop's. What the caller wrote before is to be read under a lock of theirs. */
void loop_wake_call(struct loop_wake *wake);

#endif
