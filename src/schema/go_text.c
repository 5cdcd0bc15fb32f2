#include "schema/go_text.h"

#include "schema/typed_inner.h"

static void write(struct strbuf *out, struct arena *arena, yyjson_mut_val *value) {
    size_t index, max;
    yyjson_mut_val *item;
    if (yyjson_mut_is_obj(value)) {
        struct typed_entries entries = typed_entries_of(arena, value);
        strbuf_append(out, STR("map["));
        for (size_t i = 0; i < entries.count; i++) {
            if (i) strbuf_append_char(out, ' ');
            strbuf_append(out, entries.items[i].key);
            strbuf_append_char(out, ':');
            write(out, arena, entries.items[i].value);
        }
        strbuf_append_char(out, ']');
    } else if (yyjson_mut_is_arr(value)) {
        strbuf_append_char(out, '[');
        yyjson_mut_arr_foreach(value, index, max, item) {
            if (index) strbuf_append_char(out, ' ');
            write(out, arena, item);
        }
        strbuf_append_char(out, ']');
    } else if (yyjson_mut_is_str(value)) {
        strbuf_append(out, (struct str){yyjson_mut_get_str(value), yyjson_mut_get_len(value)});
    } else if (yyjson_mut_is_uint(value)) {
        strbuf_printf(out, "%llu", (unsigned long long)yyjson_mut_get_uint(value));
    } else if (yyjson_mut_is_sint(value)) {
        strbuf_printf(out, "%lld", (long long)yyjson_mut_get_sint(value));
    } else if (yyjson_mut_is_real(value)) {
        yyjson_val number = {.tag = value->tag, .uni = value->uni};
        json_write_number(out, &number);
    } else {
        strbuf_append(out, yyjson_mut_is_true(value) ? STR("true") : yyjson_mut_is_false(value) ? STR("false") : STR("<nil>"));
    }
}

struct str go_text(struct arena *arena, const yyjson_mut_val *value) {
    struct strbuf out = strbuf_with_max(LIMIT_BODY_BYTES);
    write(&out, arena, json_mut_loose(value));
    return strbuf_take(&out, arena);
}

const char *go_type_name(const yyjson_mut_val *value) {
    yyjson_mut_val *val = json_mut_loose(value);
    if (yyjson_mut_is_obj(val)) return "map[string]interface {}";
    if (yyjson_mut_is_arr(val)) return "[]interface {}";
    if (yyjson_mut_is_str(val)) return "string";
    if (yyjson_mut_is_bool(val)) return "bool";
    if (yyjson_mut_is_int(val)) return "int64";
    return yyjson_mut_is_real(val) ? "float64" : "%!s(<nil>)";
}
