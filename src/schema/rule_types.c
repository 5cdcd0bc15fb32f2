#include "schema/rules.h"

/* What CEL is told of a schema: apiserver's pkg/cel/common SchemaDeclType, with its estimates of how large values can be. */

enum { REQUEST_BYTES = 3 * 1024 * 1024, DATE_BYTES = 12, LEAST_TIME_BYTES = 21, MOST_TIME_BYTES = 32, LEAST_DURATION_BYTES = 3 };

static const struct cel_type simple_types[] = {
    [TYPE_BOOLEAN] = {.kind = CEL_BOOL}, [TYPE_INTEGER] = {.kind = CEL_INT}, [TYPE_NUMBER] = {.kind = CEL_DOUBLE}};
static const struct cel_type any_text = {.kind = CEL_STRING, .max_elements = REQUEST_BYTES - 2};

static struct schema_cel_type make(struct arena *arena, struct cel_type type, int64_t least_bytes) {
    struct cel_type *made = arena_alloc(arena, sizeof *made);
    if (made) *made = type;
    return (struct schema_cel_type){.type = made, .least_bytes = least_bytes};
}

static int64_t longest_choice(const yyjson_val *choices) {
    size_t index, max;
    yyjson_val *choice;
    int64_t longest = 0;
    yyjson_arr_foreach(json_loose(choices), index, max, choice) {
        int64_t len = (int64_t)json_text(choice).len;
        longest = len > longest ? len : longest;
    }
    return longest;
}

/* maxLength is in characters, of up to four bytes each. */
static int64_t most_text(const struct schema *schema, bool may_be_choice) {
    int64_t bound = schema->max_length.value < 0 ? 0 : schema->max_length.value, most;
    if (schema->max_length.is_set) return __builtin_mul_overflow(bound, 4, &most) ? INT64_MAX : most;
    return may_be_choice && yyjson_arr_size(json_loose(schema->enumeration)) ? longest_choice(schema->enumeration) : REQUEST_BYTES - 2;
}

static struct schema_cel_type text_type(struct arena *arena, const struct schema *schema) {
    static const struct {
        const char *format;
        enum cel_type_kind kind;
        int64_t least, most;
    } formats[] = {{"duration", CEL_DURATION, LEAST_DURATION_BYTES, MOST_TIME_BYTES},
                   {"date", CEL_TIMESTAMP, DATE_BYTES, DATE_BYTES},
                   {"date-time", CEL_TIMESTAMP, LEAST_TIME_BYTES, MOST_TIME_BYTES}};
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        if (str_is(schema->format, formats[i].format))
            return make(arena, (struct cel_type){.kind = formats[i].kind, .max_elements = formats[i].most}, formats[i].least);
    }
    if (!str_is(schema->format, "byte"))
        return make(arena, (struct cel_type){.kind = CEL_STRING, .max_elements = most_text(schema, true)}, 2);
    int64_t most = !schema->max_length.is_set ? REQUEST_BYTES - 2 : schema->max_length.value < 0 ? 0 : schema->max_length.value;
    return make(arena, (struct cel_type){.kind = CEL_BYTES, .max_elements = most}, 2);
}

static int64_t bound_or(const struct schema_bound *bound, int64_t otherwise) {
    if (!bound->is_set) return otherwise;
    return bound->value < 0 ? 0 : bound->value;
}

static struct schema_cel_type list_type(struct arena *arena, const struct schema *schema) {
    if (!schema->items) return (struct schema_cel_type){0};
    struct schema_cel_type item = schema_cel_type(arena, schema->items, schema->items->is_embedded_resource);
    if (!item.type) return item;
    return make(arena,
                (struct cel_type){.kind = CEL_LIST,
                                  .element = item.type,
                                  .max_elements = bound_or(&schema->max_items, (REQUEST_BYTES - 2) / (item.least_bytes + 1)),
                                  .is_list_set = schema->list_type == SCHEMA_LIST_SET,
                                  .list_map_keys = schema->list_map_keys,
                                  .list_map_key_count = schema->list_type == SCHEMA_LIST_MAP ? schema->list_map_key_count : 0},
                2);
}

static struct schema_cel_type map_type(struct arena *arena, const struct schema *schema) {
    struct schema_cel_type value = schema_cel_type(arena, schema->additional, schema->additional->is_embedded_resource);
    if (!value.type) return value;
    int64_t most = bound_or(&schema->max_properties, (REQUEST_BYTES - 2) / (value.least_bytes + 6));
    return make(arena, (struct cel_type){.kind = CEL_MAP, .element = value.type, .max_elements = most}, 2);
}

static bool is_required(const struct schema *schema, struct str name) {
    size_t index, max;
    yyjson_val *item;
    yyjson_arr_foreach(json_loose(schema->required), index, max, item) {
        if (str_equal(json_text(item), name)) return true;
    }
    return false;
}

static bool has_texts(const struct schema *schema, const char *const *names, size_t count) {
    for (size_t i = 0; schema && i < count; i++) {
        const struct schema *member = schema_find_member(schema, str_of(names[i]));
        if (!member || member->type != TYPE_STRING) return false;
    }
    return schema;
}

/* The schema says it all itself. */
static bool names_resource_fields(const struct schema *schema) {
    static const char *const outer[] = {"kind", "apiVersion"}, *const inner[] = {"name", "generateName"};
    const struct schema *metadata = schema_find_member(schema, STR("metadata"));
    return has_texts(schema, outer, 2) && metadata && metadata->type == TYPE_OBJECT && has_texts(metadata, inner, 2);
}

static const struct cel_field metadata_fields[] = {{{"name", 4}, {"name", 4}, &any_text},
                                                   {{"generateName", 12}, {"generateName", 12}, &any_text}};
static const struct cel_type metadata_type = {.kind = CEL_OBJECT, .fields = metadata_fields, .field_count = 2};
static const struct cel_field resource_fields[] = {{{"kind", 4}, {"kind", 4}, &any_text},
                                                   {{"apiVersion", 10}, {"apiVersion", 10}, &any_text},
                                                   {{"metadata", 8}, {"metadata", 8}, &metadata_type}};
enum { RESOURCE_FIELDS = sizeof resource_fields / sizeof resource_fields[0] };

static bool is_resource_field(struct str name) {
    for (size_t i = 0; i < RESOURCE_FIELDS; i++) {
        if (str_equal(name, resource_fields[i].name)) return true;
    }
    return false;
}

static struct schema_cel_type object_type(struct arena *arena, const struct schema *schema, bool is_resource) {
    if (schema->additional) return map_type(arena, schema);
    bool adds_fields = is_resource && !names_resource_fields(schema);
    struct cel_field *fields = arena_array(arena, schema->property_count + RESOURCE_FIELDS, sizeof *fields);
    size_t count = 0;
    int64_t least = 2; /* {} */
    for (size_t i = 0; fields && adds_fields && i < RESOURCE_FIELDS; i++) fields[count++] = resource_fields[i];
    for (size_t i = 0; fields && i < schema->property_count; i++) {
        const struct schema_member *member = &schema->properties[i];
        if (adds_fields && is_resource_field(member->name)) continue;
        struct schema_cel_type type = schema_cel_type(arena, member->schema, member->schema->is_embedded_resource);
        if (!type.type) continue;
        fields[count++] = (struct cel_field){.name = member->name, .cel_name = cel_escape_field(arena, member->name), .type = type.type};
        /* Its name, quotes, colon and comma; what has a default may be left out of a request. */
        if (is_required(schema, member->name) && !member->schema->default_value) least += (int64_t)member->name.len + type.least_bytes + 4;
    }
    return make(arena, (struct cel_type){.kind = CEL_OBJECT, .fields = fields, .field_count = count}, least);
}

struct schema_cel_type schema_cel_type(struct arena *arena, const struct schema *schema, bool is_resource) {
    if (schema->is_int_or_string)
        return make(arena, (struct cel_type){.kind = CEL_DYN, .max_elements = most_text(schema, false), .is_int_or_string = true}, 1);
    switch (schema->type) {
    case TYPE_ARRAY: return list_type(arena, schema);
    case TYPE_OBJECT: return object_type(arena, schema, is_resource);
    case TYPE_STRING: return text_type(arena, schema);
    case TYPE_BOOLEAN: return (struct schema_cel_type){.type = &simple_types[TYPE_BOOLEAN], .least_bytes = 4};
    case TYPE_INTEGER:
    case TYPE_NUMBER: return (struct schema_cel_type){.type = &simple_types[schema->type], .least_bytes = 1};
    case TYPE_ANY: break;
    }
    return (struct schema_cel_type){0};
}
