/* Lists: which objects at which revision, and their answer. */
#ifndef MB_APISERVER_READ_H
#define MB_APISERVER_READ_H

#include "apiserver/filter.h"
#include "apiserver/request.h"

struct list_item {
    struct str namespace, name;
    int64_t revision;
};

struct list_items {
    struct list_item *items; /* in order of namespace and name */
    size_t count, capacity;
    int64_t revision; /* of the whole list */
    struct str continue_token;
    int64_t remaining; /* after this page; -1: not told */
};

/* What the request selects, at the revision that it asks for. False and a refusal (400, 410, 422, 504). */
bool read_collect(struct request *request, struct list_items *out);
/* The list as an answer, in slices; the end of the request. `items` lives in its arena. */
void read_answer_list(struct request *request, const struct list_items *items);
/* Everything that the filter takes, now. False: a refusal is set. */
bool read_collect_now(struct request *request, const struct filter *filter, struct list_items *out);
/* The filter of the request's parameters. */
bool read_filter(struct request *request, struct filter *out);
/* 504 for a revision that is still to come, as kube-apiserver says it. */
bool read_refuse_future(struct request *request, int64_t revision);

#endif
