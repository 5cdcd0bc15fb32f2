#include "cli/output.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "io/files.h"

bool output_now(struct str text) {
    struct error error = {0};
    if (files_write_all(STDOUT_FILENO, text, &error)) return true;
    fprintf(stderr, "model-booster: standard output: %s\n", error.message);
    return false;
}

int output_finish(const struct strbuf *text, int status) {
    if (text->failed) {
        fprintf(stderr, "model-booster: the output is over %zu bytes, or memory is out; nothing was written\n", text->max);
        return EXIT_UNABLE;
    }
    /* Some file systems report a full disk only when the file is closed. */
    struct error error = {0};
    bool is_written = files_write_all(STDOUT_FILENO, strbuf_view(text), &error);
    if (is_written && close(STDOUT_FILENO) != 0) is_written = error_set(&error, ERROR_IO, "cannot write: %s", strerror(errno));
    if (is_written) return status;
    fprintf(stderr, "model-booster: standard output: %s\n", error.message);
    return EXIT_UNABLE;
}
