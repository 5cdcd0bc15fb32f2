#include "cel/lexer.h"

#include <stdlib.h>

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static int hex_digit(char c) {
    if (str_is_digit(c)) return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

static char peek(const struct lexer *lexer, size_t ahead) {
    return lexer->at + ahead < lexer->source.len ? lexer->source.ptr[lexer->at + ahead] : 0;
}

static void skip_blanks(struct lexer *lexer) {
    while (lexer->at < lexer->source.len) {
        char c = peek(lexer, 0);
        if (c == '/' && peek(lexer, 1) == '/') {
            while (lexer->at < lexer->source.len && peek(lexer, 0) != '\n') lexer->at++;
        } else if (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f') {
            lexer->at++;
        } else {
            return;
        }
    }
}

static bool read_integer(struct lexer *lexer, struct token *out, size_t start, bool is_hex, struct error *error) {
    uint64_t number = 0;
    for (size_t i = is_hex ? start + 2 : start; i < lexer->at; i++) {
        uint64_t base = is_hex ? 16 : 10, digit = (uint64_t)hex_digit(lexer->source.ptr[i]);
        if (number > (UINT64_MAX - digit) / base) return cel_error_at(error, lexer->source, start, "Syntax error: invalid int literal");
        number = number * base + digit;
    }
    if (peek(lexer, 0) == 'u' || peek(lexer, 0) == 'U') {
        lexer->at++;
        out->kind = TOKEN_UINT;
        out->value = (struct value){.kind = CEL_UINT, .unsigned_integer = number};
        return true;
    }
    /* One more than INT64_MAX is kept for a minus before it. */
    if (number > (uint64_t)INT64_MAX + 1) return cel_error_at(error, lexer->source, start, "Syntax error: invalid int literal");
    out->kind = TOKEN_INT;
    out->value = (struct value){.kind = CEL_INT, .integer = (int64_t)number};
    return true;
}

static bool read_number(struct lexer *lexer, struct token *out, struct error *error) {
    size_t start = lexer->at;
    bool is_hex = peek(lexer, 0) == '0' && (peek(lexer, 1) == 'x' || peek(lexer, 1) == 'X'), is_double = false;
    if (is_hex) lexer->at += 2;
    while (is_hex ? hex_digit(peek(lexer, 0)) >= 0 : str_is_digit(peek(lexer, 0))) lexer->at++;
    if (is_hex) return read_integer(lexer, out, start, true, error);
    if (peek(lexer, 0) == '.' && str_is_digit(peek(lexer, 1))) {
        is_double = true;
        lexer->at++;
        while (str_is_digit(peek(lexer, 0))) lexer->at++;
    }
    size_t sign = peek(lexer, 1) == '+' || peek(lexer, 1) == '-' ? 1 : 0;
    if ((peek(lexer, 0) == 'e' || peek(lexer, 0) == 'E') && str_is_digit(peek(lexer, 1 + sign))) {
        is_double = true;
        lexer->at += 1 + sign;
        while (str_is_digit(peek(lexer, 0))) lexer->at++;
    }
    if (!is_double) return read_integer(lexer, out, start, false, error);
    struct str text = arena_copy(lexer->arena, (struct str){lexer->source.ptr + start, lexer->at - start});
    out->kind = TOKEN_DOUBLE;
    out->value = (struct value){.kind = CEL_DOUBLE, .real = strtod(text.ptr, NULL)};
    return true;
}

static size_t put_utf8(char *out, uint32_t rune) {
    if (rune < 0x80) return out[0] = (char)rune, 1;
    if (rune < 0x800) return out[0] = (char)(0xc0 | rune >> 6), out[1] = (char)(0x80 | (rune & 63)), 2;
    if (rune < 0x10000)
        return out[0] = (char)(0xe0 | rune >> 12), out[1] = (char)(0x80 | (rune >> 6 & 63)), out[2] = (char)(0x80 | (rune & 63)), 3;
    return out[0] = (char)(0xf0 | rune >> 18), out[1] = (char)(0x80 | (rune >> 12 & 63)), out[2] = (char)(0x80 | (rune >> 6 & 63)),
           out[3] = (char)(0x80 | (rune & 63)), 4;
}

/* After a backslash: the bytes that it stands for, appended; false: no such escape. */
static bool read_escape(struct lexer *lexer, bool is_bytes, char *out, size_t *len) {
    static const char plain[] = "abfnrtv\\\"'`?", values[] = "\a\b\f\n\r\t\v\\\"'`?";
    char c = peek(lexer, 0);
    for (size_t i = 0; plain[i]; i++) {
        if (c != plain[i]) continue;
        out[(*len)++] = values[i];
        lexer->at++;
        return true;
    }
    size_t digits = c == 'x' || c == 'X' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    bool is_octal = !digits && c >= '0' && c <= '3';
    uint32_t rune = 0;
    if (digits)
        lexer->at++;
    else if (is_octal)
        digits = 3;
    else
        return false;
    for (size_t i = 0; i < digits; i++) {
        int digit = hex_digit(peek(lexer, 0));
        if (digit < 0 || (is_octal && digit > 7)) return false;
        rune = rune * (is_octal ? 8 : 16) + (uint32_t)digit;
        lexer->at++;
    }
    if (rune > 0x10ffff || (rune >= 0xd800 && rune < 0xe000)) return false;
    if (is_bytes && (is_octal || digits == 2))
        out[(*len)++] = (char)rune;
    else
        *len += put_utf8(out + *len, rune);
    return true;
}

static bool read_text(struct lexer *lexer, bool is_raw, bool is_bytes, struct token *out, struct error *error) {
    char quote = peek(lexer, 0);
    size_t start = lexer->at, width = peek(lexer, 1) == quote && peek(lexer, 2) == quote ? 3 : 1, len = 0;
    char *text = arena_alloc(lexer->arena, lexer->source.len - start + 4);
    if (!text) return error_set(error, ERROR_MEMORY, "the expression is too large");
    lexer->at += width;
    while (lexer->at < lexer->source.len) {
        char c = peek(lexer, 0);
        if (c == quote && (width == 1 || (peek(lexer, 1) == quote && peek(lexer, 2) == quote))) {
            lexer->at += width;
            out->kind = is_bytes ? TOKEN_BYTES : TOKEN_STRING;
            out->text = (struct str){text, len};
            return true;
        }
        if (width == 1 && (c == '\n' || c == '\r')) break;
        lexer->at++;
        if (c != '\\' || is_raw)
            text[len++] = c;
        else if (!read_escape(lexer, is_bytes, text, &len))
            return cel_error_at(error, lexer->source, lexer->at - 1, "Syntax error: token recognition error at: '%.*s'",
                                STR_ARG(cel_quote_at(lexer->source, lexer->at - 1, 2)));
    }
    return cel_error_at(error, lexer->source, start, "Syntax error: token recognition error at: '%.*s'",
                        STR_ARG(str_from(lexer->source, start)));
}

static bool read_operator(struct lexer *lexer, struct token *out, struct error *error) {
    static const char *const operators[] = {"==", "!=", "<=", ">=", "&&", "||", ".?", "[?", "<", ">", "!", "+", "-",
                                            "*",  "/",  "%",  "?",  ":",  ".",  ",",  "(",  ")", "[", "]", "{", "}"};
    struct str rest = str_from(lexer->source, lexer->at);
    for (size_t i = 0; i < sizeof operators / sizeof operators[0]; i++) {
        if (!str_starts_with(rest, str_of(operators[i]))) continue;
        out->kind = TOKEN_OPERATOR;
        out->text = str_of(operators[i]);
        lexer->at += out->text.len;
        return true;
    }
    return cel_error_at(error, lexer->source, lexer->at, "Syntax error: token recognition error at: '%.*s'",
                        STR_ARG(cel_quote_at(lexer->source, lexer->at, 1)));
}

/* r"..", b"..", rb"..", in either case; how long the prefix is. */
static size_t text_prefix(const struct lexer *lexer, bool *out_is_raw, bool *out_is_bytes) {
    size_t len = 0;
    *out_is_raw = *out_is_bytes = false;
    for (; len < 2; len++) {
        char c = peek(lexer, len);
        if ((c == 'r' || c == 'R') && !*out_is_raw)
            *out_is_raw = true;
        else if ((c == 'b' || c == 'B') && !*out_is_bytes)
            *out_is_bytes = true;
        else
            break;
    }
    char quote = peek(lexer, len);
    return quote == '"' || quote == '\'' ? len : SIZE_MAX;
}

bool lexer_next(struct lexer *lexer, struct token *out, struct error *error) {
    bool is_raw, is_bytes;
    skip_blanks(lexer);
    *out = (struct token){.kind = TOKEN_END, .place = lexer->at};
    if (lexer->at >= lexer->source.len) return true;
    size_t prefix = text_prefix(lexer, &is_raw, &is_bytes);
    if (prefix != SIZE_MAX) {
        lexer->at += prefix;
        return read_text(lexer, is_raw, is_bytes, out, error);
    }
    if (str_is_digit(peek(lexer, 0)) || (peek(lexer, 0) == '.' && str_is_digit(peek(lexer, 1)))) return read_number(lexer, out, error);
    if (!is_letter(peek(lexer, 0))) return read_operator(lexer, out, error);
    size_t start = lexer->at;
    while (is_letter(peek(lexer, 0)) || str_is_digit(peek(lexer, 0))) lexer->at++;
    out->kind = TOKEN_IDENTIFIER;
    out->text = (struct str){lexer->source.ptr + start, lexer->at - start};
    return true;
}
