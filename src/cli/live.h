/*
 * What changes, as it changes: a watch that goes on through restarts of the server, closed connections and forgotten history, until
 * somebody ends the program.
 */
#ifndef MB_CLI_LIVE_H
#define MB_CLI_LIVE_H

#include "cli/view.h"

struct live {
    struct cluster *cluster;
    const struct kind_entry *kind;
    struct str namespace; /* empty: all */
    struct str label_selector, field_selector;
    struct view *view;
};

/* Lists page by page into the view; every object lives in `arena`. `out_version` is where a watch goes on. KUBE_OK, or why not. */
struct kube_answer live_list(const struct live *live, struct arena *arena, struct str *out_version);
/* Lists, shows, and follows; each change is written to standard output at once. Returns when that cannot go on: the exit status. */
int live_follow(const struct live *live);

#endif
