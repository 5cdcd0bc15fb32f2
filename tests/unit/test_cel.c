/* Rules in CEL: what they mean, what does not compile, what they may cost. Expectations are those of cel-go in Kubernetes' environment. */
#include <time.h>

#include "built.h"
#include "cel/cel.h"

static const struct cel_type text_type = {.kind = CEL_STRING, .max_elements = 64};
static const struct cel_type int_type = {.kind = CEL_INT};
static const struct cel_type double_type = {.kind = CEL_DOUBLE};
static const struct cel_type bool_type = {.kind = CEL_BOOL};
static const struct cel_type time_type = {.kind = CEL_TIMESTAMP};
static const struct cel_type any_type = {.kind = CEL_DYN, .max_elements = -1};
static const struct cel_type ints_type = {.kind = CEL_LIST, .element = &int_type, .max_elements = 10};
static const struct cel_type texts_type = {.kind = CEL_LIST, .element = &text_type, .max_elements = 10};
static const struct cel_type map_type = {.kind = CEL_MAP, .element = &int_type, .max_elements = 10};
static const struct cel_field item_fields[] = {{{"name", 4}, {"name", 4}, &text_type}, {{"n", 1}, {"n", 1}, &int_type}};
static const struct cel_type item_type = {.kind = CEL_OBJECT, .fields = item_fields, .field_count = 2};
static const struct cel_type items_type = {.kind = CEL_LIST, .element = &item_type, .max_elements = 10};
static const struct cel_field fields[] = {
    {{"s", 1}, {"s", 1}, &text_type},   {{"i", 1}, {"i", 1}, &int_type},         {{"d", 1}, {"d", 1}, &double_type}, {{"b", 1}, {"b", 1}, &bool_type},
    {{"t", 1}, {"t", 1}, &time_type},   {{"any", 3}, {"any", 3}, &any_type},     {{"ints", 4}, {"ints", 4}, &ints_type},
    {{"m", 1}, {"m", 1}, &map_type},    {{"items", 5}, {"items", 5}, &items_type}, {{"x-y", 3}, {"x__dash__y", 10}, &int_type},
    {{"texts", 5}, {"texts", 5}, &texts_type},
};
static const struct cel_type self_type = {.kind = CEL_OBJECT, .fields = fields, .field_count = sizeof fields / sizeof fields[0]};

static const char self_json[] =
    "{\"s\":\"h\xc3\xa4llo\",\"i\":7,\"d\":2,\"b\":true,\"t\":\"2026-01-02T03:04:05Z\",\"any\":{\"k\":[1,\"a\"]},\"ints\":[3,1,2],\"m\":{\"a\":1,\"b\":2},\"items\":[{\"name\":"
    "\"x\",\"n\":1},{\"name\":\"y\",\"n\":2}],\"x-y\":4,\"texts\":[\"a\",\"b\"]}";
static const char old_json[] = "{\"i\":6,\"s\":\"old\"}";

static yyjson_mut_val *parse(const char *json) {
    return yyjson_val_mut_copy(doc, read_json(&arena, json));
}

/* "true", "false", or what went wrong: at compile time or, after "run: ", later. */
static struct str outcome(const char *expression, uint64_t budget) {
    struct cel_environment environment = {.self = &self_type, .has_old_self = true};
    const struct cel_program *program;
    struct cel_result result;
    struct error error;
    if (!cel_compile(&arena, str_of(expression), &environment, CEL_BOOL, &program, &error)) return arena_copy(&arena, str_of(error.message));
    if (!cel_evaluate(program, &arena, parse(self_json), parse(old_json), &budget, &result, &error)) return arena_printf(&arena, "run: %s", error.message);
    return result.is_true ? STR("true") : STR("false");
}

static const char *const truths[] = {
    "true", "!false", "self.i == 7", "self.i + 1 == 8", "-self.i == -7", "7 % 4 == 3", "7 / 2 == 3", "2 * 3 + 4 == 10", "2 + 3 * 4 == 14", "(2 + 3) * 4 == 20",
    "self.d == 2.0", "self.d > 1.5", "self.d >= 2", "self.i >= 7 && self.i < 8", "1u + 2u == 3u", "0x1F == 31", "1e3 == 1000.0", "self.b ? true : false",
    "self.s == 'h\\u00e4llo'", "self.s.size() == 5", "size(self.s) == 5", "self.s.contains('llo')", "self.s.startsWith('h')", "self.s.endsWith(\"lo\")",
    "self.s.matches('^h.l+o$')", "r'\\d' == '\\\\d'", "'a' + 'b' == 'ab'", "'a' < 'b'", "'abc'.substring(1) == 'bc'", "'abc'.substring(1, 2) == 'b'",
    "'a,b,c'.split(',') == ['a', 'b', 'c']", "'a,b,c'.split(',', 2) == ['a', 'b,c']", "['a', 'b'].join('-') == 'a-b'", "' x '.trim() == 'x'",
    "'aXbX'.replace('X', 'y') == 'ayby'", "'aXbX'.replace('X', 'y', 1) == 'aybX'", "'ABC'.lowerAscii() == 'abc'", "'abc'.upperAscii() == 'ABC'",
    "'hello'.indexOf('l') == 2", "'hello'.lastIndexOf('l') == 3", "'abc'.charAt(1) == 'b'", "'a1b22'.find('[0-9]+') == '1'", "'a1b22'.findAll('[0-9]+') == ['1', '22']",
    "has(self.i)", "!has(self.any.zzz)", "has(self.any.k)", "self.any.k[0] == 1", "self.any.k[1] == 'a'", "self.x__dash__y == 4", "self.m['a'] == 1", "self.m.b == 2",
    "'a' in self.m", "!('z' in self.m)", "3 in self.ints", "!(9 in self.ints)", "self.ints[0] == 3", "self.ints.size() == 3", "self.ints + [4] == [3, 1, 2, 4]",
    "self.ints.all(x, x > 0)", "self.ints.exists(x, x == 2)", "self.ints.exists_one(x, x > 2)", "!self.ints.exists_one(x, x > 1)", "self.ints.filter(x, x > 1) == [3, 2]",
    "self.ints.map(x, x * 2) == [6, 2, 4]", "self.ints.map(x, x > 1, x * 2) == [6, 4]", "self.m.all(k, self.m[k] > 0)", "self.items.all(i, i.n > 0 && i.name != '')",
    "self.items.map(i, i.name) == ['x', 'y']", "self.items.exists(i, self.ints.exists(x, x == i.n))", "self.ints.sum() == 6", "self.ints.min() == 1", "self.ints.max() == 3",
    "!self.ints.isSorted()", "[1, 2, 2].isSorted()", "self.ints.indexOf(1) == 1", "[1, 2, 1].lastIndexOf(1) == 2", "type(1) == int", "type('a') == string",
    "int('12') == 12", "int(2.9) == 2", "string(12) == '12'", "double('1.5') == 1.5", "string(1.5) == '1.5'", "bool('true')", "uint(3) == 3u", "dyn(1) == 1.0",
    "self.t > timestamp('2026-01-01T00:00:00Z')", "self.t - timestamp('2026-01-02T03:04:00Z') == duration('5s')", "duration('1h30m') > duration('1h')",
    "self.t + duration('1m') == timestamp('2026-01-02T03:05:05Z')", "{'a': 1}.a == 1", "{'a': 1, 'b': 2} == {'b': 2, 'a': 1}", "[1, 2] != [2, 1]", "null == null",
    "self.i > oldSelf.i", "self != oldSelf", "oldSelf.s == 'old'", "false || true || (1 / 0 == 0)", "(1 / 0 == 0) || true", "!(false && (1 / 0 == 0))", "1 == 1 // a comment",
    "[].all(x, false)", "![].exists(x, true)", "self.ints.exists(x, 1 / (x - 3) > 0 || x == 2)", "'''a\nb''' == 'a\\nb'", "b'abc' == b'abc'",
};

static void means_what_cel_says(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof truths / sizeof truths[0]; i++) {
        struct str found = outcome(truths[i], 1000000);
        if (!str_is(found, "true")) fail_msg("%s: %.*s", truths[i], STR_ARG(found));
    }
}

static const struct {
    const char *expression, *wanted; /* the start */
} failures[] = {
    {"self.nothing == 1", "compilation failed: ERROR: <input>:1:5: undefined field 'nothing'\n | self.nothing == 1\n | ....^"},
    {"foo == 1", "compilation failed: ERROR: <input>:1:1: undeclared reference to 'foo' (in container '')\n | foo == 1\n | ^"},
    {"self.i == 'a'", "compilation failed: ERROR: <input>:1:8: found no matching overload for '_==_' applied to '(int, string)'"},
    {"self.d == 2", "compilation failed: ERROR: <input>:1:8: found no matching overload for '_==_' applied to '(double, int)'"},
    {"self.s + 1 == 'a'", "compilation failed: ERROR: <input>:1:8: found no matching overload for '_+_' applied to '(string, int)'"},
    {"self.s.nope()", "compilation failed: ERROR: <input>:1:12: undeclared reference to 'nope' (in container '')"},
    {"self.i", "must evaluate to a bool"},
    {"self.i ==", "compilation failed: ERROR: <input>:1:10: Syntax error: mismatched input '<EOF>'"},
    {"self.i == 1)", "compilation failed: ERROR: <input>:1:12: Syntax error: extraneous input ')'"},
    {"'abc", "compilation failed: ERROR: <input>:1:1: Syntax error: token recognition error at: ''abc'"},
    {"self.ints.all(1, true)", "compilation failed: ERROR: <input>:1:15: argument must be a simple name"},
    {"self.ints.all(x, x)", "compilation failed: ERROR: <input>:1:18: expected type 'bool' but found 'int'"},
    {"self.i.all(x, true)", "compilation failed: ERROR: <input>:1:5: expression of type 'int' cannot be range of a comprehension"},
    {"has(self)", "compilation failed: ERROR: <input>:1:1: invalid argument to has() macro"},
    {"9223372036854775808 == 1", "compilation failed: ERROR: <input>:1:1: Syntax error: invalid int literal"},
    {"1 / (self.i - 7) == 1", "run: division by zero"},
    {"self.i % (self.i - 7) == 1", "run: modulus by zero"},
    {"9223372036854775807 + self.i > 0", "run: integer overflow"},
    {"self.ints[5] == 1", "run: index out of bounds: 5"},
    {"self.m['z'] == 1", "run: no such key: z"},
    {"self.any.nope == 1", "run: no such key: nope"},
    {"self.any.k + 1 == 2", "run: no such overload"},
    {"self.ints.all(x, 1 / (x - 3) > 0)", "false"},
    {"'a'.substring(5) == ''", "run: index out of range: 5"},
    {"self.s.matches('(')", "compilation failed: ERROR: <input>:1:16: invalid matches argument"},
    {"self.s.matches('(' + self.s)", "run: error parsing regexp: "},
};

static void says_what_is_wrong(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++) {
        struct str found = outcome(failures[i].expression, 1000000);
        if (!str_starts_with(found, str_of(failures[i].wanted)))
            fail_msg("%s\nfound    %.*s\nexpected %s", failures[i].expression, STR_ARG(found), failures[i].wanted);
    }
}

static void stops_at_its_budget(void **state) {
    (void)state;
    struct str found = outcome("[1,2,3,4,5,6,7,8,9].all(a, [1,2,3,4,5,6,7,8,9].all(b, [1,2,3,4,5,6,7,8,9].all(c, a + b + c > 0)))", 500);
    if (!str_is(found, "run: operation cancelled: actual cost limit exceeded")) fail_msg("%.*s", STR_ARG(found));
    struct str nested = STR("true");
    for (int i = 0; i < 300; i++) nested = arena_join(&arena, STR("("), nested, STR(")"));
    assert_true(str_contains(outcome(nested.ptr, 1000), STR("recursion limit exceeded")));
}

static void quotes_whole_characters(void **state) {
    (void)state;
    static const char *const sources[] = {"se\xda\x99.i", "self.s == '\\\xc3\xa4'", "\xf0\x9f\x98\x80", "s b'\\260'"};
    for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++) {
        struct str found = outcome(sources[i], 1000);
        if (!str_contains(found, STR("ERROR")) || !str_is_utf8(found)) fail_msg("%.*s", STR_ARG(found));
    }
}

/* Items are links of a chain: walking to each from the first would take minutes. */
static void walks_long_lists_once(void **state) {
    (void)state;
    static const char *const expressions[] = {"self.all(x, x >= 0)", "self.sum() > 0", "self.isSorted() && self.lastIndexOf(1) == 1", "self + [1] == self + [1]",
                                              "self.max() == 199999"};
    struct cel_environment environment = {.self = &ints_type};
    yyjson_mut_val *numbers = yyjson_mut_arr(doc);
    for (int64_t i = 0; i < 200000; i++) assert_true(yyjson_mut_arr_add_int(doc, numbers, i));
    clock_t begin = clock();
    for (size_t i = 0; i < sizeof expressions / sizeof expressions[0]; i++) {
        const struct cel_program *program;
        struct cel_result result;
        struct error error = {0};
        uint64_t budget = 10000000;
        assert_true(cel_compile(&arena, str_of(expressions[i]), &environment, CEL_BOOL, &program, &error));
        if (!cel_evaluate(program, &arena, numbers, NULL, &budget, &result, &error)) fail_msg("%s: %s", expressions[i], error.message);
        if (!result.is_true) fail_msg("%s", expressions[i]);
    }
    assert_true(clock() - begin < 10 * CLOCKS_PER_SEC);
}

static void estimates_cost_by_declared_bounds(void **state) {
    (void)state;
    struct cel_environment environment = {.self = &self_type};
    const struct cel_program *bounded, *unbounded;
    struct error error;
    assert_true(cel_compile(&arena, STR("self.ints.all(x, x > 0)"), &environment, CEL_BOOL, &bounded, &error));
    assert_true(cel_compile(&arena, STR("self.any.all(x, self.any.all(y, x == y))"), &environment, CEL_BOOL, &unbounded, &error));
    assert_in_range(cel_estimate_cost(bounded), 10, 200);
    assert_true(cel_estimate_cost(unbounded) > 10000000);
    assert_false(cel_compile(&arena, STR("oldSelf.i == 1"), &environment, CEL_BOOL, &bounded, &error)); /* it was not declared */
}

static void knows_an_old_self_that_may_not_be(void **state) {
    (void)state;
    struct cel_environment environment = {.self = &self_type, .has_old_self = true, .is_old_self_optional = true};
    const struct cel_program *program;
    struct cel_result result;
    struct error error;
    uint64_t budget = 10000;
    if (!cel_compile(&arena, STR("!oldSelf.hasValue() || oldSelf.value().i < self.i"), &environment, CEL_BOOL, &program, &error)) fail_msg("%s", error.message);
    assert_true(cel_uses_old_self(program));
    assert_true(cel_evaluate(program, &arena, parse(self_json), NULL, &budget, &result, &error) && result.is_true);
    assert_true(cel_evaluate(program, &arena, parse(old_json), parse(self_json), &budget, &result, &error) && !result.is_true);
    if (!cel_compile(&arena, STR("oldSelf.?i.orValue(0) < self.i"), &environment, CEL_BOOL, &program, &error)) fail_msg("%s", error.message);
    assert_true(cel_evaluate(program, &arena, parse(self_json), NULL, &budget, &result, &error) && result.is_true);
}

static void makes_messages(void **state) {
    (void)state;
    struct cel_environment environment = {.self = &self_type};
    const struct cel_program *program;
    struct cel_result result;
    struct error error;
    uint64_t budget = 10000;
    assert_true(cel_compile(&arena, STR("'i is ' + string(self.i)"), &environment, CEL_STRING, &program, &error));
    assert_true(cel_evaluate(program, &arena, parse(self_json), NULL, &budget, &result, &error));
    assert_true(str_is(result.text, "i is 7"));
}

static void escapes_names(void **state) {
    (void)state;
    assert_true(str_is(cel_escape_field(&arena, STR("a-b.c/d")), "a__dash__b__dot__c__slash__d"));
    assert_true(str_is(cel_escape_field(&arena, STR("in")), "__in__"));
    assert_true(str_is(cel_escape_field(&arena, STR("a__b")), "a__underscores__b"));
    assert_int_equal(cel_escape_field(&arena, STR("a b")).len, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(means_what_cel_says), TEST(says_what_is_wrong), TEST(stops_at_its_budget), TEST(walks_long_lists_once), TEST(quotes_whole_characters), TEST(estimates_cost_by_declared_bounds), TEST(knows_an_old_self_that_may_not_be),
        TEST(makes_messages),      TEST(escapes_names),
    };
    return cmocka_run_group_tests_name("cel", tests, NULL, NULL);
}
