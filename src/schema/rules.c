#include "schema/rules.h"

enum {
    REQUEST_BYTES = 3 * 1024 * 1024, /* no object is larger: what bounds lists and texts that have no bound of their own */
    OBJECT_BUDGET = 10000000,        /* of all rules of one object: apiserver's RuntimeCELCostBudget */
    CALL_BUDGET = 1000000,           /* of one rule: PerCallLimit */
};

static yyjson_mut_val *loose(const yyjson_mut_val *value) {
    return (yyjson_mut_val *)(uintptr_t)value;
}

/* The fewest bytes that a value takes in JSON. */
static int64_t least_bytes(const struct schema *schema) {
    int64_t bytes = 2;
    size_t index, max;
    yyjson_val *name;
    if (schema->type == TYPE_INTEGER || schema->type == TYPE_NUMBER || schema->is_int_or_string) return 1;
    if (schema->type == TYPE_BOOLEAN) return 4;
    yyjson_arr_foreach((yyjson_val *)(uintptr_t)schema->required, index, max, name) {
        const struct schema *member = schema_find_member(schema, json_text(name));
        bytes += (int64_t)json_text(name).len + 4 + (member && !member->default_value ? least_bytes(member) : 0);
    }
    return bytes;
}

static int64_t most_elements(const struct schema *schema) {
    switch (schema->type) {
    case TYPE_STRING: return schema->max_length.is_set ? schema->max_length.value : REQUEST_BYTES - 2;
    case TYPE_ARRAY:
        if (schema->max_items.is_set) return schema->max_items.value;
        return schema->items ? REQUEST_BYTES / (least_bytes(schema->items) + 1) : -1;
    case TYPE_OBJECT:
        if (schema->max_properties.is_set) return schema->max_properties.value;
        return schema->additional ? REQUEST_BYTES / (least_bytes(schema->additional) + 6) : -1;
    default: return -1;
    }
}

uint64_t schema_cardinality(const struct schema *schema) {
    int64_t most = most_elements(schema);
    return most > 0 ? (uint64_t)most : 1;
}

static const struct cel_type *declare(struct arena *arena, const struct schema *schema);

static const struct cel_type text_type = {.kind = CEL_STRING, .max_elements = 253};

/* apiVersion, kind and metadata's name of whole resources may be looked at though no schema names them. */
static bool add_resource_fields(struct arena *arena, struct cel_field *fields, size_t *count) {
    struct cel_field *names = arena_array(arena, 2, sizeof *names);
    struct cel_type *metadata = arena_alloc(arena, sizeof *metadata);
    if (!names || !metadata) return false;
    names[0] = (struct cel_field){STR("name"), STR("name"), &text_type};
    names[1] = (struct cel_field){STR("generateName"), STR("generateName"), &text_type};
    *metadata = (struct cel_type){.kind = CEL_OBJECT, .fields = names, .field_count = 2, .max_elements = -1};
    fields[(*count)++] = (struct cel_field){STR("apiVersion"), STR("apiVersion"), &text_type};
    fields[(*count)++] = (struct cel_field){STR("kind"), STR("kind"), &text_type};
    fields[(*count)++] = (struct cel_field){STR("metadata"), STR("metadata"), metadata};
    return true;
}

static bool declare_object(struct arena *arena, const struct schema *schema, struct cel_type *type) {
    bool is_resource = schema->is_root || schema->is_embedded_resource;
    struct cel_field *fields = arena_array(arena, schema->property_count + 3, sizeof *fields);
    size_t count = 0;
    if (!fields || (is_resource && !add_resource_fields(arena, fields, &count))) return false;
    for (size_t i = 0; i < schema->property_count; i++) {
        struct str name = schema->properties[i].name;
        bool is_there = is_resource && (str_is(name, "apiVersion") || str_is(name, "kind") || str_is(name, "metadata"));
        struct str cel_name = cel_escape_field(arena, name);
        if (is_there || !cel_name.len) continue;
        const struct cel_type *declared = declare(arena, schema->properties[i].schema);
        if (!declared) return false;
        fields[count++] = (struct cel_field){name, cel_name, declared};
    }
    *type = (struct cel_type){.kind = CEL_OBJECT, .fields = fields, .field_count = count, .max_elements = -1, .name = STR("object")};
    return true;
}

/* The schema's type as cel knows types, made once. */
static const struct cel_type *declare(struct arena *arena, const struct schema *schema) {
    struct schema *mine = (struct schema *)(uintptr_t)schema;
    if (schema->declared) return schema->declared;
    struct cel_type *type = arena_alloc(arena, sizeof *type);
    if (!type) return NULL;
    *type = (struct cel_type){.kind = CEL_DYN, .max_elements = most_elements(schema)};
    bool is_map = schema->type == TYPE_OBJECT && schema->additional, is_list = schema->type == TYPE_ARRAY && schema->items;
    if (is_map || is_list) {
        type->kind = is_map ? CEL_MAP : CEL_LIST;
        type->element = declare(arena, is_map ? schema->additional : schema->items);
        if (!type->element) return NULL;
    } else if (schema->type == TYPE_OBJECT && (schema->property_count || schema->is_root || schema->is_embedded_resource)) {
        if (!declare_object(arena, schema, type)) return NULL;
    } else if (schema->type == TYPE_STRING) {
        bool is_time = str_is(schema->format, "date-time"), is_duration = str_is(schema->format, "duration");
        type->kind = is_time ? CEL_TIMESTAMP : is_duration ? CEL_DURATION : CEL_STRING;
    } else if (schema->type == TYPE_INTEGER) {
        type->kind = CEL_INT;
    } else if (schema->type == TYPE_NUMBER) {
        type->kind = CEL_DOUBLE;
    } else if (schema->type == TYPE_BOOLEAN) {
        type->kind = CEL_BOOL;
    }
    return mine->declared = type;
}

static void compile_rule(struct arena *arena, const struct cel_type *self, const yyjson_val *source, struct schema_rule *out) {
    struct str message_expression = str_trim(json_text(json_get(source, "messageExpression")));
    *out = (struct schema_rule){.rule = str_trim(json_text(json_get(source, "rule"))),
                                .message = str_trim(json_text(json_get(source, "message"))),
                                .reason = json_text(json_get(source, "reason")),
                                .field_path = str_trim(json_text(json_get(source, "fieldPath"))),
                                .is_old_self_optional = json_bool_or(json_get(source, "optionalOldSelf"), false)};
    struct cel_environment environment = {.self = self, .has_old_self = true, .is_old_self_optional = out->is_old_self_optional};
    cel_compile(arena, out->rule, &environment, CEL_BOOL, &out->program, &out->error);
    if (message_expression.len) cel_compile(arena, message_expression, &environment, CEL_STRING, &out->message_program, &out->message_error);
}

const struct schema_rules *schema_rules_compile(struct arena *arena, const struct schema *schema) {
    yyjson_val *list = json_get(schema->source, "x-kubernetes-validations"), *rule;
    size_t index, max, count = yyjson_arr_size(list);
    struct schema_rules *rules = arena_alloc(arena, sizeof *rules);
    struct schema_rule *items = arena_array(arena, count + 1, sizeof *items);
    const struct cel_type *self = declare(arena, schema);
    if (!rules || !items || !self) return NULL;
    yyjson_arr_foreach(list, index, max, rule) compile_rule(arena, self, rule, &items[index]);
    *rules = (struct schema_rules){.items = items, .count = count};
    return rules;
}

struct running {
    struct arena *arena;
    struct field_errors *out;
    uint64_t budget;
    bool is_over;
};

static struct str shown_path(struct str path) {
    return path.len ? path : STR("<nil>");
}

static void add_invalid(struct running *running, const struct schema *schema, struct str path, struct str words) {
    struct str type = arena_printf(running->arena, "\"%.*s\"", STR_ARG(schema_type(schema)));
    field_errors_add_text(running->out, FIELD_INVALID, shown_path(path), type, words);
}

/* fieldErrorForReason */
static void add_for_reason(struct running *running, const struct schema *schema, const struct schema_rule *rule, struct str path, struct str words) {
    struct str type = arena_printf(running->arena, "\"%.*s\"", STR_ARG(schema_type(schema)));
    enum field_error_kind kind = str_is(rule->reason, "FieldValueForbidden")   ? FIELD_FORBIDDEN
                                 : str_is(rule->reason, "FieldValueRequired")  ? FIELD_REQUIRED
                                 : str_is(rule->reason, "FieldValueDuplicate") ? FIELD_DUPLICATE
                                                                               : FIELD_INVALID;
    field_errors_add_text(running->out, kind, shown_path(path), type, kind == FIELD_DUPLICATE ? STR_EMPTY : words);
}

static struct str message_of(struct running *running, const struct schema_rule *rule, const yyjson_mut_val *value, const yyjson_mut_val *old) {
    struct cel_result result;
    struct error error;
    if (rule->message_program && cel_evaluate(rule->message_program, running->arena, value, old, &running->budget, &result, &error)) {
        struct str text = str_trim(result.text);
        if (text.len && !str_contains(text, STR("\n"))) return text;
    }
    return rule->message.len ? rule->message : arena_join(running->arena, STR("failed rule: "), rule->rule, STR_EMPTY);
}

static void add_failure(struct running *running, const struct schema *schema, const struct schema_rule *rule, struct str path, const struct error *error) {
    struct str shown = rule->message.len ? rule->message : rule->rule, words;
    if (error->kind == ERROR_LIMIT) {
        words = arena_printf(running->arena, "'%s': no further validation rules will be run due to call cost exceeds limit for rule: %.*s", error->message, STR_ARG(shown));
        running->is_over = true;
    } else if (str_starts_with(str_of(error->message), STR("no such overload"))) {
        words = arena_printf(running->arena, "'%s': call arguments did not match a supported operator, function or macro signature for rule: %.*s", error->message,
                             STR_ARG(shown));
    } else {
        words = arena_printf(running->arena, "%s evaluating rule: %.*s", error->message, STR_ARG(shown));
    }
    add_invalid(running, schema, path, words);
}

static void run_rule(struct running *running, const struct schema *schema, const struct schema_rule *rule, const yyjson_mut_val *value,
                     const yyjson_mut_val *old, struct str path) {
    struct cel_result result;
    struct error error;
    if (!rule->program) {
        add_invalid(running, schema, path, arena_printf(running->arena, "rule compile error: %s", rule->error.message));
        return;
    }
    bool is_transition = cel_uses_old_self(rule->program);
    if (is_transition && !old && !rule->is_old_self_optional) return;
    /* What did not change is let be, unless the rule is about change. */
    if (!is_transition && old && yyjson_mut_equals(loose(value), loose(old))) return;
    uint64_t call_budget = running->budget < CALL_BUDGET ? running->budget : CALL_BUDGET, left = call_budget;
    bool is_done = cel_evaluate(rule->program, running->arena, value, old, &left, &result, &error);
    running->budget -= call_budget - left;
    if (!is_done && error.kind == ERROR_LIMIT && call_budget < CALL_BUDGET) {
        add_invalid(running, schema, path, STR("validation failed due to running out of cost budget, no further validation rules will be run"));
        running->is_over = true;
    } else if (!is_done) {
        add_failure(running, schema, rule, path, &error);
    } else if (!result.is_true) {
        struct str field = str_starts_with(rule->field_path, STR(".")) ? str_from(rule->field_path, 1) : rule->field_path;
        struct str place = field.len ? schema_child_path(running->arena, path, field) : path;
        add_for_reason(running, schema, rule, place, message_of(running, rule, value, old));
    }
}

static void run_below(struct running *running, const struct schema *schema, const yyjson_mut_val *value, const yyjson_mut_val *old, struct str path) {
    size_t index, max;
    yyjson_mut_val *key, *member;
    if (running->is_over || !schema->has_rules_below || yyjson_mut_is_null(loose(value))) return;
    for (size_t i = 0; schema->rules && i < schema->rules->count && !running->is_over; i++)
        run_rule(running, schema, &schema->rules->items[i], value, old, path);
    if (yyjson_mut_is_arr(loose(value)) && schema->items) {
        yyjson_mut_arr_foreach(loose(value), index, max, member) {
            const yyjson_mut_val *before = yyjson_mut_is_arr(loose(old)) ? schema_correlate(schema, old, member) : NULL;
            run_below(running, schema->items, member, before, schema_index_path(running->arena, path, index));
        }
    } else if (yyjson_mut_is_obj(loose(value))) {
        yyjson_mut_obj_foreach(loose(value), index, max, key, member) {
            struct str name = {yyjson_mut_get_str(key), yyjson_mut_get_len(key)};
            const struct schema *known = schema_of_key(schema, name);
            if (!known || !known->has_rules_below) continue;
            const yyjson_mut_val *before = yyjson_mut_is_obj(loose(old)) && !schema->is_map_atomic ? yyjson_mut_obj_getn(loose(old), name.ptr, name.len) : NULL;
            run_below(running, known, member, before, schema_child_path(running->arena, path, name));
        }
    }
}

void schema_rules_run(const struct schema *schema, struct arena *arena, const yyjson_mut_val *object, const yyjson_mut_val *old,
                      struct field_errors *out) {
    struct running running = {.arena = arena, .out = out, .budget = OBJECT_BUDGET};
    run_below(&running, schema, object, old, STR_EMPTY);
}
