#include "cli/output.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"

static bool write_all(struct str text)
{
    while (text.len) {
        ssize_t written = write(STDOUT_FILENO, text.ptr, text.len);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return false;
        text = str_from(text, (size_t)written);
    }
    return true;
}

int output_finish(const struct strbuf *text, int status)
{
    if (text->failed) {
        fprintf(stderr, "model-booster: the output is over %zu bytes, or memory is out; nothing was written\n", text->max);
        return EXIT_UNABLE;
    }
    /* Some file systems report a full disk only when the file is closed. */
    if (!write_all(strbuf_view(text)) || close(STDOUT_FILENO) != 0) {
        fprintf(stderr, "model-booster: cannot write to standard output: %s\n", strerror(errno));
        return EXIT_UNABLE;
    }
    return status;
}
