#include "cel/program.h"

/* The checked tree, evaluated: a walk, each step of which is paid for. */

static bool evaluate(struct run *run, const struct node *node, struct value *out);

static struct value *keep(struct run *run, const struct value *value) {
    struct value *copy = arena_alloc(run->arena, sizeof *copy);
    if (copy)
        *copy = *value;
    else
        error_set(run->error, ERROR_MEMORY, "memory is out");
    return copy;
}

static bool give_optional(struct run *run, const struct value *content, struct value *out) {
    *out = (struct value){.kind = CEL_OPTIONAL, .content = content ? keep(run, content) : NULL};
    return !content || out->content;
}

/* target.field, target.?field, has(target.field); what is selected from an optional is one. */
static bool evaluate_select(struct run *run, const struct node *node, struct value *out) {
    struct value target, found, key = {.kind = CEL_STRING, .text = node->text};
    bool is_there = false, is_optional = node->is_method;
    if (!evaluate(run, node->children[0], &target)) return false;
    if (target.kind == CEL_OPTIONAL) {
        is_optional = true;
        if (!target.content)
            return node->kind == NODE_HAS ? (*out = (struct value){.kind = CEL_BOOL}, true) : give_optional(run, NULL, out);
        target = *target.content;
    }
    if (target.kind != CEL_MAP) return error_set(run->error, ERROR_INVALID, "no such overload");
    if (!value_map_get(&target, &key, &found, &is_there, run->error)) return false;
    if (node->kind == NODE_HAS) {
        *out = (struct value){.kind = CEL_BOOL, .boolean = is_there};
        return true;
    }
    if (is_optional) return give_optional(run, is_there ? &found : NULL, out);
    if (!is_there) return error_set(run->error, ERROR_NOT_FOUND, "no such key: %.*s", STR_ARG(node->text));
    *out = found;
    return true;
}

/* && and || look at both sides where the first one fails: the other may still decide. */
static bool evaluate_logic(struct run *run, const struct node *node, bool decides, struct value *out) {
    struct value left, right;
    struct error first = {.kind = ERROR_NONE};
    struct error *error = run->error;
    run->error = &first;
    bool is_left = evaluate(run, node->children[0], &left) && left.kind == CEL_BOOL;
    run->error = error;
    if (is_left && left.boolean == decides) {
        *out = left;
        return true;
    }
    if (first.kind == ERROR_LIMIT || first.kind == ERROR_MEMORY) {
        *error = first;
        return false;
    }
    bool is_right = evaluate(run, node->children[1], &right);
    if (is_right && right.kind == CEL_BOOL && (right.boolean == decides || is_left)) {
        *out = right;
        return true;
    }
    if (!is_left) {
        if (first.kind != ERROR_NONE)
            *error = first;
        else
            error_set(error, ERROR_INVALID, "no such overload");
        return false;
    }
    return is_right ? error_set(error, ERROR_INVALID, "no such overload") : false;
}

static bool evaluate_choice(struct run *run, const struct node *node, struct value *out) {
    struct value condition;
    if (!evaluate(run, node->children[0], &condition)) return false;
    if (condition.kind != CEL_BOOL) return error_set(run->error, ERROR_INVALID, "no such overload");
    return evaluate(run, node->children[condition.boolean ? 1 : 2], out);
}

static bool evaluate_call(struct run *run, const struct node *node, struct value *out) {
    struct value arguments[FUNCTION_ARGUMENTS];
    enum cel_type_kind kinds[FUNCTION_ARGUMENTS];
    if (str_is(node->text, "_&&_")) return evaluate_logic(run, node, false, out);
    if (str_is(node->text, "_||_")) return evaluate_logic(run, node, true, out);
    if (str_is(node->text, "_?_:_")) return evaluate_choice(run, node, out);
    for (size_t i = 0; i < node->child_count; i++) {
        if (!evaluate(run, node->children[i], &arguments[i])) return false;
        kinds[i] = arguments[i].kind;
    }
    const struct function *function =
        node->function ? node->function : function_find(node->text, node->is_method, kinds, node->child_count);
    if (!function) return error_set(run->error, ERROR_INVALID, "no such overload");
    if (function->is_linear && !run_pay(run, run_size_cost(arguments, node->child_count))) return false;
    return function->body(run, arguments, node->child_count, out);
}

static bool evaluate_list(struct run *run, const struct node *node, struct value *out) {
    struct value *items = arena_array(run->arena, node->child_count + 1, sizeof *items);
    if (!items) return error_set(run->error, ERROR_MEMORY, "memory is out");
    for (size_t i = 0; i < node->child_count; i++) {
        if (!evaluate(run, node->children[i], &items[i])) return false;
    }
    *out = (struct value){.kind = CEL_LIST, .list = {.items = items, .count = node->child_count}};
    return true;
}

static bool evaluate_map(struct run *run, const struct node *node, struct value *out) {
    size_t count = node->child_count / 2;
    struct value_entry *entries = arena_array(run->arena, count + 1, sizeof *entries);
    struct value *values = arena_array(run->arena, node->child_count + 1, sizeof *values);
    if (!entries || !values) return error_set(run->error, ERROR_MEMORY, "memory is out");
    for (size_t i = 0; i < node->child_count; i++) {
        if (!evaluate(run, node->children[i], &values[i])) return false;
    }
    for (size_t i = 0; i < count; i++) entries[i] = (struct value_entry){.key = &values[2 * i], .value = &values[2 * i + 1]};
    *out = (struct value){.kind = CEL_MAP, .map = {.entries = entries, .count = count}};
    return true;
}

/* What the variable of a fold is in turn: items of a list, keys of a map. */
static bool range_item(struct run *run, const struct value *range, struct value_walk *walk, size_t index, struct value *out) {
    if (range->kind == CEL_LIST) return value_list_get(range, walk, index, out, run->error);
    *out = value_map_key(range, walk, index);
    return true;
}

struct folding {
    size_t held;        /* how many items the predicate held for */
    struct error first; /* of an item whose predicate failed; only counts when no other item decides */
    struct value *made;
    size_t made_count;
};

/* False: it is over, by an error in run->error or (all, exists) because it is decided. */
static bool fold_item(struct run *run, const struct node *node, const struct value *item, struct folding *folding, bool *out_has_failed) {
    struct value result;
    bool may_fail = node->fold == FOLD_ALL || node->fold == FOLD_EXISTS;
    struct error error = {.kind = ERROR_NONE}, *outer = run->error;
    run->error = &error;
    bool is_good = evaluate(run, node->children[1], &result);
    run->error = outer;
    bool is_predicate = node->fold != FOLD_MAP || node->child_count == 3;
    if (is_good && is_predicate && result.kind != CEL_BOOL) is_good = error_set(&error, ERROR_INVALID, "no such overload");
    if (!is_good) {
        if (may_fail && error.kind != ERROR_LIMIT && error.kind != ERROR_MEMORY) {
            if (folding->first.kind == ERROR_NONE) folding->first = error;
            return true;
        }
        *outer = error;
        *out_has_failed = true;
        return false;
    }
    bool holds = !is_predicate || result.boolean;
    folding->held += holds;
    if (node->fold == FOLD_ALL) return holds;
    if (node->fold == FOLD_EXISTS) return !holds;
    if (!holds || node->fold == FOLD_EXISTS_ONE) return true;
    if (node->fold == FOLD_FILTER)
        result = *item;
    else if (node->child_count == 3 && !evaluate(run, node->children[2], &result)) {
        *out_has_failed = true;
        return false;
    }
    folding->made[folding->made_count++] = result;
    return true;
}

static bool evaluate_fold(struct run *run, const struct node *node, struct value *out) {
    struct value range;
    struct value_walk walk = {0};
    struct folding folding = {.first = {.kind = ERROR_NONE}};
    bool has_failed = false, is_decided = false;
    if (!evaluate(run, node->children[0], &range)) return false;
    if (range.kind != CEL_LIST && range.kind != CEL_MAP) return error_set(run->error, ERROR_INVALID, "no such overload");
    size_t count = range.kind == CEL_LIST ? value_list_count(&range) : value_map_count(&range);
    folding.made = arena_array(run->arena, count + 1, sizeof *folding.made);
    if (!folding.made) return error_set(run->error, ERROR_MEMORY, "memory is out");
    for (size_t i = 0; i < count && !is_decided; i++) {
        struct value *item = &run->slots[node->slot];
        if (!run_pay(run, 1) || !range_item(run, &range, &walk, i, item)) return false;
        is_decided = !fold_item(run, node, item, &folding, &has_failed);
        if (has_failed) return false;
    }
    if (!is_decided && folding.first.kind != ERROR_NONE) {
        *run->error = folding.first;
        return false;
    }
    if (node->fold == FOLD_MAP || node->fold == FOLD_FILTER)
        *out = (struct value){.kind = CEL_LIST, .list = {.items = folding.made, .count = folding.made_count}};
    else
        *out = (struct value){.kind = CEL_BOOL,
                              .boolean = node->fold == FOLD_EXISTS_ONE ? folding.held == 1 : (node->fold == FOLD_EXISTS) == is_decided};
    return true;
}

static bool evaluate(struct run *run, const struct node *node, struct value *out) {
    if (node->kind != NODE_LITERAL && !run_pay(run, 1)) return false;
    switch (node->kind) {
    case NODE_LITERAL: *out = node->literal; return true;
    case NODE_IDENTIFIER: *out = run->slots[node->slot]; return true;
    case NODE_SELECT:
    case NODE_HAS: return evaluate_select(run, node, out);
    case NODE_CALL: return evaluate_call(run, node, out);
    case NODE_LIST: return evaluate_list(run, node, out);
    case NODE_MAP: return evaluate_map(run, node, out);
    case NODE_FOLD: return evaluate_fold(run, node, out);
    }
    return false;
}

bool cel_compile(struct arena *arena, struct str source, const struct cel_environment *environment, enum cel_type_kind result,
                 const struct cel_program **out, struct error *error) {
    struct cel_program *program = arena_alloc(arena, sizeof *program);
    if (!program) return error_set(error, ERROR_MEMORY, "the expression is too large");
    program->source = arena_copy(arena, source);
    program->environment = *environment;
    program->root = cel_parse(arena, program->source, error);
    if (!program->root || !cel_check(arena, program, result, error)) return false;
    program->cost = cel_cost_of(program);
    *out = program;
    return true;
}

bool cel_uses_old_self(const struct cel_program *program) {
    return program->uses_old_self;
}

uint64_t cel_estimate_cost(const struct cel_program *program) {
    return program->cost;
}

static bool set_slots(struct run *run, const struct cel_program *program, const yyjson_mut_val *self, const yyjson_mut_val *old_self) {
    const struct cel_environment *environment = &program->environment;
    struct value *old = &run->slots[SLOT_OLD_SELF], content;
    if (!value_of_json(self, environment->self, &run->slots[SLOT_SELF], run->error)) return false;
    if (!environment->has_old_self) return true;
    if (old_self && !value_of_json(old_self, environment->self, old, run->error)) return false;
    if (!environment->is_old_self_optional) return true;
    content = *old;
    return give_optional(run, old_self ? &content : NULL, old);
}

bool cel_evaluate(const struct cel_program *program, struct arena *arena, const yyjson_mut_val *self, const yyjson_mut_val *old_self,
                  uint64_t *budget, struct cel_result *out, struct error *error) {
    struct run run = {
        .arena = arena, .budget = budget, .error = error, .slots = arena_array(arena, program->slot_count, sizeof *run.slots)};
    struct value value;
    if (!run.slots) return error_set(error, ERROR_MEMORY, "memory is out");
    if (!set_slots(&run, program, self, old_self) || !evaluate(&run, program->root, &value)) return false;
    *out = (struct cel_result){0};
    if (value.kind == CEL_BOOL)
        out->is_true = value.boolean;
    else if (value.kind == CEL_STRING)
        out->text = value.text;
    else
        return error_set(error, ERROR_INVALID, "the expression gave %s", value_kind_name(value.kind));
    return true;
}

/* apiserver's cel.Escape: names that CEL reserves, and characters that it cannot spell. */
struct str cel_escape_field(struct arena *arena, struct str name) {
    static const char *const reserved[] = {"true",     "false",   "null",      "in",       "as",  "break",  "const",
                                           "continue", "else",    "for",       "function", "if",  "import", "let",
                                           "loop",     "package", "namespace", "return",   "var", "void",   "while"};
    for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++) {
        if (str_is(name, reserved[i])) return arena_printf(arena, "__%s__", reserved[i]);
    }
    if (!name.len || (name.ptr[0] >= '0' && name.ptr[0] <= '9')) return STR_EMPTY;
    struct strbuf out = strbuf_with_max(LIMIT_ERROR_MESSAGE_BYTES * 8);
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
        if (c == '_' && i + 1 < name.len && name.ptr[i + 1] == '_')
            strbuf_append(&out, STR("__underscores__")), i++;
        else if (is_plain)
            strbuf_append_char(&out, c);
        else if (c == '.')
            strbuf_append(&out, STR("__dot__"));
        else if (c == '-')
            strbuf_append(&out, STR("__dash__"));
        else if (c == '/')
            strbuf_append(&out, STR("__slash__"));
        else {
            strbuf_release(&out);
            return STR_EMPTY;
        }
    }
    return strbuf_take(&out, arena);
}
