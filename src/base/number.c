#include "base/number.h"

bool number_parse_int64(struct str text, int64_t *out) {
    bool negative = text.len > 0 && text.ptr[0] == '-';
    if (text.len > 0 && (text.ptr[0] == '-' || text.ptr[0] == '+')) text = str_from(text, 1);
    if (text.len == 0) return false;
    int64_t value = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9') return false;
        int64_t digit = text.ptr[i] - '0';
        /* Counts downwards: INT64_MIN has no positive counterpart. */
        if (__builtin_mul_overflow(value, 10, &value) || __builtin_sub_overflow(value, digit, &value)) return false;
    }
    if (!negative && value == INT64_MIN) return false;
    *out = negative ? value : -value;
    return true;
}

bool number_parse_hex64(struct str text, uint64_t *out) {
    if (text.len == 0 || text.len > 16) return false;
    uint64_t value = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        unsigned digit;
        if (c >= '0' && c <= '9')
            digit = (unsigned)(c - '0');
        else if (c >= 'a' && c <= 'f')
            digit = (unsigned)(c - 'a') + 10;
        else
            return false;
        value = value << 4 | digit;
    }
    *out = value;
    return true;
}

unsigned number_digits(int64_t value) {
    unsigned digits = 1;
    for (; value >= 10; value /= 10) digits++;
    return digits;
}

uint64_t number_random_next(struct number_random *random) {
    uint64_t z = random->state += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

uint64_t number_random_below(struct number_random *random, uint64_t bound) {
    return (uint64_t)(((unsigned __int128)number_random_next(random) * bound) >> 64);
}
