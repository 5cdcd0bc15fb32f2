#include "storage/folder.h"

#include "base/number.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *remedy(int code) {
    switch (code) {
    case ENOSPC:
    case EDQUOT: return "free some space on its disk";
    case EROFS: return "its disk is read-only; choose another folder";
    case EACCES:
    case EPERM: return "give this user the right to write there, or choose another folder";
    case ENOENT: return "make the folder above it first";
    default: return "choose another folder";
    }
}

static bool set_errno(struct error *error, const char *path, const char *doing) {
    int code = errno;
    return error_set(error, ERROR_IO, "%s: cannot %s: %s; %s", QUOTE(str_of(path)), doing, strerror(code), remedy(code));
}

static bool join(char *out, const char *path, const char *name, struct error *error) {
    int length = snprintf(out, FOLDER_PATH_BYTES, "%s/%s", path, name);
    /* SQLite appends "-wal", and has limits of its own. */
    if (length > 0 && length < FOLDER_PATH_BYTES - 16) return true;
    return error_set(error, ERROR_LIMIT, "%s: the path is too long; choose a shorter one", QUOTE(str_of(path)));
}

bool folder_sync(const char *path, struct error *error) {
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return set_errno(error, path, "open it");
    bool ok = fsync(fd) == 0 || errno == EINVAL; /* EINVAL: a file system that has nothing to sync there */
    if (!ok) set_errno(error, path, "sync it");
    close(fd);
    return ok;
}

static bool make(const char *path, struct error *error) {
    if (mkdir(path, 0700) != 0) {
        struct stat status;
        if (errno != EEXIST) return set_errno(error, path, "make the folder");
        if (stat(path, &status) == 0 && S_ISDIR(status.st_mode)) return true;
        return error_set(error, ERROR_IO, "%s: is no folder; choose another name, or move it away", QUOTE(str_of(path)));
    }
    char above[FOLDER_PATH_BYTES];
    return join(above, path, "..", error) && folder_sync(above, error);
}

static bool refuse_locked(int fd, const char *path, struct error *error) {
    char text[32];
    ssize_t length = pread(fd, text, sizeof text, 0);
    int64_t owner;
    if (length > 0 && number_parse_int64(str_trim((struct str){text, (size_t)length}), &owner))
        return error_set(error, ERROR_IO, "%s: in use by process %lld; stop that one, or choose another folder", QUOTE(str_of(path)),
                         (long long)owner);
    return error_set(error, ERROR_IO, "%s: in use by another process; stop that one, or choose another folder", QUOTE(str_of(path)));
}

static bool take_lock(struct folder *folder, const char *path, struct error *error) {
    char name[FOLDER_PATH_BYTES], text[32];
    if (!join(name, path, "lock", error)) return false;
    folder->lock_fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (folder->lock_fd < 0) return set_errno(error, name, "open it");
    if (flock(folder->lock_fd, LOCK_EX | LOCK_NB) != 0)
        return errno == EWOULDBLOCK ? refuse_locked(folder->lock_fd, path, error) : set_errno(error, name, "lock it");
    int length = snprintf(text, sizeof text, "%lld\n", (long long)getpid());
    bool ok = ftruncate(folder->lock_fd, 0) == 0 && pwrite(folder->lock_fd, text, (size_t)length, 0) == length;
    return ok || set_errno(error, name, "write to it");
}

bool folder_open(struct folder *folder, const char *path, struct error *error) {
    folder->lock_fd = -1;
    if (!join(folder->database, path, "store.db", error) || !make(path, error)) return false;
    if (take_lock(folder, path, error)) {
        int fd = open(folder->database, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd >= 0) {
            close(fd);
            return true;
        }
        set_errno(error, folder->database, "open it");
    }
    folder_close(folder);
    return false;
}

void folder_close(struct folder *folder) {
    if (folder->lock_fd >= 0) close(folder->lock_fd);
    folder->lock_fd = -1;
}
