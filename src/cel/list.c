#include "cel/list.h"

#define BODY(name) bool name(struct run *run, const struct value *arguments, size_t count, struct value *out)

BODY(list_add) {
    (void)count;
    size_t first = value_list_count(&arguments[0]), second = value_list_count(&arguments[1]);
    struct value *items = arena_array(run->arena, first + second + 1, sizeof *items);
    if (!items) return error_set(run->error, ERROR_MEMORY, "memory is out");
    struct value_walk walks[2] = {0};
    for (size_t i = 0; i < first + second; i++) {
        int from = i >= first;
        if (!value_list_get(&arguments[from], &walks[from], from ? i - first : i, &items[i], run->error)) return false;
    }
    *out = (struct value){.kind = CEL_LIST, .list = {.items = items, .count = first + second}};
    return true;
}

/* A single look walks over what stands before; Kubernetes counts it as 1, which small containers still are here. */
static bool pay_for_search(struct run *run, size_t steps) {
    return run_pay(run, steps / 64);
}

BODY(list_holds) {
    struct value_walk walk = {0};
    (void)count;
    for (size_t i = 0; i < value_list_count(&arguments[1]); i++) {
        struct value item;
        if (!value_list_get(&arguments[1], &walk, i, &item, run->error)) return false;
        if (value_equals(&arguments[0], &item)) return give_bool(out, true);
    }
    return give_bool(out, false);
}

BODY(map_holds) {
    struct value found;
    bool is_there;
    (void)count;
    return pay_for_search(run, value_map_count(&arguments[1])) &&
           value_map_get(&arguments[1], &arguments[0], &found, &is_there, run->error) && give_bool(out, is_there);
}

BODY(list_item) {
    (void)count;
    int64_t index = arguments[1].integer;
    if (arguments[1].kind == CEL_DOUBLE) index = (int64_t)arguments[1].real;
    if (index < 0 || (uint64_t)index >= value_list_count(&arguments[0]))
        return error_set(run->error, ERROR_INVALID, "index out of bounds: %lld", (long long)index);
    return pay_for_search(run, (size_t)index) && value_list_get(&arguments[0], NULL, (size_t)index, out, run->error);
}

BODY(map_item) {
    bool is_there;
    (void)count;
    if (!pay_for_search(run, value_map_count(&arguments[0])) || !value_map_get(&arguments[0], &arguments[1], out, &is_there, run->error))
        return false;
    if (is_there) return true;
    if (arguments[1].kind == CEL_STRING) return error_set(run->error, ERROR_NOT_FOUND, "no such key: %.*s", STR_ARG(arguments[1].text));
    return error_set(run->error, ERROR_INVALID, "no such key");
}

BODY(list_is_sorted) {
    struct value before, item;
    (void)count;
    struct value_walk walk = {0};
    for (size_t i = 0; i < value_list_count(&arguments[0]); i++) {
        int order = 0;
        if (!value_list_get(&arguments[0], &walk, i, &item, run->error)) return false;
        if (i && !value_compare(&before, &item, &order)) return error_set(run->error, ERROR_INVALID, "no such overload");
        if (order > 0) return give_bool(out, false);
        before = item;
    }
    return give_bool(out, true);
}

BODY(list_sum) {
    (void)count;
    give_int(out, 0);
    struct value_walk walk = {0};
    for (size_t i = 0; i < value_list_count(&arguments[0]); i++) {
        struct value pair[2] = {*out}, item;
        if (!value_list_get(&arguments[0], &walk, i, &item, run->error)) return false;
        pair[1] = item;
        if (i == 0) {
            *out = item;
            continue;
        }
        enum cel_type_kind kinds[2] = {pair[0].kind, pair[1].kind};
        const struct function *add = function_find(STR("_+_"), false, kinds, 2);
        if (!add || item.kind == CEL_STRING || !add->body(run, pair, 2, out))
            return error_set(run->error, ERROR_INVALID, "no such overload");
    }
    return true;
}

static bool extreme(struct run *run, const struct value *list, int sign, struct value *out) {
    struct value item;
    if (!value_list_count(list)) return error_set(run->error, ERROR_INVALID, "%s called on empty list", sign < 0 ? "min" : "max");
    struct value_walk walk = {0};
    for (size_t i = 0; i < value_list_count(list); i++) {
        int order = sign;
        if (!value_list_get(list, &walk, i, &item, run->error)) return false;
        if (i && !value_compare(&item, out, &order)) return error_set(run->error, ERROR_INVALID, "no such overload");
        if (order * sign > 0) *out = item;
    }
    return true;
}

BODY(list_min) {
    (void)count;
    return extreme(run, &arguments[0], -1, out);
}

BODY(list_max) {
    (void)count;
    return extreme(run, &arguments[0], 1, out);
}

BODY(list_index_of) {
    struct value item;
    (void)count;
    struct value_walk walk = {0};
    for (size_t i = 0; i < value_list_count(&arguments[0]); i++) {
        if (!value_list_get(&arguments[0], &walk, i, &item, run->error)) return false;
        if (value_equals(&item, &arguments[1])) return give_int(out, (int64_t)i);
    }
    return give_int(out, -1);
}

BODY(list_last_index_of) {
    struct value item;
    struct value_walk walk = {0};
    int64_t last = -1;
    (void)count;
    for (size_t i = 0; i < value_list_count(&arguments[0]); i++) {
        if (!value_list_get(&arguments[0], &walk, i, &item, run->error)) return false;
        if (value_equals(&item, &arguments[1])) last = (int64_t)i;
    }
    return give_int(out, last);
}
