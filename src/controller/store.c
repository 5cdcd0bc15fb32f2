#include "controller/store.h"

#include <stdlib.h>
#include <string.h>

#include "base/number.h"

struct owner_entry {
    struct child_entry *first;
    UT_hash_handle hh;
    size_t uid_len;
    char uid[];
};

enum { KEY_MAX = 512 }; /* namespace (63) and name (253) and what separates them */

/* Where struct observed has text: all of it goes into the entry's block. */
static const size_t text_fields[] = {
    offsetof(struct observed, namespace),
    offsetof(struct observed, name),
    offsetof(struct observed, uid),
    offsetof(struct observed, resource_version),
    offsetof(struct observed, owner_uid),
    offsetof(struct observed, owner_name),
    offsetof(struct observed, label_model),
    offsetof(struct observed, model_name),
    offsetof(struct observed, gang_policy),
    offsetof(struct observed, other_manager),
    offsetof(struct observed, rendered_generator),
    offsetof(struct observed, rendered_images.downloader),
    offsetof(struct observed, rendered_images.runtime),
    offsetof(struct observed, available_reason),
    offsetof(struct observed, available_message),
    offsetof(struct observed, difference),
};
enum { TEXT_FIELDS = sizeof text_fields / sizeof *text_fields };

static struct str *text_field(struct observed *record, size_t index) {
    return (struct str *)((char *)record + text_fields[index]);
}

void store_init(struct store *store) {
    *store = (struct store){0};
}

void store_release(struct store *store) {
    for (int kind = 0; kind < CHILD_KIND_COUNT; kind++) {
        while (store->children[kind]) store_remove_child(store, store->children[kind]);
    }
    while (store->boosters) store_remove_booster(store, store->boosters);
}

static size_t make_key(char out[KEY_MAX], struct str namespace, struct str name) {
    if (namespace.len + name.len + 2 > KEY_MAX) return 0;
    memcpy(out, namespace.ptr, namespace.len);
    out[namespace.len] = '/';
    memcpy(out + namespace.len + 1, name.ptr, name.len);
    out[namespace.len + 1 + name.len] = 0;
    return namespace.len + 1 + name.len;
}

/* resourceVersions of one object only grow; servers make them decimal numbers. Others cannot be ordered and count as newer. */
static bool is_older_version(struct str candidate, struct str known) {
    int64_t a, b;
    return number_parse_int64(candidate, &a) && number_parse_int64(known, &b) && a < b;
}

bool store_is_newer_version(struct str version, struct str than) {
    return is_older_version(than, version);
}

/* ---- boosters ---- */

struct booster_entry *store_booster(struct store *store, struct str namespace, struct str name) {
    char key[KEY_MAX];
    size_t length = make_key(key, namespace, name);
    struct booster_entry *entry = NULL;
    if (length) HASH_FIND(hh, store->boosters, key, length, entry);
    return entry;
}

/* A hash table's part in it and malloc's are left out. */
static size_t booster_bytes(const struct booster_entry *entry) {
    return sizeof *entry + entry->text.len;
}

void store_remove_booster(struct store *store, struct booster_entry *entry) {
    store->bytes -= booster_bytes(entry);
    HASH_DEL(store->boosters, entry);
    free((char *)(uintptr_t)entry->text.ptr);
    free(entry->key);
    free(entry);
}

static struct booster_entry *new_booster(struct store *store, struct str namespace, struct str name) {
    char key[KEY_MAX];
    size_t length = make_key(key, namespace, name);
    struct booster_entry *entry = length ? calloc(1, sizeof *entry) : NULL;
    if (!entry) return NULL;
    entry->key = strdup(key);
    if (!entry->key) {
        free(entry);
        return NULL;
    }
    progress_reset(&entry->progress);
    entry->namespace = (struct str){entry->key, namespace.len};
    entry->name = (struct str){entry->key + namespace.len + 1, name.len};
    HASH_ADD_KEYPTR(hh, store->boosters, entry->key, length, entry);
    if (entry->hh.tbl) {
        store->bytes += booster_bytes(entry);
        return entry;
    }
    free(entry->key);
    free(entry);
    return NULL;
}

/* The object as compact JSON without managedFields, with uid and resourceVersion behind it, in one block. */
static bool keep_text(struct booster_entry *entry, const yyjson_val *object) {
    struct arena arena;
    arena_init(&arena, LIMIT_RECONCILE_ARENA_BYTES);
    yyjson_mut_doc *doc = json_builder(&arena);
    yyjson_mut_val *copy = yyjson_val_mut_copy(doc, json_loose(object));
    yyjson_mut_obj_remove_key(yyjson_mut_obj_get(copy, "metadata"), "managedFields");
    struct strbuf text = strbuf_with_max(LIMIT_BODY_BYTES);
    const yyjson_val *slim = json_freeze(&arena, copy);
    json_write(&text, slim);
    size_t text_len = text.len;
    struct str uid = json_text(json_path(object, "metadata", "uid", NULL));
    struct str version = json_text(json_path(object, "metadata", "resourceVersion", NULL));
    strbuf_append(&text, uid);
    strbuf_append(&text, version);
    char *block = slim && !text.failed ? malloc(text.len + 1) : NULL;
    if (block) {
        memcpy(block, text.ptr, text.len + 1);
        free((char *)(uintptr_t)entry->text.ptr);
        entry->text = (struct str){block, text_len};
        entry->uid = (struct str){block + text_len, uid.len};
        entry->resource_version = (struct str){block + text_len + uid.len, version.len};
    }
    strbuf_release(&text);
    arena_release(&arena);
    return block != NULL;
}

struct booster_entry *store_put_booster(struct store *store, const yyjson_val *object, uint32_t list_round, bool *out_is_news) {
    struct str namespace = json_text(json_path(object, "metadata", "namespace", NULL));
    struct str name = json_text(json_path(object, "metadata", "name", NULL));
    struct str uid = json_text(json_path(object, "metadata", "uid", NULL));
    struct str version = json_text(json_path(object, "metadata", "resourceVersion", NULL));
    *out_is_news = false;
    if (name.len == 0 || uid.len == 0) return NULL;
    struct booster_entry *entry = store_booster(store, namespace, name);
    if (entry && list_round) entry->list_round = list_round;
    bool is_stale = entry && (str_equal(entry->resource_version, version) || is_older_version(version, entry->resource_version));
    if (is_stale && !entry->is_of_former_life) return entry;
    if (entry && (entry->is_of_former_life || !str_equal(entry->uid, uid))) {
        entry->memory = (struct reconcile_memory){0};
        progress_reset(&entry->progress);
        entry->is_outdated = entry->has_rollout_slot = false;
    }
    if (!entry) entry = new_booster(store, namespace, name);
    size_t before = entry ? booster_bytes(entry) : 0;
    if (!entry || !keep_text(entry, object)) return NULL;
    store->bytes += booster_bytes(entry) - before;
    if (list_round) entry->list_round = list_round;
    entry->is_of_former_life = false;
    json_int64(json_path(object, "metadata", "generation", NULL), &entry->generation);
    entry->is_deleting = json_path(object, "metadata", "deletionTimestamp", NULL) != NULL;
    *out_is_news = true;
    return entry;
}

/* ---- children ---- */

struct child_entry *store_child(struct store *store, enum child_kind kind, struct str namespace, struct str name) {
    char key[KEY_MAX];
    size_t length = make_key(key, namespace, name);
    struct child_entry *entry = NULL;
    if (length) HASH_FIND(hh, store->children[kind], key, length, entry);
    return entry;
}

bool store_is_older(const struct observed *candidate, const struct child_entry *known) {
    return !known->is_of_former_life && is_older_version(candidate->resource_version, known->record.resource_version);
}

bool store_is_news(const struct observed *candidate, const struct child_entry *known) {
    const struct observed *record = &known->record;
    bool is_same = str_equal(record->uid, candidate->uid) && str_equal(record->resource_version, candidate->resource_version);
    if (is_same) return known->is_of_former_life || record->verdict == VERDICT_UNKNOWN;
    return !store_is_older(candidate, known);
}

static void unlink_owned(struct store *store, struct child_entry *entry) {
    struct owner_entry *owner = NULL;
    HASH_FIND(hh, store->owners, entry->record.owner_uid.ptr, entry->record.owner_uid.len, owner);
    if (!owner) return;
    if (entry->previous_owned)
        entry->previous_owned->next_owned = entry->next_owned;
    else
        owner->first = entry->next_owned;
    if (entry->next_owned) entry->next_owned->previous_owned = entry->previous_owned;
    if (owner->first) return;
    HASH_DEL(store->owners, owner);
    free(owner);
}

static bool link_owned(struct store *store, struct child_entry *entry) {
    struct str uid = entry->record.owner_uid;
    if (uid.len == 0) return true;
    struct owner_entry *owner = NULL;
    HASH_FIND(hh, store->owners, uid.ptr, uid.len, owner);
    if (!owner) {
        owner = calloc(1, sizeof *owner + uid.len);
        if (!owner) return false;
        owner->uid_len = uid.len;
        memcpy(owner->uid, uid.ptr, uid.len);
        HASH_ADD(hh, store->owners, uid, uid.len, owner);
        if (!owner->hh.tbl) {
            free(owner);
            return false;
        }
    }
    entry->next_owned = owner->first;
    if (owner->first) owner->first->previous_owned = entry;
    owner->first = entry;
    return true;
}

static size_t child_bytes(const struct child_entry *entry) {
    size_t bytes = sizeof *entry;
    for (size_t i = 0; i < TEXT_FIELDS; i++) bytes += text_field((struct observed *)(uintptr_t)&entry->record, i)->len;
    return bytes;
}

void store_remove_child(struct store *store, struct child_entry *entry) {
    store->bytes -= child_bytes(entry);
    if (entry->record.owner_uid.len) unlink_owned(store, entry);
    HASH_DEL(store->children[entry->record.kind], entry);
    free(entry);
}

/* One block: the entry, its key "namespace/name" (which also is those two fields), then the other texts. */
static struct child_entry *pack(const struct observed *record) {
    struct observed copy = *record;
    size_t key_len = copy.namespace.len + 1 + copy.name.len, size = sizeof(struct child_entry) + key_len + 1;
    for (size_t i = 2; i < TEXT_FIELDS; i++) size += text_field(&copy, i)->len;
    struct child_entry *entry = malloc(size);
    if (!entry) return NULL;
    *entry = (struct child_entry){.record = copy};
    make_key(entry->key, copy.namespace, copy.name);
    entry->record.namespace.ptr = entry->key;
    entry->record.name.ptr = entry->key + copy.namespace.len + 1;
    char *at = entry->key + key_len + 1;
    for (size_t i = 2; i < TEXT_FIELDS; i++) {
        struct str *text = text_field(&entry->record, i);
        if (text->len) memcpy(at, text->ptr, text->len);
        text->ptr = at;
        at += text->len;
    }
    return entry;
}

bool store_put_child(struct store *store, const struct observed *record, uint32_t list_round) {
    if (record->namespace.len + record->name.len + 2 > KEY_MAX) return false;
    struct child_entry *entry = pack(record);
    if (!entry) return false;
    struct child_entry *older = store_child(store, record->kind, record->namespace, record->name);
    entry->list_round = list_round ? list_round : older ? older->list_round : 0;
    entry->is_given_up = older && older->is_given_up && str_equal(older->record.uid, record->uid);
    if (older) store_remove_child(store, older);
    size_t key_len = record->namespace.len + 1 + record->name.len;
    HASH_ADD_KEYPTR(hh, store->children[record->kind], entry->key, key_len, entry);
    if (entry->hh.tbl && link_owned(store, entry)) {
        store->bytes += child_bytes(entry);
        return true;
    }
    if (entry->hh.tbl) HASH_DEL(store->children[record->kind], entry);
    free(entry);
    return false;
}

struct child_entry *store_owned(struct store *store, struct str owner_uid) {
    struct owner_entry *owner = NULL;
    if (owner_uid.len) HASH_FIND(hh, store->owners, owner_uid.ptr, owner_uid.len, owner);
    return owner ? owner->first : NULL;
}
