/*
 * What the fuzz targets share: libFuzzer's entry (harness.c) hands each input to the target's `fuzz_one` with a fresh arena, and a
 * property that does not hold stops the run with its name, so that libFuzzer keeps the input.
 */
#ifndef MB_TESTS_FUZZ_HARNESS_H
#define MB_TESTS_FUZZ_HARNESS_H

#include "base/arena.h"
#include "base/error.h"

/* Defined by each target. */
void fuzz_one(struct arena *arena, struct str input);
/* Prints the message and aborts unless `holds`. */
void fuzz_expect(bool holds, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Every failure names its kind and says something. */
void fuzz_expect_error(const struct error *error);

#endif
