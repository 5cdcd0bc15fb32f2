/* Structural schemas applied to objects: what is pruned, filled in and complained about, word for word as kube-apiserver does. */

#include "built.h"
#include "schema/schema.h"

static yyjson_mut_val *object_of(const char *json) {
    return json ? yyjson_val_mut_copy(doc, read_json(&arena, json)) : NULL;
}

static const struct schema *schema_of(const char *json) {
    struct error error;
    const struct schema *schema = schema_compile(&arena, read_json(&arena, json), &error);
    if (!schema) fail_msg("%s", error.message);
    return schema;
}

static void assert_json(yyjson_mut_val *value, const char *wanted) {
    if (!json_equal(json_freeze(&arena, value), read_json(&arena, wanted))) {
        struct strbuf text = strbuf_with_max(65536);
        json_write(&text, json_freeze(&arena, value));
        fail_msg("found    %s\nexpected %s", text.ptr, wanted);
    }
}

/* schema of spec, spec before, spec after, what was dropped (comma-separated) */
static const struct {
    const char *spec, *before, *after, *unknown;
} prunings[] = {
    {"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\"}}}", "{\"a\":1,\"b\":2}", "{\"a\":1}", "spec.b"},
    {"{\"type\":\"object\",\"x-kubernetes-preserve-unknown-fields\":true,\"properties\":{\"a\":{\"type\":\"object\"}}}", "{\"a\":{\"x\":1},\"b\":{\"c\":1}}",
     "{\"a\":{},\"b\":{\"c\":1}}", "spec.a.x"},
    {"{\"type\":\"object\",\"additionalProperties\":{\"type\":\"object\",\"properties\":{\"k\":{\"type\":\"string\"}}}}", "{\"x\":{\"k\":\"1\",\"l\":2}}",
     "{\"x\":{\"k\":\"1\"}}", "spec.x.l"},
    {"{\"type\":\"array\",\"items\":{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"}}}}", "[{\"a\":\"x\"},{\"b\":1}]", "[{\"a\":\"x\"},{}]", "spec[1].b"},
    {"{\"type\":\"array\",\"x-kubernetes-preserve-unknown-fields\":true,\"items\":{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"object\"}}}}",
     "[{\"b\":1,\"a\":{\"c\":1}}]", "[{\"b\":1,\"a\":{}}]", "spec[0].a.c"},
    {"{\"type\":\"object\",\"x-kubernetes-embedded-resource\":true,\"properties\":{\"spec\":{\"type\":\"object\"}}}",
     "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"x\"},\"spec\":{},\"y\":1}",
     "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"x\"},\"spec\":{}}", "spec.y"},
};

static void drops_what_it_does_not_know(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof prunings / sizeof prunings[0]; i++) {
        struct str root = arena_printf(&arena, "{\"type\":\"object\",\"properties\":{\"spec\":%s}}", prunings[i].spec);
        yyjson_mut_val *object = object_of(arena_printf(&arena, "{\"apiVersion\":\"v1\",\"metadata\":{\"q\":1},\"spec\":%s}", prunings[i].before).ptr);
        struct schema_unknown unknown = {0};
        assert_true(schema_prune(schema_of(root.ptr), &arena, doc, object, &unknown));
        assert_json(object, arena_printf(&arena, "{\"apiVersion\":\"v1\",\"metadata\":{\"q\":1},\"spec\":%s}", prunings[i].after).ptr);
        assert_int_equal(unknown.count, 1);
        if (!str_is(unknown.paths[0], prunings[i].unknown)) fail_msg("dropped %.*s", STR_ARG(unknown.paths[0]));
    }
}

static const struct {
    const char *schema, *before, *after;
} fillings[] = {
    {"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\",\"default\":3},\"b\":{\"type\":\"object\",\"default\":{},\"properties\":{\"c\":{\"type\":"
     "\"string\",\"default\":\"x\"}}}}}",
     "{}", "{\"a\":3,\"b\":{\"c\":\"x\"}}"},
    {"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\",\"default\":3}}}", "{\"a\":null}", "{\"a\":3}"},
    {"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\",\"nullable\":true,\"default\":3}}}", "{\"a\":null}", "{\"a\":null}"},
    {"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\"}}}", "{\"a\":null}", "{}"},
    {"{\"type\":\"object\",\"properties\":{\"l\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"properties\":{\"p\":{\"type\":\"string\",\"default\":\"TCP\"}}}}}}",
     "{\"l\":[{},{\"p\":\"UDP\"}]}", "{\"l\":[{\"p\":\"TCP\"},{\"p\":\"UDP\"}]}"},
    {"{\"type\":\"object\",\"additionalProperties\":{\"type\":\"integer\",\"default\":7}}", "{\"x\":null,\"y\":1}", "{\"x\":7,\"y\":1}"},
};

static void fills_in_defaults(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof fillings / sizeof fillings[0]; i++) {
        yyjson_mut_val *object = object_of(fillings[i].before);
        assert_true(schema_default(schema_of(fillings[i].schema), &arena, doc, object));
        assert_json(object, fillings[i].after);
    }
}

/* schema of .s, value of .s, the value before (NULL: a create), complaints (NULL: none) */
static const struct {
    const char *schema, *value, *old, *wanted;
} complaints[] = {
    {"{\"type\":\"integer\"}", "\"x\"", NULL, "s: Invalid value: \"string\": s in body must be of type integer: \"string\""},
    {"{\"type\":\"integer\"}", "1.0", NULL, NULL},
    {"{\"type\":\"integer\"}", "1.5", NULL, "s: Invalid value: \"number\": s in body must be of type integer: \"number\""},
    {"{\"type\":\"string\"}", "null", NULL, "s: Invalid value: \"null\": s in body must be of type string: \"null\""},
    {"{\"type\":\"string\",\"nullable\":true}", "null", NULL, NULL},
    {"{\"x-kubernetes-int-or-string\":true}", "true", NULL, "s: Invalid value: \"boolean\": s in body must be of type integer,string: \"boolean\""},
    {"{\"x-kubernetes-int-or-string\":true,\"anyOf\":[{\"type\":\"integer\"},{\"type\":\"string\"}]}", "\"50%\"", NULL, NULL},
    {"{\"type\":\"integer\",\"minimum\":1}", "0", NULL, "s: Invalid value: 0: s in body should be greater than or equal to 1"},
    {"{\"type\":\"integer\",\"maximum\":1000000}", "1000001", NULL, "s: Invalid value: 1000001: s in body should be less than or equal to 1000000"},
    {"{\"type\":\"integer\",\"minimum\":1e30}", "3", NULL, "s: Invalid value: 3: s in body should be greater than or equal to 1e+30"},
    {"{\"type\":\"number\",\"maximum\":1,\"exclusiveMaximum\":true}", "1.5", NULL, "s: Invalid value: 1.5: s in body should be less than 1"},
    {"{\"type\":\"integer\",\"multipleOf\":2}", "3", NULL, "s: Invalid value: 3: s in body should be a multiple of 2"},
    {"{\"type\":\"string\",\"maxLength\":2}", "\"abc\"", NULL, "s: Too long: may not be more than 2 bytes"},
    {"{\"type\":\"string\",\"maxLength\":2}", "\"\xc3\xa4\xc3\xb6\"", NULL, NULL},
    {"{\"type\":\"string\",\"minLength\":2}", "\"a\"", NULL, "s: Invalid value: \"a\": s in body should be at least 2 chars long"},
    {"{\"type\":\"string\",\"pattern\":\"^[a-z]+$\"}", "\"A\"", NULL, "s: Invalid value: \"A\": s in body should match '^[a-z]+$'"},
    {"{\"type\":\"string\",\"enum\":[\"a\",\"b\"]}", "\"c\"", NULL, "s: Unsupported value: \"c\": supported values: \"a\", \"b\""},
    {"{\"type\":\"string\",\"format\":\"date-time\"}", "\"x\"", NULL, "s: Invalid value: \"x\": s in body must be of type date-time: \"x\""},
    {"{\"type\":\"string\",\"format\":\"ipv4\"}", "\"10.0.0.1\"", NULL, NULL},
    {"{\"type\":\"string\",\"format\":\"nonsense\"}", "\"x\"", NULL, NULL},
    {"{\"type\":\"array\",\"items\":{\"type\":\"string\"},\"minItems\":1}", "[]", NULL, "s: Invalid value: 0: s in body should have at least 1 items"},
    {"{\"type\":\"array\",\"items\":{\"type\":\"string\"},\"maxItems\":1}", "[\"a\",\"b\"]", NULL, "s: Too many: 2: must have at most 1 item"},
    {"{\"type\":\"array\",\"items\":{\"type\":\"string\"}}", "[1]", NULL, "s[0]: Invalid value: \"integer\": s[0] in body must be of type string: \"integer\""},
    {"{\"type\":\"array\",\"x-kubernetes-list-type\":\"set\",\"items\":{\"type\":\"string\"}}", "[\"a\",\"a\"]", NULL, "s[1]: Duplicate value: \"a\""},
    {"{\"type\":\"array\",\"x-kubernetes-list-type\":\"map\",\"x-kubernetes-list-map-keys\":[\"n\"],\"items\":{\"type\":\"object\",\"properties\":{\"n\":{\"type\":"
     "\"string\"}}}}",
     "[{\"n\":\"a\"},{\"n\":\"a\"}]", NULL, "s[1]: Duplicate value: {\"n\":\"a\"}"},
    {"{\"type\":\"object\",\"required\":[\"a\"],\"properties\":{\"a\":{\"type\":\"string\"}}}", "{}", NULL, "s.a: Required value"},
    {"{\"type\":\"object\",\"maxProperties\":1,\"additionalProperties\":{\"type\":\"string\"}}", "{\"a\":\"1\",\"b\":\"2\"}", NULL,
     "s: Too many: 2: must have at most 1 item"},
    {"{\"type\":\"object\",\"additionalProperties\":{\"type\":\"string\"}}", "{\"a\":1}", NULL,
     "s.a: Invalid value: \"integer\": s.a in body must be of type string: \"integer\""},
    {"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"},\"b\":{\"type\":\"string\"}},\"oneOf\":[{\"required\":[\"a\"]},{\"required\":[\"b\"]}]}", "{}",
     NULL, "[<nil>: Invalid value: \"\": \"s\" must validate one and only one schema (oneOf). Found none valid, s.a: Required value]"},
    {"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"},\"b\":{\"type\":\"string\"}},\"oneOf\":[{\"required\":[\"a\"]},{\"required\":[\"b\"]}]}",
     "{\"a\":\"\",\"b\":\"\"}", NULL, "<nil>: Invalid value: \"\": \"s\" must validate one and only one schema (oneOf). Found 2 valid alternatives"},
    {"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"}},\"not\":{\"required\":[\"a\"]}}", "{\"a\":\"\"}", NULL,
     "<nil>: Invalid value: \"\": \"s\" must not validate the schema (not)"},
    /* Rules. */
    {"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\"},\"b\":{\"type\":\"integer\"}},\"x-kubernetes-validations\":[{\"rule\":\"self.a < self.b\","
     "\"message\":\"a must be below b\"}]}",
     "{\"a\":2,\"b\":1}", NULL, "s: Invalid value: \"object\": a must be below b"},
    {"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\"}},\"x-kubernetes-validations\":[{\"rule\":\"self.a > 5\",\"messageExpression\":\"'a is ' + "
     "string(self.a)\",\"fieldPath\":\".a\",\"reason\":\"FieldValueForbidden\"}]}",
     "{\"a\":2}", NULL, "s.a: Forbidden: a is 2"},
    {"{\"type\":\"string\",\"x-kubernetes-validations\":[{\"rule\":\"self == oldSelf\"}]}", "\"b\"", NULL, NULL},
    {"{\"type\":\"string\",\"x-kubernetes-validations\":[{\"rule\":\"self == oldSelf\"}]}", "\"b\"", "\"a\"", "s: Invalid value: \"string\": failed rule: self == oldSelf"},
    {"{\"type\":\"array\",\"items\":{\"type\":\"object\",\"properties\":{\"n\":{\"type\":\"string\"}},\"x-kubernetes-validations\":[{\"rule\":\"has(self.n)\"}]}}",
     "[{\"n\":\"x\"},{}]", NULL, "s[1]: Invalid value: \"object\": failed rule: has(self.n)"},
    {"{\"type\":\"object\",\"properties\":{\"m\":{\"type\":\"object\",\"additionalProperties\":{\"type\":\"integer\"}}},\"x-kubernetes-validations\":[{\"rule\":"
     "\"self.m['x'] > 0\"}]}",
     "{\"m\":{}}", NULL, "s: Invalid value: \"object\": no such key: x evaluating rule: self.m['x'] > 0"},
    {"{\"type\":\"object\",\"required\":[\"a\"],\"properties\":{\"a\":{\"type\":\"integer\"}},\"x-kubernetes-validations\":[{\"rule\":\"self.a > 5\"}]}", "{}", NULL,
     "[s.a: Required value, <nil>: Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete "
     "validation]"},
    {"{\"type\":\"string\",\"format\":\"date-time\"}", "\"2026-02-28T23:59:59.5+01:00\"", NULL, NULL},
    {"{\"type\":\"string\",\"format\":\"date-time\"}", "\"2026-02-29T00:00:00Z\"", NULL,
     "s: Invalid value: \"2026-02-29T00:00:00Z\": s in body must be of type date-time: \"2026-02-29T00:00:00Z\""},
    {"{\"type\":\"string\",\"format\":\"date\"}", "\"2024-02-29\"", NULL, NULL},
    {"{\"type\":\"string\",\"format\":\"byte\"}", "\"\"", NULL, NULL},
    {"{\"type\":\"string\",\"format\":\"byte\"}", "\"YWJj\\nZGVm\\r\\nZw=\\n=\\n\"", NULL, NULL},
    {"{\"type\":\"string\",\"format\":\"byte\"}", "\"YWJ=\"", NULL, NULL},
    {"{\"type\":\"string\",\"format\":\"byte\"}", "\"YWJjZ\"", NULL, "s: Invalid value: \"YWJjZ\": s in body must be of type byte: \"YWJjZ\""},
    {"{\"type\":\"string\",\"format\":\"byte\"}", "\"YW=J\"", NULL, "s: Invalid value: \"YW=J\": s in body must be of type byte: \"YW=J\""},
    {"{\"type\":\"string\",\"format\":\"byte\"}", "\"YW J\"", NULL, "s: Invalid value: \"YW J\": s in body must be of type byte: \"YW J\""},
    {"{\"type\":\"string\",\"format\":\"duration\"}", "\"1h2.5m\"", NULL, NULL},
    {"{\"type\":\"string\",\"format\":\"duration\"}", "\"3 weeks\"", NULL, NULL},
    {"{\"type\":\"string\",\"format\":\"duration\"}", "\"3 moons\"", NULL, "s: Invalid value: \"3 moons\": s in body must be of type duration: \"3 moons\""},
    {"{\"type\":\"string\",\"format\":\"k8s-short-name\"}", "\"A\"", NULL, "s: Invalid value: \"A\": s in body must be of type k8s-short-name: \"A\""},
    {"{\"type\":\"string\",\"format\":\"date\"}", "5", NULL, "s: Invalid value: \"int64\": s in body must be of type date: \"int64\""},
    {"{\"type\":\"string\",\"format\":\"password\"}", "true", NULL, "s: Invalid value: \"\": s in body must be of type password: \"\""},
    {"{\"type\":\"number\",\"multipleOf\":0.1}", "0.3", NULL, NULL},
    {"{\"type\":\"number\",\"multipleOf\":0.1}", "0.35", NULL, "s: Invalid value: 0.35: s in body should be a multiple of 0.1"},
    {"{\"type\":\"array\",\"x-kubernetes-list-type\":\"set\",\"items\":{\"type\":\"string\"}}", "[\"a\",\"a\",\"a\"]", NULL, "s[1]: Duplicate value: \"a\""},
    {"{\"type\":\"array\",\"x-kubernetes-list-type\":\"set\",\"items\":{\"type\":\"string\"}}", "[\"a\",\"a\",\"a\"]", "[\"b\",\"b\"]", NULL},
    {"{\"type\":\"object\",\"additionalProperties\":{\"type\":\"array\",\"x-kubernetes-list-type\":\"set\",\"items\":{\"type\":\"integer\"}}}", "{\"k\":[1,1]}", NULL,
     "s[k][1]: Duplicate value: 1"},
    {"{\"type\":\"object\",\"x-kubernetes-embedded-resource\":true,\"x-kubernetes-preserve-unknown-fields\":true}", "{}", NULL,
     "[s.apiVersion: Required value, s.kind: Required value]"},
    {"{\"type\":\"object\",\"x-kubernetes-embedded-resource\":true,\"x-kubernetes-preserve-unknown-fields\":true}", "{\"apiVersion\":\"a/b/c\",\"kind\":\"Pod\"}", NULL,
     "s.apiVersion: Invalid value: \"a/b/c\": unexpected GroupVersion string: a/b/c"},
    {"{\"type\":\"object\",\"x-kubernetes-embedded-resource\":true,\"x-kubernetes-preserve-unknown-fields\":true}",
     "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"a/b\"}}", NULL, "s.metadata.name: Invalid value: \"a/b\": may not contain '/'"},
    /* Of alternatives that fail, the one that goes furthest is told of. */
    {"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\"},\"b\":{\"type\":\"integer\"}},\"anyOf\":[{\"required\":[\"c\"]},{\"properties\":{\"a\":{\"minimum\":1},\"b\":"
     "{\"minimum\":1}}}]}",
     "{\"a\":1,\"b\":0}", NULL,
     "[<nil>: Invalid value: \"\": \"s\" must validate at least one schema (anyOf), s.b: Invalid value: 0: s.b in body should be greater than or equal to 1]"},
    /* What did not change is let be. */
    {"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\",\"minimum\":5},\"b\":{\"type\":\"integer\"}}}", "{\"a\":1,\"b\":2}", "{\"a\":1,\"b\":1}", NULL},
    {"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\",\"minimum\":5}}}", "{\"a\":2}", "{\"a\":1}",
     "s.a: Invalid value: 2: s.a in body should be greater than or equal to 5"},
};

static void complains_in_the_api_servers_words(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof complaints / sizeof complaints[0]; i++) {
        const struct schema *schema = schema_of(arena_printf(&arena, "{\"type\":\"object\",\"properties\":{\"s\":%s}}", complaints[i].schema).ptr);
        yyjson_mut_val *object = object_of(arena_printf(&arena, "{\"s\":%s}", complaints[i].value).ptr);
        yyjson_mut_val *old = complaints[i].old ? object_of(arena_printf(&arena, "{\"s\":%s}", complaints[i].old).ptr) : NULL;
        struct field_errors errors = {.arena = &arena};
        schema_validate(schema, &arena, object, old, &errors);
        if (!errors.count && !complaints[i].wanted) continue;
        struct str text = errors.count ? field_errors_text(&arena, &errors) : STR("nothing");
        if (!complaints[i].wanted || !str_is(text, complaints[i].wanted))
            fail_msg("%s with %s\nfound    %.*s\nexpected %s", complaints[i].schema, complaints[i].value, STR_ARG(text),
                     complaints[i].wanted ? complaints[i].wanted : "nothing");
    }
}

static void bounds_what_a_pattern_costs(void **state) {
    (void)state;
    const struct schema *schema = schema_of("{\"type\":\"object\",\"properties\":{\"s\":{\"type\":\"string\",\"pattern\":\"^(a+)+$\"}}}");
    yyjson_mut_val *object = object_of("{\"s\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab\"}");
    struct field_errors errors = {.arena = &arena};
    schema_validate(schema, &arena, object, NULL, &errors);
    assert_int_equal(errors.count, 1);
}

/* As large as a Secret may be, and a text of many parts. */
static void takes_large_texts(void **state) {
    (void)state;
    static const struct {
        const char *schema, *part, *end;
        size_t count;
    } cases[] = {
        {"{\"type\":\"string\",\"format\":\"byte\"}", "YWJj", "YQ==", 350000},
        {"{\"type\":\"string\",\"pattern\":\"^([a-z0-9]+,)*[a-z0-9]+$\"}", "ab,", "c", 100000},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct strbuf text = strbuf_with_max(4 * 1024 * 1024);
        for (size_t n = 0; n < cases[i].count; n++) strbuf_append(&text, str_of(cases[i].part));
        strbuf_append(&text, str_of(cases[i].end));
        const struct schema *schema = schema_of(arena_printf(&arena, "{\"type\":\"object\",\"properties\":{\"s\":%s}}", cases[i].schema).ptr);
        yyjson_mut_val *object = yyjson_mut_obj(doc);
        json_add_text(doc, object, "s", strbuf_take(&text, &arena));
        struct field_errors errors = {.arena = &arena};
        schema_validate(schema, &arena, object, NULL, &errors);
        if (errors.count) fail_msg("%s: %zu parts are refused", cases[i].schema, cases[i].count);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(drops_what_it_does_not_know, set_up, tear_down),
        cmocka_unit_test_setup_teardown(fills_in_defaults, set_up, tear_down),
        cmocka_unit_test_setup_teardown(complains_in_the_api_servers_words, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bounds_what_a_pattern_costs, set_up, tear_down),
        cmocka_unit_test_setup_teardown(takes_large_texts, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("schema", tests, NULL, NULL);
}
