/*
 * Every field of a ModelBooster set to every one of the values below, in each model: what `validate` lets through, our definition takes,
 * and the children that come of it, too.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "booster_laws.h"
#include "data/yaml_read.h"
#include "leaves.h"

static const char *const values[] = {
    /* texts */
    "''", "' '", "a", "A", "-", "a-", "a.b", "a..b", "é", "'\\u00a0'", "\"a\\n\"", "\"\\u0007\"",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    /* what some fields are for */
    "'hf://'", "'hf://o/n'", "'HF://o/n'", "'hf:// o'", "'pvc://'", "'pvc://c'", "'pvc://c/..'", "'hostpath://'", "'hostpath:///a'",
    "'hostpath://a'", "vLLM", "vLLMDisaggregated", "SGLang", "server", "prefill", "Or", "And", "hard", "DoNotSchedule", "30s", "1h", "'0s'",
    "'-5s'", "1ns", "'1'", "'1.5'", "'-1'", "'+1'", "1Gi", "'1e3'", "'.5'", "'5.'", "'1e400'", "'0x10'",
    /* numbers */
    "0", "1", "-1", "1.0", "1.5", "100", "101", "109", "110", "1000", "1001", "1000000", "1000001", "2147483647", "2147483648",
    "9007199254740993", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "1e30", "1e-7",
    /* the rest */
    "true", "false", "null", "[]", "{}", "[null]", "['']", "[a]", "[1]", "[{}]", "[[]]", "[{name: a}]", "[{name: a}, {name: a}]",
    "[{name: ''}]", "{a: null}", "{a: ''}", "{a: b}", "{a: 1}", "{a: 1Gi}", "{'': 1}", "{name: a}", "{name: ''}"};

enum { VALUES = sizeof values / sizeof *values, CASE_BYTES = 512 };

/* Said when a law does not hold. */
static char running[CASE_BYTES];

static void say_which(int number) {
    (void)number;
    if (write(STDERR_FILENO, running, strlen(running)) < 0) _exit(1);
}

static bool is_accepted(size_t number, size_t leaf, const char *value) {
    struct arena arena;
    arena_init(&arena, FUZZ_ARENA_BYTES);
    struct yaml_documents documents;
    yyjson_mut_doc *doc = json_builder(&arena);
    yyjson_mut_val *model = doc ? leaf_model(doc, number) : NULL;
    fuzz_expect(model && yaml_read(&arena, str_of(value), &documents, NULL), "%s does not read", value);
    snprintf(running, sizeof running, "with model %zu, %.*s: %s\n", number, STR_ARG(leaf_path(&arena, leaf)), value);
    yyjson_val *object = leaf_set(doc, model, leaf, documents.items[0].root) ? json_freeze(&arena, model) : NULL;
    bool is_good = object && expect_booster_laws(&arena, &object, 1);
    arena_release(&arena);
    return is_good;
}

static void expect_valid(size_t number) {
    struct arena arena;
    arena_init(&arena, FUZZ_ARENA_BYTES);
    yyjson_val *object = json_freeze(&arena, leaf_model(json_builder(&arena), number));
    fuzz_expect(expect_booster_laws(&arena, &object, 1) == 1, "model %zu has errors as it is", number);
    arena_release(&arena);
}

int main(void) {
    size_t accepted = 0, refused = 0;
    signal(SIGABRT, say_which);
    for (size_t model = 0; model < LEAF_MODELS; model++) expect_valid(model);
    for (size_t model = 0; model < LEAF_MODELS; model++)
        for (size_t leaf = 0; leaf < leaf_count(); leaf++)
            for (size_t i = 0; i < VALUES; i++) {
                bool is_good = is_accepted(model, leaf, values[i]);
                accepted += is_good;
                refused += !is_good;
            }
    printf("%zu fields, %zu edits accepted, %zu refused\n", leaf_count(), accepted, refused);
    /* A sweep that takes all, or nothing, has tried nothing. */
    bool is_sound = accepted > leaf_count() && refused > leaf_count();
    printf("%d passed, %d failed\n", is_sound, !is_sound);
    return !is_sound;
}
