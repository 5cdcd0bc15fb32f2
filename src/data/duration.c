#include "data/duration.h"

static const struct {
    const char *text;
    uint64_t ns;
} units[] = {
    {"ns", 1},       {"us", 1000},      {"\xc2\xb5s", 1000}, {"\xce\xbcs", 1000},
    {"ms", 1000000}, {"s", 1000000000}, {"m", 60000000000},  {"h", 3600000000000},
};

static const uint64_t magnitude_max = (uint64_t)1 << 63;

/* Takes digits off the front; false when they overflow. */
static bool take_whole(struct str *text, uint64_t *out) {
    uint64_t value = 0;
    size_t i = 0;
    for (; i < text->len && str_is_digit(text->ptr[i]); i++) {
        if (value > magnitude_max / 10) return false;
        value = value * 10 + (uint64_t)(text->ptr[i] - '0');
        if (value > magnitude_max) return false;
    }
    *text = str_from(*text, i);
    *out = value;
    return true;
}

/* Digits that no longer fit are dropped: they are far below a nanosecond. */
static uint64_t take_fraction(struct str *text, double *out_scale) {
    uint64_t value = 0;
    bool is_full = false;
    size_t i = 0;
    *out_scale = 1;
    for (; i < text->len && str_is_digit(text->ptr[i]); i++) {
        is_full = is_full || value > (magnitude_max - 1) / 10;
        uint64_t next = is_full ? 0 : value * 10 + (uint64_t)(text->ptr[i] - '0');
        is_full = is_full || next > magnitude_max;
        if (is_full) continue;
        value = next;
        *out_scale *= 10;
    }
    *text = str_from(*text, i);
    return value;
}

static uint64_t take_unit(struct str *text) {
    size_t len = 0;
    while (len < text->len && text->ptr[len] != '.' && !str_is_digit(text->ptr[len])) len++;
    struct str unit = str_first(*text, len);
    *text = str_from(*text, len);
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (str_is(unit, units[i].text)) return units[i].ns;
    }
    return 0;
}

enum step { STEP_TAKEN, STEP_INVALID, STEP_OVERFLOW };

/* One number with its unit. The fraction goes through a double, as in Go, so that both round alike. */
static enum step take_term(struct str *text, uint64_t *total) {
    size_t before = text->len;
    uint64_t value, fraction = 0;
    double scale = 1;
    if (!take_whole(text, &value)) return STEP_OVERFLOW;
    size_t digits = before - text->len;
    if (text->len && text->ptr[0] == '.') {
        *text = str_from(*text, 1);
        before = text->len;
        fraction = take_fraction(text, &scale);
        digits += before - text->len;
    }
    uint64_t unit = digits ? take_unit(text) : 0;
    if (unit == 0) return STEP_INVALID;
    if (value > magnitude_max / unit) return STEP_OVERFLOW;
    value *= unit;
    if (fraction) value += (uint64_t)((double)fraction * ((double)unit / scale));
    if (value > magnitude_max) return STEP_OVERFLOW;
    *total += value;
    return *total > magnitude_max ? STEP_OVERFLOW : STEP_TAKEN;
}

bool duration_parse(struct str text, int64_t *out_ns, struct error *error) {
    bool negative = text.len > 0 && text.ptr[0] == '-';
    struct str rest = text.len > 0 && (negative || text.ptr[0] == '+') ? str_from(text, 1) : text;
    uint64_t total = 0;
    enum step step = rest.len ? STEP_TAKEN : STEP_INVALID;
    if (str_is(rest, "0")) rest = STR_EMPTY;
    while (step == STEP_TAKEN && rest.len > 0) step = take_term(&rest, &total);
    if (step == STEP_INVALID) {
        return error_set(error, ERROR_INVALID, "%s is not a duration; write numbers with the units h m s ms us ns, such as 90s or 1h30m",
                         QUOTE(text));
    }
    if (step == STEP_OVERFLOW || (!negative && total == magnitude_max)) {
        return error_set(error, ERROR_LIMIT, "duration %s is too long; the most is about 292 years", QUOTE(text));
    }
    *out_ns = negative ? (int64_t)(0 - total) : (int64_t)total;
    return true;
}

/* value / 10^digits without trailing zeros. */
static struct str print_decimal(struct arena *arena, uint64_t value, unsigned digits) {
    uint64_t unit = 1;
    for (unsigned i = 0; i < digits; i++) unit *= 10;
    uint64_t whole = value / unit, fraction = value % unit;
    if (fraction == 0) return arena_printf(arena, "%llu", (unsigned long long)whole);
    for (; fraction % 10 == 0; fraction /= 10) digits--;
    return arena_printf(arena, "%llu.%0*llu", (unsigned long long)whole, (int)digits, (unsigned long long)fraction);
}

struct str duration_format(struct arena *arena, int64_t ns) {
    const char *sign = ns < 0 ? "-" : "";
    uint64_t left = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;
    if (left == 0) return arena_copy(arena, STR("0s"));
    if (left < 1000) return arena_printf(arena, "%s%lluns", sign, (unsigned long long)left);
    if (left < 1000000) return arena_printf(arena, "%s%s\xc2\xb5s", sign, print_decimal(arena, left, 3).ptr);
    if (left < 1000000000) return arena_printf(arena, "%s%sms", sign, print_decimal(arena, left, 6).ptr);
    const char *seconds = print_decimal(arena, left % 60000000000, 9).ptr;
    unsigned long long minutes = left / 60000000000;
    if (minutes == 0) return arena_printf(arena, "%s%ss", sign, seconds);
    if (minutes < 60) return arena_printf(arena, "%s%llum%ss", sign, minutes, seconds);
    return arena_printf(arena, "%s%lluh%llum%ss", sign, minutes / 60, minutes % 60, seconds);
}
