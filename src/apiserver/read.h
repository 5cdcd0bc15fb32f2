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

/*
 * What the request selects, at the revision that it asks for: `then` gets it, at once or, where objects have to be read to tell, from a
 * later turn of the loop. A refusal (400, 410, 422, 504) ends the request instead. `items` lives in the request's arena.
 */
typedef void read_selected(void *owner, struct list_items *items);
void read_select(struct request *request, read_selected *then, void *owner);
/* A list as the answer, in slices; the end of the request, which is the owner. */
read_selected read_answer_list;
/* What the filter may take, now: by namespace and name alone. False: a refusal is set. */
bool read_candidates_now(struct request *request, const struct filter *filter, struct list_items *out);
/* Whether the filter takes an object with this text. */
bool read_is_selected(const struct filter *filter, const struct list_item *item, struct blob *body);
/* The filter of the request's parameters. */
bool read_filter(struct request *request, struct filter *out);
/* 504 for a revision that is still to come, as kube-apiserver says it. */
bool read_refuse_future(struct request *request, int64_t revision);

#endif
