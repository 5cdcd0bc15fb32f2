/*
 * A program that is confined as the controller or the server is, and then tries what it must not, and what it must be able to.
 *
 *   confined FOLDER FORBIDDEN PORT network|local|free [NAME...]     prints a line for each try: NAME ok|ERRNO
 *
 * FOLDER may be changed, FORBIDDEN is a file elsewhere, PORT may be connected to where there is a network; free: without being confined.
 * test_sandbox.py knows what is to come of each.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/sandbox.h"

enum { PATH_BYTES = 4096 };

static const char *folder, *forbidden;
static int port;
static int listening = -1;

static const char *inside(const char *name) {
    static _Thread_local char path[PATH_BYTES];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

/* Each returns what the system said: negative with errno set when it refuses. */

static int open_and_close(const char *path, int flags) {
    int fd = open(path, flags | O_CLOEXEC, 0600);
    if (fd >= 0) close(fd);
    return fd;
}

static int read_elsewhere(void) { return open_and_close(forbidden, O_RDONLY); }
static int write_elsewhere(void) { return open_and_close(forbidden, O_WRONLY); }
static int make_elsewhere(void) { return open_and_close("/var/tmp/model-booster-confined", O_CREAT | O_WRONLY); }
static int read_shadow(void) { return open_and_close("/etc/shadow", O_RDONLY); }
static int read_memory_of_another(void) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/mem", (int)getppid());
    return open_and_close(path, O_RDONLY);
}
static int list_root(void) { return open_and_close("/", O_RDONLY | O_DIRECTORY); }
static int link_out(void) { return symlink(forbidden, inside("link")); }
static int widen_mode(void) { return chmod(inside("file"), 04777); }
static int run_program(void) {
    char *words[] = {(char *)(uintptr_t)"/bin/true", NULL};
    return execv(words[0], words);
}
static int fork_child(void) {
    pid_t child = fork();
    if (child == 0) _exit(0);
    if (child > 0) waitpid(child, NULL, 0);
    return (int)child;
}
static int trace_another(void) { return (int)ptrace(PTRACE_ATTACH, getppid(), NULL, NULL); }
static int signal_another(void) { return kill(getppid(), 0); }
static int listen_for_others(void) { return listen(listening, 1); }
static int raw_socket(void) { return socket(AF_PACKET, SOCK_RAW, 0); }
static int vsock_socket(void) { return socket(AF_VSOCK, SOCK_STREAM, 0); }
static int become_root(void) { return setuid(0); }
static int new_namespace(void) { return unshare(CLONE_NEWUSER); }
static int mount_something(void) { return (int)syscall(SYS_mount, "none", folder, "tmpfs", 0, NULL); }
static int type_into_terminal(void) { return ioctl(0, TIOCSTI, "x"); }
static int raise_limit(void) {
    const struct rlimit more = {1024, 1024};
    return setrlimit(RLIMIT_CORE, &more);
}
static int allow_dumps(void) { return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0); }
static int memory_written_and_executed(void) {
    return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0;
}
static int ring_of_calls(void) {
    char parameters[256] = {0};
    return (int)syscall(SYS_io_uring_setup, 1, parameters);
}
static int load_filter(void) { return (int)syscall(SYS_bpf, 0, NULL, 0); }

static int connect_to(int number) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)number), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return fd;
    int result = connect(fd, (struct sockaddr *)&address, sizeof address), code = errno;
    close(fd);
    errno = code;
    return result;
}
static int connect_elsewhere(void) { return connect_to(port == 9 ? 10 : 9); }
static int connect_there(void) { return connect_to(port); }
static int bind_a_port(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return fd;
    int result = bind(fd, (struct sockaddr *)&address, sizeof address), code = errno;
    close(fd);
    errno = code;
    return result;
}

/* What it has to be able to. */
static int change_inside(void) {
    int fd = open(inside("new"), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, "x", 1) != 1 || ftruncate(fd, 0) != 0 || fsync(fd) != 0 || close(fd) != 0) return -1;
    return rename(inside("new"), "/dev/null/none") == 0 ? -1 : unlink(inside("new"));
}
static int read_libraries(void) { return open_and_close("/usr/lib", O_RDONLY | O_DIRECTORY); }
static int read_random(void) { return open_and_close("/dev/urandom", O_RDONLY); }
static int read_itself(void) { return open_and_close("/proc/self/stat", O_RDONLY); }
static void *nothing(void *argument) { return argument; }
static int start_thread(void) {
    pthread_t thread;
    int code = pthread_create(&thread, NULL, nothing, NULL);
    if (code == 0) return pthread_join(thread, NULL);
    errno = code;
    return -1;
}
static void *read_in_thread(void *result) {
    int code = read_elsewhere() < 0 ? errno : 0;
    memcpy(result, &code, sizeof code);
    return NULL;
}
static int read_elsewhere_in_thread(void) {
    pthread_t thread;
    int code = 0;
    if (pthread_create(&thread, NULL, read_in_thread, &code) != 0) return 0;
    pthread_join(thread, NULL);
    errno = code;
    return code ? -1 : 0;
}
static int resolve_a_name(void) {
    struct addrinfo *found = NULL;
    int code = getaddrinfo("localhost", "443", NULL, &found);
    if (found) freeaddrinfo(found);
    errno = ENOENT;
    return code == 0 ? 0 : -1;
}

static const struct {
    const char *name;
    int (*attempt)(void);
} attempts[] = {
    {"read_elsewhere", read_elsewhere},
    {"read_elsewhere_in_thread", read_elsewhere_in_thread},
    {"write_elsewhere", write_elsewhere},
    {"make_elsewhere", make_elsewhere},
    {"read_shadow", read_shadow},
    {"read_memory_of_another", read_memory_of_another},
    {"list_root", list_root},
    {"link_out", link_out},
    {"widen_mode", widen_mode},
    {"run_program", run_program},
    {"fork_child", fork_child},
    {"trace_another", trace_another},
    {"signal_another", signal_another},
    {"listen_for_others", listen_for_others},
    {"raw_socket", raw_socket},
    {"vsock_socket", vsock_socket},
    {"become_root", become_root},
    {"new_namespace", new_namespace},
    {"mount_something", mount_something},
    {"type_into_terminal", type_into_terminal},
    {"raise_limit", raise_limit},
    {"allow_dumps", allow_dumps},
    {"memory_written_and_executed", memory_written_and_executed},
    {"ring_of_calls", ring_of_calls},
    {"load_filter", load_filter},
    {"connect_elsewhere", connect_elsewhere},
    {"bind_a_port", bind_a_port},
    {"change_inside", change_inside},
    {"read_libraries", read_libraries},
    {"read_random", read_random},
    {"read_itself", read_itself},
    {"start_thread", start_thread},
    {"connect_there", connect_there},
    {"resolve_a_name", resolve_a_name},
};

static bool prepare(struct sandbox_policy *policy) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return bind(listening, (struct sockaddr *)&address, sizeof address) == 0 && sandbox_allow_system(policy) &&
           sandbox_allow_path(policy, folder, SANDBOX_WRITE) && sandbox_allow_connect(policy, (uint16_t)port);
}

static bool confine(const char *how) {
    struct sandbox_policy policy = {.has_network = strcmp(how, "network") == 0};
    sandbox_hide_memory();
    printf("dumpable %d\n", prctl(PR_GET_DUMPABLE, 0, 0, 0, 0));
    if (!prepare(&policy)) return false;
    if (strcmp(how, "free") == 0) return true;
    const char *no_files = sandbox_limit_files(&policy), *no_calls = sandbox_limit_calls(&policy);
    printf("files %s\ncalls %s\n", no_files ? no_files : "limited", no_calls ? no_calls : "limited");
    return true;
}

static bool is_wanted(const char *name, int count, char **names) {
    for (int i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0) return true;
    return count == 0;
}

int main(int argc, char **argv) {
    if (argc < 5) return 2;
    folder = argv[1];
    forbidden = argv[2];
    port = (int)strtol(argv[3], NULL, 10);
    if (!confine(argv[4])) return 2;
    for (size_t i = 0; i < sizeof attempts / sizeof *attempts; i++) {
        if (!is_wanted(attempts[i].name, argc - 5, argv + 5)) continue;
        fflush(stdout);
        errno = 0;
        int result = attempts[i].attempt();
        printf("%s %s\n", attempts[i].name, result >= 0 ? "ok" : strerrorname_np(errno));
    }
    return 0;
}
