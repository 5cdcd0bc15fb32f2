#include "apiserver/mut.h"

#include <stdarg.h>

yyjson_mut_val *mut_parse(struct arena *arena, yyjson_mut_doc *doc, struct str text, struct error *error) {
    yyjson_val *value = json_parse(arena, text, error);
    if (!value) return NULL;
    yyjson_mut_val *copy = yyjson_val_mut_copy(doc, value);
    if (!copy) error_set(error, ERROR_MEMORY, "the object is too large");
    return copy;
}

yyjson_mut_val *mut_copy(yyjson_mut_doc *doc, const yyjson_mut_val *value) {
    return value ? yyjson_mut_val_mut_copy(doc, json_mut_loose(value)) : NULL;
}

yyjson_mut_val *mut_get(const yyjson_mut_val *object, const char *key) {
    return yyjson_mut_obj_get(json_mut_loose(object), key);
}

yyjson_mut_val *mut_get_str(const yyjson_mut_val *object, struct str key) {
    return yyjson_mut_obj_getn(json_mut_loose(object), key.len ? key.ptr : "", key.len);
}

yyjson_mut_val *mut_path(const yyjson_mut_val *object, ...) {
    va_list keys;
    va_start(keys, object);
    for (const char *key = va_arg(keys, const char *); key && object; key = va_arg(keys, const char *)) object = mut_get(object, key);
    va_end(keys);
    return json_mut_loose(object);
}

struct str mut_text_at(const yyjson_mut_val *object, const char *key) {
    return json_mut_text(mut_get(object, key));
}

bool mut_int64(const yyjson_mut_val *value, int64_t *out) {
    if (yyjson_mut_is_sint(json_mut_loose(value))) {
        *out = yyjson_mut_get_sint(json_mut_loose(value));
        return true;
    }
    if (yyjson_mut_is_uint(json_mut_loose(value)) && yyjson_mut_get_uint(json_mut_loose(value)) <= INT64_MAX) {
        *out = (int64_t)yyjson_mut_get_uint(json_mut_loose(value));
        return true;
    }
    if (!yyjson_mut_is_real(json_mut_loose(value))) return false;
    double real = yyjson_mut_get_real(json_mut_loose(value));
    if (!(real >= -9e18 && real <= 9e18) || (double)(int64_t)real != real) return false;
    *out = (int64_t)real;
    return true;
}

bool mut_is_empty(const yyjson_mut_val *value) {
    if (!value || yyjson_mut_is_null(json_mut_loose(value))) return true;
    if (yyjson_mut_is_obj(json_mut_loose(value))) return yyjson_mut_obj_size(json_mut_loose(value)) == 0;
    if (yyjson_mut_is_arr(json_mut_loose(value))) return yyjson_mut_arr_size(json_mut_loose(value)) == 0;
    return yyjson_mut_is_str(json_mut_loose(value)) && yyjson_mut_get_len(json_mut_loose(value)) == 0;
}

void mut_set(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *key, yyjson_mut_val *value) {
    if (!value || !yyjson_mut_is_obj(json_mut_loose(object))) return;
    yyjson_mut_val *name = yyjson_mut_strcpy(doc, key);
    if (!name) return;
    if (mut_get(object, key)) yyjson_mut_obj_replace(object, name, value);
    else yyjson_mut_obj_add(object, name, value);
}

yyjson_mut_val *mut_make_text(yyjson_mut_doc *doc, struct str text) {
    return yyjson_mut_strn(doc, text.len ? text.ptr : "", text.len);
}

void mut_set_text(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *key, struct str text) {
    mut_set(doc, object, key, mut_make_text(doc, text));
}

void mut_set_int64(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *key, int64_t value) {
    mut_set(doc, object, key, yyjson_mut_sint(doc, value));
}

void mut_set_bool(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *key, bool value) {
    mut_set(doc, object, key, yyjson_mut_bool(doc, value));
}

void mut_take(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *key, const yyjson_mut_val *from) {
    yyjson_mut_val *value = mut_get(from, key);
    if (value) mut_set(doc, object, key, mut_copy(doc, value));
    else mut_remove(object, key);
}

void mut_remove(yyjson_mut_val *object, const char *key) {
    if (yyjson_mut_is_obj(json_mut_loose(object))) yyjson_mut_obj_remove_key(object, key);
}

yyjson_mut_val *mut_need_object(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *key) {
    yyjson_mut_val *value = mut_get(object, key);
    if (yyjson_mut_is_obj(json_mut_loose(value))) return value;
    value = yyjson_mut_obj(doc);
    mut_set(doc, object, key, value);
    return value;
}

bool mut_has_text(const yyjson_mut_val *array, struct str text) {
    size_t index, max;
    yyjson_mut_val *item;
    yyjson_mut_arr_foreach(json_mut_loose(array), index, max, item) {
        if (str_equal(json_mut_text(item), text)) return true;
    }
    return false;
}

void mut_write(struct arena *arena, struct strbuf *out, const yyjson_mut_val *value) {
    yyjson_alc allocator = json_allocator(arena);
    size_t len = 0;
    char *text = yyjson_mut_val_write_opts(value, YYJSON_WRITE_NOFLAG, &allocator, &len, NULL);
    if (text) strbuf_append(out, (struct str){text, len});
    else out->failed = true;
}

struct blob *mut_blob(struct arena *arena, const yyjson_mut_val *object) {
    yyjson_alc allocator = json_allocator(arena);
    size_t len = 0;
    char *text = yyjson_mut_val_write_opts(object, YYJSON_WRITE_NOFLAG, &allocator, &len, NULL);
    return text ? blob_new((struct str){text, len}) : NULL;
}
