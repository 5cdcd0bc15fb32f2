/*
 * What the system says of this process: time, memory, open files. What is needed of /proc is opened once, so that a process that has locked
 * itself in can still read it.
 */
#ifndef MB_OBSERVE_PROCESS_H
#define MB_OBSERVE_PROCESS_H

#include <dirent.h>
#include <stdbool.h>

struct process_files {
    int statm;            /* -1: there is no /proc */
    DIR *descriptors;     /* NULL likewise */
    double start_seconds; /* since 1970; 0: not known */
};

struct process_numbers {
    double cpu_seconds, resident_bytes, virtual_bytes, open_files, most_files, start_seconds;
};

void process_open(struct process_files *files);
void process_close(struct process_files *files);
/* What cannot be told is 0. */
struct process_numbers process_read(const struct process_files *files);

#endif
