#include "apiserver/negotiate.h"

#include <stdlib.h>

enum { MAX_CLAUSES = 32 };

/* "application/json;as=Table;v=v1;g=meta.k8s.io;q=0.9" */
struct clause {
    struct str type, as, version, group;
    double quality;
    bool is_pretty;
};

static struct str next_part(struct str *rest, char separator) {
    size_t end = 0;
    while (end < rest->len && rest->ptr[end] != separator) end++;
    struct str part = str_trim(str_first(*rest, end));
    *rest = str_from(*rest, end + 1);
    return part;
}

static struct clause read_clause(struct arena *arena, struct str text) {
    struct clause clause = {.quality = 1};
    clause.type = next_part(&text, ';');
    while (text.len) {
        struct str part = next_part(&text, ';'), value = part, name = next_part(&value, '=');
        value = str_trim(value);
        if (str_is(name, "as"))
            clause.as = value;
        else if (str_is(name, "v"))
            clause.version = value;
        else if (str_is(name, "g"))
            clause.group = value;
        else if (str_is(name, "pretty"))
            clause.is_pretty = str_is(value, "1");
        else if (str_is(name, "q"))
            clause.quality = strtod(arena_copy(arena, value).ptr, NULL);
    }
    return clause;
}

static bool read_form(const struct clause *clause, const struct accept_request *request, struct accept *out) {
    out->form = ACCEPT_OBJECT;
    if (!clause->as.len) return true;
    if (!str_is(clause->group, "meta.k8s.io") || (!str_is(clause->version, "v1") && !str_is(clause->version, "v1beta1"))) return false;
    out->version = clause->version;
    if (str_is(clause->as, "Table"))
        out->form = ACCEPT_TABLE;
    else if (str_is(clause->as, request->is_list && !request->is_watch ? "PartialObjectMetadataList" : "PartialObjectMetadata"))
        out->form = ACCEPT_PARTIAL_METADATA;
    else
        return false;
    return true;
}

static bool read_type(const struct clause *clause, struct accept *out) {
    out->is_yaml = str_equal_ignoring_case(clause->type, STR("application/yaml"));
    return out->is_yaml || str_equal_ignoring_case(clause->type, STR("application/json")) || str_is(clause->type, "*/*") ||
           str_is(clause->type, "application/*");
}

static bool is_pretty(const struct accept_request *request) {
    if (request->pretty.len) return str_is(request->pretty, "1") || str_is(request->pretty, "true");
    return str_starts_with(request->user_agent, STR("curl")) || str_starts_with(request->user_agent, STR("Wget")) ||
           str_starts_with(request->user_agent, STR("Mozilla/5.0"));
}

bool accept_read(struct arena *arena, const struct accept_request *request, struct accept *out, struct refusal *refusal) {
    struct clause clauses[MAX_CLAUSES];
    size_t count = 0;
    *out = (struct accept){.include_object = request->include_object, .is_pretty = is_pretty(request)};
    for (struct str rest = request->header; rest.len && count < MAX_CLAUSES;) {
        struct str part = next_part(&rest, ',');
        if (part.len) clauses[count++] = read_clause(arena, part);
    }
    if (!count) return true;
    double best = 0;
    bool is_found = false, is_best_wild = false;
    for (size_t i = 0; i < count; i++) {
        struct accept candidate = {.include_object = request->include_object, .is_pretty = is_pretty(request) || clauses[i].is_pretty};
        bool is_wild = str_contains(clauses[i].type, STR("*"));
        /* Of equals the first, but a named type before a wildcard. */
        bool is_better = clauses[i].quality > best || (is_found && clauses[i].quality == best && is_best_wild && !is_wild);
        if (!is_better || !read_type(&clauses[i], &candidate) || !read_form(&clauses[i], request, &candidate)) continue;
        if (candidate.is_yaml && request->is_watch) continue;
        *out = candidate;
        best = clauses[i].quality;
        is_best_wild = is_wild;
        is_found = true;
    }
    return is_found || refuse_plain(arena, refusal, 406, "NotAcceptable",
                                    "only the following media types are accepted: application/json, application/yaml");
}
