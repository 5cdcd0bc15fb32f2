/*
 * Rows in columns, as kubectl prints them: cells padded to the widest of their column and three blanks, at least six in all, the last one
 * not at all. Widths are remembered from one table_print to the next, so that lines of a watch stay under their headings.
 */
#ifndef MB_CLI_TABLE_H
#define MB_CLI_TABLE_H

#include "base/arena.h"
#include "base/strbuf.h"

enum { TABLE_COLUMNS_MAX = 64 };

struct table_row;

struct table {
    size_t column_count;
    size_t widths[TABLE_COLUMNS_MAX]; /* of the text alone */
    struct arena arena;               /* of the rows not printed yet */
    struct table_row *first, *last;
};

void table_init(struct table *table);
void table_release(struct table *table);
/* Begins a table of other columns: widths are forgotten. Nothing may wait to be printed. */
void table_columns(struct table *table, size_t count);
/* A row of column_count cells; their texts are copied, control characters escaped, and cut at the first newline. */
void table_add(struct table *table, const struct str *cells);
/* Appends what was added since the last time. */
void table_print(struct table *table, struct strbuf *out);

#endif
