/* Functions on texts, for the table in function.c. For cel/ only. */
#ifndef MB_CEL_TEXT_H
#define MB_CEL_TEXT_H

#include "cel/function.h"

function_body text_contains, text_starts_with, text_ends_with, text_matches, text_find, text_find_all, text_char_at, text_index_of,
    text_last_index_of, text_lower, text_upper, text_replace, text_split, text_substring, text_trim, text_join;

/* What matches() can take. */
bool text_is_pattern(struct str text);

/* As Go's strconv prints a float64 in its shortest form: 1, 1.5, 1e+21. */
struct str text_of_double(struct arena *arena, double real);

#endif
