#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/sandbox.h"
#include "io/sandbox_inner.h"

/* By name, since some exist on some processors only. */
static const char *const allowed[] = {
    /* files */
    "read", "write", "readv", "writev", "pread64", "pwrite64", "preadv", "pwritev", "lseek", "_llseek", "close", "close_range", "open",
    "openat", "stat", "lstat", "fstat", "fstat64", "stat64", "lstat64", "newfstatat", "fstatat64", "statx", "statfs", "fstatfs", "access",
    "faccessat", "faccessat2", "readlink", "readlinkat", "getdents", "getdents64", "getcwd", "fcntl", "fcntl64", "flock", "fsync",
    "fdatasync", "sync_file_range", "ftruncate", "ftruncate64", "fallocate", "fadvise64", "rename", "renameat", "renameat2", "mkdir",
    "mkdirat", "rmdir", "unlink", "unlinkat", "umask", "fchmod", "fchown", "dup", "dup2", "dup3", "pipe", "pipe2",
    /* memory */
    "brk", "munmap", "mremap", "madvise", "membarrier",
    /* waiting and waking */
    "epoll_create", "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "epoll_pwait2", "poll", "ppoll", "ppoll_time64", "select",
    "pselect6", "eventfd2", "timerfd_create", "timerfd_settime", "timerfd_gettime", "futex", "futex_time64", "nanosleep", "clock_nanosleep",
    "clock_nanosleep_time64", "sched_yield", "restart_syscall",
    /* connections that there are */
    "accept", "accept4", "sendto", "recvfrom", "sendmsg", "recvmsg", "sendmmsg", "recvmmsg", "send", "recv", "shutdown", "getsockname",
    "getpeername", "setsockopt", "getsockopt",
    /* time, and what it is itself */
    "clock_gettime", "clock_gettime64", "clock_getres", "gettimeofday", "time", "times", "getrandom", "getpid", "gettid", "getppid",
    "getuid", "geteuid", "getgid", "getegid", "getuid32", "geteuid32", "getgid32", "getegid32", "uname", "sysinfo", "getrusage",
    "getrlimit", "ugetrlimit", "sched_getaffinity", "getcpu",
    /* threads and signals */
    "set_robust_list", "get_robust_list", "set_tid_address", "rseq", "exit", "exit_group", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn",
    "rt_sigpending", "sigaltstack", "sigreturn"};

/* Nothing here needs these, and no library falls back from them: an answer that says why. */
static const char *const forbidden[] = {"execve",
                                        "execveat",
                                        "fork",
                                        "vfork",
                                        "ptrace",
                                        "process_vm_readv",
                                        "process_vm_writev",
                                        "process_madvise",
                                        "pidfd_open",
                                        "pidfd_getfd",
                                        "kcmp",
                                        "kill",
                                        "tkill",
                                        "setuid",
                                        "setgid",
                                        "setreuid",
                                        "setregid",
                                        "setresuid",
                                        "setresgid",
                                        "setgroups",
                                        "setfsuid",
                                        "setfsgid",
                                        "capset",
                                        "chmod",
                                        "fchmodat",
                                        "chown",
                                        "lchown",
                                        "fchownat",
                                        "link",
                                        "linkat",
                                        "symlink",
                                        "symlinkat",
                                        "mknod",
                                        "mknodat",
                                        "setxattr",
                                        "mount",
                                        "umount2",
                                        "pivot_root",
                                        "chroot",
                                        "unshare",
                                        "setns",
                                        "open_tree",
                                        "move_mount",
                                        "fsopen",
                                        "fsmount",
                                        "init_module",
                                        "finit_module",
                                        "delete_module",
                                        "kexec_load",
                                        "kexec_file_load",
                                        "bpf",
                                        "perf_event_open",
                                        "add_key",
                                        "request_key",
                                        "keyctl",
                                        "userfaultfd",
                                        "io_uring_setup",
                                        "memfd_create",
                                        "memfd_secret",
                                        "reboot",
                                        "swapon",
                                        "swapoff",
                                        "sethostname",
                                        "setdomainname",
                                        "settimeofday",
                                        "clock_settime",
                                        "personality",
                                        "acct",
                                        "quotactl",
                                        "syslog",
                                        "listen"};

static bool add_names(scmp_filter_ctx filter, const char *const *names, size_t count, uint32_t action) {
    for (size_t i = 0; i < count; i++) {
        int number = seccomp_syscall_resolve_name(names[i]);
        if (number == __NR_SCMP_ERROR) continue; /* newer than the library, or of another processor */
        int code = seccomp_rule_add(filter, action, number, 0);
        if (code != 0 && code != -EDOM) return false;
    }
    return true;
}

static bool allow_if(scmp_filter_ctx filter, int number, unsigned count, const struct scmp_arg_cmp *conditions) {
    int code = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, number, count, conditions);
    return code == 0 || code == -EDOM;
}

/* Memory is written or executed, never both: what an attacker has written is not run. */
static bool add_memory(scmp_filter_ctx filter) {
    const struct scmp_arg_cmp not_executed = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
    const struct scmp_arg_cmp not_written = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_WRITE | PROT_EXEC, PROT_EXEC);
    const int calls[] = {SCMP_SYS(mmap), SCMP_SYS(mmap2), SCMP_SYS(mprotect)};
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        if (!allow_if(filter, calls[i], 1, &not_executed) || !allow_if(filter, calls[i], 1, &not_written)) return false;
    return true;
}

/* Threads, yes; processes, no. glibc asks clone3 first, whose arguments no filter can see, and takes clone when there is none. */
static bool add_threads(scmp_filter_ctx filter) {
    const struct scmp_arg_cmp thread = SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD | CLONE_VM, CLONE_THREAD | CLONE_VM);
    const struct scmp_arg_cmp myself = SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid()); /* abort() */
    const struct scmp_arg_cmp name = SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME), label = SCMP_A0(SCMP_CMP_EQ, 0x53564d41 /* PR_SET_VMA */);
    const struct scmp_arg_cmp only_read = SCMP_A2(SCMP_CMP_EQ, 0);
    return allow_if(filter, SCMP_SYS(clone), 1, &thread) && allow_if(filter, SCMP_SYS(tgkill), 1, &myself) &&
           allow_if(filter, SCMP_SYS(prctl), 1, &name) && allow_if(filter, SCMP_SYS(prctl), 1, &label) &&
           allow_if(filter, SCMP_SYS(prlimit64), 1, &only_read);
}

/* Of a terminal only whether it is one: none puts words into its input. */
static bool add_ioctls(scmp_filter_ctx filter) {
    const scmp_datum_t requests[] = {FIONBIO, FIONREAD, TCGETS};
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        const struct scmp_arg_cmp is_it = SCMP_A1(SCMP_CMP_EQ, requests[i]);
        if (!allow_if(filter, SCMP_SYS(ioctl), 1, &is_it)) return false;
    }
    return true;
}

/* The resolver asks the kernel for its addresses by netlink, and a name service's daemon by a Unix socket. */
static bool add_network(scmp_filter_ctx filter) {
    const scmp_datum_t families[] = {AF_INET, AF_INET6, AF_UNIX, AF_NETLINK};
    for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
        const struct scmp_arg_cmp is_it = SCMP_A0(SCMP_CMP_EQ, families[i]);
        if (!allow_if(filter, SCMP_SYS(socket), 1, &is_it)) return false;
    }
    return allow_if(filter, SCMP_SYS(connect), 0, NULL) && allow_if(filter, SCMP_SYS(bind), 0, NULL);
}

static bool add_pairs(scmp_filter_ctx filter) {
    const struct scmp_arg_cmp local = SCMP_A0(SCMP_CMP_EQ, AF_UNIX);
    return allow_if(filter, SCMP_SYS(socketpair), 1, &local);
}

const char *sandbox_limit_calls(const struct sandbox_policy *policy) {
    if (SANDBOX_IS_SANITIZED) return "built with sanitizers";
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
    if (!filter) return "memory is out";
    bool is_made = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1) == 0 &&
                   add_names(filter, allowed, sizeof allowed / sizeof *allowed, SCMP_ACT_ALLOW) &&
                   add_names(filter, forbidden, sizeof forbidden / sizeof *forbidden, SCMP_ACT_ERRNO(EPERM)) && add_memory(filter) &&
                   add_threads(filter) && add_ioctls(filter) && add_pairs(filter) && (!policy->has_network || add_network(filter));
    int code = is_made ? seccomp_load(filter) : 0;
    seccomp_release(filter);
    if (!is_made) return "the filter of system calls could not be made";
    return code == 0 ? NULL : "this kernel takes no filter of system calls";
}
