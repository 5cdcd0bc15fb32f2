#include "booster/names.h"

#include "base/limits.h"

struct kind_row {
    const char *kind, *plural, *group, *api_version;
};

static const struct kind_row kinds[CHILD_KIND_COUNT] = {
#define CHILD_ROW(id, kind, plural, group) [id] = {kind, plural, group, group "/" API_VERSION},
    CHILD_KINDS(CHILD_ROW)
#undef CHILD_ROW
};

const char *child_kind_name(enum child_kind kind) {
    return kinds[kind].kind;
}

const char *child_kind_plural(enum child_kind kind) {
    return kinds[kind].plural;
}

const char *child_kind_group(enum child_kind kind) {
    return kinds[kind].group;
}

const char *child_kind_api_version(enum child_kind kind) {
    return kinds[kind].api_version;
}

enum child_kind child_kind_of(struct str text) {
    for (int kind = 0; kind < CHILD_KIND_COUNT; kind++) {
        if (str_equal_ignoring_case(text, str_of(kinds[kind].kind))) return (enum child_kind)kind;
        if (str_equal_ignoring_case(text, str_of(kinds[kind].plural))) return (enum child_kind)kind;
    }
    return CHILD_KIND_COUNT;
}

struct str child_name(struct arena *arena, struct str model, struct str backend) {
    if (backend.len == 0) return model;
    return arena_join(arena, model, STR("-"), backend);
}

bool name_is_lower_alnum_dash(struct str name) {
    if (name.len == 0) return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool is_alnum = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        bool is_inner = i > 0 && i + 1 < name.len;
        if (!is_alnum && !(c == '-' && is_inner)) return false;
    }
    return true;
}

bool name_is_dns_subdomain(struct str name) {
    enum { SUBDOMAIN_BYTES = 253 };
    if (name.len > SUBDOMAIN_BYTES) return false;
    for (;;) {
        size_t dot = str_find(name, STR("."));
        if (!name_is_lower_alnum_dash(str_first(name, dot))) return false;
        if (dot == SIZE_MAX) return true;
        name = str_from(name, dot + 1);
    }
}

static bool is_label_part(struct str text) {
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool is_alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        bool is_inner = i > 0 && i + 1 < text.len;
        if (!is_alnum && !(is_inner && (c == '-' || c == '_' || c == '.'))) return false;
    }
    return text.len <= LIMIT_NAME_BYTES;
}

bool name_is_qualified(struct str name) {
    size_t slash = str_find(name, STR("/"));
    struct str last = slash == SIZE_MAX ? name : str_from(name, slash + 1);
    if (slash != SIZE_MAX && !name_is_dns_subdomain(str_first(name, slash))) return false;
    return last.len > 0 && is_label_part(last);
}

bool name_is_label_value(struct str value) {
    return is_label_part(value);
}
