/* x-kubernetes-validations: which rules run, what they say and where, and what they may cost. Expectations are those of apiextensions. */

#include "built.h"
#include "schema/schema.h"

static struct str outcome(const char *root_schema, const char *object, const char *old) {
    struct error error;
    const struct schema *schema = schema_compile(&arena, read_json(&arena, root_schema), &error);
    if (!schema) fail_msg("%s", error.message);
    struct field_errors errors = {.arena = &arena};
    schema_validate(schema, &arena, yyjson_val_mut_copy(doc, read_json(&arena, object)), old ? yyjson_val_mut_copy(doc, read_json(&arena, old)) : NULL, &errors);
    return errors.count ? field_errors_text(&arena, &errors) : STR("nothing");
}

#define RULES(...)   "\"x-kubernetes-validations\":[" __VA_ARGS__ "]"
#define INTS         "\"properties\":{\"a\":{\"type\":\"integer\"},\"b\":{\"type\":\"integer\"}}"
#define SPEC(schema) "{\"type\":\"object\",\"properties\":{\"s\":{" schema "}}}"

static void says_what_rules_say(void **state) {
    (void)state;
    static const struct {
        const char *schema, *object, *old, *wanted;
    } cases[] = {
        {SPEC("\"type\":\"object\"," INTS "," RULES("{\"rule\":\"self.a < self.b\"}")), "{\"s\":{\"a\":1,\"b\":2}}", NULL, "nothing"},
        {SPEC("\"type\":\"object\"," INTS "," RULES("{\"rule\":\"self.a < self.b\"}")), "{\"s\":{\"a\":2,\"b\":2}}", NULL,
         "s: Invalid value: \"object\": failed rule: self.a < self.b"},
        {SPEC("\"type\":\"object\"," INTS "," RULES("{\"rule\":\"self.a < self.b\",\"message\":\" a is less \",\"fieldPath\":\".a\"}")),
         "{\"s\":{\"a\":2,\"b\":2}}", NULL, "s.a: Invalid value: \"object\": a is less"},
        {SPEC("\"type\":\"object\"," INTS "," RULES("{\"rule\":\"self.a < self.b\",\"message\":\"m\",\"messageExpression\":\"'a is ' + string(self.a)\"}")),
         "{\"s\":{\"a\":2,\"b\":2}}", NULL, "s: Invalid value: \"object\": a is 2"},
        {SPEC("\"type\":\"object\"," INTS "," RULES("{\"rule\":\"self.a < self.b\",\"message\":\"m\",\"messageExpression\":\"' '\"}")),
         "{\"s\":{\"a\":2,\"b\":2}}", NULL, "s: Invalid value: \"object\": m"},
        {SPEC("\"type\":\"object\"," INTS "," RULES("{\"rule\":\"self.a < self.b\",\"message\":\"m\",\"reason\":\"FieldValueForbidden\"}")),
         "{\"s\":{\"a\":2,\"b\":2}}", NULL, "s: Forbidden: m"},
        {SPEC("\"type\":\"object\"," INTS "," RULES("{\"rule\":\"self.a < self.b\",\"message\":\"m\",\"reason\":\"FieldValueRequired\",\"fieldPath\":\".b\"}")),
         "{\"s\":{\"a\":2,\"b\":2}}", NULL, "s.b: Required value: m"},
        {SPEC("\"type\":\"object\"," INTS "," RULES("{\"rule\":\"self.a < self.b\",\"message\":\"m\",\"reason\":\"FieldValueDuplicate\"}")),
         "{\"s\":{\"a\":2,\"b\":2}}", NULL, "s: Duplicate value: \"object\""},
        {SPEC("\"type\":\"object\"," INTS "," RULES("{\"rule\":\"self.a < self.b\"}")), "{\"s\":{\"a\":1}}", NULL,
         "s: Invalid value: \"object\": no such key: b evaluating rule: self.a < self.b"},
        /* The root shows its names; paths to additional properties are keyed. */
        {"{\"type\":\"object\"," RULES("{\"rule\":\"self.metadata.name == 'x'\"}") "}", "{\"metadata\":{\"name\":\"y\"}}", NULL,
         "<nil>: Invalid value: \"object\": failed rule: self.metadata.name == 'x'"},
        {SPEC("\"type\":\"object\",\"additionalProperties\":{\"type\":\"integer\"," RULES("{\"rule\":\"self > 0\"}") "}"), "{\"s\":{\"k\":0}}", NULL,
         "s[k]: Invalid value: \"integer\": failed rule: self > 0"},
        {SPEC("\"type\":\"array\",\"items\":{\"type\":\"string\",\"nullable\":true," RULES("{\"rule\":\"self != 'x'\"}") "}"), "{\"s\":[\"y\",null,\"x\"]}", NULL,
         "s[2]: Invalid value: \"string\": failed rule: self != 'x'"},
        /* Transition rules are for updates, unless oldSelf may be missing. */
        {SPEC("\"type\":\"integer\"," RULES("{\"rule\":\"self >= oldSelf\"}")), "{\"s\":1}", NULL, "nothing"},
        {SPEC("\"type\":\"integer\"," RULES("{\"rule\":\"self >= oldSelf\"}")), "{\"s\":1}", "{}", "nothing"},
        {SPEC("\"type\":\"integer\"," RULES("{\"rule\":\"self >= oldSelf\"}")), "{\"s\":1}", "{\"s\":2}",
         "s: Invalid value: \"integer\": failed rule: self >= oldSelf"},
        {SPEC("\"type\":\"integer\"," RULES("{\"rule\":\"oldSelf.hasValue() || self == 0\",\"optionalOldSelf\":true}")), "{\"s\":1}", NULL,
         "s: Invalid value: \"integer\": failed rule: oldSelf.hasValue() || self == 0"},
        {SPEC("\"type\":\"integer\"," RULES("{\"rule\":\"oldSelf.hasValue() || self == 0\",\"optionalOldSelf\":true}")), "{\"s\":1}", "{\"s\":5}", "nothing"},
        /* What did not change is let be, but not by transition rules. */
        {SPEC("\"type\":\"integer\"," RULES("{\"rule\":\"self > 5\"}")), "{\"s\":1}", "{\"s\":1}", "nothing"},
        {SPEC("\"type\":\"integer\"," RULES("{\"rule\":\"self > oldSelf\"}")), "{\"s\":1}", "{\"s\":1}",
         "s: Invalid value: \"integer\": failed rule: self > oldSelf"},
        {SPEC("\"type\":\"array\",\"items\":{\"type\":\"integer\"," RULES("{\"rule\":\"self > 5\"}") "}"), "{\"s\":[1]}", "{\"s\":[1]}", "nothing"},
        {SPEC("\"type\":\"array\",\"items\":{\"type\":\"integer\"," RULES("{\"rule\":\"self > 5\"}") "}"), "{\"s\":[1,6]}", "{\"s\":[1]}",
         "s[0]: Invalid value: \"integer\": failed rule: self > 5"},
        /* Rules wait until the object has its shape. */
        {SPEC("\"type\":\"object\",\"required\":[\"a\"]," INTS "," RULES("{\"rule\":\"self.a < self.b\"}")), "{\"s\":{}}", NULL,
         "[s.a: Required value, <nil>: Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors "
         "to complete validation]"},
        {SPEC("\"x-kubernetes-int-or-string\":true," RULES("{\"rule\":\"self < 5\"}")), "{\"s\":\"a\"}", NULL,
         "s: Invalid value: \"\": 'no such overload': call arguments did not match a supported operator, function or macro signature for rule: self < 5"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct str found = outcome(cases[i].schema, cases[i].object, cases[i].old);
        if (!str_is(found, cases[i].wanted)) fail_msg("%s with %s\nfound    %.*s\nexpected %s", cases[i].schema, cases[i].object, STR_ARG(found), cases[i].wanted);
    }
}

static void stops_rules_that_cost_too_much(void **state) {
    (void)state;
    struct str list = STR("0");
    for (int i = 0; i < 9; i++) list = arena_join(&arena, list, STR(","), list);
    struct str object = arena_printf(&arena, "{\"s\":[%.*s]}", STR_ARG(list));
    struct str found = outcome(SPEC("\"type\":\"array\",\"items\":{\"type\":\"integer\"}," RULES(
                                   "{\"rule\":\"self.all(x, self.all(y, self.all(z, x + y + z >= 0)))\"},{\"rule\":\"false\"}")),
                               object.ptr, NULL);
    if (!str_is(found, "s: Invalid value: \"array\": 'operation cancelled: actual cost limit exceeded': no further validation rules will be run due to call cost "
                       "exceeds limit for rule: self.all(x, self.all(y, self.all(z, x + y + z >= 0)))"))
        fail_msg("%.*s", STR_ARG(found));
}

static void stops_when_the_object_costs_too_much(void **state) {
    (void)state;
    struct str list = STR("0");
    for (int i = 0; i < 8; i++) list = arena_join(&arena, list, STR(","), list);
    struct str object = arena_printf(&arena, "{\"s\":[%.*s]}", STR_ARG(list)), rules = STR("{\"rule\":\"self.all(x, self.all(y, x + y >= 0))\"}");
    for (int i = 0; i < 8; i++) rules = arena_join(&arena, rules, STR(","), rules);
    struct str schema = arena_printf(&arena, SPEC("\"type\":\"array\",\"items\":{\"type\":\"integer\"}," RULES("%.*s")), STR_ARG(rules));
    struct str found = outcome(schema.ptr, object.ptr, NULL);
    if (!str_is(found, "s: Invalid value: \"array\": validation failed due to running out of cost budget, no further validation rules will be run"))
        fail_msg("%.*s", STR_ARG(found));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(says_what_rules_say, set_up, tear_down),
        cmocka_unit_test_setup_teardown(stops_rules_that_cost_too_much, set_up, tear_down),
        cmocka_unit_test_setup_teardown(stops_when_the_object_costs_too_much, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("schema_rules", tests, NULL, NULL);
}
