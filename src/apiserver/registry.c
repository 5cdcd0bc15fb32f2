#include "apiserver/registry.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "apiserver/builtin_kinds.h"
#include "schema/builtin.h"

enum {
    /* Schemas of one definition, compiled: Kthena's largest needs some 3 MiB. */
    KIND_ARENA_BYTES = 64 * 1024 * 1024,
    MAX_LIST = 16,
};

struct registry {
    struct kind **kinds; /* sorted by group and plural */
    size_t count, capacity;
    uint64_t epoch;
};

static const struct {
    const char *name;
    unsigned verbs;
    const char *group, *version, *kind;
} subresources[] = {
    {"status", VERB_GET | VERB_PATCH | VERB_UPDATE, "", "", ""},
    {"scale", VERB_GET | VERB_PATCH | VERB_UPDATE, "autoscaling", "v1", "Scale"},
    {"finalize", VERB_UPDATE, "", "", ""},
    {"token", VERB_CREATE, "authentication.k8s.io", "v1", "TokenRequest"},
};

static int compare_names(struct str group_a, struct str plural_a, struct str group_b, struct str plural_b) {
    int order = str_compare(group_a, group_b);
    return order ? order : str_compare(plural_a, plural_b);
}

/* Where the kind is, or would be. */
static size_t find_index(const struct registry *registry, struct str group, struct str plural, bool *out_is_there) {
    size_t low = 0, high = registry->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare_names(registry->kinds[middle]->group, registry->kinds[middle]->plural, group, plural);
        if (order == 0) {
            *out_is_there = true;
            return middle;
        }
        if (order < 0) low = middle + 1;
        else high = middle;
    }
    *out_is_there = false;
    return low;
}

static bool put_kind(struct registry *registry, struct kind *kind) {
    bool is_there;
    size_t index = find_index(registry, kind->group, kind->plural, &is_there);
    registry->epoch++;
    if (is_there) {
        kind_drop(registry->kinds[index]);
        registry->kinds[index] = kind;
        return true;
    }
    if (registry->count == registry->capacity) {
        size_t capacity = registry->capacity ? registry->capacity * 2 : 32;
        struct kind **kinds = reallocarray(registry->kinds, capacity, sizeof(struct kind *));
        if (!kinds) return false;
        registry->kinds = kinds;
        registry->capacity = capacity;
    }
    memmove(registry->kinds + index + 1, registry->kinds + index, (registry->count - index) * sizeof(struct kind *));
    registry->kinds[index] = kind;
    registry->count++;
    return true;
}

static struct kind *kind_new(void) {
    struct kind *kind = calloc(1, sizeof *kind);
    if (!kind) return NULL;
    kind->references = 1;
    arena_init(&kind->arena, KIND_ARENA_BYTES);
    return kind;
}

const struct kind *kind_keep(const struct kind *kind) {
    ((struct kind *)(uintptr_t)kind)->references++;
    return kind;
}

void kind_drop(const struct kind *kind) {
    struct kind *mine = (struct kind *)(uintptr_t)kind;
    if (!mine || --mine->references) return;
    struct arena arena = mine->arena;
    free(mine);
    arena_release(&arena);
}

static const struct str *split_list(struct arena *arena, const char *text, size_t *out_count) {
    struct str *list = arena_array(arena, MAX_LIST, sizeof *list);
    *out_count = 0;
    for (struct str rest = str_of(text); list && rest.len && *out_count < MAX_LIST;) {
        size_t end = str_find(rest, STR(","));
        if (end == SIZE_MAX) end = rest.len;
        list[(*out_count)++] = str_first(rest, end);
        rest = str_from(rest, end + 1);
    }
    return list;
}

static void add_subresource(struct kind_subresource *list, size_t *count, struct str name) {
    for (size_t i = 0; i < sizeof subresources / sizeof subresources[0]; i++) {
        if (!str_is(name, subresources[i].name)) continue;
        list[(*count)++] = (struct kind_subresource){.name = str_of(subresources[i].name),
                                                     .verbs = subresources[i].verbs,
                                                     .group = str_of(subresources[i].group),
                                                     .version = str_of(subresources[i].version),
                                                     .kind = str_of(subresources[i].kind)};
    }
}

/* discovery.StorageVersionHash: 8 bytes of SHA-256 in base64 there; any stable text will do for clients, which only compare. */
/* As apiserver's discovery.StorageVersionHash. */
static struct str storage_hash(struct kind *kind) {
    struct str version = kind->storage_version->version;
    struct str text = arena_printf(&kind->arena, "%.*s/%.*s/%.*s", STR_ARG(kind->group), STR_ARG(version), STR_ARG(kind->kind));
    unsigned char digest[EVP_MAX_MD_SIZE], encoded[16];
    if (!EVP_Digest(text.ptr, text.len, digest, NULL, EVP_sha256(), NULL)) return STR_EMPTY;
    EVP_EncodeBlock(encoded, digest, 8);
    return arena_printf(&kind->arena, "%s", (const char *)encoded);
}

static struct kind *make_builtin(const struct builtin_kind *row) {
    struct kind *kind = kind_new();
    if (!kind) return NULL;
    struct arena *arena = &kind->arena;
    kind->group = str_of(row->group);
    kind->plural = str_of(row->plural);
    kind->singular = str_of(row->singular);
    kind->kind = str_of(row->kind);
    kind->list_kind = arena_join(arena, kind->kind, STR("List"), STR_EMPTY);
    kind->short_names = split_list(arena, row->short_names, &kind->short_name_count);
    kind->categories = split_list(arena, row->categories, &kind->category_count);
    kind->is_namespaced = row->flags & BUILTIN_IS_NAMESPACED;
    kind->verbs = row->verbs;
    kind->builtin = row;
    kind->storage_key =
        row->storage_key ? str_of(row->storage_key) : arena_join(arena, kind->group, STR("/"), kind->plural);
    struct kind_version *version = arena_alloc(arena, sizeof *version);
    struct kind_subresource *list = arena_array(arena, MAX_LIST, sizeof *list);
    if (!version || !list) {
        kind_drop(kind);
        return NULL;
    }
    *version = (struct kind_version){.version = str_of(row->version), .is_served = true, .is_storage = true, .subresources = list};
    size_t name_count;
    const struct str *names = split_list(arena, row->subresources, &name_count);
    for (size_t i = 0; i < name_count; i++) add_subresource(list, &version->subresource_count, names[i]);
    kind->versions = kind->storage_version = version;
    kind->version_count = 1;
    if (!(row->flags & BUILTIN_IS_VIRTUAL)) kind->storage_version_hash = storage_hash(kind);
    return kind;
}

void kind_need_schema(const struct kind *kind) {
    struct kind *mine = (struct kind *)(uintptr_t)kind;
    struct kind_version *version = (struct kind_version *)(uintptr_t)kind->storage_version;
    if (!kind->builtin || version->schema || (kind->builtin->flags & BUILTIN_IS_VIRTUAL)) return;
    version->schema = builtin_schema(&mine->arena, kind->group, version->version, kind->kind);
}

struct registry *registry_new(void) {
    struct registry *registry = calloc(1, sizeof *registry);
    if (!registry) return NULL;
    for (size_t i = 0; i < builtin_kind_count; i++) {
        struct kind *kind = make_builtin(&builtin_kinds[i]);
        if (kind && put_kind(registry, kind)) continue;
        kind_drop(kind);
        registry_free(registry);
        return NULL;
    }
    return registry;
}

void registry_free(struct registry *registry) {
    if (!registry) return;
    for (size_t i = 0; i < registry->count; i++) kind_drop(registry->kinds[i]);
    free(registry->kinds);
    free(registry);
}

const struct kind *const *registry_kinds(const struct registry *registry, size_t *out_count) {
    *out_count = registry->count;
    return (const struct kind *const *)registry->kinds;
}

const struct kind *registry_find(const struct registry *registry, struct str group, struct str plural) {
    bool is_there;
    size_t index = find_index(registry, group, plural, &is_there);
    return is_there ? registry->kinds[index] : NULL;
}

const struct kind *registry_find_kind(const struct registry *registry, struct str group, struct str kind) {
    for (size_t i = 0; i < registry->count; i++) {
        if (str_equal(registry->kinds[i]->group, group) && str_equal(registry->kinds[i]->kind, kind)) return registry->kinds[i];
    }
    return NULL;
}

const struct kind_version *kind_find_version(const struct kind *kind, struct str version) {
    for (size_t i = 0; i < kind->version_count; i++) {
        if (str_equal(kind->versions[i].version, version)) return &kind->versions[i];
    }
    return NULL;
}

bool registry_has_builtin_version(const struct registry *registry, struct str group, struct str version) {
    size_t count;
    const struct kind *const *kinds = registry_kinds(registry, &count);
    for (size_t i = 0; i < count; i++) {
        if (!kinds[i]->is_defined && str_equal(kinds[i]->group, group) && kind_find_version(kinds[i], version)) return true;
    }
    return false;
}

uint64_t registry_epoch(const struct registry *registry) {
    return registry->epoch;
}

/* "v1beta2" -> stability 1, major 1, minor 2; false for what is no Kubernetes version. */
static bool read_version(struct str version, int *stability, long *major, long *minor) {
    size_t i = 1;
    *major = *minor = 0;
    *stability = 2;
    if (version.len < 2 || version.ptr[0] != 'v') return false;
    for (; i < version.len && i < 10 && version.ptr[i] >= '0' && version.ptr[i] <= '9'; i++) *major = *major * 10 + (version.ptr[i] - '0');
    if (i == 1) return false;
    struct str rest = str_from(version, i);
    if (!rest.len) return true;
    if (str_starts_with(rest, STR("beta"))) *stability = 1, rest = str_from(rest, 4);
    else if (str_starts_with(rest, STR("alpha"))) *stability = 0, rest = str_from(rest, 5);
    else return false;
    if (!rest.len || rest.len > 9) return false;
    for (i = 0; i < rest.len; i++) {
        if (rest.ptr[i] < '0' || rest.ptr[i] > '9') return false;
        *minor = *minor * 10 + (rest.ptr[i] - '0');
    }
    return true;
}

/* version.CompareKubeAwareVersionStrings */
int kind_compare_versions(struct str a, struct str b) {
    int stability_a, stability_b;
    long major_a, major_b, minor_a, minor_b;
    bool is_version_a = read_version(a, &stability_a, &major_a, &minor_a), is_version_b = read_version(b, &stability_b, &major_b, &minor_b);
    if (!is_version_a || !is_version_b) return is_version_a != is_version_b ? (is_version_a ? -1 : 1) : str_compare(a, b);
    if (stability_a != stability_b) return stability_b - stability_a;
    if (major_a != major_b) return major_b > major_a ? 1 : -1;
    return minor_b > minor_a ? 1 : minor_b < minor_a ? -1 : 0;
}

static int compare_versions(const void *left, const void *right) {
    return kind_compare_versions(((const struct kind_version *)left)->version, ((const struct kind_version *)right)->version);
}

static bool make_versions(struct kind *kind, const struct definition *definition) {
    struct arena *arena = &kind->arena;
    struct kind_version *versions = arena_array(arena, definition->version_count, sizeof *versions);
    if (!versions) return false;
    for (size_t i = 0; i < definition->version_count; i++) {
        const struct definition_version *from = &definition->versions[i];
        struct kind_subresource *list = arena_array(arena, 2, sizeof *list);
        struct str *selectable = arena_array(arena, from->selectable_field_count + 1, sizeof *selectable);
        if (!list || !selectable) return false;
        struct kind_version *to = &versions[i];
        *to = (struct kind_version){.version = from->name,
                                    .is_served = from->is_served,
                                    .is_storage = from->is_storage,
                                    .is_deprecated = from->is_deprecated,
                                    .schema = from->schema,
                                    .columns = from->columns,
                                    .column_count = from->column_count,
                                    .selectable_fields = selectable,
                                    .selectable_field_count = from->selectable_field_count,
                                    .subresources = list,
                                    .definition = from};
        for (size_t field = 0; field < from->selectable_field_count; field++) {
            struct str path = from->selectable_fields[field];
            selectable[field] = str_starts_with(path, STR(".")) ? str_from(path, 1) : path;
        }
        if (from->has_scale) add_subresource(list, &to->subresource_count, STR("scale"));
        if (from->has_status) add_subresource(list, &to->subresource_count, STR("status"));
        if (from->is_deprecated) {
            to->deprecation_warning = from->deprecation_warning.len
                                          ? from->deprecation_warning
                                          : arena_printf(arena, "%.*s/%.*s %.*s is deprecated", STR_ARG(kind->group),
                                                         STR_ARG(from->name), STR_ARG(kind->kind));
        }
    }
    qsort(versions, definition->version_count, sizeof *versions, compare_versions);
    kind->versions = versions;
    kind->version_count = definition->version_count;
    for (size_t i = 0; i < kind->version_count; i++) {
        if (versions[i].is_storage) kind->storage_version = &versions[i];
    }
    return kind->storage_version;
}

static bool fill_defined(struct kind *kind, const yyjson_val *object, struct error *error) {
    struct arena *arena = &kind->arena;
    struct strbuf text = strbuf_with_max(LIMIT_BODY_BYTES);
    json_write(&text, object);
    yyjson_val *copy = text.failed ? NULL : json_parse(arena, strbuf_view(&text), error);
    strbuf_release(&text);
    struct definition *definition = arena_alloc(arena, sizeof *definition);
    if (!copy || !definition || !definition_read(arena, copy, definition, error)) return false;
    kind->group = definition->group;
    kind->plural = definition->plural;
    kind->singular = definition->singular;
    kind->kind = definition->kind;
    kind->list_kind = definition->list_kind;
    kind->short_names = definition->short_names;
    kind->short_name_count = definition->short_name_count;
    kind->categories = definition->categories;
    kind->category_count = definition->category_count;
    kind->is_namespaced = definition->is_namespaced;
    kind->verbs = VERBS_ALL;
    kind->storage_key = arena_join(arena, kind->group, STR("/"), kind->plural);
    kind->is_defined = true;
    kind->definition_uid = json_text(json_path(copy, "metadata", "uid", NULL));
    kind->is_terminating = json_path(copy, "metadata", "deletionTimestamp", NULL);
    struct str revision = json_text(json_path(copy, "metadata", "resourceVersion", NULL));
    for (size_t i = 0; i < revision.len; i++) kind->revision = kind->revision * 10 + (revision.ptr[i] - '0');
    if (!make_versions(kind, definition)) return error_set(error, ERROR_MEMORY, "the definition is too large");
    kind->storage_version_hash = storage_hash(kind);
    return true;
}

bool registry_define(struct registry *registry, const yyjson_val *object, struct error *error) {
    struct kind *kind = kind_new();
    if (!kind) return error_set(error, ERROR_MEMORY, "memory is out");
    if (!fill_defined(kind, object, error)) {
        kind_drop(kind);
        return false;
    }
    if (put_kind(registry, kind)) return true;
    kind_drop(kind);
    return error_set(error, ERROR_MEMORY, "memory is out");
}

void registry_undefine(struct registry *registry, struct str group, struct str plural) {
    bool is_there;
    size_t index = find_index(registry, group, plural, &is_there);
    if (!is_there || registry->kinds[index]->builtin) return;
    registry->epoch++;
    kind_drop(registry->kinds[index]);
    registry->count--;
    memmove(registry->kinds + index, registry->kinds + index + 1, (registry->count - index) * sizeof(struct kind *));
}
