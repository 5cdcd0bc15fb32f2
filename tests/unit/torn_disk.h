/*
 * A disk as a power cut finds it. Each file is what was last synced, and a list of changes since, of which any may have reached the disk, in any
 * order, whole or in part:
 *
 *   write    kept, dropped, or torn: of each 512 bytes that it touches, the old, the new, or noise; bytes outside of it stay as they are
 *   resize   kept or dropped
 *   link     a file made or removed. The folder's changes keep their order, as in every journaling file system: those after the first dropped
 *   unlink   one are dropped too. A sync of a file brings its own link, and what came before.
 *
 * torn_vfs.h puts it below SQLite. One thread at a time.
 */
#ifndef MB_TESTS_TORN_DISK_H
#define MB_TESTS_TORN_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TORN_FILES = 64, TORN_NAME_BYTES = 32 };

struct torn_bytes {
    char *ptr;
    size_t size;
};

struct torn_change {
    enum torn_kind { TORN_WRITE, TORN_RESIZE, TORN_LINK, TORN_UNLINK } kind;
    int file;
    char name[TORN_NAME_BYTES]; /* of links */
    size_t offset;              /* of a write; the new size of a resize */
    struct torn_bytes bytes;    /* of a write */
};

struct torn_disk {
    struct torn_bytes synced[TORN_FILES]; /* every file that ever was */
    int file_count;
    struct torn_entry {
        char name[TORN_NAME_BYTES];
        int file;
    } entries[TORN_FILES], linked[TORN_FILES]; /* as programs see it; as it is on the disk */
    int entry_count, linked_count;
    struct torn_change *changes; /* since the last syncs, in order */
    size_t change_count;
};

void torn_disk_release(struct torn_disk *disk);
struct torn_disk torn_disk_copy(const struct torn_disk *disk);
/* The file of that name as programs see it, or -1. */
int torn_disk_find(const struct torn_disk *disk, const char *name);
/* A file that is on the disk already, with its content. */
int torn_disk_adopt(struct torn_disk *disk, const char *name, const void *bytes, size_t size);
int torn_disk_make(struct torn_disk *disk, const char *name);
void torn_disk_remove(struct torn_disk *disk, const char *name, bool is_synced);
void torn_disk_write(struct torn_disk *disk, int file, size_t offset, const void *bytes, size_t size);
void torn_disk_resize(struct torn_disk *disk, int file, size_t size);
void torn_disk_sync(struct torn_disk *disk, int file);

/* How many cuts are worth looking at: nothing kept, all kept, all but one, only one, and some with everything drawn. */
size_t torn_disk_cuts(const struct torn_disk *disk);
/* Writes what is left after that cut into `folder`, which exists and is empty. The same numbers make the same files. */
bool torn_disk_cut(const struct torn_disk *disk, size_t cut, uint64_t seed, const char *folder);

#endif
