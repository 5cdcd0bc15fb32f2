#include <stdio.h>

#include "cel/program.h"
#include "cel/text.h"

/*
 * Types from the leaves up. Where a type is not known (dyn), overloads are found at run time; where it is and nothing fits, the expression
 * does not compile.
 */

static const struct cel_type dyn = {.kind = CEL_DYN, .max_elements = -1};
static const struct cel_type plain_types[] = {
    [CEL_DYN] = {.kind = CEL_DYN, .max_elements = -1},
    [CEL_BOOL] = {.kind = CEL_BOOL},
    [CEL_INT] = {.kind = CEL_INT},
    [CEL_UINT] = {.kind = CEL_UINT},
    [CEL_DOUBLE] = {.kind = CEL_DOUBLE},
    [CEL_STRING] = {.kind = CEL_STRING, .max_elements = -1},
    [CEL_BYTES] = {.kind = CEL_BYTES, .max_elements = -1},
    [CEL_TIMESTAMP] = {.kind = CEL_TIMESTAMP},
    [CEL_DURATION] = {.kind = CEL_DURATION},
    [CEL_NULL] = {.kind = CEL_NULL},
    [CEL_LIST] = {.kind = CEL_LIST, .element = &dyn, .max_elements = -1},
    [CEL_MAP] = {.kind = CEL_MAP, .element = &dyn, .max_elements = -1},
    [CEL_TYPE_TYPE] = {.kind = CEL_TYPE_TYPE},
    [CEL_OPTIONAL] = {.kind = CEL_OPTIONAL, .element = &dyn},
};

/* Names of variables in force, innermost first. */
struct scope {
    const struct scope *outer;
    struct str name;
    const struct cel_type *type;
    size_t slot;
};

struct checker {
    struct arena *arena;
    struct cel_program *program;
    struct error *error;
};

static bool check(struct checker *checker, struct node *node, const struct scope *scope);

static bool refuse(struct checker *checker, size_t place, const char *format, struct str name) {
    char words[256];
    if (snprintf(words, sizeof words, format, STR_ARG(name)) >= (int)sizeof words)
        words[str_cut_utf8(str_of(words), sizeof words - 4).len] = 0;
    return cel_error_at(checker->error, checker->program->source, place, "%s", words);
}

static struct str type_text(struct arena *arena, const struct cel_type *type) {
    struct str name = str_of(value_kind_name(type->kind));
    if (type->kind == CEL_LIST) return arena_printf(arena, "list(%.*s)", STR_ARG(type_text(arena, type->element ? type->element : &dyn)));
    if (type->kind == CEL_MAP)
        return arena_printf(arena, "map(string, %.*s)", STR_ARG(type_text(arena, type->element ? type->element : &dyn)));
    if (type->kind == CEL_OPTIONAL)
        return arena_printf(arena, "optional_type(%.*s)", STR_ARG(type_text(arena, type->element ? type->element : &dyn)));
    if (type->kind == CEL_OBJECT && type->name.len) return type->name;
    return name;
}

static enum cel_type_kind kind_of(const struct cel_type *type) {
    return type->is_int_or_string || type->preserves_unknown_fields ? CEL_DYN : type->kind;
}

/* A declared type is left out of the tree where its values may be null: anything may then be compared with it. */
static bool check_identifier(struct checker *checker, struct node *node, const struct scope *scope) {
    static const char *const type_names[] = {"bool", "int", "uint", "double", "string", "bytes", "list", "map", "null_type", "type"};
    static const enum cel_type_kind type_kinds[] = {CEL_BOOL,  CEL_INT,  CEL_UINT, CEL_DOUBLE, CEL_STRING,
                                                    CEL_BYTES, CEL_LIST, CEL_MAP,  CEL_NULL,   CEL_TYPE_TYPE};
    for (; scope; scope = scope->outer) {
        if (!str_equal(scope->name, node->text)) continue;
        node->type = scope->type;
        node->slot = scope->slot;
        if (scope->slot == SLOT_OLD_SELF) checker->program->uses_old_self = true;
        return true;
    }
    for (size_t i = 0; i < sizeof type_names / sizeof type_names[0]; i++) {
        if (!str_is(node->text, type_names[i])) continue;
        node->kind = NODE_LITERAL;
        node->literal = (struct value){.kind = CEL_TYPE_TYPE, .type = type_kinds[i]};
        node->type = &plain_types[CEL_TYPE_TYPE];
        return true;
    }
    return refuse(checker, node->place, "undeclared reference to '%.*s' (in container '')", node->text);
}

static struct cel_type *optional_of(struct checker *checker, const struct cel_type *element) {
    struct cel_type *type = arena_alloc(checker->arena, sizeof *type);
    if (!type) return NULL;
    *type = (struct cel_type){.kind = CEL_OPTIONAL, .element = element};
    return type;
}

static bool check_select(struct checker *checker, struct node *node, const struct scope *scope) {
    if (!check(checker, node->children[0], scope)) return false;
    const struct cel_type *type = node->children[0]->type;
    if (type->kind == CEL_OPTIONAL) type = type->element ? type->element : &dyn;
    bool was_optional = node->children[0]->type->kind == CEL_OPTIONAL;
    switch (kind_of(type)) {
    case CEL_DYN: node->type = &dyn; break;
    case CEL_MAP: node->type = type->element ? type->element : &dyn; break;
    case CEL_OBJECT:
        node->type = NULL;
        for (size_t i = 0; i < type->field_count; i++) {
            if (str_equal(type->fields[i].cel_name, node->text)) node->type = type->fields[i].type;
        }
        if (!node->type) return refuse(checker, node->place, "undefined field '%.*s'", node->text);
        break;
    default: return refuse(checker, node->place, "type '%.*s' does not support field selection", type_text(checker->arena, type));
    }
    if (node->kind == NODE_HAS)
        node->type = &plain_types[CEL_BOOL];
    else if (node->is_method || was_optional)
        node->type = optional_of(checker, node->type);
    return node->type || error_set(checker->error, ERROR_MEMORY, "the expression is too large");
}

static bool check_children(struct checker *checker, struct node *node, const struct scope *scope) {
    for (size_t i = 0; i < node->child_count; i++) {
        if (!check(checker, node->children[i], scope)) return false;
    }
    return true;
}

static bool refuse_overload(struct checker *checker, const struct node *node) {
    struct str arguments = STR_EMPTY;
    for (size_t i = node->is_method ? 1 : 0; i < node->child_count; i++) {
        struct str text = type_text(checker->arena, node->children[i]->type);
        arguments = arguments.len ? arena_join(checker->arena, arguments, STR(", "), text) : text;
    }
    struct str target = node->is_method ? type_text(checker->arena, node->children[0]->type) : STR_EMPTY;
    return cel_error_at(checker->error, checker->program->source, node->place,
                        "found no matching overload for '%.*s' applied to '%.*s%s(%.*s)'", STR_ARG(node->text), STR_ARG(target),
                        node->is_method ? "." : "", STR_ARG(arguments));
}

/* int == string can never hold, and does not compile; anything may be compared with null and dyn, and numbers only with their own kind. */
static bool are_comparable(const struct cel_type *a, const struct cel_type *b) {
    enum cel_type_kind left = kind_of(a), right = kind_of(b);
    if (left == CEL_DYN || right == CEL_DYN || left == CEL_NULL || right == CEL_NULL) return true;
    if (left == CEL_OBJECT) left = CEL_MAP;
    if (right == CEL_OBJECT) right = CEL_MAP;
    if (left != right) return false;
    return left != CEL_LIST || are_comparable(a->element ? a->element : &dyn, b->element ? b->element : &dyn);
}

static bool check_logic(struct checker *checker, struct node *node) {
    bool is_choice = str_is(node->text, "_?_:_");
    for (size_t i = 0; i < (is_choice ? 1 : node->child_count); i++) {
        enum cel_type_kind kind = kind_of(node->children[i]->type);
        if (kind != CEL_BOOL && kind != CEL_DYN) return refuse_overload(checker, node);
    }
    node->type = &plain_types[CEL_BOOL];
    if (!is_choice) return true;
    if (!are_comparable(node->children[1]->type, node->children[2]->type)) return refuse_overload(checker, node);
    node->type = kind_of(node->children[1]->type) == CEL_NULL ? node->children[2]->type : node->children[1]->type;
    if (kind_of(node->children[2]->type) == CEL_DYN) node->type = &dyn;
    return true;
}

/* What an overload gives, where its row in the table says only dyn. */
static const struct cel_type *result_of(const struct node *node, const struct function *function) {
    const struct cel_type *first = node->children[0]->type;
    bool is_item = str_is(node->text, "_[_]"),
         is_of_list = str_is(node->text, "min") || str_is(node->text, "max") || str_is(node->text, "sum");
    if (is_item || is_of_list) {
        if (first->kind == CEL_OBJECT || !first->element) return &dyn;
        return first->element;
    }
    if (str_is(node->text, "value") || str_is(node->text, "orValue")) return first->element ? first->element : &dyn;
    if (str_is(node->text, "_+_") && function->result == CEL_LIST) {
        bool is_same =
            first->element && node->children[1]->type->element && are_comparable(first->element, node->children[1]->type->element);
        return is_same ? first : &plain_types[CEL_LIST];
    }
    return &plain_types[function->result];
}

static bool check_call(struct checker *checker, struct node *node, const struct scope *scope) {
    enum cel_type_kind kinds[FUNCTION_ARGUMENTS];
    bool is_dyn = false;
    if (!check_children(checker, node, scope)) return false;
    if (str_is(node->text, "_&&_") || str_is(node->text, "_||_") || str_is(node->text, "_?_:_")) return check_logic(checker, node);
    if (!function_is_known(node->text, node->is_method))
        return refuse(checker, node->place, "undeclared reference to '%.*s' (in container '')", node->text);
    for (size_t i = 0; i < node->child_count && i < FUNCTION_ARGUMENTS; i++) {
        kinds[i] = kind_of(node->children[i]->type);
        is_dyn = is_dyn || kinds[i] == CEL_DYN;
    }
    const struct function *function =
        node->child_count <= FUNCTION_ARGUMENTS ? function_find(node->text, node->is_method, kinds, node->child_count) : NULL;
    if (!function) return refuse_overload(checker, node);
    bool is_equality = str_is(node->text, "_==_") || str_is(node->text, "_!=_");
    if (is_equality && !are_comparable(node->children[0]->type, node->children[1]->type)) return refuse_overload(checker, node);
    if (str_is(node->text, "@in") && kinds[1] == CEL_LIST && node->children[1]->type->element &&
        !are_comparable(node->children[0]->type, node->children[1]->type->element))
        return refuse_overload(checker, node);
    const struct node *last = node->child_count ? node->children[node->child_count - 1] : NULL;
    if (str_is(node->text, "matches") && last->kind == NODE_LITERAL && !text_is_pattern(last->literal.text))
        return cel_error_at(checker->error, checker->program->source, last->place, "invalid matches argument");
    node->function = is_dyn && !is_equality ? NULL : function;
    node->type = is_dyn && kinds[0] == CEL_DYN && function->result != CEL_BOOL ? &dyn : result_of(node, function);
    return true;
}

static const struct cel_type *element_of(const struct cel_type *range) {
    enum cel_type_kind kind = kind_of(range);
    if (kind == CEL_LIST) return range->element ? range->element : &dyn;
    if (kind == CEL_MAP || kind == CEL_OBJECT) return &plain_types[CEL_STRING]; /* its keys */
    return kind == CEL_DYN ? &dyn : NULL;
}

static bool check_fold(struct checker *checker, struct node *node, const struct scope *scope) {
    struct node *range = node->children[0];
    if (!check(checker, range, scope)) return false;
    struct scope inner = {.outer = scope, .name = node->variable, .type = element_of(range->type), .slot = checker->program->slot_count++};
    if (!inner.type)
        return refuse(checker, range->place, "expression of type '%.*s' cannot be range of a comprehension (must be list, map, or dynamic)",
                      type_text(checker->arena, range->type));
    node->slot = inner.slot;
    for (size_t i = 1; i < node->child_count; i++) {
        bool is_predicate = node->fold != FOLD_MAP || (node->child_count == 3 && i == 1);
        if (!check(checker, node->children[i], &inner)) return false;
        enum cel_type_kind kind = kind_of(node->children[i]->type);
        if (is_predicate && kind != CEL_BOOL && kind != CEL_DYN)
            return refuse(checker, node->children[i]->place, "expected type 'bool' but found '%.*s'",
                          type_text(checker->arena, node->children[i]->type));
    }
    if (node->fold != FOLD_MAP && node->fold != FOLD_FILTER) {
        node->type = &plain_types[CEL_BOOL];
        return true;
    }
    struct cel_type *type = arena_alloc(checker->arena, sizeof *type);
    if (!type) return error_set(checker->error, ERROR_MEMORY, "the expression is too large");
    const struct cel_type *element = node->fold == FOLD_FILTER ? inner.type : node->children[node->child_count - 1]->type;
    *type = (struct cel_type){.kind = CEL_LIST, .element = element, .max_elements = range->type->max_elements};
    node->type = type;
    return true;
}

static bool check_collection(struct checker *checker, struct node *node, const struct scope *scope) {
    bool is_map = node->kind == NODE_MAP;
    const struct cel_type *element = NULL;
    if (!check_children(checker, node, scope)) return false;
    for (size_t i = is_map ? 1 : 0; i < node->child_count; i += is_map ? 2 : 1) {
        const struct cel_type *type = node->children[i]->type;
        element = !element ? type : are_comparable(element, type) && kind_of(type) != CEL_NULL ? element : &dyn;
    }
    struct cel_type *type = arena_alloc(checker->arena, sizeof *type);
    if (!type) return error_set(checker->error, ERROR_MEMORY, "the expression is too large");
    size_t count = is_map ? node->child_count / 2 : node->child_count;
    *type = (struct cel_type){.kind = is_map ? CEL_MAP : CEL_LIST, .element = element ? element : &dyn, .max_elements = (int64_t)count};
    node->type = type;
    return true;
}

static bool check(struct checker *checker, struct node *node, const struct scope *scope) {
    switch (node->kind) {
    case NODE_LITERAL: node->type = &plain_types[node->literal.kind]; return true;
    case NODE_IDENTIFIER: return check_identifier(checker, node, scope);
    case NODE_SELECT:
    case NODE_HAS: return check_select(checker, node, scope);
    case NODE_CALL: return check_call(checker, node, scope);
    case NODE_LIST:
    case NODE_MAP: return check_collection(checker, node, scope);
    case NODE_FOLD: return check_fold(checker, node, scope);
    }
    return false;
}

bool cel_check(struct arena *arena, struct cel_program *program, enum cel_type_kind result, struct error *error) {
    struct checker checker = {.arena = arena, .program = program, .error = error};
    const struct cel_environment *environment = &program->environment;
    const struct cel_type *old_type = environment->self;
    if (environment->is_old_self_optional && !(old_type = optional_of(&checker, environment->self)))
        return error_set(error, ERROR_MEMORY, "the expression is too large");
    struct scope self = {.name = STR("self"), .type = environment->self, .slot = SLOT_SELF};
    struct scope old_self = {.outer = &self, .name = STR("oldSelf"), .type = old_type, .slot = SLOT_OLD_SELF};
    program->slot_count = SLOT_FIRST_VARIABLE;
    if (!check(&checker, program->root, environment->has_old_self ? &old_self : &self)) return false;
    enum cel_type_kind kind = kind_of(program->root->type);
    if (kind == result || kind == CEL_DYN) return true;
    return error_set(error, ERROR_INVALID, "must evaluate to %s", result == CEL_BOOL ? "a bool" : "a string");
}

static uint64_t add(uint64_t a, uint64_t b) {
    uint64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

static uint64_t multiply(uint64_t a, uint64_t b) {
    uint64_t product;
    return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}

/* How large a value of a type can be: elements, members or characters; what is not bounded may fill a request. */
static uint64_t size_of(const struct cel_type *type) {
    enum { REQUEST_BYTES = 3 * 1024 * 1024 };
    if (type->max_elements >= 0 && (type->max_elements > 0 || type->kind == CEL_LIST || type->kind == CEL_MAP))
        return (uint64_t)type->max_elements;
    switch (type->kind) {
    case CEL_STRING:
    case CEL_BYTES:
    case CEL_LIST:
    case CEL_MAP:
    case CEL_DYN: return REQUEST_BYTES;
    default: return 1;
    }
}

static uint64_t cost_of(const struct node *node) {
    uint64_t cost = node->kind == NODE_LITERAL ? 0 : 1;
    if (node->kind == NODE_FOLD) {
        uint64_t body = 1;
        for (size_t i = 1; i < node->child_count; i++) body = add(body, cost_of(node->children[i]));
        return add(cost_of(node->children[0]), multiply(size_of(node->children[0]->type), add(body, 1)));
    }
    for (size_t i = 0; i < node->child_count; i++) cost = add(cost, cost_of(node->children[i]));
    bool is_linear = node->kind == NODE_CALL && (node->function ? node->function->is_linear : true);
    bool is_logic = node->kind == NODE_CALL && (str_is(node->text, "_&&_") || str_is(node->text, "_||_") || str_is(node->text, "_?_:_"));
    if (!is_linear || is_logic) return cost;
    uint64_t least = UINT64_MAX, sum = 0;
    for (size_t i = 0; i < node->child_count; i++) {
        uint64_t size = size_of(node->children[i]->type);
        if (node->children[i]->kind == NODE_LITERAL && node->children[i]->literal.kind == CEL_STRING)
            size = node->children[i]->literal.text.len;
        least = size < least ? size : least;
        sum = add(sum, size);
    }
    /* Comparisons end with the shorter one. */
    bool is_comparison = str_starts_with(node->text, STR("_")) && !str_is(node->text, "_+_");
    return add(cost, (is_comparison ? least : sum) / 10 + 1);
}

uint64_t cel_cost_of(const struct cel_program *program) {
    return cost_of(program->root);
}
