/*
 * Log lines: one line each, whatever the values hold, and JSON where JSON is promised.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "controller/log.h"
#include "data/json.h"

enum { ROOM = 256 * 1024 };

/* What log_write sends to standard error, in a static buffer. */
static struct str written(enum log_format format, const struct log_field *fields) {
    static char text[ROOM];
    struct log log = {LOG_INFO, format};
    FILE *file = tmpfile();
    int before = dup(STDERR_FILENO);
    assert_non_null(file);
    assert_true(dup2(fileno(file), STDERR_FILENO) >= 0);
    log_write(&log, LOG_DEBUG, "is not written", fields);
    log_write(&log, LOG_WARN, "told", fields);
    dup2(before, STDERR_FILENO);
    close(before);
    rewind(file);
    size_t length = fread(text, 1, sizeof text, file);
    fclose(file);
    return (struct str){text, length};
}

static struct str repeated(struct arena *arena, const char *unit, size_t count) {
    struct strbuf text = strbuf_with_max(ROOM);
    for (size_t i = 0; i < count; i++) strbuf_append(&text, str_of(unit));
    struct str copy = arena_copy(arena, strbuf_view(&text));
    strbuf_release(&text);
    return copy;
}

static void every_line_is_one_line(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, 64 * 1024 * 1024);
    const struct str values[] = {
        STR("plain"),
        STR("two words"),
        STR("a\nb"),
        STR("\"quoted\" = x"),
        {"\xff\xfe", 2},
        {"a\0b", 3},
        repeated(&arena, "x", 100000),
        repeated(&arena, "\x01", 100000),
        repeated(&arena, "\"", 100000),
        repeated(&arena, "\xc3\xa9", 50000),
    };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        for (int format = LOG_TEXT; format <= LOG_JSON; format++) {
            struct str line =
                written((enum log_format)format, LOG_FIELDS({"value", values[i]}, {"nothing", STR_EMPTY}, {"last", STR("end")}));
            if (line.len == 0 || str_find(line, STR("\n")) != line.len - 1) fail_msg("value %zu: not one line", i);
            assert_false(str_contains(line, STR("nothing")));
            if (format == LOG_TEXT) {
                assert_true(str_ends_with(line, STR(" last=end\n")));
                continue;
            }
            yyjson_val *object = json_parse(&arena, str_first(line, line.len - 1), NULL);
            assert_true(json_is_text(json_get(object, "msg"), "told"));
            assert_true(json_is_text(json_get(object, "level"), "warn"));
            assert_true(json_is_text(json_get(object, "last"), "end"));
            assert_true(json_text(json_get(object, "value")).len > 0);
        }
    }
    arena_release(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_line_is_one_line)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
