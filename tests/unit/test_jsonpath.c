#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "data/jsonpath.h"

enum { ARENA_BYTES = 32 << 20 };

static const char TYPES[] =
    "{\"bools\":[true,false,true,false],\"integers\":[1,2,3,4],\"floats\":[1.0,2.2,3.3,4.0],\"strings\":[\"one\",\"two\",\"three\",\"four\"],"
    "\"mixed\":[true,\"one\",1,1.1],\"maps\":[{\"value\":1,\"name\":\"one\"},{\"name\":\"two\",\"value\":2.02}],\"big\":1234567.0,"
    "\"small\":0.000012,\"null\":null,\"html\":{\"a\":\"<b>&\"},\"labels\":{\"web/html\":15,\"k8s-app\":20,\"x.y/z\":\"q\"},\"empty\":[]}";
static const char NODES[] =
    "{\"kind\":\"List\",\"items\":["
    "{\"kind\":\"None\",\"metadata\":{\"name\":\"127.0.0.1\",\"labels\":{\"kubernetes.io/hostname\":\"127.0.0.1\"}},\"status\":{\"capacity\":{"
    "\"cpu\":\"4\"},\"ready\":true,\"addresses\":[{\"type\":\"LegacyHostIP\",\"address\":\"127.0.0.1\"}]}},"
    "{\"kind\":\"None\",\"metadata\":{\"name\":\"127.0.0.2\",\"labels\":{\"kubernetes.io/hostname\":\"127.0.0.2\"}},\"status\":{\"capacity\":{"
    "\"cpu\":\"8\"},\"ready\":false,\"addresses\":[{\"type\":\"LegacyHostIP\",\"address\":\"127.0.0.2\"},{\"type\":\"another\",\"address\":"
    "\"127.0.0.3\"}]}}],\"users\":[{\"name\":\"myself\",\"user\":{}},{\"name\":\"e2e\",\"user\":{\"username\":\"admin\",\"password\":"
    "\"secret\"}}]}";
static const char POINTS[] = "[{\"id\":\"i1\",\"x\":4,\"y\":-5},{\"id\":\"i2\",\"x\":-2,\"y\":-5,\"z\":1},{\"id\":\"i3\",\"x\":8,\"y\":3,\"z\":\"1\"},"
                             "{\"id\":\"i7\",\"x\":null,\"y\":4}]";
static const char NESTED[] =
    "{\"items\":[{\"metadata\":{\"name\":\"pod1\"},\"spec\":{\"containers\":[{\"name\":\"foo\",\"another\":[{\"name\":\"v1\"},{\"name\":\"v2\"}]},{"
    "\"name\":\"bar\",\"another\":[]}]}},{\"metadata\":{\"name\":\"pod2\"},\"spec\":{\"containers\":[{\"name\":\"baz\",\"another\":[]}]}}]}";

struct case_of {
    const char *template, *document, *expected; /* NULL: an error */
};

static bool run(const struct case_of *row, bool allows_missing, struct strbuf *out, struct error *error) {
    struct arena arena;
    arena_init(&arena, ARENA_BYTES);
    yyjson_val *root = json_parse(&arena, str_of(row->document), error);
    assert_non_null(root);
    const struct jsonpath *path = jsonpath_compile(&arena, str_of(row->template), error);
    bool ok = path && jsonpath_print(path, &arena, root, allows_missing, out, error);
    arena_release(&arena);
    return ok;
}

static void check(const struct case_of *rows, size_t count, bool allows_missing) {
    for (size_t i = 0; i < count; i++) {
        struct strbuf out = strbuf_with_max(1 << 16);
        struct error error = {0};
        bool ok = run(&rows[i], allows_missing, &out, &error);
        if (ok != (rows[i].expected != NULL)) fail_msg("%s: %s", rows[i].template, ok ? out.ptr : error.message);
        if (ok && !str_is(strbuf_view(&out), rows[i].expected)) fail_msg("%s: %s, not %s", rows[i].template, out.ptr, rows[i].expected);
        strbuf_release(&out);
    }
}

static void expressions_print_as_kubectl_does(void **state) {
    (void)state;
    static const struct case_of rows[] = {
        {"hello", "{}", "hello"},
        {"", "{}", ""},
        {"{ .bools }", TYPES, "[true,false,true,false]"},
        {"{ .bools[-1] }", TYPES, "false"},
        {"{ .bools[0:2] }", TYPES, "true false"},
        {"{ .bools[:4:2] }", TYPES, "true true"},
        {"{.integers[-2]}", TYPES, "3"},
        {"{.integers[1::2]}", TYPES, "2 4"},
        {"{.integers[0,2]}", TYPES, "1 3"},
        {"{.integers[*]}", TYPES, "1 2 3 4"},
        {"{.integers.*}", TYPES, "1 2 3 4"},
        {"{.integers[0:0]}", TYPES, ""},
        {"{.integers[0:-1]}", TYPES, "1 2 3"},
        {"{.integers[-1:]}", TYPES, "4"},
        {"{.integers[?(@>2)]}", TYPES, "3 4"},
        {"{.integers[?(@>=2)]}", TYPES, "2 3 4"},
        {"{.integers[?(@!=2)]}", TYPES, "1 3 4"},
        {"{.strings[?(@<\"three\")]}", TYPES, "one four"},
        {"{.floats}", TYPES, "[1,2.2,3.3,4]"},
        {"{.floats[*]}", TYPES, "1 2.2 3.3 4"},
        {"{.mixed}", TYPES, "[true,\"one\",1,1.1]"},
        {"{.maps[0]}", TYPES, "{\"name\":\"one\",\"value\":1}"},
        {"{.maps[*].name}", TYPES, "one two"},
        {"{.big} {.small}", TYPES, "1.234567e+06 1.2e-05"},
        {"{.null}", TYPES, "null"},
        {"{.html} {.html.a}", TYPES, "{\"a\":\"\\u003cb\\u003e\\u0026\"} <b>&"},
        {"{$.labels.web/html}", TYPES, "15"},
        {"{.labels['k8s-app']}", TYPES, "20"},
        {"{.labels.x\\.y/z}", TYPES, "q"},
        {"{.labels['x\\.y/z']}", TYPES, "q"},
        {"{\"{\"}{'a\\tb'}{\"\\u00e9\\x41\"}", "{}", "{a\tb\xc3\xa9" "A"},
        {"{1}{-1.5}{true}", "{}", "1-1.5true"},
        {"{.strings[0].*}", TYPES, "111 110 101"},
        {"{..}", "[1,2,3]", "[1,2,3]"},
        {"{..name}", TYPES, "one two"},
        {"{...name}", TYPES, "one two"},
        {"{..maps[1]['value']}", TYPES, "2.02"},
        {"{[?(@.z)].id}", POINTS, "i2 i3"},
        {"{[?(@.y==-5)].id}", POINTS, "i1 i2"},
        {"{[0]['id']}", POINTS, "i1"},
        {"{[-1]['x']}", POINTS, "null"},
        {"{.items[*].status.addresses[*].address}", NODES, "127.0.0.1 127.0.0.2 127.0.0.3"},
        {"{.items[*]['metadata.name', 'status.capacity']}", NODES, "127.0.0.1 127.0.0.2 {\"cpu\":\"4\"} {\"cpu\":\"8\"}"},
        {"{.users[?(@.name==\"e2e\")].user.password}", NODES, "secret"},
        {"{.users[?(@.name=='e2e')].user.password}", NODES, "secret"},
        {"{.items[?(@.metadata.labels.kubernetes\\.io/hostname==\"127.0.0.1\")].kind}", NODES, "None"},
        {"{.items[?(@..ready==true)].metadata.name}", NODES, "127.0.0.1"},
        {"{range .items[*]}{.metadata.name}, {end}{.kind}", NODES, "127.0.0.1, 127.0.0.2, List"},
        {"{range .items[*]}[{.metadata.name}, {.status.capacity}] {end}", NODES, "[127.0.0.1, {\"cpu\":\"4\"}] [127.0.0.2, {\"cpu\":\"8\"}] "},
        {"{range .items[*]}{.metadata.name}~{range @.spec.containers[*]}{.name}:{range @.another[*]}{.name},{end}+{end}#{end}", NESTED,
         "pod1~foo:v1,v2,+bar:+#pod2~baz:+#"},
        {"{range .empty[*]}{.metadata.name}{end}", TYPES, ""},
        /* numbers on either side, larger than each other and than an int64 */
        {"{[?(-3<@.y)].id}", POINTS, "i3 i7"},
        {"{[?(@>5)]}{[?(-1<@)]}", "[18446744073709551615,3]", "1844674407370955161518446744073709551615 3"},
        {"{.floats[?(@==2.2)]}{.floats[?(@<2.0)]}", TYPES, "2.21"},
        {"{.bools[?(@!=true)]}", TYPES, "false false"},
        {"{[?(@.z==\"1\")].id}", "[{\"id\":\"a\",\"z\":\"1\"},{\"id\":\"b\",\"z\":\"2\"}]", "a"},
        {"{.strings[?(@!='one')]}", TYPES, "two three four"},
        {"{.null[0]}{.null[*]}", TYPES, ""},
        {"{+1}{false}", "{}", "1false"},
        {"{\"\\n\\\\\\U0001F600\\u20ac\\101\"}", "{}", "\n\\\xf0\x9f\x98\x80\xe2\x82\xac" "A"},
        {"{.integers[0 , 1]}", TYPES, "1 2"},
        {"{.labels['web/html','k8s-app']}", TYPES, "15 20"},
        {"{.A_b9}", "{\"A_b9\":\"Z\"}", "Z"},
        {"{.\xc3\xa9}", "{\"\xc3\xa9\":1}", "1"},
    };
    check(rows, sizeof rows / sizeof *rows, false);
}

static void what_does_not_fit_is_an_error(void **state) {
    (void)state;
    static const struct case_of rows[] = {
        {"{.a", "{}", NULL},
        {"{.a\n}", "{}", NULL},
        {"{hello}", "{}", NULL},
        {"{.hello}", "{}", NULL},
        {"{.labels[0]}", TYPES, NULL},
        {"{.integers[4]}", TYPES, NULL},
        {"{.integers[-5]}", TYPES, NULL},
        {"{.integers[3:1]}", TYPES, NULL},
        {"{.integers[0:4:0]}", TYPES, NULL},
        {"{.integers[a]}", TYPES, NULL},
        {"{.integers[1:2:3:4]}", TYPES, NULL},
        {"{.integers[0}", TYPES, NULL},
        {"{.integers[?(@<>1)]}", TYPES, NULL},
        {"{.integers[?(@==1.5)]}", TYPES, NULL},
        {"{.integers[?(@==\"1\")]}", TYPES, NULL},
        {"{.integers[?(@==1]}", TYPES, NULL},
        {"{.labels[?(@==1)]}", TYPES, NULL},
        {"{.bools[?(@>true)]}", TYPES, NULL},
        {"{.maps[?(@.*==1)]}", TYPES, NULL},
        {"{....name}", TYPES, NULL},
        {"{end}", "{}", NULL},
        {"{range .items[*]}{.metadata.name}", NODES, NULL},
        {"{.items range}", NODES, NULL},
        {"{\"a}", "{}", NULL},
        {"{\"\\q\"}", "{}", NULL},
        {"{1.2.3}", "{}", NULL},
        {"{-}", "{}", NULL},
        {"{true .a}", "{\"a\":1}", NULL},
        {"{.a range}", "{}", NULL},
        {"{.a end}", "{}", NULL},
        {"{.a", "{}", NULL},
        {"{.a[\"b\n", "{}", NULL},
        {"{.a[0", "{}", NULL},
        {"{.a[?(@.b", "{}", NULL},
        {"{.a[?(@.b)", "{}", NULL},
        {"{.a[?(@.b=='x)]}", "{}", NULL},
        {"{.integers[+1:2]}", TYPES, NULL},
        {"{.integers[0:4:-1]}", TYPES, NULL},
        {"{.integers[9999999999999999999]}", TYPES, NULL},
        {"{.integers[-9:2]}", TYPES, NULL},
        {"{.integers[2:9]}", TYPES, NULL},
        {"{\"\\xZ1\"}", "{}", NULL},
        {"{\"\\x4\"}", "{}", NULL},
        {"{\"\\ud800\"}", "{}", NULL},
        {"{\"\\U00110000\"}", "{}", NULL},
        {"{\"\\400\"}", "{}", NULL},
        {"{\"\\\"}", "{}", NULL},
        {"{#}", "{}", NULL},
    };
    check(rows, sizeof rows / sizeof *rows, false);
}

static void missing_keys_find_nothing_where_they_may(void **state) {
    (void)state;
    static const struct case_of rows[] = {
        {"before-{.hello}after", TYPES, "before-after"},
        {"{.kind.x.y}", NODES, ""},
        {"{range .items[*]}{.metadata.name}{\":\"}{range @.spec.containers[*]}{.name}{end}{end}", "{\"items\":[]}", ""},
        {"{.items[?(@.a.b==\"x\")].c}", "{\"items\":[{\"a\":{\"b\":\"x\"},\"c\":1},{},{\"a\":{}}]}", "1"},
        {"{.items[5]}", NODES, NULL},
    };
    check(rows, sizeof rows / sizeof *rows, true);
}

static void columns_take_what_the_first_expression_finds(void **state) {
    (void)state;
    struct arena arena;
    struct error error = {0};
    struct jsonpath_values found = {0};
    arena_init(&arena, ARENA_BYTES);
    yyjson_val *root = json_parse(&arena, STR("{\"spec\":{\"a\":[1,2]},\"b\":3}"), &error);
    const struct jsonpath *path = jsonpath_compile_expression(&arena, STR(".spec.a[*]}{.b"), &error);
    assert_non_null(path);
    assert_true(jsonpath_find(path, &arena, root, &found, &error));
    assert_int_equal(found.count, 2);
    assert_ptr_equal(found.items[1], yyjson_arr_get(json_path(root, "spec", "a", NULL), 1));

    assert_true(jsonpath_find(jsonpath_compile_expression(&arena, STR("$"), &error), &arena, root, &found, &error));
    assert_int_equal(found.count, 1);
    assert_ptr_equal(found.items[0], root);

    assert_true(jsonpath_find(jsonpath_compile_expression(&arena, STR(".none.x"), &error), &arena, root, &found, &error));
    assert_int_equal(found.count, 0);
    assert_false(jsonpath_find(jsonpath_compile_expression(&arena, STR(".spec[0]"), &error), &arena, root, &found, &error));
    assert_int_equal(error.kind, ERROR_INVALID);
    arena_release(&arena);
}

static void growth_is_bounded(void **state) {
    (void)state;
    struct strbuf document = strbuf_with_max(1 << 20), out = strbuf_with_max(1 << 20);
    for (int i = 0; i < 100; i++) strbuf_append(&document, STR("[1,[1],"));
    strbuf_append(&document, STR("1"));
    for (int i = 0; i < 100; i++) strbuf_append(&document, STR("]"));
    struct case_of row = {"{...*...*...*...*}", document.ptr, NULL};
    struct error error = {0};
    assert_false(run(&row, true, &out, &error));
    assert_true(error.kind == ERROR_LIMIT || error.kind == ERROR_MEMORY);

    char deep[512] = "{.a";
    for (size_t i = 0; i < 40; i++) memcpy(deep + 3 + 6 * i, "[?(@.b", 7);
    row = (struct case_of){deep, "{}", NULL};
    assert_false(run(&row, true, &out, &error));
    strbuf_release(&document);
    strbuf_release(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(expressions_print_as_kubectl_does), cmocka_unit_test(what_does_not_fit_is_an_error),
        cmocka_unit_test(missing_keys_find_nothing_where_they_may), cmocka_unit_test(columns_take_what_the_first_expression_finds),
        cmocka_unit_test(growth_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
