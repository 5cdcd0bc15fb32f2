#include <inttypes.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "controller/confine.h"
#include "controller/controller.h"
#include "controller/log_control.h"
#include "io/entropy.h"

enum { CONNECTION_ARENA_BYTES = 4 * 1024 * 1024, MMAP_FROM_BYTES = 16 * 1024, HEAP_STEP_BYTES = 12 * 1024, HOST_BYTES = 256 };

struct process {
    struct loop *loop;
    struct log_control *log;
    struct controller_options options;
    struct controller *controller;
    struct leader_election election;
    char identity[HOST_BYTES + 32];
    struct error failure;
};

static void on_signal(void *owner) {
    controller_stop(((struct process *)owner)->controller);
}

static void on_stopped(void *owner, const struct error *error) {
    struct process *process = owner;
    if (error) process->failure = *error;
    loop_stop(process->loop);
}

static bool run(struct process *process, struct connection *connection, struct error *error) {
    process->controller = controller_new(process->loop, &process->options, connection, on_stopped, process, error);
    if (!process->controller) return false;
    struct loop_signal *term = loop_signal_new(process->loop, SIGTERM, on_signal, process);
    struct loop_signal *interrupt = loop_signal_new(process->loop, SIGINT, on_signal, process);
    bool is_ready = term && interrupt;
    if (is_ready) {
        confine_controller(connection, &process->options);
        loop_run(process->loop);
        log_write(&process->options.log, LOG_INFO, "stopped", NULL);
        if (process->failure.kind) *error = process->failure;
    } else {
        error_set(error, ERROR_MEMORY, "out of memory while starting");
    }
    loop_signal_free(term);
    loop_signal_free(interrupt);
    controller_free(process->controller);
    return is_ready && !process->failure.kind;
}

static bool start_log(struct process *process, struct error *error) {
    process->log = log_control_new(process->loop, process->options.log.level, process->options.log.format, error);
    if (process->log) process->options.log = *log_control_log(process->log);
    return process->log;
}

/* In a pod the host's name is the pod's; a process that starts anew in it is another all the same. */
static bool name_identity(struct process *process, struct error *error) {
    if (!process->options.leader_election) return true;
    char host[HOST_BYTES] = "localhost";
    uint64_t high, low;
    gethostname(host, sizeof host - 1);
    if (!entropy_seed(&high, error) || !entropy_seed(&low, error)) return false;
    snprintf(process->identity, sizeof process->identity, "%.*s_%08" PRIx32 "%016" PRIx64, HOST_BYTES, host, (uint32_t)high, low);
    process->election = *process->options.leader_election;
    if (!process->election.identity) process->election.identity = process->identity;
    process->options.leader_election = &process->election;
    return true;
}

bool controller_run(const struct controller_options *options, struct error *error) {
    struct process process = {.options = *options};
    struct connection connection;
    struct connect_options connect = {options->kubeconfig, options->context, options->allow_exec};
    struct arena arena;
    /*
     * List pages and arenas go back to the system when freed: else glibc learns from the first of them to keep such blocks in its heap.
     * Of a watch's buffer, 16 KiB, only the first page is touched while it is idle: it finds no room at the heap's end, and gets pages of
     * its own.
     */
    mallopt(M_MMAP_THRESHOLD, MMAP_FROM_BYTES);
    mallopt(M_TOP_PAD, HEAP_STEP_BYTES);
    arena_init(&arena, CONNECTION_ARENA_BYTES);
    process.loop = loop_new(error);
    bool has_log = process.loop && name_identity(&process, error) && start_log(&process, error);
    bool is_connected = has_log && connection_open(&arena, process.loop, &connect, &connection, error);
    bool is_clean = is_connected && run(&process, &connection, error);
    if (is_connected) connection_close(&connection);
    log_control_free(process.log);
    loop_free(process.loop);
    arena_release(&arena);
    return is_clean;
}
