/* CustomResourceDefinitions: defaulted, read, and what is wrong with them in the API server's words. */
#include <stdio.h>
#include <stdlib.h>

#include "built.h"
#include "data/yaml_read.h"
#include "schema/definition.h"

static yyjson_mut_val *object_of(struct str json) {
    struct error error;
    yyjson_val *value = json_parse(&arena, json, &error);
    if (!value) fail_msg("%.*s: %s", STR_ARG(json), error.message);
    return yyjson_val_mut_copy(doc, value);
}

#define NAMES "{\"plural\":\"things\",\"kind\":\"Thing\"}"

static struct str with_schema(const char *schema) {
    return arena_printf(&arena,
                        "{\"metadata\":{\"name\":\"things.example.com\"},\"spec\":{\"group\":\"example.com\",\"scope\":\"Namespaced\",\"names\":" NAMES
                        ",\"versions\":[{\"name\":\"v1\",\"served\":true,\"storage\":true,\"schema\":{\"openAPIV3Schema\":%s}}]}}",
                        schema);
}

static void assert_complaint(struct str json, const char *wanted) {
    yyjson_mut_val *object = object_of(json);
    struct field_errors errors = {.arena = &arena};
    assert_true(definition_default(&arena, doc, object));
    definition_validate(&arena, object, NULL, &errors);
    if (!errors.count && !wanted) return;
    struct str text = errors.count ? field_errors_text(&arena, &errors) : STR("nothing");
    if (!wanted || !str_contains(text, str_of(wanted))) fail_msg("%.*s\nfound    %.*s\nexpected %s", STR_ARG(json), STR_ARG(text), wanted ? wanted : "nothing");
}

#define AT "spec.validation.openAPIV3Schema"

static void holds_schemas_to_be_structural(void **state) {
    (void)state;
    static const struct {
        const char *schema, *wanted;
    } cases[] = {
        {"{\"type\":\"object\"}", NULL},
        {"{}", AT ".type: Required value: must not be empty at the root"},
        {"{\"type\":\"string\"}", AT ".type: Invalid value: \"string\": must be object at the root"},
        {"{\"type\":\"object\",\"properties\":{\"a\":{}}}", AT ".properties[a].type: Required value: must not be empty for specified object fields"},
        {"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"array\"}}}", AT ".properties[a].items: Required value: must be specified"},
        {"{\"type\":\"object\",\"properties\":{\"a\":{\"x-kubernetes-int-or-string\":true,\"anyOf\":[{\"type\":\"integer\"},{\"type\":\"string\"}]}}}", NULL},
        {"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\",\"anyOf\":[{\"type\":\"string\"}]}}}",
         AT ".properties[a].anyOf[0].type: Forbidden: must be empty to be structural"},
        {"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\",\"pattern\":\"(\"}}}",
         AT ".properties[a].pattern: Invalid value: \"(\": must be a valid regular expression, but isn't:"},
        {"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\",\"default\":\"x\"}}}", AT ".properties[a].default: Invalid value: \"string\":"},
        {"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"array\",\"x-kubernetes-list-type\":\"map\",\"items\":{\"type\":\"object\"}}}}",
         AT ".properties[a].x-kubernetes-list-map-keys: Required value: must not be empty if x-kubernetes-list-type is map"},
        {"{\"type\":\"object\",\"properties\":{\"metadata\":{\"type\":\"object\",\"properties\":{\"labels\":{\"type\":\"object\"}}}}}",
         AT ".properties[metadata]: Forbidden: must not specify anything other than name and generateName"},
        {"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"object\",\"x-kubernetes-preserve-unknown-fields\":false}}}", "must be true or undefined"},
        {"{\"type\":\"object\",\"anyOf\":[{\"properties\":{\"b\":{\"minimum\":1}}}]}",
         AT ".properties[b]: Required value: because it is defined in " AT ".anyOf[0].properties[b]"},
        {"{\"type\":\"object\",\"nullable\":true}", AT ".nullable: Forbidden: nullable cannot be true at the root"},
        {"{\"type\":\"object\",\"properties\":{\"b\":{},\"a\":{}}}",
         "[" AT ".properties[a].type: Required value: must not be empty for specified object fields, " AT ".properties[b].type: Required value: must not be empty for "
         "specified object fields]"},
        {"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"object\",\"default\":{\"x\":1}}}}",
         AT ".properties[a].default: Invalid value: {\"x\":1}: must not have unknown fields"},
        {"{\"type\":\"object\",\"properties\":{\"metadata\":{\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\",\"default\":\"x\"}}}}}",
         AT ".properties[metadata].properties[name].default: Forbidden: must not be set in top-level metadata"},
        {"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"array\",\"x-kubernetes-list-type\":\"set\",\"items\":{\"type\":\"string\",\"nullable\":true}}}}",
         AT ".properties[a].items.nullable: Forbidden: cannot be nullable when x-kubernetes-list-type is set"},
        {"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"array\",\"x-kubernetes-list-type\":\"map\",\"x-kubernetes-list-map-keys\":[\"k\"],\"items\":{\"type\":"
         "\"object\",\"properties\":{\"k\":{\"type\":\"string\"}}}}}}",
         AT ".properties[a].items.properties[k].default: Required value: this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property"},
        {"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"null\"}}}",
         AT ".properties[a].type: Unsupported value: \"null\": supported values: \"array\", \"boolean\", \"integer\", \"number\", \"object\", \"string\""},
        {"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\",\"x-kubernetes-validations\":[{\"rule\":\"self > 0\"}]}}}", NULL},
        {"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\",\"x-kubernetes-validations\":[{\"rule\":\"self.b > 0\"}]}}}",
         AT ".properties[a].x-kubernetes-validations[0].rule: Invalid value: {\"Rule\":\"self.b \\u003e 0\""},
        {"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"array\",\"items\":{\"type\":\"string\",\"x-kubernetes-validations\":[{\"rule\":\"self == oldSelf\"}]}}}}",
         "oldSelf cannot be used on the uncorrelatable portion of the schema within " AT ".properties[a]"},
        {"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"array\",\"items\":{\"type\":\"string\"},\"x-kubernetes-validations\":[{\"rule\":\"self.all(x, self.all(y, x == "
         "y))\"}]}}}",
         "estimated rule cost exceeds budget by factor of more than 100x"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) assert_complaint(with_schema(cases[i].schema), cases[i].wanted);
}

#define VERSION(name, storage) "{\"name\":\"" name "\",\"served\":true,\"storage\":" storage ",\"schema\":{\"openAPIV3Schema\":{\"type\":\"object\"}}}"
#define DEFINITION(name, group, scope, names, versions)                                                                                    \
    "{\"metadata\":{\"name\":\"" name "\"},\"spec\":{\"group\":\"" group "\",\"scope\":\"" scope "\",\"names\":" names ",\"versions\":[" versions "]}}"

#define RULE_AT AT ".x-kubernetes-validations[0]"
#define RULED(rule) "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\"}},\"x-kubernetes-validations\":[" rule "]}"

static void holds_rules_to_be_written_well_and_cheap(void **state) {
    (void)state;
    static const struct {
        const char *schema, *wanted;
    } cases[] = {
        {RULED("{\"rule\":\"self.a > 0\",\"fieldPath\":\".a\",\"reason\":\"FieldValueForbidden\"}"), NULL},
        {RULED("{\"rule\":\" \"}"), RULE_AT ".rule: Required value: rule is not specified"},
        {RULED("{\"rule\":\"self.a > 0\",\"message\":\" \"}"), RULE_AT ".message: Invalid value: \" \": must be non-empty if specified"},
        {RULED("{\"rule\":\"self.a > 0\",\"message\":\"a\\nb\"}"), RULE_AT ".message: Invalid value: \"a\\nb\": must not contain line breaks"},
        {RULED("{\"rule\":\"self.a\\n > 0\"}"), RULE_AT ".message: Required value: message must be specified if rule contains line breaks"},
        {RULED("{\"rule\":\"self.a > 0\",\"reason\":\"No\"}"),
         RULE_AT ".reason: Unsupported value: \"No\": supported values: \"FieldValueDuplicate\", \"FieldValueForbidden\", \"FieldValueInvalid\", \"FieldValueRequired\""},
        {RULED("{\"rule\":\"self.a > 0\",\"fieldPath\":\".b\"}"), RULE_AT ".fieldPath: Invalid value: \".b\": must be a valid path"},
        {RULED("{\"rule\":\"self.a > 0\",\"fieldPath\":\"a\"}"), RULE_AT ".fieldPath: Invalid value: \"a\": must be a valid path"},
        {RULED("{\"rule\":\"self.a > 0\",\"optionalOldSelf\":true}"),
         RULE_AT ".optionalOldSelf: Invalid value: true: may not be set if oldSelf is not used in rule"},
        {RULED("{\"rule\":\"self.a\"}"),
         RULE_AT ".rule: Invalid value: {\"Rule\":\"self.a\",\"Message\":\"\",\"MessageExpression\":\"\",\"Reason\":null,\"FieldPath\":\"\",\"OptionalOldSelf\":null}: cel "
                 "expression must evaluate to a bool"},
        {RULED("{\"rule\":\"true\",\"messageExpression\":\"1\"}"), "messageExpression must evaluate to a string"},
        {"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"array\",\"maxItems\":10,\"items\":{\"type\":\"integer\"},\"x-kubernetes-validations\":[{\"rule\":"
         "\"self.all(x, self.all(y, x == y))\"}]}}}",
         NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) assert_complaint(with_schema(cases[i].schema), cases[i].wanted);
}

static void holds_selectable_fields_to_be_plain(void **state) {
    (void)state;
    static const struct {
        const char *path, *wanted;
    } cases[] = {
        {".spec.a", NULL},
        {"", ".jsonPath: Required value"},
        {"spec.a", ".jsonPath: Invalid value: \"spec.a\": is an invalid path: expected [ or . but got: spec.a"},
        {".spec.b", ".jsonPath: Invalid value: \".spec.b\": is an invalid path: does not refer to a valid field"},
        {".spec['a']", ".jsonPath: Invalid value: \".spec['a']\": is an invalid path: array notation is not allowed"},
        {".spec", "must point to a field of type string, boolean or integer."},
        {".spec.c", ".jsonPath: Duplicate value: \".spec.c\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_complaint(arena_printf(&arena,
                                      "{\"metadata\":{\"name\":\"things.example.com\"},\"spec\":{\"group\":\"example.com\",\"scope\":\"Namespaced\",\"names\":" NAMES
                                      ",\"versions\":[{\"name\":\"v1\",\"served\":true,\"storage\":true,\"selectableFields\":[{\"jsonPath\":\".spec.c\"},{\"jsonPath\":\"%s\"}],"
                                      "\"schema\":{\"openAPIV3Schema\":{\"type\":\"object\",\"properties\":{\"spec\":{\"type\":\"object\",\"properties\":{\"a\":{\"type\":"
                                      "\"string\"},\"c\":{\"type\":\"integer\"}}}}}}}]}}",
                                      cases[i].path),
                         cases[i].wanted);
    }
}

static void holds_definitions_to_their_rules(void **state) {
    (void)state;
    static const struct {
        const char *json, *wanted;
    } cases[] = {
        {DEFINITION("things.example.com", "example.com", "Cluster", NAMES, VERSION("v1", "true")), NULL},
        {DEFINITION("x.example.com", "example.com", "Cluster", NAMES, VERSION("v1", "true")),
         "metadata.name: Invalid value: \"x.example.com\": must be spec.names.plural+\".\"+spec.group"},
        {DEFINITION("things.example", "example", "Cluster", NAMES, VERSION("v1", "true")),
         "spec.group: Invalid value: \"example\": should be a domain with at least one dot"},
        {DEFINITION("things.example.com", "example.com", "Here", NAMES, VERSION("v1", "true")),
         "spec.scope: Unsupported value: \"Here\": supported values: \"Cluster\", \"Namespaced\""},
        {DEFINITION("things.example.com", "example.com", "Cluster", NAMES, VERSION("v1", "false")), "must have exactly one version marked as storage version"},
        {DEFINITION("things.example.com", "example.com", "Cluster", NAMES, VERSION("v1", "true") "," VERSION("v1", "false")), "must contain unique version names"},
        {DEFINITION("things.example.com", "example.com", "Cluster", "{\"plural\":\"things\"}", VERSION("v1", "true")), "spec.names.kind: Required value"},
        {DEFINITION("things.x.k8s.io", "x.k8s.io", "Cluster", NAMES, VERSION("v1", "true")), "protected groups must have approval annotation"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) assert_complaint(str_of(cases[i].json), cases[i].wanted);
}

static struct str read_file(const char *path) {
    FILE *file = fopen(path, "r");
    if (!file) fail_msg("%s cannot be read", path);
    char *text = arena_alloc(&arena, 8 * 1024 * 1024);
    size_t len = fread(text, 1, 8 * 1024 * 1024, file);
    fclose(file);
    return (struct str){text, len};
}

static void takes_our_own_definitions(void **state) {
    (void)state;
    static const char *const files[] = {"workload.serving.volcano.sh_modelboosters",       "workload.serving.volcano.sh_modelservings",
                                        "workload.serving.volcano.sh_autoscalingpolicies", "workload.serving.volcano.sh_autoscalingpolicybindings",
                                        "networking.serving.volcano.sh_modelservers",      "networking.serving.volcano.sh_modelroutes"};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        struct yaml_documents documents;
        struct error error;
        const char *root = getenv("MB_SOURCE_ROOT");
        if (!yaml_read(&arena, read_file(arena_printf(&arena, "%s/deploy/crds/%s.yaml", root ? root : ".", files[i]).ptr), &documents, &error))
            fail_msg("%s: %s", files[i], error.message);
        yyjson_mut_val *object = yyjson_val_mut_copy(doc, documents.items[0].root);
        struct field_errors errors = {.arena = &arena};
        assert_true(definition_default(&arena, doc, object));
        definition_validate(&arena, object, NULL, &errors);
        if (errors.count) fail_msg("%s: %.*s", files[i], STR_ARG(field_errors_text(&arena, &errors)));
        struct definition definition;
        if (!definition_read(&arena, json_freeze(&arena, object), &definition, &error)) fail_msg("%s: %s", files[i], error.message);
        assert_true(definition.is_namespaced && definition.version_count == 1 && definition.versions[0].has_status);
    }
}

static void keeps_what_may_not_change(void **state) {
    (void)state;
    yyjson_mut_val *old = object_of(str_of(DEFINITION("things.example.com", "example.com", "Cluster", NAMES, VERSION("v1", "true"))));
    yyjson_mut_val *now = object_of(str_of(DEFINITION("things.example.com", "example.com", "Namespaced", NAMES, VERSION("v1", "true"))));
    struct field_errors errors = {.arena = &arena};
    definition_default(&arena, doc, old);
    definition_default(&arena, doc, now);
    definition_validate(&arena, now, old, &errors);
    assert_int_equal(errors.count, 0);
    yyjson_mut_obj_add_val(doc, old, "status", object_of(STR("{\"storedVersions\":[\"v1\"],\"conditions\":[{\"type\":\"Established\",\"status\":\"True\"}]}")));
    definition_validate(&arena, now, old, &errors);
    struct str text = field_errors_text(&arena, &errors);
    if (!str_is(text, "spec.scope: Invalid value: \"Namespaced\": field is immutable")) fail_msg("%.*s", STR_ARG(text));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(holds_schemas_to_be_structural, set_up, tear_down),
        cmocka_unit_test_setup_teardown(holds_rules_to_be_written_well_and_cheap, set_up, tear_down),
        cmocka_unit_test_setup_teardown(holds_selectable_fields_to_be_plain, set_up, tear_down),
        cmocka_unit_test_setup_teardown(holds_definitions_to_their_rules, set_up, tear_down),
        cmocka_unit_test_setup_teardown(takes_our_own_definitions, set_up, tear_down),
        cmocka_unit_test_setup_teardown(keeps_what_may_not_change, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("definition", tests, NULL, NULL);
}
