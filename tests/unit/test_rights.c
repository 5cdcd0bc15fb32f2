/*
 * deploy/rbac.yaml grants what the table of rights has, and nothing else.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/rights.h"
#include "data/yaml_read.h"
#include "io/files.h"

enum { RIGHTS_MAX = 200 };

/* "ClusterRole workload.serving.volcano.sh/modelboosters list", or with the name of an object behind. */
struct granted {
    struct arena arena;
    struct str rights[RIGHTS_MAX];
    size_t count;
};

static void add(struct granted *granted, const char *role, struct str group, struct str resource, struct str verb, struct str name) {
    assert_true(granted->count < RIGHTS_MAX);
    granted->rights[granted->count++] =
        arena_printf(&granted->arena, "%s %.*s/%.*s %.*s %.*s", role, STR_ARG(group), STR_ARG(resource), STR_ARG(verb), STR_ARG(name));
}

static void add_rule(struct granted *granted, const char *role, const yyjson_val *rule) {
    size_t g, groups, r, resources, v, verbs;
    yyjson_val *group, *resource, *verb, *names = json_get(rule, "resourceNames");
    struct str name = json_text(yyjson_arr_get_first(names));
    assert_true(yyjson_arr_size(names) <= 1);
    yyjson_arr_foreach(json_get(rule, "apiGroups"), g, groups, group) {
        yyjson_arr_foreach(json_get(rule, "resources"), r, resources, resource) {
            yyjson_arr_foreach(json_get(rule, "verbs"), v, verbs, verb)
                add(granted, role, json_text(group), json_text(resource), json_text(verb), name);
        }
    }
}

static void read_shipped(struct granted *granted) {
    char path[4096];
    struct str text;
    struct yaml_documents documents;
    snprintf(path, sizeof path, "%s/deploy/rbac.yaml", getenv("MB_SOURCE_ROOT"));
    assert_true(files_read(&granted->arena, path, 1024 * 1024, &text, NULL) && yaml_read(&granted->arena, text, &documents, NULL));
    for (size_t i = 0; i < documents.count; i++) {
        size_t index, max;
        yyjson_val *rule;
        struct str kind = json_text(json_get(documents.items[i].root, "kind"));
        if (!str_is(kind, "ClusterRole") && !str_is(kind, "Role")) continue;
        yyjson_arr_foreach(json_get(documents.items[i].root, "rules"), index, max, rule) add_rule(granted, kind.ptr, rule);
    }
}

static void read_table(struct granted *granted) {
    for (size_t i = 0; i < rights_count; i++) {
        const struct right *right = &rights[i];
        for (struct str rest = str_of(right->verbs); rest.len;) {
            size_t blank = str_find(rest, STR(" "));
            add(granted, right->place == RIGHT_AT_HOME ? "Role" : "ClusterRole", str_of(right->group), str_of(right->resource),
                str_first(rest, blank), str_of(right->name));
            rest = blank == SIZE_MAX ? STR_EMPTY : str_from(rest, blank + 1);
        }
        assert_true(strlen(right->lack) > 0);
    }
}

static bool has(const struct granted *granted, struct str right) {
    for (size_t i = 0; i < granted->count; i++) {
        if (str_equal(granted->rights[i], right)) return true;
    }
    return false;
}

static void what_is_shipped_is_the_table(void **state) {
    (void)state;
    struct granted shipped = {.count = 0}, table = {.count = 0};
    arena_init(&shipped.arena, 16 * 1024 * 1024);
    arena_init(&table.arena, 16 * 1024 * 1024);
    read_shipped(&shipped);
    read_table(&table);
    for (size_t i = 0; i < table.count; i++) {
        if (!has(&shipped, table.rights[i])) fail_msg("deploy/rbac.yaml lacks %s", table.rights[i].ptr);
    }
    for (size_t i = 0; i < shipped.count; i++) {
        if (!has(&table, shipped.rights[i])) fail_msg("src/controller/rights.c lacks %s", shipped.rights[i].ptr);
    }
    assert_int_equal(shipped.count, table.count);
    arena_release(&shipped.arena);
    arena_release(&table.arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_is_shipped_is_the_table)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
