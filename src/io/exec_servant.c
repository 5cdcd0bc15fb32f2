#include "io/exec_servant.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum request { REQUEST_RUN = 'r', REQUEST_KILL = 'k' };

struct exec_servant {
    int fd;
    pid_t pid;
};

/* ---- the servant's side ---- */

struct service {
    int fd;
    exec_start_fn *start;
    void *context;
    pid_t plugin;  /* 0: none runs */
    int plugin_fd; /* readable once it has ended; -1: none runs */
};

/* False when the other side is gone. `*out_fd` is what came along, or -1. */
static bool receive(int fd, char *out_request, int *out_fd) {
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec bytes = {out_request, 1};
    struct msghdr message = {.msg_iov = &bytes, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    ssize_t got = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
    const struct cmsghdr *header = got == 1 ? CMSG_FIRSTHDR(&message) : NULL;
    *out_fd = -1;
    if (header && header->cmsg_type == SCM_RIGHTS) memcpy(out_fd, CMSG_DATA(header), sizeof *out_fd);
    return got == 1;
}

static void tell(const struct service *service, struct exec_end end) {
    if (send(service->fd, &end, sizeof end, MSG_NOSIGNAL) < 0) _exit(1);
}

static void kill_plugin(const struct service *service) {
    if (service->plugin > 0) kill(-service->plugin, SIGKILL);
}

static void take_request(struct service *service) {
    char request;
    int output_fd;
    if (!receive(service->fd, &request, &output_fd)) {
        kill_plugin(service);
        _exit(0);
    }
    if (request == REQUEST_KILL) kill_plugin(service);
    if (request == REQUEST_RUN && service->plugin == 0) {
        int code = service->start(service->context, output_fd, &service->plugin);
        service->plugin_fd = code == 0 ? (int)syscall(SYS_pidfd_open, service->plugin, 0) : -1;
        if (code != 0) {
            service->plugin = 0;
            tell(service, (struct exec_end){code, 0});
        }
    }
    if (output_fd >= 0) close(output_fd);
}

static void take_end(struct service *service) {
    struct exec_end end = {0};
    if (waitpid(service->plugin, &end.status, 0) < 0) end.code = errno;
    close(service->plugin_fd);
    service->plugin = 0;
    service->plugin_fd = -1;
    tell(service, end);
}

/* Nothing of the other process is open here, and its signals are not ours. */
static void serve(struct service *service) {
    static const int signals[] = {SIGINT, SIGUSR1, SIGUSR2, SIGHUP};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) signal(signals[i], SIG_IGN);
    signal(SIGTERM, SIG_DFL);
    if (dup2(service->fd, STDERR_FILENO + 1) < 0) _exit(1);
    service->fd = STDERR_FILENO + 1;
    close_range((unsigned)service->fd + 1, ~0U, 0);
    for (;;) {
        struct pollfd waiting[] = {{service->fd, POLLIN, 0}, {service->plugin_fd, POLLIN, 0}};
        if (poll(waiting, 2, -1) < 0 && errno != EINTR) _exit(1);
        if (waiting[1].revents) take_end(service);
        if (waiting[0].revents) take_request(service);
    }
}

/* ---- the other side ---- */

struct exec_servant *exec_servant_new(exec_start_fn *start, void *context, struct error *error) {
    struct exec_servant *servant = calloc(1, sizeof *servant);
    int ends[2];
    if (!servant || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
        free(servant);
        error_set(error, ERROR_IO, "cannot make a process for the credential plugin: %s", strerror(errno));
        return NULL;
    }
    servant->fd = ends[0];
    servant->pid = fork();
    if (servant->pid == 0) {
        struct service service = {.fd = ends[1], .start = start, .context = context, .plugin_fd = -1};
        serve(&service);
    }
    close(ends[1]);
    if (servant->pid > 0) return servant;
    error_set(error, ERROR_IO, "cannot make a process for the credential plugin: %s", strerror(errno));
    close(ends[0]);
    free(servant);
    return NULL;
}

void exec_servant_free(struct exec_servant *servant) {
    if (!servant) return;
    close(servant->fd);
    free(servant);
}

bool exec_servant_run(struct exec_servant *servant, int output_fd) {
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {0};
    char request = REQUEST_RUN;
    struct iovec bytes = {&request, 1};
    struct msghdr message = {.msg_iov = &bytes, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    *header = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof output_fd), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(header), &output_fd, sizeof output_fd);
    return sendmsg(servant->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) == 1;
}

void exec_servant_kill(struct exec_servant *servant) {
    static const char request = REQUEST_KILL;
    if (send(servant->fd, &request, 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) return; /* it is gone, and its plugin with it */
}

bool exec_servant_ended(struct exec_servant *servant, struct exec_end *out) {
    struct exec_end end;
    ssize_t got = recv(servant->fd, &end, sizeof end, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return false;
    *out = got == (ssize_t)sizeof end ? end : (struct exec_end){.status = SIGKILL};
    return true;
}
