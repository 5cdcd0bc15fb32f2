/*
 * What holds for the children of every valid ModelBooster, whatever its text: complete metadata, no null, nothing empty but what a
 * definition asks for, no variable twice, containers with name and image, keys in order, and a revision that is the hash of the rest.
 */
#ifndef MB_TESTS_UNIT_INVARIANTS_H
#define MB_TESTS_UNIT_INVARIANTS_H

#include "rendered.h"

/* Empty maps that mean something: written by the generator, or passed on for the user. */
static inline bool may_be_empty(struct str key) {
    static const char *const keys[] = {"emptyDir", "gangPolicy"};
    for (size_t i = 0; i < 2; i++)
        if (str_is(key, keys[i])) return true;
    return false;
}

static inline void assert_no_void(yyjson_val *value, struct str key, bool allows_empty) {
    size_t index, max;
    yyjson_val *name, *item;
    struct str last = STR_EMPTY;
    if (yyjson_is_null(value) && !allows_empty) fail_msg("null at %.*s", STR_ARG(key));
    if (!allows_empty && !may_be_empty(key) && json_is_empty(value)) fail_msg("empty %.*s", STR_ARG(key));
    if (yyjson_is_arr(value)) yyjson_arr_foreach(value, index, max, item) assert_no_void(item, key, allows_empty);
    if (!yyjson_is_obj(value)) return;
    yyjson_obj_foreach(value, index, max, name, item) {
        if (index && str_compare(last, json_text(name)) > 0) fail_msg("key %.*s after %.*s", STR_ARG(json_text(name)), STR_ARG(last));
        last = json_text(name);
        if (yyjson_is_null(item)) fail_msg("null at %.*s", STR_ARG(last));
        assert_no_void(item, last, allows_empty);
    }
}

static inline void assert_variables_differ(yyjson_val *env) {
    size_t i, j, max, inner_max;
    yyjson_val *one, *other;
    if (yyjson_arr_size(env) > 100) return;
    yyjson_arr_foreach(env, i, max, one) {
        yyjson_arr_foreach(env, j, inner_max, other) {
            struct str name = json_text(json_get(one, "name"));
            if (i != j && str_equal(name, json_text(json_get(other, "name")))) fail_msg("%.*s is set twice", STR_ARG(name));
        }
    }
}

static inline void assert_containers(yyjson_val *containers) {
    size_t index, max;
    yyjson_val *container;
    yyjson_arr_foreach(containers, index, max, container) {
        if (json_text(json_get(container, "name")).len == 0 || json_text(json_get(container, "image")).len == 0)
            fail_msg("container %zu has no name or no image", index);
        assert_variables_differ(json_get(container, "env"));
    }
}

static inline void assert_pods(const yyjson_val *serving) {
    static const char *const templates[] = {"entryTemplate", "workerTemplate"};
    size_t index, max;
    yyjson_val *role;
    yyjson_arr_foreach(json_path(serving, "spec", "template", "roles", NULL), index, max, role) {
        for (int i = 0; i < 2; i++) {
            yyjson_val *spec = json_path(role, templates[i], "spec", NULL);
            assert_containers(json_get(spec, "initContainers"));
            assert_containers(json_get(spec, "containers"));
        }
    }
}

/* `passes_empty`: the ModelBooster holds empty maps or lists, or lists with null, that are handed on. */
static inline void assert_invariants(const struct rendered *rendered, bool passes_empty) {
    assert_true(rendered->children.count >= 3);
    for (size_t i = 0; i < rendered->children.count; i++) {
        const struct child *child = &rendered->children.items[i];
        struct str revision = json_text(json_path(child->object, "metadata", "labels", LABEL_REVISION, NULL));
        yyjson_val *owner = yyjson_arr_get_first(json_path(child->object, "metadata", "ownerReferences", NULL));
        char expected[17];
        snprintf(expected, sizeof expected, "%016llx", (unsigned long long)child->revision);
        assert_true(str_is(revision, expected));
        assert_true(str_equal(json_text(json_path(child->object, "metadata", "name", NULL)), child->name));
        assert_true(str_equal(json_text(json_get(owner, "uid")), rendered->booster.uid));
        assert_true(json_bool_or(json_get(owner, "controller"), false) && json_bool_or(json_get(owner, "blockOwnerDeletion"), false));
        assert_true(i == 0 || child[-1].kind <= child->kind);
        assert_no_void((yyjson_val *)(uintptr_t)child->object, STR_EMPTY, passes_empty);
        if (child->kind == CHILD_SERVING) assert_pods(child->object);
    }
}

#endif
