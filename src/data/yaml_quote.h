/*
 * How text is written in YAML: plain, in single or double quotes, or as a literal block, chosen as go-yaml v2 does.
 * The part of yaml_write that deals with characters. Internal to data/.
 */
#ifndef MB_DATA_YAML_QUOTE_H
#define MB_DATA_YAML_QUOTE_H

#include "base/strbuf.h"

/* The text so far with the column, which folding goes by. */
struct yaml_text {
    struct strbuf *out;
    int column; /* characters since the last newline */
};

void yaml_text(struct yaml_text *to, struct str text);
void yaml_text_char(struct yaml_text *to, char c);
/* Blanks up to column `indent`; none when the line is further already, as after "-". */
void yaml_text_pad(struct yaml_text *to, int indent);
/* A newline, unless the line is empty because a block has ended it. */
void yaml_text_end_line(struct yaml_text *to);

enum yaml_quote_role {
    YAML_QUOTE_VALUE,
    YAML_QUOTE_KEY,      /* before a ':' on the same line: neither folded nor a block */
    YAML_QUOTE_LONE_KEY, /* after a '?' */
};

/* Whether the key may stand before its ':' on one line; YAML has a length limit for that. */
bool yaml_quote_is_simple_key(struct str text);
/* Writes `text`; `indent` is that of the map or list it is in. Sets out->failed for text that is not UTF-8. */
void yaml_quote(struct yaml_text *to, struct str text, enum yaml_quote_role role, int indent);

#endif
