#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "booster/validate.h"
#include "data/yaml_read.h"
#include "validate_samples.h"

enum { ARENA_BYTES = 1 << 28 };

static bool rule_was_seen[RULE_COUNT];

struct result {
    struct arena arena;
    struct booster booster;
    struct findings findings;
};

static yyjson_val *read_yaml(struct arena *arena, const char *text) {
    struct yaml_documents documents = {0};
    struct error error = {0};
    if (!yaml_read(arena, str_of(text), &documents, &error)) fail_msg("%s: column %u: %s", text, error.column, error.message);
    assert_int_equal(documents.count, 1);
    return documents.items[0].root;
}

static void validate(struct result *result, yyjson_val *object) {
    findings_init(&result->findings, &result->arena);
    assert_true(booster_read(&result->arena, object, &result->booster, &result->findings));
    booster_validate_manifest(&result->booster, &result->findings);
    booster_validate(&result->booster, &result->findings);
    assert_false(result->arena.exhausted);
    for (size_t i = 0; i < result->findings.count; i++) rule_was_seen[result->findings.items[i].rule] = true;
}

static void validate_fragment(struct result *result, enum base base, const char *fragment) {
    arena_init(&result->arena, ARENA_BYTES);
    yyjson_mut_doc *doc = json_builder(&result->arena);
    yyjson_val *object = read_yaml(&result->arena, bases[base]), *patch = read_yaml(&result->arena, fragment);
    validate(result, json_freeze(&result->arena, yyjson_merge_patch(doc, object, patch)));
}

static void validate_text(struct result *result, const char *text) {
    arena_init(&result->arena, ARENA_BYTES);
    validate(result, read_yaml(&result->arena, text));
}

static void print_findings(const char *name, const struct findings *findings) {
    print_message("%s: %zu findings\n", name, findings->count);
    for (size_t i = 0; i < findings->count; i++)
        print_message("  %s %.*s: %.*s\n", rule_id(findings->items[i].rule), STR_ARG(findings->items[i].path),
                      STR_ARG(findings->items[i].message));
}

static const struct finding *finding_of(const struct findings *findings, const char *id) {
    for (size_t i = 0; i < findings->count; i++)
        if (strcmp(rule_id(findings->items[i].rule), id) == 0) return &findings->items[i];
    return NULL;
}

static bool finding_is(const struct finding *finding, const struct sample *sample) {
    return strcmp(rule_id(finding->rule), sample->id) == 0 && str_is(finding->path, sample->path) &&
           str_contains(finding->message, str_of(sample->message));
}

static bool findings_are(const struct findings *findings, const struct sample *sample) {
    size_t found = 0;
    for (size_t i = 0; i < findings->count; i++) {
        const struct finding *finding = &findings->items[i];
        if (sample->id && finding_is(finding, sample))
            found++;
        else if (!sample->also || !strstr(sample->also, rule_id(finding->rule)))
            return false;
    }
    return found == (sample->id ? 1 : 0);
}

static void check_samples(const struct sample *samples, size_t count) {
    size_t wrong = 0;
    for (size_t i = 0; i < count; i++) {
        struct result result;
        validate_fragment(&result, samples[i].base, samples[i].fragment);
        if (!findings_are(&result.findings, &samples[i])) {
            wrong++;
            print_message("expected %s %s: ...%s...\n", samples[i].id ? samples[i].id : "nothing", samples[i].path ? samples[i].path : "",
                          samples[i].message ? samples[i].message : "");
            print_findings(samples[i].name, &result.findings);
        }
        arena_release(&result.arena);
    }
    assert_int_equal(wrong, 0);
}

#define CHECK_SAMPLES(samples) check_samples(samples, sizeof samples / sizeof *samples)

static void shapes_of_fields(void **state) {
    (void)state;
    CHECK_SAMPLES(shapes);
}

static void names_and_their_lengths(void **state) {
    (void)state;
    CHECK_SAMPLES(names);
}

static void backends_and_sources(void **state) {
    (void)state;
    CHECK_SAMPLES(backends);
}

static void environment_and_ports(void **state) {
    (void)state;
    CHECK_SAMPLES(environments);
}

static void workers_and_resources(void **state) {
    (void)state;
    CHECK_SAMPLES(workers);
}

static void engine_arguments(void **state) {
    (void)state;
    CHECK_SAMPLES(configs);
}

static void routes_and_adapters(void **state) {
    (void)state;
    CHECK_SAMPLES(routes);
}

static void policies_and_their_scope(void **state) {
    (void)state;
    CHECK_SAMPLES(policies);
}

static void placement(void **state) {
    (void)state;
    CHECK_SAMPLES(placements);
}

static void pod_template(void **state) {
    (void)state;
    CHECK_SAMPLES(pod_templates);
}

static void metadata_that_no_server_takes(void **state) {
    (void)state;
    CHECK_SAMPLES(metadatas);
}

static void empty_values_and_sizes_of_metadata(void **state) {
    (void)state;
    enum { MOST_BYTES = 256 * 1024 };
    for (size_t size_bytes = MOST_BYTES; size_bytes <= MOST_BYTES + 1; size_bytes++) {
        struct result result;
        struct strbuf text = strbuf_with_max(1 << 20);
        strbuf_append(&text, STR("{apiVersion: workload.serving.volcano.sh/v1alpha1, kind: ModelBooster, "
                                 "metadata: {name: m, finalizers: null, ownerReferences: null, creationTimestamp: null, "
                                 "labels: {a: null}, annotations: {b: null, k: "));
        for (size_t i = 2; i < size_bytes; i++) strbuf_append(&text, STR("x"));
        strbuf_append(&text, STR("}}, spec: {backend: {name: b, " PLAIN "}}}"));
        validate_text(&result, text.ptr);
        assert_int_equal(result.findings.count, size_bytes > MOST_BYTES);
        assert_int_equal(finding_of(&result.findings, "MB017") != NULL, size_bytes > MOST_BYTES);
        arena_release(&result.arena);
        strbuf_release(&text);
    }
}

/* The controller's way: a newer server may take metadata that is refused today, and no model fails for it. */
static void metadata_of_live_objects_is_the_servers(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof metadatas / sizeof *metadatas; i++) {
        struct result result;
        const struct sample *sample = &metadatas[i];
        validate_fragment(&result, SINGLE, sample->fragment);
        findings_init(&result.findings, &result.arena);
        booster_validate(&result.booster, &result.findings);
        if (result.findings.count) print_findings(sample->name, &result.findings);
        assert_int_equal(result.findings.count, 0);
        arena_release(&result.arena);
    }
}

static void unknown_fields_and_what_was_meant(void **state) {
    (void)state;
    CHECK_SAMPLES(unknown_fields);
}

/* A manifest with so many backends, each with so many workers and adapters (names differ between backends). */
static char *many(size_t backend_count, size_t worker_count, size_t adapter_count, const char *served_name) {
    struct strbuf text = strbuf_with_max(1 << 24);
    strbuf_append(&text, STR("{" HEAD ", spec: {backends: ["));
    for (size_t b = 0; b < backend_count; b++) {
        strbuf_printf(&text, "%s{name: b%zu, type: vLLM, modelURI: hf://o/n, replicas: 1, loraAdapters: [", b ? ", " : "", b);
        for (size_t i = 0; i < adapter_count; i++) strbuf_printf(&text, "%s{name: l%zu-%zu, artifactURL: hf://o/l}", i ? ", " : "", b, i);
        strbuf_append(&text, STR("], workers: ["));
        for (size_t i = 0; i < worker_count; i++)
            strbuf_printf(&text, "%s{image: i, config: {served-model-name: '%s'}}", i ? ", " : "", served_name);
        strbuf_append(&text, STR("]}"));
    }
    strbuf_append(&text, STR("]}}"));
    assert_false(text.failed);
    return text.ptr;
}

struct limit {
    const char *name;
    size_t backends, workers, adapters;
    const char *ids; /* of all findings expected */
};

static const struct limit limits[] = {
    {"10 adapters", 1, 1, 10, ""},
    {"11 adapters", 1, 1, 11, "MB060"},
    {"10 adapters on two backends", 2, 1, 5, ""},
    {"12 adapters on two backends", 2, 1, 6, "MB060"},
    {"16 rules", 1, 1, 15, "MB060"},
    {"17 rules", 1, 1, 16, "MB060 MB061"},
    {"16 targets", 16, 1, 0, ""},
    {"17 targets", 17, 1, 0, "MB062"},
    {"1000 workers", 1, 1000, 0, "MB042"},
    {"1001 workers", 1, 1001, 0, "MB003"},
};

static void limits_of_the_route(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        struct result result;
        char *text = many(limits[i].backends, limits[i].workers, limits[i].adapters, "n");
        validate_text(&result, text);
        char ids[200] = "";
        for (size_t f = 0; f < result.findings.count; f++)
            snprintf(ids + strlen(ids), sizeof ids - strlen(ids), "%s%s", f ? " " : "", rule_id(result.findings.items[f].rule));
        if (strcmp(ids, limits[i].ids) != 0) print_findings(limits[i].name, &result.findings);
        assert_string_equal(ids, limits[i].ids);
        arena_release(&result.arena);
        free(text);
    }
}

static void served_names_are_counted_in_characters(void **state) {
    (void)state;
    for (size_t count = 256; count <= 257; count++) {
        struct result result;
        char name[2 * 257 + 1] = "";
        for (size_t i = 0; i < count; i++) memcpy(name + 2 * i, "\xc3\xa9", 3);
        char *text = many(1, 1, 0, name);
        validate_text(&result, text);
        assert_int_equal(result.findings.count, count > 256);
        assert_int_equal(finding_of(&result.findings, "MB057") != NULL, count > 256);
        arena_release(&result.arena);
        free(text);
    }
}

/* null in place of a list says "take the generated items away" in a strategic merge; a merge patch cannot carry it. */
static void null_takes_nothing_away(void **state) {
    (void)state;
    static const char *const specs[] = {"containers: null",
                                        "initContainers: null",
                                        "volumes: null",
                                        "containers: [{name: engine, env: null}]",
                                        "containers: [{name: engine, volumeMounts: null}]",
                                        "schedulerName: null"};
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
        struct result result;
        char text[1000];
        snprintf(text, sizeof text, "{" HEAD ", spec: {backend: {name: b, " PLAIN ", podTemplate: {spec: {%s}}}}}", specs[i]);
        validate_text(&result, text);
        assert_int_equal(result.findings.count, 1);
        assert_string_equal(rule_id(result.findings.items[0].rule), "MB110");
        arena_release(&result.arena);
    }
}

static void all_findings_come_at_once_and_in_order(void **state) {
    (void)state;
    static const char text[] =
        "{apiVersion: workload.serving.volcano.sh/v1alpha1, kind: ModelBooster, metadata: {name: M},\n"
        "spec: {name: X, paused: 1, backends: [\n"
        "{name: a, type: vLM, modelURI: x, minReplicas: 3, maxReplicas: 2, workers: [{image: 'a b', replicase: 1}]},\n"
        "{name: a, type: SGLang, modelURI: hf://o/n, replicas: 1, routeWeight: 500, env: [{name: A}, {name: A}]}]}}";
    static const char *const expected[] = {"MB012", "MB010", "MB001", "MB005", "MB024", "MB022", "MB044",
                                           "MB002", "MB004", "MB014", "MB120", "MB003", "MB031"};
    struct result result;
    validate_text(&result, text);
    size_t count = sizeof expected / sizeof *expected;
    if (result.findings.count != count) print_findings("several", &result.findings);
    assert_int_equal(result.findings.count, count);
    assert_int_equal(result.findings.error_count, count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(rule_id(result.findings.items[i].rule), expected[i]) != 0) print_findings("several", &result.findings);
        assert_string_equal(rule_id(result.findings.items[i].rule), expected[i]);
        if (i) assert_true((uintptr_t)result.findings.items[i].value >= (uintptr_t)result.findings.items[i - 1].value);
    }
    arena_release(&result.arena);
}

/* Warnings that fill the list must not hide that the object is invalid. */
static void errors_beyond_the_limit_still_count(void **state) {
    (void)state;
    struct result result;
    struct strbuf text = strbuf_with_max(1 << 20);
    strbuf_append(&text, STR("{" HEAD ", spec: {backend: {name: b, " PLAIN "}, modelMatch: {headers: {"));
    for (int i = 0; i < LIMIT_FINDINGS + 5; i++) strbuf_printf(&text, "h%d: {}, ", i);
    strbuf_append(&text, STR("}}, costExpansionRatePercent: 5}}"));
    validate_text(&result, text.ptr);
    assert_int_equal(result.findings.count, LIMIT_FINDINGS);
    assert_true(result.findings.is_cut);
    assert_int_equal(result.findings.error_count, 1);
    arena_release(&result.arena);
    strbuf_release(&text);
}

/* Hostile text in every text field: no crash, and never raw control characters in a message or path. */
static void hostile_text_is_escaped(void **state) {
    (void)state;
    static const char *const texts[] = {"${X}",    "$(X)",    "\\\"'`;|&<>", "\\n\\r\\t", "\\u0007\\u001b[2J", "\\u0085\\u009b2J",
                                        "\\u202e", "é\\u0000"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct result result;
        char text[4000];
        const char *t = texts[i];
        int length =
            snprintf(text, sizeof text,
                     "{\"metadata\": {\"name\": \"%s\", \"labels\": {\"%s\": \"%s\"}, \"finalizers\": [\"%s\"]}, \"spec\": {\"name\": \"%s\", \"%s\": 1, \"modelMatch\": {\"headers\": {\"%s\": "
                     "{}}}, \"backends\": ["
                     "{\"name\": \"%s\", \"type\": \"%s\", \"modelURI\": \"%s\", \"cacheURI\": \"%s\", \"replicas\": 1, "
                     "\"runtimeClassName\": \"%s\","
                     "\"env\": [{\"name\": \"%s\"}], \"loraAdapters\": [{\"name\": \"%s\", \"artifactURL\": \"%s\"}], \"workers\": "
                     "[{\"type\": \"%s\","
                     "\"image\": \"%s\", \"config\": {\"%s\": 1, \"host\": \"%s\"}, \"resources\": {\"limits\": {\"%s\": \"%s\"}}}],"
                     "\"podTemplate\": {\"labels\": {\"%s\": \"%s\"}, \"spec\": {\"containers\": [{\"name\": \"%s\"}]}}}]}}",
                     t, t, t, t, t, t, t, t, t, t, t, t, t, t, t, t, t, t, t, t, t, t, t, t);
        assert_true(length > 0 && length < (int)sizeof text);
        arena_init(&result.arena, ARENA_BYTES);
        struct error error = {0};
        yyjson_val *object = json_parse(&result.arena, str_of(text), &error);
        if (!object) fail_msg("%s: %s", text, error.message);
        validate(&result, object);
        assert_true(result.findings.count > 10);
        for (size_t f = 0; f < result.findings.count; f++) {
            struct str parts[] = {result.findings.items[f].path, result.findings.items[f].message};
            for (size_t p = 0; p < 2; p++)
                for (size_t c = 0; c < parts[p].len; c++) {
                    unsigned char byte = (unsigned char)parts[p].ptr[c];
                    bool is_c1 = byte == 0xC2 && c + 1 < parts[p].len && (unsigned char)parts[p].ptr[c + 1] < 0xA0;
                    assert_true(byte >= ' ' && byte != 0x7F && !is_c1);
                }
        }
        arena_release(&result.arena);
    }
}

struct together {
    const char *name;
    const char *manifests[3]; /* metadata, then spec */
    const char *id;           /* of the one finding, which the last manifest has; NULL: none */
    const char *path, *message;
};

#define MODEL(metadata, spec)                                                                                                              \
    "{apiVersion: workload.serving.volcano.sh/v1alpha1, kind: ModelBooster, metadata: {" metadata "}, spec: {" spec "}}"
#define ONE(backend)    "backends: [{name: " backend ", " PLAIN "}]"
#define SCALED(backend) "backends: [{name: " backend ", " PLAIN ", autoscalingPolicy: {" METRICS "}}]"
#define SCALED_WHOLE    "autoscalingPolicy: {" METRICS "}, backends: [{name: x, scalingCost: 1, " PLAIN "}]"

static const struct together togethers[] = {
    {"different names", {MODEL("name: a", ONE("x")), MODEL("name: b", ONE("x"))}, NULL, NULL, NULL},
    {"one name in two namespaces",
     {MODEL("name: a, namespace: one", ONE("x")), MODEL("name: a, namespace: two", ONE("x"))},
     NULL,
     NULL,
     NULL},
    {"the same one twice",
     {MODEL("name: a", ONE("x")), MODEL("name: a", ONE("y"))},
     "MB015",
     "metadata.name",
     "\"a\" is in the input already, at file:1; keep one of the two, or rename one"},
    {"the same one twice, with the same children",
     {MODEL("name: a", SCALED("x")), MODEL("name: a", SCALED("x"))},
     "MB015",
     "metadata.name",
     ""},
    {"one child of two",
     {MODEL("name: a", ONE("b-c")), MODEL("name: a-b", ONE("c"))},
     "MB016",
     "spec.backends[0].name",
     "ModelServing \"a-b-c\" is made by ModelBooster \"a\" as well, at file:1; rename one of them"},
    {"one child of two, in two namespaces", {MODEL("name: a", ONE("b-c")), MODEL("name: a-b, namespace: one", ONE("c"))}, NULL, NULL, NULL},
    {"a policy of a model, and that of a backend",
     {MODEL("name: a", SCALED("b")), MODEL("name: a-b", SCALED_WHOLE)},
     "MB016",
     "metadata.name",
     "AutoscalingPolicy \"a-b\" is made by ModelBooster \"a\" as well"},
    {"a policy of a backend, and that of a model",
     {MODEL("name: a-b", SCALED_WHOLE), MODEL("name: a", SCALED("b"))},
     "MB016",
     "spec.backends[0].name",
     "AutoscalingPolicy \"a-b\" is made by ModelBooster \"a-b\" as well"},
    {"the route of a model, and the server of a backend", {MODEL("name: a", ONE("b")), MODEL("name: a-b", ONE("x"))}, NULL, NULL, NULL},
    {"a third one",
     {MODEL("name: a", ONE("b-c")), MODEL("name: z", ONE("z")), MODEL("name: a-b", ONE("c"))},
     "MB016",
     "spec.backends[0].name",
     ""},
    {"no names at all", {MODEL("", ONE("x")), MODEL("", ONE("x"))}, NULL, NULL, NULL},
    {"one backend twice is another rule's", {MODEL("name: a", "backends: [{name: x, " PLAIN "}, {name: x, " PLAIN "}]")}, NULL, NULL, NULL},
};

static void boosters_of_one_input_are_compared(void **state) {
    (void)state;
    enum { MOST = 3 };
    for (size_t i = 0; i < sizeof togethers / sizeof *togethers; i++) {
        const struct together *row = &togethers[i];
        struct arena arena;
        struct booster boosters[MOST];
        struct findings findings[MOST];
        struct validated all[MOST];
        size_t count = 0;
        arena_init(&arena, ARENA_BYTES);
        for (; count < MOST && row->manifests[count]; count++) {
            struct findings ignored;
            findings_init(&ignored, &arena);
            findings_init(&findings[count], &arena);
            assert_true(booster_read(&arena, read_yaml(&arena, row->manifests[count]), &boosters[count], &ignored));
            all[count] = (struct validated){&boosters[count], &findings[count], arena_printf(&arena, "file:%zu", count + 1)};
        }
        boosters_validate_together(&arena, all, count);
        for (size_t b = 0; b < count; b++) {
            if (findings[b].count != (row->id && b + 1 == count)) print_findings(row->name, &findings[b]);
            assert_int_equal(findings[b].count, row->id && b + 1 == count);
        }
        const struct finding *finding = findings[count - 1].items;
        if (row->id) {
            rule_was_seen[finding->rule] = true;
            assert_string_equal(rule_id(finding->rule), row->id);
            assert_true(str_is(finding->path, row->path));
            assert_true(str_contains(finding->message, str_of(row->message)));
            assert_non_null(finding->value);
        }
        arena_release(&arena);
    }
}

static char *read_file(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) return NULL;
    struct strbuf text = strbuf_with_max(LIMIT_FILE_BYTES);
    size_t count;
    do {
        char *room = strbuf_reserve(&text, 65536);
        assert_non_null(room);
        count = fread(room, 1, 65536, file);
        strbuf_added(&text, count);
    } while (count);
    fclose(file);
    return text.ptr;
}

/* Every ModelBooster in the folder is free of errors; returns how many there are. */
static size_t check_folder(const char *folder, bool may_have_warnings) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", getenv("MB_SOURCE_ROOT"), folder);
    DIR *directory = opendir(path);
    size_t count = 0;
    if (!directory) return 0;
    for (struct dirent *entry = readdir(directory); entry; entry = readdir(directory)) {
        if (!str_ends_with(str_of(entry->d_name), STR(".yaml"))) continue;
        snprintf(path, sizeof path, "%s/%s/%s", getenv("MB_SOURCE_ROOT"), folder, entry->d_name);
        char *text = read_file(path);
        struct result result;
        validate_text(&result, text);
        count++;
        if (result.findings.error_count || (result.findings.count && !may_have_warnings)) print_findings(path, &result.findings);
        assert_int_equal(result.findings.error_count, 0);
        assert_true(result.findings.count == 0 || may_have_warnings);
        arena_release(&result.arena);
        free(text);
    }
    closedir(directory);
    return count;
}

static void examples_are_clean(void **state) {
    (void)state;
    assert_true(check_folder("examples", true) > 0);
}

/* What Kthena publishes for 0.1 and its main, where that is at hand. */
static void examples_of_kthena_have_no_errors(void **state) {
    (void)state;
    size_t count =
        check_folder("../shared/peers/kthena-v0.1.0/examples", true) + check_folder("../shared/peers/kthena-main/examples", true);
    if (count == 0) skip();
    assert_int_equal(count, 6);
}

/* Runs last: the tests above provoke every rule. */
static void every_rule_was_provoked(void **state) {
    (void)state;
    size_t missing = 0;
    for (int rule = 0; rule < RULE_COUNT; rule++) {
        if (rule_was_seen[rule]) continue;
        print_message("no case provokes %s: %s\n", rule_id((enum rule)rule), rule_summary((enum rule)rule));
        missing++;
    }
    assert_int_equal(missing, 0);
}

/* "| MB012 | summary | remedy |" in order, and no other row. */
static void the_manual_lists_the_same_rules(void **state) {
    (void)state;
    char path[4096];
    snprintf(path, sizeof path, "%s/docs/rules.md", getenv("MB_SOURCE_ROOT"));
    char *text = read_file(path);
    assert_non_null(text);
    int rule = 0;
    for (char *line = strstr(text, "\n| MB"); line; line = strstr(line + 1, "\n| MB")) {
        char start[300];
        assert_true(rule < RULE_COUNT);
        snprintf(start, sizeof start, "\n| %s | %s | ", rule_id((enum rule)rule), rule_summary((enum rule)rule));
        if (strncmp(line, start, strlen(start)) != 0) fail_msg("docs/rules.md: expected%s, found%.60s", start, line);
        rule++;
    }
    assert_int_equal(rule, RULE_COUNT);
    free(text);
}

static void ids_are_unique_and_ascend(void **state) {
    (void)state;
    for (int rule = 1; rule < RULE_COUNT; rule++) assert_true(strcmp(rule_id((enum rule)(rule - 1)), rule_id((enum rule)rule)) < 0);
    assert_true(rule_is_unsupported(RULE_UNSUPPORTED));
    assert_false(rule_is_warning(RULE_UNSUPPORTED));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes_of_fields),
        cmocka_unit_test(names_and_their_lengths),
        cmocka_unit_test(backends_and_sources),
        cmocka_unit_test(environment_and_ports),
        cmocka_unit_test(workers_and_resources),
        cmocka_unit_test(engine_arguments),
        cmocka_unit_test(routes_and_adapters),
        cmocka_unit_test(policies_and_their_scope),
        cmocka_unit_test(placement),
        cmocka_unit_test(pod_template),
        cmocka_unit_test(metadata_that_no_server_takes),
        cmocka_unit_test(empty_values_and_sizes_of_metadata),
        cmocka_unit_test(metadata_of_live_objects_is_the_servers),
        cmocka_unit_test(unknown_fields_and_what_was_meant),
        cmocka_unit_test(limits_of_the_route),
        cmocka_unit_test(served_names_are_counted_in_characters),
        cmocka_unit_test(null_takes_nothing_away),
        cmocka_unit_test(all_findings_come_at_once_and_in_order),
        cmocka_unit_test(errors_beyond_the_limit_still_count),
        cmocka_unit_test(hostile_text_is_escaped),
        cmocka_unit_test(boosters_of_one_input_are_compared),
        cmocka_unit_test(examples_are_clean),
        cmocka_unit_test(examples_of_kthena_have_no_errors),
        cmocka_unit_test(ids_are_unique_and_ascend),
        cmocka_unit_test(the_manual_lists_the_same_rules),
        cmocka_unit_test(every_rule_was_provoked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
