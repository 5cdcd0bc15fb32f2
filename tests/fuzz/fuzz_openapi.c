/* A server's OpenAPI document and a ConfigMap, a line each: what the controller takes from them is sound, and there are always images. */
#include "controller/settings.h"
#include "harness.h"

FUZZ_TARGET(openapi) {
    struct str rest = input, line = fuzz_line(&rest);
    const yyjson_val *document = json_parse(arena, line, NULL), *config_map = json_parse(arena, rest, NULL);
    struct definition_facts facts = settings_definition_facts(arena, document), again = settings_definition_facts(arena, document);
    fuzz_expect(str_is_utf8(facts.dropped), "not UTF-8: %s", QUOTE(facts.dropped));
    fuzz_expect(str_equal(facts.dropped, again.dropped) && facts.topology_shape == again.topology_shape, "other facts the second time");
    fuzz_expect(facts.topology_shape == TOPOLOGY_KTHENA_0_1 || facts.topology_shape == TOPOLOGY_KTHENA_MAIN, "a shape that there is not");
    struct str image = settings_image(NULL, config_map, CONFIG_KEY_RUNTIME, DEFAULT_RUNTIME_IMAGE);
    fuzz_expect(image.len && str_equal(image, str_trim(image)), "an image with blanks around it, or none");
}
