#include <string.h>

#include "base/number.h"
#include "data/json.h"
#include "read_json.h"

enum { ARENA_BYTES = 1 << 26 };

static void numbers_are_exact(void **state) {
    (void)state;
    static const struct {
        const char *text, *canonical;
    } cases[] = {
        {"0", "0"},
        {"-0", "0"},
        {"-0.0", "0"},
        {"1.0", "1"},
        {"9223372036854775807", "9223372036854775807"},
        {"-9223372036854775808", "-9223372036854775808"},
        {"18446744073709551615", "18446744073709551615"},
        {"18446744073709551616", "18446744073709551616"},
        {"0.1", "0.1"},
        {"1e3", "1000"},
        {"1.5e-7", "1.5e-07"},
        {"1e20", "100000000000000000000"},
        {"1e21", "1e+21"},
        {"1.7976931348623157e308", "1.7976931348623157e+308"},
        {"5e-324", "5e-324"},
        {"123456789.12345679", "123456789.12345679"},
        {"9007199254740993", "9007199254740993"},
    };
    struct arena arena;
    arena_init(&arena, ARENA_BYTES);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct strbuf out = strbuf_with_max(1 << 12);
        yyjson_val *value = read_json(&arena, cases[i].text);
        json_write_canonical(&out, value);
        if (!str_is(strbuf_view(&out), cases[i].canonical)) fail_msg("%s: %s", cases[i].text, out.ptr);
        assert_true(json_equal(value, read_json(&arena, out.ptr)));
        strbuf_release(&out);
    }
    arena_release(&arena);
}

static void integers_are_taken_from_whole_numbers(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool ok;
        int64_t value;
    } cases[] = {
        {"1", true, 1},
        {"-1", true, -1},
        {"1.0", true, 1},
        {"1e3", true, 1000},
        {"1.5", false, 0},
        {"\"1\"", false, 0},
        {"true", false, 0},
        {"null", false, 0},
        {"9223372036854775807", true, INT64_MAX},
        {"-9223372036854775808", true, INT64_MIN},
        {"9223372036854775808", false, 0},
        {"1e19", false, 0},
        {"-9223372036854775808.0", true, INT64_MIN},
        {"9223372036854775808.0", false, 0},
        {"1e300", false, 0},
    };
    struct arena arena;
    arena_init(&arena, ARENA_BYTES);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t value = 0;
        if (json_int64(read_json(&arena, cases[i].text), &value) != cases[i].ok || value != cases[i].value) fail_msg("%s", cases[i].text);
    }
    assert_false(json_int64(NULL, &(int64_t){0}));
    arena_release(&arena);
}

static void mistakes_have_a_place(void **state) {
    (void)state;
    static const struct {
        const char *text;
        unsigned line, column;
    } cases[] = {
        {"[1\n,2\n,,]", 3, 2},
        {"{\"\xc3\xa9\": x}", 1, 7},
        {"[1] 2", 1, 5},
        {"[\n01]", 2, 1},
        {"[\n\n'a']", 3, 1},
        {"{a:1}", 1, 2},
        /* yyjson's versions differ in the column of these. */
        {"", 1, 0},
        {"{", 1, 0},
        {"nul", 1, 0},
        {"\"\\ud800\"", 1, 0},
        {"\"a\tb\"", 1, 0},
        {"1e999", 1, 0},
        {"NaN", 1, 0},
        {"/**/1", 1, 0},
        {"\"\xff\"", 1, 0},
        {"[1,]", 1, 0},
    };
    struct arena arena;
    arena_init(&arena, ARENA_BYTES);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error error = {0};
        if (json_parse(&arena, str_of(cases[i].text), &error)) fail_msg("%s is accepted", cases[i].text);
        bool is_there = error.line == cases[i].line && (error.column == cases[i].column || !cases[i].column);
        if (error.kind != ERROR_SYNTAX || !is_there) {
            fail_msg("%s: %u:%u %s", cases[i].text, error.line, error.column, error.message);
        }
        assert_null(json_parse(&arena, str_of(cases[i].text), NULL));
    }
    assert_null(json_parse(&arena, STR("1\0"), NULL));
    arena_release(&arena);
}

static void depth_and_memory_are_bounded(void **state) {
    (void)state;
    struct strbuf text = strbuf_with_max(1 << 16);
    for (int extra = 0; extra < 2; extra++) {
        strbuf_clear(&text);
        for (int i = 0; i < LIMIT_DOCUMENT_DEPTH + extra; i++) strbuf_append(&text, STR("["));
        strbuf_append(&text, STR("\"[[\\\"[[\""));
        for (int i = 0; i < LIMIT_DOCUMENT_DEPTH + extra; i++) strbuf_append(&text, STR("]"));
        struct arena arena;
        arena_init(&arena, ARENA_BYTES);
        struct error error = {0};
        bool ok = json_parse(&arena, strbuf_view(&text), &error) != NULL;
        assert_int_equal(ok, extra == 0);
        if (extra) assert_int_equal(error.kind, ERROR_LIMIT);
        arena_release(&arena);
        arena_init(&arena, 100);
        strbuf_clear(&text);
        strbuf_append(&text, STR("[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20]"));
        assert_null(json_parse(&arena, strbuf_view(&text), &error));
        assert_int_equal(error.kind, ERROR_MEMORY);
        assert_null(json_builder(&arena));
        arena_release(&arena);
    }
    strbuf_release(&text);
}

static void values_are_compared(void **state) {
    (void)state;
    static const struct {
        const char *a, *b;
        bool equal;
    } cases[] = {
        {"1", "1.0", true},
        {"1", "1.5", false},
        {"1", "\"1\"", false},
        {"0", "-0.0", true},
        {"0", "false", false},
        {"null", "null", true},
        {"null", "false", false},
        {"true", "false", false},
        {"\"a\"", "\"\\u0061\"", true},
        {"[1,2]", "[2,1]", false},
        {"[1,2]", "[1,2,3]", false},
        {"[[1],[2]]", "[[1.0],[2]]", true},
        {"{\"a\":1,\"b\":{\"c\":[2]}}", "{\"b\":{\"c\":[2]},\"a\":1}", true},
        {"{\"a\":1}", "{\"a\":1,\"b\":2}", false},
        {"{\"a\":1}", "{\"b\":1}", false},
        {"{\"a\":null}", "{}", false},
        {"[]", "{}", false},
        {"18446744073709551615", "18446744073709551615", true},
        {"18446744073709551615", "18446744073709551614", false},
        {"9223372036854775808", "9223372036854775808.0", true},
        {"9223372036854775809", "9223372036854775808.0", false},
        {"9223372036854775808", "9223372036854775807", false},
        {"9223372036854775808", "0.5", false},
        {"9223372036854775808", "-1e300", false},
        {"9223372036854775808", "1e300", false},
        {"1.5", "1.5", true},
        {"1.5", "2.5", false},
        {"\"a\"", "\"b\"", false},
        {"[[1],[2]]", "[[1],[3]]", false},
        {"{\"a\":{\"b\":1}}", "{\"a\":{\"b\":2}}", false},
        {"18446744073709551615", "18446744073709551615", true},
        {"18446744073709551615", "18446744073709551614", false},
        {"18446744073709551615", "18446744073709551616", false},
        {"9223372036854775808", "9223372036854775808.0", true},
        {"9007199254740993", "9007199254740992.0", false},
        {"-9223372036854775808", "-9223372036854775808.0", true},
        {"1e300", "1e300", true},
        {"{\"a\":1,\"a\":1}", "{\"a\":1,\"a\":1}", false},
        {"{\"a\":1,\"a\":1}", "{\"a\":1,\"b\":1}", false},
        {"{\"a\":1,\"b\":1}", "{\"a\":1,\"a\":1}", false},
    };
    struct arena arena;
    arena_init(&arena, ARENA_BYTES);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        yyjson_val *a = read_json(&arena, cases[i].a), *b = read_json(&arena, cases[i].b);
        if (json_equal(a, b) != cases[i].equal || json_equal(b, a) != cases[i].equal) fail_msg("%s and %s", cases[i].a, cases[i].b);
    }
    assert_true(json_equal(NULL, NULL));
    assert_false(json_equal(NULL, read_json(&arena, "null")));
    arena_release(&arena);
}

static void built_values_are_compared(void **state) {
    (void)state;
    static const struct {
        const char *a, *b;
        bool equal;
    } cases[] = {
        {"{\"a\":1,\"b\":[{\"c\":2,\"d\":3}]}", "{\"b\":[{\"d\":3,\"c\":2}],\"a\":1}", true},
        {"{\"a\":1,\"b\":2}", "{\"b\":1,\"a\":2}", false},
        {"{\"a\":1,\"b\":2}", "{\"a\":1,\"c\":2}", false},
        {"{\"a\":1}", "{\"a\":1,\"b\":2}", false},
        {"[1,2]", "[2,1]", false},
        {"[1]", "[1,1]", false},
        {"1", "1.0", false},
        {"{}", "[]", false},
        {"null", "null", true},
    };
    struct arena arena;
    arena_init(&arena, ARENA_BYTES);
    yyjson_mut_doc *doc = json_builder(&arena);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        yyjson_mut_val *a = yyjson_val_mut_copy(doc, read_json(&arena, cases[i].a)), *b = yyjson_val_mut_copy(doc, read_json(&arena, cases[i].b));
        if (json_mut_equal(a, b) != cases[i].equal || json_mut_equal(b, a) != cases[i].equal) fail_msg("%s and %s", cases[i].a, cases[i].b);
    }
    assert_true(json_mut_equal(NULL, NULL));
    assert_false(json_mut_equal(NULL, yyjson_mut_null(doc)));
    arena_release(&arena);
}

static void text_has_three_forms(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, ARENA_BYTES);
    yyjson_val *value =
        read_json(&arena, "{\"b\":[1,{\"z\":null,\"y\":true}],\"a\":\"q\\\"\\\\\\n\\t\\r\\u0001\xc3\xa9\",\"c\":{},\"d\":[],\"ab\":1.5}");
    static void (*const writers[])(struct strbuf *, const yyjson_val *) = {json_write, json_write_canonical, json_write_indented};
    static const char *const expected[] = {
        "{\"b\":[1,{\"z\":null,\"y\":true}],\"a\":\"q\\\"\\\\\\n\\t\\r\\u0001\xc3\xa9\",\"c\":{},\"d\":[],\"ab\":1.5}",
        "{\"a\":\"q\\\"\\\\\\n\\t\\r\\u0001\xc3\xa9\",\"ab\":1.5,\"b\":[1,{\"y\":true,\"z\":null}],\"c\":{},\"d\":[]}",
        "{\n  \"b\": [\n    1,\n    {\n      \"z\": null,\n      \"y\": true\n    }\n  ],\n  \"a\": "
        "\"q\\\"\\\\\\n\\t\\r\\u0001\xc3\xa9\",\n  \"c\": {},\n  \"d\": [],\n  \"ab\": 1.5\n}",
    };
    for (size_t i = 0; i < 3; i++) {
        struct strbuf out = strbuf_with_max(1 << 12);
        writers[i](&out, value);
        assert_string_equal(out.ptr, expected[i]);
        assert_true(json_equal(value, read_json(&arena, out.ptr)));
        strbuf_release(&out);
    }
    struct strbuf small = strbuf_with_max(5);
    json_write(&small, value);
    assert_true(small.failed);
    strbuf_release(&small);
    small = strbuf_with_max(100);
    json_write(&small, json_freeze(&arena, yyjson_mut_real(json_builder(&arena), 1e308 * 10)));
    assert_true(small.failed);
    strbuf_release(&small);
    arena_release(&arena);
}

static void texts_are_written_as_utf8(void **state) {
    (void)state;
    static const struct {
        struct str text;
        const char *written;
    } cases[] = {
        {STR("a\xff" "b"), "\"a\xef\xbf\xbd" "b\""},
        {STR("\xc3\xa9\xc3"), "\"\xc3\xa9\xef\xbf\xbd\""},
        {STR("\xed\xa0\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
        {STR("\xf0\x9f\x98\x80"), "\"\xf0\x9f\x98\x80\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct strbuf out = strbuf_with_max(100);
        json_write_text(&out, cases[i].text);
        assert_string_equal(out.ptr, cases[i].written);
        strbuf_release(&out);
    }
}

static void built_values_freeze(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, ARENA_BYTES);
    yyjson_mut_doc *doc = json_builder(&arena);
    yyjson_mut_val *object = yyjson_mut_obj(doc);
    assert_true(json_add_text(doc, object, "text", STR("v")));
    assert_true(json_add_text(doc, object, "empty", (struct str){0}));
    assert_true(json_add_int64(doc, object, "low", INT64_MIN));
    assert_true(json_add_copy(doc, object, "copy", read_json(&arena, "{\"x\":[1]}")));
    assert_true(json_add_copy(doc, object, "absent", NULL));
    assert_true(json_add_copy(doc, object, "null", read_json(&arena, "null")));
    yyjson_val *frozen = json_freeze(&arena, object);
    assert_true(json_equal(frozen, read_json(&arena, "{\"text\":\"v\",\"empty\":\"\",\"low\":-9223372036854775808,\"copy\":{\"x\":[1]}}")));
    assert_null(json_freeze(&arena, NULL));
    assert_true(json_is_text(json_path(frozen, "text", NULL), "v"));
    int64_t one = 0;
    assert_true(json_int64(yyjson_arr_get_first(json_path(frozen, "copy", "x", NULL)), &one) && one == 1);
    assert_null(json_path(frozen, "copy", "y", "z", NULL));
    assert_null(json_path(NULL, "a", NULL));
    assert_true(str_is(json_text(json_get_str(frozen, STR("text"))), "v"));
    assert_int_equal(json_text(json_get(frozen, "low")).len, 0);
    arena_release(&arena);
}

static void emptiness_is_kubernetes(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, ARENA_BYTES);
    static const char *const empty[] = {"null", "{}", "[]"}, *const full[] = {"0", "\"\"", "false", "[null]", "{\"a\":null}"};
    assert_true(json_is_empty(NULL));
    for (size_t i = 0; i < 3; i++) assert_true(json_is_empty(read_json(&arena, empty[i])));
    for (size_t i = 0; i < 5; i++) assert_false(json_is_empty(read_json(&arena, full[i])));
    assert_true(json_bool_or(read_json(&arena, "true"), false));
    assert_true(json_bool_or(read_json(&arena, "1"), true));
    assert_false(json_bool_or(NULL, false));
    arena_release(&arena);
}

/* 100,000 members in opposite orders: comparing may not take their product. */
static void big_objects_are_compared_fast(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, 1 << 28);
    struct strbuf up = strbuf_with_max(1 << 24), down = strbuf_with_max(1 << 24);
    for (int i = 0; i < 100000; i++) {
        strbuf_printf(&up, "%s\"k%d\":%d", i ? "," : "{", i, i);
        strbuf_printf(&down, "%s\"k%d\":%d", i ? "," : "{", 99999 - i, 99999 - i);
    }
    strbuf_append(&up, STR("}"));
    strbuf_append(&down, STR("}"));
    yyjson_val *a = read_json(&arena, up.ptr), *b = read_json(&arena, down.ptr);
    assert_true(json_equal(a, b));
    yyjson_mut_doc *doc = json_builder(&arena);
    assert_true(json_mut_equal(yyjson_val_mut_copy(doc, a), yyjson_val_mut_copy(doc, b)));
    strbuf_release(&up);
    strbuf_release(&down);
    arena_release(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_exact),
        cmocka_unit_test(integers_are_taken_from_whole_numbers),
        cmocka_unit_test(mistakes_have_a_place),
        cmocka_unit_test(depth_and_memory_are_bounded),
        cmocka_unit_test(values_are_compared),
        cmocka_unit_test(built_values_are_compared),
        cmocka_unit_test(text_has_three_forms),
        cmocka_unit_test(texts_are_written_as_utf8),
        cmocka_unit_test(built_values_freeze),
        cmocka_unit_test(emptiness_is_kubernetes),
        cmocka_unit_test(big_objects_are_compared_fast),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
