#include "torn_disk.h"

#include "base/number.h"

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    SECTOR_BYTES = 512,
    SINGLED_OUT = 8, /* changes of which "all but it" and "only it" are looked at */
    DRAWN = 8,
};

static struct torn_bytes copy_bytes(const void *ptr, size_t size) {
    struct torn_bytes copy = {malloc(size + 1), size};
    assert(copy.ptr);
    if (size) memcpy(copy.ptr, ptr, size);
    return copy;
}

static void resize_bytes(struct torn_bytes *bytes, size_t size) {
    char *ptr = realloc(bytes->ptr, size + 1);
    assert(ptr);
    if (size > bytes->size) memset(ptr + bytes->size, 0, size - bytes->size);
    *bytes = (struct torn_bytes){ptr, size};
}

void torn_disk_release(struct torn_disk *disk) {
    for (int i = 0; i < disk->file_count; i++) free(disk->synced[i].ptr);
    for (size_t i = 0; i < disk->change_count; i++) free(disk->changes[i].bytes.ptr);
    free(disk->changes);
    *disk = (struct torn_disk){0};
}

struct torn_disk torn_disk_copy(const struct torn_disk *disk) {
    struct torn_disk copy = *disk;
    for (int i = 0; i < disk->file_count; i++) copy.synced[i] = copy_bytes(disk->synced[i].ptr, disk->synced[i].size);
    copy.changes = calloc(disk->change_count + 1, sizeof *copy.changes);
    assert(copy.changes);
    for (size_t i = 0; i < disk->change_count; i++) {
        copy.changes[i] = disk->changes[i];
        copy.changes[i].bytes = copy_bytes(disk->changes[i].bytes.ptr, disk->changes[i].bytes.size);
    }
    return copy;
}

/* folders */

static void link_entry(struct torn_entry *entries, int *count, const char *name, int file) {
    assert(*count < TORN_FILES);
    struct torn_entry *entry = &entries[(*count)++];
    snprintf(entry->name, sizeof entry->name, "%s", name);
    entry->file = file;
}

static void unlink_entry(struct torn_entry *entries, int *count, const char *name) {
    for (int i = 0; i < *count; i++)
        if (!strcmp(entries[i].name, name)) entries[i--] = entries[--*count];
}

static void apply_link(const struct torn_change *change, struct torn_entry *entries, int *count) {
    if (change->kind == TORN_LINK) link_entry(entries, count, change->name, change->file);
    if (change->kind == TORN_UNLINK) unlink_entry(entries, count, change->name);
}

static bool is_of_folder(const struct torn_change *change) {
    return change->kind == TORN_LINK || change->kind == TORN_UNLINK;
}

int torn_disk_find(const struct torn_disk *disk, const char *name) {
    for (int i = 0; i < disk->entry_count; i++)
        if (!strcmp(disk->entries[i].name, name)) return disk->entries[i].file;
    return -1;
}

/* changes */

static void add_change(struct torn_disk *disk, struct torn_change change) {
    struct torn_change *changes = reallocarray(disk->changes, disk->change_count + 1, sizeof *changes);
    assert(changes);
    disk->changes = changes;
    changes[disk->change_count++] = change;
}

static void add_link(struct torn_disk *disk, enum torn_kind kind, const char *name, int file) {
    struct torn_change change = {.kind = kind, .file = file};
    snprintf(change.name, sizeof change.name, "%s", name);
    apply_link(&change, disk->entries, &disk->entry_count);
    add_change(disk, change);
}

int torn_disk_adopt(struct torn_disk *disk, const char *name, const void *bytes, size_t size) {
    assert(disk->file_count < TORN_FILES);
    int file = disk->file_count++;
    disk->synced[file] = copy_bytes(bytes, size);
    link_entry(disk->entries, &disk->entry_count, name, file);
    link_entry(disk->linked, &disk->linked_count, name, file);
    return file;
}

int torn_disk_make(struct torn_disk *disk, const char *name) {
    assert(disk->file_count < TORN_FILES);
    int file = disk->file_count++;
    disk->synced[file] = copy_bytes("", 0);
    add_link(disk, TORN_LINK, name, file);
    return file;
}

void torn_disk_write(struct torn_disk *disk, int file, size_t offset, const void *bytes, size_t size) {
    add_change(disk, (struct torn_change){.kind = TORN_WRITE, .file = file, .offset = offset, .bytes = copy_bytes(bytes, size)});
}

void torn_disk_resize(struct torn_disk *disk, int file, size_t size) {
    add_change(disk, (struct torn_change){.kind = TORN_RESIZE, .file = file, .offset = size});
}

static void apply_to_content(const struct torn_change *change, struct torn_bytes *content) {
    if (change->kind == TORN_RESIZE) resize_bytes(content, change->offset);
    if (change->kind != TORN_WRITE) return;
    size_t end = change->offset + change->bytes.size;
    if (end > content->size) resize_bytes(content, end);
    memcpy(content->ptr + change->offset, change->bytes.ptr, change->bytes.size);
}

/* The first folder_changes changes of the folder, and all of `file`, are on the disk now. */
static void settle(struct torn_disk *disk, int file, size_t folder_changes) {
    size_t kept = 0;
    for (size_t i = 0; i < disk->change_count; i++) {
        struct torn_change *change = &disk->changes[i];
        if (is_of_folder(change) && folder_changes) {
            folder_changes--;
            apply_link(change, disk->linked, &disk->linked_count);
        } else if (!is_of_folder(change) && change->file == file) {
            apply_to_content(change, &disk->synced[file]);
            free(change->bytes.ptr);
        } else {
            disk->changes[kept++] = *change;
        }
    }
    disk->change_count = kept;
}

void torn_disk_sync(struct torn_disk *disk, int file) {
    size_t seen = 0, needed = 0;
    for (size_t i = 0; i < disk->change_count; i++) {
        if (!is_of_folder(&disk->changes[i])) continue;
        seen++;
        if (disk->changes[i].kind == TORN_LINK && disk->changes[i].file == file) needed = seen;
    }
    settle(disk, file, needed);
}

void torn_disk_remove(struct torn_disk *disk, const char *name, bool is_synced) {
    add_link(disk, TORN_UNLINK, name, -1);
    if (is_synced) settle(disk, -1, SIZE_MAX);
}

/* cuts */

enum fate { DROPPED, KEPT, TORN };

static size_t singled_out(const struct torn_disk *disk) {
    return disk->change_count < SINGLED_OUT ? disk->change_count : SINGLED_OUT;
}

size_t torn_disk_cuts(const struct torn_disk *disk) {
    return disk->change_count ? 2 + 2 * singled_out(disk) + DRAWN : 1;
}

static enum fate fate_of(const struct torn_disk *disk, size_t index, size_t cut, struct number_random *random) {
    size_t singled = singled_out(disk);
    if (cut < 2) return cut ? KEPT : DROPPED;
    cut -= 2;
    if (cut >= 2 * singled) return (enum fate)number_random_below(random, 3);
    size_t one = cut / 2 * disk->change_count / singled;
    return (index == one) == (cut % 2) ? KEPT : DROPPED;
}

static void tear(const struct torn_change *change, struct torn_bytes *content, struct number_random *random) {
    enum { OLD, NEW, NOISE };
    size_t end = change->offset + change->bytes.size;
    if (change->kind != TORN_WRITE) return;
    if (end > content->size) resize_bytes(content, end);
    for (size_t at = change->offset; at < end;) {
        size_t sector_end = (at / SECTOR_BYTES + 1) * SECTOR_BYTES, until = sector_end < end ? sector_end : end;
        uint64_t choice = number_random_below(random, 3);
        if (choice == NEW) memcpy(content->ptr + at, change->bytes.ptr + (at - change->offset), until - at);
        if (choice == NOISE)
            for (size_t i = at; i < until; i++) content->ptr[i] = (char)number_random_below(random, 256);
        at = until;
    }
}

static bool save(const char *folder, const char *name, const struct torn_bytes *content) {
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool ok = fd >= 0 && write(fd, content->ptr, content->size) == (ssize_t)content->size;
    if (fd >= 0) close(fd);
    return ok;
}

bool torn_disk_cut(const struct torn_disk *disk, size_t cut, uint64_t seed, const char *folder) {
    struct torn_disk left = torn_disk_copy(disk);
    struct number_random random = {seed};
    bool is_folder_cut = false;
    for (size_t i = 0; i < disk->change_count; i++) {
        const struct torn_change *change = &disk->changes[i];
        enum fate fate = fate_of(disk, i, cut, &random);
        if (is_of_folder(change)) {
            is_folder_cut = is_folder_cut || fate == DROPPED;
            if (!is_folder_cut) apply_link(change, left.linked, &left.linked_count);
        } else if (fate == KEPT) {
            apply_to_content(change, &left.synced[change->file]);
        } else if (fate == TORN) {
            tear(change, &left.synced[change->file], &random);
        }
    }
    bool ok = true;
    for (int i = 0; ok && i < left.linked_count; i++) ok = save(folder, left.linked[i].name, &left.synced[left.linked[i].file]);
    torn_disk_release(&left);
    return ok;
}
