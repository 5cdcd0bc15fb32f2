/* kube-apiserver's --token-auth-file: lines `token,user,uid[,"group1,group2"]`. */
#ifndef MB_STANDALONE_TOKENS_H
#define MB_STANDALONE_TOKENS_H

#include "apiserver/apiserver.h"
#include "base/arena.h"

enum { TOKENS_MAX = 1000, TOKEN_GROUPS_MAX = 64 };

/* Adds to the first *count of `tokens`; everything in the arena. Errors name the file and the line. */
bool tokens_read(struct arena *arena, const char *file, struct apiserver_token *tokens, size_t *count, struct error *error);

#endif
