/*
 * Files, bounded. Error messages name the path, what went wrong and what to do.
 */
#ifndef MB_IO_FILES_H
#define MB_IO_FILES_H

#include "base/arena.h"
#include "base/error.h"
#include "base/strbuf.h"

/* The whole file into the arena, terminated. "-" is standard input. ERROR_NOT_FOUND, ERROR_IO, ERROR_LIMIT (longer than max_bytes),
 * ERROR_MEMORY. */
bool files_read(struct arena *arena, const char *path, size_t max_bytes, struct str *out, struct error *error);
/* Is it a folder? False also when it does not exist. */
bool files_is_folder(const char *path);
/* Paths of the *.yaml, *.yml and *.json files right in the folder, sorted bytewise, terminated; hidden files are left out. */
bool files_list_manifests(struct arena *arena, const char *folder, struct str **out_paths, size_t *out_count, struct error *error);
/* All or nothing: a temporary file beside it, fsync, rename. Mode 0600 when is_private, else 0644 less the umask. */
bool files_write(const char *path, struct str content, bool is_private, struct error *error);
/* The absolute path of the folder that holds `path`, which must exist; symbolic links are followed no further, as in kubectl. */
bool files_folder_of(struct arena *arena, const char *path, struct str *out, struct error *error);
/* All of `text` to an open descriptor, partial writes continued. */
bool files_write_all(int fd, struct str text, struct error *error);

#endif
