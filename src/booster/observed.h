/*
 * What is kept of a live child: enough to decide without its text (SPEC section 5). Of a foreign object (another owner's) only name,
 * uid and resourceVersion are filled.
 *
 * A verdict says whether the live object was what one desired form (its revision) asked for. It is made when the text is at hand
 * (a watch event, an answer) and is worthless against any other revision.
 *
 * History lives on while the uid stays: observed_inherit carries it from the record that a newer one replaces.
 */
#ifndef MB_BOOSTER_OBSERVED_H
#define MB_BOOSTER_OBSERVED_H

#include "booster/generate/generate.h"

enum verdict { VERDICT_UNKNOWN, VERDICT_MATCHES, VERDICT_DIFFERS };
enum availability { AVAILABILITY_UNKNOWN, AVAILABILITY_TRUE, AVAILABILITY_FALSE };

enum { OBSERVED_REWRITES = 3 }; /* rewrites within REWRITE_WINDOW_MS that make a fight */
#define REWRITE_WINDOW_MS (10 * 60 * 1000)

/* `difference` where only the number of replicas is another. */
#define DIFFERENCE_REPLICAS "spec.replicas"

struct observed {
    enum child_kind kind;
    struct str namespace, name, uid, resource_version;
    int64_t generation;
    bool is_deleting;

    /* ownership */
    struct str owner_uid, owner_name; /* of the reference to a ModelBooster; empty when there is none */
    struct str label_model;           /* the model-name label of an object without owners that says managed-by us */
    bool has_owners;                  /* any ownerReference */
    bool is_controlled_by_owner;      /* that reference has controller and blockOwnerDeletion true */
    bool is_controlled_by_other;      /* another reference has controller true */
    uint32_t owner_index;             /* of that reference in metadata.ownerReferences */
    bool has_labels, has_annotations; /* the maps exist, so a patch may add to them */

    /* content */
    uint64_t revision;        /* the label; 0 when absent or not ours */
    int64_t replicas;         /* ModelServing: spec.replicas, -1 when absent */
    struct str model_name;    /* ModelRoute: spec.modelName (immutable) */
    struct str gang_policy;   /* ModelServing: the live gangPolicy as JSON; empty when there is none */
    struct str other_manager; /* newest manager in managedFields that is not us */
    bool has_rendered;        /* ANNOTATION_RENDERED is there and reads */
    struct str rendered_generator;
    struct images rendered_images;
    uint64_t rendered_input;
    bool has_replicas_before;
    int64_t replicas_before;

    /* ModelServing's own word */
    enum availability available;
    int64_t available_generation; /* the generation that word is for; `generation` where it does not say */
    int64_t available_replicas, status_replicas;
    struct str available_reason, available_message;

    /* verdict and history */
    enum verdict verdict;
    bool is_rewritten;                      /* by others, and not put back yet */
    uint64_t verdict_revision;              /* the desired revision it was made against */
    struct str difference;                  /* path of the first difference, empty when it matches */
    uint64_t accepted_revision;             /* desired revision of our last accepted write */
    uint64_t accepted_projection;           /* what the server made of it, hashed (compare.h) */
    int64_t unkept_replicas;                /* replicas we asked for and the server made others of; -1: none */
    uint64_t spec_projection;               /* of spec without replicas */
    int64_t content_generation;             /* generation since which only replicas moved; 0: not known */
    int64_t rewrites_ms[OBSERVED_REWRITES]; /* wall times of the last rewrites by others, newest first; 0: none */
};

enum owner_relation {
    OWNER_OURS,
    OWNER_FORMER, /* a ModelBooster of this name with another uid: being garbage-collected, or left behind */
    OWNER_ORPHAN, /* no owner, our labels: adopted */
    OWNER_FOREIGN,
};

/* Fills `out` with views into `live` and the arena; verdict and history are empty. False when it has no name or uid, or the arena is
 * exhausted. */
bool observed_read(struct arena *arena, enum child_kind kind, const yyjson_val *live, struct observed *out);
/*
 * Makes the verdict on `live` against `desired`. `is_own_write`: `live` is the answer to our write of exactly this desired form, so
 * whatever differs is what the server does not keep, and it counts as matching from now on. Changes nothing when memory is out: the arena
 * is exhausted then.
 */
void observed_judge(struct arena *arena, const struct child *desired, const yyjson_val *live, bool is_own_write, struct observed *out);
/* Carries history from `older`, the record `newer` replaces (NULL: first sight); call it before observed_judge. */
void observed_inherit(const struct observed *older, struct observed *newer);
/* After observed_judge: notes a rewrite by another manager and since when the content is unchanged. */
void observed_compare_history(const struct observed *older, int64_t now_ms, bool is_own_write, struct observed *newer);
/* Rewrites within REWRITE_WINDOW_MS before now. */
int observed_rewrite_count(const struct observed *observed, int64_t now_ms);
enum owner_relation observed_relation(const struct observed *observed, const struct booster *booster);

#endif
