/*
 * Kubernetes objects while they are worked on: small helpers on yyjson's mutable values. NULL stands for "absent" and is accepted
 * everywhere; texts given to setters are not copied and must live as long as the document.
 */
#ifndef MB_APISERVER_MUT_H
#define MB_APISERVER_MUT_H

#include "base/blob.h"
#include "data/json.h"

/* Strict JSON into a mutable document of the arena; NULL and `error` otherwise. */
yyjson_mut_val *mut_parse(struct arena *arena, yyjson_mut_doc *doc, struct str text, struct error *error);
/* A deep copy; NULL when `value` is or memory is out. */
yyjson_mut_val *mut_copy(yyjson_mut_doc *doc, const yyjson_mut_val *value);

yyjson_mut_val *mut_get(const yyjson_mut_val *object, const char *key);
yyjson_mut_val *mut_get_str(const yyjson_mut_val *object, struct str key);
/* Descends through object keys; the list of keys ends with NULL. */
yyjson_mut_val *mut_path(const yyjson_mut_val *object, ...) __attribute__((sentinel));
/* Empty for what is not a text. */
struct str mut_text_at(const yyjson_mut_val *object, const char *key);
bool mut_int64(const yyjson_mut_val *value, int64_t *out);
/* Absent, null, {}, [], "" */
bool mut_is_empty(const yyjson_mut_val *value);

/* Replaces or adds. */
void mut_set(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *key, yyjson_mut_val *value);
void mut_set_text(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *key, struct str text);
void mut_set_int64(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *key, int64_t value);
void mut_set_bool(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *key, bool value);
/* Sets `key` to a copy of what `from` has there, or removes it where that has none. */
void mut_take(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *key, const yyjson_mut_val *from);
void mut_remove(yyjson_mut_val *object, const char *key);
/* The object under `key`, made when it is absent or no object. */
yyjson_mut_val *mut_need_object(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *key);
/* Whether an array holds this text. */
bool mut_has_text(const yyjson_mut_val *array, struct str text);
yyjson_mut_val *mut_make_text(yyjson_mut_doc *doc, struct str text);

/* Compact JSON; NULL when memory is out. */
struct blob *mut_blob(struct arena *arena, const yyjson_mut_val *object);
void mut_write(struct arena *arena, struct strbuf *out, const yyjson_mut_val *value);

#endif
