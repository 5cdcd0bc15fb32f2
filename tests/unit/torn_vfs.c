#include "torn_vfs.h"

#include <assert.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct torn_vfs {
    sqlite3_vfs vfs; /* pAppData: this */
    sqlite3_vfs *real;
    char name[32];
    size_t folder_length;
    pthread_mutex_t mutex; /* the reading connection's thread is another */
    struct torn_disk disk;
    const _Atomic int *mark;
    struct torn_moment *moments;
    size_t moment_count;
    _Atomic int failure, countdown;
    _Atomic bool has_failed;
};

struct torn_file {
    sqlite3_file base;
    struct torn_vfs *vfs;
    int file;
};

static sqlite3_file *real_of(sqlite3_file *file) {
    return (sqlite3_file *)(void *)((struct torn_file *)(void *)file + 1);
}

static struct torn_file *torn_of(sqlite3_file *file) {
    return (struct torn_file *)(void *)file;
}

static struct torn_vfs *vfs_of(sqlite3_vfs *vfs) {
    return vfs->pAppData;
}

static bool is_failing(struct torn_vfs *vfs, enum torn_failure failure) {
    if (atomic_load(&vfs->failure) != (int)failure || atomic_fetch_sub(&vfs->countdown, 1) > 0) return false;
    atomic_store(&vfs->has_failed, true);
    atomic_store(&vfs->countdown, 0);
    return true;
}

static void note_moment(struct torn_vfs *vfs) {
    if (!vfs->mark) return;
    struct torn_moment *moments = reallocarray(vfs->moments, vfs->moment_count + 1, sizeof *moments);
    assert(moments);
    vfs->moments = moments;
    moments[vfs->moment_count++] = (struct torn_moment){.disk = torn_disk_copy(&vfs->disk), .mark = atomic_load(vfs->mark)};
}

/* files: what changes them is noted, the rest goes through */

static int file_close(sqlite3_file *file) {
    return real_of(file)->pMethods->xClose(real_of(file));
}

static int file_read(sqlite3_file *file, void *out, int size, sqlite3_int64 offset) {
    return real_of(file)->pMethods->xRead(real_of(file), out, size, offset);
}

static int file_write(sqlite3_file *file, const void *bytes, int size, sqlite3_int64 offset) {
    struct torn_vfs *vfs = torn_of(file)->vfs;
    if (is_failing(vfs, TORN_FULL)) return SQLITE_FULL;
    int code = real_of(file)->pMethods->xWrite(real_of(file), bytes, size, offset);
    if (code != SQLITE_OK) return code;
    pthread_mutex_lock(&vfs->mutex);
    torn_disk_write(&vfs->disk, torn_of(file)->file, (size_t)offset, bytes, (size_t)size);
    pthread_mutex_unlock(&vfs->mutex);
    return SQLITE_OK;
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size) {
    struct torn_vfs *vfs = torn_of(file)->vfs;
    int code = real_of(file)->pMethods->xTruncate(real_of(file), size);
    if (code != SQLITE_OK) return code;
    pthread_mutex_lock(&vfs->mutex);
    torn_disk_resize(&vfs->disk, torn_of(file)->file, (size_t)size);
    pthread_mutex_unlock(&vfs->mutex);
    return SQLITE_OK;
}

static int file_sync(sqlite3_file *file, int flags) {
    (void)flags;
    struct torn_vfs *vfs = torn_of(file)->vfs;
    if (is_failing(vfs, TORN_SYNC)) return SQLITE_IOERR_FSYNC;
    pthread_mutex_lock(&vfs->mutex);
    note_moment(vfs);
    torn_disk_sync(&vfs->disk, torn_of(file)->file);
    pthread_mutex_unlock(&vfs->mutex);
    return SQLITE_OK;
}

static int file_size(sqlite3_file *file, sqlite3_int64 *out) {
    return real_of(file)->pMethods->xFileSize(real_of(file), out);
}

static int file_lock(sqlite3_file *file, int level) {
    return real_of(file)->pMethods->xLock(real_of(file), level);
}

static int file_unlock(sqlite3_file *file, int level) {
    return real_of(file)->pMethods->xUnlock(real_of(file), level);
}

static int file_check_lock(sqlite3_file *file, int *out) {
    return real_of(file)->pMethods->xCheckReservedLock(real_of(file), out);
}

static int file_control(sqlite3_file *file, int operation, void *argument) {
    return real_of(file)->pMethods->xFileControl(real_of(file), operation, argument);
}

static int file_sector_size(sqlite3_file *file) {
    return real_of(file)->pMethods->xSectorSize(real_of(file));
}

static int file_traits(sqlite3_file *file) {
    return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file));
}

static int file_shm_map(sqlite3_file *file, int page, int page_size, int extend, void volatile **out) {
    return real_of(file)->pMethods->xShmMap(real_of(file), page, page_size, extend, out);
}

static int file_shm_lock(sqlite3_file *file, int offset, int count, int flags) {
    return real_of(file)->pMethods->xShmLock(real_of(file), offset, count, flags);
}

static void file_shm_barrier(sqlite3_file *file) {
    real_of(file)->pMethods->xShmBarrier(real_of(file));
}

static int file_shm_unmap(sqlite3_file *file, int is_deleted) {
    return real_of(file)->pMethods->xShmUnmap(real_of(file), is_deleted);
}

static const sqlite3_io_methods file_methods = {
    .iVersion = 2, /* without memory maps */
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_unlock,
    .xCheckReservedLock = file_check_lock,
    .xFileControl = file_control,
    .xSectorSize = file_sector_size,
    .xDeviceCharacteristics = file_traits,
    .xShmMap = file_shm_map,
    .xShmLock = file_shm_lock,
    .xShmBarrier = file_shm_barrier,
    .xShmUnmap = file_shm_unmap,
};

/* the file system */

static void adopt(struct torn_vfs *vfs, const char *path, const char *name) {
    FILE *stream = fopen(path, "rb");
    if (!stream) return;
    char *bytes = NULL;
    size_t size = 0;
    FILE *copy = open_memstream(&bytes, &size);
    assert(copy);
    for (int c; (c = getc(stream)) != EOF;) putc(c, copy);
    fclose(stream);
    fclose(copy);
    torn_disk_adopt(&vfs->disk, name, bytes, size);
    free(bytes);
}

static int vfs_open(sqlite3_vfs *base, const char *path, sqlite3_file *file, int flags, int *out_flags) {
    struct torn_vfs *vfs = vfs_of(base);
    assert(path && strlen(path) > vfs->folder_length); /* temp_store is memory */
    const char *name = path + vfs->folder_length + 1;
    pthread_mutex_lock(&vfs->mutex);
    if (torn_disk_find(&vfs->disk, name) < 0) adopt(vfs, path, name);
    if (atomic_load(&vfs->failure) == TORN_READ_ONLY) flags = (flags & ~(SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE)) | SQLITE_OPEN_READONLY;
    int code = vfs->real->xOpen(vfs->real, path, real_of(file), flags, out_flags);
    if (code == SQLITE_OK) {
        int known = torn_disk_find(&vfs->disk, name);
        *torn_of(file) = (struct torn_file){{&file_methods}, vfs, known >= 0 ? known : torn_disk_make(&vfs->disk, name)};
    }
    pthread_mutex_unlock(&vfs->mutex);
    return code;
}

static int vfs_delete(sqlite3_vfs *base, const char *path, int is_synced) {
    struct torn_vfs *vfs = vfs_of(base);
    int code = vfs->real->xDelete(vfs->real, path, 0);
    if (code != SQLITE_OK) return code;
    pthread_mutex_lock(&vfs->mutex);
    torn_disk_remove(&vfs->disk, path + vfs->folder_length + 1, is_synced);
    pthread_mutex_unlock(&vfs->mutex);
    return SQLITE_OK;
}

static int vfs_access(sqlite3_vfs *base, const char *path, int flags, int *out) {
    return vfs_of(base)->real->xAccess(vfs_of(base)->real, path, flags, out);
}

static int vfs_full_path(sqlite3_vfs *base, const char *path, int size, char *out) {
    return vfs_of(base)->real->xFullPathname(vfs_of(base)->real, path, size, out);
}

struct torn_vfs *torn_vfs_new(const char *folder, const _Atomic int *mark) {
    struct torn_vfs *vfs = calloc(1, sizeof *vfs);
    assert(vfs);
    vfs->real = sqlite3_vfs_find(NULL);
    vfs->vfs = *vfs->real; /* what is about no file: clocks, random numbers */
    vfs->folder_length = strlen(folder);
    vfs->mark = mark;
    pthread_mutex_init(&vfs->mutex, NULL);
    snprintf(vfs->name, sizeof vfs->name, "torn-%p", (void *)vfs);
    vfs->vfs.szOsFile = (int)sizeof(struct torn_file) + vfs->real->szOsFile;
    vfs->vfs.zName = vfs->name;
    vfs->vfs.pAppData = vfs;
    vfs->vfs.pNext = NULL;
    vfs->vfs.xOpen = vfs_open;
    vfs->vfs.xDelete = vfs_delete;
    vfs->vfs.xAccess = vfs_access;
    vfs->vfs.xFullPathname = vfs_full_path;
    sqlite3_vfs_register(&vfs->vfs, 0);
    return vfs;
}

void torn_vfs_free(struct torn_vfs *vfs) {
    sqlite3_vfs_unregister(&vfs->vfs);
    for (size_t i = 0; i < vfs->moment_count; i++) torn_disk_release(&vfs->moments[i].disk);
    free(vfs->moments);
    torn_disk_release(&vfs->disk);
    pthread_mutex_destroy(&vfs->mutex);
    free(vfs);
}

const char *torn_vfs_name(const struct torn_vfs *vfs) {
    return vfs->name;
}

const struct torn_moment *torn_vfs_moments(struct torn_vfs *vfs, size_t *out_count) {
    pthread_mutex_lock(&vfs->mutex);
    note_moment(vfs);
    pthread_mutex_unlock(&vfs->mutex);
    *out_count = vfs->moment_count;
    return vfs->moments;
}

void torn_vfs_fail(struct torn_vfs *vfs, enum torn_failure failure, int after) {
    atomic_store(&vfs->countdown, after);
    atomic_store(&vfs->failure, (int)failure);
}

bool torn_vfs_has_failed(const struct torn_vfs *vfs) {
    return atomic_load(&vfs->has_failed);
}
