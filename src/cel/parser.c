#include <stdarg.h>
#include <stdio.h>

#include "cel/lexer.h"

/*
 * Recursive descent over the grammar of cel-spec:
 *
 *   expr = or ["?" or ":" expr];  or = and {"||" and};  and = relation {"&&" relation};  relation = addition {("<" | ... | "in") addition}
 *   addition = product {("+" | "-") product};  product = unary {("*" | "/" | "%") unary};  unary = {"!" | "-"} member
 *   member = primary {"." name ["(" args ")"] | "[" expr "]"}
 */
struct parser {
    struct lexer lexer;
    struct token token; /* not yet taken */
    struct error *error;
    unsigned depth;
};

struct str cel_quote_at(struct str source, size_t place, size_t bytes) {
    struct str rest = str_from(source, place);
    while (bytes < rest.len && ((unsigned char)rest.ptr[bytes] & 0xc0) == 0x80) bytes++;
    return str_first(rest, bytes);
}

bool cel_error_at(struct error *error, struct str source, size_t place, const char *format, ...) {
    char message[512], dots[96];
    va_list arguments;
    va_start(arguments, format);
    if (vsnprintf(message, sizeof message, format, arguments) >= (int)sizeof message)
        message[str_cut_utf8(str_of(message), sizeof message - 4).len] = 0;
    va_end(arguments);
    size_t line = 1, start = 0;
    for (size_t i = 0; i < place && i < source.len; i++) {
        if (source.ptr[i] != '\n') continue;
        line++;
        start = i + 1;
    }
    size_t column = place - start, end = start;
    while (end < source.len && source.ptr[end] != '\n') end++;
    size_t shown = column < sizeof dots - 1 ? column : sizeof dots - 1;
    for (size_t i = 0; i < shown; i++) dots[i] = '.';
    dots[shown] = 0;
    struct str text = {source.ptr + start, end - start};
    return error_set(error, ERROR_INVALID, "compilation failed: ERROR: <input>:%zu:%zu: %s\n | %.*s\n | %s^", line, column + 1, message,
                     STR_ARG(text), dots);
}

static struct node *parse_expression(struct parser *parser);

static bool advance(struct parser *parser) {
    return lexer_next(&parser->lexer, &parser->token, parser->error);
}

static bool is_operator(const struct parser *parser, const char *text) {
    return parser->token.kind == TOKEN_OPERATOR && str_is(parser->token.text, text);
}

static bool is_word(const struct parser *parser, const char *text) {
    return parser->token.kind == TOKEN_IDENTIFIER && str_is(parser->token.text, text);
}

static struct node *refuse_token(struct parser *parser) {
    const struct token *token = &parser->token;
    if (token->kind == TOKEN_END)
        cel_error_at(parser->error, parser->lexer.source, token->place, "Syntax error: mismatched input '<EOF>' expecting an expression");
    else {
        struct str text = token->text.len && token->kind != TOKEN_BYTES ? token->text : cel_quote_at(parser->lexer.source, token->place, 1);
        cel_error_at(parser->error, parser->lexer.source, token->place, "Syntax error: extraneous input '%.*s'", STR_ARG(text));
    }
    return NULL;
}

static bool expect(struct parser *parser, const char *text) {
    if (is_operator(parser, text)) return advance(parser);
    return refuse_token(parser);
}

static struct node *new_node(struct parser *parser, enum node_kind kind, size_t place) {
    struct node *node = arena_alloc(parser->lexer.arena, sizeof *node);
    if (!node) {
        error_set(parser->error, ERROR_MEMORY, "the expression is too large");
        return NULL;
    }
    node->kind = kind;
    node->place = place;
    return node;
}

static bool add_child(struct parser *parser, struct node *node, struct node *child) {
    if (!child) return false;
    if (!node->children) node->children = arena_array(parser->lexer.arena, LIMIT_CEL_ARGUMENTS, sizeof(struct node *));
    if (!node->children || node->child_count == LIMIT_CEL_ARGUMENTS)
        return cel_error_at(parser->error, parser->lexer.source, node->place, "more than %d arguments", LIMIT_CEL_ARGUMENTS);
    node->children[node->child_count++] = child;
    return true;
}

static struct node *call(struct parser *parser, const char *function, size_t place, struct node *left, struct node *right) {
    struct node *node = new_node(parser, NODE_CALL, place);
    if (!node) return NULL;
    node->text = str_of(function);
    if (!add_child(parser, node, left)) return NULL;
    return !right || add_child(parser, node, right) ? node : NULL;
}

/* Up to `closing`, which is taken. Maps have key ":" value pairs. */
static bool parse_items(struct parser *parser, struct node *node, const char *closing, bool is_map) {
    while (!is_operator(parser, closing)) {
        if (!add_child(parser, node, parse_expression(parser))) return false;
        if (is_map && (!expect(parser, ":") || !add_child(parser, node, parse_expression(parser)))) return false;
        if (!is_operator(parser, ",")) break;
        if (!advance(parser)) return false;
    }
    return expect(parser, closing);
}

static struct node *literal(struct parser *parser, struct value value, size_t place) {
    struct node *node = new_node(parser, NODE_LITERAL, place);
    if (node) node->literal = value;
    return node;
}

static const struct {
    const char *name;
    enum fold_kind kind;
    size_t least, most; /* arguments */
} folds[] = {
    {"all", FOLD_ALL, 2, 2}, {"exists", FOLD_EXISTS, 2, 2}, {"exists_one", FOLD_EXISTS_ONE, 2, 2}, {"existsOne", FOLD_EXISTS_ONE, 2, 2},
    {"map", FOLD_MAP, 2, 3}, {"filter", FOLD_FILTER, 2, 2},
};

/* target.all(x, ...) and the like become folds; every other call stays one. */
static struct node *finish_method(struct parser *parser, struct node *node) {
    for (size_t i = 0; i < sizeof folds / sizeof folds[0]; i++) {
        size_t arguments = node->child_count - 1;
        if (!str_is(node->text, folds[i].name) || arguments < folds[i].least || arguments > folds[i].most) continue;
        struct node *variable = node->children[1];
        if (variable->kind != NODE_IDENTIFIER) {
            cel_error_at(parser->error, parser->lexer.source, variable->place, "argument must be a simple name");
            return NULL;
        }
        node->kind = NODE_FOLD;
        node->fold = folds[i].kind;
        node->variable = variable->text;
        for (size_t at = 2; at < node->child_count; at++) node->children[at - 1] = node->children[at];
        node->child_count--;
        return node;
    }
    return node;
}

static struct node *parse_has(struct parser *parser, struct node *node) {
    if (node->child_count != 1 || node->children[0]->kind != NODE_SELECT) {
        cel_error_at(parser->error, parser->lexer.source, node->place, "invalid argument to has() macro");
        return NULL;
    }
    node->children[0]->kind = NODE_HAS;
    return node->children[0];
}

static struct node *parse_name(struct parser *parser) {
    struct token token = parser->token;
    if (!advance(parser)) return NULL;
    if (str_is(token.text, "true") || str_is(token.text, "false"))
        return literal(parser, (struct value){.kind = CEL_BOOL, .boolean = str_is(token.text, "true")}, token.place);
    if (str_is(token.text, "null")) return literal(parser, (struct value){.kind = CEL_NULL}, token.place);
    struct node *node = new_node(parser, is_operator(parser, "(") ? NODE_CALL : NODE_IDENTIFIER, token.place);
    if (!node) return NULL;
    node->text = token.text;
    if (node->kind == NODE_IDENTIFIER) return node;
    if (!advance(parser) || !parse_items(parser, node, ")", false)) return NULL;
    return str_is(node->text, "has") ? parse_has(parser, node) : node;
}

static struct node *parse_primary(struct parser *parser) {
    struct token token = parser->token;
    if (token.kind == TOKEN_IDENTIFIER) return parse_name(parser);
    if (token.kind == TOKEN_INT && token.value.integer == INT64_MIN) {
        cel_error_at(parser->error, parser->lexer.source, token.place, "Syntax error: invalid int literal");
        return NULL;
    }
    if (token.kind == TOKEN_INT || token.kind == TOKEN_UINT || token.kind == TOKEN_DOUBLE)
        return advance(parser) ? literal(parser, token.value, token.place) : NULL;
    if (token.kind == TOKEN_STRING || token.kind == TOKEN_BYTES) {
        struct value value = {.kind = token.kind == TOKEN_STRING ? CEL_STRING : CEL_BYTES, .text = token.text};
        return advance(parser) ? literal(parser, value, token.place) : NULL;
    }
    if (is_operator(parser, "(")) {
        if (!advance(parser)) return NULL;
        struct node *node = parse_expression(parser);
        return node && expect(parser, ")") ? node : NULL;
    }
    bool is_map = is_operator(parser, "{");
    if (!is_map && !is_operator(parser, "[")) return refuse_token(parser);
    struct node *node = new_node(parser, is_map ? NODE_MAP : NODE_LIST, token.place);
    return node && advance(parser) && parse_items(parser, node, is_map ? "}" : "]", is_map) ? node : NULL;
}

/* After "." or ".?". */
static struct node *parse_selection(struct parser *parser, struct node *target, bool is_optional) {
    struct token name = parser->token;
    if (name.kind != TOKEN_IDENTIFIER) return refuse_token(parser);
    if (!advance(parser)) return NULL;
    if (!is_operator(parser, "(") || is_optional) {
        struct node *node = new_node(parser, NODE_SELECT, name.place - 1);
        if (!node || !add_child(parser, node, target)) return NULL;
        node->text = name.text;
        node->is_method = is_optional; /* target.?field */
        return node;
    }
    struct node *node = new_node(parser, NODE_CALL, parser->token.place);
    if (!node || !add_child(parser, node, target)) return NULL;
    node->text = name.text;
    node->is_method = true;
    return advance(parser) && parse_items(parser, node, ")", false) ? finish_method(parser, node) : NULL;
}

static struct node *parse_member(struct parser *parser) {
    struct node *node = parse_primary(parser);
    while (node) {
        size_t place = parser->token.place;
        if (is_operator(parser, ".") || is_operator(parser, ".?")) {
            bool is_optional = is_operator(parser, ".?");
            if (!advance(parser)) return NULL;
            node = parse_selection(parser, node, is_optional);
        } else if (is_operator(parser, "[")) {
            if (!advance(parser)) return NULL;
            node = call(parser, "_[_]", place, node, parse_expression(parser));
            if (node && node->child_count != 2) return NULL;
            if (!node || !expect(parser, "]")) return NULL;
        } else {
            return node;
        }
    }
    return NULL;
}

static struct node *parse_unary(struct parser *parser) {
    size_t place = parser->token.place;
    if (++parser->depth > LIMIT_CEL_DEPTH) {
        cel_error_at(parser->error, parser->lexer.source, place, "expression recursion limit exceeded: %d", LIMIT_CEL_DEPTH);
        return NULL;
    }
    struct node *node = NULL;
    if (is_operator(parser, "!")) {
        node = advance(parser) ? parse_unary(parser) : NULL;
        node = node ? call(parser, "!_", place, node, NULL) : NULL;
    } else if (is_operator(parser, "-")) {
        if (!advance(parser)) return NULL;
        if (parser->token.kind == TOKEN_INT || parser->token.kind == TOKEN_DOUBLE) {
            struct value *value = &parser->token.value;
            if (value->kind == CEL_DOUBLE)
                value->real = -value->real;
            else
                value->integer = (int64_t)(0 - (uint64_t)value->integer);
            bool is_least = value->kind == CEL_INT && value->integer == INT64_MIN;
            if (!is_least)
                node = parse_member(parser);
            else {
                node = literal(parser, *value, place);
                if (node && !advance(parser)) node = NULL;
            }
        } else {
            node = parse_unary(parser);
            node = node ? call(parser, "-_", place, node, NULL) : NULL;
        }
    } else {
        node = parse_member(parser);
    }
    parser->depth--;
    return node;
}

/* Binary operators, loosest first; all bind to the left. */
static const struct {
    const char *text, *function;
    unsigned level;
} binaries[] = {
    {"||", "_||_", 0}, {"&&", "_&&_", 1}, {"==", "_==_", 2}, {"!=", "_!=_", 2}, {"<", "_<_", 2}, {"<=", "_<=_", 2}, {">", "_>_", 2},
    {">=", "_>=_", 2}, {"in", "@in", 2},  {"+", "_+_", 3},   {"-", "_-_", 3},   {"*", "_*_", 4}, {"/", "_/_", 4},   {"%", "_%_", 4},
};
enum { LEVELS = 5 };

static struct node *parse_level(struct parser *parser, unsigned level) {
    if (level == LEVELS) return parse_unary(parser);
    struct node *left = parse_level(parser, level + 1);
    while (left) {
        const char *function = NULL;
        for (size_t i = 0; i < sizeof binaries / sizeof binaries[0]; i++) {
            bool is_it = binaries[i].level == level &&
                         (is_operator(parser, binaries[i].text) || (binaries[i].text[0] == 'i' && is_word(parser, "in")));
            if (is_it) function = binaries[i].function;
        }
        if (!function) return left;
        size_t place = parser->token.place;
        if (!advance(parser)) return NULL;
        struct node *right = parse_level(parser, level + 1);
        left = right ? call(parser, function, place, left, right) : NULL;
    }
    return NULL;
}

static struct node *parse_expression(struct parser *parser) {
    if (++parser->depth > LIMIT_CEL_DEPTH) {
        cel_error_at(parser->error, parser->lexer.source, parser->token.place, "expression recursion limit exceeded: %d", LIMIT_CEL_DEPTH);
        return NULL;
    }
    struct node *condition = parse_level(parser, 0);
    size_t place = parser->token.place;
    if (condition && is_operator(parser, "?")) {
        struct node *then = advance(parser) ? parse_level(parser, 0) : NULL;
        struct node *otherwise = then && expect(parser, ":") ? parse_expression(parser) : NULL;
        condition = otherwise ? call(parser, "_?_:_", place, condition, then) : NULL;
        if (condition && !add_child(parser, condition, otherwise)) condition = NULL;
    }
    parser->depth--;
    return condition;
}

struct node *cel_parse(struct arena *arena, struct str source, struct error *error) {
    struct parser parser = {.lexer = {.arena = arena, .source = source}, .error = error};
    if (source.len > LIMIT_CEL_SOURCE_BYTES) {
        error_set(error, ERROR_LIMIT, "compilation failed: the expression has more than %d bytes", LIMIT_CEL_SOURCE_BYTES);
        return NULL;
    }
    if (!advance(&parser)) return NULL;
    struct node *node = parse_expression(&parser);
    if (!node) return NULL;
    return parser.token.kind == TOKEN_END ? node : refuse_token(&parser);
}
