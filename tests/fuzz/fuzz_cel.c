/* Rules in CEL: whatever compiles ends within its budget, with an answer or an error, and the same ones when it is asked again. */
#include "cel/cel.h"
#include "harness.h"

static const struct cel_type text_type = {.kind = CEL_STRING, .max_elements = 64};
static const struct cel_type int_type = {.kind = CEL_INT};
static const struct cel_type double_type = {.kind = CEL_DOUBLE};
static const struct cel_type bool_type = {.kind = CEL_BOOL};
static const struct cel_type time_type = {.kind = CEL_TIMESTAMP};
static const struct cel_type duration_type = {.kind = CEL_DURATION};
static const struct cel_type any_type = {.kind = CEL_DYN, .max_elements = -1};
static const struct cel_type ints_type = {.kind = CEL_LIST, .element = &int_type, .max_elements = 10};
static const struct cel_type map_type = {.kind = CEL_MAP, .element = &int_type, .max_elements = 10};
static const struct cel_field fields[] = {
    {{"s", 1}, {"s", 1}, &text_type},    {{"i", 1}, {"i", 1}, &int_type},        {{"d", 1}, {"d", 1}, &double_type},
    {{"b", 1}, {"b", 1}, &bool_type},    {{"t", 1}, {"t", 1}, &time_type},       {{"u", 1}, {"u", 1}, &duration_type},
    {{"any", 3}, {"any", 3}, &any_type}, {{"ints", 4}, {"ints", 4}, &ints_type}, {{"m", 1}, {"m", 1}, &map_type},
};
static const struct cel_type self_type = {.kind = CEL_OBJECT, .fields = fields, .field_count = sizeof fields / sizeof fields[0]};

static const char self_json[] =
    "{\"s\":\"h\xc3\xa4llo\",\"i\":7,\"d\":2,\"b\":true,\"t\":\"2026-01-02T03:04:05Z\",\"u\":\"1h2m\",\"any\":{\"k\":[1,\"a\",null,2.5]},"
    "\"ints\":[3,1,2],\"m\":{\"a\":1,\"b\":-9223372036854775808}}";

enum { BUDGET = 20000 };

static bool run(struct arena *arena, const struct cel_program *program, struct cel_result *result, uint64_t *budget, struct error *error) {
    yyjson_mut_doc *doc = json_builder(arena);
    yyjson_mut_val *self = doc ? yyjson_val_mut_copy(doc, json_parse(arena, str_of(self_json), error)) : NULL;
    return self && cel_evaluate(program, arena, self, self, budget, result, error);
}

FUZZ_TARGET(cel) {
    struct cel_environment environment = {.self = &self_type, .has_old_self = true};
    const struct cel_program *program;
    struct cel_result first = {0}, second = {0};
    struct error error = {0}, again = {0};
    if (!str_is_utf8(input)) return; /* JSON never is otherwise */
    if (!cel_compile(arena, input, &environment, CEL_BOOL, &program, &error)) {
        fuzz_expect_error(&error);
        return;
    }
    (void)cel_estimate_cost(program);
    uint64_t budget = BUDGET, left = BUDGET;
    bool has_answer = run(arena, program, &first, &budget, &error);
    if (!has_answer) fuzz_expect_error(&error);
    fuzz_expect(budget <= BUDGET, "the budget grew");
    if (!has_answer && error.kind == ERROR_MEMORY) return;
    bool has_again = run(arena, program, &second, &left, &again);
    if (!has_again && again.kind == ERROR_MEMORY) return;
    fuzz_expect(has_answer == has_again && first.is_true == second.is_true && budget == left, "another answer to the same question");
}
