/*
 * Text and values that nobody should write: what comes out is findings, or children in which that text is data and nothing else. Never a
 * crash, and never another shape than the same ModelBooster with harmless text has.
 */
#include <stdlib.h>
#include <string.h>

#include "booster/uri.h"
#include "invariants.h"
#include "shell_words.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* Every text a user can write has a mark of its own: ten characters that are a valid name, and appear nowhere else. */
static const char marked[] =
    "{\"apiVersion\":\"workload.serving.volcano.sh/v1alpha1\",\"kind\":\"ModelBooster\","
    "\"metadata\":{\"name\":\"mark-aa-00\",\"annotations\":{\"note\":\"mark-aa-01\"}},"
    "\"spec\":{\"name\":\"mark-aa-02\",\"owner\":\"mark-aa-03\","
    "\"modelMatch\":{\"headers\":{\"x-team\":{\"exact\":\"mark-aa-04\"}},\"uri\":{\"regex\":\"mark-aa-05\"}},"
    "\"backends\":[{\"name\":\"mark-aa-06\",\"type\":\"vLLM\",\"modelURI\":\"hf://o/mark-aa-07\",\"cacheURI\":\"hostpath:///mark-aa-08\","
    "\"minReplicas\":1,\"maxReplicas\":3,\"schedulerName\":\"mark-aa-09\",\"runtimeClassName\":\"mark-aa-10\","
    "\"env\":[{\"name\":\"mark-aa-11\",\"value\":\"mark-aa-12\"},{\"name\":\"RUNTIME_URL\",\"value\":\"mark-aa-13\"},"
    "{\"name\":\"RUNTIME_METRICS_PATH\",\"value\":\"mark-aa-14\"},{\"name\":\"A\",\"valueFrom\":{\"secretKeyRef\":{\"name\":\"s\",\"key\":"
    "\"mark-aa-15\"}}}],"
    "\"envFrom\":[{\"prefix\":\"mark-aa-16\",\"secretRef\":{\"name\":\"mark-aa-17\"}}],"
    "\"loraAdapters\":[{\"name\":\"mark-aa-18\",\"artifactURL\":\"s3://mark-aa-19\"}],"
    "\"autoscalingPolicy\":{\"metrics\":[{\"metricName\":\"mark-aa-20\",\"targetValue\":\"500m\"}]},"
    "\"topologySpread\":[{\"maxSkew\":1,\"topologyKey\":\"mark-aa-21\",\"whenUnsatisfiable\":\"DoNotSchedule\"}],"
    "\"podTemplate\":{\"labels\":{\"team\":\"mark-aa-22\"},\"spec\":{\"priorityClassName\":\"mark-aa-23\","
    "\"containers\":[{\"name\":\"mark-aa-24\",\"image\":\"mark-aa-25\",\"command\":[\"mark-aa-26\"]}]}},"
    "\"workers\":[{\"type\":\"server\",\"pods\":2,\"image\":\"mark-aa-27\","
    "\"config\":{\"some-text\":\"mark-aa-28\",\"some-object\":{\"key\":\"mark-aa-29\"},\"served-model-name\":\"mark-aa-30\"},"
    "\"nodeSelector\":{\"zone\":\"mark-aa-31\"},\"tolerations\":[{\"key\":\"mark-aa-32\",\"operator\":\"Exists\"}],"
    "\"affinity\":{\"nodeAffinity\":{\"some\":\"mark-aa-33\"}},\"resources\":{\"claims\":[{\"name\":\"mark-aa-34\"}]}}]}]}}";

enum { MARKS = 35, MARK_BYTES = 10, CACHE_MARK = 8 };

static struct str mark_of(int number, char room[MARK_BYTES + 1]) {
    snprintf(room, MARK_BYTES + 1, "mark-aa-%02d", number);
    return (struct str){room, MARK_BYTES};
}

static const char *const hostile_texts[] = {
    "${VAR}",
    "${modelName}",
    "prefix ${x} suffix",
    "${",
    "}",
    "${}",
    "$${x}",
    "$(NAME)",
    "$(",
    "$$(NAME)",
    "{{ .Values.x }}",
    "%s%n%d",
    "'",
    "\"",
    "`id`",
    "it's",
    "a'b\"c`d$e\\f",
    "a\nb",
    "a\r\nb\tc",
    "; rm -rf / #",
    "&& reboot",
    "| sh",
    "> /etc/passwd",
    "*",
    "~",
    "--flag",
    "-",
    "\\",
    "\\n",
    "null",
    "true",
    "0",
    "---",
    "- x\n- y",
    "key: value",
    "<script>",
    "../../etc",
    "/",
    "//",
    "a//b",
    " ",
    "  padded  ",
    "\x01\x1b[31m",
    "\xc3\xa9\xe4\xb8\xad\xf0\x9f\x98\x80",
    "\xe2\x80\xa8",
    "\xef\xbb\xbf",
    "=",
    "a=b",
    ",",
    ":",
    "@",
    "mark-aa-99",
    "MARK",
    "a.b",
    "default",
    "engine",
    "model-cache",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
};

static yyjson_val *parse(struct arena *arena, struct str text) {
    struct error error = {0};
    yyjson_val *value = json_parse(arena, text, &error);
    if (!value) fail_msg("%s in %.*s", error.message, STR_ARG(str_first(text, 300)));
    return value;
}

static void read_object(struct rendered *out, yyjson_val *object) {
    findings_init(&out->findings, &out->arena);
    assert_true(booster_read(&out->arena, object, &out->booster, &out->findings));
    booster_validate_manifest(&out->booster, &out->findings);
    booster_validate(&out->booster, &out->findings);
    out->booster.namespace = STR("default");
    out->booster.uid = STR(TEST_UID);
}

static void start(struct rendered *out) {
    *out = (struct rendered){.settings = {.images = {STR(TEST_DOWNLOADER), STR(TEST_RUNTIME)}}};
    arena_init(&out->arena, LIMIT_RECONCILE_ARENA_BYTES);
}

/* True when there are children; else there are findings, each with a message. */
static bool findings_or_children(struct rendered *rendered, yyjson_val *object, const char *what) {
    read_object(rendered, object);
    for (size_t i = 0; i < rendered->findings.count; i++) assert_true(rendered->findings.items[i].message.len > 0);
    if (rendered->findings.error_count) return false;
    if (!generate_children(&rendered->arena, &rendered->booster, &rendered->settings, NULL, &rendered->children))
        fail_msg("%s: valid, and no children", what);
    return true;
}

/* `text` with each `mark` made `with`. */
static struct str replaced(struct arena *arena, struct str text, struct str mark, struct str with) {
    struct strbuf out = strbuf_with_max(LIMIT_BODY_BYTES);
    for (;;) {
        size_t at = str_find(text, mark);
        strbuf_append(&out, str_first(text, at));
        if (at == SIZE_MAX) break;
        strbuf_append(&out, with);
        text = str_from(text, at + mark.len);
    }
    struct str copy = arena_copy(arena, strbuf_view(&out));
    strbuf_release(&out);
    return copy;
}

static yyjson_mut_val *with_text(struct arena *arena, yyjson_mut_doc *doc, yyjson_val *value, struct str mark, struct str text) {
    size_t index, max;
    yyjson_val *key, *item;
    if (yyjson_is_str(value)) return json_make_text(doc, replaced(arena, json_text(value), mark, text));
    if (!yyjson_is_ctn(value)) return yyjson_val_mut_copy(doc, value);
    yyjson_mut_val *copy = yyjson_is_obj(value) ? yyjson_mut_obj(doc) : yyjson_mut_arr(doc);
    if (yyjson_is_arr(value))
        yyjson_arr_foreach(value, index, max, item) yyjson_mut_arr_append(copy, with_text(arena, doc, item, mark, text));
    else
        yyjson_obj_foreach(value, index, max, key, item)
            yyjson_mut_obj_add(copy, yyjson_val_mut_copy(doc, key), with_text(arena, doc, item, mark, text));
    return copy;
}

/* Hashes are of the text, and so differ. */
static bool is_hash(struct str key) {
    return str_is(key, LABEL_REVISION) || str_is(key, ANNOTATION_RENDERED);
}

static bool is_hex(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

/* Each run of 32 hex digits, an MD5, as a star. */
static struct str without_md5(struct arena *arena, struct str text) {
    char *copy = arena_alloc(arena, text.len + 1);
    size_t len = 0;
    for (size_t at = 0; at < text.len;) {
        size_t run = 0;
        while (at + run < text.len && run < 32 && is_hex(text.ptr[at + run])) run++;
        if (run == 32)
            copy[len++] = '*';
        else
            copy[len++] = text.ptr[at];
        at += run == 32 ? 32 : 1;
    }
    return (struct str){copy, len};
}

struct twin {
    struct arena *arena;
    struct str mark, text;
};

static void assert_same_data(const struct twin *twin, struct str found, struct str harmless) {
    struct str expected = without_md5(twin->arena, replaced(twin->arena, harmless, twin->mark, twin->text));
    if (!str_equal(without_md5(twin->arena, found), expected))
        fail_msg("%.*s for %.*s: found %.*s, expected %.*s", STR_ARG(twin->text), STR_ARG(twin->mark), STR_ARG(str_first(found, 500)),
                 STR_ARG(str_first(expected, 500)));
}

/* Of JSON inside an argument the value counts. */
static void assert_same_argument(const struct twin *twin, struct str found, struct str harmless) {
    bool is_object = str_starts_with(harmless, STR("{")) && str_contains(harmless, twin->mark);
    if (!is_object) {
        assert_same_data(twin, found, harmless);
        return;
    }
    yyjson_mut_doc *doc = json_builder(twin->arena);
    yyjson_val *expected = json_freeze(twin->arena, with_text(twin->arena, doc, parse(twin->arena, harmless), twin->mark, twin->text));
    assert_true(json_equal(parse(twin->arena, found), expected));
}

static void assert_same_shell_line(const struct twin *twin, struct str found, struct str harmless) {
    struct shell_words words, expected;
    assert_true(shell_words_of_leader(twin->arena, harmless, &expected));
    if (!shell_words_of_leader(twin->arena, found, &words)) fail_msg("a shell would act on %.*s", STR_ARG(found));
    assert_int_equal(words.count, expected.count);
    for (size_t i = 0; i < words.count; i++) assert_same_argument(twin, words.items[i], expected.items[i]);
}

/* The same tree, but for the text: the same keys, lists as long, every other value equal. */
static void assert_same_shape(const struct twin *twin, yyjson_val *found, yyjson_val *harmless, struct str at) {
    size_t index, max;
    yyjson_val *key, *item;
    if (yyjson_get_type(found) != yyjson_get_type(harmless) || (yyjson_is_ctn(found) && yyjson_get_len(found) != yyjson_get_len(harmless)))
        fail_msg("%.*s for %.*s: another shape at %.*s", STR_ARG(twin->text), STR_ARG(twin->mark), STR_ARG(at));
    if (yyjson_is_str(found)) {
        if (str_contains(json_text(harmless), STR(" && exec python3 ")))
            assert_same_shell_line(twin, json_text(found), json_text(harmless));
        else if (!is_hash(at))
            assert_same_data(twin, json_text(found), json_text(harmless));
    } else if (yyjson_is_arr(found)) {
        yyjson_val *other = yyjson_arr_get_first(harmless);
        yyjson_arr_foreach(found, index, max, item) {
            assert_same_shape(twin, item, other, at);
            other = unsafe_yyjson_get_next(other);
        }
    } else if (yyjson_is_obj(found)) {
        yyjson_obj_foreach(found, index, max, key, item) {
            yyjson_val *other = json_get_str(harmless, json_text(key));
            if (!other) fail_msg("%.*s for %.*s: key %.*s", STR_ARG(twin->text), STR_ARG(twin->mark), STR_ARG(json_text(key)));
            assert_same_shape(twin, item, other, json_text(key));
        }
    } else {
        assert_true(json_equal(found, harmless));
    }
}

static void check_text(const struct rendered *harmless, int mark, struct str text) {
    char room[MARK_BYTES + 1];
    struct rendered rendered;
    start(&rendered);
    struct twin twin = {&rendered.arena, mark_of(mark, room), text};
    yyjson_mut_doc *doc = json_builder(&rendered.arena);
    yyjson_val *object = json_freeze(&rendered.arena, with_text(&rendered.arena, doc, harmless->booster.object, twin.mark, text));
    assert_non_null(object);
    /* Of a path, repeated and trailing slashes go. */
    if (mark == CACHE_MARK) twin.text = str_from(uri_absolute_path(&rendered.arena, text), 1);
    if (findings_or_children(&rendered, object, room)) {
        assert_invariants(&rendered, false);
        assert_int_equal(rendered.children.count, harmless->children.count);
        for (size_t i = 0; i < rendered.children.count; i++)
            assert_same_shape(&twin, (yyjson_val *)(uintptr_t)rendered.children.items[i].object,
                              (yyjson_val *)(uintptr_t)harmless->children.items[i].object, STR_EMPTY);
    }
    arena_release(&rendered.arena);
}

static void make_harmless(struct rendered *out) {
    start(out);
    assert_true(findings_or_children(out, parse(&out->arena, str_of(marked)), "harmless"));
    assert_invariants(out, false);
}

static void test_text_stays_data(void **state) {
    (void)state;
    struct rendered harmless;
    make_harmless(&harmless);
    for (int mark = 0; mark < MARKS; mark++)
        for (size_t i = 0; i < COUNT(hostile_texts); i++) check_text(&harmless, mark, str_of(hostile_texts[i]));
    arena_release(&harmless.arena);
}

static void test_nul_stays_data(void **state) {
    (void)state;
    struct rendered harmless;
    make_harmless(&harmless);
    for (int mark = 0; mark < MARKS; mark++) check_text(&harmless, mark, (struct str){"a\0'b", 4});
    arena_release(&harmless.arena);
}

static void test_a_mebibyte_stays_data(void **state) {
    (void)state;
    enum { BYTES = 1 << 20 };
    struct rendered harmless;
    make_harmless(&harmless);
    char *text = malloc(BYTES);
    assert_non_null(text);
    for (size_t i = 0; i < BYTES; i++) text[i] = "'x$\"\\y"[i % 6];
    for (int mark = 0; mark < MARKS; mark++) check_text(&harmless, mark, (struct str){text, BYTES});
    free(text);
    arena_release(&harmless.arena);
}

/* A text that takes part in what Kubernetes reads as a list of containers must not be able to add one: with the names of generated ones. */
static void test_names_of_generated_containers(void **state) {
    (void)state;
    static const char *const names[] = {"engine", "runtime", "model-downloader", "lora-downloader-0"};
    struct rendered harmless;
    make_harmless(&harmless);
    for (size_t i = 0; i < COUNT(names); i++) {
        char room[MARK_BYTES + 1];
        struct rendered rendered;
        start(&rendered);
        yyjson_mut_doc *doc = json_builder(&rendered.arena);
        yyjson_val *object =
            json_freeze(&rendered.arena, with_text(&rendered.arena, doc, harmless.booster.object, mark_of(24, room), str_of(names[i])));
        /* It has an image and a command, which are the generator's. */
        assert_false(findings_or_children(&rendered, object, names[i]));
        arena_release(&rendered.arena);
    }
    arena_release(&harmless.arena);
}

/* Every value of the marked ModelBooster in turn becomes each of these. */
static const char *const odd_values[] = {
    "null",
    "true",
    "false",
    "0",
    "-1",
    "1",
    "2147483647",
    "2147483648",
    "4294967296",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
    "-9223372036854775808",
    "1.5",
    "1e300",
    "-0.0",
    "\"\"",
    "\"x\"",
    "\"1\"",
    "[]",
    "{}",
    "[[]]",
    "[null]",
    "[{}]",
    "{\"\":null}",
    "{\"x\":{}}",
    "[1,\"a\",{}]",
};

struct place {
    yyjson_val *target, *value;
};

static yyjson_mut_val *with_value(yyjson_mut_doc *doc, yyjson_val *value, const struct place *place) {
    size_t index, max;
    yyjson_val *key, *item;
    if (value == place->target) return yyjson_val_mut_copy(doc, place->value);
    if (!yyjson_is_ctn(value)) return yyjson_val_mut_copy(doc, value);
    yyjson_mut_val *copy = yyjson_is_obj(value) ? yyjson_mut_obj(doc) : yyjson_mut_arr(doc);
    if (yyjson_is_arr(value))
        yyjson_arr_foreach(value, index, max, item) yyjson_mut_arr_append(copy, with_value(doc, item, place));
    else
        yyjson_obj_foreach(value, index, max, key, item)
            yyjson_mut_obj_add(copy, yyjson_val_mut_copy(doc, key), with_value(doc, item, place));
    return copy;
}

static unsigned check_values_at(yyjson_val *root, yyjson_val *target) {
    size_t index, max;
    yyjson_val *key, *item;
    unsigned valid_count = 0;
    for (size_t i = 0; i < COUNT(odd_values); i++) {
        struct rendered rendered;
        start(&rendered);
        struct place place = {target, parse(&rendered.arena, str_of(odd_values[i]))};
        yyjson_val *object = json_freeze(&rendered.arena, with_value(json_builder(&rendered.arena), root, &place));
        if (findings_or_children(&rendered, object, odd_values[i])) {
            assert_invariants(&rendered, true);
            valid_count++;
        }
        arena_release(&rendered.arena);
    }
    if (yyjson_is_arr(target)) yyjson_arr_foreach(target, index, max, item) valid_count += check_values_at(root, item);
    if (yyjson_is_obj(target)) yyjson_obj_foreach(target, index, max, key, item) valid_count += check_values_at(root, item);
    return valid_count;
}

static void test_values_of_every_type_everywhere(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, 1 << 20);
    yyjson_val *root = parse(&arena, str_of(marked));
    assert_true(check_values_at(root, root) > 100);
    arena_release(&arena);
}

/* Up to the backend's fields, and up to those of its worker. */
#define BEGIN                                                                                                                              \
    "{\"apiVersion\":\"workload.serving.volcano.sh/v1alpha1\",\"kind\":\"ModelBooster\",\"metadata\":{\"name\":\"m\"},"                    \
    "\"spec\":{\"backend\":{\"name\":\"b\",\"type\":\"vLLM\",\"modelURI\":\"hf://o/n\",\"workers\":[{\"image\":\"i\""
#define BACKEND(extra, worker) BEGIN worker "}]" extra "}}}"

/* What has to be refused, and what just passes. */
static const struct {
    const char *name, *manifest;
    bool is_valid;
} limits[] = {
    {"replicas of int32 and one", BACKEND(",\"replicas\":2147483648", ""), false},
    {"replicas of int64 and one", BACKEND(",\"replicas\":9223372036854775808", ""), false},
    {"negative replicas", BACKEND(",\"replicas\":-1", ""), false},
    {"replicas as a whole double", BACKEND(",\"replicas\":3.0", ""), true},
    {"a fraction of a replica", BACKEND(",\"replicas\":1.5", ""), false},
    {"pods of int32 and one", BACKEND(",\"replicas\":1", ",\"pods\":2147483648"), false},
    {"weight 101", BACKEND(",\"replicas\":1,\"routeWeight\":101", ""), false},
    {"a variable twice", BACKEND(",\"replicas\":1,\"env\":[{\"name\":\"A\",\"value\":\"1\"},{\"name\":\"A\",\"value\":\"1\"}]", ""), false},
    {"a variable of the generator twice", BACKEND(",\"replicas\":1,\"env\":[{\"name\":\"POD_NAME\"},{\"name\":\"POD_NAME\"}]", ""), false},
    {"a variable once", BACKEND(",\"replicas\":1,\"env\":[{\"name\":\"POD_NAME\"},{\"name\":\"A\",\"value\":\"1\"}]", ""), true},
    {"port 65536", BACKEND(",\"replicas\":1", ",\"config\":{\"port\":65536}"), false},
    {"port 65535", BACKEND(",\"replicas\":1", ",\"config\":{\"port\":65535}"), true},
    {"port as text with more behind it", BACKEND(",\"replicas\":1", ",\"config\":{\"port\":\"8000; id\"}"), false},
    {"an argument that ends the name", BACKEND(",\"replicas\":1", ",\"config\":{\"a b\":1}"), false},
    {"an argument twice", BACKEND(",\"replicas\":1", ",\"config\":{\"a-b\":1,\"a_b\":1}"), false},
};

static void test_limits(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(limits); i++) {
        struct rendered rendered;
        start(&rendered);
        bool is_valid = findings_or_children(&rendered, parse(&rendered.arena, str_of(limits[i].manifest)), limits[i].name);
        if (is_valid != limits[i].is_valid) fail_msg("%s: %s", limits[i].name, is_valid ? "taken" : rendered.findings.items[0].message.ptr);
        if (is_valid) assert_invariants(&rendered, false);
        arena_release(&rendered.arena);
    }
}

/* <model>-<backend>-0-leader-0-0 may have 63 characters: 63 - strlen("-b-0-leader-0-0") for the model. */
static void test_names_at_their_limit(void **state) {
    (void)state;
    enum { SUFFIX = sizeof "-b-0-leader-0-0" - 1 };
    for (int len = 60 - SUFFIX; len <= 66 - SUFFIX; len++) {
        struct rendered rendered;
        char text[1024], name[80] = "";
        memset(name, 'n', (size_t)len);
        snprintf(text, sizeof text,
                 "{\"apiVersion\":\"workload.serving.volcano.sh/"
                 "v1alpha1\",\"kind\":\"ModelBooster\",\"metadata\":{\"name\":\"%s\"},\"spec\":{\"backend\":"
                 "{\"name\":\"b\",\"type\":\"vLLM\",\"modelURI\":\"hf://o/n\",\"replicas\":1,\"workers\":[{\"image\":\"i\"}]}}}",
                 name);
        start(&rendered);
        bool is_valid = findings_or_children(&rendered, parse(&rendered.arena, str_of(text)), name);
        assert_int_equal(is_valid, len + SUFFIX <= LIMIT_NAME_BYTES);
        arena_release(&rendered.arena);
    }
}

/* `depth` lists around a value, in config, as deep as documents go; and the same in podTemplate, which is merged. */
static void check_depth(const char *before, const char *after, int depth) {
    struct rendered rendered;
    struct strbuf text = strbuf_with_max(1 << 20);
    struct error error = {0};
    start(&rendered);
    strbuf_append(&text, str_of(before));
    for (int i = 0; i < depth; i++) strbuf_append(&text, STR("{\"a\":"));
    strbuf_append(&text, STR("1"));
    for (int i = 0; i < depth; i++) strbuf_append_char(&text, '}');
    strbuf_append(&text, str_of(after));
    yyjson_val *object = json_parse(&rendered.arena, strbuf_view(&text), &error);
    assert_int_equal(object == NULL, error.kind == ERROR_LIMIT);
    if (object && findings_or_children(&rendered, object, "deep")) assert_invariants(&rendered, false);
    strbuf_release(&text);
    arena_release(&rendered.arena);
}

static void test_depth(void **state) {
    (void)state;
    for (int depth = 1; depth < LIMIT_DOCUMENT_DEPTH + 5; depth += depth < 180 ? 25 : 1) {
        check_depth(BEGIN ",\"config\":{\"x\":", "}}],\"replicas\":1}}}", depth);
        check_depth(BEGIN "}],\"replicas\":1,\"podTemplate\":{\"spec\":{\"x\":", "}}}}}", depth);
    }
}

/* As many of a kind as fit into an object: done in time, or refused. */
static void test_many(void **state) {
    (void)state;
    enum { MANY = 20000 };
    struct rendered rendered;
    struct strbuf text = strbuf_with_max(1 << 24);
    start(&rendered);
    strbuf_append(&text, STR(BEGIN ",\"config\":{\"x\":1"));
    for (int i = 0; i < MANY; i++) strbuf_printf(&text, ",\"c%d\":%d", (i * 7919) % MANY, i);
    strbuf_append(&text, STR("}}],\"replicas\":1,\"env\":[{\"name\":\"A\"}"));
    for (int i = 0; i < MANY; i++) strbuf_printf(&text, ",{\"name\":\"E%d\",\"value\":\"v\"}", i);
    strbuf_append(&text, STR("],\"podTemplate\":{\"spec\":{\"containers\":[{\"name\":\"engine\",\"env\":[{\"name\":\"B\"}"));
    for (int i = 0; i < MANY; i++) strbuf_printf(&text, ",{\"name\":\"E%d\",\"value\":\"w\"}", MANY - 1 - i);
    strbuf_append(&text, STR("]}]}}}}}"));
    assert_false(text.failed);
    assert_true(findings_or_children(&rendered, parse(&rendered.arena, strbuf_view(&text)), "many"));
    const struct child *serving = rendered_child(&rendered, CHILD_SERVING, NULL);
    yyjson_val *role = yyjson_arr_get_first(json_path(serving->object, "spec", "template", "roles", NULL));
    yyjson_val *engine = yyjson_arr_get_last(json_path(role, "entryTemplate", "spec", "containers", NULL));
    assert_int_equal(yyjson_arr_size(json_get(engine, "env")), MANY + 8);
    assert_true(json_is_text(json_get(yyjson_arr_get(json_get(engine, "env"), 1), "value"), "w"));
    strbuf_release(&text);
    arena_release(&rendered.arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_stays_data),
        cmocka_unit_test(test_nul_stays_data),
        cmocka_unit_test(test_a_mebibyte_stays_data),
        cmocka_unit_test(test_names_of_generated_containers),
        cmocka_unit_test(test_values_of_every_type_everywhere),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_names_at_their_limit),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_many),
    };
    return cmocka_run_group_tests_name("hostile", tests, NULL, NULL);
}
