#include "cli/table.h"

enum { TABLE_ARENA_BYTES = 512 * 1024 * 1024, PADDING = 3, NARROWEST = 6, CELL_BYTES = 1024 * 1024 };

struct table_row {
    struct table_row *next;
    struct str cells[];
};

void table_init(struct table *table) {
    *table = (struct table){0};
    arena_init(&table->arena, TABLE_ARENA_BYTES);
}

void table_release(struct table *table) {
    arena_release(&table->arena);
}

void table_columns(struct table *table, size_t count) {
    table->column_count = count < TABLE_COLUMNS_MAX ? count : TABLE_COLUMNS_MAX;
    for (size_t i = 0; i < TABLE_COLUMNS_MAX; i++) table->widths[i] = 0;
}

/* Characters, each taken to be one column wide. */
static size_t width_of(struct str text) {
    size_t width = 0;
    for (size_t i = 0; i < text.len; i++) width += ((unsigned char)text.ptr[i] & 0xc0) != 0x80;
    return width;
}

static struct str clean(struct arena *arena, struct str cell) {
    size_t end = 0;
    bool is_plain = true;
    for (; end < cell.len && cell.ptr[end] != '\n' && cell.ptr[end] != '\r' && cell.ptr[end] != '\f'; end++)
        is_plain &= (unsigned char)cell.ptr[end] >= 0x20 && cell.ptr[end] != 0x7f && (unsigned char)cell.ptr[end] != 0xc2;
    if (is_plain && end == cell.len) return arena_copy(arena, cell);
    struct strbuf out = strbuf_with_max(CELL_BYTES);
    for (size_t i = 0, next; i < end; i = next) {
        next = i + 1;
        while (next < end && ((unsigned char)cell.ptr[next] & 0xc0) == 0x80) next++;
        if (cell.ptr[i] == 0x1b)
            strbuf_append(&out, STR("^["));
        else if (cell.ptr[i] == '\t')
            strbuf_append_char(&out, ' ');
        else
            strbuf_append_escaped(&out, (struct str){cell.ptr + i, next - i});
    }
    if (end < cell.len) strbuf_append(&out, STR("..."));
    struct str copy = arena_copy(arena, strbuf_view(&out));
    strbuf_release(&out);
    return copy;
}

void table_add(struct table *table, const struct str *cells) {
    struct table_row *row = arena_alloc(&table->arena, sizeof *row + table->column_count * sizeof *row->cells);
    if (!row) return;
    for (size_t i = 0; i < table->column_count; i++) {
        row->cells[i] = clean(&table->arena, cells[i]);
        size_t width = width_of(row->cells[i]);
        if (width > table->widths[i]) table->widths[i] = width;
    }
    if (table->last)
        table->last->next = row;
    else
        table->first = row;
    table->last = row;
}

static void print_row(const struct table *table, const struct table_row *row, struct strbuf *out) {
    for (size_t i = 0; i < table->column_count; i++) {
        strbuf_append(out, row->cells[i]);
        if (i + 1 == table->column_count) break;
        size_t width = table->widths[i] + PADDING < NARROWEST ? NARROWEST : table->widths[i] + PADDING;
        for (size_t at = width_of(row->cells[i]); at < width; at++) strbuf_append_char(out, ' ');
    }
    strbuf_append_char(out, '\n');
}

void table_print(struct table *table, struct strbuf *out) {
    for (const struct table_row *row = table->first; row; row = row->next) print_row(table, row, out);
    if (table->arena.exhausted) out->failed = true;
    table->first = table->last = NULL;
    arena_release(&table->arena);
}
