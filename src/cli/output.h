/*
 * Standard output, written whole at a command's end or not at all: what is there is never half of an answer without a failing
 * exit status. Commands that wait between one answer and the next write each as a whole.
 */
#ifndef MB_CLI_OUTPUT_H
#define MB_CLI_OUTPUT_H

#include "base/strbuf.h"

/*
 * Writes `text` and closes standard output. Returns `status`, or EXIT_UNABLE after a line on standard error when the text failed to
 * build, the disk is full, the pipe is closed.
 */
int output_finish(const struct strbuf *text, int status);

/* Writes `text` at once, for commands that go on. False after a line on standard error. */
bool output_now(struct str text);

#endif
