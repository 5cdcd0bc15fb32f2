/*
 * Objects as `get` and `watch` show them: the server's own Table in columns, or the objects as YAML, JSON or names.
 *
 *   view_init -> view_add (an answer, or the object of a watch event)... -> view_finish -> view.out is to be written
 */
#ifndef MB_CLI_VIEW_H
#define MB_CLI_VIEW_H

#include "cli/kinds.h"
#include "cli/table.h"

enum view_form { VIEW_TABLE, VIEW_WIDE, VIEW_YAML, VIEW_JSON, VIEW_NAME };

struct view_options {
    enum view_form form;
    bool with_namespace, with_kind, with_event; /* columns of their own; the kind stands before the name */
    bool without_headers, with_managed_fields;
    bool is_single; /* the one object itself, no List around it */
    bool is_live;   /* each object is shown as it comes */
};

struct view {
    struct view_options options;
    struct strbuf out;
    size_t count; /* objects shown */

    /* tables */
    struct table table;
    const struct kind_entry *kind;    /* of the table under way */
    bool is_shown[TABLE_COLUMNS_MAX]; /* of the server's columns */
    size_t column_count;

    /* objects, for a List at the end */
    struct arena arena;
    yyjson_val **items;
    size_t item_count, item_capacity;
};

void view_init(struct view *view, const struct view_options *options);
void view_release(struct view *view);
/* What to ask the server for. */
const char *view_accept(const struct view *view);
/*
 * Shows a Table, a List or an object; `event` is "ADDED", ... or empty. Unless the view is live, objects must live until view_finish.
 * `now_ms` of the wall clock.
 */
void view_add(struct view *view, const struct kind_entry *kind, struct str event, yyjson_val *answer, int64_t now_ms);
/* Rows so far are printed to view->out. */
void view_flush(struct view *view);
void view_finish(struct view *view);

#endif
