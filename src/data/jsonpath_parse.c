#include "data/jsonpath_nodes.h"

#include <stdlib.h>
#include <string.h>

#include "base/number.h"

struct parser {
    struct arena *arena;
    struct str text;
    size_t at;
    int depth; /* of expressions inside unions and filters */
    struct error *error;
};

enum keyword { KEYWORD_NONE, KEYWORD_RANGE, KEYWORD_END };

static bool parse_action(struct parser *parser, struct jsonpath_list *list, enum keyword *out_keyword);

static bool syntax(struct parser *parser, const char *what) {
    return error_set(parser->error, ERROR_SYNTAX, "JSONPath %s: %s", QUOTE(parser->text), what);
}

static bool no_memory(struct parser *parser) {
    return error_set(parser->error, ERROR_MEMORY, "the JSONPath is too large");
}

/* -1 at the end. */
static int peek(const struct parser *parser) {
    return parser->at < parser->text.len ? (unsigned char)parser->text.ptr[parser->at] : -1;
}

/* Letters beyond ASCII count by their bytes. */
static bool is_word(int c) {
    return c == '_' || str_is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c >= 0x80;
}

static bool is_terminator(int c) {
    return c < 0 || memchr(" \t\r\n.,[]$@{}", c, 12);
}

static struct str part(const struct parser *parser, size_t start) {
    return str_first(str_from(parser->text, start), parser->at - start);
}

static struct jsonpath_node *add_node(struct parser *parser, struct jsonpath_list *list, enum jsonpath_node_type type) {
    struct jsonpath_node *node = arena_alloc(parser->arena, sizeof *node);
    if (!node) {
        no_memory(parser);
        return NULL;
    }
    node->type = type;
    if (list->last)
        list->last->next = node;
    else
        list->first = node;
    list->last = node;
    return node;
}

/* An expression inside of another: `text` between braces of its own. */
static bool parse_inner(struct parser *parser, struct str text, struct jsonpath_list *list) {
    enum { MAX_DEPTH = 16 };
    if (parser->depth == MAX_DEPTH) return syntax(parser, "brackets too deep");
    struct str braced = arena_join(parser->arena, text, STR("}"), STR_EMPTY);
    if (!braced.len) return no_memory(parser);
    struct parser inner = {parser->arena, braced, 0, parser->depth + 1, parser->error};
    enum keyword keyword;
    if (!parse_action(&inner, list, &keyword)) return false;
    return keyword == KEYWORD_NONE || syntax(parser, "range and end stand alone in their braces");
}

static bool parse_field(struct parser *parser, struct jsonpath_list *list) {
    size_t start = parser->at;
    while (!is_terminator(peek(parser))) parser->at += peek(parser) == '\\' ? 2 : 1;
    if (parser->at > parser->text.len) parser->at = parser->text.len;
    struct str name = part(parser, start);
    struct jsonpath_node *node = add_node(parser, list, str_is(name, "*") ? JSONPATH_WILDCARD : JSONPATH_FIELD);
    if (!node) return false;
    node->name = name;
    if (str_find(name, STR("\\")) == SIZE_MAX) return true;
    char *bare = arena_alloc(parser->arena, name.len);
    if (!bare) return no_memory(parser);
    size_t len = 0;
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] != '\\') bare[len++] = name.ptr[i];
    }
    node->name = (struct str){bare, len};
    return true;
}

static bool parse_recursive(struct parser *parser, struct jsonpath_list *list) {
    if (list->last && list->last->type == JSONPATH_RECURSIVE) return syntax(parser, "invalid multiple recursive descent");
    parser->at += 2;
    if (!add_node(parser, list, JSONPATH_RECURSIVE)) return false;
    return !is_word(peek(parser)) || parse_field(parser, list);
}

static bool parse_number(struct parser *parser, struct jsonpath_list *list) {
    size_t start = parser->at;
    parser->at += peek(parser) == '+' || peek(parser) == '-';
    while (str_is_digit(peek(parser)) || peek(parser) == '.') parser->at++;
    struct str text = part(parser, start);
    struct jsonpath_node *node = add_node(parser, list, JSONPATH_LITERAL);
    if (!node) return false;
    int64_t integer;
    if (number_parse_int64(text, &integer)) return yyjson_set_sint(&node->literal, integer);
    char *end;
    struct str copy = arena_copy(parser->arena, text);
    double real = strtod(copy.ptr, &end);
    if (end != copy.ptr + copy.len || end == copy.ptr) return syntax(parser, "a number that is none");
    return yyjson_set_real(&node->literal, real);
}

static bool parse_word(struct parser *parser, struct jsonpath_list *list, enum keyword *out_keyword) {
    size_t start = parser->at;
    bool is_first = !list->first && *out_keyword == KEYWORD_NONE;
    while (!is_terminator(peek(parser))) parser->at++;
    struct str word = part(parser, start);
    if (str_is(word, "true") || str_is(word, "false")) {
        struct jsonpath_node *node = add_node(parser, list, JSONPATH_LITERAL);
        return node && yyjson_set_bool(&node->literal, word.ptr[0] == 't');
    }
    *out_keyword = str_is(word, "range") ? KEYWORD_RANGE : str_is(word, "end") ? KEYWORD_END : KEYWORD_NONE;
    if (*out_keyword == KEYWORD_NONE) return syntax(parser, "an unrecognized identifier");
    return is_first || syntax(parser, "range and end stand first in their braces");
}

/* One of Go's escapes, after the backslash; the length read, 0: none. */
static size_t read_escape(struct str text, uint32_t *out_code, bool *out_is_byte) {
    static const char letters[] = "abfnrtv\\'\"", codes[] = "\a\b\f\n\r\t\v\\'\"";
    static const struct {
        char letter;
        size_t digits;
        int base;
    } numbers[] = {{'x', 2, 16}, {'u', 4, 16}, {'U', 8, 16}, {0, 3, 8}};
    if (!text.len) return 0;
    const char *letter = memchr(letters, text.ptr[0], sizeof letters - 1);
    *out_is_byte = false;
    if (letter) {
        *out_code = (unsigned char)codes[letter - letters];
        return 1;
    }
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        size_t skipped = numbers[i].letter ? 1 : 0;
        if (numbers[i].letter && numbers[i].letter != text.ptr[0]) continue;
        struct str digits = str_first(str_from(text, skipped), numbers[i].digits);
        char copy[9] = {0}, *end;
        memcpy(copy, digits.ptr, digits.len);
        if (digits.len != numbers[i].digits || !is_word(copy[0])) return 0;
        unsigned long code = strtoul(copy, &end, numbers[i].base);
        *out_is_byte = numbers[i].digits < 4;
        *out_code = (uint32_t)code;
        bool is_valid = *out_is_byte ? code < 256 : code < 0x110000 && (code & 0x1FF800) != 0xD800;
        return end == copy + digits.len && is_valid ? skipped + digits.len : 0;
    }
    return 0;
}

static size_t write_utf8(char *to, uint32_t code) {
    if (code < 0x80) {
        to[0] = (char)code;
        return 1;
    }
    size_t more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    static const unsigned char leads[] = {0, 0xC0, 0xE0, 0xF0};
    to[0] = (char)(leads[more] | code >> 6 * more);
    for (size_t i = 1; i <= more; i++) to[i] = (char)(0x80 | (code >> 6 * (more - i) & 0x3F));
    return more + 1;
}

static bool unquote(struct parser *parser, struct str text, struct str *out) {
    *out = text;
    if (str_find(text, STR("\\")) == SIZE_MAX) return true;
    char *bare = arena_alloc(parser->arena, text.len); /* an escape is never shorter than what it stands for */
    if (!bare) return no_memory(parser);
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] != '\\') {
            bare[len++] = text.ptr[i];
            continue;
        }
        uint32_t code;
        bool is_byte;
        size_t read = read_escape(str_from(text, i + 1), &code, &is_byte);
        if (!read) return syntax(parser, "an escape that is none");
        i += read;
        if (is_byte)
            bare[len++] = (char)code;
        else
            len += write_utf8(bare + len, code);
    }
    *out = (struct str){bare, len};
    return true;
}

static bool parse_quote(struct parser *parser, struct jsonpath_list *list) {
    int quote = peek(parser);
    size_t start = ++parser->at;
    for (;; parser->at++) {
        if (peek(parser) < 0 || peek(parser) == '\n') return syntax(parser, "an unterminated quoted string");
        if (peek(parser) == quote && parser->text.ptr[parser->at - 1] != '\\') break;
    }
    struct str text;
    if (!unquote(parser, part(parser, start), &text)) return false;
    parser->at++;
    struct jsonpath_node *node = add_node(parser, list, JSONPATH_LITERAL);
    return node && yyjson_set_strn(&node->literal, text.len ? text.ptr : "", text.len);
}

static bool parse_union(struct parser *parser, struct str text, struct jsonpath_list *list) {
    struct jsonpath_node *node = add_node(parser, list, JSONPATH_UNION);
    struct jsonpath_list **link = node ? &node->lists : NULL;
    for (size_t comma = 0; node && comma != SIZE_MAX; text = str_from(text, comma + 1)) {
        comma = str_find(text, STR(","));
        struct str item = arena_join(parser->arena, STR("["), str_trim(str_first(text, comma)), STR("]"));
        struct jsonpath_list *alternative = *link = arena_alloc(parser->arena, sizeof **link);
        if (!item.len || !alternative) return no_memory(parser);
        if (!parse_inner(parser, item, alternative)) return false;
        link = &alternative->next;
        if (comma == SIZE_MAX) break;
    }
    return node;
}

/* "n", "from:to", "from:to:step", each may be missing. */
static bool parse_slice(struct parser *parser, struct str text, struct jsonpath_list *list) {
    struct jsonpath_node *node = add_node(parser, list, JSONPATH_SLICE);
    if (!node) return false;
    int parts = 0;
    for (size_t colon = 0; colon != SIZE_MAX; parts++) {
        if (parts == 3) return syntax(parser, "an invalid array index");
        colon = str_find(text, STR(":"));
        struct str number = str_first(text, colon);
        text = colon == SIZE_MAX ? text : str_from(text, colon + 1);
        if (!number.len) continue;
        if (number.ptr[0] == '+' || !number_parse_int64(number, &node->bounds[parts].value) || llabs(node->bounds[parts].value) > INT32_MAX)
            return syntax(parser, "an invalid array index");
        node->bounds[parts].is_known = true;
    }
    if (parts == 1) node->bounds[1] = (struct jsonpath_bound){.is_known = true, .is_derived = true, .value = node->bounds[0].value + 1};
    return true;
}

static bool parse_brackets(struct parser *parser, struct jsonpath_list *list) {
    size_t start = ++parser->at;
    for (; peek(parser) != ']'; parser->at++) {
        if (peek(parser) < 0 || peek(parser) == '\n') return syntax(parser, "an unterminated array");
    }
    struct str text = part(parser, start);
    parser->at++;
    if (str_is(text, "*")) text = STR(":");
    if (str_contains(text, STR(","))) return parse_union(parser, text, list);
    struct str inside = text.len >= 2 ? str_first(str_from(text, 1), text.len - 2) : STR_EMPTY;
    bool is_key = text.len >= 2 && text.ptr[0] == '\'' && text.ptr[text.len - 1] == '\'' && !str_contains(inside, STR("'"));
    if (!is_key) return parse_slice(parser, text, list);
    struct str field = arena_join(parser->arena, STR("."), inside, STR_EMPTY);
    return field.len ? parse_inner(parser, field, list) : no_memory(parser);
}

static bool is_comparison(char c) {
    return c == '!' || c == '<' || c == '=' || c == '>';
}

static bool find_operator(struct parser *parser, struct str text, enum jsonpath_operator *out) {
    static const struct {
        const char *text;
        enum jsonpath_operator operator;
    } operators[] = {{"==", JSONPATH_EQUAL},  {"!=", JSONPATH_NOT_EQUAL},  {"<", JSONPATH_LESS},
                     {">", JSONPATH_GREATER}, {"<=", JSONPATH_LESS_EQUAL}, {">=", JSONPATH_GREATER_EQUAL}};
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
        if (!str_is(text, operators[i].text)) continue;
        *out = operators[i].operator;
        return true;
    }
    return syntax(parser, "an unrecognized filter operator");
}

/* The place of the parenthesis that ends a filter: outside of the first quoted text. */
static bool find_filter_end(struct parser *parser) {
    int quote = 0;
    bool is_open = false, was_quoted = false;
    for (;; parser->at++) {
        int c = peek(parser);
        if (c < 0 || c == '\n') return syntax(parser, "an unterminated filter");
        if (c == ')' && !is_open) return true;
        if (c != '"' && c != '\'') continue;
        if (!is_open && !was_quoted) {
            quote = c;
            is_open = was_quoted = true;
        } else if (c == quote && parser->text.ptr[parser->at - 1] != '\\') {
            is_open = false;
        }
    }
}

static bool parse_filter(struct parser *parser, struct jsonpath_list *list) {
    size_t start = parser->at += 3;
    if (!find_filter_end(parser)) return false;
    struct str text = part(parser, start);
    parser->at++;
    if (peek(parser) != ']') return syntax(parser, "an unclosed filter, ] expected");
    parser->at++;
    struct jsonpath_node *node = add_node(parser, list, JSONPATH_FILTER);
    struct jsonpath_list *sides = node ? arena_array(parser->arena, 2, sizeof *sides) : NULL;
    if (!sides) return no_memory(parser);
    node->lists = sides;
    size_t left = 0;
    while (left < text.len && !is_comparison(text.ptr[left])) left++;
    size_t right = left;
    while (right < text.len && is_comparison(text.ptr[right])) right++;
    if (left == 0 || left == text.len || right == text.len) return parse_inner(parser, text, &sides[0]);
    return find_operator(parser, str_first(str_from(text, left), right - left), &node->operator) &&
           parse_inner(parser, str_first(text, left), &sides[0]) && parse_inner(parser, str_from(text, right), &sides[1]);
}

/* What stands between braces, the closing one included; parser->at is behind the opening one. */
static bool parse_action(struct parser *parser, struct jsonpath_list *list, enum keyword *out_keyword) {
    *out_keyword = KEYWORD_NONE;
    for (bool ok = true; ok;) {
        struct str rest = str_from(parser->text, parser->at);
        int c = peek(parser);
        if (c < 0 || c == '\r' || c == '\n') return syntax(parser, "an unclosed action");
        if (c == '}') {
            parser->at++;
            return true;
        }
        if (str_starts_with(rest, STR("[?("))) {
            ok = parse_filter(parser, list);
        } else if (str_starts_with(rest, STR(".."))) {
            ok = parse_recursive(parser, list);
        } else if (c == ' ' || c == '@' || c == '$') {
            parser->at++;
        } else if (c == '[') {
            ok = parse_brackets(parser, list);
        } else if (c == '"' || c == '\'') {
            ok = parse_quote(parser, list);
        } else if (c == '.') {
            parser->at++;
            ok = parse_field(parser, list);
        } else if (c == '+' || c == '-' || str_is_digit(c)) {
            ok = parse_number(parser, list);
        } else if (is_word(c)) {
            ok = parse_word(parser, list, out_keyword);
        } else {
            ok = syntax(parser, "an unrecognized character in an action");
        }
    }
    return false;
}

/* Ranges inside of ranges, each with the link where its next inner part goes. */
struct open_ranges {
    struct jsonpath_part **links[16];
    size_t count;
};

static bool add_part(struct parser *parser, struct open_ranges *open, const struct jsonpath_list *list, bool is_range) {
    struct jsonpath_part *new = arena_alloc(parser->arena, sizeof *new);
    if (!new) return no_memory(parser);
    *new = (struct jsonpath_part){.list = *list, .is_range = is_range};
    *open->links[open->count - 1] = new;
    open->links[open->count - 1] = &new->next;
    if (!is_range) return true;
    if (open->count == sizeof open->links / sizeof *open->links) return syntax(parser, "ranges too deep");
    open->links[open->count++] = &new->inner;
    return true;
}

static bool parse_part(struct parser *parser, struct open_ranges *open) {
    struct jsonpath_list list = {0};
    size_t brace = str_find(str_from(parser->text, parser->at), STR("{"));
    if (brace) {
        struct str text = str_first(str_from(parser->text, parser->at), brace);
        struct jsonpath_node *node = add_node(parser, &list, JSONPATH_LITERAL);
        parser->at += text.len;
        return node && yyjson_set_strn(&node->literal, text.ptr, text.len) && add_part(parser, open, &list, false);
    }
    parser->at++;
    enum keyword keyword;
    if (!parse_action(parser, &list, &keyword)) return false;
    if (keyword != KEYWORD_END) return add_part(parser, open, &list, keyword == KEYWORD_RANGE);
    if (list.first) return syntax(parser, "end stands alone in its braces");
    if (open->count == 1) return syntax(parser, "not in range, nothing to end");
    open->count--;
    return true;
}

const struct jsonpath *jsonpath_compile(struct arena *arena, struct str text, struct error *error) {
    struct parser parser = {arena, text, 0, 0, error};
    struct jsonpath *path = arena_alloc(arena, sizeof *path);
    if (!path) {
        no_memory(&parser);
        return NULL;
    }
    struct open_ranges open = {.links = {&path->parts}, .count = 1};
    while (parser.at < text.len) {
        if (!parse_part(&parser, &open)) return NULL;
    }
    if (open.count == 1) return path;
    syntax(&parser, "a range without its end");
    return NULL;
}

const struct jsonpath *jsonpath_compile_expression(struct arena *arena, struct str text, struct error *error) {
    struct str braced = arena_join(arena, STR("{"), text, STR("}"));
    if (braced.len) return jsonpath_compile(arena, braced, error);
    error_set(error, ERROR_MEMORY, "the JSONPath is too large");
    return NULL;
}
