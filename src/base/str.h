/*
 * A view of bytes: pointer and length, owned by somebody else, not terminated.
 * Kubernetes text is UTF-8; a view may hold any bytes, NUL included.
 * Does not allocate. Building text is strbuf.h; copies live in an arena (arena.h).
 */
#ifndef MB_BASE_STR_H
#define MB_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
    const char *ptr; /* may be NULL when len is 0 */
    size_t len;
};

#define STR(literal) ((struct str){"" literal, sizeof(literal) - 1})
#define STR_EMPTY    ((struct str){"", 0})
/* printf("%.*s", STR_ARG(s)) */
#define STR_ARG(s) str_print_length(s), str_print_text(s)
static inline int str_print_length(struct str s) {
    return s.len > INT32_MAX ? INT32_MAX : (int)s.len;
}
static inline const char *str_print_text(struct str s) {
    return s.len ? s.ptr : "";
}

/* A view of a terminated string; NULL gives the empty view. Here and in str_is the length of a literal is known to the compiler. */
static inline struct str str_of(const char *text) {
    return text ? (struct str){text, strlen(text)} : STR_EMPTY;
}
static inline bool str_equal(struct str a, struct str b) {
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}
static inline bool str_is(struct str a, const char *text) {
    return str_equal(a, str_of(text));
}
/* Bytewise order, as Kubernetes sorts map keys: <0, 0, >0. */
int str_compare(struct str a, struct str b);
bool str_starts_with(struct str s, struct str prefix);
bool str_ends_with(struct str s, struct str suffix);
/* ASCII letters only are folded. */
bool str_equal_ignoring_case(struct str a, struct str b);
/* Index of the first `needle`, or SIZE_MAX. */
size_t str_find(struct str s, struct str needle);
bool str_contains(struct str s, struct str needle);
/* The part from `start` on, `start` cut to the length. */
struct str str_from(struct str s, size_t start);
/* The first `len` bytes, cut to the length. */
struct str str_first(struct str s, size_t len);
/* Without leading and trailing blanks, tabs, newlines. */
struct str str_trim(struct str s);
/* The longest prefix of at most `max` bytes that ends on a UTF-8 character boundary. */
struct str str_cut_utf8(struct str s, size_t max);
/* Bytes of the well-formed UTF-8 sequence that `s` begins with, 0 where it begins with none (Unicode 15, table 3-7). */
size_t str_utf8_sequence(struct str s);
bool str_is_utf8(struct str s);
/* ASCII's ten, in every locale; `c` may be a char of any sign, or -1. */
static inline bool str_is_digit(int c) {
    return c >= '0' && c <= '9';
}

#endif
