/*
 * What the controller remembers of the cluster.
 *
 *   boosters: namespace/name -> entry {text without managedFields, reconcile_memory, rollout state}
 *   children: kind, namespace/name -> struct observed, packed into one block
 *             owner uid -> list of that ModelBooster's children
 *
 * Of a child only struct observed is kept, never its text (SPEC section 5). Records are replaced, never edited. An object that was
 * written and answered is never overwritten by an older event: resourceVersions of one uid only go up.
 */
#ifndef MB_CONTROLLER_STORE_H
#define MB_CONTROLLER_STORE_H

#include "base/hash_table.h"
#include "booster/reconcile.h"
#include "controller/progress.h"

struct booster_entry {
    char *key; /* "namespace/name", owned; the hash key */
    struct str namespace, name;
    struct str uid, resource_version;
    int64_t generation;
    bool is_deleting;
    struct str text; /* the object as JSON, without managedFields */
    struct reconcile_memory memory;
    struct progress progress; /* its owner's to read; begun anew with another uid */
    uint32_t list_round;      /* of the list that last named it */
    bool is_of_former_life;   /* of the server's storage: no version can be compared with its */
    bool is_outdated;         /* some ModelServing could be brought up to date */
    bool is_active;           /* as the last run found it, or suspended */
    bool has_rollout_slot;    /* --upgrade=rolling lets it go ahead */
    bool must_be_active;      /* it was when it got the slot: the next model waits until it is again */
    bool is_status_refused;   /* its last status could not be written, which no condition can say: the log has */
    UT_hash_handle hh;
};

struct child_entry {
    struct observed record; /* its strings are in the same block */
    uint32_t list_round;
    bool is_of_former_life;                          /* as a ModelBooster's */
    bool is_given_up;                                /* for a while: another controller rewrites it */
    struct child_entry *next_owned, *previous_owned; /* of the same owner */
    UT_hash_handle hh;                               /* by "namespace/name" */
    char key[];
};

struct owner_entry; /* owner uid -> its children */

struct store {
    struct booster_entry *boosters;
    struct child_entry *children[CHILD_KIND_COUNT];
    struct owner_entry *owners;
    size_t bytes; /* of all entries, about */
};

void store_init(struct store *store);
void store_release(struct store *store);

/* NULL when there is none. */
struct booster_entry *store_booster(struct store *store, struct str namespace, struct str name);
/*
 * Adds or replaces. NULL when memory is out or the object has no name. *out_is_news: its resourceVersion differs from the one known (a
 * stale one is ignored and is no news).
 */
struct booster_entry *store_put_booster(struct store *store, const yyjson_val *object, uint32_t list_round, bool *out_is_news);
void store_remove_booster(struct store *store, struct booster_entry *entry);

struct child_entry *store_child(struct store *store, enum child_kind kind, struct str namespace, struct str name);
/* resourceVersions as decimal numbers: is `version` newer than `than`? False where they cannot be ordered. */
bool store_is_newer_version(struct str version, struct str than);
/* `candidate` was seen at an earlier resourceVersion than `known`: it must not replace it. */
bool store_is_older(const struct observed *candidate, const struct child_entry *known);
/* Not older, and not the same version with a verdict already. */
bool store_is_news(const struct observed *candidate, const struct child_entry *known);
/* Packs a copy of the record, replacing the one of that name. False when memory is out. */
bool store_put_child(struct store *store, const struct observed *record, uint32_t list_round);
void store_remove_child(struct store *store, struct child_entry *entry);
/* The first of the owner's children (follow next_owned), or NULL. */
struct child_entry *store_owned(struct store *store, struct str owner_uid);

#endif
