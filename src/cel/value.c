#include "cel/value.h"

#include <math.h>
#include <string.h>

#include "data/rfc3339.h"

static const struct cel_type dyn = {.kind = CEL_DYN, .max_elements = -1};

const char *value_kind_name(enum cel_type_kind kind) {
    static const char *const names[] = {[CEL_DYN] = "dyn",
                                        [CEL_BOOL] = "bool",
                                        [CEL_INT] = "int",
                                        [CEL_UINT] = "uint",
                                        [CEL_DOUBLE] = "double",
                                        [CEL_STRING] = "string",
                                        [CEL_BYTES] = "bytes",
                                        [CEL_TIMESTAMP] = "google.protobuf.Timestamp",
                                        [CEL_DURATION] = "google.protobuf.Duration",
                                        [CEL_NULL] = "null_type",
                                        [CEL_LIST] = "list",
                                        [CEL_MAP] = "map",
                                        [CEL_OBJECT] = "object",
                                        [CEL_TYPE_TYPE] = "type",
                                        [CEL_QUANTITY] = "kubernetes.Quantity",
                                        [CEL_IP] = "net.IP",
                                        [CEL_CIDR] = "net.CIDR",
                                        [CEL_URL] = "kubernetes.URL",
                                        [CEL_OPTIONAL] = "optional_type",
                                        [CEL_ABSTRACT] = "abstract"};
    return names[kind];
}

int64_t value_rune_count(struct str text) {
    int64_t count = 0;
    for (size_t i = 0; i < text.len; i++) count += ((unsigned char)text.ptr[i] & 0xc0) != 0x80;
    return count;
}

/* "1h30m", as Go's time.ParseDuration reads it. */
static bool read_duration(struct str text, int64_t *out_ns) {
    static const struct {
        const char *unit;
        double ns;
    } units[] = {{"ns", 1}, {"us", 1e3}, {"µs", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}};
    bool is_negative = text.len && text.ptr[0] == '-';
    double total = 0;
    if (is_negative || (text.len && text.ptr[0] == '+')) text = str_from(text, 1);
    if (str_is(text, "0")) return *out_ns = 0, true;
    if (!text.len) return false;
    while (text.len) {
        double number = 0, scale = 1;
        size_t i = 0, digits = 0;
        bool is_fraction = false;
        for (; i < text.len && ((text.ptr[i] >= '0' && text.ptr[i] <= '9') || (text.ptr[i] == '.' && !is_fraction)); i++) {
            if (text.ptr[i] == '.')
                is_fraction = true;
            else
                number = number * 10 + (text.ptr[i] - '0'), digits++, scale *= is_fraction ? 10 : 1;
        }
        struct str rest = str_from(text, i);
        double ns = 0;
        size_t unit_len = 0;
        for (size_t unit = 0; unit < sizeof units / sizeof units[0]; unit++) {
            if (str_starts_with(rest, str_of(units[unit].unit)) && strlen(units[unit].unit) > unit_len)
                ns = units[unit].ns, unit_len = strlen(units[unit].unit);
        }
        if (!digits || !unit_len) return false;
        total += number / scale * ns;
        text = str_from(rest, unit_len);
    }
    if (total > 9.2e18) return false;
    *out_ns = (int64_t)(is_negative ? -total : total);
    return true;
}

static bool read_text(struct str text, const struct cel_type *type, struct value *out, struct error *error) {
    int64_t ns;
    *out = (struct value){.kind = CEL_STRING, .text = text};
    if (type->kind == CEL_TIMESTAMP) {
        if (!rfc3339_parse_ns(text, &ns, error))
            return error_set(error, ERROR_INVALID, "Failed to parse formatted string %s to type date-time", QUOTE(text));
        *out = (struct value){.kind = CEL_TIMESTAMP, .integer = ns};
    } else if (type->kind == CEL_DURATION) {
        if (!read_duration(text, &ns))
            return error_set(error, ERROR_INVALID, "Failed to parse formatted string %s to type duration", QUOTE(text));
        *out = (struct value){.kind = CEL_DURATION, .integer = ns};
    }
    return true;
}

static bool read_number(yyjson_mut_val *json, const struct cel_type *type, struct value *out, struct error *error) {
    if (type->kind == CEL_DOUBLE || (yyjson_mut_is_real(json) && type->kind != CEL_INT)) {
        *out = (struct value){.kind = CEL_DOUBLE, .real = yyjson_mut_get_num(json)};
    } else if (yyjson_mut_is_real(json)) {
        double real = yyjson_mut_get_real(json);
        if (real != trunc(real) || fabs(real) > 9e18) return error_set(error, ERROR_INVALID, "invalid data, expected int, got double");
        *out = (struct value){.kind = CEL_INT, .integer = (int64_t)real};
    } else if (yyjson_mut_is_uint(json) && yyjson_mut_get_uint(json) > INT64_MAX) {
        return error_set(error, ERROR_INVALID, "integer overflow");
    } else {
        *out = (struct value){.kind = CEL_INT, .integer = yyjson_mut_get_sint(json)};
    }
    return true;
}

bool value_of_json(const yyjson_mut_val *value, const struct cel_type *type, struct value *out, struct error *error) {
    yyjson_mut_val *json = json_mut_loose(value);
    if (!type) type = &dyn;
    if (yyjson_mut_is_null(json))
        *out = (struct value){.kind = CEL_NULL};
    else if (yyjson_mut_is_bool(json))
        *out = (struct value){.kind = CEL_BOOL, .boolean = yyjson_mut_get_bool(json)};
    else if (yyjson_mut_is_str(json))
        return read_text((struct str){yyjson_mut_get_str(json), yyjson_mut_get_len(json)}, type, out, error);
    else if (yyjson_mut_is_num(json))
        return read_number(json, type, out, error);
    else if (yyjson_mut_is_arr(json))
        *out = (struct value){.kind = CEL_LIST,
                              .list = {.json = json, .element = type->element ? type->element : &dyn, .count = yyjson_mut_arr_size(json)}};
    else
        *out = (struct value){.kind = CEL_MAP, .map = {.json = json, .type = type, .count = yyjson_mut_obj_size(json)}};
    return true;
}

size_t value_list_count(const struct value *list) {
    return list->list.count;
}

/* The item, or the key, at an index of a container: the next one when the walk stands right before it. `stride`: links from one to the
 * next. */
static yyjson_mut_val *step(yyjson_mut_val *first, struct value_walk *walk, size_t index, int stride) {
    struct value_walk single = {0};
    if (!walk) walk = &single;
    if (!walk->at || walk->index > index) *walk = (struct value_walk){.at = first};
    for (; walk->index < index; walk->index++) {
        for (int link = 0; link < stride; link++) walk->at = walk->at->next;
    }
    return walk->at;
}

bool value_list_get(const struct value *list, struct value_walk *walk, size_t index, struct value *out, struct error *error) {
    if (list->list.json)
        return value_of_json(step(yyjson_mut_arr_get_first(json_mut_loose(list->list.json)), walk, index, 1), list->list.element, out,
                             error);
    *out = list->list.items[index];
    return true;
}

size_t value_map_count(const struct value *map) {
    return map->map.count;
}

static const struct cel_field *find_field(const struct cel_type *type, struct str cel_name) {
    for (size_t i = 0; i < type->field_count; i++) {
        if (str_equal(type->fields[i].cel_name, cel_name)) return &type->fields[i];
    }
    return NULL;
}

bool value_map_get(const struct value *map, const struct value *key, struct value *out, bool *out_is_there, struct error *error) {
    *out_is_there = false;
    if (!map->map.json) {
        for (size_t i = 0; i < map->map.count; i++) {
            if (!value_equals(map->map.entries[i].key, key)) continue;
            *out = *map->map.entries[i].value;
            *out_is_there = true;
        }
        return true;
    }
    if (key->kind != CEL_STRING) return true;
    const struct cel_type *type = map->map.type;
    const struct cel_field *field = type->kind == CEL_OBJECT ? find_field(type, key->text) : NULL;
    struct str name = field ? field->name : key->text;
    yyjson_mut_val *json = yyjson_mut_obj_getn(json_mut_loose(map->map.json), name.len ? name.ptr : "", name.len);
    *out_is_there = json;
    return !json || value_of_json(json, field ? field->type : type->kind == CEL_MAP ? type->element : &dyn, out, error);
}

struct value value_map_key(const struct value *map, struct value_walk *walk, size_t index) {
    if (!map->map.json) return *map->map.entries[index].key;
    yyjson_mut_obj_iter iterator = yyjson_mut_obj_iter_with(json_mut_loose(map->map.json));
    yyjson_mut_val *key = step(yyjson_mut_obj_iter_next(&iterator), walk, index, 2);
    return (struct value){.kind = CEL_STRING, .text = {yyjson_mut_get_str(key), yyjson_mut_get_len(key)}};
}

static bool is_number(const struct value *value) {
    return value->kind == CEL_INT || value->kind == CEL_UINT || value->kind == CEL_DOUBLE;
}

static int order(double a, double b) {
    return a < b ? -1 : a > b;
}

/* By value over all types of numbers, without loss between integers. */
static bool compare_numbers(const struct value *a, const struct value *b, int *out) {
    if (a->kind == CEL_INT && b->kind == CEL_INT) return *out = a->integer < b->integer ? -1 : a->integer > b->integer, true;
    if (a->kind == CEL_UINT && b->kind == CEL_UINT)
        return *out = a->unsigned_integer < b->unsigned_integer ? -1 : a->unsigned_integer > b->unsigned_integer, true;
    if (a->kind == CEL_INT && b->kind == CEL_UINT) {
        uint64_t left = (uint64_t)a->integer;
        return *out = a->integer < 0 || left < b->unsigned_integer ? -1 : left > b->unsigned_integer, true;
    }
    if (a->kind == CEL_UINT && b->kind == CEL_INT) {
        bool has_order = compare_numbers(b, a, out);
        *out = -*out;
        return has_order;
    }
    double left = a->kind == CEL_DOUBLE ? a->real : a->kind == CEL_INT ? (double)a->integer : (double)a->unsigned_integer;
    double right = b->kind == CEL_DOUBLE ? b->real : b->kind == CEL_INT ? (double)b->integer : (double)b->unsigned_integer;
    if (isnan(left) || isnan(right)) return false;
    return *out = order(left, right), true;
}

bool value_compare(const struct value *a, const struct value *b, int *out) {
    if (is_number(a) && is_number(b)) return compare_numbers(a, b, out);
    if (a->kind != b->kind) return false;
    switch (a->kind) {
    case CEL_BOOL: return *out = a->boolean - b->boolean, true;
    case CEL_STRING:
    case CEL_BYTES: return *out = str_compare(a->text, b->text), true;
    case CEL_TIMESTAMP:
    case CEL_DURATION: return *out = a->integer < b->integer ? -1 : a->integer > b->integer, true;
    default: return false;
    }
}

static bool lists_are_equal(const struct value *a, const struct value *b) {
    struct value left, right;
    struct value_walk walk_a = {0}, walk_b = {0};
    struct error error;
    if (value_list_count(a) != value_list_count(b)) return false;
    for (size_t i = 0; i < value_list_count(a); i++) {
        if (!value_list_get(a, &walk_a, i, &left, &error) || !value_list_get(b, &walk_b, i, &right, &error) || !value_equals(&left, &right))
            return false;
    }
    return true;
}

static bool maps_are_equal(const struct value *a, const struct value *b) {
    if (value_map_count(a) != value_map_count(b)) return false;
    if (a->map.json && b->map.json) return json_mut_equal(a->map.json, b->map.json);
    struct value_walk walk = {0};
    for (size_t i = 0; i < value_map_count(a); i++) {
        struct value key = value_map_key(a, &walk, i), left, right;
        bool is_there = false, is_other = false;
        struct error error;
        if (!value_map_get(a, &key, &left, &is_there, &error) || !value_map_get(b, &key, &right, &is_other, &error)) return false;
        if (!is_there || !is_other || !value_equals(&left, &right)) return false;
    }
    return true;
}

bool value_equals(const struct value *a, const struct value *b) {
    int found;
    if (is_number(a) && is_number(b)) return compare_numbers(a, b, &found) && found == 0;
    if (a->kind != b->kind) return false;
    switch (a->kind) {
    case CEL_NULL: return true;
    case CEL_LIST: return lists_are_equal(a, b);
    case CEL_MAP: return maps_are_equal(a, b);
    case CEL_TYPE_TYPE: return a->type == b->type;
    case CEL_OPTIONAL: return !a->content || !b->content ? a->content == b->content : value_equals(a->content, b->content);
    default: return value_compare(a, b, &found) && found == 0;
    }
}
