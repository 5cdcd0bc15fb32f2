/*
 * Children as a reader can check them by eye: tests/golden/<case>/children.yaml beside <case>/booster.yaml, and
 * tests/golden/examples/<name>.yaml for examples/<name>.yaml. UPDATE_GOLDEN=1 rewrites them; the diff is then what is reviewed.
 *
 * A folder may hold live.yaml: what lives already, one {replicas, replicasBefore, gangPolicy, downloader, runtime} a backend; and
 * topology-shape says kthena-main where networkTopology is written in the form of Kthena's main.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "data/yaml_write.h"
#include "rendered.h"

enum { CASES_MAX = 200 };

struct golden {
    char name[256];     /* of the test */
    char input[512];    /* the ModelBooster */
    char expected[512]; /* what it becomes */
    char folder[512];   /* with live.yaml and topology-shape; empty for none */
};

static struct golden cases[CASES_MAX];
static size_t case_count;

static bool is_updating(void) {
    const char *update = getenv("UPDATE_GOLDEN");
    return update && strcmp(update, "1") == 0;
}

/* The file's text; false when there is none. */
static bool read_file(struct arena *arena, const char *path, struct str *out) {
    struct stat about;
    FILE *file = fopen(path, "rb");
    if (!file) return false;
    assert_int_equal(fstat(fileno(file), &about), 0);
    char *text = arena_alloc(arena, (size_t)about.st_size + 1);
    assert_non_null(text);
    assert_int_equal(fread(text, 1, (size_t)about.st_size, file), about.st_size);
    fclose(file);
    *out = (struct str){text, (size_t)about.st_size};
    return true;
}

static void write_file(const char *path, struct str text) {
    FILE *file = fopen(path, "wb");
    if (!file) fail_msg("%s: %s", path, strerror(errno));
    assert_int_equal(fwrite(text.ptr, 1, text.len, file), text.len);
    assert_int_equal(fclose(file), 0);
}

static void path_of(char out[512], const struct golden *golden, const char *file) {
    assert_true(snprintf(out, 512, "%s/%s", golden->folder, file) < 512);
}

static struct live_serving *read_live(struct rendered *rendered, const struct golden *golden) {
    char path[512];
    struct str text;
    struct yaml_documents documents = {0};
    struct error error = {0};
    path_of(path, golden, "live.yaml");
    if (!golden->folder[0] || !read_file(&rendered->arena, path, &text)) return NULL;
    if (!yaml_read(&rendered->arena, text, &documents, &error)) fail_msg("%s: %s", path, error.message);
    struct live_serving *live = arena_array(&rendered->arena, rendered->booster.backend_count, sizeof *live);
    assert_non_null(live);
    for (size_t i = 0; i < rendered->booster.backend_count; i++) {
        yyjson_val *given = yyjson_arr_get(documents.items[0].root, i);
        live[i].exists = json_int64(json_get(given, "replicas"), &live[i].replicas);
        live[i].has_replicas_before = json_int64(json_get(given, "replicasBefore"), &live[i].replicas_before);
        live[i].gang_policy = json_get(given, "gangPolicy");
        live[i].images.downloader = json_text(json_get(given, "downloader"));
        live[i].images.runtime = json_text(json_get(given, "runtime"));
    }
    return live;
}

static void render(struct rendered *rendered, const struct golden *golden) {
    struct arena arena;
    struct str text, shape;
    char path[512];
    arena_init(&arena, LIMIT_FILE_BYTES);
    if (!read_file(&arena, golden->input, &text)) fail_msg("%s: %s", golden->input, strerror(errno));
    rendered_read(rendered, text);
    path_of(path, golden, "topology-shape");
    if (golden->folder[0] && read_file(&arena, path, &shape) && str_is(str_trim(shape), "kthena-main"))
        rendered->settings.topology_shape = TOPOLOGY_KTHENA_MAIN;
    arena_release(&arena);
    rendered_generate(rendered, read_live(rendered, golden));
}

/* Every text that came in at the first difference, and where. */
static void assert_same_text(const char *path, struct str found, struct str expected) {
    size_t at = 0, line = 1;
    if (str_equal(found, expected)) return;
    while (at < found.len && at < expected.len && found.ptr[at] == expected.ptr[at]) line += found.ptr[at++] == '\n';
    while (at > 0 && found.ptr[at - 1] != '\n') at--;
    struct str found_line = str_from(found, at), expected_line = str_from(expected, at);
    fail_msg("%s:%zu: found\n%.*s\nexpected\n%.*s\nif the change is meant, rewrite it with UPDATE_GOLDEN=1 make test", path, line,
             STR_ARG(str_first(found_line, str_find(found_line, STR("\n")))),
             STR_ARG(str_first(expected_line, str_find(expected_line, STR("\n")))));
}

static void assert_no_warning_hidden(const struct rendered *rendered, struct strbuf *out) {
    for (size_t i = 0; i < rendered->findings.count; i++) {
        const struct finding *finding = &rendered->findings.items[i];
        strbuf_printf(out, "# %s %.*s: %.*s\n", rule_id(finding->rule), STR_ARG(finding->path), STR_ARG(finding->message));
    }
}

static void test_case(void **state) {
    const struct golden *golden = *state;
    struct rendered rendered;
    struct str expected;
    struct strbuf text = strbuf_with_max(LIMIT_FILE_BYTES);
    render(&rendered, golden);
    assert_no_warning_hidden(&rendered, &text);
    for (size_t i = 0; i < rendered.children.count; i++) {
        if (i) strbuf_append(&text, STR("---\n"));
        yaml_write(&text, rendered.children.items[i].object);
    }
    assert_false(text.failed);
    if (is_updating()) write_file(golden->expected, strbuf_view(&text));
    if (!read_file(&rendered.arena, golden->expected, &expected))
        fail_msg("%s is missing; UPDATE_GOLDEN=1 make test writes it", golden->expected);
    assert_same_text(golden->expected, strbuf_view(&text), expected);
    strbuf_release(&text);
    rendered_release(&rendered);
}

/* What Kthena's own examples become is looked at for findings only: they are not ours to keep a copy of. */
static void test_peer(void **state) {
    const struct golden *golden = *state;
    struct rendered rendered;
    render(&rendered, golden);
    assert_true(rendered.children.count >= 3);
    rendered_release(&rendered);
}

static int by_name(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_visible(const struct dirent *entry) {
    return entry->d_name[0] != '.';
}

static struct golden *add_case(const char *prefix, const char *name) {
    assert_true(case_count < CASES_MAX);
    struct golden *golden = &cases[case_count++];
    assert_true(snprintf(golden->name, sizeof golden->name, "%s%s", prefix, name) < (int)sizeof golden->name);
    return golden;
}

static bool ends_with(const char *text, const char *end) {
    return str_ends_with(str_of(text), str_of(end));
}

/* Calls `add` for each entry, in order of names; 0 when the folder is not there. */
static int each_entry(const char *folder, void (*add)(const char *folder, const char *name)) {
    struct dirent **entries;
    int count = scandir(folder, &entries, is_visible, by_name);
    for (int i = 0; i < count; i++) {
        add(folder, entries[i]->d_name);
        free(entries[i]);
    }
    if (count >= 0) free(entries);
    return count < 0 ? 0 : count;
}

static void add_example(const char *folder, const char *name) {
    if (!ends_with(name, ".yaml")) return;
    struct golden *golden = add_case("examples/", name);
    snprintf(golden->input, sizeof golden->input, "%s/%s", folder, name);
    snprintf(golden->expected, sizeof golden->expected, "tests/golden/examples/%s", name);
}

static void add_feature(const char *folder, const char *name) {
    if (strcmp(name, "examples") == 0 || ends_with(name, ".md")) return;
    struct golden *golden = add_case("", name);
    snprintf(golden->folder, sizeof golden->folder, "%s/%s", folder, name);
    path_of(golden->input, golden, "booster.yaml");
    path_of(golden->expected, golden, "children.yaml");
}

static void add_peer(const char *folder, const char *name) {
    if (!ends_with(name, ".yaml")) return;
    struct golden *golden = add_case(strstr(folder, "main") ? "kthena-main/" : "kthena-v0.1.0/", name);
    snprintf(golden->input, sizeof golden->input, "%s/%s", folder, name);
}

int main(void) {
    static const char *const peers[] = {"../shared/peers/kthena-v0.1.0/examples", "../shared/peers/kthena-main/examples"};
    static struct CMUnitTest tests[CASES_MAX];
    mkdir("tests/golden/examples", 0777);
    each_entry("examples", add_example);
    each_entry("tests/golden", add_feature);
    size_t own_count = case_count;
    for (size_t i = 0; i < 2; i++)
        if (!each_entry(peers[i], add_peer)) printf("# %s is not there: skipped\n", peers[i]);
    for (size_t i = 0; i < case_count; i++)
        tests[i] =
            (struct CMUnitTest){.name = cases[i].name, .test_func = i < own_count ? test_case : test_peer, .initial_state = &cases[i]};
    return _cmocka_run_group_tests("golden", tests, case_count, NULL, NULL);
}
