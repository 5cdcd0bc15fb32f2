/*
 * What this process gives up once it has started, so that whoever takes it over finds little:
 *
 *   sandbox_hide_memory    no core dumps, and no other process of this user reads its memory
 *   sandbox_limit_files    Landlock: files and TCP ports beside those of the policy are refused (EACCES)
 *   sandbox_limit_calls    seccomp: system calls beside those of a network program are refused (EPERM for what only an attacker would
 *                          want, ENOSYS for the rest: libraries then take the older way)
 *
 * Nothing of it can be taken back, and it holds for children, too. Landlock binds the calling thread and those that it starts later, so
 * it comes before the first thread; seccomp binds all threads. Where the kernel cannot, each says why and the process runs on without.
 * Programs built with sanitizers are not confined: those look at their own memory from outside.
 */
#ifndef MB_IO_SANDBOX_H
#define MB_IO_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

enum sandbox_use {
    SANDBOX_READ,  /* the file, or the folder with all that is in it */
    SANDBOX_WRITE, /* the same, to be changed as well: files in it made, replaced, removed */
    SANDBOX_EMPTY, /* the folder: what is right in it may be removed where it is an empty folder */
};

struct sandbox_path {
    const char *path; /* what does not exist is passed over */
    enum sandbox_use use;
};

enum { SANDBOX_PATHS_MAX = 64, SANDBOX_PORTS_MAX = 8 };

struct sandbox_policy {
    struct sandbox_path paths[SANDBOX_PATHS_MAX];
    size_t path_count;
    uint16_t connect_ports[SANDBOX_PORTS_MAX]; /* TCP, whatever the address */
    size_t connect_count;
    uint16_t listen_ports[SANDBOX_PORTS_MAX]; /* 0: a free one */
    size_t listen_count;
    bool has_network; /* it makes connections of its own: sockets, and name resolution */
};

/* False when the policy is full; the policy is unchanged then. `path` is not copied; NULL and "" are passed over. */
bool sandbox_allow_path(struct sandbox_policy *policy, const char *path, enum sandbox_use use);
bool sandbox_allow_connect(struct sandbox_policy *policy, uint16_t port);
bool sandbox_allow_listen(struct sandbox_policy *policy, uint16_t port);
/* What any network program of this system reads: libraries, certificates of the system, how names are resolved, its own /proc. */
bool sandbox_allow_system(struct sandbox_policy *policy);

/* NULL when it is in force, else why it is not: a literal, for the log. */
const char *sandbox_limit_files(const struct sandbox_policy *policy);
const char *sandbox_limit_calls(const struct sandbox_policy *policy);
void sandbox_hide_memory(void);

#endif
