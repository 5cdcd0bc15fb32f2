/* Regular expressions: PCRE2 standing in for Go's RE2, with bounds on what a match may cost. */
#ifndef MB_SCHEMA_PATTERN_H
#define MB_SCHEMA_PATTERN_H

#include "base/arena.h"
#include "base/error.h"

struct pattern;

/* Compiled into the arena; NULL and `error` for what is none. Characters are Unicode's, as in Go. */
const struct pattern *pattern_compile(struct arena *arena, struct str text, struct error *error);
/* Whether it is found anywhere in the text; a match that costs too much is none. */
bool pattern_finds(const struct pattern *pattern, struct str text);

/*
 * What a format (kube-openapi's strfmt) demands of a text. NULL: nothing. *out_is_known: it is one that kube-apiserver does not just
 * ignore.
 */
const struct pattern *pattern_of_format(struct arena *arena, struct str format, bool *out_is_known);

#endif
