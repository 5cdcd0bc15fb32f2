/* JSON for tests: read, or the test fails with it. */
#ifndef MB_TESTS_READ_JSON_H
#define MB_TESTS_READ_JSON_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "data/json.h"

static inline yyjson_val *read_json(struct arena *into, const char *text) {
    struct error error = {0};
    yyjson_val *value = json_parse(into, str_of(text), &error);
    if (!value) fail_msg("%s: %s", text, error.message);
    return value;
}

/* JSON written with ' for ". */
static inline yyjson_val *read_quoted(struct arena *into, const char *text) {
    char *copy = (char *)(uintptr_t)arena_copy(into, str_of(text)).ptr;
    for (char *at = copy; *at; at++) *at = *at == '\'' ? '"' : *at;
    return read_json(into, copy);
}

#endif
