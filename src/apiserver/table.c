#include "apiserver/table.h"

#include <stdio.h>

#include "apiserver/table_cells.h"
#include "data/jsonpath.h"
#include "data/rfc3339.h"

#define NAME_DESCRIPTION                                                                                                                   \
    "Name must be unique within a namespace. Is required when creating resources, although some resources may allow a client to request "  \
    "the "                                                                                                                                 \
    "generation of an appropriate name automatically. Name is primarily intended for creation idempotence and configuration definition. "  \
    "Cannot be updated. More info: https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names"
#define AGE_DESCRIPTION                                                                                                                    \
    "CreationTimestamp is a timestamp representing the server time when this object was created. It is not guaranteed to be set in "       \
    "happens-before order across separate operations. Clients may not set this value. It is represented in RFC3339 form and is in "        \
    "UTC.\n\n"                                                                                                                             \
    "Populated by the system. Read-only. Null for lists. More info: "                                                                      \
    "https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata"

/* What a definition without columns gets. */
static const struct definition_column age_column = {.name = {"Age", 3},
                                                    .type = {"date", 4},
                                                    .description = {AGE_DESCRIPTION, sizeof AGE_DESCRIPTION - 1},
                                                    .json_path = {".metadata.creationTimestamp", 27}};

static void write_column(struct strbuf *out, struct str name, struct str type, struct str format, struct str description,
                         int64_t priority) {
    strbuf_append(out, STR("{\"name\":"));
    json_write_text(out, name);
    strbuf_append(out, STR(",\"type\":"));
    json_write_text(out, type);
    strbuf_append(out, STR(",\"format\":"));
    json_write_text(out, format);
    strbuf_append(out, STR(",\"description\":"));
    json_write_text(out, description);
    strbuf_printf(out, ",\"priority\":%lld}", (long long)priority);
}

static const struct definition_column *defined_columns(const struct table_settings *table, size_t *out_count) {
    *out_count = table->version->column_count;
    if (*out_count) return table->version->columns;
    *out_count = 1;
    return &age_column;
}

static void write_columns(const struct table_settings *table, struct strbuf *out) {
    size_t count;
    if (table->kind->builtin) {
        const struct table_cell *cells = table_cells_of(table->kind, &count);
        for (size_t i = 0; i < count; i++) {
            bool is_name = str_is(str_of(cells[i].column), "Name");
            if (i) strbuf_append_char(out, ',');
            write_column(out, str_of(cells[i].column), str_of(cells[i].type), is_name ? STR("name") : STR_EMPTY,
                         is_name ? STR(NAME_DESCRIPTION) : str_of(cells[i].description), cells[i].priority);
        }
        return;
    }
    write_column(out, STR("Name"), STR("string"), STR("name"), STR(NAME_DESCRIPTION), 0);
    const struct definition_column *columns = defined_columns(table, &count);
    for (size_t i = 0; i < count; i++) {
        char text[512];
        struct str description = columns[i].description;
        if (!description.len) {
            int len =
                snprintf(text, sizeof text, "Custom resource definition column (in JSONPath format): %.*s", STR_ARG(columns[i].json_path));
            description = (struct str){text, len < (int)sizeof text ? (size_t)len : sizeof text - 1};
        }
        strbuf_append_char(out, ',');
        write_column(out, columns[i].name, columns[i].type, columns[i].format, description, columns[i].priority);
    }
}

void table_begin(const struct table_settings *table, int64_t revision, struct str continue_token, int64_t remaining, struct strbuf *out) {
    strbuf_printf(out, "{\"kind\":\"Table\",\"apiVersion\":\"meta.k8s.io/%.*s\",\"metadata\":{\"resourceVersion\":\"%lld\"",
                  STR_ARG(table->meta_version), (long long)revision);
    if (continue_token.len) strbuf_printf(out, ",\"continue\":\"%.*s\"", STR_ARG(continue_token));
    if (remaining > 0) strbuf_printf(out, ",\"remainingItemCount\":%lld", (long long)remaining);
    strbuf_append(out, STR("},\"columnDefinitions\":["));
    write_columns(table, out);
    strbuf_append(out, STR("],\"rows\":["));
}

void table_end(struct strbuf *out) {
    strbuf_append(out, STR("]}"));
}

static void write_date(const struct table_settings *table, struct arena *scratch, const yyjson_val *value, struct strbuf *out) {
    int64_t time_ms;
    struct error error;
    bool is_zero = !json_text(value).len || json_is_text(value, "null");
    struct str text = is_zero ? STR("<unknown>") : STR("<invalid>");
    if (rfc3339_parse_ms(json_text(value), &time_ms, &error)) text = table_age(scratch, table->now_ms - time_ms);
    json_write_text(out, text);
}

static void write_text_cell(struct arena *scratch, const yyjson_val *value, struct strbuf *out) {
    struct strbuf text = strbuf_with_max(LIMIT_BODY_BYTES);
    (void)scratch;
    if (yyjson_is_null(json_loose(value)))
        strbuf_append(&text, STR("<no value>"));
    else
        jsonpath_print_value(&text, value);
    json_write_text(out, strbuf_view(&text));
    strbuf_release(&text);
}

static void write_defined_cell(const struct table_settings *table, struct arena *scratch, const struct definition_column *column,
                               const yyjson_val *object, struct strbuf *out) {
    struct error error;
    struct jsonpath_values found = {0};
    const struct jsonpath *path = jsonpath_compile_expression(scratch, column->json_path, &error);
    yyjson_val *value = NULL;
    if (path && jsonpath_find(path, scratch, object, &found, &error) && found.count) value = json_loose(found.items[0]);
    int64_t integer;
    if (!value || (yyjson_is_null(value) && !str_is(column->type, "string")))
        strbuf_append(out, STR("null"));
    else if (str_is(column->type, "string"))
        write_text_cell(scratch, value, out);
    else if (str_is(column->type, "date") && yyjson_is_str(value))
        write_date(table, scratch, value, out);
    else if (str_is(column->type, "integer") && yyjson_is_num(value)) {
        if (!json_int64(value, &integer)) integer = (int64_t)yyjson_get_num(value);
        strbuf_printf(out, "%lld", (long long)integer);
    } else if (str_is(column->type, "number") && yyjson_is_num(value))
        json_write_number(out, value);
    else if (str_is(column->type, "boolean") && yyjson_is_bool(value))
        strbuf_append(out, yyjson_get_bool(value) ? STR("true") : STR("false"));
    else
        strbuf_append(out, STR("null"));
}

static void write_cells(const struct table_settings *table, struct arena *scratch, const yyjson_val *object, struct strbuf *out) {
    size_t count;
    if (table->kind->builtin) {
        const struct table_cell *cells = table_cells_of(table->kind, &count);
        for (size_t i = 0; i < count; i++) {
            if (i) strbuf_append_char(out, ',');
            cells[i].write(scratch, object, table->now_ms, out);
        }
        return;
    }
    json_write_text(out, json_text(json_path(object, "metadata", "name", NULL)));
    const struct definition_column *columns = defined_columns(table, &count);
    for (size_t i = 0; i < count; i++) {
        strbuf_append_char(out, ',');
        write_defined_cell(table, scratch, &columns[i], object, out);
    }
}

void table_write_row(const struct table_settings *table, struct arena *scratch, const yyjson_val *object, struct strbuf *out) {
    strbuf_append(out, STR("{\"cells\":["));
    write_cells(table, scratch, object, out);
    strbuf_append(out, STR("],\"object\":"));
    if (str_is(table->include_object, "None")) {
        strbuf_append(out, STR("null"));
    } else if (str_is(table->include_object, "Object")) {
        json_write(out, object);
    } else {
        strbuf_printf(
            out, "{\"kind\":\"PartialObjectMetadata\",\"apiVersion\":\"meta.k8s.io/%.*s\",\"metadata\":", STR_ARG(table->meta_version));
        json_write(out, json_get(object, "metadata"));
        strbuf_append_char(out, '}');
    }
    strbuf_append_char(out, '}');
}
