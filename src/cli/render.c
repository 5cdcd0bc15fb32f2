#include <stdio.h>

#include "booster/generate/generate.h"
#include "cli/check.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/report.h"
#include "controller/settings.h"
#include "data/yaml_write.h"

enum { AS_YAML, AS_JSON };

/* Without a cluster there is no uid; a fixed one keeps the output the same from run to run. */
#define PLACEHOLDER_UID "00000000-0000-0000-0000-000000000000"

struct rendering {
    struct flag_list names, kinds;
    int output;
    int topology_shape;
    const char *uid, *namespace;
    const char *downloader_image, *runtime_image;
    bool is_wanted[CHILD_KIND_COUNT];
};

static bool choose_kinds(struct rendering *rendering) {
    for (int kind = 0; kind < CHILD_KIND_COUNT; kind++) rendering->is_wanted[kind] = rendering->kinds.count == 0;
    for (size_t i = 0; i < rendering->kinds.count; i++) {
        enum child_kind kind = child_kind_of(str_of(rendering->kinds.items[i]));
        if (kind == CHILD_KIND_COUNT) {
            fprintf(stderr, "model-booster render: --kind is %s; write one of", QUOTE(str_of(rendering->kinds.items[i])));
            for (int known = 0; known < CHILD_KIND_COUNT; known++)
                fprintf(stderr, "%s %s", known ? "," : "", child_kind_name((enum child_kind)known));
            fputs("\n", stderr);
            return false;
        }
        rendering->is_wanted[kind] = true;
    }
    return true;
}

/* Appends the lines of `text`, each moved right by `columns`; no line break can be inside a JSON string. */
static void append_indented(struct strbuf *out, struct str text, int columns) {
    while (text.len) {
        size_t end = str_find(text, STR("\n"));
        struct str line = end == SIZE_MAX ? text : str_first(text, end);
        strbuf_printf(out, "%*s", columns, "");
        strbuf_append(out, line);
        text = str_from(text, line.len + 1);
        if (text.len) strbuf_append_char(out, '\n');
    }
}

static void append_json_item(struct strbuf *out, const yyjson_val *object, bool is_first) {
    struct strbuf item = strbuf_with_max(out->max);
    json_write_indented(&item, object);
    strbuf_append(out, is_first ? STR("\n") : STR(",\n"));
    append_indented(out, strbuf_view(&item), 4);
    out->failed |= item.failed;
    strbuf_release(&item);
}

static void append_child(struct strbuf *out, int output, const yyjson_val *object, bool is_first) {
    if (output == AS_JSON) {
        append_json_item(out, object, is_first);
        return;
    }
    strbuf_append(out, STR("---\n"));
    yaml_write(out, object);
}

/* Appends the children of one ModelBooster; false when memory is out. */
static bool append_children(struct strbuf *out, const struct rendering *rendering, const struct booster *booster, size_t *child_count) {
    const struct generate_settings settings = {
        .images = {str_of(rendering->downloader_image), str_of(rendering->runtime_image)},
        .topology_shape = (enum topology_shape)rendering->topology_shape,
    };
    struct arena arena;
    struct children children;
    arena_init(&arena, LIMIT_RECONCILE_ARENA_BYTES);
    bool is_complete = generate_children(&arena, booster, &settings, NULL, &children);
    for (size_t i = 0; is_complete && i < children.count; i++) {
        if (rendering->is_wanted[children.items[i].kind])
            append_child(out, rendering->output, children.items[i].object, (*child_count)++ == 0);
    }
    arena_release(&arena);
    return is_complete;
}

static bool append_all(struct strbuf *out, const struct rendering *rendering, struct input *input) {
    size_t child_count = 0;
    if (rendering->output == AS_JSON) strbuf_append(out, STR("{\n  \"apiVersion\": \"v1\",\n  \"kind\": \"List\",\n  \"items\": ["));
    for (struct manifest *manifest = input->first; manifest; manifest = manifest->next) {
        struct booster *booster = &manifest->booster;
        if (rendering->uid || !booster->uid.len) booster->uid = str_of(rendering->uid ? rendering->uid : PLACEHOLDER_UID);
        if (!booster->namespace.len) booster->namespace = str_of(rendering->namespace);
        if (!append_children(out, rendering, booster, &child_count)) {
            report_problem(manifest->source.file, input_line(manifest, NULL), "its children need too much memory; nothing was written");
            return false;
        }
    }
    if (rendering->output == AS_JSON) strbuf_append(out, child_count ? STR("\n  ]\n}\n") : STR("]\n}\n"));
    return true;
}

/* All findings go to standard error; true when there is no error among them. */
static bool print_findings(const struct input *input, const struct check_counts *counts) {
    struct strbuf lines = strbuf_with_max(LIMIT_OUTPUT_BYTES);
    for (const struct manifest *manifest = input->first; manifest; manifest = manifest->next) report_findings(&lines, manifest);
    struct str text = strbuf_view(&lines);
    fwrite(text.ptr, 1, text.len, stderr);
    strbuf_release(&lines);
    return counts->errors == 0;
}

static int render(struct arena *arena, const struct rendering *rendering) {
    struct input input;
    struct check_counts counts;
    if (!input_read(arena, &rendering->names, &input) || !check_input(arena, &input, &counts)) return EXIT_UNABLE;
    bool is_valid = print_findings(&input, &counts);
    if (input.is_incomplete) return EXIT_UNABLE;
    if (!is_valid) return EXIT_FINDINGS;
    struct strbuf out = strbuf_with_max(LIMIT_OUTPUT_BYTES);
    int status = append_all(&out, rendering, &input) ? output_finish(&out, EXIT_CLEAN) : EXIT_UNABLE;
    strbuf_release(&out);
    return status;
}

int command_render(int argc, char **argv) {
    struct rendering rendering = {
        .namespace = "default",
        .downloader_image = DEFAULT_DOWNLOADER_IMAGE,
        .runtime_image = DEFAULT_RUNTIME_IMAGE,
    };
    const struct flag flags[] = {
        FLAG_ROW_LIST("filename", 'f', "FILE|DIR|-", &rendering.names, "what to render; may be repeated; - is standard input"),
        FLAG_ROW_CHOICE("output", 'o', "yaml|json", &rendering.output, "a stream of documents, or one v1 List; default yaml"),
        FLAG_ROW_LIST("kind", 0, "KIND", &rendering.kinds, "children of this kind only, such as ModelServing; may be repeated"),
        FLAG_ROW_NAMESPACE(&rendering.namespace, "for ModelBoosters that name none; default \"default\""),
        FLAG_ROW_TEXT("uid", 0, "UID", &rendering.uid, "of the ModelBooster; else metadata.uid, else zeros"),
        FLAG_ROW_CHOICE("target", 0, "kthena-0.1|kthena-main", &rendering.topology_shape,
                        "whose shape networkTopology takes in a ModelServing; default kthena-0.1"),
        FLAG_ROW_TEXT("downloader-image", 0, "IMAGE", &rendering.downloader_image, "default " DEFAULT_DOWNLOADER_IMAGE),
        FLAG_ROW_TEXT("runtime-image", 0, "IMAGE", &rendering.runtime_image, "default " DEFAULT_RUNTIME_IMAGE),
        FLAG_ROW_END,
    };
    const struct usage usage = {
        "render -f FILE|DIR|- [flags]",
        "Prints the children of ModelBoosters, as the controller would create them, without a cluster.\n"
        "Findings go to standard error; when one of them is an error, nothing is printed. Objects of other kinds pass by.\n\n"
        "Exit status: 0 rendered, 1 a ModelBooster is invalid, 2 something could not be read or written.",
        flags,
        "  model-booster render -f examples/quickstart.yaml\n"
        "  model-booster render -f examples/ -o json --kind ModelRoute\n"
        "  kubectl get modelbooster demo -o yaml | model-booster render -f - | kubectl diff -f -\n"};
    struct arena arena;
    arena_init(&arena, LIMIT_INPUT_ARENA_BYTES);
    int status = EXIT_UNABLE;
    if (flags_start(&arena, &usage, argc, argv, &status)) {
        if (!rendering.names.count) fprintf(stderr, "model-booster render: nothing to render; give -f FILE, -f DIR or -f -\n");
        bool is_clear = rendering.names.count && choose_kinds(&rendering);
        status = is_clear ? render(&arena, &rendering) : EXIT_UNABLE;
    }
    arena_release(&arena);
    return status;
}
