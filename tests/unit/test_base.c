#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include "base/arena.h"
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
