#include "io/exec_credential.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "data/json.h"
#include "data/rfc3339.h"

enum {
    PLUGIN_TIMEOUT_MS = 60000,
    PLUGIN_OUTPUT_BYTES = 1024 * 1024,
    /* How often a running plugin is asked whether it has ended: it may leave children that keep its output open. */
    PLUGIN_POLL_MS = 20,
    PLUGIN_WORDS_MAX = 1000,
};

struct exec_run {
    struct loop *loop;
    struct loop_timer *poll;
    struct loop_socket *watch;
    int output_fd;
    struct exec_servant *servant; /* NULL: it is our own child, `pid` */
    pid_t pid;
    const struct credential_plugin *plugin;
    int64_t deadline_ms;
    bool is_timed_out;
    struct strbuf output;
    char *command;
    exec_run_callback *callback;
    void *owner;
};

static void run_free(struct exec_run *run) {
    loop_socket_free(run->watch);
    loop_timer_free(run->poll);
    if (run->output_fd >= 0) close(run->output_fd);
    if (run->output.ptr) explicit_bzero(run->output.ptr, run->output.len);
    strbuf_release(&run->output);
    free(run->command);
    free(run);
}

void exec_run_cancel(struct exec_run *run) {
    if (!run) return;
    if (run->servant) exec_servant_kill(run->servant);
    if (run->pid > 0) {
        kill(-run->pid, SIGKILL); /* with its children: it leads its own process group */
        while (waitpid(run->pid, NULL, 0) < 0 && errno == EINTR) {}
    }
    run_free(run);
}

/* False at the end of the output. */
static bool drain(struct exec_run *run) {
    for (;;) {
        char chunk[4096];
        ssize_t got = read(run->output_fd, chunk, sizeof chunk);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return errno == EAGAIN;
        if (got == 0) return false;
        strbuf_append(&run->output, (struct str){chunk, (size_t)got});
        explicit_bzero(chunk, sizeof chunk);
        if (run->output.failed) return false;
    }
}

static void output_readable(void *owner, int fd, bool is_readable, bool is_writable) {
    (void)fd, (void)is_readable, (void)is_writable;
    struct exec_run *run = owner;
    if (!drain(run)) loop_socket_want(run->watch, false, false);
}

static void set_start_error(struct error *error, const struct credential_plugin *plugin, int code) {
    struct str hint = plugin->install_hint;
    error_set(error, code == ENOENT ? ERROR_NOT_FOUND : ERROR_IO, "credential plugin %s: cannot run it: %s%s%s", QUOTE(plugin->command),
              strerror(code), hint.len ? "; its kubeconfig says: " : "", hint.len ? QUOTE(hint) : "");
}

static void finish(struct exec_run *run, struct exec_end end) {
    int status = end.status;
    struct error error = {0};
    struct error_quoted quoted = error_quote(str_of(run->command));
    const char *command = quoted.text;
    drain(run);
    if (end.code)
        set_start_error(&error, run->plugin, end.code);
    else if (run->is_timed_out)
        error_set(&error, ERROR_TIMEOUT, "credential plugin %s: did not end within %d s", command, PLUGIN_TIMEOUT_MS / 1000);
    else if (run->output.failed)
        error_set(&error, ERROR_LIMIT, "credential plugin %s: printed more than %d bytes", command, PLUGIN_OUTPUT_BYTES);
    else if (WIFSIGNALED(status))
        error_set(&error, ERROR_IO, "credential plugin %s: killed by signal %d", command, WTERMSIG(status));
    else if (WEXITSTATUS(status) != 0)
        error_set(&error, ERROR_IO, "credential plugin %s: ended with status %d", command, WEXITSTATUS(status));
    run->pid = 0;
    run->callback(run->owner, strbuf_view(&run->output), error.kind ? &error : NULL);
    run_free(run);
}

static bool has_ended(struct exec_run *run, struct exec_end *out) {
    *out = (struct exec_end){0};
    return run->servant ? exec_servant_ended(run->servant, out) : waitpid(run->pid, &out->status, WNOHANG) == run->pid;
}

static void poll_end(void *owner) {
    struct exec_run *run = owner;
    struct exec_end end;
    if (has_ended(run, &end)) {
        run->servant = NULL;
        finish(run, end);
        return;
    }
    if (run->output.failed || loop_now_ms(run->loop) >= run->deadline_ms) {
        run->is_timed_out = !run->output.failed;
        if (run->servant)
            exec_servant_kill(run->servant);
        else
            kill(-run->pid, SIGKILL);
    }
    loop_timer_set(run->poll, loop_now_ms(run->loop) + PLUGIN_POLL_MS);
}

/* argv and envp, in the arena. The plugin's variables stand in for ours of the same name. */
static char **words_of(struct arena *arena, const struct credential_plugin *plugin) {
    char **words = arena_array(arena, plugin->arg_count + 2, sizeof *words);
    if (!words) return NULL;
    words[0] = (char *)(uintptr_t)arena_copy(arena, plugin->command).ptr;
    for (size_t i = 0; i < plugin->arg_count; i++) words[i + 1] = (char *)(uintptr_t)arena_copy(arena, plugin->args[i]).ptr;
    return words;
}

static bool is_overridden(const struct credential_plugin *plugin, struct str variable) {
    if (str_starts_with(variable, STR("KUBERNETES_EXEC_INFO="))) return true;
    for (size_t i = 0; i < plugin->env_count; i++) {
        struct str name = plugin->env[i].name;
        if (str_starts_with(variable, name) && variable.len > name.len && variable.ptr[name.len] == '=') return true;
    }
    return false;
}

/* What a plugin learns of us: the version it shall answer in, that nobody is there to ask, and the cluster where that was wanted. */
static struct str exec_info(struct arena *arena, const struct credential_plugin *plugin) {
    bool has_cluster = plugin->cluster_json.len;
    return arena_printf(
        arena, "KUBERNETES_EXEC_INFO={\"apiVersion\":\"%.*s\",\"kind\":\"ExecCredential\",\"spec\":{%s%.*s%s\"interactive\":false}}",
        STR_ARG(plugin->api_version), has_cluster ? "\"cluster\":" : "", STR_ARG(plugin->cluster_json), has_cluster ? "," : "");
}

static char **environment_of(struct arena *arena, const struct credential_plugin *plugin) {
    size_t ours = 0;
    while (environ[ours]) ours++;
    char **variables = arena_array(arena, ours + plugin->env_count + 2, sizeof *variables);
    if (!variables) return NULL;
    size_t count = 0;
    for (size_t i = 0; i < ours; i++)
        if (!is_overridden(plugin, str_of(environ[i]))) variables[count++] = environ[i];
    for (size_t i = 0; i < plugin->env_count; i++)
        variables[count++] =
            (char *)(uintptr_t)arena_printf(arena, "%.*s=%.*s", STR_ARG(plugin->env[i].name), STR_ARG(plugin->env[i].value)).ptr;
    variables[count++] = (char *)(uintptr_t)exec_info(arena, plugin).ptr;
    return variables;
}

/* 0, or an errno. */
static int spawn(char *const *words, char *const *variables, int output_fd, pid_t *out_pid) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t defaults, mask;
    sigemptyset(&mask);
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, output_fd, STDOUT_FILENO);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setsigmask(&attributes, &mask);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
    int code = posix_spawnp(out_pid, words[0], &actions, &attributes, words, variables);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return code;
}

int exec_plugin_start(void *context, int output_fd, pid_t *out_pid) {
    const struct credential_plugin *plugin = context;
    struct arena arena;
    arena_init(&arena, 16 * 1024 * 1024);
    char **words = words_of(&arena, plugin), **variables = environment_of(&arena, plugin);
    int code = arena.exhausted ? ENOMEM : spawn(words, variables, output_fd, out_pid);
    arena_wipe(&arena);
    return code;
}

static bool launch(struct exec_run *run, struct error *error) {
    struct credential_plugin *plugin = (struct credential_plugin *)(uintptr_t)run->plugin;
    int ends[2], code = ENOMEM;
    if (pipe2(ends, O_CLOEXEC) == 0) {
        run->output_fd = ends[0];
        fcntl(ends[0], F_SETFL, O_NONBLOCK);
        code = run->servant ? (exec_servant_run(run->servant, ends[1]) ? 0 : EPIPE) : exec_plugin_start(plugin, ends[1], &run->pid);
        close(ends[1]);
    }
    if (code == 0) return true;
    run->pid = 0;
    set_start_error(error, plugin, code);
    return false;
}

struct exec_run *exec_run_start(struct loop *loop, const struct credential_plugin *plugin, struct exec_servant *servant,
                                exec_run_callback *callback, void *owner, struct error *error) {
    if (plugin->arg_count > PLUGIN_WORDS_MAX || plugin->env_count > PLUGIN_WORDS_MAX) {
        error_set(error, ERROR_LIMIT, "credential plugin %s: more than %d arguments or variables", QUOTE(plugin->command),
                  PLUGIN_WORDS_MAX);
        return NULL;
    }
    struct exec_run *run = calloc(1, sizeof *run);
    error_set(error, ERROR_MEMORY, "out of memory");
    if (!run) return NULL;
    *run = (struct exec_run){.loop = loop,
                             .servant = servant,
                             .plugin = plugin,
                             .output_fd = -1,
                             .callback = callback,
                             .owner = owner,
                             .output = strbuf_with_max(PLUGIN_OUTPUT_BYTES)};
    run->deadline_ms = loop_now_ms(loop) + PLUGIN_TIMEOUT_MS;
    run->command = strndup(plugin->command.len ? plugin->command.ptr : "", plugin->command.len);
    run->poll = loop_timer_new(loop, poll_end, run);
    if (run->command && run->poll && launch(run, error)) {
        run->watch = loop_socket_new(loop, run->output_fd, output_readable, run);
        if (run->watch && loop_socket_want(run->watch, true, false)) {
            loop_timer_set(run->poll, loop_now_ms(loop) + PLUGIN_POLL_MS);
            if (error) *error = (struct error){0};
            return run;
        }
    }
    exec_run_cancel(run);
    return NULL;
}

static bool is_one_line(struct str text) {
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] < 0x20) return false;
    return true;
}

bool exec_credential_read(struct arena *arena, struct str text, struct str api_version, struct exec_credential *out, struct error *error) {
    struct error ignored; /* its message could quote the text */
    const yyjson_val *root = json_parse(arena, text, &ignored);
    if (!json_is_text(json_get(root, "kind"), "ExecCredential"))
        return error_set(error, ERROR_SYNTAX, "it printed no ExecCredential in JSON");
    struct str version = json_text(json_get(root, "apiVersion"));
    if (!str_equal(version, api_version))
        return error_set(error, ERROR_INVALID, "it answered in %s, and the kubeconfig says apiVersion %s", QUOTE(version),
                         QUOTE(api_version));
    const yyjson_val *status = json_get(root, "status"), *expires = json_get(status, "expirationTimestamp");
    struct exec_credential found = {.token = str_trim(json_text(json_get(status, "token"))),
                                    .certificate = json_text(json_get(status, "clientCertificateData")),
                                    .key = json_text(json_get(status, "clientKeyData")),
                                    .expires_wall_ms = INT64_MAX};
    if (!found.token.len && !(found.certificate.len && found.key.len))
        return error_set(error, ERROR_INVALID, "its status has neither a token nor a client certificate with its key");
    if (!is_one_line(found.token)) return error_set(error, ERROR_INVALID, "its token has more than one line");
    if (json_text(expires).len && !rfc3339_parse_ms(json_text(expires), &found.expires_wall_ms, NULL))
        return error_set(error, ERROR_INVALID, "its expirationTimestamp %s is no RFC 3339 time", QUOTE(json_text(expires)));
    *out = found;
    return true;
}
