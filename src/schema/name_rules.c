#include "schema/name_rules.h"

enum { LABEL_BYTES = 63, SUBDOMAIN_BYTES = 253 };

#define DNS1123_LABEL "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
#define QUALIFIED     "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"

static const char dns1123_label_words[] = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must "
                                          "start and end with an alphanumeric character "
                                          "(e.g. 'my-name',  or '123-abc', regex used for validation is '" DNS1123_LABEL "')";
static const char dns1123_subdomain_words[] =
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an "
    "alphanumeric "
    "character (e.g. 'example.com', regex used for validation is '" DNS1123_LABEL "(\\." DNS1123_LABEL ")*')";
static const char dns1035_label_words[] =
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an "
    "alphanumeric "
    "character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
#define QUALIFIED_WORDS                                                                                                                    \
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or " \
    "'my.name',  or '123-abc', regex used for validation is '" QUALIFIED "')"
static const char label_value_words[] =
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
    "alphanumeric "
    "character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(" QUALIFIED ")?')";
static const char config_key_words[] = "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or "
                                       "'KEY_NAME',  or 'key-name', regex used for "
                                       "validation is '[-._a-zA-Z0-9]+')";

static bool is_lower(char c) {
    return c >= 'a' && c <= 'z';
}

static bool is_alphanumeric(char c) {
    return is_lower(c) || (c >= 'A' && c <= 'Z') || str_is_digit(c);
}

static bool is_dns_label(struct str s, bool starts_with_letter) {
    if (!s.len || s.ptr[0] == '-' || s.ptr[s.len - 1] == '-' || (starts_with_letter && !is_lower(s.ptr[0]))) return false;
    for (size_t i = 0; i < s.len; i++) {
        if (!is_lower(s.ptr[i]) && !str_is_digit(s.ptr[i]) && s.ptr[i] != '-') return false;
    }
    return true;
}

static bool is_subdomain(struct str s) {
    while (true) {
        size_t dot = str_find(s, STR("."));
        if (!is_dns_label(dot == SIZE_MAX ? s : str_first(s, dot), false)) return false;
        if (dot == SIZE_MAX) return true;
        s = str_from(s, dot + 1);
    }
}

static bool is_plain_name(struct str s) {
    if (!s.len || !is_alphanumeric(s.ptr[0]) || !is_alphanumeric(s.ptr[s.len - 1])) return false;
    for (size_t i = 0; i < s.len; i++) {
        if (!is_alphanumeric(s.ptr[i]) && s.ptr[i] != '-' && s.ptr[i] != '_' && s.ptr[i] != '.') return false;
    }
    return true;
}

static bool is_config_key(struct str s) {
    for (size_t i = 0; i < s.len; i++) {
        if (!is_alphanumeric(s.ptr[i]) && s.ptr[i] != '-' && s.ptr[i] != '_' && s.ptr[i] != '.') return false;
    }
    return s.len > 0;
}

/* Where complaints go; `shown` is the value in the message, which may not be the part that was checked. */
struct checking {
    struct field_errors *out; /* NULL: only whether there are any */
    struct str field, shown;
    size_t count;
};

static void complain(struct checking *checking, const char *prefix, const char *words) {
    checking->count++;
    if (!checking->out) return;
    struct arena *arena = checking->out->arena;
    field_errors_add_text(checking->out, FIELD_INVALID, checking->field, field_error_quote(arena, checking->shown),
                          arena_printf(arena, "%s%s", prefix, words));
}

static void check_length(struct checking *checking, const char *prefix, struct str name, int max_bytes) {
    if (name.len <= (size_t)max_bytes) return;
    complain(checking, prefix, max_bytes == LABEL_BYTES ? "must be no more than 63 characters" : "must be no more than 253 characters");
}

static void check_subdomain(struct checking *checking, const char *prefix, struct str name) {
    check_length(checking, prefix, name, SUBDOMAIN_BYTES);
    if (!is_subdomain(name)) complain(checking, prefix, dns1123_subdomain_words);
}

static void check_qualified(struct checking *checking, struct str name) {
    size_t slash = str_find(name, STR("/"));
    if (slash != SIZE_MAX) {
        struct str prefix = str_first(name, slash);
        name = str_from(name, slash + 1);
        if (str_contains(name, STR("/"))) {
            complain(checking, "a qualified name ",
                     QUALIFIED_WORDS " with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')");
            return;
        }
        if (!prefix.len)
            complain(checking, "prefix part ", "must be non-empty");
        else
            check_subdomain(checking, "prefix part ", prefix);
    }
    if (!name.len)
        complain(checking, "name part ", "must be non-empty");
    else
        check_length(checking, "name part ", name, LABEL_BYTES);
    if (!is_plain_name(name)) complain(checking, "name part ", QUALIFIED_WORDS);
}

static void check_path_segment(struct checking *checking, struct str name) {
    if (str_is(name, ".")) complain(checking, "", "may not be '.'");
    if (str_is(name, "..")) complain(checking, "", "may not be '..'");
    if (str_contains(name, STR("/"))) complain(checking, "", "may not contain '/'");
    if (str_contains(name, STR("%"))) complain(checking, "", "may not contain '%'");
}

static void check(struct checking *checking, enum name_rule rule, struct str name) {
    switch (rule) {
    case NAME_DNS1123_LABEL:
        check_length(checking, "", name, LABEL_BYTES);
        if (!is_dns_label(name, false)) complain(checking, "", is_subdomain(name) ? "must not contain dots" : dns1123_label_words);
        break;
    case NAME_DNS1123_SUBDOMAIN: check_subdomain(checking, "", name); break;
    case NAME_DNS1035_LABEL:
        check_length(checking, "", name, LABEL_BYTES);
        if (!is_dns_label(name, true)) complain(checking, "", dns1035_label_words);
        break;
    case NAME_QUALIFIED: check_qualified(checking, name); break;
    case NAME_LABEL_VALUE:
        check_length(checking, "", name, LABEL_BYTES);
        if (name.len && !is_plain_name(name)) complain(checking, "", label_value_words);
        break;
    case NAME_CONFIG_KEY:
        check_length(checking, "", name, SUBDOMAIN_BYTES);
        if (!is_config_key(name)) complain(checking, "", config_key_words);
        if (str_is(name, "."))
            complain(checking, "", "must not be '.'");
        else if (str_is(name, ".."))
            complain(checking, "", "must not be '..'");
        else if (str_starts_with(name, STR("..")))
            complain(checking, "", "must not start with '..'");
        break;
    case NAME_PATH_SEGMENT: check_path_segment(checking, name); break;
    }
}

void name_rule_check(enum name_rule rule, struct str name, struct str field, struct field_errors *out) {
    struct checking checking = {.out = out, .field = field, .shown = name};
    check(&checking, rule, name);
}

void name_rule_check_prefix(enum name_rule rule, struct str prefix, struct str field, struct field_errors *out) {
    struct checking checking = {.out = out, .field = field, .shown = prefix};
    /* apimachinery's maskTrailingDash: "a-" is checked as "aa". */
    struct str name = prefix;
    if (prefix.len > 1 && prefix.ptr[prefix.len - 1] == '-' && rule != NAME_PATH_SEGMENT)
        name = arena_join(out->arena, str_first(prefix, prefix.len - 1), STR("a"), STR_EMPTY);
    check(&checking, rule, name);
}

bool name_rule_holds(enum name_rule rule, struct str name) {
    struct checking checking = {0};
    check(&checking, rule, name);
    return checking.count == 0;
}
