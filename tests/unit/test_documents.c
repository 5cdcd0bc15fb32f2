/* What the API server tells of itself and how it shows objects: discovery, OpenAPI, Accept headers, tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "apiserver/discovery.h"
#include "apiserver/negotiate.h"
#include "apiserver/openapi.h"
#include "apiserver/table.h"
#include "apiserver/table_cells.h"

static struct arena arena;
static struct registry *registry;
static struct strbuf text;

static const char definition[] =
    "{\"apiVersion\":\"apiextensions.k8s.io/v1\",\"kind\":\"CustomResourceDefinition\",\"metadata\":{\"name\":\"things.example.com\",\"uid\":\"u\",\"resourceVersion\":"
    "\"12\"},\"spec\":{\"group\":\"example.com\",\"scope\":\"Namespaced\",\"names\":{\"plural\":\"things\",\"singular\":\"thing\",\"kind\":\"Thing\",\"listKind\":\"ThingList\","
    "\"shortNames\":[\"th\"],\"categories\":[\"all\"]},\"versions\":[{\"name\":\"v1alpha1\",\"served\":true,\"storage\":false,\"schema\":{\"openAPIV3Schema\":{\"type\":\"object\"}}},"
    "{\"name\":\"v1\",\"served\":true,\"storage\":true,\"subresources\":{\"status\":{},\"scale\":{\"specReplicasPath\":\".spec.replicas\",\"statusReplicasPath\":"
    "\".status.replicas\"}},\"additionalPrinterColumns\":[{\"name\":\"Replicas\",\"type\":\"integer\",\"jsonPath\":\".spec.replicas\"},{\"name\":\"Age\",\"type\":\"date\","
    "\"jsonPath\":\".metadata.creationTimestamp\"},{\"name\":\"Note\",\"type\":\"string\",\"jsonPath\":\".note\"}],\"schema\":{\"openAPIV3Schema\":{\"type\":\"object\",\"description\":\"A thing.\",\"properties\":{\"spec\":{\"type\":"
    "\"object\",\"properties\":{\"replicas\":{\"type\":\"integer\"}}}}}}}]}}";

static yyjson_val *parse(struct str json) {
    struct error error;
    yyjson_val *value = json_parse(&arena, json, &error);
    if (!value) fail_msg("%s at %u: %.*s", error.message, error.column, STR_ARG(str_first(json, 2000)));
    return value;
}

static int set_up(void **state) {
    (void)state;
    struct error error;
    arena_init(&arena, 256 * 1024 * 1024);
    registry = registry_new();
    text = strbuf_with_max(64 * 1024 * 1024);
    if (!registry_define(registry, parse(str_of(definition)), &error)) fail_msg("%s", error.message);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    strbuf_release(&text);
    registry_free(registry);
    arena_release(&arena);
    return 0;
}

/* The item of a list whose member `key` is `wanted`. */
static yyjson_val *find(yyjson_val *list, const char *key, const char *wanted) {
    size_t index, max;
    yyjson_val *item;
    yyjson_arr_foreach(list, index, max, item) {
        if (json_is_text(json_get(item, key), wanted)) return item;
    }
    fail_msg("no %s %s", key, wanted);
    return NULL;
}

static void tells_groups_best_version_first(void **state) {
    (void)state;
    discovery_write_groups(&text, registry);
    yyjson_val *group = find(json_get(parse(strbuf_view(&text)), "groups"), "name", "example.com");
    assert_true(json_is_text(json_path(group, "preferredVersion", "version", NULL), "v1"));
    assert_true(json_is_text(json_get(yyjson_arr_get(json_get(group, "versions"), 1), "groupVersion"), "example.com/v1alpha1"));
    strbuf_clear(&text);
    assert_false(discovery_write_group(&text, registry, STR("nothing.example")));
}

static void tells_resources_with_their_subresources(void **state) {
    (void)state;
    assert_true(discovery_write_resources(&text, registry, STR("example.com"), STR("v1")));
    yyjson_val *list = json_get(parse(strbuf_view(&text)), "resources");
    yyjson_val *thing = find(list, "name", "things"), *scale = find(list, "name", "things/scale");
    assert_true(json_is_text(yyjson_arr_get_first(json_get(thing, "shortNames")), "th"));
    assert_true(json_is_text(json_get(scale, "group"), "autoscaling") && json_is_text(json_get(scale, "kind"), "Scale"));
    strbuf_clear(&text);
    assert_true(discovery_write_resources(&text, registry, STR_EMPTY, STR("v1")));
    list = json_get(parse(strbuf_view(&text)), "resources");
    assert_true(json_is_text(json_get(find(list, "name", "serviceaccounts/token"), "kind"), "TokenRequest"));
    assert_int_equal(yyjson_arr_size(json_get(find(list, "name", "configmaps"), "verbs")), 8);
}

static void tells_everything_at_once(void **state) {
    (void)state;
    discovery_write_aggregated(&text, registry, false, "v2");
    yyjson_val *items = json_get(parse(strbuf_view(&text)), "items"), *group = NULL, *item;
    size_t index, max;
    yyjson_arr_foreach(items, index, max, item) {
        if (json_is_text(json_path(item, "metadata", "name", NULL), "example.com")) group = item;
    }
    yyjson_val *version = yyjson_arr_get_first(json_get(group, "versions")), *resource = yyjson_arr_get_first(json_get(version, "resources"));
    assert_true(json_is_text(json_get(version, "version"), "v1"));
    assert_true(json_is_text(json_path(resource, "responseKind", "kind", NULL), "Thing"));
    assert_int_equal(yyjson_arr_size(json_get(resource, "subresources")), 2);
}

static void describes_kinds_for_openapi(void **state) {
    (void)state;
    openapi_write_root(&text, registry);
    yyjson_val *entry = json_path(parse(strbuf_view(&text)), "paths", "apis/example.com/v1", "serverRelativeURL", NULL);
    assert_true(str_starts_with(json_text(entry), STR("/openapi/v3/apis/example.com/v1?hash=")));
    strbuf_clear(&text);
    assert_true(openapi_write_version(&text, registry, STR("example.com"), STR("v1")));
    yyjson_val *document = parse(strbuf_view(&text));
    yyjson_val *patch = json_path(document, "paths", "/apis/example.com/v1/namespaces/{namespace}/things/{name}", "patch", NULL);
    find(json_get(patch, "parameters"), "name", "fieldValidation");
    assert_true(json_is_text(json_path(patch, "x-kubernetes-group-version-kind", "kind", NULL), "Thing"));
    yyjson_val *schema = json_path(document, "components", "schemas", "com.example.v1.Thing", NULL);
    assert_true(json_is_text(json_get(schema, "description"), "A thing."));
    assert_non_null(json_path(schema, "properties", "metadata", "allOf", NULL));
    assert_non_null(json_path(document, "components", "schemas", "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta", NULL));
    assert_non_null(json_path(document, "components", "schemas", "com.example.v1.ThingList", NULL));
    strbuf_clear(&text);
    assert_true(openapi_write_version(&text, registry, STR_EMPTY, STR("v1")));
    assert_non_null(json_path(parse(strbuf_view(&text)), "components", "schemas", "io.k8s.api.core.v1.PodSpec", NULL));
    strbuf_clear(&text);
    openapi_write_v2(&text, registry);
    assert_false(str_contains(strbuf_view(&text), STR("#/components/")));
    assert_non_null(json_path(parse(strbuf_view(&text)), "definitions", "com.example.v1.Thing", NULL));
}

static void reads_accept_headers(void **state) {
    (void)state;
    static const struct {
        const char *header;
        bool is_list, is_good;
        enum accept_form form;
        bool is_yaml;
    } cases[] = {
        {"", false, true, ACCEPT_OBJECT, false},
        {"*/*", false, true, ACCEPT_OBJECT, false},
        {"application/yaml", false, true, ACCEPT_OBJECT, true},
        {"application/json;as=Table;v=v1;g=meta.k8s.io,application/json", true, true, ACCEPT_TABLE, false},
        {"application/json;as=Table;v=v9;g=meta.k8s.io,application/json", true, true, ACCEPT_OBJECT, false},
        {"application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io", true, true, ACCEPT_PARTIAL_METADATA, false},
        {"application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io", false, false, ACCEPT_OBJECT, false},
        {"application/vnd.kubernetes.protobuf,application/json", false, true, ACCEPT_OBJECT, false},
        {"application/json;q=0.1,application/yaml", false, true, ACCEPT_OBJECT, true},
        {"*/*,application/yaml", false, true, ACCEPT_OBJECT, true},
        {"application/yaml,*/*", false, true, ACCEPT_OBJECT, true},
        {"*/*;q=0.9,application/yaml;q=0.8", false, true, ACCEPT_OBJECT, false},
        {"application/vnd.kubernetes.protobuf", false, false, ACCEPT_OBJECT, false},
        {"text/html", false, false, ACCEPT_OBJECT, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct accept accept;
        struct refusal refusal = {0};
        struct accept_request request = {.header = str_of(cases[i].header), .is_list = cases[i].is_list};
        bool is_good = accept_read(&arena, &request, &accept, &refusal);
        if (is_good != cases[i].is_good || (is_good && (accept.form != cases[i].form || accept.is_yaml != cases[i].is_yaml))) fail_msg("%s", cases[i].header);
        if (!is_good) assert_int_equal(refusal.code, 406);
    }
}

static void tells_ages_as_kubectl_does(void **state) {
    (void)state;
    static const struct {
        int64_t age_s;
        const char *wanted;
    } cases[] = {{-5, "<invalid>"}, {0, "0s"},        {119, "119s"},    {120, "2m"},      {125, "2m5s"},        {599, "9m59s"},    {600, "10m"},
                 {10799, "179m"},   {10800, "3h"},    {11100, "3h5m"},  {28800, "8h"},    {172799, "47h"},      {172800, "2d"},    {183600, "2d3h"},
                 {691200, "8d"},    {63072000, "2y"}, {66000000, "2y33d"}, {252288000, "8y"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct str found = table_age(&arena, cases[i].age_s * 1000);
        if (!str_is(found, cases[i].wanted)) fail_msg("%lld s: %.*s instead of %s", (long long)cases[i].age_s, STR_ARG(found), cases[i].wanted);
    }
}

/* group, plural, object, cells */
static const struct {
    const char *group, *plural, *object, *cells;
} rows[] = {
    {"example.com", "things", "{\"metadata\":{\"name\":\"a\",\"creationTimestamp\":\"1970-01-01T00:00:00Z\"},\"spec\":{\"replicas\":3}}", "[\"a\",3,\"100s\",null]"},
    {"example.com", "things", "{\"metadata\":{\"name\":\"a\"}}", "[\"a\",null,null,null]"},
    {"example.com", "things", "{\"metadata\":{\"name\":\"a\",\"creationTimestamp\":\"\"},\"spec\":{\"replicas\":2.9},\"note\":null}", "[\"a\",2,\"<unknown>\",\"<no value>\"]"},
    {"example.com", "things", "{\"metadata\":{\"name\":\"a\",\"creationTimestamp\":\"x\"},\"note\":{\"b\":1,\"a\":\"<\"}}",
     "[\"a\",null,\"<invalid>\",\"{\\\"a\\\":\\\"\\\\u003c\\\",\\\"b\\\":1}\"]"},
    {"", "configmaps", "{\"metadata\":{\"name\":\"m\",\"creationTimestamp\":\"1970-01-01T00:01:30Z\"},\"data\":{\"a\":\"\"},\"binaryData\":{\"b\":\"\"}}", "[\"m\",2,\"10s\"]"},
    {"", "pods",
     "{\"metadata\":{\"name\":\"p\",\"creationTimestamp\":\"1970-01-01T00:00:00Z\"},\"spec\":{\"containers\":[{},{}],\"nodeName\":\"n\"},\"status\":{\"phase\":\"Running\","
     "\"containerStatuses\":[{\"ready\":true,\"restartCount\":2,\"state\":{\"running\":{}}},{\"ready\":false,\"restartCount\":1,\"state\":{\"waiting\":{\"reason\":\"CrashLoopBackOff\"}}}]}}",
     "[\"p\",\"1/2\",\"CrashLoopBackOff\",\"3\",\"100s\",\"<none>\",\"n\",\"<none>\",\"<none>\"]"},
    {"", "pods",
     "{\"metadata\":{\"name\":\"p\"},\"spec\":{\"containers\":[{}],\"initContainers\":[{\"name\":\"a\"},{\"name\":\"b\"}]},\"status\":{\"phase\":\"Pending\","
     "\"initContainerStatuses\":[{\"name\":\"a\",\"restartCount\":1,\"state\":{\"terminated\":{\"exitCode\":0}}},{\"name\":\"b\",\"state\":{\"running\":{}}}],"
     "\"containerStatuses\":[{\"state\":{\"waiting\":{\"reason\":\"PodInitializing\"}}}]}}",
     "[\"p\",\"0/1\",\"Init:1/2\",\"1\",\"<unknown>\",\"<none>\",\"<none>\",\"<none>\",\"<none>\"]"},
    {"", "pods",
     "{\"metadata\":{\"name\":\"p\"},\"spec\":{\"containers\":[{}],\"initContainers\":[{\"name\":\"a\"}]},\"status\":{\"phase\":\"Pending\","
     "\"initContainerStatuses\":[{\"name\":\"a\",\"state\":{\"terminated\":{\"exitCode\":137,\"signal\":9}}}]}}",
     "[\"p\",\"0/1\",\"Init:Signal:9\",\"0\",\"<unknown>\",\"<none>\",\"<none>\",\"<none>\",\"<none>\"]"},
    {"", "pods",
     "{\"metadata\":{\"name\":\"p\"},\"spec\":{\"containers\":[{}],\"readinessGates\":[{\"conditionType\":\"g\"},{\"conditionType\":\"h\"}],\"initContainers\":["
     "{\"name\":\"s\",\"restartPolicy\":\"Always\"}]},\"status\":{\"phase\":\"Running\",\"conditions\":[{\"type\":\"g\",\"status\":\"True\"}],"
     "\"initContainerStatuses\":[{\"name\":\"s\",\"started\":true,\"ready\":true,\"restartCount\":2,\"state\":{\"running\":{}}}],\"containerStatuses\":[{"
     "\"ready\":true,\"restartCount\":3,\"state\":{\"running\":{}},\"lastState\":{\"terminated\":{\"finishedAt\":\"1970-01-01T00:00:30Z\"}}}]}}",
     "[\"p\",\"2/2\",\"Running\",\"5 (70s ago)\",\"<unknown>\",\"<none>\",\"<none>\",\"<none>\",\"1/2\"]"},
    {"", "pods",
     "{\"metadata\":{\"name\":\"p\",\"deletionTimestamp\":\"1970-01-01T00:00:00Z\"},\"status\":{\"phase\":\"Failed\",\"reason\":\"Evicted\"}}",
     "[\"p\",\"0/0\",\"Evicted\",\"0\",\"<unknown>\",\"<none>\",\"<none>\",\"<none>\",\"<none>\"]"},
    {"", "services",
     "{\"metadata\":{\"name\":\"s\"},\"spec\":{\"type\":\"LoadBalancer\",\"clusterIP\":\"1.2.3.4\",\"externalIPs\":[\"5.6.7.8\"],\"ports\":[{\"port\":80,"
     "\"nodePort\":30080,\"protocol\":\"TCP\"}]},\"status\":{\"loadBalancer\":{\"ingress\":[{\"ip\":\"9.9.9.9\"},{\"hostname\":\"h\"}]}}}",
     "[\"s\",\"LoadBalancer\",\"1.2.3.4\",\"9.9.9.9,h,5.6.7.8\",\"80:30080/TCP\",\"<unknown>\",\"<none>\"]"},
    {"", "events",
     "{\"metadata\":{\"name\":\"e\"},\"lastTimestamp\":\"1970-01-01T00:00:40Z\",\"type\":\"Normal\",\"reason\":\"R\",\"involvedObject\":{\"kind\":\"Pod\",\"name\":\"p\"},"
     "\"source\":{\"component\":\"c\"},\"message\":\"m\",\"count\":4,\"firstTimestamp\":null,\"eventTime\":null}",
     "[\"60s\",\"Normal\",\"R\",\"pod/p\",\"\",\"c\",\"m\",\"<unknown>\",4,\"e\"]"},
    {"rbac.authorization.k8s.io", "rolebindings",
     "{\"metadata\":{\"name\":\"b\",\"creationTimestamp\":\"1970-01-01T00:00:00Z\"},\"roleRef\":{\"kind\":\"Role\",\"name\":\"r\"},\"subjects\":[{\"kind\":\"User\",\"name\":"
     "\"u\"},{\"kind\":\"ServiceAccount\",\"namespace\":\"n\",\"name\":\"s\"}]}",
     "[\"b\",\"Role/r\",\"100s\",\"u\",\"\",\"n/s\"]"},
};

static void shows_objects_as_rows(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct kind *kind = registry_find(registry, str_of(rows[i].group), str_of(rows[i].plural));
        struct table_settings table = {.kind = kind, .version = kind->storage_version, .meta_version = STR("v1"), .now_ms = 100 * 1000};
        strbuf_clear(&text);
        table_begin(&table, 5, STR_EMPTY, -1, &text);
        table_write_row(&table, &arena, parse(str_of(rows[i].object)), &text);
        table_end(&text);
        yyjson_val *whole = parse(strbuf_view(&text)), *cells = json_get(yyjson_arr_get_first(json_get(whole, "rows")), "cells");
        if (!json_equal(cells, parse(str_of(rows[i].cells)))) fail_msg("%s: %.*s", rows[i].plural, STR_ARG(strbuf_view(&text)));
        assert_int_equal(yyjson_arr_size(cells), yyjson_arr_size(json_get(whole, "columnDefinitions")));
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(tells_groups_best_version_first), TEST(tells_resources_with_their_subresources), TEST(tells_everything_at_once), TEST(describes_kinds_for_openapi),
        TEST(reads_accept_headers),            TEST(tells_ages_as_kubectl_does),              TEST(shows_objects_as_rows),
    };
    return cmocka_run_group_tests_name("documents", tests, NULL, NULL);
}
