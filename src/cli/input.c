#include "cli/input.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "booster/names.h"
#include "cli/report.h"

enum { READ_BYTES = 64 * 1024 };

struct reading {
    struct arena *arena;
    struct input *out;
    struct manifest **end;
};

static bool unreadable(struct reading *reading, const char *file, unsigned line, const char *message)
{
    report_problem(file, line, message);
    reading->out->is_incomplete = true;
    return true;
}

static void add_manifest(struct reading *reading, const char *file, const struct yaml_document *document, yyjson_val *object)
{
    struct manifest *manifest = arena_alloc(reading->arena, sizeof *manifest);
    if (!manifest)
        return;
    manifest->file = file;
    manifest->document = document;
    manifest->object = object;
    *reading->end = manifest;
    reading->end = &manifest->next;
    reading->out->count++;
}

static void add_object(struct reading *reading, const char *file, const struct yaml_document *document, yyjson_val *object)
{
    struct str kind = json_text(json_get(object, "kind"));
    unsigned line = yaml_position_of(document, object).line;
    if (!kind.len) {
        unreadable(reading, file, line, "this document is no Kubernetes object: it has no kind; write kind: ModelBooster");
        return;
    }
    /* A slip in the case or the group is the user's ModelBooster all the same; the rules say what is wrong with it. */
    if (str_equal_ignoring_case(kind, STR(KIND_BOOSTER)))
        add_manifest(reading, file, document, object);
    else
        report_passing_by(file, line, kind, json_text(json_path(object, "metadata", "name", NULL)));
}

static void add_document(struct reading *reading, const char *file, const struct yaml_document *document)
{
    yyjson_val *items = json_get(document->root, "items");
    if (!str_ends_with(json_text(json_get(document->root, "kind")), STR("List")) || !yyjson_is_arr(items)) {
        add_object(reading, file, document, document->root);
        return;
    }
    size_t index, count;
    yyjson_val *item;
    yyjson_arr_foreach(items, index, count, item)
        add_object(reading, file, document, item);
}

static bool read_text(struct reading *reading, const char *file, struct str text)
{
    struct yaml_documents documents;
    struct error error = {0};
    if (!yaml_read(reading->arena, text, &documents, &error)) {
        unreadable(reading, file, error.line, error.message);
        return error.kind != ERROR_MEMORY;
    }
    for (size_t i = 0; i < documents.count; i++)
        add_document(reading, file, &documents.items[i]);
    return !reading->arena->exhausted;
}

/* Fills `out` from the descriptor; false and errno set, which is EFBIG when the text is over out->max. */
static bool read_all(int fd, struct strbuf *out)
{
    for (;;) {
        char *room = strbuf_reserve(out, READ_BYTES);
        if (!room) {
            errno = EFBIG;
            return false;
        }
        ssize_t got = read(fd, room, READ_BYTES);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got == 0;
        strbuf_added(out, (size_t)got);
    }
}

static bool read_descriptor(struct reading *reading, const char *file, int fd)
{
    struct strbuf text = strbuf_with_max(LIMIT_FILE_BYTES);
    bool goes_on;
    if (read_all(fd, &text))
        goes_on = read_text(reading, file, strbuf_view(&text));
    else if (errno == EFBIG)
        goes_on = unreadable(reading, file, 0, "cannot read: it is over 64 MiB; split it");
    else
        goes_on = unreadable(reading, file, 0, report_system_error("cannot read").text);
    strbuf_release(&text);
    return goes_on;
}

static bool read_file(struct reading *reading, const char *file)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return unreadable(reading, file, 0, report_system_error("cannot read").text);
    bool goes_on = read_descriptor(reading, file, fd);
    close(fd);
    return goes_on;
}

static bool is_regular(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISREG(status.st_mode);
}

static int is_manifest_name(const struct dirent *entry)
{
    struct str name = str_of(entry->d_name);
    return entry->d_name[0] != '.' && (str_ends_with(name, STR(".yaml")) || str_ends_with(name, STR(".yml")) || str_ends_with(name, STR(".json")));
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static bool read_folder(struct reading *reading, const char *folder)
{
    struct dirent **entries;
    int count = scandir(folder, &entries, is_manifest_name, by_bytes);
    if (count < 0)
        return unreadable(reading, folder, 0, report_system_error("cannot read").text);
    bool goes_on = true, has_files = false;
    const char *slash = str_ends_with(str_of(folder), STR("/")) ? "" : "/";
    for (int i = 0; i < count && goes_on; i++) {
        struct str path = arena_printf(reading->arena, "%s%s%s", folder, slash, entries[i]->d_name);
        if (!path.len)
            goes_on = false;
        else if (is_regular(path.ptr)) {
            has_files = true;
            goes_on = read_file(reading, path.ptr);
        }
    }
    for (int i = 0; i < count; i++)
        free(entries[i]);
    free(entries);
    if (goes_on && !has_files)
        unreadable(reading, folder, 0, "no .yaml, .yml or .json file in this folder (subfolders are not read)");
    return goes_on;
}

static bool read_name(struct reading *reading, const char *name)
{
    struct stat status;
    if (strcmp(name, "-") == 0)
        return read_descriptor(reading, "<stdin>", STDIN_FILENO);
    if (stat(name, &status) == 0 && S_ISDIR(status.st_mode))
        return read_folder(reading, name);
    return read_file(reading, name);
}

bool input_read(struct arena *arena, const struct flag_list *names, struct input *out)
{
    *out = (struct input){0};
    struct reading reading = {arena, out, &out->first};
    bool goes_on = true;
    for (size_t i = 0; i < names->count && goes_on; i++)
        goes_on = read_name(&reading, names->items[i]);
    if (arena->exhausted) {
        fprintf(stderr, "model-booster: the input needs more than %zu MiB of memory; give fewer files at a time\n", arena->limit_bytes >> 20);
        return false;
    }
    if (!out->count && !out->is_incomplete) {
        fprintf(stderr, "model-booster: no ModelBooster in the input\n");
        out->is_incomplete = true;
    }
    return true;
}

unsigned input_line(const struct manifest *manifest, const yyjson_val *value)
{
    return yaml_position_of(manifest->document, value ? value : manifest->object).line;
}
