/*
 * What the fuzz targets share. A target is a function of an arena and an input:
 *
 *   FUZZ_TARGET(duration) { ... fuzz_expect(holds, "what does not") ... }          in fuzz_duration.c
 *
 * harness.c gives it to libFuzzer; replay.c runs it over the inputs of seeds/ with any compiler. A property that does not hold ends the
 * process with its name, so that the input is kept.
 */
#ifndef MB_TESTS_FUZZ_HARNESS_H
#define MB_TESTS_FUZZ_HARNESS_H

#include "base/arena.h"
#include "base/error.h"
#include "base/strbuf.h"
#include "data/json.h"

enum { FUZZ_ARENA_BYTES = 1 << 28, FUZZ_TEXT_BYTES = 1 << 26, FUZZ_PATH_BYTES = 64 };

#define FUZZ_TARGET(name)                                                                                                                  \
    void fuzz_##name(struct arena *arena, struct str input);                                                                               \
    void fuzz_##name(struct arena *arena, struct str input)

/* Prints the message and aborts unless `holds`. */
void fuzz_expect(bool holds, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Every failure names its kind and says something. */
void fuzz_expect_error(const struct error *error);
/* Takes the first line off `rest`, without its newline; the whole where there is none. */
struct str fuzz_line(struct str *rest);
/* The same up to a line "---". */
struct str fuzz_section(struct str *rest);
/* A file in memory; open until its descriptor, which is returned, is closed. */
int fuzz_file(struct str text, char path[FUZZ_PATH_BYTES]);
/* The value as JSON in the arena, for messages and to be compared; empty when that is exhausted. */
struct str fuzz_json_text(struct arena *arena, const yyjson_val *value);
/* No key twice at any level: what has one equals nothing, itself included. */
bool fuzz_is_plain(const yyjson_val *value);

#endif
