#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include "data/selector.h"

enum { ARENA_BYTES = 1 << 20 };

static void text_is_read_and_printed(void **state) {
    (void)state;
    static const struct {
        const char *text, *printed;
    } cases[] = {
        {"", ""},
        {"  ", ""},
        {"a=b", "a=b"},
        {"a==b", "a=b"},
        {"a!=b", "a!=b"},
        {" a = b , c != d ", "a=b,c!=d"},
        {"a=", "a="},
        {"a=,b", "a=,b"},
        {"a", "a"},
        {"!a", "!a"},
        {"! a", "!a"},
        {"a in (x)", "a=x"},
        {"a in (y, x,y)", "a in (x,y)"},
        {"a notin (x,y)", "a notin (x,y)"},
        {"a notin(x)", "a!=x"},
        {"a in ()", "a="},
        {"a in (,)", "a="},
        {"a in (x,)", "a in (,x)"},
        {"a in (,x)", "a in (,x)"},
        {"a in (x,,y)", "a in (,x,y)"},
        {"a>1", "a>1"},
        {"a < -0,b", NULL},
        {"a<7", "a<7"},
        {"in in (in,notin)", "in in (in,notin)"},
        {"notin=in", "notin=in"},
        {"in", "in"},
        {"example.com/app=x", "example.com/app=x"},
        {"a\t=\nb", "a=b"},
        {"A_.-9=b", "A_.-9=b"},
    };
    struct arena arena;
    arena_init(&arena, ARENA_BYTES);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct selector selector;
        struct error error = {0};
        bool ok = selector_parse(&arena, str_of(cases[i].text), &selector, &error);
        if (ok != (cases[i].printed != NULL)) fail_msg("%s: %s", cases[i].text, error.message);
        if (!ok) continue;
        struct strbuf out = strbuf_with_max(1 << 16);
        selector_write(&out, &selector);
        if (!str_is(strbuf_view(&out), cases[i].printed)) fail_msg("%s: %s", cases[i].text, out.ptr);
        strbuf_release(&out);
    }
    arena_release(&arena);
}

static void mistakes_are_named(void **state) {
    (void)state;
    static const struct {
        const char *text, *part;
    } cases[] = {
        {"a=b,", "after \",\""},
        {",a", "found \",\""},
        {"a b", "one of ="},
        {"a=b c", "\",\" or the end"},
        {"=b", "a label key"},
        {"a in x", "\"(\""},
        {"a in (x", "ends where"},
        {"a in (x y)", "found \"y\""},
        {"a in (x=y)", "found \"=\""},
        {"a=!b", "found \"!\""},
        {"a===b", "found \"=\""},
        {"!a=b", "after a key with"},
        {"!", "ends where a label key"},
        {"a>b", "need an integer"},
        {"a>", "need an integer"},
        {"-a=b", "not a label key"},
        {"a/b/c=d", "not a label key"},
        {"/a=b", "not a label key"},
        {"A.com/a=b", "not a label key"},
        {"a=-b", "not a label value"},
        {"a=b/c", "not a label value"},
        {"a=0123456789012345678901234567890123456789012345678901234567890123", "not a label value"},
        {"a=b)", "found \")\""},
        {"(a)", "a label key"},
        {"a in (x),,b", "a label key"},
        {"a=\xc3\xa9", "not a label value"},
    };
    struct arena arena;
    arena_init(&arena, ARENA_BYTES);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct selector selector = {.count = 77};
        struct error error = {0};
        if (selector_parse(&arena, str_of(cases[i].text), &selector, &error)) fail_msg("%s is accepted", cases[i].text);
        if (error.kind != ERROR_INVALID || !strstr(error.message, cases[i].part)) fail_msg("%s: %s", cases[i].text, error.message);
        assert_int_equal(selector.count, 77);
    }
    struct selector selector;
    assert_false(selector_parse(&arena, STR("a=\0"), &selector, NULL));
    arena_release(&arena);
}

static void labels_are_matched(void **state) {
    (void)state;
    static const struct {
        const char *selector;
        bool matches;
    } cases[] = {
        {"", true},
        {"app=x", true},
        {"app=y", false},
        {"app!=y", true},
        {"app!=x", false},
        {"none=x", false},
        {"none!=x", true},
        {"app", true},
        {"none", false},
        {"!app", false},
        {"!none", true},
        {"app in (w,x)", true},
        {"app in (y,z)", false},
        {"app notin (y,z)", true},
        {"app notin (x)", false},
        {"none notin (x)", true},
        {"empty=", true},
        {"empty", true},
        {"none=", false},
        {"app=x,tier=back", true},
        {"app=x,tier=front", false},
        {"count>6", true},
        {"count>7", false},
        {"count<8", true},
        {"count<7", false},
        {"app>1", false},
        {"none<1", false},
        {"wrong=1", false},
        {"!wrong", true},
    };
    struct arena arena;
    arena_init(&arena, ARENA_BYTES);
    yyjson_val *labels = json_parse(&arena, STR("{\"app\":\"x\",\"tier\":\"back\",\"empty\":\"\",\"count\":\"7\",\"wrong\":1}"), NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct selector selector;
        assert_true(selector_parse(&arena, str_of(cases[i].selector), &selector, NULL));
        if (selector_matches(&selector, labels) != cases[i].matches) fail_msg("%s", cases[i].selector);
    }
    struct selector selector;
    assert_true(selector_parse(&arena, STR("a!=b,!c"), &selector, NULL));
    assert_true(selector_matches(&selector, NULL));
    arena_release(&arena);
}

static void objects_are_read(void **state) {
    (void)state;
    static const struct {
        const char *json, *printed, *path; /* printed: NULL when it is refused */
    } cases[] = {
        {"{}", "", ""},
        {"{\"matchLabels\":{},\"matchExpressions\":null}", "", ""},
        {"{\"matchLabels\":{\"a\":\"b\",\"c\":\"\"}}", "a=b,c=", ""},
        {"{\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"In\",\"values\":[\"y\",\"x\"]},{\"key\":\"b\",\"operator\":\"NotIn\","
         "\"values\":[\"z\"]}]}",
         "a in (x,y),b!=z", ""},
        {"{\"matchLabels\":{\"l\":\"v\"},\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"Exists\"},{\"key\":\"b\",\"operator\":"
         "\"DoesNotExist\",\"values\":[]}]}",
         "l=v,a,!b", ""},
        {"[]", NULL, ""},
        {"{\"matchLabels\":[1]}", NULL, ""},
        {"{\"matchExpressions\":{\"a\":1}}", NULL, ""},
        {"{\"matchLabels\":{\"a\":1}}", NULL, "matchLabels"},
        {"{\"matchLabels\":{\"-\":\"b\"}}", NULL, "matchLabels"},
        {"{\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"Exists\"},{\"key\":\"a\",\"operator\":\"Gt\",\"values\":[\"1\"]}]}", NULL,
         "matchExpressions[1].operator"},
        {"{\"matchExpressions\":[{\"key\":\"a\"}]}", NULL, "matchExpressions[0].operator"},
        {"{\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"In\"}]}", NULL, "matchExpressions[0]"},
        {"{\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"Exists\",\"values\":[\"x\"]}]}", NULL, "matchExpressions[0]"},
        {"{\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"In\",\"values\":[1]}]}", NULL, "matchExpressions[0].values"},
        {"{\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"In\",\"values\":\"x\"}]}", NULL, "matchExpressions[0].values"},
        {"{\"matchExpressions\":[{\"operator\":\"Exists\"}]}", NULL, "matchExpressions[0]"},
    };
    struct arena arena;
    arena_init(&arena, ARENA_BYTES);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct selector selector;
        struct error error = {0};
        bool ok = selector_read(&arena, json_parse(&arena, str_of(cases[i].json), NULL), &selector, &error);
        if (ok != (cases[i].printed != NULL)) fail_msg("%s: %s", cases[i].json, error.message);
        if (strcmp(error.path, cases[i].path) != 0) fail_msg("%s: path %s", cases[i].json, error.path);
        if (!ok) continue;
        struct strbuf out = strbuf_with_max(1 << 16);
        selector_write(&out, &selector);
        if (!str_is(strbuf_view(&out), cases[i].printed)) fail_msg("%s: %s", cases[i].json, out.ptr);
        strbuf_release(&out);
    }
    struct selector nothing;
    assert_true(selector_read(&arena, NULL, &nothing, NULL));
    assert_false(selector_matches(&nothing, NULL));
    arena_release(&arena);
}

static void keys_and_values_are_validated(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool is_key, is_value;
    } cases[] = {
        {"", false, true},
        {"a", true, true},
        {"A-b_c.9", true, true},
        {"-a", false, false},
        {"a-", false, false},
        {".a", false, false},
        {"a b", false, false},
        {"example.com/a", true, false},
        {"a-b.c0/A", true, false},
        {"example.com/", false, false},
        {"/a", false, false},
        {"Example.com/a", false, false},
        {"a..b/c", false, false},
        {".a/c", false, false},
        {"a./c", false, false},
        {"-a/c", false, false},
        {"a-/c", false, false},
        {"a.-b/c", false, false},
        {"a-.b/c", false, false},
        {"a_b/c", false, false},
        {"012345678901234567890123456789012345678901234567890123456789012", true, true},
        {"0123456789012345678901234567890123456789012345678901234567890123", false, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct str text = str_of(cases[i].text);
        if (selector_key_is_valid(text) != cases[i].is_key || selector_value_is_valid(text) != cases[i].is_value)
            fail_msg("%s", cases[i].text);
    }
    char key[300];
    memset(key, 'a', sizeof key);
    key[253] = '/';
    assert_true(selector_key_is_valid((struct str){key, 255}));
    key[253] = 'a', key[254] = '/';
    assert_false(selector_key_is_valid((struct str){key, 256}));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_read_and_printed),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(labels_are_matched),
        cmocka_unit_test(objects_are_read),
        cmocka_unit_test(keys_and_values_are_validated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
