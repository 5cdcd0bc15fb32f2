#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "schema/pattern.h"
#include "schema/rules.h"
#include "schema/schema_inner.h"

/*
 * The validation keywords, in the order, with the paths and in the words of kube-openapi's validators as kube-apiserver 1.34 shows them.
 * Paths in the words are kube-openapi's own ("spec.list[0].x"), those of fields the same.
 */

struct validation {
    struct arena *arena;
    struct field_errors *out;
    size_t *matches; /* how much of a schema was looked at and held; of several that fail, the best is told of */
};

static void validate(const struct validation *validation, const struct schema *schema, const yyjson_mut_val *value,
                     const yyjson_mut_val *old, struct str path);

/* Of the root, the path in the words is empty, as in "in body must ...". */
static void add(const struct validation *validation, enum field_error_kind kind, struct str path, struct str value, struct str words) {
    struct str detail = arena_printf(validation->arena, "%.*s in body %.*s", STR_ARG(path), STR_ARG(words));
    field_errors_add_text(validation->out, kind, path.len ? path : STR("<nil>"), value, detail);
}

static bool is_whole(const yyjson_mut_val *value) {
    double real = yyjson_mut_get_num(json_mut_loose(value));
    return yyjson_mut_is_int(json_mut_loose(value)) || (real == trunc(real) && fabs(real) < 9007199254740992.0);
}

static const char *type_of(const yyjson_mut_val *value) {
    yyjson_mut_val *v = json_mut_loose(value);
    if (yyjson_mut_is_null(v)) return "null";
    if (yyjson_mut_is_bool(v)) return "boolean";
    if (yyjson_mut_is_int(v)) return "integer";
    if (yyjson_mut_is_num(v)) return "number";
    if (yyjson_mut_is_str(v)) return "string";
    return yyjson_mut_is_arr(v) ? "array" : "object";
}

static bool has_type(const struct schema *schema, const yyjson_mut_val *value) {
    yyjson_mut_val *v = json_mut_loose(value);
    bool is_integer = yyjson_mut_is_num(v) && is_whole(value);
    if (schema->is_int_or_string) return is_integer || yyjson_mut_is_str(v);
    switch (schema->type) {
    case TYPE_ANY: return true;
    case TYPE_OBJECT: return yyjson_mut_is_obj(v);
    case TYPE_ARRAY: return yyjson_mut_is_arr(v);
    case TYPE_STRING: return yyjson_mut_is_str(v);
    case TYPE_INTEGER: return is_integer;
    case TYPE_NUMBER: return yyjson_mut_is_num(v);
    case TYPE_BOOLEAN: return yyjson_mut_is_bool(v);
    }
    return true;
}

/* What kube-openapi calls the format of a value. */
static const char *format_of(const yyjson_mut_val *value) {
    if (yyjson_mut_is_int(json_mut_loose(value))) return "int64";
    return yyjson_mut_is_num(json_mut_loose(value)) ? "float64" : "";
}

static bool add_type(const struct validation *validation, struct str path, struct str wanted, const char *found) {
    struct arena *arena = validation->arena;
    add(validation, FIELD_TYPE_INVALID, path, arena_printf(arena, "\"%s\"", found),
        arena_printf(arena, "must be of type %.*s: \"%s\"", STR_ARG(wanted), found));
    return false;
}

/* A format that is checked stands in for the type: texts and lists pass whatever the type, unless it is a number. */
static bool check_type(const struct validation *validation, const struct schema *schema, const yyjson_mut_val *value, struct str path) {
    yyjson_mut_val *v = json_mut_loose(value);
    bool is_null = yyjson_mut_is_null(v), is_typed = schema->type != TYPE_ANY || schema->is_int_or_string;
    bool is_number = schema->type == TYPE_NUMBER || schema->type == TYPE_INTEGER || schema->is_int_or_string;
    if (is_null ? !is_typed || schema->is_nullable : has_type(schema, value)) return true;
    if (!is_null && schema->has_format) {
        if (!yyjson_mut_is_str(v) && !yyjson_mut_is_arr(v)) return add_type(validation, path, schema->format, format_of(value));
        if (!is_number) return true;
    }
    return add_type(validation, path, schema->is_int_or_string ? STR("integer,string") : schema_type(schema), type_of(value));
}

static int64_t rune_count(struct str text) {
    int64_t count = 0;
    for (size_t i = 0; i < text.len; i++) count += ((unsigned char)text.ptr[i] & 0xc0) != 0x80;
    return count;
}

/* Only the first complaint is told, as there. */
static void check_text(const struct validation *validation, const struct schema *schema, const yyjson_mut_val *value, struct str path) {
    struct arena *arena = validation->arena;
    struct str text = json_mut_text(value);
    if (schema->max_length.is_set && rune_count(text) > schema->max_length.value) {
        field_errors_add_text(validation->out, FIELD_TOO_LONG, path, STR_EMPTY,
                              arena_printf(arena, "may not be more than %lld byte%s", (long long)schema->max_length.value,
                                           schema->max_length.value == 1 ? "" : "s"));
    } else if (schema->min_length.is_set && rune_count(text) < schema->min_length.value) {
        add(validation, FIELD_INVALID, path, field_error_quote(arena, text),
            arena_printf(arena, "should be at least %lld chars long", (long long)schema->min_length.value));
    } else if (schema->pattern_text.len && !(schema->pattern && pattern_finds(schema->pattern, text))) {
        add(validation, FIELD_INVALID, path, field_error_quote(arena, text),
            arena_printf(arena, "should match '%.*s'", STR_ARG(schema->pattern_text)));
    }
    if (schema->format_pattern && !pattern_finds(schema->format_pattern, text)) {
        struct str quoted = field_error_quote(arena, text);
        add(validation, FIELD_TYPE_INVALID, path, quoted,
            arena_printf(arena, "must be of type %.*s: %.*s", STR_ARG(schema->format), STR_ARG(quoted)));
    }
}

/* A bound as Go prints it: of an integer's own type for integers where that holds it, else a float64 by %v. */
static struct str bound_text(struct arena *arena, double bound, bool is_integer) {
    if (is_integer && bound >= -0x1p63 && bound < 0x1p63) return arena_printf(arena, "%lld", (long long)bound);
    int exponent = bound == 0 ? 0 : (int)floor(log10(fabs(bound)));
    for (int digits = 1; digits <= 17; digits++) {
        struct str text =
            exponent < -4 || exponent >= 21 ? arena_printf(arena, "%.*e", digits - 1, bound) : arena_printf(arena, "%.*g", digits, bound);
        if (text.len && strtod(text.ptr, NULL) == bound && (exponent < -4 || exponent >= 21 || !str_contains(text, STR("e")))) return text;
    }
    return arena_printf(arena, "%.0f", bound);
}

static struct str number_text(struct arena *arena, const yyjson_mut_val *value) {
    struct strbuf out = strbuf_with_max(64);
    yyjson_val *frozen = json_freeze(arena, value);
    if (frozen) json_write_number(&out, frozen);
    return strbuf_take(&out, arena);
}

/* Within a billionth, since neither 0.3 nor 0.1 is what it looks like. */
static bool is_multiple(double number, double factor) {
    double quotient = factor < 1 ? 1 / factor * number : number / factor, whole = round(quotient);
    return fabs(quotient - whole) <= 1e-9 * (fabs(quotient) + fabs(whole));
}

/* Integers are divided as such: a double does not hold them all. */
static bool is_multiple_of(const yyjson_mut_val *value, double factor) {
    const double most = 9007199254740992.0; /* 2^53 */
    if (yyjson_mut_is_sint(json_mut_loose(value)) && factor == floor(factor) && factor < most)
        return yyjson_mut_get_sint(json_mut_loose(value)) % (int64_t)factor == 0;
    if (yyjson_mut_is_uint(json_mut_loose(value)) && factor == floor(factor) && factor < most)
        return yyjson_mut_get_uint(json_mut_loose(value)) % (uint64_t)factor == 0;
    return is_multiple(yyjson_mut_get_num(json_mut_loose(value)), factor);
}

static void check_number(const struct validation *validation, const struct schema *schema, const yyjson_mut_val *value, struct str path) {
    struct arena *arena = validation->arena;
    double number = yyjson_mut_get_num(json_mut_loose(value));
    bool is_integer = yyjson_mut_is_int(json_mut_loose(value));
    const struct schema_limit *min = &schema->minimum, *max = &schema->maximum;
    if (schema->multiple_of.is_set && schema->multiple_of.value > 0) {
        if (!is_multiple_of(value, schema->multiple_of.value))
            add(validation, FIELD_INVALID, path, number_text(arena, value),
                arena_printf(arena, "should be a multiple of %.*s", STR_ARG(bound_text(arena, schema->multiple_of.value, is_integer))));
    }
    if (min->is_set && (min->is_exclusive ? number <= min->value : number < min->value))
        add(validation, FIELD_INVALID, path, number_text(arena, value),
            arena_printf(arena, "should be greater than %s%.*s", min->is_exclusive ? "" : "or equal to ",
                         STR_ARG(bound_text(arena, min->value, is_integer))));
    if (max->is_set && (max->is_exclusive ? number >= max->value : number > max->value))
        add(validation, FIELD_INVALID, path, number_text(arena, value),
            arena_printf(arena, "should be less than %s%.*s", max->is_exclusive ? "" : "or equal to ",
                         STR_ARG(bound_text(arena, max->value, is_integer))));
}

static void add_too_many(const struct validation *validation, struct str path, int64_t found, int64_t max) {
    field_errors_add_text(validation->out, FIELD_TOO_MANY, path, arena_printf(validation->arena, "%lld", (long long)found),
                          arena_printf(validation->arena, "must have at most %lld item%s", (long long)max, max == 1 ? "" : "s"));
}

static bool has_duplicates(const yyjson_mut_val *list) {
    size_t index, max, before, before_max;
    yyjson_mut_val *item, *other;
    yyjson_mut_arr_foreach(json_mut_loose(list), index, max, item) {
        yyjson_mut_arr_foreach(json_mut_loose(list), before, before_max, other) {
            if (before >= index) break;
            if (json_mut_equal(item, other)) return true;
        }
    }
    return false;
}

static void check_list(const struct validation *validation, const struct schema *schema, const yyjson_mut_val *value,
                       const yyjson_mut_val *old, struct str path) {
    size_t index, max;
    yyjson_mut_val *item;
    int64_t size = (int64_t)yyjson_mut_arr_size(json_mut_loose(value));
    yyjson_mut_arr_foreach(json_mut_loose(value), index, max, item) {
        if (!schema->items) break;
        const yyjson_mut_val *before = old ? schema_correlate(schema, old, item) : NULL;
        validate(validation, schema->items, item, before, schema_index_path(validation->arena, path, index));
    }
    if (schema->min_items.is_set && size < schema->min_items.value)
        add(validation, FIELD_INVALID, path, arena_printf(validation->arena, "%lld", (long long)size),
            arena_printf(validation->arena, "should have at least %lld items", (long long)schema->min_items.value));
    if (schema->max_items.is_set && size > schema->max_items.value) add_too_many(validation, path, size, schema->max_items.value);
    if (schema->has_unique_items && has_duplicates(value))
        add(validation, FIELD_INVALID, path, STR("\"\""), STR("shouldn't contain duplicates"));
}

static void check_members(const struct validation *validation, const struct schema *schema, const yyjson_mut_val *value,
                          const yyjson_mut_val *old, struct str path) {
    size_t index, max;
    yyjson_mut_val *key, *member;
    yyjson_mut_obj_foreach(json_mut_loose(value), index, max, key, member) {
        struct str name = json_mut_text(key);
        const struct schema *known = schema_of_key(schema, name);
        if (known) {
            const yyjson_mut_val *before = old ? yyjson_mut_obj_getn(json_mut_loose(old), name.ptr, name.len) : NULL;
            validate(validation, known, member, before, schema_child_path(validation->arena, path, name));
        } else if (schema->forbids_additional) {
            struct str words = arena_printf(validation->arena, "%.*s.%.*s in body is a forbidden property", STR_ARG(path), STR_ARG(name));
            field_errors_add_text(validation->out, FIELD_INVALID, path.len ? path : STR("<nil>"), STR("\"\""), words);
        }
    }
}

static void check_object(const struct validation *validation, const struct schema *schema, const yyjson_mut_val *value,
                         const yyjson_mut_val *old, struct str path) {
    int64_t size = (int64_t)yyjson_mut_obj_size(json_mut_loose(value));
    if (schema->min_properties.is_set && size < schema->min_properties.value)
        add(validation, FIELD_INVALID, path, arena_printf(validation->arena, "%lld", (long long)size),
            arena_printf(validation->arena, "should have at least %lld properties", (long long)schema->min_properties.value));
    if (schema->max_properties.is_set && size > schema->max_properties.value)
        add_too_many(validation, path, size, schema->max_properties.value);
    check_members(validation, schema, value, yyjson_mut_is_obj(json_mut_loose(old)) ? old : NULL, path);
    size_t index, max;
    yyjson_val *name;
    yyjson_arr_foreach(json_loose(schema->required), index, max, name) {
        struct str key = json_text(name);
        if (yyjson_mut_obj_getn(json_mut_loose(value), key.ptr, key.len)) continue;
        field_errors_add_text(validation->out, FIELD_REQUIRED, schema_child_path(validation->arena, path, key), STR_EMPTY, STR_EMPTY);
    }
}

static bool equals_frozen(const yyjson_mut_val *value, const yyjson_val *choice) {
    yyjson_val *wanted = json_loose(choice);
    yyjson_mut_val *found = json_mut_loose(value);
    if (yyjson_is_str(wanted) && yyjson_mut_is_str(found)) return str_equal(json_mut_text(found), json_text(wanted));
    if (yyjson_is_num(wanted) && yyjson_mut_is_num(found)) return yyjson_get_num(wanted) == yyjson_mut_get_num(found);
    if (yyjson_is_bool(wanted) && yyjson_mut_is_bool(found)) return yyjson_get_bool(wanted) == yyjson_mut_get_bool(found);
    return yyjson_is_null(wanted) && yyjson_mut_is_null(found);
}

static void check_choice(const struct validation *validation, const struct schema *schema, const yyjson_mut_val *value, struct str path) {
    size_t index, max;
    yyjson_val *choice, *choices = json_loose(schema->enumeration);
    if (!choices) return;
    struct arena *arena = validation->arena;
    yyjson_arr_foreach(choices, index, max, choice) {
        if (equals_frozen(value, choice) || (yyjson_is_ctn(choice) && json_equal(choice, json_freeze(arena, value)))) return;
    }
    struct strbuf words = strbuf_with_max(LIMIT_BODY_BYTES);
    strbuf_append(&words, STR("supported values: "));
    yyjson_arr_foreach(choices, index, max, choice) {
        struct strbuf json = strbuf_with_max(LIMIT_BODY_BYTES);
        if (!yyjson_is_str(choice)) json_write(&json, choice);
        if (json.is_memory_out) arena->exhausted = true;
        struct str quoted = field_error_quote(arena, yyjson_is_str(choice) ? json_text(choice) : strbuf_view(&json));
        strbuf_printf(&words, "%s%.*s", index ? ", " : "", STR_ARG(quoted));
        strbuf_release(&json);
    }
    struct field_errors shown = {.arena = arena};
    field_errors_add(&shown, FIELD_NOT_SUPPORTED, path, value, "%s", "");
    struct str detail = strbuf_take(&words, arena);
    if (shown.count) field_errors_add_text(validation->out, FIELD_NOT_SUPPORTED, path, shown.items[0].value, detail);
}

/* What one of several schemas has to say, apart from the rest. */
static struct field_errors try(const struct validation *validation, const struct schema *schema, const yyjson_mut_val *value,
                               const yyjson_mut_val *old, struct str path, size_t *out_matches) {
    struct field_errors errors = {.arena = validation->arena};
    *out_matches = 0;
    struct validation apart = {.arena = validation->arena, .out = &errors, .matches = out_matches};
    validate(&apart, schema, value, old, path);
    return errors;
}

static void add_all(const struct validation *validation, const struct field_errors *errors) {
    for (size_t i = 0; i < errors->count; i++) {
        const struct field_error *error = &errors->items[i];
        field_errors_add_text(validation->out, error->kind, error->field, error->value, error->detail);
    }
}

static void add_composite(const struct validation *validation, struct str path, const char *words) {
    struct str quoted = field_error_quote(validation->arena, path);
    field_errors_add_text(validation->out, FIELD_INVALID, STR("<nil>"), STR("\"\""),
                          arena_printf(validation->arena, "%.*s %s", STR_ARG(quoted), words));
}

static void check_alternatives(const struct validation *validation, const struct schema_list *list, bool needs_exactly_one,
                               const yyjson_mut_val *value, const yyjson_mut_val *old, struct str path) {
    struct field_errors best = {0};
    size_t valid = 0, matches, most = 0;
    for (size_t i = 0; i < list->count; i++) {
        struct field_errors errors = try(validation, list->items[i], value, old, path, &matches);
        if (errors.count && (!best.count || matches > most)) {
            best = errors;
            most = matches;
        }
        if (errors.count) continue;
        valid++;
        if (!needs_exactly_one) return;
    }
    if (needs_exactly_one && valid == 1) return;
    char words[96];
    if (!needs_exactly_one)
        snprintf(words, sizeof words, "must validate at least one schema (anyOf)");
    else if (!valid)
        snprintf(words, sizeof words, "must validate one and only one schema (oneOf). Found none valid");
    else
        snprintf(words, sizeof words, "must validate one and only one schema (oneOf). Found %zu valid alternatives", valid);
    add_composite(validation, path, words);
    if (!valid) add_all(validation, &best);
}

static void check_composites(const struct validation *validation, const struct schema *schema, const yyjson_mut_val *value,
                             const yyjson_mut_val *old, struct str path) {
    if (schema->any_of.count) check_alternatives(validation, &schema->any_of, false, value, old, path);
    if (schema->one_of.count) check_alternatives(validation, &schema->one_of, true, value, old, path);
    size_t valid = 0, matches;
    for (size_t i = 0; i < schema->all_of.count; i++) {
        struct field_errors errors = try(validation, schema->all_of.items[i], value, old, path, &matches);
        valid += errors.count == 0;
        add_all(validation, &errors);
    }
    if (valid < schema->all_of.count)
        add_composite(validation, path,
                      valid ? "must validate all the schemas (allOf)" : "must validate all the schemas (allOf). None validated");
    if (schema->not &&try(validation, schema->not, value, old, path, &matches).count == 0)
        add_composite(validation, path, "must not validate the schema (not)");
}

/* What did not change since `old` is let be, whatever it is: CRDValidationRatcheting. */
static void validate(const struct validation *validation, const struct schema *schema, const yyjson_mut_val *value,
                     const yyjson_mut_val *old, struct str path) {
    if (old && json_mut_equal(value, old)) return;
    bool is_good_type = check_type(validation, schema, value, path);
    if (yyjson_mut_is_null(json_mut_loose(value))) {
        check_choice(validation, schema, value, path);
        return;
    }
    /* One for each validator that applies: type, composites, the value's kind, enum; and one for the schema. */
    if (validation->matches) *validation->matches += 4u + (schema->type != TYPE_ANY) + is_good_type;
    check_composites(validation, schema, value, old, path);
    if (yyjson_mut_is_str(json_mut_loose(value))) check_text(validation, schema, value, path);
    if (yyjson_mut_is_num(json_mut_loose(value))) check_number(validation, schema, value, path);
    if (yyjson_mut_is_arr(json_mut_loose(value)))
        check_list(validation, schema, value, yyjson_mut_is_arr(json_mut_loose(old)) ? old : NULL, path);
    check_choice(validation, schema, value, path);
    if (yyjson_mut_is_obj(json_mut_loose(value))) check_object(validation, schema, value, old, path);
}

/* Errors after which rules are not run: what they rely on may not hold. */
static bool blocks_rules(const struct field_errors *errors) {
    for (size_t i = 0; i < errors->count; i++) {
        enum field_error_kind kind = errors->items[i].kind;
        if (kind == FIELD_NOT_SUPPORTED || kind == FIELD_REQUIRED || kind == FIELD_TOO_LONG || kind == FIELD_TOO_MANY ||
            kind == FIELD_TYPE_INVALID)
            return true;
    }
    return false;
}

/* Lists that had duplicates before may keep and get them. */
static bool has_bad_lists(const struct schema *schema, struct arena *arena, const yyjson_mut_val *old) {
    struct field_errors errors = {.arena = arena};
    schema_validate_lists(schema, old, STR_EMPTY, &errors);
    return errors.count > 0;
}

void schema_validate(const struct schema *schema, struct arena *arena, const yyjson_mut_val *object, const yyjson_mut_val *old,
                     struct field_errors *out) {
    struct field_errors found = {.arena = arena};
    struct validation validation = {.arena = arena, .out = &found, .matches = NULL};
    validate(&validation, schema, object, old, STR_EMPTY);
    if (schema->has_lists_below) schema_validate_embedded(schema, object, STR_EMPTY, &found);
    if (schema->has_lists_below && (!old || !has_bad_lists(schema, arena, old))) schema_validate_lists(schema, object, STR_EMPTY, &found);
    if (schema->has_rules_below && blocks_rules(&found))
        field_errors_add_text(&found, FIELD_INVALID, STR("<nil>"), STR("null"),
                              STR("some validation rules were not checked because the object was invalid; correct the existing errors to "
                                  "complete validation"));
    else if (schema->has_rules_below)
        schema_rules_run(schema, object, old, &found);
    validation.out = out;
    add_all(&validation, &found);
}
