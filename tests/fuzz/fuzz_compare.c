/*
 * Is a live child what we want? The first byte is the kind, the lines are what is wanted of spec and what a server has there beside. What
 * is wanted is there when it is there itself, with anything beside it, with its numbers spelled otherwise, and when nulls and empty
 * fields come or go.
 */
#include "booster/compare.h"
#include "data/patch.h"
#include "data/quantity.h"
#include "harness.h"

static yyjson_mut_val *object_of(yyjson_mut_doc *doc, yyjson_mut_val *spec) {
    yyjson_mut_val *object = yyjson_mut_obj(doc);
    yyjson_mut_obj_add_val(doc, object, "spec", spec);
    return object;
}

/* "1Gi" for "1024Mi", below limits and requests. */
static void respell(struct arena *arena, yyjson_mut_doc *doc, yyjson_mut_val *value, bool is_quantity) {
    size_t index, max;
    yyjson_mut_val *key, *item;
    struct quantity quantity;
    if (yyjson_mut_is_str(value) && is_quantity && quantity_parse(json_mut_text(value), &quantity, NULL)) {
        struct str text = quantity_canonical(arena, quantity);
        if (text.len) yyjson_mut_set_strn(value, text.ptr, text.len);
    }
    yyjson_mut_arr_foreach(value, index, max, item) respell(arena, doc, item, false);
    yyjson_mut_obj_foreach(value, index, max, key, item) {
        bool are_quantities = yyjson_mut_equals_str(key, "limits") || yyjson_mut_equals_str(key, "requests");
        yyjson_mut_val *inner_key, *inner;
        size_t inner_index, inner_max;
        if (are_quantities && yyjson_mut_is_obj(item)) {
            yyjson_mut_obj_foreach(item, inner_index, inner_max, inner_key, inner) respell(arena, doc, inner, yyjson_mut_is_str(inner));
        } else {
            respell(arena, doc, item, false);
        }
    }
}

static void expect_match(struct arena *arena, enum child_kind kind, const yyjson_val *desired, const yyjson_val *live, const char *what) {
    struct str difference = STR_EMPTY;
    bool is_match = compare_child(arena, kind, desired, live, &difference);
    fuzz_expect(is_match || arena->exhausted, "%s: it differs in %.*s: %s and %s", what, STR_ARG(difference),
                fuzz_json_text(arena, desired).ptr, fuzz_json_text(arena, live).ptr);
    fuzz_expect(difference.len == 0 || !is_match, "a match with a difference");
}

FUZZ_TARGET(compare) {
    struct str rest = input, first = fuzz_line(&rest), desired_text = fuzz_line(&rest);
    yyjson_val *spec = json_parse(arena, desired_text, NULL), *beside = json_parse(arena, rest, NULL);
    yyjson_mut_doc *doc = json_builder(arena);
    if (!first.len || !doc || !yyjson_is_obj(spec) || !fuzz_is_plain(spec)) return;
    enum child_kind kind = (enum child_kind)((unsigned char)(first.ptr[0] - '0') % CHILD_KIND_COUNT);
    yyjson_val *desired = json_freeze(arena, object_of(doc, yyjson_val_mut_copy(doc, spec)));
    if (!desired) return;
    expect_match(arena, kind, desired, desired, "with itself");
    yyjson_mut_val *respelled = yyjson_val_mut_copy(doc, spec);
    respell(arena, doc, respelled, false);
    yyjson_val *live = json_freeze(arena, object_of(doc, respelled));
    if (live) expect_match(arena, kind, desired, live, "spelled otherwise");
    if (!yyjson_is_obj(beside) || !fuzz_is_plain(beside)) return;
    /* What is wanted, laid over what is there: its nulls take fields away, which is all that they ask for. */
    live = json_freeze(arena, object_of(doc, patch_merge(arena, doc, beside, spec)));
    if (!live) return;
    expect_match(arena, kind, desired, live, "with more beside it");
    expect_match(arena, kind, live, live, "with itself");
}
