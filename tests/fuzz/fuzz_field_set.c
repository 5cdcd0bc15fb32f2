/* fieldsV1, two of them, a line each: what was read is written and reads back as the same set, and sets obey the laws of sets. */
#include "harness.h"
#include "schema/field_set.h"

static struct str text_of(struct arena *arena, const struct field_set *set) {
    yyjson_mut_doc *doc = json_builder(arena);
    return doc ? fuzz_json_text(arena, json_freeze(arena, field_set_write(arena, doc, set))) : STR_EMPTY;
}

static void expect_same(struct arena *arena, struct field_set a, struct field_set b, const char *law) {
    struct str a_text = text_of(arena, &a), b_text = text_of(arena, &b);
    fuzz_expect(arena->exhausted || str_equal(a_text, b_text), "%s: %s and %s", law, a_text.ptr, b_text.ptr);
}

static bool read_set(struct arena *arena, struct str text, struct field_set *out) {
    yyjson_val *value = json_parse(arena, text, NULL);
    yyjson_mut_doc *doc = json_builder(arena);
    bool is_whole = false;
    *out = (struct field_set){0};
    return value && doc && fuzz_is_plain(value) && field_set_read(arena, yyjson_val_mut_copy(doc, value), out, &is_whole) &&
           !arena->exhausted;
}

static void count_path(struct str path, void *context) {
    fuzz_expect(path.len > 0, "a member without a path");
    ++*(size_t *)context;
}

static void expect_laws(struct arena *arena, const struct field_set *a, const struct field_set *b) {
    struct field_set both = field_set_union(arena, a, b), shared = field_set_intersection(arena, a, b),
                     rest = field_set_difference(arena, a, b);
    struct field_set none = field_set_difference(arena, a, a), apart = field_set_intersection(arena, &rest, b);
    expect_same(arena, both, field_set_union(arena, b, a), "a union has no order");
    expect_same(arena, shared, field_set_intersection(arena, b, a), "an intersection has no order");
    expect_same(arena, *a, field_set_union(arena, a, a), "a union with itself");
    expect_same(arena, *a, field_set_intersection(arena, a, a), "an intersection with itself");
    expect_same(arena, *a, field_set_union(arena, &shared, &rest), "what is shared and what is not");
    if (arena->exhausted) return;
    fuzz_expect(field_set_is_empty(&none) && field_set_is_empty(&apart), "a difference that holds what was taken away");
    fuzz_expect(field_set_intersects(a, b) == !field_set_is_empty(&shared), "whether they intersect");
}

FUZZ_TARGET(field_set) {
    struct str rest = input, line = fuzz_line(&rest);
    struct field_set a, b, again;
    size_t count = 0;
    if (!read_set(arena, line, &a)) return;
    struct str text = text_of(arena, &a);
    fuzz_expect(read_set(arena, text, &again) || arena->exhausted, "what was written does not read: %s", text.ptr);
    if (arena->exhausted) return;
    expect_same(arena, a, again, "what was written is another set");
    field_set_each(arena, &a, count_path, &count);
    fuzz_expect((count > 0) == !field_set_is_empty(&a), "%zu members", count);
    if (read_set(arena, rest, &b)) expect_laws(arena, &a, &b);
}
