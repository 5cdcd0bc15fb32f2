#include "apiserver/route.h"

#include <stddef.h>

#include "base/number.h"

enum { MAX_SEGMENTS = 10 };

static int hex(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

static struct str decode(struct arena *arena, struct str text, bool is_query) {
    char *out = arena_alloc(arena, text.len + 1);
    if (!out) return STR_EMPTY;
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '%' && i + 2 < text.len && hex(text.ptr[i + 1]) >= 0 && hex(text.ptr[i + 2]) >= 0) {
            out[len++] = (char)(hex(text.ptr[i + 1]) * 16 + hex(text.ptr[i + 2]));
            i += 2;
        } else {
            out[len++] = is_query && text.ptr[i] == '+' ? ' ' : text.ptr[i];
        }
    }
    return (struct str){out, len};
}

static size_t split(struct arena *arena, struct str path, struct str segments[MAX_SEGMENTS]) {
    size_t count = 0;
    for (size_t i = 0; i < path.len;) {
        size_t end = i;
        while (end < path.len && path.ptr[end] != '/') end++;
        if (end > i) {
            if (count == MAX_SEGMENTS) return MAX_SEGMENTS + 1;
            segments[count++] = decode(arena, (struct str){path.ptr + i, end - i}, false);
        }
        i = end + 1;
    }
    return count;
}

void route_read(struct arena *arena, struct str path, struct route *out) {
    *out = (struct route){0};
    struct str segments[MAX_SEGMENTS];
    size_t count = split(arena, path, segments), at;
    if (count > MAX_SEGMENTS) {
        out->is_too_long = true;
        return;
    }
    if (count >= 3 && str_is(segments[0], "api")) {
        out->version = segments[1];
        at = 2;
    } else if (count >= 4 && str_is(segments[0], "apis")) {
        out->group = segments[1];
        out->version = segments[2];
        at = 3;
    } else {
        return;
    }
    out->is_resource = true;
    /* /namespaces/NS/RESOURCE...; but /namespaces/NAME[/status|finalize] is about the namespace itself. */
    if (str_is(segments[at], "namespaces") && count > at + 1) {
        out->namespace = segments[at + 1];
        if (count > at + 2 && !(count == at + 3 && (str_is(segments[at + 2], "status") || str_is(segments[at + 2], "finalize")))) {
            at += 2;
        }
    }
    out->resource = segments[at];
    if (count > at + 1) out->name = segments[at + 1];
    if (count > at + 2) out->subresource = segments[at + 2];
    out->is_too_long = count > at + 3;
    if (str_is(out->resource, "namespaces") && !out->group.len) out->namespace = out->name;
}

enum parameter_type { PARAMETER_TEXT, PARAMETER_INT, PARAMETER_BOOL };

/* name, type, field, field that says it was there (-1: none) */
#define NO_FIELD SIZE_MAX
#define FIELD(member) offsetof(struct parameters, member)
static const struct {
    const char *name;
    enum parameter_type type;
    size_t field, has_field;
} known[] = {
    {"labelSelector", PARAMETER_TEXT, FIELD(label_selector), NO_FIELD},
    {"fieldSelector", PARAMETER_TEXT, FIELD(field_selector), NO_FIELD},
    {"resourceVersion", PARAMETER_TEXT, FIELD(resource_version), NO_FIELD},
    {"resourceVersionMatch", PARAMETER_TEXT, FIELD(resource_version_match), NO_FIELD},
    {"continue", PARAMETER_TEXT, FIELD(continue_token), NO_FIELD},
    {"fieldManager", PARAMETER_TEXT, FIELD(field_manager), NO_FIELD},
    {"fieldValidation", PARAMETER_TEXT, FIELD(field_validation), NO_FIELD},
    {"dryRun", PARAMETER_TEXT, FIELD(dry_run), FIELD(has_dry_run)},
    {"propagationPolicy", PARAMETER_TEXT, FIELD(propagation_policy), NO_FIELD},
    {"pretty", PARAMETER_TEXT, FIELD(pretty), NO_FIELD},
    {"includeObject", PARAMETER_TEXT, FIELD(include_object), NO_FIELD},
    {"limit", PARAMETER_INT, FIELD(limit), NO_FIELD},
    {"timeoutSeconds", PARAMETER_INT, FIELD(timeout_seconds), FIELD(has_timeout_seconds)},
    {"gracePeriodSeconds", PARAMETER_INT, FIELD(grace_period_seconds), FIELD(has_grace_period_seconds)},
    {"watch", PARAMETER_BOOL, FIELD(is_watch), NO_FIELD},
    {"allowWatchBookmarks", PARAMETER_BOOL, FIELD(allows_bookmarks), NO_FIELD},
    {"force", PARAMETER_BOOL, FIELD(is_force), FIELD(has_force)},
    {"sendInitialEvents", PARAMETER_BOOL, FIELD(send_initial_events), FIELD(has_send_initial_events)},
    {"orphanDependents", PARAMETER_BOOL, FIELD(orphan_dependents), FIELD(has_orphan_dependents)},
};

/* conversion.Convert_Slice_string_To_bool: "0" and "false" are false, everything else is true, the empty text too. */
static bool is_true(struct str value) {
    return !str_is(value, "0") && !str_equal_ignoring_case(value, STR("false"));
}

static bool set_parameter(struct arena *arena, struct parameters *out, struct str name, struct str value, struct refusal *refusal) {
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (!str_is(name, known[i].name)) continue;
        char *field = (char *)out + known[i].field;
        if (known[i].has_field != NO_FIELD) *((bool *)(void *)((char *)out + known[i].has_field)) = true;
        if (known[i].type == PARAMETER_TEXT) *(struct str *)(void *)field = value;
        if (known[i].type == PARAMETER_BOOL) *(bool *)(void *)field = is_true(value);
        if (known[i].type == PARAMETER_INT && value.len && !number_parse_int64(value, (int64_t *)(void *)field))
            return refuse_bad_request(arena, refusal, "strconv.ParseInt: parsing %s: invalid syntax", QUOTE(value));
        return true;
    }
    return true;
}

bool parameters_read(struct arena *arena, struct str query, struct parameters *out, struct refusal *refusal) {
    *out = (struct parameters){0};
    while (query.len) {
        size_t end = str_find(query, STR("&"));
        if (end == SIZE_MAX) end = query.len;
        struct str pair = str_first(query, end);
        query = str_from(query, end + 1);
        if (!pair.len) continue;
        size_t equals = str_find(pair, STR("="));
        struct str name = decode(arena, equals == SIZE_MAX ? pair : str_first(pair, equals), true);
        struct str value = equals == SIZE_MAX ? STR_EMPTY : decode(arena, str_from(pair, equals + 1), true);
        if (!set_parameter(arena, out, name, value, refusal)) return false;
    }
    return true;
}
