#include <stdio.h>

#include "schema/definition_inner.h"
#include "schema/rules.h"

/* Rules of a definition: written well, compiling, and cheap enough even for the largest objects that the schema lets in. */

enum { RULE_COST = 10000000, DEFINITION_COST = 100000000, COSTLY_RULES = 4, REQUEST_BYTES = 3 * 1024 * 1024 };

struct costly {
    struct str path;
    uint64_t cost;
};

struct check {
    struct arena *arena;
    struct field_errors *out;
    bool may_compile;
    uint64_t total;
    struct costly costly[COSTLY_RULES]; /* the dearest first */
    size_t costly_count;
};

/* Where the walk is. */
struct place {
    const struct schema *schema;
    struct str path;
    struct str uncorrelatable; /* of the first schema around whose parts cannot be told from one state to the next; empty: none */
    bool is_bounded;           /* how many there can be in one object is known */
    uint64_t most;
};

static uint64_t product(uint64_t a, uint64_t b) {
    uint64_t result;
    return __builtin_mul_overflow(a, b, &result) ? UINT64_MAX : result;
}

/* apiextensions' ValidationRule as its error prints it: an internal type, without JSON names. */
static struct str rule_text(struct arena *arena, const yyjson_val *rule) {
    static const struct {
        const char *key, *name;
    } members[] = {{"rule", "Rule"},
                   {"message", "Message"},
                   {"messageExpression", "MessageExpression"},
                   {"reason", "Reason"},
                   {"fieldPath", "FieldPath"}};
    struct strbuf out = strbuf_with_max(LIMIT_BODY_BYTES);
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        yyjson_val *value = json_get(rule, members[i].key);
        strbuf_printf(&out, "%s\"%s\":", i ? "," : "{", members[i].name);
        if (!value && i == 3)
            strbuf_append(&out, STR("null"));
        else
            json_write_text(&out, json_text(value));
    }
    yyjson_val *optional = json_get(rule, "optionalOldSelf");
    strbuf_printf(&out, ",\"OptionalOldSelf\":%s}", !optional ? "null" : json_bool_or(optional, false) ? "true" : "false");
    struct str text = field_error_json(arena, strbuf_view(&out));
    strbuf_release(&out);
    return text;
}

static void add_text(const struct check *check, struct str place, const char *key, struct str value, const char *words) {
    field_errors_add_text(check->out, FIELD_INVALID, definition_child(check->arena, place, key), field_error_quote(check->arena, value),
                          str_of(words));
}

static bool has_break(struct str text) {
    return str_contains(text, STR("\n")) || str_contains(text, STR("\r"));
}

static void check_words(const struct check *check, const struct schema *schema, const struct schema_rule *rule, struct str place) {
    static const char *const reasons[] = {"FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired"};
    struct str message = json_text(json_get(rule->source, "message")), path = json_text(json_get(rule->source, "fieldPath")), shown;
    yyjson_val *reason = json_get(rule->source, "reason");
    if (!rule->rule.len)
        definition_require(definition_child(check->arena, place, "rule"), "rule is not specified", check->out);
    else if (message.len && !rule->message.len)
        add_text(check, place, "message", message, "must be non-empty if specified");
    else if (has_break(rule->message))
        add_text(check, place, "message", message, "must not contain line breaks");
    else if (has_break(rule->rule) && !rule->message.len)
        definition_require(definition_child(check->arena, place, "message"), "message must be specified if rule contains line breaks",
                           check->out);
    if (rule->message_expression.len && !str_trim(rule->message_expression).len)
        definition_require(definition_child(check->arena, place, "messageExpression"), "messageExpression must be non-empty if specified",
                           check->out);
    if (reason)
        definition_check_choice(check->arena, json_text(reason), definition_child(check->arena, place, "reason"), reasons, 4, check->out);
    if (path.len && !str_trim(path).len) add_text(check, place, "fieldPath", path, "must be non-empty if specified");
    if (has_break(path)) add_text(check, place, "fieldPath", path, "must not contain line breaks");
    if (path.len && !schema_field_path(schema, check->arena, path, &shown))
        add_text(check, place, "fieldPath", path, "must be a valid path");
}

static void add_cost_error(const struct check *check, struct str path, const char *what, uint64_t cost, uint64_t limit) {
    double factor = (double)cost / (double)limit;
    char text[32];
    if (factor > 100)
        snprintf(text, sizeof text, "more than 100x");
    else
        snprintf(text, sizeof text, factor < 1.5 ? "%fx" : "%.1fx", factor);
    field_errors_add(check->out, FIELD_FORBIDDEN, path, NULL,
                     "%s exceeds budget by factor of %s (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where "
                     "arrays, maps, and "
                     "strings are declared)",
                     what, text);
}

/* Remembers the dearest of those that make a hundredth of what a definition may cost. */
static void count_cost(struct check *check, struct str path, uint64_t cost) {
    if (__builtin_add_overflow(check->total, cost, &check->total)) check->total = UINT64_MAX;
    if (cost < DEFINITION_COST / 100) return;
    size_t at = check->costly_count < COSTLY_RULES ? check->costly_count++ : COSTLY_RULES;
    for (; at > 0 && check->costly[at - 1].cost < cost; at--) {
        if (at < COSTLY_RULES) check->costly[at] = check->costly[at - 1];
    }
    if (at < COSTLY_RULES) check->costly[at] = (struct costly){path, cost};
}

static void check_program(struct check *check, const struct place *at, const struct schema_rule *rule, struct str place) {
    struct arena *arena = check->arena;
    struct str rule_path = definition_child(arena, place, "rule"), message_path = definition_child(arena, place, "messageExpression");
    /* Where nothing bounds them, as many as fit into a request. */
    uint64_t times = at->is_bounded ? at->most : REQUEST_BYTES / (uint64_t)(at->schema->rules->least_bytes + 1);
    uint64_t cost = rule->program ? product(cel_estimate_cost(rule->program), times) : 0;
    if (cost > RULE_COST) add_cost_error(check, rule_path, "estimated rule cost", cost, RULE_COST);
    count_cost(check, rule_path, cost);
    if (rule->complaint.len) field_errors_add_text(check->out, FIELD_INVALID, rule_path, rule_text(arena, rule->source), rule->complaint);
    if (rule->message_complaint.len)
        field_errors_add_text(check->out, FIELD_INVALID, message_path, rule_text(arena, rule->source), rule->message_complaint);
    uint64_t message_cost = rule->message_program ? cel_estimate_cost(rule->message_program) : 0;
    if (message_cost > RULE_COST) add_cost_error(check, message_path, "estimated messageExpression cost", message_cost, RULE_COST);
    if (rule->message_program) count_cost(check, message_path, message_cost);
    yyjson_val *optional = json_get(rule->source, "optionalOldSelf");
    if (rule->uses_old_self && at->uncorrelatable.len)
        field_errors_add_text(check->out, FIELD_INVALID, rule_path, field_error_quote(arena, json_text(json_get(rule->source, "rule"))),
                              arena_join(arena, STR("oldSelf cannot be used on the uncorrelatable portion of the schema within "),
                                         at->uncorrelatable, STR_EMPTY));
    else if (!rule->uses_old_self && optional)
        field_errors_add_text(check->out, FIELD_INVALID, definition_child(arena, place, "optionalOldSelf"),
                              json_bool_or(optional, false) ? STR("true") : STR("false"),
                              STR("may not be set if oldSelf is not used in rule"));
}

/* How many values of its parts one value can have. */
static struct place inside(const struct place *at) {
    const struct schema *schema = at->schema;
    struct place below = *at;
    const struct schema_bound *bound = schema->additional           ? &schema->max_properties
                                       : schema->type == TYPE_ARRAY ? &schema->max_items
                                                                    : NULL;
    if (!bound) return below;
    below.is_bounded = at->is_bounded && bound->is_set;
    below.most = product(at->most, bound->is_set && bound->value > 0 ? (uint64_t)bound->value : 0);
    return below;
}

static void check_below(struct check *check, const struct place *at);

static void check_part(struct check *check, struct place part, const struct schema *schema, struct str path) {
    if (!schema || !schema->has_rules_below) return;
    part.schema = schema;
    part.path = path;
    check_below(check, &part);
}

/* Parts before the whole, as there. */
static void check_below(struct check *check, const struct place *at) {
    const struct schema *schema = at->schema;
    struct place below = inside(at), item = below;
    check_part(check, below, schema->additional, definition_child(check->arena, at->path, "additionalProperties"));
    for (size_t i = 0; i < schema->property_count; i++)
        check_part(check, below, schema->properties[i].schema,
                   arena_printf(check->arena, "%.*s.properties[%.*s]", STR_ARG(at->path), STR_ARG(schema->properties[i].name)));
    if (schema->list_type != SCHEMA_LIST_MAP && !item.uncorrelatable.len) item.uncorrelatable = at->path;
    check_part(check, item, schema->items, definition_child(check->arena, at->path, "items"));
    for (size_t i = 0; schema->rules && i < schema->rules->count; i++) {
        struct str place = arena_printf(check->arena, "%.*s.x-kubernetes-validations[%zu]", STR_ARG(at->path), i);
        size_t before = check->out->count;
        check_words(check, schema, &schema->rules->items[i], place);
        if (check->may_compile && check->out->count == before) check_program(check, at, &schema->rules->items[i], place);
    }
}

void definition_check_rules(struct arena *arena, const yyjson_mut_val *schema, struct str path, bool may_compile,
                            struct field_errors *out) {
    struct error error;
    yyjson_val *source = json_freeze(arena, schema);
    const struct schema *compiled = source ? schema_compile(arena, source, &error) : NULL;
    if (!compiled || !compiled->has_rules_below) return;
    struct check check = {.arena = arena, .out = out, .may_compile = may_compile};
    struct place root = {.schema = compiled, .path = path, .is_bounded = true, .most = 1};
    check_below(&check, &root);
    if (check.total <= DEFINITION_COST) return;
    for (size_t i = 0; i < check.costly_count; i++)
        field_errors_add_text(out, FIELD_FORBIDDEN, check.costly[i].path, STR_EMPTY,
                              STR("contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema"));
    add_cost_error(&check, path, "x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema", check.total,
                   DEFINITION_COST);
}
