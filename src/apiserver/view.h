/* Objects as they were asked for: in the request's version; whole, as a Table, or their metadata alone; JSON, indented, or YAML. */
#ifndef MB_APISERVER_VIEW_H
#define MB_APISERVER_VIEW_H

#include "apiserver/read.h"
#include "apiserver/request.h"

/* Whether the text stored at `revision` is the answer as it is (the form of the text aside: view_is_compact). */
bool view_is_plain(const struct request *request, int64_t revision);
/* Neither indented nor YAML. */
bool view_is_compact(const struct request *request);
/* Appends one object's view as compact JSON (of a Table: one with a single row). False when it cannot be made. */
bool view_write_one(struct request *request, struct arena *scratch, struct blob *stored, struct strbuf *out);
/* The same as part of a list: of a Table, its row. */
bool view_write_item(struct request *request, struct arena *scratch, struct blob *stored, struct strbuf *out);
/* Around the items of a list, commas between them the caller's. */
void view_begin_list(struct request *request, const struct list_items *items, struct strbuf *out);
void view_end_list(struct request *request, struct strbuf *out);
/* An object of the kind with nothing but this revision. */
void view_write_bookmark(struct request *request, int64_t revision, bool is_initial_end, struct strbuf *out);
/* The text, compact JSON, as it was asked for; *out_type is its Content-Type. NULL when memory is out. */
struct blob *view_dress(struct request *request, struct str json, struct str *out_type);

#endif
