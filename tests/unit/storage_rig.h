/*
 * What the tests of storage share: a folder of their own, rows made from a few numbers, and batches that are waited for.
 */
#ifndef MB_TESTS_STORAGE_RIG_H
#define MB_TESTS_STORAGE_RIG_H

#include "storage/storage.h"

enum { RIG_PATH_BYTES = 512 };

struct rig {
    struct loop *loop;
    char folder[RIG_PATH_BYTES]; /* made by the first open */
};

void rig_init(struct rig *rig);
/* Removes the folder. */
void rig_release(struct rig *rig);
void rig_remove_folder(const char *folder);
/* Path of a file in the folder, in static memory until the next call. */
const char *rig_file(const struct rig *rig, const char *name);
/* Checkpoints often when a VFS is given, so that small workloads have some. */
struct storage *rig_open(struct rig *rig, const char *vfs);
struct storage *rig_open_at(struct loop *loop, const char *folder, const char *vfs);
/* The message of the refusal; fails the test when it opens. */
const char *rig_open_refused(struct rig *rig, const char *vfs);

/* As MB_SEED says, or 1. */
uint64_t rig_seed(void);
/* Name and body are made from the revision: body_bytes of a text that only this revision has. */
struct storage_row rig_row(int64_t revision, int64_t previous, enum storage_change change, size_t body_bytes);
void rig_free_rows(struct storage_row *rows, size_t count);
/* Does the row say what rig_row made, body included? */
bool rig_is_whole(const struct storage_row *row);

/* Waits for the batch; true when it is durable, else *out_error (which may be NULL) says why not. */
bool rig_write(struct rig *rig, struct storage *storage, const struct storage_row *rows, size_t count, struct error *out_error);
/* One row a batch; fails the test when that fails. */
void rig_write_one(struct rig *rig, struct storage *storage, struct storage_row row);

/* storage_each_change_after, with the body of each row. */
bool rig_each_after(struct storage *storage, int64_t revision, storage_each *each, void *context, struct error *error);

#endif
