#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include "base/arena.h"
#include "base/blob.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/number.h"
#include "base/strbuf.h"

static void arena_stops_at_its_limit(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, 1000);
    assert_non_null(arena_alloc(&arena, 900));
    assert_null(arena_alloc(&arena, 200));
    assert_true(arena.exhausted);
    assert_null(arena_alloc(&arena, 1));
    arena_release(&arena);
    assert_non_null(arena_alloc(&arena, 1));
    assert_null(arena_array(&arena, SIZE_MAX / 2, 3));
    arena_release(&arena);
}

static void arena_memory_is_aligned_and_zero(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, 1 << 20);
    for (size_t size = 1; size < 9000; size = size * 3 + 1) {
        unsigned char *memory = arena_alloc(&arena, size);
        assert_int_equal((uintptr_t)memory % 16, 0);
        for (size_t i = 0; i < size; i++) assert_int_equal(memory[i], 0);
        memset(memory, 0xFF, size);
    }
    assert_true(str_is(arena_printf(&arena, "%s-%d", "a", 7), "a-7"));
    arena_release(&arena);
}

static void strbuf_never_cuts_silently(void **state) {
    (void)state;
    struct strbuf buf = strbuf_with_max(10);
    strbuf_append(&buf, STR("12345"));
    strbuf_append(&buf, STR("678901"));
    assert_true(buf.failed);
    assert_string_equal(buf.ptr, "12345");
    strbuf_clear(&buf);
    strbuf_printf(&buf, "%s", "1234567890");
    assert_false(buf.failed);
    strbuf_release(&buf);
}

static void a_strbuf_is_taken_whole_or_not_at_all(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, 1 << 16);
    struct strbuf buf = strbuf_with_max(4);
    strbuf_append(&buf, STR("1234"));
    assert_true(str_is(strbuf_take(&buf, &arena), "1234"));
    assert_null(buf.ptr);
    strbuf_append(&buf, STR("12345"));
    assert_true(str_is(strbuf_take(&buf, &arena), ""));
    assert_true(arena.exhausted);
    assert_false(buf.is_memory_out);
    arena_release(&arena);
}

static void lengths_do_not_wrap(void **state) {
    (void)state;
    const struct str huge = {"x", SIZE_MAX - 1}, some = STR("abc");
    struct arena arena;
    arena_init(&arena, 1 << 16);
    const struct str triples[][3] = {{huge, some, some}, {some, huge, some}, {some, some, huge}, {{"x", SIZE_MAX}, STR_EMPTY, STR_EMPTY}};
    for (size_t i = 0; i < sizeof triples / sizeof *triples; i++) {
        assert_int_equal(arena_join(&arena, triples[i][0], triples[i][1], triples[i][2]).len, 0);
        assert_true(arena.exhausted);
        arena_release(&arena);
    }
    assert_null(blob_new(huge));
    assert_int_equal(str_print_length(huge), INT32_MAX);
    assert_string_equal(str_print_text((struct str){NULL, 0}), "");
}

static void blobs_live_as_long_as_somebody_keeps_them(void **state) {
    (void)state;
    struct blob *blob = blob_new(STR("bytes")), *empty = blob_new(STR_EMPTY);
    assert_ptr_equal(blob_keep(blob), blob);
    blob_drop(blob);
    assert_true(str_is(blob_view(blob), "bytes"));
    assert_int_equal(blob->bytes[blob->len], 0);
    assert_int_equal(blob_view(empty).len, 0);
    blob_drop(blob);
    blob_drop(empty);
    assert_null(blob_keep(NULL));
    blob_drop(NULL);
    assert_int_equal(blob_view(NULL).len, 0);
}

static void views_are_compared(void **state) {
    (void)state;
    static const struct {
        const char *a, *b;
        bool is_same_but_for_case;
        int order;
    } cases[] = {
        {"Content-Type", "content-TYPE", true, -1}, {"a", "ab", false, -1}, {"ab", "a", false, 1}, {"[", "{", false, -1}, {"@", "`", false, -1},
        {"Zz", "zZ", true, -1},                     {"", "", true, 0},      {"x", "y", false, -1}, {"a1", "A1", true, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct str a = str_of(cases[i].a), b = str_of(cases[i].b);
        if (str_equal_ignoring_case(a, b) != cases[i].is_same_but_for_case) fail_msg("%s and %s", cases[i].a, cases[i].b);
        int order = str_compare(a, b);
        assert_int_equal(order < 0 ? -1 : order > 0, cases[i].order);
    }
    assert_int_equal(str_of(NULL).len, 0);
    assert_true(str_ends_with(STR("a.yaml"), STR(".yaml")));
    assert_false(str_ends_with(STR("l"), STR(".yaml")));
    assert_int_equal(str_find(STR("abc"), STR("c")), 2);
    assert_int_equal(str_find(STR("abc"), STR("abcd")), SIZE_MAX);
    assert_int_equal(str_trim(STR(" \t\r\na \n")).len, 1);
}

static void int64_is_parsed_exactly(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool ok;
        int64_t value;
    } cases[] = {
        {"0", true, 0},
        {"-0", true, 0},
        {"+7", true, 7},
        {"9223372036854775807", true, INT64_MAX},
        {"9223372036854775808", false, 0},
        {"-9223372036854775808", true, INT64_MIN},
        {"-9223372036854775809", false, 0},
        {"", false, 0},
        {"-", false, 0},
        {"1 ", false, 0},
        {"0x1", false, 0},
        {"1.0", false, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t value = 0;
        if (number_parse_int64(str_of(cases[i].text), &value) != cases[i].ok || value != cases[i].value) fail_msg("%s", cases[i].text);
    }
    assert_int_equal(number_digits(0), 1);
    assert_int_equal(number_digits(9), 1);
    assert_int_equal(number_digits(10), 2);
    assert_int_equal(number_digits(INT64_MAX), 19);
}

static void hex64_is_parsed_exactly(void **state) {
    (void)state;
    uint64_t value = 1;
    assert_false(number_parse_hex64(STR(""), &value));
    assert_false(number_parse_hex64(STR("00112233445566778"), &value));
    assert_false(number_parse_hex64(STR("FF"), &value));
    assert_int_equal(value, 1);
    assert_true(number_parse_hex64(STR("00ff"), &value));
    assert_int_equal(value, 255);
}

static void md5_matches_the_reference(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, 1 << 16);
    assert_true(str_is(hash_md5_hex(&arena, STR("models/llama-2-7b")), "8590cc9fef9361779a5bd7862eb82b6d"));
    assert_true(str_is(hash_md5_hex(&arena, STR("")), "d41d8cd98f00b204e9800998ecf8427e"));
    assert_true(str_is(hash_md5_hex(&arena, STR("model_@#$")), "1f8d57abec22d679835ba0c38f634b06"));
    /* Published vector of XXH3-64 without a seed for the empty input. */
    assert_true(str_is(hash_hex(&arena, hash_xxh3(STR(""))), "2d06800538d394c2"));
    arena_release(&arena);
}

static void quoting_escapes_and_cuts(void **state) {
    (void)state;
    assert_string_equal(QUOTE(STR("plain")), "\"plain\"");
    assert_string_equal(QUOTE(STR("a\"b\\c\nd\x1b")), "\"a\\\"b\\\\c\\nd\\x1b\"");
    assert_string_equal(QUOTE(STR("gr\xc3\xbc\xc3\x9f")), "\"gr\xc3\xbc\xc3\x9f\"");
    assert_string_equal(QUOTE(STR("\xff")), "\"\\xff\"");
    /* C1 moves a terminal as well: U+0085 begins a line, U+009B a command; U+00A0 is a character. */
    assert_string_equal(QUOTE(STR("a\xc2\x85\xc2\x9b"
                                  "b\xc2\xa0")),
                        "\"a\\u0085\\u009bb\xc2\xa0\"");
    /* Bytes that are no text are escaped and cut between escapes. */
    char bytes[50];
    memset(bytes, 0x8f, sizeof bytes);
    assert_string_equal(QUOTE(((struct str){bytes, 25})) + 97, "\\x8f\"");
    assert_string_equal(QUOTE(((struct str){bytes, 30})) + 97, "\\x8f...\"");
    char endless[5000];
    memset(endless, 'x', sizeof endless);
    struct error_quoted quoted = error_quote((struct str){endless, sizeof endless});
    assert_true(strlen(quoted.text) < 120);
    assert_string_equal(quoted.text + strlen(quoted.text) - 4, "...\"");
    char wide[300];
    for (size_t i = 0; i + 3 <= sizeof wide; i += 3) memcpy(wide + i, "\xe4\xb8\xad", 3);
    quoted = error_quote((struct str){wide, sizeof wide});
    assert_true(str_is_utf8(str_of(quoted.text)));
}

static void utf8_is_checked(void **state) {
    (void)state;
    assert_true(str_is_utf8(STR("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80")));
    assert_false(str_is_utf8(STR("\xc0\x80")));
    assert_false(str_is_utf8(STR("\xed\xa0\x80")));
    assert_false(str_is_utf8(STR("\xf4\x90\x80\x80")));
    assert_false(str_is_utf8(STR("\xe2\x82")));
    assert_true(str_is_utf8(STR("\xe0\xa0\x80\xf0\x90\x80\x80")));
    assert_false(str_is_utf8(STR("\xe0\x9f\x80")));
    assert_false(str_is_utf8(STR("\xe2\x82x")));
    assert_false(str_is_utf8(STR("\xf0\x8f\x80\x80")));
    assert_int_equal(str_cut_utf8(STR("a\xe2\x82\xac"), 3).len, 1);
}

static void errors_keep_their_place(void **state) {
    (void)state;
    struct error error;
    assert_false(error_set_at(&error, ERROR_SYNTAX, 3, 4, "bad %d", 1));
    assert_int_equal(error.line, 3);
    assert_string_equal(error.message, "bad 1");
    assert_false(error_set(&error, ERROR_IO, "x"));
    assert_int_equal(error.line, 0);
    assert_string_equal(error_kind_name(ERROR_IO), "i/o");
    assert_false(error_set(NULL, ERROR_IO, "nobody asks"));
    /* One that is too long ends on a character, and says so. */
    char text[LIMIT_ERROR_MESSAGE_BYTES + 100];
    for (size_t i = 0; i + 2 < sizeof text; i += 2) memcpy(text + i, "\xc3\xa9", 3);
    error_set(&error, ERROR_IO, "x%s", text);
    assert_true(strlen(error.message) < sizeof error.message);
    assert_true(str_is_utf8(str_of(error.message)));
    assert_true(str_ends_with(str_of(error.message), STR("...")));
}

static void random_replays_from_its_seed(void **state) {
    (void)state;
    struct number_random a = {42}, b = {42};
    for (int i = 0; i < 1000; i++) {
        uint64_t value = number_random_below(&a, 10);
        assert_true(value < 10);
        assert_int_equal(value, number_random_below(&b, 10));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arena_stops_at_its_limit),   cmocka_unit_test(arena_memory_is_aligned_and_zero),
        cmocka_unit_test(strbuf_never_cuts_silently), cmocka_unit_test(int64_is_parsed_exactly),
        cmocka_unit_test(hex64_is_parsed_exactly),    cmocka_unit_test(md5_matches_the_reference),
        cmocka_unit_test(quoting_escapes_and_cuts),   cmocka_unit_test(utf8_is_checked),
        cmocka_unit_test(errors_keep_their_place),    cmocka_unit_test(random_replays_from_its_seed),
        cmocka_unit_test(lengths_do_not_wrap),        cmocka_unit_test(blobs_live_as_long_as_somebody_keeps_them),
        cmocka_unit_test(views_are_compared),         cmocka_unit_test(a_strbuf_is_taken_whole_or_not_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
