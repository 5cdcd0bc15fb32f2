#include <string.h>

#include "data/patch.h"
#include "read_json.h"

enum { ARENA_BYTES = 1 << 26 };

/* The appendix of RFC 7386, and what Kubernetes relies on. */
static void merge_patches_apply(void **state) {
    (void)state;
    static const struct {
        const char *target, *patch, *result;
    } cases[] = {
        {"{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
        {"{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}"},
        {"{\"a\":\"b\"}", "{\"a\":null}", "{}"},
        {"{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}", "{\"b\":\"c\"}"},
        {"{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
        {"{\"a\":\"c\"}", "{\"a\":[\"b\"]}", "{\"a\":[\"b\"]}"},
        {"{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}", "{\"a\":{\"b\":\"d\"}}"},
        {"{\"a\":[{\"b\":\"c\"}]}", "{\"a\":[1]}", "{\"a\":[1]}"},
        {"[\"a\",\"b\"]", "[\"c\",\"d\"]", "[\"c\",\"d\"]"},
        {"{\"a\":\"b\"}", "[\"c\"]", "[\"c\"]"},
        {"{\"a\":\"foo\"}", "null", "null"},
        {"{\"a\":\"foo\"}", "\"bar\"", "\"bar\""},
        {"{\"e\":null}", "{\"a\":1}", "{\"e\":null,\"a\":1}"},
        {"[1,2]", "{\"a\":\"b\",\"c\":null}", "{\"a\":\"b\"}"},
        {"{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}"},
        {"{\"spec\":{\"x\":1,\"y\":{\"z\":2}},\"kind\":\"K\"}", "{\"spec\":{\"y\":{\"w\":3}}}",
         "{\"spec\":{\"x\":1,\"y\":{\"z\":2,\"w\":3}},\"kind\":\"K\"}"},
        {"{\"a\":18446744073709551615}", "{}", "{\"a\":18446744073709551615}"},
        {"{\"a0\":0,\"a1\":1,\"a2\":2,\"a3\":3,\"a4\":4,\"a5\":5,\"a6\":6,\"a7\":7,\"a8\":8,\"a9\":9,\"b0\":0,\"b1\":1,\"b2\":2,\"b3\":3,"
         "\"b4\":4,\"b5\":5,\"b6\":6}",
         "{\"a0\":null,\"a1\":null,\"a2\":null,\"a3\":null,\"a4\":null,\"a5\":null,\"a6\":null,\"a7\":null,\"a8\":null,\"a9\":{},\"b0\":"
         "null,\"b1\":null,\"b2\":9,\"b3\":null,\"b4\":null,\"b5\":null,\"c\":1}",
         "{\"a9\":{},\"b2\":9,\"b6\":6,\"c\":1}"},
    };
    struct arena arena;
    arena_init(&arena, ARENA_BYTES);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        yyjson_mut_val *built =
            patch_merge(&arena, json_builder(&arena), read_json(&arena, cases[i].target), read_json(&arena, cases[i].patch));
        struct strbuf out = strbuf_with_max(1 << 16);
        json_write(&out, json_freeze(&arena, built));
        if (!str_is(strbuf_view(&out), cases[i].result)) fail_msg("%s + %s: %s", cases[i].target, cases[i].patch, out.ptr);
        strbuf_release(&out);
    }
    yyjson_mut_val *built = patch_merge(&arena, json_builder(&arena), NULL, read_json(&arena, "{\"a\":null,\"b\":1}"));
    assert_int_equal(yyjson_mut_obj_size(built), 1);
    arena_release(&arena);
}

static const char deep_target[] = "{\"a\":{\"b\":{\"c\":{}}}}";

/* The appendix of RFC 6902, the examples of RFC 6901, and the edges of both. */
static void json_patches_apply(void **state) {
    (void)state;
    static const struct {
        const char *target, *patch, *result; /* result: NULL when it is refused */
        enum error_kind kind;
        const char *path;
    } cases[] = {
        {"{\"foo\":\"bar\"}", "[{\"op\":\"add\",\"path\":\"/baz\",\"value\":\"qux\"}]", "{\"foo\":\"bar\",\"baz\":\"qux\"}", 0, ""},
        {"{\"foo\":[\"bar\",\"baz\"]}", "[{\"op\":\"add\",\"path\":\"/foo/1\",\"value\":\"qux\"}]", "{\"foo\":[\"bar\",\"qux\",\"baz\"]}",
         0, ""},
        {"{\"baz\":\"qux\",\"foo\":\"bar\"}", "[{\"op\":\"remove\",\"path\":\"/baz\"}]", "{\"foo\":\"bar\"}", 0, ""},
        {"{\"foo\":[\"bar\",\"qux\",\"baz\"]}", "[{\"op\":\"remove\",\"path\":\"/foo/1\"}]", "{\"foo\":[\"bar\",\"baz\"]}", 0, ""},
        {"{\"baz\":\"qux\",\"foo\":\"bar\"}", "[{\"op\":\"replace\",\"path\":\"/baz\",\"value\":\"boo\"}]",
         "{\"baz\":\"boo\",\"foo\":\"bar\"}", 0, ""},
        {"{\"foo\":{\"bar\":\"baz\",\"waldo\":\"fred\"},\"qux\":{\"corge\":\"grault\"}}",
         "[{\"op\":\"move\",\"from\":\"/foo/waldo\",\"path\":\"/qux/thud\"}]",
         "{\"foo\":{\"bar\":\"baz\"},\"qux\":{\"corge\":\"grault\",\"thud\":\"fred\"}}", 0, ""},
        {"{\"foo\":[\"all\",\"grass\",\"cows\",\"eat\"]}", "[{\"op\":\"move\",\"from\":\"/foo/1\",\"path\":\"/foo/3\"}]",
         "{\"foo\":[\"all\",\"cows\",\"eat\",\"grass\"]}", 0, ""},
        {"{\"baz\":\"qux\",\"foo\":[\"a\",2,\"c\"]}",
         "[{\"op\":\"test\",\"path\":\"/baz\",\"value\":\"qux\"},{\"op\":\"test\",\"path\":\"/foo/1\",\"value\":2}]",
         "{\"baz\":\"qux\",\"foo\":[\"a\",2,\"c\"]}", 0, ""},
        {"{\"baz\":\"qux\"}", "[{\"op\":\"test\",\"path\":\"/baz\",\"value\":\"bar\"}]", NULL, ERROR_NOT_FOUND, "[0]"},
        {"{\"foo\":\"bar\"}", "[{\"op\":\"add\",\"path\":\"/child\",\"value\":{\"grandchild\":{}}}]",
         "{\"foo\":\"bar\",\"child\":{\"grandchild\":{}}}", 0, ""},
        {"{\"foo\":\"bar\"}", "[{\"op\":\"add\",\"path\":\"/baz\",\"value\":\"qux\",\"xyz\":123}]", "{\"foo\":\"bar\",\"baz\":\"qux\"}", 0,
         ""},
        {"{\"foo\":\"bar\"}", "[{\"op\":\"add\",\"path\":\"/baz/bat\",\"value\":\"qux\"}]", NULL, ERROR_NOT_FOUND, "[0]"},
        {"{\"/\":9,\"~1\":10}", "[{\"op\":\"test\",\"path\":\"/~01\",\"value\":10},{\"op\":\"test\",\"path\":\"/~1\",\"value\":9}]",
         "{\"/\":9,\"~1\":10}", 0, ""},
        {"{\"/\":9,\"~1\":10}", "[{\"op\":\"test\",\"path\":\"/~01\",\"value\":\"10\"}]", NULL, ERROR_NOT_FOUND, "[0]"},
        {"{\"foo\":[\"bar\"]}", "[{\"op\":\"add\",\"path\":\"/foo/-\",\"value\":[\"abc\",\"def\"]}]",
         "{\"foo\":[\"bar\",[\"abc\",\"def\"]]}", 0, ""},
        {"{\"foo\":[1,2],\"\":0,\"a/b\":1,\"c%d\":2,\"k\\\"l\":6,\" \":7,\"m~n\":8}",
         "[{\"op\":\"test\",\"path\":\"/\",\"value\":0},{\"op\":\"test\",\"path\":\"/a~1b\",\"value\":1},{\"op\":\"test\",\"path\":\"/"
         "c%d\",\"value\":2},"
         "{\"op\":\"test\",\"path\":\"/k\\\"l\",\"value\":6},{\"op\":\"test\",\"path\":\"/ "
         "\",\"value\":7},{\"op\":\"test\",\"path\":\"/m~0n\",\"value\":8},"
         "{\"op\":\"replace\",\"path\":\"\",\"value\":[]}]",
         "[]", 0, ""},
        {"{\"a\":1}", "[{\"op\":\"test\",\"path\":\"\",\"value\":{\"a\":1.0}}]", "{\"a\":1}", 0, ""},
        {"{\"a\":1}", "[{\"op\":\"add\",\"path\":\"/a\",\"value\":null}]", "{\"a\":null}", 0, ""},
        {"{\"a\":{\"b\":1}}", "[{\"op\":\"copy\",\"from\":\"/a\",\"path\":\"/a/c\"},{\"op\":\"remove\",\"path\":\"/a/b\"}]",
         "{\"a\":{\"c\":{\"b\":1}}}", 0, ""},
        {"{\"a\":1}", "[{\"op\":\"move\",\"from\":\"/a\",\"path\":\"/a\"}]", "{\"a\":1}", 0, ""},
        {"[1,2,3]",
         "[{\"op\":\"replace\",\"path\":\"/2\",\"value\":4},{\"op\":\"add\",\"path\":\"/3\",\"value\":5},{\"op\":\"remove\",\"path\":\"/"
         "0\"}]",
         "[2,4,5]", 0, ""},
        {"{}", "[]", "{}", 0, ""},
        {"{\"a\":1}", "[{\"op\":\"add\",\"path\":\"/b\",\"value\":2},{\"op\":\"remove\",\"path\":\"/c\"}]", NULL, ERROR_NOT_FOUND, "[1]"},
        {deep_target, "[{\"op\":\"move\",\"from\":\"/a\",\"path\":\"/a/b/d\"}]", NULL, ERROR_INVALID, "[0]"},
        {"{\"a\":1,\"ab\":{}}", "[{\"op\":\"move\",\"from\":\"/a\",\"path\":\"/ab/c\"}]", "{\"ab\":{\"c\":1}}", 0, ""},
        {"[1]", "[{\"op\":\"remove\",\"path\":\"/-\"}]", NULL, ERROR_NOT_FOUND, "[0]"},
        {"[1]", "[{\"op\":\"add\",\"path\":\"/2\",\"value\":1}]", NULL, ERROR_NOT_FOUND, "[0]"},
        {"[1,2]", "[{\"op\":\"remove\",\"path\":\"/01\"}]", NULL, ERROR_NOT_FOUND, "[0]"},
        {"[1]", "[{\"op\":\"remove\",\"path\":\"/99999999999999999999\"}]", NULL, ERROR_NOT_FOUND, "[0]"},
        {"{\"a\":1}", "[{\"op\":\"replace\",\"path\":\"/b\",\"value\":1}]", NULL, ERROR_NOT_FOUND, "[0]"},
        {"{\"a\":1}", "[{\"op\":\"add\",\"path\":\"/a/b\",\"value\":1}]", NULL, ERROR_NOT_FOUND, "[0]"},
        {"{\"a\":1}", "[{\"op\":\"add\",\"path\":\"a\",\"value\":1}]", NULL, ERROR_INVALID, "[0]"},
        {"{\"a\":1}", "[{\"op\":\"add\",\"path\":\"/~2\",\"value\":1}]", NULL, ERROR_INVALID, "[0]"},
        {"{\"a\":1}", "[{\"op\":\"add\",\"path\":\"/~\",\"value\":1}]", NULL, ERROR_INVALID, "[0]"},
        {"{\"a\":1}", "[{\"op\":\"add\",\"path\":\"/a\"}]", NULL, ERROR_INVALID, "[0]"},
        {"{\"a\":1}", "[{\"op\":\"add\",\"value\":1}]", NULL, ERROR_INVALID, "[0]"},
        {"{\"a\":1}", "[{\"op\":\"copy\",\"path\":\"/b\"}]", NULL, ERROR_INVALID, "[0]"},
        {"{\"a\":1}", "[{\"op\":\"spin\",\"path\":\"/b\",\"value\":1}]", NULL, ERROR_INVALID, "[0]"},
        {"{\"a\":1}", "[{\"op\":\"remove\",\"path\":\"\"}]", NULL, ERROR_INVALID, "[0]"},
        {"{\"a\":1}", "[{\"op\":\"move\",\"from\":\"\",\"path\":\"b\"}]", NULL, ERROR_INVALID, "[0]"},
        {"{\"a\":1}", "[7]", NULL, ERROR_INVALID, "[0]"},
        {"{\"a\":1}", "{\"op\":\"remove\",\"path\":\"/a\"}", NULL, ERROR_INVALID, ""},
    };
    struct arena arena;
    arena_init(&arena, ARENA_BYTES);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error error = {0};
        yyjson_val *target = read_json(&arena, cases[i].target);
        yyjson_mut_val *built = patch_json(&arena, json_builder(&arena), target, read_json(&arena, cases[i].patch), &error);
        if ((built != NULL) != (cases[i].result != NULL)) fail_msg("%s: %s", cases[i].patch, error.message);
        if (error.kind != cases[i].kind || strcmp(error.path, cases[i].path) != 0)
            fail_msg("%s: %s at %s", cases[i].patch, error.message, error.path);
        assert_true(json_equal(target, read_json(&arena, cases[i].target)));
        if (!built) continue;
        struct strbuf out = strbuf_with_max(1 << 16);
        json_write(&out, json_freeze(&arena, built));
        if (!str_is(strbuf_view(&out), cases[i].result)) fail_msg("%s: %s", cases[i].patch, out.ptr);
        strbuf_release(&out);
    }
    arena_release(&arena);
}

/* A copy into itself deepens by one and doubles the size: both must end. */
static void growth_is_bounded(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, ARENA_BYTES);
    struct strbuf patch = strbuf_with_max(1 << 24);
    struct error error = {0};
    strbuf_append(&patch, STR("[{\"op\":\"test\",\"path\":\"\",\"value\":{\"a\":{}}}"));
    for (int i = 0; i < 300; i++)
        strbuf_append(&patch, STR(",{\"op\":\"move\",\"from\":\"/a\",\"path\":\"/b\"},{\"op\":\"add\",\"path\":\"/a\",\"value\":{}},"
                                  "{\"op\":\"move\",\"from\":\"/b\",\"path\":\"/a/b\"}"));
    strbuf_append(&patch, STR("]"));
    assert_null(patch_json(&arena, json_builder(&arena), read_json(&arena, "{\"a\":{}}"), read_json(&arena, patch.ptr), &error));
    assert_int_equal(error.kind, ERROR_LIMIT);
    strbuf_clear(&patch);
    strbuf_append(&patch, STR("[{\"op\":\"test\",\"path\":\"/a\",\"value\":{}}"));
    for (int i = 0; i < 60; i++)
        strbuf_printf(&patch, ",{\"op\":\"copy\",\"from\":\"/a\",\"path\":\"/c\"},{\"op\":\"move\",\"from\":\"/c\",\"path\":\"/a/x%d\"}",
                      i);
    strbuf_append(&patch, STR("]"));
    assert_null(patch_json(&arena, json_builder(&arena), read_json(&arena, "{\"a\":{}}"), read_json(&arena, patch.ptr), &error));
    assert_int_equal(error.kind, ERROR_MEMORY);
    arena_release(&arena);
    strbuf_clear(&patch);
    strbuf_append(&patch, STR("[0"));
    for (int i = 0; i < LIMIT_PATCH_OPERATIONS; i++) strbuf_append(&patch, STR(",0"));
    strbuf_append(&patch, STR("]"));
    assert_null(patch_json(&arena, json_builder(&arena), read_json(&arena, "{}"), read_json(&arena, patch.ptr), &error));
    assert_int_equal(error.kind, ERROR_LIMIT);
    strbuf_release(&patch);
    arena_release(&arena);
}

static void merging_big_objects_is_linear(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, 1 << 28);
    struct strbuf text = strbuf_with_max(1 << 24);
    for (int i = 0; i < 100000; i++) strbuf_printf(&text, "%s\"key%d\":%d", i ? "," : "{", i, i);
    strbuf_append(&text, STR("}"));
    yyjson_val *big = read_json(&arena, text.ptr);
    yyjson_mut_val *built = patch_merge(&arena, json_builder(&arena), big, big);
    assert_true(json_equal(json_freeze(&arena, built), big));
    strbuf_release(&text);
    arena_release(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merge_patches_apply),
        cmocka_unit_test(json_patches_apply),
        cmocka_unit_test(growth_is_bounded),
        cmocka_unit_test(merging_big_objects_is_linear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
