/*
 * Label selectors, from text ("app=x,tier in (a,b),!old,weight>3") and from metav1.LabelSelector objects, matched against a labels
 * object. Grammar, context rules and validation are those of apimachinery's labels package.
 */
#ifndef MB_DATA_SELECTOR_H
#define MB_DATA_SELECTOR_H

#include "data/json.h"

enum selector_operator {
    SELECTOR_IN,
    SELECTOR_NOT_IN, /* also where the label is absent */
    SELECTOR_EXISTS,
    SELECTOR_NOT_EXISTS,
    SELECTOR_GREATER, /* Gt and Lt compare integers; in the text form only */
    SELECTOR_LESS,
};

struct selector_requirement {
    struct str key;
    enum selector_operator operator;
    const struct str *values; /* sorted, none twice; `a=b` is In with one value */
    size_t value_count;
};

struct selector {
    const struct selector_requirement *requirements; /* all must hold */
    size_t count;
    bool matches_nothing; /* an absent LabelSelector; one without requirements matches everything */
};

/* Views into `text`, which must outlive the selector. ERROR_INVALID names what was found where. */
bool selector_parse(struct arena *arena, struct str text, struct selector *out, struct error *error);
/* A metav1.LabelSelector (matchLabels, matchExpressions); views into the object. error->path is the field inside of it. */
bool selector_read(struct arena *arena, const yyjson_val *object, struct selector *out, struct error *error);
/* Whether an object with these labels (NULL: none) is selected. */
bool selector_matches(const struct selector *selector, const yyjson_val *labels);
/* Appends the text form, as the labelSelector parameter of a request takes it (not yet escaped for a URL). */
void selector_write(struct strbuf *out, const struct selector *selector);

/* [prefix/]name: the prefix a DNS subdomain, the name up to 63 of [A-Za-z0-9_.-] with letters or digits at its ends. */
bool selector_key_is_valid(struct str key);
/* Empty, or as the name of a key. */
bool selector_value_is_valid(struct str value);

#endif
