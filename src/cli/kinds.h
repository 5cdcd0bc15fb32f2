/*
 * The kinds that a server has, as its discovery tells them, and the word that a person uses for one of them:
 *
 *   modelboosters   modelbooster   ModelBooster   mb       plural, singular, kind, short name, letters folded
 *   modelboosters.workload.serving.volcano.sh              ... with its group, or the beginning of it
 *   modelboosters.v1alpha1.workload.serving.volcano.sh     ... with its version, too
 *   model-booster, all                                     a category: every kind that declares it
 *
 * Where several groups have a kind of the name, the core group comes first, then the server's own order, as in kubectl.
 */
#ifndef MB_CLI_KINDS_H
#define MB_CLI_KINDS_H

#include "cli/cluster.h"
#include "kube/resource.h"

struct kind_entry {
    struct kube_resource resource;
    struct str singular;
    const struct str *short_names, *categories;
    size_t short_name_count, category_count;
    bool is_namespaced;
};

struct kinds {
    struct kind_entry *items; /* within a group its versions, best first */
    size_t count, capacity;
    struct arena arena;
};

/* Asks the server. False after a line on standard error, with *out_status the command's. */
bool kinds_load(struct cluster *cluster, struct kinds *out, int *out_status);
void kinds_release(struct kinds *kinds);

/* NULL when there is none. */
const struct kind_entry *kinds_find(const struct kinds *kinds, struct str word);
/*
 * The next kind of a category, looked for from *at on, 0 at first; NULL when there are no more. Of each kind its best version. As in
 * kubectl, what is a category is that before it is a kind.
 */
const struct kind_entry *kinds_next_of(const struct kinds *kinds, struct str category, size_t *at);
/* The kind of an object that says apiVersion and kind. */
const struct kind_entry *kinds_find_object(const struct kinds *kinds, struct str api_version, struct str kind);
/* That there is no kind of this word, with the nearest one; returns EXIT_FINDINGS. */
int kinds_complain(const struct cluster *cluster, const struct kinds *kinds, struct str word);

/* "modelbooster.workload.serving.volcano.sh", "pod": as kubectl names an object's kind; in the arena. */
struct str kind_label(struct arena *arena, const struct kind_entry *kind);
/* "modelboosters.workload.serving.volcano.sh", "pods"; in the arena. */
struct str kind_plural_label(struct arena *arena, const struct kind_entry *kind);

#endif
