#include "cli/kinds.h"

#include <string.h>

#include "booster/names.h"
#include "cli/command.h"
#include "cli/suggest.h"

enum { KINDS_ARENA_BYTES = 64 * 1024 * 1024, KINDS_MAX = 10000, GROUPS_MAX = 2000 };

/* Servers before 1.26 know neither form of the whole and answer with the plain list of groups. */
#define ACCEPT_WHOLE                                                                                                                       \
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,"                                                                \
    "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json"

/* ---- reading ---- */

static struct kind_entry *add_kind(struct kinds *kinds) {
    if (kinds->count == KINDS_MAX) return NULL;
    if (kinds->count == kinds->capacity) {
        size_t capacity = kinds->capacity ? kinds->capacity * 2 : 128;
        struct kind_entry *items = arena_array(&kinds->arena, capacity, sizeof *items);
        if (!items) return NULL;
        if (kinds->count) memcpy(items, kinds->items, kinds->count * sizeof *items);
        kinds->items = items;
        kinds->capacity = capacity;
    }
    return &kinds->items[kinds->count++];
}

static const struct str *read_texts(struct kinds *kinds, yyjson_val *texts, size_t *out_count) {
    size_t count = yyjson_arr_size(texts), index, max;
    struct str *list = count ? arena_array(&kinds->arena, count, sizeof *list) : NULL;
    yyjson_val *text;
    *out_count = 0;
    if (!list) return NULL;
    yyjson_arr_foreach(texts, index, max, text) list[index] = json_text(text);
    *out_count = count;
    return list;
}

static struct str lower(struct arena *arena, struct str text) {
    char *copy = arena_alloc(arena, text.len + 1);
    if (!copy) return STR_EMPTY;
    for (size_t i = 0; i < text.len; i++) copy[i] = (char)(text.ptr[i] >= 'A' && text.ptr[i] <= 'Z' ? text.ptr[i] + 32 : text.ptr[i]);
    return (struct str){copy, text.len};
}

/* `said` is the discovery's own entry. */
static void read_kind(struct kinds *kinds, struct kube_resource resource, struct str singular, bool is_namespaced, const yyjson_val *said) {
    struct kind_entry *entry = add_kind(kinds);
    if (!entry) return;
    *entry = (struct kind_entry){.resource = resource, .is_namespaced = is_namespaced};
    entry->singular = singular.len ? singular : lower(&kinds->arena, resource.kind);
    entry->short_names = read_texts(kinds, json_get(said, "shortNames"), &entry->short_name_count);
    entry->categories = read_texts(kinds, json_get(said, "categories"), &entry->category_count);
}

/* An APIGroupDiscoveryList. */
static void read_whole(struct kinds *kinds, const yyjson_val *list) {
    size_t g, groups, v, versions, r, resources;
    yyjson_val *group, *version, *resource;
    yyjson_arr_foreach(json_get(list, "items"), g, groups, group) {
        struct str name = json_text(json_path(group, "metadata", "name", NULL));
        yyjson_arr_foreach(json_get(group, "versions"), v, versions, version) {
            yyjson_arr_foreach(json_get(version, "resources"), r, resources, resource) {
                struct kube_resource found = {name, json_text(json_get(version, "version")), json_text(json_get(resource, "resource")),
                                              json_text(json_path(resource, "responseKind", "kind", NULL))};
                read_kind(kinds, found, json_text(json_get(resource, "singularResource")),
                          json_is_text(json_get(resource, "scope"), "Namespaced"), resource);
            }
        }
    }
}

/* An APIResourceList of one group and version. */
static void read_plain(struct kinds *kinds, struct str group, struct str version, const yyjson_val *list) {
    size_t index, max;
    yyjson_val *resource;
    yyjson_arr_foreach(json_get(list, "resources"), index, max, resource) {
        struct kube_resource found = {group, version, json_text(json_get(resource, "name")), json_text(json_get(resource, "kind"))};
        if (str_contains(found.plural, STR("/"))) continue; /* a subresource */
        read_kind(kinds, found, json_text(json_get(resource, "singularName")), json_bool_or(json_get(resource, "namespaced"), false),
                  resource);
    }
}

/* ---- asking ---- */

static yyjson_val *ask(struct cluster *cluster, struct arena *arena, struct str path, const char *accept, int *out_status) {
    struct cluster_answer answer;
    struct error error = {0};
    if (!cluster_ask(cluster, arena, &(struct cluster_request){.path = path, .accept = accept}, &answer)) {
        *out_status = cluster_refuse(cluster, "cannot ask the server for its kinds", &answer.kube);
        return NULL;
    }
    yyjson_val *root = json_parse(arena, answer.body, &error);
    if (root) return root;
    cluster_complain(cluster, "%.*s: the answer is no JSON (%s); is this a Kubernetes API server?", STR_ARG(path), error.message);
    *out_status = EXIT_UNABLE;
    return NULL;
}

/* A group whose server is away is passed over: its kinds are missing, the others are not. */
static void ask_plain(struct cluster *cluster, struct kinds *kinds, struct kube_resource resource) {
    struct cluster_answer answer;
    struct cluster_request request = {.path = kube_discovery_path(&kinds->arena, &resource)};
    if (!cluster_ask(cluster, &kinds->arena, &request, &answer)) return;
    read_plain(kinds, resource.group, resource.version, json_parse(&kinds->arena, answer.body, NULL));
}

static void ask_groups(struct cluster *cluster, struct kinds *kinds, const yyjson_val *list) {
    size_t g, groups, v, versions;
    yyjson_val *group, *version;
    yyjson_arr_foreach(json_get(list, "groups"), g, groups, group) {
        if (g == GROUPS_MAX) return;
        struct str name = json_text(json_get(group, "name"));
        struct str preferred = json_text(json_path(group, "preferredVersion", "version", NULL));
        if (preferred.len) ask_plain(cluster, kinds, (struct kube_resource){.group = name, .version = preferred});
        yyjson_arr_foreach(json_get(group, "versions"), v, versions, version) {
            struct str other = json_text(json_get(version, "version"));
            if (!str_equal(other, preferred)) ask_plain(cluster, kinds, (struct kube_resource){.group = name, .version = other});
        }
    }
}

bool kinds_load(struct cluster *cluster, struct kinds *out, int *out_status) {
    *out = (struct kinds){0};
    arena_init(&out->arena, KINDS_ARENA_BYTES);
    yyjson_val *core = ask(cluster, &out->arena, STR("/api"), ACCEPT_WHOLE, out_status);
    yyjson_val *others = core ? ask(cluster, &out->arena, STR("/apis"), ACCEPT_WHOLE, out_status) : NULL;
    if (!others) {
        kinds_release(out);
        return false;
    }
    if (json_is_text(json_get(core, "kind"), "APIGroupDiscoveryList"))
        read_whole(out, core);
    else
        ask_plain(cluster, out, (struct kube_resource){.version = STR("v1")});
    if (json_is_text(json_get(others, "kind"), "APIGroupDiscoveryList"))
        read_whole(out, others);
    else
        ask_groups(cluster, out, others);
    return true;
}

void kinds_release(struct kinds *kinds) {
    arena_release(&kinds->arena);
    *kinds = (struct kinds){0};
}

/* ---- finding ---- */

static bool is_among(const struct str *texts, size_t count, struct str word) {
    for (size_t i = 0; i < count; i++)
        if (str_equal_ignoring_case(texts[i], word)) return true;
    return false;
}

enum { RANK_PLURAL, RANK_SINGULAR, RANK_KIND, RANK_SHORT, RANK_COUNT };

static bool is_named(const struct kind_entry *entry, int rank, struct str word) {
    switch (rank) {
    case RANK_PLURAL: return str_equal_ignoring_case(entry->resource.plural, word);
    case RANK_SINGULAR: return str_equal_ignoring_case(entry->singular, word);
    case RANK_KIND: return str_equal_ignoring_case(entry->resource.kind, word);
    default: return is_among(entry->short_names, entry->short_name_count, word);
    }
}

/* What follows the name: empty, a group or the beginning of one, or a version and a group. */
static bool is_qualified(const struct kind_entry *entry, struct str rest) {
    struct str group = entry->resource.group, version = entry->resource.version;
    if (!rest.len || str_starts_with(group, rest)) return true;
    if (!str_starts_with(rest, version)) return false;
    struct str after = str_from(rest, version.len);
    return after.len ? after.ptr[0] == '.' && str_starts_with(group, str_from(after, 1)) : true;
}

const struct kind_entry *kinds_find(const struct kinds *kinds, struct str word) {
    size_t dot = str_find(word, STR("."));
    struct str name = str_first(word, dot == SIZE_MAX ? word.len : dot), rest = dot == SIZE_MAX ? STR_EMPTY : str_from(word, dot + 1);
    for (int rank = 0; rank < RANK_COUNT; rank++) {
        for (size_t i = 0; i < kinds->count; i++) {
            const struct kind_entry *entry = &kinds->items[i];
            if (is_named(entry, rank, name) && is_qualified(entry, rest)) return entry;
        }
    }
    return NULL;
}

/* Is it the first of its group and plural: the best version? */
static bool is_best(const struct kinds *kinds, const struct kind_entry *entry) {
    const struct kind_entry *other = kinds->items;
    while (other != entry &&
           (!str_equal(other->resource.plural, entry->resource.plural) || !str_equal(other->resource.group, entry->resource.group)))
        other++;
    return other == entry;
}

const struct kind_entry *kinds_next_of(const struct kinds *kinds, struct str category, size_t *at) {
    while (*at < kinds->count) {
        const struct kind_entry *entry = &kinds->items[(*at)++];
        if (is_among(entry->categories, entry->category_count, category) && is_best(kinds, entry)) return entry;
    }
    return NULL;
}

const struct kind_entry *kinds_find_object(const struct kinds *kinds, struct str api_version, struct str kind) {
    size_t slash = str_find(api_version, STR("/"));
    struct str group = slash == SIZE_MAX ? STR_EMPTY : str_first(api_version, slash);
    struct str version = slash == SIZE_MAX ? api_version : str_from(api_version, slash + 1);
    for (size_t i = 0; i < kinds->count; i++) {
        const struct kube_resource *resource = &kinds->items[i].resource;
        if (str_equal(resource->group, group) && str_equal(resource->version, version) && str_equal(resource->kind, kind))
            return &kinds->items[i];
    }
    return NULL;
}

static bool is_ours(struct str word) {
    struct str name = str_first(word, str_find(word, STR(".")));
    return child_kind_of(name) != CHILD_KIND_COUNT || str_equal_ignoring_case(name, STR(KIND_BOOSTER)) ||
           str_equal_ignoring_case(name, STR(PLURAL_BOOSTER)) || str_is(name, "mb");
}

static const char *nearest_category(struct arena *arena, const struct kind_entry *entry, const char *typed, const char *nearest) {
    for (size_t i = 0; i < entry->category_count; i++) {
        struct str category = arena_copy(arena, entry->categories[i]);
        if (category.len) nearest = suggest_nearer(typed, nearest, category.ptr);
    }
    return nearest;
}

int kinds_complain(const struct cluster *cluster, const struct kinds *kinds, struct str word) {
    if (is_ours(word)) {
        return cluster_complain(cluster, "the server has no kind %s; install its definition: model-booster crds | model-booster apply -f -",
                                QUOTE(word));
    }
    if (str_is(word, "all"))
        return cluster_complain(cluster, "no kind of the server is of the category \"all\"; name kinds, as in modelboosters,pods");
    struct arena scratch;
    arena_init(&scratch, KINDS_ARENA_BYTES);
    struct str typed = arena_copy(&scratch, word);
    const char *nearest = NULL;
    for (size_t i = 0; i < kinds->count && typed.len; i++) {
        struct str plural = arena_copy(&scratch, kinds->items[i].resource.plural),
                   singular = arena_copy(&scratch, kinds->items[i].singular);
        if (plural.len) nearest = suggest_nearer(typed.ptr, nearest, plural.ptr);
        if (singular.len) nearest = suggest_nearer(typed.ptr, nearest, singular.ptr);
        nearest = nearest_category(&scratch, &kinds->items[i], typed.ptr, nearest);
    }
    int status = nearest ? cluster_complain(cluster, "the server has no kind %s; did you mean %s?", QUOTE(word), nearest)
                         : cluster_complain(cluster, "the server has no kind %s; kinds are named as in modelboosters, pods, configmaps",
                                            QUOTE(word));
    arena_release(&scratch);
    return status;
}

struct str kind_label(struct arena *arena, const struct kind_entry *kind) {
    struct str name = lower(arena, kind->resource.kind);
    return kind->resource.group.len ? arena_join(arena, name, STR("."), kind->resource.group) : name;
}

struct str kind_plural_label(struct arena *arena, const struct kind_entry *kind) {
    struct str group = kind->resource.group;
    return group.len ? arena_join(arena, kind->resource.plural, STR("."), group) : arena_copy(arena, kind->resource.plural);
}
