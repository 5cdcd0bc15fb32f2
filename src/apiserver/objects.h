/*
 * What is stored, as an index in memory over the durable log: which objects live, at which revision; and the way of a write.
 *
 *   struct objects
 *     collection "workload.serving.volcano.sh/modelboosters"   tree of objects, ordered by namespace and name
 *       object   revision, namespace, name, uid, owners' uids; the text stays on the disk (objects_body: cached)
 *     uid -> object, owner's uid -> dependents
 *     writes     queued -> one batch at the disk -> applied to the index, told to `on_write`, each one's `done`
 *
 * Readers see durable state alone. A key with a write under way is busy: whoever wants to write it too waits and looks again, so each
 * write starts from what the one before it left. One thread.
 */
#ifndef MB_APISERVER_OBJECTS_H
#define MB_APISERVER_OBJECTS_H

#include <bsd/sys/tree.h>

#include "base/hash_table.h"
#include "base/blob.h"
#include "storage/storage.h"

struct objects;
struct collection;

struct object {
    RB_ENTRY(object) link;
    UT_hash_handle by_uid;
    struct collection *collection;
    int64_t revision;
    struct str namespace, name, uid; /* namespace empty: none */
    bool is_deleting;                /* has a deletionTimestamp */
    struct str *owners;              /* uids in metadata.ownerReferences */
    size_t owner_count;
    char text[]; /* of the three above */
};

/* What a finished write says to whoever follows (watches, garbage collection, definitions). */
struct write {
    enum storage_change change;
    struct collection *collection;
    struct str namespace, name, uid;
    int64_t revision, previous; /* previous 0: there was none */
    struct blob *body;          /* after it; of a deletion: the last state, with the deletion's revision inside */
};
typedef void objects_on_write(void *owner, const struct write *write);

/* Reads the index from the storage, which must outlive it. NULL and `error`. */
struct objects *objects_new(struct loop *loop, struct storage *storage, objects_on_write *on_write, void *owner, struct error *error);
void objects_free(struct objects *objects);

/* Made on first use; lives as long as the objects. NULL when memory is out. */
struct collection *objects_collection(struct objects *objects, struct str resource);
struct str collection_resource(const struct collection *collection);
size_t collection_size(const struct collection *collection);
/* Every collection, in no order; ends when `each` returns false. */
void objects_each_collection(struct objects *objects, bool (*each)(void *context, struct collection *collection), void *context);

/* Borrowed until the next return to the loop. NULL: not there. */
struct object *objects_find(struct collection *collection, struct str namespace, struct str name);
struct object *objects_find_uid(struct objects *objects, struct str uid);
/* The first object at or after (namespace, name), and the one after. */
struct object *collection_from(struct collection *collection, struct str namespace, struct str name);
struct object *collection_next(struct object *object);
/* Objects that name `uid` among their owners; borrowed. */
struct object *const *objects_dependents(struct objects *objects, struct str uid, size_t *out_count);
/* Whether an object with this uid has been deleted since the start, and was in a namespace; forgotten once nobody names it any more. */
bool objects_was_seen_to_go(struct objects *objects, struct str uid, bool *out_was_namespaced);

/* The newest revision that readers may see. */
int64_t objects_revision(const struct objects *objects);
int64_t objects_compacted_revision(const struct objects *objects);
/* The text at a revision, one reference for the caller; NULL and `error` (ERROR_NOT_FOUND: compacted). */
struct blob *objects_body(struct objects *objects, int64_t revision, struct error *error);
struct storage *objects_storage(struct objects *objects);

/* What the next write will be numbered; it stands in the text as resourceVersion. */
int64_t objects_next_revision(const struct objects *objects);
bool objects_is_busy(struct objects *objects, struct collection *collection, struct str namespace, struct str name);
/* `ready` is called once, from the loop, when the key is no longer busy (another waiter may have taken it again). False: memory is out. */
bool objects_wait(struct objects *objects, struct collection *collection, struct str namespace, struct str name, loop_callback *ready,
                  void *owner);

struct commit {
    enum storage_change change;
    struct collection *collection;
    struct str namespace, name, uid; /* copied */
    bool is_deleting;
    const struct str *owners; /* copied */
    size_t owner_count;
    struct blob *body; /* a reference is taken; carries objects_next_revision */
};
/* `error` NULL: it is durable and visible. */
typedef void commit_done(void *owner, const struct error *error);
/* Queues it under objects_next_revision. The key must not be busy. False when memory is out; `done` is not called then. */
bool objects_commit(struct objects *objects, const struct commit *commit, commit_done *done, void *owner);
/* Writes queued or at the disk. */
size_t objects_pending(const struct objects *objects);

#endif
