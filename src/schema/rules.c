#include "schema/rules.h"

#include <string.h>

/* Compiling and running rules as apiextensions-apiserver's pkg/apiserver/schema/cel does. */

enum { CALL_COST = 1000000, OBJECT_COST = 10000000, MESSAGE_BYTES = 5 * 1024 };

static struct str text_at(const yyjson_val *source, const char *key) {
    return json_text(json_get(source, key));
}

static enum field_error_kind reason_of(struct str name) {
    static const enum field_error_kind kinds[] = {FIELD_REQUIRED, FIELD_FORBIDDEN, FIELD_DUPLICATE};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (str_is(name, field_error_reason(kinds[i]))) return kinds[i];
    }
    return FIELD_INVALID;
}

/* The next part of a path, ".x" or "['x']", unescaped; false: it is none. */
static bool next_part(struct arena *arena, struct str *rest, struct str *out) {
    static const char escaped[] = "abfnrtv'\\", meant[] = "\a\b\f\n\r\t\v'\\";
    if (rest->ptr[0] == '.') {
        size_t end = 1;
        while (end < rest->len && rest->ptr[end] != '.' && rest->ptr[end] != '[' && rest->ptr[end] != ']') end++;
        *out = str_first(str_from(*rest, 1), end - 1);
        *rest = str_from(*rest, end);
        return out->len > 0;
    }
    if (!str_starts_with(*rest, STR("['"))) return false;
    char *text = arena_alloc(arena, rest->len);
    size_t len = 0, at = 2;
    for (; text && at < rest->len && rest->ptr[at] != '\''; at++) {
        char c = rest->ptr[at];
        if (c == '\\' && at + 1 < rest->len) {
            const char *found = memchr(escaped, rest->ptr[++at], sizeof escaped - 1);
            if (!found) return false;
            c = meant[found - escaped];
        }
        text[len++] = c;
    }
    if (!text || !str_starts_with(str_from(*rest, at), STR("']"))) return false;
    *out = (struct str){text, len};
    *rest = str_from(*rest, at + 2);
    return true;
}

bool schema_field_path(const struct schema *schema, struct arena *arena, struct str path, struct str *out) {
    struct str shown = STR_EMPTY, part;
    if (!path.len) return false;
    while (path.len) {
        if (!next_part(arena, &path, &part)) return false;
        bool is_named = schema->property_count;
        schema = is_named ? schema_find_member(schema, part) : schema->additional;
        if (!schema) return false;
        shown = is_named ? schema_child_path(arena, shown, part) : arena_printf(arena, "%.*s[%.*s]", STR_ARG(shown), STR_ARG(part));
    }
    *out = shown;
    return true;
}

static struct str complaint_of(struct arena *arena, const char *prefix, const char *other_prefix, const struct error *error) {
    struct str message = str_of(error->message);
    return arena_join(arena, str_of(str_starts_with(message, STR("must evaluate")) ? other_prefix : prefix), message, STR_EMPTY);
}

static void compile_rule(struct arena *arena, const struct schema *schema, const struct cel_type *self, struct schema_rule *rule) {
    struct cel_environment environment = {.self = self, .has_old_self = true, .is_old_self_optional = rule->is_old_self_optional};
    struct str path = text_at(rule->source, "fieldPath");
    struct error error;
    if (path.len) schema_field_path(schema, arena, path, &rule->field_path);
    if (!rule->rule.len) return;
    if (!cel_compile(arena, text_at(rule->source, "rule"), &environment, CEL_BOOL, &rule->program, &error)) {
        rule->complaint = complaint_of(arena, "", "cel expression ", &error);
        return;
    }
    rule->uses_old_self = cel_uses_old_self(rule->program);
    if (rule->message_expression.len &&
        !cel_compile(arena, rule->message_expression, &environment, CEL_STRING, &rule->message_program, &error))
        rule->message_complaint = complaint_of(arena, "messageExpression ", "messageExpression ", &error);
}

bool schema_rules_compile(struct arena *arena, struct schema *schema, struct error *error) {
    yyjson_val *list = json_get(schema->source, "x-kubernetes-validations"), *item;
    size_t index, max, count = yyjson_arr_size(list);
    if (!count) return true;
    struct schema_cel_type self = schema_cel_type(arena, schema, schema->is_root || schema->is_embedded_resource);
    struct schema_rules *rules = arena_alloc(arena, sizeof *rules);
    struct schema_rule *items = arena_array(arena, count, sizeof *items);
    if (!rules || !items) return error_set(error, ERROR_MEMORY, "the schema is too large");
    yyjson_arr_foreach(list, index, max, item) {
        struct schema_rule *rule = &items[index];
        *rule = (struct schema_rule){.source = item,
                                     .rule = str_trim(text_at(item, "rule")),
                                     .message = str_trim(text_at(item, "message")),
                                     .message_expression = text_at(item, "messageExpression"),
                                     .reason = reason_of(text_at(item, "reason")),
                                     .is_old_self_optional = json_bool_or(json_get(item, "optionalOldSelf"), false)};
        if (self.type) compile_rule(arena, schema, self.type, rule);
    }
    *rules = (struct schema_rules){.items = items, .count = count, .least_bytes = self.least_bytes};
    schema->rules = rules;
    schema->has_rules_below = true;
    return !arena->exhausted || error_set(error, ERROR_MEMORY, "the schema is too large");
}

struct run {
    struct arena *arena;
    struct field_errors *out;
    uint64_t budget;
};

/* A value, and the nearest pair around it that was there before: what did not change there is let be. */
struct visited {
    const yyjson_mut_val *value, *old; /* `old` NULL: nothing to compare with */
    const yyjson_mut_val *around, *around_old;
    struct str path;
};

static void add(const struct run *run, const struct schema *schema, enum field_error_kind kind, struct str path, struct str words) {
    struct str shown = path.len ? path : STR("<nil>");
    struct str detail = kind == FIELD_DUPLICATE ? STR_EMPTY : words;
    field_errors_add_text(run->out, kind, shown, field_error_quote(run->arena, schema_type(schema)), detail);
}

/* Evaluates within what one call and the whole object may cost. False: failed; *out_is_over: nothing more may run. */
static bool evaluate(struct run *run, const struct cel_program *program, const struct visited *at, struct cel_result *out,
                     bool *out_is_over, struct error *error) {
    uint64_t call = CALL_COST;
    bool is_good = cel_evaluate(program, run->arena, at->value, at->old, &call, out, error);
    bool is_call_over = !is_good && error->kind == ERROR_LIMIT;
    uint64_t used = is_call_over ? CALL_COST + 1 : CALL_COST - call;
    *out_is_over = used > run->budget;
    run->budget -= *out_is_over ? run->budget : used;
    return is_good && !*out_is_over;
}

/* The words of a rule that is broken. False: nothing more may run; *out then says why. */
static bool message_of(struct run *run, const struct schema_rule *rule, const struct visited *at, struct str *out) {
    struct arena *arena = run->arena;
    struct cel_result result;
    struct error error = {0};
    bool is_over;
    *out = rule->message.len ? rule->message : arena_join(arena, STR("failed rule: "), rule->rule, STR_EMPTY);
    if (!rule->message_program) return true;
    bool is_good = evaluate(run, rule->message_program, at, &result, &is_over, &error);
    if (is_over) {
        *out = STR("messageExpression evaluation failed due to running out of cost budget, no further validation rules will be run");
        return false;
    }
    if (!is_good && error.kind == ERROR_LIMIT) {
        *out = arena_printf(arena, "no further validation rules will be run due to call cost exceeds limit for messageExpression: %.*s",
                            STR_ARG(field_error_quote(arena, rule->message_expression)));
        return false;
    }
    struct str text = is_good ? str_trim(result.text) : STR_EMPTY;
    if (text.len && text.len <= MESSAGE_BYTES && !str_contains(text, STR("\n"))) *out = text;
    return true;
}

static bool is_unchanged(const struct visited *at) {
    return at->around && json_mut_equal(at->around, at->around_old);
}

static struct str failure_words(struct run *run, const struct schema_rule *rule, const struct error *error) {
    struct str shown = rule->message.len ? rule->message : rule->rule;
    if (error->kind == ERROR_LIMIT)
        return arena_printf(
            run->arena,
            "'operation cancelled: actual cost limit exceeded': no further validation rules will be run due to call cost exceeds "
            "limit for rule: %.*s",
            STR_ARG(shown));
    if (str_starts_with(str_of(error->message), STR("no such overload")))
        return arena_printf(run->arena,
                            "'%s': call arguments did not match a supported operator, function or macro signature for rule: %.*s",
                            error->message, STR_ARG(shown));
    return arena_printf(run->arena, "%s evaluating rule: %.*s", error->message, STR_ARG(shown));
}

/* False: nothing more may run. */
static bool run_rule(struct run *run, const struct schema *schema, const struct schema_rule *rule, const struct visited *at) {
    struct cel_result result;
    struct error error = {0};
    bool is_over;
    struct str words;
    if (rule->complaint.len) {
        add(run, schema, FIELD_INVALID, at->path, arena_join(run->arena, STR("rule compile error: "), rule->complaint, STR_EMPTY));
        return true;
    }
    if (!rule->program || (rule->uses_old_self && !at->old && !rule->is_old_self_optional)) return true;
    bool is_good = evaluate(run, rule->program, at, &result, &is_over, &error);
    if (is_over) {
        add(run, schema, FIELD_INVALID, at->path,
            STR("validation failed due to running out of cost budget, no further validation rules will be run"));
        return false;
    }
    if (!is_good) {
        add(run, schema, FIELD_INVALID, at->path, failure_words(run, rule, &error));
        return error.kind != ERROR_LIMIT;
    }
    if (result.is_true) return true;
    bool goes_on = message_of(run, rule, at, &words);
    struct str path = rule->field_path.len ? schema_child_path(run->arena, at->path, rule->field_path) : at->path;
    if (rule->uses_old_self || !is_unchanged(at)) add(run, schema, goes_on ? rule->reason : FIELD_INVALID, path, words);
    return goes_on;
}

static struct visited below(const struct visited *at, const yyjson_mut_val *value, const yyjson_mut_val *old, struct str path) {
    return (struct visited){
        .value = value, .old = old, .around = old ? value : at->around, .around_old = old ? old : at->around_old, .path = path};
}

static bool run_below(struct run *run, const struct schema *schema, const struct visited *at);

static bool run_list(struct run *run, const struct schema *schema, const struct visited *at) {
    size_t index, max;
    yyjson_mut_val *item;
    if (!schema->items || !schema->items->has_rules_below) return true;
    yyjson_mut_arr_foreach(json_mut_loose(at->value), index, max, item) {
        const yyjson_mut_val *old = yyjson_mut_is_arr(json_mut_loose(at->old)) ? schema_correlate(schema, at->old, item) : NULL;
        struct visited inner = below(at, item, old, schema_index_path(run->arena, at->path, index));
        if (!run_below(run, schema->items, &inner)) return false;
    }
    return true;
}

static bool run_members(struct run *run, const struct schema *schema, const struct visited *at) {
    size_t index, max;
    yyjson_mut_val *key, *member;
    yyjson_mut_obj_foreach(json_mut_loose(at->value), index, max, key, member) {
        struct str name = {yyjson_mut_get_str(key), yyjson_mut_get_len(key)};
        const struct schema *known = schema_of_key(schema, name);
        if (!known || !known->has_rules_below) continue;
        const yyjson_mut_val *old =
            yyjson_mut_is_obj(json_mut_loose(at->old)) ? yyjson_mut_obj_getn(json_mut_loose(at->old), name.ptr, name.len) : NULL;
        struct visited inner =
            below(at, member, yyjson_mut_is_null(json_mut_loose(old)) ? NULL : old, schema_key_path(schema, run->arena, at->path, name));
        if (!run_below(run, known, &inner)) return false;
    }
    return true;
}

/* Rules are not run on null: what holds it says whether it may be. */
static bool run_below(struct run *run, const struct schema *schema, const struct visited *at) {
    if (!schema->has_rules_below || yyjson_mut_is_null(json_mut_loose(at->value))) return true;
    for (size_t i = 0; schema->rules && i < schema->rules->count; i++) {
        if (!run_rule(run, schema, &schema->rules->items[i], at)) return false;
    }
    if (yyjson_mut_is_arr(json_mut_loose(at->value))) return run_list(run, schema, at);
    return !yyjson_mut_is_obj(json_mut_loose(at->value)) || run_members(run, schema, at);
}

void schema_rules_run(const struct schema *schema, const yyjson_mut_val *object, const yyjson_mut_val *old, struct field_errors *out) {
    struct run run = {.arena = out->arena, .out = out, .budget = OBJECT_COST};
    struct visited root = {.value = object, .old = old, .around = old ? object : NULL, .around_old = old, .path = STR_EMPTY};
    run_below(&run, schema, &root);
}
