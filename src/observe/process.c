#include "observe/process.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { TEXT_BYTES = 1024, START_TIME_FIELD = 22 };

static bool read_text(int fd, char text[TEXT_BYTES]) {
    ssize_t length = fd >= 0 ? pread(fd, text, TEXT_BYTES - 1, 0) : -1;
    text[length > 0 ? length : 0] = 0;
    return length > 0;
}

/* When the process began, in seconds since the machine did; 0: not known. See proc(5), /proc/pid/stat. */
static double uptime_at_start(void) {
    char text[TEXT_BYTES];
    int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
    bool is_read = read_text(fd, text);
    if (fd >= 0) close(fd);
    /* The second field, the name, may hold blanks and brackets: count from its end. */
    const char *at = is_read ? strrchr(text, ')') : NULL;
    for (int field = 2; at && field < START_TIME_FIELD; field++) at = strchr(at + 1, ' ');
    return at ? strtod(at, NULL) / (double)sysconf(_SC_CLK_TCK) : 0;
}

static double seconds(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void process_open(struct process_files *files) {
    double began = uptime_at_start();
    files->statm = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    files->descriptors = opendir("/proc/self/fd");
    files->start_seconds = began > 0 ? seconds(CLOCK_REALTIME) - seconds(CLOCK_BOOTTIME) + began : 0;
}

void process_close(struct process_files *files) {
    if (files->statm >= 0) close(files->statm);
    if (files->descriptors) closedir(files->descriptors);
    *files = (struct process_files){.statm = -1};
}

static double count_entries(DIR *folder) {
    double count = 0;
    if (!folder) return 0;
    rewinddir(folder);
    for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) count += entry->d_name[0] != '.';
    return count;
}

static double timeval_seconds(struct timeval time) {
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

struct process_numbers process_read(const struct process_files *files) {
    struct process_numbers numbers = {.start_seconds = files->start_seconds, .open_files = count_entries(files->descriptors)};
    struct rusage usage;
    struct rlimit limit;
    char text[TEXT_BYTES], *rest;
    if (getrusage(RUSAGE_SELF, &usage) == 0) numbers.cpu_seconds = timeval_seconds(usage.ru_utime) + timeval_seconds(usage.ru_stime);
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) numbers.most_files = (double)limit.rlim_cur;
    if (!read_text(files->statm, text)) return numbers;
    double page_bytes = (double)sysconf(_SC_PAGESIZE);
    numbers.virtual_bytes = strtod(text, &rest) * page_bytes;
    numbers.resident_bytes = strtod(rest, NULL) * page_bytes;
    return numbers;
}
