#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "data/yaml_read.h"
#include "data/yaml_write.h"

enum { ARENA_BYTES = 1 << 26, TEXT_BYTES = 1 << 24 };

/* Writes the value and reads it back. */
static void check_round_trip(struct arena *arena, const yyjson_val *value, struct strbuf *out, const char *name) {
    yaml_write(out, value);
    if (out->failed) fail_msg("%s: not written", name);
    struct yaml_documents documents;
    struct error error = {0};
    if (!yaml_read(arena, strbuf_view(out), &documents, &error))
        fail_msg("%s: line %u: %s in\n%s", name, error.line, error.message, out->ptr);
    bool is_null = yyjson_is_null((yyjson_val *)(uintptr_t)value);
    if (is_null ? documents.count != 0 : documents.count != 1 || !json_equal(documents.items[0].root, value))
        fail_msg("%s: changed by\n%s", name, out->ptr);
}

/* Each agrees with sigs.k8s.io/yaml 1.6.0, but for those marked. */
static void the_form_is_kubectls(void **state) {
    (void)state;
    static const struct {
        const char *json, *yaml;
    } cases[] = {
        {"null", "null\n"},
        {"\"x\"", "x\n"},
        {"[]", "[]\n"},
        {"{}", "{}\n"},
        {"[[]]", "- []\n"},
        {"\"x\\n\"", "|\n  x\n"},
        {"{\"b\":[1,{\"y\":\"z\",\"w\":[true]}],\"a\":{\"d\":null,\"c\":{}}}",
         "a:\n  c: {}\n  d: null\nb:\n- 1\n- w:\n  - true\n  \"y\": z\n"},
        {"[[1,2],[{\"a\":[{\"b\":1}]}]]", "- - 1\n  - 2\n- - a:\n    - b: 1\n"},
        {"{\"a10\":1,\"a9\":2,\"A\":3,\"_\":4,\"a-b\":5,\"a.b\":6,\"a\":7,\"01\":8,\"1\":9,\"10\":10}",
         "_: 4\n\"1\": 9\n\"01\": 8\n\"10\": 10\nA: 3\na: 7\na-b: 5\na.b: 6\na9: 2\na10: 1\n"},
        {"[0,-1,1.0,1e6,1e21,0.00001,123456789.5,18446744073709551615,-9223372036854775808,1e300]",
         "- 0\n- -1\n- 1\n- 1e+06\n- 1e+21\n- 1e-05\n- 1.234567895e+08\n- 18446744073709551615\n- -9223372036854775808\n- 1e+300\n"},
        {"[\"\",\"yes\",\"n\",\"null\",\"~\",\"1\",\"08\",\"1e3\",\".5\",\"1:30\",\"1:30:00\",\"2001-01-01\",\"0x1\",\"=\",\"<<\",\"1.2."
         "3\",\"1Gi\"]",
         "- \"\"\n- \"yes\"\n- \"n\"\n- \"null\"\n- \"~\"\n- \"1\"\n- \"08\"\n- \"1e3\"\n- \".5\"\n- \"1:30\"\n- \"1:30:00\"\n- "
         "\"2001-01-01\"\n- \"0x1\"\n- =\n- <<\n- 1.2.3\n- 1Gi\n"},
        {"[\"-\",\"- a\",\"-a\",\"--- a\",\"a \",\" a\",\"a: b\",\"a:b\",\"a:\",\"a "
         "#b\",\"a#b\",\"#\",\"it's\",\"'q'\",\"@a\",\"%a\",\"{a}\",\"a,b\",\"*a\",\"?\",\"?a\"]",
         "- '-'\n- '- a'\n- -a\n- '--- a'\n- 'a '\n- ' a'\n- 'a: b'\n- a:b\n- 'a:'\n- 'a #b'\n- a#b\n- '#'\n- it's\n- '''q'''\n- '@a'\n- "
         "'%a'\n- '{a}'\n- a,b\n- '*a'\n- '?'\n- ?a\n"},
        {"[\"a\\tb\",\"a\\u0000\\u001b\",\"\\u0085\\u00e9\",\"\\ud83d\\ude00\",\"\\ufeff\",\"\\\"\\\\\\t\"]",
         "- \"a\\tb\"\n- \"a\\0\\e\"\n- \"\\N\xc3\xa9\"\n- \"\\U0001F600\"\n- \"\\uFEFF\"\n- \"\\\"\\\\\\t\"\n"},
        {"{\"a\":\"x\\ny\",\"b\":\" x\\ny\\n\",\"c\":\"\\n\",\"d\":\"x\\n\\n\",\"e\":\"x \\ny\",\"f\":\"x\\n y\",\"g\":\"x\\r\\ny\"}",
         "a: |-\n  x\n  y\nb: |2\n   x\n  y\nc: |2+\n\nd: |+\n  x\n\ne: \"x \\ny\"\nf: |-\n  x\n   y\ng: \"x\\r\\ny\"\n"},
        {"[{\"a\":{\"b\":[\"x\\ny\"]}}]", "- a:\n    b:\n    - |-\n      x\n      y\n"},
        {"{\"x\\ny\":[1,2]}", "? |-\n  x\n  y\n: - 1\n  - 2\n"},
        {"{\"<<\":1,\"\\u2028\":2}", "\"<<\": 1\n? \"\\L\"\n: 2\n"}, /* kubectl: no quotes around <<, single ones around the separator */
    };
    struct arena arena;
    arena_init(&arena, ARENA_BYTES);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error error = {0};
        yyjson_val *value = json_parse(&arena, str_of(cases[i].json), &error);
        if (!value) fail_msg("%s: %s", cases[i].json, error.message);
        struct strbuf out = strbuf_with_max(TEXT_BYTES);
        check_round_trip(&arena, value, &out, cases[i].json);
        if (!str_is(strbuf_view(&out), cases[i].yaml)) fail_msg("%s:\n%s\nexpected\n%s", cases[i].json, out.ptr, cases[i].yaml);
        strbuf_release(&out);
    }
    arena_release(&arena);
}

static void long_lines_are_folded(void **state) {
    (void)state;
    static const struct {
        const char *name, *word, *first_line;
    } cases[] = {
        {"plain", "word ", "a: word word word word word word word word word word word word word word word word"},
        {"single quotes", "wor: ", "a: 'wor: wor: wor: wor: wor: wor: wor: wor: wor: wor: wor: wor: wor: wor: wor: wor:"},
        {"double quotes", "w\\tx ", "a: \"w\\tx w\\tx w\\tx w\\tx w\\tx w\\tx w\\tx w\\tx w\\tx w\\tx w\\tx w\\tx w\\tx w\\tx w\\tx w\\tx"},
    };
    struct arena arena;
    arena_init(&arena, ARENA_BYTES);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct strbuf json = strbuf_with_max(1 << 16), out = strbuf_with_max(1 << 16);
        strbuf_append(&json, STR("{\"a\":\""));
        for (int k = 0; k < 40; k++) strbuf_append(&json, str_of(cases[i].word));
        strbuf_append(&json, STR(".\"}"));
        check_round_trip(&arena, json_parse(&arena, strbuf_view(&json), NULL), &out, cases[i].name);
        struct str line = str_first(strbuf_view(&out), str_find(strbuf_view(&out), STR("\n")));
        if (!str_is(line, cases[i].first_line)) fail_msg("%s:\n%s", cases[i].name, out.ptr);
        assert_true(str_starts_with(str_from(strbuf_view(&out), line.len), STR("\n  w")));
        strbuf_release(&out);
        strbuf_release(&json);
    }
    arena_release(&arena);
}

static void what_yaml_cannot_hold_fails(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, ARENA_BYTES);
    yyjson_mut_doc *doc = json_builder(&arena);
    yyjson_val *values[] = {
        json_freeze(&arena, json_make_text(doc, STR("\xff"))),
        json_freeze(&arena, yyjson_mut_real(doc, 1e308 * 10)),
        NULL,
    };
    yyjson_mut_val *deep = yyjson_mut_int(doc, 1);
    for (int i = 0; i < LIMIT_DOCUMENT_DEPTH; i++) {
        yyjson_mut_val *list = yyjson_mut_arr(doc);
        yyjson_mut_arr_append(list, deep);
        deep = list;
    }
    struct strbuf out = strbuf_with_max(TEXT_BYTES);
    check_round_trip(&arena, json_freeze(&arena, deep), &out, "as deep as it may be");
    yyjson_mut_val *deeper = yyjson_mut_arr(doc);
    yyjson_mut_arr_append(deeper, deep);
    values[2] = json_freeze(&arena, deeper);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        strbuf_clear(&out);
        yaml_write(&out, values[i]);
        assert_true(out.failed);
    }
    strbuf_release(&out);
    struct strbuf small = strbuf_with_max(10);
    yaml_write(&small, json_parse(&arena, STR("{\"key\":\"value that is long\"}"), NULL));
    assert_true(small.failed);
    strbuf_release(&small);
    arena_release(&arena);
}

static const char *const pieces[] = {
    "a",
    "word",
    "-",
    "- ",
    "?",
    "? ",
    ":",
    ": ",
    " #",
    "#",
    " ",
    "  ",
    "\n",
    "\n\n",
    "\n ",
    "\t",
    "\"",
    "'",
    "\\",
    "{",
    "}",
    "[",
    "]",
    ",",
    "&",
    "*",
    "!",
    "!!str ",
    "|",
    ">",
    "%",
    "@",
    "`",
    "---",
    "...",
    "\n---\n",
    "\n...\n",
    "1",
    "0",
    ".",
    "_",
    "e",
    "+",
    "y",
    "no",
    "null",
    "~",
    "<<",
    "=",
    "\xc2\xa0",
    "\xc2\x85",
    "\xe2\x80\xa8",
    "\xe2\x80\xa9",
    "\xef\xbb\xbf",
    "\xef\xbf\xbf",
    "\xc3\xa9",
    "\xf0\x9f\x98\x80",
    "\x7f",
    "\x01",
    "\x1b",
    "\r",
    "\r\n",
    "1:30",
    "2001-01-01",
    "T00:00:00Z",
    "0x",
    ".inf",
    "${VAR}",
    "{{ x }}",
    "x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x",
};

static yyjson_mut_val *random_text(yyjson_mut_doc *doc, struct number_random *random, struct strbuf *scratch) {
    strbuf_clear(scratch);
    size_t count = number_random_below(random, 7);
    for (size_t i = 0; i < count; i++) {
        strbuf_append(scratch, str_of(pieces[number_random_below(random, sizeof pieces / sizeof *pieces)]));
        if (number_random_below(random, 60) == 0) strbuf_append_char(scratch, 0);
    }
    return yyjson_mut_strncpy(doc, scratch->ptr ? scratch->ptr : "", scratch->len);
}

static yyjson_mut_val *random_number(yyjson_mut_doc *doc, struct number_random *random) {
    uint64_t bits = number_random_next(random);
    switch (number_random_below(random, 4)) {
    case 0: return yyjson_mut_sint(doc, (int64_t)bits >> number_random_below(random, 64));
    case 1: return yyjson_mut_uint(doc, bits);
    case 2: return yyjson_mut_real(doc, (double)(int64_t)bits / (double)(1 + number_random_below(random, 1000000)));
    default: break;
    }
    double real;
    memcpy(&real, &bits, sizeof real);
    return yyjson_mut_real(doc, real - real == 0 ? real : 0.5);
}

static yyjson_mut_val *random_value(yyjson_mut_doc *doc, struct number_random *random, int depth, struct strbuf *scratch) {
    uint64_t choice = number_random_below(random, 10);
    if (depth == 0 || choice < 4) {
        if (choice < 6) return random_text(doc, random, scratch);
        if (choice < 8) return random_number(doc, random);
        return choice == 8 ? yyjson_mut_null(doc) : yyjson_mut_bool(doc, number_random_below(random, 2));
    }
    size_t count = number_random_below(random, 5);
    yyjson_mut_val *container = choice < 7 ? yyjson_mut_arr(doc) : yyjson_mut_obj(doc);
    for (size_t i = 0; i < count; i++) {
        yyjson_mut_val *value = random_value(doc, random, depth - 1, scratch);
        if (choice < 7)
            yyjson_mut_arr_append(container, value);
        else
            yyjson_mut_obj_put(container, random_text(doc, random, scratch), value);
    }
    return container;
}

static void whatever_is_written_reads_back(void **state) {
    (void)state;
    struct strbuf scratch = strbuf_with_max(1 << 20), out = strbuf_with_max(TEXT_BYTES);
    for (uint64_t seed = 1; seed <= 6000; seed++) {
        struct arena arena;
        arena_init(&arena, ARENA_BYTES);
        struct number_random random = {seed};
        yyjson_mut_doc *doc = json_builder(&arena);
        yyjson_val *value = json_freeze(&arena, random_value(doc, &random, 4, &scratch));
        char name[40];
        snprintf(name, sizeof name, "seed %llu", (unsigned long long)seed);
        strbuf_clear(&out);
        check_round_trip(&arena, value, &out, name);
        arena_release(&arena);
    }
    strbuf_release(&scratch);
    strbuf_release(&out);
}

/* Every string of up to three of the characters that YAML gives a meaning, as value, key and list item. */
static void short_strings_read_back(void **state) {
    (void)state;
    static const char letters[] = "a1 \n:-?#'\"\\|>&*!%@{[,]}.~_e+\t";
    enum { COUNT = sizeof letters - 1 };
    struct strbuf out = strbuf_with_max(TEXT_BYTES);
    for (int code = 0; code < COUNT * COUNT * COUNT; code++) {
        struct arena arena;
        arena_init(&arena, ARENA_BYTES);
        char text[4] = {letters[code % COUNT], letters[code / COUNT % COUNT], letters[code / COUNT / COUNT], 0};
        yyjson_mut_doc *doc = json_builder(&arena);
        yyjson_mut_val *object = yyjson_mut_obj(doc), *list = yyjson_mut_arr(doc);
        yyjson_mut_arr_add_strn(doc, list, text, 3);
        yyjson_mut_arr_add_strn(doc, list, text, 2);
        yyjson_mut_obj_add_val(doc, object, text, list);
        yyjson_mut_obj_add_str(doc, object, "k", text);
        strbuf_clear(&out);
        check_round_trip(&arena, json_freeze(&arena, object), &out, QUOTE(str_of(text)));
        arena_release(&arena);
    }
    strbuf_release(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_form_is_kubectls),        cmocka_unit_test(long_lines_are_folded),
        cmocka_unit_test(what_yaml_cannot_hold_fails), cmocka_unit_test(whatever_is_written_reads_back),
        cmocka_unit_test(short_strings_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
