#include "base/str.h"

int str_compare(struct str a, struct str b) {
    size_t shorter = a.len < b.len ? a.len : b.len;
    int order = shorter ? memcmp(a.ptr, b.ptr, shorter) : 0;
    if (order != 0) return order;
    return a.len < b.len ? -1 : a.len > b.len;
}

bool str_starts_with(struct str s, struct str prefix) {
    return s.len >= prefix.len && str_equal(str_first(s, prefix.len), prefix);
}

bool str_ends_with(struct str s, struct str suffix) {
    return s.len >= suffix.len && str_equal(str_from(s, s.len - suffix.len), suffix);
}

static char lower_ascii(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool str_equal_ignoring_case(struct str a, struct str b) {
    if (a.len != b.len) return false;
    for (size_t i = 0; i < a.len; i++) {
        if (lower_ascii(a.ptr[i]) != lower_ascii(b.ptr[i])) return false;
    }
    return true;
}

size_t str_find(struct str s, struct str needle) {
    if (needle.len == 0) return 0;
    if (s.len < needle.len) return SIZE_MAX;
    const char *found = memmem(s.ptr, s.len, needle.ptr, needle.len);
    return found ? (size_t)(found - s.ptr) : SIZE_MAX;
}

bool str_contains(struct str s, struct str needle) {
    return str_find(s, needle) != SIZE_MAX;
}

struct str str_from(struct str s, size_t start) {
    if (start >= s.len) return STR_EMPTY;
    return (struct str){s.ptr + start, s.len - start};
}

struct str str_first(struct str s, size_t len) {
    return (struct str){s.ptr, len < s.len ? len : s.len};
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

struct str str_trim(struct str s) {
    while (s.len > 0 && is_blank(s.ptr[0])) s = str_from(s, 1);
    while (s.len > 0 && is_blank(s.ptr[s.len - 1])) s.len--;
    return s;
}

struct str str_cut_utf8(struct str s, size_t max) {
    if (s.len <= max) return s;
    size_t len = max;
    while (len > 0 && ((unsigned char)s.ptr[len] & 0xC0) == 0x80) len--;
    return str_first(s, len);
}

size_t str_utf8_sequence(struct str s) {
    const unsigned char *at = (const unsigned char *)s.ptr;
    if (s.len == 0) return 0;
    unsigned char lead = at[0];
    if (lead < 0x80) return 1;
    size_t length = lead >= 0xC2 && lead <= 0xDF ? 2 : lead >= 0xE0 && lead <= 0xEF ? 3 : lead >= 0xF0 && lead <= 0xF4 ? 4 : 0;
    if (length == 0 || s.len < length) return 0;
    unsigned char low = 0x80, high = 0xBF;
    if (lead == 0xE0) low = 0xA0;
    if (lead == 0xED) high = 0x9F;
    if (lead == 0xF0) low = 0x90;
    if (lead == 0xF4) high = 0x8F;
    if (at[1] < low || at[1] > high) return 0;
    for (size_t i = 2; i < length; i++) {
        if ((at[i] & 0xC0) != 0x80) return 0;
    }
    return length;
}

bool str_is_utf8(struct str s) {
    for (size_t i = 0; i < s.len;) {
        size_t length = str_utf8_sequence(str_from(s, i));
        if (length == 0) return false;
        i += length;
    }
    return true;
}
