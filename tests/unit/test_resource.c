#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "kube/resource.h"

static const struct kube_resource servings = {
    {"workload.serving.volcano.sh", 27}, {"v1alpha1", 8}, {"modelservings", 13}, {"ModelServing", 12}};
static const struct kube_resource maps = {{"", 0}, {"v1", 2}, {"configmaps", 10}, {"ConfigMap", 9}};
#define G "/apis/workload.serving.volcano.sh/v1alpha1"

static void expect(struct str got, const char *want) {
    if (!str_is(got, want)) fail_msg("got %.*s\nexpected %s", STR_ARG(got), want);
}

static void lists_and_watches(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, 1 << 20);
    static const struct {
        const char *namespace;
        struct kube_list_query query;
        const char *path;
    } cases[] = {
        {"", {0}, G "/modelservings"},
        {"default", {0}, G "/namespaces/default/modelservings"},
        {"", {.limit = 500}, G "/modelservings?limit=500"},
        {"", {.limit = 500, .continue_token = {"a/b+c=", 6}}, G "/modelservings?limit=500&continue=a%2Fb%2Bc%3D"},
        {"",
         {.resource_version = {"0", 1}, .resource_version_match = {"NotOlderThan", 12}},
         G "/modelservings?resourceVersion=0&resourceVersionMatch=NotOlderThan"},
        {"x",
         {.is_watch = true, .allow_bookmarks = true, .timeout_s = 301, .resource_version = {"7", 1}},
         G "/namespaces/x/modelservings?resourceVersion=7&watch=true&allowWatchBookmarks=true&timeoutSeconds=301"},
        {"",
         {.field_selector = {"metadata.name=a b", 17}, .label_selector = {"a in (b,c)", 10}},
         G "/modelservings?labelSelector=a%20in%20%28b%2Cc%29&fieldSelector=metadata.name%3Da%20b"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect(kube_list_path(&arena, &servings, str_of(cases[i].namespace), &cases[i].query), cases[i].path);
    arena_release(&arena);
}

static void objects_and_writes(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, 1 << 20);
    struct kube_write_query strict = {STR("model-booster"), STR("Strict"), false}, dry_run = {STR("model-booster"), STR_EMPTY, true};
    expect(kube_create_path(&arena, &servings, STR("d"), &strict),
           G "/namespaces/d/modelservings?fieldManager=model-booster&fieldValidation=Strict");
    expect(kube_create_path(&arena, &maps, STR("d"), &dry_run), "/api/v1/namespaces/d/configmaps?fieldManager=model-booster&dryRun=All");
    expect(kube_object_path(&arena, &servings, STR("d"), STR("a"), STR("status"), NULL), G "/namespaces/d/modelservings/a/status");
    expect(kube_object_path(&arena, &maps, STR_EMPTY, STR("a"), STR_EMPTY, NULL), "/api/v1/configmaps/a");
    /* a name from outside cannot leave its place in the path */
    expect(kube_object_path(&arena, &maps, STR("d"), STR("../x?y#%"), STR_EMPTY, NULL), "/api/v1/namespaces/d/configmaps/..%2Fx%3Fy%23%25");
    expect(kube_discovery_path(&arena, &servings), G);
    expect(kube_discovery_path(&arena, &maps), "/api/v1");
    expect(kube_api_version(&arena, &servings), "workload.serving.volcano.sh/v1alpha1");
    expect(kube_api_version(&arena, &maps), "v1");
    expect(kube_percent_encode(&arena, STR("\xC3\xA4-._~ \n")), "%C3%A4-._~%20%0A");
    arena_release(&arena);
}

static void an_exhausted_arena_gives_no_path(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, 64);
    assert_int_equal(kube_object_path(&arena, &servings, STR("default"), STR("a"), STR_EMPTY, NULL).len, 0);
    assert_true(arena.exhausted);
    arena_release(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_and_watches),
        cmocka_unit_test(objects_and_writes),
        cmocka_unit_test(an_exhausted_arena_gives_no_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
