#include <malloc.h>
#include <signal.h>

#include "controller/connect.h"
#include "controller/controller.h"

enum { CONNECTION_ARENA_BYTES = 4 * 1024 * 1024, MMAP_FROM_BYTES = 128 * 1024 };

struct process {
    struct loop *loop;
    struct controller *controller;
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

static bool run(struct process *process, const struct controller_options *options, struct connection *connection, struct error *error) {
    const struct log log = {options->log_level, options->log_format};
    process->controller = controller_new(process->loop, options, connection, on_stopped, process, error);
    if (!process->controller) return false;
    struct loop_signal *term = loop_signal_new(process->loop, SIGTERM, on_signal, process);
    struct loop_signal *interrupt = loop_signal_new(process->loop, SIGINT, on_signal, process);
    bool is_ready = term && interrupt;
    if (is_ready) {
        loop_run(process->loop);
        log_write(&log, LOG_INFO, "stopped", NULL);
        if (process->failure.kind) *error = process->failure;
    } else {
        error_set(error, ERROR_MEMORY, "out of memory while starting");
    }
    loop_signal_free(term);
    loop_signal_free(interrupt);
    controller_free(process->controller);
    return is_ready && !process->failure.kind;
}

bool controller_run(const struct controller_options *options, struct error *error) {
    struct process process = {0};
    struct connection connection;
    struct connect_options connect = {options->kubeconfig, options->context, options->allow_exec};
    struct arena arena;
    /* List pages and arenas go back to the system when freed: else glibc learns from the first of them to keep such blocks in its heap. */
    mallopt(M_MMAP_THRESHOLD, MMAP_FROM_BYTES);
    arena_init(&arena, CONNECTION_ARENA_BYTES + LIMIT_FILE_BYTES);
    process.loop = loop_new(error);
    bool is_connected = process.loop && connection_open(&arena, process.loop, &connect, &connection, error);
    bool is_clean = is_connected && run(&process, options, &connection, error);
    if (is_connected) connection_close(&connection);
    loop_free(process.loop);
    arena_release(&arena);
    return is_clean;
}
