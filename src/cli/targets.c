#include "cli/targets.h"

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

static bool add(struct reading *reading, const struct kind_entry *kind, struct str name) {
    struct targets *out = reading->out;
    if (out->count == reading->capacity) return wrong(reading, "memory is out");
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

static bool read_kinds(struct reading *reading, const struct flag_list *words) {
    struct str rest = str_of(words->items[0]);
    while (rest.len) {
        size_t comma = str_find(rest, STR(","));
        const struct kind_entry *kind = find(reading, str_first(rest, comma == SIZE_MAX ? rest.len : comma));
        if (!kind) return false;
        rest = comma == SIZE_MAX ? STR_EMPTY : str_from(rest, comma + 1);
        if (words->count == 1 && !add(reading, kind, STR_EMPTY)) return false;
        for (size_t i = 1; i < words->count; i++) {
            struct str name = str_of(words->items[i]);
            if (str_contains(name, STR("/"))) return wrong(reading, "either KIND NAME... or KIND/NAME..., not both");
            if (!add(reading, kind, name)) return false;
        }
    }
    return true;
}

static size_t count_commas(const char *text) {
    size_t count = 0;
    for (; *text; text++) count += *text == ',';
    return count;
}

bool targets_read(struct cluster *cluster, const struct kinds *kinds, const struct flag_list *words, struct targets *out, int *out_status) {
    struct reading reading = {.cluster = cluster, .kinds = kinds, .out = out};
    *out = (struct targets){0};
    bool is_read = false;
    if (words->count) {
        reading.capacity = words->count * (count_commas(words->items[0]) + 1);
        out->items = arena_array(&cluster->arena, reading.capacity, sizeof *out->items);
        if (!out->items) reading.capacity = 0;
        is_read = strchr(words->items[0], '/') ? read_slashed(&reading, words) : read_kinds(&reading, words);
    } else {
        wrong(&reading, "name a kind: KIND [NAME...] or KIND/NAME...");
    }
    if (!is_read) *out_status = reading.status;
    return is_read;
}

struct str target_namespace(const struct cluster *cluster, const struct kind_entry *kind) {
    return kind->is_namespaced ? cluster->namespace : STR_EMPTY;
}
