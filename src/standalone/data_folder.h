/*
 * The data folder: of mode 0700, one process at a time, secrets in files of mode 0600. One that is there already, and is empty or a data
 * folder, gets that mode; one that others may write to is refused.
 *
 *   DATA/lock         held while a process serves; holds its number
 *   DATA/store/       storage's
 *   DATA/ca.crt       the authority that signs the server's certificate (made anew at each start) and client certificates
 *   DATA/ca.key
 *   DATA/admin.token  of the user "admin" in system:masters
 *   DATA/signing.key  of service account tokens
 *   DATA/port         of the last time
 *   DATA/kubeconfig   for the administrator
 */
#ifndef MB_STANDALONE_DATA_FOLDER_H
#define MB_STANDALONE_DATA_FOLDER_H

#include "base/arena.h"
#include "base/error.h"

struct data_folder {
    struct str path; /* absolute, terminated; in the arena */
    int lock_fd;
    bool is_temporary;       /* goes with data_folder_close */
    bool is_open_to_readers; /* others see what is in it: it holds other things, too, or is somebody else's */
};

/*
 * Makes and locks `path`. NULL: ~/.local/share/model-booster ($XDG_DATA_HOME/model-booster). `is_temporary`: a new one under $TMPDIR, and
 * `path` counts not. ERROR_LIMIT where another process has it, with its number.
 */
bool data_folder_open(struct arena *arena, const char *path, bool is_temporary, struct data_folder *out, struct error *error);
/* Gives it back; removes a temporary one with all that is in it. */
void data_folder_close(struct data_folder *folder);

/* "DATA/name", terminated; empty when the arena is exhausted. */
struct str data_folder_path(struct arena *arena, const struct data_folder *folder, const char *name);
/* Reads a file of the folder; ERROR_NOT_FOUND when there is none. */
bool data_folder_read(struct arena *arena, const struct data_folder *folder, const char *name, struct str *out, struct error *error);
/* Writes one, all or nothing, with mode 0600. */
bool data_folder_write(struct arena *arena, const struct data_folder *folder, const char *name, struct str content, struct error *error);

#endif
