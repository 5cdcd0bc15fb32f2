#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness.h"

void fuzz_expect(bool holds, const char *format, ...) {
    if (holds) return;
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    abort();
}

void fuzz_expect_error(const struct error *error) {
    fuzz_expect(error->kind != ERROR_NONE && error->message[0], "a failure without an error");
    fuzz_expect(str_is_utf8(str_of(error->message)), "an error that is not UTF-8");
}

static struct str take_up_to(struct str *rest, struct str mark) {
    size_t end = str_find(*rest, mark);
    struct str taken = str_first(*rest, end);
    *rest = end == SIZE_MAX ? STR_EMPTY : str_from(*rest, end + mark.len);
    return taken;
}

struct str fuzz_line(struct str *rest) {
    return take_up_to(rest, STR("\n"));
}

struct str fuzz_section(struct str *rest) {
    return take_up_to(rest, STR("\n---\n"));
}

int fuzz_file(struct str text, char path[FUZZ_PATH_BYTES]) {
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    fuzz_expect(fd >= 0 && write(fd, text.ptr, text.len) == (ssize_t)text.len, "no file in memory");
    snprintf(path, FUZZ_PATH_BYTES, "/proc/self/fd/%d", fd);
    return fd;
}

struct str fuzz_json_text(struct arena *arena, const yyjson_val *value) {
    struct strbuf text = strbuf_with_max(FUZZ_TEXT_BYTES);
    json_write(&text, value);
    struct str copy = text.failed ? STR_EMPTY : arena_copy(arena, strbuf_view(&text));
    strbuf_release(&text);
    return copy;
}

bool fuzz_is_plain(const yyjson_val *value) {
    return json_equal(value, value);
}
