#include "standalone/data_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/files.h"

enum { SECRET_MAX_BYTES = 1024 * 1024, TREE_FILES = 16, PID_BYTES = 32 };

static struct str default_path(struct arena *arena, struct error *error) {
    const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    if (data && data[0] == '/') return arena_printf(arena, "%s/model-booster", data);
    if (home && home[0] == '/') return arena_printf(arena, "%s/.local/share/model-booster", home);
    error_set(error, ERROR_NOT_FOUND, "no home folder to keep data in: give --data DIR, or --temporary");
    return STR_EMPTY;
}

/* Each folder on the way, too. */
static bool make_folders(struct arena *arena, struct str path, struct error *error) {
    for (size_t at = 1; at <= path.len; at++) {
        if (at < path.len && path.ptr[at] != '/') continue;
        struct str part = arena_copy(arena, str_first(path, at));
        if (mkdir(part.ptr, 0700) == 0 || errno == EEXIST) continue;
        return error_set(error, ERROR_IO, "cannot make the folder %s: %s; give another --data", QUOTE(part), strerror(errno));
    }
    if (!files_is_folder(path.ptr)) return error_set(error, ERROR_IO, "%s is no folder; give another --data", QUOTE(path));
    return true;
}

/* A home folder, say: it is not to be closed to others because of us. */
static bool holds_other_things(const char *path) {
    bool is_ours = false;
    size_t count = 0;
    DIR *folder = opendir(path);
    if (!folder) return true;
    for (const struct dirent *entry; (entry = readdir(folder));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        is_ours |= strcmp(entry->d_name, "admin.token") == 0;
        count++;
    }
    closedir(folder);
    return count && !is_ours;
}

/* Whoever may write to it may put an authority, a token or a store of his own there; who may read it sees names: secrets have 0600. */
static bool close_to_others(struct data_folder *folder, struct error *error) {
    enum { WRITTEN_BY_OTHERS = 022, OPEN_TO_OTHERS = 077, MODE = 07777 };
    const char *path = folder->path.ptr;
    struct stat facts;
    if (stat(path, &facts) != 0)
        return error_set(error, ERROR_IO, "cannot look at %s: %s; give another --data", QUOTE(folder->path), strerror(errno));
    if (facts.st_mode & WRITTEN_BY_OTHERS)
        return error_set(error, ERROR_INVALID,
                         "others may write to %s (mode %04o), and so put keys of theirs there; chmod 700 %s, or give another --data",
                         QUOTE(folder->path), (unsigned)(facts.st_mode & MODE), QUOTE(folder->path));
    if (!(facts.st_mode & OPEN_TO_OTHERS)) return true;
    bool is_closed = facts.st_uid == geteuid() && !holds_other_things(path) && chmod(path, facts.st_mode & (MODE - OPEN_TO_OTHERS)) == 0;
    folder->is_open_to_readers = !is_closed;
    return true;
}

static struct str make_temporary(struct arena *arena, struct error *error) {
    const char *root = getenv("TMPDIR");
    struct str path = arena_printf(arena, "%s/model-booster-XXXXXX", root && root[0] == '/' ? root : "/tmp");
    char *text = arena_alloc(arena, path.len + 1);
    if (text) memcpy(text, path.ptr, path.len);
    if (text && mkdtemp(text)) return str_of(text);
    error_set(error, ERROR_IO, "cannot make a temporary folder %s: %s; set TMPDIR", QUOTE(path), strerror(errno));
    return STR_EMPTY;
}

static struct str absolute(struct arena *arena, const char *path) {
    if (path[0] == '/') return arena_copy(arena, str_of(path));
    char *here = getcwd(NULL, 0);
    struct str joined = here ? arena_printf(arena, "%s/%s", here, path) : STR_EMPTY;
    free(here);
    return joined;
}

static bool lock(struct arena *arena, struct data_folder *folder, struct error *error) {
    struct str path = data_folder_path(arena, folder, "lock");
    folder->lock_fd = open(path.ptr, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (folder->lock_fd < 0) return error_set(error, ERROR_IO, "cannot write %s: %s; give another --data", QUOTE(path), strerror(errno));
    char pid[PID_BYTES] = {0};
    if (flock(folder->lock_fd, LOCK_EX | LOCK_NB) == 0) {
        int len = snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
        return (ftruncate(folder->lock_fd, 0) == 0 && pwrite(folder->lock_fd, pid, (size_t)len, 0) == len) ||
               error_set(error, ERROR_IO, "cannot write %s: %s; is the disk full?", QUOTE(path), strerror(errno));
    }
    ssize_t len = pread(folder->lock_fd, pid, sizeof pid - 1, 0);
    struct str who = str_trim((struct str){pid, len > 0 ? (size_t)len : 0});
    return error_set(error, ERROR_LIMIT, "%s is in use by another model-booster standalone (process %.*s); stop it, or give another --data",
                     QUOTE(folder->path), STR_ARG(who.len ? who : STR("unknown")));
}

bool data_folder_open(struct arena *arena, const char *path, bool is_temporary, struct data_folder *out, struct error *error) {
    *out = (struct data_folder){.lock_fd = -1, .is_temporary = is_temporary};
    out->path = is_temporary ? make_temporary(arena, error) : path ? absolute(arena, path) : default_path(arena, error);
    if (!out->path.len) return error->kind ? false : error_set(error, ERROR_MEMORY, "memory is out");
    if (make_folders(arena, out->path, error) && close_to_others(out, error) && lock(arena, out, error)) return true;
    if (out->lock_fd >= 0) close(out->lock_fd);
    if (is_temporary) rmdir(out->path.ptr);
    return false;
}

static int remove_entry(const char *path, const struct stat *facts, int kind, struct FTW *place) {
    (void)facts, (void)place;
    return kind == FTW_DP ? rmdir(path) : unlink(path); /* not remove(): a sandbox need not let it try a folder as a file */
}

void data_folder_close(struct data_folder *folder) {
    if (folder->is_temporary) nftw(folder->path.ptr, remove_entry, TREE_FILES, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
    close(folder->lock_fd);
}

struct str data_folder_path(struct arena *arena, const struct data_folder *folder, const char *name) {
    return arena_printf(arena, "%.*s/%s", STR_ARG(folder->path), name);
}

bool data_folder_read(struct arena *arena, const struct data_folder *folder, const char *name, struct str *out, struct error *error) {
    return files_read(arena, data_folder_path(arena, folder, name).ptr, SECRET_MAX_BYTES, out, error);
}

bool data_folder_write(struct arena *arena, const struct data_folder *folder, const char *name, struct str content, struct error *error) {
    return files_write(data_folder_path(arena, folder, name).ptr, content, true, error);
}
