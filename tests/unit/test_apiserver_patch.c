/* Patches against the embedded API server: strategic ones, server-side apply, and who owns what afterwards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "apiserver_fixture.h"

#define PODS  "/api/v1/namespaces/default/pods"
#define MAPS  "/api/v1/namespaces/default/configmaps"
#define EVENTS "/api/v1/namespaces/default/events"
#define APPLY "application/apply-patch+yaml"

static struct rig_answer patch(int status, const char *target, const char *type, const char *body) {
    struct rig_answer answer = rig_send(rig, "PATCH", target, type, NULL, body);
    if (answer.status != status) fail_msg("PATCH %s: %d %.*s", target, answer.status, STR_ARG(answer.body));
    return answer;
}

static void strategic_patches_merge_lists_by_key(void **state) {
    (void)state;
    rig_expect(rig, 201, "POST", PODS,
               "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"p\"},\"spec\":{\"containers\":[{\"name\":\"a\",\"image\":\"x\"},"
               "{\"name\":\"b\",\"image\":\"y\"}]}}");
    struct rig_answer patched = patch(200, PODS "/p", "application/strategic-merge-patch+json",
                                      "{\"spec\":{\"containers\":[{\"name\":\"b\",\"image\":\"z:1\"}]}}");
    assert_text(rig_text(&patched, "spec/containers/0/image"), "x");
    assert_text(rig_text(&patched, "spec/containers/1/image"), "z:1");
    struct rig_answer refused =
        patch(400, PODS "/p", "application/strategic-merge-patch+json", "{\"metadata\":{\"$deleteFromPrimitiveList\":[\"a\"]}}");
    assert_text(rig_text(&refused, "message"), "invalid patch format of primitive list");
}

/* Times that an event lacks are shown as null: a patch by an event recorder meets them again. */
static void patches_bear_what_is_null(void **state) {
    (void)state;
    rig_expect(rig, 201, "POST", EVENTS,
               "{\"apiVersion\":\"v1\",\"kind\":\"Event\",\"metadata\":{\"name\":\"e\"},\"involvedObject\":{\"kind\":\"Pod\",\"name\":\"p\","
               "\"namespace\":\"default\"},\"count\":1}");
    struct rig_answer patched = patch(200, EVENTS "/e", "application/strategic-merge-patch+json", "{\"count\":2,\"message\":\"again\"}");
    assert_text(rig_text(&patched, "message"), "again");
}

static void wrong_patches_are_told_as_such(void **state) {
    (void)state;
    rig_expect(rig, 201, "POST", MAPS, "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"w\"}}");
    struct rig_answer refused = patch(422, MAPS "/w", "application/merge-patch+json", "{\"kind\":\"Secret\"}");
    assert_text(rig_text(&refused, "details/causes/0/field"), "patch");
    refused = patch(422, MAPS "/w", "application/merge-patch+json", "{\"data\":{\"k\":5}}");
    assert_text(rig_text(&refused, "details/causes/0/field"), "patch");
    refused = patch(500, MAPS "/w?fieldManager=m", APPLY, "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"w\"},\"more\":1}");
    assert_text(rig_text(&refused, "message"), "failed to create typed patch object (/w; /v1, Kind=ConfigMap): .more: field not declared in schema");
}

static void creates_are_owned(void **state) {
    (void)state;
    rig_expect(rig, 201, "POST", MAPS "?fieldManager=me", "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"a\"},\"data\":{\"k\":\"v\"}}");
    struct rig_answer got = rig_expect(rig, 200, "GET", MAPS "/a", NULL);
    assert_text(rig_text(&got, "metadata/managedFields/0/manager"), "me");
    assert_text(rig_text(&got, "metadata/managedFields/0/operation"), "Update");
    assert_non_null(json_path(yyjson_arr_get_first(json_path(got.json, "metadata", "managedFields", NULL)), "fieldsV1", "f:data", "f:k", NULL));
}

static void applies_merge_conflict_and_force(void **state) {
    (void)state;
    patch(201, MAPS "/b?fieldManager=one", APPLY, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\ndata: {k: \"1\", l: \"1\"}\n");
    patch(200, MAPS "/b?fieldManager=two", APPLY, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\ndata: {m: \"2\"}\n");
    struct rig_answer refused =
        patch(409, MAPS "/b?fieldManager=two", APPLY, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\ndata: {k: \"2\"}\n");
    assert_text(rig_text(&refused, "message"), "Apply failed with 1 conflict: conflict with \"one\": .data.k");
    assert_text(rig_text(&refused, "details/causes/0/reason"), "FieldManagerConflict");
    patch(200, MAPS "/b?fieldManager=two&force=true", APPLY, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\ndata: {k: \"2\"}\n");
    struct rig_answer less = patch(200, MAPS "/b?fieldManager=one", APPLY, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\ndata: {}\n");
    assert_text(rig_text(&less, "data/k"), "2");
    assert_text(rig_text(&less, "data/l"), "");
    assert_text(rig_text(&less, "data/m"), "");
}

static void applying_the_same_writes_nothing(void **state) {
    (void)state;
    const char *body = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {k: \"1\"}\n";
    struct rig_answer first = patch(201, MAPS "/c?fieldManager=one", APPLY, body);
    struct rig_answer second = patch(200, MAPS "/c?fieldManager=one", APPLY, body);
    assert_true(str_equal(rig_text(&first, "metadata/resourceVersion"), rig_text(&second, "metadata/resourceVersion")));
}

#define MAP_TWICE "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"t\"},\"data\":{\"k\":\"first\"},\"data\":{\"k\":\"last\"}}"

static size_t count_of(struct str text, const char *part) {
    size_t count = 0;
    for (size_t at; (at = str_find(text, str_of(part))) != SIZE_MAX; count++) text = str_from(text, at + 1);
    return count;
}

/* The first of equal keys would be what is validated, and the last what Go's clients read. */
static void repeated_keys_are_never_stored(void **state) {
    (void)state;
    static const struct {
        const char *query, *type, *body, *warning;
    } cases[] = {
        {"", "application/merge-patch+json", "{\"data\":{\"k\":\"first\"},\"data\":{\"k\":\"last\"}}", "duplicate field \\\"data\\\""},
        {"", "application/strategic-merge-patch+json", "{\"data\":{\"k\":\"first\",\"k\":\"last\"}}", "duplicate field \\\"data.k\\\""},
        {"", "application/json-patch+json", "[{\"op\":\"add\",\"path\":\"/data\",\"value\":{\"k\":\"first\",\"k\":\"last\"}}]", "json patch duplicate field \\\"[0].value.k\\\""},
        {"", "application/json-patch+json", "[{\"op\":\"replace\",\"path\":\"\",\"value\":" MAP_TWICE "}]",
         "json patch duplicate field \\\"[0].value.data\\\""},
        {"fieldManager=m&force=true&", APPLY, MAP_TWICE, NULL}, /* as YAML it is not to be read at all */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rig_expect(rig, 201, "POST", MAPS, "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"t\"}}");
        const char *target = arena_printf(rig_arena(rig), MAPS "/t?%s", cases[i].query).ptr;
        struct rig_answer strict =
            rig_send(rig, "PATCH", arena_printf(rig_arena(rig), "%sfieldValidation=Strict", target).ptr, cases[i].type, NULL, cases[i].body);
        assert_true(strict.status == 400 || strict.status == 422);
        struct rig_answer ignored =
            rig_send(rig, "PATCH", arena_printf(rig_arena(rig), "%sdryRun=All&fieldValidation=Ignore", target).ptr, cases[i].type, NULL, cases[i].body);
        assert_text(ignored.warnings, "");
        if (cases[i].warning) {
            assert_true(str_contains(rig_text(&strict, "message"), STR("strict decoding error: ")));
            struct rig_answer warned = patch(200, target, cases[i].type, cases[i].body);
            assert_text(warned.warnings, arena_printf(rig_arena(rig), "299 - \"%s\"\n", cases[i].warning).ptr);
            assert_text(rig_text(&warned, "data/k"), "last");
        }
        struct rig_answer got = rig_expect(rig, 200, "GET", MAPS "/t", NULL);
        assert_int_equal(count_of(got.body, "\"data\":"), cases[i].warning != NULL);
        assert_int_equal(count_of(got.body, "\"k\":"), cases[i].warning != NULL);
        rig_expect(rig, 200, "DELETE", MAPS "/t", NULL);
    }
}

/* What names an object is what is stored of it: none can be made to look like another. */
static void no_patch_spoofs_metadata(void **state) {
    (void)state;
    rig_expect(rig, 201, "POST", MAPS, "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"s\"}}");
    patch(400, MAPS "/s", "application/json-patch+json",
          "[{\"op\":\"replace\",\"path\":\"\",\"value\":{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"s\"},"
          "\"metadata\":{\"name\":\"other\",\"namespace\":\"kube-system\"}}}]");
    struct rig_answer got = rig_expect(rig, 200, "GET", MAPS "/s", NULL);
    assert_int_equal(count_of(got.body, "\"metadata\":"), 1);
    assert_text(rig_text(&got, "metadata/name"), "s");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(strategic_patches_merge_lists_by_key, set_up, tear_down),
        cmocka_unit_test_setup_teardown(patches_bear_what_is_null, set_up, tear_down),
        cmocka_unit_test_setup_teardown(wrong_patches_are_told_as_such, set_up, tear_down),
        cmocka_unit_test_setup_teardown(creates_are_owned, set_up, tear_down),
        cmocka_unit_test_setup_teardown(applies_merge_conflict_and_force, set_up, tear_down),
        cmocka_unit_test_setup_teardown(applying_the_same_writes_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(repeated_keys_are_never_stored, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_patch_spoofs_metadata, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
