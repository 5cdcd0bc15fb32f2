#include "io/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    READ_CHUNK_BYTES = 64 * 1024,
    MANIFESTS_MAX = 10000, /* in one folder: what a person may have put there */
};

static bool set_errno(struct error *error, const char *path, const char *doing) {
    int code = errno;
    enum error_kind kind = code == ENOENT || code == ENOTDIR ? ERROR_NOT_FOUND : ERROR_IO;
    return error_set(error, kind, "%s: cannot %s: %s", QUOTE(str_of(path)), doing, strerror(code));
}

static bool too_long(struct error *error, const char *path, size_t max) {
    enum { MIB = 1024 * 1024 };
    bool is_round = max % MIB == 0;
    return error_set(error, ERROR_LIMIT, "%s: longer than %zu %s; split it", QUOTE(str_of(path)), is_round ? max / MIB : max,
                     is_round ? "MiB" : "bytes");
}

/* True at the end of the file. */
static bool read_all(int fd, struct strbuf *buffer, const char *path, struct error *error) {
    for (;;) {
        char chunk[READ_CHUNK_BYTES];
        ssize_t got = read(fd, chunk, sizeof chunk);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return set_errno(error, path, "read it");
        if (got == 0) return true;
        bool fits = buffer->len + (size_t)got <= buffer->max;
        strbuf_append(buffer, (struct str){chunk, (size_t)got});
        explicit_bzero(chunk, (size_t)got);
        if (!fits) return too_long(error, path, buffer->max);
        if (buffer->failed) return error_set(error, ERROR_MEMORY, "%s: out of memory while reading it", QUOTE(str_of(path)));
    }
}

static int open_for_reading(const char *path, struct error *error) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        set_errno(error, path, "open it");
        return -1;
    }
    struct stat status;
    if (fstat(fd, &status) == 0 && S_ISDIR(status.st_mode)) {
        error_set(error, ERROR_IO, "%s: is a folder; name a file in it", QUOTE(str_of(path)));
        close(fd);
        return -1;
    }
    return fd;
}

bool files_read(struct arena *arena, const char *path, size_t max_bytes, struct str *out, struct error *error) {
    bool is_stdin = strcmp(path, "-") == 0;
    int fd = is_stdin ? STDIN_FILENO : open_for_reading(path, error);
    if (fd < 0) return false;
    struct strbuf buffer = strbuf_with_max(max_bytes);
    bool ok = read_all(fd, &buffer, is_stdin ? "standard input" : path, error);
    if (!is_stdin) close(fd);
    if (ok) {
        *out = arena_copy(arena, strbuf_view(&buffer));
        if (arena->exhausted) ok = error_set(error, ERROR_MEMORY, "%s: out of memory while reading it", QUOTE(str_of(path)));
    }
    if (buffer.ptr) explicit_bzero(buffer.ptr, buffer.len); /* it may be a secret */
    strbuf_release(&buffer);
    return ok;
}

bool files_is_folder(const char *path) {
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

static bool is_manifest_name(struct str name) {
    static const char *const suffixes[] = {".yaml", ".yml", ".json"};
    if (!name.len || name.ptr[0] == '.') return false;
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++)
        if (str_ends_with(name, str_of(suffixes[i]))) return true;
    return false;
}

static int by_bytes(const void *a, const void *b) {
    return str_compare(*(const struct str *)a, *(const struct str *)b);
}

struct path_list {
    struct str items[MANIFESTS_MAX];
    size_t count;
};

static bool collect_manifests(struct arena *arena, const char *folder, DIR *open_folder, struct path_list *found, struct error *error) {
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(open_folder);
        if (!entry) return errno ? set_errno(error, folder, "list it") : true;
        if (!is_manifest_name(str_of(entry->d_name))) continue;
        struct str path = arena_printf(arena, "%s/%s", folder, entry->d_name);
        if (arena->exhausted) return error_set(error, ERROR_MEMORY, "%s: out of memory while listing it", QUOTE(str_of(folder)));
        if (files_is_folder(path.ptr)) continue;
        if (found->count == MANIFESTS_MAX)
            return error_set(error, ERROR_LIMIT, "%s: more than %d manifests; name fewer files", QUOTE(str_of(folder)), MANIFESTS_MAX);
        found->items[found->count++] = path;
    }
}

bool files_list_manifests(struct arena *arena, const char *folder, struct str **out_paths, size_t *out_count, struct error *error) {
    DIR *open_folder = opendir(folder);
    if (!open_folder) return set_errno(error, folder, "list it");
    struct path_list *found = arena_alloc(arena, sizeof *found);
    bool ok = found ? collect_manifests(arena, folder, open_folder, found, error)
                    : error_set(error, ERROR_MEMORY, "%s: out of memory while listing it", QUOTE(str_of(folder)));
    closedir(open_folder);
    if (!ok) return false;
    qsort(found->items, found->count, sizeof *found->items, by_bytes);
    *out_paths = found->items;
    *out_count = found->count;
    return true;
}

bool files_write_all(int fd, struct str text, struct error *error) {
    while (text.len) {
        ssize_t written = write(fd, text.ptr, text.len);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return error_set(error, ERROR_IO, "cannot write: %s", strerror(errno));
        text = str_from(text, (size_t)written);
    }
    return true;
}

/* mkstemp makes the file for its owner alone; others get what a new file would give them. */
static mode_t public_mode(void) {
    mode_t mask = umask(0);
    umask(mask);
    return (mode_t)(0644 & ~mask);
}

static bool sync_folder_of(const char *path) {
    const char *slash = strrchr(path, '/');
    char folder[PATH_MAX] = ".";
    if (slash) {
        size_t length = slash == path ? 1 : (size_t)(slash - path);
        if (length >= sizeof folder) return false;
        memcpy(folder, path, length);
        folder[length] = 0;
    }
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return false;
    bool ok = fsync(fd) == 0 || errno == EINVAL; /* some file systems cannot sync folders */
    close(fd);
    return ok;
}

bool files_write(const char *path, struct str content, bool is_private, struct error *error) {
    char temporary[PATH_MAX];
    int length = snprintf(temporary, sizeof temporary, "%s.XXXXXX", path);
    if (length < 0 || (size_t)length >= sizeof temporary)
        return error_set(error, ERROR_IO, "%s: the path is too long", QUOTE(str_of(path)));
    int fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0) return set_errno(error, path, "write beside it");
    bool ok = files_write_all(fd, content, NULL) && (is_private || fchmod(fd, public_mode()) == 0) && fsync(fd) == 0;
    if (!ok) set_errno(error, path, "write it");
    if (close(fd) != 0 && ok) ok = set_errno(error, path, "write it");
    if (ok && rename(temporary, path) != 0) ok = set_errno(error, path, "replace it");
    if (!ok) {
        unlink(temporary);
        return false;
    }
    return sync_folder_of(path) || set_errno(error, path, "sync its folder");
}

bool files_folder_of(struct arena *arena, const char *path, struct str *out, struct error *error) {
    char here[PATH_MAX] = "";
    struct str folder = str_of(path);
    if (access(path, F_OK) != 0) return set_errno(error, path, "find it");
    while (folder.len && folder.ptr[folder.len - 1] != '/') folder.len--;
    while (folder.len > 1 && folder.ptr[folder.len - 1] == '/') folder.len--;
    bool is_absolute = folder.len && folder.ptr[0] == '/';
    if (!is_absolute && !getcwd(here, sizeof here)) return set_errno(error, path, "find the working folder for it");
    *out = is_absolute ? arena_copy(arena, folder) : arena_printf(arena, "%s%s%.*s", here, folder.len ? "/" : "", STR_ARG(folder));
    return !arena->exhausted || error_set(error, ERROR_MEMORY, "out of memory");
}
