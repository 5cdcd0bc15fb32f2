#include "cli/report.h"

#include <stdio.h>

enum { LINE_BYTES = 64 * 1024 };

/* C0, DEL and (in UTF-8) C1: what moves a terminal's cursor or colours. */
static void append_escaped(struct strbuf *out, struct str text) {
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.ptr[i];
        bool is_c1 = byte == 0xc2 && i + 1 < text.len && (unsigned char)text.ptr[i + 1] < 0xa0;
        if (is_c1)
            strbuf_printf(out, "\\u%04x", (unsigned char)text.ptr[++i]);
        else if (byte < 0x20 || byte == 0x7f)
            strbuf_printf(out, "\\x%02x", byte);
        else
            strbuf_append_char(out, text.ptr[i]);
    }
}

static void append_place(struct strbuf *out, const char *file, unsigned line) {
    append_escaped(out, str_of(file));
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
    append_escaped(&out, str_of(message));
    print_line(&out);
}

void report_passing_by(const char *file, unsigned line, struct str kind, struct str name) {
    struct strbuf out = strbuf_with_max(LINE_BYTES);
    append_place(&out, file, line);
    strbuf_append(&out, STR("note: "));
    append_escaped(&out, str_cut_utf8(kind, LIMIT_ERROR_PATH_BYTES));
    if (name.len) strbuf_printf(&out, " %s", QUOTE(name));
    strbuf_append(&out, STR(" passes by: not a ModelBooster"));
    print_line(&out);
}

void report_line(struct str line) {
    struct strbuf out = strbuf_with_max(LINE_BYTES);
    append_escaped(&out, line);
    print_line(&out);
}

void report_exhausted(const struct arena *arena) {
    fprintf(stderr, "model-booster: the input needs more than %zu MiB of memory; give fewer files at a time\n", arena->limit_bytes >> 20);
}

static void append_finding(struct strbuf *out, const struct manifest *manifest, const struct finding *finding) {
    append_place(out, manifest->source.file, input_line(manifest, finding->value));
    if (finding->is_warning) strbuf_append(out, STR("warning: "));
    append_escaped(out, finding->path);
    if (finding->path.len) strbuf_append(out, STR(": "));
    append_escaped(out, finding->message);
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
