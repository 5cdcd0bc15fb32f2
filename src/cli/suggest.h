/*
 * Did you mean ...? The known word nearest to what was typed, by edits (insert, delete, replace, swap neighbours), if it is near
 * enough to be a slip: at most a third of the longer word.
 */
#ifndef MB_CLI_SUGGEST_H
#define MB_CLI_SUGGEST_H

/* `candidate` when it is near enough to `typed` and nearer than `best` (which may be NULL), else `best`. */
const char *suggest_nearer(const char *typed, const char *best, const char *candidate);

#endif
