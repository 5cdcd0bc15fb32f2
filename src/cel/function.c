#include "cel/function.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cel/list.h"
#include "cel/text.h"
#include "data/rfc3339.h"

bool run_pay(struct run *run, uint64_t cost) {
    if (*run->budget < cost) {
        *run->budget = 0;
        return error_set(run->error, ERROR_LIMIT, "operation cancelled: actual cost limit exceeded");
    }
    *run->budget -= cost;
    return true;
}

static uint64_t size_of(const struct value *value) {
    if (value->kind == CEL_STRING || value->kind == CEL_BYTES) return value->text.len;
    if (value->kind == CEL_LIST) return value_list_count(value);
    return value->kind == CEL_MAP ? value_map_count(value) : 1;
}

uint64_t run_size_cost(const struct value *values, size_t count) {
    uint64_t size = 0;
    for (size_t i = 0; i < count; i++) size += size_of(&values[i]);
    return (size + 9) / 10;
}

#define BODY(name) static bool name(struct run *run, const struct value *arguments, size_t count, struct value *out)
#define UNUSED     (void)run, (void)count

static bool fail(struct run *run, const char *words) {
    return error_set(run->error, ERROR_INVALID, "%s", words);
}

BODY(equals) {
    UNUSED;
    return give_bool(out, value_equals(&arguments[0], &arguments[1]));
}

BODY(differs) {
    UNUSED;
    return give_bool(out, !value_equals(&arguments[0], &arguments[1]));
}

#define ORDER(name, test)                                                                                                                  \
    BODY(name) {                                                                                                                           \
        int order;                                                                                                                         \
        (void)count;                                                                                                                       \
        if (!value_compare(&arguments[0], &arguments[1], &order)) {                                                                        \
            bool is_nan = arguments[0].kind == CEL_DOUBLE || arguments[1].kind == CEL_DOUBLE;                                              \
            return is_nan ? give_bool(out, false) : fail(run, "no such overload");                                                         \
        }                                                                                                                                  \
        return give_bool(out, test);                                                                                                       \
    }
ORDER(is_less, order < 0)
ORDER(is_at_most, order <= 0)
ORDER(is_greater, order > 0)
ORDER(is_at_least, order >= 0)

BODY(negate_bool) {
    UNUSED;
    return give_bool(out, !arguments[0].boolean);
}

BODY(negate_int) {
    (void)count;
    if (arguments[0].integer == INT64_MIN) return fail(run, "integer overflow");
    return give_int(out, -arguments[0].integer);
}

BODY(negate_double) {
    UNUSED;
    *out = (struct value){.kind = CEL_DOUBLE, .real = -arguments[0].real};
    return true;
}

#define INT_OPERATION(name, builtin)                                                                                                       \
    BODY(name##_int) {                                                                                                                     \
        int64_t result;                                                                                                                    \
        (void)count;                                                                                                                       \
        if (builtin(arguments[0].integer, arguments[1].integer, &result)) return fail(run, "integer overflow");                            \
        return give_int(out, result);                                                                                                      \
    }                                                                                                                                      \
    BODY(name##_uint) {                                                                                                                    \
        uint64_t result;                                                                                                                   \
        (void)count;                                                                                                                       \
        if (builtin(arguments[0].unsigned_integer, arguments[1].unsigned_integer, &result)) return fail(run, "unsigned integer overflow"); \
        *out = (struct value){.kind = CEL_UINT, .unsigned_integer = result};                                                               \
        return true;                                                                                                                       \
    }
INT_OPERATION(add, __builtin_add_overflow)
INT_OPERATION(subtract, __builtin_sub_overflow)
INT_OPERATION(multiply, __builtin_mul_overflow)

#define DOUBLE_OPERATION(name, operator)                                                                                                   \
    BODY(name##_double) {                                                                                                                  \
        UNUSED;                                                                                                                            \
        *out = (struct value){.kind = CEL_DOUBLE, .real = arguments[0].real operator arguments[1].real };                                  \
        return true;                                                                                                                       \
    }
DOUBLE_OPERATION(add, +)
DOUBLE_OPERATION(subtract, -)
DOUBLE_OPERATION(multiply, *)
DOUBLE_OPERATION(divide, /)

BODY(divide_int) {
    (void)count;
    if (!arguments[1].integer) return fail(run, "division by zero");
    if (arguments[0].integer == INT64_MIN && arguments[1].integer == -1) return fail(run, "integer overflow");
    return give_int(out, arguments[0].integer / arguments[1].integer);
}

BODY(divide_uint) {
    (void)count;
    if (!arguments[1].unsigned_integer) return fail(run, "division by zero");
    *out = (struct value){.kind = CEL_UINT, .unsigned_integer = arguments[0].unsigned_integer / arguments[1].unsigned_integer};
    return true;
}

BODY(modulo_int) {
    (void)count;
    if (!arguments[1].integer) return fail(run, "modulus by zero");
    return give_int(out, arguments[1].integer == -1 ? 0 : arguments[0].integer % arguments[1].integer);
}

BODY(modulo_uint) {
    (void)count;
    if (!arguments[1].unsigned_integer) return fail(run, "modulus by zero");
    *out = (struct value){.kind = CEL_UINT, .unsigned_integer = arguments[0].unsigned_integer % arguments[1].unsigned_integer};
    return true;
}

/* Timestamps and durations: the kind of the result is the left one's, but for the distance of two timestamps. */
BODY(add_times) {
    int64_t result;
    (void)count;
    if (__builtin_add_overflow(arguments[0].integer, arguments[1].integer, &result)) return fail(run, "duration overflow");
    bool is_moment = arguments[0].kind == CEL_TIMESTAMP || arguments[1].kind == CEL_TIMESTAMP;
    *out = (struct value){.kind = is_moment ? CEL_TIMESTAMP : CEL_DURATION, .integer = result};
    return true;
}

BODY(subtract_times) {
    int64_t result;
    (void)count;
    if (__builtin_sub_overflow(arguments[0].integer, arguments[1].integer, &result)) return fail(run, "duration overflow");
    bool is_moment = arguments[0].kind == CEL_TIMESTAMP && arguments[1].kind == CEL_DURATION;
    *out = (struct value){.kind = is_moment ? CEL_TIMESTAMP : CEL_DURATION, .integer = result};
    return true;
}

BODY(add_texts) {
    (void)count;
    *out = (struct value){.kind = arguments[0].kind, .text = arena_join(run->arena, arguments[0].text, arguments[1].text, STR_EMPTY)};
    return true;
}

BODY(size_of_any) {
    (void)count;
    const struct value *value = &arguments[0];
    if (value->kind == CEL_STRING) return give_int(out, value_rune_count(value->text));
    if (value->kind == CEL_BYTES) return give_int(out, (int64_t)value->text.len);
    if (value->kind == CEL_LIST) return give_int(out, (int64_t)value_list_count(value));
    if (value->kind == CEL_MAP) return give_int(out, (int64_t)value_map_count(value));
    return fail(run, "no such overload");
}

BODY(type_of) {
    UNUSED;
    *out = (struct value){.kind = CEL_TYPE_TYPE, .type = arguments[0].kind};
    return true;
}

BODY(same) {
    UNUSED;
    *out = arguments[0];
    return true;
}

BODY(to_int) {
    (void)count;
    const struct value *value = &arguments[0];
    char *end;
    switch (value->kind) {
    case CEL_INT: return give_int(out, value->integer);
    case CEL_UINT:
        return value->unsigned_integer > INT64_MAX ? fail(run, "integer overflow") : give_int(out, (int64_t)value->unsigned_integer);
    case CEL_DOUBLE: return !(fabs(value->real) < 9.2233720368547e18) ? fail(run, "integer overflow") : give_int(out, (int64_t)value->real);
    case CEL_TIMESTAMP: return give_int(out, value->integer / 1000000000);
    case CEL_STRING: {
        struct str text = arena_copy(run->arena, value->text);
        long long number = strtoll(text.ptr, &end, 10);
        bool is_one = text.len && text.len < 21 && *end == 0 && text.ptr[0] != ' ';
        return is_one ? give_int(out, number)
                      : error_set(run->error, ERROR_INVALID, "strconv.ParseInt: parsing %s: invalid syntax", QUOTE(value->text));
    }
    default: return fail(run, "no such overload");
    }
}

BODY(to_uint) {
    struct value integer;
    if (arguments[0].kind == CEL_UINT) return same(run, arguments, count, out);
    if (!to_int(run, arguments, count, &integer)) return false;
    if (integer.integer < 0) return fail(run, "unsigned integer overflow");
    *out = (struct value){.kind = CEL_UINT, .unsigned_integer = (uint64_t)integer.integer};
    return true;
}

BODY(to_double) {
    (void)count;
    const struct value *value = &arguments[0];
    char *end;
    *out = (struct value){.kind = CEL_DOUBLE};
    switch (value->kind) {
    case CEL_INT: return out->real = (double)value->integer, true;
    case CEL_UINT: return out->real = (double)value->unsigned_integer, true;
    case CEL_DOUBLE: return out->real = value->real, true;
    case CEL_STRING: {
        struct str text = arena_copy(run->arena, value->text);
        out->real = text.len ? strtod(text.ptr, &end) : 0;
        return text.len && *end == 0
                   ? true
                   : error_set(run->error, ERROR_INVALID, "strconv.ParseFloat: parsing %s: invalid syntax", QUOTE(value->text));
    }
    default: return fail(run, "no such overload");
    }
}

BODY(to_bool) {
    static const char *const trues[] = {"true", "True", "TRUE", "t", "T", "1"}, *const falses[] = {"false", "False", "FALSE",
                                                                                                   "f",     "F",     "0"};
    (void)count;
    if (arguments[0].kind == CEL_BOOL) return give_bool(out, arguments[0].boolean);
    for (size_t i = 0; i < 6; i++) {
        if (str_is(arguments[0].text, trues[i])) return give_bool(out, true);
        if (str_is(arguments[0].text, falses[i])) return give_bool(out, false);
    }
    return error_set(run->error, ERROR_INVALID, "strconv.ParseBool: parsing %s: invalid syntax", QUOTE(arguments[0].text));
}

BODY(to_string) {
    (void)count;
    const struct value *value = &arguments[0];
    struct str text = STR_EMPTY;
    switch (value->kind) {
    case CEL_STRING:
    case CEL_BYTES: text = value->text; break;
    case CEL_INT: text = arena_printf(run->arena, "%lld", (long long)value->integer); break;
    case CEL_UINT: text = arena_printf(run->arena, "%llu", (unsigned long long)value->unsigned_integer); break;
    case CEL_DOUBLE: text = text_of_double(run->arena, value->real); break;
    case CEL_BOOL: text = value->boolean ? STR("true") : STR("false"); break;
    case CEL_TIMESTAMP:
        text = rfc3339_format_ns(run->arena, value->integer, value->integer % 1000000000 ? RFC3339_NANOS : RFC3339_SECONDS);
        break;
    case CEL_DURATION: text = arena_join(run->arena, text_of_double(run->arena, (double)value->integer / 1e9), STR("s"), STR_EMPTY); break;
    default: return fail(run, "no such overload");
    }
    *out = (struct value){.kind = CEL_STRING, .text = text};
    return true;
}

BODY(to_bytes) {
    UNUSED;
    *out = (struct value){.kind = CEL_BYTES, .text = arguments[0].text};
    return true;
}

/* timestamp("..."), duration("..."): read as JSON text of that format is. */
static bool convert_text(struct run *run, const struct value *text, enum cel_type_kind kind, struct value *out) {
    struct cel_type type = {.kind = kind};
    yyjson_mut_doc *doc = json_builder(run->arena);
    yyjson_mut_val *json = doc ? yyjson_mut_strn(doc, text->text.len ? text->text.ptr : "", text->text.len) : NULL;
    return json ? value_of_json(json, &type, out, run->error) : error_set(run->error, ERROR_MEMORY, "memory is out");
}

BODY(to_timestamp) {
    (void)count;
    if (arguments[0].kind == CEL_TIMESTAMP) return same(run, arguments, count, out);
    return convert_text(run, &arguments[0], CEL_TIMESTAMP, out);
}

BODY(to_duration) {
    (void)count;
    if (arguments[0].kind == CEL_DURATION) return same(run, arguments, count, out);
    return convert_text(run, &arguments[0], CEL_DURATION, out);
}

BODY(has_value) {
    UNUSED;
    return give_bool(out, arguments[0].content);
}

BODY(value_of) {
    (void)count;
    if (!arguments[0].content) return fail(run, "optional.none() dereference");
    *out = *arguments[0].content;
    return true;
}

BODY(or_value) {
    UNUSED;
    *out = arguments[0].content ? *arguments[0].content : arguments[1];
    return true;
}

BODY(or_optional) {
    UNUSED;
    *out = arguments[0].content ? arguments[0] : arguments[1];
    return true;
}

#define TEXT CEL_STRING
#define BOTH(kind)                                                                                                                         \
    { kind, kind }
/* name, is a method, parameters, result, body, cost grows with size */
const struct function functions[] = {
    {"_==_", false, 2, BOTH(CEL_DYN), CEL_BOOL, equals, true},
    {"_!=_", false, 2, BOTH(CEL_DYN), CEL_BOOL, differs, true},
#define COMPARISONS(kind_a, kind_b)                                                                                                        \
    {"_<_", false, 2, {kind_a, kind_b}, CEL_BOOL, is_less, true}, {"_<=_", false, 2, {kind_a, kind_b}, CEL_BOOL, is_at_most, true},        \
        {"_>_", false, 2, {kind_a, kind_b}, CEL_BOOL, is_greater, true}, {                                                                 \
        "_>=_", false, 2, {kind_a, kind_b}, CEL_BOOL, is_at_least, true                                                                    \
    }
    COMPARISONS(CEL_INT, CEL_INT),
    COMPARISONS(CEL_INT, CEL_UINT),
    COMPARISONS(CEL_INT, CEL_DOUBLE),
    COMPARISONS(CEL_UINT, CEL_INT),
    COMPARISONS(CEL_UINT, CEL_UINT),
    COMPARISONS(CEL_UINT, CEL_DOUBLE),
    COMPARISONS(CEL_DOUBLE, CEL_INT),
    COMPARISONS(CEL_DOUBLE, CEL_UINT),
    COMPARISONS(CEL_DOUBLE, CEL_DOUBLE),
    COMPARISONS(CEL_STRING, CEL_STRING),
    COMPARISONS(CEL_BYTES, CEL_BYTES),
    COMPARISONS(CEL_BOOL, CEL_BOOL),
    COMPARISONS(CEL_TIMESTAMP, CEL_TIMESTAMP),
    COMPARISONS(CEL_DURATION, CEL_DURATION),
#undef COMPARISONS
    {"!_", false, 1, {CEL_BOOL}, CEL_BOOL, negate_bool, false},
    {"-_", false, 1, {CEL_INT}, CEL_INT, negate_int, false},
    {"-_", false, 1, {CEL_DOUBLE}, CEL_DOUBLE, negate_double, false},
    {"_+_", false, 2, BOTH(CEL_INT), CEL_INT, add_int, false},
    {"_+_", false, 2, BOTH(CEL_UINT), CEL_UINT, add_uint, false},
    {"_+_", false, 2, BOTH(CEL_DOUBLE), CEL_DOUBLE, add_double, false},
    {"_+_", false, 2, BOTH(CEL_STRING), CEL_STRING, add_texts, true},
    {"_+_", false, 2, BOTH(CEL_BYTES), CEL_BYTES, add_texts, true},
    {"_+_", false, 2, BOTH(CEL_LIST), CEL_LIST, list_add, true},
    {"_+_", false, 2, {CEL_TIMESTAMP, CEL_DURATION}, CEL_TIMESTAMP, add_times, false},
    {"_+_", false, 2, {CEL_DURATION, CEL_TIMESTAMP}, CEL_TIMESTAMP, add_times, false},
    {"_+_", false, 2, BOTH(CEL_DURATION), CEL_DURATION, add_times, false},
    {"_-_", false, 2, BOTH(CEL_INT), CEL_INT, subtract_int, false},
    {"_-_", false, 2, BOTH(CEL_UINT), CEL_UINT, subtract_uint, false},
    {"_-_", false, 2, BOTH(CEL_DOUBLE), CEL_DOUBLE, subtract_double, false},
    {"_-_", false, 2, BOTH(CEL_TIMESTAMP), CEL_DURATION, subtract_times, false},
    {"_-_", false, 2, {CEL_TIMESTAMP, CEL_DURATION}, CEL_TIMESTAMP, subtract_times, false},
    {"_-_", false, 2, BOTH(CEL_DURATION), CEL_DURATION, subtract_times, false},
    {"_*_", false, 2, BOTH(CEL_INT), CEL_INT, multiply_int, false},
    {"_*_", false, 2, BOTH(CEL_UINT), CEL_UINT, multiply_uint, false},
    {"_*_", false, 2, BOTH(CEL_DOUBLE), CEL_DOUBLE, multiply_double, false},
    {"_/_", false, 2, BOTH(CEL_INT), CEL_INT, divide_int, false},
    {"_/_", false, 2, BOTH(CEL_UINT), CEL_UINT, divide_uint, false},
    {"_/_", false, 2, BOTH(CEL_DOUBLE), CEL_DOUBLE, divide_double, false},
    {"_%_", false, 2, BOTH(CEL_INT), CEL_INT, modulo_int, false},
    {"_%_", false, 2, BOTH(CEL_UINT), CEL_UINT, modulo_uint, false},
    {"@in", false, 2, {CEL_DYN, CEL_LIST}, CEL_BOOL, list_holds, true},
    {"@in", false, 2, {CEL_DYN, CEL_MAP}, CEL_BOOL, map_holds, false},
    {"_[_]", false, 2, {CEL_LIST, CEL_INT}, CEL_DYN, list_item, false},
    {"_[_]", false, 2, {CEL_MAP, CEL_DYN}, CEL_DYN, map_item, false},
    {"size", false, 1, {CEL_STRING}, CEL_INT, size_of_any, false},
    {"size", false, 1, {CEL_BYTES}, CEL_INT, size_of_any, false},
    {"size", false, 1, {CEL_LIST}, CEL_INT, size_of_any, false},
    {"size", false, 1, {CEL_MAP}, CEL_INT, size_of_any, false},
    {"size", true, 1, {CEL_STRING}, CEL_INT, size_of_any, false},
    {"size", true, 1, {CEL_BYTES}, CEL_INT, size_of_any, false},
    {"size", true, 1, {CEL_LIST}, CEL_INT, size_of_any, false},
    {"size", true, 1, {CEL_MAP}, CEL_INT, size_of_any, false},
    {"type", false, 1, {CEL_DYN}, CEL_TYPE_TYPE, type_of, false},
    {"dyn", false, 1, {CEL_DYN}, CEL_DYN, same, false},
    {"int", false, 1, {CEL_INT}, CEL_INT, to_int, false},
    {"int", false, 1, {CEL_UINT}, CEL_INT, to_int, false},
    {"int", false, 1, {CEL_DOUBLE}, CEL_INT, to_int, false},
    {"int", false, 1, {CEL_STRING}, CEL_INT, to_int, true},
    {"int", false, 1, {CEL_TIMESTAMP}, CEL_INT, to_int, false},
    {"uint", false, 1, {CEL_UINT}, CEL_UINT, to_uint, false},
    {"uint", false, 1, {CEL_INT}, CEL_UINT, to_uint, false},
    {"uint", false, 1, {CEL_DOUBLE}, CEL_UINT, to_uint, false},
    {"uint", false, 1, {CEL_STRING}, CEL_UINT, to_uint, true},
    {"double", false, 1, {CEL_DOUBLE}, CEL_DOUBLE, to_double, false},
    {"double", false, 1, {CEL_INT}, CEL_DOUBLE, to_double, false},
    {"double", false, 1, {CEL_UINT}, CEL_DOUBLE, to_double, false},
    {"double", false, 1, {CEL_STRING}, CEL_DOUBLE, to_double, true},
    {"bool", false, 1, {CEL_BOOL}, CEL_BOOL, to_bool, false},
    {"bool", false, 1, {CEL_STRING}, CEL_BOOL, to_bool, false},
    {"string", false, 1, {CEL_STRING}, CEL_STRING, to_string, false},
    {"string", false, 1, {CEL_INT}, CEL_STRING, to_string, false},
    {"string", false, 1, {CEL_UINT}, CEL_STRING, to_string, false},
    {"string", false, 1, {CEL_DOUBLE}, CEL_STRING, to_string, false},
    {"string", false, 1, {CEL_BOOL}, CEL_STRING, to_string, false},
    {"string", false, 1, {CEL_BYTES}, CEL_STRING, to_string, true},
    {"string", false, 1, {CEL_TIMESTAMP}, CEL_STRING, to_string, false},
    {"string", false, 1, {CEL_DURATION}, CEL_STRING, to_string, false},
    {"bytes", false, 1, {CEL_STRING}, CEL_BYTES, to_bytes, true},
    {"timestamp", false, 1, {CEL_STRING}, CEL_TIMESTAMP, to_timestamp, false},
    {"timestamp", false, 1, {CEL_TIMESTAMP}, CEL_TIMESTAMP, to_timestamp, false},
    {"duration", false, 1, {CEL_STRING}, CEL_DURATION, to_duration, false},
    {"duration", false, 1, {CEL_DURATION}, CEL_DURATION, to_duration, false},
    {"contains", true, 2, BOTH(TEXT), CEL_BOOL, text_contains, true},
    {"startsWith", true, 2, BOTH(TEXT), CEL_BOOL, text_starts_with, true},
    {"endsWith", true, 2, BOTH(TEXT), CEL_BOOL, text_ends_with, true},
    {"matches", true, 2, BOTH(TEXT), CEL_BOOL, text_matches, true},
    {"matches", false, 2, BOTH(TEXT), CEL_BOOL, text_matches, true},
    {"find", true, 2, BOTH(TEXT), CEL_STRING, text_find, true},
    {"findAll", true, 2, BOTH(TEXT), CEL_LIST, text_find_all, true},
    {"findAll", true, 3, {TEXT, TEXT, CEL_INT}, CEL_LIST, text_find_all, true},
    {"charAt", true, 2, {TEXT, CEL_INT}, CEL_STRING, text_char_at, true},
    {"indexOf", true, 2, BOTH(TEXT), CEL_INT, text_index_of, true},
    {"indexOf", true, 3, {TEXT, TEXT, CEL_INT}, CEL_INT, text_index_of, true},
    {"lastIndexOf", true, 2, BOTH(TEXT), CEL_INT, text_last_index_of, true},
    {"lowerAscii", true, 1, {TEXT}, CEL_STRING, text_lower, true},
    {"upperAscii", true, 1, {TEXT}, CEL_STRING, text_upper, true},
    {"replace", true, 3, {TEXT, TEXT, TEXT}, CEL_STRING, text_replace, true},
    {"replace", true, 4, {TEXT, TEXT, TEXT, CEL_INT}, CEL_STRING, text_replace, true},
    {"split", true, 2, BOTH(TEXT), CEL_LIST, text_split, true},
    {"split", true, 3, {TEXT, TEXT, CEL_INT}, CEL_LIST, text_split, true},
    {"substring", true, 2, {TEXT, CEL_INT}, CEL_STRING, text_substring, true},
    {"substring", true, 3, {TEXT, CEL_INT, CEL_INT}, CEL_STRING, text_substring, true},
    {"trim", true, 1, {TEXT}, CEL_STRING, text_trim, true},
    {"join", true, 1, {CEL_LIST}, CEL_STRING, text_join, true},
    {"join", true, 2, {CEL_LIST, TEXT}, CEL_STRING, text_join, true},
    {"isSorted", true, 1, {CEL_LIST}, CEL_BOOL, list_is_sorted, true},
    {"sum", true, 1, {CEL_LIST}, CEL_DYN, list_sum, true},
    {"min", true, 1, {CEL_LIST}, CEL_DYN, list_min, true},
    {"max", true, 1, {CEL_LIST}, CEL_DYN, list_max, true},
    {"indexOf", true, 2, {CEL_LIST, CEL_DYN}, CEL_INT, list_index_of, true},
    {"lastIndexOf", true, 2, {CEL_LIST, CEL_DYN}, CEL_INT, list_last_index_of, true},
    {"hasValue", true, 1, {CEL_OPTIONAL}, CEL_BOOL, has_value, false},
    {"value", true, 1, {CEL_OPTIONAL}, CEL_DYN, value_of, false},
    {"orValue", true, 2, {CEL_OPTIONAL, CEL_DYN}, CEL_DYN, or_value, false},
    {"or", true, 2, {CEL_OPTIONAL, CEL_OPTIONAL}, CEL_OPTIONAL, or_optional, false},
};
const size_t function_count = sizeof functions / sizeof functions[0];

bool function_is_known(struct str name, bool is_method) {
    for (size_t i = 0; i < function_count; i++) {
        if (functions[i].is_method == is_method && str_is(name, functions[i].name)) return true;
    }
    return false;
}

static enum cel_type_kind plain(enum cel_type_kind kind) {
    return kind == CEL_OBJECT ? CEL_MAP : kind;
}

const struct function *function_find(struct str name, bool is_method, const enum cel_type_kind *kinds, size_t count) {
    for (size_t i = 0; i < function_count; i++) {
        const struct function *function = &functions[i];
        if (function->is_method != is_method || function->count != count || !str_is(name, function->name)) continue;
        bool fits = true;
        for (size_t at = 0; at < count; at++) {
            fits = fits && (kinds[at] == CEL_DYN || function->parameters[at] == CEL_DYN || plain(kinds[at]) == function->parameters[at]);
        }
        if (fits) return function;
    }
    return NULL;
}
