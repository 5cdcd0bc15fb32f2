/* The data layer, and what of base allocates. */
#include <stdio.h>
#include <stdlib.h>

#include "base/blob.h"
#include "base/recent.h"
#include "data/duration.h"
#include "data/jsonpath.h"
#include "data/patch.h"
#include "data/quantity.h"
#include "data/rfc3339.h"
#include "data/selector.h"
#include "data/yaml_read.h"
#include "data/yaml_write.h"
#include "scenario.h"

#define OBJECT                                                                                                                             \
    "{\"metadata\":{\"name\":\"a\",\"labels\":{\"app\":\"x\",\"tier\":\"front end\"}},\"spec\":{\"replicas\":3,\"ratio\":1.5,\"big\":"       \
    "18446744073709551615,\"list\":[1,[2,{\"k\":null}],\"line\\nline\",\"\\u00e9\\u0001\"],\"empty\":{},\"none\":[],\"on\":true,\"deep\":[{\"k\":1}]}}"

static struct arena arena;
static struct error error;

static void begin(void) {
    arena_init(&arena, 64 << 20);
    error = (struct error){0};
}

static void expect_memory(bool ok) {
    torture_expect(ok || error.kind == ERROR_MEMORY, error.kind ? error.message : "a failure without an error");
}

static void give(const yyjson_val *value) {
    struct strbuf text = strbuf_with_max(1 << 24);
    if (value) json_write(&text, value);
    torture_result(strbuf_view(&text));
    strbuf_release(&text);
}

static yyjson_val *value_of(const char *text) {
    return json_parse(&arena, str_of(text), NULL);
}

/* An object with so many keys, from the first or from the last on: more than what is compared without memory. */
static yyjson_val *many_keys(int count, bool is_reversed) {
    struct strbuf text = strbuf_with_max(1 << 20);
    for (int i = 0; i < count; i++) {
        int key = is_reversed ? count - 1 - i : i;
        strbuf_printf(&text, "%c\"k%d\":%d", i ? ',' : '{', key, key);
    }
    strbuf_append_char(&text, '}');
    yyjson_val *value = json_parse(&arena, strbuf_view(&text), NULL);
    strbuf_release(&text);
    return value;
}

static bool json_is_parsed(void) {
    begin();
    torture_on();
    yyjson_val *value = json_parse(&arena, STR(OBJECT), &error);
    torture_off();
    expect_memory(value);
    give(value);
    arena_release(&arena);
    return value;
}

static bool json_is_built_and_frozen(void) {
    begin();
    torture_on();
    yyjson_mut_doc *doc = json_builder(&arena);
    yyjson_mut_val *object = doc ? yyjson_mut_obj(doc) : NULL;
    bool ok = object && json_add_text(doc, object, "a", STR("b")) && json_add_int64(doc, object, "n", -3) &&
              json_add_copy(doc, object, "absent", NULL) && yyjson_mut_obj_add_val(doc, object, "t", json_make_text(doc, STR("x")));
    yyjson_val *frozen = ok ? json_freeze(&arena, object) : NULL;
    torture_off();
    give(frozen);
    arena_release(&arena);
    return frozen;
}

static bool json_is_written(void) {
    void (*const forms[])(struct strbuf *, const yyjson_val *) = {json_write, json_write_indented, json_write_canonical, yaml_write};
    bool ok = true;
    begin();
    const yyjson_val *values[] = {value_of(OBJECT), many_keys(100, true)};
    for (size_t form = 0; form < sizeof forms / sizeof *forms; form++) {
        for (int i = 0; i < 2; i++) {
            struct strbuf out = strbuf_with_max(1 << 20);
            torture_on();
            forms[form](&out, values[i]);
            torture_off();
            ok &= !out.failed;
            torture_result(strbuf_view(&out));
            strbuf_release(&out);
        }
    }
    arena_release(&arena);
    return ok;
}

static bool json_is_compared(void) {
    begin();
    const yyjson_val *a = many_keys(100, false), *b = many_keys(100, true), *c = many_keys(101, true);
    yyjson_mut_doc *doc = json_builder(&arena);
    /* As many keys, but for one value. */
    yyjson_mut_val *built_other = yyjson_val_mut_copy(doc, json_loose(b));
    yyjson_mut_obj_put(built_other, yyjson_mut_str(doc, "k7"), yyjson_mut_int(doc, 8));
    const yyjson_val *other = json_freeze(&arena, built_other);
    const yyjson_mut_val *built[3];
    const yyjson_val *values[] = {a, b, c};
    for (int i = 0; i < 3; i++) built[i] = yyjson_val_mut_copy(doc, json_loose(values[i]));
    torture_on();
    bool is_equal = json_equal(a, b) && json_mut_equal(built[0], built[1]);
    bool is_other = json_equal(a, c) || json_mut_equal(built[0], built[2]) || json_equal(other, a) || json_mut_equal(built_other, built[0]);
    torture_off();
    torture_expect(is_equal, "what is equal is said to differ");
    torture_expect(!is_other, "what differs is said to be equal");
    arena_release(&arena);
    return true;
}

static bool yaml_is_read(void) {
    static const char text[] = "base: &base {a: 1, b: [x, 'y', \"z\\n\"]}\nmore:\n  <<: [*base, {q: 2}]\n  1: one\n  true: yes\n  t: |\n    lines\n"
                               "    more\n  f: >-\n    folded\n    text\n  bin: !!binary aGk=\n  n: !!int \"7\"\n---\n# nothing\n---\n- 1.5\n- ~\n";
    struct yaml_documents documents;
    begin();
    torture_mark(&documents);
    torture_on();
    bool ok = yaml_read(&arena, str_of(text), &documents, &error);
    torture_off();
    expect_memory(ok);
    torture_expect(ok || torture_untouched(&documents), "the output is touched");
    for (size_t i = 0; ok && i < documents.count; i++) {
        give(documents.items[i].root);
        torture_expect(yaml_position_of(&documents.items[i], documents.items[i].root).line != 0, "no position");
    }
    arena_release(&arena);
    return ok;
}

static bool patches_are_applied(void) {
    begin();
    const yyjson_val *target = value_of(OBJECT);
    const yyjson_val *merge = value_of("{\"spec\":{\"replicas\":null,\"empty\":{\"x\":[1]}},\"new\":{\"a\":null,\"b\":1}}");
    const yyjson_val *operations = value_of("[{\"op\":\"add\",\"path\":\"/spec/list/1\",\"value\":{\"z\":1}},{\"op\":\"copy\",\"from\":\"/spec\",\"path\":\"/c\"},"
                                            "{\"op\":\"move\",\"from\":\"/c/list\",\"path\":\"/d\"},{\"op\":\"test\",\"path\":\"/d/0\",\"value\":1},"
                                            "{\"op\":\"remove\",\"path\":\"/metadata/labels/app\"},{\"op\":\"replace\",\"path\":\"/spec/on\",\"value\":false}]");
    torture_on();
    yyjson_mut_doc *doc = json_builder(&arena);
    yyjson_val *merged = doc ? json_freeze(&arena, patch_merge(&arena, doc, target, merge)) : NULL;
    yyjson_mut_val *built = doc ? patch_json(&arena, doc, target, operations, &error) : NULL;
    yyjson_val *patched = json_freeze(&arena, built);
    torture_off();
    if (doc && !built) expect_memory(false);
    give(merged);
    give(patched);
    arena_release(&arena);
    return merged && patched;
}

static bool selectors_are_read(void) {
    struct selector parsed, read;
    struct strbuf out = strbuf_with_max(1 << 16);
    begin();
    const yyjson_val *object = value_of("{\"matchLabels\":{\"b\":\"2\",\"a\":\"1\"},\"matchExpressions\":[{\"key\":\"t\",\"operator\":\"NotIn\",\"values\":[\"z\",\"y\"]}]}");
    torture_mark(&parsed);
    torture_mark(&read);
    torture_on();
    bool ok = selector_parse(&arena, STR("app=x,tier in (b,a,b),!old,weight>3,other notin (q)"), &parsed, &error);
    torture_off();
    expect_memory(ok);
    torture_expect(ok || torture_untouched(&parsed), "the output is touched");
    torture_on();
    bool ok_too = ok && selector_read(&arena, object, &read, &error);
    if (ok) selector_write(&out, &parsed);
    torture_off();
    if (ok) expect_memory(ok_too);
    torture_expect(ok_too || torture_untouched(&read), "the output is touched");
    bool is_written = !out.failed;
    if (ok_too) selector_write(&out, &read);
    torture_result(strbuf_view(&out));
    strbuf_release(&out);
    arena_release(&arena);
    return ok && ok_too && is_written;
}

static bool jsonpaths_are_followed(void) {
    struct strbuf out = strbuf_with_max(1 << 16);
    struct jsonpath_values values;
    begin();
    const yyjson_val *object = value_of(OBJECT);
    torture_mark(&values);
    torture_on();
    const struct jsonpath *path = jsonpath_compile(
        &arena, STR("{range .spec.list[*]}{@}{\"\\n\"}{end}{..k}{.spec.deep[?(@.k == 1)].k}{['metadata','spec'].name}{.spec.list[0:2]}"), &error);
    const struct jsonpath *column = path ? jsonpath_compile_expression(&arena, STR(".spec.list[1:]"), &error) : NULL;
    bool is_printed = column && jsonpath_print(path, &arena, object, true, &out, &error);
    bool ok = is_printed && jsonpath_find(column, &arena, object, &values, &error);
    torture_off();
    /* What was appended stays, and an append that failed is told by the buffer. */
    ok = ok && !out.failed;
    torture_expect(ok || out.failed || error.kind == ERROR_MEMORY, error.message);
    torture_expect(!is_printed || ok || out.failed || torture_untouched(&values), "the output is touched");
    torture_result(strbuf_view(&out));
    strbuf_release(&out);
    arena_release(&arena);
    return ok;
}

static bool scalars_are_formatted(void) {
    struct quantity quantity = {0};
    begin();
    quantity_parse(STR("1536Mi"), &quantity, NULL);
    torture_on();
    struct str texts[] = {quantity_canonical(&arena, quantity), duration_format(&arena, 5400000000000),
                          rfc3339_format_ms(&arena, 1700000000123, RFC3339_MICROS), rfc3339_format_ns(&arena, 1700000000123456789, RFC3339_NANOS),
                          arena_printf(&arena, "%300d", 7), arena_join(&arena, STR("a"), STR("b"), STR("c"))};
    torture_off();
    bool ok = !arena.exhausted;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        torture_result(texts[i]);
        torture_expect(ok || texts[i].ptr, "no text at all");
    }
    arena_release(&arena);
    return ok;
}

static bool small_things_are_made(void) {
    struct recent recent;
    torture_on();
    bool has_recent = recent_init(&recent, 100, 24);
    struct blob *blob = blob_new(STR("bytes"));
    torture_off();
    if (has_recent) *(int *)recent_at(&recent, 7, NULL) = 1;
    torture_expect(!blob || str_is(blob_view(blob), "bytes"), "another blob");
    recent_release(&recent);
    blob_drop(blob);
    return has_recent && blob;
}

static const struct scenario scenarios[] = {
    {"json is parsed", json_is_parsed},
    {"json is built and frozen", json_is_built_and_frozen},
    {"json and yaml are written", json_is_written},
    {"json is compared", json_is_compared},
    {"yaml is read", yaml_is_read},
    {"patches are applied", patches_are_applied},
    {"selectors are read", selectors_are_read},
    {"jsonpaths are followed", jsonpaths_are_followed},
    {"scalars are formatted", scalars_are_formatted},
    {"small things are made", small_things_are_made},
};

int main(int argument_count, char **arguments) {
    return torture_main(scenarios, sizeof scenarios / sizeof *scenarios, argument_count, arguments);
}
