#include "kube/resource.h"

#include <string.h>

#include "base/strbuf.h"

enum { PATH_BYTES = 64 * 1024 }; /* continue tokens and selectors are a few KiB at most */

static void append_encoded(struct strbuf *out, struct str text) {
    static const char unreserved[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (memchr(unreserved, c, sizeof unreserved - 1))
            strbuf_append_char(out, (char)c);
        else
            strbuf_printf(out, "%%%02X", c);
    }
}

struct str kube_percent_encode(struct arena *arena, struct str text) {
    struct strbuf out = strbuf_with_max(PATH_BYTES);
    append_encoded(&out, text);
    return strbuf_take(&out, arena);
}

struct str kube_api_version(struct arena *arena, const struct kube_resource *resource) {
    if (!resource->group.len) return arena_copy(arena, resource->version);
    return arena_printf(arena, "%.*s/%.*s", STR_ARG(resource->group), STR_ARG(resource->version));
}

static void append_segment(struct strbuf *out, struct str segment) {
    strbuf_append_char(out, '/');
    append_encoded(out, segment);
}

static struct strbuf group_path(const struct kube_resource *resource) {
    struct strbuf out = strbuf_with_max(PATH_BYTES);
    if (resource->group.len) {
        strbuf_append(&out, STR("/apis"));
        append_segment(&out, resource->group);
    } else {
        strbuf_append(&out, STR("/api"));
    }
    append_segment(&out, resource->version);
    return out;
}

static struct strbuf collection_path(const struct kube_resource *resource, struct str namespace) {
    struct strbuf out = group_path(resource);
    if (namespace.len) {
        strbuf_append(&out, STR("/namespaces"));
        append_segment(&out, namespace);
    }
    append_segment(&out, resource->plural);
    return out;
}

struct str kube_discovery_path(struct arena *arena, const struct kube_resource *resource) {
    struct strbuf out = group_path(resource);
    return strbuf_take(&out, arena);
}

static void append_name(struct strbuf *out, const char *name) {
    strbuf_append_char(out, str_contains(strbuf_view(out), STR("?")) ? '&' : '?');
    strbuf_append(out, str_of(name));
    strbuf_append_char(out, '=');
}

static void append_text(struct strbuf *out, const char *name, struct str value) {
    if (!value.len) return;
    append_name(out, name);
    append_encoded(out, value);
}

static void append_number(struct strbuf *out, const char *name, int64_t value) {
    if (value <= 0) return;
    append_name(out, name);
    strbuf_printf(out, "%lld", (long long)value);
}

struct str kube_list_path(struct arena *arena, const struct kube_resource *resource, struct str namespace,
                          const struct kube_list_query *query) {
    struct strbuf out = collection_path(resource, namespace);
    append_number(&out, "limit", query->limit);
    append_text(&out, "continue", query->continue_token);
    append_text(&out, "resourceVersion", query->resource_version);
    append_text(&out, "resourceVersionMatch", query->resource_version_match);
    append_text(&out, "labelSelector", query->label_selector);
    append_text(&out, "fieldSelector", query->field_selector);
    append_text(&out, "watch", query->is_watch ? STR("true") : STR_EMPTY);
    append_text(&out, "allowWatchBookmarks", query->allow_bookmarks ? STR("true") : STR_EMPTY);
    append_number(&out, "timeoutSeconds", query->timeout_s);
    return strbuf_take(&out, arena);
}

static struct str finish_write(struct arena *arena, struct strbuf *out, const struct kube_write_query *query) {
    if (query) {
        append_text(out, "fieldManager", query->field_manager);
        append_text(out, "fieldValidation", query->field_validation);
        append_text(out, "dryRun", query->is_dry_run ? STR("All") : STR_EMPTY);
    }
    return strbuf_take(out, arena);
}

struct str kube_create_path(struct arena *arena, const struct kube_resource *resource, struct str namespace,
                            const struct kube_write_query *query) {
    struct strbuf out = collection_path(resource, namespace);
    return finish_write(arena, &out, query);
}

struct str kube_object_path(struct arena *arena, const struct kube_resource *resource, struct str namespace, struct str name,
                            struct str subresource, const struct kube_write_query *query) {
    struct strbuf out = collection_path(resource, namespace);
    append_segment(&out, name);
    if (subresource.len) append_segment(&out, subresource);
    return finish_write(arena, &out, query);
}
