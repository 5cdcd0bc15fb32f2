#include "kinds.h"

#include "harness.h"
#include "schema/builtin.h"

static const struct {
    struct str group, kind;
} built_in[FUZZ_KINDS_BUILT_IN] = {
    {{"", 0}, {"ConfigMap", 9}}, {{"", 0}, {"Pod", 3}}, {{"", 0}, {"Service", 7}}, {{"rbac.authorization.k8s.io", 25}, {"Role", 4}}};

#define TEXT               "{\"type\":\"string\"}"
#define NUMBER             "{\"type\":\"integer\"}"
#define TEXTS              "{\"type\":\"object\",\"additionalProperties\":" TEXT "}"
#define OBJECT(properties) "{\"type\":\"object\",\"properties\":{" properties "}}"
#define LIST(type, items)  "{\"type\":\"array\",\"x-kubernetes-list-type\":\"" type "\",\"items\":" items "}"

static const char own[] = OBJECT("\"spec\":" OBJECT(
    "\"name\":" TEXT ",\"replicas\":" NUMBER ",\"labels\":" TEXTS ",\"any\":{\"x-kubernetes-preserve-unknown-fields\":true},"
    "\"port\":{\"x-kubernetes-int-or-string\":true},\"atomic\":" LIST("atomic", TEXT) ",\"set\":" LIST("set", TEXT) ",\"numbers\":" LIST(
        "set", NUMBER) ","
                       "\"whole\":{\"type\":\"object\",\"x-kubernetes-map-type\":\"atomic\",\"properties\":{"
                       "\"a\":" TEXT ",\"b\":" TEXT "}},"
                       "\"ports\":{\"type\":\"array\",\"x-kubernetes-list-type\":\"map\",\"x-kubernetes-list-"
                       "map-keys\":[\"port\",\"protocol\"],\"items\":" OBJECT(
                           "\"port\":" NUMBER ",\"protocol\":{\"type\":\"string\",\"default\":\"TCP\"},"
                           "\"name\":" TEXT) "},"
                                             "\"byName\":{\"type\":\"array\",\"x-kubernetes-"
                                             "list-type\":\"map\",\"x-kubernetes-list-map-"
                                             "keys\":[\"name\"],\"items\":" OBJECT("\"name\":" TEXT ",\"v\":" TEXT ",\"inner\":" OBJECT(
                                                 "\"x\":" TEXT ",\"y\":" TEXT)) "}") ",\"status\""
                                                                                     ":" OBJECT("\"read"
                                                                                                "y\""
                                                                                                ":" NUMBER));

static const struct schema *compile(size_t index, struct arena *arena) {
    struct error error = {0};
    if (index < FUZZ_KINDS_BUILT_IN) return builtin_schema(arena, built_in[index].group, STR("v1"), built_in[index].kind);
    return schema_compile(arena, json_parse(arena, str_of(own), &error), &error);
}

const struct schema *fuzz_kind(char picked, size_t count) {
    /* Not of an input's arena: they stay for the whole run. */
    static struct arena arena = {.limit_bytes = FUZZ_ARENA_BYTES};
    static const struct schema *kept[FUZZ_KINDS];
    size_t index = (size_t)(unsigned char)(picked - '0') % count;
    if (index == FUZZ_KIND_NONE) return NULL;
    if (!kept[index]) kept[index] = compile(index, &arena);
    fuzz_expect(kept[index] != NULL, "kind %zu does not compile", index);
    return kept[index];
}
