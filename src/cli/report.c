#include "cli/report.h"

#include <stdio.h>

enum { LINE_BYTES = 64 * 1024 };

static void append_place(struct strbuf *out, const char *file, unsigned line) {
    strbuf_append_escaped(out, str_of(file));
    if (line) strbuf_printf(out, ":%u", line);
    strbuf_append(out, STR(": "));
}

static void print_line(struct strbuf *line) {
    fprintf(stderr, "%s\n", line->failed ? "model-booster: a message is too long to print" : line->ptr);
    strbuf_release(line);
}

void report_problem(const char *file, unsigned line, const char *message) {
    struct strbuf out = strbuf_with_max(LINE_BYTES);
    append_place(&out, file, line);
    strbuf_append_escaped(&out, str_of(message));
    print_line(&out);
}

void report_passing_by(const char *file, unsigned line, struct str kind, struct str name) {
    struct strbuf out = strbuf_with_max(LINE_BYTES);
    append_place(&out, file, line);
    strbuf_append(&out, STR("note: "));
    strbuf_append_escaped(&out, str_cut_utf8(kind, LIMIT_ERROR_PATH_BYTES));
    if (name.len) strbuf_printf(&out, " %s", QUOTE(name));
    strbuf_append(&out, STR(" passes by: not a ModelBooster"));
    print_line(&out);
}

void report_line(struct str line) {
    struct strbuf out = strbuf_with_max(LINE_BYTES);
    strbuf_append_escaped(&out, line);
    print_line(&out);
}

void report_exhausted(const struct arena *arena) {
    fprintf(stderr, "model-booster: the input needs more than %zu MiB of memory; give fewer files at a time\n", arena->limit_bytes >> 20);
}

static void append_finding(struct strbuf *out, const struct manifest *manifest, const struct finding *finding) {
    append_place(out, manifest->source.file, input_line(manifest, finding->value));
    if (finding->is_warning) strbuf_append(out, STR("warning: "));
    strbuf_append_escaped(out, finding->path);
    if (finding->path.len) strbuf_append(out, STR(": "));
    strbuf_append_escaped(out, finding->message);
    strbuf_printf(out, " [%s]\n", rule_id(finding->rule));
}

void report_findings(struct strbuf *out, const struct manifest *manifest) {
    const struct findings *findings = &manifest->findings;
    for (size_t i = 0; i < findings->count; i++) append_finding(out, manifest, &findings->items[i]);
    if (findings->is_cut) {
        append_place(out, manifest->source.file, input_line(manifest, NULL));
        strbuf_printf(out, "there are more findings; the first %d are shown\n", LIMIT_FINDINGS);
    }
}
