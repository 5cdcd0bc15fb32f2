#include "booster/generate/parts.h"
#include "data/quantity.h"

/* `parent` is the key that the object stands under. */
static bool is_quantity(struct str parent, struct str key) {
    return str_is(parent, "limits") || str_is(parent, "requests") || str_is(parent, "overhead") ||
           (str_is(parent, "emptyDir") && str_is(key, "sizeLimit")) || (str_is(parent, "resourceFieldRef") && str_is(key, "divisor"));
}

static void spell(const struct build *build, yyjson_mut_val *value) {
    struct quantity quantity;
    if (!quantity_read(json_freeze(build->arena, value), &quantity, NULL)) return;
    struct str text = quantity_canonical(build->arena, quantity);
    if (text.len) yyjson_mut_set_strn(value, text.ptr, text.len);
}

/* Recursion is bounded by the depth of the documents that the values come from. */
static void spell_below(const struct build *build, yyjson_mut_val *value, struct str parent) {
    size_t index, max;
    yyjson_mut_val *key, *item;
    if (yyjson_mut_is_arr(value)) {
        yyjson_mut_arr_foreach(value, index, max, item) spell_below(build, item, STR_EMPTY);
    } else if (yyjson_mut_is_obj(value)) {
        yyjson_mut_obj_foreach(value, index, max, key, item) {
            if (!yyjson_mut_is_ctn(item) && is_quantity(parent, json_mut_text(key)))
                spell(build, item);
            else
                spell_below(build, item, json_mut_text(key));
        }
    }
}

void spell_quantities(const struct build *build, yyjson_mut_val *pod_spec) {
    spell_below(build, pod_spec, STR_EMPTY);
}
