/*
 * A file of manifests, as -f names it: every document and every item of a list is handed on once, with the line where it stands, and what
 * a server may name in it is found or taken for something around it.
 */
#include <fcntl.h>
#include <unistd.h>

#include "cli/sources.h"
#include "harness.h"

struct counted {
    struct arena *arena;
    size_t objects, troubles;
    bool is_json;
};

static void look_at(void *context, const struct source *source) {
    static const char *const paths[] = {
        "spec.backends[0].type", "metadata.labels[app]", "[", "a]b", "spec[99999999999999999999]", "..", "spec.[0",
        ".spec.backends[name=\"a\",x=1].type", ".metadata.labels.app.kubernetes.io/name", ".items[=\"", ".spec.backends[name=].[,=,]"};
    struct counted *counted = context;
    counted->objects++;
    fuzz_expect(source->object && source->document, "an object that is nowhere");
    unsigned line = source_line(source, source->object);
    fuzz_expect(line || counted->is_json || !source->document->positions, "an object without a line");
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        struct source_field found = source_field(source, str_of(paths[i]));
        fuzz_expect(found.value && found.place, "%s leads out of the object", paths[i]);
        (void)source_line(source, found.place);
    }
}

static void hear(void *context, const char *file, unsigned line, const char *message) {
    struct counted *counted = context;
    (void)line;
    counted->troubles++;
    fuzz_expect(*file && *message, "trouble without a place or a word");
}

static size_t count_plainly(const struct yaml_documents *documents) {
    size_t count = 0;
    for (size_t i = 0; i < documents->count; i++) {
        yyjson_val *root = documents->items[i].root, *items = json_get(root, "items");
        bool is_list = str_ends_with(json_text(json_get(root, "kind")), STR("List")) && yyjson_is_arr(items);
        count += is_list ? yyjson_arr_size(items) : 1;
    }
    return count;
}

/* What it says of files that cannot be read goes nowhere: inputs by the thousand. */
static bool read_quietly(struct arena *arena, const char *path, struct counted *counted, bool *out_is_incomplete) {
    const char *names[] = {path};
    const struct flag_list list = {.items = names, .count = 1};
    const struct sources_reader reader = {.each = look_at, .trouble = hear, .context = counted};
    int kept = dup(STDERR_FILENO), nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (kept >= 0 && nowhere >= 0) dup2(nowhere, STDERR_FILENO);
    bool is_done = sources_read(arena, &list, &reader, out_is_incomplete);
    if (kept >= 0) dup2(kept, STDERR_FILENO);
    close(kept);
    close(nowhere);
    return is_done;
}

FUZZ_TARGET(manifests) {
    char path[FUZZ_PATH_BYTES];
    struct yaml_documents documents;
    struct counted counted = {.arena = arena};
    struct error error = {0};
    bool is_incomplete = false;
    int fd = fuzz_file(input, path);
    bool is_read = yaml_read(arena, input, &documents, &error);
    bool is_done = read_quietly(arena, path, &counted, &is_incomplete);
    close(fd);
    if (!is_done || arena->exhausted) return;
    fuzz_expect(is_incomplete == !is_read, "%s", is_read ? "what can be read is told to be incomplete" : error.message);
    fuzz_expect((counted.troubles > 0) == is_incomplete, "%zu troubles", counted.troubles);
    fuzz_expect(counted.objects == (is_read ? count_plainly(&documents) : 0), "%zu objects", counted.objects);
}
