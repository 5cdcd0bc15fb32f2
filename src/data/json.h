/*
 * JSON documents: yyjson's values in an arena, with what Kubernetes needs on top: a depth bound, exact numbers
 * (int64, uint64, double; never a wrap), canonical text, comparison by value.
 *
 * Reading gives immutable `yyjson_val` trees (one block, values in document order); building uses yyjson's mutable
 * documents over the same arena and `json_freeze` turns the result into an immutable tree. Trees live as long as their arena and
 * are never freed singly. NULL stands for "absent" everywhere and is accepted by every function here.
 */
#ifndef MB_DATA_JSON_H
#define MB_DATA_JSON_H

#include <yyjson.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/strbuf.h"

/* An allocator for yyjson that takes from the arena and frees nothing. */
yyjson_alc json_allocator(struct arena *arena);
/* Strict JSON (RFC 8259), at most LIMIT_DOCUMENT_DEPTH deep; NULL and `error` with line and column otherwise. */
yyjson_val *json_parse(struct arena *arena, struct str text, struct error *error);
/* A mutable document in the arena, for building; NULL when exhausted. Never freed by hand. */
yyjson_mut_doc *json_builder(struct arena *arena);
/* An immutable copy of a built value; NULL when the value is NULL or the arena is exhausted. */
yyjson_val *json_freeze(struct arena *arena, const yyjson_mut_val *value);

/* yyjson's readers take pointers to non-const and change nothing. */
static inline yyjson_val *json_loose(const yyjson_val *value) {
    return (yyjson_val *)(uintptr_t)value;
}
static inline yyjson_mut_val *json_mut_loose(const yyjson_mut_val *value) {
    return (yyjson_mut_val *)(uintptr_t)value;
}

/* Views that tolerate NULL and wrong types: empty view, NULL, fallback. */
struct str json_text(const yyjson_val *value);
struct str json_mut_text(const yyjson_mut_val *value);
bool json_is_text(const yyjson_val *value, const char *text);
yyjson_val *json_get(const yyjson_val *object, const char *key);
yyjson_val *json_get_str(const yyjson_val *object, struct str key);
/* Descends through object keys; the list of keys ends with NULL. */
yyjson_val *json_path(const yyjson_val *object, ...) __attribute__((sentinel));
/* True and *out when the value is an integer that an int64 holds (1.0 counts, 1.5 and "1" do not). */
bool json_int64(const yyjson_val *value, int64_t *out);
bool json_bool_or(const yyjson_val *value, bool fallback);
/* Absent, null, {}, [] : what Kubernetes' omitempty makes of each other. */
bool json_is_empty(const yyjson_val *value);

/* Adds `key: text` to a built object; the text is not copied and must live as long as the document. */
bool json_add_text(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *key, struct str text);
bool json_add_int64(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *key, int64_t value);
/* Adds a copy of `value`; an absent or null value adds nothing and is no error. */
bool json_add_copy(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *key, const yyjson_val *value);
yyjson_mut_val *json_make_text(yyjson_mut_doc *doc, struct str text);

/* Appends the value as compact JSON, in its own key order. */
void json_write(struct strbuf *out, const yyjson_val *value);
/* The same with two-space indentation, as kubectl -o json prints. */
void json_write_indented(struct strbuf *out, const yyjson_val *value);
/* Compact, keys sorted bytewise at every level, numbers by value (1.0 is 1): equal content gives equal bytes. */
void json_write_canonical(struct strbuf *out, const yyjson_val *value);
/* Appends `text` as a JSON string with its quotes; bytes that are no UTF-8 become U+FFFD each, as Go writes them. */
void json_write_text(struct strbuf *out, struct str text);
/* Appends a number: integers as int64/uint64; doubles that are whole and below 1e21 as plain integers, others in the shortest form that
 * round-trips. */
void json_write_number(struct strbuf *out, const yyjson_val *value);
/* The same without memory, empty for what is no finite number: json_number(value).text */
struct json_number {
    char text[40];
};
struct json_number json_number(const yyjson_val *value);
/* Structural equality by value: 1 equals 1.0, key order does not matter, a repeated key equals nothing. */
bool json_equal(const yyjson_val *a, const yyjson_val *b);
/* The same of built values, where 1 and 1.0 differ, and a repeated key is as good as any other. Not quadratic where the keys come in
 * another order, as yyjson's own is. */
bool json_mut_equal(const yyjson_mut_val *a, const yyjson_mut_val *b);

#endif
