#include "apiserver/discovery.h"

#include <stdlib.h>

enum { MAX_VERSIONS = 16 };

static void write_text(struct strbuf *out, const char *key, struct str text) {
    strbuf_printf(out, "\"%s\":", key);
    json_write_text(out, text);
}

static void write_verb(struct strbuf *out, bool *is_first, const char *word) {
    strbuf_printf(out, "%s\"%s\"", *is_first ? "" : ",", word);
    *is_first = false;
}

/* By the alphabet, but for defined kinds: apiextensions names create after patch. */
static void write_verbs(struct strbuf *out, unsigned verbs, bool is_defined) {
    bool is_first = true;
    strbuf_append(out, STR("\"verbs\":["));
#define VERB_TEXT(id, bit, word)                                                                                                           \
    if (verbs & (id) && !(is_defined && (id) == VERB_CREATE)) write_verb(out, &is_first, word);                                            \
    if (is_defined && (id) == VERB_PATCH && verbs & VERB_CREATE) write_verb(out, &is_first, "create");
    KIND_VERBS(VERB_TEXT)
#undef VERB_TEXT
    strbuf_append_char(out, ']');
}

static void write_texts(struct strbuf *out, const char *key, const struct str *texts, size_t count) {
    if (!count) return;
    strbuf_printf(out, ",\"%s\":[", key);
    for (size_t i = 0; i < count; i++) {
        if (i) strbuf_append_char(out, ',');
        json_write_text(out, texts[i]);
    }
    strbuf_append_char(out, ']');
}

static int compare_versions(const void *left, const void *right) {
    return kind_compare_versions(*(const struct str *)left, *(const struct str *)right);
}

size_t discovery_versions_of(const struct registry *registry, struct str group, struct str *out, size_t max) {
    size_t kind_count, count = 0;
    const struct kind *const *kinds = registry_kinds(registry, &kind_count);
    for (size_t i = 0; i < kind_count; i++) {
        if (!str_equal(kinds[i]->group, group)) continue;
        for (size_t version = 0; version < kinds[i]->version_count; version++) {
            bool is_known = !kinds[i]->versions[version].is_served;
            for (size_t known = 0; known < count; known++)
                is_known = is_known || str_equal(out[known], kinds[i]->versions[version].version);
            if (!is_known && count < max) out[count++] = kinds[i]->versions[version].version;
        }
    }
    qsort(out, count, sizeof *out, compare_versions);
    return count;
}

void discovery_write_versions(struct strbuf *out, struct str server_address) {
    strbuf_append(out,
                  STR("{\"kind\":\"APIVersions\",\"versions\":[\"v1\"],\"serverAddressByClientCIDRs\":[{\"clientCIDR\":\"0.0.0.0/0\","));
    write_text(out, "serverAddress", server_address);
    strbuf_append(out, STR("}]}"));
}

static void write_group_version(struct strbuf *out, struct str group, struct str version) {
    strbuf_append(out, STR("{\"groupVersion\":\""));
    if (group.len) strbuf_printf(out, "%.*s/", STR_ARG(group));
    strbuf_printf(out, "%.*s\",\"version\":\"%.*s\"}", STR_ARG(version), STR_ARG(version));
}

static void write_group_members(struct strbuf *out, struct str group, const struct str *versions, size_t count) {
    write_text(out, "name", group);
    strbuf_append(out, STR(",\"versions\":["));
    for (size_t i = 0; i < count; i++) {
        if (i) strbuf_append_char(out, ',');
        write_group_version(out, group, versions[i]);
    }
    strbuf_append(out, STR("],\"preferredVersion\":"));
    write_group_version(out, group, versions[0]);
}

/* Calls back for each group with something served, the core group left out. */
static void each_group(const struct registry *registry,
                       void (*each)(void *context, struct str group, const struct str *versions, size_t count), void *context) {
    size_t kind_count;
    const struct kind *const *kinds = registry_kinds(registry, &kind_count);
    for (size_t i = 0; i < kind_count; i++) {
        if (!kinds[i]->group.len || (i && str_equal(kinds[i]->group, kinds[i - 1]->group))) continue;
        struct str versions[MAX_VERSIONS];
        size_t count = discovery_versions_of(registry, kinds[i]->group, versions, MAX_VERSIONS);
        if (count) each(context, kinds[i]->group, versions, count);
    }
}

struct group_list {
    struct strbuf *out;
    const struct registry *registry;
    size_t count;
};

static void add_group(void *context, struct str group, const struct str *versions, size_t count) {
    struct group_list *list = context;
    strbuf_append(list->out, list->count++ ? STR(",{") : STR("{"));
    write_group_members(list->out, group, versions, count);
    strbuf_append_char(list->out, '}');
}

void discovery_write_groups(struct strbuf *out, const struct registry *registry) {
    struct group_list list = {.out = out, .registry = registry};
    strbuf_append(out, STR("{\"kind\":\"APIGroupList\",\"apiVersion\":\"v1\",\"groups\":["));
    each_group(registry, add_group, &list);
    strbuf_append(out, STR("]}"));
}

bool discovery_write_group(struct strbuf *out, const struct registry *registry, struct str group) {
    struct str versions[MAX_VERSIONS];
    size_t count = group.len ? discovery_versions_of(registry, group, versions, MAX_VERSIONS) : 0;
    if (!count) return false;
    strbuf_append(out, STR("{\"kind\":\"APIGroup\",\"apiVersion\":\"v1\","));
    write_group_members(out, group, versions, count);
    strbuf_append_char(out, '}');
    return true;
}

static void write_resource(struct strbuf *out, const struct kind *kind, const struct kind_version *version) {
    strbuf_append_char(out, '{');
    write_text(out, "name", kind->plural);
    strbuf_append_char(out, ',');
    write_text(out, "singularName", kind->singular);
    strbuf_printf(out, ",\"namespaced\":%s,", kind->is_namespaced ? "true" : "false");
    write_text(out, "kind", kind->kind);
    strbuf_append_char(out, ',');
    write_verbs(out, kind->verbs, kind->is_defined);
    write_texts(out, "shortNames", kind->short_names, kind->short_name_count);
    write_texts(out, "categories", kind->categories, kind->category_count);
    if (kind->storage_version_hash.len) {
        strbuf_append_char(out, ',');
        write_text(out, "storageVersionHash", kind->storage_version_hash);
    }
    strbuf_append_char(out, '}');
    for (size_t i = 0; i < version->subresource_count; i++) {
        const struct kind_subresource *subresource = &version->subresources[i];
        strbuf_printf(out, ",{\"name\":\"%.*s/%.*s\",\"singularName\":\"\",\"namespaced\":%s,", STR_ARG(kind->plural),
                      STR_ARG(subresource->name), kind->is_namespaced ? "true" : "false");
        if (subresource->kind.len)
            strbuf_printf(out, "\"group\":\"%.*s\",\"version\":\"%.*s\",", STR_ARG(subresource->group), STR_ARG(subresource->version));
        write_text(out, "kind", subresource->kind.len ? subresource->kind : kind->kind);
        strbuf_append_char(out, ',');
        write_verbs(out, subresource->verbs, false);
        strbuf_append_char(out, '}');
    }
}

bool discovery_write_resources(struct strbuf *out, const struct registry *registry, struct str group, struct str version) {
    size_t kind_count, written = 0;
    const struct kind *const *kinds = registry_kinds(registry, &kind_count);
    for (size_t i = 0; i < kind_count; i++) {
        const struct kind_version *served = str_equal(kinds[i]->group, group) ? kind_find_version(kinds[i], version) : NULL;
        if (!served || !served->is_served) continue;
        if (!written) {
            strbuf_append(out, STR("{\"kind\":\"APIResourceList\",\"apiVersion\":\"v1\",\"groupVersion\":\""));
            if (group.len) strbuf_printf(out, "%.*s/", STR_ARG(group));
            strbuf_printf(out, "%.*s\",\"resources\":[", STR_ARG(version));
        }
        if (written++) strbuf_append_char(out, ',');
        write_resource(out, kinds[i], served);
    }
    if (written) strbuf_append(out, STR("]}"));
    return written;
}

static void write_response_kind(struct strbuf *out, struct str group, struct str version, struct str kind) {
    strbuf_printf(out, "\"responseKind\":{\"group\":\"%.*s\",\"version\":\"%.*s\",\"kind\":\"%.*s\"}", STR_ARG(group), STR_ARG(version),
                  STR_ARG(kind));
}

static void write_aggregated_resource(struct strbuf *out, const struct kind *kind, const struct kind_version *version) {
    strbuf_append_char(out, '{');
    write_text(out, "resource", kind->plural);
    strbuf_append_char(out, ',');
    write_response_kind(out, kind->group, version->version, kind->kind);
    strbuf_printf(out, ",\"scope\":\"%s\",", kind->is_namespaced ? "Namespaced" : "Cluster");
    write_text(out, "singularResource", kind->singular);
    strbuf_append_char(out, ',');
    write_verbs(out, kind->verbs, kind->is_defined);
    write_texts(out, "shortNames", kind->short_names, kind->short_name_count);
    write_texts(out, "categories", kind->categories, kind->category_count);
    if (version->subresource_count) strbuf_append(out, STR(",\"subresources\":["));
    for (size_t i = 0; i < version->subresource_count; i++) {
        const struct kind_subresource *subresource = &version->subresources[i];
        bool is_own = !subresource->kind.len;
        strbuf_append(out, i ? STR(",{") : STR("{"));
        write_text(out, "subresource", subresource->name);
        strbuf_append_char(out, ',');
        write_response_kind(out, is_own ? kind->group : subresource->group, is_own ? version->version : subresource->version,
                            is_own ? kind->kind : subresource->kind);
        strbuf_append_char(out, ',');
        write_verbs(out, subresource->verbs, false);
        strbuf_append_char(out, '}');
    }
    strbuf_append(out, version->subresource_count ? STR("]}") : STR("}"));
}

static void add_aggregated_version(struct group_list *list, struct str group, struct str version) {
    size_t kind_count, written = 0;
    const struct kind *const *kinds = registry_kinds(list->registry, &kind_count);
    strbuf_append_char(list->out, '{');
    write_text(list->out, "version", version);
    strbuf_append(list->out, STR(",\"resources\":["));
    for (size_t i = 0; i < kind_count; i++) {
        const struct kind_version *served = str_equal(kinds[i]->group, group) ? kind_find_version(kinds[i], version) : NULL;
        if (!served || !served->is_served) continue;
        if (written++) strbuf_append_char(list->out, ',');
        write_aggregated_resource(list->out, kinds[i], served);
    }
    strbuf_append(list->out, STR("],\"freshness\":\"Current\"}"));
}

static void add_aggregated(void *context, struct str group, const struct str *versions, size_t count) {
    struct group_list *list = context;
    strbuf_append(list->out, list->count++ ? STR(",{\"metadata\":{") : STR("{\"metadata\":{"));
    if (group.len) {
        write_text(list->out, "name", group);
        strbuf_append_char(list->out, ',');
    }
    strbuf_append(list->out, STR("\"creationTimestamp\":null},\"versions\":["));
    for (size_t i = 0; i < count; i++) {
        if (i) strbuf_append_char(list->out, ',');
        add_aggregated_version(list, group, versions[i]);
    }
    strbuf_append(list->out, STR("]}"));
}

void discovery_write_aggregated(struct strbuf *out, const struct registry *registry, bool is_core, const char *version) {
    struct group_list list = {.out = out, .registry = registry};
    struct str core = STR("v1");
    strbuf_printf(out, "{\"kind\":\"APIGroupDiscoveryList\",\"apiVersion\":\"apidiscovery.k8s.io/%s\",\"metadata\":{},\"items\":[",
                  version);
    if (is_core)
        add_aggregated(&list, STR_EMPTY, &core, 1);
    else
        each_group(registry, add_aggregated, &list);
    strbuf_append(out, STR("]}"));
}
