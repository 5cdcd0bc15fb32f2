/*
 * Findings and problems as lines:
 *
 *   examples/a.yaml:14: spec.backends[1].modelURI: "Qwen/Qwen2.5" has no scheme; write hf://Qwen/Qwen2.5 [MB024]
 *   examples/a.yaml:20: warning: spec...: ... [MB026]
 *
 * Control characters in what came from outside (names of files, keys in paths) are written \xNN, \u00NN.
 */
#ifndef MB_CLI_REPORT_H
#define MB_CLI_REPORT_H

#include "base/strbuf.h"
#include "cli/input.h"

/* A problem with a file, on standard error; line 0: with the whole of it. */
void report_problem(const char *file, unsigned line, const char *message);
/* The note on an object of another kind, on standard error. */
void report_passing_by(const char *file, unsigned line, struct str kind, struct str name);
/* Any line, on standard error. */
void report_line(struct str line);
/* That the input does not fit into its arena, on standard error. */
void report_exhausted(const struct arena *arena);

/* Appends all findings of the manifest as lines. */
void report_findings(struct strbuf *out, const struct manifest *manifest);

#endif
