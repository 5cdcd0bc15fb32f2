#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "data/yaml_read.h"

enum { ARENA_BYTES = 1 << 28 };

/* The documents as canonical JSON, one a line. */
static char *documents_as_text(struct arena *arena, const struct yaml_documents *documents) {
    struct strbuf out = strbuf_with_max(1 << 26);
    for (size_t i = 0; i < documents->count; i++) {
        if (i) strbuf_append_char(&out, '\n');
        json_write_canonical(&out, documents->items[i].root);
    }
    assert_false(out.failed);
    char *text = (char *)(uintptr_t)arena_copy(arena, strbuf_view(&out)).ptr;
    strbuf_release(&out);
    return text;
}

static void check_reads(const char *text, const char *json) {
    struct arena arena;
    arena_init(&arena, ARENA_BYTES);
    struct yaml_documents documents = {0};
    struct error error = {0};
    if (!yaml_read(&arena, str_of(text), &documents, &error)) fail_msg("%s: line %u: %s", text, error.line, error.message);
    const char *found = documents_as_text(&arena, &documents);
    if (strcmp(found, json) != 0) fail_msg("%s: %s, expected %s", text, found, json);
    arena_release(&arena);
}

struct reading {
    const char *text, *json;
};

/* Each line agrees with sigs.k8s.io/yaml 1.6.0. */
static const struct reading scalars[] = {
    {"[y, Y, yes, Yes, YES, on, On, ON, true, True, TRUE]", "[true,true,true,true,true,true,true,true,true,true,true]"},
    {"[n, N, no, No, NO, off, Off, OFF, false, False, FALSE]", "[false,false,false,false,false,false,false,false,false,false,false]"},
    {"[yEs, oN, tRUE, nO, oFF, nULL, .nAn]", "[\"yEs\",\"oN\",\"tRUE\",\"nO\",\"oFF\",\"nULL\",\".nAn\"]"},
    {"{a: , b: ~, c: null, d: Null, e: NULL}", "{\"a\":null,\"b\":null,\"c\":null,\"d\":null,\"e\":null}"},
    {"[0, -0, +7, -7, 1_000, 1_, 1__0, _1]", "[0,0,7,-7,1000,1,10,\"_1\"]"},
    {"[0755, -0755, 0o17, 0O17, 0x1F, 0X1f, -0x1F, 0b11, -0b11, 0b-11, 0_7]", "[493,-493,15,15,31,31,-31,3,-3,-3,7]"},
    {"[08, 09.5, 0o8, 0b2, 0xG, 0x, '0', 00]", "[8,9.5,\"0o8\",\"0b2\",\"0xG\",\"0x\",\"0\",0]"},
    {"[9223372036854775807, -9223372036854775808, 18446744073709551615]",
     "[9223372036854775807,-9223372036854775808,18446744073709551615]"},
    {"[18446744073709551616, -9223372036854775809, +18446744073709551615]",
     "[18446744073709551616,-9223372036854775808,18446744073709551616]"},
    {"[1.5, .5, 1., -1.5, +1.5, 1e3, 1E-3, 1.5e+3, 1_0.5, .1_0]", "[1.5,0.5,1,-1.5,1.5,1000,0.001,1500,10.5,0.1]"},
    {"[., ._1, .1_, 1e, e1, 1.2.3, 0x1p-2, 1e999, +, -, '-']",
     "[\".\",\"._1\",\".1_\",\"1e\",\"e1\",\"1.2.3\",\"0x1p-2\",\"1e999\",\"+\",\"-\",\"-\"]"},
    {"[1:30:00, 2001-01-01, 2001-01-01T00:00:00Z, =, 10.0.0.1, 1Gi, 500m]",
     "[\"1:30:00\",\"2001-01-01\",\"2001-01-01T00:00:00Z\",\"=\",\"10.0.0.1\",\"1Gi\",\"500m\"]"},
    {"['yes', \"1\", 'null', \"\", '~', '0755']", "[\"yes\",\"1\",\"null\",\"\",\"~\",\"0755\"]"},
    {"[!!str 1, !!str yes, !!str '', !!int \"5\", !!float 5, !!float \"2.5\", !!bool \"yes\", !!null '', !!null ~]",
     "[\"1\",\"yes\",\"\",5,5,2.5,true,null,null]"},
    {"[!!binary aGk=, !!binary \"aGVs\\nbG8=\", !!binary '', !!timestamp 2001-01-01, !foo 1]",
     "[\"hi\",\"hello\",\"\",\"2001-01-01\",\"1\"]"},
    {"a: !!map {b: !!seq [1]}", "{\"a\":{\"b\":[1]}}"},
    {"\"\\u00e9\\x41\\U0001F600\\t\\/\"", "\"\xc3\xa9"
                                          "A\xf0\x9f\x98\x80\\t/\""},
};

static const struct reading structures[] = {
    {"a: 1\nb:\n- x\n- v: z\n  w: v\n", "{\"a\":1,\"b\":[\"x\",{\"v\":\"z\",\"w\":\"v\"}]}"},
    {"literal: |\n  a\n  b\nkept: |+\n  a\n\nstripped: |-\n  a\nfolded: >\n  a\n  b\n",
     "{\"folded\":\"a b\\n\",\"kept\":\"a\\n\\n\",\"literal\":\"a\\nb\\n\",\"stripped\":\"a\"}"},
    {"1: a\nno: b\n1.5: c\n0x10: d\n1e6: e\n0.1: f\n.inf: g\n2001-01-01: h\n100000.0: i\n123456789.5: j\n",
     "{\".inf\":\"g\",\"0.1\":\"f\",\"1\":\"a\",\"1.2345679e+08\":\"j\",\"1.5\":\"c\",\"100000\":\"i\",\"16\":\"d\",\"1e+06\":\"e\",\"2001-"
     "01-01\":\"h\",\"false\":\"b\"}"},
    {"\"\": empty", "{\"\":\"empty\"}"},
    {"? a\n: b\n? |\n  text\n: c\n", "{\"a\":\"b\",\"text\\n\":\"c\"}"},
    {"base: &b {x: 1, w: [2]}\nother: *b\nscalar: &s text\nagain: *s\n",
     "{\"again\":\"text\",\"base\":{\"w\":[2],\"x\":1},\"other\":{\"w\":[2],\"x\":1},\"scalar\":\"text\"}"},
    {"a: &x 1\nb: &x 2\nc: *x\n", "{\"a\":1,\"b\":2,\"c\":2}"},
    {"? &a 1\n: x\nb: *a\nc: {*a : z}\n", "{\"1\":\"x\",\"b\":1,\"c\":{\"1\":\"z\"}}"},
    {"a: &a {x: 1, w: 2}\nb: {<<: *a, w: 3}\n", "{\"a\":{\"w\":2,\"x\":1},\"b\":{\"w\":3,\"x\":1}}"},
    {"a: &a {x: 1, w: 2}\nb: {w: 3, <<: *a}\n", "{\"a\":{\"w\":2,\"x\":1},\"b\":{\"w\":2,\"x\":1}}"},
    {"a: &a {x: 1}\nb: &b {x: 2, z: 3}\nc: {<<: [*a, *b], w: 4}\n",
     "{\"a\":{\"x\":1},\"b\":{\"x\":2,\"z\":3},\"c\":{\"w\":4,\"x\":1,\"z\":3}}"},
    {"c: {<<: {x: 1}, <<: {z: 2}}\n", "{\"c\":{\"x\":1,\"z\":2}}"},
    {"m: {<<: &x {a: {d: 1}}, b: 2}\nz: *x\no: {<<: *x}\n",
     "{\"m\":{\"a\":{\"d\":1},\"b\":2},\"o\":{\"a\":{\"d\":1}},\"z\":{\"a\":{\"d\":1}}}"},
    {"a: &a {x: 1}\nb: &b {<<: *a, w: 2}\nc: {<<: *b}\n", "{\"a\":{\"x\":1},\"b\":{\"w\":2,\"x\":1},\"c\":{\"w\":2,\"x\":1}}"},
    {"{'<<': 1, ! '<': 2}", "{\"<\":2,\"<<\":1}"},
    {"", ""},
    {"# only a comment\n", ""},
    {"---\n---\n# x\n---\nnull\n...\n", ""},
    {"a: 1\n---\n---\nb: 2\n...\n---\n- c\n", "{\"a\":1}\n{\"b\":2}\n[\"c\"]"},
    {"a: &x 1\n---\nb: &x 2\nc: *x\n", "{\"a\":1}\n{\"b\":2,\"c\":2}"},
    {"%YAML 1.1\n---\na: 1\n", "{\"a\":1}"},
    {"\xef\xbb\xbf"
     "a: 1\n",
     "{\"a\":1}"},
    {"\xef\xbb\xbf{\"a\": 1}\n", "{\"a\":1}"},
    {"a: 1\r\nb: 2\r\n", "{\"a\":1,\"b\":2}"},
    {"text", "\"text\""},
    {"3", "3"},
    {"a: {b: [1, {c: 2},], }\n", "{\"a\":{\"b\":[1,{\"c\":2}]}}"},
};

static const struct reading json_texts[] = {
    {"{\"a\":[1,-1,0,9223372036854775807,-9223372036854775808,18446744073709551615]}",
     "{\"a\":[1,-1,0,9223372036854775807,-9223372036854775808,18446744073709551615]}"},
    {"[0.1,1e-7,1.7976931348623157e308,5e-324,123456789.12345679,1e22]",
     "[0.1,1e-07,1.7976931348623157e+308,5e-324,123456789.12345679,1e+22]"},
    {"[18446744073709551616, 1E400x]", "[18446744073709551616,\"1E400x\"]"},
    {"{\"yes\":\"yes\",\"1\":\"1\",\"<<\":{\"a\":null}}", "{\"1\":\"1\",\"<<\":{\"a\":null},\"yes\":\"yes\"}"},
    {"\n  [\"\\ud83d\\ude00\\u0000\\n\\/\"]\n", "[\"\xf0\x9f\x98\x80\\u0000\\n/\"]"},
    {"{\n\t\"a\": [\n\t\t1\n\t]\n}", "{\"a\":[1]}"},
    {"{\"a\": 1}\n---\n{\"b\": 18446744073709551615}\n", "{\"a\":1}\n{\"b\":18446744073709551615}"},
    {"[]", "[]"},
    {"{}", "{}"},
    {"[[],{}]", "[[],{}]"},
};

static void read_all(const struct reading *readings, size_t count) {
    for (size_t i = 0; i < count; i++) check_reads(readings[i].text, readings[i].json);
}

static void scalars_mean_what_kubectl_reads(void **state) {
    (void)state;
    read_all(scalars, sizeof scalars / sizeof *scalars);
}

static void structures_are_read(void **state) {
    (void)state;
    read_all(structures, sizeof structures / sizeof *structures);
}

static void json_comes_through_unchanged(void **state) {
    (void)state;
    read_all(json_texts, sizeof json_texts / sizeof *json_texts);
}

static void check_refused(const char *name, struct str text, enum error_kind kind, unsigned line, unsigned column, const char *part) {
    struct arena arena;
    arena_init(&arena, ARENA_BYTES);
    struct yaml_documents documents = {(struct yaml_document *)1, 77};
    struct error error = {0};
    if (yaml_read(&arena, text, &documents, &error)) fail_msg("%s is accepted", name);
    assert_int_equal(documents.count, 77);
    if (error.kind != kind || error.line != line || error.column != column || !strstr(error.message, part)) {
        fail_msg("%s: %s at %u:%u: %s", name, error_kind_name(error.kind), error.line, error.column, error.message);
    }
    assert_false(yaml_read(&arena, text, &documents, NULL));
    arena_release(&arena);
}

static void mistakes_are_named_with_their_place(void **state) {
    (void)state;
    static const struct {
        const char *text;
        enum error_kind kind;
        unsigned line, column;
        const char *part;
    } cases[] = {
        {"a: 1\nb: 2\na: 3\n", ERROR_INVALID, 3, 1, "\"a\" is here for the second time, first at line 1, column 1"},
        {"x:\n  {b: 2, 'b': 3}", ERROR_INVALID, 2, 10, "first at line 2, column 4"},
        {"1: a\n\"1\": b\n", ERROR_INVALID, 2, 1, "\"1\""},
        {"{\n \"a\": {\"k\\u0061\": 1,\n  \"ka\": 2}}", ERROR_INVALID, 3, 3,
         "\"ka\" is here for the second time, first at line 2, column 8"},
        {"m: &m {a: 1}\nb: {a: 1, <<: *m, a: 2}", ERROR_INVALID, 2, 19, "second time"},
        {"a: 1\n\tb: 2\n", ERROR_SYNTAX, 2, 1, "a tab in the indentation; indent with spaces"},
        {"a:\n  \tb: 2\n", ERROR_SYNTAX, 2, 3, "a tab in the indentation; indent with spaces"},
        {"a: b: c\n", ERROR_SYNTAX, 1, 5, "mapping values are not allowed"},
        {"a: [1, 2\nb: 3\n", ERROR_SYNTAX, 2, 2, "did not find expected"},
        {"a: 'text\n", ERROR_SYNTAX, 2, 1, "starts at line 1, column 4"},
        {"a: *nobody\n", ERROR_INVALID, 1, 4, "\"nobody\" has no anchor"},
        {"a: &x 1\n---\nb: *x\n", ERROR_INVALID, 3, 4, "has no anchor"},
        {"a: &x [1, *x]\n", ERROR_INVALID, 1, 11, "inside its own anchor"},
        {"a: &x\n  b: {<<: *x}\n", ERROR_INVALID, 2, 11, "inside its own anchor"},
        {"<<: 1\n", ERROR_INVALID, 1, 5, "<< takes a map"},
        {"<<: [{a: 1}, 2]\n", ERROR_INVALID, 1, 14, "<< takes a map"},
        {"~: 1\n", ERROR_INVALID, 1, 1, "null"},
        {"? [a]\n: 1\n", ERROR_INVALID, 1, 3, "as a key"},
        {"{{ .Values.x }}\n", ERROR_INVALID, 1, 2, "as a key"},
        {"a: {{ .Values.x }}\n", ERROR_INVALID, 1, 5, "as a key"},
        {"a: .inf\n", ERROR_INVALID, 1, 4, "infinity"},
        {"a: [-.inf]\n", ERROR_INVALID, 1, 5, "infinity"},
        {"a: .nan\n", ERROR_INVALID, 1, 4, "not-a-number"},
        {"a: !!int five\n", ERROR_INVALID, 1, 4, "\"five\" is not a !!int"},
        {"a: !!int 1.5\n", ERROR_INVALID, 1, 4, "!!int"},
        {"a: !!bool 1\n", ERROR_INVALID, 1, 4, "!!bool"},
        {"a: !!float x\n", ERROR_INVALID, 1, 4, "!!float"},
        {"a: !!null x\n", ERROR_INVALID, 1, 4, "!!null"},
        {"a: !!binary a\n", ERROR_INVALID, 1, 4, "!!binary"},
        {"a: !!binary aGk=aGk=\n", ERROR_INVALID, 1, 4, "!!binary"},
        {"a: !!binary /w==\n", ERROR_INVALID, 1, 4, "!!binary"},
        {"a: b\n\xc3\xa9: \x01\n", ERROR_SYNTAX, 2, 4, "U+0001"},
        {"a: b\n\xc3\xa9: \xff\n", ERROR_SYNTAX, 2, 4, "not UTF-8"},
        {"\xff\xfe"
         "a",
         ERROR_SYNTAX, 1, 1, "not UTF-8"},
        {"a: 1\n%TAG\n---\n", ERROR_SYNTAX, 2, 5, ""},
        {"%YAML 3.0\n---\na: 1\n", ERROR_SYNTAX, 1, 1, "incompatible YAML"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        check_refused(cases[i].text, str_of(cases[i].text), cases[i].kind, cases[i].line, cases[i].column, cases[i].part);
    }
    check_refused("NUL", STR("a: b\nc: \0d\n"), ERROR_SYNTAX, 2, 4, "NUL");
}

static void repeat(struct strbuf *out, const char *text, size_t times) {
    for (size_t i = 0; i < times; i++) strbuf_append(out, str_of(text));
}

static void depth_is_bounded(void **state) {
    (void)state;
    static const struct {
        const char *name, *open, *middle, *close;
        bool is_yaml;
    } cases[] = {
        {"flow lists", "[", "a", "]", true},        {"JSON lists", "[", "1", "]", false}, {"flow maps", "{a: ", "b", "}", true},
        {"JSON maps", "{\"a\": ", "1", "}", false}, {"block lists", "- ", "a", "", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (size_t depth = LIMIT_DOCUMENT_DEPTH; depth < LIMIT_DOCUMENT_DEPTH + 2; depth++) {
            struct strbuf text = strbuf_with_max(1 << 20);
            repeat(&text, cases[i].open, depth);
            repeat(&text, cases[i].middle, 1);
            repeat(&text, cases[i].close, depth);
            if (depth > LIMIT_DOCUMENT_DEPTH) {
                unsigned column = (unsigned)(strlen(cases[i].open) * LIMIT_DOCUMENT_DEPTH) + 1;
                check_refused(cases[i].name, strbuf_view(&text), ERROR_LIMIT, 1, column, "nested");
            } else {
                struct arena arena;
                arena_init(&arena, ARENA_BYTES);
                struct yaml_documents documents;
                struct error error = {0};
                if (!yaml_read(&arena, strbuf_view(&text), &documents, &error)) fail_msg("%s: %s", cases[i].name, error.message);
                arena_release(&arena);
            }
            strbuf_release(&text);
        }
    }
    struct strbuf text = strbuf_with_max(1 << 20);
    strbuf_append(&text, STR("a: &a "));
    repeat(&text, "[", 150);
    repeat(&text, "]", 150);
    strbuf_append(&text, STR("\nb: "));
    repeat(&text, "[", 100);
    strbuf_append(&text, STR("*a"));
    repeat(&text, "]", 100);
    check_refused("depth by alias", strbuf_view(&text), ERROR_LIMIT, 1, 106, "aliases expanded");
    strbuf_release(&text);
}

static void alias_bombs_are_refused(void **state) {
    (void)state;
    struct strbuf text = strbuf_with_max(1 << 20);
    strbuf_append(&text, STR("a0: &a0 [x]\n"));
    for (int i = 1; i < 20; i++) strbuf_printf(&text, "a%d: &a%d [*a%d, *a%d, *a%d, *a%d]\n", i, i, i - 1, i - 1, i - 1, i - 1);
    struct arena arena;
    arena_init(&arena, ARENA_BYTES);
    struct yaml_documents documents;
    struct error error = {0};
    assert_false(yaml_read(&arena, strbuf_view(&text), &documents, &error));
    assert_int_equal(error.kind, ERROR_LIMIT);
    arena_release(&arena);
    strbuf_clear(&text);
    strbuf_append(&text, STR("m0: &m0 {x: 1}\n"));
    for (int i = 1; i < 24; i++) strbuf_printf(&text, "m%d: &m%d {<<: *m%d, a%d: *m%d}\n", i, i, i - 1, i, i - 1);
    assert_false(yaml_read(&arena, strbuf_view(&text), &documents, &error));
    assert_int_equal(error.kind, ERROR_LIMIT);
    arena_release(&arena);
    strbuf_release(&text);
}

static void exhausted_memory_is_an_error(void **state) {
    (void)state;
    static const char *const texts[] = {"a: &a {x: [1, 2, 3]}\nb: {<<: *a, 1: 2}\nc: !!binary aGk=\n---\nd: e\n",
                                        "{\"a\": [1, {\"b\": \"c\"}]}"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        bool ok = false;
        for (size_t limit = 0; !ok; limit += 16) {
            struct arena arena;
            arena_init(&arena, limit);
            struct yaml_documents documents;
            struct error error = {0};
            ok = yaml_read(&arena, str_of(texts[i]), &documents, &error);
            if (!ok) assert_int_equal(error.kind, ERROR_MEMORY);
            arena_release(&arena);
            assert_true(limit < 1 << 20);
        }
    }
}

static void check_position(const struct yaml_document *document, const yyjson_val *value, unsigned line, unsigned column) {
    struct yaml_position at = yaml_position_of(document, value);
    if (at.line != line || at.column != column) fail_msg("%u:%u, expected %u:%u", at.line, at.column, line, column);
}

static void values_have_places(void **state) {
    (void)state;
    static const char *const texts[] = {
        "a: 1\nlist:\n- \xc3\xa9: x\n  k: [yes, b]\nlast: \"q\"\n",
        "{\"a\": 1, \"list\"\n:[\n{ \"\xc3\xa9\": \"x\\\"\\\\\",\n \"k\": [true, 1.5e3]}],\n\"last\": null}",
    };
    static const unsigned places[][8][2] = {
        {{1, 1}, {1, 4}, {3, 1}, {3, 3}, {3, 6}, {4, 6}, {4, 12}, {5, 7}},
        {{1, 1}, {1, 7}, {2, 2}, {3, 1}, {3, 8}, {4, 7}, {4, 14}, {5, 9}},
    };
    for (size_t i = 0; i < 2; i++) {
        struct arena arena;
        arena_init(&arena, ARENA_BYTES);
        struct yaml_documents documents;
        assert_true(yaml_read(&arena, str_of(texts[i]), &documents, NULL));
        const struct yaml_document *document = &documents.items[0];
        yyjson_val *root = document->root, *list = json_get(root, "list"), *item = yyjson_arr_get_first(list);
        yyjson_val *values[] = {root,
                                json_get(root, "a"),
                                list,
                                item,
                                json_get(item, "\xc3\xa9"),
                                json_get(item, "k"),
                                yyjson_arr_get(json_get(item, "k"), 1),
                                json_get(root, "last")};
        for (size_t k = 0; k < 8; k++) check_position(document, values[k], places[i][k][0], places[i][k][1]);
        assert_int_equal(document->value_count, 14);
        check_position(document, NULL, 0, 0);
        check_position(document, root + document->value_count, 0, 0);
        arena_release(&arena);
    }
}

static void keys_and_merged_values_have_places(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, ARENA_BYTES);
    struct yaml_documents documents;
    assert_true(yaml_read(&arena, STR("a: &a\n  x: 1\n---\nbase: &b\n  x: 1\nuse:\n  <<: *b\n  7: z\n"), &documents, NULL));
    assert_int_equal(documents.count, 2);
    yyjson_val *use = json_get(documents.items[1].root, "use");
    check_position(&documents.items[1], json_get(use, "x"), 5, 6);
    check_position(&documents.items[1], json_get(use, "7"), 8, 6);
    check_position(&documents.items[1], json_get(use, "7") - 1, 8, 3);
    check_position(&documents.items[0], json_get(use, "x"), 0, 0);
    arena_release(&arena);
}

/* Doubling the input may not take four times the work: 200,000 keys in one map, as YAML and as JSON, in a second or so. */
static void big_maps_are_read_in_linear_time(void **state) {
    (void)state;
    for (int form = 0; form < 2; form++) {
        struct strbuf text = strbuf_with_max(1 << 24);
        if (form) strbuf_append(&text, STR("{\"first\": 0"));
        for (int i = 0; i < 200000; i++) strbuf_printf(&text, form ? ",\"key%d\":%d" : "key%d: %d\n", i, i);
        if (form) strbuf_append(&text, STR("}"));
        struct arena arena;
        arena_init(&arena, ARENA_BYTES);
        struct yaml_documents documents;
        struct error error = {0};
        if (!yaml_read(&arena, strbuf_view(&text), &documents, &error)) fail_msg("%s", error.message);
        assert_int_equal(yyjson_obj_size(documents.items[0].root), 200000 + form);
        assert_int_equal(documents.items[0].value_count, 2 * (200000 + form) + 1);
        arena_release(&arena);
        strbuf_release(&text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scalars_mean_what_kubectl_reads),
        cmocka_unit_test(structures_are_read),
        cmocka_unit_test(json_comes_through_unchanged),
        cmocka_unit_test(mistakes_are_named_with_their_place),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(alias_bombs_are_refused),
        cmocka_unit_test(exhausted_memory_is_an_error),
        cmocka_unit_test(values_have_places),
        cmocka_unit_test(keys_and_merged_values_have_places),
        cmocka_unit_test(big_maps_are_read_in_linear_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
