#include "cli/targets.h"

#include <stdio.h>
#include <string.h>

#include "cli/command.h"

struct reading {
    struct cluster *cluster;
    const struct kinds *kinds;
    struct targets *out;
    size_t capacity;
    int status;
};

static bool wrong(struct reading *reading, const char *message) {
    cluster_complain(reading->cluster, "%s", message);
    reading->status = EXIT_UNABLE;
    return false;
}

static const struct kind_entry *find(struct reading *reading, struct str word) {
    const struct kind_entry *kind = kinds_find(reading->kinds, word);
    if (!kind) reading->status = kinds_complain(reading->cluster, reading->kinds, word);
    return kind;
}

static bool has_room(struct reading *reading) {
    struct targets *out = reading->out;
    if (out->count < reading->capacity) return true;
    size_t capacity = reading->capacity ? reading->capacity * 2 : 16;
    struct target *items = arena_array(&reading->cluster->arena, capacity, sizeof *items);
    if (!items) return wrong(reading, "memory is out");
    if (out->count) memcpy(items, out->items, out->count * sizeof *items);
    out->items = items;
    reading->capacity = capacity;
    return true;
}

static bool add(struct reading *reading, const struct kind_entry *kind, struct str name) {
    struct targets *out = reading->out;
    if (!has_room(reading)) return false;
    out->has_several_kinds |= out->count && out->items[0].kind != kind;
    out->items[out->count++] = (struct target){kind, name};
    return true;
}

static bool read_slashed(struct reading *reading, const struct flag_list *words) {
    for (size_t i = 0; i < words->count; i++) {
        struct str word = str_of(words->items[i]);
        size_t slash = str_find(word, STR("/"));
        if (slash == SIZE_MAX) return wrong(reading, "either KIND NAME... or KIND/NAME..., not both");
        const struct kind_entry *kind = find(reading, str_first(word, slash));
        if (!kind) return false;
        struct str name = str_from(word, slash + 1);
        if (!name.len || str_contains(name, STR("/"))) return wrong(reading, "write KIND/NAME, with one slash and a name behind it");
        if (!add(reading, kind, name)) return false;
    }
    return true;
}

/* All of the kind, or what the words after the first name of it. */
static bool add_named(struct reading *reading, const struct kind_entry *kind, const struct flag_list *words) {
    if (words->count == 1) return add(reading, kind, STR_EMPTY);
    for (size_t i = 1; i < words->count; i++) {
        struct str name = str_of(words->items[i]);
        if (str_contains(name, STR("/"))) return wrong(reading, "either KIND NAME... or KIND/NAME..., not both");
        if (!add(reading, kind, name)) return false;
    }
    return true;
}

static bool read_kind(struct reading *reading, struct str word, const struct flag_list *words) {
    size_t at = 0;
    const struct kind_entry *kind = kinds_next_of(reading->kinds, word, &at);
    if (!kind) {
        kind = find(reading, word);
        return kind && add_named(reading, kind, words);
    }
    for (; kind; kind = kinds_next_of(reading->kinds, word, &at))
        if (!add_named(reading, kind, words)) return false;
    return true;
}

static bool read_kinds(struct reading *reading, const struct flag_list *words) {
    struct str rest = str_of(words->items[0]);
    while (rest.len) {
        size_t comma = str_find(rest, STR(","));
        if (!read_kind(reading, str_first(rest, comma), words)) return false;
        rest = comma == SIZE_MAX ? STR_EMPTY : str_from(rest, comma + 1);
    }
    return true;
}

bool targets_read(struct cluster *cluster, const struct kinds *kinds, const struct flag_list *words, struct targets *out, int *out_status) {
    struct reading reading = {.cluster = cluster, .kinds = kinds, .out = out};
    *out = (struct targets){0};
    bool is_read = false;
    if (words->count)
        is_read = strchr(words->items[0], '/') ? read_slashed(&reading, words) : read_kinds(&reading, words);
    else
        wrong(&reading, "name a kind: KIND [NAME...] or KIND/NAME...");
    if (!is_read) *out_status = reading.status;
    return is_read;
}

bool targets_contradict(const char *command, const struct flag_list *words, const char *chooser) {
    const char *first = words->count ? words->items[0] : "", *slash = strchr(first, '/');
    const char *name = slash ? slash + 1 : words->count > 1 ? words->items[1] : NULL;
    if (!name || !chooser) return false;
    fprintf(stderr, "model-booster %s: %s names an object, and %s chooses objects, too; give one of them\n", command, QUOTE(str_of(name)),
            chooser);
    return true;
}

struct str target_namespace(const struct cluster *cluster, const struct kind_entry *kind) {
    return kind->is_namespaced ? cluster->namespace : STR_EMPTY;
}
