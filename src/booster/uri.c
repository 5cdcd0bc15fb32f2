#include "booster/uri.h"

#include <string.h>

struct str uri_scheme(struct str uri) {
    size_t at = str_find(uri, STR("://"));
    return at == SIZE_MAX ? STR_EMPTY : str_first(uri, at);
}

struct str uri_rest(struct str uri) {
    size_t at = str_find(uri, STR("://"));
    return at == SIZE_MAX ? STR_EMPTY : str_from(uri, at + 3);
}

/* Cuts the first segment off the path, leading slashes skipped; empty at the end. */
static struct str next_segment(struct str *path) {
    while (path->len && path->ptr[0] == '/') *path = str_from(*path, 1);
    struct str segment = str_first(*path, str_find(*path, STR("/")));
    *path = str_from(*path, segment.len);
    return segment;
}

struct str uri_claim(struct str uri) {
    struct str rest = uri_rest(uri);
    return next_segment(&rest);
}

struct str uri_absolute_path(struct arena *arena, struct str path) {
    char *text = arena_alloc(arena, path.len + 2);
    size_t len = 0;
    if (!text) return STR_EMPTY;
    for (struct str segment = next_segment(&path); segment.len; segment = next_segment(&path)) {
        if (str_is(segment, ".")) continue;
        text[len++] = '/';
        memcpy(text + len, segment.ptr, segment.len);
        len += segment.len;
    }
    if (len == 0) text[len++] = '/';
    return (struct str){text, len};
}

bool uri_has_parent_segment(struct str path) {
    for (struct str segment = next_segment(&path); segment.len; segment = next_segment(&path))
        if (str_is(segment, "..")) return true;
    return false;
}

struct str cache_mount_path(struct arena *arena, struct str cache_uri) {
    struct str rest = uri_rest(cache_uri);
    if (rest.len == 0) return STR("/model-cache");
    return uri_absolute_path(arena, str_is(uri_scheme(cache_uri), "pvc") ? uri_claim(cache_uri) : rest);
}

bool source_in_cache(struct arena *arena, struct str source_uri, struct str cache_uri, struct str *out_path) {
    if (!str_is(uri_scheme(source_uri), "pvc") || uri_rest(cache_uri).len == 0) return false;
    struct str source = uri_absolute_path(arena, uri_rest(source_uri));
    struct str cache = uri_absolute_path(arena, uri_rest(cache_uri));
    if (!str_starts_with(source, cache) || (source.len > cache.len && source.ptr[cache.len] != '/')) return false;
    struct str mount = cache_mount_path(arena, cache_uri);
    *out_path = arena_join(arena, mount, str_from(source, cache.len), STR_EMPTY);
    return true;
}
