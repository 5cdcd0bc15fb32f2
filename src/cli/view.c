#include "cli/view.h"

#include <string.h>

#include "cli/age.h"
#include "data/yaml_write.h"

enum { VIEW_ARENA_BYTES = 512 * 1024 * 1024 };

#define ACCEPT_TABLE "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"

void view_init(struct view *view, const struct view_options *options) {
    *view = (struct view){.options = *options, .out = strbuf_with_max(LIMIT_OUTPUT_BYTES)};
    table_init(&view->table);
    arena_init(&view->arena, VIEW_ARENA_BYTES);
}

void view_release(struct view *view) {
    table_release(&view->table);
    strbuf_release(&view->out);
    arena_release(&view->arena);
}

static bool is_tabular(const struct view *view) {
    return view->options.form == VIEW_TABLE || view->options.form == VIEW_WIDE;
}

const char *view_accept(const struct view *view) {
    return is_tabular(view) ? ACCEPT_TABLE : NULL;
}

/* ---- tables ---- */

static struct str upper(struct arena *arena, struct str text) {
    char *copy = arena_alloc(arena, text.len + 1);
    if (!copy) return STR_EMPTY;
    for (size_t i = 0; i < text.len; i++) copy[i] = (char)(text.ptr[i] >= 'a' && text.ptr[i] <= 'z' ? text.ptr[i] - 32 : text.ptr[i]);
    return (struct str){copy, text.len};
}

/* The columns that come before the server's. */
static size_t own_cells(const struct view *view, struct str event, struct str namespace, struct str *cells) {
    size_t count = 0;
    if (view->options.with_event) cells[count++] = event;
    if (view->options.with_namespace) cells[count++] = namespace;
    return count;
}

/* One table ends, another begins: an empty line and new headings. */
static void begin_table(struct view *view, const struct kind_entry *kind, const struct str *names, const bool *is_wide, size_t count) {
    struct str cells[TABLE_COLUMNS_MAX];
    struct arena scratch;
    view_flush(view);
    if (view->out.len) strbuf_append_char(&view->out, '\n');
    arena_init(&scratch, LIMIT_BODY_BYTES);
    view->kind = kind;
    view->column_count = count < TABLE_COLUMNS_MAX - 2 ? count : TABLE_COLUMNS_MAX - 2;
    size_t shown = own_cells(view, STR("EVENT"), STR("NAMESPACE"), cells);
    for (size_t i = 0; i < view->column_count; i++) {
        view->is_shown[i] = !is_wide[i] || view->options.form == VIEW_WIDE;
        if (view->is_shown[i]) cells[shown++] = upper(&scratch, names[i]);
    }
    table_columns(&view->table, shown);
    /* The longest event: so that lines stay where they are when the first one of it comes. */
    if (view->options.with_event) view->table.widths[0] = sizeof "MODIFIED" - 1;
    if (!view->options.without_headers) table_add(&view->table, cells);
    arena_release(&scratch);
}

static struct str cell_text(struct arena *arena, yyjson_val *cell) {
    if (!cell || yyjson_is_null(cell)) return STR_EMPTY;
    if (yyjson_is_str(cell)) return json_text(cell);
    struct strbuf out = strbuf_with_max(LIMIT_BODY_BYTES);
    json_write(&out, cell);
    struct str text = arena_copy(arena, strbuf_view(&out));
    strbuf_release(&out);
    return text;
}

/* The first column of a Table is the name, by Kubernetes' custom. */
static struct str with_kind(const struct view *view, struct arena *arena, struct str name) {
    return view->options.with_kind ? arena_join(arena, kind_label(arena, view->kind), STR("/"), name) : name;
}

static void add_row(struct view *view, struct str event, yyjson_val *row) {
    struct str cells[TABLE_COLUMNS_MAX];
    struct arena scratch;
    arena_init(&scratch, LIMIT_BODY_BYTES);
    size_t shown = own_cells(view, event, json_text(json_path(row, "object", "metadata", "namespace", NULL)), cells);
    yyjson_val *list = json_get(row, "cells"), *cell = yyjson_arr_get_first(list);
    size_t count = yyjson_arr_size(list);
    for (size_t i = 0; i < view->column_count; i++, cell = i < count ? unsafe_yyjson_get_next(cell) : NULL) {
        if (!view->is_shown[i]) continue;
        struct str text = i < count ? cell_text(&scratch, cell) : STR_EMPTY;
        cells[shown++] = i == 0 ? with_kind(view, &scratch, text) : text;
    }
    table_add(&view->table, cells);
    view->count++;
    arena_release(&scratch);
}

static void begin_server_table(struct view *view, const struct kind_entry *kind, yyjson_val *definitions) {
    struct str names[TABLE_COLUMNS_MAX];
    bool is_wide[TABLE_COLUMNS_MAX];
    size_t index, max, count = 0;
    yyjson_val *definition;
    yyjson_arr_foreach(definitions, index, max, definition) {
        int64_t priority = 0;
        if (count == TABLE_COLUMNS_MAX) break;
        json_int64(json_get(definition, "priority"), &priority);
        is_wide[count] = priority != 0;
        names[count++] = json_text(json_get(definition, "name"));
    }
    begin_table(view, kind, names, is_wide, count);
}

static void add_table(struct view *view, const struct kind_entry *kind, struct str event, yyjson_val *table) {
    yyjson_val *rows = json_get(table, "rows"), *row;
    size_t index, max;
    /* Only the first Table of a watch says what the columns are. */
    if (yyjson_arr_size(rows) && view->kind != kind) begin_server_table(view, kind, json_get(table, "columnDefinitions"));
    yyjson_arr_foreach(rows, index, max, row) add_row(view, event, row);
}

/* Of a server that makes no Tables: name and age. */
static void add_plain_row(struct view *view, const struct kind_entry *kind, struct str event, const yyjson_val *object, int64_t now_ms) {
    static const struct str names[] = {STR("Name"), STR("Age")};
    static const bool is_wide[] = {false, false};
    struct str cells[4];
    struct arena scratch;
    if (view->kind != kind) begin_table(view, kind, names, is_wide, 2);
    arena_init(&scratch, LIMIT_BODY_BYTES);
    yyjson_val *metadata = json_get(object, "metadata");
    size_t shown = own_cells(view, event, json_text(json_get(metadata, "namespace")), cells);
    cells[shown++] = with_kind(view, &scratch, json_text(json_get(metadata, "name")));
    cells[shown] = age_since(&scratch, json_text(json_get(metadata, "creationTimestamp")), now_ms);
    table_add(&view->table, cells);
    view->count++;
    arena_release(&scratch);
}

/* ---- objects ---- */

static yyjson_mut_val *shown_copy(const struct view *view, yyjson_mut_doc *doc, yyjson_val *object) {
    yyjson_mut_val *copy = yyjson_val_mut_copy(doc, object);
    if (copy && !view->options.with_managed_fields) yyjson_mut_obj_remove_key(yyjson_mut_obj_get(copy, "metadata"), "managedFields");
    return copy;
}

static void print_value(struct view *view, const yyjson_val *value) {
    if (view->options.form == VIEW_YAML) {
        if (view->out.len) strbuf_append(&view->out, STR("---\n"));
        yaml_write(&view->out, value);
    } else {
        json_write_indented(&view->out, value);
        strbuf_append_char(&view->out, '\n');
    }
}

static void print_object(struct view *view, yyjson_val *object) {
    struct arena scratch;
    arena_init(&scratch, VIEW_ARENA_BYTES);
    yyjson_mut_doc *doc = json_builder(&scratch);
    yyjson_val *shown = doc ? json_freeze(&scratch, shown_copy(view, doc, object)) : NULL;
    if (shown)
        print_value(view, shown);
    else
        view->out.failed = true;
    arena_release(&scratch);
}

static void keep_item(struct view *view, yyjson_val *object) {
    if (view->item_count == view->item_capacity) {
        size_t capacity = view->item_capacity ? view->item_capacity * 2 : 64;
        yyjson_val **items = arena_array(&view->arena, capacity, sizeof *items);
        if (!items) {
            view->out.failed = true;
            return;
        }
        if (view->item_count) memcpy(items, view->items, view->item_count * sizeof *items);
        view->items = items;
        view->item_capacity = capacity;
    }
    view->items[view->item_count++] = object;
}

static void add_object(struct view *view, const struct kind_entry *kind, struct str event, yyjson_val *object, int64_t now_ms) {
    if (is_tabular(view)) {
        add_plain_row(view, kind, event, object, now_ms);
        return;
    }
    view->count++;
    if (view->options.form == VIEW_NAME) {
        struct arena scratch;
        arena_init(&scratch, LIMIT_BODY_BYTES);
        struct str label = kind_label(&scratch, kind), name = json_text(json_path(object, "metadata", "name", NULL));
        strbuf_append_escaped(&view->out, label);
        strbuf_append_char(&view->out, '/');
        strbuf_append_escaped(&view->out, name);
        strbuf_append_char(&view->out, '\n');
        arena_release(&scratch);
    } else if (view->options.is_live) {
        print_object(view, object);
    } else {
        keep_item(view, object);
    }
}

/* Items of a list do not say what they are: the list does. */
static yyjson_val *named_item(struct view *view, const struct kind_entry *kind, yyjson_val *item) {
    if (json_get(item, "kind")) return item;
    yyjson_mut_doc *doc = json_builder(&view->arena);
    yyjson_mut_val *copy = doc ? yyjson_mut_obj(doc) : NULL;
    if (!copy) return item;
    json_add_text(doc, copy, "apiVersion", kube_api_version(&view->arena, &kind->resource));
    json_add_text(doc, copy, "kind", kind->resource.kind);
    size_t index, max;
    yyjson_val *key, *value;
    yyjson_obj_foreach(item, index, max, key, value) json_add_copy(doc, copy, yyjson_get_str(key), value);
    yyjson_val *named = json_freeze(&view->arena, copy);
    return named ? named : item;
}

void view_add(struct view *view, const struct kind_entry *kind, struct str event, yyjson_val *answer, int64_t now_ms) {
    yyjson_val *items = json_get(answer, "items"), *item;
    size_t index, max;
    if (json_is_text(json_get(answer, "kind"), "Table")) {
        add_table(view, kind, event, answer);
        return;
    }
    if (!yyjson_is_arr(items) || !str_ends_with(json_text(json_get(answer, "kind")), STR("List"))) {
        add_object(view, kind, event, answer, now_ms);
        return;
    }
    yyjson_arr_foreach(items, index, max, item)
        add_object(view, kind, event, is_tabular(view) ? item : named_item(view, kind, item), now_ms);
}

void view_flush(struct view *view) {
    table_print(&view->table, &view->out);
}

static void print_list(struct view *view) {
    struct arena scratch;
    arena_init(&scratch, VIEW_ARENA_BYTES);
    yyjson_mut_doc *doc = json_builder(&scratch);
    yyjson_mut_val *list = doc ? yyjson_mut_obj(doc) : NULL;
    if (list) {
        yyjson_mut_obj_add_str(doc, list, "apiVersion", "v1");
        yyjson_mut_val *items = yyjson_mut_obj_add_arr(doc, list, "items");
        for (size_t i = 0; i < view->item_count; i++) yyjson_mut_arr_append(items, shown_copy(view, doc, view->items[i]));
        yyjson_mut_obj_add_str(doc, list, "kind", "List");
        yyjson_mut_val *metadata = yyjson_mut_obj_add_obj(doc, list, "metadata");
        yyjson_mut_obj_add_str(doc, metadata, "resourceVersion", "");
    }
    yyjson_val *frozen = scratch.exhausted ? NULL : json_freeze(&scratch, list);
    if (frozen)
        print_value(view, frozen);
    else
        view->out.failed = true;
    arena_release(&scratch);
}

void view_finish(struct view *view) {
    view_flush(view);
    bool is_listed = (view->options.form == VIEW_YAML || view->options.form == VIEW_JSON) && !view->options.is_live;
    if (!is_listed) return;
    if (view->options.is_single && view->item_count == 1)
        print_object(view, view->items[0]);
    else if (!view->options.is_single)
        print_list(view);
}
