/*
 * A command line, a word a line, and below a line "---" the file of --config. Read, with everything in its bounds, or refused with
 * words that can be shown; and what is printed as the effective configuration is a file that gives the same again.
 */
#include <string.h>
#include <unistd.h>

#include "cli/config.h"
#include "harness.h"

enum { WORDS_MAX = 32, ROWS = 8 };

struct read_flags {
    bool is_quiet;
    const char *text;
    struct flag_list list;
    int number, choice;
    struct config config;
};

static void fill_rows(struct read_flags *read, struct flag rows[ROWS]) {
    const struct flag flags[] = {
        FLAG_ROW_SWITCH("quiet", 'q', &read->is_quiet, "findings only"),
        FLAG_ROW_TEXT("context", 0, "NAME", &read->text, "which"),
        FLAG_ROW_LIST("filename", 'f', "FILE", &read->list, "what"),
        FLAG_ROW_NUMBER("count", 'n', 1, 9, &read->number, "how many"),
        FLAG_ROW_CHOICE("output", 'o', "yaml|json|name", &read->choice, "how"),
        FLAG_ROW_CONFIG(&read->config),
        FLAG_ROW_END,
    };
    memcpy(rows, flags, sizeof flags);
}

static void expect_read(const struct read_flags *read) {
    fuzz_expect(read->number >= 1 && read->number <= 9, "a number out of its bounds: %d", read->number);
    fuzz_expect(read->choice >= 0 && read->choice < 3, "a choice that there is not: %d", read->choice);
    for (size_t i = 0; i < read->list.count; i++) fuzz_expect(read->list.items[i] != NULL, "an item that is not there");
}

/* False: refused. */
static bool complete(struct arena *arena, struct read_flags *read, const bool *given, struct str file) {
    char path[FUZZ_PATH_BYTES];
    struct flag rows[ROWS];
    struct error error = {0};
    int fd = fuzz_file(file, path);
    read->config.file = arena_copy(arena, str_of(path)).ptr;
    fill_rows(read, rows);
    bool is_complete = config_complete(arena, rows, given, &read->config, &error);
    close(fd);
    if (!is_complete) fuzz_expect_error(&error);
    return is_complete;
}

static bool same_text(const char *a, const char *b) {
    return (!a || !*a) ? (!b || !*b) : b && strcmp(a, b) == 0;
}

static void expect_printed(struct arena *arena, struct read_flags *read) {
    static const bool none[ROWS];
    struct read_flags again = {.number = 1};
    struct flag rows[ROWS];
    struct strbuf text = strbuf_with_max(FUZZ_TEXT_BYTES);
    fill_rows(read, rows);
    read->config.file = NULL;
    config_print(&text, rows, &read->config);
    fuzz_expect(complete(arena, &again, none, strbuf_view(&text)), "what is printed does not read:\n%s", text.ptr);
    bool is_same = again.is_quiet == read->is_quiet && same_text(again.text, read->text) && again.number == read->number &&
                   again.choice == read->choice && again.list.count == read->list.count;
    for (size_t i = 0; is_same && i < read->list.count; i++) is_same = same_text(read->list.items[i], again.list.items[i]);
    fuzz_expect(is_same, "what is printed gives another configuration:\n%s", text.ptr);
    strbuf_release(&text);
}

FUZZ_TARGET(flags) {
    struct read_flags read = {.number = 1};
    struct flag rows[ROWS];
    bool given[ROWS] = {false};
    char *argv[WORDS_MAX + 1] = {"command"};
    int argc = 1;
    struct error error = {0};
    struct str file = input;
    for (struct str rest = fuzz_section(&file); rest.len && argc < WORDS_MAX; argc++)
        argv[argc] = (char *)(uintptr_t)arena_copy(arena, fuzz_line(&rest)).ptr;
    fill_rows(&read, rows);
    enum flags_result result = flags_read(arena, rows, argc, argv, given, &error);
    if (result == FLAGS_WRONG) fuzz_expect_error(&error);
    if (result != FLAGS_READ) return;
    expect_read(&read);
    if (!complete(arena, &read, given, file)) return;
    expect_read(&read);
    /* A command line's bytes may be anything; a file is UTF-8. */
    if (str_is_utf8(input) && !str_contains(input, STR("\0")) && !arena->exhausted) expect_printed(arena, &read);
}
