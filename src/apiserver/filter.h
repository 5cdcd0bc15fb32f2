/* What a list or a watch selects: labels, fields, namespace and name. */
#ifndef MB_APISERVER_FILTER_H
#define MB_APISERVER_FILTER_H

#include "apiserver/refusal.h"
#include "apiserver/registry.h"
#include "data/selector.h"

struct filter_term {
    struct str field, value; /* "metadata.name", "spec.nodeName" */
    struct str otherwise;    /* the field that counts where the first is empty; empty: none */
    bool is_negative;
};

struct filter {
    struct str namespace, name; /* empty: any */
    struct selector labels;
    const struct filter_term *terms; /* beside those that `namespace` and `name` say already */
    size_t term_count;
    bool needs_body;      /* to tell */
    bool selects_nothing; /* two names at once */
    bool is_everything;   /* no selector at all */
};

/* False and a refusal (400). Views into the texts given. `namespace` is the path's. */
bool filter_read(struct arena *arena, const struct kind *kind, const struct kind_version *version, struct str namespace,
                 struct str label_selector, struct str field_selector, struct filter *out, struct refusal *refusal);
/* "x" of "metadata.name=x,...": a list or watch of that one object, which a right to the name alone allows. Empty: of no particular one. */
struct str filter_required_name(struct arena *arena, struct str field_selector);
/* `object` may be NULL while needs_body is false. */
bool filter_matches(const struct filter *filter, struct str namespace, struct str name, const yyjson_val *object);

#endif
