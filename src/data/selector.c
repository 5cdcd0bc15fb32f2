#include "data/selector.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"

enum { SUBDOMAIN_BYTES_MAX = 253 };

static bool is_alphanumeric(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_name(struct str s) {
    if (s.len == 0 || s.len > LIMIT_NAME_BYTES || !is_alphanumeric(s.ptr[0]) || !is_alphanumeric(s.ptr[s.len - 1])) return false;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (!is_alphanumeric(c) && c != '-' && c != '_' && c != '.') return false;
    }
    return true;
}

/* Labels of [a-z0-9-] between points, each with a letter or digit at its ends. */
static bool is_subdomain(struct str s) {
    if (s.len == 0 || s.len > SUBDOMAIN_BYTES_MAX) return false;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        bool is_edge = i == 0 || i + 1 == s.len || s.ptr[i - 1] == '.' || s.ptr[i + 1] == '.';
        bool is_inner = !is_edge && c == '-';
        bool is_point = c == '.' && i > 0 && i + 1 < s.len && s.ptr[i - 1] != '.';
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && !is_inner && !is_point) return false;
    }
    return true;
}

bool selector_key_is_valid(struct str key) {
    size_t slash = str_find(key, STR("/"));
    if (slash == SIZE_MAX) return is_name(key);
    return is_subdomain(str_first(key, slash)) && is_name(str_from(key, slash + 1));
}

bool selector_value_is_valid(struct str value) {
    return value.len == 0 || is_name(value);
}

/* What a requirement must be beside its syntax (labels.NewRequirement). */
static bool check_requirement(const struct selector_requirement *requirement, struct error *error) {
    struct str key = requirement->key;
    if (!selector_key_is_valid(key)) {
        return error_set(error, ERROR_INVALID,
                         "%s is not a label key; write name or domain/name with at most %d of [A-Za-z0-9_.-] in the name", QUOTE(key),
                         LIMIT_NAME_BYTES);
    }
    bool takes_set = requirement->operator== SELECTOR_IN || requirement->operator== SELECTOR_NOT_IN;
    bool takes_number = requirement->operator== SELECTOR_GREATER || requirement->operator== SELECTOR_LESS;
    if (takes_set && requirement->value_count == 0)
        return error_set(error, ERROR_INVALID, "key %s: In and NotIn need at least one value", QUOTE(key));
    if (!takes_set && !takes_number && requirement->value_count) {
        return error_set(error, ERROR_INVALID, "key %s: Exists and DoesNotExist take no values", QUOTE(key));
    }
    for (size_t i = 0; i < requirement->value_count; i++) {
        struct str value = requirement->values[i];
        int64_t number;
        if (takes_number && !number_parse_int64(value, &number)) {
            return error_set(error, ERROR_INVALID, "key %s: > and < need an integer, not %s", QUOTE(key), QUOTE(value));
        }
        if (!selector_value_is_valid(value)) {
            return error_set(error, ERROR_INVALID,
                             "key %s: %s is not a label value; write at most %d of [A-Za-z0-9_.-], letters or digits at the ends",
                             QUOTE(key), QUOTE(value), LIMIT_NAME_BYTES);
        }
    }
    return true;
}

static int compare_values(const void *a, const void *b) {
    return str_compare(*(const struct str *)a, *(const struct str *)b);
}

static size_t sort_and_unite(struct str *values, size_t count) {
    if (count == 0) return 0;
    qsort(values, count, sizeof *values, compare_values);
    size_t kept = 1;
    for (size_t i = 1; i < count; i++) {
        if (!str_equal(values[i], values[kept - 1])) values[kept++] = values[i];
    }
    return kept;
}

/* The text form */

enum token_kind { TOKEN_END, TOKEN_WORD, TOKEN_SYMBOL };

struct token {
    enum token_kind kind;
    struct str text;
};

struct parser {
    struct str rest;
    struct token token; /* the next one, not yet taken */
    struct selector_requirement *requirements;
    struct str *values; /* room for all of the selector's */
    size_t requirement_count, value_count;
    struct error *error;
};

static bool is_symbol(char c) {
    return c != 0 && strchr("=!(),<>", c);
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void next_token(struct parser *parser) {
    struct str rest = parser->rest;
    while (rest.len && is_blank(rest.ptr[0])) rest = str_from(rest, 1);
    size_t len = 0;
    enum token_kind kind = rest.len == 0 ? TOKEN_END : is_symbol(rest.ptr[0]) ? TOKEN_SYMBOL : TOKEN_WORD;
    if (kind == TOKEN_SYMBOL) {
        len = str_starts_with(rest, STR("==")) || str_starts_with(rest, STR("!=")) ? 2 : 1;
    } else {
        while (len < rest.len && !is_symbol(rest.ptr[len]) && !is_blank(rest.ptr[len])) len++;
    }
    parser->token = (struct token){kind, str_first(rest, len)};
    parser->rest = str_from(rest, len);
}

static bool is_next(const struct parser *parser, const char *symbol) {
    return parser->token.kind == TOKEN_SYMBOL && str_is(parser->token.text, symbol);
}

static bool unexpected(struct parser *parser, const char *expected) {
    if (parser->token.kind == TOKEN_END) return error_set(parser->error, ERROR_INVALID, "the selector ends where %s is expected", expected);
    return error_set(parser->error, ERROR_INVALID, "found %s in the selector where %s is expected", QUOTE(parser->token.text), expected);
}

static void add_value(struct parser *parser, struct selector_requirement *requirement, struct str value) {
    parser->values[parser->value_count++] = value;
    requirement->value_count++;
}

/* After `in`: (a, b). A missing word between commas is the empty value, as in apimachinery. */
static bool take_set(struct parser *parser, struct selector_requirement *requirement) {
    if (!is_next(parser, "(")) return unexpected(parser, "\"(\"");
    bool is_word_due = true;
    do {
        next_token(parser);
        if (parser->token.kind == TOKEN_WORD) {
            if (!is_word_due) return unexpected(parser, "\",\" or \")\"");
            add_value(parser, requirement, parser->token.text);
            is_word_due = false;
        } else if (is_next(parser, ",") || is_next(parser, ")")) {
            if (is_word_due) add_value(parser, requirement, STR_EMPTY);
            is_word_due = true;
        } else {
            return unexpected(parser, "a value, \",\" or \")\"");
        }
    } while (!is_next(parser, ")"));
    next_token(parser);
    return true;
}

static bool take_exact_value(struct parser *parser, struct selector_requirement *requirement) {
    if (parser->token.kind == TOKEN_END || is_next(parser, ",")) {
        add_value(parser, requirement, STR_EMPTY);
        return true;
    }
    if (parser->token.kind != TOKEN_WORD) return unexpected(parser, "a value");
    add_value(parser, requirement, parser->token.text);
    next_token(parser);
    return true;
}

static bool take_operator_and_values(struct parser *parser, struct selector_requirement *requirement) {
    static const struct {
        const char *text;
        enum selector_operator operator;
        bool takes_set;
    } operators[] = {
        {"=", SELECTOR_IN, false},   {"==", SELECTOR_IN, false}, {"!=", SELECTOR_NOT_IN, false},   {">", SELECTOR_GREATER, false},
        {"<", SELECTOR_LESS, false}, {"in", SELECTOR_IN, true},  {"notin", SELECTOR_NOT_IN, true},
    };
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
        if (parser->token.kind == TOKEN_END || !str_is(parser->token.text, operators[i].text)) continue;
        requirement->operator= operators[i].operator;
        next_token(parser);
        return operators[i].takes_set ? take_set(parser, requirement) : take_exact_value(parser, requirement);
    }
    return unexpected(parser, "one of = == != in notin < >");
}

static bool take_requirement(struct parser *parser) {
    struct selector_requirement *requirement = &parser->requirements[parser->requirement_count++];
    struct str *values = parser->values + parser->value_count;
    bool is_negated = is_next(parser, "!");
    if (is_negated) next_token(parser);
    if (parser->token.kind != TOKEN_WORD) return unexpected(parser, "a label key");
    requirement->key = parser->token.text;
    next_token(parser);
    bool is_alone = parser->token.kind == TOKEN_END || is_next(parser, ",");
    if (is_negated && !is_alone) return unexpected(parser, "the end or \",\" after a key with \"!\"");
    requirement->operator= is_negated ? SELECTOR_NOT_EXISTS : SELECTOR_EXISTS;
    if (!is_alone && !take_operator_and_values(parser, requirement)) return false;
    requirement->values = values;
    requirement->value_count = sort_and_unite(values, requirement->value_count);
    return check_requirement(requirement, parser->error);
}

bool selector_parse(struct arena *arena, struct str text, struct selector *out, struct error *error) {
    size_t separators = 0;
    for (size_t i = 0; i < text.len; i++) separators += is_symbol(text.ptr[i]);
    /* A requirement ends at a comma, a value at a comma or a parenthesis, or either at the end. */
    struct parser parser = {
        .rest = text,
        .requirements = arena_array(arena, separators + 1, sizeof(struct selector_requirement)),
        .values = arena_array(arena, separators + 1, sizeof(struct str)),
        .error = error,
    };
    if (!parser.requirements || !parser.values) return error_set(error, ERROR_MEMORY, "out of memory while reading a selector");
    next_token(&parser);
    while (parser.token.kind != TOKEN_END) {
        if (!take_requirement(&parser)) return false;
        if (parser.token.kind == TOKEN_END) break;
        if (!is_next(&parser, ",")) return unexpected(&parser, "\",\" or the end");
        next_token(&parser);
        if (parser.token.kind == TOKEN_END) return unexpected(&parser, "a label key after \",\"");
    }
    *out = (struct selector){.requirements = parser.requirements, .count = parser.requirement_count};
    return true;
}

/* The object form */

static bool in_field(struct error *error, const char *field, size_t index, const char *part) {
    if (error) snprintf(error->path, sizeof error->path, "%s[%zu]%s", field, index, part);
    return false;
}

static bool read_match_labels(struct arena *arena, yyjson_val *labels, struct selector_requirement *out, struct error *error) {
    size_t index, max;
    yyjson_val *key, *value;
    if (!labels) return true;
    yyjson_obj_foreach(labels, index, max, key, value) {
        struct str *values = arena_alloc(arena, sizeof *values);
        if (!values) return error_set(error, ERROR_MEMORY, "out of memory while reading a selector");
        bool ok = yyjson_is_str(value) || error_set(error, ERROR_INVALID, "the value of label %s is not text", QUOTE(json_text(key)));
        *values = json_text(value);
        out[index] = (struct selector_requirement){json_text(key), SELECTOR_IN, values, 1};
        if (ok && check_requirement(&out[index], error)) continue;
        if (error) snprintf(error->path, sizeof error->path, "matchLabels");
        return false;
    }
    return true;
}

static bool read_values(struct arena *arena, yyjson_val *list, struct selector_requirement *out, struct error *error) {
    struct str *values = arena_array(arena, yyjson_arr_size(list), sizeof *values);
    if (!values) return error_set(error, ERROR_MEMORY, "out of memory while reading a selector");
    size_t index, max;
    yyjson_val *value;
    if (!list) return true;
    yyjson_arr_foreach(list, index, max, value) {
        if (!yyjson_is_str(value)) return error_set(error, ERROR_INVALID, "a label value is not text; quote it");
        values[index] = json_text(value);
    }
    out->values = values;
    out->value_count = sort_and_unite(values, yyjson_arr_size(list));
    return true;
}

static bool read_expression(struct arena *arena, yyjson_val *expression, size_t index, struct selector_requirement *out,
                            struct error *error) {
    static const struct {
        const char *name;
        enum selector_operator operator;
    } operators[] = {{"In", SELECTOR_IN}, {"NotIn", SELECTOR_NOT_IN}, {"Exists", SELECTOR_EXISTS}, {"DoesNotExist", SELECTOR_NOT_EXISTS}};
    struct str name = json_text(json_get(expression, "operator"));
    size_t at = 0;
    while (at < sizeof operators / sizeof *operators && !str_is(name, operators[at].name)) at++;
    if (at == sizeof operators / sizeof *operators) {
        error_set(error, ERROR_INVALID, "%s is not an operator; write In, NotIn, Exists or DoesNotExist", QUOTE(name));
        return in_field(error, "matchExpressions", index, ".operator");
    }
    out->operator= operators[at].operator;
    out->key = json_text(json_get(expression, "key"));
    yyjson_val *values = json_get(expression, "values");
    if (!json_is_empty(values) && !yyjson_is_arr(values)) {
        error_set(error, ERROR_INVALID, "values is not a list");
        return in_field(error, "matchExpressions", index, ".values");
    }
    if (!read_values(arena, values, out, error)) return in_field(error, "matchExpressions", index, ".values");
    return check_requirement(out, error) || in_field(error, "matchExpressions", index, "");
}

static bool read_expressions(struct arena *arena, yyjson_val *expressions, struct selector_requirement *out, struct error *error) {
    if (!expressions) return true;
    size_t index, max;
    yyjson_val *expression;
    yyjson_arr_foreach(expressions, index, max, expression) {
        if (!read_expression(arena, expression, index, &out[index], error)) return false;
    }
    return true;
}

bool selector_read(struct arena *arena, const yyjson_val *object, struct selector *out, struct error *error) {
    yyjson_val *selector = json_loose(object);
    if (!selector || yyjson_is_null(selector)) return *out = (struct selector){.matches_nothing = true}, true;
    yyjson_val *labels = json_get(selector, "matchLabels"), *expressions = json_get(selector, "matchExpressions");
    if (!yyjson_is_obj(selector) || (!json_is_empty(labels) && !yyjson_is_obj(labels)) ||
        (!json_is_empty(expressions) && !yyjson_is_arr(expressions))) {
        return error_set(error, ERROR_INVALID, "a label selector is a map with matchLabels (a map) and matchExpressions (a list)");
    }
    size_t label_count = yyjson_obj_size(labels), count = label_count + yyjson_arr_size(expressions);
    struct selector_requirement *requirements = arena_array(arena, count, sizeof *requirements);
    if (!requirements) return error_set(error, ERROR_MEMORY, "out of memory while reading a selector");
    bool ok =
        read_match_labels(arena, labels, requirements, error) && read_expressions(arena, expressions, requirements + label_count, error);
    if (ok) *out = (struct selector){.requirements = requirements, .count = count};
    return ok;
}

static bool has_value(const struct selector_requirement *requirement, struct str value) {
    return requirement->value_count && bsearch(&value, requirement->values, requirement->value_count, sizeof value, compare_values);
}

static bool requirement_holds(const struct selector_requirement *requirement, const yyjson_val *labels) {
    yyjson_val *label = json_get_str(labels, requirement->key);
    bool exists = yyjson_is_str(label);
    int64_t found, bound;
    switch (requirement->operator) {
    case SELECTOR_IN: return exists && has_value(requirement, json_text(label));
    case SELECTOR_NOT_IN: return !exists || !has_value(requirement, json_text(label));
    case SELECTOR_EXISTS: return exists;
    case SELECTOR_NOT_EXISTS: return !exists;
    case SELECTOR_GREATER:
    case SELECTOR_LESS: break;
    }
    if (!exists || !number_parse_int64(json_text(label), &found) || !number_parse_int64(requirement->values[0], &bound)) return false;
    return requirement->operator== SELECTOR_GREATER ? found > bound : found<bound;
}

bool selector_matches(const struct selector *selector, const yyjson_val *labels) {
    if (selector->matches_nothing) return false;
    for (size_t i = 0; i < selector->count; i++) {
        if (!requirement_holds(&selector->requirements[i], labels)) return false;
    }
    return true;
}

static void write_requirement(struct strbuf *out, const struct selector_requirement *requirement) {
    static const char *const names[] = {
        [SELECTOR_IN] = " in (",
        [SELECTOR_NOT_IN] = " notin (",
        [SELECTOR_GREATER] = ">",
        [SELECTOR_LESS] = "<",
    };
    bool is_set = requirement->operator== SELECTOR_IN || requirement->operator== SELECTOR_NOT_IN;
    if (requirement->operator== SELECTOR_NOT_EXISTS) strbuf_append_char(out, '!');
    strbuf_append(out, requirement->key);
    if (requirement->value_count == 0) return;
    if (is_set && requirement->value_count == 1) {
        strbuf_append(out, requirement->operator== SELECTOR_IN ? STR("=") : STR("!="));
    } else {
        strbuf_append(out, str_of(names[requirement->operator]));
    }
    for (size_t i = 0; i < requirement->value_count; i++) {
        if (i) strbuf_append_char(out, ',');
        strbuf_append(out, requirement->values[i]);
    }
    if (is_set && requirement->value_count > 1) strbuf_append_char(out, ')');
}

void selector_write(struct strbuf *out, const struct selector *selector) {
    for (size_t i = 0; i < selector->count; i++) {
        if (i) strbuf_append_char(out, ',');
        write_requirement(out, &selector->requirements[i]);
    }
}
