#include "io/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "io/sandbox_inner.h"

/* The kernel's interface grows by versions. These came after the oldest headers that this is built with, so they stand here. */
#define FS_REFER          (1ULL << 13)
#define FS_TRUNCATE       (1ULL << 14)
#define FS_IOCTL_DEVICE   (1ULL << 15)
#define NET_BIND          (1ULL << 0)
#define NET_CONNECT       (1ULL << 1)
#define SCOPE_ABSTRACT    (1ULL << 0) /* of Unix sockets without a path */
#define SCOPE_SIGNAL      (1ULL << 1)
#define FS_OF_FIRST       ((1ULL << 13) - 1)
#define RULE_NETWORK_PORT 2

enum { VERSION_REFER = 2, VERSION_TRUNCATE = 3, VERSION_NETWORK = 4, VERSION_IOCTL = 5, VERSION_SCOPE = 6 };

struct ruleset {
    uint64_t fs, network, scoped;
};

struct port_rule {
    uint64_t access, port;
};

/* ---- the policy ---- */

bool sandbox_allow_path(struct sandbox_policy *policy, const char *path, enum sandbox_use use) {
    if (!path || !*path) return true;
    if (policy->path_count == SANDBOX_PATHS_MAX) return false;
    policy->paths[policy->path_count++] = (struct sandbox_path){path, use};
    return true;
}

static bool add_port(uint16_t *ports, size_t *count, uint16_t port) {
    if (*count == SANDBOX_PORTS_MAX) return false;
    ports[(*count)++] = port;
    return true;
}

bool sandbox_allow_connect(struct sandbox_policy *policy, uint16_t port) {
    return add_port(policy->connect_ports, &policy->connect_count, port);
}

bool sandbox_allow_listen(struct sandbox_policy *policy, uint16_t port) {
    return add_port(policy->listen_ports, &policy->listen_count, port);
}

/* Whom file modes bind reads all of /etc, where resolv.conf may be replaced by another file at any time; root, whom they do not, gets
 * the files by name, as they are at the start. */
static const char *const system_paths[] = {"/lib",
                                           "/lib64",
                                           "/usr/lib",
                                           "/usr/lib64",
                                           "/usr/share/zoneinfo",
                                           "/usr/share/ca-certificates",
                                           "/usr/local/share/ca-certificates",
                                           "/run/systemd/resolve",
                                           "/run/resolvconf",
                                           "/run/NetworkManager",
                                           "/sys/devices/system/cpu",
                                           "/dev/null",
                                           "/dev/urandom",
                                           "/proc/self"};
static const char *const root_paths[] = {"/etc/resolv.conf", "/etc/hosts",     "/etc/nsswitch.conf",   "/etc/host.conf",
                                         "/etc/gai.conf",    "/etc/services",  "/etc/protocols",       "/etc/ld.so.cache",
                                         "/etc/localtime",   "/etc/ssl/certs", "/etc/ssl/openssl.cnf", "/etc/ca-certificates"};

bool sandbox_allow_system(struct sandbox_policy *policy) {
    bool ok = true;
    for (size_t i = 0; i < sizeof system_paths / sizeof *system_paths; i++)
        ok = sandbox_allow_path(policy, system_paths[i], SANDBOX_READ) && ok;
    if (geteuid() != 0) return sandbox_allow_path(policy, "/etc", SANDBOX_READ) && ok;
    for (size_t i = 0; i < sizeof root_paths / sizeof *root_paths; i++) ok = sandbox_allow_path(policy, root_paths[i], SANDBOX_READ) && ok;
    return ok;
}

/* ---- Landlock ---- */

static struct ruleset handled_by(long version) {
    struct ruleset all = {.fs = FS_OF_FIRST};
    if (version >= VERSION_REFER) all.fs |= FS_REFER;
    if (version >= VERSION_TRUNCATE) all.fs |= FS_TRUNCATE;
    if (version >= VERSION_IOCTL) all.fs |= FS_IOCTL_DEVICE;
    if (version >= VERSION_NETWORK) all.network = NET_BIND | NET_CONNECT;
    if (version >= VERSION_SCOPE) all.scoped = SCOPE_ABSTRACT | SCOPE_SIGNAL;
    return all;
}

static uint64_t access_of(enum sandbox_use use) {
    static const uint64_t read = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
    switch (use) {
    case SANDBOX_READ: return read;
    case SANDBOX_EMPTY: return LANDLOCK_ACCESS_FS_REMOVE_DIR;
    case SANDBOX_WRITE: break;
    }
    return read | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_DIR |
           LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR | FS_TRUNCATE;
}

/* Of a file only what can be done to a file is taken. */
static uint64_t fitting(int fd, uint64_t access) {
    static const uint64_t of_files = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | FS_TRUNCATE;
    struct stat facts;
    bool is_folder = fstat(fd, &facts) == 0 && S_ISDIR(facts.st_mode);
    return is_folder ? access : access & of_files;
}

static bool add_path(int rules, const struct sandbox_path *path, uint64_t handled) {
    struct landlock_path_beneath_attr rule = {.parent_fd = open(path->path, O_PATH | O_CLOEXEC)};
    if (rule.parent_fd < 0) return true;
    rule.allowed_access = fitting(rule.parent_fd, access_of(path->use)) & handled;
    bool ok = !rule.allowed_access || syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0;
    close(rule.parent_fd);
    return ok;
}

static bool add_ports(int rules, const uint16_t *ports, size_t count, uint64_t access) {
    for (size_t i = 0; i < count; i++) {
        struct port_rule rule = {access, ports[i]};
        if (syscall(SYS_landlock_add_rule, rules, RULE_NETWORK_PORT, &rule, 0) != 0) return false;
    }
    return true;
}

static bool fill(int rules, const struct sandbox_policy *policy, const struct ruleset *handled) {
    for (size_t i = 0; i < policy->path_count; i++)
        if (!add_path(rules, &policy->paths[i], handled->fs)) return false;
    return !handled->network || (add_ports(rules, policy->connect_ports, policy->connect_count, NET_CONNECT) &&
                                 add_ports(rules, policy->listen_ports, policy->listen_count, NET_BIND));
}

const char *sandbox_limit_files(const struct sandbox_policy *policy) {
    if (SANDBOX_IS_SANITIZED) return "built with sanitizers";
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (version < 1) return errno == EOPNOTSUPP ? "Landlock is turned off in this kernel" : "this kernel has no Landlock";
    struct ruleset handled = handled_by(version);
    size_t size = version >= VERSION_SCOPE ? sizeof handled : version >= VERSION_NETWORK ? 2 * sizeof handled.fs : sizeof handled.fs;
    int rules = (int)syscall(SYS_landlock_create_ruleset, &handled, size, 0);
    if (rules < 0) return "Landlock refuses the rules";
    bool is_on =
        fill(rules, policy, &handled) && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && syscall(SYS_landlock_restrict_self, rules, 0) == 0;
    close(rules);
    return is_on ? NULL : "Landlock refuses the rules";
}

/* ---- memory ---- */

void sandbox_hide_memory(void) {
    static const struct rlimit none = {0, 0};
    if (SANDBOX_IS_SANITIZED) return;
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    setrlimit(RLIMIT_CORE, &none);
}
