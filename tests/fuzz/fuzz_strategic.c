/*
 * Strategic merge patches: the first byte is the kind, the next lines target and patch. Neither changes, the same comes of it each time,
 * it can be read, and a patch without directives, nulls and repeated merge keys, put on twice, is as good as once.
 */
#include "harness.h"
#include "kinds.h"
#include "schema/strategic.h"

static yyjson_mut_val *copy(yyjson_mut_doc *doc, const yyjson_val *value) {
    return yyjson_val_mut_copy(doc, json_loose(value));
}

static const yyjson_val *merge(struct arena *arena, const struct schema *schema, const yyjson_val *target, const yyjson_val *patch,
                               struct error *error) {
    yyjson_mut_doc *doc = json_builder(arena);
    if (!doc) return NULL;
    yyjson_mut_val *mut_target = copy(doc, target), *mut_patch = copy(doc, patch);
    const yyjson_val *out = json_freeze(arena, strategic_merge(schema, arena, doc, mut_target, mut_patch, error));
    if (!arena->exhausted) {
        fuzz_expect(json_equal(target, json_freeze(arena, mut_target)) || arena->exhausted, "the target has changed");
        fuzz_expect(json_equal(patch, json_freeze(arena, mut_patch)) || arena->exhausted, "the patch has changed");
    }
    return out;
}

static bool have_member_in_common(yyjson_val *a, yyjson_val *b) {
    size_t index, max;
    yyjson_val *key, *member;
    if (!yyjson_is_obj(a) || !yyjson_is_obj(b)) return false;
    yyjson_obj_foreach(a, index, max, key, member) {
        yyjson_val *other = json_get(b, yyjson_get_str(key));
        if (other && !yyjson_is_ctn(member) && json_equal(member, other)) return true;
    }
    return false;
}

/* Two objects of one list, at any level, with an equal scalar in the same place: the merge key may be the one. */
static bool may_repeat_a_key(yyjson_val *value) {
    size_t index, max;
    yyjson_val *key, *item;
    if (yyjson_is_obj(value)) yyjson_obj_foreach(value, index, max, key, item) if (may_repeat_a_key(item)) return true;
    if (!yyjson_is_arr(value)) return false;
    yyjson_arr_foreach(value, index, max, item) {
        if (may_repeat_a_key(item)) return true;
        for (size_t other = 0; other < index; other++)
            if (have_member_in_common(item, yyjson_arr_get(value, other))) return true;
    }
    return false;
}

FUZZ_TARGET(strategic) {
    struct error error = {0};
    struct str rest = input, first = fuzz_line(&rest), target_text = fuzz_line(&rest);
    const yyjson_val *target = json_parse(arena, target_text, NULL), *patch = json_parse(arena, rest, NULL);
    if (!first.len || !target || !patch || !fuzz_is_plain(target) || !fuzz_is_plain(patch)) return;
    const struct schema *schema = fuzz_kind(first.ptr[0], FUZZ_KINDS_BUILT_IN);
    const yyjson_val *once = merge(arena, schema, target, patch, &error);
    if (!once) {
        if (!arena->exhausted) fuzz_expect_error(&error);
        return;
    }
    struct str text = fuzz_json_text(arena, once);
    fuzz_expect(arena->exhausted || json_parse(arena, text, &error) || error.kind == ERROR_MEMORY, "an unreadable result: %s",
                error.message);
    const yyjson_val *again = merge(arena, schema, target, patch, &error);
    fuzz_expect(arena->exhausted || str_equal(text, fuzz_json_text(arena, again)), "another result the second time");
    /* Nulls in a list are dropped where the list is new, and kept where it takes the place of another: so it is in Kubernetes. */
    if (str_contains(rest, STR("null")) || str_contains(rest, STR("$")) || str_contains(target_text, STR("$"))) return;
    /* A list new to the target is taken as it is, with an item twice if the patch has it so; merged later, the first of these is changed. */
    if (may_repeat_a_key(json_loose(patch))) return;
    const yyjson_val *twice = merge(arena, schema, once, patch, &error);
    /* A list without its merge keys is taken where there was none, and refused where there is one: so it is in Kubernetes. */
    fuzz_expect(arena->exhausted || !twice || json_equal(once, twice), "put on twice it is not as once: %s and %s", text.ptr,
                fuzz_json_text(arena, twice).ptr);
}
