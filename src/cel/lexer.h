/* Tokens of an expression. For parser.c. */
#ifndef MB_CEL_LEXER_H
#define MB_CEL_LEXER_H

#include "cel/ast.h"

enum token_kind { TOKEN_END, TOKEN_IDENTIFIER, TOKEN_INT, TOKEN_UINT, TOKEN_DOUBLE, TOKEN_STRING, TOKEN_BYTES, TOKEN_OPERATOR };

struct token {
    enum token_kind kind;
    struct str text; /* of operators and identifiers as written; of texts, unescaped */
    size_t place;
    struct value value; /* of numbers */
};

struct lexer {
    struct arena *arena;
    struct str source;
    size_t at;
};

/* False and an error with its place. */
bool lexer_next(struct lexer *lexer, struct token *out, struct error *error);

#endif
