/* The schemas of the built-in kinds, and what kube-apiserver fills in on their objects (builtin_defaults.jsonl: given, becomes). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "schema/builtin.h"

enum { ARENA_BYTES = 64 * 1024 * 1024 };

static const struct {
    const char *group, *kind;
} kinds[] = {
    {"", "ConfigMap"}, {"", "DeleteOptions"}, {"", "Event"}, {"", "Namespace"}, {"", "Pod"}, {"", "Secret"}, {"", "Service"},
    {"", "ServiceAccount"}, {"", "Status"}, {"apiextensions.k8s.io", "CustomResourceDefinition"}, {"authentication.k8s.io", "SelfSubjectReview"},
    {"authentication.k8s.io", "TokenRequest"}, {"authentication.k8s.io", "TokenReview"}, {"authorization.k8s.io", "LocalSubjectAccessReview"},
    {"authorization.k8s.io", "SelfSubjectAccessReview"}, {"authorization.k8s.io", "SelfSubjectRulesReview"},
    {"authorization.k8s.io", "SubjectAccessReview"}, {"autoscaling", "Scale"}, {"coordination.k8s.io", "Lease"}, {"events.k8s.io", "Event"},
    {"rbac.authorization.k8s.io", "ClusterRole"}, {"rbac.authorization.k8s.io", "ClusterRoleBinding"}, {"rbac.authorization.k8s.io", "Role"},
    {"rbac.authorization.k8s.io", "RoleBinding"},
};

static void every_kind_has_a_schema(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct arena arena;
        arena_init(&arena, ARENA_BYTES);
        const struct schema *schema = builtin_schema(&arena, str_of(kinds[i].group), STR("v1"), str_of(kinds[i].kind));
        if (!schema) fail_msg("%s has no schema", kinds[i].kind);
        assert_true(schema_is_property(schema, STR("kind")));
        const yyjson_val *components = builtin_components(&arena, str_of(kinds[i].group), STR("v1"), str_of(kinds[i].kind));
        assert_true(yyjson_obj_size((yyjson_val *)(uintptr_t)components) > 0);
        arena_release(&arena);
    }
}

static void others_have_none(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, ARENA_BYTES);
    assert_null(builtin_schema(&arena, STR(""), STR("v2"), STR("Pod")));
    assert_null(builtin_schema(&arena, STR("apps"), STR("v1"), STR("Pod")));
    assert_null(builtin_schema(&arena, STR(""), STR("v1"), STR("Node")));
    assert_null(builtin_components(&arena, STR("rbac.authorization.k8s.io"), STR("v1"), STR("Status")));
    arena_release(&arena);
}

/* A dot between keys; "[]": the items; "{}": values of a map. */
static const struct schema *walk(const struct schema *schema, const char *path) {
    while (schema && *path) {
        size_t len = strcspn(path, ".");
        struct str key = {path, len};
        schema = str_is(key, "[]") ? schema_items(schema) : schema_property(schema, str_is(key, "{}") ? STR("any key") : key);
        path += path[len] ? len + 1 : len;
    }
    return schema;
}

static const struct {
    const char *kind, *path, *type;
    enum schema_list_type list;
    const char *keys;
    bool is_atomic, is_open;
} places[] = {
    {"Pod", "spec.containers", "array", SCHEMA_LIST_MAP, "name", false, false},
    {"Pod", "spec.containers.[].ports", "array", SCHEMA_LIST_MAP, "containerPort,protocol", false, false},
    {"Pod", "spec.containers.[].args", "array", SCHEMA_LIST_ATOMIC, "", false, false},
    {"Pod", "spec.containers.[].resources.limits.{}", "", SCHEMA_LIST_ATOMIC, "", false, true},
    {"Pod", "spec.containers.[].livenessProbe.httpGet.port", "", SCHEMA_LIST_ATOMIC, "", false, false},
    {"Pod", "spec.imagePullSecrets.[]", "object", SCHEMA_LIST_ATOMIC, "", true, false},
    {"Pod", "spec.nodeSelector", "object", SCHEMA_LIST_ATOMIC, "", true, false},
    {"Pod", "metadata.labels", "object", SCHEMA_LIST_ATOMIC, "", false, false},
    {"Pod", "metadata.finalizers", "array", SCHEMA_LIST_SET, "", false, false},
    {"Pod", "metadata.ownerReferences", "array", SCHEMA_LIST_MAP, "uid", false, false},
    {"Pod", "metadata.managedFields.[].fieldsV1", "object", SCHEMA_LIST_ATOMIC, "", false, true},
    {"Pod", "spec.hostAliases", "array", SCHEMA_LIST_MAP, "ip", false, false},
    {"Service", "spec.ports", "array", SCHEMA_LIST_MAP, "port,protocol", false, false},
    {"Service", "spec.selector", "object", SCHEMA_LIST_ATOMIC, "", true, false},
    {"ServiceAccount", "secrets", "array", SCHEMA_LIST_MAP, "name", false, false},
    {"Secret", "data.{}", "string", SCHEMA_LIST_ATOMIC, "", false, false},
};

static void structure_is_kept(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        struct arena arena;
        arena_init(&arena, ARENA_BYTES);
        const struct schema *schema = walk(builtin_schema(&arena, STR(""), STR("v1"), str_of(places[i].kind)), places[i].path);
        if (!schema) fail_msg("%s: no %s", places[i].kind, places[i].path);
        char keys[64] = "";
        size_t count, len = 0;
        const struct str *names = schema_list_map_keys(schema, &count);
        for (size_t key = 0; key < count; key++)
            len += (size_t)snprintf(keys + len, sizeof keys - len, "%s%.*s", key ? "," : "", STR_ARG(names[key]));
        if (!str_is(schema_type(schema), places[i].type) || schema_list_type(schema) != places[i].list || strcmp(keys, places[i].keys) ||
            schema_is_map_atomic(schema) != places[i].is_atomic || schema_preserves_unknown_fields(schema) != places[i].is_open)
            fail_msg("%s: %s is not as expected: type %.*s, list %d, keys %s, atomic %d, open %d", places[i].kind, places[i].path,
                     STR_ARG(schema_type(schema)), (int)schema_list_type(schema), keys, schema_is_map_atomic(schema),
                     schema_preserves_unknown_fields(schema));
        arena_release(&arena);
    }
}

static void a_definition_holds_schemas_in_schemas(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, ARENA_BYTES);
    const struct schema *schema =
        builtin_schema(&arena, STR("apiextensions.k8s.io"), STR("v1"), STR("CustomResourceDefinition"));
    assert_false(schema_preserves_unknown_fields(walk(schema, "spec.versions.[].schema.openAPIV3Schema.properties.{}")));
    assert_true(schema_preserves_unknown_fields(walk(schema, "spec.versions.[].schema.openAPIV3Schema.properties.{}.properties.{}")));
    arena_release(&arena);
}

static void components_refer_to_each_other(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, ARENA_BYTES);
    const yyjson_val *components = builtin_components(&arena, STR("coordination.k8s.io"), STR("v1"), STR("Lease"));
    assert_non_null(json_get(components, "io.k8s.api.coordination.v1.LeaseSpec"));
    assert_non_null(json_get(components, "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"));
    assert_non_null(json_get(components, "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1"));
    assert_null(json_get(components, "io.k8s.api.core.v1.Pod"));
    const yyjson_val *lease = json_get(components, "io.k8s.api.coordination.v1.Lease");
    assert_true(json_is_text(json_get(lease, "description"), "Lease defines a lease concept."));
    assert_int_equal(yyjson_arr_size(json_get(lease, "x-kubernetes-group-version-kind")), 1);
    arena_release(&arena);
}

static void check_default(const char *line) {
    struct arena arena;
    struct error error;
    arena_init(&arena, ARENA_BYTES);
    yyjson_val *test = json_parse(&arena, str_of(line), &error);
    if (!test) fail_msg("%s: %s", line, error.message);
    yyjson_mut_doc *doc = json_builder(&arena);
    yyjson_mut_val *object = yyjson_val_mut_copy(doc, json_get(test, "given"));
    struct str version = json_text(json_path(test, "given", "apiVersion", NULL)), kind = json_text(json_path(test, "given", "kind", NULL));
    size_t slash = str_find(version, STR("/"));
    struct str group = slash == SIZE_MAX ? STR_EMPTY : str_first(version, slash);
    for (int round = 0; round < 2; round++) { /* the second changes nothing */
        assert_true(builtin_default(group, kind, &arena, doc, object));
        yyjson_val *found = json_freeze(&arena, object);
        if (!json_equal(found, json_get(test, "becomes"))) {
            struct strbuf text = strbuf_with_max(1 << 20);
            json_write_canonical(&text, found);
            fail_msg("round %d: found    %s\nexpected %s", round, text.ptr, line);
        }
    }
    arena_release(&arena);
}

static void defaults_are_filled_in(void **state) {
    (void)state;
    FILE *file = fopen("tests/unit/builtin_defaults.jsonl", "r");
    assert_non_null(file);
    static char line[1 << 16];
    int count = 0;
    for (; fgets(line, sizeof line, file); count++) check_default(line);
    fclose(file);
    assert_true(count >= 25);
}

/* Of another's wrong types nothing is made. */
static void wrong_types_are_left_alone(void **state) {
    (void)state;
    check_default("{\"given\":{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"spec\":3,\"status\":[]},"
                  "\"becomes\":{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"spec\":3,\"status\":[]}}");
    check_default("{\"given\":{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"spec\":{\"ports\":{},\"type\":[],\"sessionAffinity\":1},"
                  "\"status\":{\"loadBalancer\":true}},\"becomes\":{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"spec\":{\"ports\":{},"
                  "\"type\":[],\"sessionAffinity\":1},\"status\":{\"loadBalancer\":true}}}");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_has_a_schema),
        cmocka_unit_test(others_have_none),
        cmocka_unit_test(structure_is_kept),
        cmocka_unit_test(a_definition_holds_schemas_in_schemas),
        cmocka_unit_test(components_refer_to_each_other),
        cmocka_unit_test(defaults_are_filled_in),
        cmocka_unit_test(wrong_types_are_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
