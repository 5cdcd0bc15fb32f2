/*
 * Reads a line as a POSIX shell splits it into words (XCU 2.2, 2.6.5, 2.6.7), for lines without expansions: bare words of plain characters
 * and single quotes, a backslash outside them for the next character. Any other character that a shell would act on is an error.
 */
#ifndef MB_TESTS_UNIT_SHELL_WORDS_H
#define MB_TESTS_UNIT_SHELL_WORDS_H

#include <string.h>

#include "base/arena.h"

struct shell_words {
    struct str *items;
    size_t count;
};

/* False where the shell would do anything but pass text on. */
static inline bool shell_words_read(struct arena *arena, struct str line, struct shell_words *out) {
    char *text = arena_alloc(arena, line.len + 1);
    struct str *items = arena_array(arena, line.len + 1, sizeof *items);
    size_t count = 0, len = 0, start = 0, at = 0;
    bool is_word = false;
    if (!text || !items) return false;
    while (at < line.len) {
        char c = line.ptr[at++];
        if (c == '\'') {
            is_word = true;
            size_t end = str_find(str_from(line, at), STR("'"));
            if (end == SIZE_MAX) return false;
            memcpy(text + len, line.ptr + at, end);
            len += end;
            at += end + 1;
        } else if (c == '\\') {
            is_word = true;
            if (at == line.len || line.ptr[at] == '\n') return false;
            text[len++] = line.ptr[at++];
        } else if (c == ' ') {
            if (is_word) items[count++] = (struct str){text + start, len - start};
            start = len;
            is_word = false;
        } else {
            if (c == 0 || !strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%+=:,./-_", c)) return false;
            is_word = true;
            text[len++] = c;
        }
    }
    if (is_word) items[count++] = (struct str){text + start, len - start};
    *out = (struct shell_words){items, count};
    return true;
}

/* The words of the engine in the line of a leader: what follows the last "&& exec ". */
static inline bool shell_words_of_leader(struct arena *arena, struct str line, struct shell_words *out) {
    size_t at = str_find(line, STR(" && exec python3 "));
    return at != SIZE_MAX && shell_words_read(arena, str_from(line, at + strlen(" && exec ")), out);
}

#endif
