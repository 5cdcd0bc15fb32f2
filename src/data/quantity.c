#include "data/quantity.h"

#include <string.h>

#include "base/number.h"

enum {
    TEXT_BYTES_MAX = 100,
    NANO_DIGITS = 9,
    /* No amount above zero with a larger exponent fits, and none with a smaller one is more than a nano. */
    EXPONENT_MAX = 200,
    /* 100 digits, times 2^60 and 10^9: 422 bits. */
    WIDE_LIMBS = 16,
};

static const struct suffix {
    const char *text;
    int exponent; /* of 10, or of 2 for the binary ones */
    enum quantity_format format;
} suffixes[] = {
    {"n", -9, QUANTITY_DECIMAL}, {"u", -6, QUANTITY_DECIMAL}, {"m", -3, QUANTITY_DECIMAL}, {"", 0, QUANTITY_DECIMAL},
    {"k", 3, QUANTITY_DECIMAL},  {"M", 6, QUANTITY_DECIMAL},  {"G", 9, QUANTITY_DECIMAL},  {"T", 12, QUANTITY_DECIMAL},
    {"P", 15, QUANTITY_DECIMAL}, {"E", 18, QUANTITY_DECIMAL}, {"Ki", 10, QUANTITY_BINARY}, {"Mi", 20, QUANTITY_BINARY},
    {"Gi", 30, QUANTITY_BINARY}, {"Ti", 40, QUANTITY_BINARY}, {"Pi", 50, QUANTITY_BINARY}, {"Ei", 60, QUANTITY_BINARY},
};
enum { SUFFIX_COUNT = sizeof suffixes / sizeof *suffixes };

/* The text in its parts; `digits` counts are of the text between sign and suffix. */
struct parts {
    bool negative;
    struct str number;        /* digits with at most one point */
    unsigned fraction_digits; /* after the point */
    struct suffix suffix;
};

static bool read_suffix(struct str text, struct suffix *out) {
    for (size_t i = 0; i < SUFFIX_COUNT; i++) {
        if (!str_is(text, suffixes[i].text)) continue;
        *out = suffixes[i];
        return true;
    }
    int64_t exponent;
    if (text.len < 2 || (text.ptr[0] | 0x20) != 'e' || !number_parse_int64(str_from(text, 1), &exponent)) return false;
    if (exponent > EXPONENT_MAX) exponent = EXPONENT_MAX;
    if (exponent < -EXPONENT_MAX) exponent = -EXPONENT_MAX;
    *out = (struct suffix){"", (int)exponent, QUANTITY_EXPONENT};
    return true;
}

static bool split(struct str text, struct parts *out) {
    out->negative = text.len > 0 && text.ptr[0] == '-';
    if (text.len > 0 && (text.ptr[0] == '-' || text.ptr[0] == '+')) text = str_from(text, 1);
    size_t len = 0, digits = 0, points = 0;
    for (; len < text.len && (str_is_digit(text.ptr[len]) || (text.ptr[len] == '.' && points == 0)); len++) {
        bool is_point = text.ptr[len] == '.';
        points += is_point;
        digits += !is_point;
        out->fraction_digits += !is_point && points;
    }
    out->number = str_first(text, len);
    return digits > 0 && read_suffix(str_from(text, len), &out->suffix);
}

/* A whole number wide enough for every intermediate result, least limb first. */
struct wide {
    uint32_t limbs[WIDE_LIMBS];
};

static void wide_multiply_add(struct wide *wide, uint32_t factor, uint32_t addend) {
    uint64_t carry = addend;
    for (size_t i = 0; i < WIDE_LIMBS; i++) {
        carry += (uint64_t)wide->limbs[i] * factor;
        wide->limbs[i] = (uint32_t)carry;
        carry >>= 32;
    }
}

/* Returns the remainder. */
static uint32_t wide_divide(struct wide *wide, uint32_t divisor) {
    uint64_t rest = 0;
    for (size_t i = WIDE_LIMBS; i-- > 0;) {
        rest = rest << 32 | wide->limbs[i];
        wide->limbs[i] = (uint32_t)(rest / divisor);
        rest %= divisor;
    }
    return (uint32_t)rest;
}

static bool wide_is_above(const struct wide *wide, unsigned __int128 bound) {
    unsigned __int128 low = 0;
    for (size_t i = WIDE_LIMBS; i-- > 4;) {
        if (wide->limbs[i]) return true;
    }
    for (size_t i = 4; i-- > 0;) low = low << 32 | wide->limbs[i];
    return low > bound;
}

static __int128 wide_low(const struct wide *wide) {
    unsigned __int128 low = 0;
    for (size_t i = 4; i-- > 0;) low = low << 32 | wide->limbs[i];
    return (__int128)low;
}

/* |amount| in nanos, rounded up; false when it is too large. */
static bool magnitude(const struct parts *parts, __int128 *out) {
    static const unsigned __int128 largest = ~(unsigned __int128)0 >> 1;
    static const unsigned __int128 largest_binary = (unsigned __int128)INT64_MAX * 1000000000;
    struct wide wide = {0};
    for (size_t i = 0; i < parts->number.len; i++) {
        if (str_is_digit(parts->number.ptr[i])) wide_multiply_add(&wide, 10, (uint32_t)(parts->number.ptr[i] - '0'));
    }
    bool is_binary = parts->suffix.format == QUANTITY_BINARY;
    int tens = NANO_DIGITS - (int)parts->fraction_digits + (is_binary ? 0 : parts->suffix.exponent);
    if (is_binary) {
        for (int i = 0; i < parts->suffix.exponent; i += 10) wide_multiply_add(&wide, 1024, 0);
    }
    for (; tens > 0 && !wide_is_above(&wide, largest); tens--) wide_multiply_add(&wide, 10, 0);
    bool is_inexact = false;
    for (; tens < 0; tens++) is_inexact |= wide_divide(&wide, 10) != 0;
    if (is_inexact) wide_multiply_add(&wide, 1, 1);
    if (is_binary && wide_is_above(&wide, largest_binary)) return *out = (__int128)largest_binary, true;
    if (wide_is_above(&wide, largest)) return false;
    return *out = wide_low(&wide), true;
}

bool quantity_parse(struct str text, struct quantity *out, struct error *error) {
    struct parts parts = {0};
    if (text.len > TEXT_BYTES_MAX) return error_set(error, ERROR_LIMIT, "a quantity of %zu characters; write it shorter", text.len);
    if (!split(text, &parts)) {
        return error_set(error, ERROR_INVALID,
                         "%s is not a quantity; write a number with one of the suffixes m k M G T Ki Mi Gi Ti, such as 500m or 2Gi",
                         QUOTE(text));
    }
    __int128 nanos;
    if (!magnitude(&parts, &nanos)) return error_set(error, ERROR_LIMIT, "quantity %s is too large", QUOTE(text));
    *out = (struct quantity){parts.negative ? -nanos : nanos, parts.suffix.format};
    return true;
}

bool quantity_read(const yyjson_val *value, struct quantity *out, struct error *error) {
    yyjson_val *v = json_loose(value);
    if (yyjson_is_str(v)) return quantity_parse(json_text(v), out, error);
    if (!yyjson_is_num(v)) return error_set(error, ERROR_INVALID, "a quantity is text such as \"500m\" or a number");
    return quantity_parse(str_of(json_number(v).text), out, error);
}

int quantity_compare(struct quantity a, struct quantity b) {
    return a.nanos < b.nanos ? -1 : a.nanos > b.nanos;
}

bool quantity_is_positive(struct quantity quantity) {
    return quantity.nanos > 0;
}

static const char *suffix_of(enum quantity_format format, int exponent) {
    for (size_t i = 0; i < SUFFIX_COUNT; i++) {
        if (suffixes[i].format == format && suffixes[i].exponent == exponent) return suffixes[i].text;
    }
    return "";
}

static struct str print(struct arena *arena, __int128 number, const char *suffix) {
    char digits[48];
    size_t at = sizeof digits;
    unsigned __int128 left = number < 0 ? -(unsigned __int128)number : (unsigned __int128)number;
    for (; left > 0; left /= 10) digits[--at] = (char)('0' + (int)(left % 10));
    if (number < 0) digits[--at] = '-';
    return arena_join(arena, (struct str){digits + at, sizeof digits - at}, str_of(suffix), STR_EMPTY);
}

static struct str print_binary(struct arena *arena, __int128 whole) {
    int exponent = 0;
    for (; whole % 1024 == 0 && exponent < 60; exponent += 10) whole /= 1024;
    return print(arena, whole, exponent ? suffix_of(QUANTITY_BINARY, exponent) : "");
}

struct str quantity_canonical(struct arena *arena, struct quantity quantity) {
    static const __int128 one = 1000000000;
    __int128 number = quantity.nanos;
    if (number == 0) return arena_copy(arena, STR("0"));
    if (quantity.format == QUANTITY_BINARY && number % one == 0 && (number <= -1024 * one || number >= 1024 * one)) {
        return print_binary(arena, number / one);
    }
    int exponent = -NANO_DIGITS;
    /* There is no suffix above E; with an exponent there is no end. */
    bool has_exponent = quantity.format == QUANTITY_EXPONENT;
    for (; number % 1000 == 0 && (has_exponent || exponent < 18); exponent += 3) number /= 1000;
    if (!has_exponent) return print(arena, number, suffix_of(QUANTITY_DECIMAL, exponent));
    return print(arena, number, exponent ? arena_printf(arena, "e%d", exponent).ptr : "");
}
