/* What is wrong with an object, in apimachinery's words; names, labels and keys against its rules. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "schema/name_rules.h"

static struct arena arena;

static int set_up(void **state) {
    (void)state;
    arena_init(&arena, 16 * 1024 * 1024);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    arena_release(&arena);
    return 0;
}

static void assert_text(struct str found, const char *wanted) {
    if (!str_is(found, wanted)) fail_msg("found    %.*s\nexpected %s", STR_ARG(found), wanted);
}

static void prints_values_as_go_does(void **state) {
    (void)state;
    static const struct {
        const char *json, *wanted;
    } cases[] = {
        {"\"a\\\"b\\n\\u0001\"", "f: Invalid value: \"a\\\"b\\n\\x01\": d"},
        {"3", "f: Invalid value: 3: d"},
        {"1.5", "f: Invalid value: 1.5: d"},
        {"true", "f: Invalid value: true: d"},
        {"null", "f: Invalid value: null: d"},
        {"{\"b\":1,\"a\":[2]}", "f: Invalid value: {\"a\":[2],\"b\":1}: d"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct field_errors errors = {.arena = &arena};
        yyjson_mut_doc *doc = json_builder(&arena);
        struct error error;
        yyjson_mut_val *value = yyjson_val_mut_copy(doc, json_parse(&arena, str_of(cases[i].json), &error));
        field_errors_add(&errors, FIELD_INVALID, STR("f"), value, "%s", "d");
        assert_text(field_errors_text(&arena, &errors), cases[i].wanted);
    }
}

static void leaves_values_out_where_go_does(void **state) {
    (void)state;
    struct field_errors errors = {.arena = &arena};
    field_errors_add_text(&errors, FIELD_REQUIRED, STR("spec.a"), STR("\"x\""), STR(""));
    field_errors_add_text(&errors, FIELD_FORBIDDEN, STR("spec.b"), STR(""), STR("no"));
    field_errors_add_text(&errors, FIELD_FORBIDDEN, STR("spec.b"), STR(""), STR("no"));
    assert_text(field_errors_text(&arena, &errors), "[spec.a: Required value, spec.b: Forbidden: no]");
    assert_text(str_of(field_error_reason(FIELD_REQUIRED)), "FieldValueRequired");
}

static void bounds_its_list(void **state) {
    (void)state;
    struct field_errors errors = {.arena = &arena};
    for (int i = 0; i < 5000; i++) field_errors_add(&errors, FIELD_INVALID, STR("f"), NULL, "%d", i);
    assert_true(errors.is_cut);
    assert_true(errors.count < 5000);
}

static void holds_names_to_their_rules(void **state) {
    (void)state;
    static const struct {
        enum name_rule rule;
        const char *name, *wanted; /* wanted: the start of the complaint; NULL: none */
    } cases[] = {
        {NAME_DNS1123_LABEL, "a-1", NULL},
        {NAME_DNS1123_LABEL, "a.b", "f: Invalid value: \"a.b\": must not contain dots"},
        {NAME_DNS1123_LABEL, "A", "f: Invalid value: \"A\": a lowercase RFC 1123 label must consist of"},
        {NAME_DNS1123_SUBDOMAIN, "a.b-c.d", NULL},
        {NAME_DNS1123_SUBDOMAIN, "a..b", "f: Invalid value: \"a..b\": a lowercase RFC 1123 subdomain must consist of"},
        {NAME_DNS1035_LABEL, "1a", "f: Invalid value: \"1a\": a DNS-1035 label must consist of"},
        {NAME_QUALIFIED, "example.com/My_Name.1", NULL},
        {NAME_QUALIFIED, "/x", "f: Invalid value: \"/x\": prefix part must be non-empty"},
        {NAME_QUALIFIED, "a/b/c", "f: Invalid value: \"a/b/c\": a qualified name must consist of"},
        {NAME_QUALIFIED, "a/", "[f: Invalid value: \"a/\": name part must be non-empty, f: Invalid value: \"a/\": name part must consist of"},
        {NAME_LABEL_VALUE, "", NULL},
        {NAME_LABEL_VALUE, "-x", "f: Invalid value: \"-x\": a valid label must be an empty string or consist of"},
        {NAME_CONFIG_KEY, "a.b_C-1", NULL},
        {NAME_CONFIG_KEY, "..a", "f: Invalid value: \"..a\": must not start with '..'"},
        {NAME_CONFIG_KEY, "a b", "f: Invalid value: \"a b\": a valid config key must consist of"},
        {NAME_PATH_SEGMENT, "system:node", NULL},
        {NAME_PATH_SEGMENT, "a%b", "f: Invalid value: \"a%b\": may not contain '%'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct field_errors errors = {.arena = &arena};
        name_rule_check(cases[i].rule, str_of(cases[i].name), STR("f"), &errors);
        assert_int_equal(name_rule_holds(cases[i].rule, str_of(cases[i].name)), !cases[i].wanted);
        assert_int_equal(errors.count == 0, !cases[i].wanted);
        if (!cases[i].wanted) continue;
        struct str text = field_errors_text(&arena, &errors);
        if (!str_starts_with(text, str_of(cases[i].wanted))) fail_msg("found    %.*s\nexpected %s", STR_ARG(text), cases[i].wanted);
    }
}

static void names_examples_as_the_api_server_does(void **state) {
    (void)state;
    struct field_errors errors = {.arena = &arena};
    name_rule_check(NAME_DNS1123_LABEL, STR("A"), STR("metadata.namespace"), &errors);
    assert_text(field_errors_text(&arena, &errors),
                "metadata.namespace: Invalid value: \"A\": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must "
                "start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
                "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')");
}

static void lets_prefixes_end_in_a_dash(void **state) {
    (void)state;
    struct field_errors errors = {.arena = &arena};
    name_rule_check_prefix(NAME_DNS1123_SUBDOMAIN, STR("job-"), STR("f"), &errors);
    assert_int_equal(errors.count, 0);
    name_rule_check_prefix(NAME_DNS1123_SUBDOMAIN, STR("Job-"), STR("f"), &errors);
    assert_int_equal(errors.count, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(prints_values_as_go_does, set_up, tear_down),
        cmocka_unit_test_setup_teardown(leaves_values_out_where_go_does, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bounds_its_list, set_up, tear_down),
        cmocka_unit_test_setup_teardown(holds_names_to_their_rules, set_up, tear_down),
        cmocka_unit_test_setup_teardown(names_examples_as_the_api_server_does, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lets_prefixes_end_in_a_dash, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("field_error", tests, NULL, NULL);
}
