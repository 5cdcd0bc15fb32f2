/*
 * What a verb is about, as kubectl has it:
 *
 *   KIND                   all of a kind
 *   KIND NAME...           some of it
 *   KIND,KIND [NAME...]    of several kinds
 *   KIND/NAME...           each with its kind
 *
 * But for the last form, a category stands for its kinds.
 */
#ifndef MB_CLI_TARGETS_H
#define MB_CLI_TARGETS_H

#include "cli/kinds.h"

struct target {
    const struct kind_entry *kind;
    struct str name; /* empty: all */
};

struct targets {
    struct target *items;
    size_t count;
    bool has_several_kinds;
};

/* Everything lives in the cluster's arena. False after a line on standard error, with *out_status the command's. */
bool targets_read(struct cluster *cluster, const struct kinds *kinds, const struct flag_list *words, struct targets *out, int *out_status);
/*
 * Before any server is asked: a name among the words, beside `chooser` ("-l"; NULL: nothing chooses), which says itself which objects are
 * meant, would be passed over by one of them. True after a line on standard error; the command's status is EXIT_UNABLE then.
 */
bool targets_contradict(const char *command, const struct flag_list *words, const char *chooser);
/* Where a target's object lives: empty for kinds without namespaces. */
struct str target_namespace(const struct cluster *cluster, const struct kind_entry *kind);

#endif
