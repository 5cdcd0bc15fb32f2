#include "apiserver/objects.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "apiserver/body_cache.h"
#include "apiserver/write_queue.h"

RB_HEAD(object_tree, object);

struct collection {
    UT_hash_handle by_resource;
    struct object_tree tree;
    size_t count;
    struct str resource;
    char text[];
};

/* Who names this uid as an owner. */
struct dependents {
    UT_hash_handle by_owner;
    struct object **items;
    size_t count, capacity;
    bool is_gone, was_namespaced; /* the object with this uid was here */
    size_t uid_len;
    char uid[];
};

struct objects {
    struct loop *loop;
    struct storage *storage;
    objects_on_write *on_write;
    void *owner;
    struct collection *collections; /* uthash */
    struct object *uids;            /* uthash */
    struct dependents *dependents;  /* uthash */
    struct body_cache *cache;
    struct write_queue *queue;
    int64_t revision; /* newest durable and applied */
};

static int object_compare(const struct object *a, const struct object *b) {
    int order = str_compare(a->namespace, b->namespace);
    return order ? order : str_compare(a->name, b->name);
}

RB_GENERATE_INTERNAL(object_tree, object, link, object_compare, static __attribute__((unused)))

struct collection *objects_collection(struct objects *objects, struct str resource) {
    struct collection *found;
    HASH_FIND(by_resource, objects->collections, resource.ptr, resource.len, found);
    if (found) return found;
    struct collection *collection = calloc(1, sizeof *collection + resource.len + 1);
    if (!collection) return NULL;
    memcpy(collection->text, resource.ptr, resource.len);
    collection->resource = (struct str){collection->text, resource.len};
    RB_INIT(&collection->tree);
    HASH_ADD_KEYPTR(by_resource, objects->collections, collection->text, resource.len, collection);
    if (collection->by_resource.tbl) return collection;
    free(collection);
    return NULL;
}

struct str collection_resource(const struct collection *collection) {
    return collection->resource;
}

size_t collection_size(const struct collection *collection) {
    return collection->count;
}

void objects_each_collection(struct objects *objects, bool (*each)(void *context, struct collection *collection), void *context) {
    struct collection *collection, *next;
    HASH_ITER(by_resource, objects->collections, collection, next) {
        if (!each(context, collection)) return;
    }
}

struct object *objects_find(struct collection *collection, struct str namespace, struct str name) {
    struct object wanted = {.namespace = namespace, .name = name};
    return RB_FIND(object_tree, &collection->tree, &wanted);
}

struct object *objects_find_uid(struct objects *objects, struct str uid) {
    struct object *found;
    HASH_FIND(by_uid, objects->uids, uid.ptr, uid.len, found);
    return found && found->revision ? found : NULL;
}

struct object *collection_from(struct collection *collection, struct str namespace, struct str name) {
    struct object wanted = {.namespace = namespace, .name = name};
    return RB_NFIND(object_tree, &collection->tree, &wanted);
}

struct object *collection_next(struct object *object) {
    return RB_NEXT(object_tree, NULL, object);
}

struct object *const *objects_dependents(struct objects *objects, struct str uid, size_t *out_count) {
    struct dependents *found;
    HASH_FIND(by_owner, objects->dependents, uid.ptr, uid.len, found);
    *out_count = found ? found->count : 0;
    return found ? found->items : NULL;
}

bool objects_was_seen_to_go(struct objects *objects, struct str uid, bool *out_was_namespaced) {
    struct dependents *found;
    HASH_FIND(by_owner, objects->dependents, uid.ptr, uid.len, found);
    if (!found || !found->is_gone) return false;
    *out_was_namespaced = found->was_namespaced;
    return true;
}

static bool add_dependent(struct objects *objects, struct str owner, struct object *object) {
    struct dependents *entry;
    HASH_FIND(by_owner, objects->dependents, owner.ptr, owner.len, entry);
    if (!entry) {
        entry = calloc(1, sizeof *entry + owner.len + 1);
        if (!entry) return false;
        memcpy(entry->uid, owner.ptr, owner.len);
        entry->uid_len = owner.len;
        HASH_ADD_KEYPTR(by_owner, objects->dependents, entry->uid, owner.len, entry);
        if (!entry->by_owner.tbl) {
            free(entry);
            return false;
        }
    }
    if (entry->count == entry->capacity) {
        size_t capacity = entry->capacity ? entry->capacity * 2 : 4;
        struct object **items = reallocarray(entry->items, capacity, sizeof(struct object *));
        if (!items) return false;
        entry->items = items;
        entry->capacity = capacity;
    }
    entry->items[entry->count++] = object;
    return true;
}

static void drop_dependent(struct objects *objects, struct str owner, const struct object *object) {
    struct dependents *entry;
    HASH_FIND(by_owner, objects->dependents, owner.ptr, owner.len, entry);
    if (!entry) return;
    for (size_t i = 0; i < entry->count; i++) {
        if (entry->items[i] != object) continue;
        entry->items[i] = entry->items[--entry->count];
        break;
    }
    if (entry->count) return;
    HASH_DELETE(by_owner, objects->dependents, entry);
    free(entry->items);
    free(entry);
}

/* The new ones before the old ones go: what is known of an owner is forgotten with the last who names it. */
static void set_owners(struct objects *objects, struct object *object, struct str *owners, size_t count) {
    struct str *former = object->owners;
    size_t former_count = object->owner_count;
    object->owners = owners;
    object->owner_count = 0; /* where memory is out, garbage collection does not see the rest until the next start */
    while (owners && object->owner_count < count && add_dependent(objects, owners[object->owner_count], object)) object->owner_count++;
    for (size_t i = 0; i < former_count; i++) drop_dependent(objects, former[i], object);
    free(former);
}

/* extra: 'd' or '-', then owners' uids, each after a comma. One block: the views, then their text. */
static struct str *read_owners(struct str extra, size_t *out_count) {
    *out_count = 0;
    if (extra.len < 2) return NULL;
    struct str rest = str_from(extra, 2);
    size_t count = 1;
    for (size_t i = 0; i < rest.len; i++) count += rest.ptr[i] == ',';
    struct str *owners = malloc(count * sizeof *owners + rest.len);
    if (!owners) return NULL;
    char *text = (char *)(owners + count);
    memcpy(text, rest.ptr, rest.len);
    for (size_t i = 0, start = 0, at = 0; i <= rest.len; i++) {
        if (i < rest.len && text[i] != ',') continue;
        owners[at++] = (struct str){text + start, i - start};
        start = i + 1;
    }
    *out_count = count;
    return owners;
}

/*
 * In the table of uids alone, and nobody sees it until its row is durable: then there is nothing left that memory would be needed for, so
 * what was acknowledged is never missing.
 */
static struct object *reserve(struct objects *objects, struct collection *collection, struct str namespace, struct str name,
                              struct str uid) {
    struct object *object = calloc(1, sizeof *object + namespace.len + name.len + uid.len);
    if (!object) return NULL;
    char *text = object->text;
    object->namespace = (struct str){text, namespace.len};
    memcpy(text, namespace.ptr, namespace.len);
    object->name = (struct str){text += namespace.len, name.len};
    memcpy(text, name.ptr, name.len);
    object->uid = (struct str){text += name.len, uid.len};
    memcpy(text, uid.ptr, uid.len);
    object->collection = collection;
    HASH_ADD_KEYPTR(by_uid, objects->uids, object->uid.ptr, object->uid.len, object);
    if (!object->by_uid.tbl) {
        free(object);
        return NULL;
    }
    return object;
}

static void give_up(struct objects *objects, struct object *reserved) {
    HASH_DELETE(by_uid, objects->uids, reserved);
    free(reserved);
}

static struct object *reserved_of(struct objects *objects, struct str uid) {
    struct object *found;
    HASH_FIND(by_uid, objects->uids, uid.ptr, uid.len, found);
    return found && !found->revision ? found : NULL;
}

static struct object *insert(struct objects *objects, struct collection *collection, const struct storage_row *row) {
    struct object *object = reserved_of(objects, row->uid);
    if (!object) object = reserve(objects, collection, row->namespace, row->name, row->uid);
    if (!object) return NULL;
    RB_INSERT(object_tree, &collection->tree, object);
    collection->count++;
    return object;
}

static void tell_dependents(struct objects *objects, const struct object *object) {
    struct dependents *entry;
    HASH_FIND(by_owner, objects->dependents, object->uid.ptr, object->uid.len, entry);
    if (!entry) return;
    entry->is_gone = true;
    entry->was_namespaced = object->namespace.len;
}

static void forget(struct objects *objects, struct object *object) {
    tell_dependents(objects, object);
    set_owners(objects, object, NULL, 0);
    RB_REMOVE(object_tree, &object->collection->tree, object);
    object->collection->count--;
    HASH_DELETE(by_uid, objects->uids, object);
    free(object);
}

/* The index after one durable row. */
static bool apply_row(struct objects *objects, const struct storage_row *row) {
    struct collection *collection = objects_collection(objects, row->resource);
    if (!collection) return false;
    struct object *object = objects_find(collection, row->namespace, row->name);
    if (row->change == STORAGE_DELETED) {
        if (object) forget(objects, object);
        return true;
    }
    if (!object) object = insert(objects, collection, row);
    if (!object) return false;
    object->revision = row->revision;
    object->is_deleting = row->extra.len && row->extra.ptr[0] == 'd';
    size_t count;
    struct str *owners = read_owners(row->extra, &count);
    set_owners(objects, object, owners, count);
    return true;
}

/* Of the write queue: a batch is durable. */
static void row_is_durable(void *owner, const struct storage_row *row, struct blob *body) {
    struct objects *objects = owner;
    apply_row(objects, row);
    objects->revision = row->revision;
    body_cache_put(objects->cache, row->revision, body);
    struct write write = {.change = row->change,
                          .collection = objects_collection(objects, row->resource),
                          .namespace = row->namespace,
                          .name = row->name,
                          .uid = row->uid,
                          .revision = row->revision,
                          .previous = row->previous,
                          .body = body};
    if (write.collection) objects->on_write(objects->owner, &write);
}

/* Of the write queue: it failed. */
static void row_is_lost(void *owner, const struct storage_row *row, struct blob *body) {
    struct objects *objects = owner;
    (void)body;
    struct object *reserved = row->change == STORAGE_CREATED ? reserved_of(objects, row->uid) : NULL;
    if (reserved) give_up(objects, reserved);
}

static bool load_row(void *context, const struct storage_row *row) {
    return apply_row(context, row);
}

struct objects *objects_new(struct loop *loop, struct storage *storage, objects_on_write *on_write, void *owner, struct error *error) {
    struct objects *objects = calloc(1, sizeof *objects);
    if (!objects) {
        error_set(error, ERROR_MEMORY, "memory is out");
        return NULL;
    }
    *objects = (struct objects){
        .loop = loop, .storage = storage, .on_write = on_write, .owner = owner, .revision = storage_last_revision(storage)};
    objects->cache = body_cache_new();
    objects->queue = write_queue_new(loop, storage, row_is_durable, row_is_lost, objects);
    if (!objects->cache || !objects->queue) {
        error_set(error, ERROR_MEMORY, "memory is out");
    } else if (storage_each_live(storage, load_row, objects, error)) {
        return objects;
    }
    objects_free(objects);
    return NULL;
}

void objects_free(struct objects *objects) {
    if (!objects) return;
    write_queue_free(objects->queue);
    struct collection *collection, *next;
    HASH_ITER(by_resource, objects->collections, collection, next) {
        for (struct object *object; (object = RB_MIN(object_tree, &collection->tree));) forget(objects, object);
        HASH_DELETE(by_resource, objects->collections, collection);
        free(collection);
    }
    struct object *reserved, *after;
    HASH_ITER(by_uid, objects->uids, reserved, after) give_up(objects, reserved);
    body_cache_free(objects->cache);
    free(objects);
}

int64_t objects_revision(const struct objects *objects) {
    return objects->revision;
}

int64_t objects_compacted_revision(const struct objects *objects) {
    return storage_compacted_revision(objects->storage);
}

struct storage *objects_storage(struct objects *objects) {
    return objects->storage;
}

struct blob *objects_body(struct objects *objects, int64_t revision, struct error *error) {
    struct blob *body = body_cache_get(objects->cache, revision);
    if (body) return blob_keep(body);
    struct strbuf text = strbuf_with_max(LIMIT_BODY_BYTES);
    if (storage_read_body(objects->storage, revision, &text, error)) {
        body = text.failed ? NULL : blob_new(strbuf_view(&text));
        if (!body) error_set(error, ERROR_MEMORY, "memory is out");
    }
    strbuf_release(&text);
    if (body) body_cache_put(objects->cache, revision, body);
    return body;
}

int64_t objects_next_revision(const struct objects *objects) {
    return write_queue_next_revision(objects->queue);
}

static struct write_key key_of(const struct collection *collection, struct str namespace, struct str name) {
    return (struct write_key){collection->resource, namespace, name};
}

bool objects_is_busy(struct objects *objects, struct collection *collection, struct str namespace, struct str name) {
    return write_queue_is_busy(objects->queue, key_of(collection, namespace, name));
}

bool objects_wait(struct objects *objects, struct collection *collection, struct str namespace, struct str name, loop_callback *ready,
                  void *owner) {
    return write_queue_wait(objects->queue, key_of(collection, namespace, name), ready, owner);
}

bool objects_commit(struct objects *objects, const struct commit *commit, commit_done *done, void *owner) {
    struct object *object = objects_find(commit->collection, commit->namespace, commit->name);
    assert(!object == (commit->change == STORAGE_CREATED));
    struct strbuf extra = strbuf_with_max(LIMIT_BODY_BYTES);
    strbuf_append_char(&extra, commit->is_deleting ? 'd' : '-');
    for (size_t i = 0; i < commit->owner_count; i++) {
        strbuf_append_char(&extra, ',');
        strbuf_append(&extra, commit->owners[i]);
    }
    struct storage_row row = {.previous = object ? object->revision : 0,
                              .change = commit->change,
                              .resource = commit->collection->resource,
                              .namespace = commit->namespace,
                              .name = commit->name,
                              .uid = commit->uid,
                              .extra = strbuf_view(&extra)};
    struct object *reserved = object ? NULL : reserve(objects, commit->collection, commit->namespace, commit->name, commit->uid);
    bool is_queued = (object || reserved) && !extra.failed && write_queue_add(objects->queue, &row, commit->body, done, owner);
    if (reserved && !is_queued) give_up(objects, reserved);
    strbuf_release(&extra);
    return is_queued;
}

size_t objects_pending(const struct objects *objects) {
    return write_queue_length(objects->queue);
}
