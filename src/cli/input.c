#include "cli/input.h"

#include <stdio.h>
#include <string.h>

#include "booster/names.h"
#include "cli/report.h"
#include "cli/suggest.h"
#include "io/files.h"

/* What the reader of a file may need beside its bytes: growing by doubling, and blocks of the arena. */
enum { READ_ROOM_BYTES = 3 * LIMIT_FILE_BYTES };

struct reading {
    struct arena *arena;
    struct input *out;
    struct manifest **end;
};

static void unreadable(struct reading *reading, const char *file, unsigned line, const char *message) {
    report_problem(file, line, message);
    reading->out->is_incomplete = true;
}

/* True unless memory is out. */
static bool unopened(struct reading *reading, const struct error *error) {
    report_problem("model-booster", 0, error->message);
    reading->out->is_incomplete = true;
    return error->kind != ERROR_MEMORY;
}

static void add_manifest(struct reading *reading, const char *file, const struct yaml_document *document, yyjson_val *object) {
    struct manifest *manifest = arena_alloc(reading->arena, sizeof *manifest);
    if (!manifest) return;
    manifest->file = file;
    manifest->document = document;
    manifest->object = object;
    *reading->end = manifest;
    reading->end = &manifest->next;
    reading->out->count++;
}

/* A slip in the kind or the group is the user's ModelBooster all the same; the rules say what is wrong with it. */
static bool is_meant_as_booster(struct reading *reading, const yyjson_val *object, struct str kind) {
    if (str_equal_ignoring_case(kind, STR(KIND_BOOSTER))) return true;
    if (kind.len > 2 * strlen(KIND_BOOSTER)) return false;
    if (!str_starts_with(json_text(json_get(object, "apiVersion")), STR(GROUP_WORKLOAD "/"))) return false;
    struct str typed = arena_copy(reading->arena, kind);
    return typed.len && suggest_nearer(typed.ptr, NULL, KIND_BOOSTER);
}

static void add_object(struct reading *reading, const char *file, const struct yaml_document *document, yyjson_val *object) {
    struct str kind = json_text(json_get(object, "kind"));
    unsigned line = yaml_position_of(document, object).line;
    if (!kind.len) {
        unreadable(reading, file, line, "this document is no Kubernetes object: it has no kind; write kind: ModelBooster");
        return;
    }
    if (is_meant_as_booster(reading, object, kind))
        add_manifest(reading, file, document, object);
    else
        report_passing_by(file, line, kind, json_text(json_path(object, "metadata", "name", NULL)));
}

static void add_document(struct reading *reading, const char *file, const struct yaml_document *document) {
    yyjson_val *items = json_get(document->root, "items");
    if (!str_ends_with(json_text(json_get(document->root, "kind")), STR("List")) || !yyjson_is_arr(items)) {
        add_object(reading, file, document, document->root);
        return;
    }
    size_t index, count;
    yyjson_val *item;
    yyjson_arr_foreach(items, index, count, item) add_object(reading, file, document, item);
}

static bool read_text(struct reading *reading, const char *file, struct str text) {
    struct yaml_documents documents;
    struct error error = {0};
    if (!yaml_read(reading->arena, text, &documents, &error)) {
        unreadable(reading, file, error.line, error.message);
        return error.kind != ERROR_MEMORY;
    }
    for (size_t i = 0; i < documents.count; i++) add_document(reading, file, &documents.items[i]);
    return !reading->arena->exhausted;
}

static const char *shown_name(const char *name) {
    return strcmp(name, "-") == 0 ? "<stdin>" : name;
}

/* `name` is what -f or the folder says; the text is held only while it is parsed. */
static bool read_file(struct reading *reading, const char *name) {
    struct arena scratch;
    struct str text;
    struct error error = {0};
    bool goes_on;
    arena_init(&scratch, LIMIT_FILE_BYTES + READ_ROOM_BYTES);
    if (files_read(&scratch, name, LIMIT_FILE_BYTES, &text, &error))
        goes_on = read_text(reading, shown_name(name), text);
    else
        goes_on = unopened(reading, &error);
    arena_release(&scratch);
    return goes_on;
}

static bool read_folder(struct reading *reading, const char *folder) {
    struct str *paths;
    size_t count;
    struct error error = {0};
    if (!files_list_manifests(reading->arena, folder, &paths, &count, &error)) return unopened(reading, &error);
    if (!count) unreadable(reading, folder, 0, "no .yaml, .yml or .json file in this folder (subfolders are not read)");
    bool goes_on = true;
    for (size_t i = 0; i < count && goes_on; i++) goes_on = read_file(reading, paths[i].ptr);
    return goes_on;
}

bool input_read(struct arena *arena, const struct flag_list *names, struct input *out) {
    *out = (struct input){0};
    struct reading reading = {arena, out, &out->first};
    bool goes_on = true;
    for (size_t i = 0; i < names->count && goes_on; i++)
        goes_on = files_is_folder(names->items[i]) ? read_folder(&reading, names->items[i]) : read_file(&reading, names->items[i]);
    if (arena->exhausted) {
        report_exhausted(arena);
        return false;
    }
    if (!out->count && !out->is_incomplete) {
        report_problem(names->count == 1 ? shown_name(names->items[0]) : "model-booster", 0,
                       "no ModelBooster in the input; it takes documents with kind: " KIND_BOOSTER);
        out->is_incomplete = true;
    }
    return true;
}

unsigned input_line(const struct manifest *manifest, const yyjson_val *value) {
    unsigned line = yaml_position_of(manifest->document, value).line;
    return line ? line : yaml_position_of(manifest->document, manifest->object).line;
}
