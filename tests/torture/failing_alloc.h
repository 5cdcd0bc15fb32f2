/*
 * malloc, calloc, realloc and their like in front of the real ones, of which the nth call fails. A program that is linked with failing_alloc.c
 * has them, in its libraries too.
 *
 *   failing_arm(3, FAIL_ONCE, FAIL_OWN);    the third allocation from now on that the program's own code makes returns NULL
 *   ... what is to survive it ...
 *   bool happened = failing_disarm();
 *
 * All threads count together. What the C library allocates for itself (open_memstream, vasprintf, ...) is not seen.
 */
#ifndef MB_TESTS_FAILING_ALLOC_H
#define MB_TESTS_FAILING_ALLOC_H

#include <stdbool.h>
#include <stddef.h>

enum failing_mode { FAIL_ONCE, FAIL_FROM_THERE_ON };
/* Whose allocations count and fail: those called from the program itself, or those of its shared libraries too. */
enum failing_scope { FAIL_OWN, FAIL_ALL };

/* `nth` counts from 1; 0: none fails, they are counted only. */
void failing_arm(size_t nth, enum failing_mode mode, enum failing_scope scope);
/* In between, allocations go well and are not counted; frees still are. */
void failing_pause(void);
void failing_resume(void);
bool failing_has_failed(void);
/* Allocations go well again. Did one fail? */
bool failing_disarm(void);
/* Says on standard error where an allocation is that fails. */
void failing_trace(bool does_trace);
/* Allocations that counted since failing_arm. */
size_t failing_count(void);
/* Blocks allocated less blocks freed since failing_watch, by anybody, until failing_disarm: 0 where nothing was kept. */
void failing_watch(void);
long failing_balance(void);

#endif
