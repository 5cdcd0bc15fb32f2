#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "controller/settings.h"

static struct arena arena;

static int set_up(void **state) {
    (void)state;
    arena_init(&arena, 1 << 20);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    arena_release(&arena);
    return 0;
}

static yyjson_val *parse(const char *text) {
    struct error error = {0};
    yyjson_val *value = json_parse(&arena, str_of(text), &error);
    if (!value) fail_msg("%s", error.message);
    return value;
}

static void images_come_from_flag_then_map_then_default(void **state) {
    (void)state;
    yyjson_val *map = parse("{\"data\":{\"" CONFIG_KEY_DOWNLOADER "\":\" reg/dl:1\\n\",\"" CONFIG_KEY_RUNTIME "\":\"  \"}}");
    assert_true(str_is(settings_image("flag", map, CONFIG_KEY_DOWNLOADER, "default"), "flag"));
    assert_true(str_is(settings_image(NULL, map, CONFIG_KEY_DOWNLOADER, "default"), "reg/dl:1"));
    assert_true(str_is(settings_image(NULL, map, CONFIG_KEY_RUNTIME, "default"), "default"));
    assert_true(str_is(settings_image(NULL, NULL, CONFIG_KEY_RUNTIME, "default"), "default"));
}

#define SCHEMA(kind, spec, status)                                                                                                         \
    "{\"type\":\"object\",\"x-kubernetes-group-version-kind\":[{\"group\":\"" GROUP_WORKLOAD "\",\"kind\":\"" kind "\"}],"                 \
    "\"properties\":{\"spec\":{\"properties\":" spec "},\"status\":{\"properties\":" status "}}}"

static void nothing_known_means_our_own_definitions(void **state) {
    (void)state;
    struct definition_facts facts = settings_definition_facts(&arena, NULL);
    assert_int_equal(facts.topology_shape, TOPOLOGY_KTHENA_0_1);
    assert_true(facts.status_shape.has_available_replicas && facts.status_shape.has_backend_message);
    assert_int_equal(facts.dropped.len, 0);
}

static void an_older_definition_is_read_off_its_schema(void **state) {
    (void)state;
    yyjson_val *openapi =
        parse("{\"components\":{\"schemas\":{\"a\":" SCHEMA("ModelBooster",
                                                            "{\"paused\":{},\"backends\":{\"type\":\"array\",\"items\":{\"properties\":{"
                                                            "\"replicas\":{},\"schedulerName\":{},"
                                                            "\"workers\":{\"type\":\"array\",\"items\":{\"x-kubernetes-preserve-unknown-"
                                                            "fields\":true}}}}}}",
                                                            "{\"backendStatuses\":{\"items\":{\"properties\":{\"name\":{},\"replicas\":{}}}"
                                                            "}}") ",\"b\":" SCHEMA("ModelServing",
                                                                                   "{\"template\":{\"properties\":{\"networkTopology\":{"
                                                                                   "\"properties\":{\"groupPolicy\":{}}}}}}",
                                                                                   "{}") "}}}");
    struct definition_facts facts = settings_definition_facts(&arena, openapi);
    assert_int_equal(facts.topology_shape, TOPOLOGY_KTHENA_MAIN);
    assert_false(facts.status_shape.has_available_replicas);
    assert_false(facts.status_shape.has_backend_message);
    assert_true(str_contains(facts.dropped, STR("spec.suspend")));
    assert_true(str_contains(facts.dropped, STR("spec.backends[].podTemplate")));
    assert_false(str_contains(facts.dropped, STR("spec.paused")));
    assert_false(str_contains(facts.dropped, STR("tolerations")));
    assert_false(str_contains(facts.dropped, STR("schedulerName")));
}

static void a_definition_with_both_shapes_takes_the_flat_one(void **state) {
    (void)state;
    yyjson_val *openapi = parse("{\"components\":{\"schemas\":{\"b\":" SCHEMA(
        "ModelServing",
        "{\"template\":{\"properties\":{\"networkTopology\":{\"properties\":{\"groupPolicy\":{},\"highestTierAllowed\":{}}}}}}",
        "{}") "}}}");
    assert_int_equal(settings_definition_facts(&arena, openapi).topology_shape, TOPOLOGY_KTHENA_0_1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(images_come_from_flag_then_map_then_default, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_known_means_our_own_definitions, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_older_definition_is_read_off_its_schema, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_definition_with_both_shapes_takes_the_flat_one, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
