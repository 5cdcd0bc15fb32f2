#include <math.h>
#include <stdlib.h>

#include "data/json.h"

static int compare_keys(const void *a, const void *b) {
    return str_compare(json_text(*(yyjson_val *const *)a), json_text(*(yyjson_val *const *)b));
}

/* For what no int64 holds. */
static bool uint_equals_real(uint64_t number, double real) {
    return real == trunc(real) && real >= 0 && real < 0x1p64 && (uint64_t)real == number;
}

static bool numbers_equal(yyjson_val *a, yyjson_val *b) {
    int64_t x, y;
    bool a_is_int = json_int64(a, &x), b_is_int = json_int64(b, &y);
    if (a_is_int || b_is_int) return a_is_int && b_is_int && x == y;
    if (yyjson_is_uint(a) && yyjson_is_uint(b)) return yyjson_get_uint(a) == yyjson_get_uint(b);
    if (yyjson_is_uint(a)) return uint_equals_real(yyjson_get_uint(a), yyjson_get_real(b));
    if (yyjson_is_uint(b)) return uint_equals_real(yyjson_get_uint(b), yyjson_get_real(a));
    return yyjson_get_real(a) == yyjson_get_real(b);
}

static bool equal_within(yyjson_val *a, yyjson_val *b, int depth);

static void sort_keys(yyjson_val *object, yyjson_val **keys) {
    size_t index, max;
    yyjson_val *key, *item;
    yyjson_obj_foreach(object, index, max, key, item) keys[index] = key;
    qsort(keys, max, sizeof *keys, compare_keys);
}

/* Where there is no memory to sort in: each key of `a` is there once, and in `b`, which has no more of them. */
static bool unsorted_equal(yyjson_val *a, yyjson_val *b, int depth) {
    size_t index, max;
    yyjson_val *key, *item;
    yyjson_obj_foreach(a, index, max, key, item) {
        bool is_repeated = json_get_str(a, json_text(key)) != item;
        if (is_repeated || !equal_within(item, json_get_str(b, json_text(key)), depth + 1)) return false;
    }
    return true;
}

/* By sorted keys: linear but for the sort, and a key repeated on either side is seen. */
static bool objects_equal(yyjson_val *a, yyjson_val *b, int depth) {
    enum { FEW = 32 };
    yyjson_val *few[2 * FEW];
    size_t count = yyjson_obj_size(a);
    if (count != yyjson_obj_size(b)) return false;
    yyjson_val **keys = count <= FEW ? few : calloc(2 * count, sizeof *keys);
    if (!keys) return unsorted_equal(a, b, depth);
    sort_keys(a, keys);
    sort_keys(b, keys + count);
    bool equal = true;
    for (size_t i = 0; i < count && equal; i++) {
        yyjson_val *key = keys[i], *other = keys[count + i];
        bool is_repeated = i > 0 && str_equal(json_text(key), json_text(keys[i - 1]));
        equal = !is_repeated && str_equal(json_text(key), json_text(other)) &&
                equal_within(yyjson_obj_iter_get_val(key), yyjson_obj_iter_get_val(other), depth + 1);
    }
    if (keys != few) free(keys);
    return equal;
}

static bool equal_within(yyjson_val *a, yyjson_val *b, int depth) {
    if (depth > 2 * LIMIT_DOCUMENT_DEPTH) return false;
    if (yyjson_is_num(a) && yyjson_is_num(b)) return numbers_equal(a, b);
    if (yyjson_get_type(a) != yyjson_get_type(b)) return false;
    if (yyjson_is_obj(a)) return objects_equal(a, b, depth);
    if (yyjson_is_arr(a)) {
        if (yyjson_arr_size(a) != yyjson_arr_size(b)) return false;
        size_t index, max;
        yyjson_val *item, *other = yyjson_arr_get_first(b);
        yyjson_arr_foreach(a, index, max, item) {
            if (!equal_within(item, other, depth + 1)) return false;
            other = unsafe_yyjson_get_next(other);
        }
        return true;
    }
    if (yyjson_is_str(a)) return str_equal(json_text(a), json_text(b));
    return yyjson_is_bool(a) ? yyjson_get_bool(a) == yyjson_get_bool(b) : true;
}

bool json_equal(const yyjson_val *a, const yyjson_val *b) {
    if (!a || !b) return a == b;
    return equal_within(json_loose(a), json_loose(b), 0);
}

/* ---- built values ---- */

static int compare_mut_keys(const void *a, const void *b) {
    return str_compare(json_mut_text(*(yyjson_mut_val *const *)a), json_mut_text(*(yyjson_mut_val *const *)b));
}

static void sort_mut_keys(yyjson_mut_val *object, yyjson_mut_val **keys) {
    size_t index, max;
    yyjson_mut_val *key, *item;
    yyjson_mut_obj_foreach(object, index, max, key, item) keys[index] = key;
    qsort(keys, max, sizeof *keys, compare_mut_keys);
}

static bool mut_equal_within(yyjson_mut_val *a, yyjson_mut_val *b, int depth);

static bool mut_members_equal(yyjson_mut_val *a_key, yyjson_mut_val *b_key, int depth) {
    return str_equal(json_mut_text(a_key), json_mut_text(b_key)) &&
           mut_equal_within(yyjson_mut_obj_iter_get_val(a_key), yyjson_mut_obj_iter_get_val(b_key), depth + 1);
}

/* Most objects that are compared have their keys in the same order. */
static bool is_same_order(yyjson_mut_val *a, yyjson_mut_val *b) {
    yyjson_mut_obj_iter left = yyjson_mut_obj_iter_with(a), right = yyjson_mut_obj_iter_with(b);
    for (yyjson_mut_val *key; (key = yyjson_mut_obj_iter_next(&left));) {
        if (!str_equal(json_mut_text(key), json_mut_text(yyjson_mut_obj_iter_next(&right)))) return false;
    }
    return true;
}

/* As unsorted_equal. */
static bool mut_unsorted_equal(yyjson_mut_val *a, yyjson_mut_val *b, int depth) {
    size_t index, max;
    yyjson_mut_val *key, *item;
    yyjson_mut_obj_foreach(a, index, max, key, item) {
        struct str name = json_mut_text(key);
        yyjson_mut_val *other = yyjson_mut_obj_getn(b, name.ptr, name.len);
        bool is_repeated = yyjson_mut_obj_getn(a, name.ptr, name.len) != item;
        if (is_repeated || !other || !mut_equal_within(item, other, depth + 1)) return false;
    }
    return true;
}

static bool mut_sorted_equal(yyjson_mut_val *a, yyjson_mut_val *b, size_t count, int depth) {
    yyjson_mut_val **keys = calloc(2 * count, sizeof *keys);
    if (!keys) return mut_unsorted_equal(a, b, depth);
    sort_mut_keys(a, keys);
    sort_mut_keys(b, keys + count);
    bool equal = true;
    for (size_t i = 0; i < count && equal; i++) equal = mut_members_equal(keys[i], keys[count + i], depth);
    free(keys);
    return equal;
}

static bool mut_objects_equal(yyjson_mut_val *a, yyjson_mut_val *b, int depth) {
    size_t count = yyjson_mut_obj_size(a);
    if (count != yyjson_mut_obj_size(b)) return false;
    if (!is_same_order(a, b)) return mut_sorted_equal(a, b, count, depth);
    yyjson_mut_obj_iter left = yyjson_mut_obj_iter_with(a), right = yyjson_mut_obj_iter_with(b);
    for (yyjson_mut_val *key; (key = yyjson_mut_obj_iter_next(&left));) {
        if (!mut_members_equal(key, yyjson_mut_obj_iter_next(&right), depth)) return false;
    }
    return true;
}

static bool mut_equal_within(yyjson_mut_val *a, yyjson_mut_val *b, int depth) {
    if (depth > 2 * LIMIT_DOCUMENT_DEPTH) return false;
    if (yyjson_mut_is_obj(a) && yyjson_mut_is_obj(b)) return mut_objects_equal(a, b, depth);
    if (!yyjson_mut_is_arr(a) || !yyjson_mut_is_arr(b)) return yyjson_mut_equals(a, b);
    if (yyjson_mut_arr_size(a) != yyjson_mut_arr_size(b)) return false;
    yyjson_mut_arr_iter left = yyjson_mut_arr_iter_with(a), right = yyjson_mut_arr_iter_with(b);
    for (yyjson_mut_val *item; (item = yyjson_mut_arr_iter_next(&left));) {
        if (!mut_equal_within(item, yyjson_mut_arr_iter_next(&right), depth + 1)) return false;
    }
    return true;
}

bool json_mut_equal(const yyjson_mut_val *a, const yyjson_mut_val *b) {
    if (!a || !b) return a == b;
    return mut_equal_within(json_mut_loose(a), json_mut_loose(b), 0);
}
