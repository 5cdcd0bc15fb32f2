#include <stdio.h>

#include "cli/check.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/report.h"

enum { AS_TEXT, AS_JSON };

static void add_finding(yyjson_mut_doc *doc, yyjson_mut_val *list, const struct manifest *manifest, const struct finding *finding) {
    yyjson_mut_val *entry = yyjson_mut_arr_add_obj(doc, list);
    unsigned line = input_line(manifest, finding->value);
    json_add_text(doc, entry, "file", str_of(manifest->source.file));
    if (line) json_add_int64(doc, entry, "line", line);
    json_add_text(doc, entry, "namespace", manifest->booster.namespace);
    json_add_text(doc, entry, "name", manifest->booster.name);
    json_add_text(doc, entry, "severity", str_of(finding->is_warning ? "warning" : "error"));
    json_add_text(doc, entry, "rule", str_of(rule_id(finding->rule)));
    json_add_text(doc, entry, "path", finding->path);
    json_add_text(doc, entry, "message", finding->message);
}

/* In the form of a finding, so that who reads findings alone reads this, too. */
static void add_trouble(yyjson_mut_doc *doc, yyjson_mut_val *list, const struct input_trouble *trouble) {
    yyjson_mut_val *entry = yyjson_mut_arr_add_obj(doc, list);
    json_add_text(doc, entry, "file", trouble->file);
    if (trouble->line) json_add_int64(doc, entry, "line", trouble->line);
    json_add_text(doc, entry, "severity", STR("error"));
    json_add_text(doc, entry, "rule", STR("unreadable"));
    json_add_text(doc, entry, "message", trouble->message);
}

static void append_json(struct arena *arena, struct strbuf *out, const struct input *input, const struct check_counts *counts) {
    yyjson_mut_doc *doc = json_builder(arena);
    yyjson_mut_val *root = yyjson_mut_obj(doc);
    json_add_int64(doc, root, "boosters", (int64_t)input->count);
    json_add_int64(doc, root, "errors", (int64_t)(counts->errors + input->trouble_count));
    json_add_int64(doc, root, "warnings", (int64_t)counts->warnings);
    yyjson_mut_val *list = yyjson_mut_obj_add_arr(doc, root, "findings");
    for (const struct input_trouble *trouble = input->first_trouble; trouble; trouble = trouble->next) add_trouble(doc, list, trouble);
    for (const struct manifest *manifest = input->first; manifest; manifest = manifest->next)
        for (size_t i = 0; i < manifest->findings.count; i++) add_finding(doc, list, manifest, &manifest->findings.items[i]);
    json_write_indented(out, json_freeze(arena, root));
    strbuf_append_char(out, '\n');
    out->failed |= arena->exhausted;
}

static int validate(struct arena *arena, const struct flag_list *names, int output) {
    struct input input;
    struct check_counts counts;
    if (!input_read(arena, names, &input) || !check_input(arena, &input, &counts)) return EXIT_UNABLE;
    struct strbuf out = strbuf_with_max(LIMIT_OUTPUT_BYTES);
    if (output == AS_JSON)
        append_json(arena, &out, &input, &counts);
    else
        for (const struct manifest *manifest = input.first; manifest; manifest = manifest->next) report_findings(&out, manifest);
    int status = output_finish(&out, counts.errors ? EXIT_FINDINGS : EXIT_CLEAN);
    strbuf_release(&out);
    if (output == AS_TEXT && input.count)
        fprintf(stderr, "%zu ModelBooster%s: %zu error%s, %zu warning%s\n", input.count, input.count == 1 ? "" : "s", counts.errors,
                counts.errors == 1 ? "" : "s", counts.warnings, counts.warnings == 1 ? "" : "s");
    return input.is_incomplete ? EXIT_UNABLE : status;
}

int command_validate(int argc, char **argv) {
    struct flag_list names = {0};
    int output = AS_TEXT;
    const struct flag flags[] = {
        FLAG_ROW_LIST("filename", 'f', "FILE|DIR|-", &names, "what to check; may be repeated; - is standard input"),
        FLAG_ROW_CHOICE("output", 'o', "text|json", &output, "default text"),
        FLAG_ROW_END,
    };
    const struct usage usage = {
        "validate -f FILE|DIR|- [flags]",
        "Checks ModelBoosters against every rule and prints all findings, each with its line, its field, the remedy and the rule's id.\n"
        "Warnings are findings that do not make a ModelBooster invalid. Objects of other kinds pass by. With -o json what could\n"
        "not be read is among the findings, with the rule \"unreadable\".\n\n"
        "Exit status: 0 no errors, 1 errors, 2 something could not be read.",
        flags,
        "  model-booster validate -f examples/\n"
        "  model-booster validate -f a.yaml -f b.yaml -o json\n"
        "  kubectl get modelboosters -A -o yaml | model-booster validate -f -\n"};
    struct arena arena;
    arena_init(&arena, LIMIT_INPUT_ARENA_BYTES);
    int status;
    if (flags_start(&arena, &usage, argc, argv, &status)) {
        if (names.count) {
            status = validate(&arena, &names, output);
        } else {
            fprintf(stderr, "model-booster validate: nothing to check; give -f FILE, -f DIR or -f -\n");
            status = EXIT_UNABLE;
        }
    }
    arena_release(&arena);
    return status;
}
