#include <string.h>

#include "booster/checks.h"
#include "booster/names.h"
#include "booster/uri.h"

#define SOURCES "hf://, s3://, obs://, ms:// or pvc://"

static bool scheme_is(struct str uri, const char *scheme) {
    return str_starts_with(uri, str_of(scheme));
}

/* Text that can be printed as it is within a remedy. */
static bool is_plain(struct str text) {
    enum { REMEDY_BYTES = 200 };
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool is_word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!is_word && !strchr("-_./:@+", c)) return false;
    }
    return text.len > 0 && text.len <= REMEDY_BYTES && text.ptr[0] != '.' && text.ptr[0] != '/';
}

static void check_claim_source(struct findings *findings, struct str path, const yyjson_val *value, struct str uri, struct str cache_uri) {
    struct str claim = uri_claim(uri), path_in_cache;
    if (uri_has_parent_segment(uri_rest(uri))) {
        findings_add(findings, RULE_SOURCE_URI, path, value, "%s leads out of the claim by \"..\"; write the path without", QUOTE(uri));
        return;
    }
    if (source_in_cache(findings->arena, uri, cache_uri, &path_in_cache)) return;
    if (!name_is_dns_subdomain(claim))
        findings_add(findings, RULE_SOURCE_URI, path, value, "%s: no claim can be named %s; write pvc://<claim>/<path>", QUOTE(uri),
                     QUOTE(claim));
}

/* Where the text after a web site's address is the name of a repository. */
static struct str repository_of(struct str uri) {
    static const char *const sites[] = {"https://huggingface.co/", "http://huggingface.co/", "https://hf.co/"};
    for (size_t i = 0; i < sizeof sites / sizeof *sites; i++)
        if (scheme_is(uri, sites[i])) return str_from(uri, strlen(sites[i]));
    return STR_EMPTY;
}

void check_source_uri(struct findings *findings, struct str path, const yyjson_val *value, struct str uri, struct str cache_uri) {
    static const char *const schemes[] = {"hf://", "s3://", "obs://", "ms://", "pvc://"};
    struct str repository = repository_of(uri);
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        if (!scheme_is(uri, schemes[i])) continue;
        if (uri_rest(uri).len == 0)
            findings_add(findings, RULE_SOURCE_URI, path, value, "%s names nothing; write what to fetch after it, such as hf://owner/name",
                         QUOTE(uri));
        else if (scheme_is(uri, "pvc://"))
            check_claim_source(findings, path, value, uri, cache_uri);
        return;
    }
    if (is_plain(repository))
        findings_add(findings, RULE_SOURCE_URI, path, value, "%s is a web page; write hf://%.*s", QUOTE(uri), STR_ARG(repository));
    else if (str_contains(uri, STR("://")))
        findings_add(findings, RULE_SOURCE_URI, path, value, "%s has a scheme that is not known; write " SOURCES, QUOTE(uri));
    else if (is_plain(uri))
        findings_add(findings, RULE_SOURCE_URI, path, value, "%s has no scheme; write hf://%.*s", QUOTE(uri), STR_ARG(uri));
    else
        findings_add(findings, RULE_SOURCE_URI, path, value, "%s has no scheme; write " SOURCES, QUOTE(uri));
}

static void check_cache_claim(struct findings *findings, struct str path, const yyjson_val *value, struct str uri) {
    struct str rest = uri_rest(uri);
    struct str claim = str_first(rest, str_find(rest, STR("/")));
    if (!name_is_dns_subdomain(claim))
        findings_add(findings, RULE_CACHE_URI, path, value, "%s: no claim can be named %s; write pvc://<claim> or pvc://<claim>/<folder>",
                     QUOTE(uri), QUOTE(claim));
    else if (uri_has_parent_segment(rest))
        findings_add(findings, RULE_CACHE_URI, path, value, "%s leads out of the claim by \"..\"; write the folder without", QUOTE(uri));
}

static void check_cache_path(struct findings *findings, struct str path, const yyjson_val *value, struct str uri) {
    struct str rest = uri_rest(uri);
    struct str mount = uri_absolute_path(findings->arena, rest);
    if (mount.len <= 1)
        findings_add(findings, RULE_CACHE_URI, path, value, "%s names no folder; write one, such as hostpath:///var/cache/models",
                     QUOTE(uri));
    else if (uri_has_parent_segment(rest) || str_contains(rest, STR(":")))
        findings_add(findings, RULE_CACHE_URI, path, value, "%s cannot be mounted; write a path without \"..\" and colons", QUOTE(uri));
    else if (rest.ptr[0] != '/' && is_plain(rest))
        findings_add(findings, RULE_RELATIVE_PATH, path, value, "%s is taken as %.*s; write hostpath://%.*s", QUOTE(uri), STR_ARG(mount),
                     STR_ARG(mount));
    else if (rest.ptr[0] != '/')
        findings_add(findings, RULE_RELATIVE_PATH, path, value, "%s is taken from the root directory; begin the path with a slash",
                     QUOTE(uri));
}

static void check_cache(const struct backend *backend, struct findings *findings) {
    struct str uri = backend->cache_uri;
    struct str path = model_path(findings->arena, backend->path, "cacheURI");
    yyjson_val *value = model_field(backend->value, "cacheURI");
    if (!yyjson_is_str(value)) return;
    if (scheme_is(uri, "pvc://"))
        check_cache_claim(findings, path, value, uri);
    else if (scheme_is(uri, "hostpath://"))
        check_cache_path(findings, path, value, uri);
    else if (uri.len && uri.ptr[0] == '/' && is_plain(str_from(uri, 1)))
        findings_add(findings, RULE_CACHE_URI, path, value, "%s has no scheme; write hostpath://%.*s", QUOTE(uri), STR_ARG(uri));
    else
        findings_add(findings, RULE_CACHE_URI, path, value,
                     "%s is no cache; write hostpath:///<folder>, pvc://<claim> or pvc://<claim>/<folder>, or leave it out", QUOTE(uri));
}

void check_sources(const struct backend *backend, struct findings *findings) {
    if (check_text_present(findings, backend->value, backend->path, "modelURI",
                           "where the model is, such as hf://Qwen/Qwen2.5-0.5B-Instruct"))
        check_source_uri(findings, model_path(findings->arena, backend->path, "modelURI"), json_get(backend->value, "modelURI"),
                         backend->model_uri, backend->cache_uri);
    check_cache(backend, findings);
}
