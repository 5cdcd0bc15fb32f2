/*
 * Quantities, two of them, a line each: the canonical form is the same amount and its own canonical form, and they compare as exact
 * arithmetic on their digits does. (62.5Ki is 64000 in Kubernetes too, for a binary quantity that no binary suffix fits; read again, that
 * is a decimal one, 64k.)
 */
#include <string.h>

#include "data/quantity.h"
#include "harness.h"

/* An amount as decimal digits, the least first; as many as 100 characters with an exponent can make. */
enum { DIGITS = 512, POINT = 256 };
struct exact {
    bool is_negative;
    unsigned char digits[DIGITS]; /* digits[POINT] counts ones */
};

static void exact_multiply(struct exact *exact, unsigned factor) {
    unsigned carry = 0;
    for (size_t i = 0; i < DIGITS; i++) {
        carry += exact->digits[i] * factor;
        exact->digits[i] = (unsigned char)(carry % 10);
        carry /= 10;
    }
    fuzz_expect(carry == 0, "the reference's digits are too few");
}

/* False: this reading leaves it alone (an exponent that shifts everything out). */
static bool exact_read(struct str text, struct exact *out) {
    static const struct {
        const char *suffix;
        int decimal, binary; /* powers of 10 and of 1024 */
    } suffixes[] = {{"", 0, 0},   {"n", -9, 0}, {"u", -6, 0}, {"m", -3, 0}, {"k", 3, 0},  {"M", 6, 0},  {"G", 9, 0},  {"T", 12, 0},
                    {"P", 15, 0}, {"E", 18, 0}, {"Ki", 0, 1}, {"Mi", 0, 2}, {"Gi", 0, 3}, {"Ti", 0, 4}, {"Pi", 0, 5}, {"Ei", 0, 6}};
    size_t at = 0, first, point = SIZE_MAX;
    int shift = 0, binary = 0;
    *out = (struct exact){0};
    if (text.len && (text.ptr[0] == '+' || text.ptr[0] == '-')) out->is_negative = text.ptr[at++] == '-';
    for (first = at; at < text.len && (str_is_digit(text.ptr[at]) || text.ptr[at] == '.'); at++)
        if (text.ptr[at] == '.') point = at;
    struct str suffix = str_from(text, at);
    bool has_exponent = suffix.len > 1 && (suffix.ptr[0] == 'e' || suffix.ptr[0] == 'E') && suffix.ptr[1] != 'i';
    for (size_t i = 1; has_exponent && i < suffix.len; i++) {
        if (!str_is_digit(suffix.ptr[i])) continue;
        shift = shift * 10 + (suffix.ptr[i] - '0');
        if (shift > 100) return false;
    }
    if (has_exponent && suffix.ptr[1] == '-') shift = -shift;
    for (size_t i = 0; !has_exponent && i < sizeof suffixes / sizeof suffixes[0]; i++) {
        if (!str_is(suffix, suffixes[i].suffix)) continue;
        shift = suffixes[i].decimal;
        binary = suffixes[i].binary;
    }
    size_t ones = point == SIZE_MAX ? at : point;
    for (size_t i = first; i < at; i++) {
        if (i == point) continue;
        int place = POINT + shift + (i < ones ? (int)(ones - i) - 1 : -(int)(i - ones));
        out->digits[place] = (unsigned char)(text.ptr[i] - '0');
    }
    for (; binary > 0; binary--) exact_multiply(out, 1024);
    return true;
}

/* Finer parts than a nano away from zero. */
static void exact_round(struct exact *exact) {
    enum { NANOS = POINT - 9 };
    bool has_rest = false;
    for (size_t i = 0; i < NANOS; i++) {
        has_rest |= exact->digits[i] != 0;
        exact->digits[i] = 0;
    }
    for (size_t i = NANOS; has_rest && i < DIGITS; i++) {
        has_rest = exact->digits[i] == 9;
        exact->digits[i] = has_rest ? 0 : (unsigned char)(exact->digits[i] + 1);
    }
}

static int exact_compare(const struct exact *a, const struct exact *b) {
    int order = 0;
    bool a_is_zero = true, b_is_zero = true;
    for (size_t i = 0; i < DIGITS; i++) {
        if (a->digits[i] != b->digits[i]) order = a->digits[i] < b->digits[i] ? -1 : 1;
        a_is_zero = a_is_zero && !a->digits[i];
        b_is_zero = b_is_zero && !b->digits[i];
    }
    bool a_is_below = a->is_negative && !a_is_zero, b_is_below = b->is_negative && !b_is_zero;
    if (a_is_below != b_is_below) return a_is_below ? -1 : 1;
    return a_is_below ? -order : order;
}

static void expect_canonical(struct arena *arena, struct quantity quantity) {
    struct quantity again;
    struct str canonical = quantity_canonical(arena, quantity);
    fuzz_expect(quantity_parse(canonical, &again, NULL), "canonical %s does not read", canonical.ptr);
    fuzz_expect(quantity_compare(quantity, again) == 0, "canonical %s is another amount", canonical.ptr);
    struct str settled = quantity_canonical(arena, again);
    fuzz_expect(quantity_parse(settled, &again, NULL), "canonical %s does not read", settled.ptr);
    fuzz_expect(quantity_compare(quantity, again) == 0, "canonical %s is another amount", settled.ptr);
    fuzz_expect(str_equal(quantity_canonical(arena, again), settled), "canonical %s is not stable", settled.ptr);
    fuzz_expect(quantity_is_positive(quantity) == (quantity.nanos > 0), "sign of %s", canonical.ptr);
}

/* A binary one stops at 2^63-1, which digits do not. */
static bool is_exact(struct quantity quantity) {
    return quantity.format != QUANTITY_BINARY ||
           (quantity.nanos < (__int128)INT64_MAX * 1000000000 && quantity.nanos > -(__int128)INT64_MAX * 1000000000);
}

FUZZ_TARGET(quantity) {
    struct error error = {0};
    struct str rest = input, texts[2] = {fuzz_line(&rest), rest};
    struct quantity quantities[2];
    struct exact exacts[2];
    bool are_exact = true;
    for (size_t i = 0; i < 2; i++) {
        if (!quantity_parse(texts[i], &quantities[i], &error)) {
            fuzz_expect_error(&error);
            return;
        }
        expect_canonical(arena, quantities[i]);
        are_exact = are_exact && is_exact(quantities[i]) && exact_read(texts[i], &exacts[i]);
        if (are_exact) exact_round(&exacts[i]);
    }
    int order = quantity_compare(quantities[0], quantities[1]);
    fuzz_expect(quantity_compare(quantities[1], quantities[0]) == -order, "an order that is none");
    if (are_exact)
        fuzz_expect(order == exact_compare(&exacts[0], &exacts[1]), "%s and %s: %d, by their digits %d", QUOTE(texts[0]), QUOTE(texts[1]),
                    order, exact_compare(&exacts[0], &exacts[1]));
}
