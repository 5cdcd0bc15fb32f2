#include "data/yaml_scalar.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"

enum { NUMBER_BYTES_MAX = 1000 };

static const struct {
    const char *text;
    struct yaml_scalar value;
} words[] = {
#define WORDS(a, b, c, ...)                                                                                                                \
    {a, __VA_ARGS__}, {b, __VA_ARGS__}, {                                                                                                  \
        c, __VA_ARGS__                                                                                                                     \
    }
    {"y", {YAML_SCALAR_BOOL, {.boolean = true}}},
    {"Y", {YAML_SCALAR_BOOL, {.boolean = true}}},
    {"n", {YAML_SCALAR_BOOL, {.boolean = false}}},
    {"N", {YAML_SCALAR_BOOL, {.boolean = false}}},
    WORDS("yes", "Yes", "YES", {YAML_SCALAR_BOOL, {.boolean = true}}),
    WORDS("on", "On", "ON", {YAML_SCALAR_BOOL, {.boolean = true}}),
    WORDS("true", "True", "TRUE", {YAML_SCALAR_BOOL, {.boolean = true}}),
    WORDS("no", "No", "NO", {YAML_SCALAR_BOOL, {.boolean = false}}),
    WORDS("off", "Off", "OFF", {YAML_SCALAR_BOOL, {.boolean = false}}),
    WORDS("false", "False", "FALSE", {YAML_SCALAR_BOOL, {.boolean = false}}),
    {"", {.kind = YAML_SCALAR_NULL}},
    {"~", {.kind = YAML_SCALAR_NULL}},
    WORDS("null", "Null", "NULL", {.kind = YAML_SCALAR_NULL}),
    WORDS(".nan", ".NaN", ".NAN", {YAML_SCALAR_FLOAT, {.real = NAN}}),
    WORDS(".inf", ".Inf", ".INF", {YAML_SCALAR_FLOAT, {.real = INFINITY}}),
    WORDS("+.inf", "+.Inf", "+.INF", {YAML_SCALAR_FLOAT, {.real = INFINITY}}),
    WORDS("-.inf", "-.Inf", "-.INF", {YAML_SCALAR_FLOAT, {.real = -INFINITY}}),
#undef WORDS
};

static const struct yaml_scalar text_scalar = {.kind = YAML_SCALAR_TEXT};

static unsigned digit_of(char c) {
    if (str_is_digit(c)) return (unsigned)(c - '0');
    if (c >= 'a' && c <= 'f') return (unsigned)(c - 'a') + 10;
    if (c >= 'A' && c <= 'F') return (unsigned)(c - 'A') + 10;
    return UINT32_MAX;
}

/* Go's strconv with base 0: 0x, 0o, 0b and a leading 0 choose the base. */
static unsigned take_base(struct str *digits) {
    static const struct {
        char letter;
        unsigned base;
    } prefixes[] = {{'x', 16}, {'o', 8}, {'b', 2}};
    if (digits->len < 2 || digits->ptr[0] != '0') return 10;
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        if ((digits->ptr[1] | 0x20) != prefixes[i].letter) continue;
        *digits = str_from(*digits, 2);
        return prefixes[i].base;
    }
    *digits = str_from(*digits, 1);
    return 8;
}

/* go-yaml also takes the sign after the prefix, for binary numbers only: 0b-11. */
static struct str move_sign_to_front(struct str text, char *room) {
    if (text.len < 4 || !str_starts_with(text, STR("0b")) || (text.ptr[2] != '-' && text.ptr[2] != '+')) return text;
    memcpy(room, text.ptr, text.len);
    room[0] = text.ptr[2];
    room[1] = '0';
    room[2] = 'b';
    return (struct str){room, text.len};
}

static bool resolve_integer(struct str text, struct yaml_scalar *out) {
    bool is_signed = text.len > 0 && (text.ptr[0] == '-' || text.ptr[0] == '+');
    bool negative = is_signed && text.ptr[0] == '-';
    struct str digits = is_signed ? str_from(text, 1) : text;
    unsigned base = take_base(&digits);
    if (digits.len == 0) return false;
    uint64_t value = 0;
    for (size_t i = 0; i < digits.len; i++) {
        unsigned digit = digit_of(digits.ptr[i]);
        if (digit >= base || __builtin_mul_overflow(value, base, &value) || __builtin_add_overflow(value, digit, &value)) return false;
    }
    if (value <= INT64_MAX) {
        *out = (struct yaml_scalar){YAML_SCALAR_SINT, {.sint = negative ? -(int64_t)value : (int64_t)value}};
    } else if (negative && value == (uint64_t)INT64_MAX + 1) {
        *out = (struct yaml_scalar){YAML_SCALAR_SINT, {.sint = INT64_MIN}};
    } else if (!is_signed) {
        *out = (struct yaml_scalar){YAML_SCALAR_UINT, {.uint = value}};
    } else {
        return false;
    }
    return true;
}

static size_t count_digits(const char *text) {
    size_t count = 0;
    while (str_is_digit(text[count])) count++;
    return count;
}

/* [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)? */
static bool is_float(const char *text, size_t len) {
    const char *at = text + (*text == '-' || *text == '+');
    size_t whole = count_digits(at);
    at += whole;
    if (*at == '.') {
        size_t fraction = count_digits(++at);
        if (whole + fraction == 0) return false;
        at += fraction;
    } else if (whole == 0) {
        return false;
    }
    if (*at == 'e' || *at == 'E') {
        at++;
        at += *at == '-' || *at == '+';
        size_t exponent = count_digits(at);
        if (exponent == 0) return false;
        at += exponent;
    }
    return at == text + len;
}

/* Go wants a digit on both sides of an underscore where it reads floats itself. */
static bool underscores_part_digits(struct str text) {
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] != '_') continue;
        if (i == 0 || i + 1 == text.len || !str_is_digit(text.ptr[i - 1])) return false;
        if (!str_is_digit(text.ptr[i + 1])) return false;
    }
    return true;
}

static struct yaml_scalar resolve_number(struct str text) {
    char plain[NUMBER_BYTES_MAX + 1];
    if (text.len > NUMBER_BYTES_MAX || memchr(text.ptr, 0, text.len)) return text_scalar;
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] != '_') plain[len++] = text.ptr[i];
    }
    plain[len] = 0;
    struct yaml_scalar number;
    bool starts_with_point = text.ptr[0] == '.';
    char moved[NUMBER_BYTES_MAX];
    if (!starts_with_point && resolve_integer(move_sign_to_front((struct str){plain, len}, moved), &number)) return number;
    if (!is_float(plain, len) || (starts_with_point && !underscores_part_digits(text))) return text_scalar;
    double real = strtod(plain, NULL);
    return isfinite(real) ? (struct yaml_scalar){YAML_SCALAR_FLOAT, {.real = real}} : text_scalar;
}

struct yaml_scalar yaml_scalar_resolve(struct str text) {
    char first = text.len ? text.ptr[0] : 0;
    if (text.len <= 5 && (first == 0 || strchr("yYnNtTfFoO~.+-", first))) {
        for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
            if (str_is(text, words[i].text)) return words[i].value;
        }
    }
    if (str_is_digit(first) || first == '-' || first == '+' || first == '.') return resolve_number(text);
    return text_scalar;
}

static bool reads_back(const char *text, double value, bool is_narrow) {
    return is_narrow ? strtof(text, NULL) == (float)value : strtod(text, NULL) == value;
}

struct str yaml_scalar_float_text(double value, bool is_narrow, char out[YAML_SCALAR_FLOAT_BYTES]) {
    if (isnan(value)) return STR(".nan");
    if (isinf(value) || (is_narrow && fabs(value) > FLT_MAX)) return value > 0 ? STR(".inf") : STR("-.inf");
    if (is_narrow) value = (double)(float)value;
    int digits = 1, most = is_narrow ? 9 : 17;
    do {
        snprintf(out, YAML_SCALAR_FLOAT_BYTES, "%.*e", digits - 1, value);
    } while (!reads_back(out, value, is_narrow) && ++digits <= most);
    int64_t exponent = 0;
    number_parse_int64(str_of(strchr(out, 'e') + 1), &exponent);
    if (exponent < -4 || exponent >= 6) return str_of(out);
    int decimals = digits - 1 - (int)exponent;
    snprintf(out, YAML_SCALAR_FLOAT_BYTES, "%.*f", decimals > 0 ? decimals : 0, value);
    return str_of(out);
}

static int base64_digit(char c) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (str_is_digit(c)) return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool yaml_scalar_base64(struct arena *arena, struct str text, struct str *out) {
    char *bytes = arena_alloc(arena, text.len / 4 * 3 + 3);
    if (!bytes) return false;
    uint32_t bits = 0;
    size_t digits = 0, padding = 0, len = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '\n' || c == '\r') continue;
        int digit = base64_digit(c);
        if (c == '=')
            padding++;
        else if (digit < 0 || padding)
            return false;
        bits = bits << 6 | (uint32_t)(digit > 0 ? digit : 0);
        if (++digits % 4) continue;
        if (padding > 2) return false;
        for (size_t byte = 0; byte < 3 - padding; byte++) bytes[len++] = (char)(bits >> (16 - 8 * byte) & 0xFF);
        bits = 0;
        if (padding && str_trim(str_from(text, i + 1)).len) return false;
    }
    if (digits % 4) return false;
    *out = (struct str){bytes, len};
    return true;
}
