/*
 * One use of a public function, run again and again with the nth allocation failing, n = 1, 2, 3, ... until one run gets by without a failure;
 * once with that allocation alone failing and once with all after it, too.
 *
 *   static bool reads_json(void) {                     false: the function has reported a failure
 *       ... what it needs ...
 *       torture_on();
 *       yyjson_val *value = json_parse(&arena, text, &error);
 *       torture_off();
 *       torture_expect(value || error.kind == ERROR_MEMORY, "...");
 *       torture_result(value as text);
 *       arena_release(&arena);
 *       return value != NULL;
 *   }
 *
 * A run in which an allocation failed must report it, or come to the same result as a run without; nothing may leak, and the sanitizers must have
 * nothing to say.
 */
#ifndef MB_TESTS_SCENARIO_H
#define MB_TESTS_SCENARIO_H

#include <stdbool.h>
#include <string.h>

#include "base/str.h"

struct scenario {
    const char *name;
    bool (*run)(void);
};

/* Allocations are counted, and fail, between these; any number of times in a run. */
void torture_on(void);
void torture_off(void);
/* If an allocation has failed in this run, no more do. */
void torture_recover(void);
/* What the run came to: to be the same in each that reports no failure. Adds to what was given before. */
void torture_result(struct str text);
void torture_expect(bool holds, const char *what);

/* Output parameters that must stay as they are. */
#define UNTOUCHED_BYTE 0xA5
#define torture_mark(object) memset(object, UNTOUCHED_BYTE, sizeof *(object))
#define torture_untouched(object) torture_is_untouched(object, sizeof *(object))
bool torture_is_untouched(const void *object, size_t size_bytes);

/* Runs them all (or those named on the command line) and prints "N passed, N failed"; an exit status. */
int torture_main(const struct scenario *scenarios, size_t count, int argument_count, char **arguments);

#endif
