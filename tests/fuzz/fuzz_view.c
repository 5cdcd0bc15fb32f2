/*
 * What a server answers, as `get` shows it: the first byte is the form, the rest a Table, a List or an object. A terminal gets lines of
 * text, whatever is in it; JSON and YAML read back.
 */
#include "cli/view.h"
#include "data/yaml_read.h"
#include "harness.h"

static void expect_lines(struct str text) {
    fuzz_expect(str_is_utf8(text), "not UTF-8: %s", QUOTE(text));
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        bool is_c1 = c == 0xc2 && i + 1 < text.len && (unsigned char)text.ptr[i + 1] < 0xa0;
        fuzz_expect((c >= 0x20 || c == '\n') && c != 0x7f && !is_c1, "control characters: %s", QUOTE(str_from(text, i)));
    }
}

static void expect_form(struct arena *arena, enum view_form form, struct str text) {
    struct yaml_documents documents;
    struct error error = {0};
    if (form == VIEW_JSON)
        fuzz_expect(!text.len || json_parse(arena, text, &error) || error.kind == ERROR_LIMIT, "%s in %s", error.message, QUOTE(text));
    else if (form == VIEW_YAML)
        fuzz_expect(yaml_read(arena, text, &documents, &error) || error.kind == ERROR_LIMIT, "%s in %s", error.message, QUOTE(text));
    else
        expect_lines(text);
}

FUZZ_TARGET(view) {
    static const struct kind_entry kind = {
        .resource = {{"g", 1}, {"v1", 2}, {"things", 6}, {"Thing", 5}}, .singular = {"thing", 5}, .is_namespaced = true};
    struct view view;
    yyjson_val *answer = input.len ? json_parse(arena, str_from(input, 1), NULL) : NULL;
    if (!answer || !fuzz_is_plain(answer)) return;
    unsigned char how = (unsigned char)input.ptr[0];
    const struct view_options options = {.form = (enum view_form)(how % 5),
                                         .with_namespace = how & 8,
                                         .with_kind = how & 16,
                                         .with_event = how & 32,
                                         .with_managed_fields = how & 64,
                                         .is_single = how & 128};
    /* Asked for objects, a server that sends a Table has what it sends shown as it is. */
    bool is_asked_for = options.form <= VIEW_WIDE || !json_is_text(json_get(answer, "kind"), "Table");
    view_init(&view, &options);
    view_add(&view, &kind, options.with_event ? STR("ADDED") : STR_EMPTY, answer, INT64_C(1767323045000));
    view_finish(&view);
    struct str out = strbuf_view(&view.out);
    if (is_asked_for && !view.out.failed && !arena->exhausted) expect_form(arena, options.form, out);
    view_release(&view);
}
