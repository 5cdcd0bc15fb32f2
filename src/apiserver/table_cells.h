/* Columns of the built-in kinds, and ages. For table.c. */
#ifndef MB_APISERVER_TABLE_CELLS_H
#define MB_APISERVER_TABLE_CELLS_H

#include "apiserver/registry.h"

struct table_cell {
    const char *column, *type, *description;
    int priority; /* 1: with -o wide only */
    /* Appends the cell as JSON. */
    void (*write)(struct arena *scratch, const yyjson_val *object, int64_t now_ms, struct strbuf *out);
};

const struct table_cell *table_cells_of(const struct kind *kind, size_t *out_count);
/* duration.HumanDuration: "5s", "3m20s", "2d4h". */
struct str table_age(struct arena *arena, int64_t age_ms);

#endif
