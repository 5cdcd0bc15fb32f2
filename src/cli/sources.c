#include "cli/sources.h"

#include <string.h>

#include "base/number.h"
#include "cli/report.h"
#include "io/files.h"

/* What the reader of a file may need beside its bytes: growing by doubling, and blocks of the arena. */
enum { READ_ROOM_BYTES = 3 * LIMIT_FILE_BYTES };

struct reading {
    struct arena *arena;
    source_fn *each;
    void *context;
    bool is_incomplete;
};

static void unreadable(struct reading *reading, const char *file, unsigned line, const char *message) {
    report_problem(file, line, message);
    reading->is_incomplete = true;
}

/* True unless memory is out. */
static bool unopened(struct reading *reading, const struct error *error) {
    report_problem("model-booster", 0, error->message);
    reading->is_incomplete = true;
    return error->kind != ERROR_MEMORY;
}

static void hand_on(struct reading *reading, const char *file, const struct yaml_document *document, yyjson_val *object) {
    struct source source = {file, document, object};
    reading->each(reading->context, &source);
}

static void add_document(struct reading *reading, const char *file, const struct yaml_document *document) {
    yyjson_val *items = json_get(document->root, "items");
    if (!str_ends_with(json_text(json_get(document->root, "kind")), STR("List")) || !yyjson_is_arr(items)) {
        hand_on(reading, file, document, document->root);
        return;
    }
    size_t index, count;
    yyjson_val *item;
    yyjson_arr_foreach(items, index, count, item) hand_on(reading, file, document, item);
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

const char *source_name(const char *name) {
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
        goes_on = read_text(reading, source_name(name), text);
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

bool sources_read(struct arena *arena, const struct flag_list *names, source_fn *each, void *context, bool *out_is_incomplete) {
    struct reading reading = {.arena = arena, .each = each, .context = context};
    bool goes_on = true;
    for (size_t i = 0; i < names->count && goes_on; i++)
        goes_on = files_is_folder(names->items[i]) ? read_folder(&reading, names->items[i]) : read_file(&reading, names->items[i]);
    *out_is_incomplete = reading.is_incomplete;
    if (!arena->exhausted) return true;
    report_exhausted(arena);
    return false;
}

unsigned source_line(const struct source *source, const yyjson_val *value) {
    unsigned line = yaml_position_of(source->document, value).line;
    return line ? line : yaml_position_of(source->document, source->object).line;
}

/* Cuts the first step off: "backends", then "0" with is_index. */
static struct str next_step(struct str *path, bool *is_index) {
    struct str rest = *path;
    if (rest.len && rest.ptr[0] == '.') rest = str_from(rest, 1);
    *is_index = rest.len && rest.ptr[0] == '[';
    if (*is_index) rest = str_from(rest, 1);
    size_t len = 0;
    while (len < rest.len && (*is_index ? rest.ptr[len] != ']' : rest.ptr[len] != '.' && rest.ptr[len] != '[')) len++;
    *path = str_from(rest, len + *is_index);
    return str_first(rest, len);
}

static yyjson_val *step_into(yyjson_val *value, struct str step, bool is_index) {
    int64_t index;
    if (is_index && yyjson_is_arr(value))
        return number_parse_int64(step, &index) && index >= 0 ? yyjson_arr_get(value, (size_t)index) : NULL;
    return json_get_str(value, step);
}

yyjson_val *source_field(const struct source *source, struct str path) {
    yyjson_val *found = source->object;
    bool is_index;
    while (path.len) {
        struct str step = next_step(&path, &is_index);
        yyjson_val *inner = step.len ? step_into(found, step, is_index) : NULL;
        if (!inner) break;
        found = inner;
    }
    return found;
}
