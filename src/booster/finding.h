/*
 * What is wrong with a ModelBooster: a list of findings, each with a stable rule id (MB012), the field's path, a message that
 * says the remedy, and the value it is about (for its line in the file). All findings are reported, not the first only.
 * The table of rules is in rules.h; docs/rules.md lists the same ids.
 */
#ifndef MB_BOOSTER_FINDING_H
#define MB_BOOSTER_FINDING_H

#include "booster/rules.h"
#include "data/json.h"

struct finding {
    enum rule rule;
    bool is_warning; /* a warning never makes an object invalid */
    struct str path; /* "spec.backends[1].modelURI"; empty for the whole object */
    struct str message;
    const yyjson_val *value; /* where it is, or the nearest parent when the field is absent; may be NULL */
};

struct findings {
    struct arena *arena;
    struct finding *items;
    size_t count;
    size_t error_count; /* those that are no warnings */
    bool is_cut;        /* LIMIT_FINDINGS was reached */
};

void findings_init(struct findings *findings, struct arena *arena);
/* `path` and the formatted message are copied into the arena. */
void findings_add(struct findings *findings, enum rule rule, struct str path, const yyjson_val *value, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
/* Into the order of the document. */
void findings_sort(struct findings *findings);

#endif
