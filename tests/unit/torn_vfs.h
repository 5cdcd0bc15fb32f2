/*
 * A SQLite VFS for one folder, over the default one. Programs see their files as usual; beside them it keeps what a power cut would leave
 * (torn_disk.h), as of each sync: just before it takes effect, when the most is still in the air. Cuts at any earlier moment since the sync before
 * are among the cuts of that one. It also fails on demand. Syncs cost nothing.
 */
#ifndef MB_TESTS_TORN_VFS_H
#define MB_TESTS_TORN_VFS_H

#include "torn_disk.h"

#include <stdatomic.h>

struct torn_vfs;

struct torn_moment {
    struct torn_disk disk;
    int mark; /* what the test had marked by then */
};

/* The disk is full, or fails, from the write or sync of that number on, counted from torn_vfs_fail. */
enum torn_failure { TORN_NOTHING, TORN_FULL, TORN_SYNC, TORN_READ_ONLY };

/* `mark`: copied into each moment; NULL: keeps no moments. */
struct torn_vfs *torn_vfs_new(const char *folder, const _Atomic int *mark);
/* Nothing may be open. */
void torn_vfs_free(struct torn_vfs *vfs);
const char *torn_vfs_name(const struct torn_vfs *vfs);
/* Also notes the moment as of now. */
const struct torn_moment *torn_vfs_moments(struct torn_vfs *vfs, size_t *out_count);
void torn_vfs_fail(struct torn_vfs *vfs, enum torn_failure failure, int after);
/* Did the failure come to pass? */
bool torn_vfs_has_failed(const struct torn_vfs *vfs);

#endif
