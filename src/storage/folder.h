/*
 * The folder that holds the store, and the lock that lets one process at a time have it: flock on the file `lock`, which holds the owner's
 * process id for whoever is refused. The kernel gives the lock back when the process ends, however it ends.
 */
#ifndef MB_STORAGE_FOLDER_H
#define MB_STORAGE_FOLDER_H

#include "base/error.h"

enum { FOLDER_PATH_BYTES = 4096 };

struct folder {
    char database[FOLDER_PATH_BYTES]; /* path of store.db */
    int lock_fd;                      /* -1: not locked */
};

/* Makes the folder when absent, takes the lock, makes an empty store.db (0600: SQLite gives its other files the same mode). */
bool folder_open(struct folder *folder, const char *path, struct error *error);
/* Makes the names of the files in it durable. */
bool folder_sync(const char *path, struct error *error);
void folder_close(struct folder *folder);

#endif
