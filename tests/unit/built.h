/*
 * For tests that build values: an arena and a document in it, begun anew for each test by cmocka_unit_test_setup_teardown(test, set_up,
 * tear_down).
 */
#ifndef MB_TESTS_BUILT_H
#define MB_TESTS_BUILT_H

#include "read_json.h"

static struct arena arena;
static yyjson_mut_doc *doc;

static inline int set_up(void **state) {
    (void)state;
    arena_init(&arena, 256 * 1024 * 1024);
    doc = json_builder(&arena);
    return 0;
}

static inline int tear_down(void **state) {
    (void)state;
    arena_release(&arena);
    return 0;
}

#endif
