#include "cli/input.h"

#include <string.h>

#include "booster/names.h"
#include "cli/report.h"
#include "cli/suggest.h"

struct reading {
    struct arena *arena;
    struct input *out;
    struct manifest **end;
    struct input_trouble **end_of_troubles;
};

static void add_trouble(void *context, const char *file, unsigned line, const char *message) {
    struct reading *reading = context;
    struct input_trouble *trouble = arena_alloc(reading->arena, sizeof *trouble);
    reading->out->is_incomplete = true;
    reading->out->trouble_count++;
    if (!trouble) return;
    *trouble = (struct input_trouble){
        .file = arena_copy(reading->arena, str_of(file)), .message = arena_copy(reading->arena, str_of(message)), .line = line};
    *reading->end_of_troubles = trouble;
    reading->end_of_troubles = &trouble->next;
}

static void tell_trouble(struct reading *reading, const char *file, unsigned line, const char *message) {
    report_problem(file, line, message);
    add_trouble(reading, file, line, message);
}

static void add_manifest(struct reading *reading, const struct source *source) {
    struct manifest *manifest = arena_alloc(reading->arena, sizeof *manifest);
    if (!manifest) return;
    manifest->source = *source;
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

static void add_object(void *context, const struct source *source) {
    struct reading *reading = context;
    struct str kind = json_text(json_get(source->object, "kind"));
    unsigned line = source_line(source, NULL);
    if (!kind.len) {
        tell_trouble(reading, source->file, line, "this document is no Kubernetes object: it has no kind; write kind: ModelBooster");
    } else if (is_meant_as_booster(reading, source->object, kind)) {
        add_manifest(reading, source);
    } else {
        report_passing_by(source->file, line, kind, json_text(json_path(source->object, "metadata", "name", NULL)));
    }
}

bool input_read(struct arena *arena, const struct flag_list *names, struct input *out) {
    *out = (struct input){0};
    struct reading reading = {.arena = arena, .out = out, .end = &out->first, .end_of_troubles = &out->first_trouble};
    const struct sources_reader reader = {add_object, add_trouble, &reading};
    bool is_incomplete; /* each trouble says so, too */
    if (!sources_read(arena, names, &reader, &is_incomplete)) return false;
    if (!out->count && !out->is_incomplete)
        tell_trouble(&reading, names->count == 1 ? source_name(names->items[0]) : "model-booster", 0,
                     "no ModelBooster in the input; it takes documents with kind: " KIND_BOOSTER);
    return true;
}

unsigned input_line(const struct manifest *manifest, const yyjson_val *value) {
    return source_line(&manifest->source, value);
}
