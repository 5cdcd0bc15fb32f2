/*
 * Cases of managed fields, a JSON object a line, expectations from the Go libraries of Kubernetes 1.34. The first line is {"schema": ...}
 * unless the objects are of built-in kinds; the others: name, manager, object, live (absent: nothing yet), sub(resource), reset
 * ("status": the kind has a status subresource, "but": a status request), force; and what comes: "becomes", the object, or "error", the
 * message.
 */
#ifndef MB_TESTS_MANAGED_CASES_H
#define MB_TESTS_MANAGED_CASES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "schema/builtin.h"
#include "schema/managed.h"

enum { CASE_ARENA_BYTES = 64 * 1024 * 1024, CASE_LINE_BYTES = 1 << 17 };

struct managed_case {
    struct arena *arena;
    yyjson_mut_doc *doc;
    const yyjson_val *test;
    struct managed_request request;
    yyjson_mut_val *object, *live;
    struct str name;
};

/* All of a table are told, then the test fails. */
static int managed_case_mismatches;

static inline void managed_case_check(const struct managed_case *test, const yyjson_mut_val *found) {
    yyjson_val *frozen = json_freeze(test->arena, found);
    if (json_equal(frozen, json_get(test->test, "becomes"))) return;
    struct strbuf out = strbuf_with_max(1 << 20), wanted = strbuf_with_max(1 << 20);
    json_write_canonical(&out, frozen);
    json_write_canonical(&wanted, json_get(test->test, "becomes"));
    fprintf(stderr, "%.*s\nfound    %s\nexpected %s\n", STR_ARG(test->name), out.ptr, wanted.len ? wanted.ptr : "an error");
    strbuf_release(&out);
    strbuf_release(&wanted);
    managed_case_mismatches++;
}

/* `schema_source` NULL: the object's kind is built in. */
static inline void managed_case_run(const yyjson_val *schema_source, const char *line, void (*run)(struct managed_case *test)) {
    struct arena arena;
    struct error error;
    arena_init(&arena, CASE_ARENA_BYTES);
    yyjson_val *parsed = json_parse(&arena, str_of(line), &error);
    if (!parsed) fail_msg("%s: %s", line, error.message);
    yyjson_mut_doc *doc = json_builder(&arena);
    const yyjson_val *reset = json_get(parsed, "reset");
    struct str version = json_text(json_path(parsed, "object", "apiVersion", NULL)), kind = json_text(json_path(parsed, "object", "kind", NULL));
    struct str group = str_contains(version, STR("/")) ? str_first(version, str_find(version, STR("/"))) : STR_EMPTY;
    if (!schema_source) schema_source = builtin_source(&arena, group, STR("v1"), kind);
    struct managed_case test = {
        .arena = &arena,
        .doc = doc,
        .test = parsed,
        .name = json_text(json_get(parsed, "name")),
        .object = yyjson_val_mut_copy(doc, json_get(parsed, "object")),
        .live = yyjson_val_mut_copy(doc, json_get(parsed, "live")),
        .request = {.schema = schema_compile(&arena, schema_source, &error),
                    .manager = json_text(json_get(parsed, "manager")),
                    .subresource = json_text(json_get(parsed, "sub")),
                    .api_version = version,
                    .now = STR("2026-01-02T03:04:05Z"),
                    .is_force = json_bool_or(json_get(parsed, "force"), false),
                    .resets_status = json_is_text(reset, "status"),
                    .resets_all_but_status = json_is_text(reset, "but")},
    };
    run(&test);
    arena_release(&arena);
}

/* How many there were. */
static inline int managed_cases_run(const char *path, bool has_schema, void (*run)(struct managed_case *test)) {
    static char line[CASE_LINE_BYTES];
    struct arena arena;
    arena_init(&arena, CASE_ARENA_BYTES);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    const yyjson_val *schema = NULL;
    if (has_schema) {
        assert_non_null(fgets(line, sizeof line, file));
        schema = json_get(json_parse(&arena, str_of(line), NULL), "schema");
        assert_non_null(schema);
    }
    int count = 0;
    for (; fgets(line, sizeof line, file); count++) managed_case_run(schema, line, run);
    fclose(file);
    arena_release(&arena);
    assert_int_equal(managed_case_mismatches, 0);
    return count;
}

#endif
