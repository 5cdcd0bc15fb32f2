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

#include "controller/log_flow.h"
#include "data/json.h"

enum { ROOM = 256 * 1024 };

typedef void writing_fn(const struct log *log, const struct log_field *fields);

/* What is sent to standard error, in a static buffer. */
static struct str written(const struct log *log, writing_fn *writing, const struct log_field *fields) {
    static char text[ROOM];
    FILE *file = tmpfile();
    int before = dup(STDERR_FILENO);
    assert_non_null(file);
    assert_true(dup2(fileno(file), STDERR_FILENO) >= 0);
    writing(log, fields);
    dup2(before, STDERR_FILENO);
    close(before);
    rewind(file);
    size_t length = fread(text, 1, sizeof text, file);
    fclose(file);
    return (struct str){text, length};
}

static void write_one(const struct log *log, const struct log_field *fields) {
    log_write(log, LOG_DEBUG, "is not written", fields);
    log_write(log, LOG_WARN, "told", fields);
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
            const struct log log = {.level = LOG_INFO, .format = (enum log_format)format};
            struct str line = written(&log, write_one, LOG_FIELDS({"value", values[i]}, {"nothing", STR_EMPTY}, {"last", STR("end")}));
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

static size_t count_of(struct str text, const char *needle) {
    size_t count = 0;
    for (size_t at; (at = str_find(text, str_of(needle))) != SIZE_MAX; text = str_from(text, at + 1)) count++;
    return count;
}

static void write_storm(const struct log *log, const struct log_field *fields) {
    for (int i = 0; i < 1000; i++) log_write(log, LOG_INFO, "again", fields);
    log_write(log, LOG_ERROR, "something else", fields);
    log_write_always(log, LOG_INFO, "whatever happens", fields);
    log_write(log, LOG_DEBUG, "is not written", fields);
    log_sum_up(log, true);
}

/* However it is written, a storm of one model's lines leaves what is told below a hundred, and says what it left out. */
static void a_storm_is_held_back_and_told(void **state) {
    (void)state;
    static const struct {
        enum log_format format;
        const char *own, *sum;
    } cases[] = {
        {LOG_TEXT, " error something else namespace=ns model=m suppressed=", " warn  lines were held back objects=1 suppressed="},
        {LOG_JSON, "\"msg\":\"something else\",\"namespace\":\"ns\",\"model\":\"m\",\"suppressed\":", "\"objects\":\"1\",\"suppressed\":"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct log_flow flow;
        assert_true(log_flow_init(&flow, LOG_INFO));
        const struct log log = {.level = LOG_DEBUG, .format = cases[i].format, .flow = &flow};
        struct str text = written(&log, write_storm, LOG_FIELDS({"namespace", STR("ns")}, {"model", STR("m")}));
        size_t lines = count_of(text, "again");
        /* A slow machine may take a second or more for them. */
        assert_in_range(lines, LOG_OBJECT_BURST, LOG_OBJECT_BURST + 100);
        assert_int_equal(count_of(text, "\n"), lines + 3);
        assert_int_equal(count_of(text, cases[i].own), 1);
        assert_int_equal(count_of(text, cases[i].sum), 1);
        assert_int_equal(count_of(text, "whatever happens"), 1);
        log_flow_release(&flow);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_line_is_one_line), cmocka_unit_test(a_storm_is_held_back_and_told)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
