#include "cli/sources.h"

#include <string.h>

#include "base/number.h"
#include "cli/report.h"
#include "io/files.h"

/* What the reader of a file may need beside its bytes: growing by doubling, and blocks of the arena. */
enum { READ_ROOM_BYTES = 3 * LIMIT_FILE_BYTES, FIELD_TEXT_BYTES = 4096 };

struct reading {
    struct arena *arena;
    const struct sources_reader *reader;
    bool is_incomplete;
};

static void note(struct reading *reading, const char *file, unsigned line, const char *message) {
    if (reading->reader->trouble) reading->reader->trouble(reading->reader->context, file, line, message);
    reading->is_incomplete = true;
}

static void unreadable(struct reading *reading, const char *file, unsigned line, const char *message) {
    report_problem(file, line, message);
    note(reading, file, line, message);
}

/* True unless memory is out. */
static bool unopened(struct reading *reading, const char *name, const struct error *error) {
    report_problem("model-booster", 0, error->message);
    note(reading, source_name(name), 0, error->message);
    return error->kind != ERROR_MEMORY;
}

static void hand_on(struct reading *reading, const char *file, const struct yaml_document *document, yyjson_val *object) {
    struct source source = {file, document, object};
    reading->reader->each(reading->reader->context, &source);
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
        goes_on = unopened(reading, name, &error);
    arena_release(&scratch);
    return goes_on;
}

static bool read_folder(struct reading *reading, const char *folder) {
    struct str *paths;
    size_t count;
    struct error error = {0};
    if (!files_list_manifests(reading->arena, folder, &paths, &count, &error)) return unopened(reading, folder, &error);
    if (!count) unreadable(reading, folder, 0, "no .yaml, .yml or .json file in this folder (subfolders are not read)");
    bool goes_on = true;
    for (size_t i = 0; i < count && goes_on; i++) goes_on = read_file(reading, paths[i].ptr);
    return goes_on;
}

bool sources_read(struct arena *arena, const struct flag_list *names, const struct sources_reader *reader, bool *out_is_incomplete) {
    struct reading reading = {.arena = arena, .reader = reader};
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

/* ---- a server's paths ---- */

static bool enter(struct source_field *field, const yyjson_val *key) {
    field->place = key;
    field->value = yyjson_obj_iter_get_val(json_loose(key));
    return true;
}

static bool enter_entry(struct source_field *field, struct str key_text) {
    size_t index, max;
    yyjson_val *key, *value;
    yyjson_obj_foreach(field->value, index, max, key, value) {
        if (str_equal(json_text(key), key_text)) return enter(field, key);
    }
    return false;
}

/* `app.kubernetes.io/name` may be one key or four: the shortest that is there. */
static bool enter_name(struct source_field *field, struct str *path) {
    for (size_t len = 1; len <= path->len; len++) {
        bool is_end = len == path->len || path->ptr[len] == '.' || path->ptr[len] == '[';
        if (!is_end || !enter_entry(field, str_first(*path, len))) continue;
        *path = str_from(*path, len);
        return true;
    }
    return false;
}

/* The end of what stands before `stop`, which does not count within quotes. */
static size_t find_unquoted(struct str text, char stop) {
    bool is_quoted = false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '"') is_quoted = !is_quoted;
        if (text.ptr[i] == '\\' && is_quoted) i++;
        if (i < text.len && text.ptr[i] == stop && !is_quoted) return i;
    }
    return text.len;
}

static bool is_written(const yyjson_val *value, struct str text) {
    struct strbuf out = strbuf_with_max(FIELD_TEXT_BYTES);
    json_write(&out, value);
    bool is_same = !out.failed && str_equal(strbuf_view(&out), text);
    strbuf_release(&out);
    return is_same;
}

/* `containerPort=80,protocol="TCP"`. A key that the item leaves out has its default. */
static bool is_item_meant(const yyjson_val *item, struct str keys) {
    bool is_meant = false;
    while (keys.len) {
        size_t equals = str_find(keys, STR("=")), end = find_unquoted(keys, ',');
        if (equals >= end) return false;
        const yyjson_val *value = equals ? json_get_str(item, str_first(keys, equals)) : item;
        struct str text = str_from(str_first(keys, end), equals + 1);
        if (value && !is_written(value, text)) return false;
        is_meant |= value != NULL;
        keys = str_from(keys, end + 1);
    }
    return is_meant;
}

static bool enter_item(struct source_field *field, struct str step) {
    size_t index, max;
    int64_t wanted = -1;
    yyjson_val *item;
    bool is_counted = number_parse_int64(step, &wanted);
    yyjson_arr_foreach(field->value, index, max, item) {
        bool is_meant = is_counted ? (int64_t)index == wanted : is_item_meant(item, step);
        if (!is_meant) continue;
        field->value = item;
        field->place = item;
        return true;
    }
    return false;
}

static bool enter_bracket(struct source_field *field, struct str *path) {
    struct str inner = str_from(*path, 1);
    size_t end = find_unquoted(inner, ']');
    struct str step = str_first(inner, end);
    *path = str_from(inner, end + 1);
    return yyjson_is_arr(field->value) ? enter_item(field, step) : enter_entry(field, step);
}

struct source_field source_field(const struct source *source, struct str path) {
    struct source_field field = {source->object, source->object, path.len > 0};
    while (path.len && field.is_whole) {
        if (path.ptr[0] == '.') path = str_from(path, 1);
        field.is_whole = path.len && (path.ptr[0] == '[' ? enter_bracket(&field, &path) : enter_name(&field, &path));
    }
    return field;
}
